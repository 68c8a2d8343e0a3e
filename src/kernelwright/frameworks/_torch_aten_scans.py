"""ATen scans: running sums, products and extremes along one dimension."""

from __future__ import annotations

from typing import Any

from kernelwright.frameworks._torch_aten_context import Context, Converter, axis_of, recorder
from kernelwright.graph.core import Node

CONVERTERS: dict[str, Converter] = {}
aten = recorder(CONVERTERS)


def _along(c: Context, op: str, x: Node, dim: int) -> Node:
    """``op`` along ``dim``; a 0-d tensor counts as one element."""
    if not x.shape:
        return c.reshape(c.make(op, c.reshape(x, (1,)), axis=0), ())
    return c.make(op, x, axis=axis_of(dim, len(x.shape)))


@aten("cumsum")
def cumsum(c: Context, x: Node, dim: int) -> Node:
    return _total(c, "cumsum", x, dim)


@aten("cumprod")
def cumprod(c: Context, x: Node, dim: int) -> Node:
    return _total(c, "cumprod", x, dim)


def _total(c: Context, op: str, x: Node, dim: int) -> Node:
    """torch casts to the result's dtype first: small integers to int64, or what dtype= asks."""
    dtype = c.out.dtype
    carried = dtype if dtype.startswith(("float", "bfloat")) else "int64"
    return c.cast(_along(c, op, c.cast(c.cast(x, dtype), carried), dim), dtype)


@aten("logcumsumexp")
def logcumsumexp(c: Context, x: Node, dim: int) -> Node:
    return _along(c, "logcumsumexp", c.cast(x, c.out.dtype), dim)


def _extreme(op: str) -> Converter:
    def convert(c: Context, x: Node, dim: int) -> Any:
        number = c.cast(x, "int32") if x.dtype == "bool" else x
        values = c.cast(_along(c, op, number, dim), x.dtype)
        return values, _along(c, f"{op}_index", number, dim)

    return convert


for _op in ("cummax", "cummin"):
    aten(_op)(_extreme(_op))
