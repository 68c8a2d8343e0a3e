"""Whoever has MLIR: parse, run a pass pipeline, translate to LLVM IR; text in, text out.

Three providers are tried in order: the package ``mlir`` (extra [mlir], LLVM 22), packages that
carry the same Python interface, and the command-line tools.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any, Protocol

from kernelwright.errors import CompileError, MissingDependencyError

_PACKAGES = ("mlir", "torch_mlir", "numba_cuda_mlir._mlir")
_TOOLS = (("mlir-opt-22", "mlir-translate-22"), ("mlir-opt", "mlir-translate"))
TIMEOUT_S = 300


class MlirProvider(Protocol):
    """``run_pipeline(text, "pass1,pass2")`` and ``to_llvm_ir(text)`` raise CompileError."""

    @property
    def name(self) -> str: ...

    def run_pipeline(self, text: str, pipeline: str) -> str: ...

    def to_llvm_ir(self, text: str) -> str: ...


@dataclass(frozen=True)
class PackageProvider:
    """MLIR in process, through upstream's Python bindings under the package ``name``."""

    name: str

    def _module(self, part: str) -> Any:
        return importlib.import_module(f"{self.name}.{part}")

    def run_pipeline(self, text: str, pipeline: str) -> str:
        ir = self._module("ir")
        try:
            with ir.Context(), ir.Location.unknown():
                module = ir.Module.parse(text)
                manager = self._module("passmanager").PassManager
                manager.parse(f"builtin.module({pipeline})").run(module.operation)
                return str(module)
        except ir.MLIRError as error:
            raise CompileError(
                "MLIR refused the module", f"passes: {pipeline}", str(error)
            ) from error

    def to_llvm_ir(self, text: str) -> str:
        ir, llvm = self._module("ir"), self._module("dialects.llvm")
        try:
            with ir.Context(), ir.Location.unknown():
                return str(llvm.translate_module_to_llvmir(ir.Module.parse(text).operation))
        except ir.MLIRError as error:
            raise CompileError("MLIR refused the lowered module", "", str(error)) from error


@dataclass(frozen=True)
class CommandProvider:
    """MLIR's command-line tools."""

    opt: str
    translate: str

    @property
    def name(self) -> str:
        return self.opt

    def run_pipeline(self, text: str, pipeline: str) -> str:
        return _filter([self.opt, f"--pass-pipeline=builtin.module({pipeline})"], text)

    def to_llvm_ir(self, text: str) -> str:
        return _filter([self.translate, "--mlir-to-llvmir"], text)


def _filter(command: list[str], text: str) -> str:
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CompileError(f"{command[0]} did not finish: {error}", " ".join(command)) from error
    if done.returncode != 0:
        raise CompileError(f"{command[0]} failed", " ".join(command), done.stderr[-8000:])
    return done.stdout


def available() -> list[MlirProvider]:
    """The providers of this machine, best first; nothing is imported to find out."""
    found: list[MlirProvider] = [PackageProvider(p) for p in _PACKAGES if _importable(p)]
    for opt, translate in _TOOLS:
        paths = shutil.which(opt), shutil.which(translate)
        if paths[0] and paths[1]:
            found.append(CommandProvider(paths[0], paths[1]))
    return found


@functools.lru_cache(maxsize=1)
def provider() -> MlirProvider:
    """The best provider; raises MissingDependencyError when there is none."""
    found = available()
    if not found:
        raise MissingDependencyError("impl_type mlir", "mlir", "mlir")
    return found[0]


def _importable(package: str) -> bool:
    try:
        return all(
            importlib.util.find_spec(f"{package}.{part}") is not None
            for part in ("ir", "passmanager")
        )
    except ModuleNotFoundError:
        return False
