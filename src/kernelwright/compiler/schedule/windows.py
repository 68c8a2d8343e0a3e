"""Windows (slices, flips, pads, pooling taps) brought down to the tensors that they read, and
concatenations brought up to where their parts can be stored.

A window on a stored tensor costs nothing: it is an address, and a mask where it reaches outside.
So a window of an elementwise op becomes the op on windows, as long as computing the op once for
every window is cheaper than storing it. A concatenation is stored part by part, each by its own
kernel; so an elementwise op on one becomes a concatenation of ops.
"""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelwright.compiler.schedule.known import composed_lookup, lines, unmoved, windows_of
from kernelwright.graph.core import DTYPES, Builder, Graph, Node, is_float, walk
from kernelwright.graph.ops import op_definition
from kernelwright.graph.ops.window import inside

WINDOW_OPS = ("slice", "flip", "pad", "window")
MAX_PARTS = 8  # of a concatenation that elementwise ops are repeated for
WORTH_PARTS = 1 << 14  # elements of a lookup that is worth several kernels
REPEAT_BUDGET = 24  # operations that may be repeated an element instead of storing the operand
LONGEST = 200  # operations of one window's operand, however few windows there are
_CHEAP_NAMES = """
    add sub mul neg abs relu maximum minimum where cast square eq ne lt le gt ge sign floor ceil
    round trunc logical_and logical_or logical_not logical_xor isnan isinf isfinite bitwise_and
    bitwise_or bitwise_xor bitwise_not
"""
_CHEAP = frozenset(_CHEAP_NAMES.split())


@dataclass(frozen=True)
class Window:
    """``out[i] = x[start + step * i]`` an axis, ``value`` outside (None: nothing is outside)."""

    starts: tuple[int, ...]
    steps: tuple[int, ...]
    shape: tuple[int, ...]
    value: float | int | bool | None

    def outside(self, axis: int, size: int) -> bool:
        """Whether a part of this axis of the window lies outside of a tensor axis of ``size``."""
        extent = self.shape[axis]
        return inside(self.starts[axis], self.steps[axis], extent, size) != (0, extent)

    def whole(self, shape: Sequence[int]) -> bool:
        plain = not any(self.starts) and all(s == 1 for s in self.steps)
        return plain and self.shape == tuple(shape)

    def picked(self, axes: Sequence[int | None], sizes: Sequence[int]) -> Window:
        """The window with one of its axes an axis of another tensor (None: an axis of size 1)."""
        return Window(
            tuple(0 if a is None else self.starts[a] for a in axes),
            tuple(1 if a is None else self.steps[a] for a in axes),
            tuple(n if a is None else self.shape[a] for a, n in zip(axes, sizes)),
            self.value,
        )


def window_of(node: Node) -> Window:
    """The window that a slice, flip, pad or window node is."""
    x, attrs = node.inputs[0].shape, node.attrs
    if node.op == "slice":
        return Window(tuple(attrs["starts"]), tuple(attrs["steps"]), node.shape, None)
    if node.op == "flip":
        flipped = [i in attrs["axes"] for i in range(len(x))]
        starts = tuple(n - 1 if f else 0 for n, f in zip(x, flipped))
        return Window(starts, tuple(-1 if f else 1 for f in flipped), node.shape, None)
    if node.op == "pad":
        starts = tuple(-low for low in attrs["low"])
        return Window(starts, (1,) * len(x), node.shape, attrs["value"])
    return Window(
        tuple(attrs["starts"]), tuple(attrs["steps"]), tuple(attrs["shape"]), attrs["value"]
    )


def lower_windows(graph: Graph, cores: bool = True) -> Graph:
    """``graph`` with windows on what is stored only, and concatenations as late as they can be.
    ``cores``: for processors, where a lookup with known indices is split into windows."""
    return _Lowering(graph, cores).run()


