"""What one optimisation came to, as a record and as the JSON object that the contract fixes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernelwright.report.numbers import speedup_text
from kernelwright.schema import EXIT_CODES, Candidate, Evaluation, Measurement, Status


@dataclass(frozen=True)
class Attempt:
    """One candidate and what the judge said of it."""

    impl_type: str
    candidate: Candidate | None  # None when nothing could be made
    evaluation: Evaluation

    @property
    def name(self) -> str:
        """Tells it from the run's other attempts: the impl_type, for a model's kernel with "-llm"
        behind it."""
        made = self.candidate.producer if self.candidate is not None else ""
        return f"{self.impl_type}-llm" if made.startswith("llm:") else self.impl_type

    @property
    def measurement(self) -> Measurement | None:
        return self.evaluation.measurement


@dataclass(frozen=True, repr=False)
class OptimizeResult:
    """``best`` is the fastest verified attempt (or the most telling failure). ``returned`` is
    "candidate", or the name of the baseline that is faster than every candidate. Truth value:
    whether a verified candidate exists."""

    op: str
    out: Path
    best: Attempt
    attempts: tuple[Attempt, ...]
    returned: str = "candidate"
    notes: tuple[str, ...] = ()
    resumed: bool = False
    context: Mapping[str, Any] = field(default_factory=dict)  # target, versions, options
    stages_s: Mapping[str, float] = field(default_factory=dict)  # where the run's seconds went

    def __bool__(self) -> bool:
        return self.best.evaluation.passed

    def __repr__(self) -> str:
        """One line: OptimizeResult(relu: PASSED, cpp, 20.1 us, 1.17x [1.07, 1.29], out=...)."""
        row = self.to_json()
        said = [f"{self.op}: {row['status']}", row["impl_type"]]
        if row["speedup"] is not None:
            said.append(f"{row['optimized_us']:.1f} us")
            said.append(speedup_text(row["speedup"], row["speedup_low"], row["speedup_high"]))
        if row["check"]:
            said.append(f"check={row['check']}")
        return f"OptimizeResult({', '.join(said)}, out={row['out']})"

    @property
    def status(self) -> Status:
        return self.best.evaluation.status

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.status]

    def to_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        evaluation = self.best.evaluation
        measured = evaluation.measurement
        baselines = dict(measured.baselines_us) if measured else {}
        candidate = self.best.candidate
        return {
            "op": self.op,
            "status": str(evaluation.status),
            "check": evaluation.check,
            "reason": evaluation.reason or None,
            "impl_type": self.best.impl_type,
            "producer": candidate.producer if candidate else None,
            "error": _finite(evaluation.error.candidate) if evaluation.error else None,
            "reference_error": _finite(evaluation.error.reference) if evaluation.error else None,
            "original_us": baselines.get("eager"),
            "optimized_us": measured.candidate_us if measured else None,
            "baselines_us": baselines,
            "speedup": measured.speedup if measured else None,
            "speedup_low": measured.speedup_low if measured else None,
            "speedup_high": measured.speedup_high if measured else None,
            "speedup_best": measured.speedup_best if measured else None,
            "bound_us": measured.bound_us if measured else None,
            "bound_percent": measured.bound_percent if measured else None,
            "returned": self.returned if evaluation.passed else None,
            "reduced": evaluation.reduced,
            "library_calls": {
                name: evaluation.library_shares.get(name) for name in evaluation.library_calls
            },
            "stages_s": dict(self.stages_s),
            "out": None if self.out == Path() else str(self.out),
        }


@dataclass(frozen=True)
class WithResult:
    """What a command tells beside a result, whose worth it has."""

    result: OptimizeResult

    @property
    def op(self) -> str:
        return self.result.op

    @property
    def status(self) -> Status:
        return self.result.status

    @property
    def exit_code(self) -> int:
        return self.result.exit_code

    @property
    def out(self) -> Path:
        return self.result.out

    def __bool__(self) -> bool:
        return bool(self.result)


def _finite(value: float) -> float | None:
    """JSON has no infinity: an error without bound is null."""
    return value if math.isfinite(value) else None


def failed(
    op: str, out: Path, status: Status, check: str, reason: str, impl_type: str = "auto"
) -> OptimizeResult:
    """A result for work that ended before there was a candidate."""
    attempt = Attempt(impl_type, None, Evaluation(status, check, reason))
    return OptimizeResult(op, out, attempt, (attempt,))


def fastest(attempts: tuple[Attempt, ...]) -> Attempt:
    """The fastest verified attempt; a verified one without times next; else the first failure."""

    def rank(attempt: Attempt) -> tuple[int, float]:
        measured = attempt.measurement
        if attempt.evaluation.passed and measured is not None:
            return (0, measured.candidate_us)
        return (1 if attempt.evaluation.passed else 2, 0.0)

    return min(attempts, key=rank)


def what_to_return(best: Attempt) -> str:
    """Never slower: the candidate, or the baseline that beat it."""
    measured = best.measurement
    if measured is None or not measured.baselines_us:
        return "candidate"
    name, time_us = min(measured.baselines_us.items(), key=lambda item: item[1])
    return name if time_us < measured.candidate_us else "candidate"
