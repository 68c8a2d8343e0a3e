"""Workflows of the later reference system: where a task starts and how many steps it may take.

The names that it ships, or a yaml file with ``start_agent`` and
``limitation_info.required.max_step``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kernelwright.agents.record import ActionType
from kernelwright.task.combination import TaskConfigError


@dataclass(frozen=True)
class Workflow:
    start: ActionType
    max_step: int


_START = {
    "designer": ActionType.DO_DESIGNER,
    "coder": ActionType.DO_CODER_DIRECT,
    "verifier": ActionType.VERIFY,
}
WORKFLOWS: Mapping[str, Workflow] = {
    "default": Workflow(ActionType.DO_DESIGNER, 20),
    "coder_only": Workflow(ActionType.DO_CODER_DIRECT, 6),
    "verifier_only": Workflow(ActionType.VERIFY, 2),
    "conductor_connect_all": Workflow(ActionType.DO_DESIGNER, 10),
}


def find_workflow(name: str | Path) -> Workflow:
    """The workflow called ``name`` ("coder_only_workflow", "coder_only"), or in the yaml file of
    that path. Raises TaskConfigError (a ValueError) when there is none, or it is malformed."""
    short = str(name).removesuffix("_workflow")
    if short in WORKFLOWS:
        return WORKFLOWS[short]
    path = Path(name).expanduser()
    shipped = path.stem.removesuffix("_workflow")
    if shipped in WORKFLOWS and not path.is_file():
        return WORKFLOWS[shipped]
    if not path.is_file():
        known = ", ".join(f"{n}_workflow" for n in WORKFLOWS)
        raise TaskConfigError(f"unknown workflow {str(name)!r}: no such file; known: {known}")
    try:
        settings: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        start = _START[settings["start_agent"]]
        limits = settings.get("limitation_info", {}).get("required", {})
        return Workflow(start, int(limits.get("max_step", 20)))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TaskConfigError(f"workflow {path} cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TaskConfigError(
            f"workflow {path} needs start_agent (one of {', '.join(_START)}) and may have "
            f"limitation_info.required.max_step: {error!r}"
        ) from error
