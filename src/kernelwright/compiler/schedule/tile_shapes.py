"""Extents of elementwise tiles on machines whose lanes share cache lines.

A tile should be read and written in whole runs of memory, hold enough elements to be worth a core's
start, and waste few lanes: its extents are powers of two, the tensor's often are not.
"""

from __future__ import annotations

from math import prod

from kernelwright.compiler.schedule.machine import Machine
from kernelwright.compiler.schedule.space import Space, Strides
from kernelwright.graph.core import DTYPES

RUN = 32  # elements side by side that an access should have: a cache line of float32
SMALL = 8  # a tensor of an eighth of the elements is read again and again from the caches
ALONG = 16.0  # elements that a piece of a run loses: its lines are shared with the next piece
LARGE = 1 << 21  # elements of a tensor that does not stay in the caches
SHARED = 8  # elements of a tile that use one element of such a tensor
LOOKING_UP = 2  # times as many elements where places are computed: rows share those of columns
ACROSS = 1 << 24  # elements of a transposition whose tiles may be larger, all cores still busy
WINDOWS = 6  # on one tensor, that slide over it
SLIDING = 256  # elements of their tile: two warps side by side, each thread a column of four
LEAST = 512  # elements of a tile, however many tensors it is made of
MADE = 4  # times as many where nothing large is read: a program's start is then all that it costs


