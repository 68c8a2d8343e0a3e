"""Inputs that differ from given ones by a rounding: how well a float64 answer is known at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelwright.verify.rule.compare import is_inexact


def one_rounding_away(value: Any, rng: np.random.Generator, *, least: float = 0.0) -> Any:
    """A float64 (complex128) copy of a floating-point array with each finite element moved up or
    down by one rounding of itself, or of ``least`` where that is more; anything else as it is."""
    if not isinstance(value, np.ndarray) or not is_inexact(value.dtype):
        return value
    wide = value.astype(np.complex128 if value.dtype.kind == "c" else np.float64)
    signs = rng.integers(0, 2, value.shape) * 2.0 - 1.0
    with np.errstate(invalid="ignore"):
        moved = wide + np.finfo(np.float64).eps * signs * np.maximum(np.abs(wide), least)
    return np.where(np.isfinite(wide), moved, wide)
