"""Running extremes, and running log-sum-exp without a logarithm a step."""

from __future__ import annotations

TEXTS: tuple[str, ...] = (
    """
@triton.jit
def _max_integer(a, b):
    return tl.maximum(a, b)
""",
    """
@triton.jit
def _min_integer(a, b):
    return tl.minimum(a, b)
""",
    """
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
""",
    """
@triton.jit
def _join_sums(m, s, n, t):
    # float32. exp(m) s + exp(n) t is exp(the larger one) times what comes back second.
    d = tl.where(m == n, 0.0, m - n)  # equal infinities have no difference
    e = tl.exp2(tl.abs(d) * -1.4426950408889634)
    return _max(m, n), tl.where(d < 0, _fma(s, e, t), _fma(t, e, s))
""",
    """
@triton.jit
def _join_sums_64(m, s, n, t):
    # float64.
    d = tl.where(m == n, 0.0, m - n)
    e = _exp_64(-tl.abs(d))
    return _max(m, n), tl.where(d < 0, s * e + t, t * e + s)
""",
    """
@triton.jit
def _steps_of_sums(x, axis: tl.constexpr, reverse: tl.constexpr, combine: tl.constexpr):
    # For the interpreter: as _steps_of_scan, of pairs.
    lane = tl.arange(0, x.shape[axis])
    for other in tl.static_range(len(x.shape)):
        if other != axis:
            lane = tl.expand_dims(lane, other)
    lane = tl.broadcast_to(lane, x.shape)
    total = tl.full(x.shape, 1.0, x.dtype)
    step = 1
    while step < x.shape[axis]:
        source = lane + step if reverse else lane - step
        inside = (source >= 0) & (source < x.shape[axis])
        at = tl.where(inside, source, lane)
        top, more = combine(tl.gather(x, at, axis), tl.gather(total, at, axis), x, total)
        x = tl.where(inside, top, x)
        total = tl.where(inside, more, total)
        step *= 2
    return x, total
""",
    *(
        f"""
@triton.jit
def _scan_{name}(x, axis: tl.constexpr, reverse: tl.constexpr):
    if INTERPRETED:
        return _steps_of_scan(x, axis, reverse, _{name})
    else:
        return tl.associative_scan(x, axis, _{name}, reverse)
"""
        for name in ("max", "min", "max_integer", "min_integer")
    ),
    *(
        f"""
@triton.jit
def _scan_logaddexp{bits}(x, axis: tl.constexpr, reverse: tl.constexpr):
    # Pairs of a maximum and a sum of exponentials below it; one logarithm at the end.
    if INTERPRETED:
        top, total = _steps_of_sums(x, axis, reverse, _join_sums{bits})
    else:
        ones = tl.full(x.shape, 1.0, x.dtype)
        top, total = tl.associative_scan((x, ones), axis, _join_sums{bits}, reverse)
    return top + tl.log(total)
"""
        for bits in ("", "_64")
    ),
)
