"""Families without reductions: transcendental functions, chains of them, moves of data."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelwright.bench.calibration.arithmetic import Arithmetic
from kernelwright.bench.calibration.family import Family, normal, uniform

_SHAPE = (64, 512)


def _chain(a: Arithmetic, x: np.ndarray, gate: np.ndarray, scale: np.ndarray) -> np.ndarray:
    y = a.rounded(a.tanh(a.rounded(x * scale + x.dtype.type(0.5))))
    return np.clip(y * gate, -0.8, 0.8).astype(x.dtype)


def _gelu(a: Arithmetic, x: np.ndarray) -> np.ndarray:
    half, root = x.dtype.type(0.5), x.dtype.type(np.sqrt(0.5))
    return half * x * (1 + a.erf(x * root))


def _gelu_tanh(a: Arithmetic, x: np.ndarray) -> np.ndarray:
    k = x.dtype.type
    inner = k(np.sqrt(2 / np.pi)) * (x + k(0.044715) * x * x * x)
    return k(0.5) * x * (1 + a.tanh(a.rounded(inner)))


def _gelu_by_tanh_formula(x: np.ndarray) -> np.ndarray:
    return _gelu_tanh(Arithmetic("plain"), x)


def _softplus(a: Arithmetic, x: np.ndarray) -> np.ndarray:
    soft = np.maximum(x, 0) + np.log1p(a.rounded(a.exp(-np.abs(x))))
    return np.where(x > 20, x, soft)  # the threshold is part of what torch's softplus means


def _torch_bias_gelu(torch: Any, x: Any, residual: Any, bias: Any) -> Any:
    return torch.nn.functional.gelu(x + bias) + residual


def _torch_chain(torch: Any, x: Any, gate: Any, scale: Any) -> Any:
    return torch.clamp(torch.tanh(x * scale + 0.5) * gate, -0.8, 0.8)


def _torch_swiglu(torch: Any, x: Any, gate: Any) -> Any:
    return torch.nn.functional.silu(gate) * x


def _indexed(rng: np.random.Generator, large: bool) -> list[np.ndarray]:
    return [rng.integers(0, 200, 1000), rng.standard_normal((200, 32))]


def _scattered(rng: np.random.Generator, large: bool) -> list[np.ndarray]:
    return [rng.integers(0, 20, 4000), rng.standard_normal((4000, 8))]


def _torch_scatter_add(torch: Any, index: Any, values: Any) -> Any:
    zeros = torch.zeros((20, values.shape[1]), dtype=values.dtype)
    return zeros.index_add(0, index, values)


def _scatter_add(a: Arithmetic, index: np.ndarray, values: np.ndarray) -> np.ndarray:
    rows = [a.sum(values[index == i], 0, keep=False) for i in range(20)]
    return np.stack(rows)


def _scatter_in_order(index: np.ndarray, values: np.ndarray) -> np.ndarray:
    total = np.zeros((20, values.shape[1]), values.dtype)
    np.add.at(total, index, values)
    return total


FAMILIES = (
    Family("relu", normal(_SHAPE), lambda t, x: t.relu(x), lambda a, x: np.maximum(x, 0)),
    Family(
        "axpy", normal(_SHAPE, _SHAPE), lambda t, x, y: x * 2.5 + y,
        lambda a, x, y: a.rounded(x * x.dtype.type(2.5)) + y,
    ),
    Family("exp", normal(_SHAPE), lambda t, x: t.exp(x), lambda a, x: a.exp(x)),
    Family("log", uniform(_SHAPE, low=0.1, high=4), lambda t, x: t.log(x), lambda a, x: a.log(x)),
    Family("tanh", normal(_SHAPE), lambda t, x: t.tanh(x), lambda a, x: a.tanh(x)),
    Family("erf", normal(_SHAPE), lambda t, x: t.erf(x), lambda a, x: a.erf(x)),
    Family("sigmoid", normal(_SHAPE), lambda t, x: t.sigmoid(x), lambda a, x: a.sigmoid(x)),
    Family(
        "silu", normal(_SHAPE), lambda t, x: t.nn.functional.silu(x),
        lambda a, x: x * a.sigmoid(x), honest={"divided": lambda x: x / (1 + np.exp(-x))},
    ),
    Family(
        "gelu", normal(_SHAPE), lambda t, x: t.nn.functional.gelu(x), _gelu,
        sloppy={"tanh formula": _gelu_by_tanh_formula},
        dtypes_of={"tanh formula": ("float32", "float64")},
    ),
    Family(
        "gelu_tanh", normal(_SHAPE), lambda t, x: t.nn.functional.gelu(x, approximate="tanh"),
        _gelu_tanh,
    ),
    Family("softplus", normal(_SHAPE), lambda t, x: t.nn.functional.softplus(x), _softplus),
    Family(
        "sqrt", uniform(_SHAPE, low=0, high=4), lambda t, x: t.sqrt(t.abs(x)),
        lambda a, x: np.sqrt(np.abs(x)),
    ),
    Family(
        "rsqrt", uniform(_SHAPE, low=0.1, high=4), lambda t, x: t.rsqrt(t.abs(x) + 1e-3),
        lambda a, x: a.rsqrt(a.rounded(np.abs(x) + x.dtype.type(1e-3))),
    ),
    Family(
        "cube", normal(_SHAPE), lambda t, x: t.pow(x, 3), lambda a, x: a.rounded(x * x) * x,
        honest={"libm": lambda x: np.power(x, x.dtype.type(3))},
    ),
    Family(
        "reciprocal", uniform(_SHAPE, low=0.5, high=2), lambda t, x: 1 / (1 + x * x),
        lambda a, x: 1 / a.rounded(1 + a.rounded(x * x)),
    ),
    Family("tanh_gate_chain", normal(_SHAPE, _SHAPE, (512,)), _torch_chain, _chain, weights=(2,)),
    Family("swiglu", normal(_SHAPE, _SHAPE), _torch_swiglu, lambda a, x, g: g * a.sigmoid(g) * x),
    Family(
        "bias_gelu_residual", normal(_SHAPE, _SHAPE, (512,), large=[(1024, 1024)] * 2 + [(1024,)]),
        _torch_bias_gelu, lambda a, x, r, b: _gelu(a, x + b) + r, weights=(2,), has_large=True,
    ),
    Family("transpose", normal(_SHAPE), lambda t, x: x.t().contiguous(), lambda a, x: x.T),
    Family("gather", _indexed, lambda t, i, x: x[i], lambda a, i, x: x[i]),
    Family(
        "scatter_add", _scattered, _torch_scatter_add, _scatter_add,
        honest={"in order": _scatter_in_order},
    ),
)  # fmt: skip
