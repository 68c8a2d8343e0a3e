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

from kernelwright.cli.options import (
    Budget,
    Effort,
    ImplType,
    Json,
    Strict,
    Unsandboxed,
    config_of,
    names,
)
from kernelwright.cli.run import INTERRUPTED, emit, guarded, run_jobs
from kernelwright.errors import KernelwrightError

OUT = Path("kernelwright-out") / "bench"
PAGE, RESULTS = Path("docs/benchmarks.md"), Path("bench/results")
WIDTH = 130

Out = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="folder of records, kernels and the page")
]


Suites = Annotated[
    list[str],
    typer.Argument(metavar="SUITE", help="memory_bound, algebra, or a folder of references"),
]
Only = Annotated[
    str, typer.Option(metavar="LIST", help="names or patterns, as 'softmax_*,losses/mse_mean'")
]
Families = Annotated[str, typer.Option(metavar="LIST", help="families, as scans,losses")]
Shard = Annotated[str, typer.Option(metavar="I/N", help="every n-th workload of each family")]
Size = Annotated[
    str, typer.Option(metavar="NAME", help="cpu, gpu, small, a part as gpu/8; auto: the backend's")
]
Backend = Annotated[str, typer.Option(metavar="NAME", help="cpu, cuda, or auto (what is there)")]
Arch = Annotated[str, typer.Option(metavar="NAME", help="such as sm_90, or auto")]


def suite(
    suites: Suites,
    backend: Backend = "auto",
    arch: Arch = "auto",
    impl_type: ImplType = "auto",
    only: Only = "",
    families: Families = "",
    shard: Shard = "1/1",
    size: Size = "auto",
    effort: Effort = "quick",
    budget: Budget = None,
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
    verify_only: Annotated[
        bool, typer.Option("--verify-only", help="judge the kernels, time nothing")
    ] = False,
    plan: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="use the designs of this plan (kernelwright bench plan)"),
    ] = None,
    out: Out = OUT,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="tune and measure again what has a record")
    ] = False,
    as_json: Json = False,
    strict_ieee: Strict = False,
    allow_unsandboxed: Unsandboxed = False,
) -> None:
    """Optimise every workload of SUITE side by side with its baselines, and score the kernels.

    The same command continues where the last one ended; Ctrl-C keeps what is finished.

    Examples:

        kernelwright bench memory_bound --backend cpu --effort none --impl-type cpp

        kernelwright bench memory_bound algebra --shard 2/4 --out shard2 --minutes 25

        kernelwright bench algebra --backend cuda --impl-type triton --size small --verify-only

        kernelwright bench my_models/ --only "softmax*" --baselines eager,compile,max-autotune
    """
    from kernelwright.bench.runner import RunOptions, run_suite
    from kernelwright.cli.progress import Display
    from kernelwright.task.optimize import Options

    with told("bench"):
        optimize: dict[str, Any] = {
            "backend": backend, "arch": arch, "impl_type": impl_type, "effort": effort,
            "baselines": names(baselines), "budget_s": budget, "timing_s": timing,
            "task_type": "precision_only" if verify_only else "profile",
        }  # fmt: skip
        # Wrong options are said before the first workload, not with each.
        Options(**optimize)
        config = config_of(allow_unsandboxed, strict_ieee)
        chosen = chosen_workloads(suites, only, families, shard)
        wall_s = None if minutes is None else 60 * minutes
        options = RunOptions(out, optimize, size, wall_s, fresh, command_line(), plan)
        with Display(Console(stderr=True), len(chosen)) as display:
            rows, ended = run_suite(
                chosen,
                options,
                config,
                partial(job, {**optimize, "keep_tuning": not fresh}, config, display, plan),
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
    optimize: dict[str, Any],
    config: Any,
    display: Any,
    plan: Path | None,
    workload: Any,
    path: Path,
    out: Path,
    observer: Any,
) -> Any:
    """One workload through the main job; what goes wrong is a result with a status. What has no
    record of its own is measured now, all sides in one run."""
    display.begin(path.stem)

    def work() -> Any:
        from kernelwright.task.optimize import optimize_file

        more = {"out": out, "observer": observer, "config": config, "fresh": True}
        if plan is None:
            return optimize_file(path, **optimize, **more)
        from kernelwright.bench.planned import planned_folder
        from kernelwright.task.tune_folder import tune_workload

        folder = planned_folder(plan, workload, path.read_text(encoding="utf-8"))
        settled = {k: v for k, v in optimize.items() if k not in ("backend", "arch")}
        return tune_workload(folder, **settled, **more)

    return guarded(path, work)


def plan(
    suites: Suites,
    backend: Backend = "auto",
    arch: Arch = "auto",
    impl_type: ImplType = "auto",
    only: Only = "",
    families: Families = "",
    shard: Shard = "1/1",
    size: Size = "auto",
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="the plan's folder, made or added to")
    ] = Path("kernelwright-plan"),
    fresh: Annotated[bool, typer.Option("--fresh", help="plan again what is there")] = False,
    as_json: Json = False,
) -> None:
    """Plan every workload of SUITE for a machine that need not be here, for `bench SUITE --plan`.

    Example:

        kernelwright bench plan memory_bound --backend cuda --arch sm_90 --out plan
    """
    from kernelwright.bench.planned import is_planned, plan_name
    from kernelwright.bench.runner import RunOptions
    from kernelwright.cli.plan import plan_remarks, plan_table
    from kernelwright.task.output import write_file
    from kernelwright.task.plan import plan_file

    labels: dict[Path, str] = {}
    with told("bench plan"):
        options = RunOptions(out, {"backend": backend}, size)
        for workload in chosen_workloads(suites, only, families, shard):
            source = workload.source(options.settled_size)
            if fresh or not is_planned(out, workload, source):
                path = out / "references" / plan_name(workload) / f"{workload.name}.py"
                write_file(path, source.encode())
                labels[path] = plan_name(workload)

    def planned(path: Path, observer: Any) -> Any:
        return plan_file(
            path, out=out, name=labels[path], backend=options.backend, arch=arch,
            impl_type=impl_type, observer=observer,
        )  # fmt: skip

    run_jobs(list(labels), planned, as_json, table=plan_table, remarks=plan_remarks)


def chosen_workloads(suites: Sequence[str], only: str, families: str, shard: str) -> list[Any]:
    """The workloads that the command line names."""
    from kernelwright.bench.suite import find_suite, select

    return select(
        [w for name in suites for w in find_suite(name)],
        only=names(only),
        families=names(families),
        shard=shard,
    )


def merge(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="the --out folders of several runs")
    ],
    out: Out = OUT,
    as_json: Json = False,
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


def command_line(arguments: Sequence[str] | None = None) -> str:
    """What was typed, for the record and for pages that others read: without where the results go,
    which decides nothing."""
    typed = iter(sys.argv[1:] if arguments is None else arguments)
    kept = []
    for word in typed:
        if word == "--out":
            next(typed, None)
        elif not word.startswith("--out="):
            kept.append(word)
    return shlex.join(["kernelwright", *kept])


COMMANDS: dict[str, Callable[..., None]] = {
    "suite": suite,
    "plan": plan,
    "merge": merge,
    "publish": publish,
}
