"""The conformance suite again as an ordinary user, when the tests are run by root."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import kernelwright
from kernelwright.sandbox import isolation, jail

HERE = Path(__file__).parent


@pytest.mark.skipif(not jail.as_machine_root(), reason="the whole suite runs as a user already")
def test_the_suite_passes_as_an_ordinary_user() -> None:
    paths = [str(Path(kernelwright.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    with tempfile.TemporaryDirectory(prefix="user-") as home:
        launcher = [sys.executable, str(HERE / "jobs" / "as_user.py"), home]
        suite = ["-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-p", "no:asyncio"]
        options = ["-c", os.devnull, "--rootdir", str(HERE), str(HERE / "test_suite.py")]
        options += ["-k", "TestBubblewrap or TestLandlock"]
        done = subprocess.run(
            [*launcher, sys.executable, *suite, *options],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            capture_output=True,
            text=True,
            timeout=300,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    levels = sum(isolation.missing(level) is None for level in ("bubblewrap", "landlock"))
    assert passed and int(passed[1]) > 25 * levels, done.stdout
