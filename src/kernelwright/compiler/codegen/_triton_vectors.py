"""Vector operations on tiles; ``_triton_ops`` has the expressions."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kernelwright.aul.syntax import Binary, Call, Int, IntExpr, Place, VectorOp
from kernelwright.compiler.codegen import _triton_ops as ops
from kernelwright.compiler.codegen._triton_spans import Span, span_after
from kernelwright.compiler.codegen._triton_tiles import TileType, TileWriter
from kernelwright.errors import UnsupportedError


class VectorWriter(TileWriter):
    def vector(self, op: VectorOp) -> None:
        handler = getattr(self, f"_{op.family}", None)
        if handler is None:
            raise UnsupportedError(f"U.{op.family} has no Triton form")
        handler(op)
        self.spans[op.dst.name] = self.span_of(op)

    def span_of(self, op: VectorOp) -> Span | None:
        """What is known of the integers that ``op`` gives."""
        if self.writes[op.dst.name] != 1 or self.tiles[op.dst.name].dtype in ops.FLOATS:
            return None
        return span_after(op, [self.spans.get(s.name) for s in op.srcs], self.scope)

    def _dtype(self, op: VectorOp, source: int = 0) -> str:
        return self.tiles[op.srcs[source].name].dtype

    def _sources(self, op: VectorOp) -> list[str]:
        return [self.operand(s.name, self.tiles[op.dst.name]) for s in op.srcs]

    def _elementwise(self, op: VectorOp, text: str, extra: Iterable[str] = ()) -> None:
        names = [s.name for s in op.srcs] + list(extra)
        self.put(op.dst.name, text, self.covered(names, self.tiles[op.dst.name]))

    def _vunary_op(self, op: VectorOp) -> None:
        known = self.compositions.get(op.dst.name)
        if known is not None and known.argument in self.tiles:
            x = self.operand(known.argument, self.tiles[op.dst.name])
            covered = self.covered([known.argument], self.tiles[op.dst.name])
            self.put(op.dst.name, known.text(x), covered)
            return
        (x,) = self._sources(op)
        dst = self.tiles[op.dst.name].dtype
        self._elementwise(op, ops.unary(op.op, x, self._dtype(op), dst))

    def _vbinary_op(self, op: VectorOp) -> None:
        a, b = self._sources(op)
        known = self.compositions.get(op.dst.name)
        if known is not None:
            self._elementwise(op, known.text(a, b))
            return
        dst = self.tiles[op.dst.name].dtype
        plain = {"floordiv": "div", "mod": "fmod"}.get(op.op)
        whole = [self.spans.get(s.name) for s in op.srcs]
        natural = all(s is not None and s.natural for s in whole)
        sign = plain if plain and natural and self._dtype(op) not in ops.FLOATS else op.op
        self._elementwise(op, ops.binary(sign, a, b, self._dtype(op), dst))

    def _vectorscalar_op(self, op: VectorOp) -> None:
        (x,) = self._sources(op)
        factor, dst = op.attr("factor"), self.tiles[op.dst.name]
        if isinstance(factor, Place):
            tile = self.tiles[factor.name]
            text = ops.convert(self.operand(factor.name, dst), tile.dtype, self._dtype(op))
            text = ops.scalar_tile(op.op, x, text, self._dtype(op), dst.dtype)
            self._elementwise(op, text, [factor.name])
            return
        if not isinstance(factor, int | float):  # an integer expression of sizes
            text = f"tl.cast({self.scope.text(factor)}, {ops.triton_dtype(self._dtype(op))})"
            text = ops.scalar_tile(op.op, x, text, self._dtype(op), dst.dtype)
            self._elementwise(op, text)
            return
        self._elementwise(op, ops.scalar_number(op.op, x, factor, self._dtype(op), dst.dtype))

    def _vcompare_op(self, op: VectorOp) -> None:
        a, b = self._sources(op)
        self._elementwise(op, ops.compare(op.op, a, b, self._dtype(op)))

    def _vselect_op(self, op: VectorOp) -> None:
        condition, a, b = self._sources(op)
        dst = self.tiles[op.dst.name].dtype
        a = ops.convert(a, self._dtype(op, 1), dst)
        b = ops.convert(b, self._dtype(op, 2), dst)
        self._elementwise(op, f"tl.where({condition}, {a}, {b})")

    def _vcast_op(self, op: VectorOp) -> None:
        (x,) = self._sources(op)
        self._elementwise(op, ops.convert(x, self._dtype(op), self.tiles[op.dst.name].dtype))

    def _vbroadcast_op(self, op: VectorOp) -> None:
        self._vcast_op(op)

    def _vfill_op(self, op: VectorOp) -> None:
        self.fill(op.dst.name, self.tiles[op.dst.name], op.attr("value"))

    def _viota_op(self, op: VectorOp) -> None:
        dst, axis = self.tiles[op.dst.name], op.attr("axis")
        start = self.scope.text(op.attr("start", Int(0)))
        if axis in dst.kept:
            position = dst.kept.index(axis)
            lanes = self.spread(f"tl.arange(0, {dst.padded[position]})", position, dst)
            text = lanes if start == "0" else f"{start} + {lanes}"
            text, covered = ops.convert(text, "int32", dst.dtype), {axis}
            if dst.dtype == "int64":
                text = f"{start} + {lanes}.to(tl.int64)" if start != "0" else text
        else:
            text, covered = f"tl.cast({start}, {ops.triton_dtype(dst.dtype)})", set()
        self.put(op.dst.name, text, covered)

    def _vtranspose_op(self, op: VectorOp) -> None:
        source = self.tiles[op.srcs[0].name]
        order = [source.kept.index(a) for a in op.attr("axes") if a in source.kept]
        name = self.name(op.srcs[0].name)
        text = name if order == sorted(order) else f"tl.permute({name}, {tuple(order)})"
        self.emit(f"{self.name(op.dst.name)} = {text}")

    def _vreduce_op(self, op: VectorOp) -> None:
        source, dst = self.tiles[op.srcs[0].name], self.tiles[op.dst.name]
        axis, valid = op.attr("axis") % len(source.dims), op.attr("valid")
        if axis in dst.kept:
            raise UnsupportedError(f"the reduced dimension of tile {op.dst.name!r} must be 1")
        if axis not in source.kept:
            self._reduce_one(op, source, dst)
            return
        position = source.kept.index(axis)
        lane = self.spread(
            self.named("at", f"tl.arange(0, {source.padded[position]})"), position, source
        )

        def masked(values: str, neutral: str) -> str:
            test = self._counted(source, position, lane, valid)
            if test is None:
                return values
            condition, when = test
            text = f"tl.where({condition}, {values}, {neutral})"
            return self.temporary(f"{text} if {when} else {values}" if when else text)

        text = ops.reduce(
            op.op, self.name(op.srcs[0].name), source.dtype, dst.dtype, position, lane, masked
        )
        shift = len(dst.dims) - len(source.dims)
        self.put(op.dst.name, text, {k + shift for k in source.kept if k != axis})

    def _counted(
        self, source: TileType, position: int, lane: str, valid: IntExpr | None
    ) -> tuple[str, str] | None:
        """The condition under which an element counts, and when that needs testing ("": always).
        None when every element counts."""
        dim, padded = source.dims[source.kept[position]], source.padded[position]
        if valid is not None:
            when = ""
            if isinstance(valid, Call) and valid.function == "min" and dim in valid.args:
                others = [a for a in valid.args if a != dim]
                if len(others) == 1 and not self._may_pad(source, position):
                    valid = others[0]  # the lanes end at the tile's size anyway
                    always = self._always_whole(dim, valid)
                    if always == "True":
                        return None
                    when = f"not ({always})" if always else ""
                    when = re.sub(r"^not \((.* % .*) == 0\)$", r"\1 != 0", when)
            text = self.scope.text(valid)
            return f"{lane} < {text}", when
        if not self._may_pad(source, position):
            return None
        size = self.scope.text(dim)
        return f"{lane} < {size}", "" if self._fixed(dim) else f"{size} != {padded}"

    def _always_whole(self, dim: IntExpr, left: IntExpr) -> str | None:
        """When a tile's ``dim`` elements all exist, of which ``left`` are left, as a compile-time
        condition; None if that is not known."""
        if not isinstance(left, Binary) or left.op != "-":
            return None
        return self.scope.always_within(Binary("+", left.right, dim), left.left)

    def _vscan_op(self, op: VectorOp) -> None:
        source, dst = self.tiles[op.srcs[0].name], self.tiles[op.dst.name]
        axis, valid = op.attr("axis") % len(source.dims), op.attr("valid")
        reverse = bool(op.attr("reverse"))
        if axis not in source.kept:
            if valid is not None:
                raise UnsupportedError("valid= along a dimension of size 1 has no Triton form")
            text = ops.convert(self.operand(op.srcs[0].name, dst), source.dtype, dst.dtype)
            self.put(op.dst.name, text, dst.kept)
            return
        position = source.kept.index(axis)
        lane = self.spread(
            self.named("at", f"tl.arange(0, {source.padded[position]})"), position, source
        )

        def masked(values: str, neutral: str) -> str:
            # What comes behind an element matters only to a scan from the end.
            test = self._counted(source, position, lane, valid) if reverse or valid else None
            if test is None:
                return values
            condition, when = test
            text = f"tl.where({condition}, {values}, {neutral})"
            return self.temporary(f"{text} if {when} else {values}" if when else text)

        name = self.name(op.srcs[0].name)
        text = ops.scan(op.op, name, source.dtype, dst.dtype, position, reverse, masked)
        self.put(op.dst.name, text, dst.kept)

    def _reduce_one(self, op: VectorOp, source: TileType, dst: TileType) -> None:
        """A reduction over one element: the element itself."""
        x = self.operand(op.srcs[0].name, dst)
        if op.attr("valid") is not None:
            raise UnsupportedError("valid= along a dimension of size 1 has no Triton form")
        if op.op in ("argmax", "argmin"):
            text = f"tl.full({dst.shape}, 0, {ops.triton_dtype(dst.dtype)})"
        elif op.op in ("any", "all"):
            text = ops.convert(ops.convert(x, source.dtype, "bool"), "bool", dst.dtype)
        else:
            text = ops.convert(x, source.dtype, dst.dtype)
        self.put(op.dst.name, text, dst.kept)

    def _matmul_op(self, op: VectorOp) -> None:
        a, b = (self.tiles[s.name] for s in op.srcs)
        dst = self.tiles[op.dst.name]
        left, right = (self.name(s.name) for s in op.srcs)
        if any(len(t.kept) != 2 or len(t.dims) != 2 for t in (a, b, dst)):
            raise UnsupportedError("U.matmul_op needs two-dimensional tiles larger than 1 by 1")
        if self._may_pad(a, 1):  # padding of the summed dimension must not count
            lane = self.named("at", f"tl.arange(0, {a.padded[1]})")
            size = self.scope.text(a.dims[1])
            cast = f".to({ops.triton_dtype(a.dtype)})"
            left = self.temporary(f"tl.where({lane}[None, :] < {size}, {left}, 0.0){cast}")
            right = self.temporary(f"tl.where({lane}[:, None] < {size}, {right}, 0.0){cast}")
        if a.dtype not in (*ops.HALVES, "float32") or dst.dtype not in ops.FLOATS:
            raise UnsupportedError(f"U.matmul_op on {a.dtype} tiles has no Triton form")
        function = "_dot_bfloat16" if a.dtype == "bfloat16" else "_dot"
        target = self.name(op.dst.name)
        start = ops.convert(target, dst.dtype, "float32")
        if not op.attr("accumulate"):
            start = f"tl.zeros({dst.shape}, tl.float32)"
        text = ops.convert(f"{function}({left}, {right}, {start})", "float32", dst.dtype)
        self.emit(f"{target} = {text}")
