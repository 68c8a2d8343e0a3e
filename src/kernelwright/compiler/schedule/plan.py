"""Which tensors stand in memory, and which kernel or library call makes each of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from kernelwright.compiler.schedule.dims import DimConflict
from kernelwright.compiler.schedule.region import Cut, JoinRefused, Region
from kernelwright.compiler.schedule.symbols import SizeTable, Symbol
from kernelwright.compiler.schedule.views import View
from kernelwright.graph.core import Graph, Node
from kernelwright.graph.operand_view import holds_sizes, operand_view
from kernelwright.graph.ops import op_definition
from kernelwright.graph.parameter_only import prepared

MAX_STREAMS = 12  # tensors read and written by one kernel; more cost registers and prefetch streams
COLUMNS = 64
SPLIT_SCAN = 1 << 18  # elements of a scan that is worth two launches
JOIN_WINDOW = 6  # how many of the latest kernels a new root may join


@dataclass(eq=False)
class KernelStep:
    """``once``: it depends on the Model's state alone and runs once for all calls."""

    region: Region
    once: bool = False


@dataclass(eq=False)
class CallStep:
    """A framework op: ``nodes`` are its outputs that are needed, ``arguments`` JSON-ready."""

    target: str
    nodes: list[Node]
    inputs: tuple[Node, ...]
    arguments: Any


Step = KernelStep | CallStep


@dataclass(frozen=True)
class Limits:
    """What a target keeps on chip. ``resident_elements``: the longest row that one core holds.
    ``longest_row``: the longest that it holds in a cache further out, where that beats a second
    pass. ``min_cores``: fewer independent rows than this leave the machine idle. ``held_elements``:
    the longest row of reductions over different dimensions in one pass; 0: they do not go
    together. ``reread_elements``: the longest row that one core reads twice in a kernel.
    ``near``: whether kernels that read overlapping windows of a tensor become one.
    ``shared(extents, rows, operands)``: whether a team of cores keeps such rows of that many
    tensors among them."""

    resident_elements: int
    longest_row: int
    min_cores: int
    held_elements: int = 0
    reread_elements: int = 0
    shared: Callable[[Sequence[int], int, int], bool] = lambda extents, rows, operands: False
    near: bool = False


