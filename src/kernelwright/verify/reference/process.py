"""The trusted side of the judge: a child process that holds the reference Model.

Not isolated, since the task file is the user's own, but apart: the parent never imports a
framework, and a Model that never ends or crashes takes nothing down with it.
"""

from __future__ import annotations

import builtins
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from kernelwright import errors
from kernelwright.errors import KernelwrightError, ReferenceBroken
from kernelwright.frameworks._base import RunResult, StateEntry, Value
from kernelwright.frameworks._preloads import reference_preloads
from kernelwright.graph.core import Graph, TensorType, dtype_name
from kernelwright.graph.serial import graph_from_dict
from kernelwright.sandbox.process import Child, ChildDied, ChildTimeout, Limits, Reply, start
from kernelwright.schema import TaskSpec
from kernelwright.verify.rule.compare import Outputs, is_inexact, unit_roundoff

_LOST = "CUDA error"  # in what torch raises once a process can ask the GPU for nothing more


@dataclass(frozen=True)
class Description:
    """What a candidate needs to be constructed, and what the task looks like.

    ``init`` is packed constructor arguments (see ``verify.reference.values``); its arrays follow
    the state's in ``arrays``. ``inputs`` are the types of the Model's own inputs (None for a
    scalar). ``written`` are inputs that the Model's call changes, ``aliased`` outputs that share
    memory with an input.
    """

    state: list[StateEntry]
    init: list[Any]
    arrays: list[np.ndarray]
    inputs: list[TensorType | None]
    outputs: list[TensorType]
    structure: str
    policy: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    written: tuple[int, ...] = ()
    aliased: tuple[int, ...] = ()


@dataclass(frozen=True)
class Effects:
    """``inputs`` (by position) and ``state`` (by name) that a call writes to. ``repeats``: a Model
    that lives on gives bit by bit the same outputs for the same inputs at its second call."""

    inputs: tuple[int, ...]
    state: tuple[str, ...]
    repeats: bool


