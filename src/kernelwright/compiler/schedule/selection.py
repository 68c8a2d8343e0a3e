"""The few largest of a row without sorting it.

``topk`` for a small k over rows that fit on chip is k times a maximum of what has not been taken
yet: the values are read once, in the kernel that computes them, where a library's call reads and
writes them all. Which elements are taken is kept apart from their values, so that minus infinities
and repeated values are found at places of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kernelwright.compiler.schedule.tiles import identity
from kernelwright.graph.core import Builder, Node, is_float

TARGET = "aten.topk.default"
MOST_TAKEN = 8
MOST_WORK = 1024  # elements of a row, each time it is gone over; a library's selection does less
LEAST_ROWS = 528  # fewer long rows are not held whole, and each maximum would read them again
FEW_ROWS = 64  # the same for processors
SMALL = 1 << 15  # elements of data that are held whole for any number of rows

Pair = tuple[Node, Node]


def few_largest(cores: bool = False) -> Callable[[Builder, Node], Node | None]:
    """A rewrite of ``topk``'s outputs, values and indices; both share what they are made of.
    ``cores``: for processors, of which few rows keep all busy."""
    least = FEW_ROWS if cores else LEAST_ROWS
    made: dict[tuple[int, int, int, bool], Pair] = {}

    def rewrite(builder: Builder, node: Node) -> Node | None:
        wanted = request(node, least)
        if wanted is None:
            return None
        count, axis, largest = wanted
        key = (node.inputs[0].id, count, axis, largest)
        if key not in made:
            made[key] = taken(builder, node.inputs[0], count, axis, largest)
        return made[key][node.attrs["output_index"]]

    return rewrite


def request(node: Node, least: int = LEAST_ROWS) -> tuple[int, int, bool] | None:
    """(k, axis, whether the largest) of a ``topk`` that is worth it; else None. A row's smallest
    floats are left to the library: NaN comes after all of them."""
    if node.op != "call" or node.attrs["target"] != TARGET:
        return None
    given = arguments(node.attrs["arguments"], ("self", "k", "dim", "largest", "sorted"))
    x, count, largest = node.inputs[0], given.get("k"), bool(given.get("largest", True))
    if not isinstance(count, int) or not x.shape or x.dtype == "bool":
        return None
    axis = int(given.get("dim", -1)) % len(x.shape)
    length = x.shape[axis]
    if axis != len(x.shape) - 1 or not 1 <= count <= min(MOST_TAKEN, length):
        return None
    if count * length > MOST_WORK or (x.type.size > SMALL and x.type.size < least * length):
        return None
    return None if is_float(x.dtype) and not largest else (count, axis, largest)


def arguments(call: Any, names: Sequence[str]) -> dict[str, Any]:
    """A call's arguments by name."""
    return {**dict(zip(names, call["args"])), **call["kwargs"]}


def taken(builder: Builder, x: Node, count: int, axis: int, largest: bool) -> Pair:
    """The values and the indices, best first."""
    over = {"axes": (axis,), "keepdims": True}
    op = "amax" if largest else "amin"
    lowest = builder.constant(identity("max" if largest else "min", x.dtype), x.dtype)
    place = builder.make("iota", [], shape=x.shape, axis=axis, dtype="int64")
    nowhere = builder.constant(x.shape[axis], "int64")
    gone: Node | None = None
    values, indices = [], []
    for _ in range(count):
        left = x if gone is None else builder.where(gone, lowest, x)
        best = builder.make(op, [left], **over)
        hit = builder.eq(x, best)
        if is_float(x.dtype):
            hit = builder.logical_or(hit, builder.isnan(x))
        if gone is not None:
            hit = builder.logical_and(hit, builder.logical_not(gone))
        index = builder.make("amin", [builder.where(hit, place, nowhere)], **over)
        now = builder.eq(place, index)
        gone = now if gone is None else builder.logical_or(gone, now)
        values.append(best)
        indices.append(index)
    if count == 1:
        return values[0], indices[0]
    return builder.make("concat", values, axis=axis), builder.make("concat", indices, axis=axis)