def fitted(extent: int, limit: int, weight: float) -> int:
    """The power of two up to ``limit`` that cuts ``extent`` with least loss: what the last piece
    has too much, and ``weight / block`` for each piece."""
    extent = max(1, extent)
    best, least = 1, float("inf")
    block = 1
    while block <= max(1, limit):
        loss = -(-extent // block) * block / extent * (1 + weight / block)
        if loss < least:
            best, least = block, loss
        if block >= extent:
            break
        block *= 2
    return best


def tile_extents(space: Space, machine: Machine) -> list[int]:
    """Elements of each of the space's dimensions in a tile; 1 where the tile has none. A tile has
    all of what is reduced, whatever its size."""
    dims = space.dims
    extents = [1 << (d.size.value - 1).bit_length() if d.reduced else 1 for d in dims]
    area = max(tile_area(space, machine), 2 * prod(extents))
    wide = machine.wide
    if slides(space):
        area = min(area, SLIDING)
        wide = area // 4
    accesses = [*space.stores, *sorted(space.loads.values(), key=lambda s: -reach(space, s))]
    total = prod(d.size.value for d in dims)
    large = [s for s in accesses if reach(space, s) * SMALL >= total]
    run = RUN
    if not space.reduced and total >= ACROSS and len({beside(space, s) for s in large}) > 1:
        # What waits in shared memory for its other order is not in flight: more of it at a time.
        run, area = 2 * RUN, max(area, min(4 * area, machine.held // len(large)))
    for strides in large:
        cover(space, strides, extents, area, run)
    for strides in space.loads.values():
        share(space, strides, extents, area, total)
    for position in reversed([i for i, d in enumerate(dims) if not d.reduced]):
        room = area // prod(extents) * extents[position]
        if position == len(dims) - 1:
            widest = area if scattered_reads(space) else wide
            room = min(room, max(widest, extents[position]))
        if room > extents[position]:
            weight = ALONG if position == len(dims) - 1 else 1.0
            extents[position] = max(
                extents[position], fitted(dims[position].size.value, room, weight)
            )
    return extents


def tile_area(space: Space, machine: Machine) -> int:
    """Elements of a tile: fewer where it is made of many tensors, or where there are not enough of
    them for all cores."""
    total = prod(d.size.value for d in space.dims)
    loads = sum(reach(space, s) * SMALL >= total for s in space.loads.values())
    each = min(machine.held // max(1, loads), total // machine.cores)
    if any(v.kind == "lookup" for v in space.values):
        times = LOOKING_UP * narrowness(space)
    else:
        times = narrowness(space) if loads else MADE
    wanted = machine.area * times
    area = max(LEAST, min(wanted, each))
    return 1 << (area.bit_length() - 1)


def narrowness(space: Space) -> int:
    """How many times as many elements as of float32 a tile may have for the same bytes."""
    loaded = [v.view.buffer.dtype for v in space.values if v.view is not None]
    stored = [root.node.dtype for root in space.region.roots]
    widest = max((DTYPES[d].itemsize for d in [*loaded, *stored]), default=4)
    return max(1, 4 // widest)


def slides(space: Space) -> bool:
    """Whether many windows on one tensor overlap, one element and one row apart: threads that hold
    a few rows of a column find what they share in the nearest cache. Not of rows that are no whole
    tiles and so begin anywhere in a cache line: short runs of them touch more lines than long ones
    (maxima of 16 elements on an H200, rows of 511: 1019 us with runs of 512, 1370 us with 64)."""
    last = space.dims[-1].atoms[-1]
    if space.dims[-1].size.value % (SLIDING // 4):
        return False
    seen: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for v in space.values:
        if v.kind != "load" or v.view is None or len(space.dims) < 2:
            continue
        strides = space.loads[id(v)]
        steps = tuple(strides[d.atoms[-1]].value for d in space.dims if d.atoms[-1] in strides)
        if last in strides and strides[last].value == 1 and len(steps) == len(space.dims):
            seen.setdefault((v.view.buffer.id, steps), []).append(v.view.offset.value)
    alone = len(space.stores) == 1 and not any(d.reduced for d in space.dims)
    return alone and any(
        len(offsets) >= WINDOWS and max(offsets) - min(offsets) >= steps[-2]
        for (_, steps), offsets in seen.items()
    )


def scattered_reads(space: Space) -> bool:
    """Whether neighbours along the last dimension read wherever an index of theirs says: the lines
    that one of them brings are there for the others as long as they run on one core."""
    last = space.dims[-1].atoms[-1]
    return any(
        v.kind == "lookup"
        and not v.attrs["safe"]
        and last not in space.loads[id(v)]
        and any(last in space.presence[id(a)] for a in v.args)
        for v in space.values
    )


def reach(space: Space, strides: Strides) -> int:
    """How many elements an access touches."""
    return prod(d.size.value for d in space.dims if d.atoms[-1] in strides)


def share(space: Space, strides: Strides, extents: list[int], area: int, total: int) -> None:
    """Gives a tile several elements of a dimension that a large tensor lacks: they share its
    elements, which would not be in the cache the next time."""
    if not LARGE <= reach(space, strides) < total:
        return
    missing = [p for p, d in enumerate(space.dims) if d.atoms[-1] not in strides]
    for position in missing:
        room = area // prod(extents) * extents[position]
        block = fitted(space.dims[position].size.value, min(SHARED, room), 1.0)
        extents[position] = max(extents[position], block)


def beside(space: Space, strides: Strides) -> int | None:
    """The position of the dimension along which an access's elements lie side by side."""
    steps = ((i, strides.get(d.atoms[-1])) for i, d in enumerate(space.dims) if d.size.value > 1)
    return next((i for i, step in steps if step is not None and abs(step.value) == 1), None)


def cover(space: Space, strides: Strides, extents: list[int], area: int, most: int = RUN) -> None:
    """Raises ``extents`` until an access has ``most`` elements of a tile side by side, as far as
    its memory and ``area`` allow."""
    steps = {
        i: abs(strides[d.atoms[-1]].value)
        for i, d in enumerate(space.dims)
        if d.atoms[-1] in strides and strides[d.atoms[-1]].value
    }
    run, step = 1, 0
    for position in sorted(steps, key=lambda i: (steps[i], -i)):
        size = space.dims[position].size.value
        if size <= 1:
            continue
        if run >= most or (step and steps[position] != step):
            return
        wanted = 1
        while wanted * run < most and wanted < size:
            wanted *= 2
        room = area // prod(extents) * extents[position]
        if not space.dims[position].reduced:
            block = fitted(size, min(wanted, room), ALONG)
            extents[position] = max(extents[position], block)
        if extents[position] < size:
            return
        run, step = run * size, steps[position] * size
