"""Elementwise ATen arithmetic, comparison, logic and selection."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes

from kernelwright.frameworks._torch_aten_context import (
    Context,
    Converter,
    NotConvertible,
    Number,
    recorder,
    words,
)
from kernelwright.graph.core import DTYPES, Node, is_float

CONVERTERS: dict[str, Converter] = {}
aten = recorder(CONVERTERS)

_FLOAT_UNARY = {
    **{
        name: name
        for name in words("""exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal sin cos
tan asin acos atan
sinh cosh tanh asinh acosh atanh erf erfc sigmoid""")
    },
    **{f"arc{name}": f"a{name}" for name in words("""sin cos tan sinh cosh tanh""")},
    "special_expit": "sigmoid",
    "special_erf": "erf",
    "special_erfc": "erfc",
    "special_exp2": "exp2",
    "special_expm1": "expm1",
    "special_log1p": "log1p",
}
# Ops that are the identity on integers.
_ROUNDING = {"floor": "floor", "ceil": "ceil", "trunc": "trunc", "fix": "trunc"}
_COMPARISONS = {
    "lt": "lt less",
    "le": "le less_equal",
    "gt": "gt greater",
    "ge": "ge greater_equal",
    "eq": "eq",
    "ne": "ne not_equal",
}
_BITWISE = {
    "bitwise_and": "bitwise_and __and__",
    "bitwise_or": "bitwise_or __or__",
    "bitwise_xor": "bitwise_xor __xor__",
    "left_shift": "bitwise_left_shift __lshift__",
    "right_shift": "bitwise_right_shift __rshift__",
}


def _float_unary(op: str) -> Converter:
    return lambda c, x: c.elementwise(op, x)


def _rounding(op: str) -> Converter:
    return lambda c, x: c.make(op, x) if is_float(x.dtype) else x


def _same(op: str) -> Converter:
    return lambda c, x: c.make(op, x)


def _comparison(op: str) -> Converter:
    def convert(c: Context, x: Node | Number, other: Node | Number) -> Node:
        dtype = c.result_type(x, other)
        return c.make(op, c.cast(x, dtype), c.cast(other, dtype))

    return convert


def _binary(op: str) -> Converter:
    return lambda c, x, other: c.elementwise(op, x, other)


def _logical(op: str) -> Converter:
    return lambda c, x, other: c.make(op, _truth(c, x), _truth(c, other))


def _classification(op: str) -> Converter:
    return lambda c, x: c.make(op, x) if is_float(x.dtype) else c.full(op == "isfinite")


def _enter_tables() -> None:
    for name, op in _FLOAT_UNARY.items():
        aten(name)(_float_unary(op))
    for name, op in _ROUNDING.items():
        aten(name)(_rounding(op))
    for name in ("square", "relu"):
        aten(name)(_same(name))
    for op, names in {"neg": "neg negative", "bitwise_not": "bitwise_not"}.items():
        aten(*names.split())(_same(op))
    for op, names in _COMPARISONS.items():
        aten(*names.split())(_comparison(op))
    for op, names in _BITWISE.items():
        aten(*names.split())(_binary(op))
    for op in ("logical_and", "logical_or", "logical_xor"):
        aten(op)(_logical(op))
    for op in ("maximum", "minimum", "remainder", "fmod", "copysign", "logaddexp", "hypot"):
        aten(op)(_binary(op))
    aten("atan2", "arctan2")(_binary("atan2"))
    for op in ("isnan", "isinf", "isfinite"):
        aten(op)(_classification(op))


_enter_tables()


def _truth(c: Context, x: Node) -> Node:
    """A number as a bool: unequal to zero."""
    return x if x.dtype == "bool" else c.make("ne", x, c.cast(0, x.dtype))


def _scaled(c: Context, x: Node | Number, factor: Number) -> Node | Number:
    if factor == 1:
        return x
    if not isinstance(x, Node):
        return x * factor
    return c.make("mul", c.wide(x), c.wide(factor))


@aten("add")
def add(c: Context, x: Node, other: Node | Number, alpha: Number = 1) -> Node:
    if c.out.dtype == "bool":
        return c.make("logical_or", c.cast(x, "bool"), c.cast(other, "bool"))
    if alpha == 1:
        return c.elementwise("add", x, other)
    return c.finish(c.make("add", c.wide(x), c.wide(_scaled(c, other, alpha))))


@aten("sub", "subtract")
def sub(c: Context, x: Node, other: Node | Number, alpha: Number = 1) -> Node:
    if alpha == 1:
        return c.elementwise("sub", x, other)
    return c.finish(c.make("sub", c.wide(x), c.wide(_scaled(c, other, alpha))))


@aten("rsub")
def rsub(c: Context, x: Node, other: Node | Number, alpha: Number = 1) -> Node:
    if alpha == 1:
        return c.elementwise("sub", other, x)
    return c.finish(c.make("sub", c.wide(other), c.wide(_scaled(c, x, alpha))))


@aten("mul", "multiply")
def mul(c: Context, x: Node, other: Node | Number) -> Node:
    if c.out.dtype == "bool":
        return c.make("logical_and", c.cast(x, "bool"), c.cast(other, "bool"))
    return c.elementwise("mul", x, other)


@aten("div", "divide", "true_divide")
def div(c: Context, x: Node, other: Node | Number, rounding_mode: str | None = None) -> Node:
    if rounding_mode == "floor":
        return c.elementwise("floor_divide", x, other)
    if rounding_mode is None:
        return c.elementwise("div", x, other)
    if is_float(c.out.dtype):
        return c.finish(c.make("trunc", c.make("div", c.wide(x), c.wide(other))))
    a, b = c.wide(x), c.wide(other)
    return c.make("floor_divide", c.make("sub", a, c.make("fmod", a, b)), b)


@aten("floor_divide")
def floor_divide(c: Context, x: Node, other: Node | Number) -> Node:
    return c.elementwise("floor_divide", x, other)


@aten("pow")
def pow(c: Context, x: Node | Number, exponent: Node | Number) -> Node:
    """Small exponents become what torch itself computes for them."""
    if isinstance(exponent, Node) or not isinstance(x, Node):
        return c.elementwise("pow", x, exponent)
    base = c.wide(x)
    if exponent in (2, 3) or exponent == 1:
        square = base if exponent == 1 else c.make("square", base)
        return c.finish(c.make("mul", square, base) if exponent == 3 else square)
    if not is_float(c.out.dtype):
        return c.elementwise("pow", x, exponent)
    if exponent in (0.5, -0.5, -1):
        op = {0.5: "sqrt", -0.5: "rsqrt", -1: "reciprocal"}[exponent]
        return c.finish(c.make(op, base))
    if exponent == -2:
        return c.finish(c.make("reciprocal", c.make("square", base)))
    return c.elementwise("pow", x, exponent)


@aten("abs", "absolute")
def abs_(c: Context, x: Node) -> Node:
    return x if x.dtype in ("bool", "uint8") else c.make("abs", x)


@aten("sign", "sgn")
def sign(c: Context, x: Node) -> Node:
    return x if x.dtype == "bool" else c.make("sign", x)


@aten("signbit")
def signbit(c: Context, x: Node) -> Node:
    if not is_float(x.dtype):
        return c.make("lt", x, c.cast(0, x.dtype))
    # A comparison alone would miss -0.0.
    signed = c.make("copysign", c.cast(1.0, x.dtype), x)
    return c.make("lt", signed, c.cast(0, x.dtype))


@aten("round")
def round_(c: Context, x: Node, decimals: int = 0) -> Node:
    if decimals:
        raise NotConvertible("round to decimals")
    return c.make("round", x) if is_float(x.dtype) else x


@aten("frac")
def frac(c: Context, x: Node) -> Node:
    return c.make("frac", x)


@aten("logical_not")
def logical_not(c: Context, x: Node) -> Node:
    return c.make("logical_not", _truth(c, x))


@aten("isposinf")
def isposinf(c: Context, x: Node) -> Node:
    return c.make("eq", x, c.cast(math.inf, x.dtype)) if is_float(x.dtype) else c.full(False)


@aten("isneginf")
def isneginf(c: Context, x: Node) -> Node:
    return c.make("eq", x, c.cast(-math.inf, x.dtype)) if is_float(x.dtype) else c.full(False)


@aten("fmax")
def fmax(c: Context, x: Node, other: Node) -> Node:
    return _nan_ignoring(c, "maximum", x, other)


@aten("fmin")
def fmin(c: Context, x: Node, other: Node) -> Node:
    return _nan_ignoring(c, "minimum", x, other)


def _nan_ignoring(c: Context, op: str, x: Node, other: Node) -> Node:
    a, b = c.cast(x, c.out.dtype), c.cast(other, c.out.dtype)
    both = c.make(op, a, b)
    if not is_float(c.out.dtype):
        return both
    return c.make("where", c.make("isnan", a), b, c.make("where", c.make("isnan", b), a, both))


@aten("where")
def where(c: Context, condition: Node, x: Any = None, other: Any = None) -> Node:
    if x is None or other is None:
        raise NotConvertible("where with one argument has a data-dependent shape")
    dtype = c.out.dtype
    return c.make("where", c.cast(condition, "bool"), c.cast(x, dtype), c.cast(other, dtype))


@aten("masked_fill")
def masked_fill(c: Context, x: Node, mask: Node, value: Node | Number) -> Node:
    dtype = c.out.dtype
    return c.make("where", c.cast(mask, "bool"), c.cast(value, dtype), c.cast(x, dtype))


@aten("clamp", "clip")
def clamp(c: Context, x: Node, min: Any = None, max: Any = None) -> Node:
    dtype = c.out.dtype
    numbers = not isinstance(min, Node) and not isinstance(max, Node)
    if numbers and is_float(dtype):
        bounds = {k: None if v is None else float(v) for k, v in (("min", min), ("max", max))}
        return c.make("clamp", c.cast(x, dtype), **bounds)
    if min is not None:
        x = c.elementwise("maximum", x, min)
    return x if max is None else c.elementwise("minimum", x, max)


@aten("clamp_min")
def clamp_min(c: Context, x: Node, min: Node | Number) -> Node:
    return clamp(c, x, min=min)


@aten("clamp_max")
def clamp_max(c: Context, x: Node, max: Node | Number) -> Node:
    return clamp(c, x, max=max)


@aten("relu6")
def relu6(c: Context, x: Node) -> Node:
    return clamp(c, x, 0, 6)


@aten("lerp")
def lerp(c: Context, x: Node, end: Node, weight: Node | Number) -> Node:
    return c.elementwise("lerp", x, end, weight)


@aten("addcmul")
def addcmul(c: Context, x: Node, tensor1: Node, tensor2: Node, value: Number = 1) -> Node:
    if is_float(c.out.dtype):
        return c.elementwise("addcmul", x, tensor1, tensor2, value=float(value))
    product = c.make("mul", c.wide(tensor1), c.wide(tensor2))
    return c.make("add", c.wide(x), c.wide(_scaled(c, product, value)))


@aten("addcdiv")
def addcdiv(c: Context, x: Node, tensor1: Node, tensor2: Node, value: Number = 1) -> Node:
    return c.elementwise("addcdiv", x, tensor1, tensor2, value=float(value))


@aten("nan_to_num")
def nan_to_num(
    c: Context,
    x: Node,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Node:
    if not is_float(x.dtype):
        return x
    largest = float(ml_dtypes.finfo(DTYPES[x.dtype]).max)
    posinf = largest if posinf is None else posinf
    neginf = -largest if neginf is None else neginf
    zero = c.cast(0, x.dtype)
    finite = c.make("where", c.make("isnan", x), c.cast(nan or 0.0, x.dtype), x)
    infinite = c.make("isinf", x)
    limit = c.make("where", c.make("gt", x, zero), c.cast(posinf, x.dtype), c.cast(neginf, x.dtype))
    return c.make("where", infinite, limit, finite)


@aten("logit", "special_logit")
def logit(c: Context, x: Node, eps: float | None = None) -> Node:
    value = c.wide(x)
    if eps is not None:
        value = c.make("clamp", value, min=float(eps), max=1.0 - eps)
    one = c.wide(1)
    return c.finish(c.make("log", c.make("div", value, c.make("sub", one, value))))


@aten("deg2rad")
def deg2rad(c: Context, x: Node) -> Node:
    return c.elementwise("mul", x, math.pi / 180)


@aten("rad2deg")
def rad2deg(c: Context, x: Node) -> Node:
    return c.elementwise("mul", x, 180 / math.pi)
