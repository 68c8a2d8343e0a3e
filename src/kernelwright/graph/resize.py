"""Resizing (torch's interpolate) as lookups: for every output a few elements and their weights.

Along one axis both depend on the output's index alone, so they are small constants, made here.
Where the coordinate falls follows torch: ``align_corners`` maps the outermost centres onto each
other; otherwise the centre of output i is (i + 0.5) * scale - 0.5. Cubic weights: Keys, Cubic
convolution interpolation (1981), with a = -0.75.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from kernelwright.graph.core import Builder, Node
from kernelwright.graph.ops._rules import compute_dtype

CUBIC = -0.75
EXACT = 1e-9  # a centre as near to an element as this falls on it
SEPARATE = 1 << 14  # elements from which on one axis after the other is worth the memory between
Point = tuple[np.ndarray, np.ndarray]  # for every output, one index and its weight


def _scale(size: int, out: int, align_corners: bool, given: float | None) -> float:
    """Input elements an output element."""
    if align_corners:
        return (size - 1) / (out - 1) if out > 1 else 0.0
    return 1.0 / given if given else size / out


def _points(
    mode: str, size: int, out: int, align_corners: bool, given: float | None
) -> list[Point]:
    """(index, weight) pairs of vectors over the outputs of one axis."""
    scale = _scale(size, out, align_corners, given)
    i = np.arange(out)
    if mode in ("nearest", "nearest_exact"):
        half = np.float32(0.5 if mode == "nearest_exact" else 0)
        at = np.floor((i.astype(np.float32) + half) * np.float32(scale)).astype(np.int64)
        return [(np.minimum(at, size - 1), np.ones(out))]
    centre = i * scale if align_corners else (i + 0.5) * scale - 0.5
    centre = np.where(np.abs(centre - np.rint(centre)) < EXACT, np.rint(centre), centre)
    if mode == "linear":
        centre = np.maximum(centre, 0)
        low = np.minimum(np.floor(centre).astype(np.int64), size - 1)
        part = np.clip(centre - low, 0, 1)
        return [(low, 1 - part), (np.minimum(low + 1, size - 1), part)]
    low = np.floor(centre).astype(np.int64)
    part = centre - low
    return [(np.clip(low + k - 1, 0, size - 1), _cubic(np.abs(part - (k - 1)))) for k in range(4)]


def _cubic(distance: np.ndarray) -> np.ndarray:
    a, d = CUBIC, distance
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def resized(
    builder: Builder,
    x: Node,
    mode: str,
    out: Sequence[int],
    align_corners: bool,
    scales: Sequence[float | None],
) -> Node:
    """``x`` with its last axes resized to ``out``. ``mode``: nearest, nearest_exact, linear, cubic;
    ``scales``: the factors that the caller gave, which torch then prefers to the sizes."""
    rank, dims = len(x.shape), len(out)
    dtype = compute_dtype(x.dtype)
    shape = (*x.shape[: rank - dims], *out)
    along = {
        axis: _points(mode, x.shape[axis], shape[axis], align_corners, given)
        for axis, given in zip(range(rank - dims, rank), scales)
    }
    if mode in ("nearest", "nearest_exact"):
        return _nearest(builder, x, {axis: points[0][0] for axis, points in along.items()})
    steps = [[a] for a in _order(x.shape, shape)] if math.prod(shape) >= SEPARATE else [[*along]]
    total = x
    for axes in steps:
        total = _weighted(builder, total, {axis: along[axis] for axis in axes}, dtype)
    return total if x.dtype == dtype else builder.cast(total, dtype=x.dtype)


def _order(before: Sequence[int], after: Sequence[int]) -> list[int]:
    """The axes that change, one after the other so that little is computed: those that shrink
    first. The innermost one, whose elements are picked one by one, when the fewest rows stand."""
    *outer, inner = [a for a, n in enumerate(after) if n != before[a]] or [len(after) - 1]
    outer.sort(key=lambda a: after[a] / before[a])
    grows = math.prod(after[a] for a in outer) >= math.prod(before[a] for a in outer)
    return [inner, *outer] if grows else [*outer, inner]


def _nearest(builder: Builder, x: Node, along: dict[int, np.ndarray]) -> Node:
    """Outer axes where every element is repeated are expanded, so that a row is picked once."""
    rank = len(x.shape)
    repeated = {
        axis: at.size // x.shape[axis]
        for axis, at in along.items()
        if axis != rank - 1 and at.size % x.shape[axis] == 0
        and (at == np.arange(at.size) // (at.size // x.shape[axis])).all()
    }  # fmt: skip
    left = {a: at for a, at in along.items() if a not in repeated}
    after = tuple(left[a].size if a in left else n for a, n in enumerate(x.shape))
    order = _order(x.shape, after)
    one_by_one = order[0] == rank - 1 and math.prod(after) >= SEPARATE
    for axes in [[a] for a in order] if one_by_one else [sorted(left)]:
        places = {a: left[a] for a in axes if a in left}
        shape = tuple(places[a].size if a in places else n for a, n in enumerate(x.shape))
        x = _picked(builder, x, places, shape) if places else x
    if all(times == 1 for times in repeated.values()):
        return x
    pairs = [(n, repeated.get(a, 1)) for a, n in enumerate(x.shape)]
    apart = [m for n, times in pairs for m in ((n, 1) if times > 1 else (n,))]
    spread = [m for pair in pairs for m in (pair if pair[1] > 1 else pair[:1])]
    wide = builder.expand(builder.reshape(x, shape=tuple(apart)), shape=tuple(spread))
    return builder.reshape(wide, shape=tuple(n * times for n, times in pairs))


def _picked(
    builder: Builder, x: Node, along: dict[int, np.ndarray], shape: tuple[int, ...]
) -> Node:
    """The elements of ``x`` at these places of some axes."""
    rank = len(shape)
    follows = tuple(-1 if a in along else a for a in range(rank))
    indices = [_line(builder, along[a], a, rank, "int32") for a in sorted(along)]
    return builder.make("lookup", [x, *indices], shape=shape, follows=follows)


def _weighted(builder: Builder, x: Node, along: dict[int, list[Point]], dtype: str) -> Node:
    """``x`` resized along some axes: the sum of what every choice of points gives."""
    rank = len(x.shape)
    shape = tuple(along[a][0][0].size if a in along else n for a, n in enumerate(x.shape))
    total: Node | None = None
    lines = {
        (axis, k): (_line(builder, at, axis, rank, "int32"), _line(builder, w, axis, rank, dtype))
        for axis, points in along.items()
        for k, (at, w) in enumerate(points)
    }  # each table once, however many choices it is part of
    follows = tuple(-1 if a in along else a for a in range(rank))
    for choice in itertools.product(*(range(len(points)) for points in along.values())):
        chosen = dict(zip(along, choice))
        indices = [lines[axis, chosen[axis]][0] for axis in sorted(along)]
        value = builder.make("lookup", [x, *indices], shape=shape, follows=follows)
        value = value if x.dtype == dtype else builder.cast(value, dtype=dtype)
        for axis, k in chosen.items():
            if not (along[axis][k][1] == 1).all():
                value = builder.mul(value, lines[axis, k][1])
        total = value if total is None else builder.add(total, value)
    assert total is not None
    return total


def _line(builder: Builder, values: np.ndarray, axis: int, rank: int, dtype: str) -> Node:
    line = [1] * rank
    line[axis] = values.size
    return builder.constant(values.reshape(line), dtype)
