"""Global memory of the interpreter: flat buffers and the strided views that kernels see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from kernelwright.aul.dtypes import DTYPES, poison
from kernelwright.aul.syntax import Location
from kernelwright.errors import AULError

UPDATES = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}
Box = tuple[tuple[int, int], ...]  # (lower, upper) a dimension


@dataclass
class Buffer:
    """``data`` is flat; ``written`` says which elements hold a value; ``shape`` is the host's."""

    name: str
    data: np.ndarray
    written: np.ndarray
    shape: tuple[int, ...]
    writable: bool
    raw: bool = False  # a workspace of bytes, which kernels may view as any dtype

    @staticmethod
    def of_input(name: str, array: np.ndarray) -> Buffer:
        """A read-only copy in row-major order."""
        flat = np.array(array, order="C").reshape(-1)
        return Buffer(name, flat, np.ones(flat.shape, bool), array.shape, False)

    @staticmethod
    def empty(name: str, shape: tuple[int, ...], dtype: str, raw: bool = False) -> Buffer:
        """Memory that nothing has written: poisoned, so that a careless read shows."""
        count = prod(shape)
        data = np.full(count, poison(dtype), DTYPES[dtype])
        return Buffer(name, data, np.zeros(count, bool), shape, True, raw)

    def assign(self, array: np.ndarray) -> None:
        """Fills the whole buffer."""
        self.data[...] = np.asarray(array).reshape(-1)
        self.written[...] = True


class View:
    """A kernel's parameter: ``shape`` and ``strides`` (in elements) over a buffer from ``offset``.

    Raises AULError when it reaches outside the buffer.
    """

    def __init__(
        self,
        name: str,
        buffer: Buffer,
        dtype: np.dtype,
        shape: tuple[int, ...],
        strides: tuple[int, ...],
        offset: int,
        loc: Location,
    ) -> None:
        self.name, self.buffer, self.shape, self.loc = name, buffer, shape, loc
        self.strides, self.offset = strides, offset
        data, written = buffer.data, buffer.written.reshape(-1, 1)
        if data.dtype != dtype:
            if not buffer.raw:
                raise AULError(f"{buffer.name} is {data.dtype}, but {name} is {dtype}", *loc)
            count = data.size // dtype.itemsize * dtype.itemsize
            data = data[:count].view(dtype)
            written = buffer.written[:count].reshape(-1, dtype.itemsize)
        self.data, self.written = data, written
        self.check_extent()

    def check_extent(self) -> None:
        if prod(self.shape) == 0:
            return
        ends = [(n - 1) * t for n, t in zip(self.shape, self.strides)]
        low = self.offset + sum(e for e in ends if e < 0)
        high = self.offset + sum(e for e in ends if e > 0)
        if low < 0 or high >= self.data.size:
            raise AULError(
                f"{self.name} reaches elements {low} to {high} of {self.buffer.name}, which has "
                f"{self.data.size}",
                *self.loc,
            )

    def positions(self, ranges: Sequence[np.ndarray]) -> np.ndarray:
        """Flat positions of the outer product of index ranges."""
        total = np.asarray(self.offset)
        for axis, (indices, stride) in enumerate(zip(ranges, self.strides)):
            spread = [1] * len(ranges)
            spread[axis] = len(indices)
            total = total + (indices * stride).reshape(spread)
        return total

    def inside(
        self, box: Box, allowed: bool, remedy: str, loc: Location
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The box's indices a dimension, and which of them lie inside the shape; AULError when
        some do not although they must (``allowed`` is False)."""
        ranges = [np.arange(lower, max(lower, upper)) for lower, upper in box]
        masks = [(r >= 0) & (r < n) for r, n in zip(ranges, self.shape)]
        if not allowed and not all(m.all() for m in masks):
            spans = ", ".join(f"{lower}:{upper}" for lower, upper in box)
            raise AULError(
                f"{self.name}[{spans}] is outside its shape {self.shape}; give {remedy} if that is "
                f"meant",
                *loc,
            )
        return ranges, masks

    def load(self, box: Box, pad: float | None, allowed: bool, loc: Location) -> np.ndarray:
        """The elements of a box; those outside the shape are ``pad``. Raises AULError where
        nothing has been written."""
        ranges, masks = self.inside(box, allowed, "pad=value", loc)
        where = self.positions([r[m] for r, m in zip(ranges, masks)])
        if not self.written[where].all():
            raise AULError(f"{self.name} is read where nothing has been written", *loc)
        fill = poison_of(self.data.dtype) if pad is None else pad
        full = np.full(tuple(len(r) for r in ranges), fill, self.data.dtype)
        full[np.ix_(*masks)] = self.data[where]
        return full

    def lookup(
        self,
        box: Box,
        kept: Sequence[int],
        axis: int,
        index: np.ndarray,
        pad: float,
        loc: Location,
    ) -> np.ndarray:
        """An indirect load of ``index``'s shape: the box (whose dimensions ``kept`` are those of
        the result, or 1) with its index along ``axis`` raised by ``index``; ``pad`` outside."""
        where, valid = self.indexed(box, kept, axis, index)
        result = np.full(index.shape, pad, self.data.dtype)
        if not self.written[where[valid]].all():
            raise AULError(f"{self.name} is read where nothing has been written", *loc)
        result[valid] = self.data[where[valid]]
        return result

    def place(
        self,
        box: Box,
        kept: Sequence[int],
        axis: int,
        index: np.ndarray,
        values: np.ndarray,
        update: str,
        loc: Location,
    ) -> None:
        """An indirect store of ``values``, in order; ``update`` combines each with what stands
        there. Raises AULError for an input, and where an update meets what nothing has written."""
        if not self.buffer.writable:
            raise AULError(f"{self.buffer.name} is an input and cannot be written", *loc)
        where, valid = self.indexed(box, kept, axis, index)
        places, given = where[valid], values[valid]
        if update and not self.written[places].all():
            raise AULError(f"{self.name} is updated where nothing has been written", *loc)
        if update:
            with np.errstate(all="ignore"):
                UPDATES[update].at(self.data, places, given)
        else:
            self.data[places] = given  # of equal places the last one stays
        self.written[places] = True

    def indexed(
        self, box: Box, kept: Sequence[int], axis: int, index: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The flat positions of an indirect load or store, and which of them are inside."""
        where: np.ndarray = np.asarray(self.offset)
        valid = np.ones(index.shape, bool)
        for d, ((lower, upper), size, stride) in enumerate(zip(box, self.shape, self.strides)):
            spread = [1] * index.ndim
            if d in kept:
                spread[kept.index(d)] = upper - lower
            at = np.arange(lower, max(lower, upper)).reshape(spread)
            if d == axis:
                at = at + index.astype(np.int64)
            valid &= (at >= 0) & (at < size)
            where = where + at * stride
        return np.broadcast_to(where, index.shape), valid

    def store(self, box: Box, values: np.ndarray, allowed: bool, loc: Location) -> None:
        """Writes a box; elements outside the shape are dropped. Raises AULError for an input."""
        if not self.buffer.writable:
            raise AULError(f"{self.buffer.name} is an input and cannot be written", *loc)
        ranges, masks = self.inside(box, allowed, "clip=True", loc)
        where = self.positions([r[m] for r, m in zip(ranges, masks)])
        full = values.reshape(tuple(len(r) for r in ranges))
        self.data[where] = full[np.ix_(*masks)]
        self.written[where] = True


def poison_of(dtype: np.dtype) -> float | int | bool:
    """The value of memory that nothing has written."""
    return poison(next(name for name, kind in DTYPES.items() if kind == dtype))
