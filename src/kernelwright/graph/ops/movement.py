"""Ops that put data into new places without computing: concat and pad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import OpDef, TensorType
from kernelwright.graph.ops._rules import expect_axis, expect_count, expect_equal_dtypes


def _infer_concat(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    if not inputs:
        raise ValueError("concat takes at least one input")
    dtype = expect_equal_dtypes("concat", inputs)
    first = inputs[0].shape
    axis = expect_axis("concat", attrs["axis"], len(first))
    for t in inputs:
        same = len(t.shape) == len(first)
        if not same or any(a != b for i, (a, b) in enumerate(zip(first, t.shape)) if i != axis):
            raise ValueError(f"concat on axis {axis}: shapes {first} and {t.shape} do not fit")
    length = sum(t.shape[axis] for t in inputs)
    return TensorType((*first[:axis], length, *first[axis + 1 :]), dtype)


def _concat(*arrays: np.ndarray, axis: int) -> np.ndarray:
    return np.concatenate(arrays, axis=axis)


def _infer_pad(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("pad", inputs, 1)
    (x,) = inputs
    low, high = attrs["low"], attrs["high"]
    if not len(low) == len(high) == len(x.shape):
        raise ValueError(f"pad: low and high must have one entry for each axis of {x.shape}")
    if min((*low, *high), default=0) < 0:
        raise ValueError(f"pad: low {low} and high {high} must not be negative; slice instead")
    return TensorType(tuple(l + n + h for l, n, h in zip(low, x.shape, high)), x.dtype)


def _pad(
    x: np.ndarray, *, low: Sequence[int], high: Sequence[int], value: float | int | bool
) -> np.ndarray:
    shape = tuple(l + n + h for l, n, h in zip(low, x.shape, high))
    result = np.full(shape, value, dtype=x.dtype)
    result[tuple(slice(l, l + n) for l, n in zip(low, x.shape))] = x
    return result


OPS = (
    OpDef("concat", "movement", _infer_concat, _concat, doc="attrs axis."),
    OpDef("pad", "movement", _infer_pad, _pad, doc="attrs low, high (one an axis), value."),
)
