"""What the sandbox suite has a job try. Everything here runs inside, and only reports.

Each probe takes keyword arguments of JSON types and returns them; an exception comes back as
``{"ok": False, "type", "message"}``. ``main`` is the job's entry.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kernelwright.sandbox import syscalls
from kernelwright.sandbox.channel import Channel
from kernelwright.sandbox.worker import serve
from kernelwright.testing.sandbox_programs import PROGRAMS

_libc = ctypes.CDLL(None, use_errno=True)


def main(channel: Channel) -> None:
    def handler(probe: Callable[..., dict[str, Any]]) -> Any:
        return lambda header, arrays: (
            probe(**{k: v for k, v in header.items() if k != "op"}),
            arrays,
        )

    serve(channel, {probe.__name__: handler(probe) for probe in PROBES})


def _attempt(action: Callable[[], Any]) -> str | None:
    """None where ``action`` worked, else the name of the error."""
    try:
        action()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    return None


def _call(number: int, *args: Any) -> str | None:
    ctypes.set_errno(0)
    if _libc.syscall(number, *args) >= 0:
        return None
    return errno.errorcode[ctypes.get_errno()]


def _system_call(name: str, *args: Any) -> str | None:
    number = syscalls.number(name, platform.machine())
    return "ENOSYS" if number is None else _call(number, *args)


# ---- files ---------------------------------------------------------------------------------------


def read(path: str) -> dict[str, Any]:
    return {"data": Path(path).read_bytes().hex()}


def ways_to_read(path: str) -> dict[str, Any]:
    """Ways around a closed door: which of them gave the file's content or folder's names."""
    home = Path.cwd()

    def through_link(make: Callable[[str, str], None], name: str) -> bytes:
        make(path, str(home / name))
        return (home / name).read_bytes()

    def listed() -> list[str]:
        return os.listdir(path)

    def copied() -> str:
        return shutil.copy(path, str(home / "copy"))

    ways: dict[str, Callable[[], Any]] = {
        "open": lambda: Path(path).read_bytes(),
        "list": listed,
        "symlink": lambda: through_link(os.symlink, "soft"),
        "hard link": lambda: through_link(os.link, "hard"),
        "copy": copied,
        "/proc/self/root": lambda: Path(f"/proc/self/root{path}").read_bytes(),
        "/proc/self/cwd": lambda: Path(f"/proc/self/cwd/../../../../..{path}").read_bytes(),
        "/proc/1/root": lambda: Path(f"/proc/1/root{path}").read_bytes(),
        "/host": lambda: Path(f"/host{path}").read_bytes(),
        "rename": lambda: os.rename(path, home / "moved"),
    }
    return {"worked": [name for name, way in ways.items() if _attempt(way) is None]}


def ways_to_open_for_writing(path: str) -> dict[str, Any]:
    """Like ``ways_to_change``, for files that a sandbox with a hole in it must not lose."""
    beside = Path(path).parent / "planted"

    def neighbour() -> None:
        beside.touch()
        beside.unlink()

    ways: dict[str, Callable[[], Any]] = {
        "append": lambda: os.close(os.open(path, os.O_WRONLY | os.O_APPEND)),
        "read and write": lambda: os.close(os.open(path, os.O_RDWR)),
        "new neighbour": neighbour,
    }
    return {"worked": [name for name, way in ways.items() if _attempt(way) is None]}


def ways_to_change(path: str) -> dict[str, Any]:
    """Which ways of changing the file ``path``, or what stands beside it, reported no error."""
    file = Path(path)

    def truncate() -> None:
        os.truncate(path, 0)

    def replace() -> None:
        Path("new").write_text("forged")
        os.replace("new", path)

    def open_for_writing(flags: int) -> None:
        os.close(os.open(path, flags))

    ways: dict[str, Callable[[], Any]] = {
        "write": lambda: file.write_text("forged"),
        "append": lambda: open_for_writing(os.O_WRONLY | os.O_APPEND),
        "read and write": lambda: open_for_writing(os.O_RDWR),
        "open and truncate": lambda: open_for_writing(os.O_WRONLY | os.O_TRUNC),
        "truncate": truncate,
        "replace": replace,
        "new neighbour": lambda: (file.parent / "planted").write_text("forged"),
        "new folder": lambda: (file.parent / "planted.d").mkdir(),
        "rename": lambda: os.rename(path, path + ".moved"),
        "unlink": lambda: os.unlink(path),
    }
    worked = [name for name, way in ways.items() if _attempt(way) is None]
    with contextlib.suppress(OSError):  # some sandboxes answer yes and do nothing
        os.chmod(path, 0o777)
        os.utime(path, (1, 1))
    return {"worked": worked}


def write(path: str) -> dict[str, Any]:
    Path(path).write_text("from inside")
    return {}


def work_folder() -> dict[str, Any]:
    """Uses the work folder in all the ordinary ways; its path."""
    home = Path(os.environ["HOME"])
    with tempfile.NamedTemporaryFile() as temporary:
        temporary.write(b"x")
        inside = Path(temporary.name).is_relative_to(home)
    (home / "a").mkdir()
    (home / "a" / "b").write_text("x")
    os.rename(home / "a" / "b", home / "c")
    os.symlink("c", home / "d")
    shutil.copy2(home / "c", home / "e")
    os.chmod(home / "e", 0o755)
    shutil.rmtree(home / "a")
    names = sorted(p.name for p in home.iterdir())
    return {"home": str(home), "cwd": os.getcwd(), "temporary_inside": inside, "names": names}


# ---- secrets, other processes --------------------------------------------------------------------


def environment() -> dict[str, Any]:
    return {"names": sorted(os.environ)}


def search(secret: str, pids: list[int]) -> dict[str, Any]:
    """Where ``secret`` (in hex, so that this job does not hold it) is found in what /proc and the
    environment show of this process, of ``pids`` and of all others that can be seen; and what lets
    this job look into another's descriptors."""
    wanted = bytes.fromhex(secret)
    found = []
    if any(wanted in os.fsencode(value) for value in os.environ.values()):
        found.append("os.environ")
    for pid in {*_numbers_in_proc(), *map(str, pids), str(os.getpid())}:
        path = f"/proc/{pid}/environ"
        with contextlib.suppress(OSError):
            if wanted in Path(path).read_bytes():
                found.append(path)
        with contextlib.suppress(OSError):
            if int(pid) != os.getpid():
                found += [f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd")]
    return {"found": found}


def reach(pids: list[int], asked: list[int], address: int, fd: int) -> dict[str, Any]:
    """Tries to read, trace, steal from, limit and signal each process of ``pids``, and what changes
    nothing on those of ``asked``; what worked, as "how pid".

    Signals are sent as number 0, which only asks whether one could be sent.
    """
    worked = []
    buffer = ctypes.create_string_buffer(16)
    local = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 16)
    remote = (ctypes.c_size_t * 2)(address, 16)
    limit = (ctypes.c_uint64 * 2)(100, 100)
    for pid in (*pids, *asked):
        ways = _ways_to_reach(pid, local, remote, limit, fd)
        if pid in asked:
            for name in ("ptrace", "prlimit", "priority", "affinity"):
                del ways[name]
        worked += [f"{how} {pid}" for how, way in ways.items() if way() is None]
    return {"worked": worked}


