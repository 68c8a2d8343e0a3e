"""The error rule: is an output as near to the truth as the reference's own arithmetic is?

For each output with truth ``t`` (float64), reference ``r``, candidate ``c`` and unit roundoff ``u``
of the output's dtype (half the spacing at 1):

1. structure, shape and dtype are those of ``r``; integers and booleans are exact, indices up to
   ties of the truth within the reference's rounding (``verify.rule.ties``);
2. NaN and infinities stand where ``r`` has them, or where ``t`` rounded to the dtype has them;
3. ``norm(c - t) <= max(NORM_FACTOR norm(r - t), NORM_ROUNDING u norm(t))``;
4. for every element, ``|c - t|`` is at most the largest of ``ELEMENT_FACTOR q``,
   ``ELEMENT_ROUNDING u max(|t|, rms(t))`` and ``|r - t|``, where ``q`` is the ELEMENT_QUANTILE of
   ``|r - t|`` and ``rms`` the root of the mean square.

An output at most as far from ``t`` as ``r`` is, in every element, is never refused, and no share of
bad elements is allowed. The idea of measuring a kernel by the error of a plain implementation
against a higher precision is that of the FlashAttention tests (Dao et al.).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ml_dtypes
import numpy as np

from kernelwright.graph.structure import described
from kernelwright.schema import ErrorStatistics, Status
from kernelwright.verify.rule.equality import judge_exact, judge_exact_floats
from kernelwright.verify.rule.verdict import Outputs, Verdict, nearer_to_limit, place, unravel

if TYPE_CHECKING:
    from kernelwright.verify.rule.ties import Tie

__all__ = ["Outputs", "Verdict", "is_inexact", "judge_outputs", "nearer_to_limit", "unit_roundoff"]

# A candidate may err twice as much as the reference (fixed by the contract).
NORM_FACTOR = 2.0
# Where the reference errs less than this by luck (a sum that happened to round well), the floor
# decides. Half precisions are storage formats here: a value computed in float32 and rounded once
# has a relative error of about 0.4 u in the norm and at most 1 u in an element. In float32 and
# float64 the sums themselves round: a thousand terms one after the other, in a normalisation of
# whole numbers, err by 160 u, a divergence of float64 distributions by 220 u; the next lower
# precision by more than 400 u (`kernelwright bench judge-calibration` measures both). A million
# terms in one running sum, which stalls when it has grown large, err by thousands: that order is
# refused, and sums of that length must be blocked. What cancels to nothing still carries the
# rounding of what was added to it, so an element is measured by the typical one, the root of the
# mean square, where it is smaller than that.
NORM_ROUNDING = {"float16": 1.5, "bfloat16": 1.5}
ELEMENT_ROUNDING = {"float16": 4.0, "bfloat16": 4.0}
NORM_ROUNDING_DEFAULT = 256.0
ELEMENT_ROUNDING_DEFAULT = 1280.0
# The quantile that stands for the reference's error: the maximum would let one badly conditioned
# element widen the limit of all the others.
ELEMENT_QUANTILE = 0.999
# The largest of millions of rounding errors is about 1.7 times their 99.9 % quantile when they are
# normally distributed; a candidate with twice the reference's error and heavier tails stays below.
ELEMENT_FACTOR = 8.0
STEPS = 4.0  # roundings of the smallest normal number: two steps of the subnormal ones
BLOCK = (
    1 << 16
)  # elements judged at a time: a few float64 arrays of this size fit in a core's cache


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


def judge_outputs(
    truths: Sequence[np.ndarray],
    reference: Outputs,
    candidate: Outputs,
    *,
    ties: Mapping[int, Tie] | None = None,
    exact: bool | Collection[int] = False,
) -> Verdict:
    """The verdict on one call. ``truths`` are float64 (complex128; integers exact), one an output.

    ``ties[i]`` says which indices of output i are as good as the reference's. ``exact`` (all
    outputs, or the ones named) asks for equality where the reference is the rounded truth in every
    element; see ``verify.rule.exactness`` for where that is fair. Raises ValueError when truths and
    reference do not belong together, a fault of the task.
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
        if not is_inexact(r.dtype):
            verdict = judge_exact(index, t, r, c, (ties or {}).get(index))
        else:
            verdict = _judge_inexact(index, t, r, c)
            asked = exact if isinstance(exact, bool) else index in exact
            if verdict.passed and asked:
                verdict = judge_exact_floats(index, t, r, c) or verdict
        if not verdict.passed:
            return verdict
        if worst is None or nearer_to_limit(verdict, worst):
            worst = verdict
    return worst or Verdict(Status.PASSED, statistics=ErrorStatistics(0.0, 0.0, 0.0))


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
    return described(outputs.structure, len(outputs.arrays))


