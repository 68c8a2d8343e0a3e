"""What one answer is judged by: the truth, the reference's own answer, and how far that may err."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from kernelwright.frameworks._base import StateEntry
from kernelwright.verify.rule.compare import (
    NORM_FACTOR,
    Outputs,
    Verdict,
    is_inexact,
    judge_outputs,
    unit_roundoff,
)
from kernelwright.verify.rule.nearby import one_rounding_away
from kernelwright.verify.rule.ties import Tie

Known = tuple[Outputs, list[np.ndarray]]  # the reference's outputs and their truths

NEARBY_RUNS, NEARBY_SPREAD = 4, 8.0
# An error within so many times its limit may only mean that the reference was lucky this once.
NEAR = 4.0
DRAWS = 4  # more draws from a law, when a candidate only just misses a limit


class Tolerates(StrEnum):
    """What may differ from the reference where inputs are not finite; each difference is told.

    NOTHING: NaN and infinities stand where the reference has them. LOUD: a candidate may have more
    of them, or of another kind, as sums that are compensated or made by FFT have: nobody overlooks
    a NaN. But it must not have a number where the reference has none. ANY: nor that much, where the
    reference's NaN may come from a product with zero, which a better algorithm leaves out.
    """

    NOTHING = "nothing"
    LOUD = "loud"
    ANY = "any"


@dataclass(frozen=True)
class Evidence:
    """One case. ``ties`` and ``exact`` are as in ``judge_outputs``. ``others`` gives the
    reference's answers and truths for other inputs of the same law. ``tolerates`` is what a
    difference in NaN and infinities is allowed to be: see ``Tolerates``."""

    inputs: Sequence[Any]
    state: Sequence[StateEntry]
    truths: Sequence[np.ndarray]
    reference: Outputs
    ties: Mapping[int, Tie]
    exact: frozenset[int]
    others: Callable[[], Iterable[Known]] | None = None
    tolerates: Tolerates = Tolerates.NOTHING

    def verdict(self, outputs: Outputs) -> Verdict:
        """The error rule. "The reference's own error" is a random number: where few roundings
        decide (a saturated tanh that is then normalised) one draw of it may be a third of the next.
        So a candidate that misses a limit by little is held against the largest relative error that
        the reference shows over this and other draws from the same law."""
        outputs = self._tolerated(outputs)
        verdict = self._judged(self.reference, outputs)
        found = verdict.statistics
        if verdict.check not in ("norm_error", "element_error") or self.others is None:
            return verdict
        if found is None or not found.candidate <= NEAR * found.limit:
            return verdict
        usual = self._judged(self.with_usual_error, outputs)
        if usual.check == "element_error" and self._errs_no_more_than_the_reference(outputs):
            return self._judged(self.with_usual_error, self._without_its_errors(outputs))
        return usual

    def _errs_no_more_than_the_reference(self, outputs: Outputs) -> bool:
        """In no element by more than twice what the reference errs by in its worst of the draws,
        and in the norm by no more than it usually does. Where a few elements hang on a rounding (a
        softmax of large and nearly equal numbers), no quantile of an output knows them."""
        answers = zip(self.truths, self.with_usual_error.arrays, outputs.arrays, self._worst_errors)
        for t, r, c, worst in answers:
            if not is_inexact(r.dtype):
                continue
            with np.errstate(all="ignore"):
                error = np.abs(c.astype(t.dtype) - t)
                usual = np.linalg.norm(r.astype(t.dtype) - t)
            if not error.max(initial=0.0) <= NORM_FACTOR * worst:
                return False
            if not np.linalg.norm(error) <= NORM_FACTOR * usual:
                return False
        return True

    def _without_its_errors(self, outputs: Outputs) -> Outputs:
        """The rounded truth where it is inexact: everything else is still to be judged."""
        pairs = zip(self.truths, outputs.arrays)
        arrays = [t.astype(c.dtype) if is_inexact(c.dtype) else c for t, c in pairs]
        return Outputs(arrays, outputs.structure)

    @cached_property
    def _worst_errors(self) -> list[float]:
        """The reference's largest error in any element, over this and the other draws."""
        known = [(self.reference, self.truths), *self._draws]
        return [
            max(_worst(reference.arrays[i], truths[i]) for reference, truths in known)
            for i in range(len(self.truths))
        ]

    @cached_property
    def _draws(self) -> list[Known]:
        assert self.others is not None
        return list(self.others())

    def tolerated_difference(self, outputs: Outputs) -> bool:
        """Whether ``outputs`` differ from the reference's in what is tolerated."""
        changed = self._tolerated(outputs)
        return any(
            c is not d and c.tobytes() != d.tobytes() and not _same_values(c, d)
            for c, d in zip(outputs.arrays, changed.arrays)
        )

    def _tolerated(self, outputs: Outputs) -> Outputs:
        """``outputs`` with the reference's values in place of those that are tolerated."""
        if self.tolerates is Tolerates.NOTHING:
            return outputs
        arrays = [
            self._replaced(r, c) if (r.shape, r.dtype) == (c.shape, c.dtype) else c
            for r, c in zip(self.reference.arrays, outputs.arrays)
        ]
        return Outputs([*arrays, *outputs.arrays[len(arrays) :]], outputs.structure)

    def _replaced(self, r: np.ndarray, c: np.ndarray) -> np.ndarray:
        if not is_inexact(r.dtype):
            return r  # made of NaN, integers mean nothing
        replaced = ~np.isfinite(c)
        if self.tolerates is Tolerates.ANY:
            replaced |= ~np.isfinite(r)
        return np.where(replaced, r, c)

    def _judged(self, reference: Outputs, outputs: Outputs) -> Verdict:
        return judge_outputs(self.truths, reference, outputs, ties=self.ties, exact=self.exact)

    @cached_property
    def with_usual_error(self) -> Outputs:
        """The reference's answer with its error scaled up to the largest of several draws."""
        draws = [_errors(*known) for known in self._draws]
        own = _errors(self.reference, self.truths)
        arrays = []
        for index, (r, t) in enumerate(zip(self.reference.arrays, self.truths)):
            factor = max((_times(draw[index], own[index]) for draw in draws), default=1.0)
            if factor > 1:
                wide = t + factor * (r.astype(t.dtype) - t)
                r = np.where(np.isfinite(wide), wide, r).astype(r.dtype)
            arrays.append(r)
        return Outputs(arrays, self.reference.structure)


