"""Reductions, searches for extremes, and running sums."""

from __future__ import annotations

from collections.abc import Mapping

from kernelwright.frameworks.graphkernel.call import Call, Handler
from kernelwright.frameworks.graphkernel.elementwise import truth
from kernelwright.frameworks.graphkernel.values import Complex, Value
from kernelwright.graph.core import Node, is_float

_REDUCTIONS: Mapping[str, str] = {
    "ReduceSum": "sum",
    "ReduceMax": "amax",
    "ReduceMin": "amin",
    "ReducePrd": "prod",
    "ReduceProd": "prod",
    "ReduceAll": "all",
    "ReduceAny": "any",
}


def _axes(c: Call, rank: int) -> tuple[int, ...]:
    """Which axes to reduce: all of them where none is named."""
    given = c.ints("axis", "axes", operand=1, default=())
    if not given or not rank:
        return tuple(range(rank))
    return tuple(sorted({c.axis(a, rank) for a in given}))


def _reduction(op: str) -> Handler:
    def handler(c: Call) -> Value:
        x, keep = c.ranked(0), c.flag("keep_dims", "keepdims")
        axes = _axes(c, len(x.shape))

        def reduced(node: Node) -> Node:
            if op in ("all", "any"):
                node = truth(c, node)
            return c.b.make(op, [node], axes=axes, keepdims=keep)

        if isinstance(x, Complex) and op == "sum":
            return x.each(reduced)
        return _cast(c, reduced(c.real(x, 0)))

    return handler


def _mean(c: Call) -> Value:
    x = c.node(0)
    axes = _axes(c, len(x.shape))
    total = c.b.sum(x, axes=axes, keepdims=c.flag("keep_dims", "keepdims"))
    count = x.type.size // max(1, total.type.size)
    return _cast(c, c.b.div(total, c.b.constant(count, total.dtype)))


def _whole(op: str) -> Handler:
    """Whether any, or every, element is true, as one number."""

    def handler(c: Call) -> Value:
        x = truth(c, c.node(0))
        found = c.b.make(op, [x], axes=tuple(range(len(x.shape))), keepdims=False)
        return _cast(c, found)

    return handler


def _index(op: str) -> Handler:
    def handler(c: Call) -> Value:
        x = c.node(0)
        axis = c.axis(c.integer("axis", operand=1, default=-1), len(x.shape))
        found = c.b.make(op, [x], axes=(axis,), keepdims=c.flag("keep_dims", "keepdims"))
        return c.b.cast(found, dtype=c.out.dtype)

    return handler


def _scan(op: str, neutral: int) -> Handler:
    """``exclusive``: without the element itself; ``reverse``: from the end."""

    def handler(c: Call) -> Value:
        x = c.node(0)
        axis = c.axis(c.integer("axis", operand=1, default=0), len(x.shape))
        reverse = c.flag("reverse")
        wide = x if is_float(x.dtype) else c.b.cast(x, dtype="int64")
        run = c.b.make(op, [wide], axis=axis, reverse=reverse)
        if c.flag("exclusive"):
            starts = tuple((1 if reverse else -1) if a == axis else 0 for a in range(len(x.shape)))
            steps = (1,) * len(x.shape)
            run = c.b.window(run, starts=starts, steps=steps, shape=x.shape, value=neutral)
        return run if run.dtype == x.dtype else c.b.cast(run, dtype=x.dtype)

    return handler


def _cast(c: Call, x: Node) -> Node:
    """Sums of integers are int64 in a Graph, and bools may be declared as numbers."""
    return x if x.dtype == c.out.dtype else c.b.cast(x, dtype=c.out.dtype)


OPS: Mapping[str, Handler] = {
    **{name: _reduction(op) for name, op in _REDUCTIONS.items()},
    "ReduceMean": _mean,
    "ElemAny": _whole("any"),
    "ElemAll": _whole("all"),
    "ArgMax": _index("argmax"),
    "Argmax": _index("argmax"),
    "ArgMin": _index("argmin"),
    "Argmin": _index("argmin"),
    "CumSum": _scan("cumsum", 0),
    "CumProd": _scan("cumprod", 1),
}
