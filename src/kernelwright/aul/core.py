"""One core of the interpreter: its integers, its tiles, its statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kernelwright.aul import operations as ops
from kernelwright.aul import syntax as s
from kernelwright.aul.dtypes import DTYPES, dtype_of, poison
from kernelwright.aul.expressions import evaluate, holds
from kernelwright.aul.memory import Box, View
from kernelwright.aul.rules import dtype_problem, number_problem
from kernelwright.errors import AULError


@dataclass
class TileValue:
    """A tile; operations write it whole, so one flag says whether it holds anything."""

    data: np.ndarray
    written: bool


@dataclass
class Core:
    """``env`` holds the integers, ``views`` the kernel's parameters."""

    env: dict[str, int]
    views: Mapping[str, View]
    check_bounds: bool = True
    tiles: dict[str, TileValue] = field(default_factory=dict)

    def run(self, body: Sequence[s.Statement]) -> None:
        """Runs statements in order; raises AULError where one breaks a rule of the language."""
        for x in body:
            if isinstance(x, s.Tile):
                self.define(x)
            elif isinstance(x, s.Copy):
                self.copy(x)
            elif isinstance(x, s.VectorOp):
                self.vector(x)
            elif isinstance(x, s.Assign):
                self.env[x.name] = evaluate(x.value, self.env)
            elif isinstance(x, s.Loop):
                for turn in range(evaluate(x.iterations, self.env)):
                    self.env[x.var] = turn
                    self.run(x.body)
            elif isinstance(x, s.TeamBarrier):
                raise AULError("a team's barrier stands outside of loops and branches", *x.loc)
            else:
                self.run(x.body if holds(x.condition, self.env) else x.orelse)

    # ---- tiles -------------------------------------------------------------------------------

    def define(self, x: s.Tile) -> None:
        shape = tuple(evaluate(e, self.env) for e in x.shape)
        if any(n < 1 for n in shape):
            raise AULError(f"tile {x.name} has shape {shape}", *x.loc)
        value = poison(x.dtype) if x.value is None else x.value
        self.fits(value, x.dtype, x.loc)
        self.tiles[x.name] = TileValue(np.full(shape, value, DTYPES[x.dtype]), x.value is not None)

    def fits(self, value: float | int, dtype: str, loc: s.Location) -> None:
        problem = number_problem(value, dtype)
        if problem:
            raise AULError(problem, *loc)

    def tile(self, place: s.Place) -> TileValue:
        if place.name not in self.tiles:
            what = "a tensor in global memory" if place.name in self.views else "not a tile here"
            raise AULError(f"{place.name!r} is {what}; a tile is needed", *place.loc)
        if place.index is not None:
            raise AULError(f"tiles are used whole; write {place.name} without an index", *place.loc)
        return self.tiles[place.name]

    def read(self, place: s.Place) -> np.ndarray:
        """A tile's data; AULError when nothing has written it."""
        tile = self.tile(place)
        if not tile.written:
            raise AULError(f"tile {place.name!r} is read before it is written", *place.loc)
        return tile.data

    def write(self, place: s.Place, data: np.ndarray) -> None:
        tile = self.tile(place)
        if tile.data.shape != data.shape:
            raise AULError(
                f"{place.name} has shape {tile.data.shape}, but gets {data.shape}", *place.loc
            )
        tile.data = np.array(data, tile.data.dtype)
        tile.written = True

    # ---- copies ------------------------------------------------------------------------------

    def copy(self, x: s.Copy) -> None:
        if x.src.name in self.views:
            view = self.views[x.src.name]
            box, shape = self.box(x.src, view)
            target = self.tile(x.dst)
            if x.index is not None:
                self.indexed(x, view, box, shape, target)
                return
            self.same_type(x, view, target, shape)
            if x.pad is not None:
                self.fits(x.pad, dtype_of(target.data) or "", x.loc)
            allowed = x.pad is not None or not self.check_bounds
            self.write(x.dst, view.load(box, x.pad, allowed, x.src.loc).reshape(shape))
        elif x.dst.name in self.views:
            view = self.views[x.dst.name]
            box, shape = self.box(x.dst, view)
            data = self.read(x.src)
            if x.index is not None:
                self.place_indexed(x, view, box, shape, data)
                return
            self.same_type(x, view, self.tile(x.src), shape)
            view.store(box, data, x.clip or not self.check_bounds, x.dst.loc)
        else:
            self.between_tiles(x)

    def indexed(
        self, x: s.Copy, view: View, box: Box, shape: tuple[int, ...], target: TileValue
    ) -> None:
        """An indirect load."""
        assert x.index is not None
        if x.pad is None:
            raise AULError("an indirect load needs pad=", *x.loc)
        self.same_type(x, view, TileValue(np.empty(shape, target.data.dtype), True), shape)
        index = np.broadcast_to(self.read(x.index), target.data.shape)
        kept = [d for d, i in enumerate(x.src.index or ()) if isinstance(i, s.Slice)]
        self.write(x.dst, view.lookup(box, kept, x.axis, index, x.pad, x.src.loc))

    def place_indexed(
        self, x: s.Copy, view: View, box: Box, shape: tuple[int, ...], data: np.ndarray
    ) -> None:
        """An indirect store."""
        assert x.index is not None
        self.same_type(x, view, TileValue(np.empty(shape, data.dtype), True), shape)
        index = np.broadcast_to(self.read(x.index), data.shape)
        kept = [d for d, i in enumerate(x.dst.index or ()) if isinstance(i, s.Slice)]
        view.place(box, kept, x.axis, index, data, x.update, x.dst.loc)

    def between_tiles(self, x: s.Copy) -> None:
        """A copy; with another shape of as many elements, a row-major reshape."""
        data, target = self.read(x.src), self.tile(x.dst).data
        if data.dtype != target.dtype:
            raise AULError(f"{x.dst.name} is {target.dtype}, {x.src.name} {data.dtype}", *x.loc)
        if data.size != target.size:
            raise AULError(
                f"{x.dst.name} has shape {target.shape}, but gets {data.shape}", *x.dst.loc
            )
        self.write(x.dst, data.reshape(target.shape))

    def same_type(self, x: s.Copy, view: View, tile: TileValue, shape: tuple[int, ...]) -> None:
        if tile.data.shape != shape:
            raise AULError(
                f"the tile has shape {tile.data.shape}, the slice of {view.name} {shape}", *x.loc
            )
        if tile.data.dtype != view.data.dtype:
            raise AULError(
                f"the tile is {tile.data.dtype}, {view.name} is {view.data.dtype}; convert with "
                f"U.vcast_op",
                *x.loc,
            )

    def box(self, place: s.Place, view: View) -> tuple[Box, tuple[int, ...]]:
        """The part of a view that ``place`` names, and its shape without indexed dimensions."""
        index = place.index
        if index is None:
            index = tuple(s.Slice(s.Int(0), s.Int(n)) for n in view.shape)
        if len(index) != len(view.shape):
            raise AULError(
                f"{view.name} has {len(view.shape)} dimensions, but {len(index)} indices are given",
                *place.loc,
            )
        box: list[tuple[int, int]] = []
        shape: list[int] = []
        for i in index:
            if isinstance(i, s.Slice):
                box.append((evaluate(i.lower, self.env), evaluate(i.upper, self.env)))
                shape.append(max(0, box[-1][1] - box[-1][0]))
            else:
                lower = evaluate(i, self.env)
                box.append((lower, lower + 1))
        return tuple(box), tuple(shape)

    # ---- vector operations -------------------------------------------------------------------

    def vector(self, x: s.VectorOp) -> None:
        dst = self.tile(x.dst).data
        srcs = [self.read(place) for place in x.srcs]
        names = [dtype_of(array) for array in (dst, *srcs)]
        problem = dtype_problem(x, names[0] or "", tuple(n or "" for n in names[1:]))
        if problem:
            raise AULError(f"U.{x.family} {x.op}: {problem}", *x.loc)
        try:
            result = self.result(x, dst, srcs)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise AULError(f"U.{x.family} {x.op}: {error}", *x.loc) from error
        self.write(x.dst, result)

    def result(self, x: s.VectorOp, dst: np.ndarray, srcs: Sequence[np.ndarray]) -> np.ndarray:
        match x.family:
            case "vunary_op":
                return ops.elementwise(ops.UNARY[x.op], dst.dtype, *srcs)
            case "vbinary_op":
                return ops.elementwise(ops.BINARY[x.op], dst.dtype, *srcs)
            case "vcompare_op":
                return ops.elementwise(ops.COMPARE[x.op], dst.dtype, *srcs)
            case "vselect_op":
                return np.where(srcs[0], srcs[1], srcs[2])
            case "vectorscalar_op":
                return self.with_factor(x, dst, srcs[0])
            case "vreduce_op":
                return self.reduce(x, dst, srcs[0])
            case "vscan_op":
                return self.scan(x, dst, srcs[0])
            case "vcast_op":
                return np.broadcast_to(ops.cast(srcs[0], dst.dtype), dst.shape)
            case "viota_op":
                start = evaluate(x.attr("start", s.Int(0)), self.env)
                return ops.iota(dst.shape, dst.dtype, x.attr("axis"), start)
            case "vfill_op":
                self.fits(x.attr("value"), dtype_of(dst) or "", x.loc)
                return np.full(dst.shape, x.attr("value"), dst.dtype)
            case "vbroadcast_op":
                return np.broadcast_to(srcs[0], dst.shape)
            case "vtranspose_op":
                return np.transpose(srcs[0], x.attr("axes"))
            case "matmul_op":
                start = self.read(x.dst) if x.attr("accumulate") else None
                return ops.matmul(srcs[0], srcs[1], start, dst.dtype)
        raise AULError(f"there is no vector operation U.{x.family}", *x.loc)

    def with_factor(self, x: s.VectorOp, dst: np.ndarray, src: np.ndarray) -> np.ndarray:
        factor = x.attr("factor")
        if isinstance(factor, s.Place):
            value = self.read(factor)
            if value.size != 1:
                raise AULError(f"factor {factor.name} has {value.size} elements", *factor.loc)
            scalar = value.reshape((1,) * src.ndim)
        else:
            number = factor if isinstance(factor, int | float) else evaluate(factor, self.env)
            self.fits(number, dtype_of(src) or "", x.loc)
            scalar = np.asarray(number).astype(src.dtype)
        name, first = ops.SCALAR[x.op]
        pair = (scalar, src) if first else (src, scalar)
        return ops.elementwise(ops.BINARY[name], dst.dtype, *pair)

    def reduce(self, x: s.VectorOp, dst: np.ndarray, src: np.ndarray) -> np.ndarray:
        axis, count = x.attr("axis"), self.valid(x, src)
        if count is not None:
            src = np.take(src, np.arange(count), axis=axis)
        return ops.reduce(x.op, src, axis, dst.dtype)

    def scan(self, x: s.VectorOp, dst: np.ndarray, src: np.ndarray) -> np.ndarray:
        axis, count = x.attr("axis"), self.valid(x, src)
        if count is not None:
            identity = ops.scan_identity(x.op, src.dtype)
            lane = ops.iota(src.shape, np.dtype(np.int64), axis, 0)
            src = np.where(lane < count, src, np.asarray(identity, src.dtype))
        return ops.scan(x.op, src, axis, dst.dtype, bool(x.attr("reverse")))

    def valid(self, x: s.VectorOp, src: np.ndarray) -> int | None:
        """How many elements along the axis count; None: all."""
        axis, valid = x.attr("axis"), x.attr("valid")
        if valid is None:
            return None
        count, extent = evaluate(valid, self.env), src.shape[axis]
        if not 0 <= count <= extent:
            raise AULError(
                f"valid={count} on an axis of extent {extent}; it must lie in 0..{extent}", *x.loc
            )
        return count
