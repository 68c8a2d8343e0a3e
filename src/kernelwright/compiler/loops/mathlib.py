"""exp, log, tanh, ... as loop IR primitives, for float32 and float64 vectors.

Everything is branch-free arithmetic on whole vectors, right at infinities, NaN, overflow and down
to subnormal results. Sources of the polynomials are named where they stand; the tests hold every
function of float32 to 2 ulp (3 for tan) of the exact value. Rounding to an integer adds and
subtracts 1.5 * 2**p, because a float-to-integer conversion of NaN is undefined on some targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial, inf, log, log2, nan, pi

from kernelwright.compiler.loops.vec import Vec, copysign, fma, horner

LN2 = log(2.0)
LOG2_E = log2(2.718281828459045)


@dataclass(frozen=True)
class _Format:
    """Constants of one float format. ``exp``: highest first, of (e**r - 1 - r) / r**2."""

    integer: str
    mantissa: int
    bias: int
    ln2_high: float  # few enough bits for n * ln2_high to be exact
    ln2_low: float
    exp: tuple[float, ...]
    lowest: float  # e**lowest rounds to zero
    highest: float  # e**highest overflows

    @property
    def magic(self) -> float:
        return 1.5 * 2.0**self.mantissa


_FORMATS = {
    # ln 2 split and exp polynomial: Cephes expf.c
    "float32": _Format(
        "int32", 23, 127, 0.693359375, -2.12194440e-4,
        (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
         5.0000001201e-1),
        -104.0, 89.0,
    ),
    # ln 2 split: fdlibm e_exp.c; Taylor series to r**13, truncation below 5e-18 on |r| <= ln2/2
    "float64": _Format(
        "int64", 52, 1023, 6.93147180369123816490e-01, 1.90821492927058770002e-10,
        tuple(1.0 / factorial(k) for k in range(13, 1, -1)),
        -746.0, 710.0,
    ),
}  # fmt: skip


def _clamp(x: Vec, low: float | None, high: float | None) -> Vec:
    """Clamped, NaN stays NaN."""
    if low is not None:
        x = (x < low).select(low, x)
    if high is not None:
        x = (x > high).select(high, x)
    return x


def _reduce_exp(x: Vec) -> tuple[Vec, Vec]:
    """(n, r) with x = n ln 2 + r, |r| <= ln2/2; n as the bits of n + magic."""
    f = _FORMATS[x.dtype]
    shifted = fma(x, LOG2_E, f.magic)
    n = shifted - f.magic
    r = fma(n, -f.ln2_low, fma(n, -f.ln2_high, x))
    return shifted.bits(f.integer), r


def _exp_tail(r: Vec) -> Vec:
    """e**r - 1 on |r| <= ln2/2."""
    return fma(horner(r, _FORMATS[r.dtype].exp), r * r, r)


def _integer(shifted: Vec, dtype: str, offset: int = 0) -> Vec:
    """n + offset, as an integer vector, from the bits of n + magic."""
    f = _FORMATS[dtype]
    magic = 3 << (f.mantissa - 1)  # the bits of 1.5 * 2**mantissa, exponent field aside
    magic += (f.bias + f.mantissa - 1) << f.mantissa
    return shifted - (magic - offset)


def _power_of_two(shifted: Vec, dtype: str, offset: int = 0) -> Vec:
    """2**(n + offset), which must be a normal number, from the bits of n + magic."""
    f = _FORMATS[dtype]
    return (_integer(shifted, dtype, f.bias + offset) << f.mantissa).bits(dtype)


def _scale(y: Vec, shifted: Vec) -> Vec:
    """y * 2**n, also when 2**n itself overflows or underflows: in two steps."""
    f = _FORMATS[y.dtype]
    n = _integer(shifted, y.dtype)
    half = n >> 1
    for part in (half, n - half):
        y = y * ((part + f.bias) << f.mantissa).bits(y.dtype)
    return y


def exp(x: Vec) -> Vec:
    f = _FORMATS[x.dtype]
    n, r = _reduce_exp(_clamp(x, f.lowest, f.highest))
    return _scale(_exp_tail(r) + 1.0, n)


def exp_nonpositive(x: Vec) -> Vec:
    """exp for x <= 0 or NaN: one scaling step instead of two."""
    f = _FORMATS[x.dtype]
    n, r = _reduce_exp(_clamp(x, f.lowest, None))
    lift = f.mantissa + 1  # keeps 2**(n + lift) normal
    return (_exp_tail(r) + 1.0) * _power_of_two(n, x.dtype, lift) * 2.0**-lift


def exp2(x: Vec) -> Vec:
    f = _FORMATS[x.dtype]
    x = _clamp(x, float(-f.bias - f.mantissa - 3), float(f.bias + 2))
    shifted = x + f.magic
    r = (x - (shifted - f.magic)) * LN2
    return _scale(_exp_tail(r) + 1.0, shifted.bits(f.integer))


def expm1(x: Vec) -> Vec:
    """2**n (e**r - 1) + (2**n - 1); at n = bias + 1 half of it, doubled at the end."""
    f = _FORMATS[x.dtype]
    clamped = _clamp(x, -2.0 * f.mantissa, f.highest)
    n, r = _reduce_exp(clamped)
    power = _power_of_two(n, x.dtype, -1)
    half = fma(_exp_tail(r), power, power - 0.5)
    # n = 0: the sum would round twice for tiny x, and lose the sign of zero
    return _integer(n, x.dtype).equals(0).select(_exp_tail(r), half + half)


def _expm1_nonpositive(x: Vec) -> Vec:
    n, r = _reduce_exp(_clamp(x, -2.0 * _FORMATS[x.dtype].mantissa, None))
    power = _power_of_two(n, x.dtype)
    return fma(_exp_tail(r), power, power - 1.0)


# log(m) on [sqrt(1/2), sqrt(2)): Cephes logf.c; fdlibm e_log.c
_LOGF = (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
         -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)  # fmt: skip
_LG = (1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01,
       2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01,
       6.666666666666735130e-01)  # fmt: skip


def _log_parts(x: Vec) -> tuple[Vec, Vec]:
    """(e, log m) with x = 2**e m for finite x > 0; e as a float vector."""
    f = _FORMATS[x.dtype]
    tiny = x < 2.0 ** (1 - f.bias)
    x = tiny.select(x * 2.0**f.mantissa, x)
    bits = x.bits(f.integer)
    root = x.const(0.5**0.5).bits(f.integer)
    e = (bits - root) >> f.mantissa
    m = (bits - (e << f.mantissa)).bits(x.dtype) - 1.0
    exponent = e.to(x.dtype)
    exponent = tiny.select(exponent - float(f.mantissa), exponent)
    if x.dtype == "float32":
        square = m * m
        low = fma(horner(m, _LOGF) * m, square, square * -0.5)
        return exponent, m + low
    s = m / (m + 2.0)
    z = s * s
    half = m * m * 0.5
    return exponent, m - (half - s * (half + z * horner(z, _LG)))


def _log_special(x: Vec, value: Vec) -> Vec:
    value = x.equals(inf).select(inf, value)
    value = x.equals(0.0).select(-inf, value)
    return (x >= 0.0).select(value, nan)


def log_(x: Vec) -> Vec:
    f = _FORMATS[x.dtype]
    e, m = _log_parts(x)
    return _log_special(x, fma(e, f.ln2_high, fma(e, f.ln2_low, m)))


def log2_(x: Vec) -> Vec:
    e, m = _log_parts(x)
    high = 1.4426950216293335 if x.dtype == "float32" else LOG2_E
    low = 1.925963033500e-8 if x.dtype == "float32" else 2.0355273740931033e-17
    return _log_special(x, fma(m, high, fma(m, low, e)))


def log10(x: Vec) -> Vec:
    e, m = _log_parts(x)
    # log10(2) = 0x1.344p-2 (few bits, so e * high is exact) + low; Cephes log10f.c
    return _log_special(
        x, fma(e, 0.30078125, fma(m, 0.4342944819032518, e * 2.4874566398119521e-4))
    )


def log1p(x: Vec) -> Vec:
    """log(u) + c / u with u = fl(1 + x) and c = x - (u - 1), the part that 1 + x lost."""
    u = x + 1.0
    lost = (x - (u - 1.0)) / u
    value = log_(u) + lost
    value = (u.equals(inf) | u.equals(0.0)).select(log_(u), value)
    return x.equals(0.0).select(x, value)  # the sign of zero


def logaddexp(a: Vec, b: Vec) -> Vec:
    """log(exp(a) + exp(b)) by the larger one; equal infinities would give NaN, so they are passed
    through, and NaN of either operand comes out."""
    top, low = a.apply("max", b), a.apply("min", b)
    total = top + log1p(exp_nonpositive(low - top))
    return (a.equals(b) & a.abs().equals(inf)).select(a, total)


def sigmoid(x: Vec) -> Vec:
    """1 / (1 + e**-x) through e**-|x|, so nothing overflows and small results keep their bits."""
    e = exp_nonpositive(-x.abs())
    return (x < 0.0).select(e, 1.0) / (e + 1.0)


def tanh(x: Vec) -> Vec:
    """With t = expm1(-2 |x|): -t / (t + 2) below 1, else 1 - 2 (t + 1) / (t + 2); fdlibm s_tanh.c
    splits in the same way."""
    size = x.abs()
    t = _expm1_nonpositive(size * -2.0)
    small = size < 1.0
    quotient = small.select(-t, (t + 1.0) * 2.0) / (t + 2.0)
    return copysign(small.select(quotient, 1.0 - quotient), x)


# erf in float32: x * (1 / 3.92 + P(x^2) / Q(x^2)), a rational minimax fit of what is left of
# erf(x) / x, to 1.9e-8 of that. Where erf is nearly 1, the fit is nearly 0 and so is its rounding.
_ERF_END = 3.92  # erf rounds to 1 from there on, and so does the formula at its end
_ERF_P = (-7.667204044992104e-06, -1.1682502190524247e-05, -5.305684680934064e-05,
          0.023639265447854996, 0.062325917184352875, 0.8732771277427673)  # fmt: skip
_ERF_Q = (3.8091802707640454e-05, 0.001162538188509643, 0.014969230629503727, 0.11410916596651077,
          0.5020761489868164, 1.0)  # fmt: skip


def erf(x: Vec) -> Vec:
    """float32: within 3.1 units in the last place."""
    if x.dtype == "float64":
        return x.libm("erf")
    t = _clamp(x, -_ERF_END, _ERF_END)
    s = t * t
    return fma(t, 1 / _ERF_END, t * (horner(s, _ERF_P) / horner(s, _ERF_Q)))


# sin and cos on |r| <= pi/4: Cephes sinf.c; fdlibm k_sin.c, k_cos.c. pi/2 in 33-bit parts: fdlibm
# e_rem_pio2.c
_SIN = {
    "float32": (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1),
    "float64": (1.58969099521155010221e-10, -2.50507602534068634195e-08,
                2.75573137070700676789e-06, -1.98412698298579493134e-04,
                8.33333333332248946124e-03, -1.66666666666666324348e-01),
}  # fmt: skip
_COS = {
    "float32": (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2),
    "float64": (-1.13596475577881948265e-11, 2.08757232129817482790e-09,
                -2.75573143513906633035e-07, 2.48015872894767294178e-05,
                -1.38888888888741095749e-03, 4.16666666666666019037e-02),
}  # fmt: skip
_PIO2 = (1.57079632673412561417, 6.07710050630396597660e-11, 2.02226624879595063154e-21)
# The same for float32 (Cody and Waite 1980): the products of the first two, of eight bits, with a
# quotient below TRIG_LIMIT are exact; with fused multiplication r is good to its last bit.
_PIO2_SHORT = (1.5703125, 0.0004825592041015625, 1.2675908465098473e-06, -5.1453114636784356e-14)
TRIG_LIMIT = 1.0e5  # beyond it libm takes over


def _sin_cos(x: Vec) -> tuple[Vec, Vec, Vec]:
    """(sin r, cos r, quadrant) with x = quadrant * pi/2 + r."""
    magic = _FORMATS[x.dtype].magic
    shifted = fma(x, 2.0 / pi, magic)
    n, r = shifted - magic, x
    for part in _PIO2_SHORT if x.dtype == "float32" else _PIO2:
        r = fma(n, -part, r)
    quadrant = shifted.bits("int32" if x.dtype == "float32" else "int64")
    return *sine_cosine(r), quadrant


def sine_cosine(r: Vec) -> tuple[Vec, Vec]:
    """Of |r| <= pi/4."""
    x, z = r, r * r
    sine = fma(horner(z, _SIN[x.dtype]) * z, r, r)
    cosine = fma(horner(z, _COS[x.dtype]) * z, z, fma(z, -0.5, 1.0))
    return sine, cosine


def _quadrant(sine: Vec, cosine: Vec, quadrant: Vec) -> Vec:
    value = (quadrant & 1).equals(0).select(sine, cosine)
    return (quadrant & 2).equals(0).select(value, -value)


def _beyond(x: Vec, value: Vec, function: str) -> Vec:
    far = x.abs() > TRIG_LIMIT
    slow = Vec(x.b, x.b.rare(far.value, value.value, lambda: x.libm(function).value))
    return slow


# float32: (sin r - r) / r^3 on |r| <= pi/2, minimax in r^2; relative error of sin r: 6.1e-9
_SIN_HALF_TURN = (2.6056311526190257e-06, -1.980953966267407e-4, 8.333065547049046e-3,
                  -0.16666659712791443)  # fmt: skip


def _half_turns(x: Vec, ahead: float) -> Vec:
    """sin(x + ahead * pi) in float32: one polynomial on a half turn, and a sign."""
    magic = _FORMATS["float32"].magic
    turns = fma(x, 1.0 / pi, ahead) if ahead else x * (1.0 / pi)
    shifted = turns + magic
    n = shifted - magic
    if ahead:
        n = n - ahead
    r = x
    for part in _PIO2_SHORT:
        r = fma(n, -2.0 * part, r)
    z = r * r
    sine = fma(horner(z, _SIN_HALF_TURN) * z, r, r)
    return (sine.bits("int32") ^ (shifted.bits("int32") << 31)).bits("float32")


def sin(x: Vec) -> Vec:
    if x.dtype == "float32":
        return _beyond(x, _half_turns(x, 0.0), "sin")
    return _beyond(x, _quadrant(*_sin_cos(x)), "sin")


def cos(x: Vec) -> Vec:
    if x.dtype == "float32":
        return _beyond(x, _half_turns(x, 0.5), "cos")
    sine, cosine, quadrant = _sin_cos(x)
    return _beyond(x, _quadrant(sine, cosine, quadrant + 1), "cos")


def tan(x: Vec) -> Vec:
    sine, cosine, quadrant = _sin_cos(x)
    even = (quadrant & 1).equals(0)
    return _beyond(x, even.select(sine, -cosine) / even.select(cosine, sine), "tan")
