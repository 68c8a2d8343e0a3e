"""The timing worker: holds candidates and baselines, runs one call at a time as the parent asks.

The parent decides order, inputs, number of calls and which outputs it wants to see, after the call;
this process only calls and reads the clock. Clock functions are bound when this module is loaded,
before any candidate is. The parent holds them against a clock of its own.
"""

from __future__ import annotations

import contextlib
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
from kernelwright.verify.timing.child.stage import OutputSample, Stage, TorchStage, stage_of
from kernelwright.verify.timing.child.timers import CudaTimer, Timer, timer_of
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
    names = "setup inputs candidate baseline call output collect capture replay"
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
        return {"versions": _versions(self.framework), **self.timer.describe()}, []

    def inputs(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """The base sets one after the other, ``sets`` of them."""
        count = len(arrays) // header["sets"]
        sets = [arrays[i * count : (i + 1) * count] for i in range(header["sets"])]
        self.stage = stage_of(self.framework, self.device, sets)
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
        make = BASELINES[header["baseline"]].make
        with _compiling(header.get("cache")):
            self.subjects[header["name"]] = make(self.framework.name, call)
        self.baselines.add(header["name"])
        return {}, []

    def call(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """One timed call of ``name`` on the inputs of ``step``.

        ``cold``: caches flushed before it. ``latency``: as the host sees it, from an idle device to
        a finished one. ``snapshot``: copy the output at once. ``watch_us``: take a sample of the
        output when the clock stops and compare it so much later (0: do not). ``cache``: where
        compilers look and write meanwhile. The answer, in microseconds: ``us`` the sample,
        ``tail_us`` work found still running after the clock stopped (CUDA), ``total_us`` all that
        this request took; ``late``: whether the output changed after the clock had stopped.
        """
        began = _now_ns()
        self.last = self.snapshot = None
        name, step = header["name"], Step(*header["step"])
        function = self.subjects[name]
        values = self.stage.refresh(step)
        self.framework.poison(self.device, self.output_bytes.get(name, []))
        watch_us, late = float(header["watch_us"]), False
        sample = OutputSample(self.framework) if watch_us else None
        gc.disable()
        try:
            with _compiling(header.get("cache")):
                timed = self.timer.latency if header["latency"] else self.timer.call
                us, tail_us, self.last = timed(
                    function, values, lambda: self.stage.patch(step), header["cold"], sample
                )
            if name not in self.baselines:  # a Model may return a named tuple of its own
                self._expect_plain()
            if header["snapshot"]:
                self.snapshot = self._outputs()
            if sample is not None:
                _sleep(watch_us * 1e-6)
                late = sample.differs(self.last)
        finally:
            gc.enable()
        self._remember_sizes(name)
        answer = {"us": us, "tail_us": tail_us, "late": late}
        answer["output_bytes"] = sum(self.output_bytes.get(name, []))
        return {**answer, "total_us": (_now_ns() - began) / 1e3}, []

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
