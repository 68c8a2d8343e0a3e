"""A recorded run once more: without its model, or from one step on with a live one.

The agents get the recorded answers; what they make is judged anew. The run is reproduced when every
step comes to the same kernel and the same verdict. Where the judge now says otherwise the replay
ends there, for what follows was asked because of what it said then.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelwright.agents.record import ActionType, Record
from kernelwright.config import Config
from kernelwright.errors import ModelError, ReferenceBroken, UsageError
from kernelwright.llm import Budget, ChatRequest, ChatResult, Replay, read_recording
from kernelwright.llm.chat import OnDelta
from kernelwright.llm.recording import FILE_NAME
from kernelwright.schema import Status
from kernelwright.task.agent_loop import decide
from kernelwright.task.agent_settings import BUILTIN, ROLES, AgentSettings
from kernelwright.task.cast import Cast, open_cast
from kernelwright.task.journal import Journal, RecordedRun, entry_of, find_run, read_journal
from kernelwright.task.steps import Steps
from kernelwright.task.trace import Trace
from kernelwright.task.workflow import Workflow, find_workflow


@dataclass(frozen=True)
class ReplayResult:
    """``matches``: every step came out as recorded. ``diff``: the first one that did not, or the
    question that was not on record. ``forked_at``: the step where a live model took over.
    ``status`` is the last verdict ("" when there was none)."""

    run: Path
    op: str
    matches: bool
    steps: tuple[str, ...]
    diff: str = ""
    forked_at: str = ""
    status: str = ""
    ended: str = ""
    out: Path | None = None

    @property
    def exit_code(self) -> int:
        """A forked run is as good as its kernel, a plain one as its likeness."""
        if self.forked_at:
            return 0 if self.status == Status.PASSED else 1
        return 0 if self.matches else 1

    def to_json(self) -> dict[str, Any]:
        tree = dataclasses.asdict(self)
        return {**tree, "run": str(self.run), "out": None if self.out is None else str(self.out)}


def replay_run(
    path: Path,
    out: Path,
    config: Config,
    *,
    fork_from: str = "",
    llm: str = "",
    presets: str = "",
    told: Callable[[str], None] = lambda line: None,
) -> ReplayResult:
    """Runs the run in ``path`` again, its files written to ``out``. ``fork_from`` is a step's name
    ("S03/coder", or its number), from which the preset ``llm`` (by default the recorded ones)
    answers. ``told`` gets a line a step. Raises UsageError for a folder that holds no run and
    for a fork from a step that it has not."""
    folder = find_run(path)
    run = read_journal(folder)
    record = folder / FILE_NAME
    exchanges = read_recording(record) if record.exists() else []
    fork = fork_step(fork_from, [e.step for e in exchanges])
    settings, live = run.settings, None
    if fork:
        settings = _with_model(settings, llm, presets)
        live = open_cast(settings, out, config.state_dir)
    player = Replay(
        exchanges, live=None if live is None else _ByRole(live), fork_at=fork or None,
        budget=None if live is None else live.budget, source=str(record),
    )  # fmt: skip
    budget = Budget() if live is None else live.budget
    cast = Cast(settings, dict.fromkeys(settings.models, player), budget)
    journal = Journal(
        out, run.spec, settings, start=run.start, workflow=run.workflow,
        limit_steps=run.limit_steps, codes=run.codes, hints=run.hints, models=run.models,
    )  # fmt: skip
    try:
        return _Playing(run, cast, player, journal, out, config, told).result()
    finally:
        cast.close()


def fork_step(wanted: str, steps: Sequence[str]) -> str | int:
    """The recorded step that ``wanted`` names: its name, the start of it ("S03"), or the number of
    an exchange from 1. "" for none. Raises UsageError."""
    if not wanted:
        return ""
    if wanted.isdigit() and 1 <= int(wanted) <= len(steps):
        return int(wanted)
    found = [step for step in steps if step == wanted or step.partition("/")[0] == wanted]
    if not found:
        known = ", ".join(dict.fromkeys(steps)) or "none"
        raise UsageError(f"--fork-from: the run has no step {wanted!r}; it has: {known}")
    return found[0]


def _with_model(settings: AgentSettings, llm: str, presets: str) -> AgentSettings:
    """``settings`` with the preset ``llm`` wherever a model plays."""
    changed: dict[str, Any] = {"presets": presets} if presets else {}
    if llm:
        changed |= {role: llm for role in ROLES if getattr(settings, role) != BUILTIN}
    return dataclasses.replace(settings, **changed)


class _ByRole:
    """The live models as one: each step's role has its own."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.name = next(iter(cast.names.values()), "")

    def complete(self, request: ChatRequest, on_delta: OnDelta | None = None) -> ChatResult:
        role = request.step.rpartition("/")[2]
        preset = getattr(self.cast.settings, role, BUILTIN)
        if preset == BUILTIN:
            preset = self.cast.settings.models[0]
        return self.cast.models[preset].complete(request, on_delta)

    def close(self) -> None:
        self.cast.close()


