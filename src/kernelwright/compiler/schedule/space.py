"""The iteration space of a region: atomic dimensions in memory order, merged where nothing tells
them apart."""

from __future__ import annotations

from dataclasses import dataclass

from kernelwright.compiler.schedule.region import Region, Value
from kernelwright.compiler.schedule.symbols import Symbol, product
from kernelwright.compiler.schedule.views import View, contiguous

Strides = dict[int, Symbol]  # atomic dimension -> stride in elements


@dataclass(frozen=True)
class LoopDim:
    """Adjacent atomic dimensions that run as one. ``reduced``: the region's reductions fold it."""

    atoms: tuple[int, ...]
    size: Symbol
    reduced: bool


def strides_of(region: Region, view: View, value: Value) -> Strides:
    """The stride of every atomic dimension of a view whose axes are those of ``value``."""
    out: Strides = {}
    for axis, stride in zip(value.axes, view.strides):
        if value.kind in ("lookup", "put") and not stride.value:
            continue
        step = stride
        for atom in reversed(region.dims.resolve(axis)):
            out[atom] = step
            step = step * region.dims.size[atom]
    return out


Ranges = dict[int, tuple[Symbol, Symbol]]  # atomic dimension -> the part inside of the tensor


def ranges_of(region: Region, view: View, value: Value) -> Ranges:
    """The half-open range of every atomic dimension of which a part lies outside."""
    out: Ranges = {}
    for axis, (low, high), extent in zip(value.axes, view.inside, view.shape):
        if (low.value, high.value) == (0, extent.value):
            continue
        first, *rest = region.dims.resolve(axis)
        inner = product(region.dims.size[d] for d in rest)
        out[first] = (low.floordiv(inner), high.floordiv(inner))
    return out


class Space:
    """``dims``: the LoopDims, slowest first; ``loads`` and ``stores``: strides of every access;
    ``ranges``: which loads reach outside of their tensor, and where."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.values = region.live()
        self.reduced = region.reduced_dims()
        # what each of the region's reductions folds
        self.folds = list(
            dict.fromkeys(frozenset(region.dims.resolve(v.reduced)) for v in region.along())
        )
        self.presence = {id(v): region.presence(v) for v in self.values}
        self.loads = {
            id(v): strides_of(region, v.view, v) for v in self.values if v.view and v.kind != "put"
        }
        self.ranges = {id(v): ranges_of(region, v.view, v) for v in self.values if v.view}
        self.stores = [self.store_strides(i) for i in range(len(region.roots))]
        self.dims = self.merged(self.order())

    def store_strides(self, index: int) -> Strides:
        root = self.region.roots[index]
        if root.value.kind == "put":
            assert root.value.view is not None
            return strides_of(self.region, root.value.view, root.value)
        if root.target is None:
            view = contiguous(root.node, self.region.root_shape(root))
        else:
            view = contiguous(root.target, self.region.table.shape(root.target))
        return strides_of(self.region, view, root.value)

    def store_offset(self, index: int) -> Symbol:
        """Where a root's first element goes in its buffer."""
        root = self.region.roots[index]
        offset = Symbol.of(0)
        if root.target is not None:
            view = contiguous(root.target, self.region.table.shape(root.target))
            for start, stride in zip(root.starts, view.strides):
                offset = offset + start * stride
        return offset

    def range(self, value: Value, dim: LoopDim) -> tuple[Symbol, Symbol] | None:
        """The part of a LoopDim for which a load lies in its tensor; None: all of it."""
        ends = self.ranges[id(value)].get(dim.atoms[0])
        if ends is None:
            return None
        inner = product(self.region.dims.size[a] for a in dim.atoms[1:])
        return ends[0] * inner, ends[1] * inner

    def order(self) -> list[int]:
        """Atomic dimensions, slowest first: as the largest store lays them out, with the others
        where the largest load has them."""
        live = [v for v in self.values if v.kind in ("load", "iota", "lookup")]
        axes = [self.region.dims.flatten(r.value.axes) for r in self.region.roots]
        axes.sort(key=len, reverse=True)
        guides = axes[:1]
        guides += sorted((self.region.dims.flatten(v.axes) for v in live), key=len, reverse=True)
        guides += [self.region.dims.flatten(v.axes) for v in self.values if v.kind == "map"]
        guides += [self.region.dims.flatten(v.args[0].axes) for v in self.values if v.reduced]
        order: list[int] = []
        for guide in guides + axes[1:]:
            order = insert(order, guide)
        return order

    def merged(self, order: list[int]) -> list[LoopDim]:
        sizes = self.region.dims.size
        dims: list[LoopDim] = []
        for atom in order:
            reduced = atom in self.reduced
            if dims and dims[-1].reduced == reduced and self.mergeable(dims[-1].atoms[-1], atom):
                atoms = (*dims[-1].atoms, atom)
                dims[-1] = LoopDim(atoms, product(sizes[a] for a in atoms), reduced)
            else:
                dims.append(LoopDim((atom,), sizes[atom], reduced))
        return dims

    def mergeable(self, outer: int, inner: int) -> bool:
        extent = self.region.dims.size[inner].value
        for present in self.presence.values():
            if (outer in present) != (inner in present):
                return False
        for value in self.values:
            if value.kind == "iota" and outer in self.presence[id(value)]:
                return False
        if any(inner in ranges for ranges in self.ranges.values()):
            return False
        for strides in [*self.loads.values(), *self.stores]:
            if (outer in strides) != (inner in strides):
                return False
            if outer in strides and strides[outer].value != strides[inner].value * extent:
                return False
        return True


def insert(order: list[int], guide: tuple[int, ...]) -> list[int]:
    """``order`` with the dimensions of ``guide`` that it lacks, each right after the one before it
    in the guide (or first)."""
    out = list(order)
    position = 0
    for atom in guide:
        if atom in out:
            position = out.index(atom) + 1
        else:
            out.insert(position, atom)
            position += 1
    return out
