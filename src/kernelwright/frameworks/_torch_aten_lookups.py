"""ATen ops that take elements from where a tensor of indices says, and resizing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kernelwright.frameworks._torch_aten_context import (
    Context,
    Converter,
    NotConvertible,
    axis_of,
    recorder,
)
from kernelwright.graph.core import Node, is_float, walk
from kernelwright.graph.ops import op_definition
from kernelwright.graph.resize import resized

CONVERTERS: dict[str, Converter] = {}
aten = recorder(CONVERTERS)


def _lookup(
    c: Context, x: Node, indices: Sequence[Node], shape: Sequence[int], follows: Sequence[int]
) -> Node:
    if not x.type.size or not math.prod(shape):
        raise NotConvertible("nothing to take")
    return c.make("lookup", x, *indices, shape=tuple(shape), follows=tuple(follows))


def _wrapped(c: Context, index: Node, size: int) -> Node:
    """Negative indices count from the end."""
    zero, count = c.cast(0, index.dtype), c.cast(size, index.dtype)
    return c.make("where", c.make("lt", index, zero), c.make("add", index, count), index)


def _along(c: Context, x: Node, axis: int, index: Node) -> Node:
    """x with its elements along one axis taken by ``index``, which has x's rank."""
    follows = [-1 if a == axis else a for a in range(len(x.shape))]
    return _lookup(c, x, [index], c.out.shape, follows)


@aten("index_select", "index_select_copy")
def index_select(c: Context, x: Node, dim: int, index: Node) -> Node:
    if not x.shape:
        raise NotConvertible("a number")
    axis = axis_of(dim, len(x.shape))
    line = [1] * len(x.shape)
    line[axis] = index.type.size
    return _along(c, x, axis, c.reshape(index, line))


@aten("gather")
def gather(c: Context, x: Node, dim: int, index: Node) -> Node:
    if not x.shape or len(index.shape) != len(x.shape):
        raise NotConvertible("a number")
    return _along(c, x, axis_of(dim, len(x.shape)), index)


@aten("take_along_dim")
def take_along_dim(c: Context, x: Node, indices: Node, dim: int | None = None) -> Node:
    if dim is None or len(indices.shape) != len(x.shape):
        raise NotConvertible("of the flattened tensor")
    axis = axis_of(dim, len(x.shape))
    shape = [n if a != axis else x.shape[a] for a, n in enumerate(c.out.shape)]
    return _along(c, c.expand(x, shape), axis, c.expand(indices, c.out.shape))


@aten("take")
def take(c: Context, x: Node, index: Node) -> Node:
    flat = c.reshape(x, (x.type.size,))
    return _lookup(c, flat, [_wrapped(c, index, x.type.size)], c.out.shape, (-1,))


@aten("embedding")
def embedding(c: Context, weight: Node, indices: Node, **_: Any) -> Node:
    """A table's rows; padding_idx and the like concern gradients alone."""
    if indices.dtype not in ("int32", "int64"):
        raise NotConvertible("indices of another dtype")
    index = c.reshape(indices, (*indices.shape, 1))
    return _lookup(c, weight, [index], c.out.shape, (-1, len(c.out.shape) - 1))


@aten("embedding_bag", "_embedding_bag")
def embedding_bag(
    c: Context,
    weight: Node,
    indices: Node,
    offsets: Node,
    mode: int = 0,
    per_sample_weights: Node | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
    **_: Any,
) -> tuple[Node, ...]:
    """Sums, means or maxima of as many rows each: bags whose sizes are known and equal. Of the
    other outputs, which serve gradients, none may be read."""
    bags, count = c.out.shape[0], indices.type.size
    each = count // max(1, bags)
    padded = padding_idx is not None and padding_idx >= 0
    if c.read - {0} or padded or not count or each * bags != count or include_last_offset:
        raise NotConvertible("bags of several sizes, or what they are made of")
    starts = positions(offsets)
    if starts is None or (starts.reshape(-1) != np.arange(bags) * each).any():
        raise NotConvertible("bags of several sizes")
    index = c.reshape(indices, (bags, each, 1))
    shape = (bags, each, weight.shape[1])
    rows = c.wide(_lookup(c, weight, [index], shape, (-1, 2)))
    if per_sample_weights is not None:
        rows = c.make("mul", rows, c.wide(c.reshape(per_sample_weights, (bags, each, 1))))
    total = c.make("amax" if mode == 2 else "sum", rows, axes=(1,), keepdims=False)
    if mode == 1:
        total = c.make("div", total, c.cast(each, total.dtype))
    return (c.cast(total, c.out.dtype),)


