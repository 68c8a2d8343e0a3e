"""The last steps before a job runs anything that is not ours: user, limits, files, system calls."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import kernelwright
from kernelwright.sandbox import jail, landlock, seccomp
from kernelwright.sandbox.bubblewrap import ETC, SYSTEM, cuda_devices, python_paths
from kernelwright.sandbox.isolation import Level

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
_PROC = (
    *("cpuinfo", "meminfo", "stat", "filesystems", "version", "loadavg", "devices", "modules"),
    *("sys/kernel", "sys/vm", "driver"),
)


def user_of(level: Level | None) -> int | None:
    """The user id that a job of its own gets, None where it stays the judge's."""
    if level == "bubblewrap" and jail.as_machine_root():
        return jail.new_user()
    if level == "landlock" and jail.may_change_user():
        return jail.new_user()
    return None


def _reads_all(level: Level, user: int | None, readable: Sequence[str]) -> bool:
    """Whether a user of its own needs a capability to open what it is granted: under Landlock the
    files are the machine's own, and Python may well stand in a folder that is root's alone."""
    if level != "landlock" or user is None:
        return False
    return not all(map(_passable, python_paths())) or not all(
        map(jail.reachable_by_others, readable)
    )


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
        jail.drop_privileges(user, reads_all=_reads_all(level, user, readable))
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
    # Of /proc only what tells about the machine and this job: not the processes of others.
    proc = [f"/proc/{name}" for name in _PROC]
    system = [*SYSTEM, *etc, *python_paths(), *proc, "/sys" if cuda else "/sys/devices/system"]
    # Python looks for the package by listing the folder that it stands in.
    above = (str(Path(kernelwright.__file__).parent.parent), landlock.LIST)
    granted = landlock.grants(
        system=system, readable=readable, devices=[*_DEVICES, *cuda_devices()], home=home
    )
    # Threads name themselves there; the CUDA driver gives up when its own cannot.
    own = (f"/proc/{os.getpid()}", landlock.READ | landlock.DEVICE)
    return [*granted, above, own]
