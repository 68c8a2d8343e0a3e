"""What the judge says: a status, the named check behind it, errors and times."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    PASSED = "PASSED"
    REJECTED = "REJECTED"
    COMPILE_ERROR = "COMPILE_ERROR"
    RUNTIME_ERROR = "RUNTIME_ERROR"
    TIMEOUT = "TIMEOUT"
    WRONG_STRUCTURE = "WRONG_STRUCTURE"
    WRONG_SHAPE = "WRONG_SHAPE"
    WRONG_DTYPE = "WRONG_DTYPE"
    WRONG_VALUE = "WRONG_VALUE"
    REFERENCE_BROKEN = "REFERENCE_BROKEN"
    USAGE_ERROR = "USAGE_ERROR"
    INFRA_ERROR = "INFRA_ERROR"


EXIT_CODES: Mapping[Status, int] = {
    **dict.fromkeys(Status, 1),
    Status.PASSED: 0,
    Status.REFERENCE_BROKEN: 2,
    Status.USAGE_ERROR: 2,
    Status.INFRA_ERROR: 3,
}


@dataclass(frozen=True)
class ErrorStatistics:
    """Errors against the float64 truth over all outputs, laws and seeds (the worst of them).

    ``candidate`` and ``reference`` are relative Frobenius norms; ``worst_*`` describe the element
    where the candidate came nearest to (or over) its limit.
    """

    candidate: float
    reference: float
    limit: float
    worst_output: int = 0
    worst_index: tuple[int, ...] = ()
    worst_value: float | None = None
    worst_truth: float | None = None
    laws: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True)
class Measurement:
    """Times in microseconds; mappings are from "candidate" and each baseline's name.

    ``cold``: whether the caches were flushed before each call of ``candidate_us``,
    ``baselines_us``, ``samples_us`` and the speedups; ``warm_us`` are medians without flushing, on
    new inputs all the same. ``latency_us`` is what the host sees of a call, its launch included;
    on a CPU the same as the sample. ``samples_us`` are all raw samples, round by round.
    """

    candidate_us: float
    baselines_us: Mapping[str, float]
    speedup: float  # eager over candidate
    speedup_low: float
    speedup_high: float
    speedup_best: float  # fastest baseline over candidate
    bound_us: float | None = None
    bound_percent: float | None = None  # bound over candidate; None where a cache beats the bound
    bytes_moved: int | None = None
    prepare_us: float | None = None
    cold: bool = True
    device: str = ""
    warm_us: Mapping[str, float] = field(default_factory=dict)
    latency_us: Mapping[str, float] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)  # threads, load, clocks, versions
    samples_us: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    speedup_best_low: float | None = None  # the 95 % interval of speedup_best
    speedup_best_high: float | None = None

    @property
    def fastest_baseline(self) -> str:
        """The baseline that ``speedup_best`` is quoted against."""
        return min(self.baselines_us, key=lambda name: self.baselines_us[name])

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Measurement:
        """Rebuilds what ``dataclasses.asdict`` gave, also after a trip through JSON, and records
        of earlier versions, which had fewer fields."""
        values = dict(data)
        environment = dict(values.get("environment") or {})
        latencies = dict(environment.pop("host_latency_us", {}))
        values["environment"] = environment
        values["latency_us"] = values.get("latency_us") or latencies
        samples = values.get("samples_us") or {}
        values["samples_us"] = {name: tuple(times) for name, times in samples.items()}
        return Measurement(**values)


@dataclass(frozen=True)
class Evaluation:
    """The judge's word on one candidate. A bad kernel is this record, never an exception."""

    status: Status
    check: str | None = None  # the named check that failed; None when passed
    reason: str = ""
    error: ErrorStatistics | None = None
    measurement: Measurement | None = None
    reduced: bool = False  # verified on smaller sizes only
    reproducer: str | None = None  # path of a script that repeats the failure
    log: str = ""
    notes: tuple[str, ...] = ()  # plain remarks for the report ("checked under the interpreter")
    policy: Mapping[str, Any] = field(default_factory=dict)  # TF32, accumulate dtype, threads
    library_calls: tuple[str, ...] = ()  # ops of the framework that the kernel itself computes with
    library_shares: Mapping[str, float] = field(default_factory=dict)  # of its time, 0 to 1, by op

    @property
    def passed(self) -> bool:
        return self.status is Status.PASSED

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict; the inverse is ``from_dict``."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Evaluation:
        """Rebuilds what ``to_dict`` gave, also after a trip through JSON."""
        values = dict(data)
        values["status"] = Status(values["status"])
        if values.get("error"):
            error = dict(values["error"])
            for name in ("worst_index", "laws", "seeds"):
                error[name] = tuple(error.get(name) or ())
            values["error"] = ErrorStatistics(**error)
        if values.get("measurement"):
            values["measurement"] = Measurement.from_dict(values["measurement"])
        for name in ("notes", "library_calls"):
            values[name] = tuple(values.get(name) or ())
        return Evaluation(**values)


@dataclass(frozen=True)
class Metrics:
    """KernelEvolve's own record, kept as its users know it: times in milliseconds."""

    speedup: float = 0.0
    original_time: float = 0.0
    optimized_time: float = 0.0
    error: str | None = None
    traceback: str | None = None
