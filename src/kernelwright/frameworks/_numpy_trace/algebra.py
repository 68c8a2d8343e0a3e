"""NumPy's functions that compute and are no ufunc: where, clip, dot, tril, diag, ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelwright.errors import CaptureError
from kernelwright.frameworks._numpy_trace.trace import (
    Trace,
    graph_dtype,
    implements,
    operand_dtype,
    promoted,
    to_bool,
)
from kernelwright.graph.core import DTYPES, is_float
from kernelwright.graph.expression import Expression as E


@implements(np.where)
def _where(trace: Trace, condition: Any, x: Any = None, y: Any = None, /) -> E:
    if x is None or y is None:
        raise CaptureError("numpy.where(condition) gives indices that depend on the values")
    dtype = promoted([x, y])
    return to_bool(trace.lift(condition)).where(trace.lift(x, dtype), trace.lift(y, dtype))


@implements(np.clip)
def _clip(
    trace: Trace, a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None
) -> E:
    low = min if a_min is None or a_min is np._NoValue else a_min
    high = max if a_max is None or a_max is np._NoValue else a_max
    bounds = [b for b in (low, high) if b is not None]
    dtype = promoted([a, *bounds])
    x = trace.lift(a, dtype)
    if low is not None:
        x = x.maximum(trace.lift(low, dtype))
    return x if high is None else x.minimum(trace.lift(high, dtype))


def _strongly_promoted(*operands: Any) -> np.dtype:
    """dot and inner take a Python number as an array of its own dtype, unlike ufuncs."""
    kinds = [operand_dtype(v) for v in operands]
    return np.result_type(*(np.dtype(k) for k in kinds))


@implements(np.dot)
def _dot(trace: Trace, a: Any, b: Any) -> E:
    dtype = _strongly_promoted(a, b)
    x, y = trace.lift(a, dtype), trace.lift(b, dtype)
    if not x.shape or not y.shape:
        return x * y
    if len(y.shape) > 2:
        raise CaptureError("numpy.dot with a second array of more than 2 axes; use np.matmul")
    return x.matmul(y)


@implements(np.inner)
def _inner(trace: Trace, a: Any, b: Any) -> E:
    dtype = _strongly_promoted(a, b)
    x, y = trace.lift(a, dtype), trace.lift(b, dtype)
    if len(x.shape) > 1 and len(y.shape) > 2:
        raise CaptureError("numpy.inner of more than 2 axes; use np.matmul")
    return x.matmul(y if len(y.shape) == 1 else y.transpose(axes=(1, 0)))


@implements(np.outer)
def _outer(trace: Trace, a: Any, b: Any) -> E:
    dtype = promoted([a, b])
    x, y = trace.lift(a, dtype), trace.lift(b, dtype)
    return x.reshape((x.node.type.size, 1)) * y.reshape((1, y.node.type.size))


@implements(np.tril)
def _tril(trace: Trace, m: Any, k: int = 0) -> E:
    return trace.lift(m).tril(diagonal=int(k))


@implements(np.triu)
def _triu(trace: Trace, m: Any, k: int = 0) -> E:
    return trace.lift(m).triu(diagonal=int(k))


@implements(np.diag)
def _diag(trace: Trace, v: Any, k: int = 0) -> E:
    return trace.lift(v).diag(diagonal=int(k))


@implements(np.diagonal)
def _diagonal(trace: Trace, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> E:
    x = trace.lift(a)
    if len(x.shape) != 2 or (axis1 % 2, axis2 % 2) != (0, 1):
        raise CaptureError("numpy.diagonal can be captured for matrices only")
    return x.diag(diagonal=int(offset))


@implements(np.trace)
def _trace(trace: Trace, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> E:
    return _diagonal(trace, a, offset, axis1, axis2).sum(axes=(0,), keepdims=False)


@implements(np.round, np.around)
def _round(trace: Trace, a: Any, decimals: int = 0) -> E:
    x = trace.lift(a)
    if not is_float(x.dtype):
        if decimals < 0:
            raise CaptureError("numpy.round of integers to tens cannot be captured")
        return x
    if not decimals:
        return x.round()
    factor = float(10 ** abs(decimals))
    return (x * factor).round() / factor if decimals > 0 else (x / factor).round() * factor


@implements(np.nan_to_num)
def _nan_to_num(
    trace: Trace,
    x: Any,
    copy: bool = True,
    nan: Any = 0.0,
    posinf: Any = None,
    neginf: Any = None,
) -> E:
    a = trace.lift(x)
    if not is_float(a.dtype):
        return a
    limit = float(np.finfo(DTYPES[a.dtype]).max) if a.dtype != "bfloat16" else 3.3895313892515355e38
    high = limit if posinf is None else float(posinf)
    low = -limit if neginf is None else float(neginf)
    finite = a.isinf().where((a > 0).where(a.number(high), low), a)
    return a.isnan().where(a.number(float(nan)), finite)


@implements(np.result_type)
def _result_type(trace: Trace, *operands: Any) -> np.dtype:
    kinds = [v if isinstance(v, np.dtype | type) else v for v in operands]
    plain = [operand_dtype(v) if hasattr(v, "_expression") else v for v in kinds]
    return np.result_type(*plain)


@implements(np.iscomplexobj)
def _iscomplexobj(trace: Trace, x: Any) -> bool:
    return False


@implements(np.isrealobj)
def _isrealobj(trace: Trace, x: Any) -> bool:
    return True


@implements(np.real)
def _real(trace: Trace, val: Any) -> E:
    return trace.lift(val)


if hasattr(np, "astype"):  # NumPy 2.1

    @implements(np.astype)
    def _astype(trace: Trace, x: Any, dtype: Any, /, **_: Any) -> E:
        return trace.lift(x).cast(graph_dtype(dtype))
