"""The one exception tree.

KernelwrightError
├── UsageError                arguments, files, combinations; exit code 2
│   ├── UnknownNameError      a name that no plugin has; lists the nearest
│   ├── ConfigError           a configuration file or variable is wrong
│   ├── MissingDependencyError  an optional package is absent; names the extra
│   └── UnsupportedError      the builtin path cannot do this; says what can
├── ReferenceBroken           the task itself raises, never ends, or is no task; exit code 2
├── AULError                  a design is malformed; carries line and column
├── CaptureError              a Model could not be turned into a Graph
├── DesignError               a design of the builtin Designer is wrong; exit code 3
├── CompileError              a tool refused generated code; carries stderr and the command
├── SandboxError              the machine could not run an isolated job; exit code 3
├── ModelError                a language model gave no answer (a RuntimeError too)
│   ├── BudgetExhausted       a limit on requests, tokens, money, time or evaluations is reached
│   └── ReplayMismatch        a replayed run asks what the recorded one did not; carries the diff
└── StoreError                the record of runs cannot be read or written

A bad *candidate* is never an exception: it is an ``Evaluation``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class KernelwrightError(Exception):
    """Base of every error raised on purpose; ``exit_code`` is the command line's."""

    exit_code = 3


class UsageError(KernelwrightError):
    exit_code = 2


class UnknownNameError(UsageError):
    """``kind`` is what was looked up ("backend"), ``names`` what exists."""

    def __init__(self, kind: str, name: str, names: Iterable[str]) -> None:
        known = sorted(names)
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        super().__init__(f"unknown {kind} {name!r}.{hint} Known: {', '.join(known)}.")
        self.kind, self.name, self.names = kind, name, known


class ConfigError(UsageError):
    pass


class MissingDependencyError(UsageError):
    """``package`` is what failed to import, ``extra`` the pip extra that brings it."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the package {package!r}, which is not installed. "
            f"Install it with: pip install 'kernelwright[{extra}]'"
        )
        self.package, self.extra = package, extra


class UnsupportedError(UsageError):
    pass


class ReferenceBroken(KernelwrightError):
    """The task file itself is at fault; ``check`` names what was found."""

    exit_code = 2

    def __init__(self, message: str, check: str = "reference") -> None:
        super().__init__(message)
        self.check = check


class AULError(KernelwrightError):
    """A design is malformed. ``line`` is 1-based, ``column`` 1-based."""

    exit_code = 2

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        where = f"line {line}, column {column}: " if line else ""
        super().__init__(where + message)
        self.line, self.column, self.message = line, column, message


class CaptureError(KernelwrightError):
    exit_code = 2


class DesignError(KernelwrightError):
    pass


class CompileError(KernelwrightError):
    """``command`` repeats the failing step; ``stderr`` is what the tool said."""

    exit_code = 1

    def __init__(self, message: str, command: str = "", stderr: str = "") -> None:
        tail = f"\ncommand: {command}" if command else ""
        tail += f"\n{stderr.strip()}" if stderr else ""
        super().__init__(message + tail)
        self.command, self.stderr = command, stderr


class SandboxError(KernelwrightError):
    pass


class ModelError(KernelwrightError, RuntimeError):
    """A language model gave no usable answer. ``kind`` is one word for what went wrong
    ("rate_limit", "auth", ...; see llm/failure.py), ``status`` the HTTP status or None."""

    def __init__(self, message: str, kind: str = "model", status: int | None = None) -> None:
        super().__init__(message)
        self.kind, self.status = kind, status
        self.attempts: tuple[object, ...] = ()  # the failed tries, as llm.chat.Attempt
        if kind in ("auth", "not_found", "certificate"):
            self.exit_code = 2  # a key, a name or an address that the user gave


class BudgetExhausted(ModelError):
    """``limit`` names what ran out: requests, tokens, cost, wall_s or evaluations."""

    def __init__(self, message: str, limit: str) -> None:
        super().__init__(message, "budget")
        self.limit = limit


class ReplayMismatch(ModelError):
    """``diff`` is a unified diff of what was recorded and what is asked now."""

    def __init__(self, message: str, diff: str) -> None:
        super().__init__(message + (f"\n{diff}" if diff else ""), "replay")
        self.diff = diff


class StoreError(KernelwrightError):
    pass
