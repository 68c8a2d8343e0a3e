"""ATen ops that put elements where a tensor of indices, a slice or a diagonal says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kernelwright.frameworks._torch_aten_context import (
    Context,
    Converter,
    NotConvertible,
    Number,
    axis_of,
    recorder,
    sliced,
)
from kernelwright.frameworks._torch_aten_lookups import placed
from kernelwright.graph.core import DTYPES, Node, is_float

CONVERTERS: dict[str, Converter] = {}
aten = recorder(CONVERTERS)
LONGEST = 1 << 16  # of an axis whose places are listed
_UPDATES = {
    "add": "add",
    "sum": "add",
    "mean": "add",
    "multiply": "mul",
    "prod": "mul",
    "amax": "max",
    "amin": "min",
}


def _put(
    c: Context, x: Node, src: Node, indices: Sequence[Node], follows: Sequence[int], update: str
) -> Node:
    if not src.type.size or not x.type.size:
        return x
    if update and x.dtype == "bool":
        raise NotConvertible("arithmetic on bool")
    return c.make("scatter", x, src, *indices, follows=tuple(follows), update=update)


def _along(c: Context, x: Node, dim: int, index: Node, src: Node, update: str = "") -> Node:
    """``src`` into ``x`` at ``index`` along one axis; all have one rank."""
    if not x.shape or len(index.shape) != len(x.shape):
        raise NotConvertible("a number")
    axis = axis_of(dim, len(x.shape))
    return _put(c, x, src, [index], [-1 if a == axis else a for a in range(len(x.shape))], update)


def _part(c: Context, src: Node | Number, index: Node, dtype: str) -> Node:
    """What belongs to the indices: ``src`` may be larger, or one number."""
    if not isinstance(src, Node) or not src.shape:
        return c.expand(c.cast(src, dtype), index.shape)
    for axis, size in enumerate(index.shape):
        src = c.slice(src, axis, 0, size)
    return src


@aten("scatter")
def scatter(
    c: Context,
    x: Node,
    dim: int,
    index: Node,
    src: Node | None = None,
    value: Number = 0,
    reduce: str | None = None,
) -> Node:
    given = _part(c, value if src is None else src, index, x.dtype)
    return _along(c, x, dim, index, given, _UPDATES[reduce] if reduce else "")


@aten("scatter_add")
def scatter_add(c: Context, x: Node, dim: int, index: Node, src: Node) -> Node:
    return _along(c, x, dim, index, _part(c, src, index, x.dtype), "add")


@aten("scatter_reduce")
def scatter_reduce(
    c: Context,
    x: Node,
    dim: int,
    index: Node,
    src: Node,
    reduce: str,
    include_self: bool = True,
) -> Node:
    return _reduced(c, x, dim, index, _part(c, src, index, x.dtype), reduce, include_self)


@aten("index_reduce")
def index_reduce(
    c: Context,
    x: Node,
    dim: int,
    index: Node,
    source: Node,
    reduce: str,
    include_self: bool = True,
) -> Node:
    line = _line(c, x, dim, index)
    return _reduced(c, x, dim, line, source, reduce, include_self)


def _reduced(
    c: Context, x: Node, dim: int, index: Node, src: Node, reduce: str, include_self: bool
) -> Node:
    """``include_self``: whether what stands in ``x`` counts where something is put."""
    update = _UPDATES[reduce]
    if not src.type.size:
        return x
    if reduce == "mean" and not is_float(x.dtype):
        raise NotConvertible("a mean of integers")
    base, counts = x, None
    if reduce == "mean" or not include_self:
        some = "float32" if x.dtype != "float64" else x.dtype
        first = c.expand(c.cast(int(include_self), some), x.shape)
        counts = _along(c, first, dim, index, c.expand(c.cast(1, some), src.shape), "add")
    if not include_self:
        assert counts is not None
        untouched = c.make("eq", counts, c.cast(0, counts.dtype))
        base = c.make("where", untouched, x, c.cast(_neutral(update, x.dtype), x.dtype))
    total = _along(c, base, dim, index, src, update)
    if reduce != "mean":
        return total
    assert counts is not None
    least = c.make("maximum", counts, c.cast(1, counts.dtype))
    wide = c.cast(total, counts.dtype)
    return c.cast(c.make("div", wide, least), x.dtype)


def _neutral(update: str, dtype: str) -> Number:
    if update in ("add", "mul"):
        return int(update == "mul")
    if is_float(dtype):
        return -math.inf if update == "max" else math.inf
    info = np.iinfo(DTYPES[dtype])
    return int(info.min if update == "max" else info.max)


def _line(c: Context, x: Node, dim: int, index: Node) -> Node:
    """A vector of indices along one axis of ``x``."""
    if not x.shape:
        raise NotConvertible("a number")
    shape = [1] * len(x.shape)
    shape[axis_of(dim, len(x.shape))] = index.type.size
    return c.reshape(index, shape)


@aten("index_add")
def index_add(c: Context, x: Node, dim: int, index: Node, source: Node, alpha: Number = 1) -> Node:
    if alpha != 1:
        source = c.make("mul", source, c.cast(alpha, x.dtype))
    return _along(c, x, dim, _line(c, x, dim, index), source, "add")


@aten("index_copy")
def index_copy(c: Context, x: Node, dim: int, index: Node, source: Node) -> Node:
    line = _line(c, x, dim, index)
    axis = axis_of(dim, len(x.shape))
    if not source.shape:
        source = c.expand(source, [n if a != axis else 1 for a, n in enumerate(x.shape)])
    return _along(c, x, dim, line, source)


@aten("index_fill")
def index_fill(c: Context, x: Node, dim: int, index: Node, value: Node | Number) -> Node:
    """Where some index is the place, the value."""
    line = _line(c, x, dim, index)
    axis = axis_of(dim, len(x.shape))
    size = c.cast(x.shape[axis], index.dtype)
    line = c.make(
        "where", c.make("lt", line, c.cast(0, index.dtype)), c.make("add", line, size), line
    )
    number = c.reshape(value, ()) if isinstance(value, Node) else value
    shape = [n if a != axis else index.type.size for a, n in enumerate(x.shape)]
    return _along(c, x, dim, line, c.expand(c.cast(number, x.dtype), shape))


@aten("index_put", "_unsafe_index_put")
def index_put(
    c: Context, x: Node, indices: Sequence[Any], values: Node, accumulate: bool = False, **_: Any
) -> Node:
    """``x[mask] = number`` and ``x[i, :, j] = values``."""
    tensors = [i for i in indices if i is not None]
    mask = tensors[0]
    if mask.dtype == "bool":
        if len(indices) != 1 or accumulate or values.type.size != 1:
            raise NotConvertible("a mask and one value an element")
        mask = c.reshape(mask, (*mask.shape, *(1 for _ in x.shape[len(mask.shape) :])))
        return c.make("where", mask, c.cast(c.reshape(values, ()), x.dtype), x)
    if any(i.dtype not in ("int32", "int64") for i in tensors):
        raise NotConvertible("a mask")
    made, shape, follows = placed(c, x, indices)
    given = c.expand(c.cast(values, x.dtype), shape)
    return _put(c, x, given, made, follows, "add" if accumulate else "")


@aten("put")
def put(c: Context, x: Node, index: Node, source: Node, accumulate: bool = False) -> Node:
    if not x.type.size:
        raise NotConvertible("nothing to put into")
    flat, line = c.reshape(x, (x.type.size,)), c.reshape(index, (index.type.size,))
    made, _, follows = placed(c, flat, [line])
    given = c.reshape(source, (source.type.size,))
    return c.reshape(_put(c, flat, given, made, follows, "add" if accumulate else ""), x.shape)


@aten("masked_scatter")
def masked_scatter(c: Context, x: Node, mask: Node, source: Node) -> Node:
    """The n-th true place takes the n-th element."""
    if not x.type.size or not source.type.size:
        raise NotConvertible("nothing to put")
    mask, size = c.expand(mask, x.shape), x.type.size
    flat = c.cast(c.reshape(mask, (size,)), "int64")
    rank = c.make("sub", c.make("cumsum", flat, axis=0), c.cast(1, "int64"))
    line = c.reshape(source, (source.type.size,))
    fill = False if x.dtype == "bool" else 0
    found = c.make("lookup", line, rank, shape=(size,), follows=(-1,), fill=fill)
    return c.make("where", mask, c.reshape(found, x.shape), x)


# ---- places that are known ---------------------------------------------------------------------


@aten("slice_scatter")
def slice_scatter(
    c: Context,
    x: Node,
    src: Node,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Node:
    """What ``x[start:end] = src`` leaves, once export has made it functional."""
    axis, places = sliced(x, dim, start, end, step)
    if step == 1:
        return _overwritten(c, x, src, axis, places.start, places.stop)
    return _every(c, x, src, axis, places)


@aten("as_strided_scatter")
def as_strided_scatter(
    c: Context,
    x: Node,
    src: Node,
    size: Sequence[int],
    stride: Sequence[int],
    storage_offset: int | None = None,
) -> Node:
    """A number on a diagonal of a matrix, as fill_diagonal_ puts it."""
    number, first = src, storage_offset or 0
    while number.op in ("expand", "reshape"):
        number = number.inputs[0]
    matrix = len(x.shape) == 2 and len(size) == 1 and number.type.size == 1
    if not matrix or list(stride) != [x.shape[1] + 1] or first >= x.shape[1]:
        raise NotConvertible("no number on a diagonal")
    rows, columns = x.shape
    if size[0] != min(rows, columns - first):
        raise NotConvertible("a part of a diagonal")
    row = c.make("iota", shape=(rows, 1), axis=0, dtype="int32")
    column = c.make("iota", shape=(1, columns), axis=1, dtype="int32")
    hit = c.make("eq", column, c.make("add", row, c.cast(first, "int32")))
    return c.make("where", hit, c.cast(c.reshape(number, ()), x.dtype), x)


def _every(c: Context, x: Node, src: Node, axis: int, places: range) -> Node:
    """``x`` with ``src`` at these places of one axis."""
    if not len(places) or not x.type.size:
        return x
    if axis == len(x.shape) - 1 or x.shape[axis] > LONGEST:
        raise NotConvertible("elements apart, one by one")
    which = np.full(x.shape[axis], -1)
    which[list(places)] = np.arange(len(places))
    line = [1] * len(x.shape)
    line[axis] = which.size
    shape = (*x.shape[:axis], len(places), *x.shape[axis + 1 :])
    given = c.expand(c.cast(src, x.dtype), shape)
    follows = tuple(-1 if a == axis else a for a in range(len(x.shape)))
    index = c.builder.constant(which.reshape(line), "int32")
    fill = False if x.dtype == "bool" else 0
    found = c.make("lookup", given, index, shape=x.shape, follows=follows, fill=fill)
    hit = c.builder.constant(which.reshape(line) >= 0, "bool")
    return c.make("where", hit, found, x)


@aten("diagonal_scatter")
def diagonal_scatter(
    c: Context, x: Node, src: Node, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Node:
    rank = len(x.shape)
    rows, columns = axis_of(dim1, rank), axis_of(dim2, rank)
    kept = [a for a in range(rank) if a not in (rows, columns)]
    moved = c.transpose(x, [*kept, rows, columns])
    count = moved.shape[-2]
    starts = (0,) * len(kept) + (min(0, offset),)
    zero = False if x.dtype == "bool" else 0
    line = c.make(
        "window", c.cast(src, x.dtype), starts=starts, steps=(1,) * len(starts),
        shape=(*src.shape[:-1], count), value=zero,
    )  # fmt: skip
    ones = (1,) * len(kept)
    row = c.make("iota", shape=(*ones, count, 1), axis=rank - 2, dtype="int64")
    column = c.make("iota", shape=(*ones, 1, moved.shape[-1]), axis=rank - 1, dtype="int64")
    hit = c.make("eq", column, c.make("add", row, c.cast(offset, "int64")))
    made = c.make("where", hit, c.reshape(line, (*line.shape, 1)), moved)
    order = [*kept, rows, columns]
    return c.transpose(made, [order.index(a) for a in range(rank)])


@aten("select_scatter")
def select_scatter(c: Context, x: Node, src: Node, dim: int, index: int) -> Node:
    axis = axis_of(dim, len(x.shape))
    index = index + x.shape[axis] if index < 0 else index
    line = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    return _overwritten(c, x, c.reshape(src, line), axis, index, index + 1)


def _overwritten(c: Context, x: Node, src: Node, axis: int, start: int, stop: int) -> Node:
    shape = (*x.shape[:axis], stop - start, *x.shape[axis + 1 :])
    parts = [c.slice(x, axis, 0, start), c.expand(c.cast(src, x.dtype), shape)]
    parts.append(c.slice(x, axis, stop, x.shape[axis]))
    parts = [p for p in parts if p.shape[axis]]
    return parts[0] if len(parts) == 1 else c.make("concat", *parts, axis=axis)
