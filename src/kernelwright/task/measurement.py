"""What a timing run says, joined to the attempts, and its form in the record."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from kernelwright.schema import Evaluation, Measurement
from kernelwright.task.result import Attempt
from kernelwright.verify.timing.profile import ProfileResult


def timed(attempt: Attempt, name: str, profiled: ProfileResult) -> Attempt:
    """``attempt`` with its times; one that failed while it was timed is no longer passed."""
    if name in profiled.failures:
        failure = profiled.failures[name]
        return dataclasses.replace(
            attempt, evaluation=dataclasses.replace(failure, policy=attempt.evaluation.policy)
        )
    if name not in profiled.measurements:
        return attempt
    evaluation = dataclasses.replace(attempt.evaluation, measurement=profiled.measurements[name])
    return dataclasses.replace(attempt, evaluation=evaluation)


def baseline_note(name: str, text: str) -> str:
    """What is said of a baseline that failed: the first line of what went wrong."""
    first = (text.strip().splitlines() or ["no reason given"])[0]
    return f"baseline {name} could not be measured: {first}"


def not_timed_note(impl_type: str) -> str:
    """What is said of a kernel that is right and that nothing here can run natively."""
    return (
        f"not timed: {impl_type} kernels are checked in their interpreter here, since this machine "
        "has no device that runs them"
    )


def profile_detail(profiled: ProfileResult) -> dict[str, Any]:
    """A JSON-ready form; ``profile_of`` is its inverse."""
    return {
        "measurements": {n: dataclasses.asdict(m) for n, m in profiled.measurements.items()},
        "failures": {n: e.to_dict() for n, e in profiled.failures.items()},
        "baseline_failures": dict(profiled.baseline_failures),
        "flagged": list(profiled.flagged),
        "notes": list(profiled.notes),
    }


def profile_of(detail: Mapping[str, Any]) -> ProfileResult:
    return ProfileResult(
        {n: Measurement.from_dict(m) for n, m in detail["measurements"].items()},
        {n: Evaluation.from_dict(e) for n, e in detail["failures"].items()},
        detail["baseline_failures"],
        tuple(detail["flagged"]),
        tuple(detail["notes"]),
    )
