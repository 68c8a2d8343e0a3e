"""Arithmetic on nodes, so that decompositions read like their formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernelwright.graph.core import Builder, Node


class Expression:
    """A node with operators. ``x.exp()`` makes the op ``exp``; a Python number becomes a constant
    of the other operand's dtype, its exact value kept."""

    __slots__ = ("builder", "node")

    def __init__(self, builder: Builder, node: Node) -> None:
        self.builder, self.node = builder, node

    @property
    def dtype(self) -> str:
        return self.node.dtype

    @property
    def shape(self) -> tuple[int, ...]:
        return self.node.shape

    def number(self, value: float | int) -> Expression:
        """A constant of this expression's dtype."""
        return Expression(self.builder, self.builder.constant(value, self.dtype))

    def cast(self, dtype: str) -> Expression:
        if dtype == self.dtype:
            return self
        return Expression(self.builder, self.builder.make("cast", [self.node], dtype=dtype))

    def reshape(self, shape: tuple[int, ...]) -> Expression:
        if shape == self.shape:
            return self
        return Expression(self.builder, self.builder.make("reshape", [self.node], shape=shape))

    def make(self, op: str, *others: Any, **attrs: Any) -> Expression:
        nodes = [self.node, *(self._operand(o).node for o in others)]
        return Expression(self.builder, self.builder.make(op, nodes, **attrs))

    def __getattr__(self, op: str) -> Callable[..., Expression]:
        if op.startswith("_"):
            raise AttributeError(op)
        return lambda *others, **attrs: self.make(op, *others, **attrs)

    def _operand(self, other: Any) -> Expression:
        return other if isinstance(other, Expression) else self.number(other)

    def where(self, a: Expression, b: Expression | float) -> Expression:
        """``a`` where this condition holds, else ``b``; a number takes the dtype of ``a``."""
        other = b if isinstance(b, Expression) else a.number(b)
        return Expression(self.builder, self.builder.make("where", [self.node, a.node, other.node]))

    def __add__(self, other: Any) -> Expression:
        return self.make("add", other)

    def __radd__(self, other: Any) -> Expression:
        return self.make("add", other)

    def __sub__(self, other: Any) -> Expression:
        return self.make("sub", other)

    def __rsub__(self, other: Any) -> Expression:
        return self.number(other).make("sub", self)

    def __mul__(self, other: Any) -> Expression:
        return self.make("mul", other)

    def __rmul__(self, other: Any) -> Expression:
        return self.make("mul", other)

    def __truediv__(self, other: Any) -> Expression:
        return self.make("div", other)

    def __rtruediv__(self, other: Any) -> Expression:
        return self.number(other).make("div", self)

    def __neg__(self) -> Expression:
        return self.make("neg")

    def __gt__(self, other: Any) -> Expression:
        return self.make("gt", other)

    def __ge__(self, other: Any) -> Expression:
        return self.make("ge", other)

    def __lt__(self, other: Any) -> Expression:
        return self.make("lt", other)

    def __le__(self, other: Any) -> Expression:
        return self.make("le", other)
