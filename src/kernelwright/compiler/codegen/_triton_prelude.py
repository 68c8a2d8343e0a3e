"""Device functions that a generated Triton file may need, as text; each file gets those it uses.

They use only ``triton.language`` operations that exist in the compiler and in the interpreter, so
one text means the same in both. Functions named ``_f`` take float32 or float64 tensors unless said
otherwise. The GPU's own approximations that are good to a few units in the last place over their
whole range are used as they are; where they are not (exp far from zero, log near one), the
function here brings the error back to about one unit in the last place, because the judge holds a
kernel to the framework's own error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

FUNCTIONS: dict[str, str] = {}


def _define(text: str) -> None:
    match = re.search(r"^(?:def )?(\w+)", text.split("@triton.jit\n")[-1].strip())
    assert match
    FUNCTIONS[match.group(1)] = text.strip("\n")


_define("""
INTERPRETED = tl.constexpr(os.environ.get("TRITON_INTERPRET", "0") == "1")
""")

_define("""
@triton.jit
def _max(a, b):
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)
""")

_define("""
@triton.jit
def _min(a, b):
    return tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)
""")

_define("""
@triton.jit
def _multiply(a, b):
    return a * b
""")

_define("""
@triton.jit
def _dot(a, b, c):
    return tl.dot(a, b, c, input_precision="ieee")
""")

_define("""
@triton.jit
def _dot_bfloat16(a, b, c):
    # The interpreter has no bfloat16 product.
    if INTERPRETED:
        return tl.dot(a.to(tl.float32), b.to(tl.float32), c, input_precision="ieee")
    else:
        return tl.dot(a, b, c)
""")

_define("""
@triton.jit
def _reduce_max(x, axis: tl.constexpr):
    # tl.max passes over NaN; here NaN wins. The interpreter is slow with a function of ours.
    if INTERPRETED:
        nan = tl.sum((x != x).to(tl.int32), axis) > 0
        return tl.where(nan, float("nan"), tl.max(tl.where(x != x, float("-inf"), x), axis))
    else:
        return tl.reduce(x, axis, _max)
""")

_define("""
@triton.jit
def _reduce_min(x, axis: tl.constexpr):
    # tl.min passes over NaN; here NaN wins. The interpreter is slow with a function of ours.
    if INTERPRETED:
        nan = tl.sum((x != x).to(tl.int32), axis) > 0
        return tl.where(nan, float("nan"), tl.min(tl.where(x != x, float("inf"), x), axis))
    else:
        return tl.reduce(x, axis, _min)
""")

_define("""
@triton.jit
def _to_bfloat16(x):
    # float32 -> bfloat16, to nearest even. Triton's interpreter cuts the low bits off instead,
    # so there they are rounded away first.
    if INTERPRETED:
        bits = x.to(tl.int32, bitcast=True).to(tl.int64)
        bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
        signed = tl.where(bits >= 0x80000000, bits - 0x100000000, bits).to(tl.int32)
        rounded = signed.to(tl.float32, bitcast=True)
        return tl.where(x == x, rounded, float("nan")).to(tl.bfloat16)
    else:
        return x.to(tl.bfloat16)
""")

_define("""
@triton.jit
def _exp(x):
    # float32. exp(x) = 2**(hi * L) * e**r: hi is x cut to 12 bits and L is log2(e) cut to 12 bits,
    # so that their product is exact; r = x - hi * L * ln(2) is below 0.07 and takes a short series.
    c = tl.maximum(x, -110.0, propagate_nan=tl.PropagateNan.ALL)
    c = tl.minimum(c, 100.0, propagate_nan=tl.PropagateNan.ALL)
    hi = (c.to(tl.int32, bitcast=True) & -4096).to(tl.float32, bitcast=True)
    r = (c - hi) + hi * 0.00021642022750075976
    series = r * (0.5 + r * (0.16666667 + r * 0.041666668))
    # The unit flushes subnormal results: far below zero 2**64 more, taken back at the end.
    low = hi < -80.0
    power = tl.exp2(hi * 1.4423828125 + tl.where(low, 64.0, 0.0))
    return power * (1.0 + (r + r * series)) * tl.where(low, 5.421010862427522e-20, 1.0)
