"""float32 powers. The logarithm's rounding is multiplied by the exponent, so it is in float64, of
which a GPU for computing has half as much as of float32."""

from __future__ import annotations

TEXTS: tuple[str, ...] = (
    """
@triton.jit
def _log2_wide(a):
    # float64: log2 of a positive finite float32 number, off by 2**-35 of itself.
    small = a < 1.1754943508222875e-38
    v = a * tl.where(small, 16777216.0, 1.0)
    bits = v.to(tl.int32, bitcast=True)
    t = (bits - 0x3F400000) & -8388608
    f = ((bits - t).to(tl.float32, bitcast=True) - 1.0).to(tl.float64)
    n = t.to(tl.float32) * 1.1920928955078125e-7 - tl.where(small, 24.0, 0.0)
    p = f * 0.03709947479105998 + -0.10067562555030282
    p = p * f + 0.13820869488357804
    p = p * f + -0.14927978678373
    p = p * f + 0.16060315205739292
    p = p * f + -0.18001330082554762
    p = p * f + 0.2060514229808709
    p = p * f + -0.2404575898440573
    p = p * f + 0.28854054838917603
    p = p * f + -0.36067367232463055
    p = p * f + 0.4808983316417251
    p = p * f + -0.7213475207253306
    p = p * f + 1.4426950409122061
    return p * f + n.to(tl.float64)
""",
    """
@triton.jit
def _exp2_wide(z):
    # float32: 2**z for a float64 z, in two factors for results below the normal range.
    z = tl.minimum(tl.maximum(z, -160.0), 130.0)
    j = z + 6755399441055744.0
    n = j.to(tl.int64, bitcast=True).to(tl.int32)
    part = n >> 1
    y = tl.exp2((z - (j - 6755399441055744.0)).to(tl.float32))
    y = y * ((part + 127) << 23).to(tl.float32, bitcast=True)
    return y * ((n - part + 127) << 23).to(tl.float32, bitcast=True)
""",
    """
@triton.jit
def _pow(x, y):
    # float32 (y also float64), C's pow: the sign of a negative base to an odd power; NaN for a
    # fractional one.
    a = tl.abs(x)
    r = _exp2_wide(_log2_wide(a) * y.to(tl.float64))
    same = (y > 0) == (a > 1.0)
    r = tl.where((a == 0) | (a == float("inf")), tl.where(same, float("inf"), 0.0), r)
    whole = tl.floor(y) == y
    half = y * 0.5
    odd = whole & (tl.floor(half) != half)
    r = tl.where(odd, _with_sign(r, x), r)
    none = (x < 0) & (a < float("inf")) & (whole == 0)
    r = tl.where(none | (x != x) | (y != y), float("nan"), r)
    one = (y == 0) | (x == 1.0) | ((a == 1.0) & (tl.abs(y) == float("inf")))
    return tl.where(one, 1.0, r)
""",
)
