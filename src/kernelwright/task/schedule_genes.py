"""The builtin compiler's kernels as points that can be mutated and crossed: which impl_type, which
design, which setting of its tunables."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from kernelwright.compiler.design import Design
from kernelwright.search import Point, SearchSpace
from kernelwright.task.tuning_space import tuning_space

_DRAWS = 40


@dataclass(frozen=True)
class Gene:
    """``design`` is a number among the designs; ``point`` the tunables, sorted by name."""

    impl_type: str
    design: int
    point: tuple[tuple[str, int], ...]

    def to_json(self) -> list[Any]:
        return [self.impl_type, self.design, [list(pair) for pair in self.point]]

    @staticmethod
    def from_json(data: Sequence[Any]) -> Gene:
        return Gene(data[0], data[1], tuple((str(n), int(v)) for n, v in data[2]))

    def cell(self) -> tuple[str, ...]:
        """What kind of kernel it is: language, structure, and how much a core holds at once."""
        size = 1
        for _, value in self.point:
            size *= max(value, 1)
        return (self.impl_type, f"design {self.design}", f"size {size.bit_length() // 3}")


class ScheduleGenes:
    """All settings of ``designs`` in ``impl_types``."""

    def __init__(self, designs: Sequence[Design], impl_types: Sequence[str]) -> None:
        self.designs, self.impl_types = list(designs), list(impl_types)
        self._spaces: dict[tuple[str, int], SearchSpace | None] = {
            (name, number): tuning_space(design, name)
            for name in impl_types
            for number, design in enumerate(self.designs)
        }

    def start(self, impl_type: str, *, poor: bool) -> Gene:
        """The first design's defaults; ``poor``: the smallest value of everything."""
        space = self._spaces[impl_type, 0]
        if space is None:
            return Gene(impl_type, 0, ())
        values = {n: min(c) for n, c in space.sorted.items()} if poor else dict(space.start)
        return _gene(impl_type, 0, values)

    def mutated(self, gene: Gene, draw: random.Random, taken: Collection[Gene]) -> Gene | None:
        """A neighbour of ``gene`` that is not taken: one or two tunables moved a step or drawn
        anew, sometimes another design or language. None when none was found."""
        for _ in range(_DRAWS):
            made = self._mutated(gene, draw)
            if made != gene and made not in taken:
                return made
        return None

    def _mutated(self, gene: Gene, draw: random.Random) -> Gene:
        if draw.random() < 0.15 and len(self._spaces) > 1:
            impl_type, number = draw.choice(sorted(self._spaces))
            return self.moved(gene, impl_type, number)
        space = self._spaces[gene.impl_type, gene.design]
        if space is None:
            return gene
        values = dict(gene.point)
        for name in draw.sample(sorted(values), min(len(values), draw.choice((1, 1, 2)))):
            choices = space.sorted[name]
            place = choices.index(values[name])
            if draw.random() < 0.6:  # a step or two along its axis
                place = min(max(place + draw.choice((-2, -1, 1, 2)), 0), len(choices) - 1)
            else:
                place = draw.randrange(len(choices))
            values[name] = choices[place]
        return _gene(gene.impl_type, gene.design, values)

    def crossed(
        self, first: Gene, other: Gene, draw: random.Random, taken: Collection[Gene]
    ) -> Gene | None:
        """``first`` with some of the tunables of ``other``; None when that gives nothing new."""
        theirs = dict(other.point)
        shared = [n for n, v in first.point if n in theirs and theirs[n] != v]
        if not shared:
            return None
        space = self._spaces[first.impl_type, first.design]
        for _ in range(_DRAWS):
            values = dict(first.point)
            for name in draw.sample(shared, draw.randint(1, len(shared))):
                if space is not None and theirs[name] in space.sorted[name]:
                    values[name] = theirs[name]
            made = _gene(first.impl_type, first.design, values)
            if made != first and made not in taken:
                return made
        return None

    def moved(self, gene: Gene, impl_type: str, number: int) -> Gene:
        """``gene`` in another language or design: what it has in common stays, the rest is as the
        design has it."""
        space = self._spaces[impl_type, number]
        if space is None:
            return Gene(impl_type, number, ())
        values: Point = dict(space.start)
        for name, value in gene.point:
            if value in space.sorted.get(name, ()):
                values[name] = value
        return _gene(impl_type, number, values)


def _gene(impl_type: str, number: int, values: Point) -> Gene:
    return Gene(impl_type, number, tuple(sorted(values.items())))