def _ways_to_reach(
    pid: int, local: Any, remote: Any, limit: Any, fd: int
) -> dict[str, Callable[[], str | None]]:
    def vector() -> str | None:
        return _system_call("process_vm_readv", pid, local, 1, remote, 1, 0)

    return {
        "kill": lambda: _attempt(lambda: os.kill(pid, 0)),
        "signal by pidfd": lambda: _attempt(lambda: _by_pidfd(pid)),
        "environ": lambda: _attempt(Path(f"/proc/{pid}/environ").read_bytes),
        "mem": lambda: _attempt(lambda: os.close(os.open(f"/proc/{pid}/mem", 0))),
        "descriptors": lambda: _attempt(lambda: os.listdir(f"/proc/{pid}/fd")),
        "root": lambda: _attempt(lambda: os.listdir(f"/proc/{pid}/root/")),
        "ptrace": lambda: _trace(pid),
        "process_vm_readv": vector,
        "pidfd_getfd": lambda: _steal(pid, fd),
        "prlimit": lambda: _system_call("prlimit64", pid, 7, limit, None),
        "priority": lambda: _system_call("setpriority", 0, pid, 19),
        "affinity": lambda: _attempt(lambda: os.sched_setaffinity(pid, {0})),
    }


def _by_pidfd(pid: int) -> None:
    fd = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(fd, 0)  # type: ignore[arg-type]
    finally:
        os.close(fd)


