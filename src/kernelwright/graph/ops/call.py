"""Ops that the scheduler sees as opaque: matmul, and a framework's own op by its name.

A framework op with several outputs is one "call" node an output, which differ in output_index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.errors import CaptureError
from kernelwright.graph.core import Builder, Node, OpDef, TensorType, is_float
from kernelwright.graph.ops._rules import (
    NUMBERS,
    broadcast_shapes,
    compute_dtype,
    expect_count,
    expect_dtype,
    expect_equal_dtypes,
    in_float32,
)
from kernelwright.graph.rules import (
    FINITE,
    REASSOCIATION,
    Facts,
    Match,
    Rule,
    cast,
    filled,
    p,
    reshape,
)


def infer_matmul(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    """NumPy's rule: 1-D operands gain an axis that the result loses; leading axes broadcast."""
    expect_count("matmul", inputs, 2)
    dtype = expect_equal_dtypes("matmul", inputs)
    expect_dtype("matmul", dtype, NUMBERS)
    a, b = inputs[0].shape, inputs[1].shape
    if not a or not b:
        raise ValueError("matmul does not take a 0-d tensor; use mul")
    left = a if len(a) > 1 else (1, *a)
    right = b if len(b) > 1 else (*b, 1)
    if left[-1] != right[-2]:
        raise ValueError(f"matmul: shapes {a} and {b} do not fit: {left[-1]} is not {right[-2]}")
    batch = broadcast_shapes("matmul", [left[:-2], right[:-2]])
    rows = left[-2:-1] if len(a) > 1 else ()
    columns = right[-1:] if len(b) > 1 else ()
    return TensorType((*batch, *rows, *columns), dtype)


