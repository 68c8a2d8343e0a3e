"""What a framework plugin offers. The plugin runs inside child processes only; the main process
never imports torch or mindspore.

Arrays cross every border as NumPy arrays (bfloat16 as ``ml_dtypes.bfloat16``). "Native" means the
framework's own tensor on a device.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from kernelwright.graph.core import Graph

Value = Any  # np.ndarray, int, float, bool or None: one positional argument of a call


@dataclass(frozen=True)
class StateEntry:
    """One parameter or buffer by its state-dict name."""

    name: str
    array: np.ndarray
    kind: str  # "parameter" | "buffer"


@dataclass(frozen=True)
class RunResult:
    """``outputs`` flattened in order; ``structure`` is "tensor", "tuple" or "list"."""

    outputs: list[np.ndarray]
    structure: str


class LoadedModel(Protocol):
    """A reference Model, constructed once, its weights fixed. Every method leaves the Model and the
    given arrays as they were. Faults of the task file raise ReferenceBroken with one clear message
    (what, in which file and line, what to do) and a ``check`` out of: syntax, module_raises,
    no_model, no_get_inputs, init_raises, inputs_raise, inputs_not_tensors, forward_raises,
    outputs_not_tensors.
    """

    init_inputs: list[Any]

    def make_inputs(self, seed: int) -> list[Value]:
        """``get_inputs()`` after seeding the framework's and NumPy's and Python's generators."""

    def run(self, inputs: Sequence[Value]) -> RunResult:
        """The framework's own result in its own dtypes (eager, default settings, as written)."""

    def truth(self, inputs: Sequence[Value]) -> list[np.ndarray]:
        """The same computation with every float tensor and weight cast to float64; integer and
        boolean outputs exact."""

    def state(self) -> list[StateEntry]:
        """Weights by value, in state-dict order."""

    def capture(self, inputs: Sequence[Value]) -> Graph:
        """The Graph for inputs of these shapes and dtypes; raises CaptureError when impossible."""

    def native_call(self, device: str) -> Callable[..., Any]:
        """The Model on ``device`` ("cpu", "cuda:0") as a callable on native tensors, for timing."""


@dataclass(frozen=True)
class Framework:
    """``package`` is what must be importable, ``extra`` the pip extra that brings it.

    ``load(source, path)`` gives a LoadedModel.
    ``load_candidate(entry, init_inputs, state, device)`` gives (callable on native values,
    prepare_us or None): constructs ModelNew(*init_inputs) (or takes ``kernel``), fills state by
    name strictly (raises ``StateMismatch``), calls ``prepare()`` once if there is one.
    ``to_native(array, device)``, ``to_numpy(tensor)`` and
    ``flatten(native result) -> (list of native tensors, structure)`` convert.
    ``synchronize(device)`` waits for the device. ``set_threads(n)`` sets intra-op threads.
    """

    name: str
    package: str
    extra: str
    load: Callable[[str, str], LoadedModel]
    load_candidate: Callable[
        [Path, Sequence[Any], Sequence[StateEntry], str], tuple[Callable[..., Any], float | None]
    ]
    to_native: Callable[[Value, str], Any]
    to_numpy: Callable[[Any], np.ndarray]
    flatten: Callable[[Any], tuple[list[Any], str]]
    synchronize: Callable[[str], None]
    set_threads: Callable[[int], None]


class StateMismatch(Exception):
    """A candidate's parameter names, shapes or dtypes differ from the reference's."""
