"""Scores, losses and files of a run, from rows whose numbers are known."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import pytest

from kernelwright.bench.publish import publish, retable
from kernelwright.bench.results import as_csv, summary, write_results
from kernelwright.bench.rows import Row, losses, why
from kernelwright.bench.scores import remarks, scores
from kernelwright.errors import UsageError


def row(name: str, speedup_best: float | None = None, **more: Any) -> Row:
    """A row of family "f" in suite "s"; verified and timed when it has a speedup."""
    timed: dict[str, Any] = {}
    if speedup_best is not None:
        timed = {
            "candidate_us": 100.0,
            "baselines_us": {"eager": 150.0 * speedup_best, "compile": 100.0 * speedup_best},
            "speedup": 1.5 * speedup_best,
            "speedup_best": speedup_best,
            "speedup_best_low": speedup_best * 0.99,
            "speedup_best_high": speedup_best * 1.01,
            "bound_us": 80.0,
            "bound_percent": 80.0,
            "returned": "candidate" if speedup_best >= 1 else "compile",
            "device": "a device",
            "threads": 2,
            "versions": {"torch": "2"},
        }
    fixed = {"suite": "s", "family": "f", "size": "cpu", "backend": "cpu", "status": "PASSED"}
    return Row(**{**fixed, "name": name, "date": "2030-01-01T00:00:00+00:00", **timed, **more})


FAILED = row("failed", status="WRONG_VALUE", check="error_rule", reason="too far\nmore")
ROWS = [
    row("twice", 2.0),
    row("slower", 0.5, library_calls=("aten::mm",)),
    FAILED,
    row("other", 1.02, family="g"),
]


def test_means_are_over_all_workloads_and_a_miss_is_one() -> None:
    f, g, overall = scores(ROWS)
    assert (f.group, g.group, overall.group) == ("f", "g", "all")
    assert f.alone == pytest.approx((2.0 * 0.5 * 1.0) ** (1 / 3))
    assert f.returned == pytest.approx(2.0 ** (1 / 3))
    assert f.over_eager == pytest.approx((3.0 * 0.75) ** (1 / 3))
    assert (f.count, f.correct, f.timed, f.below_1) == (3, 2, 2, 1)
    assert f.fast_1 == pytest.approx(1 / 3) and g.fast_1 == 1.0 and g.fast_1_05 == 0.0
    assert f.worst == 0.5 and overall.count == 4 and f.bound_percent == 80.0
    assert f.within_1_5_of_bound == 2


def test_a_group_without_any_time() -> None:
    (f, overall) = scores([FAILED])
    assert f.alone == f.returned == 1.0 and f.worst is None and f.bound_percent is None
    assert overall.fast_1 == 0.0


def test_several_suites_keep_their_families_apart() -> None:
    groups = [s.group for s in scores([*ROWS, row("twice", 2.0, suite="t")])]
    assert groups == ["s/f", "s/g", "t/f", "all"]


def test_losses_come_misses_first_then_the_worst() -> None:
    rows = [row("a", 0.9), row("b", 1.0), *ROWS]
    assert [r.name for r in losses(rows)] == ["failed", "slower", "a"]
    assert why(FAILED) == "WRONG_VALUE (error_rule): too far"
    said = why(ROWS[1])
    assert "aten::mm" in said and "far from its bound: 80 %" in said and "compile" in said
    assert "equal within the measurement" in why(row("a", 0.995))


def test_what_is_verified_is_no_loss_where_nothing_was_timed() -> None:
    verified = row("verified")
    assert losses([verified, FAILED]) == [FAILED]
    assert losses([verified, row("quick", 2.0)]) == [verified]


def test_remarks_name_weak_families_and_the_producers_cost() -> None:
    stages = {"capture": 1.0, "design": 0.5, "code": 0.25, "verify": 9.0}
    rows = [row("slow", 0.5, stages_s=stages), row("quick", 2.0, family="g")]
    said = "\n".join(remarks(rows, scores(rows)))
    assert "below 0.95: f 0.50x" in said and "1 of 2 workloads (50.0 %) below 1.0" in said
    assert "1.75 s for the median Model" in said


def test_a_wide_interval_is_told() -> None:
    wide = row("wide", 2.0, speedup_best_low=1.5, speedup_best_high=2.1, load=7.5)
    assert wide.unsteady and not ROWS[0].unsteady and not FAILED.unsteady
    rows = [wide, row("b", 1.5, load=0.5)]
    assert any("to a side): 1 of 2" in text for text in remarks(rows, scores(rows)))
    assert summary(rows)["load"] == [0.5, 7.5]


def test_csv_has_one_line_a_workload() -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(ROWS))))
    assert [line["name"] for line in lines] == ["twice", "slower", "failed", "other"]
    assert lines[0]["fastest_baseline"] == "compile" and lines[0]["fastest_baseline_us"] == "200.0"
    assert lines[2]["candidate_us"] == "" and lines[2]["counts_alone"] == "1.0"
    assert lines[1]["counts_returned"] == "1.0" and lines[1]["why"]


def test_summary_is_json_and_says_where_runs_differ() -> None:
    rows = [ROWS[0], row("b", 1.5, versions={"torch": "3"})]
    data = json.loads(json.dumps(summary(rows)))
    assert data["versions"] == {"torch": '"2" | "3"'}
    assert data["devices"] == ["a device"] and len(data["rows"]) == 2
    assert math.isclose(data["scores"][-1]["alone"], math.sqrt(3.0))


def test_the_page_shows_losses_before_families(tmp_path: Path) -> None:
    page = write_results(tmp_path, ROWS).read_text(encoding="utf-8")
    for name in ("results.json", "results.csv"):
        assert (tmp_path / name).stat().st_size
    assert page.index("too far") < page.index("<h2>Families</h2>") < page.index("<svg")
    assert page.count("<svg") == 2 and "kernels/s-cpu-cpu/f/twice/report.html" in page
    assert "3 of 4" in page


def test_a_run_without_times_has_a_page_too(tmp_path: Path) -> None:
    page = write_results(tmp_path, [FAILED]).read_text(encoding="utf-8")
    assert "<svg" not in page and "too far" in page


def test_publishing_and_writing_the_table_again(tmp_path: Path) -> None:
    page, results = tmp_path / "benchmarks.md", tmp_path / "results"
    page.write_text("# Benchmarks\n\n<!-- s-cpu -->\nold\n<!-- /s-cpu -->\n\nend\n")
    assert publish(ROWS, page, results) == ["s-cpu"]
    text = page.read_text()
    assert "old" not in text and text.endswith("end\n") and "| **all** | **4** |" in text
    assert "a device, 2 threads, size cpu, 2030-01-01; torch 2." in text and "s/f/failed" in text
    page.write_text("# Benchmarks\n")
    assert retable(results / "s-cpu.json", page) == "s-cpu"
    assert "| **all** | **4** |" in page.read_text()
    with pytest.raises(UsageError, match="several sizes"):
        publish([*ROWS, row("twice", 2.0, size="small")], page, results)
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(UsageError, match="no summary"):
        retable(tmp_path / "bad.json", page)
