"""Rows added to the places that indices name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import Builder, Node, OpDef, TensorType, is_float
from kernelwright.graph.ops._rules import (
    INTEGERS,
    NUMBERS,
    compute_dtype,
    expect_count,
    expect_dtype,
    expect_equal_dtypes,
    in_float32,
)


def _infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("index_add", inputs, 3)
    x, index, rows = inputs
    expect_dtype("index_add", expect_equal_dtypes("index_add", (x, rows)), NUMBERS)
    expect_dtype("index_add's index", index.dtype, INTEGERS)
    if len(index.shape) != 1 or rows.shape != (*index.shape, *x.shape[1:]) or not x.shape:
        raise ValueError(
            f"index_add: {index.shape} indices and rows {rows.shape} do not fit {x.shape}"
        )
    return x


def _index_add(x: np.ndarray, index: np.ndarray, rows: np.ndarray) -> np.ndarray:
    inside = (index >= 0) & (index < x.shape[0])
    out = x.copy()
    np.add.at(out, index[inside].astype(np.int64), rows[inside])
    return out


def _as_sum(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node:
    """Each row of the result sums the rows whose index is its own: out = x + sum over i of
    (index_i = n) rows_i. An index outside meets no row."""
    x, index, rows = inputs
    wide = compute_dtype(x.dtype)
    rest = x.shape[1:]
    shape = (x.shape[0], *index.shape, *rest)
    lane = builder.make("iota", [], shape=(x.shape[0], 1), axis=0, dtype=index.dtype)
    hit = builder.eq(lane, builder.reshape(index, shape=(1, *index.shape)))
    hit = builder.reshape(hit, shape=(x.shape[0], *index.shape, *(1 for _ in rest)))
    terms = builder.reshape(_cast(builder, rows, wide), shape=(1, *rows.shape))
    chosen = builder.where(
        builder.expand(hit, shape=shape), builder.expand(terms, shape=shape),
        builder.constant(0, wide),
    )  # fmt: skip
    total = builder.sum(chosen, axes=(1,), keepdims=False)
    if not is_float(x.dtype):
        total = _cast(builder, total, wide)
    return _cast(builder, builder.add(_cast(builder, x, wide), total), x.dtype)


def _cast(builder: Builder, node: Node, dtype: str) -> Node:
    return node if node.dtype == dtype else builder.cast(node, dtype=dtype)


OPS = (
    OpDef(
        "index_add",
        "composite",
        _infer,
        in_float32(_index_add),
        _as_sum,
        "x [n, ..], index [i], rows [i, ..]: x with each row added at its index; an index outside "
        "of x adds nothing. Half types accumulate in float32.",
    ),
)
