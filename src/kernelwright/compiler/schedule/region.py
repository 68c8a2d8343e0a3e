"""Region: the part of a Graph that one kernel computes, as values over shared dimensions.

A region starts at a root (a tensor that must stand in memory) and grows toward the buffers that it
reads. What cannot live in one loop nest raises ``Cut``: the planner then puts that node into memory
and tries again, so that every attempt is simpler than the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kernelwright.compiler.schedule.dims import Axes, Axis, DimConflict, Dims
from kernelwright.compiler.schedule.symbols import SizeTable, Symbol, product
from kernelwright.compiler.schedule.views import VIEW_OPS, View, contiguous, squeezed, windowed
from kernelwright.graph.core import Node, is_float
from kernelwright.graph.ops import op_definition

if TYPE_CHECKING:
    from kernelwright.compiler.schedule.bands import Bands


class Cut(Exception):
    """``node`` must be computed by a kernel of its own and stored."""

    def __init__(self, node: Node) -> None:
        super().__init__(f"%{node.id} {node.op}")
        self.node = node


class JoinRefused(Exception):
    """A root cannot be added to this region; it needs another one."""


@dataclass(eq=False)
class Value:
    """One tensor inside the region. ``kind``: load, const, iota, lookup, map, reduce, scan; put is
    what goes to places that indices tell: its axes are those of what is put there."""

    kind: str
    op: str
    args: tuple[Value, ...]
    axes: Axes
    dtype: str
    node: Node
    attrs: dict[str, Any] = field(default_factory=dict)
    view: View | None = None
    reduced: Axis = ()  # the dimensions that a reduce folds or a scan runs along


@dataclass(eq=False)
class Root:
    """``value`` is stored as ``node``; with ``target``, as the part of it that begins at
    ``starts``."""

    node: Node
    value: Value
    target: Node | None = None
    starts: tuple[Symbol, ...] = ()

    @property
    def buffer(self) -> Node:
        """What stands in memory."""
        return self.target or self.node


class Region:
    """``stored(node)`` says whether a node's tensor may be read from memory here: True, False
    (must be computed inside), or raises JoinRefused. ``big(reduction, again)`` says whether a
    reduction is too long to keep its operand on chip. ``room``: elements that a core keeps while it
    serves reductions over different dimensions in one pass; 0: they do not go together.
    ``twice(reduction)`` says whether one core may read its rows twice,
    ``shared(extents, rows, operands)`` whether several cores keep rows of such dimensions among
    them."""

    def __init__(
        self,
        table: SizeTable,
        stored: Callable[[Node], bool],
        big: Callable[[Node, bool], bool],
        room: int = 0,
        twice: Callable[[Node], bool] = lambda reduction: False,
        shared: Callable[[Sequence[int], int, int], bool] = lambda extents, rows, operands: False,
    ) -> None:
        self.table, self.stored, self.big, self.room = table, stored, big, room
        self.twice, self.shared = twice, shared
        self.dims = Dims(table)
        self.memo: dict[int, Value] = {}
        self.loads: dict[tuple[object, ...], Value] = {}
        self.roots: list[Root] = []
        self.axes_seen: set[Axes] = set()

    def copy(self) -> Region:
        twin = Region(self.table, self.stored, self.big, self.room, self.twice, self.shared)
        twin.dims = self.dims.copy()
        twin.memo, twin.loads = dict(self.memo), dict(self.loads)
        twin.roots = list(self.roots)
        twin.axes_seen = set(self.axes_seen)
        return twin

    # ---- growing -----------------------------------------------------------------------------

    def add_root(
        self, node: Node, target: Node | None = None, starts: tuple[Symbol, ...] = ()
    ) -> None:
        """Computes ``node`` in this region, to be stored in ``target``; raises Cut or
        JoinRefused."""
        value = self.build(node, self.memo, self.loads)
        self.roots.append(Root(node, value, target, starts))
        self.check_reductions()
        self.check_windows()

    def add_update(self, node: Node) -> None:
        """Makes this the region of what a "scatter" puts into its tensor; raises Cut."""
        memo = self.memo
        for operand in node.inputs[1:]:
            self.build(operand, memo, self.loads)
        value = self.put(node, [memo[n.id] for n in node.inputs[1:]])
        self.roots.append(Root(node, value))
        if found := self.along():
            raise Cut(found[-1].node)
        self.check_windows()

    def put(self, node: Node, args: Sequence[Value]) -> Value:
        """An indirect store, the mirror image of ``lookup``: its view has the axes of what is
        stored, the indexed axes of the tensor are in ``attrs``."""
        into, source = node.inputs[:2]
        rank, follows = len(source.shape), node.attrs["follows"]
        arguments = self.aligned(node.inputs[1:], args, rank)
        axes = list(arguments[0].axes)
        shape = self.table.shape(into)
        natural = contiguous(node, shape)
        strides, indexed = [Symbol.of(0)] * rank, []
        for axis, to in enumerate(follows):
            if to < 0:
                indexed.append((shape[axis], natural.strides[axis]))
            else:
                strides[to] = natural.strides[axis]
        extents = tuple(self.dims.extent(axis) for axis in axes)
        whole = tuple((Symbol.of(0), extent) for extent in extents)
        view = View(node, extents, tuple(strides), Symbol.of(0), whole)
        attrs = {"indexed": indexed, "update": node.attrs["update"], "safe": False}
        return self.note(
            Value("put", "put", tuple(arguments), tuple(axes), node.dtype, node, attrs, view)
        )

    def root_shape(self, root: Root) -> tuple[Symbol, ...]:
        """A root's extents, by the dimensions that it runs over."""
        return tuple(self.dims.extent(axis) for axis in root.value.axes)

    def build(self, node: Node, memo: dict[int, Value], loads: dict[Any, Value]) -> Value:
        """The value of ``node``, operands first, without recursion over the graph's depth."""
        stack = [(node, False)]
        while stack:
            current, ready = stack.pop()
            if current.id in memo:
                continue
            view = self.window(current)
            if view is not None:
                memo[current.id] = self.load(view, loads, current)
            elif ready:
                memo[current.id] = self.compute(current, memo)
            else:
                stack.append((current, True))
                needed = current.inputs[1:] if current.op == "lookup" else current.inputs
                stack.extend((n, False) for n in reversed(needed))
        return memo[node.id]

    def window(self, node: Node) -> View | None:
        """A view of memory that gives ``node`` without computing, if there is one."""
        chain = []
        base = node
        while base.op in VIEW_OPS and not self.is_stored(base):
            chain.append(base)
            base = base.inputs[0]
        if not chain:
            return contiguous(base, self.table.shape(base)) if self.is_stored(base) else None
        view = self.whole(base)
        if view is None:
            raise Cut(base)
        for step in reversed(chain):
            through = windowed(view, step, self.table)
            if through is None:
                raise Cut(step.inputs[0])
            view = through
        return view

    def whole(self, node: Node) -> View | None:
        """A stored tensor, or one under another shape if a window is wanted of it."""
        if self.is_stored(node):
            return contiguous(node, self.table.shape(node))
        base = node
        while base.op == "reshape" and not self.is_stored(base):
            base = base.inputs[0]
        if base.op in VIEW_OPS and node is not base and not self.is_stored(base):
            inner = self.window(base)
            return (
                None
                if inner is None
                else squeezed(inner, [self.table.symbol(e) for e in node.shape])
            )
        if base is node or not self.is_stored(base):
            return None
        return contiguous(base, [self.table.symbol(e) for e in node.shape])

    def is_stored(self, node: Node) -> bool:
        if node.op == "constant":
            return node.type.size != 1
        return self.stored(node)

    def load(self, view: View, loads: dict[Any, Value], node: Node) -> Value:
        if view.key() in loads:
            return loads[view.key()]
        axes = tuple(self.dims.fresh(e) for e in view.shape)
        value = Value("load", "load", (), axes, view.buffer.dtype, node, view=view)
        loads[view.key()] = value
        return self.note(value)

    def note(self, value: Value) -> Value:
        self.axes_seen.add(value.axes)
        return value

    def compute(self, node: Node, memo: dict[int, Value]) -> Value:
        if node.op == "lookup":
            return self.lookup(node, [memo[n.id] for n in node.inputs[1:]])
        args = [memo[n.id] for n in node.inputs]
        kind = op_definition(node.op).kind
        if node.op == "constant":
            return self.note(Value("const", "const", (), ((),) * len(node.shape), node.dtype, node))
        if node.op == "iota":
            return self.iota(node)
        if kind == "reduction":
            return self.reduce(node, args[0])
        if kind == "scan":
            return self.scan(node, args[0])
        if node.op in ("reshape", "transpose", "expand"):
            return self.regroup(node, args[0])
        if kind == "elementwise":
            return self.map(node, args)
        raise Cut(node)

    def lookup(self, node: Node, args: Sequence[Value]) -> Value:
        """An indirect load of a stored tensor: its view has the output's axes (no stride where the
        tensor has none), the indexed axes are in ``attrs``."""
        base = node.inputs[0]
        source = self.window(base) or self.whole(base)
        if source is None or source.bounded():
            raise Cut(base)
        rank, follows = len(node.shape), node.attrs["follows"]
        arguments = self.aligned(node.inputs[1:], args, rank)
        axes = list(self.common_axes(arguments, rank))
        strides, indexed = [Symbol.of(0)] * rank, []
        for axis, to in enumerate(follows):
            if to < 0:
                indexed.append((source.shape[axis], source.strides[axis]))
                continue
            strides[to] = source.strides[axis]
            if not axes[to]:
                same = source.shape[axis].value == node.shape[to]
                extent = source.shape[axis] if same else self.table.symbol(node.shape[to])
                axes[to] = self.dims.fresh(extent)
        shape = tuple(self.dims.extent(axis) for axis in axes)
        whole = tuple((Symbol.of(0), extent) for extent in shape)
        view = View(source.buffer, shape, tuple(strides), source.offset, whole)
        attrs = {
            "indexed": indexed,
            "fill": node.attrs.get("fill"),
            "safe": all(within(n, e[0].value) for n, e in zip(node.inputs[1:], indexed)),
        }
        return self.note(
            Value("lookup", "lookup", tuple(arguments), tuple(axes), node.dtype, node, attrs, view)
        )

    def iota(self, node: Node) -> Value:
        axes = tuple(self.dims.fresh(self.table.symbol(e)) for e in node.shape)
        return self.note(Value("iota", "iota", (), axes, node.dtype, node, dict(node.attrs)))

    def reduce(self, node: Node, operand: Value) -> Value:
        reduced: tuple[int, ...] = ()
        for axis in node.attrs["axes"]:
            reduced += operand.axes[axis]
        kept: list[Axis] = []
        for i, axis_dims in enumerate(operand.axes):
            if i not in node.attrs["axes"]:
                kept.append(axis_dims)
            elif node.attrs.get("keepdims"):
                kept.append(())
        value = Value("reduce", node.op, (operand,), tuple(kept), node.dtype, node)
        value.reduced = reduced
        return self.note(value)

    def scan(self, node: Node, operand: Value) -> Value:
        value = Value("scan", node.op, (operand,), operand.axes, node.dtype, node, dict(node.attrs))
        value.reduced = operand.axes[node.attrs["axis"]]
        return self.note(value)

    def regroup(self, node: Node, operand: Value) -> Value:
        """A view op: the same value under other axes."""
        if node.op == "transpose":
            axes = tuple(operand.axes[a] for a in node.attrs["axes"])
        elif node.op == "expand":
            axes = self.expanded(node, operand)
        else:
            axes_or_none = self.reshaped(node, operand)
            if axes_or_none is None:
                return self.reread(node)
            axes = axes_or_none
        if operand.kind == "const":
            return self.note(Value("const", "const", (), axes, operand.dtype, operand.node))
        return self.note(Value("map", "alias", (operand,), axes, operand.dtype, node))

    def reread(self, node: Node) -> Value:
        """A reshape that does not nest: the stored operand read under the new shape."""
        operand = node.inputs[0]
        if not self.is_stored(operand):
            raise Cut(operand)
        view = contiguous(operand, [Symbol.of(e) for e in node.shape])
        return self.load(view, self.loads, node)

    def expanded(self, node: Node, operand: Value) -> Axes:
        missing = len(node.shape) - len(operand.axes)
        axes: list[Axis] = []
        for i, extent in enumerate(node.shape):
            source = operand.axes[i - missing] if i >= missing else ()
            if self.dims.extent(source).value == extent:
                axes.append(source)
            else:
                axes.append(self.dims.fresh(self.table.symbol(extent)))
        return tuple(axes)

    def reshaped(self, node: Node, operand: Value) -> Axes | None:
        """The operand's dimensions grouped anew; None when the groups do not nest. The new extents
        are literals, so that names come from the operand and not from equal numbers."""
        saved = self.dims.copy()
        axes = tuple(self.dims.fresh(Symbol.of(e)) for e in node.shape)
        try:
            self.dims.unify(self.dims.flatten(operand.axes), self.dims.flatten(axes))
        except DimConflict:
            self.dims = saved
            return None
        return axes

    # ---- elementwise -------------------------------------------------------------------------

    def map(self, node: Node, args: Sequence[Value]) -> Value:
        arguments = self.aligned(node.inputs, args, len(node.shape))
        axes = self.common_axes(arguments, len(node.shape))
        value = Value("map", node.op, tuple(arguments), axes, node.dtype, node, dict(node.attrs))
        return self.note(value)

    def aligned(self, nodes: Sequence[Node], args: Sequence[Value], rank: int) -> list[Value]:
        """The operands over the same dimensions, some of them perhaps computed once more."""
        arguments = list(args)
        for i in range(len(arguments)):
            if not self.align(arguments[: i + 1], rank):
                arguments[i] = self.clone(nodes[i], arguments[i])
                if not self.align(arguments[: i + 1], rank):
                    raise Cut(nodes[i])
        return arguments

    def common_axes(self, args: Sequence[Value], rank: int) -> Axes:
        axes: list[Axis] = [()] * rank
        for arg in args:
            for i, axis in enumerate(arg.axes):
                if axis:
                    axes[rank - len(arg.axes) + i] = axis
        return tuple(axes)

    def align(self, args: Sequence[Value], rank: int) -> bool:
        """Makes the operands' axes equal, NumPy-aligned at the right; False (and nothing changed)
        when that would make two dimensions of one tensor the same."""
        saved = self.dims.copy()
        try:
            for i in range(1, rank + 1):
                present = [a.axes[-i] for a in args if len(a.axes) >= i and a.axes[-i]]
                for axis in present[1:]:
                    self.dims.unify(present[0], axis)
        except DimConflict:
            self.dims = saved
            return False
        result = self.common_axes(args, rank)
        if self.repeats(result) or any(self.repeats(axes) for axes in self.axes_seen):
            self.dims = saved
            return False
        return True

    def repeats(self, axes: Axes) -> bool:
        flat = self.dims.flatten(axes)
        return len(set(flat)) != len(flat)

    def clone(self, node: Node, value: Value) -> Value:
        """``node`` computed once more over dimensions of its own, if that is cheap; else Cut."""
        if self.window(node) is None and not self.cheap(value):
            raise Cut(node)
        return self.build(node, {}, {})

    def cheap(self, value: Value) -> bool:
        seen: set[int] = set()
        stack = [value]
        while stack:
            current = stack.pop()
            if id(current) in seen:
                continue
            seen.add(id(current))
            if current.kind in ("reduce", "scan") or len(seen) > 24:
                return False
            stack.extend(current.args)
        return True

    # ---- what the whole region runs over -----------------------------------------------------

    def live(self) -> list[Value]:
        """The values that the roots need, operands first."""
        return ordered(root.value for root in self.roots)

    def reductions(self) -> list[Value]:
        return [v for v in self.live() if v.kind == "reduce" and v.reduced]

    def scans(self) -> list[Value]:
        return [v for v in self.live() if v.kind == "scan" and v.reduced]

    def along(self) -> list[Value]:
        """The reductions and scans: what runs along the dimensions that a tile holds whole."""
        return [v for v in self.live() if v.kind in ("reduce", "scan") and v.reduced]

    def reduced_dims(self) -> frozenset[int]:
        """What a tile holds whole."""
        found = self.along()
        made = self.bands()
        if made is not None:
            return made.held
        return frozenset(self.dims.resolve(found[0].reduced)) if found else frozenset()

    def bands(self) -> Bands | None:
        """How one pass serves reductions over different dimensions; None where it does not."""
        from kernelwright.compiler.schedule.bands import bands

        return bands(self)

    def all_dims(self) -> frozenset[int]:
        """Every dimension of a load, an iota, a reduction's operand or a root."""
        out: set[int] = set()
        for value in self.live():
            if value.kind in ("load", "iota", "lookup"):
                out.update(self.dims.flatten(value.axes))
            if value.kind in ("reduce", "scan"):
                out.update(self.dims.flatten(value.args[0].axes))
        for root in self.roots:
            out.update(self.dims.flatten(root.value.axes))
        return frozenset(out)

    def check_reductions(self) -> None:
        found = self.along()
        if not found:
            return
        if self.bands() is not None:
            return
        sets = [frozenset(self.dims.resolve(r.reduced)) for r in found]
        for one, first in zip(found, sets):
            for two, second in zip(found, sets):
                if first != second:
                    self.separate(one, two)
        whole = self.all_dims()
        for reduction in found:
            if frozenset(self.dims.flatten(reduction.args[0].axes)) != whole:
                raise Cut(reduction.node)
        if self.scans():
            self.check_scans()
        if self.too_long(found):
            self.check_streaming(found, sets[0])

    def too_long(self, found: Sequence[Value]) -> bool:
        """Whether rows cannot be kept while they are reduced. Rows that are needed again below
        their maximum (a softmax) may be longer: another pass would take every exponential anew."""
        reduced = {d for v in found for d in self.dims.resolve(v.reduced)}
        again = any(v.op in ("amax", "amin") for v in found) and any(
            reduced & set(self.dims.flatten(root.value.axes)) for root in self.roots
        )
        return any(self.big(v.node, again) for v in found)

    def check_windows(self) -> None:
        """An axis with a part outside may only be split where that part is whole rows."""
        for value in self.live():
            if value.view is None or value.kind == "put" or not value.view.bounded():
                continue
            for axis, ends, extent in zip(value.axes, value.view.inside, value.view.shape):
                if (ends[0].value, ends[1].value) == (0, extent.value):
                    continue
                inner = product(self.dims.size[d] for d in self.dims.resolve(axis)[1:]).value
                if ends[0].value % inner or ends[1].value % inner:
                    if any(r.node is value.node for r in self.roots):
                        raise JoinRefused
                    raise Cut(value.node)

    def separate(self, one: Value, two: Value) -> None:
        """Two reductions over different dimensions: the inner one goes to memory."""
        if depends(two, one):
            raise Cut(one.node)
        if depends(one, two):
            raise Cut(two.node)
        if len(self.roots) > 1:
            raise JoinRefused
        chosen = one if one.node is not self.roots[0].node else two
        node = chosen.node
        if chosen.kind == "reduce":
            node = self.statistic(chosen, frozenset(self.dims.resolve(chosen.reduced)))
        raise Cut(node if node is not self.roots[0].node else chosen.node)

    def check_scans(self) -> None:
        """The dimensions of a scan must be one loop, in the order in which it visits them."""
        from kernelwright.compiler.schedule.space import Space

        space = Space(self)
        for scan in self.scans():
            along = self.dims.resolve(scan.reduced)
            if any(dim.atoms == along for dim in space.dims):
                continue
            if len(self.roots) > 1:
                raise JoinRefused
            alone = scan.node is self.roots[0].node
            raise Cut(scan.node.inputs[0] if alone else scan.node)

    def check_streaming(self, found: Sequence[Value], reduced: frozenset[int]) -> None:
        """A long reduction is passed over once: nothing may need its result while it runs. Long
        scans go together, but not with reductions."""
        from kernelwright.compiler.schedule.online import links

        scans = [v for v in found if v.kind == "scan"]
        if scans:
            self.separate_kinds(found)
            return
        paired = links(found)
        for one in reversed(found):
            for two in found:
                together = id(two) in paired and paired[id(two)].base is one
                if one is not two and depends(two, one) and not together:
                    raise Cut(one.node)
        again = all(self.twice(v.node) for v in found) or self.shares_rows()
        for root in self.roots:
            if reduced & set(self.dims.flatten(root.value.axes)) and not again:
                if len(self.roots) > 1:
                    raise JoinRefused
                raise Cut(self.statistic(found[-1], reduced))

    def shares_rows(self) -> bool:
        """Whether several cores keep a row among them while it is reduced."""
        from kernelwright.compiler.schedule.space import Space

        dims = Space(self).dims
        sizes = [d.size for d in dims if d.reduced]
        if not dims[-1].reduced or any(self.table.most(s) is not None for s in sizes):
            return False
        rows = product(d.size for d in dims if not d.reduced).value
        return self.shared([s.value for s in sizes], rows, self.operands_of_rows())

    def operands_of_rows(self) -> int:
        """How many tensors are read that differ along all reduced dimensions."""
        reduced = self.reduced_dims()
        loads = [v for v in self.live() if v.kind in ("load", "lookup")]
        return sum(reduced <= self.presence(v) for v in loads)

    def statistic(self, reduction: Value, reduced: frozenset[int]) -> Node:
        """What is best stored of a reduction: the last value computed from it, such as a mean or a
        reciprocal deviation, that elements along the reduced dimensions use."""
        found, best = {id(reduction)}, reduction
        for value in self.live():
            sources = [a for a in value.args if id(a) in found]
            if value.kind != "map" or not sources:
                continue
            if not self.presence(value) & reduced:
                found.add(id(value))
                continue
            for source in sources:
                while source.op == "alias":
                    source = source.args[0]
                if depends(source, best):
                    best = source
        return best.node

    def separate_kinds(self, found: Sequence[Value]) -> None:
        """Long rows are passed over once: reductions, scans and scans from the end apart. What
        another of these needs goes to memory."""

        def kind(value: Value) -> tuple[str, bool]:
            return value.kind, bool(value.attrs.get("reverse"))

        if len({kind(v) for v in found}) == 1:
            return
        for one in found:
            if any(kind(one) != kind(two) and depends(two, one) for two in found):
                raise Cut(one.node)
        if len(self.roots) > 1:
            raise JoinRefused
        raise Cut(next(v.node for v in found if v.node is not self.roots[0].node))

    def followed(self, lookup: Value) -> frozenset[int]:
        """The dimensions along which an indirect load follows the tensor's own axes."""
        assert lookup.view is not None
        pairs = zip(lookup.axes, lookup.view.strides)
        return frozenset(d for axis, s in pairs if s.value for d in self.dims.resolve(axis))

    def presence(self, value: Value) -> frozenset[int]:
        """The dimensions along which ``value`` really differs."""
        memo: dict[int, frozenset[int]] = {}
        for current in ordered([value]):
            dims = frozenset(self.dims.flatten(current.axes))
            if current.kind == "const":
                memo[id(current)] = frozenset()
            elif current.kind == "iota":
                axis = current.axes[current.attrs["axis"]]
                memo[id(current)] = frozenset(self.dims.resolve(axis))
            elif current.kind in ("load", "put"):
                memo[id(current)] = dims
            elif current.kind == "lookup":
                memo[id(current)] = frozenset().union(
                    *(memo[id(a)] for a in current.args), self.followed(current)
                )
            else:
                union = frozenset().union(*(memo[id(a)] for a in current.args))
                if current.kind == "reduce":
                    union -= frozenset(self.dims.resolve(current.reduced))
                elif current.kind == "scan":
                    union |= frozenset(self.dims.resolve(current.reduced))
                memo[id(current)] = union
        return memo[id(value)]


