"""Loop structure: a region becomes one or two AUL kernels with their launches.

*Elementwise*: one tile a core. *Rows*: a core holds whole rows that are reduced or scanned on chip.
*Stream* (``stream``): a long reduction is read once in steps, split over cores when there are few
results; partial results meet in a second launch. *Dual* (``dual``): reductions over different
dimensions in one pass. *Scans* (``scans``): rows that are only scanned, in blocks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from kernelwright.aul import syntax as aul
from kernelwright.compiler.schedule.blocks import block_for, choices_around
from kernelwright.compiler.schedule.dual import DualEmitter
from kernelwright.compiler.schedule.machine import Machine
from kernelwright.compiler.schedule.region import Region
from kernelwright.compiler.schedule.scans import ScanEmitter
from kernelwright.compiler.schedule.space import LoopDim, Space, Strides
from kernelwright.compiler.schedule.stream import StreamEmitter
from kernelwright.compiler.schedule.symbols import Symbol, product
from kernelwright.compiler.schedule.teams import TeamEmitter
from kernelwright.compiler.schedule.tile_shapes import RUN, SMALL, narrowness, reach, tile_extents
from kernelwright.compiler.schedule.tiles import TileDim, TileWriter

CORE = aul.CoreIdx()
NARROW = 16  # elements of a row: at most one vector of the widest machines
NEAR = Symbol.of(0)
MIN_TRANSPOSED = 8  # a shorter contiguous run is not worth a tile of its own


@dataclass
class Emitted:
    """What one region adds to a program."""

    kernels: list[aul.Kernel] = field(default_factory=list)
    host: list[aul.HostStatement] = field(default_factory=list)
    tunables: list[aul.Tunable] = field(default_factory=list)
    constants: list[aul.Const] = field(default_factory=list)
    limits: list[tuple[aul.IntExpr, int]] = field(default_factory=list)
    shaped: list[str] = field(default_factory=list)  # tunables that suit each other as they are


class RegionEmitter:
    def __init__(
        self,
        region: Region,
        machine: Machine,
        name: str,
        names: Mapping[int, str],
        suffix: str,
    ) -> None:
        self.region, self.machine, self.name, self.names = region, machine, name, names
        self.space = Space(region)
        self.suffix = suffix
        self.out = Emitted()

    def run(self) -> Emitted:
        if self.machine.serial_rows and self.region.roots[0].value.kind == "put":
            self.in_turn()
        elif not self.space.reduced:
            self.elementwise()
        elif (found := self.region.bands()) is not None:
            DualEmitter(self, found).run()
        elif self.region.too_long(self.region.reductions()) or self.overflows():
            self.stream()
        elif self.scans_alone():
            ScanEmitter(self).run()
        else:
            self.rows()
        return self.out

    def scans_alone(self) -> bool:
        """Whether the region scans and does not reduce, in a pass that keeps no rows: because they
        are too long, or because one core takes their elements one after the other anyway."""
        scans = self.region.scans()
        one_way = len({bool(s.attrs.get("reverse")) for s in scans}) == 1
        if not one_way or self.region.reductions():
            return False
        inside = not self.space.dims[-1].reduced
        long = self.region.too_long(scans)
        return long or (self.machine.serial_rows and inside)

    # ---- shared ------------------------------------------------------------------------------

    def tunable(self, name: str, default: int, choices: Sequence[int]) -> Symbol:
        full = name + self.suffix
        listed = tuple(sorted({*choices, default}))
        self.out.tunables.append(aul.Tunable(full, default, listed))
        return Symbol(default, aul.Name(full))

    def constant(self, name: str, value: Symbol) -> Symbol:
        """A name of the program for what sizes and tunables make."""
        self.out.constants.append(aul.Const(name + self.suffix, value.expr))
        return Symbol(value.value, aul.Name(name + self.suffix))

    def writer(
        self,
        tiled: Sequence[TileDim],
        index: Mapping[LoopDim, aul.IntExpr],
        extra: Sequence[LoopDim] = (),
    ) -> TileWriter:
        wide = self.machine.serial_rows
        return TileWriter(self.space, tiled, index, self.names, extra, wide_scans=wide)

    def decode(
        self, linear: aul.IntExpr, parts: Sequence[tuple[LoopDim, Symbol]]
    ) -> dict[LoopDim, aul.IntExpr]:
        """A linear index as one index a part, the last part fastest."""
        out: dict[LoopDim, aul.IntExpr] = {}
        inner = Symbol.of(1)
        real = [(d, n) for d, n in parts if not (n.literal and n.value == 1)]
        for position, (dim, count) in enumerate(reversed(real)):
            value = linear
            if not (inner.literal and inner.value == 1):
                value = aul.Binary("//", value, inner.expr)
            if position < len(real) - 1:
                value = aul.Binary("%", value, count.expr)
            out[dim] = value
            inner = inner * count
        for dim, _ in parts:
            out.setdefault(dim, aul.Int(0))
        return out

    def named(self, body: list[aul.Statement], name: str, value: aul.IntExpr) -> aul.IntExpr:
        """Binds a longer expression to a name."""
        if isinstance(value, aul.Int | aul.Name):
            return value
        body.append(aul.Assign(name, value))
        return aul.Name(name)

    def finish_kernel(
        self, name: str, writer: TileWriter, body: Sequence[aul.Statement], cores: Symbol
    ) -> None:
        kernel = aul.Kernel(name, tuple(writer.params.values()), tuple(body))
        self.out.kernels.append(kernel)
        args = tuple(writer.arguments[p] for p in writer.params)
        self.out.host.append(aul.Launch(name, cores.expr, args))

    def write_roots(self, writer: TileWriter, chosen: Collection[int] | None = None) -> None:
        """Stores the roots, or those at the positions ``chosen``."""
        for number, (root, strides) in enumerate(zip(self.region.roots, self.space.stores)):
            if chosen is not None and number not in chosen:
                continue
            value = root.value
            if value.kind == "put":
                writer.put(root, strides, atomic=not self.machine.serial_rows)
                continue
            while value.op == "alias":
                value = value.args[0]
            direct = value.kind == "load" and id(value) not in writer.tiles
            ref = writer.load(value) if direct else writer.operand(root.value)
            writer.store(ref, root, strides, self.space.store_offset(number))

    def tiles_kernel(
        self,
        name: str,
        blocks: Sequence[tuple[LoopDim, Symbol | None]],
        serial: bool,
        held: Collection[LoopDim] = (),
    ) -> None:
        """One tile a step: ``blocks`` gives each LoopDim's extent in a tile (None: an index).
        ``serial``: a core takes several steps one after the other. ``held``: dims that the tile has
        room for as they are, whatever their size."""
        whole = [(d, b) for d, b in blocks if b is not None and b == d.size]
        parts = [
            (d, d.size if b is None else d.size.cdiv(b))
            for d, b in blocks
            if (d, b) not in whole and d not in held
        ]
        steps = product(n for _, n in parts)
        body: list[aul.Statement] = []
        linear: aul.IntExpr = CORE
        cores = steps
        inner = body
        if serial and parts:
            per_core = self.tunable(
                "ROWS", self.rows_per_core(steps), (1, 2, 4, 8, 16, 32, 64, 128)
            )
            cores = steps.cdiv(per_core)
            body.append(aul.Assign("first", aul.Binary("*", CORE, per_core.expr)))
            left = aul.Binary("-", steps.expr, aul.Name("first"))
            linear = aul.Binary("+", aul.Name("first"), aul.Name("i"))
            inner = []
            body.append(aul.Loop("i", aul.Call("min", (per_core.expr, left)), ()))
        positions = self.decode(self.named(inner, "step", linear) if parts else linear, parts)
        tiled: list[TileDim] = []
        index: dict[LoopDim, aul.IntExpr] = {}
        for number, (dim, block) in enumerate(blocks):
            if (dim, block) in whole:
                tiled.append(TileDim(dim, dim.size))
            elif block is None:
                index[dim] = self.named(inner, f"p{number}", positions[dim])
            elif dim in held:
                tiled.append(TileDim(dim, block, aul.Int(0)))
            else:
                start = aul.Binary("*", positions[dim], block.expr)
                tiled.append(TileDim(dim, block, self.named(inner, f"s{number}", start)))
        writer = self.writer(tiled, index)
        self.write_roots(writer)
        inner.extend(writer.body)
        if inner is not body:
            loop = body.pop()
            assert isinstance(loop, aul.Loop)
            body.append(aul.Loop(loop.var, loop.iterations, tuple(inner)))
        self.finish_kernel(name, writer, body, cores)

    def rows_per_core(self, steps: Symbol) -> int:
        row = product(d.size for d in self.space.dims).value // max(1, steps.value)
        wanted = max(1, self.machine.flat * 2 // max(1, row))
        fair = max(1, -(-steps.value // (self.machine.cores * 4)))
        return min(wanted, fair)

    # ---- elementwise -------------------------------------------------------------------------

    def elementwise(self) -> None:
        dims = self.space.dims
        blocks: list[tuple[LoopDim, Symbol | None]] = [(d, None) for d in dims]
        if len(dims) == 1:
            flat = self.machine.flat
            if not self.machine.serial_rows:
                flat = flat // 4 if self.looks_far() else flat * narrowness(self.space)
            default = block_for(dims[0].size.value, flat, self.machine.cores)
            block = self.tunable("BLOCK", default, choices_around(flat))
            blocks[0] = (dims[0], block)
        elif dims and not self.machine.serial_rows:
            blocks = self.tile_blocks()
        elif dims and (across := self.transposed()) is not None:
            # Both sides of such a tile are whole cache lines: what is read along one dimension is
            # written along the other.
            wide = block_for(dims[-1].size.value, self.machine.square, 1)
            high = block_for(dims[across].size.value, self.machine.square, 1)
            tn = self.tunable("TN", wide, choices_around(self.machine.square))
            tm = self.tunable("TM", high, choices_around(self.machine.square))
            blocks[across], blocks[-1] = (dims[across], tm), (dims[-1], tn)
        elif dims:
            wide = block_for(dims[-1].size.value, self.machine.wide, 1)
            high = block_for(dims[-2].size.value, max(1, self.machine.area // wide), 1)
            tn = self.tunable("TN", wide, choices_around(self.machine.wide))
            tm = self.tunable("TM", high, (1, 2, 4, 8, 16, 32))
            blocks[-2:] = [(dims[-2], tm), (dims[-1], tn)]
        self.tiles_kernel(self.name, blocks, serial=False)

    def looks_far(self) -> bool:
        """Whether neighbours look up elements in cache lines of their own: waiting for one is
        hidden by other programs, not by other elements of the same."""
        last = self.space.dims[-1].atoms[-1]
        return any(
            value.kind == "lookup" and self.space.loads[id(value)].get(last, NEAR).value >= RUN
            for value in self.space.values
            if id(value) in self.space.loads
        )

    def tile_blocks(self) -> list[tuple[LoopDim, Symbol | None]]:
        """Tunable extents of all dimensions that a tile has more than one element of."""
        dims = self.space.dims
        blocks: list[tuple[LoopDim, Symbol | None]] = [(d, None) for d in dims]
        names = iter(["TN", "TM", *(f"T{k}" for k in range(3, 3 + len(dims)))])
        extents = tile_extents(self.space, self.machine)
        for position in reversed(range(len(dims))):
            extent = extents[position]
            if dims[position].reduced:
                blocks[position] = (dims[position], dims[position].size)
            elif extent > 1 or position == len(dims) - 1:
                most = 1 << (dims[position].size.value - 1).bit_length()
                choices = [c for c in choices_around(extent * 2) if c <= most]
                block = self.tunable(next(names), extent, choices)
                blocks[position] = (dims[position], block)
                self.out.shaped.append(self.out.tunables[-1].name)
        return blocks

    def in_turn(self) -> None:
        """What is put into a tensor, one after the other wherever two may meet in one place: a
        core has all of the dimensions that say nothing about the place."""
        strides, dims = self.space.stores[0], self.space.dims
        blocks: list[tuple[LoopDim, Symbol | None]] = [
            (d, None if d.atoms[0] in strides else d.size) for d in dims
        ]
        if dims and dims[-1].atoms[0] in strides:
            outer = product(d.size for d, block in blocks[:-1] if block is None)
            pieces = -(-self.machine.cores // max(1, outer.value))
            wide = block_for(dims[-1].size.value, self.machine.wide, pieces)
            # Narrower parts of a row would only read every index again.
            blocks[-1] = (dims[-1], self.tunable("TN", wide, ()))
        self.tiles_kernel(self.name, blocks, serial=True)

    def transposed(self) -> int | None:
        """The position of a dimension along which a tensor is contiguous that is not contiguous
        along the last one; that of the largest such tensor."""
        dims = self.space.dims
        last = dims[-1].atoms[-1]
        found: list[tuple[int, int]] = []
        for strides in [*self.space.loads.values(), *self.space.stores]:
            if last not in strides or strides[last].value == 1:
                continue
            for position, dim in enumerate(dims[:-1]):
                step = strides.get(dim.atoms[-1])
                if step is not None and step.value == 1 and dim.size.value >= MIN_TRANSPOSED:
                    size = product(d.size for d in dims if d.atoms[-1] in strides).value
                    found.append((size, position))
        return max(found, default=(0, None))[1]

    # ---- rows --------------------------------------------------------------------------------

    def rows(self) -> None:
        dims = self.space.dims
        last_reduced = max(i for i, d in enumerate(dims) if d.reduced)
        first_reduced = min(i for i, d in enumerate(dims) if d.reduced)
        row = product(d.size for d in dims if d.reduced).value
        room = self.room()
        blocks: list[tuple[LoopDim, Symbol | None]] = [
            (d, room.get(d, d.size) if d.reduced else None) for d in dims
        ]
        between = [d for d in dims[first_reduced:last_reduced] if not d.reduced]
        if not self.machine.serial_rows and (between or self.strays()):
            blocks = self.tile_blocks()
        elif last_reduced < len(dims) - 1:
            budget = max(16, self.machine.resident // 2 // row)
            width = block_for(dims[-1].size.value, min(256, budget), 1)
            block = self.tunable("TI", width, (16, 32, 64, 128, 256, 512))
            blocks[-1] = (dims[-1], block)
        elif first_reduced > 0 and (not self.machine.serial_rows or self.narrow(row)):
            outer = dims[first_reduced - 1]
            if self.machine.serial_rows:
                high = block_for(outer.size.value, max(1, self.machine.area // 4 // row), 1)
                block = self.tunable("TM", high, choices_around(high))
            else:
                # Short rows share a program of few warps: rows that do not fill their padded tile
                # cost the more the larger the program is.
                padded = 1 << max(0, row - 1).bit_length()
                kept = any(self.space.reduced & set(strides) for strides in self.space.stores)
                area = self.machine.area // (2 if kept or row > RUN else 1)
                high = block_for(outer.size.value, max(1, area // padded), 1)
                block = self.tunable("TM", high, (1, 2, 4, 8, 16, 32))
                if not self.across(outer):
                    # Weights that all rows share come from the caches: no reason to make a program
                    # of more rows, whose warps would wait for each other (an H200, 768 elements:
                    # 693 us with 16 rows).
                    self.out.shaped.append(self.out.tunables[-1].name)
            blocks[first_reduced - 1] = (outer, block)
        for dim, most in room.items():
            self.out.limits.append((dim.size.expr, most.value))
        self.tiles_kernel(self.name, blocks, serial=self.machine.serial_rows, held=room)

    def strays(self) -> bool:
        """Whether a large tensor lies along a dimension that is neither reduced nor next to what
        is: a tile of a few rows would have single elements of its memory."""
        dims = self.space.dims
        last = max(i for i, d in enumerate(dims) if d.reduced)
        tiled = dims[-1] if last < len(dims) - 1 else dims[max(0, last - 1)]
        total = product(d.size for d in dims).value
        for strides in [*self.space.loads.values(), *self.space.stores]:
            if SMALL * reach(self.space, strides) < total:
                continue
            along = [d for d in dims if d.size.value > 1 and self.beside(strides, d)]
            if along and not along[0].reduced and along[0] != tiled:
                return True
        return False

    @staticmethod
    def beside(strides: Strides, dim: LoopDim) -> bool:
        """Whether a dimension's elements lie side by side."""
        step = strides.get(dim.atoms[-1])
        return step is not None and step.value == 1

    def across(self, outer: LoopDim) -> bool:
        """Whether a tensor's neighbours lie along ``outer`` rather than along the last dimension:
        rows together then use whole cache lines of it."""
        one, last = outer.atoms[-1], self.space.dims[-1].atoms[-1]
        return any(
            one in strides and strides[one].value == 1 and last in strides
            for strides in [*self.space.loads.values(), *self.space.stores]
        )

    def narrow(self, row: int) -> bool:
        """Whether rows fill no vector, and a vector had better go across them."""
        return row <= NARROW and not self.region.scans() and not self.room()

    def room(self) -> dict[LoopDim, Symbol]:
        """How many elements a core keeps of reduced dimensions whose size is the caller's: what is
        printed for a CPU takes tiles of fixed sizes only. Twice what is declared, or all that there
        is room for when there is only one."""
        if not (self.machine.serial_rows or self.machine.fixed_tiles):
            return {}
        most = {d: self.region.table.most(d.size) for d in self.space.dims if d.reduced}
        found = {d: 1 << (2 * m - 1).bit_length() for d, m in most.items() if m is not None}
        if len(found) == 1 and self.space.dims[-1].reduced:
            (dim,) = found
            others = product(d.size for d in self.space.dims if d.reduced and d != dim).value
            found[dim] = max(found[dim], self.machine.resident // max(1, others))
        return {d: Symbol.of(n) for d, n in found.items()}

    def overflows(self) -> bool:
        """Whether rows of sizes of the caller's may be too long to be kept, or need not be."""
        room = {} if self.region.scans() else self.room()
        fixed = [d.size.value for d in self.space.dims if d.reduced and d not in room]
        kept = prod(fixed) * prod(s.value for s in room.values())
        return bool(room) and (kept > 4 * self.machine.resident or self.reads_once())

    def reads_once(self) -> bool:
        """Whether nothing is done with a reduction's result for the elements that it folded: they
        can be read one after the other and forgotten."""
        if any(self.space.reduced & set(strides) for strides in self.space.stores):
            return False
        stack = [a for r in self.region.reductions() for a in r.args]
        seen: set[int] = set()
        while stack:
            value = stack.pop()
            if value.kind in ("reduce", "scan"):
                return False
            if id(value) not in seen:
                seen.add(id(value))
                stack.extend(value.args)
        return True

    # ---- stream ------------------------------------------------------------------------------

    def stream(self) -> None:
        shared = TeamEmitter(self)
        (shared if shared.suits else StreamEmitter(self)).run()
