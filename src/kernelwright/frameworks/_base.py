"""What a framework plugin offers. The plugin runs inside child processes only; the main process
never imports torch or mindspore.

Arrays cross every border as NumPy arrays (bfloat16 as ``ml_dtypes.bfloat16``). "Native" means the
framework's own tensor on a device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
    """``outputs`` flattened in order; ``structure`` as in ``graph.structure``. Of a reference also:
    ``written``, the inputs that the call changed, by position, with their values after it,
    and ``aliased``, the outputs that share memory with an input."""

    outputs: list[np.ndarray]
    structure: str
    written: Mapping[int, np.ndarray] = field(default_factory=dict)
    aliased: tuple[int, ...] = ()


# For ``poison``: so many blocks of a size, as far as they hold no more than so many bytes.
POISON_BLOCKS, POISON_BYTES = 3, 256 << 20

LAYOUTS = ("as_given", "misaligned", "non_contiguous")


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

    def dynamic_inputs(self, seed: int) -> list[list[Value]]:
        """``get_inputs_dyn_list()``: input sets of other sizes that the operator must take as well;
        [] when the file declares none."""

    def run(self, inputs: Sequence[Value], layout: str = "as_given") -> RunResult:
        """The framework's own result in its own dtypes (eager, default settings, as written) for
        inputs laid out as ``layout`` (see ``Framework.relayout``) says."""

    def truth(self, inputs: Sequence[Value], written: Sequence[int] = ()) -> list[np.ndarray]:
        """The outputs of the same computation with every float tensor and weight cast to float64;
        integer and boolean outputs exact. After them the values of the ``written`` inputs."""

    def with_state(self, state: Sequence[StateEntry]) -> LoadedModel:
        """The same Model with other weights and buffers; this one stays as it is."""

    def state(self) -> list[StateEntry]:
        """Weights by value, in state-dict order."""

    def written_state(self, inputs: Sequence[Value]) -> list[str]:
        """The names of the weights and buffers that one call changes."""

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
    ``relayout(native, layout)`` gives the same elements in other memory: "misaligned" starts one
    element past an allocation's start, "non_contiguous" has gaps or another order of axes.
    ``shares_memory(output, given)`` says whether two native tensors overlap in memory.
    ``synchronize(device)`` waits for the device. ``set_threads(n)`` sets intra-op threads.
    ``poison(device, sizes)`` fills the memory that the allocator will most likely hand out next for
    blocks of ``sizes`` bytes with ones (NaN in every float dtype), so that a result which nobody
    wrote is none. ``policy()`` describes the settings that change the precision of results;
    ``pin(policy)`` restores them, the framework's defaults for {}.
    ``census(call, natives, device)`` makes the call a few times and names the framework's ops in it
    with the share of its time that each takes ({} where they cannot be seen).
    ``kernels_speak`` names the framework whose tensors kernels take, if it is another one.
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
    relayout: Callable[[Any, str], Any]
    shares_memory: Callable[[Any, Any], bool]
    synchronize: Callable[[str], None]
    set_threads: Callable[[int], None]
    poison: Callable[[str, Sequence[int]], None]
    policy: Callable[[], dict[str, Any]]
    pin: Callable[[Mapping[str, Any]], None]
    census: Callable[[Callable[..., Any], Sequence[Any], str], dict[str, float]]
    kernels_speak: str = ""

    @property
    def language(self) -> str:
        """The framework whose tensors kernels take."""
        return self.kernels_speak or self.name


class StateMismatch(Exception):
    """A candidate's parameter names, shapes or dtypes differ from the reference's."""
