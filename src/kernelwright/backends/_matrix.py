"""The one table of what goes with what: backend, framework, impl_type, arch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from kernelwright.backends._base import Backend
from kernelwright.errors import UnknownNameError, UnsupportedError, UsageError
from kernelwright.registry import Registry

BACKENDS: Registry[Backend] = Registry("backend", "kernelwright.backends", "BACKEND")


@dataclass(frozen=True)
class Combination:
    """One row. ``supported`` False: known and planned, but not in this version, for ``reason``.

    ``archs`` are patterns over canonical arch names. ``native`` False: run in an interpreter, for
    correctness only, since the kernel has no device of its own there.
    """

    backend: str
    impl_type: str
    frameworks: tuple[str, ...]
    archs: tuple[str, ...] = ("*",)
    supported: bool = True
    reason: str = ""
    native: bool = True


_ABSENT = "not part of this version"
MATRIX: tuple[Combination, ...] = (
    Combination("cpu", "mlir", ("torch", "numpy", "mindspore", "graphkernel")),
    Combination("cpu", "cpp", ("torch", "numpy", "mindspore", "graphkernel")),
    Combination("cpu", "triton", ("torch", "numpy", "mindspore", "graphkernel"), native=False),
    Combination("cuda", "triton", ("torch",)),
    Combination("cuda", "cuda_c", ("torch",), supported=False, reason=_ABSENT),
    Combination("cuda", "mlir", ("torch", "graphkernel"), supported=False, reason=_ABSENT),
    Combination(
        "ascend",
        "triton",
        ("torch", "mindspore"),
        ("ascend910*", "ascend950*"),
        supported=False,
        reason=_ABSENT,
    ),
    Combination(
        "ascend",
        "swft",
        ("torch", "mindspore", "numpy"),
        ("ascend310p3",),
        supported=False,
        reason=_ABSENT,
    ),
)
FRAMEWORKS = tuple(dict.fromkeys(name for row in MATRIX for name in row.frameworks))
IMPL_TYPES = tuple(dict.fromkeys(row.impl_type for row in MATRIX))
AUTO = "auto"


def impl_types(backend: str, framework: str = AUTO, *, supported: bool = True) -> list[str]:
    """The impl_types of ``backend`` in the table's order; with ``supported=False`` also those that
    are known but not in this version. Raises UnknownNameError for an unknown backend."""
    BACKENDS.get(backend)
    rows = [r for r in MATRIX if r.backend == backend and (r.supported or not supported)]
    return list(dict.fromkeys(r.impl_type for r in rows if framework in (AUTO, *r.frameworks)))


def check_combination(framework: str, backend: str, arch: str, impl_type: str) -> None:
    """Passes for a combination that this version can run; "auto" and arch "" match anything.

    Raises UnknownNameError for a name that does not exist at all, UsageError for a combination
    that makes no sense (naming the possible ones), and UnsupportedError for one that is known but
    lacks pieces (naming every piece that is missing, in one message).
    """
    plugin = BACKENDS.get(backend)
    if framework not in (AUTO, *FRAMEWORKS):
        raise UnknownNameError("framework", framework, (*FRAMEWORKS, AUTO))
    if impl_type not in (AUTO, *IMPL_TYPES):
        raise UnknownNameError("impl_type", impl_type, (*IMPL_TYPES, AUTO))
    canonical = plugin.normalize_arch(arch) if arch else ""
    rows = [r for r in MATRIX if _matches(r, framework, backend, canonical, impl_type)]
    if not rows:
        raise UsageError(_impossible(framework, backend, canonical, impl_type))
    if not any(row.supported for row in rows):
        raise UnsupportedError(_lacking(rows[0], framework, plugin))


def is_native(backend: str, impl_type: str) -> bool:
    """Whether a kernel of ``impl_type`` runs on ``backend`` itself; False also for no such row."""
    return any(r.native for r in MATRIX if (r.backend, r.impl_type) == (backend, impl_type))


def _matches(row: Combination, framework: str, backend: str, arch: str, impl_type: str) -> bool:
    return (
        row.backend == backend
        and framework in (AUTO, *row.frameworks)
        and impl_type in (AUTO, row.impl_type)
        and (not arch or any(fnmatchcase(arch, pattern) for pattern in row.archs))
    )


def _impossible(framework: str, backend: str, arch: str, impl_type: str) -> str:
    on = f"{backend} ({arch})" if arch else backend
    message = f"framework {framework!r} with impl_type {impl_type!r} does not exist on {on}."
    possible = [r for r in MATRIX if r.supported and r.backend == backend]
    where = f"On {backend}"
    if not possible:
        possible, where = [r for r in MATRIX if r.backend == backend], f"Planned on {backend}"
    return f"{message} {where} there are: {'; '.join(map(_describe, possible))}."


def _describe(row: Combination) -> str:
    archs = "" if row.archs == ("*",) else f" on {', '.join(row.archs)}"
    return f"{row.impl_type} for {', '.join(row.frameworks)}{archs}"


def _lacking(row: Combination, framework: str, plugin: Backend) -> str:
    what = f"backend {row.backend!r} with impl_type {row.impl_type!r}"
    if framework != AUTO:
        what += f" and framework {framework!r}"
    usable = [r for r in MATRIX if r.supported and r.backend == row.backend]
    if usable:
        possible = "; ".join(map(_describe, usable))
        return f"{what} is {row.reason}. On {row.backend} there are: {possible}."
    return f"{what} cannot run here. Missing: {_listed(plugin.missing(framework))}."


def _listed(parts: Sequence[str]) -> str:
    return "; ".join(parts)