""")

_define("""
@triton.jit
def _log(x):
    # float32. Exponent and mantissa in [sqrt(1/2), sqrt(2)) apart; the polynomial is Cephes' logf.
    normal = tl.where((x > 0) & (x < float("inf")), x, 1.0)
    small = normal < 1.1754944e-38
    normal = tl.where(small, normal * 8388608.0, normal)
    bits = normal.to(tl.int32, bitcast=True)
    e = (bits - 0x3F3504F3) >> 23
    f = (bits - (e << 23)).to(tl.float32, bitcast=True) - 1.0
    n = e.to(tl.float32) - tl.where(small, 23.0, 0.0)
    z = f * f
    p = f * 7.0376836292e-2 - 1.1514610310e-1
    p = p * f + 1.1676998740e-1
    p = p * f - 1.2420140846e-1
    p = p * f + 1.4249322787e-1
    p = p * f - 1.6668057665e-1
    p = p * f + 2.0000714765e-1
    p = p * f - 2.4999993993e-1
    p = p * f + 3.3333331174e-1
    low = p * f * z - 2.12194440e-4 * n - 0.5 * z
    y = (f + low) + 0.693359375 * n
    y = tl.where(x == float("inf"), x, y)
    return tl.where(x > 0, y, tl.where(x == 0, float("-inf"), float("nan")))
""")

_define("""
@triton.jit
def _expm1(x):
    # float32. x = n ln(2) + r; (e**r - 1) by series, then 2**n (e**r - 1) + (2**n - 1).
    c = tl.minimum(tl.maximum(x, -30.0), 80.0)
    n = tl.floor(c * 1.4426950408889634 + 0.5)
    r = (c - n * 0.693359375) + n * 2.12194440e-4
    s = r * 2.4801587e-5 + 1.9841270e-4
    s = (s * r + 1.3888889e-3) * r + 8.3333333e-3
    s = (s * r + 4.1666667e-2) * r + 1.6666667e-1
    series = r + r * r * (s * r + 0.5)
    scale = tl.exp2(n)
    y = scale * series + (scale - 1.0)
    return tl.where((x > 80.0) | (x != x), _exp(x), y)
""")

_define("""
@triton.jit
def _log1p(x):
    # float32. log(1 + x) corrected for what 1 + x rounded away.
    u = 1.0 + x
    lost = tl.div_rn(x - (u - 1.0), u)
    y = _log(u) + tl.where(tl.abs(lost) < 1.0, lost, 0.0)
    return tl.where(tl.abs(x) < 1e-5, x - 0.5 * x * x, y)
""")

_define("""
@triton.jit
def _sigmoid(x):
    return tl.div_rn(1.0, 1.0 + _exp(-x))
""")

_define("""
@triton.jit
def _tanh(x):
    # float32. Near zero by polynomial (Cephes' tanhf), elsewhere 1 - 2 / (exp(2 |x|) + 1).
    a = tl.abs(x)
    z = x * x
    p = z * -5.70498872745e-3 + 2.06390887954e-2
    p = p * z - 5.37397155531e-2
    p = p * z + 1.33314422036e-1
    p = p * z - 3.33332819422e-1
    big = 1.0 - tl.div_rn(2.0, _exp(2.0 * a) + 1.0)
    return tl.where(a < 0.625, p * z * x + x, tl.where(x < 0, -big, big))
""")

_define("""
@triton.jit
def _logaddexp(a, b):
    # float32. log(exp(a) + exp(b)) by the larger one; equal infinities pass through.
    top = _max(a, b)
    y = top + _log1p(_exp(_min(a, b) - top))
    return tl.where((a == b) & (tl.abs(a) == float("inf")), a, y)
