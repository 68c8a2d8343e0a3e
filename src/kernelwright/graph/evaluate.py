"""A Graph run in NumPy: in its own dtypes, or in float64 as the golden truth."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import DTYPES, Graph, Node, is_float
from kernelwright.graph.ops import op_definition

# A framework op by its target: (arrays, attrs) -> its output, or all outputs when it has several.
Calls = Mapping[
    str, Callable[[Sequence[np.ndarray], Mapping[str, Any]], "np.ndarray | Sequence[np.ndarray]"]
]


def evaluate(
    graph: Graph,
    inputs: Sequence[np.ndarray],
    parameters: Mapping[str, np.ndarray],
    *,
    float64: bool = False,
    calls: Calls | None = None,
) -> list[np.ndarray]:
    """The outputs of ``graph``, each a new contiguous array.

    ``inputs`` are all arguments of the call in order (an "input" node names its place by index);
    ``parameters`` maps state-dict names to arrays. With ``float64`` every float input, parameter
    and constant is widened, a cast to a float dtype stays in float64, and scalar constants take
    their unrounded values; integers and booleans are computed as they are. ``calls`` gives meaning
    to "call" nodes.

    Raises ValueError when an array's shape or dtype is not the node's, CaptureError for a "call"
    without a meaning.
    """
    run = _Run(inputs, parameters, float64, calls or {})
    nodes = graph.nodes()
    uses = Counter(operand.id for node in nodes for operand in node.inputs)
    uses.update(node.id for node in graph.outputs)
    for node in nodes:
        run.values[node.id] = run.value(node)
        for operand in node.inputs:
            uses[operand.id] -= 1
            if not uses[operand.id]:  # a big Graph must not hold every intermediate
                run.values.pop(operand.id, None)
    return [np.array(run.values[node.id], order="C") for node in graph.outputs]


class _Run:
    def __init__(
        self,
        inputs: Sequence[np.ndarray],
        parameters: Mapping[str, np.ndarray],
        float64: bool,
        calls: Calls,
    ) -> None:
        self.inputs, self.parameters = inputs, parameters
        self.float64, self.calls = float64, calls
        self.values: dict[int, np.ndarray] = {}
        self.called: dict[str, Sequence[np.ndarray]] = {}

    def value(self, node: Node) -> np.ndarray:
        if node.op == "input":
            return self._leaf(node, self.inputs[node.attrs["index"]])
        if node.op == "parameter":
            return self._leaf(node, self.parameters[node.attrs["name"]])
        if node.op == "constant":
            if self.float64 and "exact" in node.attrs:
                return np.asarray(node.attrs["exact"], np.float64)
            return self._widened(node.attrs["value"])
        operands = [self.values[operand.id] for operand in node.inputs]
        if node.op == "call" and node.attrs["target"] in self.calls:
            return self._call(node, operands)
        attrs = node.attrs
        if self.float64 and is_float(attrs.get("dtype", "")):
            attrs = {**attrs, "dtype": "float64"}
        return op_definition(node.op).meaning(*operands, **attrs)

    def _widened(self, array: np.ndarray) -> np.ndarray:
        if self.float64 and (array.dtype.kind == "f" or array.dtype == DTYPES["bfloat16"]):
            return array.astype(np.float64)
        return array

    def _leaf(self, node: Node, value: Any) -> np.ndarray:
        array = np.asarray(value)
        right_dtype = array.dtype == DTYPES[node.dtype] or (
            self.float64 and is_float(node.dtype) and array.dtype == np.float64
        )
        if array.shape != node.shape or not right_dtype:
            raise ValueError(
                f"{node.op} {node.attrs['name']!r} is {node.type}, "
                f"but the array given is {array.dtype}{list(array.shape)}"
            )
        return self._widened(array)

    def _call(self, node: Node, operands: Sequence[np.ndarray]) -> np.ndarray:
        """Runs a framework op once for all nodes that are outputs of the same call."""
        ids = [operand.id for operand in node.inputs]
        key = json.dumps([node.attrs["target"], ids, node.attrs["arguments"]], default=str)
        if key not in self.called:
            result = self.calls[node.attrs["target"]](operands, node.attrs)
            self.called[key] = [result] if isinstance(result, np.ndarray) else list(result)
        return np.asarray(self.called[key][node.attrs["output_index"]])
