"""The tables that commands end with."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from kernelwright.report.numbers import error_text, percent_text, speedup_text, time_text
from kernelwright.task.judge import Choice
from kernelwright.task.result import OptimizeResult

COLORS = {"PASSED": "green"}


def results_table(results: Sequence[OptimizeResult]) -> Table:
    """One row an operator, as the main job prints it."""
    table = Table(title=None, header_style="bold", row_styles=["", "dim"])
    for name, right in (
        ("op", False),
        ("status", False),
        ("impl_type", False),
        ("error", True),
        ("framework's", True),
        ("original_us", True),
        ("optimized_us", True),
        ("speedup [95 %]", True),
        ("% of bound", True),
    ):
        table.add_column(name, justify="right" if right else "left", no_wrap=True)
    for result in results:
        row = result.to_json()
        status = row["status"] + (" (reduced)" if row["reduced"] else "")
        color = COLORS.get(row["status"], "red")
        table.add_row(
            row["op"],
            f"[{color}]{status}[/]",
            row["impl_type"],
            error_text(row["error"]),
            error_text(row["reference_error"]),
            time_text(row["original_us"]),
            time_text(row["optimized_us"]),
            speedup_text(row["speedup"], row["speedup_low"], row["speedup_high"]),
            percent_text(row["bound_percent"]),
        )
    return table


def remarks(results: Sequence[OptimizeResult]) -> list[str]:
    """What the table cannot say: failures, baselines that won, where the files are."""
    out = []
    for result in results:
        row = result.to_json()
        if not result:
            out.append(f"{row['op']}: {row['status']} ({row['check']}): {row['reason']}")
        elif row["returned"] != "candidate":
            out.append(
                f"{row['op']}: {row['returned']} is faster than every kernel made here; "
                "it is what is returned"
            )
        if row["reduced"]:
            out.append(
                f"{row['op']}: checked in the interpreter on reduced sizes; not timed, because "
                "this machine has no device that runs it"
            )
    return out


def choice_table(choices: Sequence[Choice]) -> Table:
    """One row a candidate, the winner first."""
    table = Table(header_style="bold")
    for name in ("candidate", "status", "error", "time_us", "speedup [95 %]", ""):
        table.add_column(name, no_wrap=True)
    for choice in choices:
        rows = choice.to_json().get("candidates", [])
        rows.sort(key=lambda r: (r["optimized_us"] is None, r["optimized_us"] or 0.0))
        for row in rows:
            color = COLORS.get(row["status"], "red")
            table.add_row(
                row["file"],
                f"[{color}]{row['status']}[/]" + (f" ({row['check']})" if row["check"] else ""),
                error_text(row["error"]),
                time_text(row["optimized_us"]),
                speedup_text(row["speedup"], row["speedup_low"], row["speedup_high"]),
                "fastest" if row["file"] == choice.winner else "",
            )
    return table
