"""NumPy's functions that move data and compute nothing."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from kernelwright.errors import CaptureError
from kernelwright.frameworks._numpy_trace.trace import (
    Handler,
    Trace,
    graph_dtype,
    implements,
    normalized_axes,
    promoted,
    refuse_options,
)
from kernelwright.graph.core import DTYPES
from kernelwright.graph.expression import Expression as E


def _shape(shape: Any) -> tuple[int, ...]:
    if isinstance(shape, int | np.integer):
        return (int(shape),)
    return tuple(int(size) for size in shape)


@implements(np.reshape)
def _reshape(
    trace: Trace, a: Any, /, shape: Any = None, order: str = "C", *, copy: Any = None, **_: Any
) -> E:
    if order not in ("C", "A"):
        raise CaptureError(f"numpy.reshape(order={order!r}) cannot be captured")
    x, wanted = trace.lift(a), _shape(shape)
    if -1 in wanted:
        known = prod(size for size in wanted if size != -1)
        whole, rest = divmod(x.node.type.size, known) if known else (0, 1)
        if rest or wanted.count(-1) > 1:
            raise ValueError(f"cannot reshape {x.shape} into {wanted}")
        wanted = tuple(whole if size == -1 else size for size in wanted)
    return x.reshape(wanted)


@implements(np.ravel)
def _ravel(trace: Trace, a: Any, order: str = "C") -> E:
    return _reshape(trace, a, (-1,), order)


@implements(np.transpose)
def _transpose(trace: Trace, a: Any, axes: Any = None) -> E:
    x = trace.lift(a)
    rank = len(x.shape)
    order = tuple(reversed(range(rank))) if axes is None else tuple(int(i) % rank for i in axes)
    return x.transpose(axes=order)


@implements(np.swapaxes)
def _swapaxes(trace: Trace, a: Any, axis1: int, axis2: int) -> E:
    x = trace.lift(a)
    order = list(range(len(x.shape)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return x.transpose(axes=tuple(order))


@implements(np.moveaxis)
def _moveaxis(trace: Trace, a: Any, source: Any, destination: Any) -> E:
    x = trace.lift(a)
    # NumPy computes the permutation: on an array whose every axis has its own stride.
    sizes = range(2, 2 + len(x.shape))
    moved = np.moveaxis(np.broadcast_to(np.zeros(()), tuple(sizes)), source, destination)
    return x.transpose(axes=tuple(size - 2 for size in moved.shape))


@implements(np.expand_dims)
def _expand_dims(trace: Trace, a: Any, axis: Any) -> E:
    x = trace.lift(a)
    count = 1 if isinstance(axis, int | np.integer) else len(axis)
    new = normalized_axes(axis, len(x.shape) + count)
    old = iter(x.shape)
    return x.reshape(tuple(1 if i in new else next(old) for i in range(len(x.shape) + count)))


@implements(np.squeeze)
def _squeeze(trace: Trace, a: Any, axis: Any = None) -> E:
    x = trace.lift(a)
    ones = tuple(i for i, size in enumerate(x.shape) if size == 1)
    gone = ones if axis is None else normalized_axes(axis, len(x.shape))
    if not set(gone) <= set(ones):
        raise ValueError(f"cannot squeeze axes {gone} of shape {x.shape}")
    return x.reshape(tuple(size for i, size in enumerate(x.shape) if i not in gone))


@implements(np.broadcast_to)
def _broadcast_to(trace: Trace, array: Any, shape: Any, subok: bool = False) -> E:
    return trace.lift(array).expand(shape=_shape(shape))


@implements(np.broadcast_arrays)
def _broadcast_arrays(trace: Trace, *args: Any, subok: bool = False) -> tuple[E, ...]:
    parts = [trace.lift(a) for a in args]
    shape = np.broadcast_shapes(*(x.shape for x in parts))
    return tuple(x if x.shape == shape else x.expand(shape=shape) for x in parts)


@implements(np.flip)
def _flip(trace: Trace, m: Any, axis: Any = None) -> E:
    x = trace.lift(m)
    return x.flip(axes=normalized_axes(axis, len(x.shape)))


def _atleast(rank: int) -> Handler:
    def handler(trace: Trace, *arrays: Any) -> Any:
        parts = [trace.lift(a) for a in arrays]
        if any(len(x.shape) < rank and len(x.shape) for x in parts) and rank == 3:
            raise CaptureError("numpy.atleast_3d of vectors and matrices cannot be captured")
        wide = tuple(x.reshape((1,) * max(0, rank - len(x.shape)) + x.shape) for x in parts)
        return wide[0] if len(wide) == 1 else wide

    return handler


for _rank, _function in ((1, np.atleast_1d), (2, np.atleast_2d), (3, np.atleast_3d)):
    implements(_function)(_atleast(_rank))


def _common(trace: Trace, arrays: Sequence[Any], dtype: Any) -> list[E]:
    kind = promoted(list(arrays)) if dtype is None else np.dtype(dtype)
    return [trace.lift(a, kind) for a in arrays]


@implements(np.concatenate)
def _concatenate(
    trace: Trace, arrays: Any, /, axis: Any = 0, *, dtype: Any = None, casting: str = "same_kind"
) -> E:
    parts = _common(trace, list(arrays), dtype)
    if axis is None:
        parts, axis = [x.reshape((x.node.type.size,)) for x in parts], 0
    (place,) = normalized_axes(axis, len(parts[0].shape))
    return parts[0].make("concat", *parts[1:], axis=place)


@implements(np.stack)
def _stack(
    trace: Trace, arrays: Any, axis: int = 0, *, dtype: Any = None, casting: str = "same_kind"
) -> E:
    parts = _common(trace, list(arrays), dtype)
    (place,) = normalized_axes(axis, len(parts[0].shape) + 1)
    if any(x.shape != parts[0].shape for x in parts):
        raise ValueError("all input arrays must have the same shape")
    wide = [x.reshape((*x.shape[:place], 1, *x.shape[place:])) for x in parts]
    return wide[0].make("concat", *wide[1:], axis=place)


@implements(np.vstack)
def _vstack(trace: Trace, tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> E:
    parts = _common(trace, list(tup), dtype)
    wide = [x.reshape((1,) * max(0, 2 - len(x.shape)) + x.shape) for x in parts]
    return wide[0].make("concat", *wide[1:], axis=0)


@implements(np.hstack)
def _hstack(trace: Trace, tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> E:
    parts = [x if x.shape else x.reshape((1,)) for x in _common(trace, list(tup), dtype)]
    return parts[0].make("concat", *parts[1:], axis=0 if len(parts[0].shape) == 1 else 1)


def _piece(x: E, axis: int, start: int, stop: int) -> E:
    starts, stops = [0] * len(x.shape), list(x.shape)
    starts[axis], stops[axis] = start, max(start, stop)
    return x.slice(starts=tuple(starts), stops=tuple(stops), steps=(1,) * len(starts))


def _split(exact: bool) -> Handler:
    def handler(trace: Trace, ary: Any, indices_or_sections: Any, axis: int = 0) -> list[E]:
        x = trace.lift(ary)
        (place,) = normalized_axes(axis, len(x.shape))
        size = x.shape[place]
        if isinstance(indices_or_sections, int | np.integer):
            count = int(indices_or_sections)
            if exact and size % count:
                raise ValueError("array split does not result in an equal division")
            base, extra = divmod(size, count)
            lengths = [base + 1] * extra + [base] * (count - extra)
            cuts = [0, *np.cumsum(lengths).tolist()]
        else:
            inner = [slice(None, int(i)).indices(size)[1] for i in indices_or_sections]
            cuts = [0, *inner, size]
        return [_piece(x, place, a, b) for a, b in zip(cuts, cuts[1:])]

    return handler


implements(np.split)(_split(exact=True))
implements(np.array_split)(_split(exact=False))


@implements(np.pad)
def _pad(trace: Trace, array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> E:
    if mode != "constant":
        raise CaptureError(f"numpy.pad(mode={mode!r}) cannot be captured; only 'constant' can")
    x = trace.lift(array)
    if isinstance(pad_width, dict):
        chosen = {int(k) % len(x.shape): v for k, v in pad_width.items()}
        pad_width = [chosen.get(i, (0, 0)) for i in range(len(x.shape))]
    widths = np.broadcast_to(np.asarray(pad_width), (len(x.shape), 2))
    value = np.asarray(options.pop("constant_values", 0))
    refuse_options("numpy.pad", options)
    if value.size != 1:
        raise CaptureError("numpy.pad with several constant_values cannot be captured")
    number = value.astype(DTYPES[x.dtype]).reshape(()).item()
    low, high = (tuple(int(w) for w in widths[:, side]) for side in (0, 1))
    return x.pad(low=low, high=high, value=number)


@implements(np.tile)
def _tile(trace: Trace, A: Any, reps: Any) -> E:
    x, counts = trace.lift(A), _shape(reps)
    rank = max(len(x.shape), len(counts))
    shape = (1,) * (rank - len(x.shape)) + x.shape
    counts = (1,) * (rank - len(counts)) + counts
    split = x.reshape(tuple(n for size in shape for n in (1, size)))
    wide = split.expand(shape=tuple(n for pair in zip(counts, shape) for n in pair))
    return wide.reshape(tuple(count * size for count, size in zip(counts, shape)))


@implements(np.repeat)
def _repeat(trace: Trace, a: Any, repeats: Any, axis: Any = None) -> E:
    if not isinstance(repeats, int | np.integer):
        raise CaptureError("numpy.repeat with one count for each element cannot be captured")
    x = trace.lift(a)
    if axis is None:
        x, axis = x.reshape((x.node.type.size,)), 0
    (place,) = normalized_axes(axis, len(x.shape))
    before, size, after = x.shape[:place], x.shape[place], x.shape[place + 1 :]
    wide = x.reshape((*before, size, 1, *after)).expand(shape=(*before, size, int(repeats), *after))
    return wide.reshape((*before, size * int(repeats), *after))


@implements(np.roll)
def _roll(trace: Trace, a: Any, shift: Any, axis: Any = None) -> E:
    x = trace.lift(a)
    if axis is None:
        flat = x.reshape((x.node.type.size,))
        return _rolled(flat, int(shift), 0).reshape(x.shape)
    axes = (axis,) if isinstance(axis, int | np.integer) else tuple(axis)
    shifts = (shift,) * len(axes) if isinstance(shift, int | np.integer) else tuple(shift)
    for place, by in zip(axes, shifts, strict=True):
        x = _rolled(x, int(by), int(place) % len(x.shape))
    return x


def _rolled(x: E, shift: int, axis: int) -> E:
    size = x.shape[axis]
    cut = size - shift % size if size else 0
    if cut == size:
        return x
    return _piece(x, axis, cut, size).make("concat", _piece(x, axis, 0, cut), axis=axis)


@implements(np.copy)
def _copy(trace: Trace, a: Any, order: str = "K", subok: bool = False) -> E:
    return trace.lift(a)


@implements(np.shape)
def _shape_of(trace: Trace, a: Any) -> tuple[int, ...]:
    return trace.lift(a).shape


@implements(np.ndim)
def _ndim(trace: Trace, a: Any) -> int:
    return len(trace.lift(a).shape)


@implements(np.size)
def _size(trace: Trace, a: Any, axis: Any = None) -> int:
    x = trace.lift(a)
    return prod(x.shape[i] for i in normalized_axes(axis, len(x.shape)))


def _filled(fixed: Any) -> Handler:
    """zeros_like, ones_like and full_like: the value expanded to the shape."""

    def handler(
        trace: Trace, a: Any, *args: Any, dtype: Any = None, shape: Any = None, **_: Any
    ) -> E:
        rest = list(args)
        value = fixed if fixed is not None else rest.pop(0)
        dtype = rest.pop(0) if rest else dtype
        like = trace.lift(a)
        name = like.dtype if dtype is None else graph_dtype(dtype)
        wanted = like.shape if shape is None else _shape(shape)
        return trace.lift(value, DTYPES[name]).expand(shape=wanted)

    return handler


implements(np.zeros_like, np.empty_like)(_filled(0))
implements(np.ones_like)(_filled(1))


@implements(np.full_like)
def _full_like(
    trace: Trace, a: Any, fill_value: Any, dtype: Any = None, *args: Any, **options: Any
) -> E:
    return _filled(None)(trace, a, fill_value, dtype=dtype, **options)
