"""One AUL kernel as one ``@triton.jit`` function: its parameters and its control flow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from kernelwright.aul.dtypes import itemsize
from kernelwright.aul.syntax import (
    Assign,
    Binary,
    Call,
    Compare,
    Copy,
    Guard,
    Int,
    IntExpr,
    Kernel,
    Loop,
    Name,
    Param,
    Place,
    Slice,
    Statement,
    TeamBarrier,
    Tile,
    VectorOp,
    statements,
    team_barrier,
)
from kernelwright.compiler.codegen._triton_copies import CopyWriter
from kernelwright.compiler.codegen._triton_index import ONE, Scope, names_in, row_major
from kernelwright.compiler.codegen._triton_lanes import lane_hints, large_loads
from kernelwright.compiler.codegen._triton_vectors import VectorWriter
from kernelwright.compiler.codegen._triton_work import COSTLY, HEAVY, work_of

MOST_THREADS = 512  # of a program
MANY = 9  # loads an element
SEVERAL = 4  # loads, or lookups, up to which more elements a thread pay
LENGTHY = frozenset(
    {
        *("expm1", "log1p", "erf", "pow", "logaddexp", "sin", "cos", "tan", "sinh", "cosh"),
        *("asin", "acos", "atan", "atan2", "asinh", "acosh", "atanh"),
        *("div", "sigmoid", "tanh", "exp", "exp2", "ln"),
    }
)  # ops that hold several registers
LINE_BYTES = 128  # of the caches
_WIDE = 1024  # columns: eight warps side by side


@dataclass(frozen=True)
class PrintedKernel:
    """``text`` is the function. ``params``: its tensor arguments. ``static``: names of declared
    integers that it takes; ``padded``: padded sizes that it takes (name -> size); ``tiles``: the
    padded shapes of its tiles, as texts; ``least``: smallest padded size. ``each``: how many
    elements of its largest tile a thread should hold; ``columns``: the padded extents, as texts, of
    last dimensions that a reduction over an earlier one leaves for good. ``team``: how many
    programs wait for one another; None: none do. ``registers``: how many a thread may have at
    most; None: as many as it likes."""

    text: str
    params: tuple[Param, ...]
    static: tuple[str, ...]
    padded: Mapping[str, IntExpr]
    tiles: tuple[tuple[str, ...], ...]
    least: int
    each: int
    columns: tuple[str, ...]
    team: IntExpr | None = None
    registers: int | None = None

    @property
    def constants(self) -> tuple[str, ...]:
        return (*self.static, *self.padded)


def print_kernel(
    kernel: Kernel, scope: Scope, free: frozenset[str], wide: bool, stages: int | None
) -> PrintedKernel:
    """``free``: declared names that change with the inputs' sizes. ``wide``: index in 64 bits.
    ``stages``: software-pipelining depth of loops, None for Triton's default.

    Raises UnsupportedError for what Triton cannot express.
    """
    return _KernelPrinter(kernel, scope, free, wide, stages).print()


class _KernelPrinter(CopyWriter, VectorWriter):
    def print(self) -> PrintedKernel:
        self.early = _needs_initial_value(self.kernel.body)
        self.hints = lane_hints(self.kernel, self.scope, self.free)
        self.read_in = self.loads_of_loops()
        uses_core = any("<core>" in names for names in map(_integers_of, self._walk()))
        barrier = team_barrier(self.kernel)
        if uses_core or barrier is not None:
            first = "_ticket(arrivals, TOGETHER)" if barrier is not None else "tl.program_id(0)"
            self.emit(f"core = {first}" + (".to(tl.int64)" if self.wide else ""))
        self.body(self.kernel.body)
        body = "\n".join(self.lines) or "    pass"
        words = set(re.findall(r"[A-Za-z_]\w*", body))
        static = tuple(n for n in self.scope.static if n in words)
        padded = {n: e for n, e in (self.padded.wrapper or {}).items() if n in words}
        arguments = [self.name(p.name) for p in self.kernel.params]
        arguments += ["arrivals"] if barrier is not None else []
        arguments += [f"{n}: tl.constexpr" for n in (*static, *padded)]
        arguments += ["TOGETHER: tl.constexpr"] if barrier is not None else []
        one_line = f"def {self.kernel.name}({', '.join(arguments)}):"
        if len(one_line) > 96:
            one_line = "\n    ".join([f"def {self.kernel.name}(", *(f"{a}," for a in arguments)])
            one_line += "\n):"
        text = f"@triton.jit\n{one_line}\n{body}\n"
        return PrintedKernel(
            text, self.kernel.params, static, padded, tuple(self.shapes), self.padded.least,
            self.each(), self.columns(), self.scope.expand(barrier.size) if barrier else None,
            self.registers(),
        )  # fmt: skip

    def loads_of_loops(self) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        loops = [s for s in self.kernel.body if isinstance(s, Loop)]
        for turn, loop in enumerate(loops):
            for s in statements(loop.body):
                if isinstance(s, Copy) and s.src.index is not None and s.index is None:
                    found.setdefault(s.src.name, set()).add(turn)
        return found

    def each(self) -> int:
        """Elements a thread. Where a tile is only moved, 16 bytes of its widest tensor: one access,
        and more would keep fewer programs in flight (a relu on an H200: 4.18 TB/s, and 4.00 with
        four times that). Where much is computed, and where warps must meet in a reduction's tree,
        more elements share what a thread does besides (a maximum of rows: 137 us, and 185 us with
        half of that). So they do where a tile is made of tensors of fewer dimensions: differences
        of all pairs of 512 numbers took 646 us with four elements a thread, 479 us with eight."""
        vectors = [s for s in self._walk() if isinstance(s, VectorOp)]
        meeting = {"vreduce_op", "vscan_op", "matmul_op"}
        typed = [p for p in self.kernel.params if p.dtype is not None]
        if team_barrier(self.kernel) is not None:  # what a thread keeps while its team comes
            read = max((itemsize(p.dtype or "") for p in typed if not p.output), default=4)
            return min(32, 128 // read)
        if any(s.family in meeting for s in vectors):
            return self.each_of_rows(vectors)
        ranks = [len(self.tiles[s.dst.name].kept) for s in vectors]
        work = work_of([s for s, n in zip(vectors, ranks) if n == max(ranks)], self.compositions)
        if work >= HEAVY or self.made_of_less():
            return 16
        if self.looks_far():
            return 1
        copies = [s for s in self._walk() if isinstance(s, Copy)]
        lookups = sum(s.index is not None and not s.atomic for s in copies)
        if lookups:  # what a place costs is shared by those below it; of many, none is in flight
            return 8 if lookups <= SEVERAL else 4
        whole = self.moved_whole()
        widest = max((itemsize(p.dtype or "") for p in typed if p.name in whole), default=4)
        loads = sum(s.dst.name in self.tiles for s in copies)
        costly = work >= COSTLY and loads <= SEVERAL
        return max(32 // widest if costly else 1, self.moved(widest))

    def moved(self, widest: int) -> int:
        """Elements a thread where little is computed."""
        loads, step = large_loads(self.kernel, self.scope)
        if len(loads) >= MANY and step > 2:  # many accesses in flight as it is
            return 2
        if loads and max(loads) < widest:  # what is read is narrow: as many bytes at once
            return 8
        return max(4, 16 // widest)

    def each_of_rows(self, vectors: Sequence[VectorOp]) -> int:
        """The same where lanes meet. A scan within a thread costs one step an element, across lanes
        and warps many: 256 bytes a thread, where rows are kept whole (running maxima of 8192: 1826
        us with 16 elements, 1151 us with 64)."""
        inputs = {p.name: itemsize(p.dtype or "") for p in self.kernel.params if not p.output}
        sizes = [inputs[n] for n in self.read_whole() if n in inputs]
        scans = [s for s in vectors if s.family == "vscan_op"]
        looped = any(isinstance(s, Loop) for s in self._walk())
        if scans and not looped and all(s.op in ("sum", "prod", "max", "min") for s in scans):
            return 1 << (256 // sum(sizes or [4])).bit_length() - 1
        return min(32, 64 // max(sizes, default=4))

    def looks_far(self) -> bool:
        """Whether neighbouring lanes look up elements in different cache lines: each is a wait of
        its own, best with all threads that there are (one element of each of 16,777,216 rows: 464
        us with four elements a thread, 420 us with one)."""
        for copy in (s for s in self._walk() if isinstance(s, Copy) and s.dst.name in self.tiles):
            tile, param = self.tiles[copy.dst.name], self.params.get(copy.src.name)
            if copy.index is None or param is None or param.shape is None or not tile.kept:
                continue
            strides = param.strides or row_major(param.shape)
            slices = [
                (part, stride)
                for part, stride in zip(copy.src.index or (), strides)
                if isinstance(part, Slice)
            ]
            if tile.kept[-1] >= len(slices):
                continue
            part, stride = slices[tile.kept[-1]]
            alike = self.scope.poly(Binary("-", part.upper, part.lower)) == ONE
            if not alike and self.scope.is_static(stride):
                step = self.scope.value(stride) * itemsize(param.dtype or tile.dtype)
                if step >= LINE_BYTES:
                    return True
        return False

    def moved_whole(self) -> set[str]:
        """Tensors that tiles of most dimensions are loaded from or stored to."""
        copies = [s for s in self._walk() if isinstance(s, Copy)]
        found = [
            (len(self.tiles[tile.name].kept), other.name)
            for s in copies
            for tile, other in ((s.dst, s.src), (s.src, s.dst))
            if tile.name in self.tiles and other.name in self.params
        ]
        return {name for rank, name in found if rank == max(found)[0]}

    def read_whole(self) -> set[str]:
        """Tensors that the tiles of most dimensions are loaded from: not one label a row."""
        loads = [s for s in self._walk() if isinstance(s, Copy) and s.dst.name in self.tiles]
        ranks = {id(s): len(self.tiles[s.dst.name].kept) for s in loads}
        return {s.src.name for s in loads if ranks[id(s)] == max(ranks.values())}

    def made_of_less(self) -> bool:
        """Whether every tile that is stored has more dimensions than any that is loaded."""
        copies = [s for s in self._walk() if isinstance(s, Copy)]
        loaded = [self.tiles[s.dst.name].kept for s in copies if s.dst.name in self.tiles]
        stored = [self.tiles[s.src.name].kept for s in copies if s.src.name in self.tiles]
        least = min(map(len, stored), default=0)
        return least > 1 and all(len(kept) < least for kept in loaded)

    def registers(self) -> int | None:
        """Of a thread that waits for a team: few enough that a processor holds four programs, while
        some load and others store (instance norm on an H200: 1225 us as ptxas likes, 1132 with 64
        registers); three where much is computed after the wait and 64 would spill (l1: 1408, and
        1510 with 64)."""
        barrier = team_barrier(self.kernel)
        if barrier is None:
            return None
        sizes = {n: prod(map(self.scope.value, t.dims)) for n, t in self.tiles.items()}
        most = max(sizes.values(), default=0)
        if most > MOST_THREADS * self.each():
            return None
        at = next(i for i, s in enumerate(self.kernel.body) if s is barrier)
        after = [s for s in statements(self.kernel.body[at:]) if isinstance(s, VectorOp)]
        lengthy = any(s.op in LENGTHY and sizes[s.dst.name] == most for s in after)
        return 80 if lengthy else 64

    def columns(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        folds = [s for s in self._walk() if isinstance(s, VectorOp) and s.family == "vreduce_op"]
        again = {s.srcs[0].name for s in folds}
        for s in folds:
            tile, axis = self.tiles[s.srcs[0].name], s.attr("axis")
            if axis not in tile.kept or axis == tile.kept[-1]:
                continue
            # Columns that are folded later must be as wide as to leave no thread too much.
            if s.dst.name not in again or self.scope.value(tile.dims[tile.kept[-1]]) >= _WIDE:
                found[tile.padded[-1]] = None
        return tuple(found)

    def _walk(self) -> Iterable[Statement]:
        return statements(self.kernel.body)

    # ---- statements

    def body(self, body: Sequence[Statement]) -> None:
        for statement in body:
            if isinstance(statement, Tile):
                self.tile(statement)
            elif isinstance(statement, Assign):
                self.assign(statement)
            elif isinstance(statement, Copy):
                self.copy(statement)
            elif isinstance(statement, VectorOp):
                self.vector(statement)
            elif isinstance(statement, Loop):
                self.loop(statement)
            elif isinstance(statement, TeamBarrier):
                size = self.scope.text(statement.size)
                self.emit(f"_team_barrier(arrivals, core // {size}, {size}, TOGETHER)")
            else:
                self.guard(statement)

    def nested(self, body: tuple[Statement, ...], scope: Scope) -> None:
        """``body`` one level deeper. What it names is not known after it."""
        outer, known = self.scope, dict(self.known)
        changed = {s.name for s in statements(body) if isinstance(s, Assign)}
        self.scope, self.indent = scope, self.indent + 1
        self.padded.scope = scope
        before = len(self.lines)
        self.body(body)
        if len(self.lines) == before:
            self.emit("pass")
        self.indent -= 1
        self.scope = outer.forget(changed)
        self.padded.scope = self.scope
        self.known = {t: v for t, v in known.items() if not changed & set(re.findall(r"\w+", t))}

    def assign(self, statement: Assign) -> None:
        value = statement.value
        static = self.scope.is_static(value)
        reassigned = sum(isinstance(s, Assign) and s.name == statement.name for s in self._walk())
        text = self.scope.text(value)
        if isinstance(value, Call) and text[:1] == "(" and text[-1:] == ")":
            text = text[1:-1]
        kind = ": tl.constexpr" if static and reassigned == 1 else ""
        self.emit(f"{self.name(statement.name)}{kind} = {text}")
        if reassigned == 1:
            self.scope = self.scope.assign(statement.name, value)
        else:
            self.scope = self.scope.assign(statement.name, Name(f"<{statement.name}>"))
            gone = self.name(statement.name)
            self.known = {t: v for t, v in self.known.items() if gone not in re.findall(r"\w+", t)}
        self.padded.scope = self.scope

    def loop(self, loop: Loop) -> None:
        count = loop.iterations
        if isinstance(count, Call) and count.function == "max" and Int(0) in count.args:
            rest = [a for a in count.args if a != Int(0)]
            count = rest[0] if len(rest) == 1 else count  # a negative range is empty as it is
        text = self.scope.text(count)
        head = f"range({text})"
        if self.stages is not None:
            head = f"tl.range({text}, num_stages={self.stages})"
        outermost = any(loop is s for s in self.kernel.body)
        self.turn += outermost
        var = self.name(loop.var)
        self.emit(f"for {var} in {head}:")
        inner = self.scope.loop(loop.var, loop.iterations)
        changed = {s.name for s in statements(loop.body) if isinstance(s, Assign)}
        self.known = {
            t: v for t, v in self.known.items() if not changed & set(re.findall(r"\w+", t))
        }
        if self.wide:
            self.emit(f"    {var} = tl.cast({var}, tl.int64)")
        self.nested(loop.body, inner.forget(changed))

    def guard(self, guard: Guard) -> None:
        text = " and ".join(self.comparison(c) for c in guard.condition)
        if len(guard.condition) > 1 and not self._static_condition(guard.condition):
            text = " & ".join(f"({self.comparison(c)})" for c in guard.condition)
        self.emit(f"if {text}:")
        scope = self.scope
        self.nested(guard.body, scope)
        if guard.orelse:
            self.emit("else:")
            self.nested(guard.orelse, self.scope)

    def comparison(self, c: Compare) -> str:
        return f"{self.scope.text(c.left)} {c.op} {self.scope.text(c.right)}"

    def _static_condition(self, condition: Iterable[Compare]) -> bool:
        return all(
            self.scope.is_static(c.left) and self.scope.is_static(c.right) for c in condition
        )


def _integers_of(statement: Statement) -> set[str]:
    """Names in a statement's integer expressions."""
    found: set[str] = set()
    if isinstance(statement, Assign):
        found |= names_in(statement.value)
    elif isinstance(statement, Loop):
        found |= names_in(statement.iterations)
    elif isinstance(statement, Guard):
        for c in statement.condition:
            found |= names_in(c.left) | names_in(c.right)
    elif isinstance(statement, Copy):
        for place in (statement.dst, statement.src):
            for part in place.index or ():
                ends = (part.lower, part.upper) if isinstance(part, Slice) else (part,)
                found = found.union(*map(names_in, ends))
    elif isinstance(statement, VectorOp):
        for _, value in statement.attrs:
            if isinstance(value, Int | Name | Binary | Call):
                found |= names_in(value)
    return found


