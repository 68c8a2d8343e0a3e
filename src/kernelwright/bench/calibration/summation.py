"""Orders of summation, in NumPy, each along the last axis of an array in the array's own dtype.

What real kernels do: one accumulator, vector lanes, thread blocks with a tree, blocks that are
combined, compensated and wider accumulators. N. Higham, "The accuracy of floating point summation",
SIAM J. Sci. Comput. 14 (1993), compares their errors.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Sum = Callable[[np.ndarray], np.ndarray]

WIDER = {np.dtype(np.float32): np.float64, np.dtype(np.float64): np.longdouble}


def pairwise(x: np.ndarray) -> np.ndarray:
    """Halves added recursively down to 128 terms (NumPy's order for a contiguous axis)."""
    return np.add.reduce(np.ascontiguousarray(x), axis=-1)


def sequential(x: np.ndarray) -> np.ndarray:
    """One running sum over all terms."""
    if x.shape[-1] == 0:
        return np.zeros(x.shape[:-1], x.dtype)
    return np.add.accumulate(x, axis=-1)[..., -1]


def lanes(width: int, most: int = 1 << 16) -> Sum:
    """``width`` running sums side by side, added in the end: vector registers, GPU threads. Beyond
    ``most`` terms in blocks of so many, as running sums that are longer stall."""

    def total(x: np.ndarray) -> np.ndarray:
        if x.shape[-1] > most:
            return pairwise(total(_cut(x, most)))
        parts = _cut(x, width)
        # A loop, not np.add.reduce, which is free to add in pairs when it merges axes.
        running = parts[..., 0, :].copy()
        for step in range(1, parts.shape[-2]):
            running += parts[..., step, :]
        return pairwise(running)

    return total


def blocks(size: int) -> Sum:
    """Each block summed in pairs, the blocks' sums one after the other."""
    return lambda x: sequential(pairwise(_cut(x, size)))


def runs(size: int) -> Sum:
    """One running sum over each ``size`` terms, these added in pairs."""
    return lambda x: pairwise(sequential(_cut(x, size)))


def kahan(width: int) -> Sum:
    """``width`` compensated running sums (Kahan, 1965), added by compensation too."""

    def compensated(parts: np.ndarray) -> np.ndarray:
        total = np.zeros_like(parts[..., 0, :])
        carry = np.zeros_like(total)
        for step in range(parts.shape[-2]):
            term = parts[..., step, :] - carry
            new = total + term
            carry = (new - total) - term
            total = new
        return total

    def total(x: np.ndarray) -> np.ndarray:
        return compensated(compensated(_cut(x, width))[..., None])[..., 0]

    return total


def wide(x: np.ndarray) -> np.ndarray:
    """Accumulated in the next wider dtype, rounded once."""
    return np.add.reduce(x.astype(WIDER[x.dtype]), axis=-1).astype(x.dtype)


def _cut(x: np.ndarray, width: int) -> np.ndarray:
    """[..., n] as [..., ceil(n / width), width], with zeros at the end."""
    n = x.shape[-1]
    width = max(1, min(width, n))
    count = max(1, -(-n // width))
    if count * width != n:
        x = np.concatenate([x, np.zeros((*x.shape[:-1], count * width - n), x.dtype)], axis=-1)
    return x.reshape(*x.shape[:-1], count, width)
