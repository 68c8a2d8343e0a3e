"""The demo set, measured: ``python -m kernelwright.bench.demo --backend cpu``.

Every example goes through the main job afresh; its table and the geometric mean of the candidates'
speedups over eager are written into docs/benchmarks.md between the backend's markers, and the raw
samples to bench/results/. A candidate counts with its own time also where a baseline is faster.
"""

from __future__ import annotations

import json
import math
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from kernelwright.bench.entry import run
from kernelwright.report.numbers import error_text, percent_text, speedup_text, time_text
from kernelwright.task.optimize import optimize_file, versions
from kernelwright.task.result import OptimizeResult

EXAMPLES = (
    "relu", "swish", "diag_matmul", "softmax", "layer_norm", "bias_gelu_residual",
    "row_sum_column_max", "numpy_chain", "mse",
)  # fmt: skip
# Not in the mean: one is decided by algebra, the other is smaller than a call's own cost.
OUTSIDE_THE_MEAN = ("diag_matmul", "relu")


def main(
    backend: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    baselines: Annotated[str, typer.Option(help="comma list")] = "eager",
    effort: Annotated[str, typer.Option(help="none, quick or full")] = "none",
    examples: Annotated[Path, typer.Option(help="folder of the examples")] = Path("examples"),
    page: Annotated[Path, typer.Option(help="where the table goes")] = Path("docs/benchmarks.md"),
    results: Annotated[Path, typer.Option(help="folder of raw results")] = Path("bench/results"),
    out: Annotated[Path, typer.Option(help="folder of the kernels")] = Path("kernelwright-out"),
) -> None:
    """Measure the demo set and write its table."""
    found = []
    for name in EXAMPLES:
        if backend == "cuda" and name == "numpy_chain":
            continue
        print(f"{name} ...", flush=True)
        found.append(
            optimize_file(
                examples / f"{name}.py",
                out=out / "demo" / name,
                backend=backend,
                effort=effort,
                baselines=tuple(baselines.split(",")),
                fresh=True,
            )
        )
    text = table(found, command(backend, baselines, effort))
    print(text)
    write_raw(results / f"demo-{backend}.json", found)
    replace_section(page, f"demo-{backend}", text)


def command(backend: str, baselines: str, effort: str) -> str:
    options = [f"--backend {backend}"]
    options += [f"--baselines {baselines}"] if baselines != "eager" else []
    options += [f"--effort {effort}"] if effort != "none" else []
    return f"python -m kernelwright.bench.demo {' '.join(options)}"


def table(results: Sequence[OptimizeResult], line: str) -> str:
    """Markdown: the rows, the geometric mean, losses, the device and the command."""
    first = next((r for r in results if r.best.measurement), None)
    device = first.best.measurement.device if first and first.best.measurement else "no device"
    named = ", ".join(f"{k} {v}" for k, v in versions().items())
    threads = first.context.get("threads") if first else None
    head = f"{device}, {threads} threads, {datetime.now(UTC):%Y-%m-%d}; {named}."
    rows = [
        "| op | status | impl_type | error | framework's | eager, us | candidate, us |"
        " speedup [95 %] | over best baseline | % of bound | returned |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    rows += [row(r) for r in results]
    mean, counted = geometric_mean(results)
    losses = [r.op for r in results if (r.to_json()["speedup"] or 1.0) < 1.0]
    return "\n".join(
        [
            head, "", f"Command: `{line}`", "", *rows, "",
            f"Geometric mean of the candidates' speedup over eager, {counted} operators (without "
            f"{' and '.join(OUTSIDE_THE_MEAN)}): **{mean:.2f}x**. "
            f"Below 1.0: {', '.join(losses) or 'none'}.",
        ]
    )  # fmt: skip


def row(result: OptimizeResult) -> str:
    r = result.to_json()
    cells = [
        r["op"],
        r["status"],
        r["impl_type"],
        error_text(r["error"]),
        error_text(r["reference_error"]),
        time_text(r["original_us"]),
        time_text(r["optimized_us"]),
        speedup_text(r["speedup"], r["speedup_low"], r["speedup_high"]),
        "–" if r["speedup_best"] is None else f"{r['speedup_best']:.2f}x",
        percent_text(r["bound_percent"]),
        r["returned"] or "–",
    ]
    return "| " + " | ".join(cells) + " |"


def geometric_mean(results: Sequence[OptimizeResult]) -> tuple[float, int]:
    """Over the operators that count; one without a verified, timed candidate counts as 1.0."""
    logs = [
        math.log(r.to_json()["speedup"] or 1.0) for r in results if r.op not in OUTSIDE_THE_MEAN
    ]
    return (math.exp(sum(logs) / len(logs)), len(logs)) if logs else (1.0, 0)


def write_raw(path: Path, results: Sequence[OptimizeResult]) -> None:
    """Everything that was measured, samples included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.processor() or platform.machine(),
        "versions": versions(),
        "results": [
            {
                **{k: v for k, v in r.to_json().items() if k != "out"},
                "attempts": {a.impl_type: a.evaluation.to_dict() for a in r.attempts},
            }
            for r in results
        ],
    }
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def replace_section(page: Path, name: str, text: str) -> None:
    """Puts ``text`` between ``<!-- name -->`` and ``<!-- /name -->`` of a page, or at its end."""
    page.parent.mkdir(parents=True, exist_ok=True)
    old = page.read_text(encoding="utf-8") if page.exists() else "# Benchmarks\n"
    block = f"<!-- {name} -->\n{text}\n<!-- /{name} -->"
    pattern = re.compile(rf"<!-- {name} -->.*?<!-- /{name} -->", re.DOTALL)
    new = pattern.sub(lambda _: block, old) if pattern.search(old) else f"{old}\n{block}\n"
    page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    run(main, "python -m kernelwright.bench.demo")
