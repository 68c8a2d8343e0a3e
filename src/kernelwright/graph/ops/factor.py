"""Rules that move what is scaled, shifted or repeated out of matrix products, or into weights."""

from __future__ import annotations

from typing import Any

from kernelwright.graph.core import Builder, Node, OpDef, is_float
from kernelwright.graph.ops._rules import compute_dtype
from kernelwright.graph.ops.call import leads_to_product
from kernelwright.graph.rules import REASSOCIATION, Match, Rule, expand, p, reshape

OPS: tuple[OpDef, ...] = ()

_WIDE = ("float32", "float64")


def _rows_out(builder: Builder, m: Match) -> Node | None:
    """(s x) @ b = s (x @ b), for one s a row, where x alone is less than s x."""
    x, s, b, scaled, root = m["x"], m["s"], m["b"], m["scaled"], m.root
    if min(len(b.shape), len(scaled.shape), len(s.shape)) < 2 or root.dtype not in _WIDE:
        return None
    if s.shape[-1] != 1 or x.type.size >= scaled.type.size or not x.shape:
        return None
    if scaled.shape[-1] == 1 or x.shape[-1] != scaled.shape[-1]:
        return None
    x = x if len(x.shape) > 1 else reshape(builder, x, (1, *x.shape))
    made = builder.mul(builder.matmul(x, b), s)
    return expand(builder, made, root.shape)


def _columns_out(builder: Builder, m: Match) -> Node | None:
    """a @ (x s) = (a @ x) s, for one s a column, where x alone is less than x s."""
    x, s, a, scaled, root = m["x"], m["s"], m["a"], m["scaled"], m.root
    if min(len(a.shape), len(scaled.shape), len(x.shape)) < 2 or root.dtype not in _WIDE:
        return None
    row = not s.shape or len(s.shape) == 1 or s.shape[-2] == 1
    if not row or x.type.size >= scaled.type.size or x.shape[-2] != scaled.shape[-2]:
        return None
    if scaled.shape[-2] == 1:
        return None
    return expand(builder, builder.mul(builder.matmul(a, x), s), root.shape)


def _into_rows(builder: Builder, m: Match) -> Node | None:
    """(x v) @ w = x @ (v w), for one v a column of x, where v and w are parameters or x v is more
    than x."""
    x, v, w, scaled, root = m["x"], m["s"], m["b"], m["scaled"], m.root
    if len(w.shape) != 2 or root.dtype not in _WIDE or v.type.size != w.shape[0]:
        return None
    if not v.shape or v.shape[-1] != w.shape[0] or w.shape[0] == 1:
        return None
    if len(x.shape) < 2 or x.shape[-1] != w.shape[0]:
        return None
    known = m.facts.parameter_only(v) and m.facts.parameter_only(w)
    if not known and (x.type.size >= scaled.type.size):
        return None
    column = reshape(builder, v, (w.shape[0], 1))
    return expand(builder, builder.matmul(x, builder.mul(column, w)), root.shape)


def _shift_out(op: str) -> Any:
    def right(builder: Builder, m: Match) -> Node | None:
        """(x + q) @ w = x @ w + q @ w, where q has one number a column and is, as w, a
        parameter."""
        x, q, w, root = m["x"], m["s"], m["b"], m.root
        known = m.facts.parameter_only(q) and m.facts.parameter_only(w)
        if not known or len(w.shape) != 2 or root.dtype not in _WIDE:
            return None
        if m["scaled"].shape != x.shape or len(x.shape) < 2 or m.facts.parameter_only(x):
            return None
        if q.type.size not in (1, w.shape[0]) or (q.type.size > 1 and q.shape[-1] != w.shape[0]):
            return None
        row = reshape(builder, q, (q.type.size,))
        row = builder.expand(row, shape=(w.shape[0],)) if q.type.size == 1 else row
        return builder.make(op, [builder.matmul(x, w), builder.matmul(row, w)])

    return right


# ---- parts of products ---------------------------------------------------------------------------


