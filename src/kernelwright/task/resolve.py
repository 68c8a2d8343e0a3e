"""From what a user typed to a TaskSpec: every "auto" settled, every wrong word an error."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from kernelwright.backends import BACKENDS, check_combination, impl_types, is_native
from kernelwright.errors import UsageError
from kernelwright.python_source import parse_python
from kernelwright.schema import Target, TaskSpec

TASK_TYPES = ("precision_only", "profile")


def read_source(path: Path) -> str:
    """The text of a task file; raises UsageError when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}. Give the path of a Python file.") from None
    except IsADirectoryError:
        raise UsageError(f"{path} is a folder. Give a Python file that defines Model.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def guess_framework(source: str) -> str:
    """graphkernel for a JSON object; else the framework that the source imports: mindspore before
    torch before numpy."""
    if source.lstrip("\ufeff \t\r\n").startswith("{"):
        return "graphkernel"
    try:
        tree = parse_python(source)
    except SyntaxError:
        found = set(re.findall(r"^\s*(?:import|from)\s+(\w+)", source, re.MULTILINE))
    else:
        found = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    for name in ("mindspore", "torch", "numpy"):
        if name in found:
            return name
    return "torch"


def guess_backend() -> str:
    """cuda when this machine has a CUDA device, else cpu."""
    return "cuda" if BACKENDS.get("cuda").devices() else "cpu"


def make_spec(
    op_name: str,
    source: str,
    *,
    path: str = "<string>",
    framework: str = "auto",
    backend: str = "auto",
    arch: str = "auto",
    impl_type: str = "auto",
    task_type: str = "profile",
) -> TaskSpec:
    """A TaskSpec with everything but impl_type settled; raises UsageError for a wrong word or an
    impossible combination."""
    if task_type not in TASK_TYPES:
        raise UsageError(f"task_type must be precision_only or profile, not {task_type!r}")
    framework = guess_framework(source) if framework == "auto" else framework
    backend = guess_backend() if backend == "auto" else backend
    plugin = BACKENDS.get(backend)
    arch = plugin.default_arch() if arch == "auto" else plugin.normalize_arch(arch)
    check_combination(framework, backend, arch, impl_type)
    return TaskSpec(op_name, source, framework, Target(backend, arch), impl_type, task_type, path)


def impl_types_to_try(spec: TaskSpec) -> list[str]:
    """What "auto" stands for: every impl_type that runs natively on the target."""
    if spec.impl_type != "auto":
        return [spec.impl_type]
    names = impl_types(spec.target.backend, spec.framework)
    native = [n for n in names if is_native(spec.target.backend, n)]
    return native or names
