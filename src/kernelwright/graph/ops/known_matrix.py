"""Matrices that hang on no input and no parameter (``torch.eye``, ``ones``, masks from ``arange``),
seen for what they are: a product with one of them is a scaling, a sum, a running sum or a few
shifted copies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from kernelwright.graph.core import Builder, Node, OpDef, is_float, walk
from kernelwright.graph.ops import op_definition
from kernelwright.graph.ops._rules import compute_dtype
from kernelwright.graph.rules import FINITE, REASSOCIATION, Match, Rule, cast, expand, p, reshape

OPS: tuple[OpDef, ...] = ()

_MOST_ELEMENTS = 1 << 24  # of a matrix that is looked at
_MOST_NODES = 48
_BANDS = 4  # diagonals of a product that is written as so many shifted copies
_known: WeakKeyDictionary[Node, np.ndarray] = WeakKeyDictionary()


def known_values(node: Node) -> np.ndarray | None:
    """What ``node`` holds whatever inputs and parameters are; None where that hangs on them, or is
    one number, or too much to look at."""
    if node in _known:
        return _known[node]
    if node.op in ("input", "parameter", "call") or len(node.shape) < 2:
        return None
    below = []
    for inner in walk([node]):
        below.append(inner)
        large = inner.type.size > _MOST_ELEMENTS or len(below) > _MOST_NODES
        if large or inner.op in ("input", "parameter", "call"):
            return None
    values: dict[int, np.ndarray] = {}
    with np.errstate(all="ignore"):
        for inner in below:
            operands = [values[n.id] for n in inner.inputs]
            values[inner.id] = np.asarray(op_definition(inner.op).meaning(*operands, **inner.attrs))
    _known[node] = values[node.id]
    return values[node.id]


def _matrix(values: np.ndarray | None) -> np.ndarray | None:
    """The one matrix that all axes before the last two repeat."""
    if values is None or values.ndim < 2 or values.size == 0:
        return None
    if any(n != 1 for n in values.shape[:-2]):
        return None
    return values.reshape(values.shape[-2:])


def triangle_of(values: np.ndarray, shape: tuple[int, ...]) -> tuple[str, int] | None:
    """("lower" or "upper", diagonal) where ``values`` is 1 in that triangle of a matrix of
    ``shape`` and 0 elsewhere."""
    mask = _matrix(values)
    if mask is None or mask.shape != shape or min(shape) < 2:
        return None
    ones = mask != 0
    if mask.dtype != np.bool_ and not np.array_equal(ones, mask):
        return None
    if ones.all() or not ones.any():
        return None
    diagonal = _lower(ones)
    if diagonal is not None:
        return "lower", diagonal
    diagonal = _lower(~ones)
    return None if diagonal is None else ("upper", diagonal + 1)


def _lower(ones: np.ndarray) -> int | None:
    """The last diagonal of a lower triangle of ones; None for another mask."""
    rows, columns = ones.shape
    above = int(np.argmax(ones.any(axis=1)))  # rows of zeros
    diagonal = -above if above else int(ones[0].sum()) - 1
    return diagonal if np.array_equal(ones, np.tri(rows, columns, diagonal, dtype=bool)) else None


def _identity_like(c: np.ndarray) -> tuple[float, float] | None:
    """(s, u) where c = s I + u, u in every element."""
    if c.shape[0] != c.shape[1] or c.shape[0] < 2:
        return None
    u, s = float(c[0, 1]), float(c[0, 0]) - float(c[0, 1])
    wanted = np.full(c.shape, c[0, 1], c.dtype)
    np.fill_diagonal(wanted, c[0, 0])
    return (s, u) if np.array_equal(c, wanted) else None


def _running(c: np.ndarray) -> tuple[bool, bool, np.ndarray] | None:
    """(reverse, by columns, factors) where c is a triangle whose rows (or columns) hold one number
    each: a running sum from the start (lower) or the end (upper)."""
    if c.shape[0] != c.shape[1] or c.shape[0] < 3:
        return None
    lower = c[0, 1] == 0
    ones = np.tri(c.shape[0], dtype=c.dtype)
    ones = ones if lower else ones.T
    rows = c[:, 0] if lower else c[:, -1]
    columns = c[-1] if lower else c[0]
    for by_columns, factors in ((False, rows), (True, columns)):
        if np.array_equal(c, ones * (factors[None] if by_columns else factors[:, None])):
            return not lower, by_columns, factors
    return None


def _bands(c: np.ndarray) -> Mapping[int, np.ndarray] | None:
    """Offset -> that diagonal of c, where only a few hold anything."""
    if c.shape[0] != c.shape[1] or np.count_nonzero(c) > _BANDS * c.shape[0]:
        return None
    rows, columns = np.nonzero(c)
    offsets = sorted({int(d) for d in np.unique(columns - rows)})
    if not 1 <= len(offsets) <= _BANDS:
        return None
    return {d: np.diagonal(c, d) for d in offsets}


class _Product:
    """c @ x along ``axis`` of x, in the dtype that products are summed in."""

    def __init__(self, builder: Builder, x: Node, axis: int) -> None:
        self.b, self.x, self.axis, self.dtype = builder, x, axis, x.dtype

    def column(self, values: np.ndarray) -> Node:
        """``values`` along the axis; one number where they are equal."""
        if (values == values[0]).all():
            return self.b.constant(float(values[0]), self.dtype)
        shape = [1] * len(self.x.shape)
        shape[self.axis] = len(values)
        return self.b.constant(values.astype(np.float64).reshape(shape), self.dtype)

    def identity(self, s: float, u: float) -> Node:
        total = None
        if u:
            summed = self.b.sum(self.x, axes=(self.axis,), keepdims=True)
            total = self.b.mul(summed, self.b.constant(u, self.dtype))
        scaled = self.x if s == 1 else self.b.mul(self.x, self.b.constant(s, self.dtype))
        return scaled if total is None else self.b.add(scaled, total)

    def running(self, reverse: bool, by_columns: bool, factors: np.ndarray) -> Node:
        factor = self.column(factors)
        x = self.b.mul(self.x, factor) if by_columns else self.x
        more = {"reverse": True} if reverse else {}
        made = self.b.cumsum(x, axis=self.axis, **more)
        return made if by_columns else self.b.mul(made, factor)

    def bands(self, found: Mapping[int, np.ndarray]) -> Node:
        total, rank, size = None, len(self.x.shape), self.x.shape[self.axis]
        for offset, diagonal in found.items():
            whole = np.zeros(size, diagonal.dtype)
            at = max(0, -offset)
            whole[at : at + len(diagonal)] = diagonal
            starts = tuple(offset if a == self.axis else 0 for a in range(rank))
            shifted = self.b.window(
                self.x, starts=starts, steps=(1,) * rank, shape=self.x.shape, value=0.0
            )
            inside = diagonal if (diagonal == diagonal[0]).all() else whole
            term = self.b.mul(shifted, self.column(inside))
            total = term if total is None else self.b.add(total, term)
        assert total is not None
        return total


def _times_known(left: bool) -> Any:
    def right(builder: Builder, m: Match) -> Node | None:
        x, root = m["x"], m.root
        c = _matrix(known_values(m["c"]))
        if c is None or not is_float(root.dtype) or not x.shape or len(m["c"].shape) > 2:
            return None
        return _made(builder, c if left else c.T, x, root, left)

    return right


def _made(builder: Builder, c: np.ndarray, x: Node, root: Node, left: bool) -> Node | None:
    vector = len(x.shape) == 1
    axis = len(x.shape) - 2 if left and not vector else len(x.shape) - 1
    product = _Product(builder, cast(builder, x, compute_dtype(x.dtype)), axis)
    made = None
    if (c == c.flat[0]).all():
        summed = builder.sum(product.x, axes=(axis,), keepdims=True)
        scaled = builder.mul(summed, builder.constant(float(c.flat[0]), product.dtype))
        shape = [*x.shape]
        shape[axis] = c.shape[0]
        made = expand(builder, scaled, tuple(shape))
    elif (same := _identity_like(c)) is not None:
        made = product.identity(*same)
    elif (running := _running(c)) is not None:
        made = product.running(*running)
    elif (bands := _bands(c)) is not None:
        made = product.bands(bands)
    if made is None:
        return None
    return reshape(builder, cast(builder, made, root.dtype), root.shape)


def _total_of_masked(builder: Builder, m: Match) -> Node | None:
    """sum(x * I): the sum of the diagonal of x."""
    x, root = m["x"], m.root
    c = _matrix(known_values(m["c"]))
    rank = len(x.shape)
    if c is None or x.shape != m["inner"].shape or x.dtype not in ("float32", "float64"):
        return None
    found = _identity_like(c)
    if found is None or found[1] or not {rank - 2, rank - 1} <= set(root.attrs["axes"]):
        return None
    line = builder.diagonal(x, offset=0)
    axes = tuple(a for a in root.attrs["axes"] if a != rank - 1)
    total = builder.sum(line, axes=axes, keepdims=False)
    return reshape(builder, builder.mul(total, builder.constant(found[0], x.dtype)), root.shape)


def _cheap(c: np.ndarray | None) -> bool:
    """Whether a product with c is less than a product."""
    if c is None:
        return False
    uniform = bool((c == c.flat[0]).all())
    return uniform or _identity_like(c) is not None or _bands(c) is not None


def _apart(op: str, left: bool) -> Any:
    """(x + c) @ b = x @ b + c @ b, where c @ b takes no product."""

    def right(builder: Builder, m: Match) -> Node | None:
        x, c, b = m["x"], m["c"], m["b"]
        if len(c.shape) != 2 or x.shape[-2:] != c.shape or not is_float(m.root.dtype):
            return None
        if not _cheap(_matrix(known_values(c))):
            return None
        pairs = [(x, b), (c, b)] if left else [(b, x), (b, c)]
        one, other = (builder.matmul(*pair) for pair in pairs)
        return builder.make(op, [one, other])

    return right


def _from(op: str) -> Any:
    """(c - x) @ b = c @ b - x @ b likewise."""

    def right(builder: Builder, m: Match) -> Node | None:
        x, c, b = m["x"], m["c"], m["b"]
        if len(c.shape) != 2 or x.shape[-2:] != c.shape or not is_float(m.root.dtype):
            return None
        if not _cheap(_matrix(known_values(c))):
            return None
        return builder.make(op, [builder.matmul(c, b), builder.matmul(x, b)])

    return right


def _eye(b: Builder, size: int, dtype: str) -> Node:
    rows, columns = (
        b.make("iota", [], shape=shape, axis=axis, dtype="int64")
        for axis, shape in ((0, (size, 1)), (1, (1, size)))
    )
    return b.cast(b.eq(rows, columns), dtype=dtype)


def _known_example(left: bool) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        x = leaf(5, 5)
        ones = np.tri(5) * np.arange(1, 6)[:, None]
        c = b.constant(ones, x.dtype)
        return b.matmul(c, x) if left else b.matmul(x, c)

    return make


def _apart_example(op: str, left: bool, swap: bool = False) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        x, y = leaf(4, 4), leaf(4, 4)
        operands = [x, _eye(b, 4, x.dtype)]
        total = b.make(op, operands[::-1] if swap else operands)
        return b.matmul(total, y) if left else b.matmul(y, total)

    return make


def _masked_example(b: Builder, leaf: Any) -> Node:
    x = leaf(4, 4)
    return b.sum(b.mul(x, _eye(b, 4, x.dtype)), axes=(0, 1), keepdims=False)


RULES = (
    Rule("known_times_matrix", p.matmul("c", "x"), _times_known(True), FINITE,
         _known_example(True)),
    Rule("matrix_times_known", p.matmul("x", "c"), _times_known(False), FINITE,
         _known_example(False)),
    Rule("sum_of_masked_diagonal", p.sum(p.mul("x", "c", label="inner")), _total_of_masked, FINITE,
         _masked_example),
    *(Rule(f"{op}_apart_from_product", p.matmul(getattr(p, op)("x", "c"), "b"), _apart(op, True),
           REASSOCIATION, _apart_example(op, True)) for op in ("add", "sub")),
    *(Rule(f"{op}_apart_from_product_right", p.matmul("b", getattr(p, op)("x", "c")),
           _apart(op, False), REASSOCIATION, _apart_example(op, False)) for op in ("add", "sub")),
    Rule("known_less_matrix", p.matmul(p.sub("c", "x"), "b"), _from("sub"), REASSOCIATION,
         _apart_example("sub", True, True)),
)  # fmt: skip
