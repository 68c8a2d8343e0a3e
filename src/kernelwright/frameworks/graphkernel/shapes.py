"""Ops that move elements without computing: reshapes, slices, paddings, concatenations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from kernelwright.frameworks.graphkernel.call import Call, Complaint, Handler
from kernelwright.frameworks.graphkernel.values import Complex, Value, on_parts
from kernelwright.graph.core import Node


def _reshape(c: Call) -> Value:
    """To the shape of the output. Files carry the shape as an attribute or operand too, at times
    with leftovers of memory in it, so that these are not read."""
    x, sizes = c.value(0), c.build.sizes
    before = c.build.said(c.operands[0].name) if not c.build.is_constant(c.operands[0]) else x.shape
    shape = sizes.reshaped(sizes.shape(c.out), prod(x.shape), before, x.shape, c.out.shape)
    return on_parts(x, lambda n: c.b.reshape(n, shape=shape))


def _broadcast_to(c: Call) -> Value:
    x = c.value(0)
    shape = list(c.build.shape(c.out, x.shape))
    for place in range(1, min(len(x.shape), len(shape)) + 1):
        if x.shape[-place] != 1 and not c.build.sizes.exact:
            shape[-place] = x.shape[-place]
    return on_parts(x, lambda n: c.b.expand(n, shape=tuple(shape)))


def _tile(c: Call) -> Value:
    x = c.ranked(0)
    times = c.ints("multiples", "dims", operand=1)
    rank = max(len(times), len(x.shape))
    times = (1,) * (rank - len(times)) + times
    shape = (1,) * (rank - len(x.shape)) + x.shape
    if any(t < 0 for t in times):
        raise Complaint("attr.multiples", f"{list(times)} has a negative entry", "correct it")

    def tiled(node: Node) -> Node:
        pairs = tuple(n for size in shape for n in (1, size))
        wide = tuple(n for t, size in zip(times, shape) for n in (t, size))
        node = c.b.expand(c.b.reshape(node, shape=pairs), shape=wide)
        return c.b.reshape(node, shape=tuple(t * size for t, size in zip(times, shape)))

    return on_parts(x, tiled)


def _transpose(c: Call) -> Value:
    x = c.ranked(0)
    rank = len(x.shape)
    order = c.ints("perm", operand=1, default=tuple(reversed(range(rank))))
    axes = tuple(c.axis(a, rank, "perm") for a in order)
    if sorted(axes) != list(range(rank)):
        said = f"{list(order)} is no order of the {rank} axes of {c.operands[0].name!r}"
        raise Complaint("attr.perm", said, "name each axis once")
    return on_parts(x, lambda n: c.b.transpose(n, axes=axes))


def _concat(c: Call) -> Value:
    parts = [c.ranked(i) for i in range(len(c)) if not _is_axis(c, i)]
    c.same_dtypes(*(i for i in range(len(c)) if not _is_axis(c, i)))
    last = len(c) - 1 if _is_axis(c, len(c) - 1) else -1
    axis = c.axis(c.integer("axis", operand=last, default=0), len(parts[0].shape))
    if any(isinstance(p, Complex) for p in parts):
        halves = [(p.real, p.imag) for p in parts if isinstance(p, Complex)]
        real, imag = (c.b.concat(*half, axis=axis) for half in zip(*halves))
        return Complex(real, imag)
    return c.b.concat(*parts, axis=axis)


def _is_axis(c: Call, index: int) -> bool:
    """Whether the operand is the constant last one, which names the axis."""
    last = index == len(c) - 1 and index > 0 and "axis" not in c.op.attrs
    return last and c.build.is_constant(c.operands[index]) and len(c.op.inputs) > 1


def _split(c: Call) -> list[Value]:
    """Into as many parts as the op has outputs, of the sizes that they declare."""
    x = c.ranked(0)
    axis = c.axis(c.integer("axis", operand=1, default=0), len(x.shape))
    count, size = len(c.op.outputs), x.shape[axis]
    said = [t.shape[axis] if len(t.shape) > axis else -1 for t in c.op.outputs]
    fits = -1 not in said and sum(said) == size
    if not fits and size % count:
        told = f"an axis of {size} is not split into parts of {said}"
        raise Complaint("output_desc.shape", f"shape contradiction: {told}", "correct the sizes")
    lengths = said if fits else [size // count] * count
    parts: list[Value] = []
    start = 0
    for length in lengths:
        parts.append(cut(c, x, {axis: (start, start + length, 1)}))
        start += length
    return parts


def cut(c: Call, x: Value, ranges: Mapping[int, tuple[int, int, int]]) -> Any:
    """``x`` between the (start, stop, step) of some axes."""
    bounds = [ranges.get(a, (0, n, 1)) for a, n in enumerate(x.shape)]
    starts, stops, steps = (tuple(column) for column in zip(*bounds)) if bounds else ((), (), ())
    return on_parts(x, lambda n: c.b.slice(n, starts=starts, stops=stops, steps=steps))


def _slice(c: Call) -> Value:
    x = c.ranked(0)
    begin = c.ints("begin", operand=1)
    size = c.ints("size", operand=2)
    if not len(begin) == len(size) == len(x.shape):
        raise Complaint("attr.begin", f"begin and size must have one entry for each axis of "
                        f"{list(x.shape)}", "correct them")  # fmt: skip
    said = c.operands[0].shape
    ranges = {}
    for axis, (start, count, total) in enumerate(zip(begin, size, x.shape)):
        start = start + total if start < 0 else start
        whole = start == 0 and count == said[axis]  # also where the tensor has another size here
        stop = total if count == -1 or whole else start + count
        if not 0 <= start <= stop <= total:
            told = f"{start}:{stop} is not within axis {axis}, of size {total}"
            raise Complaint("attr.size", f"shape contradiction: {told}", "correct begin or size")
        ranges[axis] = (start, stop, 1)
    return cut(c, x, ranges)


def _strided_slice(c: Call) -> Value:
    """As ``x[begin:end:strides]``, with the masks of MindSpore (bit i is about entry i)."""
    x = c.ranked(0)
    begin, end = c.ints("begin", operand=1), c.ints("end", operand=2)
    strides = c.ints("strides", operand=3, default=(1,) * len(begin))
    if not len(begin) == len(end) == len(strides):
        raise Complaint("attr.begin", "begin, end and strides must be of one length", "correct it")
    walk = _Entries(x.shape)
    masks = _masks(c, len(begin))
    named = sum("new_axis" not in m and "ellipsis" not in m for m in masks)
    for bounds, marks in zip(zip(begin, end, strides), masks):
        if "ellipsis" in marks:
            walk.whole(len(x.shape) - named)
        elif "new_axis" in marks:
            walk.result.append(1)
        elif walk.axis >= len(x.shape) or not bounds[2]:
            told = f"{len(begin)} entries with strides {list(strides)} for {list(x.shape)}"
            raise Complaint("attr.begin", told, "name each axis at most once, strides not 0")
        else:
            walk.entry(*bounds, marks)
    walk.whole(len(x.shape) - walk.axis)
    starts, steps, shape = (tuple(column) for column in (walk.starts, walk.steps, walk.shape))

    def taken(node: Node) -> Node:
        made = c.b.window(node, starts=starts, steps=steps, shape=shape, value=0)
        return c.b.reshape(made, shape=tuple(walk.result))

    return on_parts(x, taken)


def _masks(c: Call, count: int) -> list[set[str]]:
    """For each entry the masks that it is in. Producers spell them in two ways."""
    found: list[set[str]] = [set() for _ in range(count)]
    for key in ("begin", "end", "ellipsis", "new_axis", "shrink_axis"):
        camel = re.sub(r"_(.)", lambda m: m[1].upper(), f"{key}_mask")
        bits = c.integer(f"{key}_mask", camel, default=0)
        for place, marks in enumerate(found):
            if bits >> place & 1:
                marks.add(key)
    return found


class _Entries:
    """The axes of a strided slice, as a window on the tensor and the shape of the result."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes, self.axis = sizes, 0
        self.starts: list[int] = []
        self.steps: list[int] = []
        self.shape: list[int] = []
        self.result: list[int] = []

    def whole(self, count: int) -> None:
        for _ in range(count):
            self.entry(0, self.sizes[self.axis], 1, set())

    def entry(self, low: int, high: int, step: int, marks: set[str]) -> None:
        size = self.sizes[self.axis]
        if "shrink_axis" in marks:
            low = low + size if low < 0 else low
            high, step = low + 1, 1
        bounds = slice(None if "begin" in marks else low, None if "end" in marks else high, step)
        first, stop, step = bounds.indices(size)
        self.starts.append(first)
        self.steps.append(step)
        self.shape.append(len(range(first, stop, step)))
        if "shrink_axis" not in marks:
            self.result.append(self.shape[-1])
        self.axis += 1