def _trace(pid: int) -> str | None:
    attach, detach = 16, 17
    failed = _system_call("ptrace", attach, pid, 0, 0)
    if failed is None:
        os.waitpid(pid, 0)
        _system_call("ptrace", detach, pid, 0, 0)
    return failed


def _steal(pid: int, fd: int) -> str | None:
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return "ESRCH"
    try:
        return _system_call("pidfd_getfd", handle, fd, 0)
    finally:
        os.close(handle)


def visible() -> dict[str, Any]:
    """This job's process id, and those in /proc that are neither its own nor its parent's."""
    own = {os.getpid(), os.getppid()}
    pids = [int(n) for n in _numbers_in_proc() if int(n) not in own]
    return {"pid": os.getpid(), "pids": pids}


def _numbers_in_proc() -> list[str]:
    try:
        return [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []


def status() -> dict[str, Any]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {"status": dict(line.split(":\t", 1) for line in lines if ":\t" in line)}


def signal_for_good(pid: int) -> dict[str, Any]:
    """SIGKILL to ``pid``, by every road; what the errors were."""
    return {
        "kill": _attempt(lambda: os.kill(pid, signal.SIGKILL)),
        "tgkill": _system_call("tgkill", pid, pid, 9),
        "queue": _system_call("rt_sigqueueinfo", pid, 9, ctypes.create_string_buffer(128)),
    }


def descriptors() -> dict[str, Any]:
    """What each open descriptor is, here and in a program that this job starts."""
    script = (
        "import os, stat\n"
        "for fd in range(1024):\n"
        "    try: mode = os.fstat(fd).st_mode\n"
        "    except OSError: continue\n"
        "    print(fd, 'socket' if stat.S_ISSOCK(mode) else oct(mode))\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script], capture_output=True, text=True, close_fds=False
    )
    below = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    mine = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the listing's own, closed by now
            mine[name] = os.readlink(f"/proc/self/fd/{name}")
    return {"mine": mine, "below": below}


# ---- network, IPC, system calls ------------------------------------------------------------------


def connect(family: int, kind: int, address: Any) -> dict[str, Any]:
    """Connects and sends; None where it worked. A list is (host, port); "@name" is abstract."""
    target = tuple(address) if isinstance(address, list) else address
    if isinstance(target, str) and target.startswith("@"):
        target = "\0" + target[1:]

    def act() -> None:
        with socket.socket(family, kind) as sock:
            sock.settimeout(2)
            if kind == socket.SOCK_DGRAM:
                sock.sendto(b"from inside", target)
            else:
                sock.connect(target)
                sock.sendall(b"from inside")

    return {"error": _attempt(act)}


def send_from_pair(address: str) -> dict[str, Any]:
    """A datagram to another UNIX socket from one half of a pair, which needs no ``socket``."""
    target = "\0" + address[1:] if address.startswith("@") else address

    def pair() -> socket.socket:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0]

    return {
        "sendto": _attempt(lambda: pair().sendto(b"from inside", target)),
        "sendmsg": _attempt(lambda: pair().sendmsg([b"from inside"], [], 0, target)),
        "connect": _attempt(lambda: pair().connect(target)),
    }


def listen(family: int, address: Any) -> dict[str, Any]:
    target = tuple(address) if isinstance(address, list) else "\0" + address[1:]

    def act() -> None:
        socket.socket(family, socket.SOCK_STREAM).bind(target)

    return {"error": _attempt(act)}


def shared_memory(key: int, identifier: int) -> dict[str, Any]:
    """Attaches to a System V segment by key and by identifier; the errors."""
    attach = _libc.shmat
    attach.restype = ctypes.c_ssize_t

    def attached(found: int) -> str | None:
        if found == -1:
            return errno.errorcode[ctypes.get_errno()]
        where = attach(found, None, 0)
        return None if where != -1 else errno.errorcode[ctypes.get_errno()]

    return {"key": attached(_libc.shmget(key, 0, 0)), "identifier": attached(identifier)}


