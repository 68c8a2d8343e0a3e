"""float64 exponentials, logarithms and what is made of them: the float32 methods, longer series.

Coefficients: interpolation at Chebyshev's points, in 60 digits.
"""

from __future__ import annotations

from collections.abc import Sequence


def _horner(name: str, of: str, coefficients: Sequence[float]) -> str:
    """Lines that compute the polynomial, its constant coefficient first in ``coefficients``."""
    highest, second, *rest = reversed(coefficients)
    lines = [f"    {name} = {of} * {highest!r} + {second!r}"]
    return "\n".join(lines + [f"    {name} = {name} * {of} + {c!r}" for c in rest])


# (e**r - 1 - r) / r**2 for |r| <= 0.35, off by 2**-60.
_EXPM1 = (
    0.5,
    0.1666666666666667,
    0.04166666666666667,
    0.008333333333325551,
    0.0013888888888883332,
    0.00019841269876840357,
    2.480158732699005e-05,
    2.755725286336732e-06,
    2.755727183153613e-07,
    2.5106262550879078e-08,
    2.0915433598076003e-09,
)

# (log(1 + f) - f) / f**2 for -1/4 <= f <= 1/2, off by 2**-57.
_LOG1P = (
    -0.5,
    0.33333333333333304,
    -0.25000000000000977,
    0.2000000000001956,
    -0.16666666666415234,
    0.142857142818774,
    -0.12500000021551733,
    0.11111111456324255,
    -0.09999999398402744,
    0.09090892824759697,
    -0.08333322326707127,
    0.07692715826526243,
    -0.07143886072817202,
    0.06661910466085627,
    -0.062268648401621086,
    0.05886248597008304,
    -0.05758217924727411,
    0.056544328388157955,
    -0.04774183553310944,
    0.02738880962002591,
    -0.0074517766465232015,
)

# The same for 0 <= f <= 1, off by 2**-54.
_LOG1P_UNIT = (
    -0.5,
    0.33333333333332466,
    -0.2499999999987205,
    0.1999999999247163,
    -0.1666666643097834,
    0.14285709745445543,
    -0.12499941281507687,
    0.11110571142855806,
    -0.09996324347550137,
    0.09071835292534261,
    -0.0825618541627825,
    0.07444817019942226,
    -0.06504010366036855,
    0.053223522460321214,
    -0.03912505115233944,
    0.024682950191684934,
    -0.012732150528247672,
    0.005081090478548994,
    -0.0014569248473329174,
    0.000265295970542531,
    -2.2938856818471438e-05,
)

TEXTS: tuple[str, ...] = (
    """
@triton.jit
def _rcp_64(x):
    # float64: 1 / x within two units, for normal x whose reciprocal is normal.
    if INTERPRETED:
        return 1.0 / x
    else:
        r = tl.inline_asm_elementwise(
            "rcp.approx.ftz.f64 $0, $1;", "=d,d", [x], dtype=tl.float64, is_pure=True, pack=1
        )
        e = 1.0 - x * r
        r = r + r * e
        return r + r * (1.0 - x * r)
""",
    """
@triton.jit
def _power_of_two_64(n):
    # float64: 2**n for -1022 <= n <= 1023.
    return ((n + 1023).to(tl.int64) << 52).to(tl.float64, bitcast=True)
""",
    """
@triton.jit
def _reduced_64(x):
    # float64: n = x / ln(2) rounded, as int32; r = x - n ln(2).
    j = x * 1.4426950408889634 + 6755399441055744.0
    n = j - 6755399441055744.0
    r = (x - n * 0.6931471803691238) - n * 1.9082149292705877e-10
    return j.to(tl.int64, bitcast=True).to(tl.int32), r
""",
    f"""
@triton.jit
def _exp_64(x):
    # float64. The power of two in two factors, for results below the normal range.
    n, r = _reduced_64(x)
{_horner("p", "r", _EXPM1)}
    y = (r * r * p + r) + 1.0
    half = n >> 1
    y = y * _power_of_two_64(half) * _power_of_two_64(n - half)
    y = tl.where(x < -746.0, 0.0, y)
    return tl.where(x > 709.782712893384, float("inf"), y)
""",
    f"""
@triton.jit
def _expm1_64(x):
    # float64. 2 (2**(n-1) (e**r - 1) + (2**(n-1) - 1/2)).
    n, r = _reduced_64(x)
{_horner("p", "r", _EXPM1)}
    half = _power_of_two_64(n - 1)
    y = 2.0 * (half * (r * r * p + r) + (half - 0.5))
    y = tl.where(x < -40.0, -1.0, y)
    return tl.where(x > 709.782712893384, float("inf"), y)
""",
    f"""
@triton.jit
def _log1p_64(x):
    # float64.
    u = x + 1.0
    t = tl.sub(u.to(tl.int64, bitcast=True), 0x3FE8000000000000, sanitize_overflow=False)
    t = t & -4503599627370496
    m = tl.sub(x.to(tl.int64, bitcast=True), t, sanitize_overflow=False)
    four = tl.sub(0x4010000000000000, t, sanitize_overflow=False).to(tl.float64, bitcast=True)
    f = (four * 0.25 - 1.0) + m.to(tl.float64, bitcast=True)
    n = (t >> 52).to(tl.int32).to(tl.float64)
{_horner("p", "f", _LOG1P)}
    y = n * 0.6931471803691238 + (f + (f * f * p + n * 1.9082149292705877e-10))
    beyond = tl.where(u > 0, u, tl.where(u == 0, float("-inf"), float("nan")))
    return tl.where((u > 0) & (u < float("inf")), y, beyond)
""",
    f"""
@triton.jit
def _log1p_unit_64(x):
    # float64: log(1 + x) for 0 <= x <= 1.
{_horner("p", "x", _LOG1P_UNIT)}
    return x * x * p + x
""",
    """
@triton.jit
def _softplus_64(x):
    # float64: log(1 + exp(x)); infinite where exp(x) is.
    y = tl.where(x > 0, x, 0.0) + _log1p_unit_64(_exp_64(-tl.abs(x)))
    return tl.where(x > 709.782712893384, float("inf"), y)
""",
    """
@triton.jit
def _softplus_below_64(x):
    # float64: log(1 + exp(x)) for x <= 0.
    return _log1p_unit_64(_exp_64(x))
""",
    """
@triton.jit
def _sigmoid_64(x):
    # float64. By exp(-|x|), so that nothing overflows.
    e = _exp_64(-tl.abs(x))
    r = _rcp_64(1.0 + e)
    return tl.where(x < 0, e * r, r)
""",
    """
@triton.jit
def _tanh_64(x):
    # float64.
    e = _expm1_64(-2.0 * tl.abs(x))
    y = -e * _rcp_64(e + 2.0)
    return tl.where(x < 0, -y, y)
""",
    """
@triton.jit
def _logaddexp_64(a, b):
    # float64. log(exp(a) + exp(b)) by the larger one; equal infinities have no difference.
    d = tl.where(a == b, 0.0, -tl.abs(a - b))
    return _max(a, b) + _softplus_below_64(d)
""",
)
