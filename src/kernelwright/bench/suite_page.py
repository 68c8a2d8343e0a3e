"""report.html of a benchmark run: one file, readable offline, with the losses first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kernelwright.bench.rows import Row, losses, place, why
from kernelwright.bench.scores import OVERALL, by_family
from kernelwright.report.page import plain, template
from kernelwright.report.plots import spread_plot


def render(data: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """The page as text; ``data`` is the run's summary (``results.summary``)."""
    lost = losses(rows)
    overall = next(s for s in data["scores"] if s["group"] == OVERALL)
    return template(Path(__file__).with_name("suite_page.html.j2")).render(
        title=f"{', '.join(data['suites'])} on {', '.join(data['devices']) or 'no device'}",
        data=data,
        overall=overall,
        lost=[(row, why(row), link(row)) for row in lost],
        rows=[(row, link(row)) for row in rows],
        plots=plots(data, rows),
        facts=facts(data),
    )


def link(row: Row) -> str:
    """The workload's own report, relative to the run's page (gone in a merged run)."""
    where = place(row.suite, row.family, row.name, row.size, row.backend)
    return f"kernels/{where.as_posix()}/report.html"


def plots(data: Mapping[str, Any], rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """(title, caption, SVG) of each plot; none where nothing was timed."""
    timed = {
        name: kept
        for name, group in by_family(rows).items()
        if (kept := [r for r in group if r.timed])
    }
    if not timed:
        return []
    middles = {s["group"]: s["alone"] for s in data["scores"]}
    out = [
        (
            "Speedup by family",
            "Each dot is one verified kernel over the fastest baseline, alone (no guard); the bar "
            "is the family's geometric mean over all of its workloads, misses counted as 1.",
            spread_plot(
                {name: [r.alone for r in group] for name, group in timed.items()},
                middles,
                label="times as fast as the fastest baseline",
                line=1.0,
                ratio=True,
            ),
        )
    ]
    percents = {
        name: [r.bound_percent for r in group if r.bound_percent is not None]
        for name, group in timed.items()
    }
    percents = {name: values for name, values in percents.items() if values}
    if percents:
        medians = {s["group"]: s["bound_percent"] for s in data["scores"]}
        out.append(
            (
                "How near the bound",
                "The bound is the time that the memory or the arithmetic of this device needs for "
                "the simplified computation; the bar is the family's median.",
                spread_plot(percents, medians, label="% of the bound", line=100.0),
            )
        )
    return out


def facts(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What decided the outcome, as a reader sees it."""
    first, last = data["dates"]
    table: dict[str, Any] = {
        "device": data["devices"],
        "threads": data["threads"],
        "backend": data["backends"],
        "sizes": data["sizes"],
        "load average before a measurement, from and to": data["load"],
        "measured": first if first == last else f"{first} to {last}",
        "options": data["options"],
        "versions": data["versions"],
    }
    return [(name, plain(value)) for name, value in table.items() if value]
