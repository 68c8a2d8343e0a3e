"""Scans: running reductions along one axis. attrs: axis; reverse (from the end), when true.

A scan keeps its input's shape. Over an axis of size 1 it is the input itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import Builder, Node, OpDef, TensorType, is_float
from kernelwright.graph.ops._rules import (
    FLOATS,
    NUMBERS,
    expect_axis,
    expect_count,
    expect_dtype,
    in_float32,
)

SUMS = FLOATS | {"int64"}


def _infer(
    name: str, allowed: frozenset[str], dtype: str | None = None
) -> Callable[[Sequence[TensorType], Mapping[str, Any]], TensorType]:
    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(name, inputs, 1)
        (x,) = inputs
        expect_dtype(name, x.dtype, allowed)
        expect_axis(name, attrs["axis"], len(x.shape))
        return TensorType(x.shape, dtype or x.dtype)

    return infer


def _accumulate(function: np.ufunc) -> Callable[..., np.ndarray]:
    def meaning(x: np.ndarray, *, axis: int, reverse: bool = False) -> np.ndarray:
        return _turned(lambda y: function.accumulate(y, axis=axis, dtype=y.dtype), x, axis, reverse)

    return in_float32(meaning)


def _turned(
    function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, axis: int, reverse: bool
) -> np.ndarray:
    if not x.shape[axis]:
        return x
    return np.flip(function(np.flip(x, axis)), axis) if reverse else function(x)


def _last_index(best: np.ufunc) -> Callable[..., np.ndarray]:
    def indices(x: np.ndarray, *, axis: int, reverse: bool = False) -> np.ndarray:
        """Where each running extreme stands: at the last of equals, and NaN above all."""
        running = _turned(lambda y: best.accumulate(y, axis=axis), x, axis, reverse)
        along = [1] * x.ndim
        along[axis] = x.shape[axis]
        lane = np.broadcast_to(np.arange(x.shape[axis]).reshape(along), x.shape)
        hit = (x == running) | (x != x)
        if reverse:
            last = np.where(hit, lane, x.shape[axis])
            return _turned(lambda y: np.minimum.accumulate(y, axis=axis), last, axis, True)
        return np.asarray(np.maximum.accumulate(np.where(hit, lane, 0), axis=axis))

    def meaning(x: np.ndarray, *, axis: int, reverse: bool = False) -> np.ndarray:
        return np.asarray(in_float32(indices)(x, axis=axis, reverse=reverse)).astype(np.int64)

    return meaning


def _index_formula(op: str) -> Callable[[Builder, Sequence[Node], Mapping[str, Any]], Node]:
    """Two scans in one pass: the running extreme, then the running maximum of the indices where an
    element is that extreme (or NaN, which stays one). In reverse the minimum."""

    def decompose(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node:
        (x,), axis, reverse = inputs, attrs["axis"], bool(attrs.get("reverse"))
        if not x.shape[axis]:
            return builder.cast(x, dtype="int64")
        running = builder.make(op, [x], **attrs)
        hit = builder.eq(x, running)
        if is_float(x.dtype):
            hit = builder.logical_or(hit, builder.isnan(x))
        lane = builder.make("iota", [], shape=x.shape, axis=axis, dtype="int64")
        none = builder.constant(x.shape[axis] if reverse else 0, "int64")
        last = builder.where(hit, lane, none)
        return builder.make("cummin" if reverse else "cummax", [last], **attrs)

    return decompose


def _define(name: str, function: np.ufunc, allowed: frozenset[str], doc: str = "") -> OpDef:
    return OpDef(name, "scan", _infer(name, allowed), _accumulate(function), doc=doc)


def _define_index(name: str, op: str, best: np.ufunc) -> OpDef:
    return OpDef(
        name,
        "composite",
        _infer(name, NUMBERS, "int64"),
        _last_index(best),
        _index_formula(op),
        f"int64: where the running value of {op} stands; the last one of equals.",
    )


OPS = (
    _define("cumsum", np.add, SUMS),
    _define("cumprod", np.multiply, SUMS),
    _define("cummax", np.maximum, NUMBERS, "NaN stays."),
    _define("cummin", np.minimum, NUMBERS, "NaN stays."),
    _define("logcumsumexp", np.logaddexp, FLOATS),
    _define_index("cummax_index", "cummax", np.maximum),
    _define_index("cummin_index", "cummin", np.minimum),
)
