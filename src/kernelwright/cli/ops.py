"""``kernelwright ops``: which ops become kernels, per backend, and which stay the framework's."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console

from kernelwright.backends import BACKENDS, impl_types, is_native
from kernelwright.cli.options import Json
from kernelwright.cli.tables import new_table
from kernelwright.errors import UnknownNameError

_SAID = {
    "kernel": "computed inside kernels",
    "in parts": "decomposed into other ops of this table",
    "library": "left to the framework's library",
}


def ops(
    backend: Annotated[
        str,
        typer.Option(metavar="NAME", help="one backend; all that have a compiler when left out"),
    ] = "auto",
    as_json: Json = False,
) -> None:
    """List the ops that the builtin compiler lowers, from its own tables.

    Graph ops with the ATen ops (all overloads of each) that turn into them. What stands in neither
    list is decomposed by torch into what does, or runs as a call of the framework's library, named
    in the report with its share of the time."""
    from kernelwright.compiler.coverage import LIBRARY, aten_ops, coverage

    wanted = [backend] if backend != "auto" else BACKENDS.names()
    try:
        columns = [(b, i) for b in wanted for i in impl_types(b)]
    except UnknownNameError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.exit_code) from error
    if as_json:
        typer.echo(json.dumps(_as_data(columns)))
        return
    console = Console()
    table = new_table("op", "kind", *(_title(b, i) for b, i in columns), "from ATen")
    for row in coverage():
        cells = [row.lowering for _ in columns]
        table.add_row(row.name, row.kind, *cells, ", ".join(row.aten))
    console.print(table)
    for way, words in _SAID.items():
        console.print(f"{way}: {words}", style="dim", highlight=False)
    by_design = sorted(n for n, way in aten_ops().items() if way == LIBRARY)
    console.print(f"\nATen ops that run in the library: {', '.join(by_design)}", highlight=False)


def _title(backend: str, impl_type: str) -> str:
    return f"{backend} {impl_type}" + ("" if is_native(backend, impl_type) else " (interpreted)")


def _as_data(columns: list[tuple[str, str]]) -> dict[str, Any]:
    from kernelwright.compiler.coverage import aten_ops, coverage

    return {
        "lowered_by": [
            {"backend": b, "impl_type": i, "native": is_native(b, i)} for b, i in columns
        ],
        "graph_ops": [
            {"op": r.name, "kind": r.kind, "lowering": r.lowering, "aten": list(r.aten)}
            for r in coverage()
        ],
        "aten_ops": dict(sorted(aten_ops().items())),
    }
