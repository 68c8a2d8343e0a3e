"""What every searcher shares: the space of points, and who has been asked about which."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Point = dict[str, int]
Index = tuple[int, ...]  # of a point: the place of each parameter's value among its choices

# A space this full is scanned for what is left; before that, drawing finds a fresh point soon.
_DRAWS = 64


class Searcher(Protocol):
    """``ask`` gives a point to try, None when it has nothing to ask (now, or ever); several may be
    asked before the first is told. ``tell`` takes a point's cost: lower is better, infinity is a
    failure. A point that nobody asked for may be told too: what is known already costs nothing.

    A searcher asks each point once (one that weighs repeated costs says so), and asks the same ones
    for the same seed and costs.
    """

    def ask(self) -> Point | None: ...

    def tell(self, point: Mapping[str, int], cost: float) -> None: ...

    @property
    def best(self) -> tuple[Point, float] | None:
        """The cheapest point that was told and its cost; None while every one failed."""


class Factory(Protocol):
    """Makes a searcher; what a searcher's module offers as ``SEARCHER``."""

    def __call__(self, space: SearchSpace, *, seed: int = 0) -> Searcher: ...


@dataclass(frozen=True)
class SearchSpace:
    """``choices`` maps each parameter to its values; ``start`` is a full assignment, asked first.

    Raises ValueError for a parameter without choices or a start outside of the space.
    """

    choices: Mapping[str, Sequence[int]]
    start: Mapping[str, int]
    sorted: dict[str, tuple[int, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordered = {name: tuple(sorted(set(values))) for name, values in self.choices.items()}
        object.__setattr__(self, "sorted", ordered)
        for name, values in ordered.items():
            if self.start.get(name) not in values:
                raise ValueError(
                    f"the start {self.start.get(name)} of {name} is none of {values or 'nothing'}"
                )

    @property
    def size(self) -> int:
        return math.prod(len(values) for values in self.sorted.values())

    def index(self, point: Mapping[str, int]) -> Index:
        """Raises ValueError for a value that is no choice."""
        return tuple(values.index(point[name]) for name, values in self.sorted.items())

    def point(self, index: Index) -> Point:
        return {name: values[i] for (name, values), i in zip(self.sorted.items(), index)}

    def points(self) -> Iterator[Point]:
        """All of them, the last parameter fastest."""
        return (self.point(self._decoded(number)) for number in range(self.size))

    def contains(self, index: Index) -> bool:
        return all(0 <= i < len(v) for i, v in zip(index, self.sorted.values()))

    def neighbours(self, index: Index) -> list[Index]:
        """One step along one axis."""
        moved = [
            (*index[:axis], index[axis] + step, *index[axis + 1 :])
            for axis in range(len(index))
            for step in (-1, 1)
        ]
        return [other for other in moved if self.contains(other)]

    def draw(self, generator: random.Random, taken: set[Index]) -> Index | None:
        """Any index but those ``taken``; None when all are."""
        if len(taken) >= self.size:
            return None
        for _ in range(_DRAWS):
            drawn = tuple(generator.randrange(len(v)) for v in self.sorted.values())
            if drawn not in taken:
                return drawn
        first = generator.randrange(self.size)
        numbers = (self._decoded((first + i) % self.size) for i in range(self.size))
        return next(index for index in numbers if index not in taken)

    def _decoded(self, number: int) -> Index:
        out: list[int] = []
        for values in reversed(self.sorted.values()):
            number, place = divmod(number, len(values))
            out.append(place)
        return tuple(reversed(out))


class Ledger:
    """Which points of a space were asked, what they cost, and the cheapest of them."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self.asked: set[Index] = set()
        self.costs: dict[Index, float] = {}

    def tell(self, point: Mapping[str, int], cost: float) -> Index:
        index = self.space.index(point)
        self.asked.add(index)
        self.costs[index] = cost
        return index

    def cheapest(self) -> Index | None:
        """The first told of the cheapest; None while every one failed."""
        index = min(self.costs, key=lambda i: self.costs[i], default=None)
        return None if index is None or math.isinf(self.costs[index]) else index

    @property
    def best(self) -> tuple[Point, float] | None:
        index = self.cheapest()
        return None if index is None else (self.space.point(index), self.costs[index])
