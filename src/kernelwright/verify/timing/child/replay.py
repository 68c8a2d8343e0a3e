"""In the timing worker: kernels too short for two events, timed as a CUDA graph of many calls.

Every call in the graph has inputs of its own, renewed before each replay, so that none can be saved
by remembering another. Cold: the caches are flushed between the calls, within the graph, and a
graph of the flushes alone is subtracted. The outputs are poisoned before each replay; the parent
asks for one that it draws.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kernelwright.errors import KernelwrightError
from kernelwright.frameworks._base import Framework
from kernelwright.verify.timing.child.stage import TorchStage
from kernelwright.verify.timing.rotation import Step

_now_ns = time.perf_counter_ns
_HOLD_CYCLES = 1_000_000  # about half a millisecond, longer than a graph's launch
_KEPT_BYTES = 512 << 20  # of outputs; beyond it those of some calls only
_FEWEST_KEPT = 2
_LEAST_US = 0.01


class CaptureFailed(KernelwrightError):
    """The calls cannot be captured into a CUDA graph."""


@dataclass
class _Captured:
    graph: Any
    kept: dict[int, Any]  # call -> its result
    tensors: list[Any] = field(default_factory=list)  # what is poisoned


class Replays:
    """Captured graphs of ``calls`` calls of each subject. Bound before any candidate is loaded."""

    def __init__(self, framework: Framework, device: str, l2_bytes: int) -> None:
        import torch

        self._framework, self._device = framework, torch.device(device)
        self._wait_device = ctypes.CDLL("libcuda.so.1").cuCtxSynchronize
        self._events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
        self._record = torch.cuda.Event.record
        self._wait = torch.cuda.Event.synchronize
        self._elapsed = torch.cuda.Event.elapsed_time
        self._replay = torch.cuda.CUDAGraph.replay
        self._sleep = torch.cuda._sleep
        self._fill = torch.Tensor.fill_
        self._stream = torch.cuda.default_stream(self._device)
        self._flush_bytes = max(64 << 20, 2 * l2_bytes)
        self._buffer: Any = None
        self._stages: list[TorchStage] = []
        self._captured: dict[str, _Captured] = {}
        self._flushes: Any = None

    def capture(
        self, name: str, function: Callable[..., Any], stage: TorchStage, calls: int, cold: bool
    ) -> list[int]:
        """Captures ``calls`` calls; gives the calls whose outputs can be asked for. Raises
        CaptureFailed."""
        import torch

        try:
            if len(self._stages) != calls:
                self._stages = [stage.clone() for _ in range(calls)]
                self._captured.clear()
            if cold and self._buffer is None:
                self._buffer = torch.zeros(
                    self._flush_bytes // 4, dtype=torch.int32, device=self._device
                )
                self._flushes = self._graph([None] * calls)[0]
            self._captured[name] = self._captured_calls(function, cold)
        except (RuntimeError, TypeError, ValueError) as error:
            raise CaptureFailed(f"{type(error).__name__}: {error}") from error
        finally:
            self._wait_device()
        return sorted(self._captured[name].kept)

    def _captured_calls(self, function: Callable[..., Any], cold: bool) -> _Captured:
        import torch

        inputs = [stage.live for stage in self._stages]
        side = torch.cuda.Stream(self._device)
        side.wait_stream(self._stream)
        with torch.cuda.stream(side):
            first = function(*inputs[0])
        self._stream.wait_stream(side)
        tensors, _ = self._framework.flatten(first)
        size = sum(int(t.nbytes) for t in tensors)
        most = max(_FEWEST_KEPT, min(len(inputs), _KEPT_BYTES // max(1, size)))
        del first, tensors
        # Which ones is drawn here: a candidate cannot work for those alone.
        order = sorted(range(len(inputs)), key=lambda _: os.urandom(8))
        keep = set(order[:most])
        graph, results = self._graph([(function, values) for values in inputs], keep, cold)
        captured = _Captured(graph, results)
        for result in results.values():
            captured.tensors += self._framework.flatten(result)[0]
        return captured

    def _graph(
        self, calls: Sequence[Any], keep: set[int] | None = None, flush: bool = True
    ) -> tuple[Any, dict[int, Any]]:
        """A graph of the calls, each after a flush, and the results of those in ``keep``."""
        import torch

        graph, kept = torch.cuda.CUDAGraph(), {}
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            for number, call in enumerate(calls):
                if flush:
                    self._buffer.zero_()
                if call is not None:
                    result = call[0](*call[1])
                    if keep is not None and number in keep:
                        kept[number] = result
                    del result
        return graph, kept

    def call(
        self, name: str, steps: Sequence[Step], cold: bool, wanted: int
    ) -> tuple[float, float, Any]:
        """(microseconds of one call, microseconds of work after the clock stopped, the result of
        call ``wanted``) of one replay on inputs of ``steps``."""
        import torch

        captured = self._captured[name]
        with torch.no_grad():
            # First: an output may share memory with an input.
            for tensor in captured.tensors:
                self._fill(tensor.view(-1).view(torch.uint8) if tensor.is_contiguous() else tensor,
                           0xFF if tensor.is_contiguous() else 0)  # fmt: skip
            for stage, step in zip(self._stages, steps):
                stage.refresh(step)
            flushes_us = self._timed(self._flushes)[0] if cold else 0.0
            for stage, step in zip(self._stages, steps):
                stage.patch(step)
        us, tail_us = self._timed(captured.graph)
        result = captured.kept.get(wanted)
        return max(_LEAST_US, (us - flushes_us) / len(self._stages)), tail_us, result

    def _timed(self, graph: Any) -> tuple[float, float]:
        start, stop = self._events
        self._sleep(_HOLD_CYCLES)
        self._record(start, self._stream)
        self._replay(graph)
        self._record(stop, self._stream)
        self._wait(stop)
        stopped = _now_ns()
        self._wait_device()
        return self._elapsed(start, stop) * 1e3, (_now_ns() - stopped) / 1e3
