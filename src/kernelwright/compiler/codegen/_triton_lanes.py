"""How many neighbours along a tile's last dimension each thread should hold.

Triton spreads a tile over threads so that the widest vector access fits: four floats a thread. That
is best for what is contiguous and aligned. Elsewhere (every second element, reversed, shifted by
one, looked up) the four become four accesses whose lanes lie four elements apart, so that one
access of a warp touches four times as many 32-byte sectors as it wants bytes of. Lanes that are
neighbours in memory are better then, though contiguous accesses take more instructions that way.

The cost of a width is counted in turns of the first-level cache, which serves four sectors a turn,
and instructions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kernelwright.aul.dtypes import itemsize
from kernelwright.aul.syntax import (
    Assign,
    Binary,
    Copy,
    IntExpr,
    Kernel,
    Name,
    Param,
    Place,
    Slice,
    Tile,
    statements,
)
from kernelwright.compiler.codegen._triton_index import ONE, Scope, names_in, row_major

_VECTOR_BYTES = 16  # of one access of a thread
_SECTOR_BYTES = 32
_SECTORS = 4  # that the cache serves a turn
_LANES = 32
_INSTRUCTION = 0.5  # of a turn
_CLEARLY = 0.6  # a width's cost below this share of the widest one's replaces it
_RUN = 8  # a contiguous dimension of so many elements is what the lanes follow


@dataclass(frozen=True)
class _Access:
    """One copy of a largest tile: bytes of an element, elements from a lane to the next, and how
    many elements one access of a thread can take."""

    bytes_each: int
    step: int
    vector: int

    def cost(self, width: int) -> float:
        """Turns and instructions of a warp, for one element a thread."""
        taken = min(width, self.vector)
        sectors = width * abs(self.step) * self.bytes_each * _LANES / _SECTOR_BYTES
        turns = max(1.0, min(_LANES, sectors) / _SECTORS)
        return (turns + _INSTRUCTION) / taken


def narrow_lanes(kernel: Kernel, scope: Scope, free: frozenset[str]) -> dict[int, str]:
    """How many elements along a tile's last dimension each thread should hold, by the ids of the
    kernel's copies, where that is fewer than Triton would choose. ``scope`` knows the file's
    names. ``free`` are those that change with the inputs' sizes; where one that does not divide by
    a vector's elements decides, the text is an expression of it, for the file serves other sizes
    too."""
    for statement in statements(kernel.body):
        if isinstance(statement, Assign):
            scope = scope.assign(statement.name, statement.value)
    tiles = {s.name: s for s in statements(kernel.body) if isinstance(s, Tile)}
    if not all(scope.is_static(d) for t in tiles.values() for d in t.shape):
        return {}
    found = dict(_accesses(kernel, scope, tiles, frozenset()))
    if not found:
        return {}
    widest = max(max(1, _VECTOR_BYTES // a.bytes_each) for a in found.values())
    here = _cheapest(found, widest)

    def width(aligned: Sequence[str]) -> int:
        return _cheapest(dict(_accesses(kernel, scope, tiles, frozenset(aligned))), widest)

    odd = sorted(n for n in free if scope.static.get(n, 0) % widest)
    elsewhere = width(odd)
    odd = [n for n in odd if width([n]) != here] or odd
    if here == elsewhere == widest:
        return {}
    text = str(here)
    if here != elsewhere:
        test = " or ".join(f"{n} % {widest} != 0" for n in odd)
        text = f"{here} if {test} else {elsewhere}"
    return dict.fromkeys(found, text)


def _cheapest(found: dict[int, _Access], widest: int) -> int:
    widths = [1 << k for k in range(widest.bit_length())]
    costs = {w: sum(a.cost(w) for a in found.values()) for w in widths}
    best = min(widths, key=lambda w: (costs[w], -w))
    return best if costs[best] < _CLEARLY * costs[widest] else widest


def _copies(kernel: Kernel, tiles: dict[str, Tile]) -> Iterator[tuple[Copy, Place, Tile]]:
    """Copies between memory and tiles: the copy, the place in memory, the tile."""
    for copy in statements(kernel.body):
        if isinstance(copy, Copy):
            for place, other in ((copy.src, copy.dst), (copy.dst, copy.src)):
                if place.index is not None and other.name in tiles:
                    yield copy, place, tiles[other.name]


def _accesses(
    kernel: Kernel, scope: Scope, tiles: dict[str, Tile], free: frozenset[str]
) -> Iterator[tuple[int, _Access]]:
    """The copies of the largest tiles whose last dimension the lanes follow, by id."""
    params = {p.name: p for p in kernel.params}
    sizes = {n: math.prod(scope.value(d) for d in t.shape) for n, t in tiles.items()}
    found = list(_copies(kernel, tiles))
    most = max((sizes[tile.name] for _, _, tile in found), default=0)
    for copy, place, tile in found:
        param = params.get(place.name)
        if sizes[tile.name] < most or param is None or param.shape is None:
            continue
        if (made := _access(copy, place, tile, param, tiles, scope, free)) is not None:
            yield id(copy), made


def _access(
    copy: Copy,
    place: Place,
    tile: Tile,
    param: Param,
    tiles: dict[str, Tile],
    scope: Scope,
    free: frozenset[str],
) -> _Access | None:
    """None where the lanes do not decide: broadcast along them, or contiguous along another
    dimension, which the lanes then follow."""
    extents = [scope.value(d) for d in tile.shape]
    long = [i for i, n in enumerate(extents) if n > 1]
    if not long:
        return None
    size = itemsize(param.dtype or tile.dtype)
    last = long[-1]
    if copy.index is not None:
        index = tiles[copy.index.name]
        moved = last - (len(tile.shape) - len(index.shape))
        if moved >= 0 and scope.value(index.shape[moved]) > 1:
            return _Access(size, 1, 1)
    step, align, others = 0, _alignment(param.offset, scope, free), []
    assert param.shape is not None and place.index is not None
    strides = param.strides or row_major(param.shape)
    dim = 0
    for part, stride in zip(place.index, strides):
        each = scope.value(stride)
        if not isinstance(part, Slice):
            align = math.gcd(align, _alignment(Binary("*", part, stride), scope, free))
            continue
        align = math.gcd(align, _alignment(Binary("*", part.lower, stride), scope, free))
        runs = scope.poly(Binary("-", part.upper, part.lower)) != ONE
        if runs and dim == last:
            step = each
        elif runs and dim in long:
            align = math.gcd(align, _alignment(stride, scope, free))
            others.append((abs(each), extents[dim]))
        dim += 1
    if step == 0 or (abs(step) > 1 and any(s == 1 and n >= _RUN for s, n in others)):
        return None
    most = max(1, _VECTOR_BYTES // size)
    return _Access(size, step, math.gcd(align, most) if step == 1 else 1)


def _alignment(expr: IntExpr, scope: Scope, free: frozenset[str]) -> int:
    """A number that divides ``expr`` whatever its moving parts are, if those in ``free`` divided by
    ``_VECTOR_BYTES``; 0 for 0."""
    found = 0
    for monomial, factor in scope.poly(expr).items():
        for _, atom in monomial:
            if scope.is_static(atom):
                open_ended = names_in(atom) & free and isinstance(atom, Name)
                factor *= _VECTOR_BYTES if open_ended else scope.value(atom)
        found = math.gcd(found, factor)
    return found
