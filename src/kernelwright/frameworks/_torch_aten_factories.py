"""ATen ops that make tensors from numbers."""

from __future__ import annotations

from typing import Any

from kernelwright.frameworks._torch_aten_context import (
    Context,
    Converter,
    Number,
    recorder,
)
from kernelwright.graph.core import Node, is_float

CONVERTERS: dict[str, Converter] = {}
aten = recorder(CONVERTERS)


@aten("full", "full_like", "new_full", "scalar_tensor", "fill")
def full(c: Context, **given: Any) -> Node:
    value: Any = next(given[k] for k in ("fill_value", "value", "s") if k in given)
    return c.finish(value) if isinstance(value, Node) else c.full(value)


@aten("zeros", "zeros_like", "new_zeros", "zero")
def zeros(c: Context, **_: Any) -> Node:
    return c.full(0)


@aten("ones", "ones_like", "new_ones")
def ones(c: Context, **_: Any) -> Node:
    return c.full(1)


@aten("empty", "empty_like", "new_empty", "empty_permuted")
def empty(c: Context, **_: Any) -> Node:
    """Unset memory: a Model whose result is defined writes over it, so any value will do."""
    return c.full(0)


@aten("arange")
def arange(c: Context, end: Number, start: Number = 0, step: Number = 1) -> Node:
    """start + step * index. torch computes floats in double and rounds once."""
    dtype, shape = c.out.dtype, c.out.shape
    if not is_float(dtype):
        index = c.make("iota", shape=shape, axis=0, dtype=dtype)
        return _line(c, index, int(start), int(step))
    exact = step == 1 and start == 0 and shape[0] <= 2048
    index = c.make("iota", shape=shape, axis=0, dtype=dtype if exact else "float64")
    return c.cast(_line(c, index, start, step), dtype)


def _line(c: Context, index: Node, start: Number, step: Number) -> Node:
    scaled = index if step == 1 else c.make("mul", index, c.cast(step, index.dtype))
    return scaled if start == 0 else c.make("add", scaled, c.cast(start, index.dtype))


@aten("eye")
def eye(c: Context, **_: Any) -> Node:
    rows, columns = c.out.shape
    row = c.make("iota", shape=(rows, 1), axis=0, dtype="int64")
    column = c.make("iota", shape=(1, columns), axis=1, dtype="int64")
    return c.cast(c.make("eq", row, column), c.out.dtype)
