"""The runner: records, continuing, interruption, merging. A scripted job stands where the main job
would; one workload goes the whole road."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kernelwright.bench.rows import RAW, read_rows
from kernelwright.bench.runner import RunOptions, code_digest, run_suite
from kernelwright.bench.suite import Workload, find_suite
from kernelwright.config import resolve
from kernelwright.errors import UsageError
from kernelwright.schema import Candidate, Evaluation, Measurement, Status
from kernelwright.task.progress import Silent
from kernelwright.task.result import Attempt, OptimizeResult, failed

MODEL = "class Model:\n    def forward(self, x):\n        return x\n"
SETTINGS = {"backend": "cpu", "effort": "none", "baselines": ("eager",)}


@pytest.fixture
def workloads(tmp_path: Path) -> list[Workload]:
    for name in ("a", "b", "c"):
        path = tmp_path / "suite" / "family" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n{MODEL}")
    return find_suite(str(tmp_path / "suite"))


class Scripted:
    """A job that measures nothing: kernels are ``speedup`` times as fast as eager."""

    def __init__(self, speedup: float = 2.0, before: Callable[[str], None] | None = None) -> None:
        self.speedup, self.before = speedup, before
        self.seen: list[str] = []

    def __call__(self, workload: Workload, path: Path, out: Path, observer: Any) -> OptimizeResult:
        if self.before is not None:
            self.before(path.stem)
        self.seen.append(path.stem)
        measured = Measurement(
            candidate_us=10.0,
            baselines_us={"eager": 10.0 * self.speedup},
            speedup=self.speedup,
            speedup_low=self.speedup,
            speedup_high=self.speedup,
            speedup_best=self.speedup,
            device="scripted",
        )
        candidate = Candidate({"kernel.py": b""}, "kernel.py", "cpp", "builtin")
        attempt = Attempt("cpp", candidate, Evaluation(Status.PASSED, measurement=measured))
        return OptimizeResult(path.stem, out, attempt, (attempt,), stages_s={"capture": 0.5})


def options(out: Path, **more: Any) -> RunOptions:
    return RunOptions(out=out, optimize=SETTINGS, command="bench it", **more)


def test_each_workload_leaves_its_record(workloads: list[Workload], tmp_path: Path) -> None:
    job, out = Scripted(), tmp_path / "out"
    rows, ended = run_suite(workloads, options(out), resolve(), job, Silent())
    assert ended == "" and job.seen == ["a", "b", "c"]
    assert [r.label for r in rows] == ["family/a", "family/b", "family/c"]
    assert rows[0].alone == 2.0 and rows[0].device == "scripted" and rows[0].command == "bench it"
    assert rows[0].stages_s == {"capture": 0.5}
    assert (out / "references" / "suite-cpu-cpu" / "family" / "a.py").read_text() == f"# a\n{MODEL}"
    assert read_rows([out]) == rows


def test_it_continues_and_notices_changes(workloads: list[Workload], tmp_path: Path) -> None:
    out, config = tmp_path / "out", resolve()
    run_suite(workloads, options(out), config, Scripted(), Silent())
    job = Scripted()
    rows, _ = run_suite(workloads, options(out), config, job, Silent())
    assert job.seen == [] and len(rows) == 3
    changed = [dataclasses.replace(workloads[0], text=f"# new\n{MODEL}"), *workloads[1:]]
    run_suite(changed, options(out), config, job, Silent())
    assert job.seen == ["a"]
    run_suite(workloads[1:], options(out, fresh=True), config, job, Silent())
    assert job.seen == ["a", "b", "c"]
    other = RunOptions(out=out, optimize={**SETTINGS, "effort": "full"})
    run_suite(workloads[:1], other, config, job, Silent())
    assert job.seen == ["a", "b", "c", "a"]


def test_interruption_keeps_what_is_finished(workloads: list[Workload], tmp_path: Path) -> None:
    def stop(name: str) -> None:
        if name == "c":
            raise KeyboardInterrupt

    out = tmp_path / "out"
    rows, ended = run_suite(workloads, options(out), resolve(), Scripted(before=stop), Silent())
    assert ended == "interrupted" and [r.name for r in rows] == ["a", "b"]
    job = Scripted()
    rows, ended = run_suite(workloads, options(out), resolve(), job, Silent())
    assert ended == "" and job.seen == ["c"] and len(rows) == 3


def test_out_of_time_starts_nothing_more(workloads: list[Workload], tmp_path: Path) -> None:
    rows, ended = run_suite(
        workloads, options(tmp_path / "out", wall_s=0.0), resolve(), Scripted(), Silent()
    )
    assert ended == "out of time" and not rows


def test_a_failure_is_a_miss_and_ours_is_tried_again(
    workloads: list[Workload], tmp_path: Path
) -> None:
    def job(workload: Workload, path: Path, out: Path, observer: Any) -> OptimizeResult:
        status = Status.INFRA_ERROR if path.stem == "a" else Status.WRONG_VALUE
        return failed(path.stem, out, status, "some_check", "because")

    out = tmp_path / "out"
    rows, _ = run_suite(workloads, options(out), resolve(), job, Silent())
    assert [r.alone for r in rows] == [1.0] * 3 and not any(r.correct for r in rows)
    again = Scripted()
    run_suite(workloads, options(out), resolve(), again, Silent())
    assert again.seen == ["a"]


def test_merging_takes_the_newest(workloads: list[Workload], tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    run_suite(workloads[:2], options(one), resolve(), Scripted(2.0), Silent())
    run_suite(workloads[1:], options(two), resolve(), Scripted(3.0), Silent())
    for path in (two / RAW).rglob("*.json"):
        path.write_text(path.read_text().replace('"date": "20', '"date": "21'))
    rows = read_rows([two, one])
    assert [(r.name, r.alone) for r in rows] == [("a", 2.0), ("b", 3.0), ("c", 3.0)]
    with pytest.raises(UsageError, match="holds no results"):
        read_rows([tmp_path / "suite"])


def test_a_size_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "suite" / "own.py"
    path.parent.mkdir()
    path.write_text('SIZES = {"cpu": 7}\nn = SIZES["cpu"]\n' + MODEL)
    found, job = find_suite(str(tmp_path / "suite")), Scripted()
    with pytest.raises(UsageError, match="no size 'gpu'"):
        run_suite(found, options(tmp_path / "out", size="gpu"), resolve(), job, Silent())


def test_the_code_has_a_digest() -> None:
    assert len(code_digest()) == 12 and code_digest() == code_digest()
