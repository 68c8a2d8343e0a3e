"""``kernelwright run``: an info file compiled, run on seeded data, and judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from kernelwright.cli.compile import compile_table, info_files
from kernelwright.cli.options import (
    Arch,
    Backend,
    Baselines,
    Json,
    Strict,
    Unsandboxed,
    config_of,
    names,
    result_folders,
)
from kernelwright.cli.run import run_jobs


def run_command(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="info files, or folders of them")
    ],
    backend: Backend = "auto",
    arch: Arch = "auto",
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR",
            help="where the kernel's files go; kernelwright-out/OP-HASH when not given",
        ),
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile/--no-profile", help="time it against the baselines too")
    ] = True,
    baselines: Baselines = "auto",
    as_json: Json = False,
    strict_ieee: Strict = False,
    allow_unsandboxed: Unsandboxed = False,
) -> None:  # fmt: skip
    """Compile every info FILE, run it on seeded data and judge what it computes.

    Examples:

        kernelwright run vector_add.json

        kernelwright run infos/ --backend cpu --no-profile --json
    """
    from kernelwright.task.run import run_file

    def job(path: Path, observer: Any) -> Any:
        return run_file(
            path, out=folders[path], backend=backend, arch=arch, profile=profile,
            baselines=names(baselines), observer=observer,
            config=config_of(allow_unsandboxed, strict_ieee),
        )  # fmt: skip

    folders = result_folders(info_files(files), out_dir)
    run_jobs(list(folders), job, as_json, table=run_table, remarks=run_remarks)


def run_table(results: Sequence[Any], width: int) -> RenderableType:
    """The main job's table of what ran, and below it the compiler's of what did not."""
    from kernelwright.cli.tables import results_table
    from kernelwright.task.compile import CompileResult

    ran = [r for r in results if not isinstance(r, CompileResult)]
    rest = [r for r in results if isinstance(r, CompileResult)]
    tables = [results_table(ran, width)] if ran else []
    return Group(*tables, *([compile_table(rest, width)] if rest else []))


def run_remarks(results: Sequence[Any]) -> list[str]:
    """Failures, why what compiled did not run, and how many files are verified."""
    from kernelwright.cli.compile import compile_remarks
    from kernelwright.cli.tables import remarks
    from kernelwright.task.compile import CompileResult

    lines = []
    for result in results:
        if not isinstance(result, CompileResult):
            lines += remarks([result])
        elif result:
            lines.append(f"{result.op}: {result.reason}")
        else:
            lines += compile_remarks([result])
    if len(results) > 1:
        verified = sum(bool(r) and not isinstance(r, CompileResult) for r in results)
        lines.append(f"{verified} of {len(results)} verified")
    return lines
