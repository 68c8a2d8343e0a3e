"""Workflows by name or file, as a Task takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kernelwright.agents import workflow as agents_workflow
from kernelwright.agents.record import ActionType
from kernelwright.task.combination import TaskConfigError


@dataclass(frozen=True)
class Workflow:
    """Where a task starts and how many steps it may take; ``rules`` is the whole workflow, None for
    a task that was given none."""

    start: ActionType
    max_step: int
    rules: agents_workflow.Workflow | None = None


_START: Mapping[str, ActionType] = {
    "designer": ActionType.DO_DESIGNER,
    "coder": ActionType.DO_CODER_DIRECT,
    "verifier": ActionType.VERIFY,
}


def find_workflow(name: str | Path) -> Workflow:
    """The workflow called ``name`` ("coder_only_workflow", "coder_only"), or in the yaml file of
    that path. Raises TaskConfigError (a ValueError) when there is none, or it is malformed."""
    shipped = agents_workflow.shipped_names()
    short = str(name).removesuffix("_workflow")
    path = Path(name).expanduser()
    stem = path.stem.removesuffix("_workflow")
    if short not in shipped and stem in shipped and not path.is_file():
        short = stem  # a path to a file of the reference system, which it ships
    if short in shipped:
        return _for_task(agents_workflow.shipped(short))
    if not path.is_file():
        known = ", ".join(f"{n}_workflow" for n in shipped)
        raise TaskConfigError(f"unknown workflow {str(name)!r}: no such file; known: {known}")
    try:
        return _for_task(agents_workflow.read_workflow(path))
    except agents_workflow.WorkflowError as error:
        raise TaskConfigError(str(error)) from error


def _for_task(rules: agents_workflow.Workflow) -> Workflow:
    return Workflow(_START[rules.start_agent], rules.max_step, rules)
