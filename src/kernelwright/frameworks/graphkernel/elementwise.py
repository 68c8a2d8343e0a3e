"""Ops that work element by element. Shapes broadcast as in NumPy."""

from __future__ import annotations

from collections.abc import Mapping

from kernelwright.frameworks.graphkernel.call import Call, Complaint, Handler
from kernelwright.frameworks.graphkernel.complex_numbers import (
    ARITHMETIC,
    magnitude,
    times,
    whole,
)
from kernelwright.frameworks.graphkernel.info import COMPLEX
from kernelwright.frameworks.graphkernel.values import Complex, Value
from kernelwright.graph.core import Node, is_float

_UNARY: Mapping[str, str] = {
    "Exp": "exp",
    "Exp2": "exp2",
    "Expm1": "expm1",
    "Log": "log",
    "Log1p": "log1p",
    "Log2": "log2",
    "Sqrt": "sqrt",
    "Rsqrt": "rsqrt",
    "Reciprocal": "reciprocal",
    "Inv": "reciprocal",
    "Tanh": "tanh",
    "Sin": "sin",
    "Cos": "cos",
    "Tan": "tan",
    "Asin": "asin",
    "ASin": "asin",
    "Acos": "acos",
    "ACos": "acos",
    "Atan": "atan",
    "ATan": "atan",
    "Sinh": "sinh",
    "Cosh": "cosh",
    "Asinh": "asinh",
    "Acosh": "acosh",
    "Atanh": "atanh",
    "Erf": "erf",
    "Erfc": "erfc",
    "Sign": "sign",
    "Floor": "floor",
    "Ceil": "ceil",
    "Trunc": "trunc",
    "Rint": "round",
    "ReLU": "relu",
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "BitwiseNot": "bitwise_not",
}
_BINARY: Mapping[str, str] = {
    "Maximum": "maximum",
    "Minimum": "minimum",
    "Atan2": "atan2",
    "Pow": "pow",
    "FloorMod": "remainder",
    "Mod": "fmod",
    "FloorDiv": "floor_divide",
    "BitwiseAnd": "bitwise_and",
    "BitwiseOr": "bitwise_or",
    "BitwiseXor": "bitwise_xor",
}
_COMPARISONS: Mapping[str, str] = {
    "Greater": "gt",
    "GreaterEqual": "ge",
    "Less": "lt",
    "LessEqual": "le",
    "Equal": "eq",
    "NotEqual": "ne",
}
_ROUNDING = ("Floor", "Ceil", "Trunc", "Rint", "Round")
# Added so that nothing is zero: the smallest numbers of the two dtypes.
_MIN_VALUE = {"float32": 2.0**-126, "float16": 2.0**-24}


def _unary(op: str) -> Handler:
    def handler(c: Call) -> Value:
        x = c.plain(0)
        if c.op.name in _ROUNDING and not is_float(x.dtype):
            return x
        return c.b.make(op, [x])

    return handler


def _binary(op: str) -> Handler:
    def handler(c: Call) -> Value:
        c.expect(2)
        c.same_dtypes(0, 1)
        a, b = c.plain(0), c.plain(1)
        if not is_float(b.dtype) and op in ("remainder", "fmod", "floor_divide"):
            c.divides(b)
        if not is_float(b.dtype) and op == "pow":
            c.build.hold(b, 0, 4)
        return c.b.make(op, [a, b])

    return handler


def _folded(op: str) -> Handler:
    """Sums and products of two or more operands, from the left."""

    def handler(c: Call) -> Value:
        c.expect(2, max(2, len(c)))
        c.same_dtypes(*range(len(c)))
        total = c.value(0)
        for index in range(1, len(c)):
            total = _arithmetic(c, op, total, c.value(index))
        return total

    return handler


def _arithmetic(c: Call, op: str, a: Value, b: Value) -> Value:
    if isinstance(a, Complex) or isinstance(b, Complex):
        return ARITHMETIC[op](c.b, whole(c.b, a), whole(c.b, b))
    return c.b.make(op, [a, b])


def _division(c: Call) -> Value:
    """True division of floats; integers are cut towards zero."""
    c.expect(2)
    c.same_dtypes(0, 1)
    a, b = c.value(0), c.value(1)
    if isinstance(a, Complex) or isinstance(b, Complex):
        return _arithmetic(c, "div", a, b)
    if is_float(a.dtype):
        return c.b.div(a, b)
    c.divides(b)
    if is_float(c.out.dtype):
        a, b = (c.b.cast(x, dtype=c.out.dtype) for x in (a, b))
        return c.b.div(a, b)
    return c.b.floor_divide(c.b.sub(a, c.b.fmod(a, b)), b)


def _comparison(op: str) -> Handler:
    def handler(c: Call) -> Value:
        c.expect(2)
        c.same_dtypes(0, 1)
        return _declared(c, c.b.make(op, [c.plain(0), c.plain(1)]))

    return handler


def _logical(op: str, count: int) -> Handler:
    def handler(c: Call) -> Value:
        c.expect(count)
        operands = [truth(c, c.plain(i)) for i in range(count)]
        return _declared(c, c.b.make(op, operands))

    return handler