def _pad(c: Call) -> Value:
    x = c.node(0)
    given = c.attr("padding", "paddings", "pad_width", operand=1)
    flat = [int(n) for entry in given for n in (entry if isinstance(entry, list) else [entry])]
    if len(flat) != 2 * len(x.shape):
        told = f"{len(flat)} widths for {len(x.shape)} axes"
        raise Complaint("attr.padding", told, "write two for each axis, before and after")
    low, high = tuple(flat[::2]), tuple(flat[1::2])
    mode = str(c.attr("mode", default="constant")).lower()
    if mode == "constant":
        value = c.attr("value", "pad_val", "constant_values", operand=2, default=0)
        value = value[0] if isinstance(value, list) else value
        return c.b.pad(x, low=low, high=high, value=value)
    if mode not in ("reflect", "symmetric", "edge"):
        raise Complaint("attr.mode", f"mode {mode!r} is not known", "use constant or reflect")
    for axis, widths in enumerate(zip(low, high)):
        x = _mirrored(c, x, axis, widths, mode)
    return x


def _mirrored(c: Call, x: Node, axis: int, widths: Sequence[int], mode: str) -> Node:
    low, high = widths
    size, offset = x.shape[axis], 1 if mode == "reflect" else 0
    if max(low, high) > size - offset and mode != "edge":
        raise Complaint("attr.padding", f"{max(low, high)} is too much for an axis of {size}")
    parts = []
    for width, inner in ((low, True), (0, False), (high, False)):
        if width and mode == "edge":
            at = 0 if inner else size - 1
            row = cut(c, x, {axis: (at, at + 1, 1)})
            shape = tuple(width if a == axis else n for a, n in enumerate(x.shape))
            parts.append(c.b.expand(row, shape=shape))
        elif width:
            start = offset if inner else size - offset - width
            part = cut(c, x, {axis: (start, start + width, 1)})
            parts.append(c.b.flip(part, axes=(axis,)))
        if len(parts) == (1 if low else 0):
            parts.append(x)
    return parts[0] if len(parts) == 1 else c.b.concat(*parts, axis=axis)


