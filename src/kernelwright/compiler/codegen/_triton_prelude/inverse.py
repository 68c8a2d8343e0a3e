"""float32 inverse trigonometric functions: one odd polynomial each, after one reflection."""

from __future__ import annotations

TEXTS: tuple[str, ...] = (
    """
@triton.jit
def _atan_unit(t):
    # float32: atan(t) for 0 <= t <= 1.
    z = t * t
    p = z * -1.78214419e-3 + 1.08662713e-2
    p = p * z - 3.10935341e-2
    p = p * z + 5.78788705e-2
    p = p * z - 8.39920789e-2
    p = p * z + 0.109508611
    p = p * z - 0.142640144
    p = p * z + 0.199985296
    p = p * z - 0.333332986
    return _fma(p * z, t, t)
""",
    """
@triton.jit
def _atan(x):
    # float32.
    a = tl.abs(x)
    y = _atan_unit(tl.where(a > 1.0, _rcp(a), a))
    return _with_sign(tl.where(a > 1.0, 1.5707963267948966 - y, y), x)
""",
    """
@triton.jit
def _atan2(y, x):
    # float32. The smaller one over the larger one, then one octant after the other.
    a = tl.abs(x)
    b = tl.abs(y)
    top = _min(a, b)
    bottom = _max(a, b)
    t = tl.where((top == bottom) & (top != 0), 1.0, top / tl.where(bottom == 0, 1.0, bottom))
    angle = _atan_unit(tl.where((x != x) | (y != y), float("nan"), t))
    angle = tl.where(b > a, 1.5707963267948966 - angle, angle)
    turned = 3.1415927410125732 - angle
    # The sign bit tells -0.0 from 0.0.
    return _with_sign(tl.where(x.to(tl.int32, bitcast=True) < 0, turned, angle), y)
""",
    """
@triton.jit
def _asin_reduced(a):
    # float32: asin(a) below 1/2, asin(sqrt((1 - a) / 2)) above.
    z = tl.where(a > 0.5, 0.5 - 0.5 * a, a * a)
    s = tl.where(a > 0.5, tl.sqrt(z), a)
    p = z * 4.21583056e-2 + 2.41847783e-2
    p = p * z + 4.54691499e-2
    p = p * z + 7.49530941e-2
    p = p * z + 0.166667521
    return _fma(p * z, s, s)
""",
    """
@triton.jit
def _asin(x):
    # float32.
    a = tl.abs(x)
    y = _asin_reduced(a)
    return _with_sign(tl.where(a > 0.5, 1.5707963267948966 - (y + y), y), x)
""",
    """
@triton.jit
def _acos(x):
    # float32.
    a = tl.abs(x)
    y = _asin_reduced(a)
    outer = y + y
    outer = tl.where(x < 0, 3.1415926535897931 - outer, outer)
    return tl.where(a > 0.5, outer, 1.5707963267948966 - tl.where(x < 0, -y, y))
""",
)