class _Lowering:
    def __init__(self, graph: Graph, cores: bool) -> None:
        self.graph, self.builder, self.cores = graph, Builder(), cores
        self.new: dict[int, Node] = {}
        self.wanted: dict[int, int] = defaultdict(int)  # elements of all windows on a node
        self.memo: dict[tuple[int, Window], Node] = {}
        self.blocked: set[int] = set()  # nodes that a reduction follows
        self.lookups: dict[int, int] = defaultdict(int)  # how many read a node

    def run(self) -> Graph:
        nodes = self.graph.nodes()
        for node in nodes:
            if node.op in (*WINDOW_OPS, "lookup"):
                self.wanted[node.inputs[0].id] += node.type.size
            if node.op == "lookup":
                self.lookups[node.inputs[0].id] += 1
        for node in reversed(nodes):
            kind = op_definition(node.op).kind
            if kind in ("reduction", "scan") or (
                kind in ("elementwise", "view", "movement") and node.id in self.blocked
            ):
                self.blocked.update(n.id for n in node.inputs)
        for node in nodes:
            self.new[node.id] = self.rewritten(node)
        outputs = [self.new[n.id] for n in self.graph.outputs]
        return dataclasses.replace(self.graph, outputs=outputs)

    def rewritten(self, node: Node) -> Node:
        operands = [self.new[n.id] for n in node.inputs]
        if node.op in WINDOW_OPS:
            original = node.inputs[0]
            ratio = self.wanted[original.id] / max(1, original.type.size)
            return self.windowed(window_of(node), operands[0], ratio)
        split = self.split(node, operands) if node.op == "lookup" else None
        if split is not None:
            return split
        if node.op == "lookup" and node.attrs.get("fill") is None:
            original = node.inputs[0]
            ratio = self.wanted[original.id] / max(1, original.type.size)
            return self.looked_up(node, operands, ratio)
        if node.op == "concat":
            return self.concat(operands, node.attrs["axis"])
        if node.op == "frames":
            return self.framed(node, operands[0])
        elementwise = op_definition(node.op).kind == "elementwise"
        if elementwise and node.id not in self.blocked:
            lifted = self.lifted(node, operands)
            if lifted is not None:
                return lifted
        if all(a is b for a, b in zip(operands, node.inputs)):
            return node
        return Node(node.op, tuple(operands), node.attrs, node.type)

    def split(self, node: Node, operands: Sequence[Node]) -> Node | None:
        """A lookup as windows on its operand, if that is known to be possible."""
        alone = node.id not in self.blocked and node.id not in self.wanted
        alone = alone and self.lookups[node.inputs[0].id] == 1 and node.type.size >= WORTH_PARTS
        leaf = Node("parameter", (), {}, operands[0].type)  # stands for the operand
        own = Node(node.op, (leaf, *operands[1:]), node.attrs, node.type)
        found = windows_of(self.builder, own, self.cores and alone)
        if found is None:
            return None
        original = node.inputs[0]
        ratio = self.wanted[original.id] / max(1, original.type.size)
        return self.replaced(found, {leaf.id: operands[0]}, ratio)

    def replaced(self, root: Node, new: dict[int, Node], ratio: float) -> Node:
        """What ``windows_of`` gives, with its windows and lookups brought down as all others."""
        for node in walk([root], known=new):
            given = [new[n.id] for n in node.inputs]
            if node.op == "window":
                new[node.id] = self.windowed(window_of(node), given[0], ratio)
            elif node.op == "lookup":
                new[node.id] = self.looked_up(node, given, ratio)
            elif node.op == "concat":
                new[node.id] = self.concat(given, node.attrs["axis"])
            else:
                new[node.id] = (
                    node if not given else self.builder.make(node.op, given, **node.attrs)
                )
        return new[root.id]

    # ---- windows -----------------------------------------------------------------------------

    def windowed(self, window: Window, x: Node, ratio: float) -> Node:
        """``window`` of ``x``, whose windows have ``ratio`` times its elements together."""
        if window.whole(x.shape):
            return x
        key = (x.id, window)
        if key not in self.memo:
            self.memo[key] = self.sunk(window, x, ratio) or self.made(window, x)
        return self.memo[key]

    def looked_up(self, node: Node, operands: Sequence[Node], ratio: float) -> Node:
        """A lookup in f(a, b) = f of lookups in a and b, where that repeats little."""
        base, *indices = operands
        base = self.reshape_below(base)
        if base.op == "lookup" and not self.cores:
            joined = composed_lookup(self.builder, node, base, indices)
            if joined is not None:
                return joined
        plain = op_definition(base.op).kind == "elementwise" and all(
            n.shape == base.shape or unmoved(node, n) for n in base.inputs
        )
        joins = plain and self.joins(node, base, indices)
        readers = self.lookups.get(node.inputs[0].id, 1)  # an output reads what each of them does
        if joins and readers * self.cost(base, True) > LONGEST:
            plain = False
        if plain and not self.dear(base, ratio, joins):
            parts = [
                n if n.shape != base.shape else self.looked_up(node, [n, *indices], ratio)
                for n in base.inputs
            ]
            value = self.builder.make(base.op, parts, **base.attrs)
            if value.shape == node.shape:
                return value
        return self.builder.make("lookup", operands, **node.attrs)

    def framed(self, node: Node, x: Node) -> Node:
        """Frames of f(a, b) = f of frames of a and b, where that repeats little."""
        ratio = node.type.size / max(1, x.type.size)
        plain = op_definition(x.op).kind == "elementwise" and all(
            n.shape == x.shape or n.type.size == 1 for n in x.inputs
        )
        if not plain or self.dear(x, ratio):
            return self.builder.make("frames", [x], **node.attrs)
        parts = [
            self.framed(node, n)
            if n.shape == x.shape and n.type.size != 1
            else self.builder.reshape(n, shape=(1,) * len(node.shape))
            for n in x.inputs
        ]
        made = self.builder.make(x.op, parts, **x.attrs)
        return made if made.shape == node.shape else self.builder.expand(made, shape=node.shape)

    def joins(self, node: Node, base: Node, indices: list[Node]) -> bool:
        """Whether the lookup becomes one with every lookup that ``base`` is computed from."""
        if self.cores:
            return False
        stack: list[Node] = [base]
        found: list[Node] = []
        while stack and len(found) <= LONGEST:
            one = stack.pop()
            if one.op == "lookup":
                found.append(one)
            elif op_definition(one.op).kind in ("elementwise", "view"):
                stack.extend(one.inputs)
        return all(composed_lookup(self.builder, node, n, indices) is not None for n in found)

    def made(self, window: Window, x: Node) -> Node:
        value = window.value
        if value is None:
            value = False if x.dtype == "bool" else 0
        node = self.builder.make(
            "window", [x], starts=window.starts, steps=window.steps, shape=window.shape, value=value
        )
        ranges = [inside(*one) for one in zip(window.starts, window.steps, window.shape, x.shape)]
        if node.type.size and any(low == high for low, high in ranges):
            return self.builder.expand(self.builder.constant(value, x.dtype), shape=window.shape)
        return node

    def sunk(self, window: Window, x: Node, ratio: float) -> Node | None:
        """The window moved through ``x`` toward its operands; None where it cannot be."""
        if x.op == "transpose":
            axes = x.attrs["axes"]
            inner = window.picked([axes.index(a) for a in range(len(axes))], x.inputs[0].shape)
            return self.builder.transpose(self.windowed(inner, x.inputs[0], ratio), axes=axes)
        if x.op in ("window", "slice"):
            return self.composed(window, x, ratio)
        if x.op == "concat":
            return self.of_concat(window, x, ratio)
        if x.op == "reshape":
            return self.of_reshape(window, x, ratio)
        if x.op == "lookup":
            return self.of_lookup(window, x, ratio)
        broken = [a for a, n in enumerate(x.shape) if window.outside(a, n)]
        if x.op == "expand":
            return self.of_expand(window, x, ratio, broken)
        if x.op == "iota" or (x.op == "constant" and x.type.size == 1):
            return self.of_leaf(window, x, broken)
        if op_definition(x.op).kind == "scan":
            return self.of_scan(window, x, ratio, broken)
        if op_definition(x.op).kind != "elementwise":
            return None
        if self.dear(x, ratio):
            return None
        return self.of_elementwise(window, x, ratio, broken)

    def dear(self, x: Node, ratio: float, lookups: bool = False) -> bool:
        """Whether storing ``x`` is cheaper than computing it in every window; ``lookups`` that it
        is computed from cost no more than loads."""
        cost = self.cost(x, lookups)
        return cost > LONGEST or (ratio > 1.2 and ratio * cost > REPEAT_BUDGET)

    def cost(self, x: Node, lookups: bool) -> int:
        """Operations and loads an element to compute ``x`` from what is stored."""
        total, stack, seen = 0, [x], set()
        while stack and total <= LONGEST:
            node = stack.pop()
            if node.id in seen:
                continue
            seen.add(node.id)
            kind = op_definition(node.op).kind
            if kind == "elementwise":
                total += 1 if node.op in _CHEAP else 12
            if kind in ("elementwise", "view"):
                stack.extend(node.inputs)
            elif kind in ("reduction", "scan") or (kind == "lookup" and not lookups):
                return LONGEST + 1
            elif node.op != "constant":
                total += 1
        return total

    def composed(self, window: Window, x: Node, ratio: float) -> Node:
        """A window of a window is one window, masked where the fill values differ."""
        inner, base = window_of(x), x.inputs[0]
        starts = tuple(s + t * w for s, t, w in zip(inner.starts, inner.steps, window.starts))
        steps = tuple(t * w for t, w in zip(inner.steps, window.steps))
        broken = [a for a, n in enumerate(x.shape) if window.outside(a, n)]
        reaches = [a for a, n in enumerate(base.shape) if inner.outside(a, n)]
        one_fill = not (broken and reaches) or inner.value == window.value
        masked = []
        for axis in broken:  # what is outside of the inner window may be inside of the tensor
            extent = window.shape[axis]
            ours = inside(window.starts[axis], window.steps[axis], extent, x.shape[axis])
            its = inside(starts[axis], steps[axis], extent, base.shape[axis])
            if not one_fill or its[0] < ours[0] or its[1] > ours[1]:
                masked.append(axis)
        fill = window.value if broken and one_fill else inner.value
        joined = Window(starts, steps, window.shape, fill)
        return self.masked(window, x, self.windowed(joined, base, ratio), masked)

    def of_reshape(self, window: Window, x: Node, ratio: float) -> Node | None:
        """Through axes of size 1 that come or go; a reshape of an elementwise op goes below it."""
        base = x.inputs[0]
        if [n for n in x.shape if n != 1] == [n for n in base.shape if n != 1]:
            long = [a for a, n in enumerate(x.shape) if n != 1]
            if any(not _trivial(window, a) for a, n in enumerate(x.shape) if n == 1):
                return None
            rest = iter(long)
            axes = [None if n == 1 else next(rest) for n in base.shape]
            inner = self.windowed(window.picked(axes, base.shape), base, ratio)
            return self.builder.reshape(inner, shape=window.shape)
        merged = _merged(window, x.shape, base.shape)
        if merged is not None:
            inner = self.windowed(merged, base, ratio)
            return self.builder.reshape(inner, shape=window.shape)
        apart = _apart(window, x.shape, base.shape)
        if apart is not None:
            inner = self.windowed(apart, base, ratio)
            return self.builder.reshape(inner, shape=window.shape)
        below = self.reshape_below(x)
        if below is x or self.dear(base, ratio):
            return None
        return self.windowed(window, below, ratio)

    def of_lookup(self, window: Window, x: Node, ratio: float) -> Node | None:
        """A window of elements picked at known places, as those that it picks itself."""
        base, rank = x.inputs[0], len(x.shape)
        known = lines(x)
        if known is None or x.attrs.get("fill") is not None or len(base.shape) != rank:
            return None
        if any(window.outside(a, n) for a, n in enumerate(x.shape)):
            return None
        places = x.attrs["follows"]
        if any((known[a][0] if a in known else places[a]) != a for a in range(rank)):
            return None
        rest = [a if a not in known else None for a in range(rank)]
        inner = window.picked(rest, [base.shape[a] for a in range(rank)])
        whole = dataclasses.replace(
            inner,
            shape=tuple(base.shape[a] if a in known else window.shape[a] for a in range(rank)),
            value=None,
        )
        indices = []
        for axis in sorted(known):
            values = known[axis][1]
            at = window.starts[axis] + window.steps[axis] * np.arange(window.shape[axis])
            line = [1] * rank
            line[axis] = at.size
            indices.append(self.builder.constant(values[at].reshape(line), "int32"))
        below = self.windowed(whole, base, ratio)
        made = self.builder.make("lookup", [below, *indices], shape=window.shape, follows=places)
        leaf = Node("parameter", (), {}, below.type)
        own = Node(made.op, (leaf, *indices), made.attrs, made.type)
        found = windows_of(self.builder, own, False)
        return made if found is None else self.replaced(found, {leaf.id: below}, ratio)

    def reshape_below(self, x: Node) -> Node:
        """A reshape of an elementwise op as the op on reshaped operands, if it is one."""
        if x.op != "reshape" or op_definition(x.inputs[0].op).kind != "elementwise":
            return x
        base = x.inputs[0]
        if any(n.shape != base.shape and n.type.size != 1 for n in base.inputs):
            return x
        ones = (1,) * len(x.shape)
        operands = [
            self.reshaped(n, x.shape if n.shape == base.shape else ones) for n in base.inputs
        ]
        return self.builder.make(base.op, operands, **base.attrs)

    def reshaped(self, x: Node, shape: tuple[int, ...]) -> Node:
        if x.shape == shape:
            return x
        return self.builder.reshape(x.inputs[0] if x.op == "reshape" else x, shape=shape)

    def of_scan(self, window: Window, x: Node, ratio: float, broken: Sequence[int]) -> Node | None:
        """A flip of a scan is the scan from the other end; the elements that a scan visits first
        are a scan of as many, and so they are behind places that change nothing."""
        axis, attrs = x.attrs["axis"], dict(x.attrs)
        reverse, size = bool(attrs.pop("reverse", False)), x.shape[axis]
        start, step, extent = window.starts[axis], window.steps[axis], window.shape[axis]
        if broken:
            ends = start + extent - size if reverse else -start
            neutral = {"cumsum": 0, "cumprod": 1}.get(x.op)
            if list(broken) != [axis] or step != 1 or ends < 0 or neutral != window.value:
                return None
            if (start < 0) if reverse else (start + extent > size):
                return None
            inner = self.windowed(window, x.inputs[0], ratio)
            return self.builder.make(x.op, [inner], **x.attrs)
        if step == -1 and (start, extent) == (size - 1, size):
            reverse = not reverse
        elif step != 1 or (start + extent != size if reverse else start):
            return None
        inner = self.windowed(window, x.inputs[0], ratio)
        return self.builder.make(x.op, [inner], **attrs, **({"reverse": True} if reverse else {}))

    def of_expand(
        self, window: Window, x: Node, ratio: float, broken: Sequence[int]
    ) -> Node | None:
        (base,) = x.inputs
        missing = len(x.shape) - len(base.shape)
        repeated = [a for a in broken if a < missing or base.shape[a - missing] == 1]
        axes = [
            None if n == 1 and x.shape[a + missing] != 1 else a + missing
            for a, n in enumerate(base.shape)
        ]
        if base.type.size == 1 and base.op == "constant":
            axes = [None] * len(base.shape)
            repeated = list(broken)
        inner = self.windowed(window.picked(axes, base.shape), base, ratio)
        spread = self.builder.expand(inner, shape=window.shape)
        return self.masked(window, x, spread, repeated)

    def of_leaf(self, window: Window, x: Node, broken: Sequence[int]) -> Node:
        """Of an index or a number: both are computed."""
        if x.op == "constant":
            value = self.builder.expand(x, shape=window.shape)
        else:
            axis = x.attrs["axis"]
            value = self.builder.make("iota", [], shape=window.shape, axis=axis, dtype=x.dtype)
            if window.steps[axis] != 1:
                step = self.builder.constant(window.steps[axis], x.dtype)
                value = self.builder.mul(value, step)
            if window.starts[axis]:
                start = self.builder.constant(window.starts[axis], x.dtype)
                value = self.builder.add(value, start)
        return self.masked(window, x, value, broken)

    def of_elementwise(self, window: Window, x: Node, ratio: float, broken: Sequence[int]) -> Node:
        fill = self.fill_of(window, x, broken) if broken else None
        operands = []
        for operand in x.inputs:
            missing = len(x.shape) - len(operand.shape)
            axes = [
                None if n == 1 and x.shape[a + missing] != 1 else a + missing
                for a, n in enumerate(operand.shape)
            ]
            zero = False if operand.dtype == "bool" else 0
            inner = dataclasses.replace(
                window.picked(axes, operand.shape), value=zero if fill is None else fill
            )
            operands.append(self.windowed(inner, operand, ratio))
        value = self.builder.make(x.op, operands, **x.attrs)
        if value.shape != window.shape:
            value = self.builder.expand(value, shape=window.shape)
        return value if fill is not None else self.masked(window, x, value, broken)

    def fill_of(self, window: Window, x: Node, broken: Sequence[int]) -> Any:
        """What the operands must be outside so that ``x`` is the window's value there; None if
        that cannot be known."""
        if not is_float(x.dtype) or any(not is_float(n.dtype) for n in x.inputs):
            return None
        fixed: list[np.ndarray | None] = []
        for operand in x.inputs:
            missing = len(x.shape) - len(operand.shape)
            scalar = operand.op == "constant" and operand.type.size == 1
            follows = all(a >= missing and operand.shape[a - missing] != 1 for a in broken)
            if not scalar and not follows:
                return None
            fixed.append(operand.attrs["value"].reshape(()) if scalar else None)
        value = np.asarray(window.value).astype(DTYPES[x.dtype])
        for candidate in (window.value, 0.0, -math.inf, math.inf):
            kinds = [DTYPES[n.dtype] for n in x.inputs]
            arrays = [
                np.asarray(candidate).astype(kind) if one is None else one
                for one, kind in zip(fixed, kinds)
            ]
            with np.errstate(all="ignore"):
                found = np.asarray(op_definition(x.op).meaning(*arrays, **x.attrs))
            if found.tobytes() == value.tobytes():
                return candidate
        return None

    def masked(self, window: Window, x: Node, value: Node, axes: Sequence[int]) -> Node:
        """``value`` inside along ``axes``, the window's fill outside."""
        holds: Node | None = None
        b = self.builder
        for axis in axes:
            extent = window.shape[axis]
            low, high = inside(window.starts[axis], window.steps[axis], extent, x.shape[axis])
            shape = tuple(extent if a == axis else 1 for a in range(len(window.shape)))
            index = b.make("iota", [], shape=shape, axis=axis, dtype="int32")
            for test, limit in (("ge", low), ("lt", high)):
                if (test, limit) in (("ge", 0), ("lt", extent)):
                    continue
                one = b.make(test, [index, b.constant(limit, "int32")])
                holds = one if holds is None else b.logical_and(holds, one)
        if holds is None:
            return value
        fill = window.value
        if fill is None:
            fill = False if x.dtype == "bool" else 0
        return b.where(holds, value, b.constant(fill, x.dtype))

    # ---- concatenations ----------------------------------------------------------------------

    def concat(self, parts: Sequence[Node], axis: int) -> Node:
        """The parts end to end, those of inner concatenations on the same axis among them."""
        flat: list[Node] = []
        for part in parts:
            same = part.op == "concat" and part.attrs["axis"] == axis
            flat.extend(part.inputs if same else [part])
        flat = [p for p in flat if p.shape[axis]] or flat[:1]
        if len(flat) > 1 and (bordered := self.bordered(flat, axis)) is not None:
            return bordered
        return flat[0] if len(flat) == 1 else self.builder.concat(*flat, axis=axis)

    def bordered(self, parts: Sequence[Node], axis: int) -> Node | None:
        """One part between constants of one value: a window that reaches as far outside."""
        numbers = [number_of(p) for p in parts]
        inner = [i for i, n in enumerate(numbers) if n is None]
        if len(inner) != 1 or parts[inner[0]].op == "concat":
            return None
        values = {n.tobytes(): n for n in numbers if n is not None}
        if len(values) != 1:
            return None
        (value,) = values.values()
        x, before = parts[inner[0]], sum(p.shape[axis] for p in parts[: inner[0]])
        shape = _with(x.shape, axis, sum(p.shape[axis] for p in parts))
        starts = _with((0,) * len(shape), axis, -before)
        window = Window(starts, (1,) * len(shape), shape, value.reshape(()).item())
        return self.windowed(window, x, 1.0)

    def of_concat(self, window: Window, x: Node, ratio: float) -> Node | None:
        """A window that stays inside, as the windows of the parts that it meets."""
        axis = x.attrs["axis"]
        if any(window.outside(a, n) for a, n in enumerate(x.shape)) or window.steps[axis] < 0:
            return None
        if not x.type.size or not math.prod(window.shape):
            return None
        start, step, extent = window.starts[axis], window.steps[axis], window.shape[axis]
        pieces: list[Node] = []
        before = 0
        for part in x.inputs:
            size = part.shape[axis]
            low, high = inside(start - before, step, extent, size)
            if low < high:
                piece = Window(
                    _with(window.starts, axis, start - before + step * low),
                    window.steps,
                    _with(window.shape, axis, high - low),
                    None,
                )
                pieces.append(self.windowed(piece, part, ratio))
            before += size
        if len(pieces) > (MAX_PARTS if ratio <= 1 else 1):
            return None  # windows that overlap read the stored whole
        return self.concat(pieces, axis)

    def lifted(self, node: Node, operands: Sequence[Node]) -> Node | None:
        """f(concat(a, b), y) = concat(f(a, y's first part), f(b, y's second part))."""
        chosen = next((n for n in operands if _cuts(n, node)), None)
        if chosen is None or len(chosen.inputs) > MAX_PARTS:
            return None
        axis, before = chosen.attrs["axis"], 0
        parts: list[Node] = []
        for part in chosen.inputs:
            size = part.shape[axis]
            window = Window(
                _with((0,) * len(node.shape), axis, before), (1,) * len(node.shape),
                _with(node.shape, axis, size), None,
            )  # fmt: skip
            mine = [self.part_of(n, node, window, axis) for n in operands]
            parts.append(self.piece(node, mine, window.shape))
            before += size
        return self.concat(parts, axis)

    def part_of(self, operand: Node, node: Node, window: Window, axis: int) -> Node:
        missing = len(node.shape) - len(operand.shape)
        if axis < missing or operand.shape[axis - missing] == 1:
            return operand
        sizes = operand.shape
        picked: list[int | None] = [
            axis if a + missing == axis else None for a in range(len(sizes))
        ]
        return self.windowed(window.picked(picked, sizes), operand, 1.0)

    def piece(self, node: Node, operands: Sequence[Node], shape: tuple[int, ...]) -> Node:
        """``node`` on the parts of its operands, themselves perhaps concatenations."""
        made = self.builder.make(node.op, operands, **node.attrs)
        if made.shape != shape:
            made = self.builder.expand(made, shape=shape)
        return self.lifted(made, operands) or made if made.op == node.op else made