""")

_define("""
@triton.jit
def _logaddexp_64(a, b):
    # float64.
    top = _max(a, b)
    y = top + _log1p_64(tl.exp(_min(a, b) - top))
    return tl.where((a == b) & (tl.abs(a) == float("inf")), a, y)
""")

_define("""
@triton.jit
def _max_integer(a, b):
    return tl.maximum(a, b)
""")

_define("""
@triton.jit
def _min_integer(a, b):
    return tl.minimum(a, b)
""")

_define("""
@triton.jit
def _steps_of_scan(x, axis: tl.constexpr, reverse: tl.constexpr, combine: tl.constexpr):
    # For the interpreter, which scans element by element: log2(n) steps on whole tiles.
    lane = tl.arange(0, x.shape[axis])
    for other in tl.static_range(len(x.shape)):
        if other != axis:
            lane = tl.expand_dims(lane, other)
    lane = tl.broadcast_to(lane, x.shape)
    step = 1
    while step < x.shape[axis]:
        source = lane + step if reverse else lane - step
        inside = (source >= 0) & (source < x.shape[axis])
        before = tl.gather(x, tl.where(inside, source, lane), axis)
        x = tl.where(inside, combine(before, x), x)
        step *= 2
    return x
""")

for _name in ("max", "min", "max_integer", "min_integer", "logaddexp", "logaddexp_64"):
    _define(f"""
@triton.jit
def _scan_{_name}(x, axis: tl.constexpr, reverse: tl.constexpr):
    if INTERPRETED:
        return _steps_of_scan(x, axis, reverse, _{_name})
    else:
        return tl.associative_scan(x, axis, _{_name}, reverse)
""")

_define("""
@triton.jit
def _rint(x):
    # To the nearest integer, ties to even.
    low = tl.floor(x)
    rest = x - low
    odd = low - 2.0 * tl.floor(low * 0.5) == 1.0
    return tl.where((rest > 0.5) | ((rest == 0.5) & odd), low + 1.0, low)
""")

_define("""
@triton.jit
def _trunc(x):
    return tl.where(x < 0, tl.ceil(x), tl.floor(x))
""")

_define("""
@triton.jit
def _expm1_64(x):
    # float64; Kahan's correction of exp(x) - 1.
    u = tl.exp(x)
    y = tl.where(u == 1.0, x, (u - 1.0) * x / tl.where(u == 1.0, 1.0, tl.log(u)))
    return tl.where(tl.abs(x) > 1.0, u - 1.0, y)
""")

_define("""
@triton.jit
def _log1p_64(x):
    # float64; Kahan's correction of log(1 + x).
    u = 1.0 + x
    y = tl.where(u == 1.0, x, tl.log(u) * x / tl.where(u == 1.0, 1.0, u - 1.0))
    return tl.where(u == float("inf"), x, y)
""")

_define("""
@triton.jit
def _tanh_64(x):
    # float64.
    e = _expm1_64(-2.0 * tl.abs(x))
    y = -e / (e + 2.0)
    return tl.where(x < 0, -y, y)
""")

_define("""
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
""")

_define("""
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
""")

_define("""
@triton.jit
def _asin_64(x):
    # float64.
    return _atan2_64(x, tl.sqrt((1.0 - x) * (1.0 + x)))
""")

_define("""
@triton.jit
def _acos_64(x):
    # float64.
    return 2.0 * _atan2_64(tl.sqrt(1.0 - x), tl.sqrt(1.0 + x))
""")

_define("""
@triton.jit
def _sinh_64(x):
    # float64. exp(x / 2) twice, so that the result overflows only where it must.
    a = tl.abs(x)
    e = _expm1_64(a)
    half = tl.exp(0.5 * a)
    y = tl.where(a < 22.0, 0.5 * (e + e / (e + 1.0)), (0.5 * half) * half)
    return tl.where(x < 0, -y, y)
