"""Columns of odd lengths on a GPU, read in aligned vectors.

A reduction over an earlier dimension of (..., n, k) reads rows of k elements. Where k elements are
no whole number of 16-byte words, no row but the first begins at one, and lanes load single elements
across two cache lines each. But a few rows together are whole words: (..., n / f, f k) is folded
over n / f into f k results, every access aligned, and what is left to fold is f rows.
"""

from __future__ import annotations

import math

from kernelwright.graph.core import DTYPES, Builder, Graph, Node
from kernelwright.graph.ops import op_definition

FOLDS = ("sum", "prod", "amax", "amin")
WORD_BYTES = 16
MOST_ROWS = 16
LEAST_ELEMENTS = 1 << 22  # of the operand: less comes from the caches
LEAST_STEPS = 64  # rows of f k elements: the partial results are written and read again
LEAST_COLUMNS = 64


def aligned_columns(graph: Graph) -> Graph:
    """``graph`` with such reductions in two steps, where all that is read lies as the operand does
    and nobody reads it again for what they give."""
    from kernelwright.compiler.schedule.normalize import rebuild

    chosen = {n.id: rows for n in graph.nodes() if (rows := _rows(n)) > 1 and _ends(graph, n)}
    order = iter([n for n in graph.nodes() if n.op in FOLDS])

    def rewrite(builder: Builder, node: Node) -> Node | None:
        if node.op not in FOLDS:
            return None
        rows = chosen.get(next(order).id, 0)
        return _in_two_steps(builder, node, rows) if rows else None

    return rebuild(graph, rewrite)


def _rows(node: Node) -> int:
    """How many rows are whole words; 0 where that is no help."""
    if node.op not in FOLDS:
        return 0
    (x,), axes = node.inputs, sorted(node.attrs["axes"])
    if not axes or axes[-1] == len(x.shape) - 1 or axes[-1] - axes[0] != len(axes) - 1:
        return 0
    if x.dtype == "bool" or x.type.size < LEAST_ELEMENTS:
        return 0
    columns, count = math.prod(x.shape[axes[-1] + 1 :]), x.shape[axes[-1]]
    row_bytes = columns * DTYPES[x.dtype].itemsize
    rows = WORD_BYTES // math.gcd(WORD_BYTES, row_bytes)
    folded = math.prod(x.shape[a] for a in axes)
    if rows > MOST_ROWS or count % rows or folded < LEAST_STEPS * rows:
        return 0
    return rows if columns >= LEAST_COLUMNS and _dense(x) else 0


def _dense(operand: Node) -> bool:
    """Whether ``operand`` is made, element by element, of tensors of its own shape and numbers."""
    stack, seen = [operand], {operand.id}
    while stack:
        current = stack.pop()
        if current.type.size == 1:
            continue
        kind = op_definition(current.op).kind
        if current.op == "expand" and current.inputs[0].type.size == 1:
            continue
        if current.shape != operand.shape or (kind != "elementwise" and kind != "leaf"):
            return False
        if current.op == "iota":
            return False
        new = [n for n in current.inputs if n.id not in seen]
        seen |= {n.id for n in new}
        stack += new
    return True


def _ends(graph: Graph, node: Node) -> bool:
    """Whether nothing that is computed from ``node`` has more elements than it."""
    after = {node.id}
    for other in graph.nodes():
        if any(n.id in after for n in other.inputs):
            after.add(other.id)
            if other.type.size > node.type.size:
                return False
    return True


def _in_two_steps(builder: Builder, node: Node, rows: int) -> Node:
    (x,), axes = node.inputs, sorted(node.attrs["axes"])
    last = axes[-1]
    shape = (*x.shape[:last], x.shape[last] // rows, rows, *x.shape[last + 1 :])
    split = builder.make("reshape", [x], shape=shape)
    wide = "float32" if node.dtype in ("float16", "bfloat16") and node.op in ("sum", "prod") else ""
    if wide:
        split = builder.make("cast", [split], dtype=wide)
    few = builder.make(node.op, [split], axes=tuple(axes), keepdims=False)
    out = builder.make(node.op, [few], axes=(axes[0],), keepdims=False)
    if wide:
        out = builder.make("cast", [out], dtype=node.dtype)
    return builder.make("reshape", [out], shape=node.shape)
