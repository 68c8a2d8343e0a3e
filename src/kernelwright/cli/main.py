"""The command line: ``kernelwright`` (short ``kw``). Parses, calls, prints; holds no logic.

Standard output carries results (a table, or one JSON object a task); everything else goes to
standard error. Exit codes are those of the contract: 0 verified, 1 the kernel failed, 2 usage or a
broken task, 3 ours or the machine's fault, 130 interrupted.
"""

from __future__ import annotations

import ctypes
import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import kernelwright
from kernelwright.cli import audit as audit_command
from kernelwright.cli import compile as compile_command
from kernelwright.cli import evolve as evolve_command
from kernelwright.cli import plan as plan_command
from kernelwright.cli import replay as replay_command
from kernelwright.cli import run_kernel as run_command
from kernelwright.cli.bench import bench
from kernelwright.cli.llm import (
    Llm,
    LlmAgents,
    LlmBudget,
    LlmFix,
    LlmOptions,
    LlmPresets,
    LlmPrices,
    LlmStyle,
    WorkflowName,
)
from kernelwright.cli.ops import ops
from kernelwright.cli.options import (
    EXIT_CODES,
    Arch,
    Backend,
    Baselines,
    Budget,
    Effort,
    Framework,
    Fresh,
    ImplType,
    Json,
    KernelType,
    Strict,
    Unsandboxed,
    config_of,
    names,
    result_folders,
)
from kernelwright.cli.run import INTERRUPTED, emit, run_jobs

app = typer.Typer(
    name="kernelwright",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="Turns a reference operator into a kernel that is proved right by a strict judge and "
    "measured honestly.",
    epilog="Start with: kernelwright optimize examples/softmax.py",
)

app.add_typer(bench, name="bench")

Reference = Annotated[
    Path, typer.Argument(metavar="REFERENCE", help="file that defines Model and get_inputs()")
]


def tell_version(wanted: bool) -> None:
    if wanted:
        print(f"kernelwright {kernelwright.__version__}")
        raise typer.Exit


@app.callback()
def common(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="log what happens")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=tell_version, is_eager=True, help="tell and exit")
    ] = False,
) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )


@app.command(epilog=EXIT_CODES)
def optimize(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="files that define Model and get_inputs()"),
    ],
    framework: Framework = "auto",
    backend: Backend = "auto",
    arch: Arch = "auto",
    impl_type: ImplType = "auto",
    task_type: Annotated[
        str, typer.Option(metavar="TYPE", help="profile, or precision_only (verify, do not time)")
    ] = "profile",
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="result folder (with several files: one folder a file in it); "
            "kernelwright-out/OP-HASH when not given",
        ),
    ] = None,
    as_json: Json = False,
    effort: Effort = "quick",
    baselines: Baselines = "auto",
    budget: Budget = None,
    fresh: Fresh = False,
    strict_ieee: Strict = False,
    allow_unsandboxed: Unsandboxed = False,
    llm: Llm = None,
    llm_agents: LlmAgents = "",
    llm_budget: LlmBudget = "",
    llm_presets: LlmPresets = "",
    llm_prices: LlmPrices = "",
    llm_fix: LlmFix = "",
    llm_style: LlmStyle = "",
    workflow: WorkflowName = "",
) -> None:
    """Make a verified, measured kernel for every FILE.

    Examples:

        kernelwright optimize examples/softmax.py

        kernelwright optimize model.py --backend cuda --baselines eager --json

        kernelwright optimize a.py b.py --effort none --out results

        kernelwright optimize model.py --effort full --budget 300

        kernelwright optimize model.py --llm ollama_qwen3 --llm-budget requests=20,tokens=100000
    """
    from kernelwright.task.ahead import begin_reference

    begin_reference(files[0], framework)
    from kernelwright.task.optimize import optimize_file

    options: dict[str, Any] = {
        "framework": framework, "backend": backend, "arch": arch, "impl_type": impl_type,
        "task_type": task_type, "effort": effort, "budget_s": budget, "fresh": fresh,
        "baselines": names(baselines),
    }  # fmt: skip
    folders = result_folders(files, out_dir)
    asked = LlmOptions(
        llm, llm_agents, llm_budget, llm_presets, llm_prices, llm_fix, llm_style, workflow
    )

    def job(path: Path, observer: Any) -> Any:
        config = config_of(allow_unsandboxed, strict_ieee)
        return optimize_file(
            path, out=folders[path], observer=observer, config=config, agents=asked.plan(),
            **options,
        )  # fmt: skip

    run_jobs(list(folders), job, as_json)


