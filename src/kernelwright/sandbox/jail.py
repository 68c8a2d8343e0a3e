"""What a job does to itself before it runs anything untrusted: limits, namespaces, privileges.

Everything here runs in a freshly forked, single-threaded child. Bubblewrap has built the outer
world already (read-only system, no network, no home); this adds what each *job* has for itself:
a process namespace, a private /tmp, its readable paths, and no privileges. System calls that Python
does not wrap are made through libc; numbers are from the kernel's uapi headers.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HOST = "/host"  # where bubblewrap shows the whole machine to the zygote, and to no job
COPY_BYTES = 256 << 20  # a readable path that must be copied may not be larger than this

CLONE_NEWNS, CLONE_NEWIPC = 0x00020000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID = 0x10000000, 0x20000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND = 1, 2, 4, 32, 4096
MS_REC, MS_PRIVATE, MS_RELATIME = 16384, 1 << 18, 1 << 21
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP = 1, 4, 24
PR_SET_KEEPCAPS, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 8, 36, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
SIGKILL = 9
_CAP_SETGID, _CAP_SETUID, _CAP_SYS_ADMIN = 6, 7, 21  # linux/capability.h
_READING = (2, 1)  # CAP_DAC_READ_SEARCH, or CAP_DAC_OVERRIDE, which containers get more often

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Limits:
    """What one job may use. ``wall_s`` bounds its whole life; ``cpu_s`` a process's own seconds.

    ``memory_bytes`` is address space a process (not applied where CUDA devices exist, since the
    driver reserves far more than it uses); ``file_bytes`` the largest file and the size of /tmp;
    ``processes`` counts threads too. None means no limit.
    """

    wall_s: float | None = 600.0
    cpu_s: float | None = 1200.0
    memory_bytes: int | None = 16 << 30
    file_bytes: int | None = 8 << 30
    processes: int | None = 256


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def die_with_parent(by: int = SIGKILL) -> None:
    """Has the kernel send signal ``by`` to this process when the one that forked it ends."""
    prctl(PR_SET_PDEATHSIG, by)


def adopt_orphans() -> None:
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def hide_memory(hidden: bool) -> None:
    """Whether other processes of the same user may read or trace this one. A change of user and
    every fork keep "hidden"; a job undoes it for itself, or /proc/self would be closed to it."""
    prctl(PR_SET_DUMPABLE, 0 if hidden else 1)


def unshare(flags: int) -> None:
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    encoded = [None if text is None else text.encode() for text in (source, target, kind)]
    result = _libc.mount(*encoded, ctypes.c_ulong(flags), data.encode() or None)
    _check(result, f"mount {source} on {target}")


def read_only(path: str) -> None:
    """Makes the mount at ``path`` read-only and keeps its other flags (a user namespace must)."""
    has = os.statvfs(path).f_flag
    keep = has & (MS_NOSUID | MS_NODEV | os.ST_NOEXEC | os.ST_NOATIME | os.ST_NODIRATIME)
    relative = MS_RELATIME if has & os.ST_RELATIME else 0
    mount(None, path, None, MS_REMOUNT | MS_BIND | MS_RDONLY | keep | relative)


def unmount(target: str) -> None:
    _check(_libc.umount2(target.encode(), MNT_DETACH), f"unmount {target}")


def as_machine_root() -> bool:
    """Whether root here may mount and become any user, without a user namespace of its own.

    False for an ordinary user and for the "root" of a user namespace (a rootless container).
    """
    return may_change_user() and _has_capabilities(_CAP_SYS_ADMIN)


def may_change_user() -> bool:
    """Whether a job can become a user of its own: root, even of a container that may not mount."""
    if os.geteuid() != 0 or not _has_capabilities(_CAP_SETGID, _CAP_SETUID):
        return False
    first, _, count = Path("/proc/self/uid_map").read_text().split()[:3]
    return first == "0" and int(count) >= 0x80000000


def _has_capabilities(*wanted: int) -> bool:
    with open("/proc/self/status", encoding="ascii") as text:
        line = next(line for line in text if line.startswith("CapEff"))
    return all(int(line.split()[1], 16) >> capability & 1 for capability in wanted)


def new_namespaces() -> None:
    """Mount, IPC and process namespaces for one job; a user namespace too for an ordinary user.

    The next fork becomes process 1 of the namespace. Raises OSError where it is not allowed.
    """
    flags = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID
    hide_memory(False)  # else the maps below belong to root
    if as_machine_root():
        unshare(flags)
    else:
        uid, gid = os.geteuid(), os.getegid()
        unshare(flags | CLONE_NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    mount(None, "/", None, MS_REC | MS_PRIVATE)


PRIVATE = ("/tmp", "/dev/shm")


def private_view(readable: Sequence[str], tmp_bytes: int | None, python: Sequence[str]) -> None:
    """Own /tmp, /dev/shm and /proc, the readable paths where they are on the host, and no more.
    ``python``: the folders that Python needs; those under a private place are shown again."""
    size = f",size={tmp_bytes}" if tmp_bytes else ""
    for place in PRIVATE:
        mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777" + size)
    for path in python:
        if not path.startswith(tuple(f"{place}/" for place in PRIVATE)):
            continue
        os.makedirs(path)
        mount(HOST + path, path, None, MS_BIND | MS_REC)
        read_only(path)
    for path in readable:
        _show(path)
    if os.path.isdir(HOST):
        try:
            unmount(HOST)
        except OSError:  # inherited mounts are locked in a user namespace: cover it instead
            mount("tmpfs", HOST, "tmpfs", MS_NOSUID | MS_NODEV | MS_RDONLY, "size=4k")
    # A nested user namespace may not mount a fresh /proc over a masked one. The outer one shows
    # only this sandbox, and another job's entries cannot be opened across user namespaces.
    with contextlib.suppress(OSError):
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV)
    for place in ("/dev", "/"):
        read_only(place)


def _show(path: str) -> None:
    source = HOST + path
    info = os.stat(source)
    if stat.S_ISDIR(info.st_mode):
        os.makedirs(path, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(path).touch()
    if as_machine_root() and not _world_readable(source):
        _copy(source, path)  # the job's own user could not open it
        return
    mount(source, path, None, MS_BIND | MS_REC)
    read_only(path)


def _world_readable(path: str) -> bool:
    entries = [path]
    if os.path.isdir(path):
        entries += [os.path.join(root, n) for root, d, f in os.walk(path) for n in d + f]
    for entry in entries:
        mode = os.lstat(entry).st_mode
        need = 0o5 if stat.S_ISDIR(mode) else 0o4
        if mode & need != need:
            return False
    return True


def _copy(source: str, path: str) -> None:
    if os.path.isdir(source):
        total = sum(
            os.lstat(os.path.join(root, name)).st_size
            for root, _, names in os.walk(source)
            for name in names
        )
        if total > COPY_BYTES:
            raise OSError(f"{path} is readable by its owner only and too large to copy")
        mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
        shutil.copytree(source, path, dirs_exist_ok=True, symlinks=True)
        for root, dirs, names in os.walk(path):
            for name in dirs + names:
                entry = os.path.join(root, name)
                if not os.path.islink(entry):
                    os.chmod(entry, 0o755)
        os.chmod(path, 0o755)
        read_only(path)
    else:
        shutil.copyfile(source, path)
        os.chmod(path, 0o444)


def new_user() -> int:
    """A user (and group) id that nobody has: siblings with ids of their own cannot be signalled or
    traced, own no files, and the kernel counts processes for each (not for root)."""
    return 0x70000000 + int.from_bytes(os.urandom(3), "little")


def drop_privileges(user: int | None, *, reads_all: bool = False) -> None:
    """For good: becomes ``user`` (None: stays who it is), no capabilities, none to gain by exec.

    ``reads_all`` leaves ``user`` the right to open what the modes of files forbid it, for where
    something else (Landlock) says which files it may open at all.
    """
    kept = next(filter(_has_capabilities, _READING), None) if reads_all else None
    for capability in range(64):
        if capability != kept:  # refused where there are no more, or to an ordinary user
            _libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)
    if user is not None:
        prctl(PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    bits = 0 if kept is None else 1 << kept
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3
    # Effective, permitted, inheritable: the low halves, then the high ones.
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)(bits, bits, bits)), "capset")
    if kept is not None:  # the programs that it runs get it too
        result = _libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, ctypes.c_ulong(kept), 0, 0)
        _check(result, "ambient capability")
    hide_memory(False)
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def reachable_by_others(path: str) -> bool:
    """Whether a user who owns nothing here could open ``path`` and all below it."""
    above = Path(os.path.realpath(path)).parents
    return all(folder.stat().st_mode & 0o1 for folder in above) and _world_readable(path)


def apply_limits(limits: Limits, *, cuda: bool, others: int | None) -> None:
    """Sets rlimits of the calling process.

    ``others``: how many threads the kernel counts against the job's user that are not the job's;
    None where that cannot be told, and then there is no limit on processes.
    """
    _limit(resource.RLIMIT_CORE, 0)
    if limits.cpu_s is not None:
        # One second less than the hard limit, at which the kernel kills without saying why.
        _limit(resource.RLIMIT_CPU, max(1, int(limits.cpu_s + 0.999)), grace=1)
    if limits.memory_bytes is not None and not cuda:
        _limit(resource.RLIMIT_AS, limits.memory_bytes)
    if limits.file_bytes is not None:
        _limit(resource.RLIMIT_FSIZE, limits.file_bytes)
    if limits.processes is not None and others is not None:
        _limit(resource.RLIMIT_NPROC, limits.processes + others)


def counts_by_namespace() -> bool:
    """Whether the kernel counts a user's processes for each user namespace (5.14 and later)."""
    return _kernel() >= (5, 14)


def threads_of_this_user() -> int:
    """What the kernel holds against this user's limit on processes now."""
    total, user = 0, os.getuid()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                tasks = os.stat(f"/proc/{name}/task")
                total += tasks.st_nlink - 2 if os.stat(f"/proc/{name}").st_uid == user else 0
    return total


def _limit(which: int, value: int, grace: int = 0) -> None:
    _, hard = resource.getrlimit(which)
    top = value + grace if hard == resource.RLIM_INFINITY else min(value + grace, hard)
    resource.setrlimit(which, (min(value, top), top))


def _kernel() -> tuple[int, int]:
    major, minor = platform.release().split(".")[:2]
    return int(major), int("".join(c for c in minor if c.isdigit()) or 0)
