"""How a kernel's lanes should lie on its tiles, where Triton does not see it.

Triton spreads a tile over threads along the dimension that it knows to be contiguous, as many
elements a thread as the widest vector access takes: four floats. That is best for what is
contiguous and aligned. Elsewhere (every second element, reversed, shifted by one, looked up) the
four become four accesses whose lanes lie four elements apart, so that one access of a warp touches
four times as many 32-byte sectors as it wants bytes of. Lanes that are neighbours in memory are
better then, though contiguous accesses take more instructions that way. The same comes about where
a wide type meets a narrow one: sixteen bytes a thread of int8 are four accesses of float32 whose
lanes lie sixteen elements apart (rows quantised on an H200: 923 us, and 532 us with four elements a
thread). And where no dimension is contiguous, or lanes are left over beyond the first one, Triton
takes the others in any order: here they follow memory.

The cost of a width is counted in turns of the first-level cache, which serves four sectors a turn,
and instructions.
"""

from __future__ import annotations

import math
from collections import defaultdict
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
    VectorOp,
    statements,
)
from kernelwright.compiler.codegen._triton_index import ONE, Scope, names_in, row_major

_VECTOR_BYTES = 16  # of one access of a thread
_SECTOR_BYTES = 32
_SECTORS = 4  # that the cache serves a turn
_LANES = 32
_INSTRUCTION = 0.5  # of a turn
_MIXED = 2  # times as many narrow elements a thread as wide ones fit into one access of theirs
_CLEARLY = 0.6  # a width's cost below this share of the widest one's replaces it


@dataclass(frozen=True)
class Hint:
    """What to tell Triton of a tile's pointer. ``runs``: a rank of its longer dimensions by how
    fast they run through memory, in the words of ``tl.max_contiguous``; () to say nothing.
    ``aligned``: the bytes that are to be taken for its alignment, so that a thread takes no more at
    once; 0 to say nothing. ``when``: a compile-time condition under which this holds; "": always.
    """

    runs: tuple[int, ...]
    aligned: int = 0
    when: str = ""

    def on(self, pointer: str) -> str:
        """``pointer``, a name where there is a condition, with what is told of it."""
        text = pointer
        if self.aligned:
            text = f"tl.multiple_of({text}, {_tuple([self.aligned] * len(self.runs))})"
        if any(n > 1 for n in self.runs):
            text = f"tl.max_contiguous({text}, {_tuple(self.runs)})"
        return f"{text} if {self.when} else {pointer}" if self.when else text


@dataclass(frozen=True)
class _Access:
    """One copy of a largest tile. ``order``: positions among the tile's longer dimensions, fastest
    in memory first; ``bytes_each``: of an element; ``step``: elements from one to the next along
    the fastest; ``vector``: how many elements one access of a thread can take; ``plain``: whether
    Triton sees that neighbours are neighbours in memory; ``run``: elements along the fastest."""

    order: tuple[int, ...]
    bytes_each: int
    step: int
    vector: int
    plain: bool
    run: int

    def cost(self, width: int) -> float:
        """Turns and instructions of a warp, for one element a thread."""
        taken = min(width, self.vector)
        sectors = width * abs(self.step) * self.bytes_each * _LANES / _SECTOR_BYTES
        turns = max(1.0, min(_LANES, sectors) / _SECTORS)
        return (turns + _INSTRUCTION) / taken

    def hint(self, narrow: bool, when: str, most: int) -> Hint | None:
        """``narrow``: one element a thread; ``most``: how many of the widest type one access takes.
        None: Triton sees all that there is to know."""
        rank = len(self.order)
        fills = self.run >= _LANES * _VECTOR_BYTES // self.bytes_each
        if not narrow and self.vector > _MIXED * most:
            return Hint((1,) * rank, most * self.bytes_each)
        if not narrow and (rank == 1 or (self.plain and (rank == 2 or fills))):
            return None
        runs = [1] * rank
        for place, position in enumerate(self.order):
            runs[position] = 1 << (rank - 1 - place)
        if narrow or not self.plain:
            return Hint(tuple(runs), self.bytes_each, when if self.plain else "")
        runs[self.order[0]] = max(_VECTOR_BYTES, runs[self.order[0]])
        return Hint(tuple(runs))


