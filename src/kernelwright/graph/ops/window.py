"""A window on a tensor that may reach outside of it: slices, shifts, flips and pads are all one op.

``out[i] = x[start + step * i]`` along every axis; where that index lies outside of the tensor, a
fill value stands. Pooling is a fold of such windows, one a tap of the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import OpDef, TensorType
from kernelwright.graph.ops._rules import expect_count


def inside(start: int, step: int, extent: int, size: int) -> tuple[int, int]:
    """The half-open range of i in 0..extent-1 with 0 <= start + step * i < size; (0, 0) if none."""
    if step > 0:
        low, high = -(start // step), -((start - size) // step)
    else:  # mirrored: the index falls
        low, high = -((size - 1 - start) // -step), start // -step + 1
    low, high = max(0, low), min(extent, high)
    return (low, high) if low < high else (0, 0)


def _infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("window", inputs, 1)
    (x,) = inputs
    starts, steps, shape = attrs["starts"], attrs["steps"], tuple(attrs["shape"])
    if not len(starts) == len(steps) == len(shape) == len(x.shape):
        raise ValueError(
            f"window: starts {starts}, steps {steps} and shape {shape} must have one entry for "
            f"each axis of {x.shape}"
        )
    if 0 in steps or any(extent < 0 for extent in shape):
        raise ValueError(f"window: steps {steps} must not be 0, extents {shape} not negative")
    return TensorType(shape, x.dtype)


def _window(
    x: np.ndarray,
    *,
    starts: Sequence[int],
    steps: Sequence[int],
    shape: Sequence[int],
    value: float | int | bool,
) -> np.ndarray:
    with np.errstate(over="ignore"):
        result = np.full(tuple(shape), value, dtype=x.dtype)
    ranges = [inside(*one) for one in zip(starts, steps, shape, x.shape)]
    picked = [start + step * np.arange(*r) for start, step, r in zip(starts, steps, ranges)]
    if x.ndim:
        result[tuple(slice(*r) for r in ranges)] = x[np.ix_(*picked)]
        return result
    return x.copy()


OPS = (
    OpDef(
        "window",
        "movement",
        _infer,
        _window,
        doc="attrs starts, steps (one an axis, any sign), shape, value (outside of the tensor).",
    ),
)
