"""One workload's outcome: the raw record that a run writes, and the row that tables are made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernelwright.errors import UsageError

FORMAT = 1
RAW = "raw"  # folder of the records within a run's folder
STEADY = 0.1
MISS = 1.0  # what a workload without a verified, timed kernel counts as


@dataclass(frozen=True)
class Row:
    """Times in microseconds; None where nothing was measured.

    ``speedup`` is over eager, ``speedup_best`` over the fastest baseline, both of the producer's
    own kernel. ``baselines_us`` maps names to times, ``stages_s`` a run's stages to seconds.
    """

    suite: str
    family: str
    name: str
    size: str
    backend: str
    status: str
    check: str | None = None
    reason: str = ""
    impl_type: str = ""
    candidate_us: float | None = None
    baselines_us: Mapping[str, float] = field(default_factory=dict)
    bound_us: float | None = None
    bound_percent: float | None = None
    speedup: float | None = None
    speedup_best: float | None = None
    speedup_best_low: float | None = None
    speedup_best_high: float | None = None
    returned: str | None = None
    reduced: bool = False
    library_calls: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    stages_s: Mapping[str, float] = field(default_factory=dict)
    wall_s: float = 0.0
    date: str = ""
    device: str = ""
    threads: int | None = None
    load: float | None = None  # load average of the machine before the measurement
    versions: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""

    @property
    def label(self) -> str:
        return f"{self.family}/{self.name}"

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """What is measured once: suite, label, size, backend."""
        return (self.suite, self.label, self.size, self.backend)

    @property
    def correct(self) -> bool:
        return self.status == "PASSED"

    @property
    def timed(self) -> bool:
        """Verified and measured: anything else is a miss."""
        return self.correct and self.speedup_best is not None

    @property
    def alone(self) -> float:
        """The producer's kernel over the fastest baseline; a miss counts as 1."""
        return self.speedup_best if self.timed and self.speedup_best else MISS

    @property
    def unsteady(self) -> bool:
        """Timed, with a 95 % interval wider than ``STEADY`` of the speedup to either side."""
        low, high = self.speedup_best_low, self.speedup_best_high
        if not self.timed or low is None or high is None:
            return False
        return low < self.alone * (1 - STEADY) or high > self.alone * (1 + STEADY)

    @property
    def over_eager(self) -> float:
        """The producer's kernel over eager; a miss counts as 1."""
        return self.speedup if self.timed and self.speedup else MISS

    @property
    def guarded(self) -> float:
        """What is returned over the fastest baseline: the kernel, or that baseline itself."""
        return self.alone if self.returned == "candidate" else MISS

    @property
    def fastest_baseline(self) -> str | None:
        return min(self.baselines_us, key=lambda n: self.baselines_us[n], default=None)


def row_of(record: Mapping[str, Any]) -> Row:
    """The row of a raw record."""
    result, evaluation = record["result"], record.get("evaluation") or {}
    measured = evaluation.get("measurement") or {}
    context = record.get("context") or {}
    return Row(
        suite=record["suite"],
        family=record["family"],
        name=record["name"],
        size=record["size"],
        backend=record["backend"],
        status=result["status"],
        check=result["check"],
        reason=result["reason"] or "",
        impl_type=result["impl_type"],
        candidate_us=result["optimized_us"],
        baselines_us=dict(result["baselines_us"]),
        bound_us=result["bound_us"],
        bound_percent=result["bound_percent"],
        speedup=result["speedup"],
        speedup_best=result["speedup_best"],
        speedup_best_low=measured.get("speedup_best_low"),
        speedup_best_high=measured.get("speedup_best_high"),
        returned=result["returned"],
        reduced=bool(result["reduced"]),
        library_calls=tuple(evaluation.get("library_calls") or ()),
        notes=tuple(record.get("notes") or ()),
        stages_s=dict(result.get("stages_s") or {}),
        wall_s=record["wall_s"],
        date=record["date"],
        device=measured.get("device") or context.get("device") or "",
        threads=context.get("threads"),
        load=((measured.get("environment") or {}).get("load_average") or [None])[0],
        versions=dict(context.get("versions") or {}),
        options=dict(record.get("options") or {}),
        command=record.get("command") or "",
    )


def place(suite: str, family: str, name: str, size: str, backend: str) -> Path:
    """A workload's place in each of the folders of a run."""
    return Path(f"{suite}-{backend}-{size.replace('/', '_')}") / family / name


def raw_path(out: Path, where: Path) -> Path:
    """Where a run keeps the raw record of the workload whose place is ``where``."""
    return out / RAW / where.with_name(f"{where.name}.json")


def read_record(path: Path) -> dict[str, Any] | None:
    """A raw record; None when there is none, or none of this format."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    right = isinstance(record, dict) and record.get("format") == FORMAT
    return record if right else None


def read_rows(folders: Iterable[Path]) -> list[Row]:
    """The rows of all raw records in the folders of several runs, sorted; of a workload that
    several have measured (same suite, size and backend) the newest. Raises UsageError for a folder
    without records."""
    found: dict[tuple[str, ...], Row] = {}
    for folder in folders:
        records = [read_record(path) for path in sorted((folder / RAW).rglob("*.json"))]
        rows = [row_of(record) for record in records if record is not None]
        if not rows:
            raise UsageError(
                f"{folder} holds no results of a benchmark run (no {RAW}/**/*.json); give the "
                "folder that was given to --out"
            )
        for row in rows:
            known = found.get(row.identity)
            if known is None or known.date < row.date:
                found[row.identity] = row
    return sorted(found.values(), key=lambda row: row.identity)


def losses(rows: Sequence[Row]) -> list[Row]:
    """Workloads that count against the producer, the worst first: misses, then those slower than
    the fastest baseline. Where nothing was timed at all, only what is not verified is a miss."""
    some = any(r.timed for r in rows)
    misses = [r for r in rows if not r.correct]
    misses += [r for r in rows if r.correct and not r.timed and some]
    slower = sorted((r for r in rows if r.timed and r.alone < 1.0), key=lambda r: r.alone)
    return misses + slower


def why(row: Row) -> str:
    """Why a workload is no gain, as far as the record tells."""
    if not row.correct:
        first = (row.reason.strip().splitlines() or ["no reason given"])[0]
        return f"{row.status}{f' ({row.check})' if row.check else ''}: {first}"
    if not row.timed:
        untimed = [n for n in row.notes if n.startswith("not timed")]
        return untimed[0] if untimed else "verified, not timed"
    parts = []
    low, high = row.speedup_best_low, row.speedup_best_high
    if low is not None and high is not None and low <= 1.0 <= high:
        parts.append(f"equal within the measurement, [{low:.2f}, {high:.2f}]")
    if row.library_calls:
        parts.append(f"calls the framework: {', '.join(row.library_calls)}")
    if row.bound_percent is not None:
        at = "near its bound" if row.bound_percent >= 85 else "far from its bound"
        parts.append(f"{at}: {row.bound_percent:.0f} %")
    parts.append(f"fastest baseline: {row.fastest_baseline}")
    return "; ".join(parts)
