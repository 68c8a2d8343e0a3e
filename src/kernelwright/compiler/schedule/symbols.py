"""Integers that remember how they came about: a value for decisions, an AUL expression for text.

Every dimension that the inputs have becomes a named ``Size`` of the design, so that a printed
kernel can bind it from the arguments' shapes. Dimensions of equal value share a name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kernelwright.aul import evaluate
from kernelwright.aul import syntax as aul
from kernelwright.aul.expressions import names
from kernelwright.graph.core import Node


@dataclass(frozen=True)
class Symbol:
    """``value`` for the sizes at hand and ``expr`` for any sizes. Folds literals as it goes."""

    value: int
    expr: aul.IntExpr

    @staticmethod
    def of(value: int) -> Symbol:
        return Symbol(value, aul.Int(value))

    @property
    def literal(self) -> bool:
        return isinstance(self.expr, aul.Int)

    def __mul__(self, other: Symbol) -> Symbol:
        if self.literal and other.literal:
            return Symbol.of(self.value * other.value)
        for one, rest in ((self, other), (other, self)):
            if one.literal and one.value == 1:
                return rest
            if one.literal and one.value == 0:
                return one
        return Symbol(self.value * other.value, aul.Binary("*", self.expr, other.expr))

    def __add__(self, other: Symbol) -> Symbol:
        if self.literal and other.literal:
            return Symbol.of(self.value + other.value)
        if self.literal and self.value == 0:
            return other
        if other.literal and other.value == 0:
            return self
        return Symbol(self.value + other.value, aul.Binary("+", self.expr, other.expr))

    def __sub__(self, other: Symbol) -> Symbol:
        if self.literal and other.literal:
            return Symbol.of(self.value - other.value)
        if other.literal and other.value == 0:
            return self
        return Symbol(self.value - other.value, aul.Binary("-", self.expr, other.expr))

    def floordiv(self, other: Symbol) -> Symbol:
        if self.literal and other.literal:
            return Symbol.of(self.value // other.value)
        if other.literal and other.value == 1:
            return self
        return Symbol(self.value // other.value, aul.Binary("//", self.expr, other.expr))

    def mod(self, other: Symbol) -> Symbol:
        if other.literal and other.value == 1:
            return Symbol.of(0)
        return Symbol(self.value % other.value, aul.Binary("%", self.expr, other.expr))

    def cdiv(self, other: Symbol) -> Symbol:
        if self.literal and other.literal:
            return Symbol.of(-(-self.value // other.value))
        if other.literal and other.value == 1:
            return self
        value = -(-self.value // other.value)
        return Symbol(value, aul.Call("cdiv", (self.expr, other.expr)))

    def minimum(self, other: Symbol) -> Symbol:
        if self.literal and other.literal:
            return Symbol.of(min(self.value, other.value))
        return Symbol(min(self.value, other.value), aul.Call("min", (self.expr, other.expr)))


def product(factors: Iterable[Symbol]) -> Symbol:
    total = Symbol.of(1)
    for factor in factors:
        total = total * factor
    return total


class SizeTable:
    """The named sizes of one design, in the order in which the inputs show them.

    Two extents share a name when they are equal; if ``reduced`` gives shapes of smaller inputs that
    the Model takes too, only when they are equal there as well. ``known`` holds the extents of
    stored tensors, as the region that stores them found them.

    ``reduced`` may also give a tuple, of all the values that are declared for an axis: such a size
    is the caller's to choose (``dynamic``).
    """

    LETTERS = ("M", "N", "K", "P", "Q", "R", "S", "T")

    def __init__(
        self,
        inputs: Sequence[Node],
        reduced: Mapping[int, Sequence[int | tuple[int, ...]]] | None = None,
    ) -> None:
        self.names: dict[tuple[int, int | tuple[int, ...]], str] = {}
        self.known: dict[int, tuple[Symbol, ...]] = {}
        for node in inputs:
            smaller = (reduced or {}).get(node.attrs["index"], node.shape)
            self.known[node.id] = tuple(self.named(*both) for both in zip(node.shape, smaller))

    @property
    def dynamic(self) -> dict[str, int]:
        """The names of sizes that are the caller's to choose, with the largest value declared."""
        return {
            n: max(values) for (_, values), n in self.names.items() if isinstance(values, tuple)
        }

    def most(self, size: Symbol) -> int | None:
        """The largest declared value of a size that hangs on the caller's; None of any other."""
        largest = self.dynamic
        if not any(n.id in largest for n in names(size.expr)):
            return None
        defaults = {n: v for (v, _), n in self.names.items()}
        return int(evaluate(size.expr, {**defaults, **largest}))

    def named(self, extent: int, smaller: int | tuple[int, ...]) -> Symbol:
        """The size with this value and this reduced value, named when it is first seen."""
        if extent < 2 and not isinstance(smaller, tuple):
            return Symbol.of(extent)
        key = (extent, smaller)
        if key not in self.names:
            n = len(self.names)
            letter = self.LETTERS[n % len(self.LETTERS)]
            self.names[key] = letter + (str(n // len(self.LETTERS)) if n >= 8 else "")
        return Symbol(extent, aul.Name(self.names[key]))

    def symbol(self, extent: int) -> Symbol:
        """The named size of this value; a literal when there is none, or more than one."""
        found = [name for (value, _), name in self.names.items() if value == extent]
        return Symbol(extent, aul.Name(found[0])) if len(found) == 1 else Symbol.of(extent)

    def shape(self, node: Node) -> tuple[Symbol, ...]:
        """The extents of a tensor that stands in memory."""
        extent = self.fixed if node.op in ("parameter", "constant") else self.symbol
        return self.known.get(node.id) or tuple(extent(e) for e in node.shape)

    def fixed(self, extent: int) -> Symbol:
        """An extent of the Model's state: never one that differs among the inputs' sizes."""
        name = self.names.get((extent, extent))
        return Symbol(extent, aul.Name(name)) if name else Symbol.of(extent)

    def declarations(self) -> tuple[aul.Declaration, ...]:
        return tuple(aul.Size(name, value) for (value, _), name in self.names.items())