@dataclass
class _Playing:
    """One replay under way."""

    run: RecordedRun
    cast: Cast
    player: Replay
    journal: Journal
    out: Path
    config: Config
    told: Callable[[str], None]
    diff: str = ""
    ended: str = ""

    def result(self) -> ReplayResult:
        trace = Trace(self.run.spec.op_name, "0", self.out)
        steps = Steps(
            self.run.spec, self.config, trace, self.cast.agents, resume=False, hints=self.run.hints
        )
        try:
            self.play(steps)
        except ReferenceBroken as broken:
            self.ended = str(broken)
        except ModelError as error:  # from asking for advice
            self.diff = self.diff or str(error)
        finally:
            steps.close()
        missing = [e.line() for e in self.run.steps[len(trace.records) :]]
        forked = self.player.forked_at or ""
        if missing and not forked and not self.diff:
            self.diff = "steps that were recorded and did not come:\n- " + "\n- ".join(missing)
        verdicts = [r.evaluation for r in trace.records if r.evaluation is not None]
        return ReplayResult(
            self.run.folder, self.run.spec.op_name, not self.diff,
            tuple(entry_of(r).line() for r in trace.records), self.diff, forked,
            str(verdicts[-1].status) if verdicts else "", self.ended, self.out,
        )  # fmt: skip

    def play(self, steps: Steps) -> None:
        flow = _workflow(self.run)
        steps.open(0)
        while not self.diff:
            decision = decide(steps, flow, self.run.start, self.cast.adviser)
            if decision.action_type is ActionType.EXIT:
                self.ended = decision.reason
                self.journal.end(decision)
                return
            record = steps.act(
                decision.action_type, self.run.codes, decision.suggestions, profile=False
            )
            record = self.compared(record, len(steps.trace.records) - 1)
            steps.trace.records[-1] = record
            self.journal.add(record)
            self.told(entry_of(record).line())

    def compared(self, record: Record, position: int) -> Record:
        """``record`` with what was recorded of it, in the words that were said then; unlike steps
        end the replay, unless a live model has taken over."""
        if self.player.forked_at is not None:
            return record
        entry = entry_of(record)
        if position >= len(self.run.steps):
            self.diff = f"a step that was not recorded:\n+ {entry.line()}\n{record.error_log}"
            return record
        before = self.run.steps[position]
        if before.line() != entry.line():
            lines = difflib.unified_diff(
                [before.line(), *before.error.splitlines()],
                [entry.line(), *record.error_log.splitlines()],
                f"recorded: step {position}", f"now: step {position}", lineterm="",
            )  # fmt: skip
            self.diff = "\n".join(lines)
            return record
        return dataclasses.replace(
            record,
            error_log=before.error,
            feedback=before.feedback,
            evaluation=self.run.evaluation(position),
        )


def _workflow(run: RecordedRun) -> Workflow:
    rules = find_workflow(run.workflow).rules if run.workflow else None
    return Workflow(run.start, run.limit_steps, rules)
