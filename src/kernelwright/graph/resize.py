"""Resizing (torch's interpolate) as lookups: for every output a few elements and their weights.

Along one axis both depend on the output's index alone, so they are small constants, made here.
Where the coordinate falls follows torch: ``align_corners`` maps the outermost centres onto each
other; otherwise the centre of output i is (i + 0.5) * scale - 0.5. Cubic weights: Keys, Cubic
convolution interpolation (1981), with a = -0.75.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from kernelwright.graph.core import Builder, Node
from kernelwright.graph.ops._rules import compute_dtype

CUBIC = -0.75


def _scale(size: int, out: int, align_corners: bool, given: float | None) -> float:
    """Input elements an output element."""
    if align_corners:
        return (size - 1) / (out - 1) if out > 1 else 0.0
    return 1.0 / given if given else size / out


def _points(
    mode: str, size: int, out: int, align_corners: bool, given: float | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """(index, weight) pairs of vectors over the outputs of one axis."""
    scale = _scale(size, out, align_corners, given)
    i = np.arange(out)
    if mode in ("nearest", "nearest_exact"):
        half = np.float32(0.5 if mode == "nearest_exact" else 0)
        at = np.floor((i.astype(np.float32) + half) * np.float32(scale)).astype(np.int64)
        return [(np.minimum(at, size - 1), np.ones(out))]
    centre = i * scale if align_corners else (i + 0.5) * scale - 0.5
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
    axes = range(rank - dims, rank)
    along = [
        _points(mode, x.shape[a], shape[a], align_corners, given) for a, given in zip(axes, scales)
    ]
    follows = tuple(a if a < rank - dims else -1 for a in range(rank))
    total: Node | None = None
    for points in itertools.product(*along):
        indices = [_line(builder, at, a, rank, "int32") for (at, _), a in zip(points, axes)]
        value = builder.make("lookup", [x, *indices], shape=shape, follows=follows)
        if mode in ("nearest", "nearest_exact"):
            return value
        value = value if x.dtype == dtype else builder.cast(value, dtype=dtype)
        for (_, weight), a in zip(points, axes):
            if not (weight == 1).all():
                value = builder.mul(value, _line(builder, weight, a, rank, dtype))
        total = value if total is None else builder.add(total, value)
    assert total is not None
    return total if x.dtype == dtype else builder.cast(total, dtype=x.dtype)


def _line(builder: Builder, values: np.ndarray, axis: int, rank: int, dtype: str) -> Node:
    line = [1] * rank
    line[axis] = values.size
    return builder.constant(values.reshape(line), dtype)
