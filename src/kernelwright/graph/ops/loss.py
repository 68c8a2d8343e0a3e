"""Losses of two tensors, with attr reduction "none", "mean" or "sum"."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import OpDef, TensorType
from kernelwright.graph.expression import Expression as E
from kernelwright.graph.ops._composite import composite, scalar
from kernelwright.graph.ops._rules import (
    FLOATS,
    broadcast_shapes,
    expect_count,
    expect_dtype,
)
from kernelwright.graph.ops.statistics import log_softmax_formula

_REDUCTIONS = ("none", "mean", "sum")


def _expect_reduction(name: str, reduction: str) -> None:
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{name}: reduction must be one of {_REDUCTIONS}, not {reduction!r}")


def _reduce(x: np.ndarray, reduction: str) -> np.ndarray:
    if reduction == "none":
        return x
    total = np.sum(x, dtype=x.dtype)
    return total if reduction == "sum" else total / scalar(x, x.size)


def _reduce_formula(x: E, reduction: str) -> E:
    if reduction == "none":
        return x
    total = x.sum(axes=tuple(range(len(x.shape))), keepdims=False)
    return total if reduction == "sum" else total / float(math.prod(x.shape))


def _mse(d: np.ndarray) -> np.ndarray:
    return d * d


def _huber(d: np.ndarray, *, delta: float = 1.0) -> np.ndarray:
    a = np.abs(d)
    return np.where(a < delta, 0.5 * d * d, delta * (a - 0.5 * delta))


def _huber_formula(d: E, *, delta: float = 1.0) -> E:
    a = d.abs()
    return (a < delta).where(0.5 * d.square(), delta * (a - 0.5 * delta))


def _smooth_l1(d: np.ndarray, *, beta: float = 1.0) -> np.ndarray:
    a = np.abs(d)
    return a if beta == 0 else np.where(a < beta, 0.5 * d * d / scalar(d, beta), a - 0.5 * beta)


def _smooth_l1_formula(d: E, *, beta: float = 1.0) -> E:
    a = d.abs()
    return a if beta == 0 else (a < beta).where(0.5 * d.square() / beta, a - 0.5 * beta)


def _of_difference(
    name: str, meaning: Callable[..., np.ndarray], formula: Callable[..., E], doc: str
) -> OpDef:
    """A loss that is a function of prediction - target alone."""

    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(name, inputs, 2)
        for t in inputs:
            expect_dtype(name, t.dtype, FLOATS)
        _expect_reduction(name, attrs.get("reduction", "mean"))
        shape = broadcast_shapes(name, [t.shape for t in inputs])
        reduced = attrs.get("reduction", "mean") != "none"
        return TensorType(() if reduced else shape, inputs[0].dtype)

    def whole(x: np.ndarray, y: np.ndarray, *, reduction: str = "mean", **attrs: Any) -> np.ndarray:
        return _reduce(meaning(x - y, **attrs), reduction)

    def whole_formula(x: E, y: E, *, reduction: str = "mean", **attrs: Any) -> E:
        return _reduce_formula(formula(x - y, **attrs), reduction)

    return composite(name, infer, whole, whole_formula, doc)


def _infer_labelled(name: str) -> Callable[..., TensorType]:
    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(name, inputs, 2)
        x, target = inputs
        expect_dtype(name, x.dtype, FLOATS)
        expect_dtype(name, target.dtype, frozenset({"int64"}))
        _expect_reduction(name, attrs.get("reduction", "mean"))
        if len(x.shape) < 2 or target.shape != (x.shape[0], *x.shape[2:]):
            raise ValueError(
                f"{name}: scores {x.shape} (classes on axis 1) need labels without that axis, "
                f"not {target.shape}"
            )
        reduced = attrs.get("reduction", "mean") != "none"
        return TensorType(() if reduced else target.shape, x.dtype)

    return infer


def _nll(x: np.ndarray, target: np.ndarray, *, reduction: str = "mean") -> np.ndarray:
    """-x[label]; x holds log probabilities, classes on axis 1."""
    picked = np.take_along_axis(x, np.expand_dims(target, 1), axis=1)[:, 0]
    return _reduce(-picked, reduction)


def _nll_formula(x: E, target: E, *, reduction: str = "mean") -> E:
    classes = (1, x.shape[1], *(1 for _ in x.shape[2:]))
    index = E(x.builder, x.builder.make("iota", [], shape=classes, axis=1, dtype="int64"))
    labels = target.reshape((x.shape[0], 1, *x.shape[2:]))
    picked = index.eq(labels).where(x, 0.0).sum(axes=(1,), keepdims=False)
    return _reduce_formula(-picked, reduction)


def _cross_entropy(x: np.ndarray, target: np.ndarray, *, reduction: str = "mean") -> np.ndarray:
    """nll_loss of log_softmax over axis 1."""
    shifted = x - x.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return _nll(logs, target, reduction=reduction)


def _cross_entropy_formula(x: E, target: E, *, reduction: str = "mean") -> E:
    return _nll_formula(log_softmax_formula(x, axis=1), target, reduction=reduction)


OPS = (
    _of_difference("mse_loss", _mse, lambda d: d.square(), "(x - y)^2."),
    _of_difference("l1_loss", np.abs, lambda d: d.abs(), "|x - y|."),
    _of_difference("huber_loss", _huber, _huber_formula, "Quadratic below delta, linear above."),
    _of_difference("smooth_l1_loss", _smooth_l1, _smooth_l1_formula, "huber_loss / beta."),
    composite("nll_loss", _infer_labelled("nll_loss"), _nll, _nll_formula),
    composite(
        "cross_entropy", _infer_labelled("cross_entropy"), _cross_entropy, _cross_entropy_formula
    ),
)
