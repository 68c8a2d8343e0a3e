"""float32 division and roots: rounded to nearest as IEEE 754 has it, without branches.

The hardware's approximate reciprocal is off by one unit. Newton's step and a correction by the
remainder (Markstein, IBM J. Res. Dev. 34, 1990) round the quotient as a division does, but for one
in some millions that lies within 2**-22 units of the middle between two numbers. Where an
intermediate is no number (a divisor of zero, an infinity) the plain product has the right value.
"""

from __future__ import annotations

TEXTS: tuple[str, ...] = (
    """
@triton.jit
def _fma(a, b, c):
    # float32: a * b + c rounded once.
    if INTERPRETED:
        return (a.to(tl.float64) * b + c).to(tl.float32)
    else:
        return tl.fma(a, b, c)
""",
    """
@triton.jit
def _rcp(x):
    # float32: 1 / x within one unit; subnormal operands and results count as zero.
    if INTERPRETED:
        return tl.div_rn(1.0, x)
    else:
        return tl.inline_asm_elementwise(
            "rcp.approx.ftz.f32 $0, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1
        )
""",
    """
@triton.jit
def _divide_refined(a, b):
    # Both over the divisor's power of two, with its sign: the dividend then overflows where the
    # quotient does. What hangs on the divisor alone is done once for all that share it.
    exponent = tl.minimum(b.to(tl.int32, bitcast=True) & 0x7F800000, 0x7E000000)
    sign = b.to(tl.int32, bitcast=True) & -2147483648
    scale = ((0x7E800000 - exponent) | sign).to(tl.float32, bitcast=True)
    top = a * scale
    bottom = b * scale
    r = _rcp(bottom)
    better = _fma(_fma(bottom, -r, 1.0), r, r)
    r = tl.where(better == better, better, r)
    plain = r * top
    q = _fma(_fma(bottom, plain, -top), -r, plain)
    return tl.where(q == q, q, plain)
""",
    """
@triton.jit
def _divide(a, b):
    # float32, rounded to nearest.
    if INTERPRETED:
        return tl.div_rn(a, b)
    else:
        return _divide_refined(a, b)
""",
    """
@triton.jit
def _share(a, b):
    # float32, rounded to nearest: a / b for 0 <= a <= 1 <= b (or NaN), b of no more than 2**100.
    if INTERPRETED:
        return tl.div_rn(a, b)
    else:
        return _share_refined(a, b)
""",
    """
@triton.jit
def _share_refined(a, b):
    r = _rcp(b)
    r = _fma(_fma(b, -r, 1.0), r, r)
    q = r * a
    return _fma(_fma(b, q, -a), -r, q)
""",
    """
@triton.jit
def _divide_by(x, c, r):
    # float32, rounded to nearest: x / c for a positive constant c and r = 1 / c.
    q = x * r
    better = _fma(_fma(q, c, -x), -r, q)
    return tl.where(tl.abs(q) < float("inf"), better, q)
""",
    """
@triton.jit
def _reciprocal_refined(x):
    scale = tl.where(tl.abs(x) < 1.9721522630525295e-31, 16777216.0, 0.25)
    bottom = x * scale
    r = _rcp(bottom)
    better = _fma(_fma(bottom, -r, 1.0), r, r)
    return tl.where(better == better, better, r) * scale
""",
    """
@triton.jit
def _reciprocal(x):
    # float32, rounded to nearest.
    if INTERPRETED:
        return tl.div_rn(1.0, x)
    else:
        return _reciprocal_refined(x)
""",
    """
@triton.jit
def _sqrt_refined(x):
    # Small ones scaled: the remainder must be a normal number.
    small = x < 7.888609052210118e-31
    v = x * tl.where(small, 1.2676506002282294e30, 1.0)
    r = tl.rsqrt(v)
    root = v * r
    y = _fma(_fma(root, -root, v), 0.5 * r, root)
    y = tl.where((v == 0) | (v == float("inf")), v, y)
    return y * tl.where(small, 8.881784197001252e-16, 1.0)
""",
    """
@triton.jit
def _sqrt(x):
    # float32, rounded to nearest.
    if INTERPRETED:
        return tl.sqrt_rn(x)
    else:
        return _sqrt_refined(x)
""",
    """
@triton.jit
def _rsqrt(x):
    # float32. Triton's own tl.rsqrt takes subnormal numbers for zero.
    if INTERPRETED:
        return tl.rsqrt(x)
    else:
        return tl.inline_asm_elementwise(
            "rsqrt.approx.f32 $0, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1
        )
""",
)
