"""The builtin Designer: a Graph becomes a Design.

normalize -> plan (what stands in memory) -> region (what one kernel computes, over shared
dimensions) -> space (loops in memory order) -> kernels, tiles (AUL)
"""

from __future__ import annotations

import dataclasses
import keyword
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from kernelwright.aul import syntax as aul
from kernelwright.compiler.design import Binding, Design, OutputSpec
from kernelwright.compiler.schedule.convolutions import channels_last, convolution
from kernelwright.compiler.schedule.cost import rates, started
from kernelwright.compiler.schedule.kernels import RegionEmitter
from kernelwright.compiler.schedule.late_bias import late_biases
from kernelwright.compiler.schedule.machine import Machine, machine, variants
from kernelwright.compiler.schedule.memory_order import in_memory_order
from kernelwright.compiler.schedule.normalize import normalize
from kernelwright.compiler.schedule.parted_sums import in_two_steps
from kernelwright.compiler.schedule.plan import (
    CallStep,
    KernelStep,
    Limits,
    Planner,
    call_attributes,
)
from kernelwright.compiler.schedule.symbols import SizeTable
from kernelwright.compiler.schedule.teams import team_tile
from kernelwright.compiler.schedule.tiles import OWN_NAMES
from kernelwright.graph.core import Graph, Node
from kernelwright.graph.decompose import decompose
from kernelwright.schema import Target

StateEntry = tuple[str, tuple[int, ...], str, str]


def design(
    graph: Graph,
    target: Target,
    *,
    state: Sequence[StateEntry] = (),
    threads: int = 1,
    reduced: Mapping[int, Sequence[int | tuple[int, ...]]] | None = None,
    on: Machine | None = None,
    own_sizes: bool = True,
) -> Design:
    """The scheduler's first choice for ``graph`` on ``target``.

    ``state`` lists the Model's parameters and buffers (name, shape, dtype, kind), used or not.
    ``reduced`` maps positions of inputs to smaller shapes that the Model takes too: they tell equal
    extents apart that may differ. A tuple in place of an extent holds all values that are declared
    for it: the design's sizes of that kind are the caller's to choose. ``on``: what to believe of
    the target; its machine by default. ``own_sizes``: the design may hold for the Graph's own sizes
    only where that is faster; else it is for others of the kind wherever it can be.
    Raises UnsupportedError for an op that has neither a lowering nor a library call.
    """
    normal = _normal(graph, target, reduced, own_sizes)
    return _made(normal, target, on or machine(target, threads), threads, state, reduced)


def alternatives(
    first: Design,
    graph: Graph,
    target: Target,
    *,
    state: Sequence[StateEntry] = (),
    threads: int = 1,
    reduced: Mapping[int, Sequence[int | tuple[int, ...]]] | None = None,
    own_sizes: bool = True,
) -> list[Design]:
    """Designs of another structure than ``first``, which is ``design``'s, for a tuner to compare:
    what is held on chip and what is streamed, and from how few rows on a reduction is split; where
    there are convolutions, first of all one that leaves their layout to the library, which may
    compute more exactly on it. [] where nothing differs. The other arguments and the errors are
    those of ``design``."""
    normal = _normal(graph, target, reduced, own_sizes)
    seen = {_shape(first)}
    out: list[Design] = []
    choices = [(normal, variant) for variant in variants(target, threads)]
    if target.backend == "cuda" and any(map(convolution, graph.nodes())):
        form = _normal(graph, target, reduced, own_sizes, last=False)
        choices.insert(0, (form, machine(target, threads)))
    for form, variant in choices:
        made = _made(form, target, variant, threads, state, reduced)
        if _shape(made) not in seen:
            seen.add(_shape(made))
            out.append(made)
    return out


