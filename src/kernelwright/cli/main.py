"""The command line: ``kernelwright`` (short ``kw``). Parses, calls, prints; holds no logic.

Standard output carries results (a table, or one JSON object a task); everything else goes to
standard error. Exit codes are those of the contract: 0 verified, 1 the kernel failed, 2 usage or a
broken task, 3 ours or the machine's fault, 130 interrupted.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from kernelwright.errors import KernelwrightError, UsageError

out = Console()
err = Console(stderr=True)
app = typer.Typer(
    name="kernelwright",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Turns a reference operator into a kernel that is proved right by a strict judge and "
    "measured honestly.",
)

Framework = Annotated[
    str, typer.Option(help="torch, numpy, mindspore, or auto (what the file imports)")
]
Backend = Annotated[str, typer.Option(help="cpu, cuda, ascend, or auto (what is there)")]
Arch = Annotated[str, typer.Option(help="such as x86_64, sm_90, h100; auto: what is there")]
ImplType = Annotated[
    str, typer.Option(help="mlir, cpp, triton, or auto (all that run natively; fastest wins)")
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object a task, nothing else")]
Reference = Annotated[Path, typer.Argument(help="file that defines Model and get_inputs()")]


@app.callback()
def common(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="log what happens")] = False,
) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )


@app.command()
def optimize(
    files: Annotated[list[Path], typer.Argument(help="one or more files that define Model")],
    framework: Framework = "auto",
    backend: Backend = "auto",
    arch: Arch = "auto",
    impl_type: ImplType = "auto",
    task_type: Annotated[str, typer.Option(help="profile, or precision_only")] = "profile",
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="result folder; one subfolder a file if several")
    ] = None,
    as_json: Json = False,
    effort: Annotated[
        str, typer.Option(help="none: first choice; quick: tune up to 60 s; full: up to --budget")
    ] = "quick",
    baselines: Annotated[
        str, typer.Option(help="comma list of eager, compile, max-autotune")
    ] = "eager",
    budget: Annotated[
        float | None, typer.Option(help="seconds of tuning with --effort full")
    ] = None,
    fresh: Annotated[bool, typer.Option(help="do not continue an earlier run")] = False,
) -> None:
    """Make a verified, measured kernel for every FILE.

    Examples:

        kernelwright optimize examples/softmax.py

        kernelwright optimize model.py --backend cuda --baselines eager,compile --json

        kernelwright optimize a.py b.py --effort none --out results
    """
    from kernelwright.task.optimize import optimize_file

    options: dict[str, Any] = {
        "framework": framework, "backend": backend, "arch": arch, "impl_type": impl_type,
        "task_type": task_type, "effort": effort, "budget_s": budget, "fresh": fresh,
        "baselines": tuple(b.strip() for b in baselines.split(",") if b.strip()),
    }  # fmt: skip

    def job(path: Path, observer: Any) -> Any:
        folder = out_dir
        if out_dir is not None and len(files) > 1:
            folder = out_dir / path.stem
        return optimize_file(path, out=folder, observer=observer, **options)

    run_jobs(files, job, as_json, report=True)


@app.command()
def verify(
    reference: Reference,
    candidate: Annotated[Path, typer.Argument(help="file that defines ModelNew or kernel")],
    profile: Annotated[bool, typer.Option(help="also time it against the baselines")] = False,
    framework: Framework = "auto",
    backend: Backend = "auto",
    arch: Arch = "auto",
    impl_type: ImplType = "auto",
    baselines: Annotated[str, typer.Option(help="comma list of baselines")] = "eager",
    as_json: Json = False,
) -> None:
    """Judge one CANDIDATE against a REFERENCE.

    Example:

        kernelwright verify examples/softmax.py my_kernel.py --profile
    """
    from kernelwright.task.judge import verify_files

    def job(path: Path, observer: Any) -> Any:
        return verify_files(
            path, candidate, profile=profile, framework=framework, backend=backend, arch=arch,
            impl_type=impl_type, baselines=tuple(baselines.split(",")), observer=observer,
        )  # fmt: skip

    run_jobs([reference], job, as_json)


@app.command()
def choose(
    reference: Reference,
    candidates: Annotated[list[Path], typer.Argument(help="kernels to compare")],
    framework: Framework = "auto",
    backend: Backend = "auto",
    arch: Arch = "auto",
    impl_type: ImplType = "auto",
    baselines: Annotated[str, typer.Option(help="comma list of baselines")] = "eager",
    as_json: Json = False,
) -> None:
    """Judge several CANDIDATES side by side and name the fastest verified one.

    Example:

        kernelwright choose reference.py a.py b.py c.py
    """
    from kernelwright.cli.tables import choice_table
    from kernelwright.task.judge import choose_files

    def job(path: Path, observer: Any) -> Any:
        return choose_files(
            path, candidates, framework=framework, backend=backend, arch=arch,
            impl_type=impl_type, baselines=tuple(baselines.split(",")), observer=observer,
        )  # fmt: skip

    run_jobs([reference], job, as_json, table=choice_table)


@app.command()
def doctor(
    matrix: Annotated[bool, typer.Option(help="print which combinations exist")] = False,
    as_json: Json = False,
) -> None:
    """Say what is installed, which devices are there, what is missing and how to get it."""
    from kernelwright.cli.doctor import examine, matrix_table, report_tables

    if matrix:
        out.print(matrix_table())
        return
    found = examine()
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for table in report_tables(found):
        out.print(table)


# ---- running -------------------------------------------------------------------------------------


def run_jobs(
    files: Sequence[Path],
    job: Callable[[Path, Any], Any],
    as_json: bool,
    *,
    report: bool = False,
    table: Callable[[Any], Any] | None = None,
) -> None:
    """Runs a job a file, keeps going past bad ones, prints, and exits with the worst code."""
    from kernelwright.cli.progress import Display
    from kernelwright.cli.tables import remarks, results_table

    results: list[Any] = []
    codes: list[int] = []
    with Display(err, len(files)) as display:
        for path in files:
            display.begin(path.stem)
            try:
                result = guarded(path, partial(job, path, display))
            except KeyboardInterrupt:
                err.print("interrupted; what is finished is kept, the same command continues")
                codes.append(130)
                break
            results.append(result)
            codes.append(result.exit_code)
            if as_json:
                print(json.dumps(result.to_json()), flush=True)
    if not as_json and results:
        shown = [r for r in results if str(r.status) != "USAGE_ERROR"]
        if shown:
            wide = Console(width=max(out.width, 132)) if not out.is_terminal else out
            wide.print(table(shown) if table else results_table(shown))
        for text in remarks(results):
            out.print(text, highlight=False, markup=False, soft_wrap=True)
        for result in results if report else []:
            if result.out and (Path(result.out) / "report.html").exists():
                out.print(f"report: {Path(result.out) / 'report.html'}", highlight=False)
    raise typer.Exit(max(codes, default=0))


def guarded(path: Path, work: Callable[[], Any]) -> Any:
    """The one place that turns exceptions into a status: a message, never a traceback, unless the
    fault is ours (then the traceback goes to standard error too)."""
    from kernelwright.schema import Status
    from kernelwright.task.result import failed

    try:
        return work()
    except UsageError as error:
        return failed(path.stem, Path(), Status.USAGE_ERROR, "usage", str(error))
    except KernelwrightError as error:
        return failed(path.stem, Path(), Status.INFRA_ERROR, "machine", str(error))
    except Exception as error:  # noqa: BLE001  the command line's edge
        traceback.print_exc(file=sys.stderr)
        reason = f"{type(error).__name__}: {error} (a fault of Kernelwright; please report it)"
        return failed(path.stem, Path(), Status.INFRA_ERROR, "internal", reason)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
