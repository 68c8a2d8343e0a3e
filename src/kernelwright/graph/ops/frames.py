"""Frames: overlapping pieces of one axis side by side, as torch's unfold and im2col take them.

``out[..., i, ..., k] = x[..., step * i + dilation * k, ...]``: the axis counts the frames, a new
last axis the places in a frame. Only frames that lie inside of the tensor exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import OpDef, TensorType
from kernelwright.graph.ops._rules import expect_axis, expect_count


def count(extent: int, size: int, step: int, dilation: int) -> int:
    """How many frames of ``size`` places fit into an axis of ``extent``."""
    reach = (size - 1) * dilation + 1
    return (extent - reach) // step + 1 if extent >= reach else 0


def _infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("frames", inputs, 1)
    (x,) = inputs
    axis = expect_axis("frames", attrs["axis"], len(x.shape))
    size, step, dilation = attrs["size"], attrs["step"], attrs["dilation"]
    if min(size, step, dilation) < 1:
        raise ValueError(f"frames: size {size}, step {step}, dilation {dilation} must be positive")
    fit = count(x.shape[axis], size, step, dilation)
    if not fit:
        raise ValueError(f"frames: none of {size} places fits into an axis of {x.shape[axis]}")
    return TensorType((*x.shape[:axis], fit, *x.shape[axis + 1 :], size), x.dtype)


def _frames(x: np.ndarray, *, axis: int, size: int, step: int, dilation: int) -> np.ndarray:
    fit = count(x.shape[axis], size, step, dilation)
    places = step * np.arange(fit)[:, None] + dilation * np.arange(size)
    return np.moveaxis(np.take(x, places, axis=axis), axis + 1, -1)


OPS = (OpDef("frames", "movement", _infer, _frames, doc="attrs axis, size, step, dilation."),)
