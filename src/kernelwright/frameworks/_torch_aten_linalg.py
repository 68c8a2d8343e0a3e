"""ATen products of matrices, einsum, diagonals and triangles."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from kernelwright.frameworks._torch_aten_context import (
    Context,
    Converter,
    NotConvertible,
    Number,
    axis_of,
    recorder,
)
from kernelwright.graph.core import Node

CONVERTERS: dict[str, Converter] = {}
aten = recorder(CONVERTERS)


@aten("matmul", "linalg_matmul")
def matmul(c: Context, x: Node, other: Node) -> Node:
    return c.make("matmul", x, other)


@aten("mm", "bmm")
def mm(c: Context, x: Node, mat2: Node) -> Node:
    return c.make("matmul", x, mat2)


@aten("mv")
def mv(c: Context, x: Node, vec: Node) -> Node:
    return c.make("matmul", x, vec)


@aten("dot", "vdot")
def dot(c: Context, x: Node, **other: Node) -> Node:
    (tensor,) = other.values()
    return c.make("matmul", x, tensor)


@aten("inner")
def inner(c: Context, x: Node, other: Node) -> Node:
    if not x.shape or not other.shape:
        return c.elementwise("mul", x, other)
    return tensordot(c, x, other, [len(x.shape) - 1], [len(other.shape) - 1])


@aten("outer", "ger")
def outer(c: Context, x: Node, vec2: Node) -> Node:
    column = c.reshape(x, (x.type.size, 1))
    return c.elementwise("mul", column, c.reshape(vec2, (1, vec2.type.size)))


@aten("linear")
def linear(c: Context, x: Node, weight: Node, bias: Node | None = None) -> Node:
    if len(weight.shape) != 2 or not x.shape:
        raise NotConvertible("linear with a vector as weight")
    return c.make("linear", x, weight, *([] if bias is None else [bias]))


def _plus(c: Context, x: Node, product: Node, beta: Number, alpha: Number) -> Node:
    """beta * x + alpha * product; beta 0 ignores x, NaN included."""
    if alpha != 1:
        product = c.elementwise("mul", product, alpha)
    if beta == 0:
        return c.finish(product)
    scaled = x if beta == 1 else c.elementwise("mul", x, beta)
    return c.finish(c.make("add", c.cast(scaled, product.dtype), product))


@aten("addmm")
def addmm(c: Context, x: Node, mat1: Node, mat2: Node, beta: Number = 1, alpha: Number = 1) -> Node:
    return _plus(c, x, c.make("matmul", mat1, mat2), beta, alpha)


@aten("baddbmm")
def baddbmm(
    c: Context, x: Node, batch1: Node, batch2: Node, beta: Number = 1, alpha: Number = 1
) -> Node:
    return _plus(c, x, c.make("matmul", batch1, batch2), beta, alpha)


@aten("addbmm")
def addbmm(
    c: Context, x: Node, batch1: Node, batch2: Node, beta: Number = 1, alpha: Number = 1
) -> Node:
    product = c.make("matmul", batch1, batch2)
    return _plus(c, x, c.make("sum", product, axes=(0,), keepdims=False), beta, alpha)


@aten("addmv")
def addmv(c: Context, x: Node, mat: Node, vec: Node, beta: Number = 1, alpha: Number = 1) -> Node:
    return _plus(c, x, c.make("matmul", mat, vec), beta, alpha)


@aten("addr")
def addr(c: Context, x: Node, vec1: Node, vec2: Node, beta: Number = 1, alpha: Number = 1) -> Node:
    return _plus(c, x, outer(c, vec1, vec2), beta, alpha)


@aten("tensordot")
def tensordot(
    c: Context, x: Node, other: Node, dims_self: Sequence[int], dims_other: Sequence[int]
) -> Node:
    left = [axis_of(a, len(x.shape)) for a in dims_self]
    right = [axis_of(a, len(other.shape)) for a in dims_other]
    names_left = [chr(97 + a) for a in range(len(x.shape))]
    names_right = [chr(65 + a) for a in range(len(other.shape))]
    for a, b in zip(left, right):
        names_right[b] = names_left[a]
    free = [n for a, n in enumerate(names_left) if a not in left]
    free += [n for b, n in enumerate(names_right) if b not in right]
    return _contract(c, x, names_left, other, names_right, free)


@aten("einsum")
def einsum(c: Context, equation: str, tensors: Sequence[Node], path: Any = None) -> Node:
    """One or two operands without ellipsis or repeated letters; the rest is decomposed."""
    text = equation.replace(" ", "")
    if "." in text or len(tensors) > 2:
        raise NotConvertible("ellipsis, or more than two operands")
    sides = text.split("->")
    terms = sides[0].split(",")
    letters = sorted(set("".join(terms)))
    implied = "".join(l for l in letters if "".join(terms).count(l) == 1)
    result = sides[1] if len(sides) == 2 else implied
    if any(len(set(t)) != len(t) for t in (*terms, result)):
        raise NotConvertible("a repeated letter")
    if len(tensors) == 2:
        return _contract(c, tensors[0], list(terms[0]), tensors[1], list(terms[1]), list(result))
    value, names = _summed(c, tensors[0], list(terms[0]), set(result))
    return c.transpose(value, [names.index(n) for n in result])


def _summed(c: Context, x: Node, names: list[str], kept: set[str]) -> tuple[Node, list[str]]:
    axes = tuple(a for a, n in enumerate(names) if n not in kept)
    if axes:
        x = c.make("sum", x, axes=axes, keepdims=False)
    return x, [n for n in names if n in kept]


def _contract(
    c: Context, a: Node, a_names: list[str], b: Node, b_names: list[str], result: list[str]
) -> Node:
    """A product of two tensors with named axes as one batched matmul."""
    a, a_names = _summed(c, a, a_names, {*b_names, *result})
    b, b_names = _summed(c, b, b_names, {*a_names, *result})
    size: dict[str, int] = {}
    for name, n in (*zip(a_names, a.shape), *zip(b_names, b.shape)):
        if size.setdefault(name, n) != n:
            raise NotConvertible("an axis of size 1 is broadcast")
    shared = [n for n in a_names if n in b_names]
    batch = [n for n in shared if n in result]
    inside = [n for n in shared if n not in result]
    left, right = ([n for n in names if n not in shared] for names in (a_names, b_names))
    if not inside and not left and not right:
        product = c.make("mul", a, c.transpose(b, [b_names.index(n) for n in batch]))
        return c.transpose(product, [batch.index(n) for n in result])

    def folded(x: Node, names: list[str], groups: Sequence[list[str]]) -> Node:
        x = c.transpose(x, [names.index(n) for group in groups for n in group])
        return c.reshape(x, [prod(size[n] for n in group) for group in groups])

    lead = [batch] if batch else []
    product = c.make(
        "matmul",
        folded(a, a_names, [*lead, left, inside]),
        folded(b, b_names, [*lead, inside, right]),
    )
    names = [*batch, *left, *right]
    product = c.reshape(product, [size[n] for n in names])
    return c.transpose(product, [names.index(n) for n in result])


@aten("diag")
def diag(c: Context, x: Node, diagonal: int = 0) -> Node:
    return c.make("diag", x, diagonal=diagonal)


@aten("diagonal", "diagonal_copy")
def diagonal(c: Context, x: Node, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Node:
    rank = len(x.shape)
    first, second = axis_of(dim1, rank), axis_of(dim2, rank)
    if rank == 2 and first < second:
        return c.make("diag", x, diagonal=offset)
    others = [a for a in range(rank) if a not in (first, second)]
    return c.make("diagonal", c.transpose(x, (*others, first, second)), offset=offset)


@aten("linalg_diagonal")
def linalg_diagonal(
    c: Context, x: Node, *, offset: int = 0, dim1: int = -2, dim2: int = -1
) -> Node:
    return diagonal(c, x, offset, dim1, dim2)


@aten("trace")
def trace(c: Context, x: Node) -> Node:
    line = c.make("diag", x, diagonal=0)
    return c.cast(c.make("sum", line, axes=(0,), keepdims=False), c.out.dtype)


@aten("diag_embed")
def diag_embed(c: Context, x: Node, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Node:
    if len(x.shape) != 1:
        raise NotConvertible("a batch of diagonals")
    first, second = axis_of(dim1, 2), axis_of(dim2, 2)
    return c.make("diag", x, diagonal=offset if first < second else -offset)


@aten("tril")
def tril(c: Context, x: Node, diagonal: int = 0) -> Node:
    return c.make("tril", x, diagonal=diagonal)


@aten("triu")
def triu(c: Context, x: Node, diagonal: int = 0) -> Node:
    return c.make("triu", x, diagonal=diagonal)
