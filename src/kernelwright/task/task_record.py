"""A Task's rows in the store: every step as it happened, verdicts that need no second asking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernelwright.agents.record import Record
from kernelwright.config import Config
from kernelwright.schema import Candidate, Evaluation, Status, TaskSpec
from kernelwright.store import Store
from kernelwright.task.identity import run_key

# What a busy or broken machine may have done is asked again.
_ASKED_AGAIN = (Status.TIMEOUT, Status.INFRA_ERROR, Status.REFERENCE_BROKEN)
_TEXT = 2000  # characters of a step's words


class TaskRecord:
    """One run of a Task. The store is opened for each access: a Task's steps run in threads."""

    def __init__(self, spec: TaskSpec, config: Config, device: int, *, resume: bool = True) -> None:
        self._path = config.state_dir / "runs.db"
        self._key = run_key(spec, config, {"what": "task"}, device)
        self._op_name, self._resume = spec.op_name, resume
        self._run: int | None = None

    def verdict(self, candidate: Candidate, profile: bool) -> Evaluation | None:
        """The judge's word on these very files, from a run of the same task on the same machine;
        with times when ``profile`` asks for them."""
        if not self._resume:
            return None
        with Store(self._path) as store:
            found = store.find(self._key, _step(candidate, profile))
        return None if found is None else Evaluation.from_dict(found)

    def keep(self, candidate: Candidate, profile: bool, evaluation: Evaluation) -> None:
        if evaluation.status in _ASKED_AGAIN or (profile and not _complete(evaluation)):
            return
        self._add(_step(candidate, profile), evaluation.to_dict())

    def step(self, number: int, record: Record) -> None:
        """What a step came to, for people."""
        detail = {
            "ok": record.ok,
            "result": record.result[:_TEXT],
            "error": record.error_log[:_TEXT],
            "candidate": record.candidate.hash() if record.candidate else None,
        }
        self._add(f"step {number}: {record.action_type.value}", detail)

    def _add(self, name: str, detail: Mapping[str, Any]) -> None:
        with Store(self._path) as store:
            if self._run is None:
                self._run = store.begin(self._key, self._op_name, {"what": "task"})
            store.add(self._run, name, detail)


def _step(candidate: Candidate, profile: bool) -> str:
    return f"{'profile' if profile else 'verify'}:{candidate.impl_type}:{candidate.hash()}"


def _complete(evaluation: Evaluation) -> bool:
    """Whether there is nothing left to measure."""
    return evaluation.measurement is not None or not evaluation.passed or evaluation.reduced
