"""float32 logarithms and what is made of them.

A number's exponent and its mantissa in [3/4, 3/2) apart, by integer arithmetic on its bits; the
mantissa's logarithm by a polynomial of its distance f from one. Where the argument is known to be
an exponential of something at most zero the polynomial is all there is.
"""

from __future__ import annotations

TEXTS: tuple[str, ...] = (
    """
@triton.jit
def _log10(x):
    # float32. The constant in two parts of one sign, so that infinities stay.
    y = tl.log(x)
    return _fma(y, 0.4342944622039795, y * 1.9699271547324315e-8)
""",
    """
@triton.jit
def _log1p(x):
    # float32. 1 + x only says which power of two is taken out; f = x 2**-e + (2**-e - 1) is exact.
    u = x + 1.0
    t = tl.sub(u.to(tl.int32, bitcast=True), 0x3F400000, sanitize_overflow=False) & -8388608
    m = tl.sub(x.to(tl.int32, bitcast=True), t, sanitize_overflow=False)
    four = tl.sub(0x40800000, t, sanitize_overflow=False).to(tl.float32, bitcast=True)
    f = _fma(four, 0.25, -1.0) + m.to(tl.float32, bitcast=True)
    p = f * -4.51523438e-2 + 0.104725577
    p = p * f - 0.131639376
    p = p * f + 0.1447763
    p = p * f - 0.166468784
    p = p * f + 0.19990848
    p = p * f - 0.250001103
    p = p * f + 0.333334506
    p = p * f - 0.5
    y = _fma(t.to(tl.float32), 8.262958294867817e-8, _fma(f * f, p, f))  # ln(2) 2**-23
    return tl.where((u > 0) & (u < float("inf")), y, _lg2(u))
""",
    """
@triton.jit
def _lg2(x):
    # float32: the hardware's logarithm, here for zero, infinity and negative numbers.
    if INTERPRETED:
        return tl.log2(x)
    else:
        return tl.inline_asm_elementwise(
            "lg2.approx.ftz.f32 $0, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1
        )
""",
    """
@triton.jit
def _log1p_unit(x):
    # float32: log(1 + x) for 0 <= x <= 1.
    p = x * -3.29046859e-3 + 2.00862419e-2
    p = p * x - 5.7457231e-2
    p = p * x + 0.106611282
    p = p * x - 0.153448805
    p = p * x + 0.196921021
    p = p * x - 0.24958019
    p = p * x + 0.333304644
    p = p * x - 0.499999315
    return _fma(x * x, p, x)
""",
    """
@triton.jit
def _softplus(x):
    # float32: log(1 + exp(x)); infinite where exp(x) is.
    y = tl.maximum(x, 0.0) + _log1p_unit(_exp_below(-tl.abs(x)))
    return tl.where(x > 88.72283172607422, float("inf"), y)
""",
    """
@triton.jit
def _softplus_below(x):
    # float32: log(1 + exp(x)) for x <= 0.
    return _log1p_unit(_exp_below(x))
""",
    """
@triton.jit
def _logaddexp(a, b):
    # float32. log(exp(a) + exp(b)) by the larger one; equal infinities have no difference.
    d = tl.where(a == b, 0.0, -tl.abs(a - b))
    return _max(a, b) + _softplus_below(d)
""",
    """
@triton.jit
def _asinh(x):
    # float32. log1p(a + a**2 / (1 + sqrt(1 + a**2))); far out log(a) + log(2).
    a = tl.abs(x)
    far = a > 1e8
    near = tl.where(far, 0.0, a)
    z = near * near
    y = _log1p(_fma(z, _rcp(tl.sqrt(z + 1.0) + 1.0), a))
    return _with_sign(y + tl.where(far, 0.6931471805599453, 0.0), x)
""",
    """
@triton.jit
def _acosh(x):
    # float32. log1p(t + sqrt(t (t + 2))) for t = x - 1; far out log(x) + log(2).
    far = x > 1e8
    t = x - 1.0
    root = tl.where(far, 0.0, tl.sqrt(t * (t + 2.0)))
    y = _log1p(t + root) + tl.where(far, 0.6931471805599453, 0.0)
    return tl.where(x < 1.0, float("nan"), y)
""",
    """
@triton.jit
def _atanh(x):
    # float32.
    a = tl.abs(x)
    return _with_sign(0.5 * _log1p((a + a) / (1.0 - a)), x)
""",
)