class Planner:
    def __init__(self, graph: Graph, table: SizeTable, limits: Limits) -> None:
        self.graph, self.table, self.limits = graph, table, limits
        self.room = limits.held_elements
        self.steps: list[Step] = []
        self.producer: dict[int, int] = {}  # node id -> index of the step that stores it
        self.first = 0  # the steps before it run once, for all calls
        # (concatenation, position in it) -> index of the step that stores this part
        self.placed: dict[tuple[int, tuple[int, ...]], int] = {}
        self.uses = Counter(n.id for node in graph.nodes() for n in node.inputs)
        self.shared: dict[int, int] = {}  # id of a concatenation -> of the output that it is

    def run(self) -> list[Step]:
        for node in prepared(self.graph):
            self.materialise(node)
        self.first = len(self.steps)
        for step in self.steps:
            if isinstance(step, KernelStep):
                step.once = True
        for node in self.graph.nodes():
            if self.is_call(node):
                self.materialise(node)
        for node in self.graph.outputs:
            self.materialise(node)
        return self.needed()

    def needed(self) -> list[Step]:
        """The steps without what nobody reads: a later kernel may have come to compute for itself
        what an earlier one was made to store."""
        wanted = {n.id for n in self.graph.outputs}
        wanted.update(part for part, output in self.shared.items() if output in wanted)
        kept: list[Step] = []
        for step in reversed(self.steps):
            if isinstance(step, CallStep):
                wanted.update(n.id for n in step.inputs)
                kept.append(step)
                continue
            prune(step.region, wanted)
            if step.region.roots:
                buffers = (v.view.buffer for v in step.region.live() if v.view)
                wanted.update(b.id for b in buffers)
                kept.append(step)
        return kept[::-1]

    @staticmethod
    def is_call(node: Node) -> bool:
        return op_definition(node.op).kind == "call"

    def is_leaf(self, node: Node) -> bool:
        return node.op in ("input", "parameter", "constant")

    def materialise(self, node: Node) -> None:
        """Adds the steps that store ``node``, those that it waits for first."""
        waiting = [node]
        while waiting:
            current = waiting[-1]
            if current.id in self.producer or (self.is_leaf(current) and current is not node):
                waiting.pop()
                continue
            try:
                self.store(current)
                waiting.pop()
            except Cut as cut:
                if cut.node is current or cut.node.id in self.producer:
                    raise AssertionError(f"no schedule for {current!r}") from None
                waiting.append(cut.node)

    def store(self, node: Node) -> None:
        """Adds the step or steps that store ``node``; raises Cut for what must be there first."""
        if self.is_call(node):
            self.call(node)
        elif node.op == "concat":
            self.concat(node)
        elif node.op == "scatter":
            self.scatter(node)
        elif self.renames(node):
            self.producer[node.id] = self.rename(node)
        else:
            self.producer[node.id] = self.place(node)

    def renames(self, node: Node) -> bool:
        """Whether ``node`` is an output that is a concatenation in another shape, and its only use:
        the parts are stored in it."""
        if node.op != "reshape" or node.inputs[0].op != "concat":
            return False
        (base,) = node.inputs
        own = any(node is n for n in self.graph.outputs) and self.uses[base.id] == 1
        return own and not any(base is n for n in self.graph.outputs)

    def rename(self, node: Node) -> int:
        """Shares the memory of a concatenation, and returns the step that stores it last."""
        (base,) = node.inputs
        if base.id not in self.producer:
            raise Cut(base)
        region = Region(self.table, self.may_read(len(self.steps)), self.big, self.room)
        region.add_root(node)
        self.table.known[node.id] = region.root_shape(region.roots[-1])
        self.shared[base.id] = node.id
        return self.producer[base.id]

    def concat(self, node: Node) -> None:
        """Every part is stored by its own kernel, where it belongs."""
        if node.id not in self.table.known:
            self.table.known[node.id] = concat_shape(self.table, node)
        for part, starts in parts_of(self.table, node):
            key = (node.id, tuple(s.value for s in starts))
            if key not in self.placed:
                self.placed[key] = self.place(part, node, starts)
        steps = [step for (target, _), step in self.placed.items() if target == node.id]
        self.producer[node.id] = max(steps)

    def scatter(self, node: Node) -> None:
        """The tensor is stored first, then what belongs elsewhere is put into it."""
        into = node.inputs[0]
        region = Region(self.table, self.may_read(len(self.steps)), self.big)
        region.add_update(node)  # what it waits for is known before anything is stored
        if (node.id, ()) not in self.placed:
            self.placed[(node.id, ())] = self.place(
                into, node, (Symbol.of(0),) * len(node.shape)
            )  # fmt: skip
        self.table.known[node.id] = self.table.shape(into)
        region.stored = self.may_read(len(self.steps))
        self.producer[node.id] = len(self.steps)
        self.steps.append(KernelStep(region))

    def call(self, node: Node) -> None:
        tensors, arguments = self.operands(node)
        for operand in tensors:
            if not self.stands(operand):
                raise Cut(operand)
        target, given = call_target(node)
        arguments = arguments or given
        for index, step in enumerate(self.steps):
            if not isinstance(step, CallStep):
                continue
            if (step.target, step.arguments, step.inputs) == (target, arguments, tensors):
                step.nodes.append(node)
                self.producer[node.id] = index
                return
        self.producer[node.id] = len(self.steps)
        self.steps.append(CallStep(target, [node], tensors, arguments))

    def stands(self, node: Node) -> bool:
        """Whether ``node`` is in memory by now."""
        return node.id in self.producer or self.is_leaf(node)

    def operands(self, node: Node) -> tuple[tuple[Node, ...], Any]:
        """The tensors that a library call reads, and its arguments where it takes views of them: a
        matrix product does."""
        if node.op != "matmul":
            return node.inputs, None
        found = [operand_view(n, self.stands) for n in node.inputs]
        if self.table.dynamic:  # a view's numbers hold for one size
            found = [
                (n, []) if holds_sizes(steps) else (base, steps)
                for n, (base, steps) in zip(node.inputs, found)
            ]
        arguments = [
            {"view": [i, steps]} if steps else {"input": i} for i, (_, steps) in enumerate(found)
        ]
        return tuple(base for base, _ in found), positional(*arguments)

    def place(self, node: Node, target: Node | None = None, starts: tuple[Symbol, ...] = ()) -> int:
        """Joins ``node`` to a recent kernel that shares its data, or makes a new one; returns the
        step's index."""
        first = max(self.first, len(self.steps) - JOIN_WINDOW)
        for index in reversed(range(first, len(self.steps))):
            step = self.steps[index]
            if isinstance(step, KernelStep) and self.join(step, index, node, target, starts):
                return index
        region = Region(
            self.table,
            self.may_read(len(self.steps)),
            self.big,
            self.room,
            self.twice,
            self.limits.shared,
        )
        region.add_root(node, target, starts)
        if target is None:
            self.table.known[node.id] = region.root_shape(region.roots[-1])
        self.steps.append(KernelStep(region))
        return len(self.steps) - 1

    def join(
        self,
        step: KernelStep,
        index: int,
        node: Node,
        target: Node | None,
        starts: tuple[Symbol, ...],
    ) -> bool:
        if step.region.roots[0].value.kind == "put":
            return False
        trial = step.region.copy()
        trial.stored = self.may_read(index)
        before = len(trial.loads)
        had_reductions = bool(trial.reductions())
        had_dims = trial.all_dims()
        try:
            trial.add_root(node, target, starts)
        except (Cut, JoinRefused):
            return False
        alone = self.alone(node, len(self.steps))
        shares = alone is not None and len(trial.loads) - before < len(alone.loads)
        if not shares and self.limits.near:
            shares = reads_near(step.region, trial) and aligned(trial)
        buffers = {v.view.buffer.id for v in trial.loads.values() if v.view}
        written = {r.buffer.id for r in trial.roots}
        if not shares or len(buffers) + len(written) > MAX_STREAMS:
            return False
        # A root that lacks one of the kernel's dimensions would be stored by every core.
        if alone is None or len(alone.all_dims()) != len(trial.all_dims()):
            return False
        if len(trial.all_dims()) != len({d for x in had_dims for d in trial.dims.resolve((x,))}):
            return False
        if not had_reductions and trial.reductions():
            return False
        step.region = trial
        if target is None:
            self.table.known[node.id] = trial.root_shape(trial.roots[-1])
        return True

    def alone(self, node: Node, index: int) -> Region | None:
        """``node`` in a kernel of its own, if that can be."""
        region = Region(
            self.table, self.may_read(index), self.big, self.room, self.twice, self.limits.shared
        )
        try:
            region.add_root(node)
        except (Cut, JoinRefused):
            return None
        return region

    def may_read(self, index: int) -> Callable[[Node], bool]:
        def stored(node: Node) -> bool:
            if self.is_leaf(node):
                return True
            if node.id not in self.producer:
                return False
            if self.producer[node.id] >= index:
                raise JoinRefused
            return True

        return stored

    def big(self, reduction: Node, again: bool = False) -> bool:
        """Whether the operand's row is too long, or there are too few rows, to keep rows whole;
        ``again``: a row is needed once more when it has been reduced."""
        operand = reduction.inputs[0]
        scan = "axis" in reduction.attrs
        axes = (reduction.attrs["axis"],) if scan else reduction.attrs["axes"]
        row = prod(operand.shape[a] for a in axes)
        rows = operand.type.size // max(1, row)
        inner = prod(operand.shape[max(axes, default=-1) + 1 :])
        if again and inner == 1 and not scan and row <= self.limits.longest_row:
            return rows < self.limits.min_cores and operand.type.size > 32 * 1024
        # With kept elements inside, a tile is at least COLUMNS of them wide.
        if row * (COLUMNS if inner > 1 else 1) > self.limits.resident_elements:
            return True
        if scan:  # cores that share a row read it twice
            columns = -(-inner // COLUMNS)
            busy = rows // max(1, inner) * columns
            return busy * 2 <= self.limits.min_cores and operand.type.size > SPLIT_SCAN
        return rows < self.limits.min_cores and operand.type.size > 32 * 1024

    def twice(self, reduction: Node) -> bool:
        """Whether one core may read a row that is too long to be kept a second time, for what is
        done with the reduction's result."""
        operand, axes = reduction.inputs[0], reduction.attrs.get("axes", ())
        row = prod(operand.shape[a] for a in axes)
        rows = operand.type.size // max(1, row)
        inner = prod(operand.shape[max(axes, default=-1) + 1 :])
        return inner == 1 and row <= self.limits.reread_elements and rows >= self.limits.min_cores


def reads_near(region: Region, wider: Region) -> bool:
    """Whether each view that ``wider`` reads and ``region`` does not overlaps one that it does:
    what both need is then brought once."""
    mine = [v.view for v in region.loads.values() if v.view]
    new = [v.view for key, v in wider.loads.items() if key not in region.loads and v.view]
    return bool(new) and all(any(overlapping(a, b) for b in mine) for a in new)


def aligned(region: Region) -> bool:
    """Makes the last root's dimensions those of the first, where both have the same extents, so
    that one tile holds the same places of both. Whether that could be."""
    one, other = (region.roots[i].value.axes for i in (0, -1))
    dims = region.dims
    if [dims.extent(a).value for a in one] != [dims.extent(a).value for a in other]:
        return False
    try:
        dims.unify(dims.flatten(one), dims.flatten(other))
    except DimConflict:
        return False
    return True


def overlapping(a: View, b: View) -> bool:
    """Whether two windows of a tensor, moved against each other, have most of their lines in
    common."""
    steps = [s.value for s in a.strides]
    if (
        a.buffer is not b.buffer
        or steps != [s.value for s in b.strides]
        or min(steps, default=-1) < 0
    ):
        return False
    extents = [(x.value, y.value) for x, y in zip(a.shape, b.shape)]
    if any(x != y for x, y in extents):
        return False
    left = a.offset.value - b.offset.value
    for step, (extent, _) in sorted(zip(steps, extents), reverse=True):
        if extent == 1 or not step:
            continue
        moved = round(left / step)
        left -= moved * step
        if 2 * abs(moved) >= extent:
            return False
    least = min((s for s, (n, _) in zip(steps, extents) if n > 1 and s), default=1)
    return abs(left) < least


def prune(region: Region, wanted: Collection[int]) -> None:
    """Leaves out the roots whose buffers nobody wants, where the others can be scheduled alone."""
    before = region.roots
    region.roots = [r for r in before if r.buffer.id in wanted]
    if len(region.roots) in (0, len(before)):
        return
    try:
        region.check_reductions()
        region.check_windows()
    except (Cut, JoinRefused):
        region.roots = before


def call_target(node: Node) -> tuple[str, Any]:
    """The framework op of a call-like node and its arguments, JSON-ready."""
    if node.op == "call":
        return node.attrs["target"], node.attrs["arguments"]
    tensors = [{"input": i} for i in range(len(node.inputs))]
    if node.op == "matmul":
        return "aten.matmul.default", positional(*tensors)
    raise Cut(node)


def concat_shape(table: SizeTable, node: Node) -> tuple[Symbol, ...]:
    """A concatenation's extents: along its axis the sum of the parts'."""
    axis = node.attrs["axis"]
    shapes = [concat_shape(table, n) if n.op == "concat" else table.shape(n) for n in node.inputs]
    total = shapes[0][axis]
    for shape in shapes[1:]:
        total = total + shape[axis]
    return (*shapes[0][:axis], total, *shapes[0][axis + 1 :])


def parts_of(table: SizeTable, node: Node) -> list[tuple[Node, tuple[Symbol, ...]]]:
    """What is stored where for a concatenation: its parts and those of concatenations in it."""
    axis, out = node.attrs["axis"], []
    start = Symbol.of(0)
    for part in node.inputs:
        zero = (Symbol.of(0),) * len(node.shape)
        inner = parts_of(table, part) if part.op == "concat" else [(part, zero)]
        for piece, starts in inner:
            out.append((piece, (*starts[:axis], starts[axis] + start, *starts[axis + 1 :])))
        extent = concat_shape(table, part) if part.op == "concat" else table.shape(part)
        start = start + extent[axis]
    return out


def positional(*args: Any) -> Any:
    return {"args": list(args), "kwargs": {}}


def call_attributes(step: CallStep) -> str:
    """JSON for ``U.framework_call``: the arguments, and which of the op's outputs are wanted."""
    wanted = [n.attrs.get("output_index", 0) for n in step.nodes]
    return json.dumps({"arguments": step.arguments, "outputs": wanted}, sort_keys=True)
