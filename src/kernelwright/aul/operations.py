"""What AUL's vector operations mean, in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray


def _erf(x: Array) -> Array:
    """Error function in the input's precision, from the C library."""
    return np.vectorize(math.erf, otypes=[np.float64])(x.astype(np.float64)).astype(x.dtype)


def _not(x: Array) -> Array:
    return np.logical_not(x) if x.dtype == np.bool_ else np.invert(x)


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _reciprocal(x: Array) -> Array:
    return 1 / x


UNARY: Mapping[str, Callable[[Array], Array]] = {
    "neg": np.negative, "abs": np.abs, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1,
    "ln": np.log, "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x), "rec": _reciprocal, "sin": np.sin, "cos": np.cos,
    "tan": np.tan, "tanh": np.tanh, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "asinh": np.arcsinh, "acosh": np.arccosh,
    "atanh": np.arctanh, "sigmoid": _sigmoid, "relu": lambda x: np.maximum(x, x.dtype.type(0)),
    "erf": _erf, "floor": np.floor, "ceil": np.ceil, "round": np.rint, "trunc": np.trunc,
    "sign": np.sign, "square": np.square, "not": _not, "isnan": np.isnan, "isinf": np.isinf,
    "isfinite": np.isfinite,
}  # fmt: skip


def _logical_or_bitwise(logical: Any, bitwise: Any) -> Callable[[Array, Array], Array]:
    return lambda a, b: logical(a, b) if a.dtype == np.bool_ else bitwise(a, b)


BINARY: Mapping[str, Callable[[Array, Array], Array]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "max": np.maximum,
    "min": np.minimum, "pow": np.power, "mod": np.mod, "fmod": np.fmod,
    "floordiv": np.floor_divide, "atan2": np.arctan2,
    "and": _logical_or_bitwise(np.logical_and, np.bitwise_and),
    "or": _logical_or_bitwise(np.logical_or, np.bitwise_or),
    "xor": _logical_or_bitwise(np.logical_xor, np.bitwise_xor),
    "shl": np.left_shift, "shr": np.right_shift, "copysign": np.copysign,
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


def in_dtype(function: Callable[..., Array], dtype: np.dtype, *arrays: Array) -> Array:
    """``function`` computed in ``dtype``: half types in float32 with one rounding, as hardware and
    frameworks do; integers wrap."""
    with np.errstate(all="ignore"):
        if dtype.itemsize == 2 and dtype.kind not in "iu":
            wide = function(*(a if a.dtype == np.bool_ else a.astype(np.float32) for a in arrays))
            return wide.astype(dtype)
        return np.asarray(function(*arrays)).astype(dtype, copy=False)


def reduce(op: str, x: Array, axis: int) -> Array:
    """A reduction that keeps its axis; sums of half types are carried in float32."""
    with np.errstate(all="ignore"):
        if op in ("argmax", "argmin"):
            found = getattr(np, op)(x, axis=axis, keepdims=True)
            return np.asarray(found).astype(np.int64)
        if op in ("any", "all"):
            return np.asarray(getattr(np, op)(x, axis=axis, keepdims=True))
        half = x.dtype.itemsize == 2 and x.dtype.kind not in "iu"
        wide = x.astype(np.float32) if half else x
        out = getattr(np, op)(wide, axis=axis, keepdims=True)
        return np.asarray(out).astype(x.dtype)


def cast(x: Array, dtype: np.dtype) -> Array:
    """Float to integer truncates; anything to bool is != 0; the rest rounds or wraps."""
    with np.errstate(all="ignore"):
        if dtype == np.bool_:
            return x != 0
        return x.astype(dtype)
