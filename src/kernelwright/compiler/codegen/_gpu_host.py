"""K_gpu.mlir: a host function with its launches, and the gpu.module of what they launch.

Every kernel takes the same arguments, so that a loader needs no list for each: the file's inputs,
its outputs, then the workspaces. An output that the file calls fake has its place and is not
touched. An input that the file writes to is written where it lies, when every thread reads what it
writes and nobody else does; else its new values meet in a workspace, which a launch of its own
copies.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from kernelwright.aul import evaluate, resolve
from kernelwright.aul import syntax as aul
from kernelwright.compiler.codegen._gpu_text import GpuText, written_memories
from kernelwright.compiler.codegen._host import (
    UNKNOWN_ELEMENTS,
    Buffer,
    Call,
    HostPlan,
    host_plan,
)
from kernelwright.compiler.codegen._legalize import SIZE_BYTES, legalize
from kernelwright.compiler.codegen._mlir_text import TYPES
from kernelwright.compiler.codegen._sizes_text import python_text
from kernelwright.compiler.design import Design, returned, written
from kernelwright.compiler.loops.ir import Function
from kernelwright.compiler.threads.function import ThreadFunction
from kernelwright.compiler.threads.lower import lower_threads
from kernelwright.errors import UnsupportedError

NATIVE_FROM = 80  # the first cards that convert bfloat16 themselves
COPY_BLOCK = 1024  # elements a block copies
STEPS = (1, 2, 4, 8, 16, 32, 64)  # cores whose work a block does, where a loader chooses
MOST_BLOCKS = 8 * 132  # more of them than fill the largest card are not wanted: longer tiles then


@dataclass(frozen=True)
class Argument:
    """A pointer that every kernel of the file takes. ``extents``: how many elements it has, where
    that hangs on sizes of the caller's."""

    name: str
    dtype: str
    elements: int
    extents: tuple[aul.IntExpr, ...] | None = None

    @property
    def type(self) -> str:
        element = "i8" if self.dtype == "bool" else TYPES[self.dtype]
        return f"memref<{max(1, self.elements)}x{element}>"

    def nbytes(self, text: Callable[[aul.IntExpr], str]) -> int | str:
        size = SIZE_BYTES[self.dtype]
        if self.extents is None:
            return self.elements * size
        return " * ".join([*map(text, self.extents), str(size)])


@dataclass
class GpuProgram:
    """``launches``: (call, symbol) in order. ``place``: which argument a buffer is.

    With sizes of the caller's every kernel takes these after the pointers, as 64-bit integers, in
    the order of ``sizes`` (what K.json says of them), and then, where it is not one of ``fixed``,
    how many cores there are and how many of them a block does the work of."""

    name: str
    plan: HostPlan
    arguments: list[Argument]
    workspaces: list[Argument]
    launches: list[tuple[Call, str]] = field(default_factory=list)
    place: dict[str, int] = field(default_factory=dict)
    tables: dict[str, np.ndarray] = field(default_factory=dict)
    fixed: list[tuple[Call, str]] = field(default_factory=list)
    sizes: dict[str, Any] = field(default_factory=dict)

    def text(self, expr: aul.IntExpr) -> str:
        """An expression of sizes for K.json."""
        return python_text(expr, self.plan.values)

    @property
    def size_names(self) -> list[str]:
        return [each["name"] for each in self.sizes.get("sizes", ())]

    def about(self) -> dict[str, Any]:
        """What K.json says of the launches."""
        about: dict[str, Any] = {
            "launches": [self._launch(*each) for each in self.launches],
            "workspaces": [w.nbytes(self.text) for w in self.workspaces],
        }
        if self.sizes:
            about |= self.sizes
            about["tile"] = {"steps": list(STEPS), "blocks": MOST_BLOCKS}
            about["StaticTileImpl"] = {"launches": [self._launch(*each) for each in self.fixed]}
        return about

    def _launch(self, call: Call, symbol: str) -> dict[str, Any]:
        cores: int | str = call.cores
        if call.count is not None:
            cores = self.text(self.plan.numbers[call.count])
        return {
            "kernelName": symbol,
            "gridDim": [cores, 1, 1],
            "blockDim": [threads_of(call.function), 1, 1],
        }


def threads_of(function: Function) -> int:
    assert isinstance(function, ThreadFunction)
    return function.threads


