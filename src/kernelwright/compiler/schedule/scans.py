"""Scans of rows too long to hold: block after block, with what the blocks before came to.

Bytes moved: the operands once and the results once, as for an elementwise kernel. A core walks
along its rows; a block is scanned on chip, the carry (float64 for float sums and products) is
folded into it, and the block's own total into the carry. Rows that fit on chip need none of this:
their scan is a statement of the rows kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelwright.aul import syntax as aul
from kernelwright.compiler.schedule.region import Value
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


class ScanEmitter:
    """One kernel: a core takes one place of the kept dimensions and all blocks along the scan."""

    def __init__(self, parent: RegionEmitter) -> None:
        self.parent, self.space, self.machine = parent, parent.space, parent.machine
        self.along = next(d for d in self.space.dims if d.reduced)
        self.reverse = all(s.attrs.get("reverse") for s in parent.region.scans())

    def blocks(self) -> dict[LoopDim, Symbol]:
        """The tile's extents: a block along the scan, and columns where they lie inside."""
        from kernelwright.compiler.schedule.kernels import block_for, choices_around

        last = self.space.dims[-1]
        if last is self.along:
            size = block_for(last.size.value, self.machine.stream, 1)
            return {last: self.parent.tunable("TK", size, choices_around(size))}
        pieces = self.machine.cores if self.machine.serial_rows else 1
        wide = block_for(last.size.value, self.machine.wide // 8, pieces)
        high = block_for(self.along.size.value, self.machine.rows, 1)
        return {
            self.along: self.parent.tunable("TK", high, (16, 32, 64)),
            last: self.parent.tunable("TN", wide, choices_around(wide)),
        }

    def run(self) -> None:
        blocks = self.blocks()
        steps = {d: d.size.cdiv(blocks[d]) if d in blocks else d.size for d in self.space.dims}
        kept = [d for d in self.space.dims if d is not self.along]
        body: list[aul.Statement] = []
        where = self.parent.decode(aul.CoreIdx(), [(d, steps[d]) for d in kept])
        index: dict[LoopDim, aul.IntExpr] = {}
        starts: dict[LoopDim, aul.IntExpr] = {}
        for number, dim in enumerate(kept):
            if dim in blocks:
                start = aul.Binary("*", where[dim], blocks[dim].expr)
                starts[dim] = self.parent.named(body, f"s{number}", start)
            else:
                index[dim] = self.parent.named(body, f"p{number}", where[dim])
        inner: list[aul.Statement] = []
        turn: aul.IntExpr = aul.Name("k0")
        if self.reverse:
            last = aul.Binary("-", steps[self.along].expr, aul.Int(1))
            turn = self.parent.named(inner, "turn", aul.Binary("-", last, turn))
        start = aul.Binary("*", turn, blocks[self.along].expr)
        starts[self.along] = self.parent.named(inner, "start", start)
        tiled = [TileDim(d, blocks[d], starts[d]) for d in self.space.dims if d in blocks]
        writer = self.parent.writer(tiled, index)
        writer.counter["k"] = 1  # the loop's variable is k0
        for scan in self.parent.region.scans():
            writer.carries[id(scan)] = self.carry(writer, scan)
        body.extend(writer.body)
        writer.body = []
        self.parent.write_roots(writer)
        inner.extend(writer.body)
        body.append(aul.Loop("k0", steps[self.along].expr, tuple(inner)))
        cores = product(steps[d] for d in kept)
        self.parent.finish_kernel(self.parent.name, writer, body, cores)

    def carry(self, writer: TileWriter, scan: Value) -> TileRef:
        dtype, op = compute_dtype(scan.dtype), SCAN[scan.op]
        if is_float(dtype) and op in ("sum", "prod"):
            dtype = "float64"
        kept = tuple(t.dim is not self.along for t in writer.tiled)
        neutral = "max" if op == "logaddexp" else op
        return writer.new_tile("acc", kept, dtype, identity(neutral, dtype))
