"""Running a benchmark's ``main`` as a command, from ``python -m`` and from the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer

from kernelwright.errors import KernelwrightError


def run(main: Callable[..., Any], program: str, arguments: Sequence[str] | None = None) -> None:
    """Parses ``arguments`` (the process's own by default), calls ``main`` and exits. An error of
    ours is one line on standard error and its exit code, never a traceback."""
    app = typer.Typer(
        add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False
    )
    app.command()(main)
    try:
        app(args=None if arguments is None else list(arguments), prog_name=program)
    except KernelwrightError as error:
        print(f"{program}: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from error
