"""Fills docs/benchmarks.md from the raw records of runs.

``publish`` keeps what a table is made of under bench/results/ and writes the table between the
page's markers; ``retable`` writes it again from there, without a run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kernelwright.bench.demo import replace_section
from kernelwright.bench.results import summary
from kernelwright.bench.rows import Row
from kernelwright.bench.scores import OVERALL
from kernelwright.errors import UsageError
from kernelwright.report.numbers import percent_text, ratio_text
from kernelwright.task.output import write_file

LISTED = 40  # losses named on the page; results.json has all


def publish(rows: Sequence[Row], page: Path, results: Path) -> list[str]:
    """One section a suite and backend, named suite-backend; returns the names. Writes
    ``results``/name.json (the summary of its rows) and the table into ``page``. Raises UsageError
    for rows of several sizes."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(f"{row.suite}-{row.backend}", []).append(row)
    for name, group in groups.items():
        data = summary(group)
        if len(data["sizes"]) > 1:
            raise UsageError(
                f"the results of {name} are of several sizes ({', '.join(data['sizes'])}); publish "
                "the folder of a run at one size"
            )
        write_file(results / f"{name}.json", (json.dumps(data, indent=1) + "\n").encode())
        replace_section(page, name, table(data))
    return list(groups)


def retable(path: Path, page: Path) -> str:
    """Writes the table of a kept summary into ``page``; returns the section's name. Raises
    UsageError for a file that is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        text = table(data)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no summary of a benchmark run: {error}") from error
    replace_section(page, path.stem, text)
    return path.stem


def table(data: Mapping[str, Any]) -> str:
    """Markdown: where, when and by what; one line a family; remarks; losses with reasons."""
    named = ", ".join(f"{k} {v}" for k, v in data["versions"].items())
    first, last = (date[:10] for date in data["dates"])
    when = first if first == last else f"{first} to {last}"
    threads = f", {data['threads'][0]} threads" if len(data["threads"]) == 1 else ""
    load = f", load average {data['load'][0]:.1f} to {data['load'][1]:.1f}" if data["load"] else ""
    rows = [
        "| family | workloads | verified | alone | returned | alone, over eager | fast_1 |"
        " fast_1.05 | below 1.0 | worst | % of bound |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
        *(_line(s) for s in data["scores"]),
    ]
    commands = [f"Command: `{command}`" for command in data["commands"]]
    lines = [
        f"{', '.join(data['devices']) or 'no device'}{threads}{load}, size "
        f"{', '.join(data['sizes'])}, {when}; {named}.", "",
        *commands, "", *rows, "", *(f"- {remark}" for remark in data["remarks"]),
    ]  # fmt: skip
    lost = data["losses"]
    if lost:
        lines += ["", "Losses and misses, the worst first:", ""]
        lines += [f"- {entry['workload']}: {entry['why']}" for entry in lost[:LISTED]]
        if len(lost) > LISTED:
            lines.append(f"- and {len(lost) - LISTED} more")
    return "\n".join(lines)


def _line(s: Mapping[str, Any]) -> str:
    strong = "**" if s["group"] == OVERALL else ""
    cells = [
        s["group"],
        str(s["count"]),
        str(s["correct"]),
        ratio_text(s["alone"]),
        ratio_text(s["returned"]),
        ratio_text(s["over_eager"]),
        percent_text(100 * s["fast_1"]),
        percent_text(100 * s["fast_1_05"]),
        str(s["below_1"]),
        ratio_text(s["worst"]),
        percent_text(s["bound_percent"]),
    ]
    return "| " + " | ".join(f"{strong}{c}{strong}" for c in cells) + " |"
