"""Small elementwise composites: rsub, lerp, addcmul, frac, erfc and their like."""

from __future__ import annotations

import math

import numpy as np

from kernelwright.graph.expression import Expression as E
from kernelwright.graph.ops._composite import elementwise_composite as define
from kernelwright.graph.ops._composite import scalar
from kernelwright.graph.ops._erf import erfc


def _rsub(x: np.ndarray, other: np.ndarray, *, alpha: float = 1.0) -> np.ndarray:
    """other - alpha * x."""
    return other - scalar(x, alpha) * x


def _rsub_formula(x: E, other: E, *, alpha: float = 1.0) -> E:
    return other - (x if alpha == 1 else x * alpha)


def _lerp(x: np.ndarray, end: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """x + weight * (end - x), from the nearer end."""
    span = end - x
    return np.where(np.abs(weight) < 0.5, x + weight * span, end - span * (1 - weight))


def _lerp_formula(x: E, end: E, weight: E) -> E:
    span = end - x
    return (weight.abs() < 0.5).where(x + weight * span, end - span * (1 - weight))


def _addcmul(x: np.ndarray, a: np.ndarray, b: np.ndarray, *, value: float = 1.0) -> np.ndarray:
    """x + value * a * b."""
    return x + scalar(x, value) * a * b


def _addcdiv(x: np.ndarray, a: np.ndarray, b: np.ndarray, *, value: float = 1.0) -> np.ndarray:
    """x + value * a / b."""
    return x + scalar(x, value) * (a / b)


def _times(x: E, value: float) -> E:
    return x if value == 1 else x * value


def _logaddexp(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """log(exp(x) + exp(y)) without overflow."""
    return np.logaddexp(x, y)


def _logaddexp_formula(x: E, y: E) -> E:
    # Equal operands take the short way: the difference of two equal infinities would be NaN.
    larger = x.maximum(y)
    soft = larger + (-(x - y).abs()).exp().log1p()
    return x.eq(y).where(x + math.log(2), soft)


# erfc(x) = t exp(-x^2 + P(t)) for x >= 0, t = 2 / (2 + x), P a Chebyshev fit with relative error
# below 1.2e-7 (erfcc in Numerical Recipes in C, 2nd edition, section 6.2), accurate enough for
# float32; float64 takes 1 - erf(x), which is accurate to the unit roundoff of 1 instead.
_ERFC = (
    -1.26551223,
    1.00002368,
    0.37409196,
    0.09678418,
    -0.18628806,
    0.27886807,
    -1.13520398,
    1.48851587,
    -0.82215223,
    0.17087277,
)


def _erfc_formula(x: E) -> E:
    if x.dtype == "float64":
        return 1.0 - x.erf()
    a = x.abs()
    t = 2.0 / (a + 2.0)
    polynomial = t.number(_ERFC[-1])
    for coefficient in _ERFC[-2::-1]:
        polynomial = polynomial * t + coefficient
    # high has few enough bits that its square is exact: exp keeps its relative accuracy.
    high = (a * 16.0).trunc() / 16.0
    tail = t * (-(high * high)).exp() * ((high - a) * (high + a) + polynomial).exp()
    upper = (a > 27.0).where(t * 0.0, tail)
    return (a < 0.5).where(1.0 - x.erf(), (x < 0).where(2.0 - upper, upper))


OPS = (
    define("rsub", _rsub, _rsub_formula, 2),
    define("lerp", _lerp, _lerp_formula, 3),
    define("addcmul", _addcmul, lambda x, a, b, *, value=1.0: x + _times(a, value) * b, 3),
    define("addcdiv", _addcdiv, lambda x, a, b, *, value=1.0: x + _times(a / b, value), 3),
    define("frac", lambda x: x - np.trunc(x), lambda x: x - x.trunc(), doc="x - trunc(x)."),
    define("erfc", erfc, _erfc_formula, doc="1 - erf(x), accurate in the tail."),
    define("logaddexp", _logaddexp, _logaddexp_formula, 2),
    define(
        "hypot",
        np.hypot,
        lambda x, y: (x.square() + y.square()).sqrt(),
        2,
        "sqrt(x^2 + y^2), without scaling against overflow.",
    ),
)
