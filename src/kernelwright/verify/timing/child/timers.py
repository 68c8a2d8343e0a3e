"""In the timing worker: the clocks. Every function that they use is bound before any candidate is
loaded, so that replacing one in its module changes nothing here."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from typing import Any, Protocol

from kernelwright.frameworks._base import Framework

_now_ns = time.perf_counter_ns
_CUDA_FLUSH_BYTES = 256 << 20  # long enough to hide the launch of what comes after it
_HOLD_US, _HOLD_MOST_US = 500.0, 5000.0
_LAUNCHES = 3  # calls of a subject by which its launch is known
_CYCLES_PER_US = 2000  # of a GPU's clock, roughly; more only holds longer

Timed = tuple[float, float, Any]  # microseconds, microseconds of work after the stop, result


class Taker(Protocol):
    """Wants the result between the clock's stop and anything that waits."""

    def take(self, result: Any) -> None: ...


class Timer(Protocol):
    """``call`` gives one sample, ``latency`` what the host sees of one call. ``patch`` completes
    the inputs right before the clock starts. ``flushes_ahead``: whether ``flush`` may be done in
    an earlier request than the call."""

    flushes_ahead: bool

    def describe(self) -> dict[str, Any]: ...

    def flush(self) -> None: ...

    def call(
        self,
        function: Callable[..., Any],
        values: list[Any],
        patch: Callable[[], None],
        cold: bool,
        taker: Taker | None,
    ) -> Timed: ...

    def latency(
        self,
        function: Callable[..., Any],
        values: list[Any],
        patch: Callable[[], None],
        cold: bool,
        taker: Taker | None,
    ) -> Timed: ...


def timer_of(framework: Framework, device: str, flush_bytes: int) -> Timer:
    """CUDA events for a CUDA device, this process's wall clock for all others."""
    make = CudaTimer if device.startswith("cuda") else HostTimer
    return make(framework, device, flush_bytes)


