"""Every import path that scripts of the reference system use leads to our own objects."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import kernelwright
from kernelwright.agents.record import ActionType

PATHS = [
    ("ai_kernel_generator.core.task", "Task", "kernelwright.task.task"),
    ("ai_kernel_generator.core.async_pool", "TaskPool", "kernelwright.task.task_pool"),
    ("ai_kernel_generator.core.async_pool", "DevicePool", "kernelwright.devices.pool"),
    ("ai_kernel_generator.core.async_pool.task_pool", "TaskPool", "kernelwright.task.task_pool"),
    ("ai_kernel_generator.core.async_pool.device_pool", "DevicePool", "kernelwright.devices.pool"),
    ("ai_kernel_generator.config.config_validator", "load_config", "kernelwright.task.task_config"),
    ("ai_kernel_generator.core.agent.aul_designer", "AULDesigner",
     "kernelwright.task.builtin_agents"),
    ("ai_kernel_generator.core.agent.triton_coder", "TritonCoder",
     "kernelwright.task.builtin_agents"),
    ("ai_kernel_generator.core.agent.swft_coder", "SWFTCoder", "kernelwright.task.builtin_agents"),
    ("ai_kernel_generator.core.agent.conductor", "Conductor", "kernelwright.agents.conductor"),
    ("ai_kernel_generator.core.utils", "ActionType", "kernelwright.agents.record"),
    ("ai_kernel_generator.core.utils", "ParsedCode", "kernelwright.agents.record"),
    ("ai_kernel_generator.core.utils", "Record", "kernelwright.agents.record"),
    ("ai_kernel_generator.core.utils", "check_task_config", "kernelwright.task.combination"),
    ("ai_kernel_generator.core.utils", "check_task_type", "kernelwright.task.combination"),
    ("ai_kernel_generator.core.trace", "Trace", "kernelwright.task.trace"),
    ("ai_kernel_generator.core.verifier.kernel_verifier", "KernelVerifier",
     "ai_kernel_generator.core.verifier.kernel_verifier"),
    ("ai_kernel_generator.core.coder_only_task", "CoderOnlyTask",
     "ai_kernel_generator.core.coder_only_task"),
    ("ai_kernel_generator.core.agent.coder", "CoderFactory",
     "ai_kernel_generator.core.agent.coder"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "name", "home"), PATHS)
def test_path(module: str, name: str, home: str) -> None:
    assert getattr(importlib.import_module(module), name).__module__ == home


def test_coder_only_task() -> None:
    from ai_kernel_generator.core.coder_only_task import CoderOnlyTask

    made = CoderOnlyTask("relu", "import torch", "0", "cpu", "x86_64", "triton", {"log_dir": "x"})
    assert made.limit_steps == 6
    assert made.workflow.start is ActionType.DO_CODER_DIRECT
    assert CoderOnlyTask("relu", "import torch", backend="cpu", limit_steps=2).limit_steps == 2


def test_coder_factory_refuses_unknown_names() -> None:
    from ai_kernel_generator.core.agent.coder import CoderFactory

    with pytest.raises(ValueError, match="Unsupported impl_type: cobol"):
        CoderFactory.create_coder("cobol", None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [n for n in kernelwright.__all__ if n != "__version__"])
def test_top_level_names(name: str) -> None:
    assert callable(getattr(kernelwright, name))
    assert name in dir(kernelwright)


def test_no_other_top_level_names() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = kernelwright.nonsense


@pytest.mark.parametrize(
    "statement",
    [
        "import kernelwright",
        "from kernelwright import Task, TaskPool, DevicePool, load_config, optimize_file",
        "from ai_kernel_generator.core.task import Task",
        "import kernelwright.cli.doctor as d; d.examine()",
    ],
)
def test_nothing_heavy_is_loaded(statement: str) -> None:
    heavy = ("torch", "triton", "mindspore", "llvmlite", "mlir.ir")
    code = f"{statement}\nimport sys\nprint([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
