"""Which operators of torch a call computes with, and what share of its time each takes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_PASSES = 3  # medians of so many calls; the numbers are for orientation, nothing is claimed by them


def census(call: Callable[..., Any], natives: Sequence[Any], device: str) -> dict[str, float]:
    """Names of all operators that ``call(*natives)`` dispatches ("aten.mm"), in the order in which
    they are first seen, with the share (0 to 1) of the call's time that they take: wall time on
    the CPU, events on CUDA. The call is repeated a few times."""
    clock = _CudaClock() if device.startswith("cuda") else _CpuClock()
    wholes: list[float] = []
    passes: list[dict[str, float]] = []
    for _ in range(_PASSES):
        with clock.span() as whole:
            call(*natives)
        wholes.append(clock.elapsed_us(whole))
        with _Spans(clock) as spans:
            call(*natives)
        passes.append(spans.totals_us())
    names = dict.fromkeys(name for found in passes for name in found)
    times = {name: median(found.get(name, 0.0) for found in passes) for name in names}
    # Being watched costs time: the operators cannot have taken more than all of it.
    whole_us = max(median(wholes), sum(times.values()))
    return {name: us / whole_us if whole_us else 0.0 for name, us in times.items()}


Span = list[Any]  # begin and end, as the clock marks them


class _CpuClock:
    @contextmanager
    def span(self) -> Iterator[Span]:
        found: Span = [time.perf_counter_ns()]
        yield found
        found.append(time.perf_counter_ns())

    def elapsed_us(self, span: Span) -> float:
        return float(span[1] - span[0]) / 1e3


class _CudaClock:
    """Work is queued: events mark when the device comes to it."""

    @contextmanager
    def span(self) -> Iterator[Span]:
        found: Span = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
        found[0].record()
        yield found
        found[1].record()

    def elapsed_us(self, span: Span) -> float:
        span[1].synchronize()
        return float(span[0].elapsed_time(span[1])) * 1e3


class _Spans(TorchDispatchMode):
    def __init__(self, clock: _CpuClock | _CudaClock) -> None:
        super().__init__()
        self._clock = clock
        self._found: list[tuple[str, Span]] = []

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch asks this where the class is made. To keep torch.compile out of here it would
        import it, a second's work, where no call before has compiled anything."""
        return "torch._dynamo" in sys.modules

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        with self._clock.span() as span:
            result = func(*args, **(kwargs or {}))
        self._found.append((func._schema.name.replace("::", "."), span))
        return result

    def totals_us(self) -> dict[str, float]:
        totals: dict[str, float] = {}
        for name, span in self._found:
            totals[name] = totals.get(name, 0.0) + self._clock.elapsed_us(span)
        return totals