def positions(node: Node) -> np.ndarray | None:
    """What ``node`` holds where nothing but positions and numbers decides it; else None."""
    found: dict[int, np.ndarray] = {}
    for one in walk([node]):
        definition = op_definition(one.op)
        if one.op == "constant":
            found[one.id] = np.asarray(one.attrs["value"])
        elif one.op == "iota" or (one.inputs and definition.kind in ("elementwise", "view")):
            given = [found[n.id] for n in one.inputs]
            found[one.id] = definition.meaning(*given, **one.attrs)
        else:
            return None
    return found[node.id]


@aten("index", "_unsafe_index")
def index(c: Context, x: Node, indices: Sequence[Any]) -> Node:
    return _lookup(c, x, *placed(c, x, indices))


def placed(c: Context, x: Node, indices: Sequence[Any]) -> tuple[list[Node], list[int], list[int]]:
    """What x[i, :, j] takes: indices, the result's shape, and which of its axes each axis of x
    follows (-1: an index). Tensors of integers broadcast to one shape, which stands where the first
    of them does if they are neighbours, and in front if not."""
    given = list(indices) + [None] * (len(x.shape) - len(indices))
    tensors = [i for i in given if i is not None]
    if any(i.dtype not in ("int32", "int64") for i in tensors):
        raise NotConvertible("a mask")
    places = [a for a, i in enumerate(given) if i is not None]
    common = np.broadcast_shapes(*(i.shape for i in tensors))
    neighbours = places == list(range(places[0], places[-1] + 1))
    first = places[0] if neighbours else 0
    rest = [a for a in range(len(x.shape)) if given[a] is None]
    shape = [x.shape[a] for a in rest]
    shape[first:first] = common
    follows = [
        -1 if a not in rest else rest.index(a) + (len(common) if rest.index(a) >= first else 0)
        for a in range(len(x.shape))
    ]
    behind = len(shape) - first - len(common)
    made = []
    for axis in places:
        tensor = _wrapped(c, given[axis], x.shape[axis])
        lead = [1] * (len(common) - len(tensor.shape))
        line = [*([1] * first), *lead, *tensor.shape, *([1] * behind)]
        made.append(c.reshape(tensor, line))
    return made, shape, follows


# ---- places in sorted rows ---------------------------------------------------------------------

MOST_BOUNDARIES = 64  # a search by halves takes fewer comparisons, but one after the other


@aten("bucketize")
def bucketize(c: Context, x: Node, boundaries: Node, right: bool = False, **_: Any) -> Node:
    return _below(c, boundaries, x, right)


@aten("searchsorted")
def searchsorted(
    c: Context,
    sorted_sequence: Node,
    x: Node,
    right: bool = False,
    side: str | None = None,
    sorter: Node | None = None,
    **_: Any,
) -> Node:
    if sorter is not None or len(sorted_sequence.shape) != 1:
        raise NotConvertible("rows of boundaries, or an order of their own")
    return _below(c, sorted_sequence, x, right or side == "right")


