"""Vector and matrix operations, and the many spellings that they are documented with."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from kernelwright.aul import syntax as s
from kernelwright.aul.dtypes import canonical_dtype
from kernelwright.aul.parse_source import Source, nearest
from kernelwright.aul.parse_values import Values
from kernelwright.aul.rules import OPS_OF_FAMILY

_UNARY = {
    "log": "ln", "reciprocal": "rec", "recip": "rec", "negative": "neg", "logical_not": "not",
    "bitwise_not": "not", "absolute": "abs", "fabs": "abs", "rint": "round",
}  # fmt: skip
_BINARY = {
    "sum": "add", "subtract": "sub", "multiply": "mul", "divide": "div", "maximum": "max",
    "minimum": "min", "power": "pow", "remainder": "mod", "logical_and": "and",
    "logical_or": "or", "logical_xor": "xor",
}  # fmt: skip
_SCALAR = {
    "add": "adds", "sub": "subs", "mul": "muls", "div": "divs", "max": "maxs", "min": "mins",
    "pow": "pows", "rsub": "rsubs", "rdiv": "rdivs",
}  # fmt: skip
_SCALAR_FIRST = {"add": "adds", "mul": "muls", "max": "maxs", "min": "mins", "sub": "rsubs",
                 "div": "rdivs"}  # fmt: skip
_COMPARE = {
    "less": "lt", "less_equal": "le", "greater": "gt", "greater_equal": "ge", "equal": "eq",
    "not_equal": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne",
}  # fmt: skip
_REDUCE = {"amax": "max", "amin": "min", "add": "sum"}
_ALIASES: Mapping[str, Mapping[str, str]] = {
    "vunary_op": _UNARY,
    "vbinary_op": _BINARY,
    "vectorscalar_op": {**_SCALAR, "multiply": "muls", "divide": "divs"},
    "vcompare_op": _COMPARE,
    "vreduce_op": _REDUCE,
    "vscan_op": {**_REDUCE, "cumsum": "sum", "cumprod": "prod", "cummax": "max", "cummin": "min"},
}

_CAST = re.compile(r"cast_(?:([a-z0-9]+)_)?to_([a-z0-9]+)")
_ROUND = re.compile(r"round_([a-z0-9]+)_to_([a-z0-9]+)")
_SPELLINGS = {
    "new_shape": "newshape", "scalar": "factor", "cond": "condition", "mask": "condition",
    "perm": "axes", "valid_len": "valid",
}  # fmt: skip


class VectorReader:
    """Turns one call into statements (more than one only for mean and rounding casts)."""

    def __init__(self, source: Source, values: Values, taken: set[str]) -> None:
        self.source, self.values, self.taken = source, values, taken

    def read(self, family: str, call: ast.Call) -> list[s.Statement]:
        """The statements of ``U.family(...)``."""
        match family:
            case "vunary_op":
                return self.unary(call)
            case "vbinary_op":
                return self.binary(call)
            case "vectorscalar_op":
                return self.vector_scalar(call)
            case "vreduce_op":
                return self.reduce(call)
            case "vscan_op":
                return self.scan(call)
            case "vcompare_op":
                given = self.arguments(call, ("op", "dst", "src1", "src2"))
                op = self.op(given, "vcompare_op")
                return [self.make(call, "vcompare_op", op, given, ("src1", "src2"))]
            case "vselect_op":
                given = self.arguments(call, ("dst", "condition", "src1", "src2"))
                operands = ("condition", "src1", "src2")
                return [self.make(call, "vselect_op", "", given, operands)]
            case "vcast_op" | "vbroadcast_op":
                given = self.arguments(call, ("dst", "src"))
                return [self.make(call, family, "", given, ("src",))]
            case "vfill_op":
                given = self.source.arguments(
                    call, ("dst", "value"), 2, {"fill_value": "value"}, ("fill_shape",)
                )
                return [self.fill(call, given["dst"], given["value"], given.get("fill_shape"))]
            case "viota_op":
                return self.iota(call)
            case "vtranspose_op":
                return self.transpose(call)
            case _:
                return self.matmul(call)

    # ---- pieces ------------------------------------------------------------------------------

    def arguments(
        self, call: ast.Call, names: tuple[str, ...], extra: tuple[str, ...] = ()
    ) -> dict[str, ast.expr]:
        return self.source.arguments(call, names, len(names), _SPELLINGS, extra)

    def op(self, given: Mapping[str, ast.expr], family: str) -> str:
        """The canonical op of a family that has several."""
        name = self.source.text(given["op"], "op")
        known = OPS_OF_FAMILY[family]
        found = name if name in known else _ALIASES[family].get(name)
        if found is None:
            hint = nearest(name, known)
            listed = ", ".join(known)
            self.source.fail(f"{family} has no op {name!r}{hint} (it has: {listed})", given["op"])
        return found

    def make(
        self,
        call: ast.Call,
        family: str,
        op: str,
        given: Mapping[str, ast.expr],
        operands: tuple[str, ...],
        **attrs: Any,
    ) -> s.VectorOp:
        dst = self.values.place(given["dst"])
        srcs = tuple(self.values.place(given[name]) for name in operands)
        return self.statement(call, family, op, dst, srcs, **attrs)

    def statement(
        self,
        call: ast.Call,
        family: str,
        op: str,
        dst: s.Place,
        srcs: tuple[s.Place, ...],
        **attrs: Any,
    ) -> s.VectorOp:
        return s.VectorOp(family, op, dst, srcs, tuple(sorted(attrs.items())), self.source.at(call))

    def tile(self, place: s.Place) -> s.Tile | None:
        return self.values.names.tiles.get(place.name)

    # ---- one family each ---------------------------------------------------------------------

    def unary(self, call: ast.Call) -> list[s.Statement]:
        extra = ("src1", "src2", "newshape", "fill_shape", "fill_value", "factor")
        given = self.source.arguments(call, ("op", "dst", "src"), 2, _SPELLINGS, extra)
        name = self.source.text(given["op"], "op")
        if name == "vector_dup":
            self.need(call, given, "fill_value")
            shape = given.get("fill_shape")
            return [self.fill(call, given["dst"], given["fill_value"], shape)]
        if "src" not in given and "src1" in given and "src2" not in given:
            given["src"] = given.pop("src1")
        known = name in OPS_OF_FAMILY["vunary_op"] or name in _UNARY
        if not known and ("src2" in given or "factor" in given):
            for operand, other in (("src1", "src"), ("src2", "factor")):
                if other in given:
                    given.setdefault(operand, given[other])
                self.need(call, given, operand)
            return [self.two_operands(call, self.op(given, "vbinary_op"), given)]
        self.need(call, given, "src")
        for stray in ("src2", "factor", "fill_value", "fill_shape"):
            if stray in given:
                self.source.fail(f"vunary_op {name!r} takes no {stray}", given[stray])
        if name == "reshape":
            return [self.reshape(call, given)]
        cast = _CAST.fullmatch(name) or _ROUND.fullmatch(name)
        if cast is not None:
            return self.cast(call, given, cast.group(1), cast.group(2), name)
        return [self.make(call, "vunary_op", self.op(given, "vunary_op"), given, ("src",))]

    def need(self, call: ast.Call, given: Mapping[str, ast.expr], name: str) -> None:
        if name not in given:
            self.source.fail(f"{ast.unparse(call.func)} needs {name}=", call)

    def fill(
        self, call: ast.Call, dst: ast.expr, value: ast.expr, shape: ast.expr | None
    ) -> s.VectorOp:
        place = self.values.place(dst)
        tile = self.tile(place)
        if shape is not None and tile is not None and self.values.shape(shape) != tile.shape:
            self.source.fail(f"fill_shape is not the shape of {tile.name}", shape)
        number = self.values.number(value)
        return self.statement(call, "vfill_op", "", place, (), value=number)

    def reshape(self, call: ast.Call, given: Mapping[str, ast.expr]) -> s.Copy:
        dst, src = self.values.place(given["dst"]), self.values.place(given["src"])
        tile = self.tile(dst)
        wanted = given.get("newshape")
        if wanted is not None and tile is not None and self.values.shape(wanted) != tile.shape:
            self.source.fail(f"newshape is not the shape of {tile.name}", wanted)
        return s.Copy(dst, src, loc=self.source.at(call))

    def cast(
        self, call: ast.Call, given: Mapping[str, ast.expr], src: str | None, dst: str, name: str
    ) -> list[s.Statement]:
        places = self.values.place(given["dst"]), self.values.place(given["src"])
        for spelling, place in ((src, places[1]), (dst, places[0])):
            wanted = canonical_dtype(spelling) if spelling is not None else ""
            if wanted is None:
                self.source.fail(f"op {name!r} names an unknown dtype {spelling!r}", given["op"])
            tile = self.tile(place)
            stored_as_float = name.startswith("round") and place is places[0]
            if wanted and tile is not None and tile.dtype != wanted and not stored_as_float:
                self.source.fail(f"op {name!r}, but tile {tile.name} is {tile.dtype}", given["op"])
        if not name.startswith("round"):
            return [self.statement(call, "vcast_op", "", places[0], places[1:])]
        return self.rounded(call, *places)

    def rounded(self, call: ast.Call, dst: s.Place, src: s.Place) -> list[s.Statement]:
        """Round to nearest even; then a cast if dst is not of src's dtype."""
        tile, out = self.tile(src), self.tile(dst)
        if tile is None or out is None or tile.dtype == out.dtype:
            return [self.statement(call, "vunary_op", "round", dst, (src,))]
        name = f"{dst.name}_rounded"
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        loc = self.source.at(call)
        temporary = s.Tile(name, tile.shape, tile.dtype, tile.memory, None, loc)
        self.values.names.tiles[name] = temporary
        middle = s.Place(name, None, loc)
        return [
            temporary,
            self.statement(call, "vunary_op", "round", middle, (src,)),
            self.statement(call, "vcast_op", "", dst, (middle,)),
        ]

    def binary(self, call: ast.Call) -> list[s.Statement]:
        given = self.source.arguments(
            call, ("op", "dst", "src1", "src2"), 2, _SPELLINGS, ("axis", "src")
        )
        if "axis" in given:
            if "src1" in given:
                given.setdefault("src", given["src1"])
            self.need(call, given, "src")
            return self.reduction(call, given)
        self.need(call, given, "src1")
        self.need(call, given, "src2")
        if "src" in given:
            self.source.fail("vbinary_op takes src1 and src2, no src", given["src"])
        return [self.two_operands(call, self.op(given, "vbinary_op"), given)]

    def two_operands(self, call: ast.Call, op: str, given: Mapping[str, ast.expr]) -> s.VectorOp:
        """A binary operation whose operands may be numbers."""
        left, right = given["src1"], given["src2"]
        scalars = self.values.is_scalar(left), self.values.is_scalar(right)
        if not any(scalars):
            return self.make(call, "vbinary_op", op, given, ("src1", "src2"))
        table = _SCALAR if scalars[1] else _SCALAR_FIRST
        if all(scalars) or op not in table:
            self.source.fail(f"{op!r} cannot take a number here; fill a tile with U.vfill_op", call)
        tile, number = (left, right) if scalars[1] else (right, left)
        return self.statement(
            call,
            "vectorscalar_op",
            table[op],
            self.values.place(given["dst"]),
            (self.values.place(tile),),
            factor=self.values.scalar(number),
        )

    def vector_scalar(self, call: ast.Call) -> list[s.Statement]:
        given = self.source.arguments(
            call,
            ("op", "dst", "src", "factor"),
            2,
            {**_SPELLINGS, "src1": "src", "src2": "factor"},
            ("fill_value", "fill_shape"),
        )
        if "fill_value" in given and "src" not in given:
            return [self.fill(call, given["dst"], given["fill_value"], given.get("fill_shape"))]
        self.need(call, given, "src")
        self.need(call, given, "factor")
        factor: Any = (
            self.values.scalar(given["factor"])
            if self.values.is_scalar(given["factor"])
            else self.values.place(given["factor"])
        )
        op = self.op(given, "vectorscalar_op")
        return [self.make(call, "vectorscalar_op", op, given, ("src",), factor=factor)]

    def reduce(self, call: ast.Call) -> list[s.Statement]:
        names = ("op", "dst", "src", "axis")
        given = self.source.arguments(
            call, names, 3, {**_SPELLINGS, "keepdim": "keepdims"}, ("valid", "keepdims")
        )
        if "keepdims" in given and not self.source.boolean(given["keepdims"], "keepdims"):
            self.source.fail("vreduce_op keeps the reduced axis with extent 1", given["keepdims"])
        return self.reduction(call, given)

    def reduction(self, call: ast.Call, given: Mapping[str, ast.expr]) -> list[s.Statement]:
        src = self.values.place(given["src"])
        tile = self.tile(src)
        axis = self.axis(call, given, tile)
        attrs: dict[str, Any] = {"axis": axis}
        if "valid" in given:
            attrs["valid"] = self.values.integer(given["valid"])
        if self.source.text(given["op"], "op") != "mean":
            op = self.op(given, "vreduce_op")
            return [self.make(call, "vreduce_op", op, given, ("src",), **attrs)]
        if tile is None or not 0 <= axis < len(tile.shape):
            self.source.fail(f"the mean of {src.name} needs its shape; define it above", call)
        total = self.make(call, "vreduce_op", "sum", given, ("src",), **attrs)
        count = attrs.get("valid", tile.shape[axis])
        factor = count.value if isinstance(count, s.Int) else count
        mean = self.statement(
            call, "vectorscalar_op", "divs", total.dst, (total.dst,), factor=factor
        )
        return [total, mean]

    def scan(self, call: ast.Call) -> list[s.Statement]:
        given = self.source.arguments(
            call, ("op", "dst", "src", "axis"), 3, _SPELLINGS, ("valid", "reverse")
        )
        tile = self.tile(self.values.place(given["src"]))
        attrs: dict[str, Any] = {"axis": self.axis(call, given, tile)}
        if "reverse" in given and self.source.boolean(given["reverse"], "reverse"):
            attrs["reverse"] = True
        if "valid" in given:
            attrs["valid"] = self.values.integer(given["valid"])
        return [self.make(call, "vscan_op", self.op(given, "vscan_op"), given, ("src",), **attrs)]

    def axis(self, call: ast.Call, given: Mapping[str, ast.expr], tile: s.Tile | None) -> int:
        """The axis as an index from the front where the tile's rank is known."""
        if "axis" not in given:
            if tile is None or len(tile.shape) != 1:
                self.source.fail(f"{ast.unparse(call.func)} needs axis=", call)
            return 0
        node = given["axis"]
        if isinstance(node, ast.Tuple | ast.List):
            if len(node.elts) != 1:
                self.source.fail(
                    "one axis at a time: reshape adjacent axes to one, or reduce twice", node
                )
            node = node.elts[0]
        value = self.values.integer(node)
        if isinstance(value, s.Name) and value.id in self.values.names.literals:
            value = s.Int(self.values.names.literals[value.id])
        if not isinstance(value, s.Int):
            self.source.fail("axis must be an integer literal", node)
        rank = len(tile.shape) if tile is not None else 0
        return value.value + rank if value.value < 0 else value.value

    def iota(self, call: ast.Call) -> list[s.Statement]:
        given = self.source.arguments(call, ("dst", "axis", "start"), 1)
        tile = self.tile(self.values.place(given["dst"]))
        axis = self.axis(call, given, tile)
        start = self.values.integer(given["start"]) if "start" in given else s.Int(0)
        return [self.make(call, "viota_op", "", given, (), axis=axis, start=start)]

    def transpose(self, call: ast.Call) -> list[s.Statement]:
        given = self.source.arguments(call, ("dst", "src", "axes"), 2, _SPELLINGS)
        tile = self.tile(self.values.place(given["src"]))
        if "axes" in given:
            node = given["axes"]
            parts = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
            read = [self.values.integer(part) for part in parts]
            axes = tuple(x.value for x in read if isinstance(x, s.Int))
            if len(axes) != len(read):
                self.source.fail("axes must be integer literals", node)
        elif tile is not None:
            axes = tuple(reversed(range(len(tile.shape))))
        else:
            self.source.fail("vtranspose_op needs axes=", call)
        return [self.make(call, "vtranspose_op", "", given, ("src",), axes=axes)]

    def matmul(self, call: ast.Call) -> list[s.Statement]:
        given = self.source.arguments(
            call, ("dst", "src1", "src2"), 3, {"acc": "accumulate"}, ("accumulate",)
        )
        attrs: dict[str, Any] = {}
        if "accumulate" in given and self.source.boolean(given["accumulate"], "accumulate"):
            attrs["accumulate"] = True
        return [self.make(call, "matmul_op", "", given, ("src1", "src2"), **attrs)]
