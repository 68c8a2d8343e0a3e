"""What can be said of a node's values from those of its operands, whatever the inputs are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from kernelwright.graph.core import DTYPES, Node, is_float, walk
from kernelwright.graph.ops import interval_of, op_definition

EVERYTHING = (-math.inf, math.inf)
Interval = tuple[float, float]


def uniform_value(node: Node, operands: Sequence[float | None]) -> float | None:
    """The number that every element of ``node`` holds, when each operand holds one number; None
    where that is unknown, or NaN. ``operands`` are in the order of ``node.inputs``."""
    if node.op == "constant":
        return _of_constant(node)
    if not node.inputs or any(value is None for value in operands):
        return None
    definition = op_definition(node.op)
    if definition.kind == "view":
        return operands[0]
    if definition.kind != "elementwise":
        return None
    arrays = [
        np.asarray(v, np.float64 if is_float(n.dtype) else DTYPES[n.dtype])
        for v, n in zip(operands, node.inputs)
    ]
    attrs = node.attrs
    if is_float(attrs.get("dtype", "")):
        attrs = {**attrs, "dtype": "float64"}
    with np.errstate(all="ignore"):
        return _number(definition.meaning(*arrays, **attrs))


def _of_constant(node: Node) -> float | None:
    if "exact" in node.attrs:
        return _number(np.asarray(node.attrs["exact"]))
    flat = node.attrs["value"].reshape(-1)
    if not flat.size or not bool((flat == flat[0]).all()):
        return None
    return _number(flat[0])


def _number(value: np.ndarray) -> float | None:
    """Integers stay Python ints, so that none is rounded."""
    found = np.asarray(value).item()
    found = found if isinstance(found, int) else float(found)
    return None if isinstance(found, float) and math.isnan(found) else found


def interval(node: Node, operands: Sequence[Interval]) -> Interval:
    """(least, largest) value of ``node``'s elements that are not NaN; infinite where unknown."""
    if node.op == "constant":
        value = node.attrs["value"]
        if not value.size or value.dtype == np.bool_:
            return EVERYTHING
        wide = value.astype(np.float64)
        return EVERYTHING if np.isnan(wide).any() else (float(wide.min()), float(wide.max()))
    if not node.inputs or not is_float(node.dtype):  # integers wrap
        return EVERYTHING
    found = interval_of(node.op)
    if found is not None:
        low, high = found(operands, node)
        return EVERYTHING if math.isnan(low) or math.isnan(high) else (low, high)
    definition = op_definition(node.op)
    same = definition.kind == "view" or (node.op == "cast" and is_float(node.inputs[0].dtype))
    return operands[0] if same else EVERYTHING


class NodeFacts:
    """``rules.Facts`` of plain nodes: a node is the only form of its value."""

    def __init__(self) -> None:
        self._uniform: dict[int, float | None] = {}
        self._interval: dict[int, Interval] = {}
        self._parameter_only: dict[int, bool] = {}

    def _look_at(self, root: Node) -> None:
        for node in list(walk([root], known=self._uniform)):
            if node.id in self._uniform:
                continue
            self._uniform[node.id] = uniform_value(node, [self._uniform[n.id] for n in node.inputs])
            self._interval[node.id] = interval(node, [self._interval[n.id] for n in node.inputs])
            known = all(self._parameter_only[n.id] for n in node.inputs)
            self._parameter_only[node.id] = known and node.op != "input"

    def uniform(self, node: Node) -> float | None:
        """See ``Facts``."""
        self._look_at(node)
        return self._uniform[node.id]

    def interval(self, node: Node) -> Interval:
        """See ``Facts``."""
        self._look_at(node)
        return self._interval[node.id]

    def parameter_only(self, node: Node) -> bool:
        """See ``Facts``."""
        self._look_at(node)
        return self._parameter_only[node.id]

    def forms(self, node: Node) -> tuple[Node, ...]:
        """See ``Facts``."""
        return (node,)
