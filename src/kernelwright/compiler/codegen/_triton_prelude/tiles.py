"""Whole tiles: extremes that keep NaN, products, scans, conversions."""

from __future__ import annotations

TEXTS: tuple[str, ...] = (
    """
INTERPRETED = tl.constexpr(os.environ.get("TRITON_INTERPRET", "0") == "1")
""",
    """
@triton.jit
def _max(a, b):
    # NaN wins. Of float64 the hardware has no such instruction, and Triton's stand-in is long.
    if a.dtype == tl.float64:
        return tl.where((a > b) | (a != a), a, b)
    else:
        return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)
""",
    """
@triton.jit
def _min(a, b):
    # NaN wins. Of float64 the hardware has no such instruction, and Triton's stand-in is long.
    if a.dtype == tl.float64:
        return tl.where((a < b) | (a != a), a, b)
    else:
        return tl.minimum(a, b, propagate_nan=tl.PropagateNan.ALL)
""",
    """
@triton.jit
def _multiply(a, b):
    return a * b
""",
    """
@triton.jit
def _dot(a, b, c):
    return tl.dot(a, b, c, input_precision="ieee")
""",
    """
@triton.jit
def _dot_bfloat16(a, b, c):
    # The interpreter has no bfloat16 product.
    if INTERPRETED:
        return tl.dot(a.to(tl.float32), b.to(tl.float32), c, input_precision="ieee")
    else:
        return tl.dot(a, b, c)
""",
    """
@triton.jit
def _reduce_max(x, axis: tl.constexpr):
    # tl.max passes over NaN; here NaN wins. The interpreter is slow with a function of ours.
    if INTERPRETED:
        nan = tl.sum((x != x).to(tl.int32), axis) > 0
        return tl.where(nan, float("nan"), tl.max(tl.where(x != x, float("-inf"), x), axis))
    else:
        return tl.reduce(x, axis, _max)
""",
    """
@triton.jit
def _reduce_min(x, axis: tl.constexpr):
    # tl.min passes over NaN; here NaN wins. The interpreter is slow with a function of ours.
    if INTERPRETED:
        nan = tl.sum((x != x).to(tl.int32), axis) > 0
        return tl.where(nan, float("nan"), tl.min(tl.where(x != x, float("inf"), x), axis))
    else:
        return tl.reduce(x, axis, _min)
""",
    """
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
""",
    """
@triton.jit
def _rint(x):
    # float32, to the nearest integer, ties to even.
    if INTERPRETED:
        return _rint_64(x)
    else:
        return tl.inline_asm_elementwise(
            "cvt.rni.f32.f32 $0, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1
        )
""",
    """
@triton.jit
def _rint_64(x):
    # Floats of any width.
    low = tl.floor(x)
    rest = x - low
    odd = low - 2.0 * tl.floor(low * 0.5) == 1.0
    return tl.where((rest > 0.5) | ((rest == 0.5) & odd), low + 1.0, low)
""",
    """
@triton.jit
def _trunc(x):
    return tl.where(x < 0, tl.ceil(x), tl.floor(x))
""",
)
