"""Rarer functions: float32 through float64 arithmetic (one rounding remains), float64 by libm."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan, pi

from kernelwright.compiler.loops.mathlib import exp, expm1, log1p, log_
from kernelwright.compiler.loops.vec import Vec, copysign, fma, horner

# atan on [0, 0.66]: Cephes atan.c (double precision)
_ATAN_P = (-8.750608600031904122785e-1, -1.615753718733365076637e1, -7.500855792314704667340e1,
           -1.228866684490136173410e2, -6.485021904942025371773e1)  # fmt: skip
_ATAN_Q = (1.0, 2.485846490142306297962e1, 1.650270098316988542046e2, 4.328810604912902668951e2,
           4.853903996359136964868e2, 1.945506571482613964425e2)  # fmt: skip


def through_float64(libm_name: str) -> Callable[..., Callable[..., Vec]]:
    """Decorator: float32 operands are widened and the result is narrowed; float64 calls libm."""

    def decorate(function: Callable[..., Vec]) -> Callable[..., Vec]:
        def call(x: Vec, *others: Vec) -> Vec:
            if x.dtype == "float64":
                return x.libm(libm_name, *others)
            return function(x.to("float64"), *(o.to("float64") for o in others)).to(x.dtype)

        return call

    return decorate


def _atan_unit(x: Vec) -> Vec:
    """atan on [0, 1]: above 0.66 through atan((x - 1) / (x + 1)) + pi/4."""
    high = x > 0.66
    t = high.select((x - 1.0) / (x + 1.0), x)
    z = t * t
    value = fma(z * horner(z, _ATAN_P) / horner(z, _ATAN_Q), t, t)
    return high.select(value + pi / 4, value)


def _atan2(y: Vec, x: Vec) -> Vec:
    ax, ay = x.abs(), y.abs()
    steep = ay > ax
    big, small = steep.select(ay, ax), steep.select(ax, ay)
    ratio = small / big
    ratio = big.equals(0.0).select(0.0, ratio)
    ratio = small.equals(inf).select(1.0, ratio)
    angle = _atan_unit(ratio)
    angle = steep.select(pi / 2 - angle, angle)
    left = x.bits("int64") < 0  # also -0.0
    angle = left.select(pi - angle, angle)
    return (x.isnan() | y.isnan()).select(nan, copysign(angle, y))


atan2 = through_float64("atan2")(_atan2)


@through_float64("atan")
def atan(x: Vec) -> Vec:
    return _atan2(x, x.const(1.0))


@through_float64("asin")
def asin(x: Vec) -> Vec:
    return _atan2(x, ((1.0 - x) * (1.0 + x)).apply("sqrt"))


@through_float64("acos")
def acos(x: Vec) -> Vec:
    return _atan2(((1.0 - x) * (1.0 + x)).apply("sqrt"), x)


@through_float64("sinh")
def sinh(x: Vec) -> Vec:
    t = expm1(x.abs())
    value = (t + t / (t + 1.0)) * 0.5
    return copysign(t.equals(inf).select(inf, value), x)


@through_float64("cosh")
def cosh(x: Vec) -> Vec:
    e = exp(x.abs())
    return (e + 1.0 / e) * 0.5


@through_float64("asinh")
def asinh(x: Vec) -> Vec:
    """log1p(a + a**2 / (1 + sqrt(a**2 + 1))); float32 squared cannot overflow float64."""
    a = x.abs()
    square = a * a
    value = log1p(a + square / ((square + 1.0).apply("sqrt") + 1.0))
    return copysign(a.equals(inf).select(inf, value), x)


@through_float64("acosh")
def acosh(x: Vec) -> Vec:
    t = x - 1.0
    value = log1p(t + (t * (x + 1.0)).apply("sqrt"))
    return (x < 1.0).select(nan, value)


@through_float64("atanh")
def atanh(x: Vec) -> Vec:
    a = x.abs()
    return copysign(log1p((a + a) / (1.0 - a)) * 0.5, x)


def _pow(x: Vec, y: Vec) -> Vec:
    value = exp(y * log_(x.abs()))
    whole = y.apply("trunc").equals(y)
    odd = whole & (y * 0.5).apply("trunc").differs(y * 0.5)
    negative = x.bits("int64") < 0
    value = (negative & odd).select(-value, value)
    invalid = (x < 0.0) & ~whole & x.abs().differs(inf)
    value = invalid.select(nan, value)
    one = y.equals(0.0) | x.equals(1.0) | (x.equals(-1.0) & y.abs().equals(inf))
    return one.select(1.0, value)


pow_ = through_float64("pow")(_pow)
