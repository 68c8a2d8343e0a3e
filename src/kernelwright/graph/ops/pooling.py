"""Pooling over the last axes of a tensor, in any number of dimensions.

All take ``kernel``, ``stride``, ``padding`` and ``out`` (the output's extents, so that ceil mode
needs no rule of its own), one entry a pooled axis; the maxima take ``dilation`` too.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import DTYPES, Builder, Node, OpDef, TensorType, is_float
from kernelwright.graph.ops._rules import (
    FLOATS,
    NUMBERS,
    compute_dtype,
    expect_count,
    expect_dtype,
    in_float32,
)
from kernelwright.graph.ops._taps import Fold, Taps, fold_taps, tap_window
from kernelwright.graph.ops.window import inside
from kernelwright.graph.rules import REASSOCIATION, Match, Rule, cast, p

Ints = tuple[int, ...]


def lowest(dtype: str) -> float | int | bool:
    """The identity of the maximum."""
    if is_float(dtype):
        return -math.inf
    return False if dtype == "bool" else int(np.iinfo(DTYPES[dtype]).min)


def _infer(
    name: str, allowed: frozenset[str], result: str | None = None
) -> Callable[[Sequence[TensorType], Mapping[str, Any]], TensorType]:
    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(name, inputs, 1)
        (x,) = inputs
        expect_dtype(name, x.dtype, allowed)
        out = tuple(attrs["out"])
        lengths = {len(tuple(attrs[key])) for key in ("kernel", "stride", "padding", "out")}
        if len(lengths) != 1 or len(out) > len(x.shape):
            raise ValueError(f"{name}: kernel, stride, padding and out must have equal lengths")
        if min((*attrs["kernel"], *attrs["stride"]), default=1) < 1:
            raise ValueError(f"{name}: kernel and stride must be at least 1")
        return TensorType((*x.shape[: len(x.shape) - len(out)], *out), result or x.dtype)

    return infer


def _axes(rank: int, count: int) -> list[int]:
    return list(range(rank - count, rank))


def _taps(
    kernel: Ints, stride: Ints, padding: Ints, out: Ints, dilation: Ints | None = None
) -> list[Taps]:
    spread = dilation or (1,) * len(kernel)
    return [Taps(*one) for one in zip(kernel, stride, padding, spread, out)]


# ---- meaning ---------------------------------------------------------------------------------


def _seen(x: np.ndarray, taps: Sequence[Taps], at: Sequence[int], fill: Any) -> np.ndarray:
    """What tap ``at`` sees, one element an output."""
    lead = x.ndim - len(taps)
    ranges = [slice(None)] * lead
    picked = [np.arange(n) for n in x.shape[:lead]]
    shape = list(x.shape[:lead])
    for axis, (tap, k) in enumerate(zip(taps, at), lead):
        start = k * tap.dilation - tap.padding
        low, high = inside(start, tap.stride, tap.out, x.shape[axis])
        ranges.append(slice(low, high))
        picked.append(start + tap.stride * np.arange(low, high))
        shape.append(tap.out)
    seen = np.full(tuple(shape), fill, x.dtype)
    seen[tuple(ranges)] = x[np.ix_(*picked)]
    return seen


def _every(taps: Sequence[Taps]) -> itertools.product[tuple[int, ...]]:
    return itertools.product(*(range(t.kernel) for t in taps))


def _max_pool(
    x: np.ndarray, *, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, out: Ints
) -> np.ndarray:
    taps = _taps(kernel, stride, padding, out, dilation)
    fill = -math.inf if np.issubdtype(x.dtype, np.floating) else np.iinfo(x.dtype).min
    best: np.ndarray | None = None
    for at in _every(taps):
        seen = _seen(x, taps, at, fill)
        best = seen if best is None else np.maximum(best, seen)
    assert best is not None
    return best


def _max_pool_indices(
    x: np.ndarray, *, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, out: Ints
) -> np.ndarray:
    taps = _taps(kernel, stride, padding, out, dilation)
    fill = -math.inf if np.issubdtype(x.dtype, np.floating) else np.iinfo(x.dtype).min
    flat = np.arange(math.prod(x.shape[x.ndim - len(out) :])).reshape(x.shape[x.ndim - len(out) :])
    best, index = None, None
    for at in _every(taps):
        seen = _seen(x, taps, at, fill)
        here = np.broadcast_to(_seen(flat, taps, at, -1), seen.shape)
        if best is None or index is None:
            best, index = seen.copy(), here.copy()
            continue
        take = ((seen > best) | (seen != seen)) & (here >= 0) | ((index < 0) & (here >= 0))
        best, index = np.where(take, seen, best), np.where(take, here, index)
    assert index is not None
    return np.asarray(index, np.int64)


def counts(tap: Taps, size: int, include_pad: bool) -> np.ndarray:
    """How many elements torch divides every window of one axis by: a window ends with the padding;
    what lies in the padding counts only with ``include_pad``."""
    start = np.arange(tap.out) * tap.stride - tap.padding
    end = np.minimum(start + tap.kernel, size + tap.padding)
    if not include_pad:
        start, end = np.maximum(start, 0), np.minimum(end, size)
    return end - start


def _divisors(x_shape: Ints, taps: Sequence[Taps], attrs: Mapping[str, Any]) -> list[np.ndarray]:
    sizes = x_shape[len(x_shape) - len(taps) :]
    return [counts(t, n, attrs["include_pad"]) for t, n in zip(taps, sizes)]


def _avg_pool(
    x: np.ndarray,
    *,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    out: Ints,
    include_pad: bool,
    divisor: int | None,
) -> np.ndarray:
    taps = _taps(kernel, stride, padding, out)
    total = sum(_seen(x, taps, at, 0) for at in _every(taps))
    if divisor is not None:
        return np.asarray(total / np.asarray(divisor, x.dtype))
    count = np.ones((), x.dtype)
    for one in _divisors(x.shape, taps, {"include_pad": include_pad}):
        count = count[..., None] * one.astype(x.dtype)
    return np.asarray(total / count)


# ---- decompositions --------------------------------------------------------------------------


def _max_pool_taps(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node:
    (x,) = inputs
    taps = _taps(
        attrs["kernel"], attrs["stride"], attrs["padding"], attrs["out"], attrs["dilation"]
    )
    fold = Fold("maximum", "amax", lowest(x.dtype))
    return fold_taps(builder, x, _axes(len(x.shape), len(taps)), taps, fold)


def _max_index_taps(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node:
    """One tap after the other: a later one wins where it is greater, or NaN."""
    (x,), b = inputs, builder
    taps = _taps(
        attrs["kernel"], attrs["stride"], attrs["padding"], attrs["out"], attrs["dilation"]
    )
    axes = _axes(len(x.shape), len(taps))
    fill = lowest(x.dtype)
    first, index = _first_index(builder, x, axes, taps), None
    best: Node | None = None
    base = _index_of(builder, x, axes, taps)
    for at in _every(taps):
        seen = tap_window(b, x, axes, taps, at, fill)
        offset = sum(
            k * t.dilation * math.prod(x.shape[a + 1 :]) for k, t, a in zip(at, taps, axes)
        )
        here = b.add(base, b.constant(offset, "int64"))
        start = best if best is not None else b.constant(fill, x.dtype)
        take = b.gt(seen, start)
        if is_float(x.dtype):
            take = b.logical_or(take, b.isnan(seen))
        index = b.where(take, here, index if index is not None else first)
        best = seen if best is None else b.maximum(best, seen)
    assert index is not None
    return index


def _index_of(builder: Builder, x: Node, axes: Sequence[int], taps: Sequence[Taps]) -> Node:
    """The flat index of every window's tap 0, which may lie in the padding."""
    total: Node | None = None
    constant = 0
    for axis, tap in zip(axes, taps):
        inner = math.prod(x.shape[axis + 1 :])
        line = _line(builder, x, axis, taps, axes)
        term = builder.mul(line, builder.constant(tap.stride * inner, "int64"))
        constant -= tap.padding * inner
        total = term if total is None else builder.add(total, term)
    assert total is not None
    return builder.add(total, builder.constant(constant, "int64"))