def within(index: Node, extent: int) -> bool:
    """Whether an index is known, and never outside of an axis of ``extent``."""
    ends = span(index)
    return ends is not None and ends[0] >= 0 and ends[1] < extent


def span(node: Node) -> tuple[int, int] | None:
    """The least and the largest value of an integer that positions alone decide; None for others,
    and for what is not simple."""
    if is_float(node.dtype) or node.dtype == "bool":
        return None
    if node.op == "constant":
        values = node.attrs["value"]
        return int(values.min()), int(values.max())
    if node.op == "iota":
        return 0, max(0, node.shape[node.attrs["axis"]] - 1)
    if node.op not in _MONOTONE and node.op != "cast":
        return None
    ends = [span(n) for n in node.inputs]
    known = [e for e in ends if e is not None]
    if len(known) < len(ends) or (node.op in _DIVIDED and known[1][0] < _DIVIDED[node.op]):
        return None
    if node.op == "cast":
        return known[0]
    corners = [_MONOTONE[node.op](x, y) for x in known[0] for y in known[1]]
    return min(corners), max(corners)


_MONOTONE: dict[str, Callable[[int, int], int]] = {
    "add": lambda x, y: x + y,
    "mul": lambda x, y: x * y,
    "minimum": min,
    "maximum": max,
    "floor_divide": lambda x, y: x // y,
    "right_shift": lambda x, y: x >> y,
}  # extreme at the ends of their operands
_DIVIDED = {"floor_divide": 1, "right_shift": 0}  # the least right operand of which that is so


def ordered(values: Iterable[Value]) -> list[Value]:
    """All values that these need, operands first, each once."""
    done: dict[int, Value] = {}
    stack = [(v, False) for v in reversed(list(values))]
    while stack:
        value, ready = stack.pop()
        if id(value) in done:
            continue
        if ready:
            done[id(value)] = value
        else:
            stack.append((value, True))
            stack.extend((a, False) for a in reversed(value.args) if id(a) not in done)
    return list(done.values())


def depends(value: Value, on: Value) -> bool:
    return any(v is on for v in ordered([value])) and value is not on
