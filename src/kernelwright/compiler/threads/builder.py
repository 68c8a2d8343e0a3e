"""The loop IR's builder for a GPU: what has no instruction there is made of others."""

from __future__ import annotations

from math import pi
from typing import Any

from kernelwright.compiler.loops.builder import Builder
from kernelwright.compiler.loops.ir import Value, VectorType
from kernelwright.compiler.loops.mathlib import sine_cosine
from kernelwright.compiler.loops.vec import Vec, copysign, fma
from kernelwright.errors import UnsupportedError

_TURNS = ("sin", "cos", "tan")
# 2 / pi in pieces of 24 bits, the first with the weight 2**-24.
_TWO_OVER_PI = (0xA2F983, 0x6E4E44, 0x1529FC, 0x2757D1, 0xF534DD, 0xC0DB62, 0x95993C, 0x439041,
                0xFE5163)  # fmt: skip
# Binary digits that one step of a remainder takes away: few enough for an exact quotient.
_STEP = 50
_QUOTIENT = 300  # the largest quotient of two float32 numbers is below 2**277


class ThreadBuilder(Builder):
    """See ``loops.builder``."""

    def op(
        self,
        op: str,
        /,
        *args: Value,
        type: VectorType | None = None,
        hoist: bool = False,
        **attrs: Any,
    ) -> Value:
        if op == "rem" and args[0].type.dtype == "float32":
            return remainder(Vec(self, args[0]), Vec(self, args[1])).value
        if op == "rem" and args[0].type.dtype == "float64":
            raise UnsupportedError("remainders of float64 numbers have no form for a GPU")
        if op == "libm" and args[0].type.dtype == "float32" and attrs["function"] in _TURNS:
            return _of_large(Vec(self, args[0]), attrs["function"]).value
        return super().op(op, *args, type=type, hoist=hoist, **attrs)


def remainder(a: Vec, b: Vec) -> Vec:
    """C's fmod of float32 numbers, exact: schoolbook division in float64, some digits a step."""
    rest, divisor = a.to("float64").abs(), b.to("float64").abs()
    for digits in range(_QUOTIENT - _STEP, -1, -_STEP):
        scaled = divisor * 2.0**digits
        quotient = (rest / scaled).apply("trunc")
        left = fma(-quotient, scaled, rest)
        left = (left < 0.0).select(left + scaled, left)
        rest = (rest < scaled).select(rest, left)
    exact = copysign(rest.to("float32"), a)
    return b.abs().equals(float("inf")).select((a - a).equals(0.0).select(a, a - a), exact)


def _of_large(x: Vec, function: str) -> Vec:
    """sin, cos or tan of float32 numbers of any size.

    x times 2/pi, piece by piece: a product of 24 by 24 bits is exact in float64, and so is what is
    left of it when multiples of four quarter turns are taken away (Payne and Hanek, "Radian
    reduction for trigonometric functions", 1983).
    """
    wide = x.to("float64")
    total, lost = wide.const(0.0), wide.const(0.0)
    for number, piece in enumerate(_TWO_OVER_PI):
        product = wide * (piece * 2.0 ** (-24 * (number + 1)))
        rest = fma((product * 0.25).apply("rint"), -4.0, product)
        both = total + rest  # and what the sum rounds off (Knuth's two-sum)
        back = both - total
        lost = lost + ((total - (both - back)) + (rest - back))
        total = both
    quarter = total.apply("rint")
    r = ((total - quarter) + lost) * (pi / 2)
    sine, cosine = sine_cosine(r)
    turn = quarter.to("int32")
    if function == "cos":
        turn = turn + 1
    even = (turn & 1).equals(0)
    if function == "tan":
        return (even.select(sine, -cosine) / even.select(cosine, sine)).to("float32")
    value = even.select(sine, cosine)
    return (turn & 2).equals(0).select(value, -value).to("float32")
