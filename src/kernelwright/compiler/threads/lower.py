"""AUL kernel -> loop IR of one thread of a block: statements, loops and elementwise operations.

Every tile is one value: the vector of the elements that the thread has, in the tile's compute dtype
and rounded to its own. ``layout`` says which these are; ``memory`` moves them, ``reduce`` joins
them over threads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kernelwright.aul.syntax import (
    Assign,
    Copy,
    IntExpr,
    Kernel,
    Loop,
    Place,
    Program,
    Statement,
    Tile,
    VectorOp,
    statements,
)
from kernelwright.compiler.codegen._legalize import SIZE_BYTES
from kernelwright.compiler.loops import affine, liveness, semantics
from kernelwright.compiler.loops.ir import Memory, Value, VectorType
from kernelwright.compiler.loops.lower import INDEX, Lowering, most_cores
from kernelwright.compiler.loops.nodes import compute_dtype
from kernelwright.compiler.loops.run import Run, TileInfo
from kernelwright.compiler.loops.semantics import cast
from kernelwright.compiler.loops.vec import Vec
from kernelwright.compiler.threads.access import Seen, fast_dimension
from kernelwright.compiler.threads.builder import ThreadBuilder
from kernelwright.compiler.threads.function import ThreadFunction
from kernelwright.compiler.threads.layout import WARP, Layout, broadcast_lanes, choose_layout
from kernelwright.compiler.threads.memory import Mover
from kernelwright.compiler.threads.reduce import reduce_tile, scan_tile
from kernelwright.errors import AULError, UnsupportedError
from kernelwright.graph.core import is_float

SHAREDSIZE_BYTES = 48 * 1024  # what every GPU gives a block without asking


def lower_threads(
    program: Program,
    kernel_name: str,
    env: Mapping[str, int],
    *,
    memory_sizes: Mapping[str, int],
    dynamic: Sequence[str] = (),
    stepped: bool = False,
) -> ThreadFunction:
    """The work of one thread of ``kernel_name``; the arguments are those of ``lower_kernel``.

    ``stepped``: a block does the work of several cores, one after the other: how many, and how many
    cores there are, are the last two of the function's ``sizes``.

    Raises AULError for a malformed kernel, UnsupportedError for what blocks cannot do.
    """
    kernel = program.kernel(kernel_name)
    lowering = ThreadLowering(kernel, env, memory_sizes)
    sizes = lowering.bind_sizes(program, env, dynamic)
    lowering.tensors = lowering.bind_params(memory_sizes)
    memories = [t.memory for t in lowering.tensors.values()]
    lowering.join_inputs(program)
    cores = None if dynamic else most_cores(program, kernel_name, env)
    lowering.core_form = affine.variable(0, None if cores is None else cores - 1)
    lowering.start(kernel.body)
    b = lowering.b
    if stepped:
        sizes = [*sizes, *lowering.in_steps(kernel.body)]
    else:
        b.bind(lowering.core_form, lowering.core)
        lowering.body(kernel.body, set())
    return ThreadFunction(
        kernel_name, memories, b.scratch, lowering.core, b.block, sizes,
        thread=lowering.thread, threads=lowering.block, shared=lowering.shared,
    )  # fmt: skip


class ThreadLowering(Lowering):
    """``values``: what a tile holds now."""

    layout: Layout
    mover: Mover

    def __init__(
        self, kernel: Kernel, env: Mapping[str, int], memory_sizes: Mapping[str, int]
    ) -> None:
        super().__init__(kernel, env, 16, memory_sizes)
        self.b = ThreadBuilder(self.core)

    def start(self, body: Sequence[Statement]) -> None:
        """Declares every tile and chooses the layout."""
        self.thread = Value(INDEX, "thread")
        self.b.depth[self.thread] = 0
        self.shared: list[Memory] = []
        self.values: dict[str, Vec] = {}
        self.depth = 0  # loops around
        for statement in statements(tuple(body)):
            if isinstance(statement, Tile):
                self.declare(statement)
        self.run = Run(self.tiles, self.tensors, self.evaluate, self.home)
        names = dict(self.names)
        seen: list[Seen] = []
        self.look(body, seen)
        self.names = names
        vector, fast = fast_dimension(seen)
        shapes = [t.shape for t in self.tiles.values()]
        self.layout = choose_layout(shapes, vector, fast, self.joins(body, fast))
        self.block = max(WARP, self.layout.count)
        self.mover = Mover(self)

    def joins(self, body: Sequence[Statement], fast: int) -> bool:
        """Whether rows along ``fast`` are reduced."""
        found = False
        for s in statements(tuple(body)):
            if isinstance(s, VectorOp) and s.family == "vreduce_op":
                shape = self.tiles[s.srcs[0].name].shape
                position = len(shape) - 1 - int(s.attr("axis")) % len(shape)
                found = found or (position == fast and shape[len(shape) - 1 - fast] > 1)
        return found

    def look(self, body: Sequence[Statement], seen: list[Seen]) -> None:
        """Collects what the kernel reads and writes."""
        for s in body:
            if isinstance(s, Assign):
                self.names[s.name] = self.evaluate(s.value)
            elif isinstance(s, Loop):
                outer = dict(self.names)
                high = self.evaluate(s.iterations).range()[1]
                self.names[s.var] = affine.variable(0, None if high is None else high - 1)
                self.look(s.body, seen)
                self.names = outer
            elif isinstance(s, Copy) and s.index is None:
                tensor, tile = (s.src, s.dst) if s.src.name in self.tensors else (s.dst, s.src)
                if tensor.name in self.tensors and tile.name in self.tiles:
                    info = self.tiles[tile.name]
                    seen.append(Seen(self.run.access(tensor, info, True), info.shape))

    def in_steps(self, body: Sequence[Statement]) -> list[Value]:
        """The body for one core after the other; (cores, cores of a block)."""
        cores, steps = Value(INDEX, "cores"), Value(INDEX, "steps")
        for value in (cores, steps):
            self.b.depth[value] = 0
        first = Vec(self.b, self.core) * Vec(self.b, steps)
        mine = Vec(self.b, steps).apply("min", Vec(self.b, cores) - first)
        with self.b.loop(self.b.integer(0), mine.value) as item:
            self.b.bind(self.core_form, (first + Vec(self.b, item.var)).value)
            self.depth += 1
            self.body(body, set())
            self.depth -= 1
        return [cores, steps]

    # ---- threads -----------------------------------------------------------------------------

    def coordinate(self, position: int) -> Vec | None:
        """The thread's place along a position, an int64 scalar; None where there is only one."""
        count = self.layout.along(position)
        if count == 1:
            return None
        place = Vec(self.b, self.thread)
        bit = self.layout.first_bit(position)
        if bit:
            place = place.apply("shr", bit)
        return place & (count - 1)

    def origin(self, shape: Sequence[int], d: int) -> Vec | None:
        """The index along ``d`` of the thread's first element; None for 0."""
        if shape[d] == 1:
            return None
        place = self.coordinate(len(shape) - 1 - d)
        width = self.layout.width(shape, d)
        return place if place is None or width == 1 else place * width

    def index(self, shape: Sequence[int], d: int, dtype: str = "int32") -> Vec:
        """The index along ``d`` of every element that the thread has."""
        offsets = [lane[d] for lane in self.layout.lanes(shape)]
        known = self.numbers(offsets, dtype)
        origin = self.origin(shape, d)
        return known if origin is None else self.spread(origin.to(dtype), known.lanes) + known

    def numbers(self, values: Sequence[int], dtype: str) -> Vec:
        if len(set(values)) == 1:
            return Vec(self.b, self.b.const(values[0], dtype, len(values)))
        made = self.b.op("lanes", type=VectorType(dtype, len(values)), values=tuple(values))
        return Vec(self.b, made)

    def spread(self, value: Vec, lanes: int) -> Vec:
        return Vec(self.b, self.b.splat(value.value, lanes)) if lanes > 1 else value

    def pick(self, value: Vec, lanes: Sequence[int]) -> Vec:
        """The lanes ``lanes`` of ``value``."""
        if value.lanes == 1:
            return self.spread(value, len(lanes))
        if list(lanes) == list(range(value.lanes)):
            return value
        one = VectorType(value.dtype)
        if len(set(lanes)) == 1:
            taken = Vec(self.b, self.b.op("extract", value.value, type=one, lane=lanes[0]))
            return self.spread(taken, len(lanes))
        kind = VectorType(value.dtype, len(lanes))
        return Vec(
            self.b, self.b.op("shuffle", value.value, value.value, type=kind, lanes=tuple(lanes))
        )

    def concat(self, parts: Sequence[Vec]) -> Vec:
        if len(parts) == 1:
            return parts[0]
        kind = VectorType(parts[0].dtype, sum(p.lanes for p in parts))
        return Vec(self.b, self.b.op("concat", *(p.value for p in parts), type=kind))

    def share(self, dtype: str, elements: int) -> Memory:
        """Shared memory to write to. Whoever may still read what stood there is waited for."""
        used = sum(m.elements * SIZE_BYTES[m.dtype] for m in self.shared)
        size = elements * SIZE_BYTES[dtype]
        if size > SHAREDSIZE_BYTES:
            raise UnsupportedError(f"{self.kernel.name}: {size} bytes of shared memory in a block")
        if used + size <= SHAREDSIZE_BYTES:
            memory = Memory(f"shared_{len(self.shared)}", dtype, elements, "shared")
            self.shared.append(memory)
            if self.depth:
                self.barrier()
            return memory
        for memory in self.shared:
            if memory.dtype == dtype and memory.elements >= elements:
                self.barrier()
                return memory
        raise UnsupportedError(
            f"{self.kernel.name}: more than {SHAREDSIZE_BYTES} bytes of shared memory"
        )

    def barrier(self) -> None:
        self.b.store("barrier")

    # ---- tiles -------------------------------------------------------------------------------

    def read(self, tile: str) -> Vec:
        """A tile's value in its compute dtype."""
        if tile not in self.tiles:
            raise AULError(f"{tile} is not a tile")
        if tile not in self.values:
            info = self.tiles[tile]
            return self.constant_tile(info, 0)
        return self.values[tile]

    def constant_tile(self, info: TileInfo, number: float | int | bool) -> Vec:
        dtype = compute_dtype(info.dtype)
        if dtype == "bool":
            number = bool(number)
        elif not is_float(dtype):
            number = int(number)
        lanes = self.layout.size(info.shape)
        return self.rounded(Vec(self.b, self.b.const(number, dtype, lanes)), info.dtype)

    def define(self, tile: str, value: Vec) -> None:
        """``value`` in any dtype, with the tile's lanes."""
        self.values[tile] = self.rounded(value, self.tiles[tile].dtype)

    def rounded(self, value: Vec, dtype: str) -> Vec:
        """In ``dtype``'s compute dtype, rounded to ``dtype``."""
        wide = compute_dtype(dtype)
        value = cast(value, wide)
        return value if wide == dtype else value.to(dtype).to(wide)

    def at_shape(self, tile: str, shape: Sequence[int]) -> Vec:
        """A tile's value repeated to ``shape``."""
        source = self.tiles[tile].shape
        return self.pick(self.read(tile), broadcast_lanes(self.layout, source, shape))

    # ---- statements --------------------------------------------------------------------------

    def body(self, body: Sequence[Statement], live_out: set[str]) -> None:
        for position, statement in enumerate(body):
            if isinstance(statement, Assign):
                self.names[statement.name] = self.evaluate(statement.value)
            elif isinstance(statement, Tile):
                if statement.value is not None:
                    info = self.tiles[statement.name]
                    self.values[info.name] = self.constant_tile(info, statement.value)
            elif isinstance(statement, Copy):
                self.copy(statement)
            elif isinstance(statement, VectorOp):
                self.vector(statement)
            elif isinstance(statement, Loop):
                self.loop(statement, liveness.live_in(body[position + 1 :], live_out))
            else:
                raise UnsupportedError(f"{self.kernel.name}: U.guard in a block of threads")

    def copy(self, s: Copy) -> None:
        if s.src.name in self.tensors:
            load = self.mover.load if s.index is None else self.mover.lookup
            self.define(s.dst.name, load(s))
        elif s.dst.name in self.tensors:
            (self.mover.store if s.index is None else self.mover.put)(s)
        else:
            info = self.run.tile(s.dst)
            self.run.tile(s.src)
            self.define(info.name, self.at_shape(s.src.name, info.shape))

    def loop(self, loop: Loop, live_after: set[str]) -> None:
        again = liveness.loop_live(loop, live_after)
        written = liveness.written(loop.body)
        carried = [t for t in sorted(written & again) if t in self.tiles]
        inits = [self.read(t).value for t in carried]
        iterations = self.evaluate(loop.iterations)
        outer = dict(self.names)
        with self.b.loop(self.b.integer(0), self.b.index(iterations), inits=inits) as item:
            high = iterations.range()[1]
            var = affine.variable(0, None if high is None else high - 1)
            self.b.bind(var, item.var)
            self.names[loop.var] = var
            for name, (argument, _, _) in zip(carried, item.carried):
                self.values[name] = Vec(self.b, argument)
            self.depth += 1
            self.body(loop.body, again)
            self.depth -= 1
            item.yields = [self.read(t).value for t in carried]
        for name in written:
            self.values.pop(name, None)
        for name, (_, _, result) in zip(carried, item.carried):
            self.values[name] = Vec(self.b, result)
        self.names = outer

    # ---- operations --------------------------------------------------------------------------

    def vector(self, s: VectorOp) -> None:
        info = self.run.tile(s.dst)
        if s.family == "vreduce_op":
            self.define(info.name, reduce_tile(self, s))
        elif s.family == "vscan_op":
            self.define(info.name, scan_tile(self, s))
        elif s.family == "vtranspose_op":
            self.define(info.name, self.mover.transpose(s))
        elif s.family == "vfill_op":
            self.values[info.name] = self.constant_tile(info, s.attr("value"))
        elif s.family == "viota_op":
            axis, start = int(s.attr("axis", 0)), s.attr("start")
            value = self.index(info.shape, axis, "int64")
            if start is not None:
                first = Vec(self.b, self.b.index(self.evaluate(start)))
                value = self.spread(first, value.lanes) + value
            self.define(info.name, value)
        elif s.family in ("vcast_op", "vbroadcast_op"):
            self.define(info.name, self.at_shape(s.srcs[0].name, info.shape))
        else:
            self.define(info.name, self.elementwise(s, info))

    def elementwise(self, s: VectorOp, info: TileInfo) -> Vec:
        names = [p.name for p in s.srcs]
        operands = [self.at_shape(n, info.shape) for n in names]
        op = s.op
        number: float | None = None
        if s.family == "vselect_op":
            op = "select"
        elif s.family == "vectorscalar_op":
            op, swapped = semantics.SCALAR_FORMS[s.op]
            scalar, number = self.factor(s.attr("factor"), operands[0], info)
            operands = [scalar, *operands] if swapped else [*operands, scalar]
        elif s.family not in ("vunary_op", "vbinary_op", "vcompare_op"):
            raise UnsupportedError(f"{self.kernel.name}: U.{s.family} in a block of threads")
        if op == "copy":
            return operands[0]
        first = 1 if op == "select" else 0
        target = compute_dtype(info.dtype)
        if info.dtype == "bool" and op != "select":
            target = max((o.dtype for o in operands), key=_rank)
        operands[first:] = [cast(o, target) for o in operands[first:]]
        if first:
            operands[0] = operands[0].to("bool")
        if op == "pow" and number is not None:
            short = semantics.pow_constant(operands[0], number)
            if short is not None:
                return short
        return semantics.apply(op, operands)

    def factor(
        self, factor: Place | IntExpr | float | bool, like: Vec, info: TileInfo
    ) -> tuple[Vec, float | None]:
        """The scalar operand, and its value where the program says it."""
        if isinstance(factor, Place):
            return self.at_shape(factor.name, info.shape), None
        if isinstance(factor, bool | int | float):
            value = float(factor)
            if like.dtype == "bool":
                return like.const(bool(factor)), value
            return like.const(value if is_float(like.dtype) else int(factor)), value
        form = Vec(self.b, self.b.index(self.evaluate(factor)))
        return self.spread(cast(form, like.dtype), like.lanes), None


_RANKS = ["bool", "int8", "int16", "int32", "int64", "float32", "float64"]


def _rank(dtype: str) -> int:
    return _RANKS.index(dtype)
