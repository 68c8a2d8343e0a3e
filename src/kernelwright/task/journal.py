"""``agents.json``: what a run's agents were and did, enough to run it again without a model.

Written anew after each step, beside ``llm.jsonl``. It holds no key.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernelwright.agents.conductor import Decision
from kernelwright.agents.record import ActionType, ParsedCode, Record
from kernelwright.errors import StoreError, UsageError
from kernelwright.llm.secret import masked_tree
from kernelwright.schema import Evaluation, Target, TaskSpec
from kernelwright.task.agent_settings import AgentSettings
from kernelwright.task.output import write_file

log = logging.getLogger(__name__)
FILE_NAME = "agents.json"
FORMAT = 1


@dataclass(frozen=True)
class StepEntry:
    """One step as it stands in the journal. ``candidate``, ``design`` are hashes, "" for none."""

    action: str
    ok: bool
    candidate: str = ""
    design: str = ""
    status: str = ""
    check: str = ""
    error: str = ""
    feedback: str = ""
    evaluation: Mapping[str, Any] | None = None

    def line(self) -> str:
        """For people and for diffs: what a replay must come to again."""
        parts = [self.action, "ok" if self.ok else "failed"]
        if self.action == ActionType.VERIFY.value:
            parts.append(f"{self.status}{f' ({self.check})' if self.check else ''}")
        if self.candidate:
            parts.append(f"kernel {self.candidate}")
        if self.design:
            parts.append(f"design {self.design}")
        return ", ".join(parts)


def entry_of(record: Record) -> StepEntry:
    evaluation = record.evaluation
    text = record.parsed_code.aul_code
    return StepEntry(
        record.action_type.value,
        record.ok,
        record.candidate.hash() if record.candidate else "",
        hashlib.sha256(text.encode()).hexdigest()[:16] if text else "",
        str(evaluation.status) if evaluation else "",
        (evaluation.check or "") if evaluation else "",
        record.error_log,
        record.feedback,
        evaluation.to_dict() if evaluation else None,
    )


class Journal:
    """The journal of one run; a full disk is logged, not raised."""

    def __init__(
        self,
        folder: Path,
        spec: TaskSpec,
        settings: AgentSettings,
        *,
        start: ActionType,
        workflow: str,
        limit_steps: int,
        codes: ParsedCode | None = None,
        hints: str = "",
        models: Mapping[str, str] | None = None,
    ) -> None:
        self.path = folder / FILE_NAME
        self.head = {
            "format": FORMAT,
            "spec": dataclasses.asdict(spec),
            "settings": settings.to_dict(),
            "models": dict(models or {}),  # preset -> the model's name
            "start": start.value,
            "workflow": workflow,  # a packaged name, a file, or "" for none
            "limit_steps": limit_steps,
            "codes": dataclasses.asdict(codes or ParsedCode()),
            "hints": hints,
        }
        self.steps: list[StepEntry] = []
        self.write()

    def add(self, record: Record) -> None:
        self.steps.append(entry_of(record))
        self.write()

    def end(self, decision: Decision) -> None:
        self.write(ended=decision.reason)

    def write(self, *, ended: str = "") -> None:
        tree = {**self.head, "ended": ended, "steps": [dataclasses.asdict(s) for s in self.steps]}
        try:
            text = json.dumps(masked_tree(tree), indent=1, default=str)
            write_file(self.path, text.encode())
        except OSError as error:
            log.warning("%s cannot be written: %s", self.path, error)


@dataclass(frozen=True)
class RecordedRun:
    """A journal, read back."""

    folder: Path
    spec: TaskSpec
    settings: AgentSettings
    start: ActionType
    workflow: str
    limit_steps: int
    codes: ParsedCode
    hints: str
    ended: str
    models: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[StepEntry, ...] = ()

    def evaluation(self, index: int) -> Evaluation | None:
        told = self.steps[index].evaluation if index < len(self.steps) else None
        return None if told is None else Evaluation.from_dict(told)


def find_run(path: Path) -> Path:
    """The folder with the journal: ``path`` itself, its "agents" folder, or the only one below.
    Raises UsageError."""
    for folder in (path, path / "agents"):
        if (folder / FILE_NAME).is_file():
            return folder
    below = sorted(path.glob(f"**/{FILE_NAME}")) if path.is_dir() else []
    if len(below) == 1:
        return below[0].parent
    found = f"; it holds several: {', '.join(str(p.parent) for p in below[:8])}" if below else ""
    raise UsageError(f"{path} is no folder of a run with agents (no {FILE_NAME}){found}")


def read_journal(folder: Path) -> RecordedRun:
    """Raises StoreError for a journal that is missing or malformed."""
    path = folder / FILE_NAME
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        if tree["format"] != FORMAT:
            raise ValueError(f"format {tree['format']!r} is not {FORMAT}")
        spec = {**tree["spec"], "target": Target(**tree["spec"]["target"])}
        return RecordedRun(
            folder, TaskSpec(**spec), AgentSettings.from_dict(tree["settings"]),
            ActionType(tree["start"]), str(tree["workflow"]), int(tree["limit_steps"]),
            ParsedCode(**tree["codes"]), str(tree["hints"]), str(tree["ended"]),
            dict(tree["models"]), tuple(StepEntry(**step) for step in tree["steps"]),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"the journal {path} cannot be read: {error!r}") from error
