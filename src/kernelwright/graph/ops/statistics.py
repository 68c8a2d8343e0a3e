"""Composite reductions: mean, variance, norms, softmax and its relatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from kernelwright.graph.core import Builder, Node, TensorType
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
from kernelwright.graph.rules import FINITE, Match, Rule, filled, p

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


# ---- rules ---------------------------------------------------------------------------------------

Right = Callable[[Builder, Match], "Node | None"]


def _total_of_softmax(builder: Builder, m: Match) -> Node | None:
    """softmax sums to 1 along its axis."""
    axes, axis = m.root.attrs["axes"], m["inner"].attrs["axis"]
    x = m["x"]
    if axis not in axes or not x.type.size:
        return None
    others = math.prod(x.shape[a] for a in axes if a != axis)
    return filled(builder, float(others), m.root)


def _total_of_widened(builder: Builder, m: Match) -> Node | None:
    """Rounded to a half type, softmax sums to 1 only nearly: the reference keeps that error."""
    same = m["widened"].dtype == m["inner"].dtype
    wide = m["inner"].dtype in ("float32", "float64") and m["widened"].dtype == "float64"
    return _total_of_softmax(builder, m) if same or wide else None


def _same_axis(make: Right) -> Right:
    """``make`` where the outer op works along the inner one's axis."""

    def right(builder: Builder, m: Match) -> Node | None:
        outer = m.root.attrs.get("axis", m.root.attrs.get("axes"))
        axis = m["inner"].attrs["axis"]
        return make(builder, m) if outer in (axis, (axis,)) else None

    return right


def _along(op: str) -> Right:
    return lambda builder, m: builder.make(op, [m["x"]], axis=m["inner"].attrs["axis"])


def _shifted(builder: Builder, m: Match) -> Node | None:
    """softmax does not see what is added along the whole axis."""
    x, s, root, axis = m["x"], m["s"], m.root, m.root.attrs["axis"]
    lead = len(root.shape) - len(s.shape)
    same = axis < lead or s.shape[axis - lead] == 1
    if not same or x.shape != root.shape or root.shape[axis] == 1:
        return None
    return builder.make(root.op, [x], axis=axis)


RULES = (
    Rule("sum_of_softmax", p.sum(p.softmax("x", label="inner")), _total_of_softmax, FINITE),
    Rule("sum_of_widened_softmax", p.sum(p.cast(p.softmax("x", label="inner"), label="widened")),
         _total_of_widened, FINITE),
    Rule("log_of_softmax", p.log(p.softmax("x", label="inner")), _along("log_softmax"), FINITE),
    Rule("exp_of_log_softmax", p.exp(p.log_softmax("x", label="inner")), _along("softmax"), FINITE),
    Rule("softmax_of_log_softmax", p.softmax(p.log_softmax("x", label="inner")),
         _same_axis(_along("softmax")), FINITE),
    Rule("log_softmax_twice", p.log_softmax(p.log_softmax("x", label="inner")),
         _same_axis(_along("log_softmax")), FINITE),
    Rule("logsumexp_of_log_softmax", p.logsumexp(p.log_softmax("x", label="inner")),
         _same_axis(lambda b, m: filled(b, 0.0, m.root)), FINITE),
    *(Rule(f"{op}_of_shifted", getattr(p, op)(p.add("x", "s")), _shifted, FINITE)
      for op in ("softmax", "log_softmax")),
    *(Rule(f"{op}_of_shifted_back", getattr(p, op)(p.sub("x", "s")), _shifted, FINITE)
      for op in ("softmax", "log_softmax")),
)  # fmt: skip

INTERVALS = {
    "softmax": lambda r, node: (0.0, 1.0),
    "log_softmax": lambda r, node: (-math.inf, 0.0),
    "std": lambda r, node: (0.0, math.inf),
    "var": lambda r, node: (0.0, math.inf),
    "norm": lambda r, node: (0.0, math.inf),
}
