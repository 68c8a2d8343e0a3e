"""Scatters in the form that a target can do well.

A few places along an axis are comparisons: one pass over the tensor, fused with what stands around
it. Otherwise a CPU's core takes all that may meet and puts it one after the other; a GPU updates
in memory where that is one exact step whose order does not matter (sums; extremes of integers),
and the rest is a library's call: which of several stores comes last is not decided there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernelwright.compiler.schedule.windows import number_of
from kernelwright.graph.core import Builder, Node, TensorType, is_float

MOST_COMPARED = 4  # places an element of the tensor is compared with
LEAST_ROW = 32  # elements of a row that is added side by side
MOST_MEETING = 8  # rows added into one, on average
_REDUCE = {"mul": "prod", "max": "amax", "min": "amin"}
_COMBINE = {"add": "add", "mul": "mul", "max": "maximum", "min": "minimum"}
_ATOMIC = ("float32", "float64", "int32", "int64")


def lowered(cores: bool) -> Callable[[Builder, Node], Node | None]:
    """A rewrite of "scatter" for processors (``cores``) or for a GPU."""

    def rewrite(builder: Builder, node: Node) -> Node | None:
        if node.op != "scatter":
            return None
        if single(node) is not None and _few(node):
            return compared(builder, node)
        return None if cores else on_device(builder, node)

    return rewrite


def single(node: Node) -> int | None:
    """The axis of a scatter along one axis, all others where they were; else None."""
    follows = tuple(node.attrs["follows"])
    if follows.count(-1) != 1 or len(node.inputs[1].shape) != len(follows):
        return None
    axis = follows.index(-1)
    same = all(to == a for a, to in enumerate(follows) if a != axis)
    return axis if same else None


def _few(node: Node) -> bool:
    axis = single(node)
    return axis is not None and node.inputs[1].shape[axis] <= MOST_COMPARED


def compared(builder: Builder, node: Node) -> Node:
    """A scatter of a few elements along one axis, as selections."""
    value, src, index = node.inputs
    axis, update = single(node), node.attrs["update"]
    assert axis is not None
    line = tuple(n if a == axis else 1 for a, n in enumerate(node.shape))
    if index.dtype == "int64" and node.shape[axis] < 2**31:  # twice as many a vector
        index = builder.cast(index, dtype="int32")
    place = builder.make("iota", [], shape=line, axis=axis, dtype=index.dtype)
    for number in range(src.shape[axis]):
        at = _taken(builder, index, axis, number, src.shape, node.shape, -1)
        given = _taken(builder, src, axis, number, src.shape, node.shape, 0)
        hit = builder.eq(place, at)
        if update:
            given = builder.make(_COMBINE[update], [value, given])
        value = builder.where(hit, given, value)
    return value


def _taken(
    builder: Builder,
    x: Node,
    axis: int,
    number: int,
    shape: tuple[int, ...],
    whole: tuple[int, ...],
    fill: int,
) -> Node:
    """One element along ``axis`` of what broadcasts to ``shape``, with the other axes as long as
    those of ``whole`` (or 1, for all of them)."""
    rank = len(shape)
    short = [a for a in range(rank) if a != axis and shape[a] < whole[a]]
    if any(x.shape[a] != shape[a] for a in short):
        x = builder.expand(
            x, shape=tuple(shape[a] if a in short else n for a, n in enumerate(x.shape))
        )
    starts = tuple(number if a == axis and x.shape[a] > 1 else 0 for a in range(rank))
    extents = tuple(
        1 if a == axis else whole[a] if a in short else n for a, n in enumerate(x.shape)
    )
    if extents == x.shape:
        return x
    value = bool(fill) if x.dtype == "bool" else fill
    return builder.make("window", [x], starts=starts, steps=(1,) * rank, shape=extents, value=value)


# ---- a GPU -------------------------------------------------------------------------------------


def on_device(builder: Builder, node: Node) -> Node | None:
    update, dtype = node.attrs["update"], node.dtype
    given, node = node, _without_repeats(builder, node)
    if update == "add" and _few_meet(node):
        return _index_put(builder, node, accumulate=True)
    if update == "add" and _each_its_own(node):
        return library(builder, node)
    if update == "add" or (update in ("max", "min") and not is_float(dtype)):
        if dtype in _ATOMIC:
            return None if node is given else node
        wide = "float32" if is_float(dtype) else "int32"
        x, src, *indices = node.inputs
        operands = [builder.cast(x, dtype=wide), builder.cast(src, dtype=wide), *indices]
        made = builder.make("scatter", operands, **node.attrs)
        return builder.cast(made, dtype=dtype)
    return library(builder, node)


def _without_repeats(builder: Builder, node: Node) -> Node:
    """``node`` with one index a row in place of the same index repeated along it, so that a row is
    added side by side."""
    operands = list(node.inputs)
    for place, index in enumerate(operands[2:], 2):
        if index.op == "expand" and len(index.inputs[0].shape) == len(index.shape):
            operands[place] = index.inputs[0]
    if operands == list(node.inputs):
        return node
    return builder.make("scatter", operands, **node.attrs)


def _few_meet(node: Node) -> bool:
    """Whether rows of floats are added into about as many rows: the library's sums by sorted
    indices then take no longer than adding atomically does, in an order that does not change from
    call to call (an H200, 4,194,304 rows of 128 into 1,223,680: 1840 us, atomically 1800 us). It
    adds the rows that meet one after the other, though, so they should be few."""
    x, src, *indices = node.inputs
    if single(node) != 0 or not is_float(node.dtype) or number_of(src) is not None:
        return False
    count = indices[0].shape[0]
    wide = src.type.size // max(1, src.shape[0]) >= LEAST_ROW and src.shape[1:] == x.shape[1:]
    return indices[0].type.size == count and wide and count <= MOST_MEETING * x.shape[0]


def _each_its_own(node: Node) -> bool:
    """Whether every element has an index of its own, along one axis of several: the library's
    kernel for this is faster (an H200, 16 million elements: 1.25 times)."""
    src, index = node.inputs[1:3]
    axis = single(node)
    if axis is None or not is_float(node.dtype) or number_of(src) is not None:
        return False
    return index.shape == src.shape and index.type.size > index.shape[axis]


def library(builder: Builder, node: Node) -> Node:
    """The framework's own op."""
    x, src, *indices = node.inputs
    axis, update = single(node), node.attrs["update"]
    if axis is None:
        return _index_put(builder, node)
    (index,) = indices
    if not update and all(n == 1 for a, n in enumerate(index.shape) if a != axis):
        line = builder.reshape(index, shape=(index.type.size,))
        if line.type.size == src.shape[axis] and all(
            m == n for a, (m, n) in enumerate(zip(src.shape, x.shape)) if a != axis
        ):
            return _call(builder, "aten.index_copy.default", [x, line, src], node.type, axis)
    if index.shape != src.shape:
        index = builder.expand(index, shape=src.shape)
    if index.dtype != "int64":
        index = builder.cast(index, dtype="int64")
    if update in ("", "add"):
        target = "aten.scatter_add.default" if update else "aten.scatter.src"
        return _call(builder, target, [x, index, src], node.type, axis)
    return _call(
        builder, "aten.scatter_reduce.two", [x, index, src], node.type, axis, _REDUCE[update]
    )


