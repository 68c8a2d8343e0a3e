"""What a comparison takes and gives: a call's outputs, and the verdict on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kernelwright.schema import ErrorStatistics, Status


@dataclass(frozen=True)
class Verdict:
    """``status`` PASSED or what is wrong; ``check`` is the broken clause, None when passed."""

    status: Status
    check: str | None = None
    reason: str = ""
    statistics: ErrorStatistics | None = None

    @property
    def passed(self) -> bool:
        return self.status is Status.PASSED


@dataclass(frozen=True)
class Outputs:
    """What a call gave: arrays in order, and "tensor", "tuple" or "list"."""

    arrays: Sequence[np.ndarray]
    structure: str


def nearer_to_limit(one: Verdict, other: Verdict) -> bool:
    """Whether ``one`` came nearer to (or further over) its limit than ``other``."""
    return _share(one.statistics) > _share(other.statistics)


def _share(statistics: ErrorStatistics | None) -> float:
    if statistics is None:
        return -1.0
    if statistics.limit == 0:
        return float(statistics.candidate > 0)
    return statistics.candidate / statistics.limit


def unravel(flat: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The index of element ``flat`` (C order) of an array of ``shape``."""
    return tuple(int(i) for i in np.unravel_index(flat, shape)) if shape else ()


def place(index: tuple[int, ...]) -> str:
    """``index`` as text: "[3, 4]", "[]" for the only element of a 0-d array."""
    return f"[{', '.join(map(str, index))}]"
