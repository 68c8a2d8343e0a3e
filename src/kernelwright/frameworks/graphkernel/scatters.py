"""Ops whose operands say where to add, and sparse matrices in rows (CSR), which are made of them.

A row of a CSR matrix r holds the values between indptr[r] and indptr[r + 1]. An index outside of
its axis adds nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from kernelwright.frameworks.graphkernel.call import Call, Complaint, Handler
from kernelwright.frameworks.graphkernel.lookups import index, places
from kernelwright.frameworks.graphkernel.values import Value
from kernelwright.graph.core import Node, is_float


def _segment_sum(c: Call) -> Value:
    """Rows of x summed by the segment that each belongs to."""
    x, at = c.node(0), index(c, 1)
    lead = len(at.shape)
    if x.shape[:lead] != at.shape:
        said = f"shape contradiction: ids {list(at.shape)} do not lead {list(x.shape)}"
        raise Complaint("input_desc[1].shape", said, "correct one of the shapes")
    count = c.integer("num_segments", "numSegments", operand=2, default=0)
    count = count or c.build.shape(c.out)[0]
    c.indexes(at, count)
    rest = x.shape[lead:]
    return _added(c, at, c.b.reshape(x, shape=(prod(at.shape), *rest)), count)


def _added(c: Call, at: Node, rows: Node, count: int) -> Node:
    """``rows`` summed at the places of ``at``, of which there are ``count``."""
    zeros = c.b.expand(c.b.constant(0, rows.dtype), shape=(count, *rows.shape[1:]))
    return c.b.index_add(zeros, c.b.reshape(at, shape=(rows.shape[0],)), rows)


def _scatter_add(c: Call) -> Value:
    """x with the updates added where [.., k] indices point into its first k axes."""
    c.expect(3)
    c.same_dtypes(0, 2)
    x, at, updates = c.node(0), index(c, 1), c.node(2)
    columns = places(c, at, x.shape)
    k = len(columns)
    flat = zero = c.b.constant(0, "int64")
    inside: Node | None = None
    for column, size in zip(columns, x.shape):
        place = c.b.cast(column, dtype="int64")
        size_node = c.b.constant(size, "int64")
        fits = c.b.logical_and(c.b.ge(place, zero), c.b.lt(place, size_node))
        inside = fits if inside is None else c.b.logical_and(inside, fits)
        flat = c.b.add(c.b.mul(flat, size_node), place)
    if inside is not None:
        flat = c.b.where(inside, flat, c.b.constant(-1, "int64"))
    count = prod(at.shape[:-1])
    kept = x.shape[k:]
    rows = c.b.reshape(updates, shape=(count, *kept))
    whole = c.b.reshape(x, shape=(prod(x.shape[:k]), *kept))
    made = c.b.index_add(whole, c.b.reshape(flat, shape=(count,)), rows)
    return c.b.reshape(made, shape=x.shape)


# ---- sparse matrices -----------------------------------------------------------------------------


def _rows_of(c: Call, starts: Node, count: int) -> Node:
    """The row of each of ``count`` values: how many rows have ended before it."""
    size = starts.shape[0] - 1
    c.build.sorted_up_to(starts, count)
    ends = c.b.slice(starts, starts=(1,), stops=(size + 1,), steps=(1,))
    lane = c.b.make("iota", [], shape=(count, 1), axis=0, dtype=starts.dtype)
    ended = c.b.le(c.b.reshape(ends, shape=(1, size)), lane)
    return c.b.cast(c.b.sum(ended, axes=(1,), keepdims=False), dtype=starts.dtype)


def _at(c: Call, dense: Node, rows: Node, columns: Node) -> Node:
    """The elements of a dense matrix, which may have one row or one column only."""
    while len(dense.shape) < 2:
        dense = c.b.reshape(dense, shape=(1, *dense.shape))
    picked = []
    for at, size in zip((rows, columns), dense.shape):
        if size > 1:
            c.indexes(at, size)
        else:
            at = c.b.expand(c.b.constant(0, at.dtype), shape=at.shape)
        picked.append(at)
    return c.b.lookup(dense, *picked, shape=rows.shape, follows=(-1, -1), fill=0)


def _with_dense(op: str) -> Handler:
    """Operands indptr, indices, values, dense: values by the dense matrix's elements there."""

    def handler(c: Call) -> Value:
        c.expect(4)
        c.same_dtypes(2, 3)
        starts, columns, values, dense = index(c, 0), index(c, 1), c.node(2), c.node(3)
        rows = _rows_of(c, starts, columns.shape[0])
        return c.b.make(op, [values, _at(c, dense, rows, columns)])

    return handler