class HostTimer:
    """The wall clock of this process; for the CPU."""

    flushes_ahead = True

    def __init__(self, framework: Framework, device: str, flush_bytes: int) -> None:
        self._synchronize, self._device = framework.synchronize, device
        self._fill: Callable[[], object] | None = None
        if flush_bytes and framework.name == "torch":
            import torch

            # fill_ uses every thread of torch's pool: all private caches are flushed, and the pool
            # is awake for whoever comes next.
            buffer = torch.zeros(flush_bytes // 4)
            fill = torch.Tensor.fill_
            self._fill = lambda: fill(buffer, _now_ns() & 0xFF)
        elif flush_bytes:
            import numpy as np

            array = np.zeros(flush_bytes // 8)
            self._fill = lambda: array.fill(_now_ns() & 0xFF)

    def describe(self) -> dict[str, Any]:
        return {"clock": "perf_counter_ns", "resolution_us": 0.0}

    def flush(self) -> None:
        """Everything else into the caches, where this timer flushes at all."""
        if self._fill is not None:
            self._fill()

    def call(
        self,
        function: Callable[..., Any],
        values: list[Any],
        patch: Callable[[], None],
        cold: bool,
        taker: Taker | None,
    ) -> Timed:
        """(microseconds, 0.0, result)."""
        if cold:
            self.flush()
        patch()
        now, synchronize, device = _now_ns, self._synchronize, self._device
        start = now()
        result = function(*values)
        synchronize(device)
        stop = now()
        if taker is not None:
            taker.take(result)
        return (stop - start) / 1e3, 0.0, result

    latency = call


class CudaTimer:
    """CUDA events around the call: the device's own time.

    The device is kept busy while the host launches, so that neither side's launch cost counts;
    ``latency`` measures that. Without it a kernel of 5 us shows the 30 us of its Python launch.
    The inputs are completed behind that wait and before the start event, so what runs ahead on
    another stream meanwhile reads inputs that are not yet right.

    After the stop event the whole device is waited for: work on another stream that goes on past
    the event shows as a tail. That wait goes to the driver, past everything in Python.
    """

    flushes_ahead = False  # the flush is short, and hides the launch of what comes after it

    def __init__(self, framework: Framework, device: str, flush_bytes: int) -> None:
        import torch

        self._device = torch.device(device)
        torch.cuda.set_device(self._device)
        torch.cuda.init()
        torch.cuda.synchronize(self._device)
        self._driver = ctypes.CDLL("libcuda.so.1")
        self._wait_device = self._driver.cuCtxSynchronize
        self._reset_l2 = getattr(self._driver, "cuCtxResetPersistingL2Cache", None)
        self._events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
        # Bound now: a candidate that replaces the methods of Event changes nothing here.
        self._record = torch.cuda.Event.record
        self._wait = torch.cuda.Event.synchronize
        self._elapsed = torch.cuda.Event.elapsed_time
        self._stream = torch.cuda.default_stream(self._device)
        properties = torch.cuda.get_device_properties(self._device)
        self.l2_bytes = int(getattr(properties, "L2_cache_size", 0))
        self._name = properties.name
        size = max(_CUDA_FLUSH_BYTES, 4 * self.l2_bytes) if flush_bytes else 0
        self._buffer = torch.zeros(size // 4, dtype=torch.int32, device=self._device)
        self._zero = torch.Tensor.zero_
        self._sleep = torch.cuda._sleep
        self._host_us: dict[int, list[float]] = {}  # the first launches of each subject, not held

    def describe(self) -> dict[str, Any]:
        # Events tick in steps of about half a microsecond (CUDA Runtime API, cudaEventElapsedTime).
        described = {"clock": "cuda events", "resolution_us": 0.5, "device_name": self._name}
        return {**described, "last_level_bytes": self.l2_bytes}

    def flush(self) -> None:
        """Everything else into the L2, also over lines that were asked to stay."""
        if self._reset_l2 is not None:
            self._reset_l2()
        if self._buffer.numel():
            self._zero(self._buffer)

    def hold(self, function: Callable[..., Any]) -> None:
        """Keeps the device busy for longer than the host needs to launch any subject, as long for
        one as for another. The first calls of each, which warm up, are not held: one that waits
        for the device would wait for the hold, and lengthen the next one."""
        if len(self._host_us.setdefault(id(function), [])) < _LAUNCHES:
            return
        longest = max(min(launches, default=0.0) for launches in self._host_us.values())
        self._sleep(int(min(_HOLD_MOST_US, max(_HOLD_US, 2 * longest)) * _CYCLES_PER_US))

    def call(
        self,
        function: Callable[..., Any],
        values: list[Any],
        patch: Callable[[], None],
        cold: bool,
        taker: Taker | None,
    ) -> Timed:
        """(microseconds, microseconds of work after the clock stopped, result)."""
        start, stop = self._events
        if cold:
            self.flush()
        self.hold(function)
        patch()
        self._record(start, self._stream)
        called = _now_ns()
        result = function(*values)
        launched = _now_ns()
        self._record(stop, self._stream)
        if taker is not None:
            taker.take(result)
        self._wait(stop)
        stopped = _now_ns()
        self._wait_device()
        tail_us = (_now_ns() - stopped) / 1e3
        launches = self._host_us[id(function)]
        if len(launches) < _LAUNCHES:
            launches.append((launched - called) / 1e3)
        return self._elapsed(start, stop) * 1e3, tail_us, result

    def latency(
        self,
        function: Callable[..., Any],
        values: list[Any],
        patch: Callable[[], None],
        cold: bool,
        taker: Taker | None,
    ) -> Timed:
        """As ``call``, by the host's clock, launch included."""
        if cold:
            self.flush()
        patch()
        self._wait_device()
        start = _now_ns()
        result = function(*values)
        self._wait_device()
        stop = _now_ns()
        if taker is not None:
            taker.take(result)
        return (stop - start) / 1e3, 0.0, result
