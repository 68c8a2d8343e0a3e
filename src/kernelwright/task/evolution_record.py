"""What an evolution has tried, in the store and in its folder: enough to go on after a kill."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelwright.schema import Candidate, Evaluation, Measurement
from kernelwright.search import Individual
from kernelwright.store import Store
from kernelwright.task.output import read_candidate, write_candidate
from kernelwright.task.result import Attempt
from kernelwright.task.schedule_genes import Gene

_TRIED, _ROUND, _START = "evolved", "round", "start"
FOLDER = "population"


@dataclass(frozen=True)
class Tried:
    """One slot's outcome. ``candidate`` None: nothing came (``evaluation`` says why). ``order``
    tells several tries of one slot apart; ``cost`` is the time over the start's."""

    round: int
    slot: int
    order: int
    individual: Individual
    candidate: Candidate | None
    evaluation: Evaluation
    gene: Gene | None = None


class EvolutionRecord:
    """Rows under one key; candidates' files under ``out/population/<hash>``."""

    def __init__(self, store: Store, key: str, op_name: str, out: Path, *, fresh: bool) -> None:
        self._store, self._key, self._op_name, self._out = store, key, op_name, out
        self._fresh = fresh
        self._run: int | None = None

    def rounds_done(self) -> int:
        """Rounds that came to their end in runs with this key."""
        rows = [] if self._fresh else self._store.find_all(self._key, _ROUND)
        return max((int(row["round"]) + 1 for row in rows), default=0)

    def tried(self) -> list[Tried]:
        """Everything on record whose files are still there, in order, each once."""
        found: dict[tuple[int, int, int], Tried] = {}
        for row in [] if self._fresh else self._store.find_all(self._key, _TRIED):
            one = self._read(row)
            if one is not None:
                found.setdefault((one.round, one.slot, one.order), one)
        return sorted(found.values(), key=lambda t: (t.round, t.slot, t.order))

    def add(self, tried: Tried) -> None:
        """Files first, then the row that says that they are there."""
        entry: Mapping[str, Any] | None = None
        if tried.candidate is not None:
            attempt = Attempt(tried.candidate.impl_type, tried.candidate, tried.evaluation)
            folder = self._out / FOLDER / tried.candidate.hash()
            entry = write_candidate(folder, attempt, True)
        one = tried.individual
        self._add(
            _TRIED,
            {
                "round": tried.round, "slot": tried.slot, "order": tried.order,
                "name": one.name, "cost": one.cost if one.right else None,
                "island": one.island, "cell": list(one.cell), "parents": list(one.parents),
                "kind": one.kind, "entry": entry, "evaluation": tried.evaluation.to_dict(),
                "gene": None if tried.gene is None else tried.gene.to_json(),
            },
        )  # fmt: skip

    def start_measured(self) -> Measurement | None:
        """The start's times, which models are told; None while they are unknown."""
        row = None if self._fresh else self._store.find(self._key, _START)
        return None if row is None else Measurement.from_dict(row)

    def keep_start(self, measured: Measurement) -> None:
        self._add(_START, dataclasses.asdict(measured))

    def end_round(self, number: int) -> None:
        self._add(_ROUND, {"round": number})

    def _read(self, row: Mapping[str, Any]) -> Tried | None:
        candidate: Candidate | None = None
        if row["entry"] is not None:
            folder = self._out / FOLDER / str(row["entry"]["hash"])
            candidate = read_candidate(folder, row["entry"])
            if candidate is None:
                return None
        cost = math.inf if row["cost"] is None else float(row["cost"])
        one = Individual(
            row["name"], cost, row["island"], tuple(row["cell"]), row["round"],
            tuple(row["parents"]), row["kind"],
        )  # fmt: skip
        gene = None if row["gene"] is None else Gene.from_json(row["gene"])
        evaluation = Evaluation.from_dict(row["evaluation"])
        return Tried(row["round"], row["slot"], row["order"], one, candidate, evaluation, gene)

    def _add(self, step: str, detail: Mapping[str, Any]) -> None:
        if self._run is None:
            self._run = self._store.begin(self._key, self._op_name, {"what": "evolution"})
        self._store.add(self._run, step, detail)
