"""``kernelwright audit``: is a task worth optimising? Said before any search, with the evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from kernelwright.cli.run import guarded, run_jobs
from kernelwright.report.numbers import DASH, error_text
from kernelwright.schema import Status
from kernelwright.task.result import OptimizeResult

EXIT_CODES = (
    "Exit codes: 0 sound, 1 degenerate (a wrong kernel could pass, or most of the work be left "
    "out), 2 broken or wrong usage, 3 the machine's or Kernelwright's fault, 130 interrupted."
)
_COLOURS = {"sound": "green", "degenerate": "yellow", "broken": "red", "note": "cyan"}
Facts = Mapping[str, Any]


def audit(
    references: Annotated[
        list[Path],
        typer.Argument(metavar="REFERENCE", help="files that define Model and get_inputs()"),
    ],
    framework: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="torch, numpy, mindspore, or auto (what the file imports)"
        ),
    ] = "auto",
    backend: Annotated[
        str, typer.Option(metavar="NAME", help="cpu, cuda, ascend, or auto (what is there)")
    ] = "auto",
    arch: Annotated[
        str,
        typer.Option(metavar="NAME", help="such as x86_64, sm_90, h100, or auto (what is there)"),
    ] = "auto",
    seeds: Annotated[
        int, typer.Option(min=2, metavar="N", help="input sets to look at, from seeds 0 to N-1")
    ] = 3,
    as_json: Annotated[
        bool, typer.Option("--json", help="print one JSON object a task and nothing else")
    ] = False,
) -> None:
    """Say whether each REFERENCE is a task worth optimising, before any search.

    BROKEN: it raises, never ends, gives NaN, is random, or turns float32 into float64.
    DEGENERATE: its output is constant, ignores the inputs, is uniform along an axis or lost in
    rounding, or a decoy (zeros, the mean, a lower precision ...) passes for an answer.
    SOUND: neither. Every verdict comes with its evidence.

    Examples:

        kernelwright audit examples/softmax.py

        kernelwright audit tasks/*.py --json --backend cpu

        kernelwright audit model.py --seeds 8
    """
    from kernelwright.task.audit import audit_file

    def job(path: Path, observer: Any) -> Any:
        def work() -> Any:
            return audit_file(
                path, framework=framework, backend=backend, arch=arch, seeds=seeds,
                observer=observer,
            )  # fmt: skip

        found = guarded(path, work)
        return NotAudited(found) if isinstance(found, OptimizeResult) else found

    run_jobs(list(dict.fromkeys(references)), job, as_json, table=audit_tables, remarks=remarks)


@dataclass(frozen=True)
class NotAudited:
    """A file that no audit could be made of: wrong usage, or a fault that is not the task's."""

    failure: OptimizeResult
    out: Path = Path()

    @property
    def exit_code(self) -> int:
        return self.failure.exit_code

    @property
    def status(self) -> Status:
        return self.failure.status

    def to_json(self) -> dict[str, Any]:
        """An audit's object without a verdict."""
        row = self.failure.to_json()
        told = {name: row[name] for name in ("status", "check", "reason")}
        return {"op": row["op"], "verdict": None, **told, "findings": []}


def audit_tables(results: Sequence[Any], width: int = 100) -> RenderableType:
    """For each task its verdict, what it is, and what was found."""
    parts: list[RenderableType] = []
    for result in results:
        row = result.to_json()
        if parts:
            parts.append("")
        colour = _COLOURS[row["verdict"]]
        parts.append(f"[bold]{escape(row['op'])}[/]: [bold {colour}]{row['verdict'].upper()}[/]")
        if "task" in row:
            parts.append(_facts_table(row))
        if row["findings"]:
            parts.append(_findings_table(row["findings"]))
    return Group(*parts)


def remarks(results: Sequence[Any]) -> list[str]:
    """Why a file could not be audited at all."""
    lost = [r.to_json() for r in results if isinstance(r, NotAudited)]
    return [f"{row['op']}: {row['status']} ({row['check']}): {row['reason']}" for row in lost]


def _findings_table(findings: Sequence[Facts]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, header_style="bold", show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("found", no_wrap=True)
    table.add_column("evidence", overflow="fold")
    for found in findings:
        severity = found["severity"]
        table.add_row(
            f"[{_COLOURS[severity]}]{severity.upper() if severity != 'note' else severity}[/]",
            found["kind"],
            escape(found["text"]),
        )
    return table


def _facts_table(row: Facts) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column("", style="dim", no_wrap=True)
    table.add_column("", overflow="fold")
    for name, text in _facts(row):
        table.add_row(name, escape(text))
    return table


def _facts(row: Facts) -> list[tuple[str, str]]:
    task = row["task"]
    seeds = ", ".join(map(str, task["seeds"]))
    out = [
        ("task", f"{task['framework']} on {task['device']}, for {task['target']}; seeds {seeds}")
    ]
    out += [(f"input {i}", _tensor_text(v)) for i, v in enumerate(row.get("inputs", ()))]
    for i, value in enumerate(row.get("outputs", ())):
        error = value["reference_error"]
        own = "exact" if error is None else f"its own error {error_text(error)}"
        out.append((f"output {i}", f"{_tensor_text(value)}; {own}"))
    texts: dict[str, Callable[[Any], str]] = {
        "state": _state_text,
        "work": _work_text,
        "algebra": _algebra_text,
        "sensitivity": _sensitivity_text,
        "decoys": _decoys_text,
        "laws": _laws_text,
        "policy": _policy_text,
    }
    out += [(name, text(row[name])) for name, text in texts.items() if row.get(name)]
    return out


def _tensor_text(facts: Facts) -> str:
    if "value" in facts:
        return f"the number {facts['value']!r}" if facts["value"] is not None else "None"
    shape = ", ".join(map(str, facts["shape"]))
    text = f"{facts['dtype']}[{shape}], {bytes_text(facts['bytes'])}"
    if facts.get("minimum") is not None and facts.get("maximum") is not None:
        text += f", {facts['minimum']:.4g} to {facts['maximum']:.4g}"
    return text


def _state_text(facts: Facts) -> str:
    if not facts["parameters"] + facts["buffers"]:
        return "none"
    kinds = ", ".join(facts["dtypes"])
    return (
        f"{facts['parameters']} parameters, {facts['buffers']} buffers ({kinds}), "
        f"{bytes_text(facts['bytes'])}"
    )


def _work_text(facts: Facts) -> str:
    if not facts["captured"]:
        return f"unknown, for the Model cannot be captured: {facts['why_not']}"
    text = (
        f"at least {bytes_text(facts['bytes'])} moved and {facts['flops']:.3g} operations in "
        f"{facts['compute_dtype']}"
    )
    calls = ", ".join(facts["library_calls"])
    return f"{text}; opaque library calls: {calls}" if calls else text


def _algebra_text(facts: Facts) -> str:
    if not facts["rules"]:
        return "no rule makes it cheaper"
    before, after = facts["cost_us"]
    text = f"{', '.join(facts['rules'])}: nominally {before:.4g} µs, now {after:.4g}"
    return text + (
        f"; takes for granted {', '.join(facts['licences'])}" if facts["licences"] else ""
    )


def _sensitivity_text(facts: Facts) -> str:
    moves = {True: "change with the seed", False: "do not change with the seed"}
    text = f"inputs {moves[facts['inputs_change']]}; outputs {moves[facts['outputs_change']]}"
    change = facts.get("relative_change")
    return text if change is None else f"{text}, by {change:.3g} of their norm"


def _decoys_text(decoys: Sequence[Facts]) -> str:
    words = {True: "PASSES", False: "refused"}
    return "; ".join(
        f"{d['decoy']} {words[d['passes']] if d['counts'] else 'does not count'}" for d in decoys
    )


def _laws_text(laws: Facts) -> str:
    parts = [f"defined under {', '.join(laws['defined'])}"] if laws["defined"] else []
    parts += [f"undefined under {name}: {why}" for name, why in laws["undefined"].items()]
    return "; ".join([*parts, *laws["notes"]]) or "none apply"


def _policy_text(policy: Facts) -> str:
    return ", ".join(f"{name} {value}" for name, value in policy.items())


def bytes_text(count: int | None) -> str:
    """Bytes in binary units, as in 64 KiB."""
    if count is None:
        return DASH
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.4g} {units[0]}"
