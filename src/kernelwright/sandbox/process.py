"""Starts jobs in child processes: isolated (untrusted) or plain (trusted, but perhaps endless).

A fork server ("zygote") is started once per kind of child with the heavy packages imported; each
job is a fresh fork of it and starts in well under 100 ms. ``start`` gives a ``Child`` to talk to.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import os
import queue
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import kernelwright
from kernelwright.errors import SandboxError
from kernelwright.sandbox import bubblewrap, usage
from kernelwright.sandbox.channel import Channel, ChannelClosed, Message, pair
from kernelwright.sandbox.jail import Limits
from kernelwright.sandbox.usage import Usage

__all__ = [
    "Child",
    "ChildDied",
    "ChildTimeout",
    "Limits",
    "Reply",
    "Usage",
    "isolation_level",
    "shutdown",
    "start",
]

log = logging.getLogger(__name__)

Reply = Message
STDERR_TAIL_BYTES = 64 << 10
STARTUP_S = 180.0  # importing torch on a loaded machine; a zygote that needs longer is broken


class ChildTimeout(SandboxError):
    """The child did not answer in time; it and all its processes have been killed."""


class ChildDied(SandboxError):
    """The child ended without an answer. ``returncode`` is minus the signal for a killed child."""

    def __init__(self, returncode: int | None, stderr_tail: str) -> None:
        how = "ended without a word" if returncode is None else _exit_text(returncode)
        super().__init__(f"the child process {how}" + (f"\n{stderr_tail}" if stderr_tail else ""))
        self.returncode, self.stderr_tail = returncode, stderr_tail


def _exit_text(returncode: int) -> str:
    if returncode >= 0:
        return f"exited with status {returncode}"
    try:
        return f"was ended by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was ended by signal {-returncode}"


def isolation_level() -> str:
    """How candidates are contained here: "bubblewrap" or "rlimits" (no isolation)."""
    return "bubblewrap" if bubblewrap.find() else "rlimits"


def default_environment() -> dict[str, str]:
    """Set before any import in every child, candidate and baseline alike.

    The two malloc thresholds keep freed pages in the process. Without them glibc hands large
    buffers back to the kernel after every call, and page faults (up to 30 times the kernel's own
    time) look like a speedup of whoever reuses memory. The thread count is fixed likewise.
    """
    threads = str(len(os.sched_getaffinity(0)))
    return {
        "MALLOC_TRIM_THRESHOLD_": "1000000000",
        "MALLOC_MMAP_THRESHOLD_": "1000000000",
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
    }


class Child:
    """A running job. Use from one thread at a time; ``close`` is idempotent.

    ``home`` is where the job may write ("" when it has a private /tmp of its own); ``keepers`` how
    many of the sandbox's own processes stand above the job; ``owned`` is a fork server that ends
    with this job.
    """

    def __init__(
        self,
        sock: socket.socket,
        status_fd: int,
        stderr_fd: int,
        pidfd: int,
        home: str,
        keepers: int,
        owned: _Zygote | None = None,
    ) -> None:
        self.channel = Channel(sock)
        self._keepers = keepers
        self._keeper = usage.host_pid(pidfd)
        self._status_fd, self._pidfd, self._home = status_fd, pidfd, home
        self._owned = owned
        self._returncode: int | None = None
        self._closed = False
        self._tail: deque[bytes] = deque()
        self._drain = threading.Thread(target=self._read_stderr, args=(stderr_fd,), daemon=True)
        self._drain.start()

    def request(
        self, header: Mapping[str, Any], arrays: Sequence[Any] = (), *, timeout_s: float
    ) -> Reply:
        """Sends one message and waits for one.

        Raises ChildTimeout, ChildDied (both after the whole job has been killed), or ChannelError
        when the child answers with something that is no message (the job is killed then too).
        """
        deadline = time.monotonic() + timeout_s
        try:
            self.channel.send(header, arrays, deadline=deadline)
            return self.channel.receive(deadline=deadline)
        except TimeoutError as error:
            self.close()
            raise ChildTimeout(
                f"the child process did not answer within {timeout_s:g} s\n{self.stderr_tail()}"
            ) from error
        except ChannelClosed as error:
            returncode = self._wait_status(5.0)
            self.close()
            raise ChildDied(returncode, self.stderr_tail()) from error
        except BaseException:
            self.close()
            raise

    def stderr_tail(self) -> str:
        """The end of what the job wrote to standard output and error, as text."""
        return b"".join(self._tail).decode("utf-8", "replace")[-STDERR_TAIL_BYTES:].strip()

    def usage(self) -> Usage:
        """Processor time, threads and processes of the job and all that it started, read from
        outside (see ``sandbox.usage`` for the resolution); all zero once the job has ended."""
        if self._keeper is None or not self.alive:
            return Usage(0.0, 0, 0)
        return usage.of_tree(self._keeper, self._keepers)

    @property
    def alive(self) -> bool:
        return not self._closed and not select.select([self._pidfd], [], [], 0)[0]

    def close(self) -> None:
        """Kills the job with everything it started and frees its files."""
        if self._closed:
            return
        self._closed = True
        self.channel.close()
        # A plain job has no namespace to end with its keeper: there the keeper ends what is left.
        stop = signal.SIGTERM if self._home else signal.SIGKILL
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, stop)
        if self._owned:
            self._owned.stop()
        select.select([self._pidfd], [], [], 10.0)
        if self._returncode is None:
            self._returncode = self._wait_status(0.0)
        os.close(self._pidfd)
        os.close(self._status_fd)
        self._drain.join(2.0)
        if self._home:
            shutil.rmtree(self._home, ignore_errors=True)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait_status(self, timeout_s: float) -> int | None:
        if not select.select([self._status_fd], [], [], timeout_s)[0]:
            return None
        text = os.read(self._status_fd, 100).split(b"\n")[0]
        return int(text) if text else None

    def _read_stderr(self, fd: int) -> None:
        size = 0
        with contextlib.closing(os.fdopen(fd, "rb", buffering=0)) as pipe:
            while part := pipe.read(1 << 16):
                self._tail.append(part)
                size += len(part)
                while size > 2 * STDERR_TAIL_BYTES and len(self._tail) > 1:
                    size -= len(self._tail.popleft())


@dataclass(frozen=True)
class _Kind:
    """What a fork server is for. With ``readable`` paths it serves one job and then ends."""

    isolated: bool
    preload: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    readable: tuple[str, ...] = ()


class _Zygote:
    def __init__(self, kind: _Kind) -> None:
        self.kind = kind
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the zygote
        with theirs:
            self._process = _spawn(lambda: self._launch(theirs.fileno()))
        ours.settimeout(STARTUP_S)
        self.nested: bool = bool(self._receive("start")[0]["nested"])

    def _launch(self, fd: int) -> subprocess.Popen[bytes]:
        kind = self.kind
        sandboxed = kind.isolated and bubblewrap.find() is not None
        env = {**default_environment(), **dict(kind.env), "PYTHONPATH": _python_path(kind)}
        options = json.dumps(
            {
                "isolated": sandboxed,
                "shared": not kind.readable,
                "preload": kind.preload,
                "cuda": bool(bubblewrap.cuda_devices()),
            }
        )
        python = [sys.executable, "-P", "-m", "kernelwright.sandbox.zygote", str(fd), options]
        if sandboxed:
            env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "USER": "sandbox", **env}
            env = {"HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **env}
            line = bubblewrap.command(
                python,
                env,
                readable=[Path(p) for p in kind.readable],
                show_host=not kind.readable,
            )
        else:
            clean = ["-i", "PATH=/usr/bin:/bin", "LANG=C.UTF-8"] if kind.isolated else []
            line = ["env", *clean, *(f"{name}={value}" for name, value in env.items()), *python]
        return subprocess.Popen(
            line,
            stdin=subprocess.DEVNULL,
            stdout=self._stderr,
            stderr=self._stderr,
            pass_fds=[fd],
            start_new_session=True,
        )

    def fork(self, job: Mapping[str, Any], fds: Sequence[int]) -> int:
        """The pidfd of a new job's keeper."""
        with self._lock:
            try:
                socket.send_fds(self._control, [json.dumps(job).encode()], list(fds))
            except OSError as error:
                raise SandboxError(f"the fork server is gone: {error}\n{self._said()}") from error
            return self._receive("fork")[1][0]

    def _receive(self, doing: str) -> tuple[dict[str, Any], list[int]]:
        try:
            data, fds, _, _ = socket.recv_fds(self._control, 1 << 16, 1)
        except OSError as error:
            self.stop()
            raise SandboxError(f"fork server: no answer to {doing}: {error}") from error
        if not data:
            self.stop()
            raise SandboxError(f"the fork server ended during {doing}:\n{self._said()}")
        return json.loads(data), fds

    def _said(self) -> str:
        self._stderr.seek(0)
        return self._stderr.read()[-4000:].decode("utf-8", "replace")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.wait(10)


