"""Biases of convolutions added after the pooling that follows, not to every place that it reads.

With b one number a channel, max(x + b, y + b) = max(x, y) + b, rounded or not, and
(x + b) + (y + b) = (x + y) + 2 b. What is left of a pool of 16 places is one addition, and windows
that lie directly on the convolution's result.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from kernelwright.graph.core import Builder, Graph, Node
from kernelwright.graph.ops.window import inside


@dataclass(frozen=True)
class Biased:
    """``value + times * row``."""

    value: Node
    row: Node
    times: float = 1.0


def late_biases(graph: Graph) -> Graph:
    """``graph`` with these additions where nothing can be done without them."""
    builder, new = Builder(), dict[int, Node]()
    pending: dict[int, Biased] = {}
    for node in graph.nodes():
        operands = tuple(new[n.id] for n in node.inputs)
        now = node if operands == node.inputs else Node(node.op, operands, node.attrs, node.type)
        known = [pending.get(n.id) for n in node.inputs]
        found = _carried(builder, node, operands, known)
        if found is not None:
            pending[node.id] = found
            now = _added(builder, found)
        elif _adds_bias(node):
            pending[node.id] = Biased(operands[0], operands[1])
        new[node.id] = now
    return dataclasses.replace(graph, outputs=[new[n.id] for n in graph.outputs])


def _adds_bias(node: Node) -> bool:
    """Whether this is what ``convolutions`` makes of a bias: one number a channel."""
    if node.op != "add" or node.dtype != "float32":
        return False
    x, row = node.inputs
    made = x.inputs[0] if x.op == "transpose" else x
    channels = (node.shape[1], *(1,) * (len(node.shape) - 2)) if len(node.shape) > 2 else ()
    return made.op == "call" and row.op == "reshape" and row.shape == channels


def _added(builder: Builder, found: Biased) -> Node:
    row = found.row
    if found.times != 1.0:
        row = builder.mul(row, builder.constant(found.times, row.dtype))
    return builder.add(found.value, row)


def _carried(
    builder: Builder, node: Node, operands: tuple[Node, ...], known: list[Biased | None]
) -> Biased | None:
    first = known[0] if known else None
    if first is None:
        return None
    if node.op == "window":
        return _windowed(builder, node, first)
    if node.op in ("div", "mul") and operands[1].op == "constant" and not operands[1].shape:
        factor = float(operands[1].attrs["value"])
        if not math.isfinite(factor) or not factor:
            return None
        times = first.times / factor if node.op == "div" else first.times * factor
        return Biased(builder.make(node.op, [first.value, operands[1]]), first.row, times)
    second = known[1] if len(known) == 2 else None
    if second is None or first.row is not second.row or first.value.shape != second.value.shape:
        return None
    made = builder.make(node.op, [first.value, second.value]) if node.op in _PAIRS else None
    if made is None or (node.op != "add" and first.times != second.times):
        return None
    times = first.times + second.times if node.op == "add" else first.times
    return Biased(made, first.row, times)


_PAIRS = ("add", "maximum", "minimum")


def _windowed(builder: Builder, node: Node, found: Biased) -> Biased | None:
    """A window along the places; what it reads outside must stay what it is with the bias."""
    attrs, x = node.attrs, node.inputs[0]
    whole = attrs["starts"][1] == 0 and attrs["steps"][1] == 1 and node.shape[1] == x.shape[1]
    axes = zip(attrs["starts"], attrs["steps"], node.shape, x.shape)
    within = all(inside(start, step, n, size) == (0, n) for start, step, n, size in axes)
    if not whole or not (within or math.isinf(attrs["value"])):
        return None
    return Biased(builder.make("window", [found.value], **attrs), found.row, found.times)
