"""The error rule: is an output as near to the truth as the reference's own arithmetic is?

For each output with truth ``t`` (float64), reference ``r``, candidate ``c`` and unit roundoff ``u``
of the output's dtype (half the spacing at 1):

1. structure, shape and dtype are those of ``r``; integers and booleans are exact;
2. NaN and infinities stand where ``r`` has them, or where ``t`` rounded to the dtype has them;
3. ``norm(c - t) <= max(NORM_FACTOR norm(r - t), NORM_ROUNDING u norm(t))``;
4. for every element, ``|c - t|`` is at most the largest of ``ELEMENT_FACTOR q``,
   ``ELEMENT_ROUNDING u |t|`` and ``|r - t|``, where ``q`` is the ELEMENT_QUANTILE of ``|r - t|``.

An output at most as far from ``t`` as ``r`` is, in every element, is never refused, and no share of
bad elements is allowed. The idea of measuring a kernel by the error of a plain implementation
against a higher precision is that of the FlashAttention tests (Dao et al.).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from kernelwright.schema import ErrorStatistics, Status

# A candidate may err twice as much as the reference (fixed by the contract).
NORM_FACTOR = 2.0
# Where the reference errs less than this by luck (a sum that happened to round well), the floor
# decides. Half precisions are storage formats here: a value computed in float32 and rounded once
# has a relative error of about 0.4 u in the norm and at most 1 u in an element. In float32 and
# float64 the sums themselves round: n positive terms in k partial sums err by about
# 0.25 u sqrt(n) / k, which is up to some 20 u for the orders of summation of real kernels, where
# TF32 or bfloat16 inputs err by thousands of u.
NORM_ROUNDING = {"float16": 1.5, "bfloat16": 1.5}
ELEMENT_ROUNDING = {"float16": 4.0, "bfloat16": 4.0}
NORM_ROUNDING_DEFAULT = 32.0
ELEMENT_ROUNDING_DEFAULT = 64.0
# The quantile that stands for the reference's error: the maximum would let one badly conditioned
# element widen the limit of all the others.
ELEMENT_QUANTILE = 0.999
# The largest of millions of rounding errors is about 1.7 times their 99.9 % quantile when they are
# normally distributed; a candidate with twice the reference's error and heavier tails stays below.
ELEMENT_FACTOR = 8.0


@dataclass(frozen=True)
class Verdict:
    """``status`` PASSED or what is wrong; ``check`` is the broken clause, None when passed."""

    status: Status
    check: str | None = None
    reason: str = ""
    statistics: ErrorStatistics | None = None

    @property
    def passed(self) -> bool:
        return self.status is Status.PASSED


@dataclass(frozen=True)
class Outputs:
    """What a call gave: arrays in order, and "tensor", "tuple" or "list"."""

    arrays: Sequence[np.ndarray]
    structure: str


def is_inexact(dtype: np.dtype) -> bool:
    """Floats of any kind, bfloat16 and float8 included, and complex numbers."""
    return dtype.kind in "fc" or (dtype.kind == "V" and _is_extension_float(dtype))


def _is_extension_float(dtype: np.dtype) -> bool:
    try:
        ml_dtypes.finfo(dtype)
    except ValueError:
        return False
    return True


def unit_roundoff(dtype: np.dtype) -> float:
    """Half the spacing of the dtype's numbers at 1: 2**-24 for float32."""
    return float(ml_dtypes.finfo(_real(dtype)).eps) / 2


def _real(dtype: np.dtype) -> np.dtype:
    return np.empty(0, dtype).real.dtype if dtype.kind == "c" else dtype


def judge_outputs(truths: Sequence[np.ndarray], reference: Outputs, candidate: Outputs) -> Verdict:
    """The verdict on one call. ``truths`` are float64 (complex128; integers exact), one an output.

    Raises ValueError when truths and reference do not belong together, a fault of the task.
    """
    if len(truths) != len(reference.arrays):
        raise ValueError(f"{len(truths)} truths for {len(reference.arrays)} reference outputs")
    wrong = _judge_types(reference, candidate)
    if wrong:
        return wrong
    worst: Verdict | None = None
    for index, (t, r, c) in enumerate(zip(truths, reference.arrays, candidate.arrays)):
        if t.shape != r.shape:
            raise ValueError(f"truth {index} has shape {t.shape}, the reference {r.shape}")
        verdict = (
            _judge_inexact(index, t, r, c) if is_inexact(r.dtype) else _judge_exact(index, r, c)
        )
        if not verdict.passed:
            return verdict
        if worst is None or nearer_to_limit(verdict, worst):
            worst = verdict
    return worst or Verdict(Status.PASSED, statistics=ErrorStatistics(0.0, 0.0, 0.0))


