"""Elements taken from where other tensors say: gather, index_select, embedding, resizing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import OpDef, TensorType
from kernelwright.graph.ops._rules import INTEGERS, expect_dtype


def _infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    if len(inputs) < 2:
        raise ValueError("lookup takes a tensor and at least one index")
    x, *indices = inputs
    shape, follows = tuple(attrs["shape"]), tuple(attrs["follows"])
    if len(follows) != len(x.shape) or follows.count(-1) != len(indices):
        raise ValueError(
            f"lookup: follows {follows} does not fit {x.shape}, {len(indices)} indices"
        )
    for index in indices:
        expect_dtype("lookup's index", index.dtype, INTEGERS)
        if len(index.shape) != len(shape) or any(
            n not in (1, m) for n, m in zip(index.shape, shape)
        ):
            raise ValueError(f"lookup: an index of shape {index.shape} does not fit {shape}")
    for axis, to in enumerate(follows):
        if to >= 0 and shape[to] > x.shape[axis]:
            raise ValueError(f"lookup: axis {axis} of {x.shape} is shorter than {shape[to]}")
    return TensorType(shape, x.dtype)


def _lookup(
    x: np.ndarray,
    *indices: np.ndarray,
    shape: Sequence[int],
    follows: Sequence[int],
    fill: float | int | None = None,
) -> np.ndarray:
    rest, places = iter(indices), []
    valid = np.ones(tuple(shape), bool)
    for axis, to in enumerate(follows):
        if to >= 0:
            line = [1] * len(shape)
            line[to] = shape[to]
            places.append(np.arange(shape[to]).reshape(line))
            continue
        at = next(rest).astype(np.int64)
        inside = (at >= 0) & (at < x.shape[axis])
        valid = valid & inside
        places.append(np.where(inside, at, 0))
    value = outside(x.dtype) if fill is None else fill
    if not x.size:
        return np.full(tuple(shape), value, x.dtype)
    found = np.broadcast_to(x[tuple(places)], tuple(shape))
    return np.where(valid, found, np.asarray(value).astype(x.dtype))


def outside(dtype: np.dtype) -> float | int | bool:
    """What an index outside of the tensor gives where no value is asked for: NaN, which shows;
    0 where the dtype has none. torch raises, which a kernel cannot."""
    if dtype == np.bool_:
        return False
    return 0 if dtype.kind in "iu" else float("nan")


OPS = (
    OpDef(
        "lookup",
        "lookup",
        _infer,
        _lookup,
        doc="x, one index an axis that follows none. attrs shape; follows (an axis of the output, "
        "or -1, an axis of x); fill (outside of x; None: NaN, or 0).",
    ),
)