def forbidden_calls() -> dict[str, Any]:
    """System calls that break out, with arguments that do no harm where they are let through: they
    succeed then, or fail with an error that no refusal gives."""
    new_user, flag_sigchld = 0x10000000, 17
    own = os.getpid()
    buffer = ctypes.create_string_buffer(256)
    calls: dict[str, Callable[[], str | None]] = {
        "ptrace": lambda: _system_call("ptrace", 0, 0, 0, 0),  # PTRACE_TRACEME
        "process_vm_readv": lambda: _system_call("process_vm_readv", own, None, 0, None, 0, 0),
        "process_vm_writev": lambda: _system_call("process_vm_writev", own, None, 0, None, 0, 0),
        "kcmp": lambda: _system_call("kcmp", own, own, 0, 0, 0),
        "unshare": lambda: _system_call("unshare", new_user),
        "setns": lambda: _system_call("setns", -1, 0),
        "clone": lambda: _fork_call("clone", new_user | flag_sigchld, 0, 0, 0, 0),
        "clone3": lambda: _system_call("clone3", None, 0),
        "mount": lambda: _system_call("mount", b"none", b"/none", b"tmpfs", 0, None),
        "umount2": lambda: _system_call("umount2", b"/none", 2),
        "pivot_root": lambda: _system_call("pivot_root", b"/none", b"/none"),
        "fsopen": lambda: _system_call("fsopen", b"tmpfs", 0),
        "move_mount": lambda: _system_call("move_mount", -1, b"", -1, b"", 0),
        "chroot": lambda: _system_call("chroot", b"/none"),
        "bpf": lambda: _system_call("bpf", 0, buffer, 64),
        "perf_event_open": lambda: _system_call("perf_event_open", buffer, 0, -1, -1, 0),
        "userfaultfd": lambda: _system_call("userfaultfd", 1),  # user mode only: for everyone
        "keyctl": lambda: _system_call("keyctl", 0, -3, 0),  # id of the session's keyring
        "add_key": lambda: _system_call("add_key", b"user", b"k", b"v", 1, -2),
        "request_key": lambda: _system_call("request_key", b"user", b"k", None, 0),
        "io_uring_setup": lambda: _system_call("io_uring_setup", 1, buffer),
        "open_by_handle_at": lambda: _system_call("open_by_handle_at", -100, buffer, 0),
        "init_module": lambda: _system_call("init_module", buffer, 0, b""),
        "finit_module": lambda: _system_call("finit_module", -1, b"", 0),
        "kexec_load": lambda: _system_call("kexec_load", 0, 0, None, 0),
        "reboot": lambda: _system_call("reboot", 0, 0, 0),
        "swapon": lambda: _system_call("swapon", b"/none", 0),
        "acct": lambda: _system_call("acct", b"/none/x"),
        "quotactl": lambda: _system_call("quotactl", 0, None, 0, None),
        "pidfd_getfd": lambda: _system_call("pidfd_getfd", -1, 0, 0),
        "TIOCSTI": _type_into_terminal,
    }
    if platform.machine() == "x86_64":
        calls["x32 getpid"] = lambda: _call(0x40000000 + 39)
    families = {"inet": 2, "inet6": 10, "packet": 17, "alg": 38, "vsock": 40}
    errors = {name: call() for name, call in calls.items()}
    for name, family in families.items():
        errors[f"socket {name}"] = _system_call("socket", family, 2, 0)
    return {"errors": errors}


def _fork_call(name: str, *args: int) -> str | None:
    number = syscalls.number(name, platform.machine())
    ctypes.set_errno(0)
    pid = _libc.syscall(number, *args)
    if pid == 0:
        os._exit(0)
    if pid < 0:
        return errno.errorcode[ctypes.get_errno()]
    os.waitpid(pid, 0)
    return None


def _type_into_terminal() -> str | None:
    try:
        leader, _ = os.openpty()
    except OSError:
        leader = 0  # no terminal to be had: the call is refused whatever the descriptor
    return _system_call("ioctl", leader, 0x5412, ctypes.c_char_p(b"x"))


PROBES: tuple[Callable[..., dict[str, Any]], ...] = (
    *(read, ways_to_read, ways_to_open_for_writing, ways_to_change, write, work_folder),
    *(environment, search, reach, visible, status, signal_for_good, descriptors),
    *(connect, send_from_pair, listen, shared_memory, forbidden_calls),
    *PROGRAMS,
)
