"""The fork server: a Python that has imported the heavy packages once and forks a child per job.

Run as ``python -P -m kernelwright.sandbox.zygote CONTROL_FD OPTIONS_JSON``. On the control socket
(SOCK_SEQPACKET) each request is a JSON object with three descriptors (channel, status pipe,
standard error); the answer carries a pidfd of the job's keeper. A request to "grow" carries another
server's control socket; that server has what this one has and imports more. Tree of one job:

    zygote ── keeper (killed by the judge; ends the job's namespace with it)
                └── init (process 1 of the job's namespace; reports how the job ended)
                      └── job (limits set, privileges dropped; runs the entry)

Without namespaces the keeper does init's work and hunts down what the job leaves behind. Only the
job runs anything that is not ours; none of the others can be read or traced by it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from typing import Any, NoReturn

from kernelwright.sandbox import confinement, jail, usage
from kernelwright.sandbox.bubblewrap import python_paths
from kernelwright.sandbox.channel import Channel

TMP_ROOT = "/tmp"


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    options: dict[str, Any] = json.loads(sys.argv[2])
    if options["level"] != "bubblewrap":  # which does so itself
        jail.die_with_parent()
    _import(options["preload"])
    nested = options["level"] == "bubblewrap" and options["shared"] and _can_nest()
    _serve(control, options, nested)


def _import(names: Iterable[str]) -> None:
    for name in names:
        # A package that cannot be imported here is reported by the job that needs it.
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def _serve(control: socket.socket, options: dict[str, Any], nested: bool) -> NoReturn:
    """Answers requests until the other side hangs up."""
    if options["level"] is not None:
        jail.hide_memory(True)
    gc.collect()
    gc.freeze()  # keeps the garbage collector from touching, and so copying, shared pages
    control.send(json.dumps({"nested": nested}).encode())
    while True:
        data, fds, _, _ = socket.recv_fds(control, 1 << 20, 3)
        if not data:
            os._exit(0)
        job = json.loads(data)
        pid = os.fork()
        if pid == 0:
            control.close()
            if "grow" in job:
                _grow(job["grow"], socket.socket(fileno=fds[0]), options, nested)
            _keeper(job, fds, options, nested)
        pidfd = os.pidfd_open(pid)
        socket.send_fds(control, [json.dumps({"pid": pid}).encode()], [pidfd])
        for fd in [pidfd, *fds]:
            os.close(fd)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _grow(
    names: list[str], control: socket.socket, options: dict[str, Any], nested: bool
) -> NoReturn:
    """Another server, with more packages, that ends with the one that it was forked from."""
    try:
        jail.die_with_parent()
        gc.unfreeze()
        _import(names)
        _serve(control, options, nested)
    finally:
        os._exit(1)


def _can_nest() -> bool:
    """Tries the namespaces of a job once, in a child."""
    pid = os.fork()
    if pid == 0:
        try:
            jail.new_namespaces()
            jail.mount("tmpfs", "/tmp", "tmpfs", 0)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def _keeper(job: dict[str, Any], fds: list[int], options: dict[str, Any], nested: bool) -> NoReturn:
    channel_fd, status_fd, stderr_fd = fds
    code = 1
    try:
        os.setsid()
        for source, target in (os.open(os.devnull, os.O_RDONLY), 0), (stderr_fd, 1), (stderr_fd, 2):
            os.dup2(source, target)
        user = confinement.user_of(options["level"])
        limits = jail.Limits(**job["limits"])
        if nested:  # the namespace ends with its keeper
            jail.die_with_parent()
            signal.signal(signal.SIGALRM, lambda *_: _out_of_time(status_fd))
        else:
            jail.die_with_parent(signal.SIGTERM)
            signal.signal(signal.SIGTERM, lambda *_: _end_plain(job))
            signal.signal(signal.SIGALRM, lambda *_: _out_of_time(status_fd, job))
        if limits.wall_s is not None:
            signal.setitimer(signal.ITIMER_REAL, limits.wall_s)
        if nested:
            jail.new_namespaces()
            jail.hide_memory(True)
            code = _fork_and_wait(lambda: _init(job, limits, user, channel_fd, status_fd, options))
        else:
            jail.adopt_orphans()
            status = _fork_and_wait(lambda: _job(job, limits, user, channel_fd, options))
            _report(status_fd, status)
    except OSError:
        with contextlib.suppress(OSError):
            traceback.print_exc()
    finally:
        if not nested:
            _end_plain(job)
        os._exit(code)


def _out_of_time(status_fd: int, plain: dict[str, Any] | None = None) -> NoReturn:
    _report(status_fd, -signal.SIGALRM)
    if plain is not None:
        _end_plain(plain)
    os._exit(1)


def _init(
    job: dict[str, Any],
    limits: jail.Limits,
    user: int | None,
    channel_fd: int,
    status_fd: int,
    options: dict[str, Any],
) -> None:
    jail.private_view(job["readable"], limits.file_bytes, python_paths())
    status = _fork_and_wait(lambda: _job(job, limits, user, channel_fd, options))
    _report(status_fd, status)


def _fork_and_wait(body: Any) -> int:
    """Runs ``body`` in a child that dies with this process; its exit code, or minus the signal.

    Other children that end meanwhile (orphans handed up) are reaped on the way.
    """
    alive_read, alive_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(alive_write)
            jail.die_with_parent()
            poll = select.poll()
            poll.register(alive_read, select.POLLHUP)
            if not poll.poll(0):  # hung up: the parent was gone before die_with_parent
                body()
                code = 0
        except BaseException:  # noqa: BLE001 - a child's main: say it on stderr and end
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(code)
    os.close(alive_read)
    with contextlib.suppress(OSError):
        # A Landlock rule is about a directory's entry in the kernel's cache: keeps the job's.
        os.open(f"/proc/{pid}", os.O_PATH)
    while True:
        found, status = os.waitpid(-1, 0)
        if found == pid:
            os.close(alive_write)
            return os.waitstatus_to_exitcode(status)


def _report(status_fd: int, status: int) -> None:
    with contextlib.suppress(OSError):  # the judge may be gone
        os.write(status_fd, f"{status}\n".encode())


def _end_plain(job: dict[str, Any]) -> NoReturn:
    """Ends what a job without a namespace left behind, then this keeper.

    First everything is stopped, until nothing new appears: a stopped process starts no other, and
    what starts processes as fast as they are killed would never end.
    """
    for each in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(each, signal.SIG_IGN)  # or the handlers' call of this ends it half done
    seen: set[int] = set()
    while new := [pid for pid in usage.descendants(os.getpid()) if pid not in seen]:
        _signal_all(new, signal.SIGSTOP)
        seen.update(new)
    with contextlib.suppress(ChildProcessError):  # raised once no child is left, dead or alive
        while True:
            _signal_all(usage.descendants(os.getpid()), signal.SIGKILL)
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            time.sleep(0.001)
    if job["home"]:
        shutil.rmtree(job["home"], ignore_errors=True)
    os._exit(0)


def _signal_all(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _job(
    job: dict[str, Any],
    limits: jail.Limits,
    user: int | None,
    channel_fd: int,
    options: dict[str, Any],
) -> None:
    os.setsid()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # Nothing of the judge's stays open but the channel, and that only in the job itself.
    os.closerange(3, channel_fd)
    os.closerange(channel_fd + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    os.set_inheritable(channel_fd, False)
    home = job["home"] or os.path.join(TMP_ROOT, "home")
    if job["home"] and user is not None:
        os.chown(home, user, user)
    confinement.confine(
        options["level"], limits, user, home=home, readable=job["readable"], cuda=options["cuda"]
    )
    os.makedirs(home, exist_ok=True)
    os.chdir(home)
    os.environ.update(HOME=home, TMPDIR=home, TRITON_CACHE_DIR=os.path.join(home, "triton"))
    tempfile.tempdir = None  # what a preloaded module may have asked for before
    gc.unfreeze()
    importlib.invalidate_caches()  # paths of sys.path may have appeared with the readable ones
    module, _, function = job["entry"].partition(":")
    code = 0
    try:
        getattr(importlib.import_module(module), function)(
            Channel(socket.socket(fileno=channel_fd))
        )
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
