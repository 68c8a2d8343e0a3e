"""Elements put where other tensors say: the mirror image of a lookup.

``out = x; out[place(p)] = src[p]`` for every place p of ``src``, in row-major order: of several
that meet the last one stays, or with ``update`` each is combined with what stands there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import DTYPES, Builder, Node, OpDef, TensorType
from kernelwright.graph.ops._rules import (
    INTEGERS,
    NUMBERS,
    compute_dtype,
    expect_count,
    expect_dtype,
    expect_equal_dtypes,
    in_float32,
)

UPDATES: Mapping[str, np.ufunc] = {
    "add": np.add,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}
_HALVES = (DTYPES["float16"], DTYPES["bfloat16"])


def _infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    if len(inputs) < 3:
        raise ValueError("scatter takes a tensor, what is put into it and at least one index")
    x, src, *indices = inputs
    expect_equal_dtypes("scatter", inputs[:2])
    follows, update = tuple(attrs["follows"]), attrs["update"]
    if len(follows) != len(x.shape) or follows.count(-1) != len(indices):
        raise ValueError(
            f"scatter: follows {follows} does not fit {x.shape}, {len(indices)} indices"
        )
    if update and (update not in UPDATES or x.dtype == "bool"):
        raise ValueError(f"scatter: no update {update!r} of {x.dtype}")
    for index in indices:
        expect_dtype("scatter's index", index.dtype, INTEGERS)
        if len(index.shape) != len(src.shape) or any(
            n not in (1, m) for n, m in zip(index.shape, src.shape)
        ):
            raise ValueError(f"scatter: an index of shape {index.shape} does not fit {src.shape}")
    for axis, to in enumerate(follows):
        if to >= 0 and src.shape[to] > x.shape[axis]:
            raise ValueError(f"scatter: axis {axis} of {x.shape} is shorter than {src.shape[to]}")
    return x


def _scatter(
    x: np.ndarray, src: np.ndarray, *indices: np.ndarray, follows: Sequence[int], update: str
) -> np.ndarray:
    rest, places = iter(indices), []
    valid = np.ones(src.shape, bool)
    for axis, to in enumerate(follows):
        if to >= 0:
            line = [1] * src.ndim
            line[to] = src.shape[to]
            places.append(np.broadcast_to(np.arange(src.shape[to]).reshape(line), src.shape))
            continue
        at = np.broadcast_to(next(rest).astype(np.int64), src.shape)
        valid = valid & (at >= 0) & (at < x.shape[axis])
        places.append(at)
    half = bool(update) and x.dtype in _HALVES
    out = x.astype(np.float32 if half else x.dtype)
    chosen = tuple(at[valid] for at in places)
    given = src[valid].astype(out.dtype)
    with np.errstate(all="ignore"):
        if update:
            UPDATES[update].at(out, chosen, given)
        else:
            out[chosen] = given
        return out.astype(x.dtype)


def _infer_index_add(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("index_add", inputs, 3)
    x, index, rows = inputs
    expect_dtype("index_add", expect_equal_dtypes("index_add", (x, rows)), NUMBERS)
    expect_dtype("index_add's index", index.dtype, INTEGERS)
    if len(index.shape) != 1 or rows.shape != (*index.shape, *x.shape[1:]) or not x.shape:
        raise ValueError(
            f"index_add: {index.shape} indices and rows {rows.shape} do not fit {x.shape}"
        )
    return x


def _index_add(x: np.ndarray, index: np.ndarray, rows: np.ndarray) -> np.ndarray:
    inside = (index >= 0) & (index < x.shape[0])
    out = x.copy()
    np.add.at(out, index[inside].astype(np.int64), rows[inside])
    return out


def _as_scatter(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node:
    x, index, rows = inputs
    if not x.type.size or not rows.type.size:
        return x
    wide, rank = compute_dtype(x.dtype), len(x.shape)
    line = builder.reshape(index, shape=(*index.shape, *(1 for _ in x.shape[1:])))
    operands = [_cast(builder, x, wide), _cast(builder, rows, wide), line]
    made = builder.make("scatter", operands, follows=(-1, *range(1, rank)), update="add")
    return _cast(builder, made, x.dtype)


def _cast(builder: Builder, node: Node, dtype: str) -> Node:
    return node if node.dtype == dtype else builder.cast(node, dtype=dtype)


OPS = (
    OpDef(
        "scatter",
        "scatter",
        _infer,
        _scatter,
        doc="x, what is put into it, one index an axis that follows none. attrs follows (an axis "
        "of what is put, or -1, an axis of x); update: nothing, add, mul, max or min.",
    ),
    OpDef(
        "index_add",
        "composite",
        _infer_index_add,
        in_float32(_index_add),
        _as_scatter,
        "x [n, ..], index [i], rows [i, ..]: x with each row added at its index; an index outside "
        "of x adds nothing. Half types accumulate in float32.",
    ),
)
