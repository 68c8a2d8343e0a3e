"""What a terminal shows: widths, and every failure with its place and how to repeat it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from kernelwright.cli.run import guarded
from kernelwright.cli.tables import (
    choice_remarks,
    choice_table,
    evolution_remarks,
    remarks,
    results_table,
)
from kernelwright.errors import CaptureError, SandboxError, UsageError
from kernelwright.schema import Candidate, ErrorStatistics, Evaluation, Measurement, Status
from kernelwright.task.evolve import Evolved
from kernelwright.task.judge import Choice
from kernelwright.task.result import Attempt, OptimizeResult, failed

ERROR = ErrorStatistics(7.2e-8, 8.3e-8, 2e-6)
TIMES = Measurement(13740.0, {"eager": 17418.0}, 1.27, 1.18, 1.53, 1.27, 1400.0, 10.2)
KERNEL = Candidate({"kernel.py": b"def kernel(x): return x"}, producer="builtin")


def result(op: str = "row_sum_column_max", **changes: Any) -> OptimizeResult:
    notes = changes.pop("notes", ())
    settings: dict[str, Any] = {"status": Status.PASSED, "error": ERROR, "measurement": TIMES}
    attempt = Attempt("cpp", KERNEL, Evaluation(**settings | changes))
    return OptimizeResult(op, Path("out"), attempt, (attempt,), notes=notes)


def shown(table: object, width: int) -> list[str]:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(table)
    return console.export_text().splitlines()


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_gain_is_claimed_that_the_interval_does_not_show(width: int) -> None:
    unsure = replace(TIMES, speedup=1.03, speedup_low=0.98, speedup_high=1.08)
    lines = shown(results_table([result(measurement=unsure)], width), width)
    assert max(map(len, lines)) <= width
    assert "no gain claimed" in "\n".join(lines)
    assert "no gain" not in "\n".join(shown(results_table([result()], width), width))


def test_the_fastest_baseline_is_told() -> None:
    both = replace(
        TIMES, baselines_us={"eager": 17418.0, "compile": 14000.0}, speedup_best=1.02,
        speedup_best_low=0.99, speedup_best_high=1.05,
    )  # fmt: skip
    (line,) = [s for s in remarks([result(measurement=both)]) if "compile" in s]
    assert "14,000 us" in line and "1.02x [0.99, 1.05], no gain claimed" in line
    assert not [s for s in remarks([result()]) if "fastest baseline" in s]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_the_table_of_the_main_job_fits_and_cuts_nothing(width: int) -> None:
    lines = shown(results_table([result(), result(reduced=True, measurement=None)], width), width)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= width
    assert "…" not in text
    for word in ("op", "status", "impl_type", "error", "original", "optimized",
                 "speedup", "[95 %]", "% of", "bound", "7.2e-08", "8.3e-08", "17,418", "13,740",
                 "1.27x", "[1.18, 1.53]", "10 %", "PASSED", "(reduced)"):  # fmt: skip
        assert word in text, word
    assert "framework's" in text.replace("frame-", "framework's")


def test_without_times_there_are_no_columns_of_times() -> None:
    text = "\n".join(shown(results_table([result(measurement=None)], 100), 100))
    assert "original" not in text
    assert "speedup" not in text
    assert "7.2e-08" in text


def test_names_that_look_like_markup_are_shown_as_they_are() -> None:
    assert "[red]x" in "\n".join(shown(results_table([result("[red]x")], 100), 100))


def failure(reason: str, log: str = "", reproducer: str | None = None) -> Attempt:
    evaluation = Evaluation(
        Status.RUNTIME_ERROR, "call_raised", reason, log=log, reproducer=reproducer
    )
    return Attempt("cpp", KERNEL, evaluation)


def test_a_failure_says_what_where_and_how_to_repeat_it() -> None:
    log = (
        'Traceback (most recent call last):\n  File "/judge/worker.py", line 9, in run\n'
        '  File "/tmp/x/kernel.py", line 7, in kernel\n    helper()\n'
        '  File "/site/torch/nn.py", line 3, in relu\nRuntimeError: no\n'
    )
    attempt = failure("RuntimeError: no", log, "/tmp/a b/reproduce.py")
    lines = remarks([OptimizeResult("op", Path("out"), attempt, (attempt,))])
    assert lines[0] == "op: RUNTIME_ERROR (call_raised): RuntimeError: no"
    assert lines[1] == "  at: kernel.py, line 7"
    assert lines[2].startswith("  repeat it with: ")
    assert lines[2].endswith("'/tmp/a b/reproduce.py'")


def test_a_long_reason_is_shortened_and_counted() -> None:
    attempt = failure("\n".join(f"line {i}" for i in range(50)))
    lines = remarks([OptimizeResult("op", Path("out"), attempt, (attempt,))])
    assert len(lines) == 7
    assert lines[-1] == "... (44 more lines)"


def test_a_failed_attempt_beside_a_verified_one_is_told() -> None:
    good = result()
    both = OptimizeResult("op", Path("out"), good.best, (good.best, failure("no")))
    assert remarks([both]) == ["op, cpp: RUNTIME_ERROR (call_raised): no"]


def test_what_was_asked_for_and_could_not_be_measured_is_told() -> None:
    notes = ("baseline compile could not be measured: no", "not timed: triton", "the rest")
    assert remarks([result(notes=notes)]) == [f"row_sum_column_max: {n}" for n in notes[:2]]


def test_the_same_file_twice_has_one_winner() -> None:
    one, other = result().best, result().best
    attempts = (one, failure("no"), other)
    choice = Choice(OptimizeResult("op", Path(), one, attempts), ("a.py", "b.py", "a.py"))
    lines = shown(choice_table([choice]), 100)
    assert sum("fastest" in line for line in lines) == 1
    assert "b.py" in lines[-1]
    assert choice_remarks([choice]) == ["b.py: RUNTIME_ERROR (call_raised): no"]


def test_an_evolution_says_what_its_kernel_is_worth() -> None:
    failed = OptimizeResult("op", Path("out"), failure("no"), (failure("no"),))
    assert evolution_remarks([Evolved(failed)]) == remarks([failed])
    assert evolution_remarks([failed]) == remarks([failed])


def test_a_broken_reference_blames_no_candidate() -> None:
    broken = failed("op", Path(), Status.REFERENCE_BROKEN, "no_model", "there is no class Model")
    choice = Choice(broken, ("a.py", "b.py"))
    assert choice.to_json()["candidates"] == []
    assert not any("a.py" in line for line in shown(choice_table([choice]), 100))
    assert choice_remarks([choice]) == ["op: REFERENCE_BROKEN (no_model): there is no class Model"]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (UsageError("no"), Status.USAGE_ERROR, 2),
        (CaptureError("no"), Status.USAGE_ERROR, 2),
        (SandboxError("no"), Status.INFRA_ERROR, 3),
        (ZeroDivisionError("no"), Status.INFRA_ERROR, 3),
    ],
)
def test_an_exception_becomes_a_status(
    error: Exception, status: Status, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        raise error

    found = guarded(Path("op.py"), work)
    assert (found.status, found.exit_code, found.op) == (status, code, "op")
    assert "no" in found.best.evaluation.reason
    assert ("Traceback" in capsys.readouterr().err) == isinstance(error, ZeroDivisionError)


def test_a_result_is_one_line_to_read() -> None:
    text = "OptimizeResult(swish: PASSED, cpp, 13740.0 us, 1.27x [1.18, 1.53], out=out)"
    assert repr(result("swish")) == text
    broken = failed("op", Path(), Status.REFERENCE_BROKEN, "no_model", "there is no Model")
    assert repr(broken) == "OptimizeResult(op: REFERENCE_BROKEN, auto, check=no_model, out=None)"
    assert result() and not broken
