"""Runs a suite: every workload through the main job, side by side with its baselines.

One raw record a workload is written when it is finished, under a key that covers its source, the
options, the tools, the machine and Kernelwright's own code. The same command goes on where the last
one ended: whatever has a record with the same key is taken from there.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from kernelwright.backends import BACKENDS
from kernelwright.bench.planned import plan_backend, plan_digest
from kernelwright.bench.rows import FORMAT, Row, place, raw_path, read_record, row_of
from kernelwright.bench.scores import geometric_mean
from kernelwright.bench.suite import SIZE_OF_BACKEND, Workload
from kernelwright.config import Config
from kernelwright.report.numbers import percent_text, ratio_text
from kernelwright.task.optimize import versions
from kernelwright.task.output import check_writable, write_file
from kernelwright.task.progress import Observer
from kernelwright.task.resolve import guess_backend
from kernelwright.task.result import OptimizeResult

Job = Callable[[Workload, Path, Path, Observer], OptimizeResult]


@dataclass(frozen=True)
class RunOptions:
    """What a run varies. ``optimize`` are options of the main job (backend, effort, baselines ...);
    ``size`` names the workloads' sizes, ``wall_s`` ends the starting of new workloads, ``plan`` is
    a folder whose designs are used in place of capturing and scheduling here."""

    out: Path
    optimize: Mapping[str, Any]
    size: str = "auto"
    wall_s: float | None = None
    fresh: bool = False
    command: str = ""
    plan: Path | None = None

    @property
    def backend(self) -> str:
        """The backend's name, "auto" settled by the plan or by what is there."""
        if self.plan is not None:
            return plan_backend(self.plan)
        name = str(self.optimize.get("backend", "auto"))
        return guess_backend() if name == "auto" else name

    @property
    def settled_size(self) -> str:
        """The size's name: for "auto" the backend's own."""
        return SIZE_OF_BACKEND.get(self.backend, "cpu") if self.size == "auto" else self.size


def run_suite(
    workloads: Sequence[Workload],
    options: RunOptions,
    config: Config,
    job: Job,
    observer: Observer,
) -> tuple[list[Row], str]:
    """The rows of all workloads that are finished, and why the run ended: "" (all are done),
    "interrupted" or "out of time".

    ``job(workload, reference, out, observer)`` optimises one reference file and never raises but
    for Ctrl-C. Raises UsageError when ``options.out`` cannot be written to.
    """
    check_writable(options.out)
    # Without a source at the wanted size there is nothing to run: said before hours are spent.
    sources = [w.source(options.settled_size) for w in workloads]
    rows: list[Row] = []
    began, fresh = time.monotonic(), 0
    for number, (workload, source) in enumerate(zip(workloads, sources)):
        record = None if options.fresh else _finished(workload, source, options, config)
        if record is None:
            if options.wall_s is not None and time.monotonic() - began > options.wall_s:
                return _sorted(rows), "out of time"
            observer.note(f"[{number + 1}/{len(workloads)}] {workload.suite}/{workload.label}")
            try:
                record = _measured(workload, source, options, config, job, observer)
            except KeyboardInterrupt:
                return _sorted(rows), "interrupted"
            fresh += 1
        rows.append(row_of(record))
        if fresh:
            pace_s = (time.monotonic() - began) / fresh
            observer.note(progress(rows, len(workloads), pace_s))
    return _sorted(rows), ""


def _sorted(rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.identity)


def progress(rows: Sequence[Row], total: int, pace_s: float) -> str:
    """One line: the last workload, the means so far, and the minutes left."""
    last = rows[-1]
    timed = f"{ratio_text(last.speedup_best)}, {percent_text(last.bound_percent)} of the bound"
    said = timed if last.timed else (last.check or "not timed")
    alone = geometric_mean(r.alone for r in rows)
    left_min = pace_s * (total - len(rows)) / 60
    return (
        f"  {last.status}: {said}; so far {len(rows)}/{total}, alone {alone:.3f}x, "
        f"{left_min:.0f} min left"
    )


def _measured(
    workload: Workload,
    source: str,
    options: RunOptions,
    config: Config,
    job: Job,
    observer: Observer,
) -> dict[str, Any]:
    """Runs one workload and writes its raw record."""
    where = _place(workload, options)
    reference = options.out / "references" / where.with_name(f"{workload.name}.py")
    write_file(reference, source.encode())
    began = time.monotonic()
    result = job(workload, reference, options.out / "kernels" / where, observer)
    record = {
        "format": FORMAT,
        "key": run_key(workload, source, options, config),
        "suite": workload.suite,
        "family": workload.family,
        "name": workload.name,
        "size": options.settled_size,
        "backend": options.backend,
        "degenerate": workload.degenerate,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_s": round(time.monotonic() - began, 2),
        "options": dict(options.optimize),
        "command": options.command,
        "code": code_digest(),
        "result": {k: v for k, v in result.to_json().items() if k != "out"},
        "notes": list(result.notes),
        "context": {"threads": config.threads, "versions": versions(), **result.context},
        "evaluation": result.best.evaluation.to_dict(),
        "attempts": {
            a.impl_type: {
                "status": str(a.evaluation.status),
                "check": a.evaluation.check,
                "reason": a.evaluation.reason[:2000],
                "candidate_us": a.measurement.candidate_us if a.measurement else None,
            }
            for a in result.attempts
        },
    }
    text = json.dumps(record, indent=1) + "\n"
    write_file(raw_path(options.out, where), text.encode())
    found: dict[str, Any] = json.loads(text)
    return found


def _finished(
    workload: Workload, source: str, options: RunOptions, config: Config
) -> dict[str, Any] | None:
    """The record of an earlier run, if nothing that decides the outcome has changed. One that ended
    by a fault of the machine's or ours is tried again."""
    record = read_record(raw_path(options.out, _place(workload, options)))
    if record is None or record["result"]["status"] == "INFRA_ERROR":
        return None
    return record if record["key"] == run_key(workload, source, options, config) else None


def _place(workload: Workload, options: RunOptions) -> Path:
    return place(
        workload.suite, workload.family, workload.name, options.settled_size, options.backend
    )


def run_key(workload: Workload, source: str, options: RunOptions, config: Config) -> str:
    """Covers what decides a workload's outcome, Kernelwright's own code included."""
    parts = [
        workload.suite, workload.label, source, dict(options.optimize), options.backend,
        plan_digest(options.plan, workload) if options.plan else "", versions(),
        code_digest(), _devices(options.backend), config.threads,
        asdict(config.judge), asdict(config.timing),
    ]  # fmt: skip
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@cache
def _devices(backend: str) -> list[str]:
    return [device.name for device in BACKENDS.get(backend).devices()]


@cache
def code_digest() -> str:
    """Twelve digits over Kernelwright's own sources, without its benchmarks, its reports and its
    command line, which decide no outcome."""
    root = Path(__file__).parent.parent
    apart = {"bench", "report", "cli"}
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if name.parts[0] not in apart:
            digest.update(f"{name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
