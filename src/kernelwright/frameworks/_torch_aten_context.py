"""What a converter of one ATen op works with.

A converter is a function ``f(c, x, ...)``: ``c`` is a Context, the rest are the op's arguments by
their schema names ("self" and "input" are called ``x``), tensors as Graph nodes. It returns a Node,
or a tuple of them (None where it has no value for that output). It serves all overloads of the op.
Each family module binds ``CONVERTERS``; the modules need no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernelwright.graph.core import DTYPES, Builder, Node, TensorType, is_float

Number = int | float | bool
Converter = Callable[..., Any]

_HALVES = ("float16", "bfloat16")


def words(text: str) -> list[str]:
    """A list of names, written as text."""
    return text.split()


class NotConvertible(Exception):
    """This use of the op has no Graph equivalent; the op is then decomposed or stays a call."""


def recorder(table: dict[str, Converter]) -> Callable[..., Callable[[Converter], Converter]]:
    """A decorator that enters a converter into ``table`` under ATen op names ("add", not
    "add.Tensor")."""

    def aten(*names: str) -> Callable[[Converter], Converter]:
        def enter(function: Converter) -> Converter:
            for name in names:
                if name in table:
                    raise ValueError(f"two converters for aten::{name}")
                table[name] = function
            return function

        return enter

    return aten


def compute_dtype(dtype: str) -> str:
    """float32 for the half types: torch computes one op in float32 and rounds once."""
    return "float32" if dtype in _HALVES else dtype


@dataclass
class Context:
    """``out`` is the type of the op's (first) output; ``outs`` those of all of them.
    ``result_type(a, b)`` is torch's promotion of two nodes or numbers, as a dtype name. ``read``:
    which outputs anything takes, of an op with several."""

    builder: Builder
    out: TensorType
    outs: Sequence[TensorType | None]
    result_type: Callable[[Any, Any], str]
    notes: list[str] = field(default_factory=list)
    read: frozenset[int] = frozenset()

    def make(self, op: str, *inputs: Node, **attrs: Any) -> Node:
        return self.builder.make(op, inputs, **attrs)

    def cast(self, value: Node | Number, dtype: str) -> Node:
        """A node of ``dtype``; a number becomes a 0-d constant."""
        if not isinstance(value, Node):
            return self.builder.constant(value, dtype)
        return value if value.dtype == dtype else self.make("cast", value, dtype=dtype)

    def wide(self, value: Node | Number) -> Node:
        """``value`` in the dtype that torch computes the output in."""
        return self.cast(value, compute_dtype(self.out.dtype))

    def elementwise(self, op: str, *values: Node | Number, **attrs: Any) -> Node:
        """``op`` on values brought to the output's dtype. A number that a half type cannot hold
        widens the op to float32, for torch does not round it either."""
        dtype = self.out.dtype
        if dtype in _HALVES and any(not _holds(dtype, v) for v in values):
            dtype = "float32"
        result = self.make(op, *(self.cast(v, dtype) for v in values), **attrs)
        return self.cast(result, self.out.dtype)

    def finish(self, value: Node) -> Node:
        """``value`` in the output's dtype and shape (by broadcasting)."""
        value = self.cast(value, self.out.dtype)
        return self.expand(value, self.out.shape)

    def expand(self, value: Node, shape: Sequence[int]) -> Node:
        shape = tuple(shape)
        return value if value.shape == shape else self.make("expand", value, shape=shape)

    def reshape(self, value: Node, shape: Sequence[int]) -> Node:
        shape = tuple(shape)
        return value if value.shape == shape else self.make("reshape", value, shape=shape)

    def transpose(self, value: Node, axes: Sequence[int]) -> Node:
        axes = tuple(axes)
        return (
            value if axes == tuple(range(len(axes))) else self.make("transpose", value, axes=axes)
        )

    def slice(self, value: Node, axis: int, start: int, stop: int, step: int = 1) -> Node:
        if (start, stop, step) == (0, value.shape[axis], 1):
            return value
        starts, stops, steps = [0] * len(value.shape), list(value.shape), [1] * len(value.shape)
        starts[axis], stops[axis], steps[axis] = start, stop, step
        return self.make(
            "slice", value, starts=tuple(starts), stops=tuple(stops), steps=tuple(steps)
        )

    def full(self, value: Number) -> Node:
        """A tensor of the output's type with one value."""
        return self.expand(self.builder.constant(value, self.out.dtype), self.out.shape)


def _holds(dtype: str, value: Node | Number) -> bool:
    if isinstance(value, Node):
        return True
    with np.errstate(over="ignore"):
        return bool(np.isnan(value)) or float(DTYPES[dtype].type(value)) == float(value)


def axis_of(axis: int, rank: int) -> int:
    """A non-negative axis; 0-d tensors take 0 and -1 as torch does."""
    return axis % rank if rank else 0


def sliced(x: Node, dim: int, start: int | None, end: int | None, step: int) -> tuple[int, range]:
    """The axis of ``x[start:end:step]`` along ``dim``, and its places; an empty one stands at its
    start."""
    axis = axis_of(dim, len(x.shape))
    first, last, step = slice(start, end, step).indices(x.shape[axis])
    return axis, range(first, max(first, last), step)


def axes_of(axes: int | Sequence[int] | None, rank: int) -> tuple[int, ...]:
    """Sorted non-negative axes; None and () mean all of them."""
    if axes is None or (isinstance(axes, Sequence) and not axes) or not rank:
        return tuple(range(rank))
    return tuple(sorted(a % rank for a in ([axes] if isinstance(axes, int) else axes)))


def float_only(c: Context) -> str:
    """The compute dtype of a float op; raises NotConvertible for an integer result."""
    if not is_float(c.out.dtype):
        raise NotConvertible(f"no float result: {c.out}")
    return compute_dtype(c.out.dtype)