class ReferenceProcess:
    """One reference Model in a process of its own, started and checked at construction.

    ``wall_s`` bounds each request; ``device`` is where the Model runs ("cpu", "cuda:0"); with
    ``threads`` 0 it takes as many as the machine gives. Every method raises ReferenceBroken with a
    ``check`` when the task is at fault ("never_ends" when time is up, "dies" when the process
    does). Usable from several threads, one request at a time.
    """

    def __init__(
        self, spec: TaskSpec, *, wall_s: float = 120.0, device: str = "cpu", threads: int = 0
    ) -> None:
        self.spec, self.wall_s, self.device = spec, wall_s, device
        self._lock = threading.Lock()
        self.asked: Counter[str] = Counter()  # requests so far, by what they are for
        self._reduced: dict[int, list[Value] | None] = {}
        # What makes the Model what it is: asked again of a process that takes another's place.
        self._made_by: list[tuple[dict[str, Any], Sequence[Value]]] = []
        self._child = _started(spec)
        load = {
            "op": "load",
            "framework": spec.framework,
            "source": spec.source,
            "path": spec.path,
            "device": device,
            "threads": threads,
        }
        try:
            self._loaded = self._ask(load, doing="constructing the Model")
        except BaseException:
            self.close()
            raise
        self._made_by.append((load, ()))

    def describe(self) -> Description:
        """State, constructor arguments and types. The first call runs the Model twice and raises
        ReferenceBroken for outputs that are all NaN ("not_finite") or differ beyond rounding
        ("non_deterministic")."""
        return self._description

    @cached_property
    def _description(self) -> Description:
        header, arrays = self._loaded.header, self._loaded.arrays
        state = self.state()
        inputs = self.make_inputs(0)
        outputs, truths = self.run_and_truth(inputs)
        again = self._check_sound(inputs, outputs, truths)
        return Description(
            state=state,
            init=header["init"],
            arrays=arrays[len(state) :],
            inputs=[_type_of(v) if isinstance(v, np.ndarray) else None for v in inputs],
            outputs=[_type_of(array) for array in outputs.arrays],
            structure=outputs.structure,
            policy=header["policy"],
            written=tuple(sorted(again.written)),
            aliased=again.aliased,
        )

    def _check_sound(
        self, inputs: Sequence[Value], first: Outputs, truths: Sequence[np.ndarray]
    ) -> RunResult:
        """The Model run once more, which must give the first answer again."""
        floats = [a for a in first.arrays if is_inexact(a.dtype) and a.size]
        if floats and all(np.isnan(a).all() for a in floats):
            raise ReferenceBroken(
                f"every output of Model in {self.spec.path} is NaN for its own inputs, so that "
                "nothing can be judged; check get_inputs() and the weights",
                check="not_finite",
            )
        second = self.run(inputs)
        for index, (a, b) in enumerate(zip(first.arrays, second.outputs)):
            if not same_up_to_rounding(a, b):
                raise ReferenceBroken(
                    f"output {index} of Model in {self.spec.path} differs from one call to the "
                    "next on the same inputs; remove what is random (dropout: call eval() in "
                    "__init__)",
                    check="non_deterministic",
                )
        if [t.shape for t in truths] != [a.shape for a in first.arrays]:
            raise ReferenceBroken(
                f"Model in {self.spec.path} gives outputs of other shapes in float64",
                check="truth_differs",
            )
        return second

    def make_inputs(self, seed: int) -> list[Value]:
        """One set of the Model's own inputs."""
        return self._ask({"op": "make_inputs", "seed": seed}, doing="get_inputs()").arrays

    def run(self, inputs: Sequence[Value]) -> RunResult:
        """The framework's own result in its own dtypes."""
        reply = self._ask({"op": "run"}, inputs, doing="running the Model")
        header, written = reply.header, reply.header["written"]
        count = len(reply.arrays) - len(written)
        after = dict(zip(written, reply.arrays[count:]))
        return RunResult(reply.arrays[:count], header["structure"], after, tuple(header["aliased"]))

    def truth(self, inputs: Sequence[Value]) -> list[np.ndarray]:
        """The outputs in float64."""
        return self._ask({"op": "truth"}, inputs, doing="running the Model in float64").arrays

    def run_and_truth(
        self,
        inputs: Sequence[Value],
        *,
        layout: str = "as_given",
        state: str = "own",
        written: Sequence[int] = (),
    ) -> tuple[Outputs, list[np.ndarray]]:
        """``run`` and ``truth`` in one trip, for inputs laid out as ``layout`` and weights that
        ``learn_state`` has named. The values of the ``written`` inputs after the call follow the
        outputs in both."""
        doing = "running the Model and its float64 truth"
        header = {"op": "run_and_truth", "layout": layout, "state": state, "written": [*written]}
        reply = self._ask(header, inputs, doing=doing)
        count = reply.header["count"]
        return Outputs(reply.arrays[:count], reply.header["structure"]), reply.arrays[count:]

    def learn_state(self, name: str, state: Sequence[StateEntry]) -> None:
        """Has ``run_and_truth`` know other weights under ``name``."""
        named = [[entry.name, entry.kind] for entry in state]
        header = {"op": "learn_state", "name": name, "entries": named}
        arrays = [entry.array for entry in state]
        self._ask(header, arrays, doing="giving the Model other weights")
        self._made_by.append((header, arrays))

    def dynamic_inputs(self, seed: int) -> list[list[Value]]:
        """The input sets of ``get_inputs_dyn_list()``; [] when the file declares none."""
        doing = "get_inputs_dyn_list()"
        reply = self._ask({"op": "dynamic_inputs", "seed": seed}, doing=doing)
        arrays = iter(reply.arrays)
        return [[next(arrays) for _ in range(count)] for count in reply.header["counts"]]

    def capture(self, inputs: Sequence[Value] | None = None) -> Graph:
        """The Graph for ``inputs``, by default for the Model's own (then captured once); raises
        CaptureError."""
        if inputs is None:
            return self._own_graph
        reply = self._ask({"op": "capture"}, inputs, doing="capturing the Model")
        return graph_from_dict(reply.header["graph"], reply.arrays)

    @cached_property
    def _own_graph(self) -> Graph:
        return self.capture(self.make_inputs(0))

    def reduced_inputs(self, seed: int = 0) -> list[Value] | None:
        """Inputs of smaller sizes that the Model takes too; None when there are none."""
        if seed not in self._reduced:
            doing = "finding smaller input sizes"
            reply = self._ask({"op": "reduced_inputs", "seed": seed}, doing=doing)
            self._reduced[seed] = reply.arrays if reply.header["reduced"] else None
        found = self._reduced[seed]
        return None if found is None else list(found)

    def effects(self, inputs: Sequence[Value]) -> Effects:
        """What one call changes besides its outputs."""
        header = {"op": "effects", "device": self.device, "path": self.spec.path}
        found = self._ask(header, inputs, doing="looking for what the Model writes").header
        return Effects(tuple(found["inputs"]), tuple(found["state"]), found["repeats"])

    def run_call(
        self, target: str, arrays: Sequence[np.ndarray], arguments: Mapping[str, Any]
    ) -> list[np.ndarray]:
        """All outputs of one framework op (a "call" node) on ``arrays``, in their own dtypes."""
        header = {"op": "run_call", "target": target, "arguments": arguments}
        return self._ask(header, arrays, doing=f"running {target}").arrays

    def calls(self, graph: Graph) -> dict[str, Callable[..., list[np.ndarray]]]:
        """A meaning for each framework op in ``graph``, for ``graph.evaluate(..., calls=...)``."""

        def meaning(target: str) -> Callable[..., list[np.ndarray]]:
            return lambda arrays, attrs: self.run_call(target, arrays, attrs["arguments"])

        targets = {node.attrs["target"] for node in graph.nodes() if node.op == "call"}
        return {target: meaning(target) for target in sorted(targets)}

    def state(self) -> list[StateEntry]:
        """Parameters and buffers by value, in state-dict order; runs nothing."""
        header, arrays = self._loaded.header, self._loaded.arrays
        return [
            StateEntry(entry["name"], array, entry["kind"])
            for entry, array in zip(header["state"], arrays)
        ]

    def close(self) -> None:
        self._child.close()

    def __enter__(self) -> ReferenceProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, header: Mapping[str, Any], arrays: Sequence[Value] = (), *, doing: str) -> Reply:
        path = self.spec.path
        with self._lock:
            self.asked[header["op"]] += 1
            try:
                reply = self._child.request(header, arrays, timeout_s=self.wall_s)
            except ChildTimeout as error:
                raise ReferenceBroken(
                    f"{path}: {doing} did not end within {self.wall_s:g} s; make the Model or its "
                    "inputs smaller, or raise the limit",
                    check="never_ends",
                ) from error
            except ChildDied as error:
                raise ReferenceBroken(f"{path}: {doing}: {error}", check="dies") from error
            if not reply.header["ok"] and _LOST in reply.header["message"]:
                self._begin_again()
        if not reply.header["ok"]:
            raise _as_error(reply.header, path, doing)
        return reply

    def _begin_again(self) -> None:
        """Another process in place of one whose device is lost: a kernel that asserts, as for an
        index out of range, takes all that its process may still ask of the GPU along."""
        self._child.close()
        self._child = _started(self.spec)
        for header, arrays in self._made_by:
            self._child.request(header, arrays, timeout_s=self.wall_s)


