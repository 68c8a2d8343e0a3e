"""Rules of indicators: comparisons of an index with ``arange`` (one-hot rows, masks of a diagonal)
in sums and products are lookups and scalings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kernelwright.graph.core import Builder, Node, OpDef, is_float
from kernelwright.graph.ops._rules import INTEGERS
from kernelwright.graph.ops.known_matrix import known_values
from kernelwright.graph.rules import FINITE, Match, Rule, expand, p, reshape

OPS: tuple[OpDef, ...] = ()


def _compared_axis(mask: Node, index: Node, line: Node) -> int | None:
    """The axis of ``mask`` along which ``index`` is constant and ``line`` counts; None where there
    is no such one."""
    rank = len(mask.shape)
    axis = line.attrs["axis"] + rank - len(line.shape)
    lead = rank - len(index.shape)
    alone = all(n == 1 for a, n in enumerate(line.shape) if a != line.attrs["axis"])
    fixed = axis < lead or index.shape[axis - lead] == 1
    right = alone and fixed and line.shape[line.attrs["axis"]] == mask.shape[axis] > 1
    return axis if right and index.dtype in INTEGERS and line.dtype in INTEGERS else None


def _times_table(builder: Builder, m: Match) -> Node | None:
    """one_hot(i) @ w takes rows of w; an index outside of it takes zeros."""
    w, mask, root = m["w"], m["mask"], m.root
    axis = _compared_axis(mask, m["i"], m["line"])
    if axis != len(mask.shape) - 1 or len(w.shape) != 2 or len(mask.shape) < 2:
        return None
    index = expand(builder, m["i"], (*mask.shape[:-1], 1))
    shape = root.shape
    return builder.make("lookup", [w, index], shape=shape, follows=(-1, len(shape) - 1), fill=0)


def _picked(builder: Builder, m: Match) -> Node | None:
    """sum(x * one_hot(i)) along the classes takes one element of x."""
    x, inner, root = m["x"], m["inner"], m.root
    rank = len(inner.shape)
    if x.shape != inner.shape or len(m["mask"].shape) != rank or not is_float(x.dtype):
        return None
    axis = _compared_axis(m["mask"], m["i"], m["line"])
    if axis is None or root.attrs["axes"] != (axis,) or root.dtype != x.dtype:
        return None
    if "z" in m.nodes and m.uniform("z") != 0:
        return None
    index = m["i"]
    index = reshape(builder, index, (*(1,) * (rank - len(index.shape)), *index.shape))
    shape = tuple(1 if a == axis else n for a, n in enumerate(x.shape))
    follows = tuple(-1 if a == axis else a for a in range(rank))
    made = builder.make("lookup", [x, index], shape=shape, follows=follows, fill=0)
    return reshape(builder, made, root.shape)


def _is_identity(mask: Node) -> bool:
    values = known_values(mask)
    if values is None or any(n != 1 for n in values.shape[:-2]):
        return False
    rows, columns = values.shape[-2:]
    square = rows == columns > 1
    return square and np.array_equal(values.reshape(rows, rows), np.eye(rows, dtype=values.dtype))


def _diagonal_values(builder: Builder, masked: Node, v: Node) -> Node | None:
    """What stands on the diagonal of where(eye, v, 0), as (..., n)."""
    lead = len(masked.shape) - len(v.shape)
    v = reshape(builder, v, (*(1,) * lead, *v.shape)) if lead > 0 else v
    if v.shape[-1] == 1:
        return builder.reshape(v, shape=v.shape[:-1])
    if v.shape[-2] == 1:
        return builder.reshape(v, shape=(*v.shape[:-2], v.shape[-1]))
    return builder.diagonal(v, offset=0)


def _embedded(left: bool) -> Callable[[Builder, Match], Node | None]:
    """where(eye, v, 0) @ x scales the rows of x, x @ where(eye, v, 0) its columns."""

    def right(builder: Builder, m: Match) -> Node | None:
        masked, x, root = m["masked"], m["x"], m.root
        if len(x.shape) < 2 or not is_float(root.dtype) or not _is_identity(m["c"]):
            return None
        if "z" in m.nodes and m.uniform("z") != 0:
            return None
        line = _diagonal_values(builder, masked, m["v"])
        if line is None:
            return None
        shape = (*line.shape, 1) if left else (*line.shape[:-1], 1, line.shape[-1])
        made = builder.mul(builder.reshape(line, shape=shape), x)
        return expand(builder, made, root.shape)

    return right


def _mask(b: Builder, index: Node, axis: int, shape: tuple[int, ...]) -> Node:
    return b.eq(index, b.make("iota", [], shape=shape, axis=axis, dtype=index.dtype))


def _table_example(b: Builder, leaf: Any) -> Node:
    w = leaf(6, 4)
    index = b.make("iota", [], shape=(3, 1), axis=0, dtype="int64")
    return b.matmul(b.cast(_mask(b, index, 1, (1, 6)), dtype=w.dtype), w)


def _picked_example(choice: bool) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        x = leaf(3, 6)
        mask = _mask(b, b.make("iota", [], shape=(3, 1), axis=0, dtype="int64"), 1, (1, 6))
        if choice:
            inner = b.where(mask, x, b.constant(0.0, x.dtype))
        else:
            inner = b.mul(x, b.cast(mask, dtype=x.dtype))
        return b.sum(inner, axes=(1,), keepdims=False)

    return make


def _embedded_example(left: bool, choice: bool) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        v, x = leaf(2, 1, 4), leaf(2, 4, 4)
        rows = b.make("iota", [], shape=(4, 1), axis=0, dtype="int64")
        mask = _mask(b, rows, 1, (1, 4))
        if choice:
            masked = b.where(mask, v, b.constant(0.0, v.dtype))
        else:
            masked = b.mul(v, b.cast(mask, dtype=v.dtype))
        return b.matmul(masked, x) if left else b.matmul(x, masked)

    return make


_ONE_HOT = p.cast(p.eq("i", p.iota(label="line"), label="mask"))
_CHOSEN = p.where(p.eq("i", p.iota(label="line"), label="mask"), "x", "z", label="inner")

RULES = (
    Rule("one_hot_times_table", p.matmul(_ONE_HOT, "w"), _times_table, FINITE, _table_example),
    Rule("sum_of_one_hot", p.sum(p.mul("x", _ONE_HOT, label="inner")), _picked, FINITE,
         _picked_example(False)),
    Rule("sum_of_one_choice", p.sum(_CHOSEN), _picked, FINITE, _picked_example(True)),
    *(
        Rule(f"{name}_of_{kind}_diagonal",
             p.matmul(masked, "x") if left else p.matmul("x", masked),
             _embedded(left), FINITE, _embedded_example(left, kind == "chosen"))
        for left, name in ((True, "rows"), (False, "columns"))
        for kind, masked in (("chosen", p.where("c", "v", "z", label="masked")),
                             ("masked", p.mul("v", "c", label="masked")))
    ),
)  # fmt: skip
