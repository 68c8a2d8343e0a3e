"""Runs an AUL program in NumPy, launch by launch and core by core.

Global memory is a flat array a host buffer; a kernel parameter is a strided view of it. Outputs and
workspaces start poisoned, and every read of an element that nothing wrote is an error, so a design
with a hole in it does not pass by luck.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernelwright.aul import operations as ops
from kernelwright.aul import syntax as s
from kernelwright.aul.dtypes import DTYPES
from kernelwright.aul.expressions import CORE, evaluate, holds
from kernelwright.aul.sizes import bind_sizes, resolve
from kernelwright.errors import AULError

Calls = Mapping[str, Callable[..., Any]] | Callable[..., Any]


@dataclass
class Buffer:
    """Global memory: flat values, which of them are written, and whether writing is allowed."""

    data: np.ndarray
    written: np.ndarray
    writable: bool


@dataclass
class View:
    """A kernel parameter: indices into a buffer's flat data."""

    name: str
    buffer: Buffer
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int

    def flat(self, ranges: Sequence[np.ndarray]) -> np.ndarray:
        """Flat positions of the outer product of index ranges."""
        total = np.asarray(self.offset)
        for axis, (indices, stride) in enumerate(zip(ranges, self.strides)):
            spread = [1] * len(ranges)
            spread[axis] = len(indices)
            total = total + (indices * stride).reshape(spread)
        return total


@dataclass
class Tile:
    data: np.ndarray
    written: bool = False


@dataclass
class Frame:
    """One core's state."""

    env: dict[str, int]
    views: Mapping[str, View]
    tiles: dict[str, Tile] = field(default_factory=dict)


def interpret(
    program: s.Program,
    inputs: Sequence[np.ndarray],
    *,
    sizes: Mapping[str, int] | None = None,
    tunables: Mapping[str, int] | None = None,
    calls: Calls | None = None,
) -> list[np.ndarray]:
    """The outputs of the host function, in order.

    ``inputs`` are the host's input arguments in order; their shapes bind the sizes (``sizes``
    overrides). ``calls`` executes framework calls: a mapping from op to a function, or one function
    taking (op, arrays, attributes), that returns a sequence of arrays. Raises AULError, with line
    and column, for any access outside a tensor, read of unwritten data, or shape that does not fit.
    """
    shapes = [np.shape(a) for a in inputs]
    bound = {**bind_sizes(program, shapes), **(sizes or {})}
    return Interpreter(program, resolve(program, bound, tunables), calls).run(inputs)


