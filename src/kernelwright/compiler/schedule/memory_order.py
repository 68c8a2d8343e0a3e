"""What is computed from a convolution with the channels last, written over axes in that order.

The planner reads from an op's axes how memory lies: a reduction over the last axes folds what is
side by side. A transpose right after a convolution would hide that, so it is carried on, past
elementwise ops, reductions, windows and reshapes, to where the other order is needed.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernelwright.graph.core import Builder, Graph, Node
from kernelwright.graph.ops import op_definition


@dataclass(frozen=True)
class Turned:
    """A node as ``transpose(inner, axes)``: axis i of the node is axis ``axes[i]`` of ``inner``."""

    inner: Node
    axes: tuple[int, ...]

    @property
    def order(self) -> tuple[int, ...]:
        """The node's axes in the order of ``inner``."""
        return inverse(self.axes)


def inverse(axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=lambda i: axes[i]))


def in_memory_order(graph: Graph) -> Graph:
    """``graph`` with the transposes of convolutions' results where they are needed."""
    builder, new = Builder(), dict[int, Node]()
    turned: dict[int, Turned] = {}  # by the id of a node of ``graph``
    for node in graph.nodes():
        operands = [new[n.id] for n in node.inputs]
        known = [turned.get(n.id) for n in node.inputs]
        found = _carried(builder, node, operands, known)
        if found is not None:
            turned[node.id] = found
            new[node.id] = builder.transpose(found.inner, axes=found.axes)
        elif tuple(operands) == node.inputs:
            new[node.id] = node
        else:
            new[node.id] = builder.make(node.op, operands, **node.attrs)
    return dataclasses.replace(graph, outputs=[new[n.id] for n in graph.outputs])


def _carried(
    builder: Builder, node: Node, operands: Sequence[Node], known: Sequence[Turned | None]
) -> Turned | None:
    """``node`` in the order of what it is computed from, if that is in another one and the op can
    be taken there. ``operands`` are its operands, ``known`` what they are transposes of."""
    if not node.inputs or not node.type.size:
        return None
    kind, first = op_definition(node.op).kind, known[0]
    if node.op == "transpose":
        if node.inputs[0].op == "call" and "result" in node.inputs[0].attrs["arguments"]:
            return Turned(operands[0], node.attrs["axes"])
        if first is None:
            return None
        return Turned(first.inner, tuple(first.axes[a] for a in node.attrs["axes"]))
    if kind == "elementwise":
        return _elementwise(builder, node, operands, known)
    if node.op == "concat":
        return _concat(builder, node, operands, known)
    if first is None:
        return None
    if kind == "reduction":
        return _reduced(builder, node, first)
    if node.op == "reshape":
        return _reshaped(builder, node, first)
    rewritten = _ATTRIBUTES.get("scan" if kind == "scan" else node.op)
    if rewritten is None or len(node.shape) != len(first.axes):
        return None
    attrs = {k: rewritten(k, v, first) for k, v in node.attrs.items()}
    return Turned(builder.make(node.op, [first.inner], **attrs), first.axes)


def _each(names: str) -> Callable[[str, Any, Turned], Any]:
    """Attributes called ``names`` have an entry an axis."""

    def rewritten(name: str, value: Any, turned: Turned) -> Any:
        return tuple(value[a] for a in turned.order) if name in names.split() else value

    return rewritten


def _axis(name: str, value: Any, turned: Turned) -> Any:
    if name == "axis":
        return turned.axes[value]
    return tuple(sorted(turned.axes[a] for a in value)) if name == "axes" else value


_ATTRIBUTES: Mapping[str, Callable[[str, Any, Turned], Any]] = {
    "window": _each("starts steps shape"),
    "slice": _each("starts stops steps"),
    "pad": _each("low high"),
    "expand": _each("shape"),
    "flip": _axis,
    "scan": _axis,
}


def _elementwise(
    builder: Builder, node: Node, operands: Sequence[Node], known: Sequence[Turned | None]
) -> Turned | None:
    """The order is that of the first operand that has the result's shape and another order."""
    lead = next((t for t, x in zip(known, operands) if t and x.shape == node.shape), None)
    if lead is None:
        return None
    inner = [_ordered(builder, x, t, lead) for x, t in zip(operands, known)]
    return Turned(builder.make(node.op, inner, **node.attrs), lead.axes)


def _ordered(builder: Builder, x: Node, known: Turned | None, lead: Turned) -> Node:
    """An operand that broadcasts, with its axes in the order of ``lead``."""
    if known is not None and known.axes == lead.axes:
        return known.inner
    rank = len(lead.axes)
    if not x.shape:
        return x
    whole = builder.reshape(x, shape=(*(1,) * (rank - len(x.shape)), *x.shape))
    return builder.transpose(whole, axes=lead.order)


def _concat(
    builder: Builder, node: Node, operands: Sequence[Node], known: Sequence[Turned | None]
) -> Turned | None:
    lead = next((t for t in known if t), None)
    if lead is None:
        return None
    inner = [_ordered(builder, x, t, lead) for x, t in zip(operands, known)]
    axis = lead.axes[node.attrs["axis"]]
    return Turned(builder.make("concat", inner, **{**node.attrs, "axis": axis}), lead.axes)


def _reduced(builder: Builder, node: Node, turned: Turned) -> Turned:
    axes = node.attrs["axes"]
    attrs = {**node.attrs, "axes": tuple(sorted(turned.axes[a] for a in axes))}
    made = builder.make(node.op, [turned.inner], **attrs)
    if node.attrs.get("keepdims", False):
        return Turned(made, turned.axes)
    left = [turned.axes[a] for a in range(len(turned.axes)) if a not in axes]
    return Turned(made, tuple(sorted(left).index(a) for a in left))


def _reshaped(builder: Builder, node: Node, turned: Turned) -> Turned | None:
    """Axes that are cut stay where they are; axes that become one must lie side by side."""
    order: list[int] = []  # axes of the result as memory has them
    at: dict[int, list[int]] = {}  # axis of inner -> the result's axes that begin there
    for old, made in matched(node.inputs[0].shape, node.shape):
        places = [turned.axes[a] for a in old if node.inputs[0].shape[a] != 1]
        if places != list(range(places[0], places[0] + len(places))) if places else False:
            return None
        at.setdefault(places[0] if places else len(turned.axes), []).extend(made)
    for place in sorted(at):
        order += at[place]
    inner = builder.reshape(turned.inner, shape=tuple(node.shape[a] for a in order))
    return Turned(inner, inverse(order))


def matched(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The least groups of axes (of ``old``, of ``new``) that hold the same elements."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        left, right = [i] if i < len(old) else [], [j] if j < len(new) else []
        i, j = i + len(left), j + len(right)
        while (a := math.prod(old[k] for k in left)) != (b := math.prod(new[k] for k in right)):
            if a < b:
                left.append(i)
                i += 1
            else:
                right.append(j)
                j += 1
        groups.append((left, right))
    return groups
