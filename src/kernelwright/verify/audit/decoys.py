"""Decoys: wrong answers that the judge must be able to refuse, or the task says little.

A decoy *counts* where its outputs differ from the truth by more than rounding. A task on which a
counting decoy passes the error rule is degenerate; ``verify.audit.degenerate`` says what else makes
one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from kernelwright.verify.rule.compare import (
    Outputs,
    Verdict,
    is_inexact,
    judge_outputs,
    unit_roundoff,
)

# The precision below each dtype: its significand's bits (the hidden one included). Below float32
# comes TF32's, with float32's range: the nearest of the lower ones, so the hardest to tell apart.
_LOWER_BITS = {"float64": 24, "float32": 11, "float16": 8, "bfloat16": 4}


@dataclass(frozen=True)
class DecoyResult:
    """What the error rule says of one decoy. ``counts``: it is wrong by more than rounding, so that
    the rule ought to refuse it."""

    name: str
    counts: bool
    verdict: Verdict

    @property
    def fools(self) -> bool:
        """A wrong answer that passes: the judge cannot see on this task."""
        return self.counts and self.verdict.passed


def judge_decoys(
    inputs: Sequence[Any],
    outputs: Outputs,
    truths: Sequence[np.ndarray],
    previous: Outputs,
    lowered: Outputs | None = None,
) -> list[DecoyResult]:
    """The verdict on every decoy that can be made for one call: ``outputs`` and ``truths`` belong
    to ``inputs``, ``previous`` to other inputs, ``lowered`` is what ``lower_precision_outputs``
    gave (None leaves that decoy out; otherwise of the shapes of ``outputs``)."""
    decoys = list(_decoys(inputs, outputs, truths, previous))
    if lowered is not None:
        decoys.append(("lower precision", lowered))
    return [
        DecoyResult(name, _counts(decoy, outputs, truths), judge_outputs(truths, outputs, decoy))
        for name, decoy in decoys
    ]


def lower_precision_outputs(
    inputs: Sequence[Any], run: Callable[[Sequence[Any]], Outputs]
) -> Outputs:
    """The Model's answer with inputs and outputs rounded to the next lower precision."""
    lowered = run([lower_precision(v) for v in inputs])
    return Outputs([lower_precision(a) for a in lowered.arrays], lowered.structure)


def _decoys(
    inputs: Sequence[Any], outputs: Outputs, truths: Sequence[np.ndarray], previous: Outputs
) -> Iterator[tuple[str, Outputs]]:
    def made(change: Callable[[np.ndarray], np.ndarray]) -> Outputs:
        return Outputs([change(array) for array in outputs.arrays], outputs.structure)

    with np.errstate(all="ignore"):
        yield "zeros", made(np.zeros_like)
        means = [np.full_like(r, _mean(t)) for r, t in zip(outputs.arrays, truths)]
        yield "constant mean", Outputs(means, outputs.structure)
        yield "one row shifted", made(_shifted)
        if _shapes(previous) == _shapes(outputs):
            yield "the previous output", previous
        for index, value in enumerate(inputs):
            fits = [
                isinstance(value, np.ndarray) and value.shape == a.shape for a in outputs.arrays
            ]
            if fits and all(fits):
                copies = [value.astype(a.dtype) for a in outputs.arrays]
                yield f"a copy of input {index}", Outputs(copies, outputs.structure)


def _mean(truth: np.ndarray) -> Any:
    finite = truth[np.isfinite(truth)]
    return finite.mean().astype(truth.dtype) if finite.size else truth.dtype.type(0)


def _shifted(array: np.ndarray) -> np.ndarray:
    """The first row (the first half of the elements for one row) moved on by one element."""
    moved = array.copy().reshape(-1)
    count = array.shape[-1] if array.ndim > 1 else max(2, array.size // 2)
    moved[:count] = np.roll(moved[:count], 1)
    return moved.reshape(array.shape)


def lower_precision(value: Any) -> Any:
    """``value`` with its floats rounded (to nearest, ties to even) to the next lower precision, in
    their own dtype. What would overflow is cut off instead."""
    if not isinstance(value, np.ndarray) or value.dtype.name not in _LOWER_BITS:
        return value
    kind = value.dtype
    drop = ml_dtypes.finfo(kind).nmant + 1 - _LOWER_BITS[kind.name]
    word = np.dtype(f"u{kind.itemsize}")
    bits = value.view(word)
    one, shift = word.type(1), word.type(drop)
    half = word.type((1 << (drop - 1)) - 1)
    rounded = ((bits + half + ((bits >> shift) & one)) >> shift) << shift
    cut = (bits >> shift) << shift
    found = np.where(np.isfinite(rounded.view(kind)), rounded, cut).view(kind)
    return np.where(np.isfinite(value), found, value).astype(kind)


def _counts(decoy: Outputs, outputs: Outputs, truths: Sequence[np.ndarray]) -> bool:
    """Whether the decoy is wrong at all: further from the truth, somewhere, than one rounding and
    than the reference's own answer (a shifted row of a scalar is that answer)."""
    for array, own, truth in zip(decoy.arrays, outputs.arrays, truths):
        if not is_inexact(array.dtype):
            if (array != own).any():
                return True
            continue
        with np.errstate(all="ignore"):
            allowed = unit_roundoff(array.dtype) * np.abs(truth)
            allowed = np.maximum(allowed, np.abs(own.astype(truth.dtype) - truth))
            far = np.abs(array.astype(truth.dtype) - truth) > allowed
        if (far & np.isfinite(truth)).any():
            return True
    return False


def same_outputs(one: Outputs, other: Outputs) -> bool:
    """Equal in every element, NaN to NaN."""
    return _shapes(one) == _shapes(other) and all(
        bool(((a == b) | ((a != a) & (b != b))).all()) for a, b in zip(one.arrays, other.arrays)
    )


def _shapes(outputs: Outputs) -> list[tuple[int, ...]]:
    return [a.shape for a in outputs.arrays]


def inputs_differ(one: Sequence[Any], other: Sequence[Any]) -> bool:
    """Whether any tensor among them does."""
    return any(
        isinstance(a, np.ndarray) and not (a.shape == b.shape and a.tobytes() == b.tobytes())
        for a, b in zip(one, other)
    )