def nearer_to_limit(one: Verdict, other: Verdict) -> bool:
    """Whether ``one`` came nearer to (or further over) its limit than ``other``."""
    return _share(one.statistics) > _share(other.statistics)


def _share(statistics: ErrorStatistics | None) -> float:
    if statistics is None:
        return -1.0
    if statistics.limit == 0:
        return float(statistics.candidate > 0)
    return statistics.candidate / statistics.limit


def _judge_types(reference: Outputs, candidate: Outputs) -> Verdict | None:
    want, got = reference.arrays, candidate.arrays
    if len(want) != len(got) or reference.structure != candidate.structure:
        reason = f"the call returned {_described(candidate)}, the reference {_described(reference)}"
        return Verdict(Status.WRONG_STRUCTURE, "structure", reason)
    for index, (r, c) in enumerate(zip(want, got)):
        if r.shape != c.shape:
            reason = f"output {index} has shape {list(c.shape)}, not {list(r.shape)}"
            return Verdict(Status.WRONG_SHAPE, "shape", reason)
    for index, (r, c) in enumerate(zip(want, got)):
        if r.dtype != c.dtype:
            reason = f"output {index} has dtype {c.dtype.name}, not {r.dtype.name}"
            return Verdict(Status.WRONG_DTYPE, "dtype", reason)
    return None


def _described(outputs: Outputs) -> str:
    if outputs.structure == "tensor":
        return "one tensor"
    return f"a {outputs.structure} of {len(outputs.arrays)}"


def _judge_exact(index: int, r: np.ndarray, c: np.ndarray) -> Verdict:
    wrong = np.asarray(r != c)
    count = int(np.count_nonzero(wrong))
    if not count:
        return Verdict(Status.PASSED, statistics=ErrorStatistics(0.0, 0.0, 0.0, worst_output=index))
    where = _unravel(int(np.argmax(wrong)), r.shape)
    got, want = c[where].item(), r[where].item()
    reason = (
        f"output {index} ({r.dtype.name}) must be exact: element {_place(where)} is {got}, not "
        f"{want}; {count} of {r.size} elements differ"
    )
    statistics = ErrorStatistics(
        candidate=count / r.size,
        reference=0.0,
        limit=0.0,
        worst_output=index,
        worst_index=where,
        worst_value=float(got),
        worst_truth=float(want),
    )
    return Verdict(Status.WRONG_VALUE, "exact", reason, statistics)


def _place(index: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, index))}]"


def _judge_inexact(index: int, t: np.ndarray, r: np.ndarray, c: np.ndarray) -> Verdict:
    wide: Any = np.complex128 if r.dtype.kind == "c" else np.float64
    with np.errstate(all="ignore"):
        truth, theirs, ours = (a.reshape(-1).astype(wide) for a in (t, r, c))
        misplaced = _misplaced(truth, theirs, ours, r.dtype)
    if misplaced is not None:
        reason = (
            f"output {index} at {_place(_unravel(misplaced, t.shape))} is {ours[misplaced]}, where "
            f"the reference is {theirs[misplaced]} and the float64 truth {truth[misplaced]}"
        )
        worst = _Worst(index, misplaced, t.shape, ours[misplaced], truth[misplaced])
        return Verdict(Status.WRONG_VALUE, "not_finite", reason, worst.statistics(np.inf, 0.0, 0.0))
    # Elements that are not finite in c agree with r or t already. Where t is not finite although c
    # and r are, r is the best truth there is; where r alone is not finite it says nothing.
    if not all(np.isfinite(a).all() for a in (truth, theirs, ours)):
        truth = np.where(np.isfinite(truth) | ~np.isfinite(theirs), truth, theirs)
        counted = np.isfinite(ours) & np.isfinite(truth)
        theirs = np.where(np.isfinite(theirs), theirs, truth)
        truth, ours, theirs = (np.where(counted, a, 0) for a in (truth, ours, theirs))
    return _judge_errors(index, truth, theirs, ours, r.dtype, t.shape)


