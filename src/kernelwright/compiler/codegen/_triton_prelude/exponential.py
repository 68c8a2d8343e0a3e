"""float32 exponentials and what is made of them.

exp(x) = 2**n * 2**r, n = x log2(e) rounded by adding 1.5 * 2**23, which leaves n in the low bits of
the sum: shifted into the exponent's place they are 2**n. r is what remains, in two constants. n is
held to what the exponent can say and r takes the rest, so that infinities, NaN and results below
the normal range come out of the last product by themselves. Coefficients of polynomials: minimax
by Lawson's algorithm, rounded one after the other.
"""

from __future__ import annotations

TEXTS: tuple[str, ...] = (
    """
@triton.jit
def _exp2(x):
    # float32. Triton's own tl.exp2 takes results below the normal range for zero.
    if INTERPRETED:
        return tl.exp2(x)
    else:
        return tl.inline_asm_elementwise(
            "ex2.approx.f32 $0, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1
        )
""",
    """
@triton.jit
def _exp_scaled(x, held, magic: tl.constexpr):
    # float32: exp(x) * 2**k for a magic number of 1.5 * 2**23 + 127 + k; held: x within bounds.
    j = _fma(held, 1.4426950216293335, magic)
    r = _fma(x, 1.4426950216293335, magic - j)
    r = _fma(x, 1.925963033500011e-8, r)
    power = (j.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    return tl.exp2(r) * power
""",
    """
@triton.jit
def _exp(x):
    # float32.
    return _exp_scaled(x, tl.minimum(tl.maximum(x, -87.0), 88.0), 12583039.0)
""",
    """
@triton.jit
def _exp_below(x):
    # float32: exp(x) for x <= 0.
    return _exp_scaled(x, tl.maximum(x, -87.0), 12583039.0)
""",
    """
@triton.jit
def _expm1(x):
    # float32. x = n ln(2) + r; 2 (2**(n-1) (e**r - 1) + (2**(n-1) - 1/2)).
    c = tl.maximum(x, -26.0, propagate_nan=tl.PropagateNan.ALL)
    c = tl.minimum(c, 89.0, propagate_nan=tl.PropagateNan.ALL)
    j = _fma(c, 1.4426950216293335, 12583038.0)
    n = j - 12583038.0
    r = _fma(n, -0.693359375, c)
    r = _fma(n, 2.1219444e-4, r)
    half = (j.to(tl.int32, bitcast=True) << 23).to(tl.float32, bitcast=True)
    p = r * 1.38718588e-3 + 8.36687349e-3
    p = p * r + 4.16674316e-2
    p = p * r + 0.16666542
    p = p * r + 0.49999997
    y = _fma(half, _fma(r * r, p, r), half - 0.5)
    return y + y
""",
    """
@triton.jit
def _sigmoid(x):
    # float32: (1/4) / (1/4 + exp(-x) / 4); the reciprocal of a quarter stays a normal number.
    y = -x
    e = _exp_scaled(y, tl.minimum(tl.maximum(y, -85.0), 88.0), 12583037.0)
    return _rcp(e + 0.25) * 0.25
""",
    """
@triton.jit
def _tanh(x):
    # float32. Near zero by polynomial, elsewhere 1 - 2 / (exp(2 |x|) + 1).
    a = tl.abs(x)
    z = x * x
    p = z * -5.89796668e-3 + 2.07986254e-2
    p = p * z - 5.37847169e-2
    p = p * z + 0.133319363
    p = p * z - 0.333332986
    near = _fma(p * z, x, x)
    far = _fma(_rcp(tl.exp2(a * 2.8853900817779268) + 1.0), -2.0, 1.0)
    return tl.where(a < 0.6, near, _with_sign(far, x))
""",
    """
@triton.jit
def _with_sign(y, x):
    # float32: y >= 0 with the sign of x.
    sign = x.to(tl.int32, bitcast=True) & -2147483648
    return (y.to(tl.int32, bitcast=True) | sign).to(tl.float32, bitcast=True)
""",
    """
@triton.jit
def _sinh(x):
    # float32. Near zero by polynomial, elsewhere by E = exp(|x|) / 2.
    a = tl.abs(x)
    z = x * x
    p = z * 2.03730873e-4 + 8.33027251e-3
    near = _fma((p * z + 0.166667163) * z, x, x)
    e = _exp_scaled(a, tl.minimum(a, 88.0), 12583038.0)
    return tl.where(a < 1.0, near, _with_sign(e - 0.25 * _rcp(e), x))
""",
    """
@triton.jit
def _cosh(x):
    # float32.
    a = tl.abs(x)
    e = _exp_scaled(a, tl.minimum(a, 88.0), 12583038.0)
    return e + 0.25 * _rcp(e)
""",
)
