"""``kernelwright plan`` and ``kernelwright tune``: the compiler's work here, the device's there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from kernelwright.cli.options import (
    Arch,
    Backend,
    Baselines,
    Budget,
    Effort,
    Framework,
    Fresh,
    ImplType,
    Json,
    Strict,
    Unsandboxed,
    config_of,
    names,
    result_folders,
)
from kernelwright.cli.run import run_jobs
from kernelwright.cli.tables import new_table, right
from kernelwright.errors import UsageError

PLAN_EXIT_CODES = (
    "Exit codes: 0 planned, 1 a printer failed, 2 wrong usage or a broken reference, "
    "3 the machine's or Kernelwright's fault, 130 interrupted."
)


def plan(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="files that define Model and get_inputs()"),
    ],
    framework: Framework = "auto",
    backend: Backend = "auto",
    arch: Arch = "auto",
    impl_type: ImplType = "auto",
    out_dir: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="the plan's folder, made or added to")
    ] = Path("kernelwright-plan"),
    as_json: Json = False,
) -> None:
    """Capture, rewrite, schedule and print every FILE for a machine that need not be here.

    The plan's folder holds all that `kernelwright tune` needs on a machine with the device: each
    workload's reference, its checked AUL designs with their tunables, and the printed kernels.

    Examples:

        kernelwright plan examples/*.py --backend cuda --arch sm_90 --out plan

        kernelwright plan model.py --backend cpu
    """
    from kernelwright.task.plan import plan_file

    folders = result_folders(files, out_dir)
    labels = {p: p.stem if len(folders) == 1 else Path(f or p).name for p, f in folders.items()}

    def job(path: Path, observer: Any) -> Any:
        return plan_file(
            path, out=out_dir, name=labels[path], framework=framework, backend=backend, arch=arch,
            impl_type=impl_type, observer=observer,
        )  # fmt: skip

    run_jobs(list(labels), job, as_json, table=plan_table, remarks=plan_remarks)


def tune(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="what kernelwright plan --out wrote")
    ],
    impl_type: ImplType = "auto",
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="one result folder a workload in it; FOLDER/tuned otherwise",
        ),
    ] = None,
    as_json: Json = False,
    effort: Effort = "quick",
    budget: Budget = None,
    baselines: Baselines = "auto",
    shard: Annotated[
        str, typer.Option(metavar="I/N", help="every N-th workload from the I-th on, such as 2/4")
    ] = "1/1",
    fresh: Fresh = False,
    strict_ieee: Strict = False,
    allow_unsandboxed: Unsandboxed = False,
) -> None:
    """Judge, tune and measure what a plan in FOLDER holds, on the machine that it was made for.

    Needs Python, NumPy and the kernels' own packages (PyTorch, Triton) and no compiler front end. A
    workload that fails does not stop the others; the same command continues after an interrupt.

    Examples:

        kernelwright tune plan

        kernelwright tune plan --effort full --budget 300 --baselines all --out results

        kernelwright tune plan --shard 2/4 --json
    """
    from kernelwright.task.tune_folder import OUT, tune_workload, workloads

    results = out_dir or folder / OUT
    try:
        found = workloads(folder, shard)
    except UsageError as error:
        problem = error

        def refuse(path: Path, observer: Any) -> Any:
            raise problem

        run_jobs([folder], refuse, as_json)
        return

    def job(path: Path, observer: Any) -> Any:
        return tune_workload(
            path, out=results / path.name, impl_type=impl_type, effort=effort,
            baselines=names(baselines), budget_s=budget, fresh=fresh, observer=observer,
            config=config_of(allow_unsandboxed, strict_ieee),
        )  # fmt: skip

    run_jobs(found, job, as_json)


def plan_table(results: Sequence[Any], width: int) -> Table:
    """One row a workload."""
    table = new_table("op", "status", "target", "printed")
    right(table, "designs", "settings\nto tune", "seconds")
    for result in results:
        row = result.to_json()
        settings = ", ".join(str(n) for n in row.get("settings", {}).values())
        table.add_row(
            escape(row["op"]), row["status"], row.get("target", ""),
            ", ".join(row.get("printed", ())), str(row.get("designs", "")), settings,
            f"{sum(row.get('stages_s', {}).values()):.1f}",
        )  # fmt: skip
    return table


def plan_remarks(results: Sequence[Any]) -> list[str]:
    """Why workloads are not in the plan, and what comes next."""
    lines = []
    for result in results:
        row = result.to_json()
        if row["status"] != "PLANNED":
            check = f" ({row['check']})" if row["check"] else ""
            lines.append(f"{row['op']}: {row['status']}{check}: {row['reason']}")
        lines += [f"{row['op']}: {n}" for n in row.get("notes", ()) if "was not printed" in n]
    if made := [r for r in results if r.to_json()["status"] == "PLANNED"]:
        lines.append(f"next, on {made[0].target}: kernelwright tune {made[0].out.parent}")
    return lines
