"""Outputs that must be equal: integers and booleans always, floats where every order is exact."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kernelwright.schema import ErrorStatistics, Status
from kernelwright.verify.rule.verdict import Verdict, place, unravel

if TYPE_CHECKING:
    from kernelwright.verify.rule.ties import Tie

SPILL = 2.0**-30  # of the smallest number there is; a float32 rounding of it is 2**-24
_WHY_EXACT = (
    "whole numbers in, sums and products only, and few enough bits that every order of them is "
    "exact"
)


def judge_exact(
    index: int, t: np.ndarray, r: np.ndarray, c: np.ndarray, tie: Tie | None = None
) -> Verdict:
    """Integers and booleans: ``c`` equals ``r`` in every element, or the truth ``t`` (the reference
    may have rounded on the way to an integer). ``tie`` says which indices are as good."""
    wrong = np.asarray(r != c)
    if not wrong.any():
        return _passed(index)
    why = ""
    if tie is not None:
        judged = tie.judge(t, r, c)
        wrong, why = judged.wrong, f"; {judged.why}"
    elif t.dtype.kind in "biu":
        wrong &= np.asarray(t != c)
    if not wrong.any():
        return _passed(index)
    said = f"output {index} ({r.dtype.name}{', indices' if tie is not None else ''}) must be exact"
    verdict = _refused(index, r, c, wrong, "exact", said)
    return replace(verdict, reason=verdict.reason + why)


def judge_exact_floats(index: int, t: np.ndarray, r: np.ndarray, c: np.ndarray) -> Verdict | None:
    """Floats that every order of additions gets right: None when ``c`` equals the rounded truth,
    and when the clause does not apply because ``r`` does not, or is not finite, somewhere. -0.0
    equals 0.0, and so does what is left of a wider computation that is not exact by nature (a
    convolution by FFT in float64): less than SPILL of the smallest number that is not 0, which is
    far less than one rounding of it. A float64 output is its own truth, whatever ``r`` stands for
    its rounding."""
    with np.errstate(all="ignore"):
        want = t.astype(r.dtype)
        sizes = np.abs(t[np.isfinite(t) & (t != 0)])
        spill = SPILL * float(sizes.min()) if sizes.size and r.dtype != t.dtype else 0.0
        wrong = np.asarray((want != c) & ~(np.abs(c.astype(t.dtype) - t) <= spill))
    if not wrong.any():
        return None
    own_truth = r.dtype == t.dtype
    if not np.isfinite(r).all() or not (own_truth or np.array_equal(want, r)):
        return None
    said = f"output {index} ({r.dtype.name}) must be exact"
    verdict = _refused(index, want, c, wrong, "exact_integers", said)
    return replace(verdict, reason=f"{verdict.reason} ({_WHY_EXACT})")


def _passed(index: int) -> Verdict:
    return Verdict(Status.PASSED, statistics=ErrorStatistics(0.0, 0.0, 0.0, worst_output=index))


def _refused(
    index: int, r: np.ndarray, c: np.ndarray, wrong: np.ndarray, check: str, said: str
) -> Verdict:
    count = int(np.count_nonzero(wrong))
    where = unravel(int(np.argmax(wrong)), r.shape)
    got, want = c[where], r[where]
    reason = (
        f"{said}: element {place(where)} is {_text(got)}, not {_text(want)}; "
        f"{count} of {r.size} elements differ"
    )
    statistics = ErrorStatistics(
        candidate=count / r.size,
        reference=0.0,
        limit=0.0,
        worst_output=index,
        worst_index=where,
        worst_value=float(np.real(got)),
        worst_truth=float(np.real(want)),
    )
    return Verdict(Status.WRONG_VALUE, check, reason, statistics)


def _text(value: Any) -> str:
    """All digits: 16777216 and 16777217 in float32 must not look the same."""
    return str(value.item()) if isinstance(value, np.generic) else str(value)
