"""The calibration finds what is wrong with constants, and says the same as the judge."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.bench import judge_calibration
from kernelwright.bench.calibration import findings
from kernelwright.bench.calibration.margins import NAMES, Constants, margin
from kernelwright.bench.judge_calibration import Calibration, calibrate, default_out, write_raw
from kernelwright.errors import UnknownNameError
from kernelwright.verify.rule import compare
from kernelwright.verify.rule.compare import judge_outputs
from kernelwright.verify.rule.verdict import Outputs

DTYPES = [np.float32, np.float64, np.float16, ml_dtypes.bfloat16]


@st.composite
def answers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, reference and a candidate whose error is some number of roundings."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 20)))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    size = draw(st.sampled_from([1, 7, 1500]))
    u = float(ml_dtypes.finfo(dtype).eps) / 2
    truth = rng.standard_normal(size) * draw(st.sampled_from([1e-3, 1.0, 30.0]))
    truth[rng.random(size) < 0.1] = 0.0
    own, theirs = (draw(st.sampled_from([0.0, 0.5, 3.0, 40.0, 300.0])) for _ in range(2))

    def moved(by: float) -> np.ndarray:
        wrong = truth * (1 + by * u * rng.standard_normal(size))
        if draw(st.booleans()):
            wrong = wrong + by * u * rng.standard_normal(size) * (rng.random(size) < 0.01)
        return wrong.astype(dtype)

    return truth, moved(own), moved(theirs)


@settings(max_examples=200, deadline=None)
@given(answers())
def test_a_margin_is_the_judges_verdict(found: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    truth, reference, candidate = found
    measured = margin(*found, Constants.in_force(reference.dtype.name))
    own, theirs = (Outputs([a], "tensor") for a in (reference, candidate))
    verdict = judge_outputs([truth], own, theirs)
    if abs(measured.worst - 1) > 1e-9:
        assert verdict.passed == (not measured.refused)


@settings(max_examples=200, deadline=None)
@given(answers(), st.sampled_from(NAMES))
def test_needed_is_where_the_clause_turns(
    found: tuple[np.ndarray, np.ndarray, np.ndarray], name: str
) -> None:
    constants = Constants.in_force(found[1].dtype.name)
    clause = name.split("_")[0]
    needed = margin(*found, constants).needed[name]
    if not 0 < needed < math.inf:
        return
    for value, refused in ((needed * 1.001, False), (needed * 0.999, True)):
        again = margin(*found, replace(constants, **{name: value}))
        assert (getattr(again, clause) > 1) is refused


def one(only: str, **options: int) -> Calibration:
    return calibrate(seeds=1, only=(only,), **options)


def test_a_sound_family_has_no_faults() -> None:
    result = one("swiglu")
    assert result.exit_code == 0
    assert not any(findings.faults(result.samples).values())
    dtypes = [row.dtype for row in findings.rows(result.samples)]
    assert dtypes == ["float32", "float64", "float16", "bfloat16"]
    for row in findings.rows(result.samples):
        assert 0 < row.honest_norm.value < 1 < row.lowered.value
    assert all(room.inside for room in findings.rooms(result.samples))


def test_constants_that_are_too_wide_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "NORM_ROUNDING_DEFAULT", 1e7)
    monkeypatch.setattr(compare, "ELEMENT_ROUNDING_DEFAULT", 1e7)
    result = one("sigmoid")
    assert result.exit_code == 1
    missed = findings.faults(result.samples)["lower precision not refused"]
    assert {s.dtype for s in missed} == {"float32"}
    assert "inputs rounded" in {s.candidate for s in missed}


def test_constants_that_are_too_narrow_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NORM_ROUNDING_DEFAULT", "ELEMENT_ROUNDING_DEFAULT", "NORM_FACTOR"):
        monkeypatch.setattr(compare, name, 0.5)
    result = one("scatter_add")
    assert result.exit_code == 1
    assert findings.faults(result.samples)["honest candidates refused"]
    outside = [r for r in findings.rooms(result.samples) if not r.inside]
    assert {r.constant for r in outside} & {"norm_rounding", "norm_factor"}
    assert all(r.smallest.value > r.in_force for r in outside)


def test_rounding_that_a_family_does_not_have_is_no_candidate() -> None:
    result = one("relu")
    names = {s.candidate for s in result.samples if s.counts}
    assert "inputs rounded" in names and "intermediates rounded" not in names
    assert "fast exp" not in names


def test_an_unknown_family_is_told() -> None:
    with pytest.raises(UnknownNameError, match="softmax"):
        one("sofmax")


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    result = one("gather")
    path = tmp_path / "folder" / "raw.json"
    write_raw(path, result, {"numpy": np.__version__})
    data = json.loads(path.read_text())
    assert len(data["rows"]) == data["samples"] == len(result.samples) > 50
    assert len(data["rows"][0]) == len(data["columns"])
    assert data["complete"] and data["versions"]["numpy"] == np.__version__


def test_an_interrupted_run_keeps_what_it_has() -> None:
    def interrupt(text: str) -> None:
        if "float64" in text:
            raise KeyboardInterrupt

    result = calibrate(seeds=1, only=("relu",), on_progress=interrupt)
    assert result.samples and not result.complete and result.exit_code == 130


def test_only_whole_runs_go_into_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_out(whole=True).parent == Path("kernelwright-out")
    (tmp_path / "bench" / "results").mkdir(parents=True)
    assert default_out(whole=True).parent == Path("bench/results")
    assert default_out(whole=False).parent == Path("kernelwright-out")


def test_the_task_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("class Model: pass")
    (tmp_path / "run_b.py").write_text("class Model: pass")
    (tmp_path / "c.py").write_text("x = 1")
    assert [p.name for p in judge_calibration.task_files(tmp_path)] == ["a.py"]
    assert judge_calibration.task_files(tmp_path / "none") == []
