"""The tables that commands end with, and the lines below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table

from kernelwright.report.numbers import (
    error_text,
    interval_text,
    library_texts,
    open_text,
    percent_text,
    ratio_text,
    speedup_text,
    time_text,
)
from kernelwright.report.page import reproduce_command

if TYPE_CHECKING:  # they import the compiler and the judge: not for --help, and later otherwise
    from kernelwright.task.evolve import Evolved
    from kernelwright.task.judge import Choice
    from kernelwright.task.result import Attempt, OptimizeResult

FULL_WIDTH = 100  # below it a row takes two lines
REASON_LINES = 6  # of a reason on the terminal; evaluation.json has it all
Row = Mapping[str, Any]


def results_table(results: Sequence[OptimizeResult], width: int = FULL_WIDTH) -> Table:
    """One row an operator. Without any measurement the columns of times are left out; below
    ``FULL_WIDTH`` columns error and speedup take two lines."""
    rows = [result.to_json() for result in results]
    narrow = width < FULL_WIDTH
    timed = any(row["original_us"] is not None for row in rows)
    table = new_table("op", "status", "impl_type")
    if narrow:
        right(table, "error\n(frame-\nwork's)")
    else:
        right(table, "error", "framework's\nerror")
    if timed:
        right(table, "original\n_us", "optimized\n_us", "speedup\n[95 %]", "% of\nbound")
    for row in rows:
        cells = [escape(row["op"]), status_text(row), row["impl_type"]]
        errors = error_text(row["error"]), error_text(row["reference_error"])
        cells += [f"{errors[0]}\n({errors[1]})"] if narrow else errors
        if timed:
            cells += [time_text(row["original_us"]), time_text(row["optimized_us"])]
            cells += [speedup_cell(row, narrow), percent_text(row["bound_percent"])]
        table.add_row(*cells)
    return table


def choice_table(choices: Sequence[Choice], width: int = FULL_WIDTH) -> Table:
    """One row a candidate, the fastest first, the ones that failed last."""
    narrow = width < FULL_WIDTH
    table = new_table("candidate", "status")
    right(table, "error", "original\n_us", "optimized\n_us", "speedup\n[95 %]")
    table.add_column("")
    for choice in choices:
        if choice.result.best.candidate is None:  # the reference is broken: nothing was judged
            continue
        rows = list(enumerate(choice.to_json()["candidates"]))
        rows.sort(key=lambda r: (not passed(r[1]), r[1]["optimized_us"] or float("inf")))
        best = choice.result.attempts.index(choice.result.best)
        for number, row in rows:
            table.add_row(
                escape(row["file"]),
                status_text(row),
                error_text(row["error"]),
                time_text(row["original_us"]),
                time_text(row["optimized_us"]),
                speedup_cell(row, narrow),
                "fastest" if number == best and passed(row) else "",
            )
    return table


def new_table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", show_edge=False, padding=0)
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name == "impl_type")
    return table


def right(table: Table, *columns: str) -> None:
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)


def passed(row: Row) -> bool:
    return bool(row["status"] == "PASSED")


def status_text(row: Row) -> str:
    text = row["status"] + ("\n(reduced)" if row["reduced"] else "")
    return f"[{'green' if passed(row) else 'red'}]{text}[/]"


def speedup_cell(row: Row, narrow: bool) -> str:
    low, high = row["speedup_low"], row["speedup_high"]
    parts = [ratio_text(row["speedup"]), interval_text(low, high)]
    lines = parts if narrow else [" ".join(parts)]
    return escape("\n".join(line for line in (*lines, open_text(low, high)) if line.strip()))


# ---- below the table -----------------------------------------------------------------------------


def remarks(results: Sequence[OptimizeResult]) -> list[str]:
    """What the table cannot say: failures and how to repeat them, baselines that won, sizes."""
    return [line for result in results for line in result_remarks(result)]


def result_remarks(result: OptimizeResult) -> list[str]:
    row = result.to_json()
    op, out = row["op"], []
    if not result:
        out += failure_lines(op, result.best, result.out)
    elif row["returned"] != "candidate":
        out.append(
            f"{op}: the baseline {row['returned']} is faster than every kernel here; "
            "it is what is returned"
        )
    out += best_baseline_line(op, result.best)
    evaluation = result.best.evaluation
    calls = library_texts(evaluation.library_calls, evaluation.library_shares)
    if calls:
        out.append(f"{op}: left to the framework's library: {', '.join(calls)}")
    if result and row["reduced"]:
        out.append(f"{op}: checked in the interpreter on reduced sizes only")
    for attempt in result.attempts:
        if attempt is not result.best and not attempt.evaluation.passed:
            out += failure_lines(f"{op}, {attempt.impl_type}", attempt, result.out)
    out += [f"{op}: {note}" for note in told(result.notes)]
    return out


def choice_remarks(choices: Sequence[Choice | OptimizeResult]) -> list[str]:
    """Why each candidate that failed did, and whether the fastest beats the framework."""
    from kernelwright.task.judge import Choice

    out = []
    for choice in choices:
        result = choice.result if isinstance(choice, Choice) else choice
        if not isinstance(choice, Choice) or result.best.candidate is None:
            out += result_remarks(result)
            continue
        for name, attempt in zip(choice.names, result.attempts):
            if not attempt.evaluation.passed:
                out += failure_lines(name, attempt, result.out)
        if result and result.returned != "candidate":
            out.append(f"the baseline {result.returned} is faster than every candidate")
        if result:
            out += best_baseline_line(choice.winner or "the fastest", result.best)
        out += told(result.notes)
    return out


def evolution_remarks(found: Sequence[Evolved | OptimizeResult]) -> list[str]:
    """What the main job would say of the kernel, and what was tried to find it."""
    from kernelwright.task.evolve import Evolved

    out = []
    for one in found:
        if not isinstance(one, Evolved):  # a fault before anything was tried
            out += result_remarks(one)
            continue
        out += result_remarks(one.result)
        tried = one.to_json()["evolution"]
        if tried:
            line = f"{one.op}: {tried['tried']} kernels tried in {tried['rounds']} rounds, "
            line += f"{tried['right']} of them right"
            if tried["best_over_start"] is not None:
                line += f"; the best is {tried['best']}, {tried['best_over_start']:.2f}x the start"
            out.append(line)
    return out


def best_baseline_line(name: str, attempt: Attempt) -> list[str]:
    """The speedup over the fastest baseline, where there were others than eager."""
    measured = attempt.measurement
    if not attempt.evaluation.passed or measured is None or len(measured.baselines_us) < 2:
        return []
    best = measured.fastest_baseline
    low, high = measured.speedup_best_low, measured.speedup_best_high
    text = speedup_text(measured.speedup_best, low, high)
    time_us = time_text(measured.baselines_us[best])
    return [f"{name}: over the fastest baseline, {best} ({time_us} us): {text}"]


def told(notes: Sequence[str]) -> list[str]:
    """The notes that a reader of the table needs; the report has all."""
    return [note for note in notes if note.startswith(("baseline ", "not timed", "left out: "))]


def failure_lines(name: str, attempt: Attempt, out: Path) -> list[str]:
    """The failure, where in the candidate's own files it was, and how to repeat it."""
    evaluation = attempt.evaluation
    reason = evaluation.reason.splitlines() or [""]
    lines = reason[:REASON_LINES]
    if len(reason) > len(lines):
        record = out / "evaluation.json"
        rest = f"; all of it: {record}" if record.exists() else ""
        lines.append(f"... ({len(reason) - len(lines)} more lines{rest})")
    check = f" ({evaluation.check})" if evaluation.check else ""
    lines[0] = f"{name}: {evaluation.status}{check}: {lines[0]}"
    place = raised_at(attempt)
    if place:
        lines.append(f"  at: {place}")
    command = reproduce_command(evaluation.reproducer)
    if command:
        lines.append(f"  repeat it with: {command}")
    return lines


def raised_at(attempt: Attempt) -> str | None:
    """The last line of the candidate's own files in its traceback, as "kernel.py, line 7"."""
    if attempt.candidate is None:
        return None
    for line in reversed(attempt.evaluation.log.splitlines()):
        head, _, rest = line.strip().partition('", line ')
        name = Path(head.removeprefix('File "')).name
        if rest and head.startswith('File "') and name in attempt.candidate.files:
            return f"{name}, line {rest.split(',')[0]}"
    return None
