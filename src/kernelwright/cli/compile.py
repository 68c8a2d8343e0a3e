"""``kernelwright compile``: a GraphKernel info file to the files that a loader takes."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kernelwright.cli.options import Arch, Backend, Json, result_folders
from kernelwright.cli.run import WIDTH, emit, run_jobs
from kernelwright.cli.tables import new_table, right
from kernelwright.errors import UsageError

COMPILE_EXIT_CODES = (
    "Exit codes: 0 compiled, 1 a tool refused generated code, 2 wrong usage or a bad file, "
    "3 the machine's or Kernelwright's fault, 130 interrupted."
)
_SUFFIXES = (".json", ".info")


def compile_command(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="info files, or folders of them"),
    ] = None,
    backend: Backend = "auto",
    arch: Arch = "auto",
    out_dir: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="where the kernel's files go")
    ] = Path("kernelwright-out"),
    start: Annotated[
        str, typer.Option("--from", metavar="STAGE", help="begin here, with what stands in DIR")
    ] = "",
    until: Annotated[str, typer.Option("--until", metavar="STAGE", help="stop after it")] = "",
    print_after: Annotated[
        str, typer.Option("--print-after", metavar="STAGE", help="print what it wrote")
    ] = "",
    dynamic: Annotated[bool, typer.Option("--dynamic", help="one kernel for all sizes")] = False,
    stages: Annotated[bool, typer.Option("--stages", help="list the stages and stop")] = False,
    as_json: Json = False,
) -> None:
    """Compile every info FILE to a library with its stages on disk, several files at once.

    Examples:

        kernelwright compile vector_add.json --backend cpu --out build

        kernelwright compile vector_add.json --until schedule --print-after schedule

        kernelwright compile vector_add.json --from lower --out build

        kernelwright compile --stages
    """
    if stages:
        _show_stages("cpu" if backend == "auto" else backend)
        return
    if not files:
        raise typer.BadParameter("name an info file, or ask for --stages")
    from kernelwright.task.compile import compile_file
    from kernelwright.task.compile_many import CompilePool, worth_a_pool

    found = list(info_files(files))
    folders: dict[Path, Path | None] = result_folders(found, out_dir)
    options: dict[str, Any] = {
        "backend": backend, "arch": arch, "start": start, "until": until, "dynamic": dynamic,
    }  # fmt: skip
    jobs = {path: {**options, "out": folder or out_dir} for path, folder in folders.items()}

    def job(path: Path, observer: Any) -> Any:
        if print_after:
            _known(print_after, backend)
        if pool is None:
            result = compile_file(path, observer=observer, **jobs[path])
        else:
            observer.start(f"compile for {backend}")
            result = pool.result(path)
            observer.finish(str(result.status))
        if result and print_after:
            _print(result, print_after)
        return result

    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(CompilePool(jobs)) if worth_a_pool(list(jobs)) else None
        run_jobs(list(folders), job, as_json, table=compile_table, remarks=compile_remarks)


def info_files(files: Sequence[Path]) -> list[Path]:
    """Folders stand for the info files in them."""
    found: list[Path] = []
    for path in files:
        if path.is_dir():
            found += sorted(p for p in path.iterdir() if p.suffix in _SUFFIXES)
        else:
            found.append(path)
    return found


def _known(name: str, backend: str) -> Any:
    from kernelwright.compiler.stages.kernel import stage

    return stage(name, "cpu" if backend == "auto" else backend)


def _print(result: Any, name: str) -> None:
    path = result.files.get(_known(name, result.target.partition(":")[0]).writes)
    if path is None:
        raise UsageError(f"stage {name!r} did not run; see --from and --until")
    try:
        emit(path.read_text(encoding="utf-8").rstrip("\n"))
    except UnicodeDecodeError:
        emit(f"{path}: {path.stat().st_size} bytes")


def _show_stages(backend: str) -> None:
    from kernelwright.compiler.stages.kernel import stages_of

    table = new_table("stage", "reads", "writes", "what it writes")
    for each in stages_of(backend):
        reads = f"K{each.reads}" if each.reads else "the info file"
        table.add_row(each.name, reads, f"K{each.writes}", each.what)
    console = Console(width=WIDTH)
    with console.capture() as capture:
        console.print(table)
    emit(capture.get().rstrip("\n"))


def compile_table(results: Sequence[Any], width: int) -> Table:
    """One row a file."""
    table = new_table("op", "status", "target", "files")
    right(table, "seconds")
    for result in results:
        row = result.to_json()
        names = ", ".join(Path(p).name for p in row.get("files", ()))
        seconds = f"{row.get('seconds', 0):.2f}"
        table.add_row(escape(row["op"]), row["status"], row.get("target", ""), names, seconds)
    return table


def compile_remarks(results: Sequence[Any]) -> list[str]:
    """Why files were not compiled, and how many were."""
    lines = []
    for result in results:
        row = result.to_json()
        if row["status"] != "COMPILED":
            check = f" ({row['check']})" if row["check"] else ""
            lines.append(f"{row['op']}: {row['status']}{check}: {row['reason']}")
        elif row["reason"]:
            lines.append(f"{row['op']}: {row['reason']}")
    if len(results) > 1:
        done = sum(r.to_json()["status"] == "COMPILED" for r in results)
        lines.append(f"{done} of {len(results)} compiled")
    return lines