def number_of(node: Node) -> np.ndarray | None:
    """The one value that all elements of a constant hold, as an array; None for other nodes."""
    while node.op in ("expand", "reshape"):
        node = node.inputs[0]
    if node.op != "constant" or not node.type.size:
        return None
    value = np.asarray(node.attrs["value"]).reshape(-1)
    return value[:1] if value.size == 1 or (value == value[0]).all() else None


def _cuts(operand: Node, node: Node) -> bool:
    """Whether ``operand`` is a concatenation along an axis that ``node`` has in full."""
    if operand.op != "concat" or len(operand.shape) != len(node.shape):
        return False
    axis = operand.attrs["axis"]
    return operand.shape[axis] == node.shape[axis]


def _merged(window: Window, shape: Sequence[int], base: Sequence[int]) -> Window | None:
    """A window on a reshape that splits axes, as one on its operand of shape ``base``: of every
    axis that is split, one part moves and the window holds one element of each other. None where
    it is no such window, or where it reaches outside."""
    if any(window.outside(a, n) for a, n in enumerate(shape)) or not math.prod(window.shape):
        return None
    starts, steps, sizes, axis = [], [], [], 0
    for size in base:
        start, step, extent, stride = 0, 1, 1, size
        while stride > 1:
            if axis == len(shape) or stride % shape[axis]:
                return None
            stride //= shape[axis]
            start += window.starts[axis] * stride
            if window.shape[axis] != 1:
                if extent != 1:
                    return None
                step, extent = window.steps[axis] * stride, window.shape[axis]
            axis += 1
        starts.append(start)
        steps.append(step)
        sizes.append(extent)
    if any(n != 1 for n in shape[axis:]):
        return None
    return Window(tuple(starts), tuple(steps), tuple(sizes), window.value)


