"""Other weights for a Model: what hides in ones and zeros shows with any others.

Freshly constructed normalisations scale by one, shift by zero and divide by a variance of one; a
kernel that leaves these out is right with them. Here every parameter gets other values that it
could as well have: constants are drawn anew around their value, the rest is shuffled. Buffers stay
(they may be masks or tables that a kernel rightly knows the structure of) but for the running
statistics of batch norm.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from kernelwright.frameworks._base import StateEntry
from kernelwright.verify.rule.compare import is_inexact

OWN, RANDOM, INTEGERS = "own", "random", "integers"

_MEAN, _VARIANCE = "running_mean", "running_var"


def other_state(kind: str, state: Sequence[StateEntry], seed: int) -> list[StateEntry] | None:
    """``state`` with other values: "random" ones, or whole "integers" from -3 to 3 without zero.
    None when nothing may be changed."""
    free = [_is_free(entry, state) for entry in state]
    if not any(free):
        return None
    return [
        StateEntry(entry.name, _drawn(kind, entry, (seed, index)), entry.kind) if change else entry
        for index, (entry, change) in enumerate(zip(state, free))
    ]


def _is_free(entry: StateEntry, state: Sequence[StateEntry]) -> bool:
    array = entry.array
    if not is_inexact(array.dtype) or not array.size:
        return False
    if entry.kind == "parameter" or entry.name.endswith((_MEAN, _VARIANCE)):
        return True
    # A framework that knows no parameters: everything but what looks like a mask is one.
    if any(other.kind == "parameter" for other in state) or not np.isfinite(array).all():
        return False
    return array.size == 1 or len(np.unique(array.reshape(-1)[:4096])) != 2


def _drawn(kind: str, entry: StateEntry, seed: tuple[int, int]) -> np.ndarray:
    array, new = entry.array, np.empty_like(entry.array)
    rng = np.random.default_rng(seed)
    first = array.reshape(-1)[0]
    if kind == INTEGERS:
        if entry.name.endswith(_VARIANCE):
            new[...] = 1
        else:
            new[...] = rng.choice([-3, -2, -1, 1, 2, 3], array.shape)
    elif (array == first).all():
        value = float(np.real(first))
        spread = rng.uniform(0.5, 1.5, array.shape)
        new[...] = value * spread if value else spread - 1
    else:
        # Equal arrays are shuffled alike: weights that are tied stay tied.
        rng = np.random.default_rng((seed[0], zlib.crc32(array.tobytes())))
        new[...] = rng.permutation(array.reshape(-1)).reshape(array.shape)
    return new