def _python_path(kind: _Kind) -> str:
    parts = [str(Path(kernelwright.__file__).parent.parent)]
    extra = dict(kind.env).get("PYTHONPATH")
    return os.pathsep.join(parts + ([extra] if extra else []))


_spawn_queue: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
_zygotes: dict[_Kind, _Zygote] = {}
_state_lock = threading.RLock()
_owner_pid = 0  # the process that the threads and zygotes above belong to


def _spawn(launch: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Runs ``launch`` on one thread that lives as long as this process.

    "Die with parent" means the *thread* that forked: a zygote forked by a pool's worker thread
    would be killed when that worker ends.
    """
    future: Future[Any] = Future()
    _spawn_queue.put((launch, future))
    process: subprocess.Popen[bytes] = future.result()
    return process


def _spawner(jobs: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]]) -> None:
    while True:
        launch, future = jobs.get()
        try:
            future.set_result(launch())
        except Exception as error:  # noqa: BLE001 - handed to the thread that asked
            future.set_exception(error)


def _zygote(kind: _Kind) -> _Zygote:
    global _owner_pid, _spawn_queue
    with _state_lock:
        if _owner_pid != os.getpid():  # first use, or a fork of a process that had zygotes
            _owner_pid = os.getpid()
            _zygotes.clear()
            _spawn_queue = queue.SimpleQueue()
            threading.Thread(target=_spawner, args=(_spawn_queue,), daemon=True).start()
        found = _zygotes.get(kind)
        if found is None or not found.alive:
            found = _zygotes[kind] = _Zygote(kind)
        return found


@atexit.register
def shutdown() -> None:
    """Ends every fork server of this process, and with it every job."""
    with _state_lock:
        if _owner_pid == os.getpid():
            for zygote in _zygotes.values():
                zygote.stop()
            _zygotes.clear()


def start(
    entry: str,
    *,
    isolated: bool,
    limits: Limits | None = None,
    readable: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
    preload: Sequence[str] = (),
) -> Child:
    """Starts ``entry`` ("package.module:function", called with a Channel) in a fresh child.

    ``isolated``: no network, read-only system, private /tmp, empty environment but ``env``; without
    bubblewrap only resource limits (logged, see ``isolation_level``). ``readable`` paths appear at
    their own places, read-only. ``preload`` names modules that the fork server imports once. Raises
    SandboxError when the machine cannot start children.
    """
    limits = limits or Limits()
    paths = tuple(str(Path(p).resolve()) for p in readable)
    kind = _Kind(isolated, tuple(preload), tuple(sorted((env or {}).items())))
    zygote = _zygote(kind)
    owned = None
    sandboxed = isolated and bubblewrap.find() is not None
    if sandboxed and not zygote.nested:
        # No namespaces within namespaces on this machine: the whole sandbox is this job's own.
        owned = zygote = _Zygote(_Kind(kind.isolated, kind.preload, kind.env, paths or ("/usr",)))
    home = "" if sandboxed else tempfile.mkdtemp(prefix="kernelwright-job-")
    return _start_job(zygote, entry, limits, paths, home, owned)


def _start_job(
    zygote: _Zygote,
    entry: str,
    limits: Limits,
    paths: Sequence[str],
    home: str,
    owned: _Zygote | None,
) -> Child:
    ours, theirs = pair()
    status_read, status_write = os.pipe()
    stderr_read, stderr_write = os.pipe()
    job = {"entry": entry, "limits": asdict(limits), "readable": list(paths), "home": home}
    try:
        pidfd = zygote.fork(job, [theirs.fileno(), status_write, stderr_write])
    except BaseException:
        ours.close()
        os.close(status_read)
        os.close(stderr_read)
        raise
    finally:
        theirs.close()
        os.close(status_write)
        os.close(stderr_write)
    keepers = 1 if home or owned else 2
    return Child(ours, status_read, stderr_read, pidfd, home, keepers, owned)
