"""Smaller inputs that a Model still accepts, for checks that are slow at full size.

Nothing is known about what a Model does with a dimension, so sizes are guessed and tried: equal
sizes shrink alike and small multiples stay multiples; what raises is refused, and fewer dimensions
are then reduced, or to rounder sizes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from kernelwright.errors import ReferenceBroken
from kernelwright.frameworks._base import LoadedModel, Value

# Small dimensions often mean something (a kernel's width, a number of heads) and cost little.
_KEPT = 8
# Sizes for the distinct dimensions in rising order. Primes make tails of every block and vector
# width; the shorter lists are for inputs of more axes.
_SIZES = (
    (1031, 2053),
    (37, 67, 101, 139, 173),
    (13, 29, 37, 53, 67),
    (5, 11, 17, 23, 31),
    (3, 5, 7, 9, 11),
)
# Sizes are multiplied by these in turn: Models that split an axis need a round one.
_FACTORS = (1, 8, 64)
# A larger dimension that is at most so many times a smaller one is taken to be made of it.
_MULTIPLE = 8


# Inputs up to this many elements are no burden to any check.
_ENOUGH = 1 << 15


def reduced_inputs(
    model: LoadedModel, inputs: Sequence[Value], *, max_elements: int = 4096
) -> list[Value] | None:
    """Inputs cut down to about ``max_elements`` elements each (more where a dimension is fixed by
    the Model's weights); None when none smaller are accepted, or when all are small already.

    Values are slices of the given ones, so that ranges stay valid. A dimension that an integer
    array could be an index into is not reduced below that array's values.
    """
    arrays = [v for v in inputs if isinstance(v, np.ndarray)]
    if all(a.size <= max(_ENOUGH, max_elements) for a in arrays):
        return None
    tried: set[tuple[tuple[int, ...], ...]] = set()
    for shapes in _proposals(model, arrays, max_elements):
        new = tuple(shapes)
        if new in tried or new == tuple(a.shape for a in arrays):
            continue
        tried.add(new)
        cut = _cut(inputs, shapes)
        if _indices_fit(arrays, shapes) and _accepts(model, cut):
            return cut
    return None


def _proposals(
    model: LoadedModel, arrays: Sequence[np.ndarray], max_elements: int
) -> Iterator[list[tuple[int, ...]]]:
    """Shapes of all arrays: every dimension reduced, then those that no weight has, then those
    that no integers point into either, then the leading ones alone."""
    every = {n for a in arrays for n in a.shape if n > _KEPT}
    weights = {n for entry in model.state() for n in entry.array.shape}
    weights |= {n for n in model.init_inputs if isinstance(n, int)}
    leading = {a.shape[0] for a in arrays if a.ndim and a.shape[0] > _KEPT}
    indexed = {n for n in every if any(_may_index(a, n) for a in arrays)}
    for values in (every, every - weights, every - weights - indexed):
        for sizes in _choices(values, arrays, max_elements, slice(None)):
            yield [_shape(a, sizes, slice(None)) for a in arrays]
    for sizes in _choices(leading, arrays, max_elements, slice(1)):
        yield [_shape(a, sizes, slice(1)) for a in arrays]


def _shape(array: np.ndarray, sizes: Mapping[int, int], axes: slice) -> tuple[int, ...]:
    reduced = range(array.ndim)[axes]
    return tuple(sizes.get(n, n) if i in reduced else n for i, n in enumerate(array.shape))


def _choices(
    values: set[int], arrays: Sequence[np.ndarray], max_elements: int, axes: slice
) -> Iterator[dict[int, int]]:
    """For each factor the largest sizes with which all arrays fit, or the smallest there are."""
    if not values:
        return
    for factor in _FACTORS:
        sizes: dict[int, int] = {}
        for row in _SIZES:
            sizes = _assigned(sorted(values), row, factor)
            if all(np.prod(_shape(a, sizes, axes)) <= max_elements for a in arrays):
                break
        yield sizes


def _assigned(values: Sequence[int], row: Sequence[int], factor: int) -> dict[int, int]:
    """Original size -> smaller size, distinct where the originals are."""
    sizes: dict[int, int] = {}
    free = iter(row)
    for value in values:
        part = next((u for u in sizes if value % u == 0 and value // u <= _MULTIPLE), None)
        if part is not None:
            sizes[value] = sizes[part] * (value // part)
            continue
        size = next(free, row[-1]) * factor
        if size >= value:
            size = max(1, value // 2 // factor) * factor
        while size in sizes.values() and size > factor:
            size -= factor
        sizes[value] = min(size, value)
    return sizes


def _cut(inputs: Sequence[Value], shapes: Sequence[tuple[int, ...]]) -> list[Value]:
    rest = iter(shapes)
    return [
        v[tuple(slice(n) for n in next(rest))].copy() if isinstance(v, np.ndarray) else v
        for v in inputs
    ]


def _indices_fit(arrays: Sequence[np.ndarray], shapes: Sequence[tuple[int, ...]]) -> bool:
    """No integer array holds values that were within a dimension and are outside its new size."""
    reduced = {(n, m) for a, s in zip(arrays, shapes) for n, m in zip(a.shape, s) if m < n}
    for array, shape in zip(arrays, shapes):
        kept = array[tuple(slice(n) for n in shape)]
        for old, new in reduced:
            if _may_index(array, old) and not _may_index(kept, new):
                return False
    return True


def _may_index(array: np.ndarray, size: int) -> bool:
    """Whether all values are within an axis of ``size``, as indices of it are."""
    if array.dtype.kind not in "iu" or not array.size:
        return False
    return -size <= int(array.min()) and int(array.max()) < size


def _accepts(model: LoadedModel, inputs: Sequence[Value]) -> bool:
    try:
        outputs = model.run(inputs).outputs
    except ReferenceBroken:
        return False
    return all(o.size for o in outputs)