def lane_hints(kernel: Kernel, scope: Scope, free: frozenset[str]) -> dict[int, Hint]:
    """What to tell Triton of the kernel's copies, by their ids. ``scope`` knows the file's names.
    ``free`` are those that change with the inputs' sizes; where one that does not divide by a
    vector's elements decides, the hint holds for such sizes, for the file serves others too."""
    for statement in statements(kernel.body):
        if isinstance(statement, Assign):
            scope = scope.assign(statement.name, statement.value)
    tiles = {s.name: s for s in statements(kernel.body) if isinstance(s, Tile)}
    if not all(scope.is_static(d) for t in tiles.values() for d in t.shape):
        return {}
    groups: dict[tuple[int, int], dict[int, _Access]] = defaultdict(dict)
    for copy, access in _accesses(kernel, scope, tiles, frozenset()):
        groups[len(access.order), access.order[0]][copy] = access
    hints: dict[int, Hint] = {}
    for found in groups.values():
        narrow, when = _narrow(kernel, scope, tiles, free, found)
        most = max(1, _VECTOR_BYTES // max(a.bytes_each for a in found.values()))
        for copy, access in found.items():
            if (hint := access.hint(narrow, when, most)) is not None:
                hints[copy] = hint
    return hints


def large_loads(kernel: Kernel, scope: Scope) -> tuple[list[int], int]:
    """Of the loads of largest tiles: the bytes of an element of each, and the least step from one
    element to the next along a load's fastest dimension."""
    for statement in statements(kernel.body):
        if isinstance(statement, Assign):
            scope = scope.assign(statement.name, statement.value)
    tiles = {s.name: s for s in statements(kernel.body) if isinstance(s, Tile)}
    if not all(scope.is_static(d) for t in tiles.values() for d in t.shape):
        return [], 1
    reads = {id(s) for s in statements(kernel.body) if isinstance(s, Copy) and s.dst.name in tiles}
    loads = [a for c, a in _accesses(kernel, scope, tiles, frozenset()) if c in reads]
    return [a.bytes_each for a in loads], min((abs(a.step) for a in loads), default=1)


def _narrow(
    kernel: Kernel,
    scope: Scope,
    tiles: dict[str, Tile],
    free: frozenset[str],
    found: dict[int, _Access],
) -> tuple[bool, str]:
    """Whether threads should hold one element each of these accesses, and for which sizes."""
    if any(isinstance(s, VectorOp) and s.family == "vscan_op" for s in statements(kernel.body)):
        # A scan goes across lanes for each element that is not its neighbour's thread's (an
        # exclusive running sum of 16,384 elements on an H200: 1075 us, and 609 us so).
        return False, ""
    widest = max(max(1, _VECTOR_BYTES // a.bytes_each) for a in found.values())
    if widest > _VECTOR_BYTES // 4:  # single lanes of less than a word
        return False, ""

    def alone(aligned: Sequence[str]) -> bool:
        now = dict(_accesses(kernel, scope, tiles, frozenset(aligned)))
        costs = {w: sum(now[c].cost(w) for c in found) for w in (1, widest)}
        return costs[1] < _CLEARLY * costs[widest]

    if not alone(()):
        return False, ""
    odd = sorted(n for n in free if scope.static.get(n, 0) % widest)
    if alone(odd):
        return True, ""
    odd = [n for n in odd if not alone([n])] or odd
    return True, " or ".join(f"{n} % {widest} != 0" for n in odd)


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
    """The copies of the largest tiles, by id."""
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
    """None for a scalar, and for what is the same all over the tile."""
    extents = [scope.value(d) for d in tile.shape]
    long = [i for i, n in enumerate(extents) if n > 1]
    assert param.shape is not None and place.index is not None
    strides = param.strides or row_major(param.shape)
    align = _alignment(param.offset, scope, free)
    steps: dict[int, int] = {}
    widths: dict[int, int] = {}
    dim = 0
    for part, stride in zip(place.index, strides):
        start = part.lower if isinstance(part, Slice) else part
        align = math.gcd(align, _alignment(Binary("*", start, stride), scope, free))
        if not isinstance(part, Slice):
            continue
        if dim in long and scope.poly(Binary("-", part.upper, part.lower)) != ONE:
            steps[dim] = scope.value(stride)
            widths[dim] = _alignment(stride, scope, free)
        dim += 1
    size = itemsize(param.dtype or tile.dtype)
    looked_up = _looked_up(copy, tile, tiles, scope, long)
    for moved in looked_up:
        steps.setdefault(moved, 1)
    fast = sorted((d for d in long if steps.get(d)), key=lambda d: (abs(steps[d]), -d))
    if not fast:
        return None
    order = [*fast, *(d for d in reversed(long) if not steps.get(d))]
    if copy.index is not None and long[-1] in looked_up:  # neighbours look up neighbours
        order.remove(long[-1])
        order.insert(0, long[-1])
    first = order[0]
    plain, vector = steps[first] == 1 and first not in looked_up, 1
    if plain:
        rest = [w for d, w in widths.items() if d != first]
        vector = math.gcd(align, *rest, max(1, _VECTOR_BYTES // size))
    places = tuple(long.index(d) for d in order)
    return _Access(
        places, size, 1 if first in looked_up else steps[first], vector, plain, extents[first]
    )


def _looked_up(
    copy: Copy, tile: Tile, tiles: dict[str, Tile], scope: Scope, long: Sequence[int]
) -> list[int]:
    """The tile's longer dimensions that an index tile varies along."""
    if copy.index is None:
        return []
    shape = tiles[copy.index.name].shape
    shift = len(tile.shape) - len(shape)
    return [d for d in long if d >= shift and scope.value(shape[d - shift]) > 1]


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


def _tuple(values: Sequence[int]) -> str:
    return f"({', '.join(map(str, values))}{',' * (len(values) == 1)})"
