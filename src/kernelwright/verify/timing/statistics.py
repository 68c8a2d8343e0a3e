"""What interleaved samples say about two subjects: medians, intervals, and when a gain is claimed.

One round times every subject once, close together, so that drift of the machine (clock speed, other
load) meets all of them alike; the interval resamples whole rounds and thereby keeps the pairs.
Medians keep single spikes (a lost scheduler slice is 4 to 16 ms) out of the result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
_CHUNK_ELEMENTS = 1 << 21  # 16 MiB of float64 at a time


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the interval's width relative to the value."""
        return (self.high - self.low) / 2 / self.value if self.value > 0 else math.inf


def median(samples: Sequence[float]) -> float:
    """The median; raises ValueError for no samples."""
    if not len(samples):
        raise ValueError("the median of no samples does not exist")
    return float(np.median(np.asarray(samples, dtype=np.float64)))


def median_interval(samples: Sequence[float]) -> Interval:
    """The median with a distribution-free interval of at least 95 %: order statistics by the sign
    test (Conover, Practical Nonparametric Statistics, 3.2). Fewer than six samples give their whole
    range. Raises ValueError for no samples."""
    ordered = np.sort(np.asarray(samples, dtype=np.float64))
    n, middle = ordered.size, median(samples)
    # Whole numbers: 2**-n is no float for long runs. below / 2**n = P(at most rank lie below).
    rank, below, most = 0, 1, (1 << n) // 40
    while below + math.comb(n, rank + 1) <= most:
        rank += 1
        below += math.comb(n, rank)
    return Interval(middle, float(ordered[rank]), float(ordered[n - 1 - rank]))


def ratio_interval(
    numerator: Sequence[float],
    denominator: Sequence[float],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    resolution: float = 0.0,
) -> Interval:
    """median(numerator) / median(denominator) with a 95 % percentile-bootstrap interval.

    ``numerator[i]`` and ``denominator[i]`` come from round i. ``resolution`` is the clock's step in
    the samples' unit: the interval is widened by half a step at each median, because samples that
    all fall on one tick would otherwise give an interval of no width. Raises ValueError for
    unequal lengths, no samples, or samples that are not positive.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
    """
    a = np.asarray(numerator, dtype=np.float64)
    b = np.asarray(denominator, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1 or not a.size:
        raise ValueError(f"expected two equal runs of samples, found {a.shape} and {b.shape}")
    if not (np.isfinite(a).all() and np.isfinite(b).all() and (a > 0).all() and (b > 0).all()):
        raise ValueError("samples must be finite and positive")
    rounds, generator = a.size, np.random.default_rng(seed)
    step = max(1, _CHUNK_ELEMENTS // rounds)
    half = resolution / 2
    lows, highs = [], []
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        chosen = generator.integers(0, rounds, size=(count, rounds))
        top = np.median(a[chosen], axis=1)
        bottom = np.median(b[chosen], axis=1)
        lows.append(np.maximum(top - half, 0) / (bottom + half))
        highs.append((top + half) / np.maximum(bottom - half, bottom * 1e-3))
    value = float(np.median(a) / np.median(b))
    low = float(np.quantile(np.concatenate(lows), 0.025))
    high = float(np.quantile(np.concatenate(highs), 0.975))
    return Interval(value, min(low, value), max(high, value))


def claim(low: float) -> bool:
    """Whether a gain may be claimed: the lower end of the speedup's interval exceeds 1."""
    return low > 1.0