def _made(
    graph: Graph,
    target: Target,
    machine: Machine,
    threads: int,
    state: Sequence[StateEntry],
    reduced: Mapping[int, Sequence[int | tuple[int, ...]]] | None,
) -> Design:
    """The design of a normal ``graph``, with the tunables where the cost model would start."""
    scheduler = Scheduler(graph, machine, tuple(state), reduced)
    made = scheduler.run()
    program = started(made.program, rates(target, threads), scheduler.shaped)
    return dataclasses.replace(made, program=program)


def _normal(
    graph: Graph,
    target: Target,
    reduced: Mapping[int, Sequence[int | tuple[int, ...]]] | None,
    own_sizes: bool,
    last: bool = True,
) -> Graph:
    """``graph`` as the planner reads it on ``target``; for all sizes where some are declared.
    ``last``: convolutions may have their channels last."""
    declared = any(isinstance(n, tuple) for shape in (reduced or {}).values() for n in shape)
    if target.backend == "cuda" and not declared:  # a convolution's result has sizes of its own
        graph = late_biases(channels_last(decompose(graph), last))
        graph = in_two_steps(in_memory_order(graph))
    cores = target.backend == "cpu"
    return normalize(graph, fixed=not declared, cores=cores, own_sizes=own_sizes and not declared)


def _shape(made: Design) -> tuple[object, ...]:
    """What two designs must differ in to be worth comparing: not the tunables' values alone."""
    return made.program.kernels, made.program.host


