"""Families of sums, means, variances, norms, scans and losses."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelwright.bench.calibration.arithmetic import Arithmetic
from kernelwright.bench.calibration.family import Family, normal

_ROWS, _MANY = [(32, 4096)], [(16, 65536)]
_FLAT, _LONG = [(65536,)], [(1 << 20,)]
_PLAIN = Arithmetic("plain")


def _square_mean_difference(x: np.ndarray) -> np.ndarray:
    """The textbook's E[x^2] - E[x]^2, which cancels under an offset."""
    return _PLAIN.mean(x * x, keep=False) - _PLAIN.mean(x, keep=False) ** 2


def _welford(x: np.ndarray) -> np.ndarray:
    """Welford (1962), in 32 lanes merged by Chan's formula."""
    lanes = 32
    parts = x.reshape(x.shape[0], -1, lanes)
    mean = np.zeros_like(parts[:, 0])
    square = np.zeros_like(mean)
    for i in range(parts.shape[1]):
        delta = parts[:, i] - mean
        mean = mean + delta / x.dtype.type(i + 1)
        square = square + delta * (parts[:, i] - mean)
    count = parts.shape[1]
    while mean.shape[1] > 1:
        a, b = mean[:, ::2], mean[:, 1::2]
        delta = b - a
        square = square[:, ::2] + square[:, 1::2] + delta * delta * x.dtype.type(count / 2)
        mean, count = (a + b) / 2, count * 2
    return square[:, 0] / x.dtype.type(count)


def _logsumexp(a: Arithmetic, x: np.ndarray) -> np.ndarray:
    top = x.max(-1, keepdims=True)
    return (a.log(a.sum(a.rounded(a.exp(a.rounded(x - top))))) + top)[..., 0]


def _online_logsumexp(x: np.ndarray) -> np.ndarray:
    """One pass over blocks of 128 with a running maximum (Milakov and Gimelshein, 2018)."""
    top = np.full(x.shape[:-1], -np.inf, x.dtype)
    total = np.zeros(x.shape[:-1], x.dtype)
    for start in range(0, x.shape[-1], 128):
        block = x[..., start : start + 128]
        new = np.maximum(top, block.max(-1))
        total = total * np.exp(top - new) + np.exp(block - new[..., None]).sum(-1)
        top = new
    return np.log(total) + top


def _unshifted_logsumexp(x: np.ndarray) -> np.ndarray:
    return np.log(np.exp(x).sum(-1))


def _cumsum_blocks(x: np.ndarray) -> np.ndarray:
    """Scans of blocks of 64, then each block moved by the scan of the blocks' totals."""
    parts = np.add.accumulate(x.reshape(x.shape[0], -1, 64), axis=-1)
    before = np.add.accumulate(parts[..., -1], axis=-1) - parts[..., -1]
    return (parts + before[..., None]).reshape(x.shape)


def _cumsum_doubling(x: np.ndarray) -> np.ndarray:
    """Hillis and Steele's parallel scan."""
    step = 1
    while step < x.shape[-1]:
        x = np.concatenate([x[:, :step], x[:, step:] + x[:, :-step]], axis=-1)
        step *= 2
    return x


def _cumsum(a: Arithmetic, x: np.ndarray) -> np.ndarray:
    if a.name == "wide sums":
        return np.add.accumulate(x.astype(np.longdouble), axis=-1).astype(x.dtype)
    return a.rounded(np.add.accumulate(x, axis=-1))


