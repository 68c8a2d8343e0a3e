"""Views: the same elements in another order or shape; nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from kernelwright.graph.core import OpDef, TensorType
from kernelwright.graph.ops._rules import expect_axes, expect_count


def _infer_reshape(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("reshape", inputs, 1)
    (x,) = inputs
    shape = tuple(attrs["shape"])
    if any(size < 0 for size in shape) or prod(shape) != x.size:
        raise ValueError(f"reshape: {x.shape} has {x.size} elements and cannot become {shape}")
    return TensorType(shape, x.dtype)


def _infer_transpose(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("transpose", inputs, 1)
    (x,) = inputs
    axes = expect_axes("transpose", attrs["axes"], len(x.shape))
    if len(axes) != len(x.shape):
        raise ValueError(f"transpose: {axes} is no permutation of {len(x.shape)} axes")
    return TensorType(tuple(x.shape[axis] for axis in axes), x.dtype)


def _infer_expand(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("expand", inputs, 1)
    (x,) = inputs
    shape = tuple(attrs["shape"])
    kept = shape[len(shape) - len(x.shape) :]
    fits = len(shape) >= len(x.shape) and all(a in (1, b) for a, b in zip(x.shape, kept))
    if not fits:
        raise ValueError(f"expand: shape {x.shape} does not broadcast to {shape}")
    return TensorType(shape, x.dtype)


def _infer_slice(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("slice", inputs, 1)
    (x,) = inputs
    starts, stops, steps = attrs["starts"], attrs["stops"], attrs["steps"]
    if not len(starts) == len(stops) == len(steps) == len(x.shape):
        raise ValueError(f"slice: one start, stop and step for each axis of {x.shape} are needed")
    shape = []
    for size, start, stop, step in zip(x.shape, starts, stops, steps):
        if not (0 <= start <= stop <= size and step >= 1):
            raise ValueError(f"slice: {start}:{stop}:{step} is not within an axis of size {size}")
        shape.append(-(-(stop - start) // step))
    return TensorType(tuple(shape), x.dtype)


def _infer_flip(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("flip", inputs, 1)
    expect_axes("flip", attrs["axes"], len(inputs[0].shape))
    return inputs[0]


def _slice(
    x: np.ndarray, *, starts: Sequence[int], stops: Sequence[int], steps: Sequence[int]
) -> np.ndarray:
    return np.asarray(x[tuple(slice(*bounds) for bounds in zip(starts, stops, steps))])


OPS = (
    OpDef("reshape", "view", _infer_reshape, lambda x, *, shape: x.reshape(shape)),
    OpDef("transpose", "view", _infer_transpose, lambda x, *, axes: x.transpose(axes)),
    OpDef("expand", "view", _infer_expand, lambda x, *, shape: np.broadcast_to(x, shape)),
    OpDef("slice", "view", _infer_slice, _slice, doc="attrs starts, stops, steps; step >= 1."),
    OpDef("flip", "view", _infer_flip, lambda x, *, axes: np.flip(x, axes)),
)