def _judge_inexact(index: int, t: np.ndarray, r: np.ndarray, c: np.ndarray) -> Verdict:
    """Clauses 2 to 4, in blocks that stay in the cache: outputs may have many millions of elements
    and fresh memory costs more than the arithmetic."""
    flat = [a.reshape(-1) for a in (t, r, c)]
    starts = range(0, t.size, BLOCK)
    own = np.empty(t.size)
    norms: list[tuple[float, float, float]] = []
    for start in starts:
        truth, theirs, ours, misplaced = _block(flat, start)
        if misplaced is not None:
            return _misplaced_verdict(index, flat, start + misplaced, t.shape)
        with np.errstate(all="ignore"):
            own[start : start + BLOCK] = np.abs(theirs - truth)
            parts = (ours - truth, own[start : start + BLOCK], truth)
            norms.append((_norm(parts[0]), _norm(parts[1]), _norm(parts[2])))
    if not norms:
        return Verdict(Status.PASSED, statistics=ErrorStatistics(0.0, 0.0, 0.0, worst_output=index))

    error_norm, own_norm, scale = (_norm(np.array(column)) for column in zip(*norms))
    rule = _Rule.of(r.dtype, _quantile(own), scale, t.size)
    worst, count = None, 0
    for start in starts:
        truth, _, ours, _ = _block(flat, start)
        limits = rule.element_limits(truth, own[start : start + BLOCK])
        with np.errstate(all="ignore"):
            error = np.abs(ours - truth)
            excess = error / limits
        count += int(np.count_nonzero(excess > 1))
        at = int(np.argmax(excess))
        if worst is None or excess[at] > worst.excess:
            worst = _Worst(
                excess[at], index, start + at, t.shape, ours[at], truth[at], error[at], limits[at]
            )
    assert worst is not None
    limit = rule.norm_limit(own_norm)
    return _verdict(worst, count, error_norm, own_norm, limit, scale)


def _block(
    flat: Sequence[np.ndarray], start: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int | None]:
    """Truth, reference and candidate of one block, wide and finite, and the first element whose NaN
    or infinity neither the reference nor the rounded truth has (None when there is none)."""
    dtype = flat[1].dtype
    wide: Any = np.complex128 if dtype.kind == "c" else np.float64
    with np.errstate(all="ignore"):
        t, r, c = (a[start : start + BLOCK].astype(wide) for a in flat)
        if all(bool(np.isfinite(a).all()) for a in (t, r, c)):
            return t, r, c, None
        bad = _differs(r, c) & _differs(t.astype(dtype).astype(wide), c)
    if bad.any():
        return t, r, c, int(np.argmax(bad))
    # Elements that are not finite in c agree with r or t already. Where t is not finite although c
    # and r are, r is the best truth there is; where r alone is not finite it says nothing.
    t = np.where(np.isfinite(t) | ~np.isfinite(r), t, r)
    counted = np.isfinite(c) & np.isfinite(t)
    r = np.where(np.isfinite(r), r, t)
    t, r, c = (np.where(counted, a, 0) for a in (t, r, c))
    return t, r, c, None


