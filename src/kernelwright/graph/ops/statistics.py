"""Composite reductions: mean, variance, norms, softmax and its relatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from kernelwright.graph.core import TensorType
from kernelwright.graph.expression import Expression as E
from kernelwright.graph.ops._composite import InferType, composite
from kernelwright.graph.ops._rules import (
    FLOATS,
    expect_axes,
    expect_axis,
    expect_count,
    expect_dtype,
    reduced_shape,
)

Axes = tuple[int, ...]


def _reducing(name: str, empty: bool = True) -> InferType:
    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(name, inputs, 1)
        (x,) = inputs
        expect_dtype(name, x.dtype, FLOATS)
        axes = expect_axes(name, attrs["axes"], len(x.shape))
        if not empty and any(x.shape[axis] == 0 for axis in axes):
            raise ValueError(f"{name} over an axis of size 0 has no value (shape {x.shape})")
        return TensorType(reduced_shape(x.shape, axes, attrs.get("keepdims", False)), x.dtype)

    return infer


def _along_axis(name: str) -> InferType:
    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(name, inputs, 1)
        expect_dtype(name, inputs[0].dtype, FLOATS)
        expect_axis(name, attrs["axis"], len(inputs[0].shape))
        return inputs[0]

    return infer


def count_over(shape: tuple[int, ...], axes: Axes) -> int:
    return prod(shape[axis] for axis in axes)


def _divided(total: E, count: float) -> E:
    # 0/0 and x/0 give NaN and Inf, as in torch, for an empty mean or too large a correction.
    return total / float(count)


def mean_formula(x: E, *, axes: Axes, keepdims: bool = False) -> E:
    return _divided(x.sum(axes=axes, keepdims=keepdims), count_over(x.shape, axes))


def variance_formula(x: E, *, axes: Axes, correction: float = 1, keepdims: bool = False) -> E:
    """Two passes: the mean first, then the squares of the differences from it."""
    difference = x - mean_formula(x, axes=axes, keepdims=True)
    total = difference.square().sum(axes=axes, keepdims=keepdims)
    return _divided(total, max(0.0, count_over(x.shape, axes) - correction))


def _mean(x: np.ndarray, *, axes: Axes, keepdims: bool = False) -> np.ndarray:
    """The sum over axes divided by the number of elements."""
    return np.mean(x, axis=axes, keepdims=keepdims)


def _variance(
    x: np.ndarray, *, axes: Axes, correction: float = 1, keepdims: bool = False
) -> np.ndarray:
    """Squared differences from the mean, over (count - correction)."""
    centred = x - x.mean(axis=axes, keepdims=True)
    total = np.sum(centred * centred, axis=axes, keepdims=keepdims)
    return total / np.asarray(max(0.0, count_over(x.shape, axes) - correction), x.dtype)


def _softmax(x: np.ndarray, *, axis: int) -> np.ndarray:
    """exp(x - max) over its sum along axis."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _softmax_formula(x: E, *, axis: int) -> E:
    e = (x - x.amax(axes=(axis,), keepdims=True)).exp()
    return e / e.sum(axes=(axis,), keepdims=True)


def _log_softmax(x: np.ndarray, *, axis: int) -> np.ndarray:
    """log(softmax(x)) along axis."""
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def log_softmax_formula(x: E, *, axis: int) -> E:
    shifted = x - x.amax(axes=(axis,), keepdims=True)
    return shifted - shifted.exp().sum(axes=(axis,), keepdims=True).log()


def _logsumexp(x: np.ndarray, *, axes: Axes, keepdims: bool = False) -> np.ndarray:
    """log(sum(exp(x))) over axes, shifted by the maximum."""
    largest = np.max(x, axis=axes, keepdims=True)
    shift = np.where(np.isinf(largest), 0, largest).astype(x.dtype)
    total = np.log(np.exp(x - shift).sum(axis=axes, keepdims=True)) + shift
    return total if keepdims else total.reshape(reduced_shape(x.shape, axes, False))


def _logsumexp_formula(x: E, *, axes: Axes, keepdims: bool = False) -> E:
    largest = x.amax(axes=axes, keepdims=True)
    # Inf - Inf would be NaN where the true result is Inf or -Inf.
    shift = largest.isinf().where(largest.number(0.0), largest)
    total = (x - shift).exp().sum(axes=axes, keepdims=True).log() + shift
    return total if keepdims else total.reshape(reduced_shape(x.shape, axes, False))


def _norm(x: np.ndarray, *, p: float = 2.0, axes: Axes, keepdims: bool = False) -> np.ndarray:
    """The vector p-norm over axes; p may be inf, -inf or 0 (the number of non-zeros)."""
    a = np.abs(x)
    if p == 0:
        return (a != 0).sum(axis=axes, keepdims=keepdims).astype(x.dtype)
    if math.isinf(p):
        return (a.max if p > 0 else a.min)(axis=axes, keepdims=keepdims)
    if p == 2:
        return np.sqrt((a * a).sum(axis=axes, keepdims=keepdims))
    power = np.asarray(p, x.dtype)
    return (a**power).sum(axis=axes, keepdims=keepdims) ** (1 / power)


def _norm_formula(x: E, *, p: float = 2.0, axes: Axes, keepdims: bool = False) -> E:
    where: dict[str, Any] = {"axes": axes, "keepdims": keepdims}
    if p == 0:
        return x.ne(0.0).cast(x.dtype).sum(**where)
    if p == 1:
        return x.abs().sum(**where)
    if p == 2:
        return x.square().sum(**where).sqrt()
    if math.isinf(p):
        return x.abs().amax(**where) if p > 0 else x.abs().amin(**where)
    return x.abs().pow(float(p)).sum(**where).pow(1 / p)


def _reduction(name: str, meaning: Callable[..., Any], formula: Callable[..., E]) -> Any:
    return composite(name, _reducing(name), meaning, formula)


OPS = (
    _reduction("mean", _mean, mean_formula),
    _reduction("var", _variance, variance_formula),
    composite(
        "std",
        _reducing("std"),
        lambda x, **attrs: np.sqrt(_variance(x, **attrs)),
        lambda x, **attrs: variance_formula(x, **attrs).sqrt(),
        "The square root of var.",
    ),
    _reduction("norm", _norm, _norm_formula),
    composite("softmax", _along_axis("softmax"), _softmax, _softmax_formula),
    composite("log_softmax", _along_axis("log_softmax"), _log_softmax, log_softmax_formula),
    composite("logsumexp", _reducing("logsumexp", empty=False), _logsumexp, _logsumexp_formula),
)
