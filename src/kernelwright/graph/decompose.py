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

    One rule is algebra rather than identity: ``diag(a) @ b`` becomes ``a[:, None] * b`` and
    ``b @ diag(a)`` becomes ``b * a``. It drops the ``0 * inf`` terms that a full product would turn
    into NaN; a note on the Graph says so.
    """
    rewriter = _Rewriter()
    outputs = [rewriter.canonical(node) for node in graph.outputs]
    notes = graph.notes + [n for n in rewriter.notes if n not in graph.notes]
    assumes = [*graph.assumes, *("finite_inputs" for _ in rewriter.notes[:1])]
    return dataclasses.replace(graph, outputs=outputs, notes=notes, assumes=assumes)


class _Rewriter:
    def __init__(self) -> None:
        self.builder = Builder()
        self.notes: list[str] = []
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
        special = self._diagonal_product(node, operands)
        if special is not None:
            return self.canonical(special)
        definition = op_definition(node.op)
        if definition.decompose is not None:
            return self.canonical(definition.decompose(self.builder, operands, node.attrs))
        simpler = simplify(self.builder, node.op, operands, node.attrs)
        if simpler is not None:
            return self.canonical(simpler)
        if all(a is b for a, b in zip(operands, node.inputs)):
            return self._interned(node, _frozen(node.attrs))
        rebuilt = Node(node.op, tuple(operands), dict(node.attrs), node.type)
        return self._interned(rebuilt, _frozen(node.attrs))

    def _interned(self, node: Node, identity: str) -> Node:
        operands = tuple(operand.id for operand in node.inputs)
        key = (node.op, operands, str(node.type), identity)
        found = self.interned.setdefault(key, node)
        self.result[found.id] = found
        return found

    def _diagonal_product(self, node: Node, operands: Sequence[Node]) -> Node | None:
        if node.op != "matmul":
            return None
        for side, factor in enumerate(node.inputs):
            if factor.op != "diag" or len(factor.inputs[0].shape) != 1:
                continue
            other = operands[1 - side]
            if factor.attrs.get("diagonal", 0) or len(other.shape) < 2:
                continue
            vector = self.result[factor.inputs[0].id]
            note = "diag(a) @ b is computed as a scaling of b: exact unless b holds NaN or Inf"
            if note not in self.notes:
                self.notes.append(note)
            if side == 0:
                vector = self.builder.reshape(vector, shape=(vector.shape[0], 1))
            return self.builder.mul(*((vector, other) if side == 0 else (other, vector)))
        return None


def _frozen(attrs: Mapping[str, Any]) -> str:
    """Text that is equal for equal attributes only: floats by repr (0.0 is not -0.0, 1 is not 1.0),
    arrays by a hash of their bytes."""
    return repr([(key, _frozen_value(attrs[key])) for key in sorted(attrs)])


def _frozen_value(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, hashlib.sha256(value.tobytes()).hexdigest())
    if isinstance(value, Mapping):
        return _frozen(value)
    if isinstance(value, list | tuple):
        return (type(value).__name__, [_frozen_value(v) for v in value])
    return value