def _below(c: Context, boundaries: Node, x: Node, right: bool) -> Node:
    """How many boundaries stand before each value; NaN comes after all of them. Only where the
    boundaries are known: what a search by halves makes of others depends on its steps."""
    known = positions(boundaries)
    if known is None or not (np.diff(known) >= 0).all():
        raise NotConvertible("boundaries that may be in no order")
    if not isinstance(x, Node) or boundaries.type.size > MOST_BOUNDARIES or not x.type.size:
        raise NotConvertible("many boundaries, or a number")
    if not boundaries.type.size or x.dtype == "bool":
        raise NotConvertible("no boundaries")
    dtype = c.result_type(boundaries, x)
    line = c.cast(c.reshape(boundaries, (*(1 for _ in x.shape), boundaries.type.size)), dtype)
    value = c.cast(c.reshape(x, (*x.shape, 1)), dtype)
    before = c.make("le" if right else "lt", line, value)
    if is_float(dtype):
        before = c.make("logical_or", before, c.make("isnan", value))
    total = c.make("sum", c.cast(before, "int32"), axes=(len(x.shape),), keepdims=False)
    return c.cast(total, c.out.dtype)


# ---- resizing ----------------------------------------------------------------------------------

_MODES = {
    "nearest": "nearest",
    "_nearest_exact": "nearest_exact",
    "linear": "linear",
    "bilinear": "linear",
    "trilinear": "linear",
    "bicubic": "cubic",
}


def _resize(mode: str, dims: int) -> Converter:
    def convert(
        c: Context,
        x: Node,
        output_size: Any = None,
        align_corners: bool = False,
        scale_factors: Sequence[float] | None = None,
        scales: float | None = None,
        scales_d: float | None = None,
        scales_h: float | None = None,
        scales_w: float | None = None,
    ) -> Node:
        given: list[float | None] = [scales_d, scales_h, scales_w][3 - dims :]
        if dims == 1:
            given = [scales]
        if scale_factors is not None:
            given = list(scale_factors)
        if not x.type.size or not c.out.size:
            raise NotConvertible("nothing to resize")
        out = c.out.shape[len(c.out.shape) - dims :]
        return resized(c.builder, x, mode, out, align_corners, given)

    return convert


for _name, _dims in (("linear", 1), ("bilinear", 2), ("trilinear", 3), ("bicubic", 2)):
    aten(f"upsample_{_name}{_dims}d")(_resize(_MODES[_name], _dims))
for _dims in (1, 2, 3):
    aten(f"upsample_nearest{_dims}d")(_resize("nearest", _dims))
    aten(f"_upsample_nearest_exact{_dims}d")(_resize("nearest_exact", _dims))


# ---- padding from the tensor itself ------------------------------------------------------------


def borders(mode: str, low: int, size: int, high: int) -> np.ndarray:
    """Which element stands at each place of an axis padded in this mode."""
    at = np.arange(-low, size + high)
    if mode == "circular":
        return at % size
    if mode == "replicate":
        return np.clip(at, 0, size - 1)
    at = np.abs(at)
    return np.where(at >= size, 2 * (size - 1) - at, at)


def padded_from_itself(c: Context, x: Node, pad: Sequence[int], mode: str) -> Node:
    """F.pad in mode reflect, replicate or circular."""
    if not x.type.size or not c.out.size:
        raise NotConvertible("nothing to pad")
    rank = len(x.shape)
    indices, follows = [], list(range(rank))
    for i in range(len(pad) // 2):
        axis = rank - 1 - i
        low, high = pad[2 * i], pad[2 * i + 1]
        if low or high:
            line = [1] * rank
            line[axis] = low + x.shape[axis] + high
            places = borders(mode, low, x.shape[axis], high).reshape(line)
            indices.append((axis, c.builder.constant(places, "int32")))
            follows[axis] = -1
    if not indices:
        return x
    indices.sort(key=lambda one: one[0])
    return _lookup(c, x, [node for _, node in indices], c.out.shape, follows)


def _pads(mode: str) -> Converter:
    def convert(c: Context, x: Node, padding: Sequence[int]) -> Node:
        return padded_from_itself(c, x, padding, mode)

    return convert


for _dims in (1, 2, 3):
    aten(f"reflection_pad{_dims}d")(_pads("reflect"))
    aten(f"replication_pad{_dims}d")(_pads("replicate"))
