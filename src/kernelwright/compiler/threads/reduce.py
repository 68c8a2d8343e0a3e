"""Reductions and scans of a tile over the threads that share it.

A thread folds its own elements pairwise. Then neighbouring threads of a warp exchange partial
results until all have the same; what stands in other warps comes by way of shared memory, in a
fixed order, so that a sum is the same at every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelwright.aul.syntax import VectorOp
from kernelwright.compiler.loops import affine, reduction, semantics
from kernelwright.compiler.loops.ir import VectorType
from kernelwright.compiler.loops.nodes import Node, compute_dtype
from kernelwright.compiler.loops.reduction import Partial
from kernelwright.compiler.loops.semantics import cast
from kernelwright.compiler.loops.vec import Vec
from kernelwright.graph.core import is_float

if TYPE_CHECKING:
    from kernelwright.compiler.threads.lower import ThreadLowering

LANE_BITS = 5  # of a thread's number: its place in a warp
FEW_WARPS = 4  # so many partial results every thread reads itself


def reduce_tile(t: ThreadLowering, s: VectorOp) -> Vec:
    """The value of the reduction's tile, in lanes of its shape."""
    source, target = t.run.tile(s.srcs[0]), t.run.tile(s.dst)
    axis = int(s.attr("axis")) % len(source.shape)
    node = Node("reduce", s.op, list(target.shape), target.dtype)
    node.inputs = [Node("tile", "", list(source.shape), source.dtype)]
    node.attrs["axis"] = axis
    kinds = reduction.dtypes(node)
    value = t.read(source.name)
    if kinds[0] == "bool":
        value = value.to("bool")
    partial: Partial = (cast(value, kinds[0]),)
    if len(kinds) > 1:
        partial += (t.index(source.shape, axis, kinds[1]),)
    partial = _masked(t, s, node, partial)
    partial = _own(t, node, partial)
    return _over_threads(t, node, partial)[0 if len(kinds) == 1 else 1]


def _masked(t: ThreadLowering, s: VectorOp, node: Node, partial: Partial) -> Partial:
    """Elements that do not count become the identity."""
    shape, axis = node.inputs[0].shape, node.attrs["axis"]
    valid = s.attr("valid")
    limit = affine.of(shape[axis])
    if valid is not None:
        limit = affine.clamp(t.evaluate(valid), shape[axis])
    if limit == affine.of(shape[axis]) and t.layout.exact(shape, axis):
        return partial
    bound = Vec(t.b, t.b.index(limit)).to("int32")
    counts = t.index(shape, axis) < t.spread(bound, partial[0].lanes)
    return tuple(counts.select(p, i) for p, i in zip(partial, reduction.identity(node)))


def _own(t: ThreadLowering, node: Node, partial: Partial) -> Partial:
    """The fold of what the thread itself has along the axis."""
    shape, axis = node.inputs[0].shape, node.attrs["axis"]
    groups: dict[tuple[int, ...], list[int]] = {}
    for lane, index in enumerate(t.layout.lanes(shape)):
        groups.setdefault(tuple(0 if d == axis else i for d, i in enumerate(index)), []).append(
            lane
        )
    columns = list(zip(*(groups[i] for i in t.layout.lanes(node.shape))))
    rest = [tuple(t.pick(p, lanes) for p in partial) for lanes in columns]
    while len(rest) > 1:
        half = len(rest) // 2
        pairs = [reduction.combine(node, a, b) for a, b in zip(rest[:half], rest[half : 2 * half])]
        rest = pairs + rest[2 * half :]
    return rest[0]


def _over_threads(t: ThreadLowering, node: Node, partial: Partial) -> Partial:
    shape, axis = node.inputs[0].shape, node.attrs["axis"]
    position = len(shape) - 1 - axis
    count, bit = t.layout.along(position), t.layout.first_bit(position)
    if count == 1 or shape[axis] == 1:
        return partial
    bits = range(bit, bit + count.bit_length() - 1)
    for each in bits:
        if each < LANE_BITS:
            partial = _with_neighbour(t, node, partial, 1 << each)
    high = [each for each in bits if each >= LANE_BITS]
    return _over_warps(t, node, partial, high[0], len(high)) if high else partial


def _with_neighbour(t: ThreadLowering, node: Node, partial: Partial, mask: int) -> Partial:
    other = tuple(_exchange(t, p, mask) for p in partial)
    return reduction.combine(node, partial, other)


def _exchange(t: ThreadLowering, value: Vec, mask: int) -> Vec:
    if value.dtype in ("bool", "int8", "uint8", "int16"):
        return _exchange(t, value.to("int32"), mask).to(value.dtype)
    return Vec(t.b, t.b.op("exchange", value.value, mask=mask))


