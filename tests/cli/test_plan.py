"""Plan here, tune there, as processes: a plan for this CPU is tuned, bad folders are one error."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from .conftest import Run

BROKEN = """
import torch
class Model(torch.nn.Module):
    def forward(self, x):
        raise RuntimeError("no")
def get_inputs():
    return [torch.randn(4)]
"""


def test_a_plan_is_tuned_past_a_damaged_workload_and_a_second_run_does_nothing(
    kw: Run, good: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text(BROKEN)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "good.py").write_text(good.read_text())
    planned = kw("plan", good, "broken.py", "other/good.py", "--backend", "cpu", "--impl-type",
                 "cpp", "--out", "plan", "--json")  # fmt: skip
    rows = [json.loads(line) for line in planned.out.splitlines()]
    assert planned.code == 2
    assert [r["status"] for r in rows] == ["PLANNED", "REFERENCE_BROKEN", "PLANNED"]
    assert rows[0]["printed"] == ["cpp"]
    assert {"capture", "design", "check", "print"} <= set(rows[0]["stages_s"])
    for name in ("reference.py", "design0.aul", "cpp/kernel.cpp", "cpp/kernel.py"):
        assert (tmp_path / "plan" / "good" / name).stat().st_size > 0, name
    assert not (tmp_path / "plan" / "broken").exists()

    (tmp_path / "plan" / "good" / "design0.json").write_text("{}")
    tune = ("tune", "plan", "--effort", "none", "--baselines", "eager", "--json")
    ran = kw(*tune)
    assert ran.code == 2
    damaged, fine = [json.loads(line) for line in ran.out.splitlines()]
    assert (damaged["status"], fine["status"]) == ("USAGE_ERROR", "PASSED")
    assert "design" in damaged["reason"]
    assert fine["impl_type"] == "cpp"
    assert fine["optimized_us"] > 0
    assert fine["bound_us"] > 0, "the plan holds the simplified computation"
    assert (tmp_path / "plan" / "tuned" / "good-2" / "report.html").exists()
    with sqlite3.connect(tmp_path / "state" / "runs.db") as db:
        (steps,) = db.execute("SELECT count(*) FROM step").fetchone()
        again = kw(*tune, "--shard", "2/2")
        assert json.loads(again.out) == fine
        assert db.execute("SELECT count(*) FROM step").fetchone() == (steps,)


def test_bad_folders_and_shards_are_one_clear_error(kw: Run, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    newer = tmp_path / "newer"
    newer.mkdir()
    (newer / "plan.json").write_text('{"version": 99}')
    for folder, word in (("nowhere", "no folder"), (empty, "plan.json"), (newer, "version")):
        ran = kw("tune", folder, "--json")
        assert ran.code == 2
        assert ran.json["status"] == "USAGE_ERROR"
        assert word in ran.json["reason"]
        assert "Traceback" not in ran.err
    assert "i/n" in kw("tune", empty, "--shard", "3/2", "--json").json["reason"]


def test_help_has_examples(kw: Run) -> None:
    for command in ("plan", "tune"):
        assert "kernelwright " + command in kw(command, "--help").out
