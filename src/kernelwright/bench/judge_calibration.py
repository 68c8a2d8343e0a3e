"""Are the constants of the error rule right? ``kernelwright bench judge-calibration``.

Families of operators x dtypes x honest algorithms x input laws: none may be refused. The same in
the next lower precision: every one must be, for float32 and float64. In process, on the CPU: the
candidates are this package's own.
"""

from __future__ import annotations

import importlib.util
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from kernelwright.bench.calibration import elementwise, findings, layers, reductions
from kernelwright.bench.calibration.family import Family
from kernelwright.bench.calibration.margins import NAMES, Constants
from kernelwright.bench.calibration.table import report
from kernelwright.bench.calibration.trial import Sample, law_names, trial
from kernelwright.bench.entry import run
from kernelwright.errors import MissingDependencyError, UnknownNameError
from kernelwright.task.optimize import versions

FAMILIES: Sequence[Family] = (
    *elementwise.FAMILIES,
    *reductions.FAMILIES,
    *layers.FAMILIES,
)
QUICK = (
    "exp", "gelu", "tanh_gate_chain", "row_sum", "variance", "cumsum", "cross_entropy", "softmax",
    "layer_norm", "matmul", "attention",
)  # fmt: skip
LARGE_DTYPES = ("float32", "float16")
BUILTIN = "builtin"
RESULTS = Path("bench/results")  # in a checkout
ELSEWHERE = Path("kernelwright-out")


@dataclass
class Calibration:
    """The samples of one run, in order, and how it was done; ``complete`` is False when it was
    interrupted."""

    seeds: Sequence[int]
    laws: Sequence[str]
    samples: list[Sample] = field(default_factory=list)
    complete: bool = True
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """0 when the constants in force do what the contract says, 1 otherwise, 130 interrupted."""
        if not self.complete:
            return 130
        return int(any(findings.faults(self.samples).values()))

    def to_json(self) -> dict[str, Any]:
        """Verdicts, margins and the room of each constant; no samples."""

        def listed(parts: dict[str, list[Sample]]) -> dict[str, list[dict[str, Any]]]:
            return {title: [as_record(s) for s in found] for title, found in parts.items()}

        return {
            "complete": self.complete,
            "seconds": round(self.seconds, 1),
            "seeds": list(self.seeds),
            "laws": list(self.laws),
            "samples": len(self.samples),
            "faults": listed(findings.faults(self.samples)),
            "remarks": listed(findings.remarks(self.samples)),
            "constants": [
                {
                    "constant": r.constant, "dtypes": r.dtypes, "in_force": r.in_force,
                    "smallest": number(r.smallest.value), "smallest_by": r.smallest.what,
                    "largest": number(r.largest.value), "largest_by": r.largest.what,
                    "largest_alone": number(r.largest_alone.value),
                    "largest_alone_by": r.largest_alone.what, "inside": r.inside,
                }
                for r in findings.rooms(self.samples)
            ],
            "margins": [
                {
                    "family": r.family, "dtype": r.dtype,
                    **{
                        name: [number(e.value), e.what]
                        for name, e in (
                            ("honest_norm", r.honest_norm), ("honest_element", r.honest_element),
                            ("lowered_own", r.lowered_own), ("lowered", r.lowered),
                        )
                    },
                }
                for r in findings.rows(self.samples)
            ],
        }  # fmt: skip


def as_record(sample: Sample) -> dict[str, Any]:
    """One sample as JSON-ready data."""
    return {
        "family": sample.family, "dtype": sample.dtype, "size": sample.size, "law": sample.law,
        "seed": sample.seed, "candidate": sample.candidate, "kind": sample.kind,
        "norm": number(sample.margin.norm), "element": number(sample.margin.element),
        "needed": [number(sample.margin.needed[name]) for name in NAMES],
        "counts": sample.counts, "agrees": sample.agrees,
    }  # fmt: skip


def number(value: float) -> float | None:
    """Four digits; None for what JSON has no number for."""
    return float(f"{value:.4g}") if math.isfinite(value) else None


def chosen(only: Sequence[str], quick: bool) -> list[Family]:
    """The families to run; raises UnknownNameError for a name that is none."""
    names = [f.name for f in FAMILIES]
    for name in only:
        if name not in (*names, BUILTIN):
            raise UnknownNameError("family", name, (*names, BUILTIN))
    wanted = only or (QUICK if quick else names)
    return [f for f in FAMILIES if f.name in wanted]


def calibrate(
    *,
    seeds: int = 1,
    only: Sequence[str] = (),
    quick: bool = False,
    builtin: Sequence[Path] = (),
    on_progress: Callable[[str], None] = lambda _: None,
) -> Calibration:
    """Runs the families (all, those named ``only``, or a ``quick`` choice), and the builtin kernels
    of the task files ``builtin``. Ctrl-C ends it early and keeps what there is. Raises
    UnknownNameError, and MissingDependencyError without torch."""
    if importlib.util.find_spec("torch") is None:
        raise MissingDependencyError("judge-calibration", "torch", "torch")
    import torch

    families = chosen(only, quick)
    numbers = range(1, seeds + 1)
    result = Calibration(list(numbers), list(law_names()))
    began, threads = time.monotonic(), torch.get_num_threads()
    torch.set_num_threads(1)  # the arrays are small: other threads would mostly wait
    try:
        for text, part in _parts(families, numbers, quick, builtin):
            on_progress(text)
            result.samples.extend(part)
    except KeyboardInterrupt:
        result.complete = False
    finally:
        torch.set_num_threads(threads)
    result.seconds = time.monotonic() - began
    return result


