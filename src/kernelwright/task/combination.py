"""What a Task may be asked for, checked at construction with the messages that its users know."""

from __future__ import annotations

from kernelwright.backends import BACKENDS, FRAMEWORKS, IMPL_TYPES, check_combination
from kernelwright.errors import UnsupportedError, UsageError
from kernelwright.task.resolve import TASK_TYPES

# The later reference system names Triton by the hardware below it.
_SPELLINGS = {"triton_cuda": "triton", "triton_ascend": "triton", "triton-ascend": "triton"}


class TaskConfigError(UsageError, ValueError):
    """A Task was asked for what does not exist."""


def normal_name(name: str) -> str:
    """Framework, backend and impl_type names are case-insensitive."""
    text = name.strip().lower()
    return _SPELLINGS.get(text, text)


def check_task_type(task_type: str) -> None:
    """Raises TaskConfigError (a ValueError) unless it is "precision_only" or "profile"."""
    if task_type not in TASK_TYPES:
        raise TaskConfigError(f"task_type must be precision_only or profile, not {task_type!r}")


def check_task_config(
    framework: str, backend: str, arch: str, impl_type: str, *, option: str = "impl_type"
) -> None:
    """Raises TaskConfigError (a ValueError) for a combination that does not exist.

    One that exists but cannot run on this machine passes: ``Task.run`` then says what is missing.
    ``option`` is the keyword that the caller used for ``impl_type``.
    """
    framework, backend, impl_type = map(normal_name, (framework, backend, impl_type))
    if framework not in FRAMEWORKS:
        raise TaskConfigError(
            f"Unsupported framework: {framework}. Known: {', '.join(FRAMEWORKS)}."
        )
    if backend not in BACKENDS.names():
        raise TaskConfigError(
            f"Framework {framework} does not support backend: {backend}. "
            f"Known: {', '.join(BACKENDS.names())}."
        )
    try:
        BACKENDS.get(backend).normalize_arch(arch)
    except UsageError as error:
        raise TaskConfigError(
            f"Backend {backend} does not support arch: {arch}: {error}"
        ) from error
    if impl_type != "auto" and impl_type not in IMPL_TYPES:
        raise TaskConfigError(
            f"Arch {arch} does not support {option}: {impl_type}. Known: {', '.join(IMPL_TYPES)}."
        )
    _check(
        framework, backend, "", "auto", f"Framework {framework} does not support backend: {backend}"
    )
    _check(
        framework, backend, arch, impl_type, f"Arch {arch} does not support {option}: {impl_type}"
    )


def _check(framework: str, backend: str, arch: str, impl_type: str, pattern: str) -> None:
    try:
        check_combination(framework, backend, arch, impl_type)
    except UnsupportedError:
        return  # exists, and lacks pieces here
    except UsageError as error:
        raise TaskConfigError(f"{pattern}: {error}") from error
