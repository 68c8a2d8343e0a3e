"""What the host function of a Design does, with every size known: buffers, launches, library calls.

The compiled library exports one C function a *segment*, a run of launches between two framework
calls: ``int launch_<host>(void** buffers)`` when there is only one segment, ``launch_<host>_0``,
``launch_<host>_1`` ... otherwise. ``buffers`` holds the host's parameters in order, then the
workspaces that more than one segment or a framework call touches; 0 comes back, or 1 when memory
ran out.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kernelwright.aul.expressions import names, substitute
from kernelwright.aul.syntax import (
    Const,
    CoreNum,
    FrameworkCall,
    IntExpr,
    Kernel,
    Launch,
    Name,
    Program,
    VectorOp,
    Workspace,
    statements,
)
from kernelwright.compiler.codegen._legalize import SIZE_BYTES
from kernelwright.compiler.design import Design
from kernelwright.compiler.loops.ir import Function, instructions
from kernelwright.compiler.prepared import preparation
from kernelwright.errors import UnsupportedError


@dataclass(frozen=True)
class Buffer:
    """Global memory that the host passes around; ``kind`` is input, output or workspace. ``shape``
    holds for the design's own sizes; ``exprs`` for any, when it hangs on sizes of the caller's."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    kind: str
    exprs: tuple[IntExpr, ...] | None = None

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.elements * SIZE_BYTES[self.dtype]


@dataclass(frozen=True)
class Call:
    """One launch: ``cores`` runs of ``function`` (legalized) on these buffers. ``threaded``: spread
    over threads; waking them costs more than a little work takes. ``count``: which of the plan's
    ``numbers`` holds the cores of this call, when they hang on sizes of the caller's. ``joined``:
    it needs no barrier before it (see ``_regions``). ``launch``: what it came from."""

    function: Function
    cores: int
    args: tuple[str, ...]
    threaded: bool = True
    count: int | None = None
    joined: bool = False
    launch: Launch | None = None

    @property
    def parallel(self) -> bool:
        return self.threaded and (self.cores > 1 or self.count is not None)


@dataclass(frozen=True)
class Segment:
    """Launches, one after the other, under one exported symbol."""

    symbol: str
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class HostPlan:
    """``steps`` alternate between Segments and framework calls; ``prepare`` holds those that run
    once, before them, and leave the workspaces ``prepared``. ``shared`` are the names behind
    ``void** buffers``; the other workspaces belong to the segment that uses them. After the shared
    buffers come the ``numbers``: the sizes that the caller chooses, as every kernel takes them, and
    the cores of launches that hang on these. ``values`` are those of all other names."""

    name: str
    buffers: Mapping[str, Buffer]
    shared: tuple[str, ...]
    steps: tuple[Segment | FrameworkCall, ...]
    prepare: tuple[Segment | FrameworkCall, ...] = ()
    prepared: tuple[str, ...] = ()
    numbers: tuple[IntExpr, ...] = ()
    values: Mapping[str, int] = field(default_factory=dict)

    @property
    def segments(self) -> list[Segment]:
        return [s for s in (*self.prepare, *self.steps) if isinstance(s, Segment)]

    @property
    def functions(self) -> list[Function]:
        """Every function that a launch names, once."""
        return list({id(c.function): c.function for s in self.segments for c in s.calls}.values())

    def private(self, segment: Segment) -> list[Buffer]:
        """Workspaces that only this segment uses."""
        used = dict.fromkeys(a for c in segment.calls for a in c.args)
        return [self.buffers[a] for a in used if a not in self.shared]


HUGE_PAGES_FROM_BYTES = 8 * 2**20  # smaller memory mostly comes back from the allocator, mapped


def fresh_memory(plan: HostPlan, segment: Segment) -> list[Buffer]:
    """Large buffers that the segment may be the first to touch: memory of which the caller has just
    asked the system."""
    used = dict.fromkeys(a for c in segment.calls for a in c.args if a in plan.shared)
    found = (plan.buffers[name] for name in used)
    large = [b for b in found if b.kind != "input" and b.nbytes >= HUGE_PAGES_FROM_BYTES]
    return [b for b in large if b.exprs is None]


Lower = Callable[[Program, str, Mapping[str, int], Mapping[str, int]], Function]
Evaluate = Callable[[IntExpr, Mapping[str, int]], int]


def host_plan(design: Design, env: Mapping[str, int], evaluate: Evaluate, lower: Lower) -> HostPlan:
    """The plan for one choice of tunables.

    ``env`` gives every declared name its value, ``evaluate`` an integer expression's,
    ``lower(program, kernel, env, memory_sizes)`` a kernel's loop IR, legalized.
    """
    host, values = design.program.host, dict(env)
    hangs = _Dynamic(design)
    buffers: dict[str, Buffer] = {}
    outputs = {spec.name for spec in design.outputs}
    for p in host.params:
        shape = tuple(evaluate(e, values) for e in p.shape or ())
        kind = "output" if p.output or p.name in outputs else "input"
        exprs = hangs.shape(p.shape or ())
        buffers[p.name] = Buffer(p.name, p.dtype or "float32", shape, kind, exprs)
    parameters = list(buffers)
    groups: list[list[Call] | FrameworkCall] = []
    early: list[list[Call] | FrameworkCall] = []
    once = preparation(design)
    lowered: dict[tuple[str, tuple[int, ...]], Function] = {}
    for statement in host.body:
        if isinstance(statement, Workspace):
            shape = tuple(evaluate(e, values) for e in statement.shape)
            name, exprs = statement.name, hangs.shape(statement.shape)
            buffers[name] = Buffer(name, statement.dtype, shape, "workspace", exprs)
        elif isinstance(statement, CoreNum):
            values[statement.name] = evaluate(statement.value, values)
            hangs.constants[statement.name] = statement.value
        elif isinstance(statement, FrameworkCall):
            (early if statement in once else groups).append(statement)
        else:
            call = _launch(design.program, statement, values, buffers, lowered, evaluate, lower)
            call = dataclasses.replace(call, count=hangs.count(statement.cores))
            if statement in once and call.count is not None:
                raise UnsupportedError("what runs once hangs on a size of the caller's")
            _append(early if statement in once else groups, call)
    shared = parameters + _shared_workspaces([*early, *groups], buffers)
    name, taken = host.name, {k.name for k in design.program.kernels}
    prepare_name = f"{name}_prepare"
    while prepare_name in taken:
        prepare_name += "_"
    return HostPlan(
        name, buffers, tuple(shared), _steps(name, groups),
        _steps(prepare_name, early), once.buffers, tuple(hangs.numbers),
        {k: v for k, v in values.items() if k not in hangs.names},
    )  # fmt: skip


