"""How near an output comes to the limits of the error rule, and what each constant must be for it.

The rule itself is ``verify.rule.compare``; this is its arithmetic again, written down a second time
so that each clause can be looked at alone. Whoever calls compares both verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from kernelwright.verify.rule import compare
from kernelwright.verify.rule.compare import is_inexact, unit_roundoff


@dataclass(frozen=True)
class Constants:
    """The rule's constants for one dtype. ``*_factor`` multiply the reference's own error,
    ``*_rounding`` the unit roundoff."""

    norm_factor: float
    norm_rounding: float
    element_factor: float
    element_rounding: float

    @staticmethod
    def in_force(dtype: str) -> Constants:
        """Those of ``verify.rule.compare``."""
        return Constants(
            compare.NORM_FACTOR,
            compare.NORM_ROUNDING.get(dtype, compare.NORM_ROUNDING_DEFAULT),
            compare.ELEMENT_FACTOR,
            compare.ELEMENT_ROUNDING.get(dtype, compare.ELEMENT_ROUNDING_DEFAULT),
        )


NAMES = ("norm_factor", "norm_rounding", "element_factor", "element_rounding")


@dataclass(frozen=True)
class Margin:
    """``norm`` and ``element`` are errors over their limits: above 1 is refused. ``needed`` maps a
    constant to the smallest value with which its clause accepts the output, the others as they are
    (0 where the other half of the clause accepts it already). ``counts``: whether the output is
    wrong at all, further from the truth somewhere than one rounding and than the reference."""

    norm: float
    element: float
    needed: dict[str, float]
    counts: bool

    @property
    def worst(self) -> float:
        return max(self.norm, self.element)

    @property
    def refused(self) -> bool:
        return self.worst > 1


def worst_of(margins: Iterable[Margin]) -> Margin:
    """The margin of an answer with several outputs: the largest of each."""
    found = list(margins)
    return Margin(
        max(m.norm for m in found),
        max(m.element for m in found),
        {name: max(m.needed[name] for m in found) for name in NAMES},
        any(m.counts for m in found),
    )


def margins(
    truths: Sequence[np.ndarray],
    reference: Sequence[np.ndarray],
    candidate: Sequence[np.ndarray],
    constants: Constants,
) -> Margin:
    """The worst margin over all outputs; truths and reference must be finite."""
    return worst_of(
        margin(t, r, c, constants) if is_inexact(r.dtype) else _exact(r, c)
        for t, r, c in zip(truths, reference, candidate)
    )


def _exact(r: np.ndarray, c: np.ndarray) -> Margin:
    """Integers and booleans are right or wrong, whatever the constants."""
    wrong = bool((r != c).any())
    excess = math.inf if wrong else 0.0
    return Margin(0.0, excess, dict.fromkeys(NAMES, excess), wrong)


@np.errstate(
    over="ignore", divide="ignore", invalid="ignore"
)  # an error beyond float64 is infinitely many roundings
def margin(t: np.ndarray, r: np.ndarray, c: np.ndarray, constants: Constants) -> Margin:
    """One float output: truth, reference and candidate of one shape."""
    info = ml_dtypes.finfo(r.dtype)
    u, tiny = unit_roundoff(r.dtype), float(info.smallest_normal)
    t, r, c = (a.astype(np.float64).reshape(-1) for a in (t, r, c))
    if not np.isfinite(c).all():
        return Margin(math.inf, math.inf, dict.fromkeys(NAMES, math.inf), True)
    error, own = np.abs(c - t), np.abs(r - t)
    rank = min(own.size - 1, math.ceil(compare.ELEMENT_QUANTILE * own.size) - 1)
    quantile = float(np.partition(own, rank)[rank])

    error_norm, own_norm = _norm(error), _norm(own)
    # The constant first: u times the smallest normal float64 is no float64.
    scale = max(_norm(t), tiny * t.size**0.5)
    by_factor = max(constants.norm_factor * own_norm, compare.STEPS * u * tiny * t.size**0.5)
    by_rounding = constants.norm_rounding * u * scale
    needed = {
        "norm_factor": _over(error_norm, own_norm) if error_norm > by_rounding else 0.0,
        "norm_rounding": error_norm / scale / u if error_norm > by_factor else 0.0,
    }
    norm = _over(error_norm, max(by_factor, by_rounding))

    scales = np.maximum(np.abs(t), max(tiny, _norm(t) / t.size**0.5))
    by_factors = np.maximum(constants.element_factor * quantile, own)
    by_roundings = constants.element_rounding * u * scales
    over = error > np.maximum(by_roundings, own)
    needed["element_factor"] = _over(float(error[over].max()), quantile) if over.any() else 0.0
    over = error > by_factors
    needed["element_rounding"] = (
        float((error[over] / scales[over]).max() / u) if over.any() else 0.0
    )
    shares = np.where(error > 0, error / np.maximum(by_roundings, by_factors), 0.0)
    element = float(shares.max())
    return Margin(norm, element, needed, bool((error > np.maximum(u * np.abs(t), own)).any()))


def _over(error: float, limit: float) -> float:
    if error == 0:
        return 0.0
    return error / limit if limit else math.inf


def _norm(a: np.ndarray) -> float:
    largest = float(np.abs(a).max(initial=0.0))
    if largest == 0.0:
        return 0.0
    scaled = a / largest
    return largest * float(np.sqrt(np.einsum("i,i->", scaled, scaled)))
