"""Ways to carry out the arithmetic of an operator: honest ones and sloppy ones.

A family of operators is written once, on an ``Arithmetic``; every variation here then gives one
more candidate of every family.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kernelwright.bench.calibration import products, summation
from kernelwright.bench.calibration.products import Product
from kernelwright.bench.calibration.summation import WIDER, Sum
from kernelwright.graph.ops._erf import erf

Function = Callable[[np.ndarray], np.ndarray]


def kept(x: np.ndarray) -> np.ndarray:
    return x


@dataclass(frozen=True)
class Arithmetic:
    """``order`` sums along the last axis; ``rounded`` is applied to what lies between operations;
    ``wide``: everything in the next wider dtype, rounded once at the end."""

    name: str
    order: Sum = summation.pairwise
    product: Product = products.blas
    exp: Function = np.exp
    log: Function = np.log
    tanh: Function = np.tanh
    rsqrt: Function = field(default=lambda x: 1 / np.sqrt(x))
    rounded: Function = kept
    wide: bool = False

    def sum(self, x: np.ndarray, axis: int | tuple[int, ...] = -1, keep: bool = True) -> np.ndarray:
        """The sum along ``axis`` (several: as one axis, in memory's order)."""
        axes = tuple(sorted(a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis)))
        rest = [i for i in range(x.ndim) if i not in axes]
        flat = x.transpose(*rest, *axes).reshape(*[x.shape[i] for i in rest], -1)
        total = self.rounded(self.order(flat))
        return np.expand_dims(total, axes) if keep else total

    def mean(
        self, x: np.ndarray, axis: int | tuple[int, ...] = -1, keep: bool = True
    ) -> np.ndarray:
        axes = (axis,) if isinstance(axis, int) else axis
        count = np.prod([x.shape[a] for a in axes])
        return self.sum(x, axis, keep) / x.dtype.type(count)

    def variance(self, x: np.ndarray, axis: int | tuple[int, ...] = -1) -> np.ndarray:
        """The biased variance in two passes, axes kept."""
        centred = self.rounded(x - self.mean(x, axis))
        return self.mean(centred * centred, axis)

    def matmul(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return self.rounded(self.product(self.rounded(a), self.rounded(b)))

    def softmax(self, x: np.ndarray) -> np.ndarray:
        """Along the last axis, the maximum taken off first."""
        powers = self.rounded(self.exp(self.rounded(x - x.max(-1, keepdims=True))))
        return self.rounded(powers / self.sum(powers))

    def sigmoid(self, x: np.ndarray) -> np.ndarray:
        return self.rounded(1 / (1 + self.exp(-x)))

    def erf(self, x: np.ndarray) -> np.ndarray:
        """To float64's accuracy, rounded to the dtype of ``x``: a good float32 erf."""
        return self.rounded(erf(x))


def exp_by_exp2(x: np.ndarray) -> np.ndarray:
    """exp as GPU kernels have it: 2 to the power x log2(e); errs by up to |x| roundings more."""
    return np.exp2(x * x.dtype.type(1.4426950408889634))


def log_by_log2(x: np.ndarray) -> np.ndarray:
    return np.log2(x) * x.dtype.type(0.6931471805599453)


def tanh_by_expm1(x: np.ndarray) -> np.ndarray:
    """Without the cancellation that exp would bring at small arguments."""
    e = np.expm1(-2 * np.abs(x))
    return np.copysign(-e / (2 + e), x)


def rsqrt_by_newton(x: np.ndarray) -> np.ndarray:
    """A 12-bit estimate, as instructions give it, and two Newton steps."""
    y = coarse_rsqrt(x)
    for _ in range(2 if x.dtype.itemsize <= 4 else 3):
        y = y * (x.dtype.type(1.5) - x.dtype.type(0.5) * x * y * y)
    return np.where(np.isfinite(y), y, 1 / np.sqrt(x))


def coarse_rsqrt(x: np.ndarray) -> np.ndarray:
    """The 12-bit estimate alone."""
    significand, exponent = np.frexp(1 / np.sqrt(x))
    return np.ldexp(np.round(significand * 4096) / 4096, exponent).astype(x.dtype)


def coarse_exp(x: np.ndarray) -> np.ndarray:
    """2 to a whole power times a cubic that matches 2**f to 1e-4: a "fast exp"."""
    t = np.clip(x * x.dtype.type(1.4426950408889634), -1000, 1000)
    whole = np.floor(t)
    f = t - whole
    cubic = ((0.0790 * f + 0.2243) * f + 0.6967) * f + 1.0
    return np.ldexp(cubic, whole.astype(np.int32)).astype(x.dtype)


def coarse_tanh(x: np.ndarray) -> np.ndarray:
    """tanh.approx of NVIDIA's PTX: 11 bits."""
    return _to_bits(np.tanh(x), 11)


def _to_bits(x: np.ndarray, bits: int) -> np.ndarray:
    significand, exponent = np.frexp(x)
    scale = 2.0**bits
    return np.ldexp(np.round(significand * scale) / scale, exponent).astype(x.dtype)


HONEST: Sequence[Arithmetic] = (
    Arithmetic("pairwise"),
    Arithmetic("16 lanes", summation.lanes(16), products.one_by_one, tanh=tanh_by_expm1),
    Arithmetic("1024 lanes", summation.lanes(1024), products.split(4), exp=exp_by_exp2,
               log=log_by_log2, rsqrt=rsqrt_by_newton),
    Arithmetic("blocks of 256", summation.blocks(256), products.tiles(32)),
    Arithmetic("runs of 1024", summation.runs(1024), products.split(2)),
    Arithmetic("Kahan", summation.kahan(32), products.fused),
    Arithmetic("wide sums", summation.wide, products.wide),
    Arithmetic("wide", summation.pairwise, products.blas, wide=True),
)  # fmt: skip
SLOPPY: Sequence[Arithmetic] = (
    Arithmetic("fast exp", exp=coarse_exp),
    Arithmetic("tanh of 11 bits", tanh=coarse_tanh),
    Arithmetic("rsqrt of 12 bits", rsqrt=coarse_rsqrt),
)
RUNNING_SUM = Arithmetic("one running sum", summation.sequential)


def computed_in(dtype: np.dtype, arithmetic: Arithmetic) -> np.dtype:
    """The dtype that ``arithmetic`` computes an operator of ``dtype`` in: half types in float32."""
    own = np.dtype(np.float64 if dtype == np.float64 else np.float32)
    return np.dtype(WIDER[own]) if arithmetic.wide else own


def with_rounding(arithmetic: Arithmetic, name: str, rounded: Function) -> Arithmetic:
    """``arithmetic`` with everything between its operations rounded."""
    return replace(arithmetic, name=name, rounded=rounded)
