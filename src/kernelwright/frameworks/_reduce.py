"""Smaller inputs that a Model still takes, for checks that are too slow on full sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.errors import ReferenceBroken
from kernelwright.frameworks._base import LoadedModel, Value

KEPT = 8  # extents up to this stay: they are rather channels or heads than sizes
TARGETS = (37, 13, 21, 67, 11, 29, 5, 19)  # odd, so that tails are exercised; distinct
ENOUGH = 1 << 15  # elements of the largest input; smaller inputs need no reduction


def reduced_inputs(model: LoadedModel, inputs: Sequence[Value]) -> list[Value] | None:
    """``inputs`` cut to smaller extents, values taken from the originals; None when nothing smaller
    works or nothing needs to be smaller.

    Equal extents shrink alike, so dimensions that belong together stay equal. The Model itself says
    whether it takes the result: first everything shrinks, then what no weight fixes, then the
    leading extent alone.
    """
    arrays = [v for v in inputs if isinstance(v, np.ndarray) and v.ndim]
    if not arrays or max(a.size for a in arrays) <= ENOUGH:
        return None
    for mapping in _mappings(model, arrays):
        smaller = [_cut(v, mapping) for v in inputs]
        if _takes(model, smaller):
            return smaller
    return None


def _mappings(model: LoadedModel, arrays: Sequence[np.ndarray]) -> Iterator[Mapping[int, int]]:
    """Extent -> smaller extent, the boldest first."""
    extents = list(dict.fromkeys(e for a in arrays for e in a.shape if e > KEPT))
    fixed = {e for entry in model.state() for e in entry.array.shape}
    groups = [extents, [e for e in extents if e not in fixed]]
    groups += [[a.shape[0] for a in arrays[:1] if a.shape[0] > KEPT]]
    seen: set[tuple[int, ...]] = set()
    for group in groups:
        if group and tuple(group) not in seen:
            seen.add(tuple(group))
            yield _smaller(group)


def _smaller(extents: Sequence[int]) -> dict[int, int]:
    """The largest extents get the first targets; one that is already small keeps its size."""
    out = {}
    for rank, extent in enumerate(sorted(extents, reverse=True)):
        target = TARGETS[rank % len(TARGETS)]
        out[extent] = target if target < extent else extent
    return out


def _cut(value: Value, mapping: Mapping[int, int]) -> Any:
    if not isinstance(value, np.ndarray) or not value.ndim:
        return value
    window = tuple(slice(0, mapping.get(extent, extent)) for extent in value.shape)
    return np.ascontiguousarray(value[window])


def _takes(model: LoadedModel, inputs: Sequence[Value]) -> bool:
    """Whether the Model runs on these inputs. Indices that no longer fit make it raise."""
    try:
        model.run(inputs)
    except ReferenceBroken:
        return False
    return True
