"""A calibration as text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from kernelwright.bench.calibration import findings
from kernelwright.bench.calibration.findings import Extreme, Room, Row, told
from kernelwright.bench.calibration.trial import Sample

LISTED = 12  # of each kind of finding; the raw file has all


def report(samples: Sequence[Sample]) -> RenderableType:
    """Margins by family and dtype, the room of each constant, and what is not as it should be."""
    parts: list[RenderableType] = [
        margins_table(findings.rows(samples)),
        Text(),
        rooms_table(findings.rooms(samples)),
    ]
    for title, found in {**findings.faults(samples), **findings.remarks(samples)}.items():
        parts.append(Text(f"\n{title}: {len(found) or 'none'}"))
        parts += [Text(f"  {line}") for line in lines(found)]
    return Group(*parts)


def lines(samples: Sequence[Sample]) -> list[str]:
    """The samples furthest from where they should be, with both margins."""
    ordered = sorted(samples, key=lambda s: -s.margin.worst)
    shown = [
        f"{told(s)}: norm {ratio(s.margin.norm)}, element {ratio(s.margin.element)}"
        for s in ordered[:LISTED]
    ]
    return [*shown, f"... {len(ordered) - LISTED} more"] if len(ordered) > LISTED else shown


def margins_table(rows: Sequence[Row]) -> Table:
    """Errors over their limits. Honest: the largest, must be below 1. Lower precision: the smallest
    over its candidates of the largest over cases, must be above 1."""
    table = _table("family", "dtype")
    for name in ("honest\nnorm", "honest\nelement", "lowered\nown inputs", "lowered\nall laws"):
        table.add_column(name, justify="right", no_wrap=True)
    last = ""
    for row in rows:
        required = row.dtype in findings.REQUIRED
        table.add_row(
            "" if row.family == last else row.family,
            row.dtype,
            _coloured(row.honest_norm, row.honest_norm.value > 1),
            _coloured(row.honest_element, row.honest_element.value > 1),
            ratio(row.lowered_own.value),
            _coloured(row.lowered, required and row.lowered.value <= 1),
        )
        last = row.family
    return table


def rooms_table(rooms: Sequence[Room]) -> Table:
    table = _table("constant", "dtypes")
    for name in ("smallest", "in force", "largest", "largest\nalone"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("inside")
    table.add_column("set by (smallest; largest)")
    for room in rooms:
        by = [e.what for e in (room.smallest, room.largest) if e.what and e.value > 0]
        table.add_row(
            room.constant,
            room.dtypes,
            ratio(room.smallest.value),
            f"{room.in_force:g}",
            ratio(room.largest.value),
            ratio(room.largest_alone.value),
            "yes" if room.inside else "[red]no[/]",
            escape("; ".join(by)),
        )
    return table


def ratio(value: float) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "no limit"
    return f"{value:.2f}" if value < 100 else f"{value:.3g}"


def _coloured(extreme: Extreme, wrong: bool) -> str:
    text = ratio(extreme.value)
    return f"[red]{text}[/]" if wrong else text


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", show_edge=False, padding=0)
    for name in columns:
        table.add_column(name, no_wrap=True)
    return table
