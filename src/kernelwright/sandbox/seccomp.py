"""The system call filter of a job: a table of what is refused, and its translation to classic BPF.

The filter forbids by list. What is on the list either reaches other processes (tracing, keys,
handles), widens the kernel's surface (io_uring, BPF, user fault handling, sockets of families that
no kernel needs) or makes new namespaces in which a process gets capabilities back. Programs that a
candidate may honestly use (compilers, OpenMP, CUDA) make none of these calls, or take an error for
an answer.

A job installs it last, after which neither it nor anything that it starts can take it off.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import platform
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kernelwright.sandbox import syscalls

_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_GET_ACTION_AVAIL = 2
# Without it kernels before 5.16 turn speculative store bypass off for the job, and its times with
# it.
_FILTER_FLAG_SPEC_ALLOW = 4
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2
_RET_KILL_PROCESS, _RET_ERRNO, _RET_ALLOW = 0x80000000, 0x00050000, 0x7FFF0000

# linux/filter.h
_LD_W_ABS, _RET_K, _ALU_AND_K = 0x20, 0x06, 0x54
_JA, _JEQ, _JGE, _JSET = 0x05, 0x15, 0x35, 0x45
# struct seccomp_data { int nr; u32 arch; u64 ip; u64 args[6]; }
_AT_NUMBER, _AT_ARCH, _AT_ARGUMENTS = 0, 4, 16
_X32_BIT = 0x40000000

AF_UNIX, AF_NETLINK = 1, 16
_SOCK_STREAM, _SOCK_SEQPACKET = 1, 5
_CLONE_NEW = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | (1 << 30)
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_F_SETOWN, _F_SETOWN_EX, _F_SETSIG = 8, 15, 10

PRETEND = 0  # as an error number: the call says that it succeeded and does nothing


@dataclass(frozen=True)
class When:
    """A condition on the low half of argument ``argument``, after ``mask``.

    "any_of": refused when it is one of ``values``; "none_of": refused unless it is; "bits": refused
    when any bit of ``values[0]`` is set; "pointer": refused when the whole argument is not zero.
    """

    argument: int
    kind: Literal["any_of", "none_of", "bits", "pointer"]
    values: tuple[int, ...] = ()
    mask: int = 0xFFFFFFFF


@dataclass(frozen=True)
class Rule:
    """``calls`` fail with ``error``, always or under a condition. A call may have several rules."""

    calls: tuple[str, ...]
    error: int
    why: str
    when: When | None = None


@dataclass(frozen=True)
class Surroundings:
    """What else confines the job, since the filter must do what the rest leaves open.

    ``namespaces``: it has its own network, IPC and processes. ``shared_user``: its user owns other
    processes or files on this machine. ``signals_scoped``: Landlock keeps its signals inside.
    ``pid``: its own. ``cuda``: the driver binds an abstract UNIX socket (for processes that share
    its memory) and gives up without, and may ask netlink for its devices.
    """

    namespaces: bool
    shared_user: bool
    signals_scoped: bool
    pid: int
    cuda: bool = False


_ALWAYS = (
    Rule(
        ("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp")
        + ("process_madvise", "process_mrelease", "move_pages", "migrate_pages"),
        errno.EPERM,
        "reads or changes another process",
    ),
    Rule(
        ("bpf", "perf_event_open", "userfaultfd", "fanotify_init", "syslog", "lookup_dcookie"),
        errno.EPERM,
        "watches the kernel or other processes",
    ),
    Rule(("keyctl", "add_key", "request_key"), errno.EPERM, "keys do not belong to a namespace"),
    Rule(
        ("mount", "umount2", "pivot_root", "chroot", "open_tree", "open_tree_attr", "move_mount")
        + ("fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr", "statmount", "listmount")
        + ("quotactl", "quotactl_fd", "swapon", "swapoff"),
        errno.EPERM,
        "changes what is mounted",
    ),
    Rule(("open_by_handle_at",), errno.EPERM, "opens files past every view of the file system"),
    Rule(("unshare", "setns"), errno.EPERM, "makes or enters namespaces"),
    Rule(("clone",), errno.EPERM, "makes namespaces", When(0, "bits", (_CLONE_NEW,))),
    Rule(("clone3",), errno.ENOSYS, "its flags cannot be read by a filter; libc then calls clone"),
    Rule(
        ("io_uring_setup", "io_uring_enter", "io_uring_register"),
        errno.ENOSYS,
        "makes system calls that no filter sees",
    ),
    Rule(
        ("init_module", "finit_module", "delete_module", "create_module", "query_module")
        + ("get_kernel_syms", "kexec_load", "kexec_file_load", "reboot", "acct", "vhangup")
        + ("iopl", "ioperm", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex")
        + ("sethostname", "setdomainname", "nfsservctl", "uselib", "ustat", "_sysctl"),
        errno.EPERM,
        "administers the machine",
    ),
    Rule(
        ("ioctl",),
        errno.EPERM,
        "types into a terminal",
        When(1, "any_of", (_TIOCSTI, _TIOCLINUX)),
    ),
)

_FOREIGN = "reaches another process of the same user"


def rules(around: Surroundings) -> tuple[Rule, ...]:
    """The whole table for a job in such surroundings."""
    families: tuple[int, ...] = (AF_UNIX,) if around.namespaces or around.cuda else ()
    if around.cuda and around.namespaces:
        families += (AF_NETLINK,)
    network = Rule(("socket",), errno.EACCES, "no network", When(0, "none_of", families))
    table: tuple[Rule, ...] = (*_ALWAYS, network)
    if not around.namespaces:
        table += _WITHOUT_NAMESPACES
        if not around.cuda:
            table += (Rule(("bind",), errno.EACCES, "names for other processes to find"),)
        if around.shared_user:
            table += _shared_user(around)
    return table


_WITHOUT_NAMESPACES = (
    Rule(
        ("shmget", "shmat", "shmctl", "semget", "semop", "semctl", "semtimedop")
        + ("msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink"),
        errno.EACCES,
        "System V and POSIX IPC of the whole machine",
    ),
    Rule(("connect",), errno.EACCES, "sockets of other processes"),
    Rule(
        ("socket", "socketpair"),
        errno.EACCES,
        "a datagram socket, even one of a pair, can send to any address",
        When(1, "none_of", (_SOCK_STREAM, _SOCK_SEQPACKET), mask=0xF),
    ),
    Rule(("sendto",), errno.EACCES, "sends to an address", When(4, "pointer")),
)


def _shared_user(around: Surroundings) -> tuple[Rule, ...]:
    """What the kernel allows between processes of one user, and Landlock does not forbid."""
    own = (0, around.pid)
    table: tuple[Rule, ...] = (
        Rule(("prlimit64",), errno.EPERM, _FOREIGN, When(0, "none_of", own)),
        Rule(("sched_setscheduler", "sched_setparam"), errno.EPERM, _FOREIGN),
        Rule(("sched_setattr", "setpriority", "ioprio_set"), errno.EPERM, _FOREIGN),
        Rule(("sched_setaffinity",), errno.EPERM, _FOREIGN, When(0, "none_of", own)),
        Rule(
            ("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat")
            + ("setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr")
            + ("fremovexattr", "removexattrat", "utime", "utimes", "futimesat", "utimensat"),
            PRETEND,
            "changes owners, modes and times of the user's files, which Landlock leaves open; "
            "compilers and copies do so to their own files and need no more than a yes",
        ),
    )
    if around.signals_scoped:
        return table
    return (
        *table,
        Rule(
            ("kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"),
            errno.EPERM,
            _FOREIGN,
            When(0, "none_of", (around.pid,)),
        ),
        Rule(("pidfd_send_signal",), errno.EPERM, _FOREIGN),
        Rule(
            ("fcntl",),
            errno.EPERM,
            "has the kernel send signals to another process",
            When(1, "any_of", (_F_SETOWN, _F_SETOWN_EX, _F_SETSIG)),
        ),
    )


# ---- translation ---------------------------------------------------------------------------------


def program(table: Sequence[Rule], machine: str) -> bytes:
    """Classic BPF for ``table`` on ``machine``: struct sock_filter after struct sock_filter.

    Calls of another architecture end the process; those of x32 do not exist.
    """
    code = [
        _op(_LD_W_ABS, _AT_ARCH),
        _op(_JEQ, syscalls.AUDIT_ARCH[machine], 1, 0),
        _op(_RET_K, _RET_KILL_PROCESS),
        _op(_LD_W_ABS, _AT_NUMBER),
    ]
    if machine == "x86_64":
        code += [_op(_JGE, _X32_BIT, 0, 1), _op(_RET_K, _RET_ERRNO | errno.ENOSYS)]
    for rule in table:
        for name in rule.calls:
            number = syscalls.number(name, machine)
            if number is not None:
                body = list(_body(rule))
                code += [_op(_JEQ, number, 0, len(body)), *body]
    return b"".join([*code, _op(_RET_K, _RET_ALLOW)])


def _body(rule: Rule) -> Iterator[bytes]:
    """What follows on a rule's call: refuses it, or goes on after the body with the next rule."""
    yield from _condition(rule.when)
    yield _op(_RET_K, _RET_ERRNO | rule.error)
    if rule.when is not None:
        yield _op(_LD_W_ABS, _AT_NUMBER)


