"""Vectors that depend on positions alone, computed when the kernel is designed: it then loads them
instead of repeating the arithmetic at every element."""

from __future__ import annotations

import dataclasses

import numpy as np

from kernelwright.graph.core import DTYPES, Builder, Graph, Node
from kernelwright.graph.ops import op_definition

LONGEST = 1 << 16  # elements of a table
COST = 24  # operations an element above which a vector of floats is a table wherever it is used


def with_tables(graph: Graph) -> Graph:
    """``graph`` with constants for the indices of lookups, and for dear vectors of floats, that
    depend on positions alone. Right for these sizes only: not for a Graph that stands for more."""
    nodes = graph.nodes()
    cost: dict[int, float] = {}  # of the nodes that depend on positions alone
    for node in nodes:
        if _of_positions(node) and all(n.id in cost for n in node.inputs):
            own = op_definition(node.op).work if node.op != "constant" else 0.0
            cost[node.id] = own + sum(cost[n.id] for n in node.inputs)
    indices = {n.id for node in nodes if node.op == "lookup" for n in node.inputs[1:]}
    wanted = {
        n.id
        for n in nodes
        if n.id in cost and n.op != "constant" and n.type.size > 1
        and (n.id in indices or (cost[n.id] > COST and n.dtype in ("float32", "float64")))
    }  # fmt: skip
    if not wanted:
        return graph
    builder, values = Builder(), dict[int, np.ndarray]()
    new: dict[int, Node] = {}
    for node in nodes:
        operands = tuple(new[n.id] for n in node.inputs)
        new[node.id] = node
        if node.id in cost:
            values[node.id] = _value(node, [values[n.id] for n in node.inputs])
        if node.id in wanted:
            new[node.id] = builder.constant(values[node.id], node.dtype)
        elif operands != node.inputs:
            new[node.id] = Node(node.op, operands, node.attrs, node.type)
    return dataclasses.replace(graph, outputs=[new[n.id] for n in graph.outputs])


def _of_positions(node: Node) -> bool:
    """Whether ``node`` is a number or a vector, along whatever axis, that its operands decide."""
    if node.type.size > LONGEST or sum(n != 1 for n in node.shape) > 1:
        return False
    kind = op_definition(node.op).kind
    return node.op in ("constant", "iota") or (
        kind in ("elementwise", "view") and bool(node.inputs)
    )


def _value(node: Node, operands: list[np.ndarray]) -> np.ndarray:
    """What it holds, in its own dtype as a kernel would compute it."""
    if node.op == "constant":
        return np.asarray(node.attrs["value"])
    with np.errstate(all="ignore"):
        found = op_definition(node.op).meaning(*operands, **node.attrs)
    return np.ascontiguousarray(found, DTYPES[node.dtype]).reshape(node.shape)
