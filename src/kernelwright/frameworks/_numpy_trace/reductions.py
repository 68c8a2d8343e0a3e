"""NumPy's reductions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kernelwright.errors import CaptureError
from kernelwright.frameworks._numpy_trace.trace import (
    Handler,
    Trace,
    graph_dtype,
    implements,
    normalized_axes,
    refuse_options,
    to_bool,
)
from kernelwright.graph.core import is_float
from kernelwright.graph.expression import Expression as E


def _flag(keepdims: Any) -> bool:
    return keepdims is not np._NoValue and bool(keepdims)


def _total(name: str, op: str) -> Handler:
    def handler(
        trace: Trace,
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        keepdims: Any = False,
        **options: Any,
    ) -> E:
        refuse_options(f"numpy.{name}", options)
        x = trace.lift(a)
        if x.dtype == "uint8" and dtype is None:
            raise CaptureError(f"numpy.{name} of uint8 gives uint64, which is not supported")
        x = x.cast(graph_dtype(dtype)) if dtype is not None else x
        found = x.make(op, axes=normalized_axes(axis, len(x.shape)), keepdims=_flag(keepdims))
        return found if dtype is None else found.cast(graph_dtype(dtype))

    return handler


implements(np.sum)(_total("sum", "sum"))
implements(np.prod)(_total("prod", "prod"))


def _extreme(name: str, op: str) -> Handler:
    def handler(trace: Trace, a: Any, axis: Any = None, keepdims: Any = False, **options: Any) -> E:
        refuse_options(f"numpy.{name}", options)
        x = trace.lift(a)
        return x.make(op, axes=normalized_axes(axis, len(x.shape)), keepdims=_flag(keepdims))

    return handler


implements(np.max, np.amax)(_extreme("max", "amax"))
implements(np.min, np.amin)(_extreme("min", "amin"))


@implements(np.ptp)
def _ptp(trace: Trace, a: Any, axis: Any = None, keepdims: Any = False) -> E:
    x = trace.lift(a)
    where: dict[str, Any] = {
        "axes": normalized_axes(axis, len(x.shape)),
        "keepdims": _flag(keepdims),
    }
    return x.amax(**where) - x.amin(**where)


def _truth(name: str) -> Handler:
    def handler(trace: Trace, a: Any, axis: Any = None, keepdims: Any = False, **options: Any) -> E:
        refuse_options(f"numpy.{name}", options)
        x = to_bool(trace.lift(a))
        return x.make(name, axes=normalized_axes(axis, len(x.shape)), keepdims=_flag(keepdims))

    return handler


implements(np.any)(_truth("any"))
implements(np.all)(_truth("all"))


@implements(np.count_nonzero)
def _count_nonzero(trace: Trace, a: Any, axis: Any = None, *, keepdims: Any = False) -> E:
    x = to_bool(trace.lift(a))
    return x.sum(axes=normalized_axes(axis, len(x.shape)), keepdims=_flag(keepdims))


def _index(name: str) -> Handler:
    def handler(trace: Trace, a: Any, axis: Any = None, *, keepdims: Any = False) -> E:
        x = trace.lift(a)
        if axis is not None:
            axes = normalized_axes(axis, len(x.shape))
            return x.make(name, axes=axes, keepdims=_flag(keepdims))
        found = x.reshape((x.node.type.size,)).make(name, axes=(0,), keepdims=False)
        return found.reshape((1,) * len(x.shape)) if _flag(keepdims) else found

    return handler


implements(np.argmax)(_index("argmax"))
implements(np.argmin)(_index("argmin"))


def _float_operand(trace: Trace, a: Any, dtype: Any) -> tuple[E, str]:
    """The operand in the dtype that NumPy computes a mean in, and the dtype of the result."""
    x = trace.lift(a)
    if dtype is not None:
        return x.cast(graph_dtype(dtype)), graph_dtype(dtype)
    return (x, x.dtype) if is_float(x.dtype) else (x.cast("float64"), "float64")


@implements(np.mean)
def _mean(
    trace: Trace,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: Any = False,
    **options: Any,
) -> E:
    refuse_options("numpy.mean", options)
    x, result = _float_operand(trace, a, dtype)
    axes = normalized_axes(axis, len(x.shape))
    return x.mean(axes=axes, keepdims=_flag(keepdims)).cast(result)


def _spread(name: str) -> Handler:
    def handler(
        trace: Trace,
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        ddof: Any = 0,
        keepdims: Any = False,
        correction: Any = np._NoValue,
        **options: Any,
    ) -> E:
        refuse_options(f"numpy.{name}", options)
        x, result = _float_operand(trace, a, dtype)
        found = x.make(
            name,
            axes=normalized_axes(axis, len(x.shape)),
            correction=ddof if correction is np._NoValue else correction,
            keepdims=_flag(keepdims),
        )
        return found.cast(result)

    return handler


implements(np.var)(_spread("var"))
implements(np.std)(_spread("std"))


@implements(np.linalg.norm)
def _norm(trace: Trace, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> E:
    a, _ = _float_operand(trace, x, None)
    rank = len(a.shape)
    vector = ord is None or ord == "fro" or (isinstance(axis, int) or rank == 1)
    if not vector or (isinstance(ord, str) and ord != "fro"):
        raise CaptureError(f"numpy.linalg.norm(ord={ord!r}) of a matrix cannot be captured")
    p = 2.0 if ord is None or ord == "fro" else float(ord)
    if math.isnan(p):
        raise CaptureError("numpy.linalg.norm(ord=nan) cannot be captured")
    return a.norm(p=p, axes=normalized_axes(axis, rank), keepdims=keepdims)
