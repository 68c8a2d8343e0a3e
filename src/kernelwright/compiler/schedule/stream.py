"""Streams: reductions too long, or of too few rows, to hold rows on chip.

Bytes moved: the operands once. Every core folds its share of the reduced steps into accumulators;
where the work is split over cores, partial results meet in a workspace and a second launch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelwright.aul import syntax as aul
from kernelwright.compiler.schedule.blocks import block_for, choices_around, splits_around
from kernelwright.compiler.schedule.online import Online, peel
from kernelwright.compiler.schedule.region import Value
from kernelwright.compiler.schedule.shifted import Shifted
from kernelwright.compiler.schedule.space import LoopDim
from kernelwright.compiler.schedule.symbols import Symbol, product
from kernelwright.compiler.schedule.tiles import (
    COMBINE,
    REDUCE,
    TileDim,
    TileRef,
    TileWriter,
    compute_dtype,
    identity,
)
from kernelwright.compiler.schedule.walk import Walk, nested
from kernelwright.graph.core import is_float

if TYPE_CHECKING:
    from kernelwright.compiler.schedule.kernels import RegionEmitter

CORE = aul.CoreIdx()
EVENLY = 0.9  # of the cores must have steps, or the shares are cut finer
HEAVY = frozenset({"exp", "log", "tanh", "sigmoid", "erf", "pow", "log1p", "expm1"})
SMALLER = 3  # times more pieces, where there are several waves of them
LEAST_STEPS = 16  # of such a piece: each has partial results


class StreamEmitter:
    """A long reduction: every core folds its share of the reduced steps into accumulators."""

    def __init__(self, parent: RegionEmitter) -> None:
        self.parent = parent
        self.space, self.region, self.machine = parent.space, parent.region, parent.machine
        self.reductions = self.region.reductions()
        self.online = Online(self.reductions)
        self.twins = self.repeated()
        self.reductions = [r for r in self.reductions if id(r) not in self.twins]
        self.shifted: Shifted | None = None
        if self.in_lanes() and Shifted.suits(self.reductions, self.online):
            self.shifted = Shifted(self.reductions, self.online)
        self.walked = 0  # steps of all reduced dimensions
        self.first: list[aul.Compare] = []  # when a step is a core's first one
        self.folded = [d for d in self.space.dims if d.reduced]
        self.kept = [d for d in self.space.dims if not d.reduced]
        # Positions: it writes these when the reductions are done, and those in a second pass.
        self.roots: Sequence[int] = [i for i in self.all_roots() if not self.along(i)]
        self.after: Sequence[int] = [i for i in self.all_roots() if self.along(i)]
        self.tag = ""  # tells the names of several folds in one kernel apart

    def in_lanes(self) -> bool:
        """Whether a tile runs along what it folds, on a machine where sums over a tile are dear."""
        return self.space.dims[-1].reduced and not self.machine.serial_rows

    def repeated(self) -> dict[int, tuple[Value, Value]]:
        """The reductions that another one equals, by id, each with that one."""
        found: dict[int, tuple[Value, Value]] = {}
        known: dict[object, Value] = {}
        bases = [r for r in self.reductions if id(r) in self.online.bases]
        for value in [*bases, *(r for r in self.reductions if r not in bases)]:
            folded = frozenset(self.region.dims.resolve(value.reduced))
            what = value.op, value.dtype, id(peel(value.args[0])), folded
            other = known.setdefault(what, value)
            if other is not value and id(value) not in self.online.bases:
                found[id(value)] = value, other
        return found

    def all_roots(self) -> range:
        return range(len(self.region.roots))

    def along(self, position: int) -> bool:
        """Whether a root runs along a reduced dimension."""
        return bool(self.space.reduced & set(self.space.stores[position]))

    def blocks(self) -> dict[LoopDim, Symbol]:
        """The tile's extent along each LoopDim that it holds; the others are indices."""
        last = self.space.dims[-1]
        out: dict[LoopDim, Symbol] = {}
        if not last.reduced:
            pieces = self.machine.cores if self.machine.serial_rows else 1
            wide = block_for(last.size.value, self.machine.wide, pieces)
            out[last] = self.parent.tunable("TN", wide, choices_around(self.machine.wide))
            inner = self.folded[-1]
            high = block_for(inner.size.value, self.machine.rows, 1)
            out[inner] = self.parent.tunable("TK", high, (8, 16, 32, 64, 128))
            return out
        room = self.machine.stream * (2 if self.after else 1)
        for dim in reversed(self.folded):
            whole = dim is not self.folded[0] and self.region.table.most(dim.size) is None
            if dim.size.value * 2 <= room and whole:
                out[dim] = dim.size
                room //= dim.size.value
            else:
                default = block_for(dim.size.value, room, 1)
                above = self.repeated_along(dim)
                if above is not None:
                    high = block_for(above.size.value, self.machine.rows, 1)
                    out[above] = self.parent.tunable("TM", high, (2, 4, 8, 16))
                    default = max(1, 2 * default // high)
                out[dim] = self.parent.tunable("TK", default, choices_around(default))
                break
        return out

    def repeated_along(self, last: LoopDim) -> LoopDim | None:
        """The next folded dimension, if there are operands along ``last`` that it repeats: a tile
        that has some of it reads them that many times less. On a GPU they would come from the cache
        that all cores share, which is no more than twice as fast as memory."""
        outer = self.folded[: self.folded.index(last)]
        if self.machine.serial_rows or self.after or not outer:
            return None
        repeated = any(
            last.atoms[-1] in strides and outer[-1].atoms[0] not in strides
            for strides in self.space.loads.values()
        )
        return outer[-1] if repeated and outer[-1].size.value > 1 else None

    def run(self) -> None:
        blocks = self.blocks()
        steps = {d: d.size.cdiv(blocks[d]) if d in blocks else d.size for d in self.space.dims}
        outer = next((d for d in self.folded if steps[d].value > 1), self.folded[0])
        places = product(steps[d] for d in self.kept)
        self.walked = self.all_steps(steps).value
        split_value = self.shares(steps[outer].value, places.value)
        joint = self.uneven(steps, outer, places.value)
        if joint:
            split_value = self.shares(self.all_steps(steps).value, places.value)
        body: list[aul.Statement] = []
        if split_value > 1:
            split = self.parent.tunable("SPLIT", split_value, splits_around(split_value))
        else:
            split = Symbol.of(1)
        position: aul.IntExpr = CORE
        share: aul.IntExpr = aul.Int(0)
        if split_value > 1:
            share = self.parent.named(body, "share", aul.Binary("//", CORE, places.expr))
            position = self.parent.named(body, "place", aul.Binary("%", CORE, places.expr))
            if places.literal and places.value == 1:
                body.clear()
                share, position = CORE, aul.Int(0)
        where = self.parent.decode(position, [(d, steps[d]) for d in self.kept])
        index: dict[LoopDim, aul.IntExpr] = {}
        starts: dict[LoopDim, aul.IntExpr] = {}
        for number, dim in enumerate(self.kept):
            if dim in blocks:
                start = aul.Binary("*", where[dim], blocks[dim].expr)
                starts[dim] = self.parent.named(body, f"s{number}", start)
            else:
                index[dim] = self.parent.named(body, f"p{number}", where[dim])
        walk = Walk(
            self.parent, self.folded, blocks, steps, outer, split, share, index, starts, joint
        )
        self.fold(body, walk, places)

    def shares(self, steps: int, places: int) -> int:
        """How many cores share the steps of each of ``places`` results."""
        pieces = self.machine.cores
        if not self.space.dims[-1].reduced:
            pieces *= self.machine.shares
        if self.holds_much() and not self.machine.serial_rows:
            # A few more pieces than there is room for at once would wait alone.
            enough = self.walked * places // LEAST_STEPS
            pieces = max(pieces, min(SMALLER * pieces, enough))
        if not self.machine.serial_rows and EVENLY * pieces <= places < pieces:
            return 1  # nearly enough as they are, and without a second launch
        return max(1, min(steps, -(-pieces // places)))

    def holds_much(self) -> bool:
        """Whether a core needs so many registers that not all pieces fit a GPU at once."""
        heavy = [v for v in self.region.live() if v.kind == "map" and v.op in HEAVY]
        return bool(self.online.links) or (not self.space.dims[-1].reduced and len(heavy) > 1)

    def all_steps(self, steps: dict[LoopDim, Symbol]) -> Symbol:
        return product(steps[d] for d in self.folded)

    def uneven(self, steps: dict[LoopDim, Symbol], outer: LoopDim, places: int) -> bool:
        """Whether shares of the outer dimension's steps alone would leave a good part of the cores
        idle, where shares of all steps would not. A CPU keeps its nest of loops: vectors run along
        the inner ones."""
        if self.machine.serial_rows or steps[outer].value == self.all_steps(steps).value:
            return False
        wanted = self.shares(self.all_steps(steps).value, places)
        chunk = -(-steps[outer].value // self.shares(steps[outer].value, places))
        busy = steps[outer].value / chunk
        return wanted > 1 and busy < EVENLY * wanted

    def fold(self, body: list[aul.Statement], walk: Walk, places: Symbol) -> None:
        """The loops over the reduced steps, and what follows them."""
        inner: list[aul.Statement] = []
        loops = walk.loops(body, inner)
        self.first = [aul.Compare("==", aul.Name(var), aul.Int(0)) for var, _ in loops]
        writer = self.parent.writer(walk.tile_dims(), walk.index)
        writer.counter["k"] = 2 * len(self.folded)  # the loops are k0, k1, ...
        sums = self.accumulators(writer)
        body.extend(writer.body)
        writer.body = []
        self.accumulate_all(writer, sums)
        body.extend(nested(loops, inner + writer.body))
        writer.body, writer.tiles = [], {}
        sums = self.joined(writer, sums)
        if walk.split.literal:
            self.finish_alone(writer, sums)
            body.extend(writer.body)
            if self.after:
                body.extend(self.read_again(writer, walk))
            self.parent.finish_kernel(self.parent.name, writer, body, places)
        else:
            partials = self.store_partials(writer, sums, walk.split, walk.share)
            body.extend(writer.body)
            name = self.parent.name + "_partial"
            self.parent.finish_kernel(name, writer, body, places * walk.split)
            self.second_launch(partials, walk.split)

    def read_again(self, writer: TileWriter, walk: Walk) -> list[aul.Statement]:
        """The pass that stores what the finished reductions are for, element by element."""
        inner: list[aul.Statement] = []
        loops = walk.loops([], inner, turn=1)
        writer.tiled, writer.index = walk.tile_dims(), dict(walk.index)
        writer.body = []
        writer.tiles = {id(r): writer.tiles[id(r)] for r in self.region.reductions()}
        self.parent.write_roots(writer, self.after)
        return nested(loops, inner + writer.body)

    def finish_alone(self, writer: TileWriter, sums: Sequence[TileRef]) -> None:
        """The end of a core that has folded all steps of its results."""
        self.epilogue(writer, self.rounded(writer, sums))

    def kept_axes(self, writer: TileWriter) -> tuple[bool, ...]:
        return tuple(t.dim in self.kept for t in writer.tiled)

    def accumulators(self, writer: TileWriter) -> list[TileRef]:
        """One a reduction, and the number of elements so far if some need it."""
        sums = [self.accumulator(writer, r) for r in self.reductions]
        if self.online.counts:
            sums.append(writer.new_tile("acc", (False,) * len(writer.tiled), "float64", 0))
        return sums

    def accumulator(self, writer: TileWriter, reduction: Value) -> TileRef:
        """Float sums and products are carried in float64: one addition a step, so it costs nothing,
        and the error no longer grows with the number of steps. Lanes have their own dtype."""
        if self.shifted is not None and id(reduction) in self.shifted.members:
            return self.shifted.accumulator(writer, reduction)
        dtype = compute_dtype(reduction.dtype)
        op = REDUCE[reduction.op]
        if is_float(dtype) and op in ("sum", "prod"):
            dtype = "float64"
        kept = self.kept_axes(writer)
        return writer.new_tile("acc", kept, dtype, identity(op, dtype))

    def accumulate_all(self, writer: TileWriter, sums: Sequence[TileRef]) -> None:
        """Folds one block into the accumulators, those first that others need."""
        count = here = None
        if self.online.counts:
            count, here = sums[-1], self.online.here(writer)
        for reduction, acc in zip(self.reductions, sums):
            if self.shifted is not None and id(reduction) in self.shifted.members:
                if id(reduction) in self.online.bases:
                    self.shifted.accumulate(writer, reduction, self.first)
                continue
            block = self.of_block(writer, reduction, acc)
            if id(reduction) in self.online.bases:
                self.online.base(writer, reduction, acc, block, count, here)
            elif id(reduction) in self.online.links:
                self.online.dependent(writer, reduction, acc, block)
            else:
                op = COMBINE[REDUCE[reduction.op]]
                writer.emit("vbinary_op", op, acc, acc, block)
        if count is not None and here is not None:
            writer.emit("vbinary_op", "add", count, count, here)

    def joined(self, writer: TileWriter, sums: Sequence[TileRef]) -> list[TileRef]:
        """The accumulators without their lanes."""
        if self.shifted is None:
            return list(sums)
        own = [r for r in self.reductions if id(r) in self.shifted.members]
        done = iter(self.shifted.joined(writer, own, sums[-1]))
        whole = [next(done) if r in own else acc for r, acc in zip(self.reductions, sums)]
        return [*whole, sums[-1]]

    def of_block(self, writer: TileWriter, reduction: Value, acc: TileRef) -> TileRef:
        """What one block comes to, in the accumulator's dtype."""
        op = REDUCE[reduction.op]
        ref = writer.summand(reduction)
        wanted = (True,) * len(writer.tiled)
        if ref.present != wanted:
            ref = writer.emit("vbroadcast_op", "", writer.new_tile("b", wanted, ref.dtype), ref)
        # Of a tile with steps along several dimensions a thread holds rows of neighbours: what it
        # has of the slower dimensions is folded without any other thread.
        axes = range(len(writer.tiled))
        steps = [t.blocked for t in writer.tiled if t.dim not in self.kept]
        for axis in axes if sum(steps) > 1 else reversed(axes):
            if writer.tiled[axis].dim not in self.kept:
                ref = writer.reduce_axis(ref, op, axis)
        return writer.convert(ref, acc.dtype)

    def rounded(self, writer: TileWriter, sums: Sequence[TileRef]) -> list[TileRef]:
        """The finished reductions in their own dtypes."""
        own = {id(r): acc for r, acc in zip(self.reductions, sums)}
        out = []
        for r, acc in zip(self.reductions, sums):
            if id(r) in self.online.links:
                top = own[id(self.online.links[id(r)].base)]
                acc = self.online.finished(writer, r, acc, top)
            out.append(writer.convert(acc, compute_dtype(r.dtype)))
        return out

    def epilogue(self, writer: TileWriter, results: Sequence[TileRef]) -> None:
        """The roots, from the finished reductions; tiles of the loop are out of scope."""
        self.know(writer, results)
        self.parent.write_roots(writer, self.roots)

    def know(self, writer: TileWriter, results: Sequence[TileRef]) -> None:
        """The finished reductions, where what follows looks for them."""
        for reduction, ref in zip(self.reductions, results):
            writer.tiles[id(reduction)] = ref
        for twin, other in self.twins.values():
            writer.tiles[id(twin)] = writer.tiles[id(other)]

    def store_partials(
        self, writer: TileWriter, sums: Sequence[TileRef], split: Symbol, share: aul.IntExpr
    ) -> list[str]:
        """Every core's accumulators as rows of workspaces [split, kept...]."""
        names: list[str] = []
        kept = self.kept_axes(writer)
        for acc in sums:
            if acc.present != kept:
                acc = writer.emit("vbroadcast_op", "", writer.new_tile("b", kept, acc.dtype), acc)
            name = f"partial{self.tag}{self.parent.suffix}_{len(names)}"
            names.append(name)
            shape = (split, *(d.size for d in self.kept))
            exprs = tuple(s.expr for s in shape)
            self.parent.out.host.append(aul.Workspace(name, exprs, acc.dtype))
            index: list[aul.IntExpr | aul.Slice] = [share]
            clip = False
            dims = list(exprs)
            for dim in self.space.dims:
                tile = next((t for t in writer.tiled if t.dim == dim), None)
                if dim not in self.kept and tile is not None:
                    index.append(aul.Slice(aul.Int(0), aul.Int(1)))
                    dims.insert(len(index) - 1, aul.Int(1))
                elif tile is not None and tile.start is not None:
                    clip = True
                    stop = aul.Binary("+", tile.start, tile.extent.expr)
                    index.append(aul.Slice(tile.start, stop))
                elif tile is not None:
                    index.append(aul.Slice(aul.Int(0), tile.extent.expr))
                elif dim in self.kept:
                    index.append(writer.index[dim])
            writer.params[name] = aul.Param(name, acc.dtype, tuple(dims), output=True)
            writer.arguments[name] = name
            place = aul.Place(name, tuple(index))
            writer.body.append(aul.Copy(place, aul.Place(acc.name), None, clip))
        return names

    def second_launch(self, partials: Sequence[str], split: Symbol) -> None:
        """Folds the partial results and writes the roots."""
        blocks: dict[LoopDim, Symbol] = {}
        if self.kept:
            last = self.kept[-1]
            pieces = 1 if self.machine.serial_rows else self.machine.cores // 4
            width = max(16, block_for(last.size.value, 128, pieces))
            blocks[last] = self.parent.tunable("TF" + self.tag, width, (16, 32, 64, 128, 256))
        steps = [(d, d.size.cdiv(blocks[d]) if d in blocks else d.size) for d in self.kept]
        body: list[aul.Statement] = []
        where = self.parent.decode(CORE, steps)
        tiled: list[TileDim] = []
        index: dict[LoopDim, aul.IntExpr] = {}
        for number, dim in enumerate(self.kept):
            if dim in blocks:
                start = aul.Binary("*", where[dim], blocks[dim].expr)
                tiled.append(
                    TileDim(dim, blocks[dim], self.parent.named(body, f"s{number}", start))
                )
            else:
                index[dim] = self.parent.named(body, f"p{number}", where[dim])
        for dim in self.folded:
            index[dim] = aul.Int(0)
        parts = LoopDim((-1,), split, True)
        tiled.insert(0, TileDim(parts, split))
        writer = self.parent.writer(tiled, index, [parts])
        self.epilogue(writer, self.rounded(writer, self.fold_partials(writer, partials, split)))
        body.extend(writer.body)
        cores = product(n for _, n in steps)
        self.parent.finish_kernel(self.parent.name + "_finish" + self.tag, writer, body, cores)

    def fold_partials(
        self, writer: TileWriter, partials: Sequence[str], split: Symbol
    ) -> list[TileRef]:
        """The finished reductions from their workspaces, those first that others need."""
        count = None
        if self.online.counts:
            count = self.load_partial(writer, partials[-1], "float64", split)
        tops: dict[int, tuple[TileRef, TileRef]] = {}
        results: list[TileRef] = []
        for name, reduction in zip(partials, self.reductions):
            op, dtype = REDUCE[reduction.op], compute_dtype(reduction.dtype)
            wide = is_float(dtype) and op in ("sum", "prod")
            loaded = self.load_partial(writer, name, "float64" if wide else dtype, split)
            if id(reduction) in self.online.links:
                total = self.online.folded(writer, reduction, loaded, count, tops)
            else:
                total = writer.reduce_axis(loaded, op, 0)
                tops[id(reduction)] = loaded, total
            results.append(total)
        return results

    def load_partial(self, writer: TileWriter, name: str, dtype: str, split: Symbol) -> TileRef:
        """[split, tile...] of a workspace."""
        index: list[aul.IntExpr | aul.Slice] = [aul.Slice(aul.Int(0), split.expr)]
        pad = None
        for dim in self.kept:
            tile = next((t for t in writer.tiled if t.dim == dim), None)
            if tile is None:
                index.append(writer.index[dim])
            else:
                assert tile.start is not None
                pad = 0.0
                stop = aul.Binary("+", tile.start, tile.extent.expr)
                index.append(aul.Slice(tile.start, stop))
        loaded = writer.new_tile("x", (True,) * len(writer.tiled), dtype)
        shape = (split.expr, *(d.size.expr for d in self.kept))
        writer.params[name] = aul.Param(name, dtype, shape)
        writer.arguments[name] = name
        place = aul.Place(name, tuple(index))
        writer.body.append(aul.Copy(aul.Place(loaded.name), place, pad))
        return loaded