def _needs_initial_value(body: tuple[Statement, ...]) -> frozenset[str]:
    """Tiles that Triton must see defined where AUL only declares them: those written first inside
    a loop or guard and read outside of it, or read before they are written."""
    order: list[tuple[str, bool, tuple[int, ...]]] = []  # (tile, is write, enclosing blocks)
    tiles = {s.name for s in statements(body) if isinstance(s, Tile) and s.value is None}
    counter = iter(range(1 << 30))

    def visit(block: Sequence[Statement], path: tuple[int, ...]) -> None:
        here = (*path, next(counter))
        for s in block:
            if isinstance(s, Copy | VectorOp):
                reads = [s.src.name] if isinstance(s, Copy) else [p.name for p in s.srcs]
                if isinstance(s, Copy) and s.index is not None:
                    reads.append(s.index.name)
                if isinstance(s, VectorOp):
                    factor = s.attr("factor")
                    reads += [factor.name] if isinstance(factor, Place) else []
                    reads += [s.dst.name] if s.attr("accumulate") else []
                order.extend((r, False, here) for r in reads if r in tiles)
                if s.dst.name in tiles:
                    order.append((s.dst.name, True, here))
            elif isinstance(s, Loop):
                visit(s.body, here)
            elif isinstance(s, Guard):
                visit(s.body, here)
                visit(s.orelse, here)

    visit(body, ())
    early = set()
    for name in tiles:
        events = [(write, path) for n, write, path in order if n == name]
        if events and (
            not events[0][0] or any(p[: len(events[0][1])] != events[0][1] for _, p in events)
        ):
            early.add(name)
    return frozenset(early)