def _csr_gather(c: Call) -> Value:
    c.expect(3)
    starts, columns, dense = index(c, 0), index(c, 1), c.node(2)
    return _at(c, dense, _rows_of(c, starts, columns.shape[0]), columns)


def _csr_reduce_sum(c: Call) -> Value:
    """The sum of each row, as a column."""
    c.expect(3)
    starts, columns, values = index(c, 0), index(c, 1), c.node(2)
    width = c.ints("dense_shape", default=(0,))[-1]
    if width:  # no value depends on the columns, which are places all the same
        c.indexes(columns, width)
    rows = _rows_of(c, starts, columns.shape[0])
    total = _added(c, rows, values, starts.shape[0] - 1)
    return c.b.reshape(total, shape=(total.shape[0], 1, *total.shape[1:]))


def _csr_product(c: Call) -> Value:
    """The sparse matrix by a dense vector or matrix."""
    c.expect(4)
    c.same_dtypes(2, 3)
    starts, columns, values, dense = index(c, 0), index(c, 1), c.node(2), c.node(3)
    count, width = columns.shape[0], prod(dense.shape[1:])
    c.indexes(columns, dense.shape[0])
    taken = c.b.lookup(
        c.b.reshape(dense, shape=(dense.shape[0], width)), c.b.reshape(columns, shape=(count, 1)),
        shape=(count, width), follows=(-1, 1), fill=0,
    )  # fmt: skip
    terms = c.b.mul(c.b.reshape(values, shape=(count, 1)), taken)
    made = _added(c, _rows_of(c, starts, count), terms, starts.shape[0] - 1)
    return c.b.reshape(made, shape=(made.shape[0], *dense.shape[1:]))


def _csr_to_coo(c: Call) -> Value:
    starts = index(c, 0)
    count = c.integer("nnz", default=0) or c.build.shape(c.out)[0]
    return _declared(c, _rows_of(c, starts, count))


def _coo_to_csr(c: Call) -> Value:
    """indptr[r]: how many values stand in rows before r."""
    rows = index(c, 0)
    height = c.integer("height", default=0) or c.build.shape(c.out)[0] - 1
    c.indexes(rows, height)
    lane = c.b.make("iota", [], shape=(height + 1, 1), axis=0, dtype=rows.dtype)
    before = c.b.lt(c.b.reshape(rows, shape=(1, rows.shape[0])), lane)
    return _declared(c, c.b.sum(before, axes=(1,), keepdims=False))


def _declared(c: Call, x: Node) -> Node:
    return x if x.dtype == c.out.dtype or is_float(x.dtype) else c.b.cast(x, dtype=c.out.dtype)


OPS: Mapping[str, Handler | Any] = {
    "UnsortedSegmentSum": _segment_sum,
    "TensorScatterAdd": _scatter_add,
    "CSRMul": _with_dense("mul"),
    "CSRDiv": _with_dense("div"),
    "CSRGather": _csr_gather,
    "CSRReduceSum": _csr_reduce_sum,
    "CSRMV": _csr_product,
    "CSRMM": _csr_product,
    "CSR2COO": _csr_to_coo,
    "COO2CSR": _coo_to_csr,
}
