"""Matrix composites: diag, diagonal, tril, triu, linear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import Builder, Node, OpDef, TensorType, is_float
from kernelwright.graph.expression import Expression as E
from kernelwright.graph.ops._rules import (
    NUMBERS,
    compute_dtype,
    expect_count,
    expect_dtype,
    expect_equal_dtypes,
    in_float32,
)
from kernelwright.graph.ops.call import infer_matmul, swapped
from kernelwright.graph.rules import FINITE, REASSOCIATION, Match, Rule, cast, p


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
    """The diagonals of matrices as every (columns + 1)-th element of their flat form."""
    *batch, rows, columns = x.shape
    length = _diagonal_length(x.shape, diagonal)
    start = max(diagonal, 0) + max(-diagonal, 0) * columns
    start = min(start, rows * columns)
    stop = start + (length - 1) * (columns + 1) + 1 if length else start
    flat = x.reshape((*batch, rows * columns))
    return flat.slice(
        starts=(*(0,) * len(batch), start),
        stops=(*batch, stop),
        steps=(*(1,) * len(batch), columns + 1),
    )


def _infer_diagonal(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("diagonal", inputs, 1)
    (x,) = inputs
    if len(x.shape) < 2:
        raise ValueError(f"diagonal takes matrices, not shape {x.shape}")
    length = _diagonal_length(x.shape, attrs.get("offset", 0))
    return TensorType((*x.shape[:-2], length), x.dtype)


def _diagonal(x: np.ndarray, *, offset: int = 0) -> np.ndarray:
    return np.array(np.diagonal(x, offset, -2, -1))


def _diagonal_decomposed(
    builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]
) -> Node:
    return _diagonal_view(E(builder, inputs[0]), attrs.get("offset", 0)).node


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
        "diagonal",
        "composite",
        _infer_diagonal,
        _diagonal,
        _diagonal_decomposed,
        "The diagonals of matrices, over the last two axes; attrs offset.",
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


# ---- rules ---------------------------------------------------------------------------------------


def _is_main_diagonal(diag: Node) -> bool:
    """Whether ``diag`` makes a matrix of a vector, on the main diagonal."""
    return len(diag.inputs[0].shape) == 1 and not diag.attrs.get("diagonal", 0)


def _diagonal_times(builder: Builder, m: Match) -> Node | None:
    """diag(v) @ x scales the rows of x."""
    v, x = m["v"], m["x"]
    if not _is_main_diagonal(m["diagonal"]):
        return None
    if len(x.shape) == 1:
        return builder.mul(v, x)
    return builder.mul(builder.reshape(v, shape=(v.shape[0], 1)), x)


def _times_diagonal(builder: Builder, m: Match) -> Node | None:
    """x @ diag(v) scales the columns of x."""
    return builder.mul(m["x"], m["v"]) if _is_main_diagonal(m["diagonal"]) else None


def _product_of_diagonals(builder: Builder, m: Match) -> Node | None:
    if not (_is_main_diagonal(m["one"]) and _is_main_diagonal(m["other"])):
        return None
    return builder.diag(builder.mul(m["v"], m["w"]), diagonal=0)


def _diagonal_of_product(builder: Builder, m: Match) -> Node | None:
    """The diagonal of a @ b needs one element in each row: sum(a * b.T) over the last axis."""
    a, b, root = m["a"], m["b"], m.root
    if min(len(a.shape), len(b.shape)) < 2 or not is_float(root.dtype) or not root.type.size:
        return None
    offset, length = root.attrs.get("offset", root.attrs.get("diagonal", 0)), root.shape[-1]
    rows = _rows(builder, a, max(-offset, 0), length)
    columns = _rows(builder, swapped(builder, b), max(offset, 0), length)
    wide = compute_dtype(root.dtype)
    terms = builder.mul(cast(builder, rows, wide), cast(builder, columns, wide))
    total = builder.sum(terms, axes=(len(terms.shape) - 1,), keepdims=False)
    return cast(builder, total, root.dtype)


def _rows(builder: Builder, x: Node, first: int, count: int) -> Node:
    if (first, count) == (0, x.shape[-2]):
        return x
    lead = len(x.shape) - 2
    return builder.slice(
        x,
        starts=(*(0,) * lead, first, 0),
        stops=(*x.shape[:-2], first + count, x.shape[-1]),
        steps=(1,) * len(x.shape),
    )


def _diagonal_again(builder: Builder, m: Match) -> Node | None:
    """The diagonal of diag(v) is v."""
    outer, inner = m.root.attrs.get("diagonal", 0), m["inner"]
    if len(inner.inputs[0].shape) != 1 or inner.attrs.get("diagonal", 0) != outer:
        return None
    return m["v"]


def _sum_of_diagonal(builder: Builder, m: Match) -> Node | None:
    """sum(diag(v)) over both axes is sum(v); over one axis it is v itself."""
    v, root = m["v"], m.root
    if not _is_main_diagonal(m["diagonal"]) or not is_float(v.dtype):
        return None
    axes, keep = root.attrs["axes"], root.attrs["keepdims"]
    if len(axes) == 2:
        total = builder.sum(v, axes=(0,), keepdims=False)
        return builder.reshape(total, shape=(1, 1)) if keep else total
    if len(axes) != 1:
        return None
    return builder.reshape(v, shape=root.shape) if keep else v


def _transposed_diagonal(builder: Builder, m: Match) -> Node | None:
    inner = m["diagonal"]
    if len(inner.inputs[0].shape) != 1 or m.root.attrs["axes"] != (1, 0):
        return None
    return builder.diag(m["v"], diagonal=-inner.attrs.get("diagonal", 0))


def _is_identity(mask: Node, rows: Node, columns: Node) -> bool:
    """Whether ``mask`` is row index == column index, over a square matrix."""
    square = len(mask.shape) == 2 and mask.shape[0] == mask.shape[1]
    sides = sorted((n.attrs["axis"], n.shape) for n in (rows, columns) if len(n.shape) == 2)
    size = mask.shape[0] if square else 0
    return (
        square
        and [axis for axis, _ in sides] == [0, 1]
        and all(shape[axis] == size for axis, shape in sides)
    )


def _times_identity(builder: Builder, m: Match) -> Node | None:
    x = m["x"]
    fits = len(x.shape) >= 2 and _is_identity(m["mask"], m["rows"], m["columns"])
    return x if fits else None


def _identity(label: str = "") -> Any:
    mask = p.eq(p.iota(label="rows"), p.iota(label="columns"), label="mask")
    return p.cast(mask, label=label)


def _identity_example(left: bool) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        x = leaf(3, 3)
        rows, columns = (_index(b, (3, 3), axis) for axis in (0, 1))
        eye = b.cast(rows.eq(columns).node, dtype=x.dtype)
        return b.matmul(eye, x) if left else b.matmul(x, eye)

    return make


RULES = (
    Rule(
        "diagonal_times_matrix", p.matmul(p.diag("v", label="diagonal"), "x"), _diagonal_times,
        FINITE,
    ),
    Rule(
        "matrix_times_diagonal", p.matmul("x", p.diag("v", label="diagonal")), _times_diagonal,
        FINITE,
    ),
    Rule(
        "product_of_diagonals", p.matmul(p.diag("v", label="one"), p.diag("w", label="other")),
        _product_of_diagonals, FINITE,
    ),
    Rule("diagonal_of_product", p.diag(p.matmul("a", "b")), _diagonal_of_product, REASSOCIATION),
    Rule(
        "diagonals_of_products", p.diagonal(p.matmul("a", "b")), _diagonal_of_product,
        REASSOCIATION,
        lambda b, leaf: b.diagonal(b.matmul(leaf(2, 4, 3), leaf(2, 3, 5)), offset=1),
    ),
    Rule("diagonal_of_diagonal", p.diag(p.diag("v", label="inner")), _diagonal_again),
    Rule("sum_of_diagonal", p.sum(p.diag("v", label="diagonal")), _sum_of_diagonal),
    Rule("transposed_diagonal", p.transpose(p.diag("v", label="diagonal")), _transposed_diagonal),
    Rule(
        "identity_times_matrix", p.matmul(_identity(), "x"), _times_identity, FINITE,
        _identity_example(True),
    ),
    Rule(
        "matrix_times_identity", p.matmul("x", _identity()), _times_identity, FINITE,
        _identity_example(False),
    ),
)  # fmt: skip
