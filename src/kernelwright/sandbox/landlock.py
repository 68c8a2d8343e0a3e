"""Landlock: a process gives up, for good, every file that it was not granted.

Numbers and structures are those of the kernel's include/uapi/linux/landlock.h. What the kernel at
hand can refuse grows with the version of its interface ("ABI"); rights that it does not know are
left out, and ``gaps`` says what that means.
"""

from __future__ import annotations

import ctypes
import functools
import os
import stat
import struct
from collections.abc import Iterable, Sequence

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every machine
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_ALL_OF_ABI_1 = (1 << 13) - 1  # the above, removing, and making each type of file
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15  # ABI 2, 3, 5
_ALL_NET = 3  # ABI 4: bind and connect of TCP
_ALL_SCOPES = 3  # ABI 6: abstract UNIX sockets, signals

SCOPES_ABI = 6

LIST = _READ_DIR
READ = _EXECUTE | _READ_FILE | _READ_DIR
DEVICE = _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
WORK = _ALL_OF_ABI_1 | _REFER | _TRUNCATE

_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV

_libc = ctypes.CDLL(None, use_errno=True)


@functools.cache
def abi() -> int:
    """Version of the kernel's Landlock; 0 where it has none or it is off."""
    return max(0, _libc.syscall(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION))


def missing() -> str | None:
    """Why there is no Landlock here; None where there is."""
    if abi() > 0:
        return None
    return "the kernel has no Landlock (Linux 5.13 or later, with landlock among its LSMs)"


def gaps(version: int) -> list[str]:
    """What Landlock of this version leaves open that a later one closes, besides what the system
    call filter does."""
    found = []
    if version < 3:
        found.append("files that the user may write to can be truncated (ABI 3, Linux 6.2)")
    if version < 5:
        found.append("ioctl on readable devices is open (ABI 5, Linux 6.10)")
    if version < SCOPES_ABI:
        found.append("a job cannot signal its own children either (ABI 6, Linux 6.12)")
    return found


def _handled(version: int) -> tuple[int, int, int]:
    """(files, network, scopes) that a kernel of this version can refuse."""
    files = _ALL_OF_ABI_1
    for first, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        files |= right if version >= first else 0
    return files, _ALL_NET if version >= 4 else 0, _ALL_SCOPES if version >= SCOPES_ABI else 0


def restrict(grants: Iterable[tuple[str, int]]) -> None:
    """Confines this thread, and all that it starts, to ``grants``: paths with READ, DEVICE or WORK.

    Paths that do not exist are skipped. Needs PR_SET_NO_NEW_PRIVS; call it while the process has
    one thread. Raises OSError where the kernel refuses.
    """
    version = abi()
    files, network, scopes = _handled(version)
    attributes = struct.pack("<QQQ", files, network, scopes)
    size = 8 if version < 4 else 16 if version < SCOPES_ABI else 24
    ruleset = _call(_CREATE_RULESET, ctypes.c_char_p(attributes), ctypes.c_size_t(size), 0)
    try:
        for path, rights in grants:
            _grant(ruleset, path, rights & files)
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _grant(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # nothing there, or not for this user: nothing to grant
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _OF_FILES
        rule = struct.pack("<Qi", rights, fd)
        _call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.c_char_p(rule), 0)
    finally:
        os.close(fd)


def _call(number: int, *args: object) -> int:
    result: int = _libc.syscall(number, *args)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"landlock call {number}: {os.strerror(error)}")
    return result


def grants(
    *, system: Sequence[str], readable: Sequence[str], devices: Sequence[str], home: str
) -> list[tuple[str, int]]:
    """The list that ``restrict`` takes: reading ``system`` and ``readable``, using ``devices``,
    anything within ``home``."""
    return [
        *((path, READ) for path in (*system, *readable)),
        *((path, DEVICE) for path in devices),
        (home, WORK),
    ]