def _call(
    builder: Builder, target: str, operands: list[Node], out: TensorType, axis: int, *more: Any
) -> Node:
    """An op (self, dim, index, source, ...)."""
    arguments = [{"input": 0}, axis, {"input": 1}, {"input": 2}, *more]
    return builder.make(
        "call", operands, target=target, output_index=0, out_type=out,
        arguments={"args": arguments, "kwargs": {}},
    )  # fmt: skip


def _index_put(builder: Builder, node: Node, accumulate: bool = False) -> Node:
    x, src, *indices = node.inputs
    follows = node.attrs["follows"]
    taken = {to for to in follows if to >= 0}
    given: list[Any] = []
    operands = [x]
    rest = iter(indices)
    for to in follows:
        if to >= 0:
            given.append(None)
            continue
        index = next(rest)
        shape = tuple(n for a, n in enumerate(index.shape) if a not in taken)
        given.append({"input": len(operands)})
        as_given = index.op == "reshape" and index.inputs[0].shape == shape
        operands.append(index.inputs[0] if as_given else builder.reshape(index, shape=shape))
    operands.append(src)
    arguments = [{"input": 0}, given, {"input": len(operands) - 1}, accumulate]
    return builder.make(
        "call", operands, target="aten.index_put.default", output_index=0, out_type=node.type,
        arguments={"args": arguments, "kwargs": {}},
    )  # fmt: skip
