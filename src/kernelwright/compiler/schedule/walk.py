"""A core's way over the elements that a stream folds: its steps, and the loops around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kernelwright.aul import syntax as aul
from kernelwright.compiler.schedule.space import LoopDim
from kernelwright.compiler.schedule.symbols import Symbol, product
from kernelwright.compiler.schedule.tiles import TileDim

if TYPE_CHECKING:
    from kernelwright.compiler.schedule.kernels import RegionEmitter


@dataclass
class Walk:
    """``folded``: the dimensions that are walked along, outermost first. ``blocks``: the tile's
    extent along each LoopDim that it holds; ``steps``: how many there are along each; ``outer``:
    the folded dimension of which a core has its ``share`` in ``split``; ``index`` and ``starts``:
    where the current step stands. ``joint``: the steps along all folded dimensions are counted as
    one, and shared so."""

    parent: RegionEmitter
    folded: Sequence[LoopDim]
    blocks: dict[LoopDim, Symbol]
    steps: dict[LoopDim, Symbol]
    outer: LoopDim
    split: Symbol
    share: aul.IntExpr
    index: dict[LoopDim, aul.IntExpr]
    starts: dict[LoopDim, aul.IntExpr]
    joint: bool = False

    def loops(
        self,
        body: list[aul.Statement],
        inner: list[aul.Statement],
        turn: int = 0,
    ) -> list[tuple[str, aul.IntExpr]]:
        """Variable and count of each loop, outermost first; what a step begins with goes to
        ``inner``. ``turn``: 1 for a second pass."""
        if self.joint and not self.split.literal:
            return self.joint_loop(body, inner)
        loops: list[tuple[str, aul.IntExpr]] = []
        for position, dim in enumerate(self.folded):
            if self.blocks.get(dim) == dim.size:
                continue
            number = position + turn * len(self.folded)
            var = f"k{number}"
            step: aul.IntExpr = aul.Name(var)
            count: aul.IntExpr = self.steps[dim].expr
            if dim is self.outer and not self.split.literal:
                step, count = self.share_of(body, self.steps[dim], step)
            loops.append((var, count))
            self.stand(inner, dim, number, step)
        return loops

    def joint_loop(
        self, body: list[aul.Statement], inner: list[aul.Statement]
    ) -> list[tuple[str, aul.IntExpr]]:
        """One loop over a core's share of the steps along all reduced dimensions."""
        parts = [(d, self.steps[d]) for d in self.folded if self.blocks.get(d) != d.size]
        total = product(count for _, count in parts)
        step, count = self.share_of(body, total, aul.Name("k0"))
        where = self.parent.decode(self.parent.named(inner, "step", step), parts)
        for number, (dim, _) in enumerate(parts):
            self.stand(inner, dim, number, where[dim])
        return [("k0", count)]

    def share_of(
        self, body: list[aul.Statement], steps: Symbol, step: aul.IntExpr
    ) -> tuple[aul.IntExpr, aul.IntExpr]:
        """A core's ``step`` as one of all ``steps``, and how many it has."""
        chunk = self.parent.named(body, "chunk", steps.cdiv(self.split).expr)
        first = self.parent.named(body, "first", aul.Binary("*", self.share, chunk))
        left = aul.Binary("-", steps.expr, first)
        count = aul.Call("max", (aul.Int(0), aul.Call("min", (chunk, left))))
        return aul.Binary("+", first, step), count

    def stand(
        self, inner: list[aul.Statement], dim: LoopDim, number: int, step: aul.IntExpr
    ) -> None:
        """Where the ``step`` along ``dim`` is."""
        if dim in self.blocks:
            start = aul.Binary("*", step, self.blocks[dim].expr)
            self.starts[dim] = self.parent.named(inner, f"t{number}_start", start)
        else:
            self.index[dim] = self.parent.named(inner, f"q{number}", step)

    def tile_dims(self) -> list[TileDim]:
        blocks, starts = self.blocks, self.starts
        return [
            TileDim(d, blocks[d], None if blocks[d] == d.size and d.reduced else starts.get(d))
            for d in self.parent.space.dims
            if d in blocks
        ]


def nested(
    loops: Sequence[tuple[str, aul.IntExpr]], body: Sequence[aul.Statement]
) -> list[aul.Statement]:
    """``body`` in loops, the outermost first."""
    nest = list(body)
    for var, count in reversed(loops):
        nest = [aul.Loop(var, count, tuple(nest))]
    return nest