def _pad_akg(c: Call) -> Value:
    x = c.node(0)
    head, tail = c.ints("head"), c.ints("tail")
    if not len(head) == len(tail) == len(x.shape):
        raise Complaint("attr.head", f"head and tail need one entry for each axis of "
                        f"{list(x.shape)}", "correct them")  # fmt: skip
    value = c.attr("pad_val", default=0)
    return c.b.pad(x, low=head, high=tail, value=value)


def _unpad_akg(c: Call) -> Value:
    x = c.node(0)
    tail = c.ints("tail", "unpad_after")
    if len(tail) != len(x.shape):
        raise Complaint("attr.tail", f"tail needs one entry for each axis of {list(x.shape)}",
                        "correct it")  # fmt: skip
    return cut(c, x, {a: (0, n - t, 1) for a, (n, t) in enumerate(zip(x.shape, tail))})


OPS: Mapping[str, Handler | Any] = {
    **dict.fromkeys(("Reshape", "ExpandDims", "EquivFormat", "Squeeze", "Flatten"), _reshape),
    "BroadcastTo": _broadcast_to,
    "Tile": _tile,
    "Transpose": _transpose,
    "Concat": _concat,
    "Split": _split,
    "Slice": _slice,
    "StridedSlice": _strided_slice,
    "Pad": _pad,
    "PadV3": _pad,
    "PadAkg": _pad_akg,
    "UnPadAkg": _unpad_akg,
    "UnPadAkgv2": _unpad_akg,
}