def _infer_call(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    result = attrs["out_type"]
    if not isinstance(result, TensorType):
        raise ValueError(f"call: out_type must be a TensorType, not {result!r}")
    for key in ("target", "output_index", "arguments"):
        if key not in attrs:
            raise ValueError(f"call: attribute {key!r} is missing")
    return result


def _call(*_: np.ndarray, target: str, **__: Any) -> np.ndarray:
    raise CaptureError(
        f"{target} has no meaning in NumPy; give evaluate(..., calls={{{target!r}: function}})"
    )


def product_operations(node: Node) -> float:
    """Multiplications and additions that a matrix product or convolution is defined by; 0 for other
    calls, whose cost is that of their bytes."""
    if node.op == "matmul":
        return 2.0 * node.type.size * node.inputs[0].shape[-1]
    name = str(node.attrs.get("target", "")).removeprefix("aten.").split(".")[0]
    if not name.startswith("conv") or len(node.inputs) < 2:
        return 0.0
    x, weight = node.inputs[:2]
    if (
        "transpose" in name
    ):  # every input element meets a slice of the weight: (in, out / groups, ..)
        return 2.0 * x.type.size * weight.type.size / max(1, weight.shape[0])
    return 2.0 * node.type.size * weight.type.size / max(1, weight.shape[0])


_LINEAR = frozenset(["add", "sub", "mul", "div", "neg", "cast", "reshape", "transpose", "expand"])
_LOOKED_AT = 64  # nodes on the way to a product


def leads_to_product(facts: Facts, node: Node) -> bool:
    """Whether ``node`` is a product or convolution, scaled, shifted or reordered."""
    waiting, seen = [node], {node.id}
    while waiting and len(seen) < _LOOKED_AT:
        for form in facts.forms(waiting.pop()):
            if product_operations(form) > 0:
                return True
            if form.op in _LINEAR:
                fresh = [n for n in form.inputs if n.id not in seen]
                seen.update(n.id for n in fresh)
                waiting.extend(fresh)
    return False


def call_targets(node: Node) -> list[str]:
    """The framework ops that a "call" node stands for: one, or the steps of a program."""
    arguments = node.attrs["arguments"]
    steps = arguments.get("steps") if isinstance(arguments, Mapping) else None
    return [step["target"] for step in steps] if steps else [str(node.attrs["target"])]


OPS = (
    OpDef("matmul", "call", infer_matmul, in_float32(np.matmul), doc="Batched, NumPy's rule."),
    OpDef(
        "call",
        "call",
        _infer_call,
        _call,
        doc="attrs target, output_index, arguments (JSON-ready; {'input': i} a tensor), out_type.",
    ),
)


# ---- rules of products ---------------------------------------------------------------------------


def swapped(builder: Builder, x: Node) -> Node:
    """The last two axes of ``x`` in each other's place."""
    rank = len(x.shape)
    return builder.transpose(x, axes=(*range(rank - 2), rank - 1, rank - 2))


def _wide_factors(builder: Builder, m: Match) -> list[Node]:
    """Both factors as matrices in the dtype that a product is summed in."""
    a, b = m["a"], m["b"]
    a = a if len(a.shape) > 1 else reshape(builder, a, (1, *a.shape))
    b = b if len(b.shape) > 1 else reshape(builder, b, (*b.shape, 1))
    return [cast(builder, x, compute_dtype(x.dtype)) for x in (a, b)]


def _of_product(builder: Builder, m: Match) -> Node | None:
    """A sum over rows or columns of a @ b needs one vector of a or b: their sums. So does the
    product with a row or column."""
    product, root = m["product"], m.root
    if not is_float(product.dtype) or min(len(m["a"].shape), len(m["b"].shape)) < 2:
        return None
    rank, axes = len(product.shape), root.attrs["axes"]
    rows, columns = rank - 2 in axes, rank - 1 in axes
    if not rows and not columns:
        return None
    a, b = _wide_factors(builder, m)
    if rows:
        a = builder.sum(a, axes=(len(a.shape) - 2,), keepdims=True)
    if columns:
        b = builder.sum(b, axes=(len(b.shape) - 1,), keepdims=True)
    batch = tuple(axis for axis in axes if axis < rank - 2)
    total = _vector_product(builder, a, b, batch)
    return cast(builder, reshape(builder, total, root.shape), root.dtype)


def _vector_product(builder: Builder, a: Node, b: Node, summed: tuple[int, ...] = ()) -> Node:
    """a @ b where a has one row or b one column, as a sum of products; ``summed``: axes besides.
    Every axis is kept."""
    rank = max(len(a.shape), len(b.shape))
    if b.shape[-1] == 1:
        terms, inner = builder.mul(a, swapped(builder, b)), rank - 1
    else:
        terms, inner = builder.mul(swapped(builder, a), b), rank - 2
    return builder.sum(terms, axes=(*summed, inner), keepdims=True)


def _thin_product(builder: Builder, m: Match) -> Node | None:
    """A product with one row, one column or one term is bound by memory."""
    root = m.root
    if not is_float(root.dtype):
        return None
    a, b = _wide_factors(builder, m)
    if a.shape[-1] == 1:
        made = builder.mul(a, b)
    elif a.shape[-2] == 1 or b.shape[-1] == 1:
        made = _vector_product(builder, a, b)
    else:
        return None
    return cast(builder, reshape(builder, made, root.shape), root.dtype)


def _chain(left: bool) -> Any:
    """(a @ b) @ c = a @ (b @ c), where no vector stands beside a batch."""

    def right(builder: Builder, m: Match) -> Node | None:
        a, b, c = m["a"], m["b"], m["c"]
        ranks = [len(n.shape) for n in (a, b, c)]
        if not is_float(b.dtype) or ranks[1] < 2 or (min(ranks) < 2 and ranks[1] != 2):
            return None
        if left:
            return builder.matmul(a, builder.matmul(b, c))
        return builder.matmul(builder.matmul(a, b), c)

    return right


def _uniform_factor(builder: Builder, m: Match) -> Node | None:
    value = m.uniform("b")
    if value == 0 and is_float(m.root.dtype):
        return filled(builder, 0.0, m.root)
    return None


def _uniform_left(builder: Builder, m: Match) -> Node | None:
    value = m.uniform("a")
    return filled(builder, 0.0, m.root) if value == 0 and is_float(m.root.dtype) else None


def _scale_out(builder: Builder, m: Match) -> Node | None:
    """(s a) @ b = s (a @ b) for one number s."""
    s, root = m["s"], m.root
    if s.type.size != 1 or len(s.shape) > 0 or not is_float(root.dtype):
        return None
    return builder.mul(builder.matmul(m["a"], m["b"]), s)


def _scale_into_columns(builder: Builder, m: Match) -> Node | None:
    """(a @ w) s = a @ (w s), where w and s are parameters and s has one number a column."""
    w, s, root = m["b"], m["s"], m.root
    known = m.facts.parameter_only(w) and m.facts.parameter_only(s)
    if not known or root.dtype not in ("float32", "float64") or len(w.shape) != 2:
        return None
    if len(m["a"].shape) < 2 or s.type.size not in (1, w.shape[1]) or root.type.size == 0:
        return None
    if s.type.size > 1 and (not s.shape or s.shape[-1] != w.shape[1]):
        return None
    row = reshape(builder, s, (1, s.type.size))
    return builder.matmul(m["a"], builder.mul(w, row))


def _common_factor(builder: Builder, m: Match) -> Node | None:
    """a @ b + a @ c = a @ (b + c)."""
    b, c = m["b"], m["c"]
    if b.shape != c.shape or not is_float(b.dtype):
        return None
    return builder.matmul(m["a"], builder.add(b, c))


def _common_right_factor(builder: Builder, m: Match) -> Node | None:
    a, c = m["a"], m["c"]
    if a.shape != c.shape or not is_float(a.dtype):
        return None
    return builder.matmul(builder.add(a, c), m["b"])


def _transposed(builder: Builder, m: Match) -> Node | None:
    """(a @ b).T = b.T @ a.T."""
    a, b, axes = m["a"], m["b"], m.root.attrs["axes"]
    rank = len(axes)
    plain = min(len(a.shape), len(b.shape)) >= 2 and rank >= 2
    if not plain or axes != (*range(rank - 2), rank - 1, rank - 2):
        return None
    return builder.matmul(swapped(builder, b), swapped(builder, a))


def _scaled_weights(b: Builder, leaf: Callable[..., Node]) -> Node:
    return b.mul(b.matmul(leaf(2, 3), leaf(3, 4, parameter=True)), leaf(4, parameter=True))


def _widened_product(b: Builder, leaf: Callable[..., Node]) -> Node:
    product = b.matmul(leaf(3, 5), leaf(5, 2))
    return b.sum(b.cast(product, dtype="float32"), axes=(0,), keepdims=True)


RULES = (
    Rule("sum_of_product", p.sum(p.matmul("a", "b", label="product")), _of_product, REASSOCIATION),
    Rule(
        "sum_of_widened_product",
        p.sum(p.cast(p.matmul("a", "b", label="product"))),
        lambda b, m: _of_product(b, m) if is_float(m.root.dtype) else None,
        REASSOCIATION,
        _widened_product,
    ),
    Rule("transposed_product", p.transpose(p.matmul("a", "b")), _transposed),
    Rule("thin_product", p.matmul("a", "b"), _thin_product, REASSOCIATION),
    Rule("product_chain", p.matmul(p.matmul("a", "b"), "c"), _chain(True), REASSOCIATION),
    Rule("product_chain_back", p.matmul("a", p.matmul("b", "c")), _chain(False), REASSOCIATION),
    Rule("product_with_zeros", p.matmul("a", "b"), _uniform_factor, FINITE),
    Rule("product_of_zeros", p.matmul("a", "b"), _uniform_left, FINITE),
    Rule("scale_of_product", p.matmul(p.mul("a", "s"), "b"), _scale_out, REASSOCIATION),
    Rule("scale_of_product_right", p.matmul("a", p.mul("b", "s")), _scale_out, REASSOCIATION),
    Rule(
        "scale_into_weights", p.mul(p.matmul("a", "b"), "s"), _scale_into_columns, REASSOCIATION,
        _scaled_weights,
    ),
    Rule(
        "common_factor", p.add(p.matmul("a", "b"), p.matmul("a", "c")), _common_factor,
        REASSOCIATION,
    ),
    Rule(
        "common_right_factor", p.add(p.matmul("a", "b"), p.matmul("c", "b")),
        _common_right_factor, REASSOCIATION,
    ),
)  # fmt: skip