class _Dynamic:
    """Which expressions hang on sizes of the caller's, and the numbers that are passed for them."""

    def __init__(self, design: Design) -> None:
        self.names = set(design.dynamic)
        self.numbers: list[IntExpr] = [Name(n) for n in design.dynamic]
        self.constants = {
            d.name: d.value for d in design.program.declarations if isinstance(d, Const)
        }

    def inlined(self, expr: IntExpr) -> IntExpr:
        for _ in self.constants:
            expr = substitute(expr, self.constants)
        return expr

    def on(self, expr: IntExpr) -> bool:
        return bool(self.names) and any(n.id in self.names for n in names(self.inlined(expr)))

    def shape(self, exprs: Sequence[IntExpr]) -> tuple[IntExpr, ...] | None:
        return tuple(map(self.inlined, exprs)) if any(map(self.on, exprs)) else None

    def count(self, cores: IntExpr) -> int | None:
        """The position in ``numbers`` of a number of cores that hangs on them."""
        if not self.on(cores):
            return None
        wanted = self.inlined(cores)
        if wanted not in self.numbers:
            self.numbers.append(wanted)
        return self.numbers.index(wanted)


def _append(groups: list[list[Call] | FrameworkCall], call: Call) -> None:
    """Adds a launch to the run of launches at the end."""
    if not groups or isinstance(groups[-1], FrameworkCall):
        groups.append([])
    last = groups[-1]
    assert isinstance(last, list)
    last.append(call)


def _launch(
    program: Program,
    launch: Launch,
    values: Mapping[str, int],
    buffers: Mapping[str, Buffer],
    lowered: dict[tuple[str, tuple[int, ...]], Function],
    evaluate: Evaluate,
    lower: Lower,
) -> Call:
    kernel = program.kernel(launch.kernel)
    elements = [buffers[a].elements for a in launch.args]
    unknown = [buffers[a].exprs is not None for a in launch.args]
    sizes = tuple(UNKNOWN_ELEMENTS if u else n for n, u in zip(elements, unknown))
    key = (launch.kernel, sizes)
    if key not in lowered:
        params = [p.name for p in kernel.params]
        function = lower(program, launch.kernel, values, dict(zip(params, sizes)))
        number = sum(1 for name, _ in lowered if name == launch.kernel)
        if number:
            function.name = f"{function.name}_{number + 1}"
        lowered[key] = function
    cores = evaluate(launch.cores, values)
    threaded = _worth_threads(kernel, lowered[key], elements)
    return Call(lowered[key], cores, launch.args, threaded, launch=launch)


# Stands where a buffer's elements are known at run time only: more than any memory holds.
UNKNOWN_ELEMENTS = 1 << 44

# Waking a team of threads takes 2 to 10 us. This many elements take about that long when they are
# read and written with plain arithmetic, and a C library call an element as long as 32 of these.
SERIAL_ELEMENTS = 16384
SERIAL_LIBRARY_CALLS = SERIAL_ELEMENTS // 32


def _worth_threads(kernel: Kernel, function: Function, sizes: Sequence[int]) -> bool:
    """Whether a launch on buffers of these sizes has enough work for several threads."""
    if any(isinstance(s, VectorOp) and s.family == "matmul_op" for s in statements(kernel.body)):
        return True
    slow = any(i.op == "libm" for i in instructions(function.body))
    return max(sizes, default=0) > (SERIAL_LIBRARY_CALLS if slow else SERIAL_ELEMENTS)


def _shared_workspaces(
    groups: list[list[Call] | FrameworkCall], buffers: Mapping[str, Buffer]
) -> list[str]:
    users: dict[str, set[int]] = {n: set() for n, b in buffers.items() if b.kind == "workspace"}
    called: set[str] = set()
    for number, group in enumerate(groups):
        if isinstance(group, FrameworkCall):
            called.update((*group.dst, *group.src))
        else:
            for name in (a for call in group for a in call.args):
                if name in users:
                    users[name].add(number)
    return [
        name
        for name, where in users.items()
        if len(where) > 1 or name in called or buffers[name].exprs is not None
    ]


def _steps(
    name: str, groups: list[list[Call] | FrameworkCall]
) -> tuple[Segment | FrameworkCall, ...]:
    several = sum(isinstance(g, list) for g in groups) > 1
    steps: list[Segment | FrameworkCall] = []
    for group in groups:
        if isinstance(group, FrameworkCall):
            steps.append(group)
        else:
            number = sum(isinstance(s, Segment) for s in steps)
            symbol = f"launch_{name}"  # an op may be called like a function of the C library
            steps.append(Segment(f"{symbol}_{number}" if several else symbol, tuple(group)))
    return tuple(steps)
