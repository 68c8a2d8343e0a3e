"""Dimensions by identity: which axis of which tensor runs over the same index.

An axis is a tuple of atomic dimensions, slowest first; an axis of size 1 is the empty tuple. A
reshape only regroups atomic dimensions, an elementwise op makes the dimensions of its operands
equal, an expand makes a fresh one. So a whole chain of ops with transposes, reshapes and broadcasts
between them is one loop nest over atomic dimensions, found without moving a view anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelwright.aul import syntax as aul
from kernelwright.compiler.schedule.symbols import SizeTable, Symbol, product

Axis = tuple[int, ...]
Axes = tuple[Axis, ...]


class DimConflict(Exception):
    """Two axes cannot run over the same index."""


class Dims:
    """Union-find over dimension ids, each of which may be refined into a tuple of smaller ones."""

    def __init__(self, sizes: SizeTable) -> None:
        self.table = sizes
        self.size: list[Symbol] = []
        self.parent: list[int] = []
        self.parts: dict[int, Axis] = {}

    def copy(self) -> Dims:
        twin = Dims(self.table)
        twin.size, twin.parent = list(self.size), list(self.parent)
        twin.parts = dict(self.parts)
        return twin

    def fresh(self, size: Symbol) -> Axis:
        """An axis of one new dimension, or the empty axis when its size is 1."""
        if size.value == 1:
            return ()
        self.size.append(size)
        self.parent.append(len(self.parent))
        return (len(self.parent) - 1,)

    def find(self, dim: int) -> int:
        while self.parent[dim] != dim:
            dim = self.parent[dim]
        return dim

    def resolve(self, axis: Axis) -> Axis:
        """The axis in today's atomic dimensions."""
        out: list[int] = []
        for dim in axis:
            root = self.find(dim)
            if root in self.parts:
                out.extend(self.resolve(self.parts[root]))
            else:
                out.append(root)
        return tuple(out)

    def extent(self, axis: Axis) -> Symbol:
        return product(self.size[d] for d in self.resolve(axis))

    def split(self, dim: int, outer: Symbol) -> None:
        """Refines a dimension into (outer, rest); raises DimConflict if it does not divide."""
        whole = self.size[dim].value
        if whole % outer.value:
            raise DimConflict(f"{whole} is not a multiple of {outer.value}")
        inner = whole // outer.value
        # A part of a named size follows from it; a part of a literal is one until it meets a name.
        whole_size = self.size[dim]
        rest = Symbol.of(inner) if whole_size.literal else whole_size.floordiv(outer)
        self.parts[dim] = (*self.fresh(outer), *self.fresh(rest))

    def unify(self, left: Axis, right: Axis) -> None:
        """Makes two axes run over the same index, refining where their parts differ."""
        a, b = list(self.resolve(left)), list(self.resolve(right))
        while a and b:
            x, y = a[0], b[0]
            if x == y:
                a.pop(0), b.pop(0)
                continue
            sx, sy = self.size[x].value, self.size[y].value
            if sx == sy:
                keep, drop = sorted((x, y), key=self.plainness)
                self.parent[drop] = keep
                a.pop(0), b.pop(0)
            elif not min(sx, sy):
                raise DimConflict("an axis without elements has no parts")
            elif sx > sy:
                self.split(x, self.size[y])
                a[:1] = self.resolve((x,))
            else:
                self.split(y, self.size[x])
                b[:1] = self.resolve((y,))
        if a or b:
            raise DimConflict("axes of different extents")

    def plainness(self, dim: int) -> int:
        """Of equal sizes a name is kept before an expression, and that before a literal."""
        size = self.size[dim]
        return 0 if isinstance(size.expr, aul.Name) else 2 if size.literal else 1

    def flatten(self, axes: Sequence[Axis]) -> Axis:
        return tuple(d for axis in axes for d in self.resolve(axis))
