"""What the reference's captured Graph lets the judge ask beyond the error rule: which indices are
as good as the reference's (``verify.rule.ties``), and which outputs must be equal bit for bit
(``verify.rule.exactness``). A Model that cannot be captured is judged without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.errors import KernelwrightError
from kernelwright.frameworks._base import StateEntry
from kernelwright.graph.core import Graph
from kernelwright.verify.reference.process import ReferenceProcess
from kernelwright.verify.rule.compare import Outputs, is_inexact
from kernelwright.verify.rule.exactness import exact_outputs
from kernelwright.verify.rule.ties import IndexOutputs, Tie

_PRODUCT_SUMS = ("matmul", "linear", "call")


class GraphRules:
    """Captures at first need, once for inputs of the same shapes."""

    def __init__(self, reference: ReferenceProcess) -> None:
        self._reference = reference
        self._graphs: dict[str, Graph | None] = {}
        self._indices: dict[int, IndexOutputs] = {}

    def ties(
        self,
        inputs: Sequence[Any],
        state: Sequence[StateEntry],
        truths: Sequence[np.ndarray],
        reference: Outputs,
    ) -> Mapping[int, Tie]:
        """See ``IndexOutputs.ties``; {} for a task without integer outputs."""
        if not any(array.dtype.kind in "iu" for array in reference.arrays):
            return {}
        graph = self._graph(inputs)
        if graph is None:
            return {}
        found = self._indices.setdefault(id(graph), IndexOutputs.of(graph))
        if not found:
            return {}
        calls = self._reference.calls(graph)
        return found.ties(inputs, _by_name(state), calls, truths, reference)

    def exact(
        self,
        inputs: Sequence[Any],
        state: Sequence[StateEntry],
        truths: Sequence[np.ndarray],
        reference: Outputs,
    ) -> frozenset[int]:
        """See ``exact_outputs``; nothing is captured where the reference itself has rounded."""
        if not any(_is_rounded_truth(t, r) for t, r in zip(truths, reference.arrays)):
            return frozenset()
        graph = self._graph(inputs)
        return frozenset() if graph is None else exact_outputs(graph, inputs, _by_name(state))

    def multiplies_out(self, inputs: Sequence[Any]) -> bool:
        """Whether products are summed on the way, or nobody knows: where a factor is zero, a NaN or
        an infinity in the other spreads by the algorithm and not by the mathematics."""
        graph = self._graph(inputs)
        return graph is None or any(node.op in _PRODUCT_SUMS for node in graph.nodes())

    def _graph(self, inputs: Sequence[Any]) -> Graph | None:
        key = repr([(v.shape, str(v.dtype)) if isinstance(v, np.ndarray) else v for v in inputs])
        if key not in self._graphs:
            try:
                self._graphs[key] = self._reference.capture(inputs)
            except KernelwrightError:
                self._graphs[key] = None
        return self._graphs[key]


def _by_name(state: Sequence[StateEntry]) -> dict[str, np.ndarray]:
    return {entry.name: entry.array for entry in state}


def _is_rounded_truth(truth: np.ndarray, reference: np.ndarray) -> bool:
    if not is_inexact(reference.dtype) or truth.shape != reference.shape:
        return False
    if reference.dtype == truth.dtype:  # float64 is its own truth
        return True
    with np.errstate(all="ignore"):
        return bool((truth.astype(reference.dtype) == reference).all())
