"""Running a command's jobs: one a file, past bad ones, to a table or to JSON and an exit code.

This is the one place that turns exceptions into a status. Standard output carries results only.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.console import Console, RenderableType

from kernelwright.errors import KernelwrightError

INTERRUPTED = 130
WIDTH = 120  # of a table that goes to a file or a pipe
FULL_STDOUT = 3


def run_jobs(
    files: Sequence[Path],
    job: Callable[[Path, Any], Any],
    as_json: bool,
    *,
    table: Callable[..., RenderableType] | None = None,
    remarks: Callable[[Any], list[str]] | None = None,
) -> None:
    """Runs a job a file, keeps going past bad ones, prints, and exits with the worst code.

    ``table`` and ``remarks`` make what is shown of the results (the main job's by default).
    """
    from kernelwright.cli.progress import Display
    from kernelwright.cli.tables import remarks as usual_remarks
    from kernelwright.cli.tables import results_table

    err = Console(stderr=True)
    results: list[Any] = []
    codes: list[int] = []
    with Display(err, len(files)) as display:
        for path in files:
            display.begin(path.stem)
            try:
                result = guarded(path, partial(job, path, display))
            except KeyboardInterrupt as stop:
                display.note("interrupted; what is finished is kept, the same command continues")
                codes.append(INTERRUPTED)
                kept = getattr(stop, "result", None)  # the best so far of a run that was tuning
                if kept is not None:
                    results.append(kept)
                    if as_json:
                        emit(json.dumps(kept.to_json()))
                break
            results.append(result)
            codes.append(result.exit_code)
            if as_json:
                emit(json.dumps(result.to_json()))
    if not as_json:
        show(results, table or results_table, remarks or usual_remarks)
    raise typer.Exit(max(codes, default=0))


def guarded(path: Path, work: Callable[[], Any]) -> Any:
    """``work``'s result, or the status that its exception stands for: a message, never a traceback,
    unless the fault is ours (then the traceback goes to standard error too)."""
    from kernelwright.schema import Status
    from kernelwright.task.result import failed

    try:
        return work()
    except KernelwrightError as error:
        usage = error.exit_code == 2
        status = Status.USAGE_ERROR if usage else Status.INFRA_ERROR
        return failed(path.stem, Path(), status, "usage" if usage else "machine", str(error))
    except Exception as error:  # noqa: BLE001  the command line's edge
        traceback.print_exc(file=sys.stderr)
        reason = f"{type(error).__name__}: {error} (a fault of Kernelwright; please report it)"
        return failed(path.stem, Path(), Status.INFRA_ERROR, "internal", reason)


def show(
    results: Sequence[Any],
    table: Callable[..., RenderableType],
    remarks: Callable[[Any], list[str]],
) -> None:
    """The table of what was judged, the remarks, and where the reports are."""
    out = Console()
    width = out.width if out.is_terminal else max(out.width, WIDTH)
    console = Console(width=width)
    judged = [r for r in results if str(r.status) not in ("USAGE_ERROR", "INFRA_ERROR")]
    if judged:
        with console.capture() as capture:
            console.print(table(judged, width))
        emit(capture.get().rstrip("\n"))
    for text in remarks(results):
        emit(text)
    for result in results:
        page = Path(result.out) / "report.html"
        if str(result.out) != "." and page.exists():
            emit(f"report: {page}")


def emit(text: str) -> None:
    """Prints a line of results. A reader who has gone (``| head``) ends the printing, not the work:
    what is computed is still written to its folder. Any other failure to print exits with 3."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        discard(sys.stdout)
    except OSError as error:
        discard(sys.stdout)
        print(f"results cannot be written to standard output: {error.strerror}", file=sys.stderr)
        raise typer.Exit(FULL_STDOUT) from error


def discard(stream: Any) -> None:
    """Sends what is still in the stream's buffer, and all that follows, nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