def gpu_program(
    name: str,
    design: Design,
    inputs: Sequence[Argument],
    outputs: Sequence[Argument],
    fake: Sequence[bool],
    arch: str,
) -> GpuProgram:
    """The launches of ``design`` on the file's ``inputs`` and ``outputs``, for a GPU ``arch``."""
    plan = _plan(design, arch, stepped=bool(design.dynamic))
    if any(isinstance(step, aul.FrameworkCall) for step in (*plan.steps, *plan.prepare)):
        raise UnsupportedError(f"{name}: a library call is left, which a GPU kernel cannot make")
    made = GpuProgram(name, plan, [*inputs, *outputs], [])
    real = [i for i, is_fake in enumerate(fake) if not is_fake]
    for bound in design.bindings:
        if bound.source == "input":
            made.place[bound.name] = int(bound.key)
        else:
            made.tables[bound.name] = design.constants[str(bound.key)]
    for spec, index in zip(returned(design), real):
        made.place[spec.name] = len(inputs) + index
    copies = _effects(made, design)
    for buffer in plan.buffers.values():
        if buffer.exprs is not None and buffer.name in made.place:
            place = made.place[buffer.name]
            free = dataclasses.replace(made.arguments[place], elements=UNKNOWN_ELEMENTS)
            made.arguments[place] = free
        if buffer.name not in made.place and buffer.name not in made.tables:
            _workspace(made, Argument(buffer.name, buffer.dtype, _elements(buffer), buffer.exprs))
    calls = [c for s in plan.segments for c in s.calls]
    if design.dynamic:
        if copies:
            raise UnsupportedError(f"{name}: an input of free sizes is read after it is written")
        beside = _plan(design, arch, stepped=False)
        for number, call in enumerate(c for s in beside.segments for c in s.calls):
            made.fixed.append((call, f"{name}_static_kernel" + (f"_{number}" if number else "")))
    calls += [_copy(source, target, plan, made) for source, target in copies]
    for number, call in enumerate(calls):
        symbol = f"{name}_kernel_{number}" if number else f"{name}_kernel"
        made.launches.append((call, symbol))
    return made


def _elements(buffer: Buffer) -> int:
    return buffer.elements if buffer.exprs is None else UNKNOWN_ELEMENTS


def _plan(design: Design, arch: str, stepped: bool) -> HostPlan:
    def lower(
        program: aul.Program, kernel: str, values: Mapping[str, int], sizes: Mapping[str, int]
    ) -> Function:
        made = lower_threads(
            program, kernel, values, memory_sizes=sizes, dynamic=design.dynamic, stepped=stepped
        )
        modern = int(re.sub(r"\D", "", arch) or 0) >= NATIVE_FROM
        return legalize(made, native_extrema=1 << 20, native_bfloat=modern)

    return host_plan(design, resolve(design.program), evaluate, lower)


def _workspace(made: GpuProgram, argument: Argument) -> None:
    made.place[argument.name] = len(made.arguments) + len(made.workspaces)
    made.workspaces.append(argument)


# ---- inputs that are written to ------------------------------------------------------------------


def _effects(made: GpuProgram, design: Design) -> list[tuple[str, int]]:
    """Gives the outputs that are inputs' new values their places; (buffer, input) of those that
    have to be copied."""
    names = {int(b.key): b.name for b in design.bindings if b.source == "input"}
    copies = []
    for position, spec in written(design):
        before = names.get(position)
        if before is None or in_place(design, before, spec.name):
            made.place[spec.name] = position
        else:
            copies.append((spec.name, position))
    return copies


def in_place(design: Design, before: str, after: str) -> bool:
    """Whether buffer ``after`` may be where ``before`` is: no launch reads ``before`` later than it
    writes ``after``, and the one that writes reads just what each of its threads writes then."""
    launches = [s for s in design.program.host.body if isinstance(s, aul.Launch)]
    writers = [i for i, s in enumerate(launches) if after in s.args]
    if len(writers) != 1:
        return False
    launch = launches[writers[0]]
    if any(before in s.args for s in launches[writers[0] + 1 :]):
        return False
    kernel = design.program.kernel(launch.kernel)
    mine = {p.name for p, a in zip(kernel.params, launch.args) if a == before}
    there = {p.name for p, a in zip(kernel.params, launch.args) if a == after}
    if not mine:
        return True
    body = kernel.body
    joined = ("vreduce_op", "vscan_op", "vtranspose_op", "matmul_op")
    for s in aul.statements(body):
        if isinstance(s, aul.Loop | aul.Guard):
            return False
        if isinstance(s, aul.VectorOp) and s.family in joined:
            return False
    params = {p.name: p for p in kernel.params}
    tiles = {s.name: s.shape for s in body if isinstance(s, aul.Tile)}
    stores = [s for s in body if isinstance(s, aul.Copy) and s.dst.name in there]
    loads = [s for s in body if isinstance(s, aul.Copy) and s.src.name in mine]
    if len(stores) != 1 or any(s.index is not None for s in (*stores, *loads)):
        return False
    store = stores[0]
    return all(
        s.src.index == store.dst.index
        and _view(params[s.src.name]) == _view(params[store.dst.name])
        and tiles[s.dst.name] == tiles[store.src.name]
        and body.index(s) < body.index(store)
        for s in loads
    )


def _view(param: aul.Param) -> tuple[object, ...]:
    return param.dtype, param.shape, param.strides, param.offset


