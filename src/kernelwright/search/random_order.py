"""The whole space in random order, the start first."""

from __future__ import annotations

import random
from collections.abc import Mapping

from kernelwright.search._base import Ledger, Point, SearchSpace


class RandomOrder:
    def __init__(self, space: SearchSpace, *, seed: int = 0) -> None:
        self._space, self._ledger = space, Ledger(space)
        self._random = random.Random(seed)

    def ask(self) -> Point | None:
        start = self._space.index(self._space.start)
        asked = self._ledger.asked
        index = start if start not in asked else self._space.draw(self._random, asked)
        if index is None:
            return None
        asked.add(index)
        return self._space.point(index)

    def tell(self, point: Mapping[str, int], cost: float) -> None:
        self._ledger.tell(point, cost)

    @property
    def best(self) -> tuple[Point, float] | None:
        return self._ledger.best


SEARCHER = RandomOrder
