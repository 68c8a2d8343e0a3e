"""Runs an AUL program in NumPy, launch by launch and core by core.

Global memory is a flat array a host buffer; a kernel parameter is a strided view of it. Outputs and
workspaces start poisoned, and every read of an element that nothing wrote is an error, so a design
with a hole in it does not pass by luck.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from kernelwright.aul import syntax as s
from kernelwright.aul.accesses import walk
from kernelwright.aul.core import Core
from kernelwright.aul.dtypes import DTYPES, dtype_of
from kernelwright.aul.expressions import CORE, evaluate
from kernelwright.aul.memory import Buffer, View
from kernelwright.aul.sizes import bind_sizes, core_count, extents, resolve
from kernelwright.errors import AULError

Calls = Mapping[str, Callable[..., Any]] | Callable[..., Any]


def interpret(
    program: s.Program,
    inputs: Sequence[np.ndarray],
    *,
    sizes: Mapping[str, int] | None = None,
    tunables: Mapping[str, int] | None = None,
    calls: Calls | None = None,
    check_bounds: bool = True,
) -> list[np.ndarray]:
    """The outputs of the host function, in order.

    ``inputs`` are the host's input arguments in order; their shapes bind the sizes (``sizes``
    overrides). ``calls`` executes framework calls: a mapping from op to ``f(arrays, attributes)``,
    or one ``f(op, arrays, attributes)``, that returns a sequence of arrays. With ``check_bounds``
    False a slice outside its tensor reads poison and writes nothing, also without pad and clip.
    Raises AULError, with line and column, for any access outside a tensor, read of unwritten data,
    write to an input, output element never written, shape or dtype that does not fit.
    """
    if not program.host.name:
        raise AULError("the program has no host function, so there is nothing to run")
    bound = {**bind_sizes(program, [np.shape(a) for a in inputs]), **(sizes or {})}
    env = resolve(program, bound, tunables)
    return _Interpreter(program, env, calls, check_bounds).run(inputs)


class _Interpreter:
    def __init__(
        self, program: s.Program, env: dict[str, int], calls: Calls | None, check_bounds: bool
    ) -> None:
        self.program, self.calls, self.check_bounds = program, calls, check_bounds
        self.declared, self.env = env, dict(env)
        self.buffers: dict[str, Buffer] = {}

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        host = self.program.host
        ins = [p for p in host.params if not p.output]
        outs = [p for p in host.params if p.output]
        if len(ins) != len(inputs):
            raise AULError(f"{host.name} takes {len(ins)} inputs, but got {len(inputs)}", *host.loc)
        for param, value in zip(ins, inputs):
            array = np.asarray(value)
            if dtype_of(array) is None or param.dtype not in (None, dtype_of(array)):
                wanted = param.dtype or "one of " + ", ".join(DTYPES)
                raise AULError(f"{param.name} is {array.dtype}, not {wanted}", *param.loc)
            self.buffers[param.name] = Buffer.of_input(param.name, array)
        for param in outs:
            shape, dtype = self.output_type(param)
            self.buffers[param.name] = Buffer.empty(param.name, shape, dtype)
        for statement in host.body:
            self.statement(statement)
        return [self.result(p) for p in outs]

    def shape(self, exprs: Sequence[s.IntExpr]) -> tuple[int, ...]:
        return extents(exprs, self.declared)

    def output_type(self, param: s.Param) -> tuple[tuple[int, ...], str]:
        """As declared; else the part that the first kernel that gets it writes."""
        if param.shape is not None and param.dtype is not None:
            return self.shape(param.shape), param.dtype
        env = dict(self.declared)
        for x in self.program.host.body:
            if isinstance(x, s.CoreNum):
                env[x.name] = evaluate(x.value, env)
            elif isinstance(x, s.Launch) and param.name in x.args:
                kernel = self.program.kernel(x.kernel)
                inner = kernel.params[x.args.index(param.name)]
                if not inner.output:
                    continue
                tiles = {t.name: t for t in s.statements(kernel.body) if isinstance(t, s.Tile)}
                found = walk(kernel, self.declared, core_count(x.cores, env)).accesses
                mine = [a for a in found if a.store and a.place.name == inner.name and len(a.core)]
                if inner.shape is None and not mine:
                    continue
                shape = (
                    self.shape(inner.shape)
                    if inner.shape is not None
                    else tuple(int(n) for n in np.max([a.upper.max(0) for a in mine], axis=0))
                )
                stored = next((tiles[a.copy.src.name].dtype for a in mine), "float32")
                return shape, inner.dtype or stored
        raise AULError(
            f"the shape of output {param.name} is not known; declare it, "
            f"{param.name}: U.OutPtr[U.float32, (M, N)]",
            *param.loc,
        )

    def result(self, param: s.Param) -> np.ndarray:
        buffer = self.buffers[param.name]
        if not buffer.written.all():
            missing = int((~buffer.written).sum())
            first = np.unravel_index(int(np.argmin(buffer.written)), buffer.shape)
            raise AULError(
                f"{missing} of {buffer.written.size} elements of output {param.name} are never "
                f"written, the first at index {tuple(int(i) for i in first)}",
                *param.loc,
            )
        return buffer.data.reshape(buffer.shape)

    # ---- host statements ---------------------------------------------------------------------

    def statement(self, x: s.HostStatement) -> None:
        if isinstance(x, s.Workspace):
            shape = self.shape(x.shape)
            self.buffers[x.name] = Buffer.empty(x.name, shape, x.dtype, x.dtype == "uint8")
        elif isinstance(x, s.CoreNum):
            self.env[x.name] = evaluate(x.value, self.env)
        elif isinstance(x, s.Launch):
            self.launch(x)
        else:
            self.framework_call(x)

    def buffer(self, name: str, loc: s.Location) -> Buffer:
        if name not in self.buffers:
            raise AULError(f"{name!r} is no parameter or workspace of the host", *loc)
        return self.buffers[name]

    def launch(self, x: s.Launch) -> None:
        kernel = next((k for k in self.program.kernels if k.name == x.kernel), None)
        if kernel is None:
            raise AULError(f"there is no @sub_kernel named {x.kernel!r}", *x.loc)
        if len(kernel.params) != len(x.args):
            raise AULError(
                f"{x.kernel} takes {len(kernel.params)} arguments, but {len(x.args)} are given",
                *x.loc,
            )
        views = {
            p.name: self.view(p, self.buffer(arg, x.loc)) for p, arg in zip(kernel.params, x.args)
        }
        cores = core_count(x.cores, self.env)
        barrier = s.team_barrier(kernel)
        if barrier is not None:
            self.teams(kernel, barrier, views, cores)
            return
        for core in range(cores):
            Core({**self.declared, CORE: core}, views, self.check_bounds).run(kernel.body)

    def teams(
        self, kernel: s.Kernel, barrier: s.TeamBarrier, views: Mapping[str, View], cores: int
    ) -> None:
        """All cores of a team up to the barrier, then all of them from there on."""
        size = evaluate(barrier.size, self.declared)
        if size < 1 or cores % size:
            raise AULError(f"{cores} cores are no whole teams of {size}", *barrier.loc)
        at = next(i for i, x in enumerate(kernel.body) if x is barrier)
        for first in range(0, cores, size):
            team = [
                Core({**self.declared, CORE: core}, views, self.check_bounds)
                for core in range(first, first + size)
            ]
            for part in (kernel.body[:at], kernel.body[at + 1 :]):
                for core in team:
                    core.run(part)

    def view(self, param: s.Param, buffer: Buffer) -> View:
        dtype = buffer.data.dtype if param.dtype is None else DTYPES[param.dtype]
        shape = buffer.shape if param.shape is None else self.shape(param.shape)
        if param.strides is None:
            strides = tuple(prod(shape[i + 1 :]) for i in range(len(shape)))
        else:
            strides = tuple(evaluate(e, self.declared) for e in param.strides)
        offset = evaluate(param.offset, self.declared)
        return View(param.name, buffer, dtype, shape, strides, offset, param.loc)

    def framework_call(self, x: s.FrameworkCall) -> None:
        sources = [self.buffer(name, x.loc) for name in x.src]
        for source in sources:
            if not source.written.all():
                raise AULError(f"{x.op} reads {source.name}, which is not all written", *x.loc)
        arrays = [b.data.reshape(b.shape) for b in sources]
        attributes = json.loads(x.attrs)
        if callable(self.calls):
            results = self.calls(x.op, arrays, attributes)
        elif self.calls is not None and x.op in self.calls:
            results = self.calls[x.op](arrays, attributes)
        else:
            raise AULError(f"nothing was given that executes the framework op {x.op}", *x.loc)
        if len(results) != len(x.dst):
            raise AULError(f"{x.op} gave {len(results)} results for {len(x.dst)} places", *x.loc)
        for name, value in zip(x.dst, results):
            self.assign(x, self.buffer(name, x.loc), np.asarray(value))

    def assign(self, x: s.FrameworkCall, buffer: Buffer, array: np.ndarray) -> None:
        if not buffer.writable:
            raise AULError(f"{buffer.name} is an input and cannot be written", *x.loc)
        if array.shape != buffer.shape or array.dtype != buffer.data.dtype:
            raise AULError(
                f"{x.op} gives {array.dtype}{list(array.shape)} for {buffer.name}, which is "
                f"{buffer.data.dtype}{list(buffer.shape)}",
                *x.loc,
            )
        buffer.assign(array)