def _same_values(a: np.ndarray, b: np.ndarray) -> bool:
    with np.errstate(all="ignore"):
        return bool(((a == b) | ((a != a) & (b != b))).all())


def _worst(r: np.ndarray, t: np.ndarray) -> float:
    """The largest error of any element; 0 where that says nothing."""
    if not is_inexact(r.dtype) or r.shape != t.shape:
        return 0.0
    with np.errstate(all="ignore"):
        error = np.abs(r.astype(t.dtype) - t)
    return float(np.max(error, initial=0.0, where=np.isfinite(error)))


class _Error(NamedTuple):
    """norm(r - t), and the same over norm(t): both 0 where they say nothing."""

    absolute: float
    relative: float


def _times(other: _Error, own: _Error) -> float:
    """How many times ``own`` another error is: a truth that happens to be small makes the relative
    one large, and a large one the absolute."""
    ratios = [a / b for a, b in zip(other, own) if b > 0]
    return max(ratios, default=1.0)


def _errors(reference: Outputs, truths: Sequence[np.ndarray]) -> list[_Error]:
    found = []
    for r, t in zip(reference.arrays, truths):
        error = scale = 0.0
        if is_inexact(r.dtype) and r.shape == t.shape:
            with np.errstate(all="ignore"):
                error = float(np.linalg.norm(r.astype(t.dtype) - t))
                scale = float(np.linalg.norm(t))
        if not (math.isfinite(error) and math.isfinite(scale)):
            error = scale = 0.0
        found.append(_Error(error, error / scale if scale else 0.0))
    return found


def has_lost_its_digits(reference: Outputs, truths: Sequence[np.ndarray]) -> bool:
    """Whether the reference's own answer is wrong in half of its digits or more (a difference of
    logarithms of nearly equal numbers), so that nothing can be learnt from how far another is. What
    is below the smallest normal number has fewer digits to lose."""
    for error, r, t in zip(_errors(reference, truths), reference.arrays, truths):
        if not is_inexact(r.dtype) or not r.size:
            continue
        information = ml_dtypes.finfo(r.real.dtype if r.dtype.kind == "c" else r.dtype)
        typical = float(np.sqrt(np.mean(np.square(np.abs(t)))))
        normal = typical > float(information.smallest_normal)
        if normal and error.relative > unit_roundoff(r.dtype) ** 0.5:
            return True
    return False


def known_answer(ask: Callable[[Sequence[Any]], Known], inputs: Sequence[Any]) -> Known:
    """The reference's answer to ``inputs`` and the truth, from ``ask``.

    A float64 output is its own truth and shows no error. What stands for the reference's rounding
    there are its answers to inputs that are one rounding away (of 1, if they are smaller, since
    what is computed from them often is not): per element the largest difference
    of NEARBY_RUNS such answers, times NEARBY_SPREAD. One answer underestimates where a result is
    ill-conditioned (measured: one refusal of an honest candidate in ten).
    """
    reference, truths = ask(inputs)
    if not any(array.dtype == np.float64 for array in reference.arrays):
        return reference, truths
    nearby = [ask(_moved(inputs, run))[0].arrays for run in range(NEARBY_RUNS)]
    arrays = [
        _spread(a, [outputs[i] for outputs in nearby]) if a.dtype == np.float64 else a
        for i, a in enumerate(reference.arrays)
    ]
    return Outputs(arrays, reference.structure), truths


def _spread(exact: np.ndarray, nearby: Sequence[np.ndarray]) -> np.ndarray:
    """``exact`` moved by NEARBY_SPREAD times the largest difference to ``nearby``, an element each;
    unchanged where NaN or infinities move."""
    if not all(_same_not_finite(exact, other) for other in nearby):
        return exact
    finite = np.isfinite(exact)
    apart = np.zeros_like(exact)
    with np.errstate(invalid="ignore"):
        for other in nearby:
            np.maximum(apart, np.abs(other - exact), out=apart, where=finite)
    return exact + NEARBY_SPREAD * apart


def _moved(inputs: Sequence[Any], run: int) -> list[Any]:
    """The float64 inputs one rounding away, a small one by a rounding of 1."""
    rng = np.random.default_rng(run)
    return [
        one_rounding_away(v, rng, least=1.0) if getattr(v, "dtype", None) == np.float64 else v
        for v in inputs
    ]


def _same_not_finite(a: np.ndarray, b: np.ndarray) -> bool:
    """Same shape, and NaN and infinities in the same places."""
    if a.shape != b.shape:
        return False
    return bool((np.isfinite(a) == np.isfinite(b)).all() and (a == b)[np.isinf(a)].all())
