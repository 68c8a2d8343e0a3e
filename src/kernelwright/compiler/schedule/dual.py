"""Reductions over different dimensions of the same data in one pass: a matrix' row sums beside its
column maxima.

Bytes moved: the operands once, where a pass for each would read them again; besides them the
partial results, one row a core. A core takes a band: it walks along some dimensions and holds
others whole (``bands`` says which). What is reduced over held dimensions is finished at every step,
and so is everything elementwise; what is reduced along the band is accumulated on chip (float sums
in float64), and the cores' partial results are folded by a second launch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelwright.aul import syntax as aul
from kernelwright.compiler.schedule.bands import Bands
from kernelwright.compiler.schedule.blocks import block_for, choices_around
from kernelwright.compiler.schedule.online import Online
from kernelwright.compiler.schedule.region import Value
from kernelwright.compiler.schedule.space import LoopDim
from kernelwright.compiler.schedule.stream import StreamEmitter
from kernelwright.compiler.schedule.symbols import Symbol, product
from kernelwright.compiler.schedule.tiles import TileRef, TileWriter

if TYPE_CHECKING:
    from kernelwright.compiler.schedule.kernels import RegionEmitter

LEAST_ROWS = 16  # steps of a core, where the machine can be filled: each has partial results


class BandFold(StreamEmitter):
    """The reductions along the band over the same dimensions, and what is computed from them."""

    def __init__(
        self, parent: RegionEmitter, reductions: Sequence[Value], roots: Sequence[int], tag: str
    ) -> None:
        super().__init__(parent)
        self.reductions, self.online = list(reductions), Online([])
        self.twins, self.shifted = {}, None
        gone = set(self.region.dims.resolve(reductions[0].reduced))
        self.folded = [d for d in self.space.dims if d.atoms[0] in gone]
        self.kept = [d for d in self.space.dims if d.atoms[0] not in gone]
        self.roots, self.after, self.tag = roots, (), tag


class DualEmitter(StreamEmitter):
    """The walk along the band. Its ``kept`` dimensions are those that no reduction folds, so that
    a core stands at one place along them; ``folds`` are written with each other."""

    def __init__(self, parent: RegionEmitter, found: Bands) -> None:
        super().__init__(parent)
        self.found, self.online, self.after = found, Online([]), ()
        self.twins, self.shifted = {}, None
        self.held = [d for d in self.space.dims if d.reduced]
        self.band = [d for d in self.space.dims if d.atoms[0] in found.band]
        self.folded = [d for d in self.space.dims if d in self.held or d in self.band]
        self.kept = [d for d in self.space.dims if d not in self.folded]
        self.folds = [
            BandFold(parent, values, roots, f"_{number}" if number else "")
            for number, (values, roots) in enumerate(zip(found.folds, found.after))
        ]

    # ---- sizes -------------------------------------------------------------------------------

    def blocks(self) -> dict[LoopDim, Symbol]:
        out = {d: d.size for d in self.held}
        row = product(d.size for d in self.held).value
        last, inner = self.space.dims[-1], self.band[-1]
        budget = max(16, self.machine.resident // 2 // max(1, row))
        if last in self.kept:
            wide = block_for(last.size.value, min(256, budget), 1)
            out[last] = self.parent.tunable("TN", wide, (16, 32, 64, 128, 256, 512))
            row *= wide
        if last is inner:
            wide = block_for(last.size.value, min(self.machine.wide, budget), 1)
            out[last] = self.parent.tunable("TN", wide, choices_around(wide))
        elif not self.machine.serial_rows:
            high = block_for(inner.size.value, max(1, 2 * self.machine.area // row), 1)
            out[inner] = self.parent.tunable("TM", high, (1, 2, 4, 8, 16, 32))
        return out

    def shares(self, steps: int, places: int) -> int:
        wanted = -(-self.machine.cores // places)
        enough = max(steps // LEAST_ROWS, self.machine.cores // 4 // places, 1)
        return min(wanted, enough, steps)

    def uneven(self, steps: dict[LoopDim, Symbol], outer: LoopDim, places: int) -> bool:
        return False  # what is held has no steps

    # ---- the walk ----------------------------------------------------------------------------

    def parts(self, sums: Sequence[TileRef]) -> list[tuple[BandFold, Sequence[TileRef]]]:
        """Each fold with its accumulators."""
        out, first = [], 0
        for fold in self.folds:
            out.append((fold, sums[first : first + len(fold.reductions)]))
            first += len(fold.reductions)
        return out

    def accumulators(self, writer: TileWriter) -> list[TileRef]:
        return [acc for fold in self.folds for acc in fold.accumulators(writer)]

    def accumulate_all(self, writer: TileWriter, sums: Sequence[TileRef]) -> None:
        self.parent.write_roots(writer, self.found.inside)
        for fold, own in self.parts(sums):
            fold.accumulate_all(writer, own)

    def finish_alone(self, writer: TileWriter, sums: Sequence[TileRef]) -> None:
        for fold, own in self.parts(sums):
            fold.finish_alone(writer, own)

    def store_partials(
        self, writer: TileWriter, sums: Sequence[TileRef], split: Symbol, share: aul.IntExpr
    ) -> list[str]:
        return [
            name
            for fold, own in self.parts(sums)
            for name in fold.store_partials(writer, own, split, share)
        ]

    def second_launch(self, partials: Sequence[str], split: Symbol) -> None:
        first = 0
        for fold in self.folds:
            count = len(fold.reductions)
            fold.second_launch(partials[first : first + count], split)
            first += count
