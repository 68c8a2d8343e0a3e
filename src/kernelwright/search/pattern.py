"""Pattern search (Hooke and Jeeves, 1961) from a start that a cost model has chosen.

Around the best point one parameter is moved one choice at a time. After a move that helped, the
same move is tried again first. Where nothing near is left, random points are asked.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from kernelwright.search._base import Index, Ledger, Point, SearchSpace


class PatternSearch:
    def __init__(self, space: SearchSpace, *, seed: int = 0) -> None:
        self._space, self._ledger = space, Ledger(space)
        self._random = random.Random(seed)
        self._start = space.index(space.start)
        self._came_from: Index | None = None  # where the best point was reached from

    def ask(self) -> Point | None:
        index = self._next()
        if index is None:
            return None
        self._ledger.asked.add(index)
        return self._space.point(index)

    def _next(self) -> Index | None:
        asked = self._ledger.asked
        if self._start not in asked:
            return self._start
        centre = self._ledger.cheapest() or self._start
        if self._came_from is not None:
            again = tuple(2 * now - before for now, before in zip(centre, self._came_from))
            if again not in asked and self._space.contains(again):
                return again
        fresh = [index for index in self._space.neighbours(centre) if index not in asked]
        if fresh:
            return self._random.choice(fresh)
        return self._space.draw(self._random, asked)

    def tell(self, point: Mapping[str, int], cost: float) -> None:
        before = self._ledger.cheapest()
        self._ledger.tell(point, cost)
        after = self._ledger.cheapest()
        if after != before:
            self._came_from = before

    @property
    def best(self) -> tuple[Point, float] | None:
        return self._ledger.best


SEARCHER = PatternSearch