class Interpreter:
    def __init__(self, program: s.Program, env: dict[str, int], calls: Calls | None) -> None:
        self.program, self.env, self.calls = program, env, calls
        self.buffers: dict[str, Buffer] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        host = self.program.host
        ins = [p for p in host.params if not p.output]
        outs = [p for p in host.params if p.output]
        if len(ins) != len(inputs):
            raise AULError(f"{host.name} takes {len(ins)} inputs, got {len(inputs)}", *host.loc)
        for param, array in zip(ins, inputs):
            self.add_input(param, np.asarray(array))
        for param in outs:
            self.allocate(param.name, param.shape or (), param.dtype or "float32")
        for statement in host.body:
            self.host_statement(statement)
        return [self.result(p) for p in outs]

    def add_input(self, param: s.Param, array: np.ndarray) -> None:
        if param.dtype is not None and array.dtype != DTYPES[param.dtype]:
            raise AULError(f"{param.name} is {array.dtype}, not {param.dtype}", *param.loc)
        flat = np.ascontiguousarray(array).reshape(-1)
        self.buffers[param.name] = Buffer(flat, np.ones(flat.shape, bool), False)
        self.shapes[param.name] = array.shape

    def allocate(self, name: str, shape: Sequence[s.IntExpr], dtype: str) -> None:
        extents = tuple(evaluate(e, self.env) for e in shape)
        count = math.prod(extents)
        data = np.full(count, poison(DTYPES[dtype]), DTYPES[dtype])
        self.buffers[name] = Buffer(data, np.zeros(count, bool), True)
        self.shapes[name] = extents

    def result(self, param: s.Param) -> np.ndarray:
        buffer = self.buffers[param.name]
        if not buffer.written.all():
            first = int(np.argmin(buffer.written))
            raise AULError(
                f"element {first} of output {param.name} is never written "
                f"({int((~buffer.written).sum())} of {buffer.written.size} are not)",
                *param.loc,
            )
        return buffer.data.reshape(self.shapes[param.name])

    # ---- host --------------------------------------------------------------------------------

    def host_statement(self, statement: s.HostStatement) -> None:
        if isinstance(statement, s.Workspace):
            self.allocate(statement.name, statement.shape, statement.dtype)
        elif isinstance(statement, s.CoreNum):
            self.env[statement.name] = evaluate(statement.value, self.env)
        elif isinstance(statement, s.Launch):
            self.launch(statement)
        else:
            self.framework_call(statement)

    def launch(self, launch: s.Launch) -> None:
        kernel = self.program.kernel(launch.kernel)
        if len(kernel.params) != len(launch.args):
            raise AULError(
                f"{kernel.name} takes {len(kernel.params)} arguments, got {len(launch.args)}",
                *launch.loc,
            )
        views = {
            p.name: self.view(p, arg, launch.loc) for p, arg in zip(kernel.params, launch.args)
        }
        for core in range(evaluate(launch.cores, self.env)):
            frame = Frame({**self.env, CORE: core}, views)
            self.block(kernel.body, frame)

    def view(self, param: s.Param, arg: str, loc: s.Location) -> View:
        if arg not in self.buffers:
            raise AULError(f"{arg!r} is no argument or workspace of the host", *loc)
        buffer = self.buffers[arg]
        if param.dtype is not None and buffer.data.dtype != DTYPES[param.dtype]:
            raise AULError(f"{arg} is {buffer.data.dtype}, {param.name} {param.dtype}", *param.loc)
        shape = (
            self.shapes[arg]
            if param.shape is None
            else tuple(evaluate(e, self.env) for e in param.shape)
        )
        if param.strides is None:
            strides = tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))
        else:
            strides = tuple(evaluate(e, self.env) for e in param.strides)
        offset = evaluate(param.offset, self.env)
        if math.prod(shape):
            corners = [(n - 1) * t for n, t in zip(shape, strides)]
            low = offset + sum(c for c in corners if c < 0)
            high = offset + sum(c for c in corners if c > 0)
            if low < 0 or high >= buffer.data.size:
                raise AULError(
                    f"{param.name} reaches elements {low} to {high} of {arg}, "
                    f"which has {buffer.data.size}",
                    *param.loc,
                )
        return View(param.name, buffer, shape, strides, offset)

    def framework_call(self, call: s.FrameworkCall) -> None:
        arrays = [self.buffers[n].data.reshape(self.shapes[n]) for n in call.src]
        attributes = json.loads(call.attrs)
        if self.calls is None:
            raise AULError(f"nothing was given to execute the framework op {call.op}", *call.loc)
        if callable(self.calls):
            results = self.calls(call.op, arrays, attributes)
        elif call.op in self.calls:
            results = self.calls[call.op](arrays, attributes)
        else:
            raise AULError(f"the framework op {call.op} is not available here", *call.loc)
        for name, array in zip(call.dst, results, strict=True):
            buffer = self.buffers[name]
            if np.shape(array) != self.shapes[name]:
                raise AULError(
                    f"{call.op} gives shape {np.shape(array)} for {name} {self.shapes[name]}",
                    *call.loc,
                )
            buffer.data[:] = np.asarray(array).reshape(-1)
            buffer.written[:] = True

    # ---- kernels -----------------------------------------------------------------------------

    def block(self, body: Sequence[s.Statement], frame: Frame) -> None:
        for x in body:
            if isinstance(x, s.Tile):
                self.tile(x, frame)
            elif isinstance(x, s.Copy):
                self.copy(x, frame)
            elif isinstance(x, s.VectorOp):
                self.vector(x, frame)
            elif isinstance(x, s.Assign):
                frame.env[x.name] = evaluate(x.value, frame.env)
            elif isinstance(x, s.Loop):
                for turn in range(evaluate(x.iterations, frame.env)):
                    frame.env[x.var] = turn
                    self.block(x.body, frame)
            else:
                self.block(x.body if holds(x.condition, frame.env) else x.orelse, frame)

    def tile(self, x: s.Tile, frame: Frame) -> None:
        shape = tuple(evaluate(e, frame.env) for e in x.shape)
        dtype = DTYPES[x.dtype]
        value = poison(dtype) if x.value is None else x.value
        frame.tiles[x.name] = Tile(np.full(shape, value, dtype), x.value is not None)

    def read(self, place: s.Place, frame: Frame) -> np.ndarray:
        """A whole tile, which something must have written."""
        if place.name not in frame.tiles:
            raise AULError(f"{place.name!r} is no tile here", *place.loc)
        tile = frame.tiles[place.name]
        if not tile.written:
            raise AULError(f"tile {place.name} is read before it is written", *place.loc)
        return tile.data if place.index is None else tile.data[self.tile_index(place, frame)]

    def tile_index(self, place: s.Place, frame: Frame) -> tuple[Any, ...]:
        return tuple(
            slice(evaluate(i.lower, frame.env), evaluate(i.upper, frame.env))
            if isinstance(i, s.Slice)
            else evaluate(i, frame.env)
            for i in place.index or ()
        )

    def write(self, place: s.Place, data: np.ndarray, frame: Frame) -> None:
        if place.name not in frame.tiles:
            raise AULError(f"{place.name!r} is no tile here", *place.loc)
        tile = frame.tiles[place.name]
        target = tile.data if place.index is None else tile.data[self.tile_index(place, frame)]
        if target.shape != data.shape:
            raise AULError(
                f"{place.name} has shape {target.shape}, the result {data.shape}", *place.loc
            )
        target[...] = data
        tile.written = True

    def copy(self, x: s.Copy, frame: Frame) -> None:
        if x.src.name in frame.views:
            self.write(x.dst, self.load(x, frame.views[x.src.name], frame), frame)
        elif x.dst.name in frame.views:
            self.store(x, frame.views[x.dst.name], self.read(x.src, frame), frame)
        else:
            self.write(x.dst, self.read(x.src, frame), frame)

    def ranges(
        self, place: s.Place, view: View, frame: Frame
    ) -> tuple[list[np.ndarray], tuple[int, ...]]:
        """Index ranges a dimension, and the shape with indexed dimensions dropped."""
        index = place.index
        if index is None:
            index = tuple(s.Slice(s.Int(0), s.Int(n)) for n in view.shape)
        if len(index) != len(view.shape):
            raise AULError(
                f"{view.name} has {len(view.shape)} dimensions, {len(index)} indices", *place.loc
            )
        ranges, shape = [], []
        for i in index:
            if isinstance(i, s.Slice):
                lower, upper = evaluate(i.lower, frame.env), evaluate(i.upper, frame.env)
                ranges.append(np.arange(lower, max(lower, upper)))
                shape.append(max(0, upper - lower))
            else:
                ranges.append(np.array([evaluate(i, frame.env)]))
        return ranges, tuple(shape)

    def inside(
        self, ranges: Sequence[np.ndarray], view: View, allowed: bool, place: s.Place, fix: str
    ) -> list[np.ndarray]:
        """Which indices a dimension lie inside the tensor; an error if some do not and must."""
        masks = [(r >= 0) & (r < n) for r, n in zip(ranges, view.shape)]
        if not allowed and not all(m.all() for m in masks):
            spans = [f"{r[0]}:{r[-1] + 1}" if r.size else "empty" for r in ranges]
            raise AULError(
                f"{view.name}[{', '.join(spans)}] lies outside its shape {view.shape}; {fix}",
                *place.loc,
            )
        return masks

    def load(self, x: s.Copy, view: View, frame: Frame) -> np.ndarray:
        ranges, shape = self.ranges(x.src, view, frame)
        masks = self.inside(ranges, view, x.pad is not None, x.src, "give pad=")
        kept = [r[m] for r, m in zip(ranges, masks)]
        positions = view.flat(kept)
        if not view.buffer.written[positions].all():
            raise AULError(f"{view.name} is read where nothing has been written", *x.src.loc)
        full = np.full(
            tuple(len(r) for r in ranges), 0 if x.pad is None else x.pad, view.buffer.data.dtype
        )
        full[np.ix_(*masks)] = view.buffer.data[positions]
        return full.reshape(shape)

    def store(self, x: s.Copy, view: View, data: np.ndarray, frame: Frame) -> None:
        if not view.buffer.writable:
            raise AULError(f"{view.name} is an input; a kernel may not write it", *x.dst.loc)
        ranges, shape = self.ranges(x.dst, view, frame)
        if data.shape != shape:
            raise AULError(f"tile of shape {data.shape} into a slice {shape}", *x.dst.loc)
        if data.dtype != view.buffer.data.dtype:
            raise AULError(
                f"tile of {data.dtype} into {view.name} of {view.buffer.data.dtype}", *x.dst.loc
            )
        masks = self.inside(ranges, view, x.clip, x.dst, "give clip=True")
        positions = view.flat([r[m] for r, m in zip(ranges, masks)])
        full = data.reshape(tuple(len(r) for r in ranges))
        view.buffer.data[positions] = full[np.ix_(*masks)]
        view.buffer.written[positions] = True

    # ---- vector operations -------------------------------------------------------------------

    def vector(self, x: s.VectorOp, frame: Frame) -> None:
        if x.dst.name not in frame.tiles:
            raise AULError(f"{x.dst.name!r} is no tile here", *x.dst.loc)
        dst = frame.tiles[x.dst.name].data
        srcs = [self.read(p, frame) for p in x.srcs]
        try:
            result = self.result_of(x, dst, srcs, frame)
        except (ValueError, TypeError) as error:
            raise AULError(f"{x.family} {x.op}: {error}", *x.loc) from error
        self.write(x.dst, result, frame)

    def result_of(
        self, x: s.VectorOp, dst: np.ndarray, srcs: Sequence[np.ndarray], frame: Frame
    ) -> np.ndarray:
        match x.family:
            case "vunary_op":
                return ops.in_dtype(ops.UNARY[x.op], dst.dtype, *srcs)
            case "vbinary_op":
                return ops.in_dtype(ops.BINARY[x.op], dst.dtype, *srcs)
            case "vcompare_op":
                return ops.COMPARE[x.op](*srcs)
            case "vselect_op":
                return np.where(srcs[0], srcs[1], srcs[2])
            case "vectorscalar_op":
                return self.with_factor(x, dst, srcs[0], frame)
            case "vreduce_op":
                return self.reduce(x, srcs[0], frame)
            case "vcast_op":
                return ops.cast(srcs[0], dst.dtype)
            case "viota_op":
                return iota(dst, x.attr("axis"), evaluate(x.attr("start"), frame.env))
            case "vfill_op":
                return np.full(dst.shape, x.attr("value"), dst.dtype)
            case "vbroadcast_op":
                return np.broadcast_to(srcs[0], dst.shape)
            case "vtranspose_op":
                return np.transpose(srcs[0], x.attr("axes"))
            case _:
                wide = np.float64 if dst.dtype == np.float64 else np.float32
                product = (srcs[0].astype(wide) @ srcs[1].astype(wide)).astype(dst.dtype)
                return dst + product if x.attr("accumulate") else product

    def with_factor(
        self, x: s.VectorOp, dst: np.ndarray, src: np.ndarray, frame: Frame
    ) -> np.ndarray:
        factor = x.attr("factor")
        if isinstance(factor, s.Place):
            value = self.read(factor, frame)
            if value.size != 1:
                raise AULError(f"factor {factor.name} has {value.size} elements", *factor.loc)
            scalar = value.reshape((1,) * src.ndim)
        else:
            number = factor if isinstance(factor, int | float) else evaluate(factor, frame.env)
            scalar = np.asarray(number).astype(src.dtype)
        name, left = ops.SCALAR[x.op]
        pair = (scalar, src) if left else (src, scalar)
        return ops.in_dtype(ops.BINARY[name], dst.dtype, *pair)

    def reduce(self, x: s.VectorOp, src: np.ndarray, frame: Frame) -> np.ndarray:
        axis = x.attr("axis")
        valid = x.attr("valid")
        if valid is not None:
            count = evaluate(valid, frame.env)
            if not 0 <= count <= src.shape[axis]:
                raise AULError(f"valid={count} on an axis of {src.shape[axis]}", *x.loc)
            src = np.take(src, np.arange(count), axis=axis)
        return ops.reduce(x.op, src, axis)


def iota(dst: np.ndarray, axis: int, start: int) -> np.ndarray:
    shape = [1] * dst.ndim
    shape[axis] = dst.shape[axis]
    line = np.arange(start, start + dst.shape[axis]).astype(dst.dtype).reshape(shape)
    return np.broadcast_to(line, dst.shape)


def poison(dtype: np.dtype) -> Any:
    """What unwritten memory holds: NaN, the least integer, True."""
    if dtype == np.bool_:
        return True
    if dtype.kind in "iu":
        return np.iinfo(dtype).min
    return np.nan