class Scheduler:
    def __init__(
        self,
        graph: Graph,
        machine: Machine,
        state: tuple[StateEntry, ...],
        reduced: Mapping[int, Sequence[int | tuple[int, ...]]] | None,
    ) -> None:
        self.graph, self.machine, self.state = graph, machine, state
        self.table = SizeTable(graph.inputs, reduced)
        self.names: dict[int, str] = {}
        self.used: set[str] = {*self.table.names.values(), "U", "CORE"}
        self.constants: dict[str, np.ndarray] = {}
        self.shaped: list[str] = []  # tunables whose defaults were chosen together

    def run(self) -> Design:
        held = self.machine.resident // 2 if self.machine.dual else 0
        limits = Limits(
            self.machine.resident, self.machine.longest, self.machine.cores, held,
            self.machine.reread,
            lambda extents, rows, operands: (
                team_tile(extents, rows, operands, self.machine) is not None
            ),
            near=not self.machine.serial_rows,
        )  # fmt: skip
        planner = Planner(self.graph, self.table, limits)
        steps = planner.run()
        base = identifier(self.graph.name)
        inputs, bindings = self.name_inputs()
        outputs = self.name_outputs()
        self.names.update({part: self.names[whole] for part, whole in planner.shared.items()})
        host: list[aul.HostStatement] = []
        kernels: list[aul.Kernel] = []
        tunables: list[aul.Tunable] = []
        constants: list[aul.Const] = []
        room: list[tuple[aul.IntExpr, int]] = []
        count = sum(isinstance(s, KernelStep) for s in steps)
        for number, step in enumerate(steps):
            host.extend(self.workspaces(step))
            if isinstance(step, CallStep):
                host.append(self.call(step))
                continue
            suffix = f"_{number}" if count > 1 else ""
            name = self.unique(f"{base}_kernel{suffix}")
            emitted = RegionEmitter(step.region, self.machine, name, self.names, suffix).run()
            kernels.extend(emitted.kernels)
            room.extend(emitted.limits)
            self.shaped.extend(emitted.shaped)
            tunables.extend(map(settled, emitted.tunables) if step.once else emitted.tunables)
            constants.extend(emitted.constants)
            host.extend(emitted.host)
        params = [self.host_param(n, name, False) for n, name in inputs]
        params += [self.host_param(n, name, True) for n, name in zip(self.graph.outputs, outputs)]
        program = aul.Program(
            (*self.table.declarations(), *tunables, *constants),
            tuple(kernels),
            aul.Host(base, tuple(params), tuple(host)),
            f"{self.graph.name}: designed by the builtin scheduler.",
        )
        specs = tuple(
            OutputSpec(name, n.shape, n.dtype) for n, name in zip(self.graph.outputs, outputs)
        )
        return Design(
            program, tuple(bindings), specs, self.graph.structure,
            len(self.graph.inputs) + len(self.graph.fixed),
            self.state, self.constants, tuple(self.graph.notes), dict(self.graph.fixed),
            tuple(self.graph.assumes), tuple(self.graph.writes),
            tuple(self.table.dynamic), tuple(room),
        )  # fmt: skip

    # ---- names -------------------------------------------------------------------------------

    def unique(self, wanted: str) -> str:
        name, number = identifier(wanted), 1
        if OWN_NAMES.fullmatch(name):
            name = wanted = f"{name}_in"
        while name in self.used:
            number += 1
            name = f"{identifier(wanted)}_{number}"
        self.used.add(name)
        return name

    def name_inputs(self) -> tuple[list[tuple[Node, str]], list[Binding]]:
        """Host parameters for the leaves that are read, with what fills them."""
        named: list[tuple[Node, str]] = []
        bindings: list[Binding] = []
        for node in self.leaves():
            if node.op == "input":
                name = self.unique(node.attrs["name"])
                bindings.append(Binding(name, "input", node.attrs["index"]))
            elif node.op == "parameter":
                name = self.unique(node.attrs["name"])
                bindings.append(Binding(name, "parameter", node.attrs["name"]))
            else:
                name = self.unique("constant")
                self.constants[name] = node.attrs["value"]
                bindings.append(Binding(name, "constant", name))
            self.names[node.id] = name
            named.append((node, name))
        return named, bindings

    def leaves(self) -> Iterable[Node]:
        rank = {"input": 0, "parameter": 1, "constant": 2}
        found = [
            n
            for n in self.graph.nodes()
            if n.op in ("input", "parameter") or (n.op == "constant" and self.needs_memory(n))
        ]
        return sorted(found, key=lambda n: (rank[n.op], n.attrs.get("index", 0)))

    def needs_memory(self, constant: Node) -> bool:
        if constant.type.size != 1:
            return True
        return any(constant in n.inputs and Planner.is_call(n) for n in self.graph.nodes())

    def name_outputs(self) -> list[str]:
        names = []
        for number, node in enumerate(self.graph.outputs):
            wanted = "out" if len(self.graph.outputs) == 1 else f"out{number}"
            self.names[node.id] = self.unique(wanted)
            names.append(self.names[node.id])
        return names

    def host_param(self, node: Node, name: str, output: bool) -> aul.Param:
        shape = tuple(e.expr for e in self.table.shape(node))
        return aul.Param(name, node.dtype, shape, output=output)

    # ---- steps -------------------------------------------------------------------------------

    def workspaces(self, step: KernelStep | CallStep) -> list[aul.HostStatement]:
        """Memory for the tensors of a step that are no outputs of the program."""
        nodes = step.nodes if isinstance(step, CallStep) else [r.buffer for r in step.region.roots]
        out: list[aul.HostStatement] = []
        for node in nodes:
            if node.id not in self.names:
                self.names[node.id] = self.unique("stored")
                shape = tuple(e.expr for e in self.table.shape(node))
                out.append(aul.Workspace(self.names[node.id], shape, node.dtype))
        return out

    def call(self, step: CallStep) -> aul.FrameworkCall:
        return aul.FrameworkCall(
            step.target,
            tuple(self.names[n.id] for n in step.nodes),
            tuple(self.names[n.id] for n in step.inputs),
            call_attributes(step),
        )


def settled(tunable: aul.Tunable) -> aul.Tunable:
    """``tunable`` with its default as the only choice: no time goes into tuning what runs once."""
    return aul.Tunable(tunable.name, tunable.default, (tunable.default,))


def identifier(text: str) -> str:
    """``text`` as a Python name."""
    name = re.sub(r"\W", "_", text) or "op"
    if name[0].isdigit() or keyword.iskeyword(name):
        name = "op_" + name
    return name