def _mse(a: Arithmetic, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    difference = a.rounded(x - y).reshape(-1)
    return a.mean(a.rounded(difference * difference), keep=False)


def _labelled(rng: np.random.Generator, large: bool) -> list[np.ndarray]:
    return [rng.standard_normal((256, 1000)), rng.integers(0, 1000, 256)]


def _cross_entropy(a: Arithmetic, x: np.ndarray, label: np.ndarray) -> np.ndarray:
    picked = np.take_along_axis(x, label[:, None], 1)[:, 0]
    return a.mean(_logsumexp(a, x) - picked, keep=False)


def _cosine(a: Arithmetic, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    def length(v: np.ndarray) -> np.ndarray:
        return np.maximum(np.sqrt(a.sum(a.rounded(v * v), keep=False)), v.dtype.type(1e-8))

    return a.sum(a.rounded(x * y), keep=False) / (length(x) * length(y))


def _kl(a: Arithmetic, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """KL divergence of softmax(y) from softmax(x), summed over rows and divided by their number."""
    log_x = x - _logsumexp(a, x)[:, None]
    log_y = y - _logsumexp(a, y)[:, None]
    terms = a.rounded(a.exp(log_y) * a.rounded(log_y - log_x))
    return a.sum(terms.reshape(-1), keep=False) / x.dtype.type(x.shape[0])


def _torch_kl(t: Any, x: Any, y: Any) -> Any:
    log = t.nn.functional.log_softmax
    return t.nn.functional.kl_div(log(x, -1), log(y, -1), reduction="batchmean", log_target=True)


def _norm(a: Arithmetic, x: np.ndarray) -> np.ndarray:
    return np.sqrt(a.sum(a.rounded(x * x), keep=False))


def _pool(a: Arithmetic, x: np.ndarray) -> np.ndarray:
    b, c, h, w = x.shape
    return a.mean(x.reshape(b, c, h // 4, 4, w // 4, 4), (3, 5), keep=False)


FAMILIES = (
    Family(
        "row_sum", normal(*_ROWS, large=_MANY), lambda t, x: x.sum(-1),
        lambda a, x: a.sum(x, keep=False), has_large=True,
    ),
    Family(
        "column_sum", normal((4096, 64), large=[(16384, 64)]), lambda t, x: x.sum(0),
        lambda a, x: a.sum(x, 0, keep=False), has_large=True,
    ),
    Family(
        "full_sum", normal(*_FLAT, large=_LONG), lambda t, x: x.sum(),
        lambda a, x: a.sum(x, keep=False), has_large=True,
    ),
    Family(
        "mean", normal(*_ROWS, large=_MANY), lambda t, x: x.mean(-1),
        lambda a, x: a.mean(x, keep=False), has_large=True,
    ),
    Family(
        "sum_of_squares", normal(*_ROWS, large=_MANY), lambda t, x: (x * x).sum(-1),
        lambda a, x: a.sum(a.rounded(x * x), keep=False), has_large=True,
    ),
    Family(
        "variance", normal(*_ROWS, large=_MANY), lambda t, x: t.var(x, -1, correction=0),
        lambda a, x: a.variance(x)[..., 0], honest={"Welford": _welford},
        sloppy={"E[x^2] - E[x]^2": _square_mean_difference},
        dtypes_of={"E[x^2] - E[x]^2": ("float32",)}, has_large=True,
    ),
    Family(
        "std", normal(*_ROWS), lambda t, x: t.std(x, -1, correction=0),
        lambda a, x: np.sqrt(a.variance(x))[..., 0],
        honest={"Welford": lambda x: np.sqrt(_welford(x))},
    ),
    Family(
        "l1_norm", normal(*_ROWS), lambda t, x: x.abs().sum(-1),
        lambda a, x: a.sum(np.abs(x), keep=False),
    ),
    Family("l2_norm", normal(*_ROWS, large=_MANY), lambda t, x: t.linalg.vector_norm(x, dim=-1),
           _norm, has_large=True),
    Family("row_max", normal(*_ROWS), lambda t, x: x.amax(-1), lambda a, x: x.max(-1)),
    Family("argmax", normal(*_ROWS), lambda t, x: x.argmax(-1), lambda a, x: x.argmax(-1)),
    Family(
        "logsumexp", normal(*_ROWS), lambda t, x: t.logsumexp(x, -1), _logsumexp,
        honest={"online": _online_logsumexp}, sloppy={"no maximum": _unshifted_logsumexp},
    ),
    Family(
        "cumsum", normal((64, 1024)), lambda t, x: t.cumsum(x, -1), _cumsum,
        honest={"blocks of 64": _cumsum_blocks, "doubling": _cumsum_doubling},
    ),
    Family(
        "mse_loss", normal(*_FLAT, *_FLAT, large=[*_LONG, *_LONG]),
        lambda t, x, y: t.nn.functional.mse_loss(x, y), _mse, has_large=True,
    ),
    Family(
        "mse_formula", normal(*_FLAT, *_FLAT), lambda t, x, y: t.mean((x - y) ** 2), _mse,
    ),
    Family(
        "cross_entropy", _labelled, lambda t, x, y: t.nn.functional.cross_entropy(x, y),
        _cross_entropy,
    ),
    Family("kl_divergence", normal((64, 512), (64, 512)), _torch_kl, _kl),
    Family(
        "cosine_similarity", normal((256, 512), (256, 512)),
        lambda t, x, y: t.nn.functional.cosine_similarity(x, y, dim=-1), _cosine,
    ),
    Family(
        "dot", normal(*_FLAT, *_FLAT, large=[*_LONG, *_LONG]), lambda t, x, y: t.dot(x, y),
        lambda a, x, y: a.sum(a.rounded(x * y), keep=False), has_large=True,
    ),
    Family(
        "average_pool", normal((4, 16, 32, 32)), lambda t, x: t.nn.functional.avg_pool2d(x, 4),
        _pool,
    ),
)  # fmt: skip
