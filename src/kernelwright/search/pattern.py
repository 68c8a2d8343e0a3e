"""Ask/tell search over named choices: coordinate moves around the best point, then random ones."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

Point = tuple[int, ...]


class PatternSearch:
    """``space`` maps each parameter to its choices in order; ``start`` is a full assignment.

    ``ask`` gives an untried assignment or None when none is left; ``tell`` takes its cost (lower is
    better, infinity for a failure). Neighbours of the best point come first, random points after.
    """

    def __init__(
        self, space: Mapping[str, Sequence[int]], start: Mapping[str, int], *, seed: int = 0
    ) -> None:
        self.names = list(space)
        self.space = {n: sorted(space[n]) for n in self.names}
        self.random = random.Random(seed)
        first = self.point(start)
        self.asked: set[Point] = {first}
        self.best: Point = first
        self.best_cost = float("inf")

    def point(self, values: Mapping[str, int]) -> Point:
        return tuple(self.space[n].index(values[n]) for n in self.names)

    def values(self, point: Point) -> dict[str, int]:
        return {n: self.space[n][i] for n, i in zip(self.names, point)}

    def ask(self) -> dict[str, int] | None:
        fresh = [p for p in self.neighbours(self.best) if p not in self.asked]
        if not fresh:
            fresh = [p for p in (self.anywhere() for _ in range(64)) if p not in self.asked][:1]
        if not fresh:
            return None
        chosen = self.random.choice(fresh)
        self.asked.add(chosen)
        return self.values(chosen)

    def tell(self, values: Mapping[str, int], cost: float) -> None:
        point = self.point(values)
        self.asked.add(point)
        if cost < self.best_cost:
            self.best, self.best_cost = point, cost

    def neighbours(self, point: Point) -> list[Point]:
        out = []
        for axis, index in enumerate(point):
            for step in (-1, 1):
                if 0 <= index + step < len(self.space[self.names[axis]]):
                    out.append((*point[:axis], index + step, *point[axis + 1 :]))
        return out

    def anywhere(self) -> Point:
        return tuple(self.random.randrange(len(self.space[n])) for n in self.names)
