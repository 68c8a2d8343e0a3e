"""Copies between global tensors and tiles: addresses and masks.

Masks appear only where ``_triton_index`` cannot prove them needless, and are written so that they
fold to "true" at compile time when the sizes allow it.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelwright.aul.syntax import Binary, Copy, Int, IntExpr, Place, Slice
from kernelwright.compiler.codegen import _triton_ops as ops
from kernelwright.compiler.codegen._triton_index import ONE, row_major
from kernelwright.compiler.codegen._triton_tiles import TileType, TileWriter
from kernelwright.errors import UnsupportedError


class CopyWriter(TileWriter):
    def copy(self, copy: Copy) -> None:
        if copy.src.index is not None:
            self.load(copy, copy.src, self.tiles[copy.dst.name])
        elif copy.dst.index is not None:
            self.store(copy, copy.dst, self.tiles[copy.src.name])
        else:
            dst = self.tiles[copy.dst.name]
            text = self.operand(copy.src.name, dst)
            text = ops.convert(text, self.tiles[copy.src.name].dtype, dst.dtype)
            self.put(copy.dst.name, text, self.covered([copy.src.name], dst))

    def load(self, copy: Copy, place: Place, tile: TileType) -> None:
        pointer, masks = self.address(
            place, tile, copy.pad is not None, copy.axis if copy.index is not None else None
        )
        mask, needless = self.mask(masks, tile), ""
        if copy.index is not None:
            pointer, mask, needless = self.indexed(copy, place, tile, pointer, mask)
        elif (gate := self.gate_of(copy, tile)) is not None:
            mask = " & ".join(t for t in (mask, self.operand(gate, tile)) if t)
        pointer = self.hinted(pointer, copy, tile)
        value = copy.pad if copy.pad is not None else 0
        shown = ops.number(float(value) if tile.dtype in ops.FLOATS else int(value))
        more = f", mask={mask}, other={shown}" if mask else ""
        kept = self.kept_for(self.read_in.get(place.name, set()))
        if self.params[place.name].output:  # written by others, who share no first-level cache
            kept += ', cache_modifier=".cg"'
        name = self.name(copy.dst.name)
        if not needless:
            self.emit(f"{name} = tl.load({pointer}{more}{kept})")
            return
        self.emit(f"if {needless}:")
        self.emit(f"    {name} = tl.load({pointer}{kept})")
        self.emit("else:")
        self.emit(f"    {name} = tl.load({pointer}{more}{kept})")

    def gate_of(self, copy: Copy, tile: TileType) -> str | None:
        """The tile, already there, whose elements say which of ``tile`` are needed."""
        gate = self.gates.get(copy.dst.name)
        if gate is None or gate not in self.spans:
            return None
        return gate if set(self.tiles[gate].kept) <= set(tile.kept) else None

    def kept_for(self, turns: set[int]) -> str:
        """How long a load's lines should stay in the cache: a row that a program reads twice is
        there the second time only if other programs' lines make room first."""
        if self.turn < 0 or len(turns) < 2:
            return ""
        policy = "evict_last" if self.turn < max(turns) else "evict_first"
        return f', eviction_policy="{policy}"'

    def store(self, copy: Copy, place: Place, tile: TileType) -> None:
        if copy.index is not None and not copy.atomic:
            raise UnsupportedError(
                f"kernel {self.kernel.name!r}: a tile's elements are stored in no order; an "
                f"indirect store to {place.name!r} must be an atomic update"
            )
        axis = copy.axis if copy.index is not None else None
        pointer, masks = self.address(place, tile, copy.clip, axis)
        mask = self.mask(masks, tile)
        if copy.index is not None:
            pointer, mask, _ = self.indexed(copy, place, tile, pointer, mask)
            value = self.operand(copy.src.name, tile)
            function = f"tl.atomic_{copy.update}"
            told = f", mask={mask}" if mask else ""
            self.emit(f'{function}({pointer}, {value}{told}, sem="relaxed")')
            return
        more = f", mask={mask}" if mask else ""
        pointer = self.hinted(pointer, copy, tile)
        if self.turn > 0 and any(len(turns) > 1 for turns in self.read_in.values()):
            more += ', eviction_policy="evict_first"'
        value = self.name(copy.src.name)
        param = self.params[place.name]
        if param.dtype is not None:
            value = ops.convert(value, tile.dtype, param.dtype)
        self.emit(f"tl.store({pointer}, {value}{more})")

    def hinted(self, pointer: str, copy: Copy, tile: TileType) -> str:
        """A tile's pointer, with what Triton should know of it (``lane_hints``)."""
        hint = self.hints.get(id(copy))
        if hint is None or len(hint.runs) != len(tile.kept):
            return pointer
        return hint.on(self.temporary(pointer) if hint.when else pointer)

    def address(
        self, place: Place, tile: TileType, checked: bool, axis: int | None = None
    ) -> tuple[str, list[tuple[int | None, str]]]:
        """The pointer of a rectangular part, and its masks by position among ``tile.kept`` (None:
        a scalar condition). ``axis``: the dimension that an index tile runs along, which is not
        checked here."""
        param = self.params[place.name]
        assert place.index is not None
        if param.shape is None:
            raise UnsupportedError(
                f"kernel {self.kernel.name!r}: parameter {place.name!r} has no shape; write "
                f"{place.name}: U.TensorPtr[U.float32, (...)]"
            )
        strides = param.strides or row_major(param.shape)
        terms, masks = [], []
        dim = 0  # of the tile
        offset = self.scope.text(param.offset)
        if offset != "0":
            terms.append(offset)
        for number, (part, size, stride) in enumerate(zip(place.index, param.shape, strides)):
            if not isinstance(part, Slice):
                terms.append(self._scaled(self.scope.text(part), part, stride))
                if number == axis:
                    continue
                index = self._scalar_index(part, tile)
                masks += self._bounds(part, Int(1), size, None, index, checked)
                continue
            one = axis is not None and self.scope.poly(Binary("-", part.upper, part.lower)) == ONE
            if one:  # the index tile alone runs along this dimension
                terms.append(self._scaled(self.scope.text(part.lower), part.lower, stride))
                if dim in tile.kept and self._may_pad(tile, tile.kept.index(dim)):
                    position = tile.kept.index(dim)
                    masks.append((position, self._own(tile, position)))
                dim += 1
                continue
            self._check_extent(place, part, tile, dim)
            lower = self.scope.text(part.lower)
            if dim not in tile.kept:
                terms.append(self._scaled(lower, part.lower, stride))
                index = self._scalar_index(part.lower, tile)
                masks += self._bounds(part.lower, tile.dims[dim], size, None, index, checked)
            else:
                position = tile.kept.index(dim)
                index = self.index(part.lower, tile.padded[position])
                terms.append(self._scaled(self.spread(index, position, tile), None, stride))
                masks += self._bounds(part.lower, tile.dims[dim], size, position, index, checked)
                if self._may_pad(tile, position):
                    masks.append((position, self._own(tile, position)))
            dim += 1
        terms = [t for t in terms if t != "0"]
        return " + ".join([self.name(place.name), *terms]), masks

    def indexed(
        self, copy: Copy, place: Place, tile: TileType, pointer: str, mask: str
    ) -> tuple[str, str, str]:
        """The pointer and the mask of an indirect load, and a compile-time condition under which
        it needs none; "" where none is known."""
        assert copy.index is not None and place.index is not None
        param = self.params[place.name]
        assert param.shape is not None
        start, size = place.index[copy.axis], param.shape[copy.axis]
        stride = (param.strides or row_major(param.shape))[copy.axis]
        index = self.operand(copy.index.name, tile)
        if tile.kept and not self.tiles[copy.index.name].kept:
            index = f"tl.full((1,), {index}, tl.{self.tiles[copy.index.name].dtype})"
            index = self.named("at", index)
        assert not isinstance(start, Slice)
        first = self.scope.text(start)
        moved = index if first == "0" else self.named("at", f"{index} + ({first})")
        tests, always = self.inside(copy.index.name, start, size, moved)
        bits = "tl.int64" if self.wide else "tl.int32"
        step = self.scope.text(stride)
        offset = f"tl.cast({index}, {bits})" + ("" if step == "1" else f" * ({step})")
        inside = " & ".join(t for t in (mask, *tests) if t)
        return f"{pointer} + {offset}", inside, "" if mask else always

    def inside(
        self, index: str, start: IntExpr, size: IntExpr, moved: str
    ) -> tuple[list[str], str]:
        """Tests that the places ``start`` + index are of a dimension of ``size``, where they may
        not be, and a compile-time condition under which none is needed; "" where none is known."""
        span = self.spans.get(index)
        tests = [f"({moved} >= 0)"]
        if span is not None and span.natural and self.scope.is_natural(start):
            tests = []
        top: str | None = None
        if span is not None and span.top is not None:
            last = Binary("+", Binary("+", span.top, start), Int(1))
            top = self.scope.always_within(last, size)
        if top == "True":
            return tests, ""
        test = f"({moved} < {self.scope.text(size)})"
        if not top:
            return [*tests, test], ""
        return [*tests, f"({test} | ({top}))"], "" if tests else top

    def _check_extent(self, place: Place, part: Slice, tile: TileType, dim: int) -> None:
        extent = self.scope.poly(Binary("-", part.upper, part.lower))
        if dim >= len(tile.dims) or extent != self.scope.poly(tile.dims[dim]):
            raise UnsupportedError(
                f"kernel {self.kernel.name!r}: slice {dim} of {place.name!r} is not provably as "
                "long as its tile; write it as start:start + SIZE with the tile's own size"
            )

    def index(self, lower: IntExpr, padded: str) -> str:
        lanes = f"tl.arange(0, {padded})" + (".to(tl.int64)" if self.wide else "")
        start = self.scope.text(lower)
        if isinstance(lower, Binary) and lower.op not in "+*":
            start = f"({start})"
        return self.named("at", lanes if start == "0" else f"{start} + {lanes}")

    def _scalar_index(self, expr: IntExpr, tile: TileType) -> str:
        """An index fit for a mask of ``tile``: the interpreter cannot mix scalar conditions with
        vectors of them, so beside a vector it is a vector of one."""
        text = self.scope.text(expr)
        bits = 64 if self.wide else 32
        return f"tl.full((1,), {text}, tl.int{bits})" if tile.kept else f"({text})"

    def _scaled(self, text: str, expr: IntExpr | None, stride: IntExpr) -> str:
        step = self.scope.text(stride)
        if text == "0" or step == "0":
            return "0"
        if step == "1":
            return f"({text})" if isinstance(expr, Binary) and expr.op in "-" else text
        left = f"({text})" if isinstance(expr, Binary) else text
        right = f"({step})" if isinstance(stride, Binary) else step
        return f"{left} * {right}"

    def _bounds(
        self,
        lower: IntExpr,
        extent: IntExpr,
        size: IntExpr,
        position: int | None,
        index: str,
        checked: bool,
    ) -> list[tuple[int | None, str]]:
        """Masks that keep ``index`` inside a dimension of ``size``, where they may be needed."""
        if not checked:
            return []
        found: list[tuple[int | None, str]] = []
        always = self.scope.always_within(Binary("+", lower, extent), size)
        if always != "True":
            test = f"{index} < {self.scope.text(size)}"
            found.append((position, f"({test}) | ({always})" if always else test))
        if not self.scope.is_natural(lower):
            found.append((position, f"{index} >= 0"))
        return found

    def _own(self, tile: TileType, position: int) -> str:
        """The mask of a tile's own elements, against its padding."""
        dim, padded = tile.dims[tile.kept[position]], tile.padded[position]
        lanes, size = self.named("at", f"tl.arange(0, {padded})"), self.scope.text(dim)
        if self._fixed(dim):
            return f"{lanes} < {size}"
        return f"({lanes} < {size}) | ({ops.group(size)} == {padded})"

    def mask(self, masks: Sequence[tuple[int | None, str]], tile: TileType) -> str:
        parts = []
        for position, text in masks:
            name = self.named("ok", text)
            part = name if position is None else self.spread(name, position, tile)
            if part not in parts:
                parts.append(part)
        return " & ".join(parts)