def _op(code: int, k: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("<HBBI", code, yes, no, k)


def _condition(when: When | None) -> Iterator[bytes]:
    """Falls through to the instruction after it where the call is to be refused."""
    if when is None:
        return
    low = _AT_ARGUMENTS + 8 * when.argument
    allow = _op(_JA, 1)  # over the refusal that comes next
    yield _op(_LD_W_ABS, low)
    if when.kind == "pointer":
        yield _op(_JEQ, 0, 0, 3)
        yield _op(_LD_W_ABS, low + 4)
        yield _op(_JEQ, 0, 0, 1)
        yield allow
        return
    if when.mask != 0xFFFFFFFF:
        yield _op(_ALU_AND_K, when.mask)
    if when.kind == "bits":
        yield _op(_JSET, when.values[0], 1, 0)
        yield allow
        return
    for left, value in zip(reversed(range(len(when.values))), when.values, strict=True):
        if when.kind == "any_of":  # found: past the other tests and the return after them
            yield _op(_JEQ, value, left + 1, 0)
        elif left:  # found: to the return after the other tests
            yield _op(_JEQ, value, left, 0)
        else:
            yield _op(_JEQ, value, 0, 1)
    if when.values:
        yield allow


# ---- installation --------------------------------------------------------------------------------


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


_libc = ctypes.CDLL(None, use_errno=True)


@functools.cache
def missing() -> str | None:
    """Why this machine has no filter; None where it has."""
    machine = platform.machine()
    if machine not in syscalls.MACHINES:
        return f"no table of system calls for {machine}"
    if os.name != "posix" or platform.system() != "Linux":
        return "seccomp is Linux's"
    call = syscalls.number("seccomp", machine)
    action = ctypes.c_uint32(_RET_ERRNO)
    if _libc.syscall(call, _SECCOMP_GET_ACTION_AVAIL, 0, ctypes.byref(action)) != 0:
        return f"the kernel has no seccomp filters: {os.strerror(ctypes.get_errno())}"
    return None


def install(around: Surroundings) -> None:
    """Filters this process and all that it starts, for good. Needs PR_SET_NO_NEW_PRIVS.

    Raises OSError where the kernel refuses.
    """
    machine = platform.machine()
    code = program(rules(around), machine)
    wanted = _Program(len(code) // 8, code)
    call = syscalls.number("seccomp", machine)
    for flags in (_FILTER_FLAG_SPEC_ALLOW, 0):
        if _libc.syscall(call, _SECCOMP_SET_MODE_FILTER, flags, ctypes.byref(wanted)) == 0:
            return
    number = ctypes.get_errno()
    raise OSError(number, f"seccomp filter: {os.strerror(number)}")
