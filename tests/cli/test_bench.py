"""``kernelwright bench``: help, options that reach the benchmark, errors, JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kernelwright.cli.bench_suite import command_line
from kernelwright.cli.main import app

COMMANDS = ["judge-calibration", "timing-honesty", "demo"]
SUITE_COMMANDS = ["suite", "plan", "merge", "publish"]


def test_help_names_every_benchmark() -> None:
    shown = CliRunner().invoke(app, ["bench", "--help"], env={"COLUMNS": "160"})
    assert shown.exit_code == 0
    for name in [*COMMANDS, *SUITE_COMMANDS]:
        assert name in shown.output


@pytest.mark.parametrize("name", COMMANDS)
def test_each_has_its_own_help(name: str) -> None:
    shown = CliRunner().invoke(app, ["bench", name, "--help"], env={"COLUMNS": "160"})
    assert shown.exit_code == 0
    assert f"bench {name} [OPTIONS]" in shown.output
    assert {"judge-calibration": "--quick", "timing-honesty": "--pairs", "demo": "--baselines"}[
        name
    ] in shown.output


def test_calibration_as_json(tmp_path: Path) -> None:
    out = tmp_path / "raw.json"
    arguments = ["bench", "judge-calibration", "--only", "gather", "--seeds", "1", "--json"]
    shown = CliRunner().invoke(app, [*arguments, "--out", str(out)])
    assert shown.exit_code == 0, shown.output
    data = json.loads(shown.stdout)
    assert data["out"] == str(out) and out.exists()
    assert data["faults"] == {key: [] for key in data["faults"]}


def test_calibration_as_a_table(tmp_path: Path) -> None:
    arguments = ["bench", "judge-calibration", "--only", "gather", "--seeds", "1"]
    shown = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "raw.json")])
    assert shown.exit_code == 0, shown.output
    assert "honest candidates refused: none" in shown.output
    assert "norm_rounding" in shown.output and str(tmp_path / "raw.json") in shown.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["judge-calibration", "--only", "sofmax"],
        ["judge-calibration", "--nonsense"],
        ["timing-honesty", "--backend", "abacus"],
        ["memory_bond"],
        ["algebra", "--shard", "5/4"],
        ["algebra", "--only", "no_such_*"],
        ["--merge", "no/such/folder"],
        ["publish", "no/such/folder"],
    ],
)
def test_wrong_usage_is_2(arguments: list[str], tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["bench", *arguments])
    assert shown.exit_code == 2
    assert "Traceback" not in shown.output


def test_the_recorded_command_says_nothing_of_where_results_go() -> None:
    typed = ["bench", "algebra", "--out", "/a/b c", "--only", "sum*", "--out=/d"]
    assert command_line(typed) == "kernelwright bench algebra --only 'sum*'"


def test_a_suite_the_whole_road_and_its_merge(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    arguments = ["bench", "memory_bound", "--only", "losses/mse_mean", "--size", "small"]
    arguments += ["--backend", "cpu", "--impl-type", "cpp", "--effort", "none"]
    arguments += ["--baselines", "eager", "--out", str(tmp_path / "one")]
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    assert "losses" in shown.stdout and "report.html" in shown.stdout
    shown = CliRunner().invoke(app, [*arguments, "--json"])
    first = json.loads(shown.stdout)["scores"][-1]
    assert first["correct"] == first["timed"] == first["count"] == 1
    merged = CliRunner().invoke(
        app,
        ["bench", "--merge", str(tmp_path / "one"), "--out", str(tmp_path / "all"), "--json"],
    )
    assert merged.exit_code == 0, merged.output
    assert json.loads(merged.stdout)["scores"][-1] == first


def test_a_suite_verified_and_not_timed(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    arguments = ["bench", "algebra", "--only", "sum_of_sums", "--size", "small", "--backend", "cpu"]
    arguments += ["--impl-type", "cpp", "--verify-only", "--out", str(tmp_path)]
    shown = CliRunner().invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    assert "losses" not in shown.stdout
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "1 of 1" in page and "<svg" not in page


def test_a_suite_planned_here_and_measured_there(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    chosen = ["memory_bound", "--only", "activations/relu", "--size", "small"]
    made = ["--backend", "cpu", "--impl-type", "cpp", "--out", str(tmp_path / "plan")]
    shown = CliRunner().invoke(app, ["bench", "plan", *chosen, *made])
    assert shown.exit_code == 0, shown.output
    run = ["--plan", str(tmp_path / "plan"), "--out", str(tmp_path / "out"), "--json"]
    run += ["--effort", "none", "--baselines", "eager"]
    shown = CliRunner().invoke(app, ["bench", *chosen, *run])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["scores"][-1]["timed"] == 1
    other = ["bench", "memory_bound", "--only", "activations/relu", "--size", "cpu", *run]
    shown = CliRunner().invoke(app, other)
    assert shown.exit_code == 1, shown.output
    assert "another size" in json.loads(shown.stdout)["losses"][0]["why"]
