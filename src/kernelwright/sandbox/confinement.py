"""The last steps before a job runs anything that is not ours: user, limits, files, system calls."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import kernelwright
from kernelwright.sandbox import jail, landlock, seccomp
from kernelwright.sandbox.bubblewrap import ETC, SYSTEM, cuda_devices, python_paths
from kernelwright.sandbox.isolation import Level

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def user_of(level: Level | None, job: Mapping[str, Any]) -> int | None:
    """The user id that a job of its own gets, None where it stays the judge's.

    Under Landlock the files are the machine's own: a job whose Python or readable paths only their
    owner may open keeps the owner's id (without capabilities), and Landlock alone confines it.
    """
    if level == "bubblewrap":
        return jail.new_user() if jail.as_machine_root() else None
    if level != "landlock" or not jail.may_change_user():
        return None
    needed = [*job["readable"], *(str(Path(p).resolve()) for p in job["readable"])]
    open_to_all = all(_passable(path) for path in python_paths())
    return jail.new_user() if open_to_all and all(map(jail.reachable_by_others, needed)) else None


def _passable(folder: str) -> bool:
    real = Path(os.path.realpath(folder))
    return all(each.stat().st_mode & 0o1 for each in (real, *real.parents))


def confine(
    level: Level | None,
    limits: jail.Limits,
    user: int | None,
    *,
    home: str,
    readable: Sequence[str],
    cuda: bool,
) -> None:
    """Takes from the calling process, for good, what a job of ``level`` may not have.

    ``home`` is its work folder. Raises OSError where the kernel refuses a step: the job must not
    run then.
    """
    if level is None:
        jail.apply_limits(limits, cuda=cuda, others=None)
        return
    others = _others(level, user)
    if level == "rlimits":
        jail.prctl(jail.PR_SET_NO_NEW_PRIVS, 1)
        jail.hide_memory(False)
    else:
        jail.drop_privileges(user)
    jail.apply_limits(limits, cuda=cuda, others=others)
    if level == "landlock":
        landlock.restrict(_grants(home, readable, cuda=cuda))
    if seccomp.missing() is None:
        seccomp.install(
            seccomp.Surroundings(
                namespaces=level == "bubblewrap",
                shared_user=user is None,
                signals_scoped=level == "landlock" and landlock.abi() >= landlock.SCOPES_ABI,
                pid=os.getpid(),
                cuda=cuda,
            )
        )


def _others(level: Level, user: int | None) -> int | None:
    """Threads that count against the job's limit on processes without being its own."""
    if user is not None:
        return 0
    if level == "bubblewrap":
        return 0 if jail.counts_by_namespace() else None
    return jail.threads_of_this_user()


def _grants(home: str, readable: Sequence[str], *, cuda: bool) -> list[tuple[str, int]]:
    etc = [f"/etc/{name}" for name in ETC]
    system = [*SYSTEM, *etc, *python_paths(), "/proc", "/sys" if cuda else "/sys/devices/system"]
    # Python looks for the package by listing the folder that it stands in.
    above = (str(Path(kernelwright.__file__).parent.parent), landlock.LIST)
    granted = landlock.grants(
        system=system, readable=readable, devices=[*_DEVICES, *cuda_devices()], home=home
    )
    return [*granted, above]
