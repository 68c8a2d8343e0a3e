"""Views: which element of a stored tensor stands where, when nothing has to be computed for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernelwright.compiler.schedule.symbols import SizeTable, Symbol, product
from kernelwright.compiler.schedule.windows import WINDOW_OPS, window_of
from kernelwright.graph.core import Node
from kernelwright.graph.ops.window import inside

VIEW_OPS = (*WINDOW_OPS, "frames")  # read as part of a stored tensor, never computed


@dataclass(frozen=True)
class View:
    """A strided window on a stored tensor: one stride (in elements) an axis, and the offset of
    index 0. ``inside`` has the half-open range of each axis that lies in the tensor; elsewhere the
    view is ``fill`` and nothing is read."""

    buffer: Node
    shape: tuple[Symbol, ...]
    strides: tuple[Symbol, ...]
    offset: Symbol
    inside: tuple[tuple[Symbol, Symbol], ...]
    fill: float | int | bool = 0

    def key(self) -> tuple[object, ...]:
        return (
            self.buffer.id,
            tuple(e.value for e in self.shape),
            tuple(s.value for s in self.strides),
            self.offset.value,
            tuple((low.value, high.value) for low, high in self.inside),
            repr(self.fill) if self.bounded() else "",
        )

    def bounded(self) -> bool:
        """Whether some of it lies outside of the tensor."""
        return any(
            (low.value, high.value) != (0, extent.value)
            for (low, high), extent in zip(self.inside, self.shape)
        )


def contiguous(buffer: Node, shape: Sequence[Symbol]) -> View:
    """The whole tensor, row-major."""
    strides = tuple(product(shape[i + 1 :]) for i in range(len(shape)))
    whole = tuple((Symbol.of(0), extent) for extent in shape)
    return View(buffer, tuple(shape), strides, Symbol.of(0), whole)


def framed(view: View, node: Node, table: SizeTable) -> View | None:
    """``view`` seen through a "frames" node; None where some of it lies outside of the tensor."""
    if view.bounded():
        return None
    axis, size = node.attrs["axis"], node.attrs["size"]
    fit, stride = table.symbol(node.shape[axis]), view.strides[axis]
    shape = (*view.shape[:axis], fit, *view.shape[axis + 1 :], Symbol.of(size))
    step, apart = Symbol.of(node.attrs["step"]), Symbol.of(node.attrs["dilation"])
    strides = (
        *view.strides[:axis], stride * step, *view.strides[axis + 1 :], stride * apart
    )  # fmt: skip
    whole = tuple((Symbol.of(0), extent) for extent in shape)
    return View(view.buffer, shape, strides, view.offset, whole, view.fill)


def windowed(view: View, node: Node, table: SizeTable) -> View | None:
    """``view`` seen through one of ``VIEW_OPS``; None where the two have different values
    outside."""
    if node.op == "frames":
        return framed(view, node, table)
    window = window_of(node)
    reaches = any(window.outside(a, n) for a, n in enumerate(node.inputs[0].shape))
    if reaches and view.bounded() and repr(view.fill) != repr(window.value):
        return None
    strides, offset, ranges = list(view.strides), view.offset, []
    shape = tuple(
        before if before.value == extent else table.symbol(extent)
        for before, extent in zip(view.shape, node.shape)
    )
    for i, (start, step) in enumerate(zip(window.starts, window.steps)):
        size = view.shape[i].value
        if step < 0 and start == size - 1:
            offset = offset + (view.shape[i] - Symbol.of(1)) * strides[i]
        elif start:
            offset = offset + (table.symbol(start) if start > 0 else Symbol.of(start)) * strides[i]
        strides[i] = strides[i] * Symbol.of(step)
        low, high = (end.value for end in view.inside[i])
        ends = inside(start - low, step, shape[i].value, high - low)
        ranges.append(
            (Symbol.of(ends[0]), shape[i] if ends[1] == shape[i].value else Symbol.of(ends[1]))
        )
    fill = window.value if reaches and window.value is not None else view.fill
    return View(view.buffer, shape, tuple(strides), offset, tuple(ranges), fill)


def squeezed(view: View, shape: Sequence[Symbol]) -> View | None:
    """``view`` with axes of size 1 dropped or added; None when the shapes differ in more."""
    kept = [i for i, extent in enumerate(view.shape) if extent.value != 1]
    if [view.shape[i].value for i in kept] != [e.value for e in shape if e.value != 1]:
        return None
    if any(
        low.value or high.value != 1 for i, (low, high) in enumerate(view.inside) if i not in kept
    ):
        return None
    rest = iter(kept)
    places = [next(rest) if extent.value != 1 else None for extent in shape]
    one = (Symbol.of(0), Symbol.of(1))
    return View(
        view.buffer,
        tuple(Symbol.of(1) if p is None else view.shape[p] for p in places),
        tuple(Symbol.of(1) if p is None else view.strides[p] for p in places),
        view.offset,
        tuple(one if p is None else view.inside[p] for p in places),
        view.fill,
    )
