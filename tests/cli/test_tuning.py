"""Tuning from the command line: Ctrl-C keeps the best so far, the same command continues."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .conftest import Run

COLUMNS = """
import torch
class Model(torch.nn.Module):
    def forward(self, x):
        return torch.relu(x).sum(0)
def get_inputs():
    return [torch.randn(300, 1024)]
"""


def tried(state: Path) -> list[str]:
    if not (state / "runs.db").exists():
        return []
    with sqlite3.connect(state / "runs.db") as db:
        try:
            rows = db.execute("SELECT detail FROM step WHERE name = 'tried' ORDER BY id")
            details = [json.loads(d) for (d,) in rows]
            return [json.dumps([d["number"], d["point"]]) for d in details]  # design, setting
        except sqlite3.OperationalError:  # not there yet
            return []


@pytest.mark.heavy
def test_ctrl_c_while_tuning_keeps_the_best_and_the_same_command_continues(
    kw: Run, tmp_path: Path
) -> None:
    (tmp_path / "columns.py").write_text(COLUMNS)
    state, out = tmp_path / "state", tmp_path / "out"
    command = ["optimize", "columns.py", "--backend", "cpu", "--impl-type", "cpp", "--effort",
               "full", "--budget", "600", "--baselines", "eager", "--out", str(out),
               "--json"]  # fmt: skip
    child = subprocess.Popen(
        [sys.executable, "-m", "kernelwright", *command],
        cwd=tmp_path, env={**os.environ, "KERNELWRIGHT_STATE_DIR": str(state)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 180
    while not tried(state):
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGINT)
    printed, said = child.communicate(timeout=60)
    assert child.returncode == 130, said
    row = json.loads(printed)
    assert row["status"] == "PASSED"
    assert row["optimized_us"] is None, "nothing is claimed unmeasured"
    assert (out / "kernel.py").exists()
    notes = json.loads((out / "evaluation.json").read_text())["notes"]
    assert any("interrupted" in note for note in notes)
    before = tried(state)

    again = kw(*command, timeout=300)
    assert again.code == 0, again.err
    after = tried(state)
    assert after[: len(before)] == before
    assert len(set(after)) == len(after), "no setting is tried twice"
    assert again.json["optimized_us"] > 0
