"""Composites expanded until only primitives remain, equal nodes shared, dead nodes gone."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import Builder, Graph, Node, walk
from kernelwright.graph.ops import op_definition
from kernelwright.graph.simplify import simplify


def decompose(graph: Graph) -> Graph:
    """The same computation in primitive ops (no node of kind "composite"), simplified: scalar
    arithmetic on constants done, casts, reshapes and transposes that undo each other gone, equal
    nodes merged. ``inputs`` and ``parameters`` are the same nodes, also unused ones.
    """
    rewriter = _Rewriter()
    outputs = [rewriter.canonical(node) for node in graph.outputs]
    return dataclasses.replace(graph, outputs=outputs)


class _Rewriter:
    def __init__(self) -> None:
        self.builder = Builder()
        # Node id -> the one node that stands for its value; that node maps to itself.
        self.result: dict[int, Node] = {}
        self.interned: dict[tuple[Any, ...], Node] = {}

    def canonical(self, root: Node) -> Node:
        """The simplified primitive form of ``root``. Nests only as deep as composites do."""
        for node in list(walk([root], known=self.result)):
            operands = [self.result[operand.id] for operand in node.inputs]
            found = self._rewritten(node, operands)
            self.result[node.id] = found
        return self.result[root.id]

    def _rewritten(self, node: Node, operands: Sequence[Node]) -> Node:
        if node.op in ("input", "parameter"):
            return self._interned(node, str(node.id))
        definition = op_definition(node.op)
        if definition.decompose is not None:
            return self.canonical(definition.decompose(self.builder, operands, node.attrs))
        simpler = simplify(self.builder, node.op, operands, node.attrs)
        if simpler is not None:
            return self.canonical(simpler)
        if all(a is b for a, b in zip(operands, node.inputs)):
            return self._interned(node, frozen(node.attrs))
        rebuilt = Node(node.op, tuple(operands), dict(node.attrs), node.type)
        return self._interned(rebuilt, frozen(node.attrs))

    def _interned(self, node: Node, identity: str) -> Node:
        operands = tuple(operand.id for operand in node.inputs)
        key = (node.op, operands, str(node.type), identity)
        found = self.interned.setdefault(key, node)
        self.result[found.id] = found
        return found


def frozen(attrs: Mapping[str, Any]) -> str:
    """Text that is equal for equal attributes only: floats by repr (0.0 is not -0.0, 1 is not 1.0),
    arrays by a hash of their bytes."""
    return repr([(key, _frozen_value(attrs[key])) for key in sorted(attrs)])


def _frozen_value(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, hashlib.sha256(value.tobytes()).hexdigest())
    if isinstance(value, Mapping):
        return frozen(value)
    if isinstance(value, list | tuple):
        return (type(value).__name__, [_frozen_value(v) for v in value])
    return value
