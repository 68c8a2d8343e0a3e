"""Fork servers ("zygotes"): one process for each kind of job, with the heavy packages imported.

``serving`` gives the running one of a kind; ``ForkServer.fork`` starts a job in it. They end with
this process, however it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import kernelwright
from kernelwright.config import secret_variables
from kernelwright.errors import SandboxError
from kernelwright.sandbox import bubblewrap
from kernelwright.sandbox.isolation import Level

# What this process has started so far: "servers", each of which imports all of its packages, those
# that were "grown" from another, and "jobs".
tally: Counter[str] = Counter()
STARTUP_S = 180.0  # importing torch on a loaded machine; a server that needs longer is broken


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


@dataclass(frozen=True)
class Kind:
    """What a fork server is for: ``level`` None is a trusted job's. With ``readable`` paths it
    serves one job and then ends."""

    level: Level | None
    preload: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    readable: tuple[str, ...] = ()


class ForkServer:
    """``base``: a running server that has imported the first of this kind's packages; this one is
    forked from it, imports the others and ends with it."""

    def __init__(self, kind: Kind, base: ForkServer | None = None) -> None:
        self.kind, self.grown = kind, base is not None
        tally["grown" if self.grown else "servers"] += 1
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        self._process: subprocess.Popen[bytes] | None = None
        with theirs:
            if base is None:
                self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the zygote
                self._process = _spawn(lambda: self._launch(theirs.fileno()))
                self._pidfd = os.pidfd_open(self._process.pid)
            else:
                self._stderr = base._stderr
                more = kind.preload[len(base.kind.preload) :]
                self._pidfd = base.fork({"grow": more}, [theirs.fileno()])
        ours.settimeout(STARTUP_S)
        self.nested: bool = bool(self._receive("start")[0]["nested"])

    def _launch(self, fd: int) -> subprocess.Popen[bytes]:
        kind = self.kind
        env = {**default_environment(), **dict(kind.env), "PYTHONPATH": _python_path(kind)}
        options = json.dumps(
            {
                "level": kind.level,
                "shared": not kind.readable,
                "preload": kind.preload,
                "cuda": bool(bubblewrap.cuda_devices()),
            }
        )
        python = [sys.executable, "-P", "-m", "kernelwright.sandbox.zygote", str(fd), options]
        if kind.level is not None:
            env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "USER": "sandbox", **env}
            env = {"HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **env}
        if kind.level == "bubblewrap":
            line = bubblewrap.command(
                python,
                env,
                readable=[Path(p) for p in kind.readable],
                show_host=not kind.readable,
            )
        else:
            # A plain child has the user's environment, but no business with the user's keys.
            secret = (f"--unset={name}" for name in secret_variables())
            clean = ["-i"] if kind.level else list(secret)
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
            tally["jobs"] += "entry" in job
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
        return self._pidfd >= 0 and not select.select([self._pidfd], [], [], 0)[0]

    def stop(self) -> None:
        self._control.close()
        if self._pidfd < 0:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        select.select([self._pidfd], [], [], 10.0)
        if self._process is not None:
            self._process.wait(10)
        os.close(self._pidfd)
        self._pidfd = -1


def _python_path(kind: Kind) -> str:
    parts = [str(Path(kernelwright.__file__).parent.parent)]
    extra = dict(kind.env).get("PYTHONPATH")
    return os.pathsep.join(parts + ([extra] if extra else []))


_spawn_queue: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
_servers: dict[Kind, ForkServer] = {}
_starting: dict[Kind, threading.Lock] = {}  # servers of different kinds start side by side
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


def serving(kind: Kind) -> ForkServer:
    """The running server of this kind, started if there is none. Raises SandboxError."""
    global _owner_pid, _spawn_queue
    with _state_lock:
        if _owner_pid != os.getpid():  # first use, or a fork of a process that had zygotes
            _owner_pid = os.getpid()
            _servers.clear()
            _starting.clear()
            _spawn_queue = queue.SimpleQueue()
            threading.Thread(target=_spawner, args=(_spawn_queue,), daemon=True).start()
        starting = _starting.setdefault(kind, threading.Lock())
    with starting:
        found = _servers.get(kind)
        if found is None or not found.alive:
            found = _grown(kind) or ForkServer(kind)
            with _state_lock:
                _servers[kind] = found
        return found


def serve_each(kinds: Sequence[Kind]) -> None:
    """Starts servers of these kinds one after the other, since one that imports more than another
    is forked from it. What fails is said where the server is needed."""
    for kind in kinds:
        with contextlib.suppress(SandboxError, OSError):
            serving(kind)


def _grown(kind: Kind) -> ForkServer | None:
    """A server of this kind from the one that runs with most of its packages; None without one."""
    with _state_lock:
        bases = [
            server
            for other, server in _servers.items()
            if other == replace(kind, preload=kind.preload[: len(other.preload)])
            and other.preload
            and server.alive
        ]
    if not bases:
        return None
    try:
        return ForkServer(kind, max(bases, key=lambda server: len(server.kind.preload)))
    except SandboxError:  # it has ended meanwhile
        return None


@atexit.register
def shutdown() -> None:
    """Ends every fork server of this process, and with it every job."""
    with _state_lock:
        if _owner_pid == os.getpid():
            for server in _servers.values():
                server.stop()
            _servers.clear()
