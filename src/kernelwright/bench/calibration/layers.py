"""Families of normalisations, softmax, matrix products, convolution and attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelwright.bench.calibration import products
from kernelwright.bench.calibration.arithmetic import Arithmetic
from kernelwright.bench.calibration.family import Family, normal

_EPSILON = 1e-5
_ROWS = (128, 1024)
_PLAIN = Arithmetic("plain")
_FLOAT32 = ("float32",)


def _normalised(
    a: Arithmetic, x: np.ndarray, axis: int | tuple[int, ...], eps: float = _EPSILON
) -> np.ndarray:
    scale = a.rsqrt(a.variance(x, axis) + x.dtype.type(eps))
    return a.rounded((x - a.mean(x, axis)) * scale)


def _one_pass(x: np.ndarray, axis: int | tuple[int, ...] = -1) -> np.ndarray:
    """Mean and mean of squares in one pass, which cancels under an offset."""
    mean = _PLAIN.mean(x, axis)
    variance = np.maximum(_PLAIN.mean(x * x, axis) - mean * mean, 0)
    return (x - mean) / np.sqrt(variance + x.dtype.type(_EPSILON))


def _layer_norm(a: Arithmetic, x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a.rounded(_normalised(a, x, -1) * w) + b


def _torch_layer_norm(t: Any, x: Any, w: Any, b: Any) -> Any:
    return t.nn.functional.layer_norm(x, x.shape[-1:], w, b, _EPSILON)


def _rms_norm(a: Arithmetic, x: np.ndarray, w: np.ndarray) -> np.ndarray:
    scale = a.rsqrt(a.mean(a.rounded(x * x)) + x.dtype.type(_EPSILON))
    return a.rounded(x * scale) * w


def _torch_rms_norm(t: Any, x: Any, w: Any) -> Any:
    return t.nn.functional.rms_norm(x, x.shape[-1:], w, _EPSILON)


def _group_norm(a: Arithmetic, x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    groups = x.reshape(x.shape[0], 4, -1)
    y = _normalised(a, groups, -1).reshape(x.shape)
    return y * w[:, None, None] + b[:, None, None]


def _batch_norm(a: Arithmetic, x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    return _normalised(a, x, (0, 2, 3)) * w[:, None, None] + b[:, None, None]


def _torch_batch_norm(t: Any, x: Any, w: Any, b: Any) -> Any:
    return t.nn.functional.batch_norm(x, None, None, w, b, training=True, eps=_EPSILON)


def _log_softmax(a: Arithmetic, x: np.ndarray) -> np.ndarray:
    shifted = a.rounded(x - x.max(-1, keepdims=True))
    return shifted - a.log(a.sum(a.rounded(a.exp(shifted))))


def _online_softmax(x: np.ndarray) -> np.ndarray:
    top = np.full((*x.shape[:-1], 1), -np.inf, x.dtype)
    total = np.zeros_like(top)
    for start in range(0, x.shape[-1], 128):
        block = x[..., start : start + 128]
        new = np.maximum(top, block.max(-1, keepdims=True))
        total = total * np.exp(top - new) + np.exp(block - new).sum(-1, keepdims=True)
        top = new
    return np.exp(x - top) / total


def _unshifted_softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x)
    return powers / powers.sum(-1, keepdims=True)


def _linear(a: Arithmetic, x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a.matmul(x, w.T) + b


def _columns(x: np.ndarray) -> np.ndarray:
    """im2col for 3 x 3 windows with a border of one: [b, c * 9, h * w]."""
    b, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    shifted = [padded[:, :, i : i + h, j : j + w] for i in range(3) for j in range(3)]
    return np.stack(shifted, axis=2).reshape(b, c * 9, h * w)


def _convolution(a: Arithmetic, x: np.ndarray, w: np.ndarray, bias: np.ndarray) -> np.ndarray:
    y = a.matmul(w.reshape(w.shape[0], -1)[None], _columns(x))
    return y.reshape(x.shape[0], w.shape[0], *x.shape[2:]) + bias[:, None, None]


def _direct_convolution(x: np.ndarray, w: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Nine products of 1 x 1, one a tap, added in order."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    h, wide = x.shape[2:]
    total = np.zeros((x.shape[0], w.shape[0], h, wide), x.dtype)
    for i in range(3):
        for j in range(3):
            total += np.einsum(
                "bchw,oc->bohw", padded[:, :, i : i + h, j : j + wide], w[:, :, i, j]
            )
    return total + bias[:, None, None]


def _attention(a: Arithmetic, q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    scores = a.matmul(q, np.swapaxes(k, -1, -2)) * q.dtype.type(q.shape[-1] ** -0.5)
    return a.matmul(a.softmax(scores), v)


def _flash_attention(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Blocks of 32 keys with a running maximum, powers of two (FlashAttention, Dao et al. 2022)."""
    kind = q.dtype.type
    q = q * kind(q.shape[-1] ** -0.5 * 1.4426950408889634)
    top = np.full((*q.shape[:-1], 1), -np.inf, q.dtype)
    total, out = np.zeros_like(top), np.zeros_like(q)
    for start in range(0, k.shape[-2], 32):
        keys, values = k[..., start : start + 32, :], v[..., start : start + 32, :]
        scores = q @ np.swapaxes(keys, -1, -2)
        new = np.maximum(top, scores.max(-1, keepdims=True))
        powers, factor = np.exp2(scores - new), np.exp2(top - new)
        total = total * factor + powers.sum(-1, keepdims=True)
        out, top = out * factor + powers @ values, new
    return out / total