@app.command(epilog=EXIT_CODES)
def verify(
    reference: Reference,
    candidate: Annotated[
        Path,
        typer.Argument(metavar="CANDIDATE", help="file that defines ModelNew, or def kernel"),
    ],
    profile: Annotated[
        bool, typer.Option("--profile", help="also time it against the baselines")
    ] = False,
    framework: Framework = "auto",
    backend: Backend = "auto",
    arch: Arch = "auto",
    impl_type: KernelType = "auto",
    baselines: Baselines = "auto",
    as_json: Json = False,
    strict_ieee: Strict = False,
    allow_unsandboxed: Unsandboxed = False,
) -> None:
    """Judge one CANDIDATE against a REFERENCE.

    Examples:

        kernelwright verify examples/softmax.py my_kernel.py

        kernelwright verify examples/softmax.py my_kernel.py --profile --baselines all
    """
    from kernelwright.task.ahead import begin_reference

    begin_reference(reference, framework)
    from kernelwright.task.judge import verify_files

    def job(path: Path, observer: Any) -> Any:
        return verify_files(
            path, candidate, profile=profile, framework=framework, backend=backend, arch=arch,
            impl_type=impl_type, baselines=names(baselines), observer=observer,
            config=config_of(allow_unsandboxed, strict_ieee),
        )  # fmt: skip

    run_jobs([reference], job, as_json)


@app.command(epilog=EXIT_CODES)
def choose(
    reference: Reference,
    candidates: Annotated[
        list[Path], typer.Argument(metavar="CANDIDATE", help="kernel files to compare")
    ],
    framework: Framework = "auto",
    backend: Backend = "auto",
    arch: Arch = "auto",
    impl_type: KernelType = "auto",
    baselines: Baselines = "auto",
    as_json: Json = False,
    strict_ieee: Strict = False,
    allow_unsandboxed: Unsandboxed = False,
) -> None:
    """Judge several CANDIDATES side by side and name the fastest verified one.

    Example:

        kernelwright choose reference.py a.py b.py c.py
    """
    from kernelwright.cli.tables import choice_remarks, choice_table
    from kernelwright.task.ahead import begin_reference

    begin_reference(reference, framework)
    from kernelwright.task.judge import choose_files

    def job(path: Path, observer: Any) -> Any:
        return choose_files(
            path, candidates, framework=framework, backend=backend, arch=arch,
            impl_type=impl_type, baselines=names(baselines), observer=observer,
            config=config_of(allow_unsandboxed, strict_ieee),
        )  # fmt: skip

    run_jobs([reference], job, as_json, table=choice_table, remarks=choice_remarks)


app.command(epilog=audit_command.EXIT_CODES)(audit_command.audit)
app.command(epilog=plan_command.PLAN_EXIT_CODES)(plan_command.plan)
app.command(epilog=EXIT_CODES)(plan_command.tune)
app.command("compile", epilog=compile_command.COMPILE_EXIT_CODES)(compile_command.compile_command)
app.command("run", epilog=EXIT_CODES)(run_command.run_command)
app.command(epilog=EXIT_CODES)(evolve_command.evolve)
app.command(epilog=replay_command.EXIT_CODES)(replay_command.replay)
app.command()(ops)


@app.command()
def doctor(
    matrix: Annotated[
        bool, typer.Option("--matrix", help="print which combinations exist")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON and nothing else")] = False,
) -> None:
    """Say what is installed, which devices are there, what is missing and how to get it.

    Examples:

        kernelwright doctor

        kernelwright doctor --matrix
    """
    from kernelwright.cli.doctor import examine, matrix_rows, matrix_table, report_tables, shown

    if as_json:
        emit(json.dumps(matrix_rows() if matrix else examine(), indent=2))
        return
    emit(shown([matrix_table()] if matrix else report_tables(examine())))


def keep_freed_memory() -> None:
    """Tells glibc to keep large blocks that are freed: the judge's arrays come and go by the
    hundred megabytes, and giving each back to the kernel costs a tenth of the whole run."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        for option in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
            libc.mallopt(option, 1 << 30)


def main() -> None:
    keep_freed_memory()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # what a terminal cannot show must not end the work
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="kw" if Path(sys.argv[0]).name == "kw" else "kernelwright")
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
