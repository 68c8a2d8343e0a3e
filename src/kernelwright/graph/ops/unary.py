"""Elementwise ops of one tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import DTYPES, OpDef, TensorType
from kernelwright.graph.ops._erf import erf
from kernelwright.graph.ops._rules import (
    ALL,
    BOOL,
    FLOATS,
    INTEGERS,
    NUMBERS,
    expect_count,
    expect_dtype,
    in_float32,
    same_type,
)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    # exp of a negative number only: no overflow on either side.
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e)).astype(x.dtype)


def _sign(x: np.ndarray) -> np.ndarray:
    # torch's rule: NaN has sign 0 (NumPy's own sign gives NaN).
    return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)


def _cast(x: np.ndarray, *, dtype: str) -> np.ndarray:
    with np.errstate(all="ignore"):
        return x.astype(DTYPES[dtype])


def _infer_cast(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("cast", inputs, 1)
    expect_dtype("cast", attrs["dtype"], ALL)
    return TensorType(inputs[0].shape, attrs["dtype"])


def _to_bool(name: str, allowed: frozenset[str]) -> Callable[..., TensorType]:
    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(name, inputs, 1)
        expect_dtype(name, inputs[0].dtype, allowed)
        return TensorType(inputs[0].shape, "bool")

    return infer


def _define(
    name: str, function: Callable[..., Any], allowed: frozenset[str] = FLOATS, doc: str = ""
) -> OpDef:
    return OpDef(name, "elementwise", same_type(name, allowed), in_float32(function), doc=doc)


_FLOAT_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "erf": erf,
    "sigmoid": _sigmoid,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "trunc": np.trunc,
}

OPS = (
    *(_define(name, function) for name, function in _FLOAT_FUNCTIONS.items()),
    _define("neg", np.negative, NUMBERS),
    _define("abs", np.abs, NUMBERS),
    _define("relu", lambda x: np.maximum(x, np.zeros((), x.dtype)), NUMBERS, "NaN stays NaN."),
    _define("sign", _sign, NUMBERS, "-1, 0 or 1; 0 for NaN, as in torch."),
    _define("square", lambda x: x * x, NUMBERS),
    _define("bitwise_not", np.invert, INTEGERS | BOOL),
    OpDef("logical_not", "elementwise", _to_bool("logical_not", BOOL), np.logical_not),
    OpDef("isnan", "elementwise", _to_bool("isnan", FLOATS), in_float32(np.isnan)),
    OpDef("isinf", "elementwise", _to_bool("isinf", FLOATS), in_float32(np.isinf)),
    OpDef("isfinite", "elementwise", _to_bool("isfinite", FLOATS), in_float32(np.isfinite)),
    OpDef("cast", "elementwise", _infer_cast, _cast, doc="attrs dtype; float to int truncates."),
)
