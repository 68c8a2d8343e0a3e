"""Which steps of a design's host depend on the Model's state alone: they run once, not in every
call.

Nothing in AUL says so; it follows from what each launch and each library call reads and writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernelwright.aul.syntax import FrameworkCall, HostStatement, Launch
from kernelwright.compiler.design import Design
from kernelwright.graph.parameter_only import draws


@dataclass(frozen=True)
class Preparation:
    """``steps`` are the launches and calls that run once; ``buffers`` the workspaces that they
    leave for the others; ``state`` the host parameters (bound to parameters and buffers of the
    Model) that they read, in the host's order."""

    steps: tuple[HostStatement, ...]
    buffers: tuple[str, ...]
    state: tuple[str, ...]

    def __contains__(self, statement: HostStatement) -> bool:
        return any(statement is s for s in self.steps)


def preparation(design: Design) -> Preparation:
    """What of the design's host runs once."""
    program = design.program
    sources = {b.name: b.source for b in design.bindings}
    known = {name for name, source in sources.items() if source != "input"}
    steps: list[HostStatement] = []
    host_names = {p.name for p in program.host.params}
    accesses = {id(s): _reads_writes(design, s) for s in program.host.body}
    for statement in program.host.body:
        reads, writes = accesses[id(statement)]
        if not writes or host_names & set(writes) or not set(reads) <= known:
            continue
        if isinstance(statement, FrameworkCall) and draws(statement.op):
            continue
        shared = [s for s in program.host.body if set(accesses[id(s)][1]) & set(writes)]
        if any(s is not statement for s in shared):
            continue  # a buffer that several steps fill is left to the calls
        steps.append(statement)
        known.update(writes)
    read_by_steps = {n for s in steps for n in accesses[id(s)][0]}
    if not any(sources.get(n) == "parameter" for n in read_by_steps):
        return Preparation((), (), ())
    read_later = {
        n for s in program.host.body if not any(s is p for p in steps) for n in accesses[id(s)][0]
    }
    made = [n for s in steps for n in accesses[id(s)][1]]
    state = [p.name for p in program.host.params if sources.get(p.name) == "parameter"]
    return Preparation(
        tuple(steps),
        tuple(n for n in dict.fromkeys(made) if n in read_later),
        tuple(n for n in state if n in read_by_steps),
    )


def _reads_writes(design: Design, statement: HostStatement) -> tuple[Sequence[str], Sequence[str]]:
    if isinstance(statement, FrameworkCall):
        return statement.src, statement.dst
    if isinstance(statement, Launch):
        params = design.program.kernel(statement.kernel).params
        reads = [a for a, p in zip(statement.args, params) if not p.output]
        writes = [a for a, p in zip(statement.args, params) if p.output]
        return reads, writes
    return (), ()
