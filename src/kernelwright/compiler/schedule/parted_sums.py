"""Sums over places and over the channels of a group, where the channels lie side by side.

Between what such a sum folds lie the other groups: it would read pieces of a few channels. First
over the places, channel by channel, whole runs of memory are read; what is left is small. Squared
differences from the mean come apart the same way:

    sum over c, p of (x - m)**2 = sum over c of (sum over p of (x - m_c)**2 + P (m_c - m)**2)

with m_c the mean of channel c over its P places (T. F. Chan, G. H. Golub and R. J. LeVeque,
"Updating formulae and a pairwise algorithm for computing sample variances", 1979).
"""

from __future__ import annotations

import dataclasses
import math

from kernelwright.graph.core import Builder, Graph, Node, is_float

Axes = tuple[int, ...]
FEWEST = 1 << 10  # elements of a channel that are worth a pass of their own


def in_two_steps(graph: Graph) -> Graph:
    """``graph`` with these sums in two steps."""
    builder, new = Builder(), dict[int, Node]()
    for node in graph.nodes():
        operands = tuple(new[n.id] for n in node.inputs)
        now = node if operands == node.inputs else Node(node.op, operands, node.attrs, node.type)
        made = _parted(builder, now)
        if made is not None and made.shape != node.shape:
            made = builder.reshape(made, shape=node.shape)
        new[node.id] = made or now
    return dataclasses.replace(graph, outputs=[new[n.id] for n in graph.outputs])


def _parted(builder: Builder, node: Node) -> Node | None:
    parts = parts_of(node)
    if parts is None or not is_float(node.dtype):
        return None
    first, last = parts
    (x,) = node.inputs
    centred = _centred(node)
    if centred is None:
        inner = builder.sum(x, axes=first, keepdims=True)
        return builder.sum(inner, axes=last, keepdims=True)
    value, mean = centred
    places = float(math.prod(value.shape[a] for a in first))
    count = builder.constant(places, value.dtype)
    own = builder.div(builder.sum(value, axes=first, keepdims=True), count)
    spread = builder.sum(builder.square(builder.sub(value, own)), axes=first, keepdims=True)
    apart = builder.mul(builder.square(builder.sub(own, mean)), count)
    return builder.sum(builder.add(spread, apart), axes=last, keepdims=True)


def parts_of(node: Node) -> tuple[Axes, Axes] | None:
    """(the axes that a sum folds first, those at the end) if elements that are kept lie between."""
    if node.op != "sum":
        return None
    shape, axes = node.inputs[0].shape, node.attrs["axes"]
    real = [a for a in range(len(shape)) if shape[a] > 1]
    last: list[int] = []
    while real and real[-1] in axes:
        last.insert(0, real.pop())
    first = tuple(a for a in axes if a not in last)
    folded = math.prod(shape[a] for a in first)
    between = [a for a in real if a not in axes and first and a > min(first)]
    if not last or not between or folded < FEWEST:
        return None
    return first, tuple(last)


def _centred(node: Node) -> tuple[Node, Node] | None:
    """(value, mean) if ``node`` is the sum of (value - mean)**2, the mean over the same axes."""
    (square,) = node.inputs
    if square.op != "square" or square.inputs[0].op != "sub":
        return None
    value, mean = square.inputs[0].inputs
    if mean.op != "div" or value.shape != square.shape or len(mean.shape) != len(value.shape):
        return None
    kept = [1 if a in node.attrs["axes"] else n for a, n in enumerate(value.shape)]
    return (value, mean) if list(mean.shape) == kept else None
