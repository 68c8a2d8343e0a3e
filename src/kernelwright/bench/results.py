"""The files of a run: results.json, results.csv and report.html, made from its rows.

They hold no more than the raw records do, and can be made again from them at any time, also from
those of several runs (``kernelwright bench merge``).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from kernelwright.bench.rows import Row, losses, why
from kernelwright.bench.scores import producer_seconds, remarks, scores
from kernelwright.bench.suite_page import render
from kernelwright.task.output import write_file

JSON_NAME, CSV_NAME, PAGE_NAME = "results.json", "results.csv", "report.html"
_COLUMNS = (
    "suite", "family", "name", "size", "backend", "status", "check", "impl_type", "candidate_us",
    "fastest_baseline", "fastest_baseline_us", "eager_us", "speedup", "speedup_best",
    "speedup_best_low", "speedup_best_high", "bound_us", "bound_percent", "returned",
    "counts_alone", "counts_returned", "library_calls", "producer_s", "wall_s", "date", "device",
    "threads", "load", "why",
)  # fmt: skip


def write_results(out: Path, rows: Sequence[Row]) -> Path:
    """Writes the three files into ``out`` and returns the page's path."""
    data = summary(rows)
    write_file(out / JSON_NAME, (json.dumps(data, indent=1) + "\n").encode())
    write_file(out / CSV_NAME, as_csv(rows).encode())
    write_file(out / PAGE_NAME, render(data, rows).encode())
    return out / PAGE_NAME


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """A JSON-ready record: what was run and where, the scores, the losses, the rows."""
    found = scores(rows)
    return {
        "suites": sorted({r.suite for r in rows}),
        "backends": sorted({r.backend for r in rows}),
        "sizes": sorted({r.size for r in rows}),
        "devices": sorted({r.device for r in rows if r.device}),
        "threads": sorted({r.threads for r in rows if r.threads}),
        "load": _range([r.load for r in rows if r.load is not None]),
        "dates": [min(r.date for r in rows), max(r.date for r in rows)],
        "versions": shared([r.versions for r in rows]),
        "options": shared([r.options for r in rows]),
        "commands": sorted({r.command for r in rows if r.command}),
        "scores": [s.to_json() for s in found],
        "remarks": remarks(rows, found),
        "losses": [{"workload": f"{r.suite}/{r.label}", "why": why(r)} for r in losses(rows)],
        "rows": [asdict(r) for r in rows],
    }


def _range(values: Sequence[float]) -> list[float]:
    return [min(values), max(values)] if values else []


def shared(mappings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Each key's value; where the mappings differ, all its values as text."""
    out: dict[str, Any] = {}
    for key in dict.fromkeys(k for m in mappings for k in m):
        values = list(dict.fromkeys(json.dumps(m[key]) for m in mappings if key in m))
        out[key] = json.loads(values[0]) if len(values) == 1 else " | ".join(values)
    return out


def as_csv(rows: Sequence[Row]) -> str:
    """One line a workload, columns as they are named in the first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        best = row.fastest_baseline
        derived = {
            "fastest_baseline": best,
            "fastest_baseline_us": row.baselines_us.get(best or ""),
            "eager_us": row.baselines_us.get("eager"),
            "counts_alone": row.alone,
            "counts_returned": row.guarded,
            "library_calls": " ".join(row.library_calls),
            "producer_s": producer_seconds(row),
            "why": why(row) if not row.timed or row.alone < 1.0 else "",
        }
        values = [derived[c] if c in derived else getattr(row, c) for c in _COLUMNS]
        writer.writerow(["" if v is None else v for v in values])
    return text.getvalue()
