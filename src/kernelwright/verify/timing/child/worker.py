"""The timing worker: holds candidates and baselines, runs one call at a time as the parent asks.

The parent decides order, inputs, number of calls and which outputs it wants to see, after the call;
this process only calls and reads the clock. Clock functions are bound when this module is loaded,
before any candidate is. The parent holds them against a clock of its own.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import io
import os
import shutil
import tarfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.errors import KernelwrightError
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.frameworks._base import Framework, LoadedModel, StateEntry
from kernelwright.sandbox.channel import Channel
from kernelwright.sandbox.worker import Answer, serve
from kernelwright.verify.timing.baselines import BASELINES
from kernelwright.verify.timing.child.replay import CaptureFailed, Replays
from kernelwright.verify.timing.child.stage import OutputSample, Stage, TorchStage, stage_type
from kernelwright.verify.timing.child.timers import CudaTimer, Timer, timer_of
from kernelwright.verify.timing.child.volley import Volleys
from kernelwright.verify.timing.rotation import Step

_now_ns = time.perf_counter_ns
_sleep = time.sleep
MAX_CACHE_BYTES = 256 << 20
# Where compilers that a subject may call keep what they made.
CACHE_VARIABLES: Mapping[str, str] = {
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
    "TORCH_EXTENSIONS_DIR": "extensions",
}


def main(channel: Channel) -> None:
    """Entry of the child process."""
    worker = _Worker()
    names = "setup inputs candidate baseline arm call watch volley picked output collect capture"
    names += " replay"
    serve(channel, {name: getattr(worker, name) for name in names.split()})


class LazyOutput(KernelwrightError):
    """An output is no plain array: it may be computed when it is looked at, after the clock."""


class CacheTooLarge(KernelwrightError):
    """What a subject compiled is more than travels to another worker."""


class _Worker:
    framework: Framework
    model: LoadedModel
    stage: Stage
    timer: Timer

    def __init__(self) -> None:
        self.subjects: dict[str, Callable[..., Any]] = {}
        self.baselines: set[str] = set()
        self.output_bytes: dict[str, list[int]] = {}
        self.last: Any = None
        self.replays: Replays | None = None
        self.snapshot: Answer | None = None
        self.armed: list[Any] | None = None  # inputs that lie ready, all but their windows
        self.sample: OutputSample | None = None
        self.volleys: Volleys | None = None

    def setup(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """framework, source, path, device, threads, flush_bytes (0: never cold)."""
        self.framework = FRAMEWORKS.get(header["framework"])
        self.device: str = header["device"]
        self.framework.set_threads(header["threads"])
        self.model = self.framework.load(header["source"], header["path"])
        self.plain = _plain_types(self.framework, self.device)
        self.containers = _containers(self.framework)
        self.timer = timer_of(self.framework, self.device, header["flush_bytes"])
        if isinstance(self.timer, CudaTimer) and self.framework.name == "torch":
            self.replays = Replays(self.framework, self.device, self.timer.l2_bytes)
        ahead = self.timer.flushes_ahead and stage_type(self.framework).windows_last
        described = {"versions": _versions(self.framework), **self.timer.describe()}
        return {**described, "ahead": ahead}, []

    def inputs(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """The base sets one after the other, ``sets`` of them."""
        count = len(arrays) // header["sets"]
        sets = [arrays[i * count : (i + 1) * count] for i in range(header["sets"])]
        self.stage = stage_type(self.framework)(self.framework, self.device, sets)
        return {}, []

    def candidate(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """name, entry, cache, and the reference's state as [name, kind] beside the arrays."""
        state = [StateEntry(n, array, kind) for (n, kind), array in zip(header["state"], arrays)]
        with _compiling(header.get("cache")):
            call, prepare_us = self.framework.load_candidate(
                Path(header["entry"]), self.model.init_inputs, state, self.device
            )
        self.subjects[header["name"]] = call
        return {"prepare_us": prepare_us}, []

    def baseline(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        call = self.model.native_call(self.device)
        make, cache = BASELINES[header["baseline"]].make, header.get("cache")
        with _compiling(cache):
            if cache is not None and self.framework.name == "torch" and self.device == "cpu":
                from kernelwright.frameworks._torch_compiler import keep_probes

                keep_probes(_cache_folder(cache["name"]))
            self.subjects[header["name"]] = make(self.framework.name, call)
        self.baselines.add(header["name"])
        return {}, []

    def call(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """One timed call of ``name`` on the inputs of ``step``, which ``arm`` may have laid ready.

        ``cold``: caches flushed before it. ``latency``: as the host sees it, from an idle device to
        a finished one. ``snapshot``: copy the output at once. ``watched``: take a sample of the
        output when the clock stops, for ``watch``. ``cache``: where compilers look and write
        meanwhile. The answer, in microseconds: ``us`` the sample, ``tail_us`` work found still
        running after the clock stopped (CUDA), ``total_us`` all that this request took.
        """
        began = _now_ns()
        self.snapshot, name, step = None, header["name"], Step(*header["step"])
        function, ready = self.subjects[name], self.armed is not None
        values = self._laid_ready(name, step) if self.armed is None else self.armed
        self.armed = None
        self.sample = OutputSample(self.framework) if header["watched"] else None
        cold = header["cold"] and not (ready and self.timer.flushes_ahead)
        gc.disable()
        try:
            with _compiling(header.get("cache")):
                timed = self.timer.latency if header["latency"] else self.timer.call
                us, tail_us, self.last = timed(
                    function, values, lambda: self.stage.patch(step), cold, self.sample
                )
            if name not in self.baselines:  # a Model may return a named tuple of its own
                self._expect_plain()
            if header["snapshot"]:
                self.snapshot = self._outputs()
        finally:
            gc.enable()
        self._remember_sizes(name)
        answer = {"us": us, "tail_us": tail_us}
        answer["output_bytes"] = sum(self.output_bytes.get(name, []))
        return {**answer, "total_us": (_now_ns() - began) / 1e3}, []

    def watch(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """``late``: whether the last output still changes within ``watch_us`` from now."""
        _sleep(float(header["watch_us"]) * 1e-6)
        return {"late": self.sample is not None and self.sample.differs(self.last)}, []

    def volley(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """Warm calls of ``name``, one for each of ``steps``, in this one request; ``us`` is what
        each took. A copy of each output is kept, of which ``picked`` gives one."""
        began, function = _now_ns(), self.subjects[header["name"]]
        self.last = self.snapshot = self.sample = None
        if self.volleys is None:
            self.volleys = Volleys(self.framework)
        gc.disable()
        try:
            taken = []
            for number, step in enumerate(Step(*values) for values in header["steps"]):
                values = self._laid_ready(header["name"], step)
                us, _, self.last = self.timer.call(
                    function, values, functools.partial(self.stage.patch, step), False, None
                )
                self._expect_plain()
                self.volleys.keep(number, self.last)
                taken.append(us)
        finally:
            gc.enable()
        return {"us": taken, "total_us": (_now_ns() - began) / 1e3}, []

    def picked(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """The outputs of call ``number`` of the last volley."""
        if self.volleys is None:
            raise KernelwrightError("there has been no volley")
        return self.volleys.outputs(header["number"])

    def arm(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """Lays the inputs of ``step`` ready for the next call of ``name``, all but the windows,
        whose place is not known yet, and flushes the caches if ``cold``."""
        self.armed = self._laid_ready(header["name"], Step(*header["step"]))
        if header["cold"] and self.timer.flushes_ahead:
            self.timer.flush()
        return {}, []

    def _laid_ready(self, name: str, step: Step) -> list[Any]:
        self.last = None
        values = self.stage.refresh(step)
        self.framework.poison(self.device, self.output_bytes.get(name, []))
        return values

    def capture(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """name, calls, cold: prepares replays; ``kept`` are the calls whose outputs are kept."""
        if self.replays is None or not isinstance(self.stage, TorchStage):
            raise CaptureFailed("there are CUDA graphs of torch on CUDA only")
        function = self.subjects[header["name"]]
        self.last = self.snapshot = None
        kept = self.replays.capture(
            header["name"], function, self.stage, header["calls"], header["cold"]
        )
        return {"kept": kept}, []

    def replay(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """One replay of ``name`` on the inputs of ``steps``: as ``call``, ``us`` for one call."""
        began = _now_ns()
        if self.replays is None:
            raise CaptureFailed("nothing has been captured")
        steps = [Step(*values) for values in header["steps"]]
        gc.disable()
        try:
            us, tail_us, self.last = self.replays.call(
                header["name"], steps, header["cold"], header["wanted"]
            )
        finally:
            gc.enable()
        self.snapshot = None
        return {"us": us, "tail_us": tail_us, "total_us": (_now_ns() - began) / 1e3}, []

    def output(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """The outputs of the last call."""
        return self.snapshot or self._outputs()

    def collect(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """What compilers kept in the cache of this name, as the bytes of a tar file."""
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            tar.add(_cache_folder(header["cache"]["name"]), arcname=".")
        if data.tell() > MAX_CACHE_BYTES:
            raise CacheTooLarge(f"{data.tell()} bytes exceed {MAX_CACHE_BYTES}")
        return {}, [np.frombuffer(data.getbuffer(), dtype=np.uint8)]

    def _expect_plain(self) -> None:
        """Raises LazyOutput for an output of a type that is not the framework's own: it may
        compute when it is looked at."""
        for part in _parts(self.last, self.containers):
            kind = type(part)
            if kind not in self.plain and isinstance(part, (*self.plain, tuple, list, dict)):
                name = f"{kind.__module__}.{kind.__qualname__}"
                raise LazyOutput(f"the call returned a {name}, which may compute when it is read")

    def _remember_sizes(self, name: str) -> None:
        """For poisoning the memory that the next call's outputs will get."""
        if name not in self.output_bytes:
            try:
                tensors, _ = self.framework.flatten(self.last)
            except TypeError:  # found and named when the output is asked for
                return
            self.output_bytes[name] = [int(t.nbytes) for t in tensors]

    def _outputs(self) -> Answer:
        tensors, structure = self.framework.flatten(self.last)
        copies = [np.array(self.framework.to_numpy(t), order="C") for t in tensors]
        return {"structure": structure}, copies


def _parts(value: Any, containers: frozenset[type]) -> Iterator[Any]:
    """What stands inside plain containers."""
    if type(value) not in containers:
        yield value
        return
    for part in value.values() if isinstance(value, dict) else value:
        yield from _parts(part, containers)


def _containers(framework: Framework) -> frozenset[type]:
    """Types around outputs that run no code of their own, known before any candidate is loaded:
    torch's own named tuples cannot be changed nor derived from."""
    found: set[type] = {list, tuple, dict, OrderedDict}
    if framework.name == "torch":
        import torch

        found |= {t for t in vars(torch.return_types).values() if isinstance(t, type)}
    return frozenset(found)


def _plain_types(framework: Framework, device: str) -> frozenset[type]:
    """What an output may exactly be, before any candidate could change it."""
    array = type(framework.to_native(np.zeros(1, np.float32), device))
    if framework.name == "torch":
        import torch

        return frozenset((array, torch.nn.Parameter))
    scalars = set(np.sctypeDict.values()) if array is np.ndarray else set()
    return frozenset((array, *scalars))


def _cache_folder(name: str) -> Path:
    return Path(os.environ["HOME"]) / "compiled" / name


@contextlib.contextmanager
def _compiling(cache: Mapping[str, Any] | None) -> Iterator[None]:
    """Has compilers keep their results in a folder of this ``name``, at first a copy of ``seed``
    (a readable path, or None). The copy is this process's own: nothing here can write to what
    another worker reads. Without ``cache`` nothing changes."""
    if cache is None:
        yield
        return
    folder = _cache_folder(cache["name"])
    if not folder.exists() and cache["seed"]:
        shutil.copytree(cache["seed"], folder)
    before = {name: os.environ.get(name) for name in CACHE_VARIABLES}
    for name, part in CACHE_VARIABLES.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        os.environ[name] = str(folder / part)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


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