def _line(builder: Builder, x: Node, axis: int, taps: Sequence[Taps], axes: Sequence[int]) -> Node:
    """The output's index along ``axis``, of the output's rank."""
    shape = [1] * len(x.shape)
    shape[axis] = taps[axes.index(axis)].out
    return builder.make("iota", [], shape=tuple(shape), axis=axis, dtype="int64")


def _first_index(builder: Builder, x: Node, axes: Sequence[int], taps: Sequence[Taps]) -> Node:
    """The flat index of the first element of every window that lies in the tensor."""
    b, total = builder, None
    for axis, tap in zip(axes, taps):
        starts = [
            next((s for s in range(i, i + tap.kernel * tap.dilation, tap.dilation) if s >= 0), 0)
            for i in range(-tap.padding, tap.out * tap.stride - tap.padding, tap.stride)
        ]
        inner = math.prod(x.shape[axis + 1 :])
        if tap.padding:
            shape = [1] * len(x.shape)
            shape[axis] = tap.out
            term = b.constant(np.reshape(starts, shape) * inner, "int64")
        else:
            line = _line(b, x, axis, taps, axes)
            term = b.mul(line, b.constant(tap.stride * inner, "int64"))
        total = term if total is None else b.add(total, term)
    assert total is not None
    return total


def _avg_pool_taps(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node:
    (x,), b = inputs, builder
    taps = _taps(attrs["kernel"], attrs["stride"], attrs["padding"], attrs["out"])
    dtype = compute_dtype(x.dtype)
    wide = x if x.dtype == dtype else b.cast(x, dtype=dtype)
    axes = _axes(len(x.shape), len(taps))
    total = fold_taps(b, wide, axes, taps, Fold("add", "sum", 0))
    if attrs["divisor"] is not None:
        value = b.div(total, b.constant(float(attrs["divisor"]), dtype))
    else:
        value = _divided(b, total, axes, _divisors(x.shape, taps, attrs), dtype)
    return value if value.dtype == x.dtype else b.cast(value, dtype=x.dtype)


def _divided(
    builder: Builder, total: Node, axes: Sequence[int], counts: Sequence[np.ndarray], dtype: str
) -> Node:
    """``total`` by the product of one count an axis: a number where all windows are whole."""
    number, lines = 1.0, None
    for axis, count in zip(axes, counts):
        if count.size == 0 or (count == count[0]).all():
            number *= float(count[0]) if count.size else 1.0
            continue
        shape = [1] * len(total.shape)
        shape[axis] = count.size
        line = builder.constant(count.reshape(shape), dtype)
        lines = line if lines is None else builder.mul(lines, line)
    divisor = builder.constant(number, dtype)
    if lines is not None:
        divisor = lines if number == 1 else builder.mul(lines, divisor)
    return builder.div(total, divisor)


def _kept(function: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """In float32 for halves; the indices that come out stay integers."""
    wrapped = in_float32(function)

    def meaning(x: np.ndarray, **attrs: Any) -> np.ndarray:
        return wrapped(x, **attrs)

    return meaning


OPS = (
    OpDef(
        "max_pool", "composite", _infer("max_pool", NUMBERS), _kept(_max_pool), _max_pool_taps,
        "The largest element of every window; NaN wins.",
    ),
    OpDef(
        "max_pool_indices", "composite", _infer("max_pool_indices", NUMBERS, "int64"),
        _kept(_max_pool_indices), _max_index_taps,
        "Where it is, as a flat index into the pooled axes; the first on ties, the last NaN.",
    ),
    OpDef(
        "avg_pool", "composite", _infer("avg_pool", FLOATS), _kept(_avg_pool), _avg_pool_taps,
        "The mean of every window; attrs include_pad, divisor (None: the count of elements).",
    ),
)  # fmt: skip


# ---- rules -----------------------------------------------------------------------------------


def _is_partition(pool: Node) -> bool:
    """Whether the windows lie side by side, all of them inside the tensor."""
    attrs, sizes = pool.attrs, pool.inputs[0].shape[-len(pool.attrs["out"]) :]
    plain = attrs["kernel"] == attrs["stride"] and not any(attrs["padding"])
    plain &= attrs.get("divisor") is None and set(attrs.get("dilation", ())) <= {1}
    return plain and all(k * o <= n for k, o, n in zip(attrs["kernel"], attrs["out"], sizes))


def _pool_of_pool(builder: Builder, m: Match) -> Node | None:
    """Windows of windows are larger windows."""
    inner, outer = m["inner"], m.root
    if not (_is_partition(inner) and _is_partition(outer)):
        return None
    if len(inner.attrs["out"]) != len(outer.attrs["out"]):
        return None
    pairs = zip(inner.attrs["kernel"], outer.attrs["kernel"])
    kernel = tuple(a * b for a, b in pairs)
    attrs = {**outer.attrs, "kernel": kernel, "stride": kernel}
    return builder.make(outer.op, [m["x"]], **attrs)


def _whole(builder: Builder, m: Match) -> Node | None:
    """One window over everything is a reduction."""
    x, root = m["x"], m.root
    count = len(root.attrs["out"])
    sizes = x.shape[len(x.shape) - count :]
    if not _is_partition(root) or tuple(root.attrs["kernel"]) != tuple(sizes):
        return None
    axes = tuple(_axes(len(x.shape), count))
    if root.op == "max_pool":
        return builder.amax(x, axes=axes, keepdims=True)
    wide = cast(builder, x, compute_dtype(x.dtype))
    return cast(builder, builder.mean(wide, axes=axes, keepdims=True), x.dtype)


def _pooled(builder: Builder, op: str, x: Node, size: int) -> Node:
    more = {"dilation": (1, 1)} if op == "max_pool" else {"include_pad": True, "divisor": None}
    window = {"kernel": (size, size), "stride": (size, size), "padding": (0, 0)}
    out = tuple(n // size for n in x.shape[-2:])
    return builder.make(op, [x], **window, out=out, **more)


def _two_pools(op: str) -> Callable[[Builder, Callable[..., Node]], Node]:
    return lambda b, leaf: _pooled(b, op, _pooled(b, op, leaf(2, 13, 12), 2), 3)


def _one_pool(op: str) -> Callable[[Builder, Callable[..., Node]], Node]:
    return lambda b, leaf: _pooled(b, op, leaf(2, 3, 5, 5), 5)


RULES = tuple(
    rule
    for op, licence in (("max_pool", ""), ("avg_pool", REASSOCIATION))
    for rule in (
        Rule(f"{op}_of_{op}", getattr(p, op)(getattr(p, op)("x", label="inner")), _pool_of_pool,
             licence, _two_pools(op)),
        Rule(f"{op}_of_everything", getattr(p, op)("x"), _whole, licence, _one_pool(op)),
    )
)  # fmt: skip
