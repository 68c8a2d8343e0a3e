"""A Task that codes without a separate design step, and stops after six steps."""

from __future__ import annotations

from typing import Any

from kernelwright.agents.record import ActionType
from kernelwright.task.task import Task


class CoderOnlyTask(Task):
    default_start = ActionType.DO_CODER_DIRECT

    def __init__(self, *args: Any, limit_steps: int = 6, **kwargs: Any) -> None:
        """As Task."""
        if len(args) > 10:  # limit_steps by position
            args, limit_steps = args[:10], args[10]
        super().__init__(*args, limit_steps=limit_steps, **kwargs)


__all__ = ["CoderOnlyTask"]
