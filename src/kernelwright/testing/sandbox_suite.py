"""A conformance suite that every sandbox must pass. Needs pytest.

Subclass and say how a job starts; pytest collects the tests::

    class TestMine(SandboxSuite):
        def start(self, entry, *, limits=None, readable=(), env=None):
            return process.start(entry, isolated=True, limits=limits, readable=readable, env=env)

``start`` returns what ``kernelwright.sandbox.process.start`` does: ``request``, ``close``,
``alive``. The probes (``testing.sandbox_probes``) run inside and report; what matters is looked at
from outside as well, because a job's word is only that. The victims (a process with secrets, files,
sockets) belong to the user that runs the suite: run it as root and as an ordinary user.
"""

from __future__ import annotations

import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

import kernelwright
from kernelwright.sandbox.process import Child, ChildDied, ChildTimeout, Limits

ENTRY = "kernelwright.testing.sandbox_probes:main"
API_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN")
_HARMLESS = {"PATH", "HOME", "LANG", "USER", "TMPDIR", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
_HARMLESS |= {"KERNELWRIGHT_GIVEN", "LC_CTYPE", "PWD"}
REFUSED = {"EPERM", "EACCES", "ENOSYS"}
_SYS_CHROOT_AND_UP = 0xFFFFFFFFFFFFFFF8  # all capabilities but chown and the two for reading files

_VICTIM = """
import ctypes, json, os, sys, time
held = ctypes.create_string_buffer(bytes.fromhex(sys.stdin.readline()))
file = os.memfd_create("secret")
print(json.dumps({"address": ctypes.addressof(held), "fd": file}), flush=True)
time.sleep(600)
"""


@dataclass(frozen=True)
class Victim:
    """A process of this user that holds ``secret`` in its environment and at ``address``."""

    process: subprocess.Popen[str]
    secret: bytes
    address: int
    fd: int


@contextmanager
def victim() -> Iterator[Victim]:
    secret = secrets.token_hex(16).encode()
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", _VICTIM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={name: secret.decode() for name in API_KEYS},
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(secret.hex() + "\n")
        process.stdin.flush()
        yield Victim(process, secret, **json.loads(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


class SandboxSuite:
    """The tests. Class attributes say what a sandbox cannot promise; change them only with a reason
    that its users are told."""

    hides_processes = True  # /proc shows a job nothing of the machine's other processes
    signals_own_children = True
    limits_processes = True

    def start(
        self,
        entry: str,
        *,
        limits: Limits | None = None,
        readable: Sequence[Path] = (),
        env: Mapping[str, str] | None = None,
    ) -> Child:
        """A running, isolated job."""
        raise NotImplementedError

    @pytest.fixture
    def job(self) -> Iterator[Callable[..., Child]]:
        """Starts probes; all are closed at the end."""
        with ExitStack() as stack:

            def begin(**options: Any) -> Child:
                options.setdefault("limits", Limits(wall_s=60.0, cpu_s=30.0))
                return stack.enter_context(self.start(ENTRY, **options))

            yield begin

    @pytest.fixture
    def outside(self) -> Iterator[Path]:
        """A folder of this user's that no job was granted, open to everybody."""
        with tempfile.TemporaryDirectory(prefix="outside-") as folder:
            os.chmod(folder, 0o755)
            yield Path(folder)

    # ---- secrets ---------------------------------------------------------------------------------

    def test_the_environment_holds_nothing_of_the_judges(
        self, job: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secret = secrets.token_hex(16)
        for name in API_KEYS:
            monkeypatch.setenv(name, secret)
        child = job(env={"KERNELWRIGHT_GIVEN": "1"})
        names = set(ask(child, "environment")["names"])
        assert "KERNELWRIGHT_GIVEN" in names and not names & set(API_KEYS)
        common = names & set(os.environ)
        assert common <= _HARMLESS | {n for n in names if n.endswith(("_", "_NUM_THREADS"))}
        reply = ask(child, "search", secret=secret.encode().hex(), pids=[os.getpid()])
        assert reply["found"] == []

    def test_secrets_of_other_processes_are_not_in_proc(self, job: Callable[..., Child]) -> None:
        with victim() as other:
            pids = [other.process.pid]
            found = ask(job(), "search", secret=other.secret.hex(), pids=pids)["found"]
        assert found == []

    @pytest.mark.parametrize("mode", [0o600, 0o644])
    def test_files_that_were_not_granted_cannot_be_read(
        self, job: Callable[..., Child], outside: Path, mode: int
    ) -> None:
        home = outside / "home" / ".ssh"
        other = outside / "kernelwright-candidate-other"
        home.mkdir(parents=True)
        other.mkdir()
        database = outside / "store.sqlite3"
        with sqlite3.connect(database) as db:
            db.execute("create table secrets (value text)")
        db.close()
        files = [home / "id_ed25519", other / "kernel.py", outside / ".env"]
        for file in files:
            file.write_text("secret")
        for file in (*files, database):
            file.chmod(mode)
        child = job()
        for path in (*files, database, other, outside):
            assert ask(child, "ways_to_read", path=str(path))["worked"] == [], path
        for name in ("/etc/shadow", "/etc/passwd", os.path.expanduser("~/.bashrc")):
            assert ask(child, "ways_to_read", path=name)["worked"] == [], name

    # ---- files -----------------------------------------------------------------------------------

    def test_readable_files_are_readable_and_cannot_be_changed(
        self, job: Callable[..., Child], outside: Path
    ) -> None:
        folder = outside / "granted"
        folder.mkdir()
        file = folder / "kernel.py"
        file.write_text("honest")
        file.chmod(0o666)
        folder.chmod(0o777)
        before = file.stat()
        child = job(readable=[folder])
        assert bytes.fromhex(ask(child, "read", path=str(file))["data"]) == b"honest"
        assert ask(child, "ways_to_change", path=str(file))["worked"] == []
        after = file.stat()
        assert file.read_text() == "honest" and os.listdir(folder) == ["kernel.py"]
        assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)

    def test_one_granted_file_grants_nothing_beside_it(
        self, job: Callable[..., Child], outside: Path
    ) -> None:
        (outside / "granted.txt").write_text("open")
        (outside / "beside.txt").write_text("secret")
        child = job(readable=[outside / "granted.txt"])
        assert ask(child, "read", path=str(outside / "granted.txt"))["data"] == b"open".hex()
        assert ask(child, "ways_to_read", path=str(outside / "beside.txt"))["worked"] == []

    def test_files_private_to_their_owner_can_be_granted(
        self, job: Callable[..., Child], outside: Path
    ) -> None:
        folder = outside / "only mine"
        folder.mkdir(mode=0o700)
        (folder / "a.txt").write_text("mine")
        (folder / "a.txt").chmod(0o600)
        child = job(readable=[folder])
        assert ask(child, "read", path=str(folder / "a.txt"))["data"] == b"mine".hex()
        assert ask(child, "ways_to_change", path=str(folder / "a.txt"))["worked"] == []
        assert (folder / "a.txt").read_text() == "mine"

    def test_the_judges_own_code_cannot_be_changed(self, job: Callable[..., Child]) -> None:
        child = job()
        package = Path(kernelwright.__file__).parent
        for module in (
            package / "verify" / "compare.py",
            Path(json.__file__),
            Path(psutil.__file__),
        ):
            assert ask(child, "ways_to_open_for_writing", path=str(module))["worked"] == [], module

    def test_nothing_is_written_outside_the_work_folder(
        self, job: Callable[..., Child], outside: Path
    ) -> None:
        outside.chmod(0o777)
        name = f"planted-{secrets.token_hex(8)}"
        folders = [outside, Path.cwd(), Path.home(), Path(tempfile.gettempdir())]
        folders += map(Path, ("/", "/etc", "/usr", "/var/tmp", "/dev/shm", "/run", "/tmp"))
        child = job()
        for folder in folders:
            child.request({"op": "write", "path": str(folder / name)}, timeout_s=30)
        planted = [folder / name for folder in folders if (folder / name).exists()]
        for file in planted:
            file.unlink(missing_ok=True)
        assert planted == []

    def test_the_work_folder_is_writable_private_and_goes_with_the_job(
        self, job: Callable[..., Child]
    ) -> None:
        first, second = job(), job()
        made = ask(first, "work_folder")
        assert made["cwd"] == made["home"] and made["temporary_inside"]
        assert made["names"] == ["c", "d", "e"]
        assert ask(second, "ways_to_read", path=made["home"] + "/c")["worked"] == []
        first.close()
        assert not os.path.exists(made["home"] + "/c")

    # ---- other processes -------------------------------------------------------------------------

    def test_other_processes_are_out_of_reach(self, job: Callable[..., Child]) -> None:
        with victim() as other:
            asked = [os.getpid(), os.getppid()]
            limit = psutil.Process(other.process.pid).rlimit(psutil.RLIMIT_NOFILE)
            child = job()
            where = {"address": other.address, "fd": other.fd}
            reply = ask(child, "reach", pids=[other.process.pid], asked=asked, **where)
            assert reply["worked"] == []
            errors = ask(child, "signal_for_good", pid=other.process.pid)
            assert None not in errors.values()
            assert other.process.poll() is None
            assert psutil.Process(other.process.pid).rlimit(psutil.RLIMIT_NOFILE) == limit

    def test_other_jobs_and_keepers_are_out_of_reach(self, job: Callable[..., Child]) -> None:
        first, second = job(), job()
        ask(second, "environment")
        inside = ask(first, "visible")
        machine = [p.pid for p in _descendants() if p.pid not in (inside["pid"], *inside["pids"])]
        assert len(machine) >= 2
        pids = [*inside["pids"], *machine]
        worked = ask(first, "reach", pids=pids, asked=[], address=4096, fd=0)["worked"]
        # The first process of a namespace may be asked about, but takes no signals from inside.
        assert [w for w in worked if w not in ("kill 1", "signal by pidfd 1")] == []
        assert second.alive
        if self.hides_processes:
            assert len(inside["pids"]) < 10

    def test_no_privileges_and_none_to_gain(self, job: Callable[..., Child]) -> None:
        status = ask(job(), "status")["status"]
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
        for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            assert int(status[name], 16) & (_SYS_CHROOT_AND_UP | 1) == 0, name

    def test_only_the_channel_and_the_standard_streams_are_open(
        self, job: Callable[..., Child]
    ) -> None:
        reply = ask(job(), "descriptors")
        mine = reply["mine"]
        assert mine.pop("0") == "/dev/null"
        assert mine.pop("1").startswith("pipe:") and mine.pop("2").startswith("pipe:")
        assert len(mine) == 1 and next(iter(mine.values())).startswith("socket:"), mine
        assert set(reply["below"]) == {"0", "1", "2"} and "socket" not in reply["below"].values()

    # ---- network, IPC, system calls --------------------------------------------------------------

    @pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
    def test_no_tcp_and_no_udp_even_to_this_machine(
        self, job: Callable[..., Child], family: socket.AddressFamily
    ) -> None:
        host = "127.0.0.1" if family == socket.AF_INET else "::1"
        with socket.socket(family) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind((host, 0))
            except OSError:
                pytest.skip(f"this machine has no {host}")
            tcp.listen()
            udp.bind((host, 0))
            child = job()
            for sock, kind in ((tcp, socket.SOCK_STREAM), (udp, socket.SOCK_DGRAM)):
                address = [host, sock.getsockname()[1]]
                reply = ask(child, "connect", family=family, kind=kind, address=address)
                assert reply["error"] is not None
            assert ask(child, "listen", family=family, address=[host, 0])["error"] is not None
            _assert_silent(tcp, udp)

    @pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
    @pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
    def test_unix_sockets_of_the_machine_are_out_of_reach(
        self, job: Callable[..., Child], outside: Path, abstract: bool, kind: socket.SocketKind
    ) -> None:
        name = f"@kw-{secrets.token_hex(8)}" if abstract else str(outside / "socket")
        with socket.socket(socket.AF_UNIX, kind) as server:
            server.bind("\0" + name[1:] if abstract else name)
            if abstract:
                os.chmod(outside, 0o777)
            else:
                os.chmod(name, 0o777)
            if kind == socket.SOCK_STREAM:
                server.listen()
            child = job()
            reply = ask(child, "connect", family=socket.AF_UNIX, kind=kind, address=name)
            assert reply["error"] is not None
            assert None not in ask(child, "send_from_pair", address=name).values()
            _assert_silent(server)

    def test_shared_memory_of_the_machine_is_out_of_reach(self, job: Callable[..., Child]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        key = secrets.randbits(30) | 1
        identifier = libc.shmget(key, 4096, 0o1666)  # IPC_CREAT, open to everybody
        if identifier < 0:
            pytest.skip("no System V shared memory here")
        try:
            reply = ask(job(), "shared_memory", key=key, identifier=identifier)
        finally:
            libc.shmctl(identifier, 0, None)  # IPC_RMID
        assert None not in reply.values()
        file = Path("/dev/shm") / f"kw-{secrets.token_hex(8)}"
        file.write_text("secret")
        file.chmod(0o666)
        try:
            assert ask(job(), "ways_to_read", path=str(file))["worked"] == []
        finally:
            file.unlink()

    def test_system_calls_that_break_out_are_refused(self, job: Callable[..., Child]) -> None:
        errors = ask(job(), "forbidden_calls")["errors"]
        assert {name: e for name, e in errors.items() if e not in REFUSED} == {}
        assert len(errors) > 30

    # ---- resources and ends ----------------------------------------------------------------------

    def test_memory_is_limited(self, job: Callable[..., Child]) -> None:
        if any(Path("/dev").glob("nvidia*")):
            pytest.skip("the address space is not limited where CUDA devices are")
        child = job(limits=Limits(wall_s=60.0, memory_bytes=2 << 30))
        reply = child.request({"op": "allocate", "nbytes": 4 << 30}, timeout_s=30)
        assert reply.header["type"] == "MemoryError"

    def test_file_size_is_limited(self, job: Callable[..., Child]) -> None:
        child = job(limits=Limits(wall_s=60.0, file_bytes=1 << 20))
        reply = child.request({"op": "write_large", "nbytes": 2 << 20}, timeout_s=30)
        assert reply.header["type"] == "OSError"

    def test_processor_time_and_wall_time_are_limited(self, job: Callable[..., Child]) -> None:
        child = job(limits=Limits(wall_s=60.0, cpu_s=1.0))
        with pytest.raises(ChildDied) as caught:
            child.request({"op": "spin"}, timeout_s=30)
        assert caught.value.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
        child = job(limits=Limits(wall_s=0.5))
        with pytest.raises(ChildDied) as caught:
            child.request({"op": "sleep", "seconds": 60}, timeout_s=30)
        assert caught.value.returncode == -signal.SIGALRM

    def test_a_fork_bomb_is_contained_and_ends(self, job: Callable[..., Child]) -> None:
        if not self.limits_processes:
            pytest.skip("this sandbox cannot limit the number of processes")
        before = len(_descendants())
        child = job(limits=Limits(wall_s=60.0, processes=40))
        started = ask(child, "fork_bomb", most=200)["started"]
        time.sleep(0.2)
        assert 0 < started < 60 and len(_descendants()) - before < 60
        child.close()
        assert _within(5.0, lambda: len(_descendants()) <= before + 1)  # a fork server may be new

    @pytest.mark.parametrize("how", ["close", "timeout", "wall clock"])
    def test_everything_that_a_job_started_ends_with_it(
        self, job: Callable[..., Child], how: str
    ) -> None:
        mark = f"left-{secrets.token_hex(8)}"
        child = job(limits=Limits(wall_s=2.0 if how == "wall clock" else 60.0))
        ask(child, "leave", mark=mark)
        assert _within(2.0, lambda: _marked(mark) == 3), _marked(mark)
        if how == "close":
            child.close()
        elif how == "timeout":
            with pytest.raises(ChildTimeout):
                child.request({"op": "sleep", "seconds": 600}, timeout_s=0.2)
        assert _within(8.0, lambda: _marked(mark) == 0)

    # ---- honest programs -------------------------------------------------------------------------

    def test_honest_python_runs(self, job: Callable[..., Child]) -> None:
        reply = ask(job(), "honest_python")
        assert reply["threads"] == [0, 1, 2, 3] and reply["echo"] == "through a pipe"
        assert reply["callback"] == 2 and reply["product"] == 64.0**3

    def test_honest_compilers_and_openmp_run(self, job: Callable[..., Child]) -> None:
        compiler = shutil.which("g++", path="/usr/local/bin:/usr/bin:/bin")
        if compiler is None:
            pytest.skip("no g++")
        assert ask(job(), "honest_cpp", compiler=compiler) == {"ok": True, "sum": 499500}

    def test_honest_torch_runs(self, job: Callable[..., Child]) -> None:
        pytest.importorskip("torch")
        assert ask(job(), "honest_torch", timeout_s=120)["sum"] == 300.0**3

    def test_honest_cuda_runs(self, job: Callable[..., Child]) -> None:
        if not any(Path("/dev").glob("nvidia[0-9]*")):
            pytest.skip("no CUDA device")
        pytest.importorskip("torch")
        reply = ask(job(limits=Limits(wall_s=240.0, cpu_s=240.0)), "honest_cuda", timeout_s=200)
        assert reply["sum"] == 2 * 512.0**3 and reply["triton"] in (None, 999000.0)


def ask(child: Child, probe: str, *, timeout_s: float = 60.0, **arguments: Any) -> dict[str, Any]:
    """What the probe reports; fails the test when it raised."""
    header = child.request({"op": probe, **arguments}, timeout_s=timeout_s).header
    assert header["ok"], header.get("traceback")
    return header


def _assert_silent(*sockets: socket.socket) -> None:
    for sock in sockets:
        sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            if sock.type == socket.SOCK_STREAM:
                sock.accept()
            else:
                sock.recv(100)


def _descendants() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def _marked(mark: str) -> int:
    return sum(mark in (p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))


def _within(seconds: float, what: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.05)
    return what()