def _test(op: str) -> Handler:
    return lambda c: _declared(c, c.b.make(op, [c.plain(0)]))


def truth(c: Call, x: Node) -> Node:
    """``x`` as a bool: whether it is not zero."""
    return x if x.dtype == "bool" else c.b.ne(x, c.b.constant(0, x.dtype))


def _declared(c: Call, x: Node) -> Node:
    """A bool where the file wants a bool, 0 and 1 where it wants numbers."""
    return x if c.out.dtype == "bool" else c.b.cast(x, dtype=c.out.dtype)


def _select(c: Call) -> Value:
    c.expect(3)
    c.same_dtypes(1, 2)
    condition, a, b = truth(c, c.plain(0)), c.value(1), c.value(2)
    if isinstance(a, Complex) and isinstance(b, Complex):
        parts = zip((a.real, a.imag), (b.real, b.imag))
        return Complex(*(c.b.where(condition, x, y) for x, y in parts))
    return c.b.where(condition, a, b)


def _select_by(op: str) -> Handler:
    def handler(c: Call) -> Value:
        c.expect(4)
        c.same_dtypes(0, 1)
        c.same_dtypes(2, 3)
        return c.b.where(c.b.make(op, [c.plain(0), c.plain(1)]), c.plain(2), c.plain(3))

    return handler


def _cast(c: Call) -> Value:
    x, wanted = c.value(0), c.out.dtype
    if wanted in COMPLEX:
        return whole(c.b, x).each(lambda n: c.b.cast(n, dtype=COMPLEX[wanted]))
    if isinstance(x, Complex):
        raise Complaint("output_desc.data_type", f"a complex tensor is cast to {wanted}",
                        "take CReal or CImag of it")  # fmt: skip
    return x if x.dtype == wanted else c.b.cast(x, dtype=wanted)


def _neg(c: Call) -> Value:
    x = c.value(0)
    return x.each(c.b.neg) if isinstance(x, Complex) else c.b.neg(x)


def _abs(c: Call) -> Value:
    x = c.value(0)
    return magnitude(c.b, x) if isinstance(x, Complex) else c.b.abs(x)


def _square(c: Call) -> Value:
    x = c.value(0)
    return times(c.b, x, x) if isinstance(x, Complex) else c.b.square(x)


def _round(c: Call) -> Value:
    """Halves to even; an integer where the file declares one."""
    x = c.plain(0)
    rounded = c.b.round(x) if is_float(x.dtype) else x
    return rounded if rounded.dtype == c.out.dtype else c.b.cast(rounded, dtype=c.out.dtype)


def _filled(value: float) -> Handler:
    def handler(c: Call) -> Value:
        x = c.plain(0)
        return c.b.expand(c.b.constant(value, x.dtype), shape=x.shape)

    return handler


def _add_min_value(c: Call) -> Value:
    x = c.plain(0)
    if x.dtype not in _MIN_VALUE:
        raise Complaint("input_desc[0]", f"AddMinValue is for float16 and float32, not {x.dtype}")
    return c.b.add(x, c.b.constant(_MIN_VALUE[x.dtype], x.dtype))


def _fast_gelu(c: Call) -> Value:
    """x * sigmoid(1.702 x)."""
    x = c.plain(0)
    return c.b.mul(x, c.b.sigmoid(c.b.mul(x, c.b.constant(1.702, x.dtype))))


def _gelu(c: Call) -> Value:
    return c.b.gelu(c.plain(0), approximate="tanh")


def _silu(c: Call) -> Value:
    x = c.plain(0)
    return c.b.mul(x, c.b.sigmoid(x))


OPS: Mapping[str, Handler] = {
    **{name: _unary(op) for name, op in _UNARY.items()},
    **{name: _binary(op) for name, op in _BINARY.items()},
    **{name: _comparison(op) for name, op in _COMPARISONS.items()},
    **{name: _folded(op) for name, op in
       {"Add": "add", "TensorAdd": "add", "AddN": "add", "Mul": "mul", "Sub": "sub"}.items()},
    **{name: _test(op) for name, op in
       {"IsNan": "isnan", "IsInf": "isinf", "IsFinite": "isfinite"}.items()},
    **{f"Select{name}": _select_by(op) for name, op in
       {"GT": "gt", "GE": "ge", "LT": "lt", "LE": "le"}.items()},
    "Div": _division,
    "RealDiv": _division,
    "LogicalAnd": _logical("logical_and", 2),
    "LogicalOr": _logical("logical_or", 2),
    "LogicalXor": _logical("logical_xor", 2),
    "LogicalNot": _logical("logical_not", 1),
    "Select": _select,
    "Cast": _cast,
    "Neg": _neg,
    "Abs": _abs,
    "Square": _square,
    "Round": _round,
    "ZerosLike": _filled(0),
    "OnesLike": _filled(1),
    "AddMinValue": _add_min_value,
    "FastGeLU": _fast_gelu,
    "GeLU": _gelu,
    "Gelu": _gelu,
    "SiLU": _silu,
}  # fmt: skip
