"""ATen reductions and softmax. Some return several values, as torch does: max gives values and
indices, var_mean a variance and a mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernelwright.frameworks._torch_aten_context import (
    Context,
    Converter,
    NotConvertible,
    Number,
    axes_of,
    axis_of,
    float_only,
    recorder,
)
from kernelwright.graph.core import Node, is_float

CONVERTERS: dict[str, Converter] = {}
aten = recorder(CONVERTERS)

Dims = int | Sequence[int] | None


def _over(c: Context, op: str, x: Node, dim: Dims, keepdim: bool, **attrs: Any) -> Node:
    """``op`` over the given axes; a 0-d tensor counts as having one element along one axis."""
    if not x.shape:
        value = _over(c, op, c.reshape(x, (1,)), None, False, **attrs)
        return value
    return c.make(op, x, axes=axes_of(dim, len(x.shape)), keepdims=keepdim, **attrs)


@aten("sum")
def sum_(c: Context, x: Node, dim: Dims = None, keepdim: bool = False) -> Node:
    return c.cast(_over(c, "sum", c.cast(x, c.out.dtype), dim, keepdim), c.out.dtype)


@aten("prod")
def prod(c: Context, x: Node, dim: Dims = None, keepdim: bool = False) -> Node:
    return c.cast(_over(c, "prod", c.cast(x, c.out.dtype), dim, keepdim), c.out.dtype)


@aten("mean")
def mean(c: Context, x: Node, dim: Dims = None, keepdim: bool = False) -> Node:
    return _over(c, "mean", c.cast(x, c.out.dtype), dim, keepdim)


@aten("nansum")
def nansum(c: Context, x: Node, dim: Dims = None, keepdim: bool = False) -> Node:
    if is_float(x.dtype):
        x = c.make("where", c.make("isnan", x), c.cast(0, x.dtype), x)
    return sum_(c, x, dim, keepdim)


@aten("amax")
def amax(c: Context, x: Node, dim: Dims = None, keepdim: bool = False) -> Node:
    return _over(c, "amax", x, dim, keepdim)


@aten("amin")
def amin(c: Context, x: Node, dim: Dims = None, keepdim: bool = False) -> Node:
    return _over(c, "amin", x, dim, keepdim)


@aten("aminmax")
def aminmax(c: Context, x: Node, dim: Dims = None, keepdim: bool = False) -> tuple[Node, Node]:
    return amin(c, x, dim, keepdim), amax(c, x, dim, keepdim)


@aten("max")
def max_(
    c: Context, x: Node, dim: int | None = None, keepdim: bool = False, other: Node | None = None
) -> Any:
    return _extreme(c, "max", x, dim, keepdim, other)


@aten("min")
def min_(
    c: Context, x: Node, dim: int | None = None, keepdim: bool = False, other: Node | None = None
) -> Any:
    return _extreme(c, "min", x, dim, keepdim, other)


def _extreme(
    c: Context, which: str, x: Node, dim: int | None, keepdim: bool, other: Node | None
) -> Any:
    if other is not None:
        return c.elementwise(f"{which}imum", x, other)
    values = _over(c, f"a{which}", x, dim, keepdim)
    return values if dim is None else (values, _index(c, f"arg{which}", x, dim, keepdim))


@aten("argmax")
def argmax(c: Context, x: Node, dim: int | None = None, keepdim: bool = False) -> Node:
    return _index(c, "argmax", x, dim, keepdim)


@aten("argmin")
def argmin(c: Context, x: Node, dim: int | None = None, keepdim: bool = False) -> Node:
    return _index(c, "argmin", x, dim, keepdim)


def _index(c: Context, op: str, x: Node, dim: int | None, keepdim: bool) -> Node:
    if dim is not None and x.shape:
        return _over(c, op, x, dim, keepdim)
    flat = _over(c, op, c.reshape(x, (x.type.size,)), 0, False)
    return c.reshape(flat, (1,) * len(x.shape)) if keepdim else flat


@aten("any")
def any_(c: Context, x: Node, dim: Dims = None, keepdim: bool = False) -> Node:
    return c.cast(_over(c, "any", _truth(c, x), dim, keepdim), c.out.dtype)


@aten("all")
def all_(c: Context, x: Node, dim: Dims = None, keepdim: bool = False) -> Node:
    return c.cast(_over(c, "all", _truth(c, x), dim, keepdim), c.out.dtype)


def _truth(c: Context, x: Node) -> Node:
    return x if x.dtype == "bool" else c.make("ne", x, c.cast(0, x.dtype))


@aten("count_nonzero")
def count_nonzero(c: Context, x: Node, dim: Dims = None) -> Node:
    return _over(c, "sum", _truth(c, x), dim, False)


def _correction(unbiased: bool | None, correction: Number | None) -> float:
    """torch divides by n - 1 unless told otherwise."""
    if unbiased is not None:
        return float(unbiased)
    return 1.0 if correction is None else float(correction)


def _spread(op: str, with_mean: bool) -> Converter:
    def convert(
        c: Context,
        x: Node,
        dim: Dims = None,
        unbiased: bool | None = None,
        correction: Number | None = None,
        keepdim: bool = False,
    ) -> Any:
        value = _over(c, op, x, dim, keepdim, correction=_correction(unbiased, correction))
        return (value, _over(c, "mean", x, dim, keepdim)) if with_mean else value

    return convert


for _op in ("var", "std"):
    aten(_op)(_spread(_op, with_mean=False))
    aten(f"{_op}_mean")(_spread(_op, with_mean=True))


@aten("linalg_vector_norm")
def vector_norm(
    c: Context, x: Node, ord: Number = 2, dim: Dims = None, keepdim: bool = False
) -> Node:
    float_only(c)
    x = c.cast(x, c.out.dtype)
    return c.finish(_over(c, "norm", x, dim, keepdim, p=float(ord)))


@aten("norm")
def norm(
    c: Context, x: Node, p: Number | None = 2, dim: Dims = None, keepdim: bool = False
) -> Node:
    return vector_norm(c, x, 2 if p is None else p, dim, keepdim)


@aten("linalg_norm")
def linalg_norm(
    c: Context, x: Node, ord: Any = None, dim: Dims = None, keepdim: bool = False
) -> Node:
    axes = axes_of(dim, len(x.shape))
    if ord is not None and (isinstance(ord, str) or len(axes) != 1):
        raise NotConvertible("a matrix norm")
    return vector_norm(c, x, 2 if ord is None else ord, dim, keepdim)


@aten("frobenius_norm")
def frobenius_norm(c: Context, x: Node, dim: Dims = None, keepdim: bool = False) -> Node:
    return vector_norm(c, x, 2, dim, keepdim)


@aten("logsumexp", "special_logsumexp")
def logsumexp(c: Context, x: Node, dim: Dims = None, keepdim: bool = False) -> Node:
    return _over(c, "logsumexp", c.cast(x, c.out.dtype), dim, keepdim)


@aten("softmax", "_softmax", "special_softmax", "_safe_softmax")
def softmax(c: Context, x: Node, dim: int) -> Node:
    return _along(c, "softmax", x, dim)


@aten("log_softmax", "_log_softmax", "special_log_softmax")
def log_softmax(c: Context, x: Node, dim: int) -> Node:
    return _along(c, "log_softmax", x, dim)


def _along(c: Context, op: str, x: Node, dim: int) -> Node:
    x = c.cast(x, c.out.dtype)
    if not x.shape:
        return c.reshape(c.make(op, c.reshape(x, (1,)), axis=0), ())
    return c.make(op, x, axis=axis_of(dim, len(x.shape)))


@aten("dist")
def dist(c: Context, x: Node, other: Node, p: Number = 2) -> Node:
    difference = c.make("sub", c.wide(x), c.wide(other))
    return c.finish(_over(c, "norm", difference, None, False, p=float(p)))


@aten("cosine_similarity")
def cosine_similarity(c: Context, x1: Node, x2: Node, dim: int = 1, eps: float = 1e-8) -> Node:
    a, b = c.wide(x1), c.wide(x2)
    axes = (axis_of(dim, max(len(a.shape), len(b.shape))),)
    if len(a.shape) != len(b.shape):
        raise NotConvertible("vectors of different rank")

    def dot(p: Node, q: Node) -> Node:
        return c.make("sum", c.make("mul", p, q), axes=axes, keepdims=False)

    limit = c.cast(eps, a.dtype)
    lengths = [c.make("maximum", c.make("sqrt", dot(v, v)), limit) for v in (a, b)]
    # torch divides each vector by its own length, at least eps.
    return c.finish(c.make("div", c.make("div", dot(a, b), lengths[0]), lengths[1]))
