"""What an op works on while a Graph is built: a node, or a pair of them for a complex tensor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kernelwright.frameworks.graphkernel.info import COMPLEX
from kernelwright.graph.core import Builder, Node


@dataclass(frozen=True)
class Complex:
    """Real and imaginary part, of one shape and dtype."""

    real: Node
    imag: Node

    @property
    def shape(self) -> tuple[int, ...]:
        return self.real.shape

    @property
    def dtype(self) -> str:
        return next(name for name, part in COMPLEX.items() if part == self.real.dtype)

    def each(self, function: Callable[[Node], Node]) -> Complex:
        """``function`` on both parts."""
        return Complex(function(self.real), function(self.imag))


Value = Node | Complex


def paired(builder: Builder, given: Complex) -> Node:
    """One tensor with an axis of size 2 more, as the parts lie in memory."""
    axis = len(given.shape)
    parts = [builder.reshape(p, shape=(*p.shape, 1)) for p in (given.real, given.imag)]
    return builder.concat(*parts, axis=axis)


def parted(builder: Builder, given: Node) -> Complex:
    """The reverse of ``paired``."""
    *shape, _ = given.shape

    def part(index: int) -> Node:
        starts, stops = (0,) * len(shape), tuple(shape)
        steps = (1,) * (len(shape) + 1)
        taken = builder.slice(given, starts=(*starts, index), stops=(*stops, index + 1),
                              steps=steps)  # fmt: skip
        return builder.reshape(taken, shape=tuple(shape))

    return Complex(part(0), part(1))


def on_parts(value: Value, function: Callable[[Node], Node]) -> Any:
    """``function`` on a node, or on both parts of a complex value."""
    return value.each(function) if isinstance(value, Complex) else function(value)
