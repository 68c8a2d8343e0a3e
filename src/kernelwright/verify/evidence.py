"""What one answer is judged by: the truth, the reference's own answer, and how far that may err."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from kernelwright.frameworks._base import StateEntry
from kernelwright.verify.compare import Outputs, Verdict, is_inexact, judge_outputs
from kernelwright.verify.ties import Tie

Known = tuple[Outputs, list[np.ndarray]]  # the reference's outputs and their truths

NEARBY_RUNS, NEARBY_SPREAD = 4, 4.0
# An error within so many times its limit may only mean that the reference was lucky this once.
_NEAR, _MOST = 4.0, 4.0


@dataclass(frozen=True)
class Evidence:
    """One case. ``ties`` and ``exact`` are as in ``judge_outputs``. ``others`` gives the
    reference's answers and truths for other inputs of the same law."""

    inputs: Sequence[Any]
    state: Sequence[StateEntry]
    truths: Sequence[np.ndarray]
    reference: Outputs
    ties: Mapping[int, Tie]
    exact: frozenset[int]
    others: Callable[[], Iterable[Known]] | None = None

    def verdict(self, outputs: Outputs) -> Verdict:
        """The error rule. "The reference's own error" is a random number: where few roundings
        decide (a saturated tanh that is then normalised) one draw of it may be a third of the next.
        So a candidate that misses a limit by little is held against the largest relative error that
        the reference shows over this and other draws from the same law."""
        verdict = self._judged(self.reference, outputs)
        found = verdict.statistics
        if verdict.check not in ("norm_error", "element_error") or self.others is None:
            return verdict
        if found is None or not found.candidate <= _NEAR * found.limit:
            return verdict
        return self._judged(self._with_usual_error, outputs)

    def _judged(self, reference: Outputs, outputs: Outputs) -> Verdict:
        return judge_outputs(self.truths, reference, outputs, ties=self.ties, exact=self.exact)

    @cached_property
    def _with_usual_error(self) -> Outputs:
        """The reference's answer with its error scaled up to the largest of several draws."""
        assert self.others is not None
        draws = [_relative_errors(*known) for known in self.others()]
        own = _relative_errors(self.reference, self.truths)
        arrays = []
        for index, (r, t, error) in enumerate(zip(self.reference.arrays, self.truths, own)):
            most = max((draw[index] for draw in draws), default=0.0)
            if 0 < error < most:
                wide = t + min(_MOST, most / error) * (r.astype(t.dtype) - t)
                r = np.where(np.isfinite(wide), wide, r).astype(r.dtype)
            arrays.append(r)
        return Outputs(arrays, self.reference.structure)


def _relative_errors(reference: Outputs, truths: Sequence[np.ndarray]) -> list[float]:
    """norm(r - t) / norm(t) of each output; 0 where that says nothing."""
    errors = []
    for r, t in zip(reference.arrays, truths):
        error = 0.0
        if is_inexact(r.dtype) and r.shape == t.shape:
            with np.errstate(all="ignore"):
                scale = np.linalg.norm(t)
                error = float(np.linalg.norm(r.astype(t.dtype) - t) / scale) if scale else 0.0
        errors.append(error if np.isfinite(error) else 0.0)
    return errors


def known_answer(ask: Callable[[Sequence[Any]], Known], inputs: Sequence[Any]) -> Known:
    """The reference's answer to ``inputs`` and the truth, from ``ask``.

    A float64 output is its own truth and shows no error. What stands for the reference's rounding
    there are its answers to inputs that are one rounding away: per element the largest difference
    of NEARBY_RUNS such answers, times NEARBY_SPREAD. One answer underestimates where a result is
    ill-conditioned (measured: one refusal of an honest candidate in ten).
    """
    reference, truths = ask(inputs)
    if not any(array.dtype == np.float64 for array in reference.arrays):
        return reference, truths
    nearby = [
        ask([_one_rounding_away(value, run) for value in inputs])[0].arrays
        for run in range(NEARBY_RUNS)
    ]
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


def _one_rounding_away(value: Any, run: int) -> Any:
    if not isinstance(value, np.ndarray) or value.dtype != np.float64:
        return value
    signs = np.random.default_rng(run).integers(0, 2, value.shape) * 2.0 - 1.0
    return value * (1 + np.finfo(np.float64).eps * signs)


def _same_not_finite(a: np.ndarray, b: np.ndarray) -> bool:
    """Same shape, and NaN and infinities in the same places."""
    if a.shape != b.shape:
        return False
    return bool((np.isfinite(a) == np.isfinite(b)).all() and (a == b)[np.isinf(a)].all())
