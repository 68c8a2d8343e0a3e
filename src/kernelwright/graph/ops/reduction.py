"""Reductions: attrs axes (tuple of non-negative ints) and keepdims."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import OpDef, TensorType, is_float
from kernelwright.graph.ops._rules import (
    ALL,
    BOOL,
    expect_axes,
    expect_count,
    expect_dtype,
    in_float32,
    reduced_shape,
)

Result = Callable[[str], str]


def _infer(
    name: str, allowed: frozenset[str], result: Result, single: bool = False, empty: bool = True
) -> Callable[[Sequence[TensorType], Mapping[str, Any]], TensorType]:
    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(name, inputs, 1)
        (x,) = inputs
        expect_dtype(name, x.dtype, allowed)
        axes = expect_axes(name, attrs["axes"], len(x.shape))
        if single and len(axes) != 1:
            raise ValueError(f"{name} takes exactly one axis, not {axes}")
        if not empty and any(x.shape[axis] == 0 for axis in axes):
            raise ValueError(f"{name} over an axis of size 0 has no value (shape {x.shape})")
        return TensorType(reduced_shape(x.shape, axes, attrs["keepdims"]), result(x.dtype))

    return infer


def _accumulated(dtype: str) -> str:
    return dtype if is_float(dtype) else "int64"


def _reduce(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    def meaning(x: np.ndarray, *, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
        return np.asarray(function(x, axis=axes, keepdims=keepdims))

    return in_float32(meaning)


def _accumulate(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    def meaning(x: np.ndarray, *, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
        dtype = x.dtype if np.issubdtype(x.dtype, np.floating) else np.dtype(np.int64)
        return np.asarray(function(x, axis=axes, keepdims=keepdims, dtype=dtype))

    return in_float32(meaning)


def _index(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    def meaning(x: np.ndarray, *, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
        found = np.asarray(function(x, axis=axes[0], keepdims=keepdims))
        return found.astype(np.int64)

    return in_float32(meaning)


def _define(name: str, infer: Callable[..., TensorType], meaning: Any, doc: str = "") -> OpDef:
    return OpDef(name, "reduction", infer, meaning, doc=doc)


_SUM = "Half types accumulate in float32; integers and booleans give int64."
_INDEX = "One axis; int64; the first index on ties; NaN wins."

OPS = (
    _define("sum", _infer("sum", ALL, _accumulated), _accumulate(np.sum), _SUM),
    _define("prod", _infer("prod", ALL, _accumulated), _accumulate(np.prod), _SUM),
    _define("amax", _infer("amax", ALL, str, empty=False), _reduce(np.max), "NaN wins."),
    _define("amin", _infer("amin", ALL, str, empty=False), _reduce(np.min), "NaN wins."),
    _define("any", _infer("any", BOOL, str), _reduce(np.any)),
    _define("all", _infer("all", BOOL, str), _reduce(np.all)),
    _define(
        "argmax",
        _infer("argmax", ALL, lambda _: "int64", single=True, empty=False),
        _index(np.argmax),
        _INDEX,
    ),
    _define(
        "argmin",
        _infer("argmin", ALL, lambda _: "int64", single=True, empty=False),
        _index(np.argmin),
        _INDEX,
    ),
)
