"""Reductions over different dimensions of the same data, where one pass over it serves them all.

``bands`` looks at a region's reductions and chooses the dimensions that a core holds whole (*held*:
those of the row sums of a matrix) and those that it walks along (*band*: those of its column sums).
A reduction over held dimensions is finished at every step; one over the band, and perhaps over held
dimensions too, is accumulated and ends with the walk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import TYPE_CHECKING

from kernelwright.compiler.schedule.space import strides_of

if TYPE_CHECKING:
    from kernelwright.compiler.schedule.region import Region, Root, Value

LEAST = 1 << 16  # elements of data that it pays not to read twice: less stays in the caches
MOST_SETS = 4

Atoms = frozenset[int]


@dataclass(frozen=True)
class Bands:
    """``held`` and ``band``: atomic dimensions. ``folds``: the reductions along the band, those of
    the same dimensions together; ``inside``: the positions of the roots that are written step by
    step, ``after``: for each of ``folds`` those that are computed from it."""

    held: Atoms
    band: Atoms
    folds: tuple[tuple[Value, ...], ...]
    inside: tuple[int, ...]
    after: tuple[tuple[int, ...], ...]


def bands(region: Region) -> Bands | None:
    """How one pass serves the region's reductions; None where they are all over the same
    dimensions, or where one pass cannot serve them."""
    found = region.along()
    reduced = [frozenset(region.dims.resolve(v.reduced)) for v in found]
    sets = list(dict.fromkeys(reduced))
    if not 2 <= len(sets) <= MOST_SETS or region.scans() or not region.room:
        return None
    whole = region.all_dims()
    if any(frozenset(region.dims.flatten(v.args[0].axes)) != whole for v in found):
        return None
    if size(region, whole) < LEAST:
        return None
    choices = [
        made
        for count in range(1, len(sets))
        for held in combinations(sets, count)
        if (made := arranged(region, list(zip(found, reduced)), held, whole)) is not None
    ]
    near = nearest(region)
    return min(choices, key=lambda b: (near in b.band, size(region, b.held)), default=None)


def size(region: Region, dims: Iterable[int]) -> int:
    return prod(region.dims.size[d].value for d in dims)


def nearest(region: Region) -> int | None:
    """The dimension along which the largest load is contiguous."""
    loads = [v for v in region.live() if v.kind == "load" and v.view is not None]
    if not loads:
        return None
    largest = max(loads, key=lambda v: size(region, region.dims.flatten(v.axes)))
    assert largest.view is not None
    strides = strides_of(region, largest.view, largest)
    return next((d for d, step in strides.items() if step.value == 1), None)


def arranged(
    region: Region, found: Sequence[tuple[Value, Atoms]], inner: Sequence[Atoms], whole: Atoms
) -> Bands | None:
    """The pass that finishes the reductions over ``inner`` at every step, if it is possible."""
    from kernelwright.compiler.schedule.region import depends

    held = frozenset[int]().union(*inner)
    outer = [(v, dims) for v, dims in found if dims not in inner]
    band = outer[0][1] - held
    if not band or any(dims - held != band for _, dims in outer):
        return None
    if not fits(region, held, [v for v, dims in found if dims in inner]):
        return None
    if any(depends(v, o) for v, _ in found for o, _ in outer):
        return None
    groups: dict[Atoms, list[Value]] = {}
    for value, dims in outer:
        groups.setdefault(dims, []).append(value)
    inside: list[int] = []
    after: list[list[int]] = [[] for _ in groups]
    for number, root in enumerate(region.roots):
        axes = frozenset(region.dims.flatten(root.value.axes))
        needed = [i for i, g in enumerate(groups.values()) if any(uses(root, v) for v in g)]
        if not needed and axes >= whole - held:
            inside.append(number)
        elif len(needed) == 1 and axes == whole - list(groups)[needed[0]]:
            after[needed[0]].append(number)
        else:
            return None
    folds = tuple(tuple(g) for g in groups.values())
    return Bands(held, band, folds, tuple(inside), tuple(map(tuple, after)))


def fits(region: Region, held: Atoms, rows: Sequence[Value]) -> bool:
    """Whether a core has room for what is held, and there are enough rows."""
    if any(region.table.most(region.dims.size[d]) is not None for d in held):
        return False  # what is printed for a CPU takes tiles of fixed sizes only
    return size(region, held) <= region.room and not any(region.big(v.node, False) for v in rows)


def uses(root: Root, value: Value) -> bool:
    from kernelwright.compiler.schedule.region import depends

    return root.value is value or depends(root.value, value)
