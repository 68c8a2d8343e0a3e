"""A Task that codes without a separate design step, and stops after six steps."""

from __future__ import annotations

from typing import Any

from kernelwright.agents.record import ActionType
from kernelwright.task.task import Task


class CoderOnlyTask(Task):
    default_start = ActionType.DO_CODER_DIRECT

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As Task."""
        if len(args) < 11:  # limit_steps is not given by position
            kwargs.setdefault("limit_steps", 6)
        super().__init__(*args, **kwargs)


__all__ = ["CoderOnlyTask"]
