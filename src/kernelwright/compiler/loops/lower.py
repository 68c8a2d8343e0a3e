"""AUL kernel -> loop IR: integers, control flow and liveness; the runs between are ``emit``'s."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kernelwright.aul.syntax import (
    Assign,
    Binary,
    Call,
    Compare,
    Const,
    Copy,
    CoreIdx,
    Guard,
    Int,
    IntExpr,
    Kernel,
    Launch,
    Loop,
    Name,
    Program,
    Statement,
    TeamBarrier,
    Tile,
    VectorOp,
    statements,
)
from kernelwright.compiler.loops import affine, liveness
from kernelwright.compiler.loops.affine import Affine
from kernelwright.compiler.loops.builder import INDEX, Builder
from kernelwright.compiler.loops.emit import RunEmitter
from kernelwright.compiler.loops.ir import Function, Memory, Value, VectorType
from kernelwright.compiler.loops.matmul import emit_matmul
from kernelwright.compiler.loops.nodes import Reg, compute_dtype
from kernelwright.compiler.loops.run import Run, Tensor, TileInfo, natural_strides
from kernelwright.errors import AULError, UnsupportedError


def lower_kernel(
    program: Program,
    kernel_name: str,
    env: Mapping[str, int],
    *,
    vector_bytes: int = 64,
    memory_sizes: Mapping[str, int],
    dynamic: Sequence[str] = (),
) -> Function:
    """The work of one core of ``kernel_name`` as loop IR.

    ``env`` gives every Size, Const and Tunable an int; ``memory_sizes`` the elements of the buffer
    behind each parameter. ``dynamic`` names the Sizes whose values are known at run time only: they
    become the Function's ``sizes``. Vectors have ``vector_bytes`` (at least 4 lanes). Raises
    AULError for a malformed kernel and UnsupportedError for what this compiler cannot do.
    """
    kernel = program.kernel(kernel_name)
    lowering = Lowering(kernel, env, vector_bytes, memory_sizes)
    sizes = lowering.bind_sizes(program, env, dynamic)
    lowering.tensors = lowering.bind_params(memory_sizes)
    lowering.memories = [t.memory for t in lowering.tensors.values()]
    lowering.join_inputs(program)
    cores = None if dynamic else most_cores(program, kernel_name, env)
    lowering.core_form = affine.variable(0, None if cores is None else cores - 1)
    lowering.b.bind(lowering.core_form, lowering.core)
    lowering.body(kernel.body, set())
    memories = lowering.memories
    b = lowering.b
    return Function(kernel_name, memories, b.scratch, lowering.core, b.block, sizes)


def most_cores(program: Program, kernel_name: str, env: Mapping[str, int]) -> int | None:
    """The largest launch of the kernel, when it can be evaluated."""
    names = dict(env)
    most = None
    for statement in program.host.body:
        if type(statement).__name__ == "CoreNum":
            names[statement.name] = _constant(statement.value, names)  # type: ignore[union-attr]
        if isinstance(statement, Launch) and statement.kernel == kernel_name:
            most = max(most or 0, _constant(statement.cores, names))
    return most


def _constant(expression: IntExpr, names: Mapping[str, int]) -> int:
    form = evaluate(expression, {k: affine.of(v) for k, v in names.items()}, None)
    if not form.is_constant:
        raise AULError("an integer known at compile time is needed", *expression.loc)
    return form.constant


def evaluate(expression: IntExpr, names: Mapping[str, Affine], core: Affine | None) -> Affine:
    """An AUL integer expression in normal form. Raises AULError for unknown names."""
    if isinstance(expression, int):
        return affine.of(expression)
    if isinstance(expression, Int):
        return affine.of(expression.value)
    if isinstance(expression, Name):
        if expression.id not in names:
            raise AULError(f"{expression.id} has no value here", *expression.loc)
        return names[expression.id]
    if isinstance(expression, CoreIdx):
        if core is None:
            raise AULError("U.get_core_idx() outside of a kernel", *expression.loc)
        return core
    if isinstance(expression, Call):
        return _call(expression, [evaluate(a, names, core) for a in expression.args])
    left = evaluate(expression.left, names, core)
    return _binary(expression, left, evaluate(expression.right, names, core))


def _binary(expression: Binary, a: Affine, b: Affine) -> Affine:
    if expression.op == "+":
        return a + b
    if expression.op == "-":
        return a - b
    if expression.op == "*":
        return affine.multiply(a, b)
    if not b.at_least(1):
        raise UnsupportedError(f"line {expression.loc.line}: division by what may not be positive")
    divide = affine.floordiv if expression.op == "//" else affine.mod
    return divide(a, b)


def _call(expression: Call, args: list[Affine]) -> Affine:
    if expression.function in ("min", "max"):
        combine = affine.minimum if expression.function == "min" else affine.maximum
        total = args[0]
        for other in args[1:]:
            total = combine(total, other)
        return total
    if expression.function == "cdiv" and args[-1].at_least(1):
        return affine.floordiv(args[0] + args[-1] - 1, args[-1])
    if not args[-1].is_constant:
        raise UnsupportedError(f"line {expression.loc.line}: U.{expression.function} at run time")
    last = args[-1].constant
    return affine.of(1 << max(last - 1, 0).bit_length())  # next_pow2


class Lowering:
    def __init__(
        self,
        kernel: Kernel,
        env: Mapping[str, int],
        vector_bytes: int,
        sizes: Mapping[str, int],
    ) -> None:
        self.kernel, self.vector_bytes = kernel, vector_bytes
        self.core = Value(INDEX, "core")
        self.core_form = affine.ZERO
        self.b = Builder(self.core)
        self.names: dict[str, Affine] = {k: affine.of(v) for k, v in env.items()}
        self.tiles: dict[str, TileInfo] = {}
        self.tensors: dict[str, Tensor] = {}
        self.memories: list[Memory] = []
        self.guarded = liveness.written_in_guards(kernel.body)

    def evaluate(self, expression: IntExpr) -> Affine:
        return evaluate(expression, self.names, self.core_form)

    def constant(self, expression: IntExpr) -> int:
        form = self.evaluate(expression)
        if not form.is_constant:
            raise AULError("a constant is needed here", *expression.loc)
        return form.constant

    def bind_sizes(
        self, program: Program, env: Mapping[str, int], dynamic: Sequence[str]
    ) -> list[Value]:
        """Makes variables of the ``dynamic`` Sizes, and of constants what follows from them."""
        values = [Value(INDEX, name) for name in dynamic]
        for name, value in zip(dynamic, values):
            self.names[name] = affine.variable(1, None)
            self.b.depth[value] = 0
            self.b.bind(self.names[name], value)
        for declaration in program.declarations if dynamic else ():
            if isinstance(declaration, Const):
                self.names[declaration.name] = self.evaluate(declaration.value)
        return values

    def extent(self, expression: IntExpr) -> int | Affine:
        """A size or a stride: an int where it is known now."""
        form = self.evaluate(expression)
        return form.constant if form.is_constant else form

    def bind_params(self, sizes: Mapping[str, int]) -> dict[str, Tensor]:
        tensors = {}
        for param in self.kernel.params:
            written = any(
                isinstance(s, Copy) and s.dst.name == param.name
                for s in statements(self.kernel.body)
            )
            kind = "output" if param.output or written else "input"
            elements = sizes[param.name]
            memory = Memory(param.name, param.dtype or self.used_dtype(param.name), elements, kind)
            if param.shape is None:
                shape: tuple[int | Affine, ...] = (elements,)
            else:
                shape = tuple(self.extent(e) for e in param.shape)
            strides = tuple(natural_strides(shape))
            if param.strides is not None:
                strides = tuple(self.extent(e) for e in param.strides)
            offset = self.evaluate(param.offset)
            tensors[param.name] = Tensor(param, memory, shape, strides, offset)
        return tensors

    def join_inputs(self, program: Program) -> None:
        """Parameters that every launch gives one buffer are one memory, if nothing is written
        there: what one of them has loaded need not be loaded for another."""
        launches = [
            s for s in program.host.body if isinstance(s, Launch) and s.kernel == self.kernel.name
        ]
        given = list(zip(*(s.args for s in launches))) if launches else []
        by_buffer: dict[tuple[object, ...], Memory] = {}
        for tensor, buffers in zip(self.tensors.values(), given):
            memory = tensor.memory
            if memory.kind == "input":
                key = (buffers, memory.dtype, memory.elements)
                tensor.memory = by_buffer.setdefault(key, memory)

    def used_dtype(self, name: str) -> str:
        """An undeclared parameter has the dtype of the first tile that is copied with it."""
        tiles = {s.name: s.dtype for s in statements(self.kernel.body) if isinstance(s, Tile)}
        for s in statements(self.kernel.body):
            if isinstance(s, Copy) and name in (s.dst.name, s.src.name):
                other = s.src.name if s.dst.name == name else s.dst.name
                if other in tiles:
                    return tiles[other]
        return "float32"

    # ---- tiles -----------------------------------------------------------------------------

    def declare(self, tile: Tile) -> None:
        shape = tuple(self.constant(e) for e in tile.shape)
        old = self.tiles.get(tile.name)
        if old is None or (old.shape, old.dtype) != (shape, tile.dtype):
            self.tiles[tile.name] = TileInfo(tile.name, shape, tile.dtype)

    def home(self, info: TileInfo) -> Memory:
        if info.home is None:
            info.home = self.b.new_scratch(info.name, info.dtype, info.elements)
        return info.home

    def is_scalar(self, name: str) -> bool:
        """One-element tiles live in registers unless a guard may or may not write them."""
        return self.tiles[name].elements == 1 and name not in self.guarded

    # ---- statements ------------------------------------------------------------------------

    def new_run(self) -> Run:
        return Run(self.tiles, self.tensors, self.evaluate, self.home)

    def flush(self, run: Run, live: set[str]) -> None:
        nodes = run.finish(live, self.is_scalar)
        emitter = RunEmitter(self.b, self.vector_bytes)
        emitter.emit(nodes)
        for name, reg in emitter.scalars.items():
            self.tiles[name].reg = reg

    def body(self, body: Sequence[Statement], live_out: set[str]) -> None:
        """Lowers statements; ``live_out``: tiles that are read after them."""
        run = self.new_run()
        for position, statement in enumerate(body):
            rest = body[position + 1 :]
            if isinstance(statement, Assign):
                self.names[statement.name] = self.evaluate(statement.value)
            elif isinstance(statement, Tile):
                self.declare(statement)
                if statement.value is not None:
                    run.fill(statement)
            elif isinstance(statement, Copy):
                run.copy(statement)
            elif isinstance(statement, VectorOp) and not self.needs_memory(statement, run):
                run.vector(statement)
            else:
                needed = liveness.live_in(body[position:], live_out)
                self.flush(run, needed)
                run = self.new_run()
                if isinstance(statement, VectorOp) and statement.family == "matmul_op":
                    self.matmul(statement)
                elif isinstance(statement, VectorOp):
                    run.vector(statement)
                elif isinstance(statement, Loop):
                    self.loop(statement, liveness.live_in(rest, live_out))
                elif isinstance(statement, TeamBarrier):
                    raise UnsupportedError(
                        "U.team_barrier: cores that run one after the other cannot wait for one "
                        "another; use impl_type triton"
                    )
                else:
                    assert isinstance(statement, Guard)
                    self.guard(statement, liveness.live_in(rest, live_out))
        self.flush(run, live_out)

    def needs_memory(self, statement: VectorOp, run: Run) -> bool:
        """Operations that read their sources out of order, through the tiles' home memory."""
        if statement.family == "matmul_op":
            return True
        if statement.family == "vtranspose_op":
            return run.read(statement.srcs[0].name).kind != "load"
        return False

    def loop(self, loop: Loop, live_after: set[str]) -> None:
        again = liveness.loop_live(loop, live_after)
        written = liveness.written(loop.body)
        carried = [t for t in sorted(written & again) if t in self.tiles and self.is_scalar(t)]
        inits = [self.scalar_value(t) for t in carried]
        iterations = self.evaluate(loop.iterations)
        zero, end = self.b.integer(0), self.b.index(iterations)
        outer_names = dict(self.names)
        with self.b.loop(zero, end, inits=inits, solid=iterations.at_least(1)) as item:
            high = iterations.range()[1]
            var = affine.variable(0, None if high is None else high - 1)
            self.b.bind(var, item.var)
            self.names[loop.var] = var
            for name, (argument, _, _) in zip(carried, item.carried):
                self.tiles[name].reg = self.as_reg(name, argument)
            self.body(loop.body, again)
            item.yields = [self.scalar_value(t) for t in carried]
        for name in written & set(self.tiles):  # values of the last turn do not leave it otherwise
            self.tiles[name].reg = None
        for name, (_, _, result) in zip(carried, item.carried):
            self.tiles[name].reg = self.as_reg(name, result)
        self.names = outer_names

    def scalar_value(self, name: str) -> Value:
        """A carried tile's value in its compute dtype; zero where it was never written."""
        info = self.tiles[name]
        dtype = compute_dtype(info.dtype)
        if info.reg is None:
            return self.b.const(False if dtype == "bool" else 0, dtype)
        if info.reg.wide is not None:
            return info.reg.wide
        assert info.reg.narrow is not None
        return self.b.op("convert", info.reg.narrow, type=VectorType(dtype))

    def narrowed(self, info: TileInfo) -> Value:
        value = self.scalar_value(info.name)
        return self.b.op("convert", value, type=VectorType(info.dtype))

    def as_reg(self, name: str, value: Value) -> Reg:
        dtype = self.tiles[name].dtype
        return Reg(dtype, value, value if compute_dtype(dtype) == dtype else None)

    def guard(self, guard: Guard, live_after: set[str]) -> None:
        condition = self.condition(guard.condition)
        outer_names = dict(self.names)
        before = {name: info.reg for name, info in self.tiles.items()}
        with self.b.branch(condition) as (then, orelse):
            for block, body in ((then, guard.body), (orelse, guard.orelse)):
                with self.b.arm(block):
                    self.body(body, live_after)
                for name, info in self.tiles.items():
                    info.reg = before.get(name)
                self.names = dict(outer_names)

    def condition(self, compares: tuple[Compare, ...]) -> Value:
        names = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
        total: Value | None = None
        for compare in compares:
            a = self.b.index(self.evaluate(compare.left))
            b = self.b.index(self.evaluate(compare.right))
            one = self.b.op("cmp", a, b, type=VectorType("bool"), predicate=names[compare.op])
            total = one if total is None else self.b.op("and", total, one)
        assert total is not None
        return total

    def matmul(self, statement: VectorOp) -> None:
        tiles = [self.tiles[p.name] for p in (statement.dst, *statement.srcs)]
        for info in tiles:
            if info.reg is not None:
                value = info.reg.narrow or self.narrowed(info)
                self.b.store("store", self.b.integer(0), value, memory=self.home(info))
        emit_matmul(self.b, self.home, tiles, bool(statement.attr("accumulate")), self.vector_bytes)
        info = tiles[0]
        if self.is_scalar(info.name):
            at, kind = self.b.integer(0), VectorType(info.dtype)
            value = self.b.op("load", at, type=kind, memory=self.home(info))
            wide = value if compute_dtype(info.dtype) == info.dtype else None
            info.reg = Reg(info.dtype, wide, value)
