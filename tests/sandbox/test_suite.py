"""Every level of isolation that this machine has, against the conformance suite."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from kernelwright.errors import SandboxError
from kernelwright.sandbox import bubblewrap, isolation, jail, landlock, process
from kernelwright.sandbox.process import Child, Limits
from kernelwright.testing.sandbox_suite import ENTRY, SandboxSuite


class _Level(SandboxSuite):
    level: isolation.Level

    def start(
        self,
        entry: str,
        *,
        limits: Limits | None = None,
        readable: Sequence[Path] = (),
        env: Mapping[str, str] | None = None,
    ) -> Child:
        if problem := isolation.missing(self.level):
            pytest.skip(problem)
        return process.start(
            entry, isolated=True, limits=limits, readable=readable, env=env, level=self.level
        )


class TestBubblewrap(_Level):
    level: isolation.Level = "bubblewrap"
    hides_processes = jail.as_machine_root()  # else the kernel refuses a second /proc


class TestLandlock(_Level):
    level: isolation.Level = "landlock"
    hides_processes = False


class _Open(SandboxSuite):
    """No sandbox at all."""

    def start(
        self,
        entry: str,
        *,
        limits: Limits | None = None,
        readable: Sequence[Path] = (),
        env: Mapping[str, str] | None = None,
    ) -> Child:
        return process.start(entry, isolated=False, limits=limits, readable=readable, env=env)


def test_the_suite_sees_that_there_is_no_sandbox(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    suite = _Open()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    inet, stream = socket.AF_INET, socket.SOCK_STREAM
    checks: list[Callable[[Callable[..., Child]], None]] = [
        lambda job: suite.test_the_environment_holds_nothing_of_the_judges(job, monkeypatch),
        suite.test_secrets_of_other_processes_are_not_in_proc,
        lambda job: suite.test_files_that_were_not_granted_cannot_be_read(
            job, tmp_path / "a", 0o644
        ),
        lambda job: suite.test_readable_files_are_readable_and_cannot_be_changed(
            job, tmp_path / "b"
        ),
        suite.test_the_judges_own_code_cannot_be_changed,
        lambda job: suite.test_nothing_is_written_outside_the_work_folder(job, tmp_path),
        suite.test_other_processes_are_out_of_reach,
        suite.test_no_privileges_and_none_to_gain,
        lambda job: suite.test_no_tcp_and_no_udp_even_to_this_machine(job, inet),
        lambda job: suite.test_unix_sockets_of_the_machine_are_out_of_reach(
            job, tmp_path, True, stream
        ),
        suite.test_shared_memory_of_the_machine_is_out_of_reach,
        suite.test_system_calls_that_break_out_are_refused,
    ]
    for check in checks:
        with ExitStack() as stack, pytest.raises(AssertionError):

            def begin(stack: ExitStack = stack, **options: object) -> Child:
                return stack.enter_context(suite.start(ENTRY, **options))  # type: ignore[arg-type]

            check(begin)


def test_levels_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "_probed", lambda: (None, "no namespaces, says the test"))
    monkeypatch.setattr(landlock, "abi", lambda: 0)
    found = isolation.isolation()
    assert found.level == "rlimits" and "says the test" in found.notes[0]
    assert "Landlock" in found.notes[1] and "read, write and reach" in found.notes[2]
    with pytest.raises(SandboxError, match="says the test.*--allow-unsandboxed"):
        isolation.require(allow_unsandboxed=False)
    assert isolation.require(allow_unsandboxed=True) == found
    for level in ("bubblewrap", "landlock"):
        with pytest.raises(SandboxError, match=f"no isolation by {level}"):
            process.start(ENTRY, isolated=True, level=level)
    with pytest.raises(SandboxError, match="there are bubblewrap, landlock, rlimits"):
        process.start(ENTRY, isolated=True, level="none")  # type: ignore[arg-type]


def test_what_an_older_landlock_leaves_open_is_said() -> None:
    assert landlock.gaps(7) == [] and len(landlock.gaps(1)) == 3
