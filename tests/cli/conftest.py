"""The command line as a user runs it: a process, its streams and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture
def kw(tmp_path: Path) -> Run:
    """``kw("optimize", path, ...)`` in an empty folder, with a record of its own."""

    def run(*arguments: object, timeout: float = 200.0) -> Ran:
        env = {
            **os.environ,
            "KERNELWRIGHT_STATE_DIR": str(tmp_path / "state"),
            "KERNELWRIGHT_TIMEOUTS_REFERENCE_S": "15",
            "COLUMNS": "160",
        }
        done = subprocess.run(
            [sys.executable, "-m", "kernelwright", *map(str, arguments)],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


GOOD = """
import torch

class Model(torch.nn.Module):
    def forward(self, x, y):
        return torch.relu(x + y) * 0.5

def get_inputs():
    return [torch.randn(64, 128), torch.randn(64, 128)]

def get_init_inputs():
    return []
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.py"
    path.write_text(GOOD)
    return path
