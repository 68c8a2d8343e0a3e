"""What every elementwise AUL operation means on vectors of its compute dtype.

``apply(op, operands, dtype)`` works on ``Vec``s that already have the compute dtype. Integers wrap;
integer division by zero gives 0 (NumPy's rule) and never traps. ``COST`` is a rough instruction
count that fusion uses to choose between computing again and keeping a value.
"""

from __future__ import annotations

from collections.abc import Callable

from kernelwright.compiler.loops import mathlib, mathlib_wide
from kernelwright.compiler.loops.vec import Vec, copysign
from kernelwright.graph.core import is_float

Operation = Callable[..., Vec]

INF = float("inf")


def _relu(x: Vec) -> Vec:
    return x.apply("max", 0)


def _sign(x: Vec) -> Vec:
    """torch's: 0 for NaN and zeros."""
    return (x > 0).select(x.const(1), (x < 0).select(x.const(-1), x.const(0)))


def _integer_div(a: Vec, b: Vec) -> Vec:
    """Toward zero; x / 0 = 0; the smallest number / -1 wraps."""
    zero, minus = b.equals(0), b.equals(-1)
    quotient = a / (zero | minus).select(1, b)
    return zero.select(0, minus.select(-a, quotient))


def _div(a: Vec, b: Vec) -> Vec:
    return a / b if is_float(a.dtype) else _integer_div(a, b)


def _fmod(a: Vec, b: Vec) -> Vec:
    if is_float(a.dtype):
        return a.apply("rem", b)
    return b.equals(0).select(0, a - _integer_div(a, b) * b)


def _mod(a: Vec, b: Vec) -> Vec:
    """The divisor's sign."""
    rest = _fmod(a, b)
    return (rest.differs(0) & ((rest < 0) ^ (b < 0))).select(rest + b, rest)


def _floordiv(a: Vec, b: Vec) -> Vec:
    """Python's; for floats torch's order of operations, which is NumPy's too."""
    rest = _fmod(a, b)
    wrong_side = rest.differs(0) & ((rest < 0) ^ (b < 0))
    if not is_float(a.dtype):
        quotient = _integer_div(a, b)
        return wrong_side.select(quotient - 1, quotient)
    quotient = (a - rest) / b
    quotient = wrong_side.select(quotient - 1.0, quotient)
    floor = quotient.apply("floor")
    floor = (quotient - floor > 0.5).select(floor + 1.0, floor)
    zero = copysign(a.const(0.0), a / b)
    value = quotient.equals(0.0).select(zero, floor)
    return b.equals(0.0).select(a / b, value)


def _pow(a: Vec, b: Vec) -> Vec:
    if is_float(a.dtype):
        return mathlib_wide.pow_(a, b)
    bits = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}[a.dtype]
    result, base, exponent = a.const(1), a, b
    for _ in range(bits - 1):
        result = (exponent & 1).equals(0).select(result, result * base)
        base, exponent = base * base, exponent >> 1
    odd = (b & 1).differs(0)
    minus_one = odd.select(a.const(-1), a.const(1))
    negative = a.equals(1).select(a.const(1), a.equals(-1).select(minus_one, a.const(0)))
    return (b < 0).select(negative, result)


def pow_constant(a: Vec, exponent: float) -> Vec | None:
    """The exact short forms that torch uses too; None when there is none."""
    if not is_float(a.dtype):
        return None
    short: dict[float, Callable[[], Vec]] = {
        0.0: lambda: a.const(1.0),
        1.0: lambda: a,
        2.0: lambda: a * a,
        3.0: lambda: a * a * a,
        0.5: lambda: a.apply("sqrt"),
        -0.5: lambda: 1.0 / a.apply("sqrt"),
        -1.0: lambda: 1.0 / a,
        -2.0: lambda: 1.0 / (a * a),
    }
    return short[exponent]() if exponent in short else None


def _plain(name: str) -> Operation:
    return lambda a, b: a.apply(name, b)


def _predicate(name: str) -> Operation:
    return lambda a, b: a.compare(name, b)


def _isinf(x: Vec) -> Vec:
    return x.abs().equals(INF) if is_float(x.dtype) else x.differs(x)


def _isfinite(x: Vec) -> Vec:
    return x.abs() < INF if is_float(x.dtype) else x.equals(x)


def _identity_for_integers(name: str) -> Operation:
    return lambda x: x.apply(name) if is_float(x.dtype) else x


