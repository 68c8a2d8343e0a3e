"""Loads whose contiguous dimension is not the vector's: whole blocks, transposed in registers.

A gather fetches every lane from another cache line. Instead, ``lanes`` vectors are loaded along the
contiguous dimension, transposed by log2(lanes) rounds of two-operand shuffles, and stored to a
scratch tile where the vector dimension is contiguous.
"""

from __future__ import annotations

from collections.abc import Callable

from kernelwright.compiler.loops import affine
from kernelwright.compiler.loops.affine import Affine
from kernelwright.compiler.loops.body import Body, Buffer
from kernelwright.compiler.loops.builder import Builder
from kernelwright.compiler.loops.ir import Value, VectorType
from kernelwright.compiler.loops.nodes import Interval, Node
from kernelwright.graph.core import DTYPES

LANES = 16  # at most: so many vectors are live at once
PAGE_BYTES = 4096  # rows this far apart fall into the same few lines of a first-level cache

Strip = Callable[[Interval, int, Callable[[Affine, Value | None], None]], None]


def can_stage(node: Node) -> bool:
    """Whether the load is contiguous along the next-to-last dimension and not along the last, and
    all that is needed of both lies inside of the tensor. Expects ``need``."""
    access = node.access
    if node.kind != "load" or access is None or len(node.shape) < 2 or node.dtype == "bool":
        return False
    if access.strides[-1] in (0, 1) or access.strides[-2] != 1 or access.fixed:
        return False
    inner = range(len(node.shape) - 2, len(node.shape))
    inside = all(
        access.inside[d].is_full(node.shape[d]) or access.inside[d] == node.need[d] for d in inner
    )
    outer = range(len(node.shape) - 2)
    proven = all(access.inside[d].is_full(node.shape[d]) for d in outer)
    return inside and proven and min(node.shape[-2:]) >= 4


def block_lanes(node: Node, vector_bytes: int) -> int:
    lanes = max(4, min(LANES, vector_bytes // DTYPES[node.dtype].itemsize))
    while lanes > 4 and lanes // 2 >= max(node.shape[-2:]):
        lanes //= 2
    return lanes


def staged_strides(node: Node, first: int) -> tuple[tuple[int, ...], int]:
    """Strides of the scratch tile for the dimensions from ``first`` on, and its elements. Rows get
    a gap where they would collide in the cache."""
    strides = [0] * len(node.shape)
    itemsize = DTYPES[node.dtype].itemsize
    step = 1
    for d in range(len(node.shape) - 1, first - 1, -1):
        strides[d] = step
        step *= node.shape[d]
        if d == len(node.shape) - 1 and step * itemsize % PAGE_BYTES == 0:
            step += 64 // itemsize
    return tuple(strides), step


def stage(body: Body, node: Node, buffer: Buffer, lanes: int, strip: Strip) -> None:
    """Fills ``buffer`` with what is needed of the load. ``body`` stands before both dimensions."""
    b, access = body.b, node.access
    assert access is not None
    far, near = node.interval(len(node.shape) - 1), node.interval(len(node.shape) - 2)
    source_base = access.base
    target_base = affine.ZERO
    for d in range(len(node.shape) - 2):
        source_base = source_base + affine.multiply(body.index(node, d), access.strides[d])
        target_base = target_base + body.index(node, d) * buffer.strides[d]
    kind = VectorType(access.memory.dtype, lanes)

    def block(i: Affine, j: Affine, near_count: Value | None, far_count: Value | None) -> None:
        rows = []
        for k in range(lanes):
            at = b.index(source_base + i + affine.multiply(j + k, access.strides[-1]))
            count = _rows_left(b, k, far_count, near_count, lanes)
            args = [at] if count is None else [at, count]
            rows.append(b.op("load", *args, type=kind, memory=access.memory))
        for k, column in enumerate(transpose(b, rows)):
            at = b.index(target_base + (i + k) * buffer.strides[-2] + j)
            count = _rows_left(b, k, near_count, far_count, lanes)
            args = [at, column] if count is None else [at, column, count]
            b.store("store", *args, memory=buffer.memory)

    def columns(j: Affine, far_count: Value | None) -> None:
        strip(near, lanes, lambda i, near_count: block(i, j, near_count, far_count))

    strip(far, lanes, columns)


def _rows_left(
    b: Builder, k: int, rows: Value | None, count: Value | None, lanes: int
) -> Value | None:
    """The lane count of row ``k`` of a block that has ``rows`` rows of ``count`` lanes."""
    if rows is None or k == 0:
        return count
    within = b.op("cmp", b.integer(k), rows, type=VectorType("bool"), predicate="lt")
    some = count if count is not None else b.integer(lanes)
    return b.op("select", within, some, b.integer(0), type=some.type)


def transpose(b: Builder, rows: list[Value]) -> list[Value]:
    """The columns of a square block: at distance h = 1, 2, 4, ... every pair of rows exchanges its
    off-diagonal h by h squares (Eklundh 1972)."""
    rows, size, h = list(rows), len(rows), 1
    while h < size:
        low = tuple(l if not l & h else size + l - h for l in range(size))
        high = tuple(l + h if not l & h else size + l for l in range(size))
        for i in range(size):
            if not i & h:
                a, c = rows[i], rows[i + h]
                rows[i] = b.op("shuffle", a, c, lanes=low)
                rows[i + h] = b.op("shuffle", a, c, lanes=high)
        h *= 2
    return rows
