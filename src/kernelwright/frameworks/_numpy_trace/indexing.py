"""Subscripts: ints, slices, None and Ellipsis are views; a bool mask can be assigned through."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelwright.errors import CaptureError
from kernelwright.frameworks._numpy_trace.trace import Trace, graph_dtype
from kernelwright.graph.core import DTYPES
from kernelwright.graph.expression import Expression


def take(trace: Trace, x: Expression, key: Any) -> Expression:
    """``x[key]``; raises CaptureError for index arrays, IndexError as NumPy does."""
    entries = _completed(key, len(x.shape))
    starts, stops, steps, flips, shape = [], [], [], [], []
    axis = 0
    for entry in entries:
        if entry is None:
            shape.append(1)
            continue
        size = x.shape[axis]
        if isinstance(entry, slice):
            start, stop, step, length = _bounds(entry, size)
            if step < 0:
                flips.append(axis)
            shape.append(length)
        else:
            start, stop, step = _position(entry, size, axis), 0, 1
            stop = start + 1
        starts.append(start)
        stops.append(stop)
        steps.append(abs(step))
        axis += 1
    cut = x.slice(starts=tuple(starts), stops=tuple(stops), steps=tuple(steps))
    if flips:
        cut = cut.flip(axes=tuple(flips))
    return cut.reshape(tuple(shape))


def _completed(key: Any, rank: int) -> list[Any]:
    """The subscript with its Ellipsis written out: one entry an axis, and Nones."""
    entries = list(key) if isinstance(key, tuple) else [key]
    for entry in entries:
        plain = entry is None or entry is Ellipsis or isinstance(entry, slice | int | np.integer)
        if not plain or isinstance(entry, bool):
            raise CaptureError(
                "indexing with an array or a list cannot be captured; "
                "use slices, or np.where for a mask"
            )
    given = sum(entry is not None and entry is not Ellipsis for entry in entries)
    if given > rank:
        raise IndexError(f"too many indices for array: {given} for {rank} axes")
    missing = [slice(None)] * (rank - given)
    dots = [i for i, entry in enumerate(entries) if entry is Ellipsis]
    if len(dots) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    place = dots[0] if dots else len(entries)
    return [*entries[:place], *missing, *entries[place + len(dots) :]]


def _bounds(entry: slice, size: int) -> tuple[int, int, int, int]:
    """(start, stop, step, length), with 0 <= start <= stop <= size; a negative step means that the
    elements start, start + |step|, ... are then taken in reverse."""
    start, stop, step = entry.indices(size)
    length = len(range(start, stop, step))
    if not length:
        return 0, 0, 1, 0
    if step < 0:
        last = start + (length - 1) * step
        return last, start + 1, step, length
    return start, stop, step, length


def _position(entry: Any, size: int, axis: int) -> int:
    index = int(entry)
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of bounds for axis {axis} with size {size}")
    return index % size


def assign(trace: Trace, x: Expression, key: Any, value: Any) -> Expression:
    """``x`` after ``x[key] = value``, for all of x and for a bool mask with one value."""
    dtype = DTYPES[x.dtype]
    if key is Ellipsis or (isinstance(key, slice) and key == slice(None)):
        new = trace.lift(value, dtype)
        return new if new.shape == x.shape else new.expand(shape=x.shape)
    masked = hasattr(key, "dtype") and key.dtype == np.bool_ and key.shape == x.shape
    if masked:
        new = trace.lift(value, dtype)
        if new.node.type.size == 1:
            scalar = new.reshape(())
            return trace.lift(key).where(scalar, x)
        raise CaptureError("x[mask] = array cannot be captured; use np.where(mask, array, x)")
    raise CaptureError(
        f"assignment into a part of an array of {graph_dtype(dtype)} cannot be captured; "
        "use np.concatenate or np.where"
    )
