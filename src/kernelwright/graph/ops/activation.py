"""Activation functions; formulas and edge cases as in torch.nn.functional."""

from __future__ import annotations

import math

import numpy as np

from kernelwright.graph.expression import Expression as E
from kernelwright.graph.ops._composite import elementwise_composite as define
from kernelwright.graph.ops._composite import scalar
from kernelwright.graph.ops._erf import erfc

_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946
_TANH_GELU = math.sqrt(2 / math.pi)


def _gelu(x: np.ndarray, *, approximate: str = "none") -> np.ndarray:
    """x * Phi(x); approximate "none" or "tanh"."""
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(_TANH_GELU * (x + 0.044715 * x * x * x)))
    # erfc keeps relative accuracy where 1 + erf(x) cancels.
    return 0.5 * x * erfc(x * scalar(x, -math.sqrt(0.5)))


def _gelu_formula(x: E, *, approximate: str = "none") -> E:
    if approximate == "tanh":
        return 0.5 * x * (1 + (_TANH_GELU * (x + 0.044715 * x * x * x)).tanh())
    if approximate != "none":
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', not {approximate!r}")
    return 0.5 * x * (1 + (x * math.sqrt(0.5)).erf())


def _silu(x: np.ndarray) -> np.ndarray:
    """x * sigmoid(x)."""
    return x / (1 + np.exp(-x))


def _softplus(x: np.ndarray, *, beta: float = 1.0, threshold: float = 20.0) -> np.ndarray:
    """log(1 + exp(beta x)) / beta; x itself where beta x > threshold."""
    return np.where(x * beta > threshold, x, np.log1p(np.exp(x * beta)) / scalar(x, beta))


def _softplus_formula(x: E, *, beta: float = 1.0, threshold: float = 20.0) -> E:
    scaled = x if beta == 1 else x * beta
    soft = scaled.exp().log1p()
    return (scaled > threshold).where(x, soft if beta == 1 else soft / beta)


