"""Boxes of indices: do different cores' boxes meet, do they fill a tensor."""

from __future__ import annotations

from math import prod

import numpy as np

MAX_PAINTED = 1 << 22  # elements of a tensor that is painted box by box
MAX_BOXES = 20_000


def meeting_cores(
    core: np.ndarray, lower: np.ndarray, upper: np.ndarray, shape: tuple[int, ...]
) -> tuple[int, int] | str:
    """Two cores whose boxes share an element of a tensor of ``shape``; "disjoint"; or "unknown".

    ``core`` is int[n]; ``lower`` and ``upper`` (exclusive) are int[n, dimensions]. Parts of boxes
    outside the tensor do not count.
    """
    limit = np.array(shape, np.int64)
    inside = ((upper > 0) & (lower < limit) & (upper > lower)).all(1)
    rows = np.unique(np.c_[core, lower, upper][inside], axis=0)
    if not len(rows):
        return "disjoint"
    dims = len(shape)
    cores, low, high = rows[:, 0], rows[:, 1 : 1 + dims], rows[:, 1 + dims :]
    if (cores == cores[0]).all():
        return "disjoint"
    if any(_separated(cores, low[:, d], high[:, d]) for d in range(dims)):
        return "disjoint"
    extent = high[0] - low[0]
    if (high - low == extent).all() and not ((low - low[0]) % np.maximum(extent, 1)).any():
        return _same_cell(cores, low)
    if prod(shape) <= MAX_PAINTED and len(rows) <= MAX_BOXES:
        return _paint(cores, np.maximum(low, 0), np.minimum(high, limit), shape)
    return "unknown"


def _separated(cores: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
    """Whether the cores' hulls along one dimension do not meet."""
    _, index = np.unique(cores, return_inverse=True)
    count = int(index.max()) + 1
    first = np.full(count, np.iinfo(np.int64).max)
    last = np.full(count, np.iinfo(np.int64).min)
    np.minimum.at(first, index, low)
    np.maximum.at(last, index, high)
    order = np.argsort(first, kind="stable")
    return bool((first[order][1:] >= last[order][:-1]).all())


def _same_cell(cores: np.ndarray, low: np.ndarray) -> tuple[int, int] | str:
    """Boxes on a common grid meet only where they are the same cell."""
    _, cell = np.unique(low, axis=0, return_inverse=True)
    cell = cell.reshape(-1)
    order = np.lexsort((cores, cell))
    same = (cell[order][1:] == cell[order][:-1]) & (cores[order][1:] != cores[order][:-1])
    if not same.any():
        return "disjoint"
    at = int(np.argmax(same))
    return int(cores[order][at]), int(cores[order][at + 1])


def _paint(
    cores: np.ndarray, low: np.ndarray, high: np.ndarray, shape: tuple[int, ...]
) -> tuple[int, int] | str:
    owner = np.full(shape, -1, np.int64)
    for core, first, last in zip(cores, low, high):
        part = owner[tuple(slice(a, b) for a, b in zip(first, last))]
        other = part[(part >= 0) & (part != core)]
        if other.size:
            return int(other.flat[0]), int(core)
        part[...] = core
    return "disjoint"


def paint_written(
    written: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    offset: int,
) -> bool:
    """Marks in the flat ``written`` (bool) what boxes of a strided view cover; False when there
    are too many boxes to do so."""
    limit = np.array(shape, np.int64)
    rows = np.unique(np.c_[np.maximum(lower, 0), np.minimum(upper, limit)], axis=0)
    if len(rows) > MAX_BOXES:
        return False
    dims = len(shape)
    for row in rows:
        first, last = row[:dims], row[dims:]
        if (last <= first).any():
            continue
        start = offset + int(sum(f * t for f, t in zip(first, strides)))
        part = np.lib.stride_tricks.as_strided(
            written[start:], tuple(int(n) for n in last - first), tuple(strides)
        )
        part[...] = True
    return True
