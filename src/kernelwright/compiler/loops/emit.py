"""A planned run -> loops: the outer dimensions one by one, then the innermost as vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kernelwright.compiler.loops import affine, reduction, scan, semantics, staging
from kernelwright.compiler.loops.affine import Affine
from kernelwright.compiler.loops.body import Body, Buffer, Position
from kernelwright.compiler.loops.builder import Builder
from kernelwright.compiler.loops.combs import Comb, find_combs
from kernelwright.compiler.loops.ir import Value
from kernelwright.compiler.loops.nodes import Interval, Node, Reg, compute_dtype
from kernelwright.compiler.loops.plan import (
    Edges,
    Group,
    align,
    anchor,
    compute_needs,
    downward,
    partition,
    starts_outside,
)
from kernelwright.compiler.loops.vec import Vec
from kernelwright.graph.core import DTYPES

Accumulators = dict[Node, list[reduction.Partial]]  # one partial an unrolled copy


class RunEmitter:
    """Emits one run. ``scalars`` receives the values of one-element tiles that live on."""

    def __init__(self, builder: Builder, vector_bytes: int) -> None:
        self.b, self.vector_bytes = builder, vector_bytes
        self.places: dict[Node, Reg | tuple[Buffer, ...]] = {}
        self.partials: dict[Node, reduction.Partial] = {}
        self.scalars: dict[str, Reg] = {}
        self.carries: dict[Node, Buffer] = {}  # of scans along outer dimensions
        self.downward: set[int] = set()
        self.combs: dict[Node, Comb] = {}

    def emit(self, nodes: list[Node]) -> None:
        if not any(n.is_sink for n in nodes):
            return
        self.rank = align(nodes, self.vector_bytes // 4)
        compute_needs(nodes)
        self.downward = downward(nodes)
        anchored = anchor(nodes)
        self.combs = find_combs(nodes)
        self.edges = Edges(anchored)
        zero, unit = affine.ZERO, Interval.full(1)
        self.position = Position([zero] * self.rank, [unit] * self.rank)
        self.level(anchored, 0)

    # ---- outer dimensions ------------------------------------------------------------------

    def level(self, nodes: list[Node], d: int) -> None:
        for group in partition(nodes, self.edges, d):
            if d == self.rank - 1:
                self.innermost(group)
                continue
            if d == self.rank - 2 and group.nodes[0].attrs.get("staged"):
                self.staged(group.nodes[0])
                continue
            self.prepare_buffers(group, d)
            carried = [n for n in group.nodes if self.reduces(n, d) and self.in_registers(n, d)]
            for node in carried:
                self.partials[node] = self.start(node, 1)
            if group.loop:
                self.outer_loop(group, d, carried)
            else:
                with self.at(d, affine.ZERO, Interval.full(1)):
                    self.level(group.nodes, d + 1)
            for node in carried:
                self.keep(node, self.body().result(node, self.partials.pop(node)))

    def outer_loop(self, group: Group, d: int, carried: list[Node]) -> None:
        interval = group.nodes[0].interval(d)
        inits = [part.value for n in carried for part in self.partials[n]]
        lower, upper = self.b.index(interval.lower), self.b.index(interval.upper)
        with self.b.loop(lower, upper, inits=inits, solid=_runs(interval)) as loop:
            var = _counter(interval)
            self.b.bind(var, loop.var)
            self.rebind(carried, [argument for argument, _, _ in loop.carried])
            with self.at(d, self.turned(group.nodes, d, var, interval), interval):
                self.level(group.nodes, d + 1)
            loop.yields = [part.value for n in carried for part in self.partials[n]]
        self.rebind(carried, [result for _, _, result in loop.carried])

    def turned(
        self,
        nodes: list[Node],
        d: int,
        index: Affine,
        interval: Interval,
        lanes: int = 1,
        whole: bool = True,
    ) -> Affine:
        """``index``, or its mirror image where the loop over ``d`` runs from the end: the start of
        a vector of ``lanes``. The vector that may not be whole comes last, at the interval's
        start."""
        if (d in self.downward) == bool(nodes[0].attrs.get("against")):
            return index
        mirrored = interval.lower + interval.upper - index - lanes
        return mirrored if whole else affine.maximum(mirrored, interval.lower)

    def rebind(self, nodes: list[Node], values: list[Value]) -> None:
        rest = iter(values)
        for node in nodes:
            self.partials[node] = tuple(Vec(self.b, next(rest)) for _ in self.partials[node])

    @contextmanager
    def at(self, d: int, index: Affine, interval: Interval) -> Iterator[None]:
        old = self.position.index[d], self.position.interval[d]
        self.position.index[d], self.position.interval[d] = index, interval
        yield
        self.position.index[d], self.position.interval[d] = old

    def body(self, lanes: int = 1, count: Value | None = None) -> Body:
        position = Position(list(self.position.index), list(self.position.interval))
        return Body(self.b, position, self.places, lanes, count, self.combs)

    # ---- where values live -----------------------------------------------------------------

    def reduces(self, node: Node, d: int) -> bool:
        return node.kind == "reduce" and node.attrs["axis"] == d

    def in_registers(self, node: Node, d: int) -> bool:
        """Whether the reduction over ``d`` has no further loops inside its result."""
        return not any(node.loops_at(k) for k in range(d + 1, self.rank))

    def start(self, node: Node, lanes: int) -> reduction.Partial:
        pairs = zip(reduction.identity(node), reduction.dtypes(node))
        return tuple(Vec(self.b, self.b.const(v, dtype, lanes)) for v, dtype in pairs)

    def prepare_buffers(self, group: Group, d: int) -> None:
        """Accumulators in memory for reductions over ``d`` that keep inner dimensions."""
        for node in group.nodes:
            if self.scans(node, d):
                self.prepare_carry(node, d)
            if not self.reduces(node, d) or self.in_registers(node, d):
                continue
            if node not in self.places:
                self.places[node] = tuple(
                    self.allocate(node, dtype) for dtype in reduction.dtypes(node)
                )
            inner = 1
            for extent in node.shape[d:]:
                inner *= extent
            place = self.places[node]
            assert isinstance(place, tuple)
            for buffer, value in zip(place, reduction.identity(node)):
                self.fill(self.body().buffer_address(node, buffer), buffer, inner, value)

    def scans(self, node: Node, d: int) -> bool:
        return node.kind == "scan" and node.attrs["axis"] == d

    def prepare_carry(self, node: Node, d: int) -> None:
        """The running values of a scan along ``d``, one for each inner element, before its loop."""
        if node not in self.carries:
            strides, elements = [0] * self.rank, 1
            for k in range(self.rank - 1, d, -1):
                strides[k], elements = elements, elements * node.shape[k]
            memory = self.b.new_scratch("carry", scan.dtype(node), elements)
            self.carries[node] = Buffer(memory, tuple(strides))
        buffer = self.carries[node]
        at = self.body().buffer_address(node, buffer)
        self.fill(at, buffer, buffer.memory.elements, scan.identity(node))

    def allocate(self, node: Node, dtype: str) -> Buffer:
        """Scratch for the dimensions from the node's escape level on."""
        strides, step = [0] * self.rank, 1
        first = 0 if node.escape is None else node.escape
        for d in range(self.rank - 1, first - 1, -1):
            strides[d] = step
            step *= node.shape[d]
        return Buffer(self.b.new_scratch(node.op or node.kind, dtype, step), tuple(strides))

    def fill(self, at: Value, buffer: Buffer, elements: int, value: float | int | bool) -> None:
        dtype = buffer.memory.dtype
        lanes = _lanes(elements, self.vector_bytes // DTYPES[dtype].itemsize)

        def turn(i: Affine, count: Value | None) -> None:
            address = self.b.op("add", at, self.b.index(i))
            constant = self.b.const(value, dtype, lanes)
            args = (address, constant) if count is None else (address, constant, count)
            self.b.store("store", *args, memory=buffer.memory)

        self.strip(Interval.full(elements), lanes, turn)

    def keep(self, node: Node, reg: Reg) -> None:
        """Puts a scalar result where its users will look for it."""
        outer = range(self.rank if node.escape is None else node.escape, self.rank)
        if any(node.loops_at(k) and not self.reduces(node, k) for k in outer):
            self.write_place(node, self.body(), reg)
        else:
            self.places[node] = reg

    def write_place(self, node: Node, body: Body, reg: Reg) -> None:
        if node not in self.places:
            self.places[node] = (self.allocate(node, node.dtype),)
        place = self.places[node]
        assert isinstance(place, tuple)
        body.write_vector(node, place[0], body.narrow(reg))

    # ---- the innermost dimension -----------------------------------------------------------

    def innermost(self, group: Group) -> None:
        if group.nodes[0].attrs.get("padded_row"):
            self.padded_row(group.nodes[0])
        elif group.loop:
            self.vector_loop(group.nodes)
        else:
            with self.at(self.rank - 1, affine.ZERO, Interval.full(1)):
                body = self.body()
                for node in group.nodes:
                    self.emit_node(node, body, None)

    def emit_node(
        self, node: Node, body: Body, accumulators: dict[Node, reduction.Partial] | None
    ) -> None:
        if node.kind == "store":
            body.write(node)
        elif node.kind == "put":
            body.put(node)
        elif node.kind == "scalar_out":
            self.scalars[node.attrs["tile"]] = body.evaluate(node.inputs[0])
        elif node.kind == "reduce":
            self.accumulate(node, body, accumulators)
        else:
            if node.kind == "scan":
                self.scan(node, body, accumulators)
            reg = body.evaluate(node)
            if node.escape is not None:
                outer = range(node.escape, self.rank)
                if any(node.loops_at(k) for k in outer):
                    self.write_place(node, body, reg)
                else:
                    self.places[node] = reg

    def scan(self, node: Node, body: Body, state: dict[Node, reduction.Partial] | None) -> None:
        """The next elements of a scan; the body's users find them as its value."""
        value = body.scanned(node)
        if not self.scans(node, self.rank - 1):
            buffer = self.carries[node]
            value = scan.fold(node, body.read_vector(node, buffer), value)
            body.write_vector(node, buffer, value)
        elif state is not None:
            carry = state[node][0]
            value, last = scan.in_lanes(node, value)
            spread = Vec(self.b, self.b.splat(carry.value, value.lanes))
            value = scan.fold(node, spread, value)
            state[node] = (scan.fold(node, carry, last),)
        body.memo[node] = body.register(node.dtype, value)

    def accumulate(
        self, node: Node, body: Body, accumulators: dict[Node, reduction.Partial] | None
    ) -> None:
        part = body.partial(node)
        if accumulators is not None and node in accumulators:
            accumulators[node] = reduction.combine(node, accumulators[node], part)
        elif node in self.partials:
            self.partials[node] = reduction.combine(node, self.partials[node], part)
        elif self.reduces(node, self.rank - 1):  # of one element
            total = reduction.combine(node, self.start(node, 1), part)
            self.keep(node, body.result(node, total))
        else:
            place = self.places[node]
            assert isinstance(place, tuple)
            old = tuple(body.read_vector(node, buffer) for buffer in place)
            new = reduction.combine(node, old, part)
            for buffer, value in zip(place, new):
                body.write_vector(node, buffer, value)

    def staged(self, node: Node) -> None:
        first = self.rank - 2 if node.escape is None else node.escape
        strides, elements = staging.staged_strides(node, first)
        if node not in self.places:
            memory = self.b.new_scratch("transposed", node.dtype, elements)
            self.places[node] = (Buffer(memory, strides),)
        place = self.places[node]
        assert isinstance(place, tuple)
        lanes = staging.block_lanes(node, self.vector_bytes)
        staging.stage(self.body(), node, place[0], lanes, self.strip)

    def padded_row(self, node: Node) -> None:
        """A load that begins before its tensor: padding, the inside, padding, into scratch."""
        assert node.access is not None
        d, extent = self.rank - 1, node.shape[-1]
        inside = node.access.inside[-1]
        lanes = self.lanes_of([node])
        pad = Node("fill", "", list(node.shape), node.dtype, attrs={"value": node.attrs["pad"]})
        before = Interval(affine.ZERO, inside.lower)
        behind = Interval(inside.upper, affine.of(extent))
        for interval, source in ((before, pad), (inside, node), (behind, pad)):

            def turn(i: Affine, count: Value | None, source: Node = source) -> None:
                with self.at(d, i, interval):  # noqa: B023 (called at once)
                    body = self.body(lanes, count)
                    body.places = {k: v for k, v in self.places.items() if k is not node}
                    self.write_place(node, body, body.evaluate(source))

            self.strip(interval, lanes, turn)

    def vector_loop(self, nodes: list[Node]) -> None:
        interval, last = nodes[0].interval(self.rank - 1), self.rank - 1
        extent = nodes[0].iteration(last)
        work = self.work(nodes)
        lanes = self.lanes_of(nodes)
        reductions = [n for n in nodes if self.reduces(n, last)]
        unroll = _unroll(work, bool(reductions), extent, lanes)
        state: Accumulators = {n: [self.start(n, lanes)] * unroll for n in reductions}
        scans = [n for n in nodes if self.scans(n, last)]
        state |= {n: [(self.first(n),)] for n in scans}
        known = dict(self.places)  # what this loop stores is not read back inside of it

        def turn(i: Affine, count: Value | None, copies: int) -> None:
            for u in range(copies):
                index = self.turned(nodes, last, i + u * lanes, interval, lanes, count is None)
                with self.at(last, index, interval):
                    body = self.body(lanes, count)
                    body.places = known
                    mine = {n: state[n][u] for n in reductions}
                    mine |= {n: state[n][0] for n in scans}
                    for node in nodes:
                        self.emit_node(node, body, mine)
                    for n in reductions:
                        state[n][u] = mine[n]
                    for n in scans:
                        state[n][0] = mine[n]

        # Where a load may begin before its tensor, the first vector is masked and no other.
        early = any(n.kind == "load" and starts_outside(n) for n in self.closure(nodes))
        self.strip_unrolled(interval, lanes, unroll, turn, state, early)
        for node in reductions:
            total = reduction.fold_all(node, state[node])
            self.keep(node, self.body().result(node, total))

    def first(self, node: Node) -> Vec:
        """What a scan along the innermost dimension starts from."""
        return Vec(self.b, self.b.const(scan.identity(node), scan.dtype(node)))

    def lanes_of(self, nodes: list[Node]) -> int:
        """Lanes for the widest dtype that the loop computes in; fewer for short rows."""
        widest = 1
        if any(node.one_by_one(self.rank - 1) for node in nodes):
            return 1
        for node in self.closure(nodes):
            if node.shape[-1] == 1 and node.kind != "reduce":
                continue
            kinds = [compute_dtype(node.dtype)]
            if node.kind == "reduce":
                kinds = list(reduction.dtypes(node))
            elif node.kind == "scan":
                kinds = [scan.dtype(node)]
            elif node.kind in ("load", "store", "put", "lookup") or node.op == "copy":
                kinds = [node.dtype]
            widest = max([widest, *(DTYPES[k].itemsize for k in kinds)])
        return _lanes(nodes[0].iteration(self.rank - 1), self.vector_bytes // widest)

    def closure(self, nodes: list[Node]) -> set[Node]:
        """Everything that the loop computes: the nodes and what they compute again."""
        found: set[Node] = set()
        stack = list(nodes)
        while stack:
            node = stack.pop()
            if node not in found:
                found.add(node)
                stack.extend(s for s in node.inputs if s not in self.places)
        return found

    def work(self, nodes: list[Node]) -> int:
        return sum(
            semantics.cost(n.op) if n.kind == "map" else 1
            for n in self.closure(nodes)
            if n.shape[-1] != 1 or n.kind == "reduce"
        )

    # ---- strip mining ----------------------------------------------------------------------

    def strip(
        self, interval: Interval, lanes: int, turn: Callable[[Affine, Value | None], None]
    ) -> None:
        """``turn(index, count)`` over an interval, a vector at a time."""
        self.strip_unrolled(interval, lanes, 1, lambda i, count, _: turn(i, count), {})

    def strip_unrolled(
        self,
        interval: Interval,
        lanes: int,
        unroll: int,
        turn: Callable[[Affine, Value | None, int], None],
        state: Accumulators,
        early: bool = False,
    ) -> None:
        """Whole blocks of ``unroll`` vectors, then the rest with a lane count; ``early``: one
        vector before them."""
        length = interval.upper - interval.lower
        block = lanes * unroll
        if not length.is_constant:
            lower = interval.lower
            if early:
                end = lower + affine.minimum(length, affine.of(lanes))
                self.tail_loop(Interval(lower, end), lanes, turn, state)
                lower = lower + lanes
                length = affine.maximum(length - lanes, affine.ZERO)
            middle = lower + affine.floordiv(length, block) * block
            self.counted(lower, middle, block, turn, unroll, state)
            self.tail_loop(Interval(middle, interval.upper), lanes, turn, state)
            return
        n, at = length.constant, interval.lower
        if early and n > lanes:
            turn(at, None, 1)
            at, n = at + lanes, n - lanes
        whole = n // block
        if whole > 1:
            self.counted(at, at + whole * block, block, turn, unroll, state)
        elif whole == 1:
            turn(at, None, unroll)
        at, n = at + whole * block, n - whole * block
        if n >= lanes:
            turn(at, None, n // lanes)
            at, n = at + n // lanes * lanes, n % lanes
        if n > 0:
            turn(at, self.b.integer(n), 1)

    def counted(
        self,
        lower: Affine,
        upper: Affine,
        step: int,
        turn: Callable[[Affine, Value | None, int], None],
        copies: int,
        state: Accumulators,
    ) -> None:
        with self.carrying(lower, upper, step, state, whole=True) as var:
            turn(var, None, copies)

    def tail_loop(
        self,
        interval: Interval,
        lanes: int,
        turn: Callable[[Affine, Value | None, int], None],
        state: Accumulators,
    ) -> None:
        with self.carrying(interval.lower, interval.upper, lanes, state) as var:
            count = self.b.op("min", self.b.index(interval.upper - var), self.b.integer(lanes))
            turn(var, count, 1)

    @contextmanager
    def carrying(
        self, lower: Affine, upper: Affine, step: int, state: Accumulators, whole: bool = False
    ) -> Iterator[Affine]:
        """A loop that carries every accumulator of ``state``; ``whole``: its steps fill it."""

        def flat() -> list[Value]:
            return [v.value for partials in state.values() for part in partials for v in part]

        def rebind(values: list[Value]) -> None:
            rest = iter(values)
            for partials in state.values():
                partials[:] = [tuple(Vec(self.b, next(rest)) for _ in p) for p in partials]

        interval = Interval(lower, upper)
        first, end = self.b.index(lower), self.b.index(upper)
        with self.b.loop(first, end, step, flat(), solid=_runs(interval)) as loop:
            var = _counter(interval, step if whole else 1)
            self.b.bind(var, loop.var)
            rebind([argument for argument, _, _ in loop.carried])
            yield var
            loop.yields = flat()
        rebind([result for _, _, result in loop.carried])


def _counter(interval: Interval, step: int = 1) -> Affine:
    """A loop's variable with the range that its interval gives, which holds whole steps."""
    low, high = interval.lower.range()[0], interval.upper.range()[1]
    return affine.variable(low, None if high is None else high - step)


def _runs(interval: Interval) -> bool:
    return (interval.upper - interval.lower).at_least(1)


def _lanes(extent: int, most: int) -> int:
    """At least 4 and no more than the power of two that holds the extent."""
    lanes = max(4, most)
    while lanes > 4 and lanes // 2 >= extent:
        lanes //= 2
    return lanes


def _unroll(work: int, reduces: bool, extent: int, lanes: int) -> int:
    """Several vectors a turn hide latency where the body is short."""
    unroll = 4 if work <= (12 if reduces else 8) else 2 if work <= 45 else 1
    while unroll > 1 and extent < lanes * unroll:
        unroll //= 2
    return unroll