def _elu(
    x: np.ndarray, *, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> np.ndarray:
    """scale * x where x > 0, else scale * alpha * expm1(input_scale * x)."""
    negative = scalar(x, alpha * scale) * np.expm1(x * scalar(x, input_scale))
    return np.where(x > 0, x * scalar(x, scale), negative)


def _elu_formula(x: E, *, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> E:
    positive = x if scale == 1 else x * scale
    inner = (x if input_scale == 1 else x * input_scale).expm1()
    factor = alpha * scale
    return (x > 0).where(positive, inner if factor == 1 else inner * factor)


def _celu(x: np.ndarray, *, alpha: float = 1.0) -> np.ndarray:
    """max(0, x) + min(0, alpha * expm1(x / alpha))."""
    return _elu(x, alpha=alpha, input_scale=1 / alpha)


def _clamp(
    x: np.ndarray, *, min: float | None = None, max: float | None = None
) -> np.ndarray:  # the attributes carry torch's names
    """minimum(maximum(x, min), max); a bound may be None; NaN stays NaN."""
    low = x if min is None else np.maximum(x, scalar(x, min))
    return low if max is None else np.minimum(low, scalar(x, max))


def _clamp_formula(x: E, *, min: float | None = None, max: float | None = None) -> E:
    if min is None and max is None:
        raise ValueError("clamp needs min or max")
    low = x if min is None else x.maximum(min)
    return low if max is None else low.minimum(max)


def _hardtanh(x: np.ndarray, *, min: float = -1.0, max: float = 1.0) -> np.ndarray:
    """x cut to min..max."""
    return _clamp(x, min=min, max=max)


def _hardtanh_formula(x: E, *, min: float = -1.0, max: float = 1.0) -> E:
    return _clamp_formula(x, min=min, max=max)


def _relu6_shifted(x: E) -> E:
    return (x + 3.0).maximum(0.0).minimum(6.0)


def _hardsigmoid(x: np.ndarray) -> np.ndarray:
    """relu6(x + 3) / 6."""
    return np.clip(x + 3, 0, 6) / 6


def _hardswish(x: np.ndarray) -> np.ndarray:
    """x * relu6(x + 3) / 6."""
    return x * np.clip(x + 3, 0, 6) / 6


def _leaky_relu(x: np.ndarray, *, slope: float = 0.01) -> np.ndarray:
    """x where x > 0, else slope * x."""
    return np.where(x > 0, x, x * scalar(x, slope))


def _hardshrink(x: np.ndarray, *, lambd: float = 0.5) -> np.ndarray:
    """0 where -lambd <= x <= lambd, else x."""
    return np.where((x >= -lambd) & (x <= lambd), scalar(x, 0), x)


def _hardshrink_formula(x: E, *, lambd: float = 0.5) -> E:
    return (x >= -lambd).logical_and(x <= lambd).where(x.number(0.0), x)


def _softshrink(x: np.ndarray, *, lambd: float = 0.5) -> np.ndarray:
    """x moved towards 0 by lambd, 0 in between."""
    step = scalar(x, lambd)
    return np.where(x > step, x - step, np.where(x < -step, x + step, x * 0))


def _softshrink_formula(x: E, *, lambd: float = 0.5) -> E:
    # x * 0 lets NaN through, as torch does.
    inner = (x < -lambd).where(x + lambd, x * 0.0)
    return (x > lambd).where(x - lambd, inner)


def _threshold(x: np.ndarray, *, threshold: float, value: float) -> np.ndarray:
    """value where x <= threshold, else x."""
    return np.where(x <= threshold, scalar(x, value), x)


def _threshold_formula(x: E, *, threshold: float, value: float) -> E:
    return (x <= threshold).where(x.number(value), x)


def _logsigmoid(x: np.ndarray) -> np.ndarray:
    """log(sigmoid(x)) = min(x, 0) - log1p(exp(-|x|))."""
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


def _mish(x: np.ndarray) -> np.ndarray:
    """x * tanh(softplus(x))."""
    return x * np.tanh(np.logaddexp(scalar(x, 0), x))


def _mish_formula(x: E) -> E:
    """tanh(log(1 + n)) = n (n + 2) / (n (n + 2) + 2) with n = exp(x): one exponential instead of
    three functions. For x > 0 both sides are divided by n * n, so that nothing overflows."""
    small = (-x.abs()).exp()
    twice = small * 2.0
    positive = x > 0
    above = positive.where(twice + 1.0, small * (small + 2.0))
    rest = positive.where(small * twice, 2.0)
    return x * (above / (above + rest))


def _selu(x: np.ndarray) -> np.ndarray:
    """elu with the constants of self-normalising networks."""
    return _elu(x, alpha=_SELU_ALPHA, scale=_SELU_SCALE)


OPS = (
    define("gelu", _gelu, _gelu_formula),
    define("silu", _silu, lambda x: x * x.sigmoid()),
    define("mish", _mish, _mish_formula),
    define("softplus", _softplus, _softplus_formula),
    define("elu", _elu, _elu_formula),
    define("selu", _selu, lambda x: _elu_formula(x, alpha=_SELU_ALPHA, scale=_SELU_SCALE)),
    define(
        "celu", _celu, lambda x, *, alpha=1.0: _elu_formula(x, alpha=alpha, input_scale=1 / alpha)
    ),
    define("leaky_relu", _leaky_relu, lambda x, *, slope=0.01: (x > 0).where(x, x * slope)),
    define("clamp", _clamp, _clamp_formula),
    define("hardtanh", _hardtanh, _hardtanh_formula),
    define("hardsigmoid", _hardsigmoid, lambda x: _relu6_shifted(x) / 6.0),
    define("hardswish", _hardswish, lambda x: x * _relu6_shifted(x) / 6.0),
    define("softsign", lambda x: x / (1 + np.abs(x)), lambda x: x / (1 + x.abs())),
    define("tanhshrink", lambda x: x - np.tanh(x), lambda x: x - x.tanh()),
    define("hardshrink", _hardshrink, _hardshrink_formula),
    define("softshrink", _softshrink, _softshrink_formula),
    define("threshold", _threshold, _threshold_formula),
    define("logsigmoid", _logsigmoid, lambda x: x.minimum(0.0) - (-x.abs()).exp().log1p()),
)
