"""``Vec``: loop IR values with Python's operators, so that formulas read as formulas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernelwright.compiler.loops.builder import Builder
from kernelwright.compiler.loops.ir import Value, VectorType


@dataclass(frozen=True, eq=False)
class Vec:
    """A value and the builder to append to. Python numbers become constants of the same type."""

    b: Builder
    value: Value

    @property
    def dtype(self) -> str:
        return self.value.type.dtype

    @property
    def lanes(self) -> int:
        return self.value.type.lanes

    def const(self, value: float | int | bool, dtype: str | None = None) -> Vec:
        return Vec(self.b, self.b.const(value, dtype or self.dtype, self.lanes))

    def lift(self, other: Vec | float | int | bool) -> Vec:
        return other if isinstance(other, Vec) else self.const(other)

    def apply(self, op: str, *others: Vec | float | int | bool) -> Vec:
        args = [self.value, *(self.lift(o).value for o in others)]
        return Vec(self.b, self.b.op(op, *args))

    def __add__(self, other: Vec | float) -> Vec:
        return self.apply("add", other)

    def __sub__(self, other: Vec | float) -> Vec:
        return self.apply("sub", other)

    def __rsub__(self, other: float) -> Vec:
        return self.const(other).apply("sub", self)

    def __mul__(self, other: Vec | float) -> Vec:
        return self.apply("mul", other)

    __radd__ = __add__
    __rmul__ = __mul__

    def __truediv__(self, other: Vec | float) -> Vec:
        return self.apply("div", other)

    def __rtruediv__(self, other: float) -> Vec:
        return self.const(other).apply("div", self)

    def __neg__(self) -> Vec:
        return self.apply("neg")

    def __and__(self, other: Vec | int | bool) -> Vec:
        return self.apply("and", other)

    def __or__(self, other: Vec | int | bool) -> Vec:
        return self.apply("or", other)

    def __xor__(self, other: Vec | int | bool) -> Vec:
        return self.apply("xor", other)

    def __invert__(self) -> Vec:
        return self.apply("not")

    def __lshift__(self, other: Vec | int) -> Vec:
        return self.apply("shl", other)

    def __rshift__(self, other: Vec | int) -> Vec:
        """Arithmetic."""
        return self.apply("sar", other)

    def abs(self) -> Vec:
        return self.apply("abs")

    def compare(self, predicate: str, other: Vec | float | int) -> Vec:
        result = VectorType("bool", self.lanes)
        args = (self.value, self.lift(other).value)
        return Vec(self.b, self.b.op("cmp", *args, type=result, predicate=predicate))

    def __lt__(self, other: Vec | float) -> Vec:
        return self.compare("lt", other)

    def __le__(self, other: Vec | float) -> Vec:
        return self.compare("le", other)

    def __gt__(self, other: Vec | float) -> Vec:
        return self.compare("gt", other)

    def __ge__(self, other: Vec | float) -> Vec:
        return self.compare("ge", other)

    def equals(self, other: Vec | float | int) -> Vec:
        return self.compare("eq", other)

    def differs(self, other: Vec | float | int) -> Vec:
        return self.compare("ne", other)

    def isnan(self) -> Vec:
        return self.differs(self)

    def select(self, a: Vec | float | int | bool, b: Vec | float | int | bool) -> Vec:
        """This mask's ``a`` where true, else ``b``; at least one of them is a Vec."""
        a = a if isinstance(a, Vec) else b.lift(a)  # type: ignore[union-attr]
        return Vec(self.b, self.b.op("select", self.value, a.value, a.lift(b).value, type=a.type))

    @property
    def type(self) -> VectorType:
        return self.value.type

    def to(self, dtype: str) -> Vec:
        if dtype == self.dtype:
            return self
        return Vec(self.b, self.b.op("convert", self.value, type=VectorType(dtype, self.lanes)))

    def bits(self, dtype: str) -> Vec:
        return Vec(self.b, self.b.op("bitcast", self.value, type=VectorType(dtype, self.lanes)))

    def libm(self, function: str, *others: Vec) -> Vec:
        args = (self.value, *(o.value for o in others))
        return Vec(self.b, self.b.op("libm", *args, function=function))


def fma(a: Vec, b: Vec | float, c: Vec | float) -> Vec:
    return a.apply("fma", b, c)


def horner(x: Vec, coefficients: Sequence[float]) -> Vec:
    """The polynomial with the highest power's coefficient first."""
    total = x.const(coefficients[0])
    for coefficient in coefficients[1:]:
        total = fma(total, x, coefficient)
    return total


def copysign(magnitude: Vec, sign: Vec) -> Vec:
    """``magnitude``'s absolute value with ``sign``'s sign bit."""
    integer = "int32" if magnitude.dtype == "float32" else "int64"
    top = -(2**31) if integer == "int32" else -(2**63)
    body = magnitude.bits(integer) & ~top
    return (body | (sign.bits(integer) & top)).bits(magnitude.dtype)
