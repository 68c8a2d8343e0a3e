"""The body of one innermost loop: nodes as vector (or scalar) instructions at one index."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from kernelwright.compiler.loops import affine, reduction, scan, semantics
from kernelwright.compiler.loops.affine import Affine
from kernelwright.compiler.loops.builder import INDEX, Builder
from kernelwright.compiler.loops.combs import Comb
from kernelwright.compiler.loops.ir import Memory, Value, VectorType
from kernelwright.compiler.loops.nodes import Access, Interval, Node, Reg, compute_dtype
from kernelwright.compiler.loops.runs import Piece, load_range, taken_apart
from kernelwright.compiler.loops.vec import Vec
from kernelwright.errors import UnsupportedError
from kernelwright.graph.core import is_float

MASK = VectorType("bool")


@dataclass(frozen=True)
class Buffer:
    """A tile (or the part inside some loops) in scratch memory. ``dtype`` is the memory's; a read
    rounds it to the node's dtype when that is narrower."""

    memory: Memory
    strides: tuple[int, ...]


@dataclass
class Position:
    """Where the loops stand: an index and the loop's interval for every dimension."""

    index: list[Affine]
    interval: list[Interval]


@dataclass
class Body:
    """``lanes`` elements along the last dimension from ``position.index[-1]`` on, of which only the
    first ``count`` exist (all when None). ``combs``: the nodes that are taken out of runs; in a
    body for a ``piece`` of such a run, its loads read that run instead."""

    b: Builder
    position: Position
    places: dict[Node, Reg | tuple[Buffer, ...]]
    lanes: int
    count: Value | None = None
    combs: dict[Node, Comb] = field(default_factory=dict)
    piece: Piece | None = None
    memo: dict[Node, Reg] = field(default_factory=dict)
    runs: dict[Hashable, tuple[list[int], list[Vec]]] = field(default_factory=dict)

    # ---- values ----------------------------------------------------------------------------

    def evaluate(self, node: Node) -> Reg:
        """The node's value here; a scalar when it does not vary along the last dimension."""
        if node in self.memo:
            return self.memo[node]
        place = self.places.get(node)
        if isinstance(place, Reg):
            result = place
        elif place is not None:
            result = self.read_buffer(node, place[-1])
        elif self.piece is None and self.lanes > 1 and node in self.combs:
            result = taken_apart(self, node, self.combs[node])
        else:
            result = getattr(self, "_" + node.kind)(node)
        self.memo[node] = result
        return result

    def along(self, piece: Piece) -> Body:
        """This body for a piece of a run."""
        return Body(
            self.b, self.position, self.places, self.lanes, self.count, self.combs, piece
        )  # fmt: skip

    def wide(self, reg: Reg) -> Vec:
        """The value in its compute dtype."""
        if reg.wide is not None:
            return Vec(self.b, reg.wide)
        assert reg.narrow is not None
        return Vec(self.b, reg.narrow).to(compute_dtype(reg.dtype))

    def narrow(self, reg: Reg) -> Vec:
        """The value in its storage dtype."""
        if reg.narrow is not None:
            return Vec(self.b, reg.narrow)
        assert reg.wide is not None
        return Vec(self.b, reg.wide).to(reg.dtype)

    def register(self, dtype: str, value: Vec) -> Reg:
        """A computed value (in any dtype) as a ``dtype`` value: rounded when that is narrower."""
        value = self.cast(value, compute_dtype(dtype))
        if compute_dtype(dtype) == dtype:
            return Reg(dtype, value.value, value.value)
        return Reg(dtype, None, value.to(dtype).value)

    def cast(self, value: Vec, dtype: str) -> Vec:
        """torch's conversion; small integers are reached through int32, so that they wrap."""
        if is_float(value.dtype) and dtype in ("int8", "int16", "uint8"):
            value = value.to("int32")
        return value.to(dtype)

    def spread(self, value: Vec) -> Vec:
        return Vec(self.b, self.b.splat(value.value, self.lanes))

    # ---- leaves ----------------------------------------------------------------------------

    def _fill(self, node: Node) -> Reg:
        dtype, value = compute_dtype(node.dtype), node.attrs["value"]
        if dtype == "bool":
            value = bool(value)
        elif not is_float(dtype):
            value = int(value)
        constant = Vec(self.b, self.b.const(value, dtype))
        return self.register(node.dtype, constant)

    def _scalar(self, node: Node) -> Reg:
        reg = node.attrs["reg"]
        assert isinstance(reg, Reg)
        return reg

    def _iota(self, node: Node) -> Reg:
        axis, dtype = node.attrs["axis"], compute_dtype(node.dtype)
        start = node.attrs["start"] + self.index(node, axis)
        value = Vec(self.b, self.b.index(start)).to(dtype)
        if axis == len(node.shape) - 1 and self.lanes > 1 and node.shape[axis] > 1:
            kind = "int32" if is_float(dtype) else dtype
            lane = Vec(self.b, self.b.op("lane", type=VectorType(kind, self.lanes)))
            value = self.spread(value) + lane.to(dtype)
        return self.register(node.dtype, value)

    def index(self, node: Node, d: int) -> Affine:
        return self.position.index[d] if node.shape[d] != 1 else affine.ZERO

    def _load(self, node: Node) -> Reg:
        access = node.access
        assert access is not None
        vector = node.shape[-1] != 1 and access.strides[-1] != 0
        lanes = self.lanes if vector else 1
        at = self.address(node, access)
        count, outside = self.limit(node, access, lanes)
        first = self.first_lane(access) if vector and lanes > 1 else None
        if count is None and vector:
            count = self.count
        kind = VectorType(access.memory.dtype, lanes)
        pad = node.attrs["pad"] if outside or first is not None else None
        stride = 1
        if self.piece is not None and vector:
            at, count, first = self.in_piece(self.piece, at, count, first)
        elif vector:
            stride = known_stride(access)
        if stride != 1:
            args = (at,) if count is None else (at, count)
            loaded = self.b.op("gather", *args, type=kind, memory=access.memory, stride=stride)
            value = Vec(self.b, loaded)
        else:
            hoist = access.memory.kind == "input" and not vector and not outside
            value = load_range(self.b, at, kind, count, first, access.memory, hoist)
        if pad:
            value = self.keep(value, count, pad, first)
        return self.register_loaded(node.dtype, value)

    def in_piece(
        self, piece: Piece, at: Value, count: Value | None, first: Value | None
    ) -> tuple[Value, Value | None, Value | None]:
        """The address and the lanes of a comb, for a piece of its run."""
        moved = Vec(self.b, at) + (piece.start - piece.comb.offset)
        if first is not None:
            first = piece.first(self.b, self.lanes, first)
        return moved.value, piece.count(self.b, self.lanes, count), first

    def bounded(self, node: Node) -> bool:
        """Whether some lanes of a load may lie outside of its tensor."""
        access = node.access
        assert access is not None
        return self.limit(node, access, self.lanes)[1] or self.first_lane(access) is not None

    def first_lane(self, access: Access) -> Value | None:
        """The first lane inside of the tensor, where the others may begin before it."""
        last = len(access.strides) - 1
        lower, index = access.inside[last].lower, self.position.index[last]
        if lower == self.position.interval[last].lower or (index - lower).at_least(0):
            return None
        return self.b.index(affine.clamp(lower - index, self.lanes))

    def _lookup(self, node: Node) -> Reg:
        """An indirect load. Every address is inside of the memory: where the index or another
        dimension is outside, element 0 is read and ``pad`` taken."""
        access, b = node.access, self.b
        assert access is not None
        index = self.wide(self.evaluate(node.inputs[0]))
        moving = node.shape[-1] != 1 and access.strides[-1] != 0
        start, extent, stride = (node.attrs[k] for k in ("start", "extent", "stride"))
        at = index.to("int64") if index.lanes == 1 else index
        if start != affine.ZERO:
            at = at.to("int64") + Vec(b, b.index(start))
        valid = (at >= 0) & (at < extent)
        if index.lanes == 1 and not moving:
            return self.scalar_lookup(node, at, valid)
        if index.lanes == 1:
            return self.row_lookup(node, at, valid)
        kind = "int32" if access.memory.elements < 2**31 else "int64"
        count, _ = self.limit(node, access, self.lanes)
        for limit in (count, self.count):
            if limit is not None:
                valid = valid & self.mask(limit, self.lanes)
        offset = at.to(kind) * stride
        base = Vec(b, self.address(node, access)).to(kind)
        total = offset + self.spread(base)
        if moving:
            lane = Vec(b, b.op("lane", type=VectorType(kind, self.lanes)))
            total = total + lane * known_stride(access)
        safe = valid.select(total, total.const(0))
        type = VectorType(access.memory.dtype, self.lanes)
        value = Vec(b, b.op("lookup", safe.value, type=type, memory=access.memory))
        return self.register_loaded(node.dtype, self.filled(valid, value, node.attrs["pad"]))

    def filled(self, valid: Vec, value: Vec, pad: float) -> Vec:
        """``value`` where ``valid``, else ``pad``."""
        other: float | int | bool = pad
        if not is_float(value.dtype):
            other = bool(pad) if value.dtype == "bool" else int(pad)
        return valid.select(value, other)

    def scalar_lookup(self, node: Node, at: Vec, valid: Vec) -> Reg:
        """One element for the whole row."""
        access, b = node.access, self.b
        assert access is not None
        count, _ = self.limit(node, access, 1)
        if count is not None:
            valid = valid & (Vec(b, count) > 0)
        total = at * node.attrs["stride"] + Vec(b, self.address(node, access))
        safe = valid.select(total, total.const(0))
        value = Vec(
            b, b.op("load", safe.value, type=VectorType(access.memory.dtype), memory=access.memory)
        )
        return self.register_loaded(node.dtype, self.filled(valid, value, node.attrs["pad"]))

    def row_lookup(self, node: Node, at: Vec, valid: Vec) -> Reg:
        """A row of memory that one index chooses."""
        access, b = node.access, self.b
        assert access is not None
        count, _ = self.limit(node, access, self.lanes)
        some = count or self.count or b.integer(self.lanes)
        live = b.op("select", valid.value, some, b.integer(0), type=INDEX)
        total = at * node.attrs["stride"] + Vec(b, self.address(node, access))
        kind = VectorType(access.memory.dtype, self.lanes)
        if access.strides[-1] == 1:
            loaded = b.op("load", total.value, live, type=kind, memory=access.memory)
        else:
            loaded = b.op(
                "gather", total.value, live, type=kind, memory=access.memory,
                stride=access.strides[-1],
            )  # fmt: skip
        value = Vec(b, loaded)
        if node.attrs["pad"]:
            value = self.keep(value, live, node.attrs["pad"])
        return self.register_loaded(node.dtype, value)

    def register_loaded(self, dtype: str, value: Vec) -> Reg:
        if compute_dtype(dtype) == dtype:
            return Reg(dtype, value.value, value.value)
        return Reg(dtype, None, value.value)

    def keep(
        self,
        value: Vec,
        count: Value | None,
        other: float | int | bool,
        first: Value | None = None,
    ) -> Vec:
        """``value`` in the lanes from ``first`` (None: 0) to ``count`` (None: all), else
        ``other``."""
        if not is_float(value.dtype):
            other = bool(other) if value.dtype == "bool" else int(other)
        if first is not None:
            value = self.mask(first, value.lanes).select(value.const(other), value)
        return value if count is None else self.mask(count, value.lanes).select(value, other)

    def mask(self, count: Value, lanes: int) -> Vec:
        """The first ``count`` lanes."""
        if lanes == 1:
            return Vec(self.b, count) > 0
        kind = "int32"
        limit = self.b.op("convert", count, type=VectorType(kind))
        lane = Vec(self.b, self.b.op("lane", type=VectorType(kind, lanes)))
        return lane < Vec(self.b, self.b.splat(limit, lanes))

    # ---- addresses and limits --------------------------------------------------------------

    def address(self, node: Node, access: Access) -> Value:
        total = access.base
        for d, stride in enumerate(access.strides):
            total = total + affine.multiply(self.index(node, d), stride)
        return self.b.index(total)

    def limit(self, node: Node, access: Access, lanes: int) -> tuple[Value | None, bool]:
        """How many lanes lie inside the tensor (None: all that the loop visits), and whether some
        may not."""
        last = len(node.shape) - 1
        conditions: list[Vec] = []
        for d in range(last + (lanes == 1)):
            conditions += self.conditions(node, access.inside[d], d)
        for start, bound in access.fixed:
            conditions += self.between(start, affine.ZERO, affine.of(bound))
        count: Value | None = None
        if lanes > 1:
            upper = access.inside[last].upper
            if upper not in (self.position.interval[last].upper, affine.of(node.shape[last])):
                remaining = affine.clamp(upper - self.position.index[last], lanes)
                if remaining != affine.of(lanes):
                    count = self.b.index(remaining)
                    if self.count is not None:
                        count = self.b.op("min", count, self.count)
        if conditions:
            all_of = conditions[0]
            for condition in conditions[1:]:
                all_of = all_of & condition
            some = count or self.count or self.b.integer(lanes)
            count = self.b.op("select", all_of.value, some, self.b.integer(0), type=INDEX)
        return count, count is not None

    def conditions(self, node: Node, inside: Interval, d: int) -> list[Vec]:
        if inside.is_full(node.shape[d]) or inside == self.position.interval[d]:
            return []
        return self.between(self.index(node, d), inside.lower, inside.upper)

    def between(self, value: Affine, lower: Affine, upper: Affine) -> list[Vec]:
        """Conditions of lower <= value < upper that are not proven."""
        found = []
        zero = self.b.integer(0)
        if not (value - lower).at_least(0):
            found.append(Vec(self.b, self.b.index(value - lower)) >= Vec(self.b, zero))
        if not (value - upper).at_most(-1):
            found.append(Vec(self.b, self.b.index(value - upper)) < Vec(self.b, zero))
        return found

    # ---- scratch ---------------------------------------------------------------------------

    def buffer_address(self, node: Node, buffer: Buffer) -> Value:
        total = affine.ZERO
        for d, stride in enumerate(buffer.strides):
            if stride:
                total = total + self.index(node, d) * stride
        return self.b.index(total)

    def read_vector(self, node: Node, buffer: Buffer) -> Vec:
        lanes = self.lanes if node.shape[-1] != 1 else 1
        at = self.buffer_address(node, buffer)
        args = (at,) if self.count is None or lanes == 1 else (at, self.count)
        kind = VectorType(buffer.memory.dtype, lanes)
        return Vec(self.b, self.b.op("load", *args, type=kind, memory=buffer.memory))

    def write_vector(self, node: Node, buffer: Buffer, value: Vec) -> None:
        lanes = self.lanes if node.shape[-1] != 1 else 1
        value = Vec(self.b, self.b.splat(value.value, lanes))
        at = self.buffer_address(node, buffer)
        args: tuple[Value, ...] = (at, value.value)
        if self.count is not None and lanes > 1:
            args = (*args, self.count)
        self.b.store("store", *args, memory=buffer.memory)

    def read_buffer(self, node: Node, buffer: Buffer) -> Reg:
        value = self.read_vector(node, buffer)
        if buffer.memory.dtype == node.dtype:
            return self.register_loaded(node.dtype, value)
        return self.register(node.dtype, value)  # a reduction's accumulator

    # ---- operations ------------------------------------------------------------------------

    def _map(self, node: Node) -> Reg:
        regs = [self.evaluate(source) for source in node.inputs]
        if node.op == "copy":
            return regs[0]
        if node.op == "cast":
            return self.register(node.dtype, self.wide(regs[0]))
        operands = [self.wide(reg) for reg in regs]
        self.unify(node, operands)
        lanes = max(o.lanes for o in operands)
        if lanes > 1:
            operands = [self.spread(o) for o in operands]
        if node.op == "pow" and node.inputs[1].kind == "fill":
            short = semantics.pow_constant(operands[0], float(node.inputs[1].attrs["value"]))
            if short is not None:
                return self.register(node.dtype, short)
        return self.register(node.dtype, semantics.apply(node.op, operands))

    def unify(self, node: Node, operands: list[Vec]) -> None:
        """Operands to one dtype: the result's, or for predicates the widest operand's."""
        first = 1 if node.op == "select" else 0
        kinds = {o.dtype for o in operands[first:]}
        target = compute_dtype(node.dtype)
        if node.dtype == "bool" and node.op != "select":
            target = max(kinds, key=_rank)
        for i in range(first, len(operands)):
            operands[i] = self.cast(operands[i], target)
        if first:
            operands[0] = operands[0].to("bool")

    # ---- sinks -----------------------------------------------------------------------------

    def write(self, node: Node) -> None:
        """A store node."""
        access = node.access
        assert access is not None
        value = self.narrow(self.evaluate(node.inputs[0]))
        vector = node.shape[-1] != 1
        lanes = self.lanes if vector else 1
        value = Vec(self.b, self.b.splat(value.value, lanes))
        count, _ = self.limit(node, access, lanes)
        if count is None and vector:
            count = self.count
        at = self.address(node, access)
        args = (at, value.value) if count is None else (at, value.value, count)
        if vector and access.strides[-1] != 1:
            self.b.store("scatter", *args, memory=access.memory, stride=known_stride(access))
        else:
            self.b.store("store", *args, memory=access.memory)

    def put(self, node: Node) -> None:
        """An indirect store: one element, or a part of a row that one index chooses."""
        access, b = node.access, self.b
        assert access is not None
        value, index = (self.evaluate(source) for source in node.inputs)
        lanes = self.lanes if node.shape[-1] != 1 else 1
        at = self.wide(index).to("int64") + Vec(b, b.index(node.attrs["start"]))
        valid = (at >= 0) & (at < node.attrs["extent"])
        count, _ = self.limit(node, access, lanes)
        if lanes == 1 and count is not None:
            valid, count = valid & (Vec(b, count) > 0), None
        elif lanes > 1 and count is None:
            count = self.count
        address = at * node.attrs["stride"] + Vec(b, self.address(node, access))
        stride = 1 if lanes == 1 else known_stride(access)
        with b.branch(valid.value) as (then, _), b.arm(then):
            self.combine(node, address.value, value, lanes, stride, count)

    def combine(
        self, node: Node, at: Value, given: Reg, lanes: int, stride: int, count: Value | None
    ) -> None:
        """Stores ``given`` from ``at`` on, ``stride`` apart, as ``node.op`` wants it."""
        assert node.access is not None
        memory, kind = node.access.memory, VectorType(node.access.memory.dtype, lanes)
        more = () if count is None else (count,)
        extra: dict[str, Any] = {} if stride == 1 else {"stride": stride}
        if node.op:
            read = "load" if stride == 1 else "gather"
            loaded = Vec(self.b, self.b.op(read, at, *more, type=kind, memory=memory, **extra))
            old = self.wide(self.register_loaded(node.dtype, loaded))
            operands = [old, self.wide(given)]
            if lanes > 1:
                operands = [self.spread(o) for o in operands]
            given = self.register(node.dtype, semantics.apply(node.op, operands))
        value = self.b.splat(self.narrow(given).value, lanes)
        self.b.store(
            "store" if stride == 1 else "scatter", at, value, *more, memory=memory, **extra
        )

    def partial(self, node: Node) -> reduction.Partial:
        """This body's elements as a partial result; absent lanes hold the identity."""
        kinds = reduction.dtypes(node)
        value = self.cast(self.wide(self.evaluate(node.inputs[0])), kinds[0])
        axis, last = node.attrs["axis"], len(node.shape) - 1
        varies = node.inputs[0].shape[last] != 1
        lanes = self.lanes if varies else 1
        value = Vec(self.b, self.b.splat(value.value, lanes))
        parts = [value]
        if node.op.startswith("arg"):
            index = Vec(self.b, self.b.index(self.position.index[axis])).to(kinds[1])
            if axis == last and lanes > 1:
                lane = Vec(self.b, self.b.op("lane", type=VectorType(kinds[1], lanes)))
                index = Vec(self.b, self.b.splat(index.value, lanes)) + lane
            parts.append(Vec(self.b, self.b.splat(index.value, lanes)))
        if axis == last and self.count is not None and lanes > 1:
            mask = self.mask(self.count, lanes)
            first = mask.select(parts[0], reduction.identity(node)[0])
            parts[0] = first
        return tuple(parts)

    def scanned(self, node: Node) -> Vec:
        """This body's elements of a scan's source, in the dtype that it is carried in; those that
        do not count are its identity."""
        value = self.cast(self.wide(self.evaluate(node.inputs[0])), scan.dtype(node))
        axis, last = node.attrs["axis"], len(node.shape) - 1
        lanes = self.lanes if node.shape[last] != 1 else 1
        value = Vec(self.b, self.b.splat(value.value, lanes))
        neutral = scan.identity(node)
        if axis == last and self.count is not None and lanes > 1:
            value = self.keep(value, self.count, neutral)
        if not node.passes_bound():
            return value
        left = node.bound() - self.position.index[axis]
        if axis == last:
            return self.keep(value, self.b.index(affine.clamp(left, lanes)), neutral)
        counts = Vec(self.b, self.b.index(left)) > 0
        return Vec(self.b, self.b.splat(counts.value, lanes)).select(value, neutral)

    def result(self, node: Node, partial: reduction.Partial) -> Reg:
        """A finished reduction as the node's value."""
        return self.register(node.dtype, partial[-1])


def _rank(dtype: str) -> int:
    order = ("bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64")
    return order.index(dtype)


def known_stride(access: Access) -> int:
    """The stride between the lanes of a gather or scatter: these take one that is known now."""
    stride = access.strides[-1]
    if not isinstance(stride, int):
        raise UnsupportedError(
            f"{access.memory.name}: lanes at a distance that is known at run time only"
        )
    return stride