def _copy(source: str, target: int, plan: HostPlan, made: GpuProgram) -> Call:
    """A launch that copies a workspace to an argument."""
    buffer = plan.buffers[source]
    elements = max(1, buffer.elements)
    size = aul.Int(elements)
    start = aul.Binary("*", aul.CoreIdx(), aul.Int(COPY_BLOCK))
    part = (aul.Slice(aul.Name("s0"), aul.Binary("+", aul.Name("s0"), aul.Int(COPY_BLOCK))),)
    kernel = aul.Kernel(
        "copy",
        (
            aul.Param("source", buffer.dtype, (size,)),
            aul.Param("target", buffer.dtype, (size,), output=True),
        ),
        (
            aul.Assign("s0", start),
            aul.Tile("x0", (aul.Int(COPY_BLOCK),), buffer.dtype),
            aul.Copy(aul.Place("x0"), aul.Place("source", part), pad=0.0),
            aul.Copy(aul.Place("target", part), aul.Place("x0"), clip=True),
        ),
    )
    blocks = -(-elements // COPY_BLOCK)
    launch = aul.Launch("copy", aul.Int(blocks), (source, source))
    program = aul.Program((), (kernel,), aul.Host("copy", (), (launch,)))
    sizes = {"source": elements, "target": elements}
    function = legalize(lower_threads(program, "copy", {}, memory_sizes=sizes))
    name = f"{source} to input {target}"
    made.place[name] = target
    return Call(function, blocks, (source, name))


# ---- text ----------------------------------------------------------------------------------------


def gpu_source(program: GpuProgram, attributes: Mapping[str, str]) -> str:
    """The module. ``attributes`` are the host function's, beside ``mindspore_kernel``."""
    everything = [*program.arguments, *program.workspaces]
    lines = ["module attributes {gpu.container_module} {"]
    lines += _host(program, attributes)
    lines.append(f"  gpu.module @{program.name}_kernel_module {{")
    lines += [_global(name, array) for name, array in program.tables.items()]
    for call, symbol in (*program.launches, *program.fixed):
        function = call.function
        assert isinstance(function, ThreadFunction)
        stored = written_memories(function)
        stored_to = [a for m, a in zip(function.memories, call.args) if m.name in stored]
        changed = {program.place[a] for a in stored_to}
        arguments = [(a.name, a.type, i in changed) for i, a in enumerate(everything)]
        given = [a if a in program.tables else program.place[a] for a in call.args]
        grid = call.cores if call.count is None else None
        lines.append(GpuText(function, symbol, arguments, given, grid).text())
    return "\n".join([*lines, "  }", "}", ""])


def _host(program: GpuProgram, attributes: Mapping[str, str]) -> list[str]:
    said = {**attributes, "launches": json.dumps(program.about())}
    listed = ["mindspore_kernel", *(f"{k} = {json.dumps(v)}" for k, v in said.items())]
    names = [f"%arg{i}" for i in range(len(program.arguments))]
    given = [f"{n}: {a.type}" for n, a in zip(names, program.arguments)]
    sizes = [f"%size_{name}" for name in program.size_names]
    given += [f"{size}: i64" for size in sizes]
    lines = []
    for number, workspace in enumerate(program.workspaces):
        names.append(f"%workspace{number}")
        lines.append(f"    {names[-1]} = gpu.alloc () : {workspace.type}")
    lines.append("    %one = arith.constant 1 : index")
    everything = [*program.arguments, *program.workspaces]
    values = [f"{n} : {a.type}" for n, a in zip(names, everything)]
    values += [f"{size} : i64" for size in sizes]
    for number, (call, symbol) in enumerate(program.launches):
        blocks, threads, mine = f"%blocks{number}", f"%threads{number}", list(values)
        if program.sizes:
            counts = [f"%cores{number}", f"%steps{number}"]
            given += [f"{blocks}: index", *(f"{count}: i64" for count in counts)]
            mine += [f"{count} : i64" for count in counts]
        else:
            lines.append(f"    {blocks} = arith.constant {call.cores} : index")
        lines.append(f"    {threads} = arith.constant {threads_of(call.function)} : index")
        lines.append(
            f"    gpu.launch_func @{program.name}_kernel_module::@{symbol} "
            f"blocks in ({blocks}, %one, %one) threads in ({threads}, %one, %one)\n"
            f"        args({', '.join(mine)})"
        )
    for name, workspace in zip(names[len(program.arguments) :], program.workspaces):
        lines.append(f"    gpu.dealloc {name} : {workspace.type}")
    head = [f"  func.func @{program.name}({', '.join(given)}) attributes {{"]
    head += [",\n".join(f"    {entry}" for entry in listed), "  } {"]
    return [*head, *lines, "    return", "  }"]


def _global(name: str, array: np.ndarray) -> str:
    """An array's bytes in the module itself."""
    flat = np.ascontiguousarray(array).reshape(-1)
    dtype = "bool" if flat.dtype == np.bool_ else flat.dtype.name
    argument = Argument(name, dtype, prod(flat.shape))
    shape = argument.type.removeprefix("memref")[:-1]
    data = flat.tobytes().hex().upper()
    return (
        f'    memref.global "private" constant @{name} : memref{shape}, 1> = '
        f'dense<"0x{data}"> {{alignment = 64}}'
    )