def _apart(window: Window, shape: Sequence[int], base: Sequence[int]) -> Window | None:
    """A window on a reshape that merges axes, as one on its operand of shape ``base``: of an axis
    that was merged it takes elements as far apart as the inner parts are long together, so that of
    these it has one. None where it is no such window, or where it reaches outside."""
    if any(window.outside(a, n) for a, n in enumerate(shape)) or not math.prod(window.shape):
        return None
    starts: list[int] = []
    steps: list[int] = []
    sizes: list[int] = []
    axis = 0
    for a, size in enumerate(shape):
        parts, product = [], 1
        while product < size:
            if axis == len(base) or size % (product * base[axis]):
                return None
            parts.append(base[axis])
            product *= base[axis]
            axis += 1
        start, step, extent = window.starts[a], window.steps[a], window.shape[a]
        if len(parts) < 2:
            starts, steps, sizes = [*starts, start], [*steps, step], [*sizes, extent]
            if not parts:
                if axis == len(base) or base[axis] != 1:
                    return None
                axis += 1
            continue
        run = math.prod(parts[1:])
        if step % run or start + step * (extent - 1) < 0:
            return None
        starts.append(start // run)
        steps.append(step // run)
        sizes.append(extent)
        left = start % run
        for place in range(1, len(parts)):
            below = math.prod(parts[place + 1 :])
            starts.append(left // below)
            steps.append(1)
            sizes.append(1)
            left %= below
    if axis != len(base):
        return None
    return Window(tuple(starts), tuple(steps), tuple(sizes), window.value)


def _trivial(window: Window, axis: int) -> bool:
    one = (window.starts[axis], window.steps[axis], window.shape[axis])
    return one[0] == 0 and one[2] == 1


def _with(values: Sequence[int], position: int, value: int) -> tuple[int, ...]:
    return (*values[:position], value, *values[position + 1 :])
