"""Tiles from and to global memory, and from one layout to another by way of shared memory.

A thread reads its pieces of a tile, each in one access where the address allows it. A piece that
may lie outside is read at element 0 instead and not taken, so that no branch stands between loads;
where only a part of a piece may be outside, its elements are read one by one in that case. A tensor
that is contiguous along another dimension than the layout's fast one is read in a layout of its
own and turned in shared memory, so that both sides are whole runs of memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from kernelwright.aul.syntax import Copy, VectorOp
from kernelwright.compiler.codegen._legalize import SIZE_BYTES
from kernelwright.compiler.loops import affine
from kernelwright.compiler.loops.affine import Affine
from kernelwright.compiler.loops.ir import Memory, VectorType
from kernelwright.compiler.loops.nodes import Access, compute_dtype
from kernelwright.compiler.loops.run import TileInfo
from kernelwright.compiler.loops.semantics import cast
from kernelwright.compiler.loops.vec import Vec
from kernelwright.compiler.threads.access import Seen, contiguous, multiple, widest
from kernelwright.compiler.threads.layout import Layout, choose_layout
from kernelwright.graph.core import is_float

if TYPE_CHECKING:
    from kernelwright.compiler.threads.lower import ThreadLowering

TURNED_BYTES = 32 * 1024  # the largest tile that is turned in shared memory
SHORT = 8  # a run of fewer neighbours is not worth it


class Piece:
    """Some neighbouring lanes of a tile, read or written in one access."""

    def __init__(self, index: tuple[int, ...], lanes: int, along: int | None) -> None:
        self.index, self.lanes, self.along = index, lanes, along


class Mover:
    """``load`` and its siblings give or take values in lanes of the kernel's layout."""

    def __init__(self, t: ThreadLowering) -> None:
        self.t, self.b = t, t.b

    # ---- statements --------------------------------------------------------------------------

    def load(self, s: Copy) -> Vec:
        t = self.t
        info = t.run.tile(s.dst)
        access = t.run.access(s.src, info, s.pad is not None)
        turned = self.turned(Seen(access, info.shape))
        if turned is None:
            return self.read(access, info.shape, s.pad)
        mine, t.layout = t.layout, turned
        value = self.read(access, info.shape, s.pad)
        return self.change(value, access.memory.dtype, info.shape, turned, mine)

    def store(self, s: Copy) -> None:
        t = self.t
        info = t.run.tile(s.src)
        access = t.run.access(s.dst, info, s.clip)
        value = t.read(info.name)
        turned = self.turned(Seen(access, info.shape))
        if turned is None:
            self.write(access, info.shape, value)
            return
        mine = t.layout
        value = self.change(value, access.memory.dtype, info.shape, mine, turned)
        self.write(access, info.shape, value)
        t.layout = mine

    def transpose(self, s: VectorOp) -> Vec:
        t, axes = self.t, tuple(s.attr("axes"))
        source, target = t.run.tile(s.srcs[0]), t.run.tile(s.dst)
        pitches = self.pitches(target.shape)
        place = [0] * len(axes)
        for d, axis in enumerate(axes):
            place[axis] = pitches[d]
        value = t.read(source.name)
        memory = self.to_shared(value, source.dtype, source.shape, place, self.room(target.shape))
        return self.from_shared(memory, target.shape, pitches, value.dtype)

    # ---- turning -----------------------------------------------------------------------------

    def turned(self, seen: Seen) -> Layout | None:
        """The layout in which an access is contiguous, where that is another one and worth it."""
        layout, position = self.t.layout, contiguous(seen)
        if position is None or position == layout.fast:
            return None
        rank = len(seen.shape)
        there = [seen.shape[rank - 1 - p] for p in (position, layout.fast) if p < rank]
        if min(there) < SHORT or len(there) < 2:
            return None
        if self.room(seen.shape) * SIZE_BYTES[_held(seen.access.memory.dtype)] > TURNED_BYTES:
            return None
        other = choose_layout([seen.shape], widest(seen, position), position)
        return other if other.count <= max(32, layout.count) else self.fitted(other, seen.shape)

    def fitted(self, layout: Layout, shape: Sequence[int]) -> Layout | None:
        """``layout`` with fewer threads: no more than the block has."""
        threads = list(layout.threads)
        for position in reversed(layout.order):
            while prod(threads) > max(32, self.t.layout.count) and threads[position] > 1:
                threads[position] //= 2
        return Layout(tuple(threads), layout.order, layout.vector)

    def change(self, value: Vec, dtype: str, shape: Sequence[int], old: Layout, new: Layout) -> Vec:
        """``value`` in lanes of ``new``, which becomes the layout."""
        pitches = self.pitches(shape)
        self.t.layout = old
        memory = self.to_shared(value, dtype, shape, pitches, self.room(shape))
        self.t.layout = new
        return self.from_shared(memory, shape, pitches, value.dtype)

    @staticmethod
    def pitches(shape: Sequence[int]) -> list[int]:
        """Distances in shared memory; rows are one longer than they are, so that neither rows nor
        columns meet in a bank."""
        found, step = [], 1
        for extent in reversed(shape):
            found.append(step)
            step = step * extent + (1 if step == 1 and len(shape) > 1 else 0)
        return found[::-1]

    def room(self, shape: Sequence[int]) -> int:
        return max(1, shape[0] * self.pitches(shape)[0])

    def to_shared(
        self, value: Vec, dtype: str, shape: Sequence[int], pitches: Sequence[int], room: int
    ) -> Memory:
        t = self.t
        kind = _held(dtype)
        memory = t.share(kind, room)
        narrow = value.to(kind) if kind != value.dtype else value
        origin = self.offset(shape, pitches)
        for lane, index in enumerate(t.layout.lanes(shape)):
            inside = self.within(shape, index)
            at = origin + sum(i * p for i, p in zip(index, pitches))
            self.put_one(memory, at, t.pick(narrow, [lane]), inside)
        t.barrier()
        return memory

    def from_shared(
        self, memory: Memory, shape: Sequence[int], pitches: Sequence[int], dtype: str
    ) -> Vec:
        t = self.t
        origin = self.offset(shape, pitches)
        parts = []
        for index in t.layout.lanes(shape):
            at = origin + sum(i * p for i, p in zip(index, pitches))
            inside = self.within(shape, index)
            if inside is not None:
                at = inside.select(at, 0)
            kind = VectorType(memory.dtype)
            parts.append(Vec(self.b, self.b.op("load", at.value, type=kind, memory=memory)))
        return t.concat(parts).to(dtype)

    def offset(self, shape: Sequence[int], pitches: Sequence[int]) -> Vec:
        total = Vec(self.b, self.b.integer(0))
        for d, pitch in enumerate(pitches):
            origin = self.t.origin(shape, d)
            if origin is not None:
                total = total + origin * pitch
        return total

    def within(self, shape: Sequence[int], index: Sequence[int]) -> Vec | None:
        """Whether the thread has an element of the tile there; None: it has."""
        found: Vec | None = None
        for d, extent in enumerate(shape):
            origin = self.t.origin(shape, d)
            if self.t.layout.exact(shape, d):
                continue
            if origin is None and index[d] < extent:
                continue
            start = Vec(self.b, self.b.integer(0)) if origin is None else origin
            one = start < extent - index[d]
            found = one if found is None else found & one
        return found

    def put_one(self, memory: Memory, at: Vec, value: Vec, inside: Vec | None) -> None:
        if inside is None:
            self.b.store("store", at.value, value.value, memory=memory)
            return
        with self.b.branch(inside.value) as (then, _), self.b.arm(then):
            self.b.store("store", at.value, value.value, memory=memory)

    # ---- pieces ------------------------------------------------------------------------------

    def pieces(self, access: Access, shape: Sequence[int]) -> list[Piece]:
        """The lanes of the thread's part, cut into accesses."""
        t, rank = self.t, len(shape)
        fast = rank - 1 - t.layout.fast
        lanes = t.layout.lanes(shape)
        width = 1
        if fast >= 0 and shape[fast] > 1:
            width = min(t.layout.vector, widest(Seen(access, tuple(shape)), t.layout.fast))
        if width == 1:
            return [Piece(index, 1, None) for index in lanes]
        return [Piece(index, width, fast) for index in lanes[::width]]

    def address(self, access: Access) -> Vec:
        """Of the thread's first element."""
        total = Vec(self.b, self.b.index(access.base))
        for d, stride in enumerate(access.strides):
            origin = self.t.origin(self.shape, d)
            if origin is not None and stride != 0:
                total = total + origin * self.stride(stride)
        return total

    def stride(self, stride: int | Affine) -> Vec | int:
        return stride if isinstance(stride, int) else Vec(self.b, self.b.index(stride))

    def moved(self, address: Vec, access: Access, index: Sequence[int]) -> Vec:
        """``address`` from the thread's first element to one of its lanes."""
        known = 0
        for i, stride in zip(index, access.strides):
            if i and isinstance(stride, int):
                known += i * stride
            elif i:
                address = address + Vec(self.b, self.b.index(affine.multiply(stride, i)))
        return address + known if known else address

    def conditions(self, access: Access, piece: Piece) -> tuple[Vec | None, Vec | None]:
        """(whether the piece is inside at all, how many of its lanes are); None: all."""
        held: list[Vec] = []
        count: Vec | None = None
        for d, inside in enumerate(access.inside):
            extent, at = self.shape[d], affine.of(piece.index[d])
            origin = self.t.origin(self.shape, d)
            upper, lower = inside.upper, inside.lower
            whole = self.t.layout.exact(self.shape, d)
            if lower != affine.ZERO:
                held += self.at_least(origin, at - lower)
            if upper == affine.of(extent) and whole:
                continue
            if d == piece.along and multiple(upper) % piece.lanes:
                rest = Vec(self.b, self.b.index(upper - at))
                rest = rest if origin is None else rest - origin
                count = rest.apply("max", 0).apply("min", piece.lanes)
            else:
                held += self.below(origin, upper - at)
        for start, bound in access.fixed:
            held += self.at_least(None, start)
            held += self.below(None, affine.of(bound) - start)
        return _all(held), count

    def at_least(self, origin: Vec | None, offset: Affine) -> list[Vec]:
        """origin + offset >= 0, unless that is plain."""
        if offset.at_least(0):
            return []
        value = Vec(self.b, self.b.index(offset))
        return [(value if origin is None else value + origin) >= 0]

    def below(self, origin: Vec | None, limit: Affine) -> list[Vec]:
        """origin < limit, unless that is plain."""
        if origin is None and limit.at_least(1):
            return []
        value = Vec(self.b, self.b.index(limit))
        return [(Vec(self.b, self.b.integer(0)) if origin is None else origin) < value]

    # ---- reading -----------------------------------------------------------------------------

    def read(self, access: Access, shape: Sequence[int], pad: float | None) -> Vec:
        """A tile in its compute dtype."""
        self.shape = tuple(shape)
        address = self.address(access)
        parts = [self.piece(access, address, p, pad) for p in self.pieces(access, shape)]
        value = self.t.concat(parts)
        return value.to(compute_dtype(value.dtype))

    def piece(self, access: Access, address: Vec, piece: Piece, pad: float | None) -> Vec:
        memory = access.memory
        kind = VectorType(memory.dtype, piece.lanes)
        at = self.moved(address, access, piece.index)
        held, count = self.conditions(access, piece)
        if count is not None or (held is not None and memory.elements < piece.lanes):
            live = count or Vec(self.b, self.b.integer(piece.lanes))
            live = live if held is None else held.select(live, 0)
            value = Vec(self.b, self.b.op("load", at.value, live.value, type=kind, memory=memory))
            if pad:
                lane = self.t.numbers(range(piece.lanes), "int32")
                value = (lane < self.t.spread(live.to("int32"), piece.lanes)).select(
                    value, _number(value, pad)
                )
            return value
        safe = at if held is None else held.select(at, 0)
        value = Vec(self.b, self.b.op("load", safe.value, type=kind, memory=memory))
        if held is None:
            return value
        return self.t.spread(held, piece.lanes).select(value, _number(value, pad or 0))

    def lookup(self, s: Copy) -> Vec:
        """An indirect load: element by element."""
        assert s.index is not None
        info = self.t.run.tile(s.dst)
        at, held, access = self.indirect(s, info, indexed=True)
        safe = held.select(at, at.const(0))
        kind = VectorType(access.memory.dtype, at.lanes)
        value = Vec(self.b, self.b.op("lookup", safe.value, type=kind, memory=access.memory))
        found = held.select(value, _number(value, s.pad or 0))
        return found.to(compute_dtype(found.dtype))

    def indirect(self, s: Copy, info: TileInfo, indexed: bool) -> tuple[Vec, Vec, Access]:
        """(address, whether it is inside, access) of every lane of a tile."""
        t = self.t
        assert s.index is not None
        access, along = t.run.indexed(s, s.src if indexed else s.dst, info)
        self.shape = info.shape
        index = t.at_shape(s.index.name, info.shape).to("int64")
        lanes = index.lanes
        index = index + t.spread(Vec(self.b, self.b.index(affine.of(along["start"]))), lanes)  # type: ignore[arg-type]
        held = (index >= 0) & (index < int(along["extent"]))  # type: ignore[call-overload]
        at = t.spread(Vec(self.b, self.b.index(access.base)), lanes)
        at = at + index * int(along["stride"])  # type: ignore[call-overload]
        for d, stride in enumerate(access.strides):
            if info.shape[d] == 1:
                continue
            place = t.index(info.shape, d, "int64")
            step = self.stride(stride)
            if isinstance(step, Vec):
                step = t.spread(step, lanes)
            at = at + place * step
            inside = access.inside[d]
            if inside.lower != affine.ZERO:
                low = t.spread(Vec(self.b, self.b.index(inside.lower)), lanes)
                held = held & (place >= low)
            if inside.upper != affine.of(info.shape[d]) or not t.layout.exact(info.shape, d):
                high = t.spread(Vec(self.b, self.b.index(inside.upper)), lanes)
                held = held & (place < high)
        fixed: list[Vec] = []
        for start, bound in access.fixed:
            fixed += self.at_least(None, start) + self.below(None, affine.of(bound) - start)
        for one in fixed:
            held = held & t.spread(one, lanes)
        return at, held, access

    # ---- writing -----------------------------------------------------------------------------

    def write(self, access: Access, shape: Sequence[int], value: Vec) -> None:
        self.shape = tuple(shape)
        t, memory = self.t, access.memory
        narrow = cast(value, memory.dtype)
        address = self.address(access)
        first = 0
        alone = self.alone(shape)
        for piece in self.pieces(access, shape):
            lanes = range(first, first + piece.lanes)
            first += piece.lanes
            held, count = self.conditions(access, piece)
            held = _all([c for c in (held, alone) if c is not None])
            at = self.moved(address, access, piece.index)
            args = [at.value, t.pick(narrow, list(lanes)).value]
            args += [] if count is None else [count.value]
            if held is None:
                self.b.store("store", *args, memory=memory)
                continue
            with self.b.branch(held.value) as (then, _), self.b.arm(then):
                self.b.store("store", *args, memory=memory)

    def alone(self, shape: Sequence[int]) -> Vec | None:
        """Whether this thread is the first of those that have the same elements."""
        t, held = self.t, []
        for position in range(len(t.layout.threads)):
            d = len(shape) - 1 - position
            place = t.coordinate(position)
            if place is not None and (d < 0 or shape[d] == 1):
                held.append(place.equals(0))
        if t.layout.count < t.block:
            held.append(Vec(self.b, t.thread) < t.layout.count)
        return _all(held)

    def put(self, s: Copy) -> None:
        """An indirect store."""
        info = self.t.run.tile(s.src)
        at, held, access = self.indirect(s, info, indexed=False)
        alone = self.alone(info.shape)
        if alone is not None:
            held = held & self.t.spread(alone, at.lanes)
        value = cast(self.t.read(info.name), access.memory.dtype)
        self.b.store(
            "put", at.value, value.value, held.value, memory=access.memory, update=s.update,
            atomic=s.atomic,
        )  # fmt: skip


def _held(dtype: str) -> str:
    """How a dtype stands in shared memory."""
    return "int32" if dtype == "bool" else dtype


def _number(like: Vec, value: float) -> float | int | bool:
    if like.dtype == "bool":
        return bool(value)
    return value if is_float(like.dtype) else int(value)


def _all(held: Sequence[Vec]) -> Vec | None:
    total: Vec | None = None
    for one in held:
        total = one if total is None else total & one
    return total
