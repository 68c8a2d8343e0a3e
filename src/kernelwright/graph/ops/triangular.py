"""Rules of products with triangular matrices: only the blocks that hold anything are multiplied.

A product with a triangle is cut into panels of rows or columns, each a smaller product of the
library on a block of the operands; the rest is zeros. With ``n`` panels, a triangular factor or
result leaves (1 + 1/n) / 2 of the operations, two triangular factors about (1 + 3/2n) / 3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernelwright.graph.core import Builder, Node, OpDef, is_float
from kernelwright.graph.ops.known_matrix import known_values, triangle_of
from kernelwright.graph.rules import FINITE, Facts, Match, Rule, p

OPS: tuple[OpDef, ...] = ()

PANEL_ROWS = 128  # smaller products do not reach the library's speed
MOST_PANELS = 8
LOWER, UPPER = "lower", "upper"
_OTHER = {LOWER: UPPER, UPPER: LOWER}
_DEPTH = 3


def triangle(facts: Facts, node: Node, depth: int = _DEPTH) -> str:
    """LOWER or UPPER where the last two axes of ``node`` are known to hold a triangle, else ""."""
    for form in facts.forms(node):
        diagonal = form.attrs.get("diagonal", 0)
        if form.op == "tril" and diagonal <= 0:
            return LOWER
        if form.op == "triu" and diagonal >= 0:
            return UPPER
        found = "" if depth == 0 else _of_operands(facts, form, depth - 1)
        if found:
            return found
    return ""


def _of_operands(facts: Facts, form: Node, depth: int) -> str:
    if form.op == "transpose" and len(form.shape) >= 2:
        axes = form.attrs["axes"]
        if axes[-2:] == (len(axes) - 1, len(axes) - 2):
            return _OTHER.get(triangle(facts, form.inputs[0], depth), "")
    if form.op == "matmul" and _square(form) and all(_square(n) for n in form.inputs):
        kinds = {triangle(facts, n, depth) for n in form.inputs}
        return kinds.pop() if len(kinds) == 1 else ""
    return ""


def _square(node: Node) -> bool:
    return len(node.shape) >= 2 and node.shape[-1] == node.shape[-2]


def _edges(size: int) -> list[tuple[int, int]]:
    """Where the panels of an axis begin and end; [] where there is only one."""
    count = min(MOST_PANELS, size // PANEL_ROWS)
    if count < 2:
        return []
    cuts = [size * i // count for i in range(count + 1)]
    return list(zip(cuts, cuts[1:]))


def _block(builder: Builder, x: Node, rows: tuple[int, int], columns: tuple[int, int]) -> Node:
    lead = len(x.shape) - 2
    starts = (*(0,) * lead, rows[0], columns[0])
    stops = (*x.shape[:-2], rows[1], columns[1])
    if starts == (0,) * len(x.shape) and stops == x.shape:
        return x
    return builder.slice(x, starts=starts, stops=stops, steps=(1,) * len(x.shape))


def _among_zeros(builder: Builder, x: Node, columns: tuple[int, int], width: int) -> Node:
    lead = (0,) * (len(x.shape) - 1)
    low, high = columns[0], width - columns[1]
    return builder.pad(x, low=(*lead, low), high=(*lead, high), value=0.0) if low or high else x


def _reach(kind: str, panel: tuple[int, int], size: int) -> tuple[int, int]:
    """Of rows within ``panel``, the columns in which a triangle holds anything."""
    if kind == LOWER:
        return 0, panel[1]
    return (panel[0], size) if kind == UPPER else (0, size)


def _fits(m: Match) -> bool:
    a, b = m["a"], m["b"]
    same = len(a.shape) == len(b.shape) in (2, 3) and a.shape[:-2] == b.shape[:-2]
    return same and is_float(m.root.dtype)


def _factors(builder: Builder, m: Match) -> Node | None:
    """a @ b where a or b is a triangle."""
    if not _fits(m):
        return None
    a, b = m["a"], m["b"]
    left = triangle(m.facts, a) if _square(a) else ""
    right = triangle(m.facts, b) if _square(b) else ""
    if left:
        return _by_rows(builder, a, b, left, right)
    return _by_columns(builder, a, b, right) if right else None


def _by_rows(builder: Builder, a: Node, b: Node, left: str, right: str) -> Node | None:
    panels = []
    for rows in _edges(a.shape[-2]):
        inner = _reach(left, rows, a.shape[-1])
        columns = (0, b.shape[-1])
        if right == left:  # the product is such a triangle too
            columns = _reach(left, rows, b.shape[-1])
        piece = builder.matmul(_block(builder, a, rows, inner), _block(builder, b, inner, columns))
        panels.append(_among_zeros(builder, piece, columns, b.shape[-1]))
    return builder.concat(*panels, axis=len(a.shape) - 2) if panels else None


def _by_columns(builder: Builder, a: Node, b: Node, right: str) -> Node | None:
    panels = []
    for columns in _edges(b.shape[-1]):
        inner = _reach(_OTHER[right], columns, b.shape[-2])
        rows = (0, a.shape[-2])
        piece = builder.matmul(_block(builder, a, rows, inner), _block(builder, b, inner, columns))
        panels.append(piece)
    return builder.concat(*panels, axis=len(a.shape) - 1) if panels else None


def _result(kind: str) -> Callable[[Builder, Match], Node | None]:
    """tril(a @ b), triu(a @ b): the other half is not computed."""

    def right(builder: Builder, m: Match) -> Node | None:
        a, b, diagonal = m["a"], m["b"], m.root.attrs.get("diagonal", 0)
        if not _fits(m) or not _square(m.root) or triangle(m.facts, a) == kind:
            return None
        size, panels = b.shape[-1], []
        for rows in _edges(size):
            low, high = _reach(kind, (rows[0] + diagonal, rows[1] + diagonal), size)
            columns = (max(0, low), min(size, high))
            if columns[0] >= columns[1]:
                return None
            inner = (0, a.shape[-1])
            left = _block(builder, a, rows, inner)
            piece = builder.matmul(left, _block(builder, b, inner, columns))
            whole = _among_zeros(builder, piece, columns, size)
            cut = "tril" if kind == LOWER else "triu"
            panels.append(builder.make(cut, [whole], diagonal=diagonal + rows[0]))
        return builder.concat(*panels, axis=len(a.shape) - 2) if panels else None

    return right


def _cut_again(builder: Builder, m: Match) -> Node | None:
    """The lower triangle of a lower triangle."""
    kind, diagonal = m.root.op, m.root.attrs.get("diagonal", 0)
    if kind == "tril":
        return m["x"] if triangle(m.facts, m["x"]) == LOWER and diagonal >= 0 else None
    return m["x"] if triangle(m.facts, m["x"]) == UPPER and diagonal <= 0 else None


def _cut_away(builder: Builder, m: Match) -> Node | None:
    """where(mask, x, 0) and its like, for a mask that is a triangle of ones whatever the inputs
    are."""
    kept, flipped = ("x", False) if m.uniform("z") == 0 else ("z", True)
    if flipped and m.uniform("x") != 0:
        return None
    x = m[kept]
    mask = known_values(m["c"])
    if mask is None or x.shape != m.root.shape or len(x.shape) < 2:
        return None
    return _as_triangle(builder, x, ~mask if flipped else mask)


def _masked(builder: Builder, m: Match) -> Node | None:
    """x * mask likewise."""
    x, mask = m["x"], known_values(m["c"])
    usable = mask is not None and x.shape == m.root.shape and len(x.shape) >= 2
    if not usable or not is_float(x.dtype):
        return None
    return _as_triangle(builder, x, mask)


def _as_triangle(builder: Builder, x: Node, mask: Any) -> Node | None:
    found = triangle_of(mask, x.shape[-2:])
    if found is None:
        return None
    made: Node = builder.make("tril" if found[0] == LOWER else "triu", [x], diagonal=found[1])
    return made


def _triangles(op: str, lower: bool, both: bool = True) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        cut = "tril" if lower else "triu"
        one, other = leaf(300, 300), leaf(300, 300)
        if op == "matmul":
            other = b.make(cut, [other], diagonal=0) if both else other
            return b.matmul(b.make(cut, [one], diagonal=0), other)
        return b.make(op, [b.matmul(one, other)], diagonal=1)

    return make


def _mask(b: Builder, size: int, dtype: str) -> Node:
    rows, columns = (
        b.make("iota", [], shape=shape, axis=axis, dtype="int64")
        for axis, shape in ((0, (size, 1)), (1, (1, size)))
    )
    mask = b.ge(rows, columns)
    return mask if dtype == "bool" else b.cast(mask, dtype=dtype)


def _where_example(b: Builder, leaf: Any) -> Node:
    x = leaf(4, 4)
    return b.where(_mask(b, 4, "bool"), x, b.constant(0, x.dtype))


def _mask_example(b: Builder, leaf: Any) -> Node:
    x = leaf(4, 4)
    return b.mul(x, _mask(b, 4, x.dtype))


RULES = (
    Rule("triangular_factors", p.matmul("a", "b"), _factors, FINITE, _triangles("matmul", True)),
    Rule("lower_half_of_product", p.tril(p.matmul("a", "b")), _result(LOWER), "",
         _triangles("tril", True)),
    Rule("upper_half_of_product", p.triu(p.matmul("a", "b")), _result(UPPER), "",
         _triangles("triu", False)),
    Rule("tril_of_triangle", p.tril("x"), _cut_again, "",
         lambda b, leaf: b.tril(b.tril(leaf(5, 5), diagonal=0), diagonal=1)),
    Rule("triu_of_triangle", p.triu("x"), _cut_again, "",
         lambda b, leaf: b.triu(b.triu(leaf(5, 5), diagonal=1), diagonal=0)),
    Rule("choice_of_triangle", p.where("c", "x", "z"), _cut_away, "", _where_example),
    Rule("mask_of_triangle", p.mul("x", "c"), _masked, FINITE, _mask_example),
)  # fmt: skip
