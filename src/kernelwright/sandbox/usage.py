"""What a job uses, seen from outside: processor time, threads and processes of its whole tree.

Nothing is asked of the job; the kernel's own accounts are read from the judge's process.

Resolution of ``Usage.cpu_us``: nanoseconds for a thread that does not run at this moment; up to one
scheduler tick (1 to 10 ms) late for one that does, since the kernel brings the account of a running
foreign thread up to date at its ticks only. Threads that ended are counted exactly. Processes that
ended are counted when their parent has waited for them, in steps of 1/``SC_CLK_TCK`` s (10 ms); one
whose parent ignores SIGCHLD is lost from the sum. So a thread that goes on working is seen within
two ticks, and a difference below ``RESOLUTION_US`` between two readings says nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
RESOLUTION_US = 10_000.0
_CPUCLOCK_SCHED = 2  # linux/posix-timers.h: the scheduler's own count of a whole process, in ns


@dataclass(frozen=True)
class Usage:
    """``cpu_us``: user and system time of the job's processes so far, ended ones included.
    ``threads`` and ``processes`` live now: a worker that does nothing else has one of each."""

    cpu_us: float
    threads: int
    processes: int


def host_pid(pidfd: int) -> int | None:
    """The process id of ``pidfd`` as this process sees it; None once the process is gone."""
    with open(f"/proc/self/fdinfo/{pidfd}", encoding="ascii") as text:
        found = next((int(line.split()[1]) for line in text if line.startswith("Pid:")), -1)
    return found if found > 0 else None


def of_tree(keeper: int, keepers: int) -> Usage:
    """Usage of process ``keeper`` and everything below it.

    ``keepers`` is how many generations at the top are the sandbox's own (they count in ``cpu_us``,
    where they use next to nothing, but not in the two counts).
    """
    cpu_ns = 0
    threads = processes = 0
    generation, depth = [keeper], 0
    while generation:
        below: list[int] = []
        for pid in generation:
            tasks = _names(f"/proc/{pid}/task")
            if not tasks:
                continue  # ended meanwhile
            cpu_ns += _process_ns(pid)
            if depth >= keepers:
                processes += 1
                threads += len(tasks)
            for task in tasks:
                below += _children(pid, task)
        generation, depth = below, depth + 1
    return Usage(cpu_ns / 1e3, threads, processes)


def descendants(pid: int) -> list[int]:
    """The processes below ``pid``, nearest first. Those that start or end meanwhile may be missed:
    whoever must not miss one asks again."""
    found: list[int] = []
    generation = [pid]
    while generation:
        generation = [
            child
            for parent in generation
            for task in _names(f"/proc/{parent}/task")
            for child in _children(parent, task)
        ]
        found += generation
    return found


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _children(pid: int, task: str) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{task}/children", "rb", buffering=0) as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return [] if _LISTS_CHILDREN or task != str(pid) else _children_by_search(pid)


_LISTS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def _children_by_search(pid: int) -> list[int]:
    """For kernels built without CONFIG_PROC_CHILDREN: reads every process's parent."""
    found = []
    for name in _names("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                if int(file.read().rpartition(b") ")[2].split()[1]) == pid:
                    found.append(int(name))
    return found


def _process_ns(pid: int) -> int:
    """Time of the process's threads, dead ones too, and of the children that it has waited for."""
    total = 0
    with contextlib.suppress(OSError):
        total += time.clock_gettime_ns((~pid << 3) | _CPUCLOCK_SCHED)
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            fields = file.read().rpartition(b") ")[2].split()
        ended = int(fields[13]) + int(fields[14])  # cutime, cstime: see proc_pid_stat(5)
        total += ended * 1_000_000_000 // _TICKS_PER_S
    return total