_UNARY: dict[str, Operation] = {
    "copy": lambda x: x,
    "neg": lambda x: -x,
    "abs": lambda x: x.abs(),
    "exp": mathlib.exp,
    "exp_nonpositive": mathlib.exp_nonpositive,
    "exp2": mathlib.exp2,
    "expm1": mathlib.expm1,
    "ln": mathlib.log_,
    "log2": mathlib.log2_,
    "log10": mathlib.log10,
    "log1p": mathlib.log1p,
    "sqrt": lambda x: x.apply("sqrt"),
    "rsqrt": lambda x: 1.0 / x.apply("sqrt"),
    "rec": lambda x: 1.0 / x,
    "sin": mathlib.sin,
    "cos": mathlib.cos,
    "tan": mathlib.tan,
    "tanh": mathlib.tanh,
    "asin": mathlib_wide.asin,
    "acos": mathlib_wide.acos,
    "atan": mathlib_wide.atan,
    "sinh": mathlib_wide.sinh,
    "cosh": mathlib_wide.cosh,
    "asinh": mathlib_wide.asinh,
    "acosh": mathlib_wide.acosh,
    "atanh": mathlib_wide.atanh,
    "sigmoid": mathlib.sigmoid,
    "relu": _relu,
    "erf": mathlib.erf,
    "floor": _identity_for_integers("floor"),
    "ceil": _identity_for_integers("ceil"),
    "round": _identity_for_integers("rint"),
    "trunc": _identity_for_integers("trunc"),
    "sign": _sign,
    "square": lambda x: x * x,
    "not": lambda x: ~x,
    "isnan": lambda x: x.isnan(),
    "isinf": _isinf,
    "isfinite": _isfinite,
}

_BINARY: dict[str, Operation] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": _div,
    "max": lambda a, b: a.apply("max", b),
    "min": lambda a, b: a.apply("min", b),
    "pow": _pow,
    "mod": _mod,
    "fmod": _fmod,
    "floordiv": _floordiv,
    "atan2": mathlib_wide.atan2,
    "and": _plain("and"),
    "or": _plain("or"),
    "xor": _plain("xor"),
    "shl": _plain("shl"),
    "shr": _plain("sar"),
    "copysign": copysign,
    "logaddexp": mathlib.logaddexp,
    **{p: _predicate(p) for p in ("lt", "le", "gt", "ge", "eq", "ne")},
}

# masks have no arithmetic: every operation on bool operands is a logical one
_MASK: dict[str, Operation] = {
    "copy": lambda x: x,
    "not": lambda x: ~x,
    "abs": lambda x: x,
    "relu": lambda x: x,
    "isnan": lambda x: x ^ x,
    "isinf": lambda x: x ^ x,
    "isfinite": lambda x: x | ~x,
    "add": lambda a, b: a | b,
    "max": lambda a, b: a | b,
    "or": lambda a, b: a | b,
    "mul": lambda a, b: a & b,
    "min": lambda a, b: a & b,
    "and": lambda a, b: a & b,
    "xor": lambda a, b: a ^ b,
    "ne": lambda a, b: a ^ b,
    "eq": lambda a, b: ~(a ^ b),
    "lt": lambda a, b: ~a & b,
    "gt": lambda a, b: a & ~b,
    "le": lambda a, b: ~a | b,
    "ge": lambda a, b: a | ~b,
}

_TERNARY: dict[str, Operation] = {"select": lambda c, a, b: c.select(a, b)}

OPERATIONS: dict[str, Operation] = {**_UNARY, **_BINARY, **_TERNARY}

# scalar form -> (elementwise operation, is the factor the first operand)
SCALAR_FORMS = {
    "adds": ("add", False),
    "subs": ("sub", False),
    "muls": ("mul", False),
    "divs": ("div", False),
    "maxs": ("max", False),
    "mins": ("min", False),
    "rsubs": ("sub", True),
    "rdivs": ("div", True),
    "pows": ("pow", False),
}

_COSTS = {
    "copy": 0, "div": 4, "rec": 4, "sqrt": 4, "rsqrt": 8, "pow": 60, "mod": 20, "fmod": 20,
    "floordiv": 20, "copysign": 3, "relu": 2, "max": 2, "min": 2, "exp": 22, "exp_nonpositive": 18,
    "logaddexp": 70,
}  # fmt: skip

_CHEAP = {
    "copy", "neg", "abs", "floor", "ceil", "round", "trunc", "square", "not", "isnan", "isinf",
    "isfinite", "add", "sub", "mul", "and", "or", "xor", "shl", "shr", "lt", "le", "gt", "ge",
    "eq", "ne", "select", "cast", "sign", "relu", "max", "min",
}  # fmt: skip


def cost(op: str) -> int:
    """Instructions, roughly."""
    return _COSTS.get(op, 1 if op in _CHEAP else 30)


def cast(value: Vec, dtype: str) -> Vec:
    """torch's conversion; small integers are reached through int32, so that they wrap."""
    if is_float(value.dtype) and dtype in ("int8", "int16", "uint8"):
        value = value.to("int32")
    return value.to(dtype)


def apply(op: str, operands: list[Vec]) -> Vec:
    """The operation on operands of one compute dtype and equal lanes."""
    if all(o.dtype == "bool" for o in operands) and op in _MASK:
        return _MASK[op](*operands)
    return OPERATIONS[op](*operands)
