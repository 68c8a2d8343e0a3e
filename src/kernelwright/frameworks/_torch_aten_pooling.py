"""ATen pooling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kernelwright.frameworks._torch_aten_context import (
    Context,
    Converter,
    NotConvertible,
    recorder,
)
from kernelwright.graph.core import Node, is_float

CONVERTERS: dict[str, Converter] = {}
aten = recorder(CONVERTERS)

MAX_UNEVEN_TAPS = 32  # of an adaptive pooling along one axis whose windows differ in length
MAX_INDEXED_TAPS = 64  # of a pooling whose indices are wanted: its taps are compared one by one


def _each(value: int | Sequence[int], count: int) -> tuple[int, ...]:
    listed = [value] if isinstance(value, int) else list(value)
    return tuple(listed * count if len(listed) == 1 else listed)


def _window(
    c: Context, dims: int, kernel: Any, stride: Any, padding: Any
) -> dict[str, tuple[int, ...]]:
    sizes = _each(kernel, dims)
    return {
        "kernel": sizes,
        "stride": _each(stride, dims) if stride else sizes,
        "padding": _each(padding, dims),
        "out": c.out.shape[len(c.out.shape) - dims :],
    }


def _max(dims: int, indices: bool) -> Converter:
    def convert(
        c: Context,
        x: Node,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Any:
        window = _window(c, dims, kernel_size, stride, padding)
        window["dilation"] = _each(dilation, dims)
        value = c.make("max_pool", x, **window)
        return (value, _indices(c, x, window)) if indices else value

    return convert


def _indices(c: Context, x: Node, window: dict[str, tuple[int, ...]]) -> Node | None:
    """The second output, where anything reads it."""
    if 1 not in c.read:
        return None
    if math.prod(window["kernel"]) > MAX_INDEXED_TAPS:
        raise NotConvertible("indices into long windows")
    return c.make("max_pool_indices", x, **window)


def _average(dims: int) -> Converter:
    def convert(
        c: Context,
        x: Node,
        kernel_size: Any,
        stride: Any = (),
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Node:
        if not is_float(x.dtype):
            raise NotConvertible("average of integers")
        window = _window(c, dims, kernel_size, stride, padding)
        return c.make(
            "avg_pool", x, **window, include_pad=count_include_pad, divisor=divisor_override
        )

    return convert


for _dims in (1, 2, 3):
    aten(f"max_pool{_dims}d")(_max(_dims, False))
    aten(f"max_pool{_dims}d_with_indices")(_max(_dims, True))
    aten(f"avg_pool{_dims}d")(_average(_dims))


def _adaptive(c: Context, x: Node, dims: int) -> dict[str, tuple[int, ...]]:
    """The window of an adaptive pooling whose output divides its input."""
    sizes, out = x.shape[len(x.shape) - dims :], c.out.shape[len(c.out.shape) - dims :]
    if any(not o or n % o or not n for n, o in zip(sizes, out)):
        raise NotConvertible("windows of different lengths")
    kernel = tuple(n // o for n, o in zip(sizes, out))
    return {"kernel": kernel, "stride": kernel, "padding": (0,) * dims, "out": out}


def _divides(c: Context, x: Node, dims: int) -> bool:
    pairs = zip(x.shape[len(x.shape) - dims :], c.out.shape[len(c.out.shape) - dims :])
    return all(o and n and n % o == 0 for n, o in pairs)


def _uneven(c: Context, x: Node, dims: int, fold: str, fill: float) -> Node:
    """Windows of different lengths, one axis after the other: element k of every window is looked
    up; where a window has none, ``fill`` stands. Window i goes from floor(i * n / out) to
    ceil((i + 1) * n / out)."""
    rank = len(x.shape)
    if not x.type.size or not c.out.size:
        raise NotConvertible("nothing to pool")
    for axis in range(rank - dims, rank):  # whole rows first
        size, out = x.shape[axis], c.out.shape[axis]
        starts, lengths = _windows(size, out)
        if size == out:
            continue
        if lengths.max() > MAX_UNEVEN_TAPS:
            raise NotConvertible("long windows of different lengths")
        line = [1] * rank
        line[axis] = out
        shape = (*x.shape[:axis], out, *x.shape[axis + 1 :])
        follows = tuple(-1 if a == axis else a for a in range(rank))
        total: Node | None = None
        for k in range(int(lengths.max())):
            at = np.where(k < lengths, starts + k, -1).reshape(line)
            index = c.builder.constant(at, "int32")
            more = {} if (k < lengths).all() else {"fill": fill}
            part = c.make("lookup", x, index, shape=shape, follows=follows, **more)
            total = part if total is None else c.make(fold, total, part)
        assert total is not None
        x = total
    return x


def _windows(size: int, out: int) -> tuple[np.ndarray, np.ndarray]:
    """Starts and lengths of adaptive windows along one axis."""
    i = np.arange(out)
    starts = i * size // out
    return starts, -(-(i + 1) * size // out) - starts


def _uneven_mean(c: Context, x: Node, dims: int) -> Node:
    rank = len(x.shape)
    total = _uneven(c, c.wide(x), dims, "add", 0.0)
    for axis in range(rank - dims, rank):
        lengths = _windows(x.shape[axis], c.out.shape[axis])[1]
        line = [1] * rank
        line[axis] = lengths.size
        total = c.make("div", total, c.builder.constant(lengths.reshape(line), total.dtype))
    return c.cast(total, x.dtype)


def _adaptive_average(dims: int) -> Converter:
    def convert(c: Context, x: Node, output_size: Any) -> Node:
        if not is_float(x.dtype):
            raise NotConvertible("average of integers")
        if not _divides(c, x, dims):
            return _uneven_mean(c, x, dims)
        window = _adaptive(c, x, dims)
        if all(n == 1 for n in window["out"]):
            axes = tuple(range(len(x.shape) - dims, len(x.shape)))
            return c.make("mean", x, axes=axes, keepdims=True)
        return c.make("avg_pool", x, **window, include_pad=True, divisor=None)

    return convert


def _adaptive_max(dims: int) -> Converter:
    def convert(c: Context, x: Node, output_size: Any) -> Any:
        if 1 not in c.read and is_float(x.dtype) and not _divides(c, x, dims):
            return _uneven(c, x, dims, "maximum", -math.inf), None
        window = {**_adaptive(c, x, dims), "dilation": (1,) * dims}
        return c.make("max_pool", x, **window), _indices(c, x, window)

    return convert


for _dims in (1, 2, 3):
    aten(f"adaptive_avg_pool{_dims}d")(_adaptive_average(_dims))
    aten(f"adaptive_max_pool{_dims}d")(_adaptive_max(_dims))
aten("_adaptive_avg_pool2d")(_adaptive_average(2))
aten("_adaptive_avg_pool3d")(_adaptive_average(3))
