"""An info file as a reference: the NumPy meaning of its Graph, and inputs for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.errors import CaptureError, ReferenceBroken
from kernelwright.frameworks._base import LoadedModel, RunResult, StateEntry, Value
from kernelwright.frameworks.graphkernel import domains
from kernelwright.frameworks.graphkernel.build import Built, build
from kernelwright.frameworks.graphkernel.faults import CHECK
from kernelwright.frameworks.graphkernel.free_sizes import shape_sets
from kernelwright.frameworks.graphkernel.info import Info, is_complex
from kernelwright.frameworks.graphkernel.parse import parse
from kernelwright.frameworks.graphkernel.sizes import WrongSizes
from kernelwright.frameworks.numpy import relayout
from kernelwright.graph.core import DTYPES, Graph, is_float
from kernelwright.graph.evaluate import evaluate


class GraphKernelModel:
    """A LoadedModel. The kernel is a function of its inputs in the file's order; a complex tensor
    is a float one with a last axis of two, the real and the imaginary part. It gives its outputs in
    order without those that are fake; a kernel with fake outputs alone gives the inputs that it
    writes to."""

    init_inputs: list[Any] = []

    def __init__(self, source: str, path: str) -> None:
        self.path = path
        self.info: Info = parse(source, path)
        self._built: dict[tuple[tuple[int, ...], ...], Built] = {}
        self._sets = shape_sets(self.info, self._build)
        self._laws: dict[int, str] | None = None

    # ---- inputs ------------------------------------------------------------------------------

    def make_inputs(self, seed: int) -> list[Value]:
        """See LoadedModel."""
        return self._values(self._sets[0], np.random.default_rng(seed))

    def dynamic_inputs(self, seed: int) -> list[list[Value]]:
        """Inputs of other sizes, for a file with free ones."""
        if not self.info.dynamic:
            return []
        rng = np.random.default_rng(seed)
        return [self._values(shapes, rng) for shapes in self._sets]

    def _values(
        self, shapes: Sequence[tuple[int, ...]], rng: np.random.Generator
    ) -> list[np.ndarray]:
        built = self._build(shapes)
        if self._laws is None:
            self._laws = domains.laws(built.graph)
        return [
            _rising(node.shape, node.dtype, rng, built.rises[i])
            if i in built.rises
            else _drawn(node.shape, node.dtype, rng, self._laws.get(i), built.holds.get(i))
            for i, node in enumerate(built.graph.inputs)
        ]

    # ---- the Graph ---------------------------------------------------------------------------

    def _build(self, shapes: Sequence[tuple[int, ...]]) -> Built:
        key = tuple(shapes)
        if key not in self._built:
            self._built[key] = build(self.info, key)
        return self._built[key]

    def _of(self, inputs: Sequence[Value]) -> Graph:
        """The Graph for these inputs. Raises ReferenceBroken where the file does not take them."""
        tensors = self.info.inputs
        if len(inputs) != len(tensors):
            said = f"the kernel takes {len(tensors)} inputs, not {len(inputs)}"
            raise ReferenceBroken(f"{self.path}: {said}", check=CHECK)
        shapes = [
            np.shape(v)[:-1] if is_complex(t.dtype) else np.shape(v)
            for v, t in zip(inputs, tensors)
        ]
        try:
            return self._build(shapes).graph
        except WrongSizes as error:
            raise ReferenceBroken(f"{self.path}: {error}", check=CHECK) from error

    def capture(self, inputs: Sequence[Value]) -> Graph:
        """See LoadedModel."""
        try:
            return self._of(inputs)
        except ReferenceBroken as error:
            raise CaptureError(str(error)) from error

    # ---- running -----------------------------------------------------------------------------

    def run(self, inputs: Sequence[Value], layout: str = "as_given") -> RunResult:
        """See LoadedModel; op by op, each in the dtype that the file gives it."""
        graph = self._of(inputs)
        values = evaluate(graph, [relayout(v, layout) for v in inputs], {})
        count = len(values) - len(graph.writes)
        return RunResult(
            values[:count], graph.structure, dict(zip(graph.writes, values[count:])),
            aliased(graph),
        )  # fmt: skip

    def truth(self, inputs: Sequence[Value], written: Sequence[int] = ()) -> list[np.ndarray]:
        """See LoadedModel."""
        graph = self._of(inputs)
        values = evaluate(graph, list(inputs), {}, float64=True)
        count = len(values) - len(graph.writes)
        after = dict(zip(graph.writes, values[count:]))
        rest = [after[i] if i in after else _widened(inputs[i]) for i in written]
        return [*values[:count], *rest]

    def with_state(self, state: Sequence[StateEntry]) -> LoadedModel:
        return self

    def state(self) -> list[StateEntry]:
        return []

    def written_state(self, inputs: Sequence[Value]) -> list[str]:
        return []

    def native_call(self, device: str) -> Callable[..., Any]:
        """See LoadedModel; the written inputs are changed where they lie."""

        def call(*inputs: np.ndarray) -> Any:
            graph = self._of(inputs)
            values = evaluate(graph, list(inputs), {})
            count = len(values) - len(graph.writes)
            for place, value in zip(graph.writes, values[count:]):
                np.copyto(inputs[place], value)
            return values[0] if graph.structure == "tensor" else tuple(values[:count])

        return call


def aliased(graph: Graph) -> tuple[int, ...]:
    """The outputs that are what a written input holds afterwards, and so may be that input."""
    after = {n.id for n in graph.outputs[len(graph.outputs) - len(graph.writes) :]}
    count = len(graph.outputs) - len(graph.writes)
    return tuple(i for i, n in enumerate(graph.outputs[:count]) if n.id in after)


def _drawn(
    shape: tuple[int, ...], dtype: str, rng: np.random.Generator, law: str | None,
    held: tuple[int, int] | None,
) -> np.ndarray:  # fmt: skip
    kind = DTYPES[dtype]
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if is_float(dtype):
        return domains.LAWS[law or "normal"](rng, shape).astype(kind)
    low, high = held if held is not None else (0 if dtype == "uint8" else -8, 9)
    limits: Mapping[str, int] = {"int8": 128, "uint8": 256, "int16": 1 << 15}
    return rng.integers(low, max(low + 1, min(high, limits.get(dtype, high))), shape).astype(kind)


def _rising(shape: tuple[int, ...], dtype: str, rng: np.random.Generator, last: int) -> np.ndarray:
    """Integers that rise from 0 to ``last``, as the starts of rows do."""
    (count,) = shape
    inner = np.sort(rng.integers(0, last + 1, max(0, count - 2)))
    return np.concatenate([[0], inner, [last]])[:count].astype(DTYPES[dtype])


def _widened(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array.astype(np.float64) if is_float(_name(array)) else array.copy()


def _name(array: np.ndarray) -> str:
    return next((name for name, kind in DTYPES.items() if kind == array.dtype), "")
