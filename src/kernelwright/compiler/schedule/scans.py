"""Scans of rows too long to hold, or too few to keep the cores busy.

Bytes moved: the operands once and the results once, as for an elementwise kernel; where few rows
are split over cores, the operands twice (once in both of two launches) and the results once.

Where one core takes a row's elements one after the other (``serial_rows``), the tile is the whole
row: its scan is one loop that keeps nothing but the carry. Elsewhere a core walks along its rows in
blocks; a block is scanned on chip, the carry (float64 for float sums and products) is folded into
it, and the block's own total into the carry. Rows that fit on chip need none of this: their scan
is a statement of the rows kernel.

A split row is cut into shares, in the order in which the scan visits them. The first launch reduces
every share to a workspace; in the second one a core folds those of the shares before its own, which
are at most as many as there are cores, and goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelwright.aul import syntax as aul
from kernelwright.compiler.schedule.blocks import block_for, choices_around
from kernelwright.compiler.schedule.region import Value, depends
from kernelwright.compiler.schedule.space import LoopDim
from kernelwright.compiler.schedule.symbols import Symbol, product
from kernelwright.compiler.schedule.tiles import (
    SCAN,
    TileDim,
    TileRef,
    TileWriter,
    compute_dtype,
    identity,
)
from kernelwright.graph.core import is_float

if TYPE_CHECKING:
    from kernelwright.compiler.schedule.kernels import RegionEmitter

ONE = Symbol.of(1)


class ScanEmitter:
    """``split``: shares of a row. ``along``: the scanned dimension; ``kept``: the others."""

    def __init__(self, parent: RegionEmitter) -> None:
        self.parent, self.space, self.machine = parent, parent.space, parent.machine
        self.scans = parent.region.scans()
        self.along = next(d for d in self.space.dims if d.reduced)
        self.kept = [d for d in self.space.dims if not d.reduced]
        self.reverse = all(s.attrs.get("reverse") for s in self.scans)
        self.inside = self.space.dims[-1] is not self.along
        self.split = ONE
        self.blocks = self.columns()
        self.places = product(self.steps(d) for d in self.kept)
        self.split = self.shares()
        self.blocks[self.along] = self.block()

    # ---- sizes -------------------------------------------------------------------------------

    def columns(self) -> dict[LoopDim, Symbol]:
        """The extent of a tile along the kept dimension that lies inside the scanned one."""
        if not self.inside:
            return {}
        last, pieces = self.space.dims[-1], 1
        if self.machine.serial_rows:
            outer = product(d.size for d in self.kept if d is not last)
            pieces = -(-self.machine.cores * 2 // max(1, outer.value))
        wide = block_for(last.size.value, self.machine.wide // 8, pieces)
        return {last: self.parent.tunable("TN", wide, choices_around(wide))}

    def steps(self, dim: LoopDim) -> Symbol:
        return dim.size.cdiv(self.blocks[dim]) if dim in self.blocks else dim.size

    def shares(self) -> Symbol:
        """How many cores share a row."""
        nested = any(depends(a, b) for a in self.scans for b in self.scans)
        wanted = self.machine.cores // max(1, self.places.value)
        length = self.along.size.value
        least = self.machine.stream // 8 if self.inside else self.machine.stream // 2
        if nested or wanted < 2 or length < 2 * least:
            return ONE
        count = min(wanted, length // least)
        return self.parent.tunable("SPLIT", count, (max(1, count // 2), count * 2))

    def block(self) -> Symbol:
        """The extent of a tile along the scan."""
        size = self.along.size
        if self.machine.serial_rows:
            return size if self.split is ONE else size.cdiv(self.split)
        share = -(-size.value // self.split.value)
        if self.inside:
            high = block_for(share, max(32, self.machine.rows), 1)
            return self.parent.tunable("TK", high, (16, 32, 64))
        wide = block_for(share, self.machine.stream, 1)
        return self.parent.tunable("TK", wide, choices_around(wide))

    # ---- kernels -----------------------------------------------------------------------------

    def run(self) -> None:
        if self.split is ONE:
            self.kernel(self.parent.name, None)
            return
        names = self.kernel(f"{self.parent.name}_shares", [])
        self.kernel(self.parent.name, names)

    def kernel(self, name: str, partials: Sequence[str] | None) -> list[str]:
        """One launch. ``partials``: None where a core takes whole rows; empty for the first launch
        of two, which fills workspaces and gives back their names; these for the second."""
        body: list[aul.Statement] = []
        place: aul.IntExpr = aul.CoreIdx()
        share: aul.IntExpr = aul.Int(0)
        if self.split is not ONE:
            share, place = place, aul.Int(0)
            if self.places != ONE:
                core, places = share, self.places.expr
                share = self.parent.named(body, "share", aul.Binary("//", core, places))
                place = self.parent.named(body, "place", aul.Binary("%", core, places))
        index, starts = self.position(body, place)
        inner, loop = self.turns(body, share)
        start = aul.Binary("*", self.turn, self.blocks[self.along].expr)
        whole = self.blocks[self.along] == self.along.size
        if not whole:
            starts[self.along] = self.parent.named(inner, "start", start)
        tiled = [
            TileDim(d, self.blocks[d], starts.get(d)) for d in self.space.dims if d in self.blocks
        ]
        writer = self.parent.writer(tiled, index)
        writer.counter["k"] = 1  # the loop's variable is k0
        if not whole:
            for number, scan in enumerate(self.scans):
                first = self.carry(writer, scan)
                if partials:
                    self.go_on(writer, scan, first, partials[number], share)
                writer.carries[id(scan)] = first
        body.extend(writer.body)
        writer.body = []
        writer.last_block = loop is None
        names: list[str] = []
        if partials == []:
            for scan in self.scans:
                writer.total_only(scan)
        else:
            self.parent.write_roots(writer)
        inner.extend(writer.body)
        body.extend(inner if loop is None else [aul.Loop("k0", loop, tuple(inner))])
        if partials == []:
            writer.body = []
            names = [self.store_total(writer, s, share, i) for i, s in enumerate(self.scans)]
            body.extend(writer.body)
        self.parent.finish_kernel(name, writer, body, self.places * self.split)
        return names

    def position(
        self, body: list[aul.Statement], place: aul.IntExpr
    ) -> tuple[dict[LoopDim, aul.IntExpr], dict[LoopDim, aul.IntExpr]]:
        """Where a core stands along the kept dimensions: indices, and starts of tiles."""
        where = self.parent.decode(place, [(d, self.steps(d)) for d in self.kept])
        index: dict[LoopDim, aul.IntExpr] = {}
        starts: dict[LoopDim, aul.IntExpr] = {}
        for number, dim in enumerate(self.kept):
            if dim in self.blocks:
                start = aul.Binary("*", where[dim], self.blocks[dim].expr)
                starts[dim] = self.parent.named(body, f"s{number}", start)
            else:
                index[dim] = self.parent.named(body, f"p{number}", where[dim])
        return index, starts

    def turns(
        self, body: list[aul.Statement], share: aul.IntExpr
    ) -> tuple[list[aul.Statement], aul.IntExpr | None]:
        """The start of the loop's body and the number of its turns (None: no loop); ``turn`` is
        then the block's place in the row."""
        inner: list[aul.Statement] = []
        steps = self.steps(self.along)
        count: aul.IntExpr | None = steps.expr
        turn: aul.IntExpr = aul.Name("k0")
        if self.machine.serial_rows:
            turn, count = share, None
        elif self.split is not ONE:
            chunk = self.parent.named(body, "chunk", steps.cdiv(self.split).expr)
            first = self.parent.named(body, "first", aul.Binary("*", share, chunk))
            left = aul.Binary("-", steps.expr, first)
            count = aul.Call("max", (aul.Int(0), aul.Call("min", (chunk, left))))
            turn = aul.Binary("+", first, turn)
        if self.reverse:
            # The shares of a row may reach beyond its first block; those take no turn.
            last = aul.Binary("-", steps.expr, aul.Int(1))
            turn = self.parent.named(inner, "turn", aul.Binary("-", last, turn))
        self.turn = turn
        return inner, count

    # ---- carries -----------------------------------------------------------------------------

    def carry(self, writer: TileWriter, scan: Value) -> TileRef:
        dtype, op = self.carried(scan), SCAN[scan.op]
        kept = tuple(t.dim is not self.along for t in writer.tiled)
        neutral = "max" if op == "logaddexp" else op
        return writer.new_tile("acc", kept, dtype, identity(neutral, dtype))

    def carried(self, scan: Value) -> str:
        dtype, op = compute_dtype(scan.dtype), SCAN[scan.op]
        return "float64" if is_float(dtype) and op in ("sum", "prod") else dtype

    def store_total(self, writer: TileWriter, scan: Value, share: aul.IntExpr, number: int) -> str:
        """The core's carry as a row of a workspace [split, kept...]."""
        name = f"share{self.parent.suffix}_{number}"
        acc = writer.carries[id(scan)]
        shape = (self.split.expr, *(d.size.expr for d in self.kept))
        self.parent.out.host.append(aul.Workspace(name, shape, acc.dtype))
        place, clip = self.workspace(writer, name, acc.dtype, share, output=True)
        writer.body.append(aul.Copy(place, aul.Place(acc.name), None, clip))
        return name

    def workspace(
        self, writer: TileWriter, name: str, dtype: str, share: aul.IntExpr | aul.Slice,
        output: bool,
    ) -> tuple[aul.Place, bool]:  # fmt: skip
        """The core's part of a workspace, and whether it may pass the workspace's end."""
        dims: list[aul.IntExpr] = [self.split.expr]
        index: list[aul.IntExpr | aul.Slice] = [share]
        clip = False
        for dim in self.space.dims:
            tile = next((t for t in writer.tiled if t.dim is dim), None)
            if dim is self.along:
                dims.append(aul.Int(1))
                index.append(aul.Slice(aul.Int(0), aul.Int(1)))
            elif tile is not None:
                assert tile.start is not None
                dims.append(dim.size.expr)
                clip = True
                index.append(aul.Slice(tile.start, aul.Binary("+", tile.start, tile.extent.expr)))
            else:
                dims.append(dim.size.expr)
                index.append(writer.index[dim])
        writer.params[name] = aul.Param(name, dtype, tuple(dims), output=output)
        writer.arguments[name] = name
        return aul.Place(name, tuple(index)), clip

    def go_on(
        self, writer: TileWriter, scan: Value, acc: TileRef, name: str, share: aul.IntExpr
    ) -> None:
        """Fills ``acc`` with the fold of the shares before this core's."""
        rows = aul.Slice(aul.Int(0), self.split.expr)
        place, clip = self.workspace(writer, name, acc.dtype, rows, output=False)
        shape = (self.split.expr, *writer.shape(acc.present))
        op = SCAN[scan.op]
        body = writer.body

        def tile(first: bool) -> str:
            fresh = writer.fresh("x")
            extents = shape if first else (aul.Int(1), *shape[1:])
            body.append(aul.Tile(fresh, extents, acc.dtype))
            return fresh

        def fold(family: str, how: str, dst: str, src: str, **attrs: object) -> None:
            listed = tuple(sorted({"axis": 0, **attrs}.items()))
            body.append(aul.VectorOp(family, how, aul.Place(dst), (aul.Place(src),), listed))

        loaded = tile(True)
        body.append(aul.Copy(aul.Place(loaded), place, 0.0 if clip else None))
        if op == "logaddexp":  # what never falls ends at its maximum
            run = tile(True)
            fold("vscan_op", op, run, loaded, valid=share)
            loaded, op = run, "max"
        total = tile(False)
        fold("vreduce_op", op, total, loaded, valid=share)
        body.append(aul.Copy(aul.Place(acc.name), aul.Place(total)))
