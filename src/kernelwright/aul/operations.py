"""What AUL's vector operations mean, in NumPy.

Every operation computes in its operands' dtype; float16 and bfloat16 compute in float32 and round
once, as hardware and frameworks do. Integers wrap. Nothing here raises on a value: a tail's padding
must not stop a program, so dividing an integer by zero gives 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray

_erf_elements = np.frompyfunc(math.erf, 1, 1)


def _erf(x: Array) -> Array:
    """Error function in the input's precision, from the C library's double."""
    return np.asarray(_erf_elements(x.astype(np.float64)), np.float64).astype(x.dtype)


def _not(x: Array) -> Array:
    return np.logical_not(x) if x.dtype == np.bool_ else np.invert(x)


def _sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), written so that exp does not overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, np.ones_like(x)) / (1 + e)


UNARY: Mapping[str, Callable[[Array], Array]] = {
    "neg": np.negative, "abs": np.abs, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1,
    "ln": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x), "rec": lambda x: 1 / x, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "tanh": np.tanh, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "sigmoid": _sigmoid, "relu": lambda x: np.maximum(x, x.dtype.type(0)),
    "erf": _erf, "floor": np.floor, "ceil": np.ceil, "round": np.rint, "trunc": np.trunc,
    "sign": np.sign, "square": np.square, "not": _not, "isnan": np.isnan, "isinf": np.isinf,
    "isfinite": np.isfinite,
}  # fmt: skip


def _divide(a: Array, b: Array) -> Array:
    """Float division; integers truncate toward zero, as in C."""
    if a.dtype.kind not in "iu":
        return np.divide(a, b)
    quotient = np.floor_divide(a, b)
    inexact = np.multiply(quotient, b) != a
    return np.where((b != 0) & inexact & ((a < 0) != (b < 0)), quotient + 1, quotient)


def _power(a: Array, b: Array) -> Array:
    """Integers to a negative power truncate: 0 unless the base is 1 or -1."""
    if a.dtype.kind != "i":
        return np.power(a, b)
    a, b = np.broadcast_arrays(a, b)
    whole = np.power(a, np.maximum(b, 0))
    small = np.where(a == 1, 1, np.where(a == -1, np.where(b % 2 == 0, 1, -1), 0))
    return np.where(b < 0, small, whole)


def _logical_or_bitwise(logical: Any, bitwise: Any) -> Callable[[Array, Array], Array]:
    return lambda a, b: logical(a, b) if a.dtype == np.bool_ else bitwise(a, b)


BINARY: Mapping[str, Callable[[Array, Array], Array]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": _divide, "max": np.maximum,
    "min": np.minimum, "pow": _power, "mod": np.mod, "fmod": np.fmod,
    "floordiv": np.floor_divide, "atan2": np.arctan2,
    "and": _logical_or_bitwise(np.logical_and, np.bitwise_and),
    "or": _logical_or_bitwise(np.logical_or, np.bitwise_or),
    "xor": _logical_or_bitwise(np.logical_xor, np.bitwise_xor),
    "shl": np.left_shift, "shr": np.right_shift, "copysign": np.copysign,
    "logaddexp": np.logaddexp,
}  # fmt: skip

COMPARE: Mapping[str, Callable[[Array, Array], Array]] = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip

# vectorscalar_op: the binary operation, and whether the factor is the left operand.
SCALAR: Mapping[str, tuple[str, bool]] = {
    "adds": ("add", False), "subs": ("sub", False), "muls": ("mul", False),
    "divs": ("div", False), "maxs": ("max", False), "mins": ("min", False),
    "rsubs": ("sub", True), "rdivs": ("div", True), "pows": ("pow", False),
}  # fmt: skip


def is_half(dtype: np.dtype) -> bool:
    """float16 or bfloat16 (NumPy's kind of the latter is "V")."""
    return dtype.itemsize == 2 and dtype.kind not in "iu"


def wide(x: Array) -> Array:
    """Half types as float32, others as they are."""
    return x.astype(np.float32) if is_half(x.dtype) else x


def elementwise(function: Callable[..., Array], dtype: np.dtype, *arrays: Array) -> Array:
    """``function`` of the arrays, rounded to ``dtype``."""
    with np.errstate(all="ignore"):
        return np.asarray(function(*(wide(a) for a in arrays))).astype(dtype, copy=False)


def reduce(op: str, x: Array, axis: int, dtype: np.dtype) -> Array:
    """A reduction that keeps its axis, in ``dtype``; sums and products accumulate in ``dtype``, at
    least in float32. Over nothing it gives the identity (argmax, argmin: ValueError)."""
    with np.errstate(all="ignore"):
        if op in ("argmax", "argmin"):
            found = getattr(np, op)(wide(x), axis=axis, keepdims=True)
            return np.asarray(found).astype(dtype)
        if x.shape[axis] == 0 and op in ("max", "min"):
            shape = tuple(1 if i == axis else n for i, n in enumerate(x.shape))
            return np.full(shape, lowest(dtype) if op == "max" else highest(dtype), dtype)
        carried = wide(x)
        if op in ("sum", "prod") and dtype.kind not in "iu" and not is_half(dtype):
            carried = carried.astype(dtype)
        return np.asarray(getattr(np, op)(carried, axis=axis, keepdims=True)).astype(dtype)


_SCANS: Mapping[str, np.ufunc] = {
    "sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum,
    "logaddexp": np.logaddexp,
}  # fmt: skip


def scan(op: str, x: Array, axis: int, dtype: np.dtype, reverse: bool) -> Array:
    """Running reductions along an axis, accumulated in ``dtype``, at least in float32."""
    with np.errstate(all="ignore"):
        carried = wide(x) if is_half(dtype) else wide(x).astype(dtype)
        if reverse:
            carried = np.flip(carried, axis)
        out = _SCANS[op].accumulate(carried, axis=axis, dtype=carried.dtype)
        return (np.flip(out, axis) if reverse else out).astype(dtype)


def scan_identity(op: str, dtype: np.dtype) -> float | int | bool:
    """The element that leaves a scan unchanged."""
    if op in ("sum", "prod"):
        return int(op == "prod")
    return highest(dtype) if op == "min" else lowest(dtype)


def lowest(dtype: np.dtype) -> float | int | bool:
    """The identity of max."""
    if dtype.kind in "iu":
        return int(np.iinfo(dtype).min)
    return False if dtype == np.bool_ else -math.inf


def highest(dtype: np.dtype) -> float | int | bool:
    """The identity of min."""
    if dtype.kind in "iu":
        return int(np.iinfo(dtype).max)
    return True if dtype == np.bool_ else math.inf


def cast(x: Array, dtype: np.dtype) -> Array:
    """Float to integer truncates; anything to bool is != 0; the rest rounds or wraps."""
    with np.errstate(all="ignore"):
        if dtype == np.bool_:
            return wide(x) != 0
        if is_half(x.dtype) or is_half(dtype):
            return wide(x).astype(dtype)
        return x.astype(dtype)


def matmul(a: Array, b: Array, start: Array | None, dtype: np.dtype) -> Array:
    """``start + a @ b`` (``start`` None: 0), accumulated in ``dtype``, at least in float32."""
    if dtype.kind in "iu":
        carrier: np.dtype = np.dtype(np.int64)
    else:
        carrier = np.dtype(np.float32) if is_half(dtype) else dtype
    with np.errstate(all="ignore"):
        product = a.astype(carrier) @ b.astype(carrier)
        if start is not None:
            product = start.astype(carrier) + product
        return product.astype(dtype)


def iota(shape: tuple[int, ...], dtype: np.dtype, axis: int, start: int) -> Array:
    """``start`` plus the index along ``axis``."""
    spread = [1] * len(shape)
    spread[axis] = shape[axis]
    line = np.arange(start, start + shape[axis]).astype(dtype).reshape(spread)
    return np.broadcast_to(line, shape)
