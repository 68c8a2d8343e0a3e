"""``kernelwright replay``: a run with agents once more, without its model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from kernelwright.cli.llm import LlmPresets
from kernelwright.cli.run import emit
from kernelwright.errors import KernelwrightError

EXIT_CODES = (
    "Exit codes: 0 the same kernels and verdicts (a forked run: a verified kernel), 1 not, "
    "2 wrong usage, 3 the machine's or Kernelwright's fault."
)


def replay(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="the folder of a run that had agents")],
    out_dir: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="where files go; RUN-replay when not given"),
    ] = None,
    fork_from: Annotated[
        str,
        typer.Option(
            metavar="STEP",
            help="from this step on (S03/coder, or the number of an exchange) a live model answers",
        ),
    ] = "",
    llm: Annotated[
        str,
        typer.Option(metavar="PRESET", help="the live model; the recorded one when not given"),
    ] = "",
    llm_presets: LlmPresets = "",
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Repeat a recorded RUN: the recorded answers, judged anew.

    Examples:

        kernelwright replay kernelwright-out/softmax-1a2b3c4d

        kernelwright replay results --fork-from S03/coder --llm ollama_qwen3
    """
    from kernelwright.config import resolve
    from kernelwright.task.replay import replay_run

    out = out_dir or run.with_name(f"{run.resolve().name}-replay")
    try:
        result = replay_run(
            run, out, resolve(), fork_from=fork_from, llm=llm, presets=llm_presets,
            told=lambda line: typer.echo(line, err=True),
        )  # fmt: skip
    except KernelwrightError as error:
        typer.echo(f"replay: {error}", err=True)
        raise typer.Exit(2 if error.exit_code == 2 else 3) from None
    if as_json:
        emit(json.dumps(result.to_json()))
    elif result.forked_at:
        emit(f"{result.op}: forked at {result.forked_at}: {result.status or 'no verdict'}")
    elif result.matches:
        emit(f"{result.op}: reproduced, {len(result.steps)} steps: {result.status or 'no verdict'}")
    else:
        emit(f"{result.op}: NOT reproduced")
        emit(result.diff)
    raise typer.Exit(result.exit_code)
