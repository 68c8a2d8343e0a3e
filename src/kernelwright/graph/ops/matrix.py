"""Matrix composites: diag, diagonal, tril, triu, linear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import Builder, Node, OpDef, TensorType
from kernelwright.graph.expression import Expression as E
from kernelwright.graph.ops._rules import (
    NUMBERS,
    expect_count,
    expect_dtype,
    expect_equal_dtypes,
    in_float32,
)
from kernelwright.graph.ops.call import infer_matmul


def _diagonal_length(shape: tuple[int, ...], diagonal: int) -> int:
    rows, columns = shape[-2:]
    return max(0, min(rows + min(diagonal, 0), columns - max(diagonal, 0)))


def _infer_diag(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("diag", inputs, 1)
    (x,) = inputs
    diagonal = attrs.get("diagonal", 0)
    if len(x.shape) == 1:
        size = x.shape[0] + abs(diagonal)
        return TensorType((size, size), x.dtype)
    if len(x.shape) == 2:
        return TensorType((_diagonal_length(x.shape, diagonal),), x.dtype)
    raise ValueError(f"diag takes a vector or a matrix, not shape {x.shape}")


def _diag(x: np.ndarray, *, diagonal: int = 0) -> np.ndarray:
    return np.array(np.diag(x, diagonal))


def _index(builder: Builder, shape: tuple[int, ...], axis: int) -> E:
    return E(builder, builder.make("iota", [], shape=shape, axis=axis, dtype="int64"))


def _diag_decomposed(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node:
    x, diagonal = E(builder, inputs[0]), attrs.get("diagonal", 0)
    if len(x.shape) == 2:
        return _diagonal_view(x, diagonal).node
    size = x.shape[0] + abs(diagonal)
    # Element i stands at row i + max(-diagonal, 0): padding lines the vector up with the rows.
    if diagonal:
        low = (max(-diagonal, 0),)
        x = x.pad(low=low, high=(max(diagonal, 0),), value=0)
    rows, columns = _index(builder, (size, 1), 0), _index(builder, (1, size), 1)
    wanted = columns if diagonal == 0 else columns - diagonal
    return rows.eq(wanted).where(x.reshape((size, 1)), 0).node


def _diagonal_view(x: E, diagonal: int) -> E:
    """A matrix's diagonal as every (columns + 1)-th element of its flat form."""
    rows, columns = x.shape
    length = _diagonal_length(x.shape, diagonal)
    start = max(diagonal, 0) + max(-diagonal, 0) * columns
    start = min(start, rows * columns)
    stop = start + (length - 1) * (columns + 1) + 1 if length else start
    flat = x.reshape((rows * columns,))
    return flat.slice(starts=(start,), stops=(stop,), steps=(columns + 1,))


def _infer_triangle(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("tril or triu", inputs, 1)
    if len(inputs[0].shape) < 2:
        raise ValueError(f"tril and triu take matrices, not shape {inputs[0].shape}")
    return inputs[0]


def _tril(x: np.ndarray, *, diagonal: int = 0) -> np.ndarray:
    return np.tril(x, diagonal)


def _triu(x: np.ndarray, *, diagonal: int = 0) -> np.ndarray:
    return np.triu(x, diagonal)


def _triangle(lower: bool) -> Any:
    def decompose(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node:
        x, diagonal = E(builder, inputs[0]), attrs.get("diagonal", 0)
        rows, columns = x.shape[-2:]
        row, column = _index(builder, (rows, 1), 0), _index(builder, (1, columns), 1)
        limit = row if diagonal == 0 else row + diagonal
        kept = column <= limit if lower else column >= limit
        return kept.where(x, 0).node

    return decompose


def _infer_linear(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("linear", inputs, 2, 3)
    x, weight = inputs[:2]
    dtype = expect_equal_dtypes("linear", inputs)
    expect_dtype("linear", dtype, NUMBERS)
    if len(weight.shape) != 2:
        raise ValueError(f"linear: the weight has shape {weight.shape}, not (out, in)")
    result = infer_matmul([x, TensorType(weight.shape[::-1], dtype)], {})
    if len(inputs) == 3 and inputs[2].shape != weight.shape[:1]:
        raise ValueError(f"linear: bias {inputs[2].shape} does not fit weight {weight.shape}")
    return result


def _linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """x @ weight.T + bias."""
    product = x @ weight.T
    return product if bias is None else product + bias


def _linear_decomposed(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node:
    # Half operands stay half: matmul accumulates in float32 by itself.
    x, weight, *bias = (E(builder, node) for node in inputs)
    product = x.matmul(weight.transpose(axes=(1, 0)))
    return (product + bias[0] if bias else product).node


OPS: tuple[OpDef, ...] = (
    OpDef(
        "diag",
        "composite",
        _infer_diag,
        _diag,
        _diag_decomposed,
        "A vector on the diagonal of a square matrix, or a matrix's diagonal; attrs diagonal.",
    ),
    OpDef(
        "tril",
        "composite",
        _infer_triangle,
        _tril,
        _triangle(lower=True),
        "0 above the given diagonal.",
    ),
    OpDef(
        "triu",
        "composite",
        _infer_triangle,
        _triu,
        _triangle(lower=False),
        "0 below the given diagonal.",
    ),
    OpDef(
        "linear",
        "composite",
        _infer_linear,
        in_float32(_linear),
        _linear_decomposed,
        "x @ weight.T + bias; inputs x, weight[, bias].",
    ),
)