def _taken(builder: Builder, x: Node, axis: int, part: tuple[int, int, int]) -> Node:
    if part == (0, x.shape[axis], 1):
        return x
    bounds = [part if a == axis else (0, n, 1) for a, n in enumerate(x.shape)]
    starts, stops, steps = zip(*bounds)
    return builder.slice(x, starts=starts, stops=stops, steps=steps)


def _parts(node: Node) -> list[tuple[int, int, int]]:
    return list(zip(node.attrs["starts"], node.attrs["stops"], node.attrs["steps"]))


def _slice_of_product(builder: Builder, m: Match) -> Node | None:
    """Rows, columns and matrices of a @ b that nobody reads are not computed."""
    a, b, root = m["a"], m["b"], m.root
    if min(len(a.shape), len(b.shape)) < 2 or not root.type.size:
        return None
    *batch, rows, columns = _parts(root)
    a = _taken(builder, a, len(a.shape) - 2, rows)
    b = _taken(builder, b, len(b.shape) - 1, columns)
    for back, part in enumerate(reversed(batch)):
        if len(a.shape) > back + 2 and a.shape[-3 - back] > 1:
            a = _taken(builder, a, len(a.shape) - 3 - back, part)
        if len(b.shape) > back + 2 and b.shape[-3 - back] > 1:
            b = _taken(builder, b, len(b.shape) - 3 - back, part)
    made = builder.matmul(a, b)
    return made if made.shape == root.shape else None


def _slice_of(op: str) -> Any:
    """A slice of an elementwise op after a product, so that it reaches the product."""

    def right(builder: Builder, m: Match) -> Node | None:
        inner, root = m["inner"], m.root
        if not root.type.size or not any(leads_to_product(m.facts, n) for n in inner.inputs):
            return None
        operands = []
        for node in inner.inputs:
            lead = len(inner.shape) - len(node.shape)
            for axis, part in enumerate(_parts(root)[lead:]):
                if node.shape[axis] > 1:
                    node = _taken(builder, node, axis, part)
            operands.append(node)
        made = builder.make(op, operands, **inner.attrs)
        return made if made.shape == root.shape else None

    return right


def _slice_of_transpose(builder: Builder, m: Match) -> Node | None:
    x, inner, root = m["x"], m["inner"], m.root
    if not root.type.size or not leads_to_product(m.facts, x):
        return None
    parts = _parts(root)
    for place, axis in enumerate(inner.attrs["axes"]):
        x = _taken(builder, x, axis, parts[place])
    return builder.transpose(x, axes=inner.attrs["axes"])


def _total_over_batch(builder: Builder, m: Match) -> Node | None:
    """The sum over matrices of a @ b is one product with a longer inner axis, which nothing has to
    be moved for where b alone is in the batch and a holds its matrices side by side."""
    a, b, product, root = m["a"], m["b"], m["product"], m.root
    if len(a.shape) != 3 or len(b.shape) != 3 or root.attrs["axes"] != (0,):
        return None
    if a.shape[0] != b.shape[0] or not is_float(product.dtype) or a.shape[0] < 2:
        return None
    if product.dtype != compute_dtype(product.dtype):
        return None
    count, rows, inner = a.shape
    wide = builder.reshape(builder.transpose(a, axes=(1, 0, 2)), shape=(rows, count * inner))
    tall = builder.reshape(b, shape=(count * inner, b.shape[2]))
    return reshape(builder, builder.matmul(wide, tall), root.shape)


def _kronecker(builder: Builder, m: Match) -> Node | None:
    """kron(a, b) @ c: every column of c is a matrix C, and the product is a @ C @ b.T."""
    a, b, c, outer, flat = m["x"], m["s"], m["b"], m["scaled"], m["flat"]
    if len(outer.shape) != 4 or len(c.shape) != 2 or m.root.dtype not in _WIDE:
        return None
    rows, below, columns, right = outer.shape
    if flat.shape != (rows * below, columns * right):
        return None
    a = reshape(builder, a, (*(1,) * (4 - len(a.shape)), *a.shape))
    b = reshape(builder, b, (*(1,) * (4 - len(b.shape)), *b.shape))
    if a.shape != (rows, 1, columns, 1) or b.shape != (1, below, 1, right):
        return None
    width = c.shape[1]
    a = reshape(builder, a, (rows, columns))
    b = reshape(builder, b, (below, right))
    inner = builder.matmul(a, reshape(builder, c, (columns, right * width)))
    inner = reshape(builder, inner, (rows, right, width))
    return reshape(builder, builder.matmul(b, inner), m.root.shape)


