"""One element of every row, read alone.

``sum(where(iota == label, v, 0))`` along an axis is ``v`` at the label: what losses over class
indices are made of. As a sum it reads whole rows, and a cross entropy would go over its scores once
more for it. Here the label goes through the elementwise ops of ``v`` down to the tensors in memory,
of which one element a row is read (``lookup``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kernelwright.graph.core import DTYPES, Builder, Node
from kernelwright.graph.ops import op_definition
from kernelwright.graph.ops.lookup import outside

SHORTEST = 256  # a shorter row is as cheaply summed, where it is read anyway
MOST_OPS = 64


class _NotPicked(Exception):
    """Something on the way down is no elementwise op."""


def picked_elements(builder: Builder, node: Node) -> Node | None:
    """The lookup that a sum over a one-hot choice comes to; None for other nodes."""
    if node.op != "sum" or len(node.attrs["axes"]) != 1:
        return None
    (axis,) = node.attrs["axes"]
    (chosen,) = node.inputs
    if chosen.op != "where" or chosen.shape[axis] < SHORTEST or not _is_zero(chosen.inputs[2]):
        return None
    labels = _labels(chosen.inputs[0], len(chosen.shape), axis)
    if labels is None:
        return None
    values, zero = chosen.inputs[1:]
    value = _picked(builder, values, labels, chosen.shape, axis, zero)
    if value is None:
        return None
    if value.dtype != node.dtype:
        value = builder.make("cast", [value], dtype=node.dtype)
    return (
        value if value.shape == node.shape else builder.make("reshape", [value], shape=node.shape)
    )


def sunk_lookup(cores: bool) -> Callable[[Builder, Node], Node | None]:
    """A rewrite of lookups of what is computed element by element, made of lookups of what it is
    made of: the whole need not be stored for a few of its elements. On a GPU (not ``cores``) a
    short row that is read anyway, as its softmax needs, is summed."""

    def rewrite(builder: Builder, node: Node) -> Node | None:
        return _sunk(builder, node, cores)

    return rewrite


def _sunk(builder: Builder, node: Node, cores: bool) -> Node | None:
    if node.op != "lookup" or len(node.inputs) != 2:
        return None
    x, index = node.inputs
    follows = list(node.attrs["follows"])
    if op_definition(x.op).kind != "elementwise":
        return None
    kept = [f for f in follows if f >= 0]
    others = [a for a in range(len(node.shape)) if a not in kept]
    if kept != sorted(kept) or any(node.shape[a] != 1 for a in others):
        return None
    axis = follows.index(-1)
    column = [index.shape[a] for a in kept]
    column.insert(axis, 1)
    labels = builder.make("reshape", [index], shape=tuple(column))
    fill = node.attrs.get("fill")
    other = builder.constant(outside(DTYPES[x.dtype]) if fill is None else fill, x.dtype)
    if not cores and x.shape[axis] < SHORTEST and _reduced_too(x, axis):
        summed = _summed(builder, x, labels, axis, other)
        return builder.make("reshape", [summed], shape=node.shape)
    value = _picked(builder, x, labels, x.shape, axis, other)
    return None if value is None else builder.make("reshape", [value], shape=node.shape)


def _reduced_too(node: Node, axis: int) -> bool:
    """Whether ``node``, elementwise, is made of a reduction along ``axis``, counted from the
    front, of what is as long."""
    stack, seen = [node], {node.id}
    while stack:
        current = stack.pop()
        kind = op_definition(current.op).kind
        if kind == "reduction":
            whole = current.inputs[0]
            if axis in current.attrs["axes"] and whole.shape == node.shape:
                return True
        elif kind == "elementwise" or current.op == "expand":
            new = [n for n in current.inputs if n.id not in seen]
            seen |= {n.id for n in new}
            stack += new
    return False


def _summed(builder: Builder, x: Node, labels: Node, axis: int, other: Node) -> Node:
    """``x`` at the labels along ``axis``, which stays with one element, as the sum of a row of
    which all other elements count for nothing; ``other`` where a label is no index."""
    low = builder.ge(labels, builder.constant(0, labels.dtype))
    high = builder.lt(labels, builder.constant(x.shape[axis], labels.dtype))
    line = tuple(n if a == axis else 1 for a, n in enumerate(x.shape))
    place = builder.make("iota", [], shape=line, axis=axis, dtype="int32")
    hit = builder.eq(place, builder.cast(labels, dtype="int32"))
    chosen = builder.where(hit, x, builder.constant(0, x.dtype))
    value = builder.make("sum", [chosen], axes=(axis,), keepdims=True)
    if value.dtype != x.dtype:
        value = builder.make("cast", [value], dtype=x.dtype)
    return builder.where(builder.logical_and(low, high), value, other)


def _picked(
    builder: Builder, values: Node, labels: Node, shape: Sequence[int], axis: int, other: Node
) -> Node | None:
    """``values``, broadcast to ``shape``, at the labels along ``axis``, which stays with one
    element; ``other`` where a label is no index. None where ``values`` are not elementwise."""
    try:
        found = _Picker(builder, labels, axis - len(shape)).at(values)
    except _NotPicked:
        return None
    low = builder.ge(labels, builder.constant(0, labels.dtype))
    high = builder.lt(labels, builder.constant(shape[axis], labels.dtype))
    value = builder.where(builder.logical_and(low, high), found, other)
    line = tuple(1 if a == axis else n for a, n in enumerate(shape))
    return value if value.shape == line else builder.make("expand", [value], shape=line)


def _is_zero(node: Node) -> bool:
    return node.op == "constant" and node.type.size == 1 and not node.attrs["value"].any()


def _labels(test: Node, rank: int, axis: int) -> Node | None:
    """What an iota along ``axis`` is compared with, if it is the same along the axis."""
    if test.op != "eq" or len(test.shape) != rank:
        return None
    for classes, labels in (test.inputs, test.inputs[::-1]):
        if classes.op != "iota" or len(classes.shape) != rank:
            continue
        if classes.attrs["axis"] == axis and len(labels.shape) == rank and labels.shape[axis] == 1:
            return labels
    return None


class _Picker:
    """``axis`` is counted from the end, as operands are aligned."""

    def __init__(self, builder: Builder, labels: Node, axis: int) -> None:
        self.builder, self.labels, self.axis = builder, labels, axis
        self.known: dict[int, Node] = {}

    def at(self, node: Node) -> Node:
        """``node`` where its index along the axis is the label."""
        if len(node.shape) < -self.axis or node.shape[self.axis] == 1:
            return node
        if node.id not in self.known:
            self.known[node.id] = self.made(node)
        return self.known[node.id]

    def made(self, node: Node) -> Node:
        if len(self.known) > MOST_OPS:
            raise _NotPicked
        kind = op_definition(node.op).kind
        if node.op == "iota":
            if node.attrs["axis"] - len(node.shape) != self.axis:
                raise _NotPicked
            return self.builder.make("cast", [self.labels], dtype=node.dtype)
        if node.op in ("input", "parameter", "constant") or kind == "call":
            return self.looked_up(node)
        if kind != "elementwise":
            raise _NotPicked
        return self.builder.make(node.op, [self.at(n) for n in node.inputs], **node.attrs)

    def looked_up(self, node: Node) -> Node:
        """A tensor's axes of one element take no part."""
        rank = len(self.labels.shape)
        first = rank - len(node.shape)
        kept = [a for a, n in enumerate(node.shape) if n != 1]
        shape = list(self.labels.shape)
        for a in kept:
            if a + first != rank + self.axis:
                shape[a + first] = node.shape[a]
        follows = tuple(-1 if a + first == rank + self.axis else a + first for a in kept)
        if len(kept) != len(node.shape):
            node = self.builder.make("reshape", [node], shape=tuple(node.shape[a] for a in kept))
        return self.builder.make(
            "lookup", [node, self.labels], shape=tuple(shape), follows=follows, fill=0
        )