def _started(spec: TaskSpec) -> Child:
    return start(
        "kernelwright.verify.reference.worker:main",
        isolated=False,
        # The request's own wall clock bounds it; the Model may use what the machine has.
        limits=Limits(wall_s=None, cpu_s=None, memory_bytes=None, file_bytes=None),
        preload=reference_preloads(spec.framework),
    )


def _as_error(header: Mapping[str, Any], path: str, doing: str) -> Exception:
    """The exception that the worker met, if it is one of ours; MemoryError is the task's fault."""
    message, name = header["message"], header["type"]
    kind = getattr(errors, name, None)
    if kind is ReferenceBroken:
        return ReferenceBroken(message, check=header["check"] or "reference")
    if isinstance(kind, type) and issubclass(kind, KernelwrightError):
        error = kind.__new__(kind)  # several constructors build their message from parts
        Exception.__init__(error, message)
        return error
    if name == MemoryError.__name__ or "OutOfMemory" in name:
        return ReferenceBroken(f"{path}: {doing} needs more memory than there is", "out_of_memory")
    if isinstance(getattr(builtins, name, None), type):
        message = f"{name}: {message}"
    return KernelwrightError(f"{path}: {doing} failed: {message}\n{header['traceback']}")


def _type_of(array: np.ndarray) -> TensorType:
    try:
        name = dtype_name(array.dtype)
    except KeyError:
        name = array.dtype.name
    return TensorType(array.shape, name)


def same_up_to_rounding(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal but for what another order of additions explains: 1024 roundings, and less than half
    of the digits."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if not is_inexact(a.dtype):
        return bool((a == b).all())
    if a.tobytes() == b.tobytes():
        return True
    wide: Any = np.complex128 if a.dtype.kind == "c" else np.float64
    x, y = a.astype(wide), b.astype(wide)
    finite = np.isfinite(x)
    if (finite != np.isfinite(y)).any():
        return False
    x, y = np.where(finite, x, 0), np.where(finite, y, 0)
    u = unit_roundoff(a.dtype)
    return bool(np.linalg.norm(x - y) <= min(u**0.5, 1024 * u) * np.linalg.norm(x))
