"""Rows that a team of cores shares: read once, reduced, and finished from where they are held.

Bytes moved: the operands once, and what is stored, where a core that reads its row twice, or two
kernels, read the operands again. Every core of a team keeps one tile of the row in its registers
and stores what the tile comes to; when all have, each folds the partial results, in the same order
and so to the same numbers, and writes what the reductions are for, on its own tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from kernelwright.aul import syntax as aul
from kernelwright.compiler.schedule.machine import Machine
from kernelwright.compiler.schedule.online import exponential
from kernelwright.compiler.schedule.region import Value
from kernelwright.compiler.schedule.space import LoopDim
from kernelwright.compiler.schedule.stream import CORE, StreamEmitter
from kernelwright.compiler.schedule.symbols import Symbol, product
from kernelwright.compiler.schedule.tiles import TileDim, TileRef, TileWriter, compute_dtype

if TYPE_CHECKING:
    from kernelwright.compiler.schedule.kernels import RegionEmitter

LEAST = 1 << 21  # elements of all rows that it pays not to read twice: less stays in the caches
WIDE = 4  # elements of a thread's access
MOST_PARTS = 4  # times ``Machine.part`` that a core can keep, at the cost of other cores' places


def tile_of_row(extents: Sequence[int], part: int) -> list[int]:
    """How many elements along each of a row's dimensions, the last one fastest, a core keeps of at
    most ``part``; a tile has powers of two, and only the innermost dimensions whole."""
    out = [1] * len(extents)
    for position in reversed(range(len(extents))):
        extent = extents[position]
        padded = 1 << (extent - 1).bit_length()
        if padded > part:
            out[position] = part
            break
        out[position] = extent
        part //= padded
    return out


def team_tile(
    extents: Sequence[int], rows: int, operands: int, machine: Machine
) -> list[int] | None:
    """The tile of a row that a core of a team keeps; None where no team should, or can, share the
    rows. ``operands``: how many tensors a core reads such a tile of.

    The largest tile of which there are enough to fill the machine. Measured on an H200, where a
    copy takes 1000 us: rows of 2**18 elements 1102 us with ``part`` elements a core, 1302 with half
    and 1252 with four times as many; rows of 65535, whose accesses are not wide and cost more
    registers, 1212 with half of ``part`` and 1271 with all of it. Where teams would be too large
    (of 128: 771 us, and 755 in two passes; but 460, and 500, where two operands are read) a core
    keeps ``MOST_PARTS`` times as much, alone on its processor: rows of 2**21 elements 1431 us,
    and 1615 in two passes; but not if two teams find no room (2**22 elements: 868 us, and 756 in
    two passes), or other operands are waited for then (329 us, and 222)."""
    if not machine.team or prod(extents) * rows < LEAST:
        return None
    found: list[int] | None = None
    usual = machine.part // (2 if extents[-1] % WIDE else 1)
    for part in (usual // 4, usual // 2, usual, machine.part * MOST_PARTS):
        tile = tile_of_row(extents, part)
        size = prod(-(-n // t) for n, t in zip(extents, tile))
        most = machine.team if operands > 1 else machine.team // 2
        if not 2 <= size <= most or (part > usual and operands > 1):
            continue
        if found is None or (part <= usual and rows * size >= machine.cores):
            found = tile
    return found


class TeamEmitter(StreamEmitter):
    """The reductions of a region and what they are for, in one kernel and one pass."""

    def __init__(self, parent: RegionEmitter) -> None:
        super().__init__(parent)
        rows = product(d.size for d in self.kept).value
        self.extents = [d.size.value for d in self.folded]
        operands = self.region.operands_of_rows()
        shared = team_tile(self.extents, rows, operands, self.machine)
        self.tile = shared if self.after else None

    @property
    def suits(self) -> bool:
        """Whether a team should share a row of this region."""
        return self.tile is not None and self.region.shares_rows()

    def blocks(self) -> dict[LoopDim, Symbol]:
        assert self.tile is not None
        out: dict[LoopDim, Symbol] = {}
        for dim, extent in zip(self.folded, self.tile):
            if extent == dim.size.value:
                out[dim] = dim.size
            elif extent > 1:
                choices = [c for c in (extent // 2, extent, extent * 2) if self.allowed(dim, c)]
                out[dim] = self.parent.tunable("TK", extent, choices)
                self.parent.out.shaped.append(self.parent.out.tunables[-1].name)
        return out

    def allowed(self, dim: LoopDim, extent: int) -> bool:
        """Whether teams are of a size that the machine holds with tiles of another extent."""
        assert self.tile is not None
        sizes = zip(self.folded, self.extents, self.tile)
        size = prod(-(-n // (extent if d is dim else t)) for d, n, t in sizes)
        padded = prod(1 << (t - 1).bit_length() for t in self.tile)
        largest = padded // self.tile[self.folded.index(dim)] * extent
        return 2 <= size <= self.machine.team and largest <= MOST_PARTS * self.machine.part

    def run(self) -> None:
        blocks = self.blocks()
        steps = {d: d.size.cdiv(blocks[d]) if d in blocks else d.size for d in self.folded}
        steps |= {d: Symbol.of(1) for d, block in blocks.items() if block == d.size}
        team = self.parent.constant("TEAM", product(steps.values()))
        places = product(d.size for d in self.kept)
        body: list[aul.Statement] = []
        place: aul.IntExpr = aul.Int(0)
        if not (places.literal and places.value == 1):
            place = self.parent.named(body, "place", aul.Binary("//", CORE, team.expr))
        share = self.parent.named(body, "share", aul.Binary("%", CORE, team.expr))
        writer = self.parent.writer(*self.position(body, place, share, blocks, steps))
        partials = self.partial_results(writer)
        names = self.publish(writer, partials, place, share, team, places)
        writer.body.append(aul.TeamBarrier(team.expr))
        results = self.results(writer, names, place, team, places)
        self.keep(writer, partials, results)
        self.parent.write_roots(writer, self.after)
        self.once(writer, share)
        body.extend(writer.body)
        self.parent.finish_kernel(self.parent.name, writer, body, places * team)

    def position(
        self,
        body: list[aul.Statement],
        place: aul.IntExpr,
        share: aul.IntExpr,
        blocks: dict[LoopDim, Symbol],
        steps: dict[LoopDim, Symbol],
    ) -> tuple[list[TileDim], dict[LoopDim, aul.IntExpr]]:
        """The core's tile, and an index for each other dimension."""
        where = self.parent.decode(place, [(d, d.size) for d in self.kept])
        where |= self.parent.decode(share, list(steps.items()))
        tiled: list[TileDim] = []
        index: dict[LoopDim, aul.IntExpr] = {}
        for number, dim in enumerate(self.space.dims):
            if dim not in blocks:
                index[dim] = self.parent.named(body, f"p{number}", where[dim])
            elif blocks[dim] == dim.size:
                tiled.append(TileDim(dim, dim.size))
            else:
                start = aul.Binary("*", where[dim], blocks[dim].expr)
                tiled.append(TileDim(dim, blocks[dim], self.parent.named(body, "start", start)))
        return tiled, index

    # ---- before the barrier ------------------------------------------------------------------

    def partial_results(self, writer: TileWriter) -> list[TileRef]:
        """What the core's tile comes to: one value a reduction, those first that others need, and
        the number of elements if some need it."""
        here = self.online.here(writer) if self.online.counts else None
        out: list[TileRef] = []
        none = (False,) * len(writer.tiled)
        for reduction in self.reductions:
            own = TileRef("", none, compute_dtype(reduction.dtype))
            block = self.of_block(writer, reduction, own)
            if id(reduction) in self.online.bases:
                self.online.alone(writer, reduction, block, here)
            out.append(block)
        return out if here is None else [*out, here]

    def publish(
        self,
        writer: TileWriter,
        partials: Sequence[TileRef],
        place: aul.IntExpr,
        share: aul.IntExpr,
        team: Symbol,
        places: Symbol,
    ) -> list[str]:
        """Stores partial results in workspaces [row, core of its team]."""
        names: list[str] = []
        for ref in partials:
            name = f"partial{self.parent.suffix}_{len(names)}"
            names.append(name)
            shape = (places.expr, team.expr)
            self.parent.out.host.append(aul.Workspace(name, shape, ref.dtype))
            ones = (aul.Int(1),) * (len(writer.tiled) - 1)
            writer.params[name] = aul.Param(name, ref.dtype, (*shape, *ones), output=True)
            writer.arguments[name] = name
            mine = aul.Slice(share, aul.Binary("+", share, aul.Int(1)))
            index = (place, mine, *(aul.Slice(aul.Int(0), aul.Int(1)) for _ in ones))
            writer.body.append(aul.Copy(aul.Place(name, index), aul.Place(ref.name)))
        return names

    # ---- after it ----------------------------------------------------------------------------

    def results(
        self,
        writer: TileWriter,
        names: Sequence[str],
        place: aul.IntExpr,
        team: Symbol,
        places: Symbol,
    ) -> list[TileRef]:
        """The finished reductions, from the whole team's partial results."""
        first, *others = writer.tiled
        tiled = [TileDim(first.dim, team), *(TileDim(t.dim, Symbol.of(1)) for t in others)]
        joined = self.parent.writer(tiled, writer.index)
        joined.counter, joined.body = writer.counter, writer.body
        present = (True, *(False for _ in others))
        self.loaded = {}
        for name in names:
            ref = joined.new_tile("x", present, str(writer.params[name].dtype))
            index = (place, *(aul.Slice(aul.Int(0), e.extent.expr) for e in tiled))
            joined.body.append(aul.Copy(aul.Place(ref.name), aul.Place(name, index)))
            self.loaded[name] = ref
        return self.rounded(joined, self.fold_partials(joined, names, team))

    def load_partial(self, writer: TileWriter, name: str, dtype: str, split: Symbol) -> TileRef:
        return writer.convert(self.loaded[name], dtype)

    def keep(
        self, writer: TileWriter, partials: Sequence[TileRef], results: Sequence[TileRef]
    ) -> None:
        """Leaves in scope what holds after the barrier: what hangs on no reduction, the results,
        and exponentials below the tile's own maximum, brought below the row's by one factor."""
        own = {id(r): ref for r, ref in zip(self.reductions, partials)}
        top = {id(r): ref for r, ref in zip(self.reductions, results)}
        moved: dict[int, TileRef] = {}
        for reduction in self.reductions:
            pair = self.online.links.get(id(reduction))
            power = exponential(pair, reduction) if pair is not None else None
            if pair is not None and power is not None and id(power) in writer.tiles:
                base = id(pair.base)
                away = writer.binary("sub", own[base], top[base], own[base].dtype)
                factor, held = self.online.exp(writer, away), writer.tiles[id(power)]
                moved[id(power)] = writer.binary("mul", held, factor, held.dtype)
        kept = self.independent()
        writer.tiles = {k: ref for k, ref in writer.tiles.items() if k in kept} | moved
        self.know(writer, results)

    def independent(self) -> set[int]:
        """The values that hang on no reduction, by id: what a core keeps over the barrier."""
        found: set[int] = set()
        for value in self.region.live():
            mine: Value = value
            if mine.kind != "reduce" and all(id(a) in found for a in mine.args):
                found.add(id(mine))
        return found

    def once(self, writer: TileWriter, share: aul.IntExpr) -> None:
        """The roots that have no more than an element a row are written by the first core."""
        if not self.roots:
            return
        outside, writer.body = writer.body, []
        self.parent.write_roots(writer, self.roots)
        first = aul.Compare("==", share, aul.Int(0))
        outside.append(aul.Guard((first,), tuple(writer.body)))
        writer.body = outside
