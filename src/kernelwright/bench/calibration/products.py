"""Orders of a matrix product, in NumPy: a[..., m, k] @ b[..., k, n] in the arrays' own dtype."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kernelwright.bench.calibration.summation import WIDER

Product = Callable[[np.ndarray, np.ndarray], np.ndarray]

TF32_BITS, BFLOAT16_BITS = 11, 8  # of the significand, the hidden one included


def blas(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The library's own order."""
    return np.matmul(a, b)


def one_by_one(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One accumulator an element, k terms in order, each product rounded."""
    total = a[..., :, 0:1] * b[..., 0:1, :]
    for k in range(1, a.shape[-1]):
        total += a[..., :, k : k + 1] * b[..., k : k + 1, :]
    return total


def fused(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One accumulator an element, products exact (fused multiply-add). In float64, whose products
    NumPy cannot hold exactly, the x87 format stands in for it."""
    kind, wider = a.dtype, WIDER[a.dtype]
    a, b = a.astype(wider), b.astype(wider)
    total = (a[..., :, 0:1] * b[..., 0:1, :]).astype(kind)
    for k in range(1, a.shape[-1]):
        total = (total + a[..., :, k : k + 1] * b[..., k : k + 1, :]).astype(kind)
    return total


def split(parts: int) -> Product:
    """Split-K: ``parts`` products of slices of k, added in the end."""

    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        cuts = np.linspace(0, a.shape[-1], parts + 1).astype(int)
        terms = [np.matmul(a[..., :, i:j], b[..., i:j, :]) for i, j in zip(cuts, cuts[1:]) if j > i]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    return product


def tiles(depth: int) -> Product:
    """k in tiles of ``depth``, each a product of its own, added in order."""
    return lambda a, b: split(-(-a.shape[-1] // depth))(a, b)


def wide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Computed in the next wider dtype, rounded once."""
    kind, wider = a.dtype, WIDER[a.dtype]
    return np.matmul(a.astype(wider), b.astype(wider)).astype(kind)


def rounded_to(x: np.ndarray, bits: int) -> np.ndarray:
    """float32 ``x`` with its significand rounded to ``bits`` (to nearest, by Dekker's splitting);
    values near the largest float32 are not for this."""
    assert x.dtype == np.float32
    factor = np.float32(2 ** (24 - bits) + 1)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = factor * x
        return scaled - (scaled - x)


def three_times_tf32(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """float32 products from three TF32 ones: high * high + high * low + low * high (CUTLASS's
    3xTF32), which keeps about 21 bits."""
    (ah, al), (bh, bl) = ((rounded_to(x, TF32_BITS), x) for x in (a, b))
    al, bl = rounded_to(al - ah, TF32_BITS), rounded_to(bl - bh, TF32_BITS)
    return (np.matmul(al, bh) + np.matmul(ah, bl)) + np.matmul(ah, bh)


def twice_bfloat16(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The same from bfloat16 halves: 16 bits, no float32 product."""
    (ah, al), (bh, bl) = ((rounded_to(x, BFLOAT16_BITS), x) for x in (a, b))
    al, bl = rounded_to(al - ah, BFLOAT16_BITS), rounded_to(bl - bh, BFLOAT16_BITS)
    return (np.matmul(al, bh) + np.matmul(ah, bl)) + np.matmul(ah, bh)