def _misplaced(t: np.ndarray, r: np.ndarray, c: np.ndarray, dtype: np.dtype) -> int | None:
    """The first element whose NaN or infinity neither the reference nor the rounded truth has."""
    if np.isfinite(c).all() and np.isfinite(r).all():
        return None

    def differs(expected: np.ndarray) -> np.ndarray:
        same = np.isfinite(expected) & np.isfinite(c)
        same |= np.isnan(expected) & np.isnan(c)
        same |= expected == c
        return ~same

    bad = differs(r) & differs(t.astype(dtype).astype(t.dtype))
    return int(np.argmax(bad)) if bad.any() else None


def _judge_errors(
    index: int,
    t: np.ndarray,
    r: np.ndarray,
    c: np.ndarray,
    dtype: np.dtype,
    shape: tuple[int, ...],
) -> Verdict:
    """Clauses 3 and 4 on flat, finite, wide arrays."""
    if not t.size:
        return Verdict(Status.PASSED, statistics=ErrorStatistics(0.0, 0.0, 0.0, worst_output=index))
    u = unit_roundoff(dtype)
    tiny = float(ml_dtypes.finfo(_real(dtype)).smallest_normal)  # below it spacing is 2 u tiny
    error, own, scale = np.abs(c - t), np.abs(r - t), _norm(t)
    error_norm, own_norm = _norm(error), _norm(own)
    floor = NORM_ROUNDING.get(dtype.name, NORM_ROUNDING_DEFAULT) * u
    norm_limit = max(NORM_FACTOR * own_norm, floor * max(scale, tiny * t.size**0.5))

    limits = np.maximum(np.abs(t), tiny)
    limits *= ELEMENT_ROUNDING.get(dtype.name, ELEMENT_ROUNDING_DEFAULT) * u
    np.maximum(limits, ELEMENT_FACTOR * _quantile(own), out=limits)
    np.maximum(limits, own, out=limits)
    excess = error / limits
    where = int(np.argmax(excess))
    worst = _Worst(index, where, shape, c[where], t[where])
    statistics = worst.statistics(
        *(_relative(n, scale) for n in (error_norm, own_norm, norm_limit))
    )
    if excess[where] > 1:
        count = int(np.count_nonzero(excess > 1))
        reason = (
            f"output {index} at {_place(_unravel(where, shape))} is {c[where]:.9g}, the float64 "
            f"truth {t[where]:.9g}: off by {error[where]:.3g}, allowed {limits[where]:.3g}; "
            f"{count} of {t.size} elements are out of bounds"
        )
        return Verdict(Status.WRONG_VALUE, "element_error", reason, statistics)
    if error_norm > norm_limit:
        reason = (
            f"output {index} errs by {statistics.candidate:.3g} (relative Frobenius norm against "
            f"float64), allowed {statistics.limit:.3g}; the reference errs by "
            f"{statistics.reference:.3g}; worst element {_place(_unravel(where, shape))} is "
            f"{c[where]:.9g}, the truth {t[where]:.9g}"
        )
        return Verdict(Status.WRONG_VALUE, "norm_error", reason, statistics)
    return Verdict(Status.PASSED, statistics=statistics)


def _norm(a: np.ndarray) -> float:
    """Frobenius norm without overflow or underflow of the squares."""
    largest = float(np.max(np.abs(a), initial=0.0))
    if largest == 0.0:
        return 0.0
    if 1e-100 < largest < 1e100:
        return float(np.linalg.norm(a))
    return largest * float(np.linalg.norm(a / largest))


def _quantile(own: np.ndarray) -> float:
    rank = min(own.size - 1, int(np.ceil(ELEMENT_QUANTILE * own.size)) - 1)
    return float(np.partition(own, rank)[rank])


def _unravel(where: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(where, shape)) if shape else ()


def _relative(error: float, scale: float) -> float:
    """Absolute where the truth is all zeros."""
    return error / scale if scale else error


@dataclass(frozen=True)
class _Worst:
    output: int
    where: int
    shape: tuple[int, ...]
    value: Any
    truth: Any

    def statistics(self, candidate: float, reference: float, limit: float) -> ErrorStatistics:
        return ErrorStatistics(
            candidate=float(candidate),
            reference=float(reference),
            limit=float(limit),
            worst_output=self.output,
            worst_index=_unravel(self.where, self.shape),
            worst_value=float(np.real(self.value)),
            worst_truth=float(np.real(self.truth)),
        )
