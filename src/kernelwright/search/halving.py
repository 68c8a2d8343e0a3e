"""Successive halving: cheap noisy costs for many, more of them for the few that survive.

After K. Jamieson and A. Talwalkar, "Non-stochastic Best Arm Identification" (AISTATS 2016). In each
rung every survivor is given as many new costs as it has so far, and the better part goes on.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Hashable, Iterable, Mapping
from typing import Generic, TypeVar

from kernelwright.search._base import Ledger, Point, SearchSpace
from kernelwright.search.random_order import RandomOrder

T = TypeVar("T", bound=Hashable)


class Race(Generic[T]):
    """Which of ``entrants`` is the cheapest, from noisy costs that are asked for one at a time.

    In rung 0 each is asked ``first`` times, in turns; then the best 1/``eta`` (at least
    ``finalists``, and all that are within ``near`` of the best) double what they have, until the
    finalists have run ``rungs`` rungs. An entrant that costs infinity is out.
    """

    def __init__(
        self,
        entrants: Iterable[T],
        *,
        first: int = 3,
        eta: int = 2,
        rungs: int = 3,
        finalists: int = 2,
        near: float = 0.0,
    ) -> None:
        self.costs: dict[T, list[float]] = {name: [] for name in entrants}
        self.racing = list(self.costs)
        self._eta, self._finalists, self._near = max(2, eta), max(1, finalists), near
        self._wanted, self._rungs_left = max(1, first), max(1, rungs)
        self._turns = iter(self._rung())

    def ask(self) -> T | None:
        """Whom to give one more cost; None when the race is over."""
        while self._rungs_left:
            name = next((n for n in self._turns if n in self.racing), None)
            if name is not None:
                return name
            self._rungs_left -= 1
            self._halve()
            self._turns = iter(self._rung())
        return None

    def tell(self, name: T, cost: float) -> None:
        self.costs[name].append(cost)
        if math.isinf(cost) and name in self.racing:
            self.racing.remove(name)

    def cost(self, name: T) -> float:
        """The median of what was told; infinity after any failure, or without a cost."""
        told = self.costs[name]
        if not told or any(math.isinf(c) for c in told):
            return math.inf
        return statistics.median(told)

    def ranking(self) -> dict[T, float]:
        """Every entrant's cost, those that went further first, then the cheapest."""
        order = sorted(self.costs, key=lambda n: (-len(self.costs[n]), self.cost(n)))
        order.sort(key=lambda n: math.isinf(self.cost(n)))
        return {name: self.cost(name) for name in order}

    def _rung(self) -> list[T]:
        have = max((len(self.costs[n]) for n in self.racing), default=0)
        return self.racing * max(0, self._wanted - have)

    def _halve(self) -> None:
        self._wanted *= 2
        if not self.racing:
            return
        # The least of few costs is steadier than their median: noise only adds.
        least = {name: min(self.costs[name]) for name in self.racing}
        order = sorted(self.racing, key=lambda n: least[n])
        kept = max(self._finalists, math.ceil(len(order) / self._eta))
        limit = least[order[0]] * (1 + self._near)
        chosen = set(order[:kept]) | {n for n in order if least[n] <= limit}
        self.racing = [name for name in self.racing if name in chosen]


class SuccessiveHalving:
    """A searcher for noisy costs: a race of a random cohort (with the start), then of another one
    that the winner joins. It asks points again that survive, and so may be told several costs for
    one point."""

    cohort = 9

    def __init__(self, space: SearchSpace, *, seed: int = 0) -> None:
        self._space, self._source = space, RandomOrder(space, seed=seed)
        self._told = Ledger(space)
        self._race: Race[tuple[int, ...]] = Race([])
        self._fresh = True

    def ask(self) -> Point | None:
        index = self._race.ask()
        if index is None and self._refilled():
            index = self._race.ask()
        return None if index is None else self._space.point(index)

    def _refilled(self) -> bool:
        """A new race, if there are points that no race has seen."""
        winner = self._told.cheapest()
        entrants = [] if winner is None else [winner]
        while len(entrants) < self.cohort and (point := self._source.ask()) is not None:
            entrants.append(self._space.index(point))
        if all(index in self._told.costs for index in entrants):
            return False
        self._race = Race(entrants, finalists=1)
        return True

    def tell(self, point: Mapping[str, int], cost: float) -> None:
        index = self._space.index(point)
        if index in self._race.costs:
            self._race.tell(index, cost)
            cost = self._race.cost(index)
        else:
            self._source.tell(point, cost)
        self._told.tell(point, cost)

    @property
    def best(self) -> tuple[Point, float] | None:
        return self._told.best


SEARCHER = SuccessiveHalving
