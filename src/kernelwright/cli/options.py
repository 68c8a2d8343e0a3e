"""Options that several commands share, and what they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kernelwright.config import Config, resolve

EXIT_CODES = (
    "Exit codes: 0 verified, 1 the kernel failed, 2 wrong usage or a broken reference, "
    "3 the machine's or Kernelwright's fault, 130 interrupted."
)

Framework = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="torch, numpy, mindspore, graphkernel (info JSON), or auto (what the file imports)",
    ),
]
Backend = Annotated[
    str, typer.Option(metavar="NAME", help="cpu, cuda, ascend, or auto (what is there)")
]
Arch = Annotated[
    str, typer.Option(metavar="NAME", help="such as x86_64, sm_90, h100, or auto (what is there)")
]
ImplType = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="mlir, cpp, triton, or auto (all that run natively; the fastest wins)",
    ),
]
KernelType = Annotated[
    str,
    typer.Option(
        "--impl-type", metavar="NAME", help="mlir, cpp, triton, or auto (what the file imports)"
    ),
]
Baselines = Annotated[
    str,
    typer.Option(
        metavar="LIST",
        help="comma list of eager, compile, max-autotune, cudagraph; auto: all of them that exist "
        "here but max-autotune, which compiles for minutes; all: every one. Speedups are over "
        "eager, and beside it over the fastest",
    ),
]
Unsandboxed = Annotated[
    bool,
    typer.Option(
        "--allow-unsandboxed",
        help="run candidates even where this machine cannot isolate them (see doctor)",
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict-ieee", help="NaN and infinities must be the reference's where it gives them"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object a task and nothing else")]
Effort = Annotated[
    str,
    typer.Option(
        metavar="LEVEL", help="none (first choice), quick (tune up to 60 s), full (--budget)"
    ),
]
Budget = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="of tuning with --effort full; 600 when not given"),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="do not continue an earlier run")]


def config_of(allow_unsandboxed: bool, strict_ieee: bool) -> Config:
    """The configuration with what the command line settles."""
    flags = {"judge.allow_unsandboxed": allow_unsandboxed, "judge.strict_ieee": strict_ieee}
    return resolve({key: True for key, given in flags.items() if given})


def names(text: str) -> tuple[str, ...]:
    """A comma list as a tuple."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def result_folders(files: list[Path], out: Path | None) -> dict[Path, Path | None]:
    """The result folder of each file (None: the default), each file once. Under one ``--out``
    files of the same name get a number, so that none overwrites another."""
    unique = list(dict.fromkeys(files))
    if out is None or len(unique) == 1:
        return dict.fromkeys(unique, out)
    found: dict[Path, Path | None] = {}
    taken: set[str] = set()
    for path in unique:
        name, number = path.stem, 2
        while name in taken:
            name, number = f"{path.stem}-{number}", number + 1
        taken.add(name)
        found[path] = out / name
    return found
