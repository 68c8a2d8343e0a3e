"""What the builtin compiler makes kernels of, read from the tables that it works by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernelwright.compiler.schedule.plan import Planner
from kernelwright.frameworks._torch_aten import WHOLE, converters, made_by
from kernelwright.graph.core import Node, OpDef, TensorType
from kernelwright.graph.ops import all_ops

KERNEL = "kernel"  # computed inside a kernel
PARTS = "in parts"  # decomposed into other ops of the table
LIBRARY = "library"  # a call of the framework, between kernels


@dataclass(frozen=True)
class OpCoverage:
    """One Graph op: ``lowering`` is KERNEL, PARTS or LIBRARY, ``aten`` the ATen ops (all their
    overloads) that a capture may turn into it."""

    name: str
    kind: str
    lowering: str
    aten: tuple[str, ...]
    doc: str


def coverage() -> list[OpCoverage]:
    """Every Graph op but the one that stands for calls, by name."""
    table = {n: d for n, d in all_ops().items() if n != "call"}
    sources: dict[str, list[str]] = {name: [] for name in table}
    for aten, converter in converters().items():
        for name in made_by(converter, table.keys()):
            sources[name].append(aten)
    return [
        OpCoverage(n, d.kind, lowering(d), tuple(sorted(sources[n])), d.doc)
        for n, d in sorted(table.items())
    ]


def lowering(definition: OpDef) -> str:
    if definition.decompose is not None:
        return PARTS
    node = Node(definition.name, (), {}, TensorType((), "float32"))
    return LIBRARY if Planner.is_call(node) else KERNEL


def aten_ops() -> Mapping[str, str]:
    """ATen op name -> KERNEL, PARTS or LIBRARY: what becomes of the op in a Model, at worst over
    the Graph ops that it may turn into. An op that is missing here is decomposed by torch's tables
    into ops that are not, or runs in the library."""
    table = {n: lowering(d) for n, d in all_ops().items()}
    order = (KERNEL, PARTS, LIBRARY)
    found = {}
    for aten, converter in converters().items():
        ways = [table[n] for n in made_by(converter, table.keys())]
        found[aten] = max(ways, key=order.index, default=KERNEL)
    return {**dict.fromkeys(WHOLE, LIBRARY), **found}