""")

_define("""
@triton.jit
def _cosh_64(x):
    # float64.
    half = tl.exp(0.5 * tl.abs(x))
    return (0.5 * half) * half + 0.5 / (half * half)
""")

_define("""
@triton.jit
def _asinh_64(x):
    # float64.
    a = tl.abs(x)
    small = tl.minimum(a, 1e150)
    y = _log1p_64(small + small * small / (1.0 + tl.sqrt(1.0 + small * small)))
    y = tl.where(a > 1e150, tl.log(a) + 0.6931471805599453, y)
    y = tl.where(x == x, y, x)
    return tl.where(x < 0, -y, y)
""")

_define("""
@triton.jit
def _acosh_64(x):
    # float64.
    t = tl.minimum(x, 1e150) - 1.0
    y = _log1p_64(t + tl.sqrt(t * (t + 2.0)))
    y = tl.where(x > 1e150, tl.log(x) + 0.6931471805599453, y)
    return tl.where(x == x, y, x)
""")

_define("""
@triton.jit
def _atanh_64(x):
    # float64.
    return 0.5 * (_log1p_64(x) - _log1p_64(-x))
""")

_define("""
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
""")

_define("""
@triton.jit
def _fmod_64(x, y):
    # float64, C's fmod. The GPU rounds the quotient first, which may be one too much or too few.
    r = x % y
    r = tl.where((r != 0) & ((r < 0) != (x < 0)), r + tl.where((x < 0) == (y < 0), y, -y), r)
    r = tl.where(tl.abs(r) >= tl.abs(y), r - tl.where((r < 0) == (y < 0), y, -y), r)
    return tl.where((tl.abs(y) == float("inf")) & (tl.abs(x) < float("inf")), x, r)
""")

_define("""
@triton.jit
def _mod_64(x, y):
    # float64, Python's modulo: the sign of the divisor.
    r = _fmod_64(x, y)
    return tl.where((r != 0) & ((r < 0) != (y < 0)), r + y, r)
""")

_define("""
@triton.jit
def _floor_divide_64(x, y):
    # float64, as torch does it: from the remainder, so that rounding cannot add one.
    r = _fmod_64(x, y)
    q = _rint((x - r) / y)
    q = tl.where((r != 0) & ((r < 0) != (y < 0)), q - 1.0, q)
    return tl.where(y == 0, x / y, q)
""")

_define("""
@triton.jit
def _floor_divide(a, b):
    # Integers, rounded down (Triton's // rounds toward zero).
    q = a // b
    return tl.where((a - q * b != 0) & ((a < 0) != (b < 0)), q - 1, q)
""")

_define("""
@triton.jit
def _modulo(a, b):
    # Integers, with the sign of the divisor (Triton's % has the dividend's).
    r = a % b
    return tl.where((r != 0) & ((r < 0) != (b < 0)), r + b, r)
""")

_define("""
@triton.jit
def _integer_power(a, b):
    # Integers; a negative exponent gives 0 (but for a base of 1 or -1), as in torch.
    result = tl.full(a.shape, 1, a.dtype)
    base = a
    e = b
    for i in range(31):
        result = tl.where((e & 1) != 0, tl.mul(result, base, sanitize_overflow=False), result)
        base = tl.mul(base, base, sanitize_overflow=False)
        e = e >> 1
    negative = tl.where(a == 1, 1, tl.where(a == -1, tl.where((b & 1) != 0, -1, 1), 0))
    return tl.where(b < 0, negative, result)
""")


def needed(text: str) -> list[str]:
    """The functions that ``text`` uses, directly or through others, in definition order."""
    wanted = _mentioned([text])
    while True:
        more = wanted | _mentioned(FUNCTIONS[name] for name in wanted)
        if more == wanted:
            return [name for name in FUNCTIONS if name in wanted]
        wanted = more


def _mentioned(texts: Iterable[str]) -> set[str]:
    words = set(re.findall(r"\w+", "\n".join(texts)))
    return {name for name in FUNCTIONS if name in words}
