"""Elementwise ops of two or three tensors. Inputs have one dtype and broadcast as in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import OpDef, TensorType
from kernelwright.graph.ops._rules import (
    ALL,
    BOOL,
    FLOATS,
    INTEGERS,
    NUMBERS,
    broadcast_shapes,
    expect_count,
    expect_dtype,
    expect_equal_dtypes,
    in_float32,
)


def _infer_binary(
    name: str, allowed: frozenset[str], result: str | None
) -> Callable[[Sequence[TensorType], Mapping[str, Any]], TensorType]:
    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(name, inputs, 2)
        dtype = expect_equal_dtypes(name, inputs)
        expect_dtype(name, dtype, allowed)
        shape = broadcast_shapes(name, [t.shape for t in inputs])
        return TensorType(shape, result or dtype)

    return infer


def _define(
    name: str,
    function: Callable[..., Any],
    allowed: frozenset[str],
    result: str | None = None,
    doc: str = "",
) -> OpDef:
    infer = _infer_binary(name, allowed, result)
    return OpDef(name, "elementwise", infer, in_float32(function), doc=doc)


def _infer_where(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("where", inputs, 3)
    if inputs[0].dtype != "bool":
        raise ValueError(f"where needs a bool condition, not {inputs[0].dtype}")
    dtype = expect_equal_dtypes("where", inputs[1:])
    return TensorType(broadcast_shapes("where", [t.shape for t in inputs]), dtype)


def _where(condition: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(condition, a, b))


_COMPARISONS: Mapping[str, Callable[..., Any]] = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}

OPS = (
    _define("add", np.add, NUMBERS),
    _define("sub", np.subtract, NUMBERS),
    _define("mul", np.multiply, NUMBERS),
    _define("div", np.divide, FLOATS, doc="True division; integers are cast first."),
    _define("pow", np.power, NUMBERS, doc="Integer exponents must not be negative."),
    _define("maximum", np.maximum, ALL, doc="NaN wins."),
    _define("minimum", np.minimum, ALL, doc="NaN wins."),
    _define("remainder", np.remainder, NUMBERS, doc="The result has the divisor's sign."),
    _define("fmod", np.fmod, NUMBERS, doc="The result has the dividend's sign."),
    _define("floor_divide", np.floor_divide, NUMBERS),
    _define("atan2", np.arctan2, FLOATS),
    _define("copysign", np.copysign, FLOATS),
    *(_define(name, function, ALL, "bool") for name, function in _COMPARISONS.items()),
    _define("logical_and", np.logical_and, BOOL),
    _define("logical_or", np.logical_or, BOOL),
    _define("logical_xor", np.logical_xor, BOOL),
    _define("bitwise_and", np.bitwise_and, INTEGERS | BOOL),
    _define("bitwise_or", np.bitwise_or, INTEGERS | BOOL),
    _define("bitwise_xor", np.bitwise_xor, INTEGERS | BOOL),
    _define("left_shift", np.left_shift, INTEGERS),
    _define("right_shift", np.right_shift, INTEGERS),
    OpDef("where", "elementwise", _infer_where, _where, doc="where(condition, a, b)."),
)
