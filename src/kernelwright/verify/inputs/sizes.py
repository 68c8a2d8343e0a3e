"""Inputs of other sizes, for tasks that declare several (``get_inputs_dyn_list``).

Beside the declared sizes come some that lie one off a border of powers of two, where tiles, vectors
and masks go wrong. A dimension is free when it differs between the declared sets; dimensions that
always go together are one size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kernelwright.verify.rule.compare import is_inexact


def border_sets(sets: Sequence[Sequence[Any]], seed: int) -> list[list[Any]]:
    """Up to two input sets, one with sizes just below and one just above a power of two; [] when
    nothing is free. Floats are gaussian, other values are taken from the first set over and over.

    Whether the operator accepts these sizes is for the reference to say.
    """
    free = _free_axes(sets)
    rng = np.random.default_rng(seed)
    found = []
    for off in (-1, 1):
        sizes = _near_borders(sorted(set(free.values())), off)
        if sizes:
            found.append([_resized(v, i, free, sizes, rng) for i, v in enumerate(sets[0])])
    return found


def small_sets(sets: Sequence[Sequence[Any]], seed: int) -> list[list[Any]]:
    """Up to two input sets of small sizes, distinct for each free size and no multiples of what
    tiles and vectors are; [] when nothing is free. The reference may refuse them."""
    free = _free_axes(sets)
    rng = np.random.default_rng(seed)
    found = []
    for first, step in ((5, 2), (33, 10)):
        sizes = {s: first + step * i for i, s in enumerate(sorted(set(free.values())))}
        if sizes:
            found.append([_resized(v, i, free, sizes, rng) for i, v in enumerate(sets[0])])
    return found


def _free_axes(sets: Sequence[Sequence[Any]]) -> dict[tuple[int, int], tuple[int, ...]]:
    """(input, axis) -> its sizes over all sets, for axes whose size differs."""
    if len({len(s) for s in sets}) != 1:
        return {}
    free = {}
    for index, column in enumerate(zip(*sets)):
        if not all(isinstance(v, np.ndarray) for v in column):
            continue
        if len({v.ndim for v in column}) != 1:
            continue
        for axis in range(column[0].ndim):
            values = tuple(int(v.shape[axis]) for v in column)
            if len(set(values)) > 1:
                free[index, axis] = values
    return free


def _near_borders(symbols: Sequence[tuple[int, ...]], off: int) -> dict[tuple[int, ...], int]:
    """A size for each symbol within what was declared, distinct where there is room."""
    chosen: dict[tuple[int, ...], int] = {}
    for symbol in symbols:
        least, most = min(symbol), max(symbol)
        power = 1 << max(1, int(most).bit_length() - 1)
        while power + off > most or power + off in chosen.values():
            power //= 2
            if power < 2:
                break
        size = power + off
        if size >= max(1, least // 2):
            chosen[symbol] = size
    return chosen


def _resized(
    value: Any,
    index: int,
    free: dict[tuple[int, int], tuple[int, ...]],
    sizes: dict[tuple[int, ...], int],
    rng: np.random.Generator,
) -> Any:
    if not isinstance(value, np.ndarray):
        return value
    shape = tuple(
        sizes.get(free.get((index, axis), ()), size) for axis, size in enumerate(value.shape)
    )
    if shape == value.shape:
        return value
    if not is_inexact(value.dtype):
        return np.resize(value, shape)
    return rng.standard_normal(shape, dtype=np.float32).astype(value.dtype)
