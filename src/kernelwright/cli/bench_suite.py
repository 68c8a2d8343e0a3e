"""``kernelwright bench SUITE``: run a suite of workloads, and what is made of its results."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from kernelwright.cli.run import INTERRUPTED, emit, guarded
from kernelwright.errors import KernelwrightError

OUT = Path("kernelwright-out") / "bench"
PAGE, RESULTS = Path("docs/benchmarks.md"), Path("bench/results")
WIDTH = 130

Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="folder of records, kernels and the page")
]


def suite(
    suites: Annotated[
        list[str],
        typer.Argument(metavar="SUITE", help="memory_bound, algebra, or a folder of references"),
    ],
    backend: Annotated[str, typer.Option(metavar="NAME", help="cpu, cuda or auto")] = "auto",
    arch: Annotated[str, typer.Option(metavar="NAME", help="such as sm_90, or auto")] = "auto",
    impl_type: Annotated[
        str, typer.Option(metavar="NAME", help="mlir, cpp, triton, or auto (the fastest wins)")
    ] = "auto",
    only: Annotated[
        str, typer.Option(metavar="LIST", help="names or patterns, as softmax_*,losses/mse_mean")
    ] = "",
    families: Annotated[str, typer.Option(metavar="LIST", help="families, as scans,losses")] = "",
    shard: Annotated[str, typer.Option(metavar="I/N", help="every n-th workload")] = "1/1",
    size: Annotated[
        str, typer.Option(metavar="NAME", help="cpu, gpu or small; auto: the backend's")
    ] = "auto",
    effort: Annotated[
        str, typer.Option(metavar="LEVEL", help="none, quick or full, as in optimize")
    ] = "quick",
    budget: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="a workload's tuning with --effort full")
    ] = None,
    timing: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="of timing each kernel; by --effort when not given"),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="N", help="start no workload after so long")
    ] = None,
    baselines: Annotated[
        str, typer.Option(metavar="LIST", help="of eager, compile, max-autotune, cudagraph")
    ] = "eager,compile",
    out: Out = OUT,
    fresh: Annotated[bool, typer.Option("--fresh", help="measure again what has a record")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print the summary as JSON")] = False,
    strict_ieee: Annotated[
        bool, typer.Option("--strict-ieee", help="as in optimize: no licence for finite inputs")
    ] = False,
    allow_unsandboxed: Annotated[bool, typer.Option("--allow-unsandboxed")] = False,
) -> None:
    """Optimise every workload of SUITE side by side with its baselines, and score the kernels.

    The same command continues where the last one ended; Ctrl-C keeps what is finished.

    Examples:

        kernelwright bench memory_bound --backend cpu --effort none --impl-type cpp

        kernelwright bench memory_bound algebra --shard 2/4 --out shard2 --minutes 25

        kernelwright bench my_models/ --only "softmax*" --baselines eager,compile,max-autotune
    """
    from kernelwright.bench.runner import RunOptions, run_suite
    from kernelwright.bench.suite import find_suite, select
    from kernelwright.cli.progress import Display
    from kernelwright.config import resolve
    from kernelwright.task.optimize import Options

    with told("bench"):
        optimize: dict[str, Any] = {
            "backend": backend, "arch": arch, "impl_type": impl_type, "effort": effort,
            "baselines": names(baselines), "budget_s": budget, "timing_s": timing,
        }  # fmt: skip
        # Wrong options are said before the first workload, not with each.
        Options(**optimize)
        flags = {"judge.strict_ieee": strict_ieee, "judge.allow_unsandboxed": allow_unsandboxed}
        config = resolve({key: True for key, given in flags.items() if given})
        chosen = select(
            [w for name in suites for w in find_suite(name)],
            only=names(only),
            families=names(families),
            shard=shard,
        )
        wall_s = None if minutes is None else 60 * minutes
        options = RunOptions(out, optimize, size, wall_s, fresh, command_line())
        with Display(Console(stderr=True), len(chosen)) as display:
            rows, ended = run_suite(
                chosen,
                options,
                config,
                partial(job, {**optimize, "keep_tuning": not fresh}, config, display),
                display,
            )
        concluded(out, rows, as_json)
        if ended:
            print(
                f"{ended}: {len(rows)} of {len(chosen)} workloads are finished; the same command "
                "continues",
                file=sys.stderr,
            )
        if ended == "interrupted":
            raise typer.Exit(INTERRUPTED)
        raise typer.Exit(0 if all(row.correct for row in rows) else 1)


def job(
    optimize: dict[str, Any], config: Any, display: Any, path: Path, out: Path, observer: Any
) -> Any:
    """One workload through the main job; what goes wrong is a result with a status."""
    display.begin(path.stem)
    from kernelwright.task.optimize import optimize_file

    def work() -> Any:
        # What has no record of its own is measured now: all sides in one run.
        return optimize_file(
            path, out=out, observer=observer, config=config, fresh=True, **optimize
        )

    return guarded(path, work)


def merge(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="the --out folders of several runs")
    ],
    out: Out = OUT,
    as_json: Annotated[bool, typer.Option("--json", help="print the summary as JSON")] = False,
) -> None:
    """Join the raw records of several runs (shards, machines) and score them as one.

    Of a workload that several have measured the newest record counts.

    Example:

        kernelwright bench merge shard1 shard2 shard3 --out whole
    """
    from kernelwright.bench.rows import read_rows

    with told("bench merge"):
        concluded(out, read_rows(folders), as_json)


def publish(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="the --out folders of runs, or summaries")
    ],
    page: Annotated[Path, typer.Option(help="page that holds the tables")] = PAGE,
    results: Annotated[Path, typer.Option(help="folder of the summaries")] = RESULTS,
) -> None:
    """Write the tables of runs into docs/benchmarks.md, from their raw records.

    A file of bench/results/ instead of a folder writes its table again.

    Examples:

        kernelwright bench publish kernelwright-out/bench

        kernelwright bench publish bench/results/memory_bound-cpu.json
    """
    from kernelwright.bench import publish as publishing
    from kernelwright.bench.rows import read_rows

    with told("bench publish"):
        files = [path for path in folders if path.is_file()]
        written = [publishing.retable(path, page) for path in files]
        runs = [path for path in folders if path not in files]
        if runs:
            written += publishing.publish(read_rows(runs), page, results)
        emit(f"{page}: {', '.join(written)}")


def concluded(out: Path, rows: Sequence[Any], as_json: bool) -> None:
    """Writes the results' files and prints the losses, the table and where the page is."""
    import json

    from kernelwright.bench.results import summary, write_results

    if not rows:
        return
    page = write_results(out, rows)
    if as_json:
        data = {k: v for k, v in summary(rows).items() if k != "rows"}
        emit(json.dumps({**data, "report": str(page)}))
        return
    shown(rows)
    emit(f"report: {page}")


