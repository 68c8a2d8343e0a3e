"""Means and variances of long rows on a GPU, with nothing summed across lanes until the end.

Bytes moved: the operand once. Each lane of a tile adds up ``x - shift`` and its square, and the
lanes are joined when the walk ends: M2 = S2 - S1**2 / n, in float64. What is subtracted there is
small, because the shift is the mean of a core's own first block, taken about one of that block's
elements, so that equal numbers have exactly no variance. A shift by any number near the mean is
enough (Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983, section 3).
Where blocks are joined instead, each about its own mean (``online``), every step has sums over the
whole tile, and all its threads wait for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelwright.aul import syntax as aul
from kernelwright.compiler.schedule.online import Online
from kernelwright.compiler.schedule.tiles import TileRef, TileWriter, compute_dtype

if TYPE_CHECKING:
    from kernelwright.compiler.schedule.region import Value


class Shifted:
    """Writes the sums and the sums of squares about their means among a stream's ``reductions``."""

    def __init__(self, reductions: Sequence[Value], online: Online) -> None:
        self.bases = [r for r in reductions if id(r) in online.bases]
        own = set(map(id, reductions))  # a variance that equals another has no lanes of its own
        self.squares = {i: k.base for i, k in online.links.items() if i in own}
        self.members = {*map(id, self.bases), *self.squares}
        self.shift: dict[int, TileRef] = {}
        self.lanes: dict[int, TileRef] = {}

    @staticmethod
    def suits(reductions: Sequence[Value], online: Online) -> bool:
        """Whether all pairs of ``reductions`` are a mean and a variance."""
        return bool(online.links) and all(k.counts for k in online.links.values())

    def accumulator(self, writer: TileWriter, value: Value) -> TileRef:
        """A lane for each element of the tile; for a sum its shift besides."""
        dtype = compute_dtype(value.dtype)
        lanes = writer.new_tile("acc", (True,) * len(writer.tiled), dtype, 0)
        self.lanes[id(value)] = lanes
        if id(value) not in self.squares:
            none = (False,) * len(writer.tiled)
            self.shift[id(value)] = writer.new_tile("acc", none, dtype, 0)
        return lanes

    def accumulate(self, writer: TileWriter, base: Value, first: Sequence[aul.Compare]) -> None:
        """One block's ``x - shift`` and its square, added lane by lane. ``first``: when this is the
        first block of a core, whose mean becomes the shift."""
        shift = self.shift[id(base)]
        x = self.everywhere(writer, writer.summand(base))
        outside, writer.body = writer.body, []
        self.choose(writer, x, shift)
        chosen, writer.body = writer.body, outside
        writer.body.extend([aul.Guard(tuple(first), tuple(chosen))] if first else chosen)
        away = self.existing(writer, writer.binary("sub", x, shift, x.dtype))
        lanes = self.lanes[id(base)]
        writer.emit("vbinary_op", "add", lanes, lanes, away)
        square = writer.binary("mul", away, away, x.dtype)
        for number, owner in self.squares.items():
            if owner is base:
                lanes = self.lanes[number]
                writer.emit("vbinary_op", "add", lanes, lanes, square)

    def choose(self, writer: TileWriter, x: TileRef, shift: TileRef) -> None:
        """The block's mean about its largest element; 0 where that is no finite number."""
        top = self.fold(writer, x, "max", True)
        total = self.fold(writer, writer.binary("sub", x, top, x.dtype), "sum", True)
        number = writer.convert(self.here(writer), x.dtype)
        mean = writer.binary("add", top, writer.binary("div", total, number, x.dtype), x.dtype)
        test = writer.new_tile("t", mean.present, "bool")
        writer.emit("vunary_op", "isfinite", test, mean)
        zero = writer.emit("vfill_op", "", writer.new_tile("k", mean.present, x.dtype), value=0.0)
        writer.emit("vselect_op", "", shift, test, mean, zero)

    def here(self, writer: TileWriter) -> TileRef:
        """The number of elements in this block, as int64."""
        count: aul.IntExpr = aul.Int(1)
        for axis, tile in enumerate(writer.tiled):
            valid = writer.valid(axis) if tile.blocked else tile.extent.expr
            count = valid if count == aul.Int(1) else aul.Binary("*", count, valid)
        return self.integer(writer, count, "int64")

    def integer(self, writer: TileWriter, value: aul.IntExpr, dtype: str) -> TileRef:
        tile = writer.new_tile("n", (False,) * len(writer.tiled), dtype)
        return writer.emit("viota_op", "", tile, axis=0, start=value)

    def existing(self, writer: TileWriter, ref: TileRef) -> TileRef:
        """``ref``, and 0 for elements beyond the end."""
        for axis, tile in enumerate(writer.tiled):
            if not tile.blocked:
                continue
            dtype = "int32" if tile.dim.size.value < 2**30 else "int64"
            along = tuple(i == axis for i in range(len(writer.tiled)))
            at = writer.new_tile("i", along, dtype)
            writer.emit("viota_op", "", at, axis=axis, start=tile.start)
            end = self.integer(writer, tile.dim.size.expr, dtype)
            test = writer.new_tile("t", along, "bool")
            writer.emit("vcompare_op", "lt", test, at, end)
            zero = writer.new_tile("k", (False,) * len(along), ref.dtype)
            writer.emit("vfill_op", "", zero, value=0.0)
            out = writer.new_tile("t", ref.present, ref.dtype)
            ref = writer.emit("vselect_op", "", out, test, ref, zero)
        return ref

    def everywhere(self, writer: TileWriter, ref: TileRef) -> TileRef:
        wanted = (True,) * len(writer.tiled)
        if ref.present == wanted:
            return ref
        return writer.emit("vbroadcast_op", "", writer.new_tile("b", wanted, ref.dtype), ref)

    def fold(self, writer: TileWriter, ref: TileRef, op: str, tails: bool) -> TileRef:
        """``ref`` over all its dimensions; ``tails``: only of elements that exist."""
        for axis in range(len(writer.tiled)):
            if tails:
                ref = writer.reduce_axis(ref, op, axis)
            else:
                kept = tuple(there and i != axis for i, there in enumerate(ref.present))
                out = writer.new_tile("r", kept, ref.dtype)
                ref = writer.emit("vreduce_op", op, out, ref, axis=axis)
        return ref

    def joined(self, writer: TileWriter, values: Sequence[Value], count: TileRef) -> list[TileRef]:
        """The lanes of ``values`` as what blocks would have come to, in float64: sums, and sums of
        squares about their means. ``count``: how many elements a core has folded."""
        at_least_one = writer.new_tile("t", count.present, "float64")
        writer.emit("vectorscalar_op", "maxs", at_least_one, count, factor=1.0)
        sums: dict[int, TileRef] = {}
        out = []
        for value in values:
            total = self.fold(writer, self.lanes[id(value)], "sum", False)
            total = writer.convert(total, "float64")
            sums[id(value)] = total
            if id(value) in self.squares:
                first = sums[id(self.squares[id(value)])]
                share = writer.binary("div", first, at_least_one, "float64")
                lost = writer.binary("mul", first, share, "float64")
                left = writer.binary("sub", total, lost, "float64")
                total = writer.new_tile("t", left.present, "float64")
                writer.emit("vectorscalar_op", "maxs", total, left, factor=0.0)
            else:
                shift = writer.convert(self.shift[id(value)], "float64")
                shifts = writer.binary("mul", shift, count, "float64")
                total = writer.binary("add", total, shifts, "float64")
            out.append(total)
        return out
