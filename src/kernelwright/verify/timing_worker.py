"""The timing worker: holds candidates and baselines, runs one call at a time as the parent asks.

The parent decides order, inputs, number of calls and which outputs it wants to see, after the call;
this process only calls and reads the clock. Clock functions are bound when this module is loaded,
before any candidate is. The parent holds them against a clock of its own.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.frameworks import FRAMEWORKS
from kernelwright.frameworks._base import Framework, LoadedModel, StateEntry
from kernelwright.sandbox.channel import Channel
from kernelwright.sandbox.worker import Answer, serve
from kernelwright.verify.baselines import BASELINES
from kernelwright.verify.rotation import Step, factor, has_windows, inputs_of, scalable, window

_now_ns = time.perf_counter_ns
_HOLD_CYCLES = 1_000_000  # about half a millisecond of a GPU's clock, longer than a launch
_CUDA_FLUSH_BYTES = 256 << 20  # long enough to hide the launch of what comes after it


def main(channel: Channel) -> None:
    """Entry of the child process: answers setup, inputs, candidate, baseline, call, output."""
    worker = _Worker()
    names = ("setup", "inputs", "candidate", "baseline", "call", "output")
    serve(channel, {name: getattr(worker, name) for name in names})


class _Worker:
    framework: Framework
    model: LoadedModel
    stage: _Stage

    def __init__(self) -> None:
        self.subjects: dict[str, Callable[..., Any]] = {}
        self.last: Any = None
        self.snapshot: Answer | None = None

    def setup(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """framework, source, path, device, threads, flush_bytes (0: warm)."""
        self.framework = FRAMEWORKS.get(header["framework"])
        self.device: str = header["device"]
        self.framework.set_threads(header["threads"])
        self.model = self.framework.load(header["source"], header["path"])
        make = _CudaTimer if self.device.startswith("cuda") else _HostTimer
        self.timer = make(self.framework, self.device, header["flush_bytes"])
        return {"versions": _versions(self.framework), **self.timer.describe()}, []

    def inputs(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """The base sets one after the other, ``sets`` of them."""
        count = len(arrays) // header["sets"]
        sets = [arrays[i * count : (i + 1) * count] for i in range(header["sets"])]
        native = self.framework.name == "torch"
        self.stage = (_TorchStage if native else _Stage)(self.framework, self.device, sets)
        return {}, []

    def candidate(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """name, entry, and the reference's state as [name, kind] beside the arrays."""
        state = [StateEntry(n, array, kind) for (n, kind), array in zip(header["state"], arrays)]
        call, prepare_us = self.framework.load_candidate(
            Path(header["entry"]), self.model.init_inputs, state, self.device
        )
        self.subjects[header["name"]] = call
        return {"prepare_us": prepare_us}, []

    def baseline(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        call = self.model.native_call(self.device)
        self.subjects[header["name"]] = BASELINES[header["baseline"]](self.framework.name, call)
        return {}, []

    def call(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """One timed call of ``name`` on the inputs of ``step``.

        ``latency``: as the host sees it, from an idle device to a finished one. ``snapshot``: copy
        the output at once. The answer, in microseconds: ``us`` the sample, ``tail_us`` work found
        still running after the clock stopped (CUDA), ``total_us`` all that this request took.
        """
        began = _now_ns()
        self.last = self.snapshot = None
        function, step = self.subjects[header["name"]], Step(*header["step"])
        values = self.stage.refresh(step)
        gc.disable()
        try:
            self.timer.flush()
            self.stage.patch(step)
            timed = self.timer.latency if header["latency"] else self.timer.call
            us, tail_us, self.last = timed(function, values)
        finally:
            gc.enable()
        if header["snapshot"]:
            self.snapshot = self._outputs()
        return {"us": us, "tail_us": tail_us, "total_us": (_now_ns() - began) / 1e3}, []

    def output(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """The outputs of the last call."""
        return self.snapshot or self._outputs()

    def _outputs(self) -> Answer:
        tensors, structure = self.framework.flatten(self.last)
        copies = [np.array(self.framework.to_numpy(t), order="C") for t in tensors]
        return {"structure": structure}, copies


class _Stage:
    """The inputs of the next call, as arrays turned native; for frameworks without in-place ops."""

    def __init__(self, framework: Framework, device: str, sets: Sequence[Sequence[Any]]) -> None:
        self._framework, self._device, self._sets = framework, device, sets

    def refresh(self, step: Step) -> list[Any]:
        """Native inputs of ``step``; complete only after ``patch``."""
        return [self._framework.to_native(v, self._device) for v in inputs_of(self._sets, step)]

    def patch(self, step: Step) -> None:
        """What is written after the flush, right before the call."""


class _TorchStage(_Stage):
    """Inputs refreshed in place on the device.

    The windows are written *after* the flush, in stream order: a candidate that starts on a stream
    of its own before the clock does reads what was there before, and is wrong.
    """

    def __init__(self, framework: Framework, device: str, sets: Sequence[Sequence[Any]]) -> None:
        super().__init__(framework, device, sets)
        self._patched = [isinstance(v, np.ndarray) and has_windows(v) for v in sets[0]]
        self._scaled = [isinstance(v, np.ndarray) and scalable(v) for v in sets[0]]
        self._bases = [[framework.to_native(v, device) for v in values] for values in sets]
        self._live = [
            base.clone() if isinstance(v, np.ndarray) else base
            for v, base in zip(sets[0], self._bases[0])
        ]

    def refresh(self, step: Step) -> list[Any]:
        import torch

        with torch.no_grad():
            bases = self._bases[step.index]
            for value, base, live, scaled in zip(self._sets[0], bases, self._live, self._scaled):
                if scaled:
                    torch.mul(base, factor(step), out=live)
                elif isinstance(value, np.ndarray):
                    live.copy_(base)
        return list(self._live)

    def patch(self, step: Step) -> None:
        import torch

        with torch.no_grad():
            for donor, live, patched in zip(self._bases[step.donor], self._live, self._patched):
                if patched:
                    where = window(live.numel(), live.element_size(), step)
                    live.view(-1)[where] = donor.view(-1)[where]


class _HostTimer:
    """The wall clock of this process; for the CPU."""

    def __init__(self, framework: Framework, device: str, flush_bytes: int) -> None:
        self._framework, self._device = framework, device
        self._fill: Callable[[], object] | None = None
        if flush_bytes and framework.name == "torch":
            import torch

            # fill_ uses every thread of torch's pool: all private caches are flushed, and the pool
            # is awake for whoever comes next.
            buffer = torch.zeros(flush_bytes // 4)
            self._fill = lambda: buffer.fill_(_now_ns() & 0xFF)
        elif flush_bytes:
            array = np.zeros(flush_bytes // 8)
            self._fill = lambda: array.fill(_now_ns() & 0xFF)

    def describe(self) -> dict[str, Any]:
        return {"clock": "perf_counter_ns", "resolution_us": 0.0}

    def flush(self) -> None:
        if self._fill is not None:
            self._fill()

    def call(self, function: Callable[..., Any], values: list[Any]) -> tuple[float, float, Any]:
        """(microseconds, microseconds of work after the clock stopped, result)."""
        now, synchronize, device = _now_ns, self._framework.synchronize, self._device
        start = now()
        result = function(*values)
        synchronize(device)
        stop = now()
        return (stop - start) / 1e3, 0.0, result

    latency = call


class _CudaTimer:
    """CUDA events around the call: the device's own time.

    The device is kept busy while the host launches, so that neither side's launch cost counts;
    ``latency`` measures that. Without it a kernel of 5 us shows the 30 us of its Python launch.

    After the stop event the whole device is waited for: work on another stream that goes on past
    the event shows as a tail.
    """

    def __init__(self, framework: Framework, device: str, flush_bytes: int) -> None:
        import torch

        self._device = torch.device(device)
        torch.cuda.set_device(self._device)
        self._synchronize = torch.cuda.synchronize
        self._events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
        # Bound now: a candidate that replaces the methods of Event changes nothing here.
        self._record = torch.cuda.Event.record
        self._wait = torch.cuda.Event.synchronize
        self._elapsed = torch.cuda.Event.elapsed_time
        self._stream = torch.cuda.default_stream(self._device)
        properties = torch.cuda.get_device_properties(self._device)
        self._l2_bytes = int(getattr(properties, "L2_cache_size", 0))
        self._name = properties.name
        size = max(_CUDA_FLUSH_BYTES, 4 * self._l2_bytes) if flush_bytes else 0
        self._buffer = torch.zeros(size // 4, dtype=torch.int32, device=self._device)
        self._sleep = torch.cuda._sleep

    def describe(self) -> dict[str, Any]:
        # Events tick in steps of about half a microsecond (CUDA Runtime API, cudaEventElapsedTime).
        described = {"clock": "cuda events", "resolution_us": 0.5, "device_name": self._name}
        return {**described, "last_level_bytes": self._l2_bytes}

    def flush(self) -> None:
        if self._buffer.numel():
            self._buffer.zero_()

    def call(self, function: Callable[..., Any], values: list[Any]) -> tuple[float, float, Any]:
        """(microseconds, microseconds of work after the clock stopped, result)."""
        start, stop = self._events
        self._sleep(_HOLD_CYCLES)
        self._record(start, self._stream)
        result = function(*values)
        self._record(stop, self._stream)
        self._wait(stop)
        stopped = _now_ns()
        self._synchronize(self._device)
        tail_us = (_now_ns() - stopped) / 1e3
        return self._elapsed(start, stop) * 1e3, tail_us, result

    def latency(self, function: Callable[..., Any], values: list[Any]) -> tuple[float, float, Any]:
        """As ``call``, by the host's clock, launch included."""
        self._synchronize(self._device)
        start = _now_ns()
        result = function(*values)
        self._synchronize(self._device)
        return (_now_ns() - start) / 1e3, 0.0, result


def _versions(framework: Framework) -> dict[str, str]:
    import importlib.metadata
    import platform

    found = {"python": platform.python_version(), "numpy": np.__version__}
    for package in (framework.package, "triton"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