def _parts(
    families: Sequence[Family], seeds: Sequence[int], quick: bool, builtin: Sequence[Path]
) -> Iterator[tuple[str, Iterator[Sample]]]:
    names = list(law_names())
    for family in families:
        for dtype in family.dtypes:
            samples = trial(family, dtype, seeds=seeds, laws_tried=names, large=False)
            yield f"{family.name} {dtype}", samples
    for family in families:
        for dtype in LARGE_DTYPES if family.has_large and not quick else ():
            samples = trial(
                family, dtype, seeds=seeds[:1], laws_tried=names, large=True, check=False
            )
            yield f"{family.name} {dtype}, large", samples
    for path in builtin:
        from kernelwright.bench.calibration.builtin import builtin_samples

        yield f"builtin kernels of {path.stem}", builtin_samples(path, names)


def default_out(whole: bool) -> Path:
    """Where the raw results go: a whole run in a checkout into its bench/results."""
    name = f"judge-calibration-{datetime.now(UTC):%Y-%m-%d}.json"
    return (RESULTS if whole and RESULTS.is_dir() else ELSEWHERE) / name


def write_raw(path: Path, result: Calibration, versions: Mapping[str, str]) -> None:
    """The findings and every sample, a row each under ``columns``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [as_record(s) for s in result.samples]
    columns = list(records[0]) if records else []
    head = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions,
        "constants_in_force": {
            title: vars(Constants.in_force(dtypes[0])) for title, dtypes in findings.CLASSES.items()
        },
        "needed": NAMES,
        **result.to_json(),
        "columns": columns,
    }
    # A row a line: json's indent would give each number a line of its own.
    lines = ",\n".join(json.dumps([r[c] for c in columns], separators=(",", ":")) for r in records)
    text = json.dumps(head, indent=1)[:-2] + ',\n "rows": [\n' + lines + "\n ]\n}\n"
    path.write_text(text, encoding="utf-8")


def main(
    seeds: Annotated[int, typer.Option(min=1, help="input sets for each law")] = 1,
    only: Annotated[
        str, typer.Option(metavar="NAMES", help="comma list of families, or 'builtin'")
    ] = "",
    quick: Annotated[
        bool, typer.Option("--quick", help="a few families, one seed, no long sums (30 s)")
    ] = False,
    builtin: Annotated[
        bool, typer.Option(help="also judge the builtin compiler's kernels for --examples")
    ] = True,
    examples: Annotated[
        Path, typer.Option(metavar="DIR", help="folder of task files for the builtin compiler")
    ] = Path("examples"),
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="raw results; named below when not given")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object only")] = False,
) -> None:
    """Calibrate the constants of the error rule (verify/rule/compare.py).

    Margins are errors over their limits: the largest of the honest candidates must stay below 1,
    the smallest of the lowered ones above 1 (in at least one of the judge's cases). For every
    constant: the smallest value that refuses no honest candidate, the largest that still refuses
    all lowered ones. Raw results go to bench/results/ in a checkout (a whole run), otherwise to
    kernelwright-out/. Exit code 0 when the constants in force hold, 1 when not.

    Examples:

        kernelwright bench judge-calibration --quick

        kernelwright bench judge-calibration --only softmax,layer_norm --seeds 5

        kernelwright bench judge-calibration --json --out calibration.json
    """
    names = [n.strip() for n in only.split(",") if n.strip()]
    files = task_files(examples) if wants_builtin(names, quick, builtin) else []
    result = calibrate(
        seeds=1 if quick else seeds, only=names, quick=quick, builtin=files, on_progress=progress
    )
    path = out or default_out(whole=result.complete and not names and not quick)
    write_raw(path, result, versions())
    if as_json:
        print(json.dumps({**result.to_json(), "out": str(path)}))
    elif result.samples:
        Console(width=None if sys.stdout.isatty() else 140).print(report(result.samples))
        print(f"\n{len(result.samples)} cases in {result.seconds:.0f} s; raw results: {path}")
    raise typer.Exit(result.exit_code)


def progress(text: str) -> None:
    print(f"{text} ...", file=sys.stderr, flush=True)


def wants_builtin(only: Sequence[str], quick: bool, asked: bool) -> bool:
    return BUILTIN in only or (asked and not only and not quick)


def task_files(folder: Path) -> list[Path]:
    """The Models in ``folder``; [] where there is no such folder."""
    return [p for p in sorted(folder.glob("*.py")) if "class Model" in p.read_text("utf-8")
            and not p.name.startswith("run_")]  # fmt: skip


if __name__ == "__main__":
    run(main, "python -m kernelwright.bench.judge_calibration")
