"""NumPy's ufuncs: dtypes by NumPy's own resolution, then one op or a short formula."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kernelwright.errors import CaptureError
from kernelwright.frameworks._numpy_trace.trace import (
    FUNCTIONS,
    Trace,
    graph_dtype,
    operand_dtype,
    refuse_options,
    to_bool,
)
from kernelwright.graph.core import is_float
from kernelwright.graph.expression import Expression as E

Formula = Callable[..., E]

# Ufuncs that are one op of the same meaning on operands of the loop's dtype.
_SAME: Mapping[str, str] = {
    **{n: n for n in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt")},
    **{n: n for n in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "copysign")},
    **{n: n for n in ("maximum", "minimum", "remainder", "fmod", "floor_divide")},
    **{n: n for n in ("bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift")},
    **{"arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2"},
    **{"arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "power": "pow"},
    **{"float_power": "pow", "divide": "div", "negative": "neg", "invert": "bitwise_not"},
    **{"less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge"},
    **{"equal": "eq", "not_equal": "ne", "subtract": "sub", "square": "square"},
    **{"matmul": "matmul", "logaddexp": "logaddexp", "hypot": "hypot"},
}


def _for_bool(op: str, bool_op: str) -> Formula:
    """``op`` on numbers; on booleans NumPy's add is "or" and its multiply is "and"."""
    return lambda *x: x[0].make(bool_op if x[0].dtype == "bool" else op, *x[1:])


def _identity_unless_float(op: str) -> Formula:
    return lambda x: x.make(op) if is_float(x.dtype) else x


def _test(op: str, integer_result: bool) -> Formula:
    """isnan and its like: constant for integers and booleans."""

    def formula(x: E) -> E:
        if is_float(x.dtype):
            return x.make(op)
        same = x.eq(x)
        return same if integer_result else same.logical_not()

    return formula


def _sign(x: E) -> E:
    sign = x.sign()
    return x.isnan().where(x, sign) if is_float(x.dtype) else sign  # NumPy keeps NaN


def _absolute(x: E) -> E:
    return x if x.dtype == "bool" else x.abs()


def _reciprocal(x: E) -> E:
    if not is_float(x.dtype):
        raise CaptureError("numpy.reciprocal of integers cannot be captured")
    return x.reciprocal()


def _ignoring_nan(op: str) -> Formula:
    def formula(a: E, b: E) -> E:
        best = a.make(op, b)
        if not is_float(a.dtype):
            return best
        return a.isnan().where(b, b.isnan().where(a, best))

    return formula


def _logical(op: str) -> Formula:
    return lambda *x: to_bool(x[0]).make(op, *(to_bool(other) for other in x[1:]))


def _cbrt(x: E) -> E:
    return x.abs().pow(1 / 3).copysign(x)


def _heaviside(x: E, at_zero: E) -> E:
    step = (x > 0).where(x.number(1), x.eq(0).where(at_zero, 0))
    return x.isnan().where(x, step)


def _logaddexp2(a: E, b: E) -> E:
    larger = a.maximum(b)
    soft = larger + (-(a - b).abs()).exp2().log1p() * (1 / math.log(2))
    return a.eq(b).where(a + 1, soft)


_FORMULAS: Mapping[str, Formula] = {
    "add": _for_bool("add", "logical_or"),
    "multiply": _for_bool("mul", "logical_and"),
    "absolute": _absolute,
    "fabs": _absolute,
    "positive": lambda x: x,
    "conjugate": lambda x: x,
    "reciprocal": _reciprocal,
    "sign": _sign,
    "cbrt": _cbrt,
    "fmax": _ignoring_nan("maximum"),
    "fmin": _ignoring_nan("minimum"),
    "floor": _identity_unless_float("floor"),
    "ceil": _identity_unless_float("ceil"),
    "trunc": _identity_unless_float("trunc"),
    "rint": _identity_unless_float("round"),
    "isnan": _test("isnan", False),
    "isinf": _test("isinf", False),
    "isfinite": _test("isfinite", True),
    "logical_not": _logical("logical_not"),
    "logical_and": _logical("logical_and"),
    "logical_or": _logical("logical_or"),
    "logical_xor": _logical("logical_xor"),
    "signbit": lambda x: x.number(1.0).copysign(x) < 0,
    "radians": lambda x: x * (math.pi / 180),
    "deg2rad": lambda x: x * (math.pi / 180),
    "degrees": lambda x: x * (180 / math.pi),
    "rad2deg": lambda x: x * (180 / math.pi),
    "heaviside": _heaviside,
    "logaddexp2": _logaddexp2,
}

_REDUCTIONS = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}


def record_ufunc(
    trace: Trace, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], options: dict[str, Any]
) -> Any:
    """What ``ufunc.method(*inputs, **options)`` is as an Expression; raises CaptureError."""
    if method == "reduce" and ufunc in _REDUCTIONS:
        handler = FUNCTIONS[_REDUCTIONS[ufunc]]
        return handler(trace, *inputs, **{"axis": 0, **options})
    if method != "__call__":
        raise CaptureError(f"numpy.{ufunc.__name__}.{method} cannot be captured")
    dtype = options.pop("dtype", None)
    options.pop("casting", None)
    refuse_options(f"numpy.{ufunc.__name__}", options)
    name = "divide" if ufunc is np.true_divide else ufunc.__name__
    try:
        loop = _loop_dtypes(ufunc, inputs, dtype)
        operands = [trace.lift(value, kind) for value, kind in zip(inputs, loop)]
        result = _formula(name)(*operands)
    except (ValueError, TypeError) as error:
        raise CaptureError(f"numpy.{ufunc.__name__}: {error}") from error
    return result.cast(graph_dtype(loop[len(inputs)]))


def _loop_dtypes(ufunc: np.ufunc, inputs: tuple[Any, ...], dtype: Any) -> tuple[np.dtype, ...]:
    """The dtypes that NumPy casts the operands to and computes in, then the result's."""
    kinds = [operand_dtype(value) for value in inputs]
    asked: dict[str, Any] = (
        {} if dtype is None else {"signature": (*(None for _ in kinds), np.dtype(dtype))}
    )
    return ufunc.resolve_dtypes((*kinds, *(None for _ in range(ufunc.nout))), **asked)


def _formula(name: str) -> Formula:
    if name in _SAME:
        return lambda *x: x[0].make(_SAME[name], *x[1:])
    if name in _FORMULAS:
        return _FORMULAS[name]
    raise CaptureError(f"numpy.{name} cannot be captured")