def _differs(expected: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Where NaN and infinities are not the same; complex numbers by their parts."""
    if expected.dtype.kind == "c":
        return _differs(expected.real, c.real) | _differs(expected.imag, c.imag)
    same = np.isfinite(expected) & np.isfinite(c)
    same |= np.isnan(expected) & np.isnan(c)
    same |= expected == c
    return ~same


@dataclass(frozen=True)
class _Rule:
    """The limits for one output. ``relative`` is for each element, ``least`` for every element and
    ``norm`` for all together; ``tiny`` is the smallest normal number, below which the spacing of
    numbers is that of ``tiny``."""

    relative: float
    tiny: float
    least: float
    norm: float

    @staticmethod
    def of(dtype: np.dtype, quantile: float, scale: float, size: int) -> _Rule:
        """``quantile`` of the reference's errors; ``scale`` is the norm of the truth's ``size``
        elements."""
        u = unit_roundoff(dtype)
        tiny = float(ml_dtypes.finfo(_real(dtype)).smallest_normal)
        relative = ELEMENT_ROUNDING.get(dtype.name, ELEMENT_ROUNDING_DEFAULT) * u
        norm = NORM_ROUNDING.get(dtype.name, NORM_ROUNDING_DEFAULT)
        return _Rule(
            relative,
            tiny,
            max(ELEMENT_FACTOR * quantile, relative * scale / size**0.5),
            u * max(norm * scale, STEPS * tiny * size**0.5),
        )

    def norm_limit(self, own_norm: float) -> float:
        return max(NORM_FACTOR * own_norm, self.norm)

    def element_limits(self, truth: np.ndarray, own: np.ndarray) -> np.ndarray:
        limits = np.maximum(np.abs(truth), self.tiny)
        limits *= self.relative
        np.maximum(limits, self.least, out=limits)
        return np.maximum(limits, own, out=limits)


def _misplaced_verdict(
    index: int, flat: Sequence[np.ndarray], where: int, shape: tuple[int, ...]
) -> Verdict:
    truth, theirs, ours = (a[where] for a in flat)
    worst = _Worst(np.inf, index, where, shape, ours, truth, np.inf, 0.0)
    reason = (
        f"output {index} at {worst.place} is {ours}, where the reference is {theirs} and the "
        f"float64 truth {truth}"
    )
    return Verdict(Status.WRONG_VALUE, "not_finite", reason, worst.statistics(np.inf, 0.0, 0.0))


def _verdict(
    worst: _Worst, count: int, error: float, own: float, limit: float, scale: float
) -> Verdict:
    """Clauses 3 and 4 from the norms and the element nearest to (or furthest over) its limit."""
    statistics = worst.statistics(*(_relative(n, scale) for n in (error, own, limit)))
    if worst.excess > 1:
        reason = (
            f"output {worst.output} at {worst.place} is {worst.value:.9g}, the float64 truth "
            f"{worst.truth:.9g}: off by {worst.error:.3g}, allowed {worst.limit:.3g}; {count} of "
            f"{math.prod(worst.shape)} elements are out of bounds"
        )
        return Verdict(Status.WRONG_VALUE, "element_error", reason, statistics)
    if not error <= limit:
        reason = (
            f"output {worst.output} errs by {statistics.candidate:.3g} (relative Frobenius norm "
            f"against float64), allowed {statistics.limit:.3g}; the reference errs by "
            f"{statistics.reference:.3g}; worst element {worst.place} is {worst.value:.9g}, the "
            f"truth {worst.truth:.9g}"
        )
        return Verdict(Status.WRONG_VALUE, "norm_error", reason, statistics)
    return Verdict(Status.PASSED, statistics=statistics)


def _norm(a: np.ndarray) -> float:
    """Frobenius norm without overflow or underflow of the squares; inf when an element is."""
    if a.dtype.kind == "c":  # the squares are those of the parts
        a = np.ascontiguousarray(a).reshape(-1).view(np.float64)
    largest = float(np.max(np.abs(a), initial=0.0))
    if largest == 0.0 or not math.isfinite(largest):
        return largest
    if 1e-100 < largest < 1e100:
        return _root_of_squares(a)
    return largest * _root_of_squares(a / largest)


def _root_of_squares(a: np.ndarray) -> float:
    """By einsum: BLAS's threaded dot, which np.linalg.norm takes, costs 50 times more on blocks of
    this size when other processes use the cores (measured: 1.7 ms for 64 K elements)."""
    flat = a.reshape(-1)
    return float(np.sqrt(np.einsum("i,i->", flat, flat)))


def _quantile(own: np.ndarray) -> float:
    rank = min(own.size - 1, int(np.ceil(ELEMENT_QUANTILE * own.size)) - 1)
    return float(np.partition(own, rank)[rank])


def _relative(error: float, scale: float) -> float:
    """Absolute where the truth is all zeros."""
    return error / scale if scale else error


@dataclass(frozen=True)
class _Worst:
    """The element nearest to its limit; ``excess`` is its error over its limit."""

    excess: float
    output: int
    where: int
    shape: tuple[int, ...]
    value: Any
    truth: Any
    error: float
    limit: float

    @property
    def place(self) -> str:
        return place(unravel(self.where, self.shape))

    def statistics(self, candidate: float, reference: float, limit: float) -> ErrorStatistics:
        return ErrorStatistics(
            candidate=float(candidate),
            reference=float(reference),
            limit=float(limit),
            worst_output=self.output,
            worst_index=unravel(self.where, self.shape),
            worst_value=float(np.real(self.value)),
            worst_truth=float(np.real(self.truth)),
        )


def allowed_errors(truth: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, float]:
    """What clauses 3 and 4 allow one inexact output: ``|c - t|`` for every element (float64, in the
    shape of ``truth``), and ``norm(c - t)`` in all. Where the truth is not finite the reference
    stands for it, and an element that is finite in neither is allowed nothing."""
    wide: Any = np.complex128 if reference.dtype.kind == "c" else np.float64
    t, r = truth.astype(wide), reference.astype(wide)
    t = np.where(np.isfinite(t) | ~np.isfinite(r), t, r)
    counted = np.isfinite(t)
    t = np.where(counted, t, 0)
    own = np.abs(np.where(counted & np.isfinite(r), r, t) - t)
    if not own.size:
        return own, 0.0
    rule = _Rule.of(reference.dtype, _quantile(own.reshape(-1)), _norm(t), t.size)
    limits = rule.element_limits(t.reshape(-1), own.reshape(-1)).reshape(t.shape)
    limits[~counted] = 0.0
    return limits, rule.norm_limit(_norm(own))
