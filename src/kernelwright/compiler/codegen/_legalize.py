"""Loop IR to a smaller loop IR, so that each printer has fewer operations to know.

Afterwards:

- float16 and bfloat16 values are only moved, selected, extracted, bitcast and (float16 only)
  converted to and from float32; their arithmetic happens in float32;
- bfloat16 conversions are integer operations, so that no machine instruction flushes subnormals;
- min, max, minnum, maxnum, reduce are comparisons, selects and halving, but for ``native_extrema``
  (see ``legalize``) and for whether any lane of a mask is set;
- "convert" has no bool side, and joins only pairs that a vector machine has one step for;
- one operation is new, ``slice`` (attrs: offset): a run of consecutive lanes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import reduce
from typing import Any

from kernelwright.compiler.loops.ir import (
    Block,
    For,
    Function,
    If,
    Instruction,
    LoopBuilder,
    Value,
    VectorType,
)

SIXTEEN_BIT_FLOATS = ("float16", "bfloat16")
FLOATS = ("float16", "bfloat16", "float32", "float64")
SIZE_BYTES = {
    "bool": 1,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "float16": 2,
    "bfloat16": 2,
    "int32": 4,
    "float32": 4,
    "int64": 8,
    "float64": 8,
}


def wrapped(value: int, dtype: str) -> int:
    """An integer constant as the dtype holds it: 0xffffffff is -1 in int32."""
    bits = 8 * SIZE_BYTES[dtype]
    value = int(value) % (1 << bits)
    return value - (1 << bits) if dtype != "uint8" and value >> (bits - 1) else value


_MOVES = frozenset("const splat load gather store scatter select extract bitcast convert".split())  # noqa: SIM905
_MOVES |= {"shuffle", "lookup", "concat", "exchange"}


def legalize(function: Function, native_extrema: int = 0, native_bfloat: bool = False) -> Function:
    """The same function in the smaller language; the given one is left as it is.

    ``native_extrema``: min, max, minnum and maxnum of numbers stay when they have at most so many
    bytes. ``native_bfloat``: conversions between bfloat16 and float32 stay.
    """
    body = _Legalizer(native_extrema, native_bfloat).block_of(function.body)
    return dataclasses.replace(function, body=body)


class _Legalizer(LoopBuilder):
    def __init__(self, native_extrema: int, native_bfloat: bool = False) -> None:
        super().__init__()
        self._native_extrema, self._native_bfloat = native_extrema, native_bfloat
        self._new: dict[Value, Value] = {}

    def _of(self, old: Value) -> Value:
        return self._new.get(old, old)

    def block_of(self, block: Block) -> Block:
        outer, self.block = self.block, Block()
        for item in block.items:
            if isinstance(item, For):
                self.block.items.append(self._loop(item))
            elif isinstance(item, If):
                then, orelse = self.block_of(item.then), self.block_of(item.orelse)
                self.block.items.append(If(self._of(item.condition), then, orelse))
            else:
                self._instruction(item)
        made, self.block = self.block, outer
        return made

    def _loop(self, loop: For) -> For:
        carried = [(arg, self._of(first), result) for arg, first, result in loop.carried]
        lower, upper = self._of(loop.lower), self._of(loop.upper)
        body = self.block_of(loop.body)
        yields = [self._of(v) for v in loop.yields]
        return For(loop.var, lower, upper, loop.step, carried, body, yields)

    def _instruction(self, item: Instruction) -> None:
        args = tuple(self._of(a) for a in item.args)
        if item.result is None:
            self.block.items.append(Instruction(item.op, args, None, item.attrs))
            return
        replaced = self._rewrite(item.op, args, item.result.type, item.attrs)
        if replaced is None:
            self.block.items.append(Instruction(item.op, args, item.result, item.attrs))
            return
        if not item.result.name[1:].isdigit() and replaced not in args:
            replaced.name = item.result.name  # keep a telling name
        self._new[item.result] = replaced

    def _rewrite(
        self, op: str, args: tuple[Value, ...], type: VectorType, attrs: dict[str, Any]
    ) -> Value | None:
        """The value that stands for ``op(args)``, or None when the operation is simple already."""
        if op == "convert":
            return self.convert(args[0], type.dtype)
        if op == "reduce" and attrs["op"] == "or" and args[0].type.dtype == "bool":
            return None if args[0].type.lanes > 1 else args[0]  # machines test whole masks
        if op == "reduce":
            return self._reduce(args[0], attrs["op"])
        dtype = args[0].type.dtype if args else type.dtype
        if dtype in SIXTEEN_BIT_FLOATS and op not in _MOVES:
            wide = [self.convert(a, "float32") if a.type.dtype == dtype else a for a in args]
            made = self._emit(op, tuple(wide), VectorType("float32", type.lanes), attrs)
            return made if type.dtype == "bool" else self.convert(made, type.dtype)
        if op in ("min", "max", "minnum", "maxnum"):
            size = SIZE_BYTES[dtype] * type.lanes
            if dtype != "bool" and size <= self._native_extrema:
                return None
            return self._extremum(op, *args)
        if op == "fma" and dtype not in FLOATS:
            return self.op("add", self.op("mul", args[0], args[1]), args[2])
        return None

    def _emit(
        self, op: str, args: tuple[Value, ...], type: VectorType, attrs: dict[str, Any]
    ) -> Value:
        if op == "cmp":
            type = VectorType("bool", type.lanes)
        made = self._rewrite(op, args, type, attrs)
        return made if made is not None else self.op(op, *args, type=type, **attrs)

    def _cmp(self, predicate: str, a: Value, b: Value) -> Value:
        return self.op("cmp", a, b, type=VectorType("bool", a.type.lanes), predicate=predicate)

    def _select(self, mask: Value, a: Value, b: Value) -> Value:
        return self.op("select", mask, a, b, type=a.type)

    def _extremum(self, op: str, a: Value, b: Value) -> Value:
        if a.type.dtype == "bool":
            return self.op("and" if op.startswith("min") else "or", a, b)
        # "a > b ? a : b" is the machine's own maximum; it gives b when either is NaN
        best = self._select(self._cmp("lt" if op.startswith("min") else "gt", a, b), a, b)
        if op.endswith("num") or a.type.dtype not in FLOATS:
            return best
        return self._select(self._cmp("ne", a, a), a, best)

    def _reduce(self, vector: Value, op: str) -> Value:
        lanes, dtype = vector.type.lanes, vector.type.dtype
        if dtype in SIXTEEN_BIT_FLOATS:
            return self.convert(self._reduce(self.convert(vector, "float32"), op), dtype)
        while lanes > 4:
            lanes //= 2
            half = VectorType(dtype, lanes)
            low, high = (self.op("slice", vector, type=half, offset=o) for o in (0, lanes))
            vector = self._emit(op, (low, high), half, {})
        if lanes == 1:
            return vector
        scalar = VectorType(dtype)
        parts = [self.op("extract", vector, type=scalar, lane=lane) for lane in range(lanes)]
        while len(parts) > 1:
            pairs = zip(parts[: len(parts) // 2], parts[len(parts) // 2 :])
            parts = [self._emit(op, pair, scalar, {}) for pair in pairs]
        return parts[0]

    # ---- conversions -------------------------------------------------------------------------

    def convert(self, value: Value, to: str) -> Value:
        """``value`` as dtype ``to``, by steps that both printers have."""
        source, lanes = value.type.dtype, value.type.lanes
        if source == to:
            return value
        if to == "bool":
            if source in SIXTEEN_BIT_FLOATS:
                value = self.convert(value, "float32")
            return self._cmp("ne", value, self.const(0, value.type.dtype, lanes))
        if source == "bool":
            return self._select(value, self.const(1, to, lanes), self.const(0, to, lanes))
        steps = self._steps(source, to)
        return reduce(lambda v, step: step(v), steps, value)

    def _steps(self, source: str, to: str) -> list[Callable[[Value], Value]]:
        if to in SIXTEEN_BIT_FLOATS and source == "float64":
            return [self._double_to_odd, lambda v: self.convert(v, to)]
        if self._native_bfloat and {source, to} == {"bfloat16", "float32"}:
            return [lambda v: self._to(v, to)]
        if to == "bfloat16":
            return [lambda v: self.convert(v, "float32"), self._to_bfloat16]
        if source == "bfloat16" and self._native_bfloat:
            return [lambda v: self.convert(v, "float32"), lambda v: self.convert(v, to)]
        if source == "bfloat16":
            return [self._from_bfloat16, lambda v: self.convert(v, to)]
        if {source, to} & {"float16"} and {source, to} != {"float16", "float32"}:
            return [lambda v: self.convert(v, "float32"), lambda v: self.convert(v, to)]
        small = ("int8", "uint8", "int16")
        if (source in small and to in FLOATS) or (to in small and source in FLOATS):
            return [lambda v: self.convert(v, "int32"), lambda v: self.convert(v, to)]
        return [lambda v: self._to(v, to)]

    def _to(self, value: Value, dtype: str, op: str = "convert") -> Value:
        return self.op(op, value, type=VectorType(dtype, value.type.lanes))

    def _from_bfloat16(self, value: Value) -> Value:
        bits = self._to(self._to(value, "int16", "bitcast"), "int32")
        sixteen = self.const(16, "int32", value.type.lanes)
        return self._to(self.op("shl", bits, sixteen), "float32", "bitcast")

    def _to_bfloat16(self, value: Value) -> Value:
        """Round to nearest even on the upper half of the bits; NaN stays a (quiet) NaN."""
        lanes = value.type.lanes
        bits = self._to(value, "int32", "bitcast")
        sixteen = self.const(16, "int32", lanes)
        upper = self.op("shr", bits, sixteen)
        odd = self.op("and", upper, self.const(1, "int32", lanes))
        half = self.op("add", odd, self.const(0x7FFF, "int32", lanes))
        rounded = self.op("shr", self.op("add", bits, half), sixteen)
        quiet = self.op("or", upper, self.const(0x40, "int32", lanes))
        chosen = self._select(self._cmp("ne", value, value), quiet, rounded)
        return self._to(self._to(chosen, "int16"), "bfloat16", "bitcast")

    def _double_to_odd(self, value: Value) -> Value:
        """float64 to float32 rounding to odd, so that a second rounding is as good as one.

        Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using
        rounding to odd", IEEE Trans. Computers 57 (2008): the lost bits live on in the last one.
        """
        lanes = value.type.lanes
        single = self._to(value, "float32")
        back = self._to(single, "float64")
        ordered = self._cmp("eq", value, value)
        inexact = self.op("and", self._cmp("ne", back, value), ordered)
        too_far = self._cmp("gt", self.op("abs", back), self.op("abs", value))
        bits = self._to(single, "int32", "bitcast")
        one = self.const(1, "int32", lanes)
        toward_zero = self._select(too_far, self.op("sub", bits, one), bits)
        odd = self._select(inexact, self.op("or", toward_zero, one), bits)
        return self._to(odd, "float32", "bitcast")
