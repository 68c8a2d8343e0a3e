"""float64: inverse functions, hyperbolic functions, powers, remainders."""

from __future__ import annotations

TEXTS: tuple[str, ...] = (
    """
@triton.jit
def _atan_64(x):
    # float64; Cephes' atan.
    a = tl.abs(x)
    big = a > 2.41421356237309504880
    middle = (a > 0.66) & (a <= 2.41421356237309504880)
    t = tl.where(big, -1.0 / tl.where(big, a, 1.0), tl.where(middle, (a - 1.0) / (a + 1.0), a))
    part = tl.where(big, 1.0, tl.where(middle, 0.5, 0.0)).to(tl.float64)
    base = part * 1.5707963267948966
    more = part * 6.123233995736766e-17
    z = t * t
    p = z * -8.750608600031904122785e-1 - 1.615753718733365076637e1
    p = (p * z - 7.500855792314704667340e1) * z - 1.228866684490136173410e2
    p = p * z - 6.485021904942025371773e1
    q = z + 2.485846490142306297962e1
    q = (q * z + 1.650270098316988542046e2) * z + 4.328810604912902668951e2
    q = (q * z + 4.853903996359136964868e2) * z + 1.945506571482613964425e2
    y = base + ((t * (z * p / q) + t) + more)
    return tl.where(x < 0, -y, y)
""",
    """
@triton.jit
def _atan2_64(y, x):
    # float64.
    both_inf = (tl.abs(x) == float("inf")) & (tl.abs(y) == float("inf"))
    top = tl.where(both_inf, tl.where(y < 0, -1.0, 1.0), y)
    bottom = tl.where(both_inf, tl.where(x < 0, -1.0, 1.0), x)
    zero = (x == 0) & (y == 0)
    a = _atan_64(top / tl.where(zero, 1.0, bottom))
    # The sign bit tells -0.0 from 0.0.
    x_minus = x.to(tl.int64, bitcast=True) < 0
    y_minus = y.to(tl.int64, bitcast=True) < 0
    turned = tl.where(y_minus, a - 3.141592653589793, a + 3.141592653589793)
    return tl.where(x_minus & (x == x), turned, a)
""",
    """
@triton.jit
def _asin_64(x):
    # float64.
    return _atan2_64(x, tl.sqrt((1.0 - x) * (1.0 + x)))
""",
    """
@triton.jit
def _acos_64(x):
    # float64.
    return 2.0 * _atan2_64(tl.sqrt(1.0 - x), tl.sqrt(1.0 + x))
""",
    """
@triton.jit
def _sinh_64(x):
    # float64. exp(x / 2) twice, so that the result overflows only where it must.
    a = tl.abs(x)
    e = _expm1_64(a)
    half = tl.exp(0.5 * a)
    y = tl.where(a < 22.0, 0.5 * (e + e / (e + 1.0)), (0.5 * half) * half)
    return tl.where(x < 0, -y, y)
""",
    """
@triton.jit
def _cosh_64(x):
    # float64.
    half = tl.exp(0.5 * tl.abs(x))
    return (0.5 * half) * half + 0.5 / (half * half)
""",
    """
@triton.jit
def _asinh_64(x):
    # float64.
    a = tl.abs(x)
    small = tl.minimum(a, 1e150)
    y = _log1p_64(small + small * small / (1.0 + tl.sqrt(1.0 + small * small)))
    y = tl.where(a > 1e150, tl.log(a) + 0.6931471805599453, y)
    y = tl.where(x == x, y, x)
    return tl.where(x < 0, -y, y)
""",
    """
@triton.jit
def _acosh_64(x):
    # float64.
    t = tl.minimum(x, 1e150) - 1.0
    y = _log1p_64(t + tl.sqrt(t * (t + 2.0)))
    y = tl.where(x > 1e150, tl.log(x) + 0.6931471805599453, y)
    return tl.where(x == x, y, x)
""",
    """
@triton.jit
def _atanh_64(x):
    # float64.
    return 0.5 * (_log1p_64(x) - _log1p_64(-x))
""",
    """
@triton.jit
def _pow_64(x, y):
    # float64, C's pow: the sign of a negative base to an odd power; NaN for a fractional one.
    a = tl.abs(x)
    r = tl.exp(y * tl.log(tl.where(a == 0, 1.0, a)))
    r = tl.where(a == 0, tl.where(y > 0, 0.0, float("inf")), r)
    r = tl.where(a == 1.0, 1.0, r)
    whole = tl.floor(y) == y
    half = y * 0.5
    odd = whole & (tl.floor(half) != half)
    r = tl.where((x < 0) & odd, -r, r)
    r = tl.where((x < 0) & (a < float("inf")) & (whole == 0), float("nan"), r)
    r = tl.where((x != x) | (y != y), float("nan"), r)
    return tl.where((y == 0) | (x == 1.0), 1.0, r)
""",
    """
@triton.jit
def _fmod_64(x, y):
    # float64, C's fmod. The GPU rounds the quotient first, which may be one too much or too few.
    r = x % y
    r = tl.where((r != 0) & ((r < 0) != (x < 0)), r + tl.where((x < 0) == (y < 0), y, -y), r)
    r = tl.where(tl.abs(r) >= tl.abs(y), r - tl.where((r < 0) == (y < 0), y, -y), r)
    return tl.where((tl.abs(y) == float("inf")) & (tl.abs(x) < float("inf")), x, r)
""",
    """
@triton.jit
def _mod_64(x, y):
    # float64, Python's modulo: the sign of the divisor.
    r = _fmod_64(x, y)
    return tl.where((r != 0) & ((r < 0) != (y < 0)), r + y, r)
""",
    """
@triton.jit
def _floor_divide_64(x, y):
    # float64, as torch does it: from the remainder, so that rounding cannot add one.
    r = _fmod_64(x, y)
    q = _rint_64((x - r) / y)
    q = tl.where((r != 0) & ((r < 0) != (y < 0)), q - 1.0, q)
    return tl.where(y == 0, x / y, q)
""",
)