def _over_warps(t: ThreadLowering, node: Node, partial: Partial, bit: int, bits: int) -> Partial:
    """Joins partial results of warps whose numbers differ in ``bits`` bits from ``bit`` on."""
    thread, warps = Vec(t.b, t.thread), 1 << bits
    low, above = thread & ((1 << bit) - 1), thread.apply("shr", bit + bits) << bit
    mine = thread.apply("shr", bit) & (warps - 1)
    same = _lane_bits_hold_alike(t, node)
    rest = low | above
    others = max(1, t.layout.count >> bits)
    if same:
        rest, others = rest.apply("shr", LANE_BITS), max(1, others >> LANE_BITS)
    lanes = partial[0].lanes
    memories = []
    for p in partial:
        kind = "int32" if p.dtype == "bool" else p.dtype
        memory = t.share(kind, warps * others * lanes)
        memories.append(memory)
        at = (mine * others + rest) * lanes
        for lane in range(lanes):
            one = t.pick(p.to(kind), [lane])
            t.b.store("store", (at + lane).value, one.value, memory=memory)
    t.barrier()

    def of_warp(warp: Vec) -> Partial:
        at = (warp * others + rest) * lanes
        found = []
        for p, memory in zip(partial, memories):
            parts = [
                Vec(
                    t.b,
                    t.b.op("load", (at + i).value, type=VectorType(memory.dtype), memory=memory),
                )
                for i in range(lanes)
            ]
            found.append(t.concat(parts).to(p.dtype))
        return tuple(found)

    if same and warps > FEW_WARPS:
        total = of_warp(thread & (warps - 1))
        for each in range(bits):
            total = _with_neighbour(t, node, total, 1 << each)
        return total
    total = of_warp(Vec(t.b, t.b.integer(0)))
    for warp in range(1, warps):
        total = reduction.combine(node, total, of_warp(Vec(t.b, t.b.integer(warp))))
    return total


def _lane_bits_hold_alike(t: ThreadLowering, node: Node) -> bool:
    """Whether all threads of a warp have the same partial results: it lies along the axis."""
    shape, axis = node.inputs[0].shape, node.attrs["axis"]
    position = len(shape) - 1 - axis
    covered = set()
    for p in range(len(t.layout.threads)):
        d = len(node.shape) - 1 - p
        if p == position or d < 0 or node.shape[d] == 1:
            first = t.layout.first_bit(p)
            covered |= set(range(first, first + t.layout.threads[p].bit_length() - 1))
    return set(range(LANE_BITS)) <= covered


# ---- scans ---------------------------------------------------------------------------------------

_SCAN = {"sum": "add", "prod": "mul", "max": "max", "min": "min", "logaddexp": "logaddexp"}


def scan_tile(t: ThreadLowering, s: VectorOp) -> Vec:
    """Every element joined with the one 1, 2, 4, ... before it, in shared memory (Hillis and
    Steele, "Data parallel algorithms", 1986)."""
    source, target = t.run.tile(s.srcs[0]), t.run.tile(s.dst)
    shape, axis = source.shape, int(s.attr("axis")) % len(source.shape)
    extent = shape[axis]
    kind = compute_dtype(target.dtype)
    value = cast(t.read(source.name), kind)
    neutral = _neutral(s.op, kind)
    place = t.index(shape, axis)
    if (valid := s.attr("valid")) is not None:
        bound = Vec(t.b, t.b.index(affine.clamp(t.evaluate(valid), extent))).to("int32")
        value = (place < t.spread(bound, value.lanes)).select(value, neutral)
    step = 1
    while step < extent:
        back = bool(s.attr("reverse"))
        other = _shifted(t, value, shape, axis, -step if back else step)
        reached = place < extent - step if back else place >= step
        joined = semantics.apply(_SCAN[s.op], [other, value])
        value = reached.select(joined, value)
        step *= 2
    return value


def _shifted(t: ThreadLowering, value: Vec, shape: Sequence[int], axis: int, step: int) -> Vec:
    """Every element's neighbour ``step`` before it; anything where there is none."""
    mover = t.mover
    pitches = mover.pitches(shape)
    memory = mover.to_shared(value, value.dtype, shape, pitches, mover.room(shape))
    origin = mover.offset(shape, pitches)
    parts = []
    for index in t.layout.lanes(shape):
        at = origin + (sum(i * p for i, p in zip(index, pitches)) - step * pitches[axis])
        at = at.apply("max", 0).apply("min", memory.elements - 1)
        kind = VectorType(memory.dtype)
        parts.append(Vec(t.b, t.b.op("load", at.value, type=kind, memory=memory)))
    found = t.concat(parts).to(value.dtype)
    return found


def _neutral(op: str, kind: str) -> float | int | bool:
    if op in ("sum", "prod"):
        number = int(op == "prod")
        return float(number) if is_float(kind) else number
    if op == "logaddexp":
        return float("-inf")
    return reduction.extreme(kind, lowest=op == "max")
