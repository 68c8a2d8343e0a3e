"""Normalisation layers: (x - mean) / sqrt(variance + eps) * weight + bias, over different axes.

Variance is two-pass and biased (divided by the count), as in torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import OpDef, TensorType
from kernelwright.graph.expression import Expression as E
from kernelwright.graph.ops._composite import InferType, composite
from kernelwright.graph.ops._rules import FLOATS, expect_axes, expect_count, expect_dtype
from kernelwright.graph.ops.statistics import mean_formula, variance_formula

Axes = tuple[int, ...]


def _expect_shape(name: str, inputs: Sequence[TensorType], shape: tuple[int, ...]) -> None:
    for t in inputs:
        expect_dtype(name, t.dtype, FLOATS)
        if t.shape != shape:
            raise ValueError(
                f"{name}: a weight, bias or statistic has shape {t.shape}, not {shape}"
            )


def _over_axes(name: str, most: int) -> InferType:
    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(name, inputs, 1, most)
        x = inputs[0]
        expect_dtype(name, x.dtype, FLOATS)
        axes = expect_axes(name, attrs["axes"], len(x.shape))
        if axes != tuple(range(len(x.shape) - len(axes), len(x.shape))):
            raise ValueError(f"{name}: axes {axes} are not the last ones of shape {x.shape}")
        _expect_shape(name, inputs[1:], tuple(x.shape[axis] for axis in axes))
        return x

    return infer


def _over_channels(name: str, least: int, most: int) -> InferType:
    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(name, inputs, least, most)
        x = inputs[0]
        expect_dtype(name, x.dtype, FLOATS)
        if len(x.shape) < 2:
            raise ValueError(f"{name}: channels are axis 1, but the shape is {x.shape}")
        groups = attrs.get("groups", 1)
        if groups < 1 or x.shape[1] % groups:
            raise ValueError(f"{name}: {x.shape[1]} channels do not divide into {groups} groups")
        _expect_shape(name, inputs[1:], (x.shape[1],))
        return x

    return infer


def _column(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape in which a per-channel vector broadcasts against ``shape``."""
    return (shape[1], *(1 for _ in shape[2:]))


def _scaled(x: Any, weight: Any, bias: Any) -> Any:
    scaled = x if weight is None else x * weight
    return scaled if bias is None else scaled + bias


def _normalized(x: np.ndarray, axes: Axes, eps: float) -> np.ndarray:
    centred = x - x.mean(axis=axes, keepdims=True)
    variance = (centred * centred).mean(axis=axes, keepdims=True)
    return centred / np.sqrt(variance + np.asarray(eps, x.dtype))


def _normalized_formula(x: E, axes: Axes, eps: float) -> E:
    centred = x - mean_formula(x, axes=axes, keepdims=True)
    return centred * (variance_formula(x, axes=axes, correction=0, keepdims=True) + eps).rsqrt()


def _layer_norm(
    x: np.ndarray, weight: Any = None, bias: Any = None, *, axes: Axes, eps: float = 1e-5
) -> np.ndarray:
    """Normalised over the last axes; weight and bias have their shape."""
    return _scaled(_normalized(x, axes, eps), weight, bias)


def _layer_norm_formula(
    x: E, weight: E | None = None, bias: E | None = None, *, axes: Axes, eps: float = 1e-5
) -> E:
    return _scaled(_normalized_formula(x, axes, eps), weight, bias)


def _rms_norm(x: np.ndarray, weight: Any = None, *, axes: Axes, eps: float = 1e-5) -> np.ndarray:
    """x / sqrt(mean(x^2) + eps) * weight over the last axes."""
    square = (x * x).mean(axis=axes, keepdims=True)
    return _scaled(x / np.sqrt(square + np.asarray(eps, x.dtype)), weight, None)


def _rms_norm_formula(x: E, weight: E | None = None, *, axes: Axes, eps: float = 1e-5) -> E:
    square = mean_formula(x.square(), axes=axes, keepdims=True)
    return _scaled(x * (square + eps).rsqrt(), weight, None)


def _batch_norm(
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    weight: Any = None,
    bias: Any = None,
    *,
    eps: float = 1e-5,
) -> np.ndarray:
    """Inference form: given mean and variance, one a channel (axis 1)."""
    column = _column(x.shape)
    inverse = 1 / np.sqrt(variance.reshape(column) + np.asarray(eps, x.dtype))
    vectors = [None if v is None else v.reshape(column) for v in (weight, bias)]
    return _scaled((x - mean.reshape(column)) * inverse, *vectors)


def _batch_norm_formula(
    x: E, mean: E, variance: E, weight: E | None = None, bias: E | None = None, *, eps: float = 1e-5
) -> E:
    column = _column(x.shape)
    inverse = (variance + eps).rsqrt().reshape(column)
    vectors = [None if v is None else v.reshape(column) for v in (weight, bias)]
    return _scaled((x - mean.reshape(column)) * inverse, *vectors)


def _grouped(shape: tuple[int, ...], groups: int) -> tuple[tuple[int, ...], Axes]:
    """The shape with channels split into groups, and the axes that one group spans."""
    split = (shape[0], groups, shape[1] // groups, *shape[2:])
    return split, tuple(range(2, len(split)))


def _group_norm(
    x: np.ndarray, weight: Any = None, bias: Any = None, *, groups: int, eps: float = 1e-5
) -> np.ndarray:
    """Normalised over each group of channels (axis 1); one weight and bias a channel."""
    split, axes = _grouped(x.shape, groups)
    normal = _normalized(x.reshape(split), axes, eps).reshape(x.shape)
    column = _column(x.shape)
    return _scaled(normal, *(None if v is None else v.reshape(column) for v in (weight, bias)))


def _group_norm_formula(
    x: E, weight: E | None = None, bias: E | None = None, *, groups: int, eps: float = 1e-5
) -> E:
    split, axes = _grouped(x.shape, groups)
    normal = _normalized_formula(x.reshape(split), axes, eps).reshape(x.shape)
    column = _column(x.shape)
    return _scaled(normal, *(None if v is None else v.reshape(column) for v in (weight, bias)))


def _instance_norm(
    x: np.ndarray, weight: Any = None, bias: Any = None, *, eps: float = 1e-5
) -> np.ndarray:
    """Normalised over the axes after the channel axis, each channel of each sample alone."""
    return _group_norm(x, weight, bias, groups=x.shape[1], eps=eps)


def _instance_norm_formula(
    x: E, weight: E | None = None, bias: E | None = None, *, eps: float = 1e-5
) -> E:
    normal = _normalized_formula(x, tuple(range(2, len(x.shape))), eps)
    column = _column(x.shape)
    return _scaled(normal, *(None if v is None else v.reshape(column) for v in (weight, bias)))


OPS: tuple[OpDef, ...] = (
    composite("layer_norm", _over_axes("layer_norm", 3), _layer_norm, _layer_norm_formula),
    composite("rms_norm", _over_axes("rms_norm", 2), _rms_norm, _rms_norm_formula),
    composite("batch_norm", _over_channels("batch_norm", 3, 5), _batch_norm, _batch_norm_formula),
    composite("group_norm", _over_channels("group_norm", 1, 3), _group_norm, _group_norm_formula),
    composite(
        "instance_norm",
        _over_channels("instance_norm", 1, 3),
        _instance_norm,
        _instance_norm_formula,
    ),
)