# ---- examples ------------------------------------------------------------------------------------


def _kron_example(b: Builder, leaf: Any) -> Node:
    x, y = b.reshape(leaf(2, 3), shape=(2, 1, 3, 1)), b.reshape(leaf(4, 2), shape=(1, 4, 1, 2))
    return b.matmul(b.reshape(b.mul(x, y), shape=(8, 6)), leaf(6, 3))


def _batch_example(b: Builder, leaf: Any) -> Node:
    return b.sum(b.matmul(leaf(3, 2, 4), leaf(3, 4, 5)), axes=(0,), keepdims=False)


def _outer(b: Builder, leaf: Any) -> Node:
    return b.mul(leaf(4, 1), leaf(1, 3))


def _of_weights(op: str) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        scaled = b.make(op, [leaf(2, 3), leaf(3, parameter=True)])
        return b.matmul(scaled, leaf(3, 4, parameter=True))

    return make


def _slice_example(op: str) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        inner = b.matmul(leaf(2, 5, 3), leaf(3, 4))
        if op == "transpose":
            inner = b.transpose(inner, axes=(0, 2, 1))
        elif op in ("add", "sub", "mul", "div"):
            inner = b.make(op, [inner, leaf(inner.shape[-1], positive=True)])
        elif op:
            inner = b.make(op, [inner])
        size = inner.shape
        return b.slice(inner, starts=(0, 1, 0), stops=(1, 2, size[2]), steps=(1, 1, 2))

    return make


_SCALED = p.mul("x", "s", label="scaled")
_SINGLE = ("relu", "neg", "exp", "sigmoid", "tanh", "gelu", "silu")
_DOUBLE = ("add", "sub", "mul", "div")

RULES = (
    Rule("row_scale_out_of_product", p.matmul(_SCALED, "b"), _rows_out, REASSOCIATION,
         lambda b, leaf: b.matmul(_outer(b, leaf), leaf(3, 5))),
    Rule("column_scale_out_of_product", p.matmul("a", _SCALED), _columns_out, REASSOCIATION,
         lambda b, leaf: b.matmul(leaf(5, 4), _outer(b, leaf))),
    Rule("scale_into_weight_rows", p.matmul(_SCALED, "b"), _into_rows, REASSOCIATION,
         _of_weights("mul")),
    *(Rule(f"{op}_before_product", p.matmul(getattr(p, op)("x", "s", label="scaled"), "b"),
           _shift_out(op), REASSOCIATION, _of_weights(op)) for op in ("add", "sub")),
    Rule("slice_of_product", p.slice(p.matmul("a", "b")), _slice_of_product, "",
         _slice_example("")),
    Rule("slice_of_transposed_product", p.slice(p.transpose("x", label="inner")),
         _slice_of_transpose, "", _slice_example("transpose")),
    *(Rule(f"slice_of_{op}_of_product", p.slice(getattr(p, op)("x", label="inner")),
           _slice_of(op), "", _slice_example(op)) for op in _SINGLE),
    *(Rule(f"slice_of_{op}_of_product", p.slice(getattr(p, op)("x", "y", label="inner")),
           _slice_of(op), "", _slice_example(op)) for op in _DOUBLE),
    Rule("sum_of_products_in_batch", p.sum(p.matmul("a", "b", label="product")),
         _total_over_batch, REASSOCIATION, _batch_example),
    Rule("kronecker_times_matrix", p.matmul(p.reshape(_SCALED, label="flat"), "b"), _kronecker,
         REASSOCIATION, _kron_example),
)  # fmt: skip
