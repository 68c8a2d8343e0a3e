"""Kernelwright: a reference operator in, a verified and measured kernel out.

The names below are loaded when they are first used, so that importing the package is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kernelwright.agents.conductor import Conductor
    from kernelwright.agents.roles import Coder, Designer
    from kernelwright.devices import DevicePool
    from kernelwright.runtime.kernel import load
    from kernelwright.task.compile import compile_file
    from kernelwright.task.judge import choose_files, verify_files
    from kernelwright.task.optimize import optimize_file
    from kernelwright.task.task import Task, TaskResult
    from kernelwright.task.task_config import load_config
    from kernelwright.task.task_pool import TaskPool
    from kernelwright.verify.verifier import Verifier

__version__ = "0.1.0"

_EXPORTS = {
    "Coder": "kernelwright.agents.roles",
    "Conductor": "kernelwright.agents.conductor",
    "Designer": "kernelwright.agents.roles",
    "DevicePool": "kernelwright.devices",
    "Task": "kernelwright.task.task",
    "TaskPool": "kernelwright.task.task_pool",
    "TaskResult": "kernelwright.task.task",
    "Verifier": "kernelwright.verify.verifier",
    "choose_files": "kernelwright.task.judge",
    "compile_file": "kernelwright.task.compile",
    "load": "kernelwright.runtime.kernel",
    "load_config": "kernelwright.task.task_config",
    "optimize_file": "kernelwright.task.optimize",
    "verify_files": "kernelwright.task.judge",
}

__all__ = [
    "Coder",
    "Conductor",
    "Designer",
    "DevicePool",
    "Task",
    "TaskPool",
    "TaskResult",
    "Verifier",
    "__version__",
    "choose_files",
    "compile_file",
    "load",
    "load_config",
    "optimize_file",
    "verify_files",
]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'kernelwright' has no attribute {name!r}")
    value = getattr(importlib.import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_EXPORTS})
