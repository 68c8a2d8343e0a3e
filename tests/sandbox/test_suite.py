"""Every level of isolation that this machine has, against the conformance suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from kernelwright.sandbox import isolation, jail, process
from kernelwright.sandbox.process import Child, Limits
from kernelwright.testing.sandbox_suite import SandboxSuite


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
