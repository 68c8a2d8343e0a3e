"""What tuning has found out, in the store, so that no setting is tried twice on one machine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kernelwright.store import Store

_TRIED, _TUNED = "tried", "tuned"


@dataclass(frozen=True)
class Tried:
    """``ratio``: the time over that of the first candidate, infinity for a failure. ``number``: of
    the design among the alternatives."""

    number: int
    point: Mapping[str, int]
    ratio: float


@dataclass(frozen=True)
class Tuned:
    """Where a search ended: the best setting ({} for the first candidate), whether it was through
    with the space, and the seconds and tries that it took."""

    number: int
    point: Mapping[str, int]
    ratio: float
    through: bool
    spent_s: float
    tries: int


class TuningRecord:
    """One search's rows. ``key`` is ``identity.tuning_key``."""

    def __init__(self, store: Store, key: str, op_name: str) -> None:
        self._store, self._key, self._op_name = store, key, op_name
        self._run: int | None = None

    def tried(self) -> list[Tried]:
        """What this and earlier runs have tried, oldest first."""
        return [
            Tried(row["number"], row["point"], math.inf if row["ratio"] is None else row["ratio"])
            for row in self._store.find_all(self._key, _TRIED)
        ]

    def tuned(self) -> Tuned | None:
        """The newest search that came to its end."""
        row = self._store.find(self._key, _TUNED)
        return None if row is None else Tuned(**row)

    def add(self, tried: Tried) -> None:
        ratio = tried.ratio if math.isfinite(tried.ratio) else None
        self._add(_TRIED, {"number": tried.number, "point": dict(tried.point), "ratio": ratio})

    def finish(self, tuned: Tuned) -> None:
        self._add(_TUNED, {**vars(tuned), "point": dict(tuned.point)})

    def _add(self, step: str, detail: Mapping[str, Any]) -> None:
        if self._run is None:
            self._run = self._store.begin(self._key, self._op_name, {"what": "tuning"})
        self._store.add(self._run, step, detail)