def _torch_attention(t: Any, q: Any, k: Any, v: Any) -> Any:
    return t.nn.functional.scaled_dot_product_attention(q, k, v)


def _plain_torch_attention(t: Any, q: Any, k: Any, v: Any) -> Any:
    return t.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, -1) @ v


def _mlp(a: Arithmetic, x: np.ndarray, up: np.ndarray, down: np.ndarray) -> np.ndarray:
    return a.matmul(np.maximum(a.matmul(x, up), 0), down)


def _split_products() -> dict[str, Any]:
    """Products made of three narrower ones: one way keeps float32's digits, one does not."""
    return {
        "honest": {"3xTF32": products.three_times_tf32},
        "sloppy": {"2xbfloat16": products.twice_bfloat16},
        "dtypes_of": {"3xTF32": _FLOAT32, "2xbfloat16": _FLOAT32},
    }


_HEADS = (2, 2, 64, 32)

FAMILIES = (
    Family(
        "softmax", normal(_ROWS, large=[(16, 65536)]), lambda t, x: t.softmax(x, -1),
        lambda a, x: a.softmax(x), honest={"online": _online_softmax},
        sloppy={"no maximum": _unshifted_softmax}, has_large=True,
    ),
    Family(
        "log_softmax", normal(_ROWS), lambda t, x: t.nn.functional.log_softmax(x, -1), _log_softmax,
    ),
    Family(
        "layer_norm", normal(_ROWS, (1024,), (1024,), large=[(64, 16384), (16384,), (16384,)]),
        _torch_layer_norm, _layer_norm, weights=(1, 2),
        sloppy={"one pass": lambda x, w, b: _one_pass(x) * w + b},
        dtypes_of={"one pass": _FLOAT32}, has_large=True,
    ),
    Family("rms_norm", normal(_ROWS, (1024,)), _torch_rms_norm, _rms_norm, weights=(1,)),
    Family(
        "group_norm", normal((4, 32, 16, 16), (32,), (32,)),
        lambda t, x, w, b: t.nn.functional.group_norm(x, 4, w, b, _EPSILON), _group_norm,
        weights=(1, 2),
    ),
    Family(
        "batch_norm", normal((8, 16, 16, 16), (16,), (16,)), _torch_batch_norm, _batch_norm,
        weights=(1, 2),
        sloppy={
            "one pass": lambda x, w, b: _one_pass(x, (0, 2, 3)) * w[:, None, None]
            + b[:, None, None]
        },
        dtypes_of={"one pass": _FLOAT32},
    ),
    Family(
        "matmul", normal((96, 512), (512, 96)), lambda t, a, b: a @ b,
        lambda a, x, y: a.matmul(x, y), **_split_products(),
    ),
    Family(
        "matmul_long_k", normal((16, 8192), (8192, 16)), lambda t, a, b: a @ b,
        lambda a, x, y: a.matmul(x, y), **_split_products(),
    ),
    Family(
        "batched_matmul", normal((8, 48, 64), (8, 64, 48)), lambda t, a, b: t.bmm(a, b),
        lambda a, x, y: a.matmul(x, y), **_split_products(),
    ),
    Family(
        "linear", normal((128, 256), (128, 256), (128,)),
        lambda t, x, w, b: t.nn.functional.linear(x, w, b), _linear, weights=(1, 2),
    ),
    Family(
        "mlp", normal((64, 256), (256, 256), (256, 64)), lambda t, x, u, d: t.relu(x @ u) @ d,
        _mlp, weights=(1, 2),
    ),
    Family(
        "convolution", normal((2, 16, 16, 16), (16, 16, 3, 3), (16,)),
        lambda t, x, w, b: t.nn.functional.conv2d(x, w, b, padding=1), _convolution,
        weights=(1, 2), honest={"direct": _direct_convolution},
    ),
    Family(
        "attention", normal(_HEADS, _HEADS, _HEADS), _plain_torch_attention, _attention,
        honest={"flash": _flash_attention},
    ),
    Family(
        "fused_attention", normal(_HEADS, _HEADS, _HEADS), _torch_attention, _attention,
        honest={"flash": _flash_attention},
    ),
)  # fmt: skip