def shown(rows: Sequence[Any]) -> None:
    """The table of families, what it cannot say, and the losses, the worst first."""
    from kernelwright.bench.rows import losses, why
    from kernelwright.bench.scores import remarks, scores
    from kernelwright.cli.tables import new_table, right
    from kernelwright.report.numbers import percent_text, ratio_text

    lost = losses(rows)
    if lost:
        emit("losses and misses, the worst first:")
    for row in lost:
        emit(f"  {row.label}: {ratio_text(row.speedup_best)}, {why(row)[:300]}")
    found = scores(rows)
    table = new_table("family")
    right(
        table, "work-\nloads", "veri-\nfied", "alone", "returned", "alone,\nover eager",
        "fast_1", "fast\n_1.05", "below\n1.0", "worst", "% of\nbound",
    )  # fmt: skip
    for s in found:
        table.add_row(
            s.group, str(s.count), str(s.correct), ratio_text(s.alone), ratio_text(s.returned),
            ratio_text(s.over_eager), percent_text(100 * s.fast_1), percent_text(100 * s.fast_1_05),
            str(s.below_1), ratio_text(s.worst), percent_text(s.bound_percent),
        )  # fmt: skip
    console = Console(width=WIDTH)
    with console.capture() as capture:
        console.print(table)
    emit(capture.get().rstrip("\n"))
    for text in remarks(rows, found):
        emit(text)


class told:
    """A context in which an error of ours is one line on standard error and its exit code."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, KernelwrightError):
            print(f"kernelwright {self.command}: {error}", file=sys.stderr)
            raise typer.Exit(error.exit_code) from error


def names(text: str) -> tuple[str, ...]:
    """A comma list as a tuple."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def command_line() -> str:
    """What was typed, for the record."""
    return shlex.join(["kernelwright", *sys.argv[1:]])


COMMANDS: dict[str, Callable[..., None]] = {"suite": suite, "merge": merge, "publish": publish}
