"""Reductions: attrs axes (tuple of non-negative ints) and keepdims."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import Builder, Node, OpDef, TensorType, is_float
from kernelwright.graph.ops._rules import (
    ALL,
    BOOL,
    expect_axes,
    expect_count,
    expect_dtype,
    in_float32,
    reduced_shape,
)
from kernelwright.graph.ops.call import leads_to_product
from kernelwright.graph.regroup import axis_groups
from kernelwright.graph.rules import FINITE, REASSOCIATION, Match, Rule, filled, p, reshape

Result = Callable[[str], str]


def _infer(
    name: str, allowed: frozenset[str], result: Result, single: bool = False, empty: bool = True
) -> Callable[[Sequence[TensorType], Mapping[str, Any]], TensorType]:
    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(name, inputs, 1)
        (x,) = inputs
        expect_dtype(name, x.dtype, allowed)
        axes = expect_axes(name, attrs["axes"], len(x.shape))
        if single and len(axes) != 1:
            raise ValueError(f"{name} takes exactly one axis, not {axes}")
        if not empty and any(x.shape[axis] == 0 for axis in axes):
            raise ValueError(f"{name} over an axis of size 0 has no value (shape {x.shape})")
        return TensorType(reduced_shape(x.shape, axes, attrs["keepdims"]), result(x.dtype))

    return infer


def _accumulated(dtype: str) -> str:
    return dtype if is_float(dtype) else "int64"


def _reduce(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    def meaning(x: np.ndarray, *, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
        return np.asarray(function(x, axis=axes, keepdims=keepdims))

    return in_float32(meaning)


def _accumulate(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    def meaning(x: np.ndarray, *, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
        dtype = x.dtype if np.issubdtype(x.dtype, np.floating) else np.dtype(np.int64)
        return np.asarray(function(x, axis=axes, keepdims=keepdims, dtype=dtype))

    return in_float32(meaning)


def _index(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    def meaning(x: np.ndarray, *, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
        found = np.asarray(function(x, axis=axes[0], keepdims=keepdims))
        return found.astype(np.int64)

    return in_float32(meaning)


def _define(name: str, infer: Callable[..., TensorType], meaning: Any, doc: str = "") -> OpDef:
    return OpDef(name, "reduction", infer, meaning, doc=doc)


_SUM = "Half types accumulate in float32; integers and booleans give int64."
_INDEX = "One axis; int64; the first index on ties; NaN wins."

OPS = (
    _define("sum", _infer("sum", ALL, _accumulated), _accumulate(np.sum), _SUM),
    _define("prod", _infer("prod", ALL, _accumulated), _accumulate(np.prod), _SUM),
    _define("amax", _infer("amax", ALL, str, empty=False), _reduce(np.max), "NaN wins."),
    _define("amin", _infer("amin", ALL, str, empty=False), _reduce(np.min), "NaN wins."),
    _define("any", _infer("any", BOOL, str), _reduce(np.any)),
    _define("all", _infer("all", BOOL, str), _reduce(np.all)),
    _define(
        "argmax",
        _infer("argmax", ALL, lambda _: "int64", single=True, empty=False),
        _index(np.argmax),
        _INDEX,
    ),
    _define(
        "argmin",
        _infer("argmin", ALL, lambda _: "int64", single=True, empty=False),
        _index(np.argmin),
        _INDEX,
    ),
)


# ---- rules ---------------------------------------------------------------------------------------

_MERGING = {
    "sum": REASSOCIATION,
    "prod": REASSOCIATION,
    "amax": "",
    "amin": "",
    "any": "",
    "all": "",
}
_IDEMPOTENT = ("amax", "amin", "any", "all")


def _again(builder: Builder, m: Match) -> Node | None:
    """A reduction of a reduction is one over the axes of both."""
    inner, outer = m["inner"], m.root
    x = m["x"]
    axes = inner.attrs["axes"]
    left = [a for a in range(len(x.shape)) if inner.attrs["keepdims"] or a not in axes]
    both = tuple(sorted({*axes, *(left[a] for a in outer.attrs["axes"])}))
    if not x.type.size:
        return None
    made = builder.make(outer.op, [x], axes=both, keepdims=False)
    return reshape(builder, made, outer.shape)


def _of_transpose(builder: Builder, m: Match) -> Node | None:
    """Reduce first, transpose what is left."""
    order, x, root = m["inner"].attrs["axes"], m["x"], m.root
    axes = tuple(order[a] for a in root.attrs["axes"])
    made = builder.make(root.op, [x], axes=tuple(sorted(axes)), keepdims=True)
    made = builder.transpose(made, axes=order)
    return reshape(builder, made, root.shape)


def _of_reshape(builder: Builder, m: Match) -> Node | None:
    """A reduction over axes that a reshape has made of whole other axes."""
    x, view, root = m["x"], m["inner"], m.root
    if not x.type.size:
        return None
    wanted, axes = set(root.attrs["axes"]), []
    for before, after in axis_groups(x.shape, view.shape):
        large = {a for a in after if view.shape[a] > 1}
        if large & wanted and not large <= wanted:
            return None
        if large and large <= wanted:
            axes += before
    if not axes and wanted:
        return None
    made = builder.make(root.op, [x], axes=tuple(sorted(axes)), keepdims=False)
    return reshape(builder, made, root.shape)


def _of_expand(builder: Builder, m: Match) -> Node | None:
    """Equal elements along an axis: their number times one of them, or just one of them."""
    x, root = m["x"], m.root
    made, count = _over(builder, root.op, x, m["inner"].shape, root.attrs["axes"])
    if count > 1 and root.op not in _IDEMPOTENT:
        if root.op != "sum":
            return None
        made = builder.mul(made, builder.constant(count, made.dtype))
    return reshape(builder, made, root.shape) if made.type.size == root.type.size else None


def _over(
    builder: Builder, op: str, x: Node, shape: tuple[int, ...], axes: tuple[int, ...]
) -> tuple[Node, int]:
    """``op`` over ``axes`` of ``shape``, to which x broadcasts: x reduced where it has elements,
    every axis kept, and how often each element stood there."""
    lead = len(shape) - len(x.shape)
    own = tuple(a - lead for a in axes if a >= lead and x.shape[a - lead] == shape[a])
    count = 1
    for axis in axes:
        if axis < lead or x.shape[axis - lead] != shape[axis]:
            count *= shape[axis]
    return builder.make(op, [x], axes=own, keepdims=True), count


def _invariant(factor: Node, shape: tuple[int, ...], axes: tuple[int, ...]) -> bool:
    """Whether ``factor``, broadcast to ``shape``, holds the same along ``axes``."""
    lead = len(shape) - len(factor.shape)
    return all(a < lead or factor.shape[a - lead] == 1 for a in axes)


def _scaled(op: str) -> Callable[[Builder, Match], Node | None]:
    """sum(x s) = s sum(x), and sum(x / s), where s does not change along the axes."""

    def right(builder: Builder, m: Match) -> Node | None:
        x, s, product, root = m["x"], m["s"], m["inner"], m.root
        axes = root.attrs["axes"]
        if root.dtype not in ("float32", "float64") or not _invariant(s, product.shape, axes):
            return None
        if _invariant(x, product.shape, axes):  # nothing of x is there to sum
            return None
        lead = len(product.shape) - len(x.shape)
        if any(a < lead for a in axes):
            return None
        total = builder.sum(x, axes=tuple(a - lead for a in axes), keepdims=True)
        return reshape(builder, builder.make(op, [total, s]), root.shape)

    return right


def _of_negated(builder: Builder, m: Match) -> Node | None:
    if not is_float(m.root.dtype):
        return None
    return builder.neg(builder.sum(m["x"], **m.root.attrs))


def _split(op: str) -> Callable[[Builder, Match], Node | None]:
    """sum(x + y) = sum(x) + sum(y), where one of them is a product that its sum is cheaper than,
    or both are smaller than what they broadcast to."""

    def right(builder: Builder, m: Match) -> Node | None:
        x, y, root = m["x"], m["y"], m.root
        if root.dtype not in ("float32", "float64"):
            return None
        smaller = max(x.type.size, y.type.size) < m["inner"].type.size
        # What holds the same along the axes is only multiplied.
        inner, axes = m["inner"], root.attrs["axes"]
        smaller |= any(
            m.facts.parameter_only(n) and _invariant(n, inner.shape, axes) for n in (x, y)
        )
        if not (smaller or leads_to_product(m.facts, x) or leads_to_product(m.facts, y)):
            return None
        parts = []
        for node in (x, y):
            total, count = _over(builder, "sum", node, m["inner"].shape, root.attrs["axes"])
            if count > 1:
                total = builder.mul(total, builder.constant(count, total.dtype))
            parts.append(total)
        return reshape(builder, builder.make(op, parts), root.shape)

    return right


def _of_uniform(builder: Builder, m: Match) -> Node | None:
    """Reductions of one number."""
    value, x, root = m.uniform("x"), m["x"], m.root
    if value is None or not x.type.size:
        return None
    count = x.type.size // max(1, root.type.size)
    if root.op == "sum":
        value = value * count
    elif root.op == "prod":
        if value not in (0, 1):
            return None
    elif root.op in ("argmax", "argmin"):
        value = 0
    return filled(builder, value, root)


def _centred(builder: Builder, m: Match) -> Node | None:
    """The differences from a mean sum to nothing."""
    x, total, root = m["x"], m["total"], m.root
    if total.attrs["axes"] != root.attrs["axes"] or not is_float(root.dtype):
        return None
    count = x.type.size // max(1, total.type.size)
    if not total.attrs["keepdims"] or m.uniform("n") != count:
        return None
    return filled(builder, 0.0, root)


def _centred_example(b: Builder, leaf: Callable[..., Node]) -> Node:
    x = leaf(3, 5)
    mean = b.div(b.sum(x, axes=(1,), keepdims=True), b.constant(5.0, x.dtype))
    return b.sum(b.sub(x, mean), axes=(1,), keepdims=False)


def _rules_of(op: str) -> tuple[Rule, ...]:
    of = getattr(p, op)
    again = of(of("x", label="inner"))
    return (
        Rule(f"{op}_of_{op}", again, _again, _MERGING[op]),
        Rule(f"{op}_of_transpose", of(p.transpose("x", label="inner")), _of_transpose),
        Rule(f"{op}_of_reshape", of(p.reshape("x", label="inner")), _of_reshape),
    )


RULES = (
    *(rule for op in _MERGING for rule in _rules_of(op)),
    *(
        Rule(f"{op}_of_expand", getattr(p, op)(p.expand("x", label="inner")), _of_expand, licence)
        for op, licence in {**dict.fromkeys(_IDEMPOTENT, ""), "sum": REASSOCIATION}.items()
    ),
    *(
        Rule(f"{op}_of_one_number", getattr(p, op)("x"), _of_uniform, REASSOCIATION)
        for op in ("sum", "prod", "amax", "amin", "any", "all", "argmax", "argmin")
    ),
    Rule("sum_of_scaled", p.sum(p.mul("x", "s", label="inner")), _scaled("mul"), REASSOCIATION),
    Rule("sum_of_quotient", p.sum(p.div("x", "s", label="inner")), _scaled("div"), REASSOCIATION),
    Rule("sum_of_negated", p.sum(p.neg("x")), _of_negated),
    Rule("sum_of_shifted", p.sum(p.add("x", "y", label="inner")), _split("add"), REASSOCIATION),
    Rule("sum_of_difference", p.sum(p.sub("x", "y", label="inner")), _split("sub"), REASSOCIATION),
    Rule(
        "sum_of_centred",
        p.sum(p.sub("x", p.div(p.sum("x", label="total"), "n"))),
        _centred, FINITE, _centred_example,
    ),
)  # fmt: skip


def _kept(operands: Sequence[tuple[float, float]], node: Node) -> tuple[float, float]:
    return operands[0]


def _sum_interval(operands: Sequence[tuple[float, float]], node: Node) -> tuple[float, float]:
    """Signs are kept; sizes are left open, since sums round."""
    low, high = operands[0]
    return (0.0 if low >= 0 else -math.inf, 0.0 if high <= 0 else math.inf)


INTERVALS = {"amax": _kept, "amin": _kept, "sum": _sum_interval}
