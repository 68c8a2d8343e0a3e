"""New inputs for every timed call, cheap to make and known to the parent.

A few input sets lie ready. Each call takes one of them, multiplies every element of every float
tensor by a factor of its own in (1/2, 1] and overwrites a window of each tensor with the same
window of another set. So contents differ from call to call everywhere and in a place nobody can
guess, while ranges, zeros, signs and valid indices stay what the task's own ``get_inputs`` makes.
Sorted and small tensors get one factor for all elements, and so do all where the Model cannot take
the others (``offset`` -1): a candidate could then reuse parts of an earlier answer. A ``Step``
describes one call's inputs; worker and parent make the same bits from it, so the parent can have
any timed call judged.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelwright.graph.core import DTYPES, is_float

Value = Any  # np.ndarray, int, float, bool or None

SCALE_STEPS = 256  # factors k / 256: exact in every float dtype, bfloat16's 8 bits included
MIXED = 1 << 20  # elements after which the table of factors begins again
_OFFSETS = 1 << 16
_WINDOW_SHARE = 64  # a window is this fraction of a tensor ...
_WINDOW_BYTES = 64 << 10  # ... and at most so large, to leave no trace in the caches
_FLOATS = frozenset(kind for name, kind in DTYPES.items() if is_float(name))


@dataclass(frozen=True)
class Step:
    """Inputs of one call: set ``index`` scaled by ``scale``/256, windows from set ``donor`` that
    start at ``position``/65536 of each tensor's length. ``offset`` is where in the table of factors
    each element's own begins, -1 for ``scale`` everywhere."""

    index: int
    scale: int
    donor: int
    position: int
    offset: int = -1

    def to_list(self) -> list[int]:
        return [self.index, self.scale, self.donor, self.position, self.offset]


class Rotation:
    """The steps over ``sets`` input sets, without a repetition in sight; ``mixed``: with a factor
    for each element."""

    def __init__(self, sets: int, seed: int, *, mixed: bool = True) -> None:
        self._sets, self._random, self._mixed = sets, np.random.default_rng(seed), mixed
        self._last = -1

    def draw(self) -> Step:
        choices = [i for i in range(self._sets) if i != self._last] or [0]
        index = int(self._random.choice(choices))
        others = [i for i in range(self._sets) if i != index] or [0]
        self._last = index
        return Step(
            index=index,
            scale=int(self._random.integers(SCALE_STEPS // 2 + 1, SCALE_STEPS + 1)),
            donor=int(self._random.choice(others)),
            position=int(self._random.integers(0, 1 << 16)),
            offset=int(self._random.integers(0, _OFFSETS)) if self._mixed else -1,
        )


def same_layout(first: Sequence[Value], other: Sequence[Value]) -> bool:
    """Whether two input sets have the same shapes, dtypes and plain values' types."""
    return len(first) == len(other) and all(
        (a.shape == b.shape and a.dtype == b.dtype)
        if isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
        else type(a) is type(b)
        for a, b in zip(first, other)
    )


def scalable(array: np.ndarray) -> bool:
    return array.dtype in _FLOATS


def factor(step: Step) -> float:
    return step.scale / SCALE_STEPS


def mixable(array: np.ndarray) -> bool:
    """Whether each element gets a factor of its own: not in small or sorted tensors, nor in dtypes
    that do not hold the factors."""
    return scalable(array) and array.itemsize > 1 and has_windows(array)


@functools.cache
def factors(dtype: np.dtype) -> np.ndarray:
    """The table of factors: element i of a tensor takes number ``offset`` + i % MIXED."""
    steps = np.random.default_rng(0).integers(
        SCALE_STEPS // 2 + 1, SCALE_STEPS + 1, MIXED + _OFFSETS
    )
    return (steps / SCALE_STEPS).astype(dtype)


def has_windows(array: np.ndarray) -> bool:
    """Whether windows are written: not to small tensors (offsets, scalars) nor to sorted ones,
    whose order may matter."""
    if array.size < _WINDOW_SHARE:
        return False
    flat = array.reshape(-1)
    return not bool(np.all(flat[1:] >= flat[:-1]))


def window(size: int, itemsize: int, step: Step) -> slice:
    """The window of ``step`` in a flat tensor of ``size`` elements."""
    length = max(1, min(size // _WINDOW_SHARE, _WINDOW_BYTES // itemsize))
    start = (size - length) * step.position >> 16
    return slice(start, start + length)


def inputs_of(sets: Sequence[Sequence[Value]], step: Step) -> list[Value]:
    """The inputs of one call as fresh arrays."""
    values = scaled_of(sets, step)
    for value, first, donor in zip(values, sets[0], sets[step.donor]):
        if isinstance(first, np.ndarray) and has_windows(first):
            write_window(value, donor, step)
    return values


def scaled_of(sets: Sequence[Sequence[Value]], step: Step) -> list[Value]:
    """The inputs of one call as fresh arrays, all but their windows."""
    return [_scaled(v, step) if isinstance(v, np.ndarray) else v for v in sets[step.index]]


def write_window(array: np.ndarray, donor: np.ndarray, step: Step) -> None:
    """Completes an array of ``scaled_of``'s for ``step``, in place."""
    where = window(array.size, array.itemsize, step)
    array.reshape(-1)[where] = donor.reshape(-1)[where]


def _scaled(base: np.ndarray, step: Step) -> np.ndarray:
    result = np.array(base, order="C")
    if step.offset >= 0 and mixable(base):
        flat, table = result.reshape(-1), factors(base.dtype)
        for start in range(0, flat.size, MIXED):
            part = flat[start : start + MIXED]
            part *= table[step.offset : step.offset + part.size]
    elif scalable(base):
        np.multiply(base, base.dtype.type(factor(step)), out=result)
    return result
