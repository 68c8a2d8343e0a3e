"""Integer functions."""

from __future__ import annotations

TEXTS: tuple[str, ...] = (
    """
@triton.jit
def _floor_divide(a, b):
    # Integers, rounded down (Triton's // rounds toward zero).
    q = a // b
    return tl.where((a - q * b != 0) & ((a < 0) != (b < 0)), q - 1, q)
""",
    """
@triton.jit
def _modulo(a, b):
    # Integers, with the sign of the divisor (Triton's % has the dividend's).
    r = a % b
    return tl.where((r != 0) & ((r < 0) != (b < 0)), r + b, r)
""",
    """
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
""",
)
