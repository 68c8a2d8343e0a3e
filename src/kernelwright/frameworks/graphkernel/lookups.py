"""Ops whose operands say where to read: gathers and one-hot rows.

An index outside of its axis reads 0, as in AKG's own kernels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kernelwright.frameworks.graphkernel.call import Call, Complaint, Handler
from kernelwright.frameworks.graphkernel.values import Value
from kernelwright.graph.core import Node


def index(c: Call, place: int) -> Node:
    """An operand of integers."""
    node = c.node(place)
    if node.dtype not in ("int8", "uint8", "int16", "int32", "int64"):
        said = f"indices {c.operands[place].name!r} are {node.dtype}"
        raise Complaint(f"input_desc[{place}].data_type", said, "give integers")
    return node


def _gather(c: Call) -> Value:
    x, at = c.node(0), index(c, 1)
    rank = len(x.shape)
    axis = c.axis(c.integer("axis", operand=2, default=0), rank)
    batch = c.integer("batch_dims", default=0)
    batch = batch + len(at.shape) if batch < 0 else batch
    if not 0 <= batch <= min(axis, len(at.shape)):
        raise Complaint("attr.batch_dims", f"{batch} does not fit axis {axis}", "use 0 to axis")
    c.indexes(at, x.shape[axis])
    rest = at.shape[batch:]
    shape = (*x.shape[:axis], *rest, *x.shape[axis + 1 :])
    line = [1] * len(shape)
    line[:batch] = at.shape[:batch]
    line[axis : axis + len(rest)] = rest
    follows = [*range(axis), -1, *range(axis + len(rest), len(shape))]
    return c.b.lookup(
        x, c.b.reshape(at, shape=tuple(line)), shape=shape, follows=tuple(follows), fill=0
    )


def places(c: Call, at: Node, x_shape: Sequence[int]) -> list[Node]:
    """The columns of an index tensor [.., k], one for each of the first k axes of a tensor."""
    *lead, count = at.shape
    if count > len(x_shape):
        said = f"{count} indices a place for a tensor of {len(x_shape)} axes"
        raise Complaint("input_desc[1].shape", said, "correct the last axis of the indices")
    found = []
    for column in range(count):
        starts, stops = (*(0 for _ in lead), column), (*lead, column + 1)
        taken = c.b.slice(at, starts=starts, stops=stops, steps=(1,) * len(stops))
        c.indexes(taken, x_shape[column])
        found.append(c.b.reshape(taken, shape=tuple(lead)))
    return found


def _gather_nd(c: Call) -> Value:
    x, at = c.node(0), index(c, 1)
    columns = places(c, at, x.shape)
    lead, kept = at.shape[:-1], x.shape[len(columns) :]
    shape = (*lead, *kept)
    line = (*lead, *(1 for _ in kept))
    follows = (*(-1 for _ in columns), *range(len(lead), len(shape)))
    nodes = [c.b.reshape(column, shape=line) for column in columns]
    return c.b.lookup(x, *nodes, shape=shape, follows=follows, fill=0)


def _one_hot(c: Call) -> Value:
    """Operands: indices, the depth where it is no attribute, the numbers for on and off."""
    at = index(c, 0)
    last = len(c) - 1
    if last < 2:
        raise Complaint("input_desc", "the numbers for on and off are missing", "add them")
    axis = c.integer("axis", default=-1)
    axis = axis + len(at.shape) + 1 if axis < 0 else axis
    depth = c.integer("depth", operand=1 if last == 3 else -1, default=0)
    depth = depth or c.build.shape(c.out)[axis]
    c.same_dtypes(last - 1, last)
    on, off = c.plain(last - 1), c.plain(last)
    on, off = (c.b.reshape(n, shape=()) if n.shape else n for n in (on, off))
    c.indexes(at, depth)
    shape = (*at.shape[:axis], depth, *at.shape[axis:])
    lane = c.b.make("iota", [], shape=shape, axis=axis, dtype=at.dtype)
    line = c.b.reshape(at, shape=(*at.shape[:axis], 1, *at.shape[axis:]))
    return c.b.where(c.b.eq(line, lane), on, off)


OPS: Mapping[str, Handler] = {
    "Gather": _gather,
    "GatherV2": _gather,
    "GatherNd": _gather_nd,
    "OneHot": _one_hot,
}
