"""Children: what they can do, what they cannot, and that nothing of them is left."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

import kernelwright
from kernelwright.sandbox import bubblewrap, fork_server
from kernelwright.sandbox import process as sp
from kernelwright.sandbox.channel import ChannelError

JOBS = Path(__file__).parent / "jobs"
ENV = {"PYTHONPATH": str(JOBS)}
needs_isolation = pytest.mark.skipif(
    sp.isolation_level() != "bubblewrap", reason="no namespaces on this machine"
)


def _start(isolated: bool, **limits: object) -> sp.Child:
    values = {"wall_s": 60.0, "cpu_s": 30.0, **limits}
    return sp.start(
        "sandbox_jobs:answer",
        isolated=isolated,
        readable=[JOBS],
        env=ENV,
        limits=sp.Limits(**values),  # type: ignore[arg-type]
    )


@pytest.fixture(params=[False, True], ids=["plain", "isolated"])
def child(request: pytest.FixtureRequest) -> Iterator[sp.Child]:
    with _start(request.param) as started:
        yield started


@pytest.fixture
def jailed() -> Iterator[sp.Child]:
    with _start(True) as started:
        yield started


def test_arrays_go_there_and_back(child: sp.Child) -> None:
    large = np.random.default_rng(0).standard_normal((700, 700))
    reply = child.request({"op": "double"}, [large, np.arange(3)], timeout_s=30)
    assert reply.header == {"ok": True}
    np.testing.assert_array_equal(reply.arrays[0], large * 2)
    np.testing.assert_array_equal(reply.arrays[1], [0, 2, 4])


def test_a_job_cannot_change_the_parents_array(child: sp.Child) -> None:
    large = np.ones((700, 700))
    reply = child.request({"op": "scribble"}, [large], timeout_s=30)
    assert reply.arrays[0] == 2 * large.size and (large == 1).all()


def test_an_exception_comes_back_as_data(child: sp.Child) -> None:
    reply = child.request({"op": "read", "path": "/no/such/file"}, timeout_s=30)
    assert reply.header["ok"] is False and reply.header["type"] == "FileNotFoundError"
    assert child.request({"op": "echo"}, timeout_s=30).header["ok"]


def test_a_silent_job_is_killed_with_what_it_started(child: sp.Child) -> None:
    mark = f"{600 + os.getpid() / 1e8:.8f}"
    child.request({"op": "leave_sleeper", "seconds": mark}, timeout_s=30)
    assert _sleepers(mark) == 1
    with pytest.raises(sp.ChildTimeout, match="within 0.2 s"):
        child.request({"op": "sleep", "seconds": 600}, timeout_s=0.2)
    assert not child.alive
    assert _gone(mark)


def test_ways_to_die(child: sp.Child) -> None:
    child.request({"op": "say", "bytes": 200_000}, timeout_s=30)
    with pytest.raises(sp.ChildDied, match="SIGSEGV") as caught:
        child.request({"op": "segfault"}, timeout_s=30)
    assert caught.value.returncode == -signal.SIGSEGV
    assert caught.value.stderr_tail.endswith("last words")


@pytest.mark.parametrize("isolated", [False, True])
def test_exit_status_is_reported(isolated: bool) -> None:
    with _start(isolated) as child, pytest.raises(sp.ChildDied) as caught:
        child.request({"op": "exit", "code": 7}, timeout_s=30)
    assert caught.value.returncode == 7


def test_something_that_is_no_message_ends_the_job(child: sp.Child) -> None:
    with pytest.raises(ChannelError):
        child.request({"op": "garbage"}, timeout_s=30)
    assert not child.alive


limits_memory = pytest.mark.skipif(
    bool(bubblewrap.cuda_devices()), reason="no limit on the address space where CUDA devices are"
)


@limits_memory
@pytest.mark.parametrize("isolated", [False, True])
def test_memory_limit(isolated: bool) -> None:
    with _start(isolated, memory_bytes=4 << 30) as child:
        reply = child.request({"op": "allocate", "bytes": 8 << 30}, timeout_s=30)
        assert reply.header["type"] == "MemoryError"


@pytest.mark.parametrize("isolated", [False, True])
def test_limits(isolated: bool) -> None:
    with _start(isolated, cpu_s=1.0) as child, pytest.raises(sp.ChildDied) as caught:
        child.request({"op": "spin"}, timeout_s=30)
    assert caught.value.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
    with _start(isolated, wall_s=0.5) as child, pytest.raises(sp.ChildDied) as caught:
        child.request({"op": "sleep", "seconds": 60}, timeout_s=30)
    assert caught.value.returncode == -signal.SIGALRM


@needs_isolation
def test_fork_bomb_is_contained() -> None:
    with _start(True, processes=50) as child:
        reply = child.request({"op": "fork_bomb"}, timeout_s=60)
        assert reply.header["refused"] and reply.header["started"] < 50


@needs_isolation
def test_isolated_sees_no_network_no_home_no_secrets(jailed: sp.Child, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    home = Path(os.path.expanduser("~")) / "."
    for path in (str(secret), "/etc/passwd", "/etc/shadow", f"/host{secret}"):
        reply = jailed.request({"op": "read", "path": path}, timeout_s=30)
        assert reply.header["ok"] is False, path
    names = jailed.request({"op": "list", "path": str(home)}, timeout_s=30).header.get("names", [])
    assert not {".ssh", ".bashrc", ".cache", ".config"} & set(names)
    assert "PATH" in jailed.request({"op": "environment"}, timeout_s=30).header["env"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reply = jailed.request({"op": "connect", "port": port}, timeout_s=30)
    assert reply.header["ok"] is False and "Error" in reply.header["type"]


@needs_isolation
def test_isolated_environment_is_empty_but_for_what_is_given(jailed: sp.Child) -> None:
    os.environ["KERNELWRIGHT_TEST_SECRET"] = "hush"
    try:
        env = jailed.request({"op": "environment"}, timeout_s=30).header["env"]
    finally:
        del os.environ["KERNELWRIGHT_TEST_SECRET"]
    assert "hush" not in env.values() and not [n for n in env if "TOKEN" in n or "KEY" in n]
    assert env["MALLOC_TRIM_THRESHOLD_"] == "1000000000" and env["OMP_NUM_THREADS"]


@needs_isolation
def test_isolated_writes_only_to_its_own_tmp(jailed: sp.Child) -> None:
    package = str(Path(sp.__file__).parent / "x")
    for path in ("/x", "/usr/x", "/dev/x", "/etc/x", package, str(JOBS / "x")):
        reply = jailed.request({"op": "write", "path": path}, timeout_s=30)
        assert reply.header["ok"] is False, path
    assert jailed.request({"op": "write", "path": "/tmp/x"}, timeout_s=30).header["ok"]
    with _start(True) as other:
        names = other.request({"op": "list", "path": "/tmp"}, timeout_s=30).header["names"]
        assert "x" not in names
        # A fresh /proc shows the job alone; where the kernel refuses one, the sandbox's shows on.
        visible = other.request({"op": "processes"}, timeout_s=30).header["n"]
        assert visible <= (3 if os.geteuid() == 0 else len(psutil.pids()) // 2)
        assert other.request({"op": "kill_all"}, timeout_s=30).header["ok"] is False
    assert not os.path.exists("/tmp/x") and jailed.alive


@needs_isolation
def test_readable_paths_even_if_private_to_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "only mine"
    folder.mkdir(mode=0o700)
    (folder / "a.txt").write_text("hello")
    (folder / "a.txt").chmod(0o600)
    lone = tmp_path / "lone.txt"
    lone.write_text("world")
    with sp.start(
        "sandbox_jobs:answer", isolated=True, readable=[JOBS, folder, lone], env=ENV
    ) as child:
        for path, text in ((folder / "a.txt", "hello"), (lone, "world")):
            reply = child.request({"op": "read", "path": str(path)}, timeout_s=30)
            assert reply.header.get("text") == text, reply.header
            reply = child.request({"op": "write", "path": str(path)}, timeout_s=30)
            assert reply.header["ok"] is False
    assert (folder / "a.txt").read_text() == "hello"


@needs_isolation
def test_without_nested_namespaces_each_job_has_a_sandbox_of_its_own(tmp_path: Path) -> None:
    _start(True).close()
    kind = fork_server.Kind("bubblewrap", (), tuple(sorted(ENV.items())))
    zygote = fork_server.serving(kind)
    zygote.nested = False
    try:
        with _start(True) as child:
            assert child.request({"op": "echo"}, timeout_s=60).header["ok"]
            (tmp_path / "secret").write_text("s")
            for path in (str(tmp_path / "secret"), f"/host{tmp_path / 'secret'}", "/etc/passwd"):
                assert not child.request({"op": "read", "path": path}, timeout_s=30).header["ok"]
            assert not child.request({"op": "write", "path": "/x"}, timeout_s=30).header["ok"]
    finally:
        zygote.nested = True


@limits_memory
def test_at_the_last_level_jobs_still_have_limits() -> None:
    env = {**ENV, "ONLY_HERE": "2"}
    with sp.start("sandbox_jobs:answer", isolated=True, env=env, level="rlimits") as child:
        reply = child.request({"op": "allocate", "bytes": 1 << 40}, timeout_s=30)
        assert reply.header["type"] == "MemoryError"
        found = child.request({"op": "environment"}, timeout_s=30).header["env"]
        assert "HOME" in found and not set(found) & {"PYTEST_CURRENT_TEST", "PWD"}


def test_a_job_starts_fast() -> None:
    times = []
    _start(True).close()
    for _ in range(5):
        began = time.perf_counter()
        with _start(True) as child:
            child.request({"op": "echo"}, timeout_s=30)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.3


def test_children_outlive_the_thread_that_started_them() -> None:
    started: list[sp.Child] = []
    env = {**ENV, "ONLY_HERE": "1"}  # its own fork server, launched from the thread below
    thread = threading.Thread(
        target=lambda: started.append(
            sp.start("sandbox_jobs:answer", isolated=True, env=env, readable=[JOBS])
        )
    )
    thread.start()
    thread.join()
    time.sleep(0.1)
    with started[0] as child:
        assert child.request({"op": "echo"}, timeout_s=30).header["ok"]


@pytest.mark.parametrize("how", ["exit", "kill"])
def test_nothing_is_left_when_the_judge_ends(how: str) -> None:
    mark = f"{700 + os.getpid() / 1e8 + (how == 'kill'):.8f}"
    script = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from kernelwright.sandbox.process import start\n"
        f"jobs = Path({str(JOBS)!r})\n"
        "for isolated in (False, True):\n"
        "    c = start('sandbox_jobs:answer', isolated=isolated, readable=[jobs],\n"
        "              env={'PYTHONPATH': str(jobs)})\n"
        f"    c.request({{'op': 'leave_sleeper', 'seconds': {mark!r}}}, timeout_s=60)\n"
        "    globals()[f'keep{isolated}'] = c\n"
        + ("os.kill(os.getpid(), signal.SIGKILL)\n" if how == "kill" else "")
    )
    source = str(Path(sp.__file__).parents[2])
    subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": source},
        timeout=120,
        check=how == "exit",
    )
    assert _gone(mark)


def _sleepers(mark: str) -> int:
    return sum(mark in (p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))


def _gone(mark: str) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if not _sleepers(mark):
            return True
        time.sleep(0.05)
    return False


def test_an_environment_under_tmp_works(tmp_path: Path) -> None:
    """The private /tmp of a job does not hide the Python that runs it."""
    copy = tmp_path / "lib" / "kernelwright"
    shutil.copytree(Path(kernelwright.__file__).parent, copy)
    script = (
        "from kernelwright.sandbox.process import shutdown, start\n"
        "import kernelwright\n"
        "child = start('kernelwright.verify.candidate.worker:main', isolated=True)\n"
        "print(kernelwright.__file__, child.request({'op': 'nothing'}, timeout_s=30).header)\n"
        "child.close(); shutdown()\n"
    )
    if not str(tmp_path).startswith("/tmp/"):
        pytest.skip("pytest's folders are not under /tmp here")
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(copy.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert str(copy) in done.stdout


@pytest.mark.parametrize("isolated", [False, True])
def test_a_server_grows_from_one_that_has_most_of_it(isolated: bool) -> None:
    env = {**ENV, "GROWS": str(isolated)}

    def modules(*preload: str) -> list[str]:
        with sp.start("sandbox_jobs:answer", isolated=isolated, readable=[JOBS], env=env,
                      preload=preload) as child:  # fmt: skip
            there: list[str] = child.request({"op": "modules"}, timeout_s=60).header["there"]
            return there

    def server(*preload: str) -> fork_server.ForkServer:
        level = sp.isolation_level() if isolated else None
        return fork_server.serving(fork_server.Kind(level, preload, tuple(sorted(env.items()))))

    assert "colorsys" in modules("colorsys") and "sndhdr" not in modules("colorsys")
    assert {"colorsys", "sndhdr"} <= set(modules("colorsys", "sndhdr"))
    assert "sndhdr" not in modules("colorsys")  # the first one is as it was
    base, grown = server("colorsys"), server("colorsys", "sndhdr")
    assert grown.grown and not base.grown
    assert not server("sndhdr").grown
    base.stop()
    deadline = time.monotonic() + 10
    while grown.alive and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not grown.alive  # nothing outlives the one that it was forked from
    assert "sndhdr" in modules("colorsys", "sndhdr")
