"""Leaves: what a Graph starts from. Their types are given when they are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import DTYPES, OpDef, TensorType, dtype_name
from kernelwright.graph.ops._rules import NUMBERS, expect_axis, expect_count, expect_dtype


def _infer_constant(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("constant", inputs, 0)
    value = attrs["value"]
    return TensorType(value.shape, dtype_name(value.dtype))


def _constant(*, value: np.ndarray, exact: float | None = None) -> np.ndarray:
    return value


def _infer_iota(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("iota", inputs, 0)
    expect_dtype("iota", attrs["dtype"], NUMBERS)
    shape = tuple(attrs["shape"])
    expect_axis("iota", attrs["axis"], len(shape))
    return TensorType(shape, attrs["dtype"])


def _iota(*, shape: tuple[int, ...], axis: int, dtype: str) -> np.ndarray:
    column = np.arange(shape[axis]).astype(DTYPES[dtype])
    line = [1] * len(shape)
    line[axis] = shape[axis]
    return np.ascontiguousarray(np.broadcast_to(column.reshape(line), shape))


def _given(name: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise ValueError(
            f"an {name!r} node is made by Builder.{name} and given its array by a caller"
        )

    return refuse


OPS = (
    OpDef("input", "leaf", _given("input"), _given("input"), doc="One argument of the call."),
    OpDef("parameter", "leaf", _given("parameter"), _given("parameter"), doc="A weight or buffer."),
    OpDef(
        "constant",
        "leaf",
        _infer_constant,
        _constant,
        doc="attrs value (ndarray), exact (the float before rounding to the dtype, for a scalar).",
    ),
    OpDef(
        "iota", "leaf", _infer_iota, _iota, doc="The index along axis; attrs shape, axis, dtype."
    ),
)
