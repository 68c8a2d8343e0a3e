"""Writes one region's values as AUL statements on tiles."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelwright.aul import syntax as aul
from kernelwright.compiler.schedule.region import Root, Value
from kernelwright.compiler.schedule.space import LoopDim, Space, Strides
from kernelwright.compiler.schedule.symbols import Symbol, product
from kernelwright.compiler.schedule.views import View
from kernelwright.errors import UnsupportedError
from kernelwright.graph.core import DTYPES, Node, is_float
from kernelwright.graph.ops.lookup import outside

# What kernels name tiles and integers; tensors have other names.
OWN_NAMES = re.compile(
    r"(?:[bciknpqrstx]|acc|run)\d+|i|t\d+_start|first|step|share|place|chunk|start|turn"
)

UNARY = {name: name for name in aul.UNARY_OPS} | {
    "log": "ln",
    "reciprocal": "rec",
    "logical_not": "not",
    "bitwise_not": "not",
}
BINARY = {
    name: name for name in ["add", "sub", "mul", "div", "pow", "fmod", "atan2", "copysign"]
} | {
    "maximum": "max",
    "minimum": "min",
    "remainder": "mod",
    "floor_divide": "floordiv",
    "logical_and": "and",
    "logical_or": "or",
    "logical_xor": "xor",
    "bitwise_and": "and",
    "bitwise_or": "or",
    "bitwise_xor": "xor",
    "left_shift": "shl",
    "right_shift": "shr",
}
SCALAR = {
    "add": "adds",
    "sub": "subs",
    "mul": "muls",
    "div": "divs",
    "pow": "pows",
    "maximum": "maxs",
    "minimum": "mins",
}
SCALAR_LEFT = SCALAR | {"sub": "rsubs", "div": "rdivs"}
REDUCE = {
    "sum": "sum",
    "prod": "prod",
    "amax": "max",
    "amin": "min",
    "any": "any",
    "all": "all",
}
SCAN = {
    "cumsum": "sum",
    "cumprod": "prod",
    "cummax": "max",
    "cummin": "min",
    "logcumsumexp": "logaddexp",
}
COMBINE = {"sum": "add", "prod": "mul", "max": "max", "min": "min", "any": "or", "all": "and"}


def compute_dtype(dtype: str) -> str:
    """Half types are computed in float32 and rounded once, when they are stored."""
    return "float32" if dtype in ("float16", "bfloat16") else dtype


def identity(op: str, dtype: str) -> float | int | bool:
    """The value that leaves a reduction unchanged."""
    if op in ("any", "all"):
        return op == "all"
    if op in ("sum", "prod"):
        return 0 if op == "sum" else 1
    if dtype == "bool":
        return op == "min"
    if is_float(dtype):
        return -math.inf if op == "max" else math.inf
    info = np.iinfo(DTYPES[dtype])
    return int(info.min) if op == "max" else int(info.max)


@dataclass(frozen=True)
class TileDim:
    """A LoopDim of which a tile holds ``extent`` elements from ``start`` on (None: all of it)."""

    dim: LoopDim
    extent: Symbol
    start: aul.IntExpr | None = None

    @property
    def blocked(self) -> bool:
        return self.start is not None


@dataclass(frozen=True)
class TileRef:
    """A tile in scope: which of the tile dimensions it differs along, and its dtype."""

    name: str
    present: tuple[bool, ...]
    dtype: str


class TileWriter:
    """Statements for the values of one space. ``tiled``: the tile dimensions in order; ``index``:
    an integer for each other LoopDim. ``names`` maps a stored node's id to its host buffer.
    ``extra``: LoopDims in front that no value of the space has (a workspace's split).
    ``wide_scans``: float sums and products run in float64, because one core takes a row's elements
    one after the other. ``carries``: the accumulator of each scan that goes on from block to
    block."""

    def __init__(
        self,
        space: Space,
        tiled: Sequence[TileDim],
        index: Mapping[LoopDim, aul.IntExpr],
        names: Mapping[int, str],
        extra: Sequence[LoopDim] = (),
        wide_scans: bool = False,
    ) -> None:
        self.space, self.tiled, self.index, self.names = space, list(tiled), dict(index), names
        self.dims = [*extra, *space.dims]
        self.counter: dict[str, int] = {}
        self.params: dict[str, aul.Param] = {}
        self.arguments: dict[str, str] = {}  # kernel parameter -> host buffer
        self.body: list[aul.Statement] = []
        self.tiles: dict[int, TileRef] = {}
        self.wide_scans = wide_scans
        self.carries: dict[int, TileRef] = {}
        self.last_block = False  # no block follows, so the carries need not be brought forward

    # ---- tiles and names ---------------------------------------------------------------------

    def fresh(self, prefix: str) -> str:
        number = self.counter.get(prefix, 0)
        self.counter[prefix] = number + 1
        return f"{prefix}{number}"

    def shape(self, present: Sequence[bool]) -> tuple[aul.IntExpr, ...]:
        if not self.tiled:
            return (aul.Int(1),)
        return tuple(
            t.extent.expr if there else aul.Int(1) for t, there in zip(self.tiled, present)
        )

    def new_tile(
        self, prefix: str, present: Sequence[bool], dtype: str, value: float | None = None
    ) -> TileRef:
        ref = TileRef(self.fresh(prefix), tuple(present), dtype)
        self.body.append(aul.Tile(ref.name, self.shape(present), dtype, "VecBuf", value))
        return ref

    def present(self, value: Value) -> tuple[bool, ...]:
        dims = self.space.presence[id(value)]
        return tuple(t.dim.atoms[0] in dims for t in self.tiled)

    def emit(self, family: str, op: str, dst: TileRef, *srcs: TileRef, **attrs: Any) -> TileRef:
        places = tuple(aul.Place(s.name) for s in srcs)
        listed = tuple(sorted(attrs.items()))
        self.body.append(aul.VectorOp(family, op, aul.Place(dst.name), places, listed))
        return dst

    # ---- memory ------------------------------------------------------------------------------

    def place(
        self,
        name: str,
        strides: Strides,
        offset: Symbol,
        dtype: str,
        output: bool,
        value: Value | None = None,
        along: tuple[Symbol, Symbol] | None = None,
        repeated: bool = False,
    ) -> tuple[aul.Place, bool]:
        """Where a tile stands in a buffer, and whether the slice may pass the buffer's end. Adds
        the kernel parameter: one dimension a LoopDim of the access. ``value`` is the load, whose
        window may reach outside; ``along`` the extent and stride of a last dimension, at 0, that
        an index tile runs along. ``repeated``: tile dimensions that the access lacks are there all
        the same, with stride 0, so that a tile's tail is cut."""
        shape: list[Symbol] = []
        steps: list[Symbol] = []
        index: list[aul.IntExpr | aul.Slice] = []
        partial = False
        tiled = {t.dim: t for t in self.tiled}
        for dim in self.dims:
            here = dim.atoms[0] in strides
            tile = tiled.get(dim)
            if not here and tile is None:
                continue
            again = repeated and not here
            size, low = dim.size, Symbol.of(0)
            ends = self.space.range(value, dim) if value is not None and here else None
            if ends is not None:
                low, size = ends[0], ends[1] - ends[0]
                offset = offset + low * strides[dim.atoms[-1]]
                partial = True
            shape.append(size if here or again else Symbol.of(1))
            step = Symbol.of(0) if again else Symbol.of(1)
            steps.append(strides[dim.atoms[-1]] if here else step)
            if tile is None:
                index.append(less(self.index[dim], low))
            elif not here and not again:
                index.append(aul.Slice(aul.Int(0), aul.Int(1)))
            elif tile.start is None:
                start = less(aul.Int(0), low)
                stop = dim.size.expr if not low.value else aul.Binary("+", start, dim.size.expr)
                index.append(aul.Slice(start, stop))
            else:
                partial = True
                start = less(tile.start, low)
                index.append(aul.Slice(start, aul.Binary("+", start, tile.extent.expr)))
        if not self.tiled:
            shape.append(Symbol.of(1))
            steps.append(Symbol.of(1))
            index.append(aul.Slice(aul.Int(0), aul.Int(1)))
        if along is not None:
            shape.append(along[0])
            steps.append(along[1])
            index.append(aul.Int(0))
        param = self.parameter(name, shape, steps, offset, dtype, output)
        return aul.Place(param, tuple(index)), partial

    def parameter(
        self,
        buffer: str,
        shape: Sequence[Symbol],
        steps: Sequence[Symbol],
        offset: Symbol,
        dtype: str,
        output: bool,
    ) -> str:
        natural = [product(shape[i + 1 :]).value for i in range(len(shape))]
        plain = offset.value == 0 and all(
            n == s.value or e.value == 1 for n, s, e in zip(natural, steps, shape)
        )
        param = aul.Param(
            buffer,
            dtype,
            tuple(s.expr for s in shape),
            None if plain else tuple(s.expr for s in steps),
            aul.Int(0) if plain else offset.expr,
            output,
        )
        name, number = buffer, 1
        while name in self.params and self.params[name] != rename(param, name):
            number += 1
            name = f"{buffer}_{number}"
        self.params[name] = rename(param, name)
        self.arguments[name] = buffer
        return name

    def load(self, value: Value) -> TileRef:
        """The tile of a load, in its memory dtype."""
        view = value.view
        assert isinstance(view, View)
        name = self.names[view.buffer.id]
        strides = self.space.loads[id(value)]
        dtype = view.buffer.dtype
        place, partial = self.place(name, strides, view.offset, dtype, False, value)
        ref = self.new_tile("x", self.present(value), dtype)
        fill = rounded(view.fill, dtype) if view.bounded() else 0.0
        pad = fill if partial else None
        self.body.append(aul.Copy(aul.Place(ref.name), place, pad))
        return ref

    def lookup(self, value: Value) -> TileRef:
        """The tile of an indirect load, in its memory dtype."""
        view = value.view
        assert isinstance(view, View)
        dtype, indexed = view.buffer.dtype, value.attrs["indexed"]
        refs = [self.tile_of(a) for a in value.args]
        if len(refs) == 1:
            index, along = refs[0], indexed[0]
        else:
            index, along = self.joined_index(value, refs)
        strides = self.space.loads[id(value)]
        name = self.names[view.buffer.id]
        place, _ = self.place(name, strides, view.offset, dtype, False, value, along)
        assert place.index is not None
        ref = self.new_tile("x", self.present(value), dtype)
        fill = value.attrs["fill"]
        pad = rounded(outside(DTYPES[dtype]) if fill is None else fill, dtype)
        self.body.append(
            aul.Copy(
                aul.Place(ref.name), place, pad, index=aul.Place(index.name),
                axis=len(place.index) - 1,
            )
        )  # fmt: skip
        return ref

    def joined_index(
        self, value: Value, refs: Sequence[TileRef]
    ) -> tuple[TileRef, tuple[Symbol, Symbol]]:
        """Several indices as one offset; -1 where one of them lies outside."""
        total: TileRef | None = None
        valid: TileRef | None = None
        assert isinstance(value.view, View)
        safe = value.attrs["safe"] and value.view.buffer.type.size < 2**31
        dtype, span = "int32" if safe else "int64", Symbol.of(1)
        for ref, (extent, stride) in zip(refs, value.attrs["indexed"]):
            wide = self.convert(ref, dtype)
            if not safe:
                test = self.inside(wide, extent, dtype)
                valid = test if valid is None else self.binary("and", valid, test, "bool")
            term = wide
            if stride.value != 1:
                term = self.emit(
                    "vectorscalar_op", "muls", self.new_tile("i", wide.present, dtype), wide,
                    factor=aul_number(stride),
                )  # fmt: skip
            total = term if total is None else self.binary("add", total, term, dtype)
            span = span + (extent - Symbol.of(1)) * stride
        assert total is not None
        if valid is None:
            return total, (span, Symbol.of(1))
        none = self.new_tile("k", (False,) * len(self.tiled), dtype)
        self.emit("vfill_op", "", none, value=-1)
        chosen = self.new_tile("i", union([valid, total]), dtype)
        self.emit("vselect_op", "", chosen, valid, total, none)
        return chosen, (span, Symbol.of(1))

    def inside(self, index: TileRef, extent: Symbol, dtype: str) -> TileRef:
        """Where an index lies in 0..extent-1."""
        tests = []
        for op, limit in (("ge", Symbol.of(0)), ("lt", extent)):
            bound = self.new_tile("k", (False,) * len(self.tiled), dtype)
            self.emit("vfill_op", "", bound, value=limit.value)
            tests.append(
                self.emit(
                    "vcompare_op", op, self.new_tile("t", index.present, "bool"), index, bound
                )
            )
        return self.binary("and", tests[0], tests[1], "bool")

    def put(self, root: Root, strides: Strides, atomic: bool) -> None:
        """Writes a root to the places that its indices tell; ``atomic``: several cores may meet
        in one."""
        value, dtype = root.value, root.node.dtype
        everywhere = (True,) * len(self.tiled)
        refs = [self.operand(a) for a in value.args]
        ref = self.convert(refs[0], dtype)
        if ref.present != everywhere:
            ref = self.emit("vbroadcast_op", "", self.new_tile("b", everywhere, dtype), ref)
        if len(refs) == 2:
            index, along = refs[1], value.attrs["indexed"][0]
        else:
            index, along = self.joined_index(value, refs[1:])
        place, _ = self.place(
            self.names[root.buffer.id], strides, Symbol.of(0), dtype, True, None, along, True
        )
        assert place.index is not None
        self.body.append(
            aul.Copy(
                place, aul.Place(ref.name), None, True, aul.Place(index.name),
                len(place.index) - 1, value.attrs["update"], atomic,
            )
        )  # fmt: skip

    def store(self, ref: TileRef, root: Root, strides: Strides, offset: Symbol) -> None:
        """Writes a root's tile, broadcast and rounded to the tensor's dtype."""
        wanted = tuple(t.dim.atoms[0] in strides for t in self.tiled)
        if ref.present != wanted:
            ref = self.emit("vbroadcast_op", "", self.new_tile("b", wanted, ref.dtype), ref)
        if ref.dtype != root.node.dtype:
            ref = self.emit("vcast_op", "", self.new_tile("c", wanted, root.node.dtype), ref)
        name = self.names[root.buffer.id]
        place, partial = self.place(name, strides, offset, root.node.dtype, True)
        self.body.append(aul.Copy(place, aul.Place(ref.name), None, partial))

    # ---- values ------------------------------------------------------------------------------

    def operand(self, value: Value) -> TileRef:
        """The tile that holds ``value`` in its compute dtype; writes what it needs."""
        for current in self.pending(value):
            self.tiles[id(current)] = self.write(current)
        return self.tiles[id(value)]

    def pending(self, value: Value) -> list[Value]:
        """The values still to be written for ``value``, operands first."""
        out: dict[int, Value] = {}
        stack = [(value, False)]
        while stack:
            current, ready = stack.pop()
            if id(current) in self.tiles or id(current) in out:
                continue
            if ready:
                out[id(current)] = current
            else:
                stack.append((current, True))
                stack.extend((a, False) for a in reversed(current.args) if a.kind != "const")
        return list(out.values())

    def tile_of(self, value: Value) -> TileRef:
        """The tile of a value already written; a constant is written when it is first needed."""
        if id(value) not in self.tiles:
            self.tiles[id(value)] = self.constant(value)
        return self.tiles[id(value)]

    def write(self, value: Value) -> TileRef:
        if value.kind == "load":
            return self.convert(self.load(value), compute_dtype(value.dtype))
        if value.kind == "const":
            return self.constant(value)
        if value.kind == "lookup":
            return self.convert(self.lookup(value), compute_dtype(value.dtype))
        if value.kind == "iota":
            return self.iota(value)
        if value.kind == "reduce":
            return self.reduce(value)
        if value.kind == "scan":
            return self.scan(value)
        return self.map(value)

    def convert(self, ref: TileRef, dtype: str) -> TileRef:
        if ref.dtype == dtype:
            return ref
        return self.emit("vcast_op", "", self.new_tile("c", ref.present, dtype), ref)

    def constant(self, value: Value) -> TileRef:
        dtype = compute_dtype(value.dtype)
        number = constant_number(value.node)
        ref = self.new_tile("k", (False,) * len(self.tiled), dtype)
        return self.emit("vfill_op", "", ref, value=number)

    def iota(self, value: Value) -> TileRef:
        """Index along an axis: the sum over its LoopDims of position times stride."""
        atoms = self.space.region.dims.resolve(value.axes[value.attrs["axis"]])
        total: TileRef | None = None
        dtype = compute_dtype(value.dtype)
        step = Symbol.of(1)
        for atom in reversed(atoms):
            dim = next(d for d in self.space.dims if atom in d.atoms)
            term = self.iota_term(dim, dtype)
            if step.value != 1:
                factor = aul_number(step)
                term = self.emit(
                    "vectorscalar_op", "muls", self.new_tile("i", term.present, dtype), term,
                    factor=factor,
                )  # fmt: skip
            step = step * dim.size
            total = term if total is None else self.binary("add", total, term, dtype)
        if total is None:
            total = self.emit(
                "vfill_op", "", self.new_tile("k", (False,) * len(self.tiled), dtype), value=0
            )
        return total

    def iota_term(self, dim: LoopDim, dtype: str) -> TileRef:
        for axis, tile in enumerate(self.tiled):
            if tile.dim == dim:
                present = tuple(i == axis for i in range(len(self.tiled)))
                start = tile.start if tile.start is not None else aul.Int(0)
                ref = self.new_tile("i", present, dtype)
                return self.emit("viota_op", "", ref, axis=axis, start=start)
        ref = self.new_tile("i", (False,) * len(self.tiled), dtype)
        return self.emit("viota_op", "", ref, axis=0, start=self.index[dim])

    def reduce(self, value: Value) -> TileRef:
        """A reduction whose whole extent the tile holds."""
        ref = self.summand(value)
        folded = self.space.region.dims.resolve(value.reduced)
        for axis in reversed(range(len(self.tiled))):
            if self.tiled[axis].dim.atoms[0] in folded:
                ref = self.reduce_axis(ref, REDUCE[value.op], axis)
        return ref

    def summand(self, value: Value) -> TileRef:
        """A reduction's operand in the dtype that it is folded in: sums of bools count."""
        ref = self.operand(value.args[0])
        if value.op in ("sum", "prod"):
            ref = self.convert(ref, compute_dtype(value.dtype))
        return ref

    def scan(self, value: Value) -> TileRef:
        """A running reduction along a tile dimension; with a carry, from block to block."""
        ref, op = self.operand(value.args[0]), SCAN[value.op]
        dtype = carried = compute_dtype(value.dtype)
        if not value.reduced:
            return ref
        axis = self.axis_of(value)
        if op in ("sum", "prod") and is_float(dtype) and self.wide_scans:
            carried = "float64"
        ref = self.spread(ref, axis)
        attrs: dict[str, Any] = {"axis": axis}
        if value.attrs.get("reverse"):
            attrs["reverse"] = True
            if self.tiled[axis].blocked:
                attrs["valid"] = self.valid(axis)
        out = self.emit("vscan_op", op, self.new_tile("run", ref.present, carried), ref, **attrs)
        if id(value) in self.carries:
            out = self.carry_on(ref, out, op, axis, self.carries[id(value)])
        return self.convert(out, dtype)

    def carry_on(self, ref: TileRef, block: TileRef, op: str, axis: int, acc: TileRef) -> TileRef:
        """``block``, the scan of the operand ``ref`` alone, behind what the blocks before came to;
        then that of the next block."""
        block = self.convert(block, acc.dtype)
        fold = COMBINE.get(op, op)
        out = self.binary(fold, acc, block, acc.dtype)
        if not self.last_block:
            self.bring_forward(ref, out, op, axis, acc)
        return out

    def bring_forward(
        self, ref: TileRef, run: TileRef | None, op: str, axis: int, acc: TileRef
    ) -> None:
        """Folds a block's operand into a carry; ``run`` is its scan, carry included."""
        if op in ("sum", "prod") or run is None:
            ref = self.convert(ref, acc.dtype) if self.wide_scans else ref
            total = self.convert(self.reduce_axis(ref, op, axis), acc.dtype)
            self.emit("vbinary_op", COMBINE.get(op, op), acc, acc, total)
        else:  # what never falls (or never rises) ends at its extreme
            total = self.reduce_axis(run, "min" if op == "min" else "max", axis)
            self.emit("vbroadcast_op", "", acc, total)

    def total_only(self, value: Value) -> None:
        """A scan's carry brought forward over this block, without its elements."""
        op, acc = SCAN[value.op], self.carries[id(value)]
        if op == "logaddexp":
            self.last_block = False
            self.operand(value)
            return
        ref = self.operand(value.args[0])
        axis = self.axis_of(value)
        self.bring_forward(self.spread(ref, axis), None, op, axis, acc)

    def axis_of(self, scan: Value) -> int:
        along = self.space.region.dims.resolve(scan.reduced)
        return next(i for i, t in enumerate(self.tiled) if t.dim.atoms == along)

    def spread(self, ref: TileRef, axis: int) -> TileRef:
        """``ref`` repeated along a tile dimension that it does not differ along."""
        if ref.present[axis]:
            return ref
        wanted = tuple(there or i == axis for i, there in enumerate(ref.present))
        return self.emit("vbroadcast_op", "", self.new_tile("b", wanted, ref.dtype), ref)

    def valid(self, axis: int) -> aul.IntExpr:
        """How many of a block's elements along a tile dimension exist."""
        tile = self.tiled[axis]
        assert tile.start is not None
        left = aul.Binary("-", tile.dim.size.expr, tile.start)
        return aul.Call("min", (tile.extent.expr, left))

    def reduce_axis(self, ref: TileRef, op: str, axis: int) -> TileRef:
        tile = self.tiled[axis]
        ref = self.spread(ref, axis)
        kept = tuple(there and i != axis for i, there in enumerate(ref.present))
        out = self.new_tile("r", kept, ref.dtype)
        if not tile.blocked:
            return self.emit("vreduce_op", op, out, ref, axis=axis)
        return self.emit("vreduce_op", op, out, ref, axis=axis, valid=self.valid(axis))

    def map(self, value: Value) -> TileRef:
        if value.op == "alias":
            return self.tile_of(value.args[0])
        if value.op == "cast":
            return self.cast(value)
        if value.op == "where":
            refs = [self.tile_of(a) for a in value.args]
            out = self.new_tile("t", union(refs), compute_dtype(value.dtype))
            return self.emit("vselect_op", "", out, *refs)
        if len(value.args) == 1 and value.op in UNARY:
            ref = self.tile_of(value.args[0])
            out = self.new_tile("t", ref.present, compute_dtype(value.dtype))
            return self.emit("vunary_op", UNARY[value.op], out, ref)
        if value.op in aul.COMPARE_OPS:
            refs = [self.tile_of(a) for a in value.args]
            return self.emit(
                "vcompare_op", value.op, self.new_tile("t", union(refs), "bool"), *refs
            )
        if value.op in BINARY:
            return self.binary_map(value)
        raise UnsupportedError(f"the builtin designer has no AUL for op {value.op!r}")

    def cast(self, value: Value) -> TileRef:
        return self.convert(self.tile_of(value.args[0]), compute_dtype(value.dtype))

    def binary(self, op: str, left: TileRef, right: TileRef, dtype: str) -> TileRef:
        return self.emit(
            "vbinary_op", op, self.new_tile("t", union([left, right]), dtype), left, right
        )

    def factor(self, op: str, number: float | int | bool) -> Any:
        return divisor(number, self.space) if op == "div" else number

    def binary_map(self, value: Value) -> TileRef:
        left, right = value.args
        dtype = compute_dtype(value.dtype)
        for one, other, table in ((right, left, SCALAR), (left, right, SCALAR_LEFT)):
            constant = one.kind == "const" and other.kind != "const"
            if constant and one is left and value.op == "pow":
                continue
            if constant and value.op in table and value.dtype != "bool":
                ref = self.tile_of(other)
                return self.emit(
                    "vectorscalar_op", table[value.op], self.new_tile("t", ref.present, dtype),
                    ref, factor=self.factor(value.op, constant_number(one.node)),
                )  # fmt: skip
        return self.binary(BINARY[value.op], self.tile_of(left), self.tile_of(right), dtype)


def union(refs: Sequence[TileRef]) -> tuple[bool, ...]:
    return tuple(any(flags) for flags in zip(*(r.present for r in refs)))


def rename(param: aul.Param, name: str) -> aul.Param:
    return aul.Param(
        name, param.dtype, param.shape, param.strides, param.offset, param.output, param.loc
    )


def constant_number(node: Node) -> float | int | bool:
    """A scalar constant as a Python number, as exact as it was written."""
    number = node.attrs["value"].reshape(-1)[0]
    if node.dtype == "bool":
        return bool(number)
    if is_float(node.dtype):
        return float(node.attrs.get("exact", number))
    return int(number)


def less(index: aul.IntExpr, low: Symbol) -> aul.IntExpr:
    """``index - low``."""
    if low.literal and low.value == 0:
        return index
    if low.literal and isinstance(index, aul.Int):
        return aul.Int(index.value - low.value)
    if low.literal and low.value < 0:
        return aul.Binary("+", index, aul.Int(-low.value))
    return aul.Binary("-", index, low.expr)


def rounded(value: float | int | bool, dtype: str) -> float | int:
    """A fill value as the tensor holds it."""
    if not is_float(dtype):
        return int(value)
    with np.errstate(over="ignore"):
        return float(np.asarray(value).astype(DTYPES[dtype]))


def aul_number(symbol: Symbol) -> Any:
    """A factor that follows the sizes."""
    return symbol.value if symbol.literal else symbol.expr


def divisor(number: float | int | bool, space: Space) -> Any:
    """A constant divisor; the count of what the region reduces (or that less one, as in an unbiased
    variance) follows the sizes, so that a mean stays one when they change."""
    sizes = space.region.dims.size
    for reduced in space.folds:
        count = product(sizes[d] for d in sorted(reduced))
        if reduced and number in (count.value, count.value - 1):
            return aul_number(count if number == count.value else count - Symbol.of(1))
    return number
