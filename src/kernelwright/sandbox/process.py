"""Starts jobs in child processes: isolated (untrusted) or plain (trusted, but perhaps endless).

A fork server ("zygote") is started once per kind of child with the heavy packages imported; each
job is a fresh fork of it and starts in well under 100 ms. ``start`` gives a ``Child`` to talk to.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kernelwright.errors import SandboxError
from kernelwright.sandbox import isolation, usage
from kernelwright.sandbox.channel import Channel, ChannelClosed, Message, pair
from kernelwright.sandbox.fork_server import (
    ForkServer,
    Kind,
    default_environment,
    serving,
    shutdown,
)
from kernelwright.sandbox.isolation import Level
from kernelwright.sandbox.jail import Limits
from kernelwright.sandbox.usage import Usage

__all__ = [
    "Child",
    "ChildDied",
    "ChildTimeout",
    "Limits",
    "Reply",
    "Usage",
    "default_environment",
    "isolation_level",
    "kind_of",
    "shutdown",
    "start",
]

log = logging.getLogger(__name__)

Reply = Message
STDERR_TAIL_BYTES = 64 << 10


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


def isolation_level() -> Level:
    """How candidates are contained here: "bubblewrap", "landlock" or "rlimits" (no isolation).
    ``sandbox.isolation.isolation()`` gives the reasons too."""
    return isolation.isolation().level


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
        owned: ForkServer | None = None,
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


def start(
    entry: str,
    *,
    isolated: bool,
    limits: Limits | None = None,
    readable: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
    preload: Sequence[str] = (),
    level: Level | None = None,
) -> Child:
    """Starts ``entry`` ("package.module:function", called with a Channel) in a fresh child.

    ``isolated``: no network, read-only system, a private work folder (its HOME and TMPDIR), empty
    environment but ``env``; how is for ``level`` to say, the best of this machine when None (see
    ``isolation_level``; at "rlimits" there are resource limits only, and callers ask first).
    ``readable`` paths appear at their own places, read-only. ``preload`` names modules that the
    fork server imports once. Raises SandboxError when the machine cannot start children, or has no
    such level.
    """
    limits = limits or Limits()
    kind = kind_of(isolated, env or {}, preload, level)
    chosen = kind.level
    paths = tuple(str(Path(p).resolve()) for p in readable)
    zygote = serving(kind)
    owned = None
    if chosen == "bubblewrap" and not zygote.nested:
        # No namespaces within namespaces on this machine: the whole sandbox is this job's own.
        owned = zygote = ForkServer(Kind(kind.level, kind.preload, kind.env, paths or ("/usr",)))
    home = "" if chosen == "bubblewrap" else tempfile.mkdtemp(prefix="kernelwright-job-")
    return _start_job(zygote, entry, limits, paths, home, owned)


def kind_of(
    isolated: bool, env: Mapping[str, str], preload: Sequence[str], level: Level | None = None
) -> Kind:
    """The kind of fork server that ``start`` with these arguments uses."""
    chosen = isolation.checked(level) if isolated else None
    return Kind(chosen, tuple(preload), tuple(sorted(env.items())))


def _start_job(
    zygote: ForkServer,
    entry: str,
    limits: Limits,
    paths: Sequence[str],
    home: str,
    owned: ForkServer | None,
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
