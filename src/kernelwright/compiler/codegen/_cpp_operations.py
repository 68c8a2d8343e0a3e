"""One loop IR instruction as a C++ expression: arithmetic, masks, conversions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from kernelwright.compiler.codegen._cpp_names import SUFFIX, literal
from kernelwright.compiler.codegen._cpp_prelude import CPP_TYPES, vector_name
from kernelwright.compiler.codegen._legalize import FLOATS, SIZE_BYTES
from kernelwright.compiler.loops.ir import Function, Instruction, Value, VectorType

_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "rem": "%", "and": "&", "or": "|"}
_INFIX |= {"xor": "^", "shl": "<<", "sar": ">>"}
_PREDICATES = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}


@dataclass
class Needs:
    """What the text of the functions asks of the prelude."""

    pieces: set[str] = field(default_factory=set)
    vectors: set[tuple[str, int]] = field(default_factory=set)
    half_lanes: set[int] = field(default_factory=set)


class Expressions:
    """What every value of a function is called, and how an instruction's is computed."""

    def __init__(self, function: Function, native_bytes: int, needs: Needs, noalias: bool) -> None:
        self.function, self.native_bytes, self.needs = function, native_bytes, needs
        self.noalias = noalias
        self.names: dict[Any, str] = {}
        self.taken: set[str] = set()
        self.mask_bytes: dict[Value, int] = {}
        self.uses: Counter[Value] = Counter()
        self.numbers: dict[Value, str] = {}  # constant vectors as the number that fills them
        self.kept: set[Value] = set()  # never written in place of their use
        self.lines: list[str] = []
        self.indent = 1

    # ---- values ------------------------------------------------------------------------------

    def get(self, value: Value) -> str:
        return self.names[value]

    def _mask_bytes(self, value: Value) -> int:
        return self.mask_bytes.get(value, 4)

    def vector(self, dtype: str, lanes: int) -> str:
        if lanes > 1:
            self.needs.vectors.add((dtype, lanes))
        return vector_name(dtype, lanes)

    def mask_type(self, size: int, lanes: int) -> str:
        return self.vector(f"int{8 * size}", lanes)

    def _type(self, value: Value) -> str:
        if value.type.dtype == "bool":
            return (
                "bool"
                if value.type.lanes == 1
                else self.mask_type(self._mask_bytes(value), value.type.lanes)
            )
        return self.vector(value.type.dtype, value.type.lanes)

    def use(self, piece: str) -> str:
        self.needs.pieces.add(piece)
        return piece

    def mask(self, value: Value, size: int) -> str:
        """A bool vector as 0 / -1 integers of ``size`` bytes."""
        return self.resized(self.get(value), self._mask_bytes(value), size, value.type.lanes)

    def resized(self, text: str, size: int, to: int, lanes: int, unsigned: bool = False) -> str:
        """Integer lanes of ``size`` bytes as ones of ``to`` bytes, a factor of two at a time (gcc
        takes larger steps lane by lane when it widens)."""
        while size != to:
            size = size * 2 if size < to else size // 2
            kind = self.vector(f"{'u' if unsigned else ''}int{8 * size}", lanes)
            text = f"__builtin_convertvector({text}, {kind})"
        return text

    # ---- operations --------------------------------------------------------------------------

    def _beside(self, value: Value, other: Value) -> str:
        """``value`` as an operand beside ``other``: a number does for a constant vector, because
        the language widens it."""
        return (
            self.get(value) if other in self.numbers else self.numbers.get(value, self.get(value))
        )

    def _operands(self, item: Instruction) -> list[str]:
        if item.args[0].type.dtype == "bool" and item.args[0].type.lanes > 1:
            size = self._mask_bytes(item.args[0])
            return [self.mask(a, size) for a in item.args]
        if len(item.args) == 2:
            a, b = item.args
            return [self._beside(a, b), self._beside(b, a)]
        return [self.get(a) for a in item.args]

    def _infix(self, item: Instruction) -> str:
        a, b = self._operands(item)
        dtype = item.args[0].type.dtype
        if item.op == "rem" and dtype in FLOATS:
            suffix = SUFFIX[dtype]
            if item.args[0].type.lanes == 1:
                return f"fmod{suffix}({a}, {b})"
            element = CPP_TYPES[dtype][0]
            a, b = (self.get(v) for v in item.args)
            function = f"[]({element} x, {element} y) {{ return fmod{suffix}(x, y); }}"
            return f"{self.use('each2')}({a}, {b}, {function})"
        text = f"{a} {_INFIX[item.op]} {b}"
        if item.args[0].type.lanes == 1 and SIZE_BYTES[dtype] < 4:
            return f"({self._type(item.args[0])})({text})"
        return text

    def _const(self, item: Instruction) -> str:
        assert item.result is not None
        dtype, lanes = item.result.type.dtype, item.result.type.lanes
        if dtype == "bool":
            on = bool(item.attrs["value"])
            if lanes == 1:
                return "true" if on else "false"
            return f"{self.use('splat')}<{self._type(item.result)}>({-1 if on else 0})"
        text = literal(item.attrs["value"], dtype)
        if lanes > 1:
            return self._splat_text(item.result.type, text)
        return f"({CPP_TYPES[dtype][0]}){text}" if SIZE_BYTES[dtype] < 4 else text

    def _splat_text(self, type: VectorType, text: str) -> str:
        kind = self.vector(type.dtype, type.lanes)
        if SIZE_BYTES[type.dtype] < 4:
            text = f"({CPP_TYPES[type.dtype][0]}){text}"
        return f"{self.use('splat')}<{kind}>({text})"

    def _splat(self, item: Instruction) -> str:
        assert item.result is not None
        if item.result.type.lanes == 1:
            return self.get(item.args[0])
        if item.result.type.dtype == "bool":
            return f"{self.use('splat')}<{self._type(item.result)}>(-(int){self.get(item.args[0])})"
        return self._splat_text(item.result.type, self.get(item.args[0]))

    def _lane(self, item: Instruction) -> str:
        assert item.result is not None
        if item.result.type.lanes == 1:
            return "0"
        numbers = ", ".join(map(str, range(item.result.type.lanes)))
        return f"{self._type(item.result)}{{{numbers}}}"

    def _neg(self, item: Instruction) -> str:
        text = f"-{self.get(item.args[0])}"
        narrow = item.args[0].type.lanes == 1 and SIZE_BYTES[item.args[0].type.dtype] < 4
        return f"({self._type(item.args[0])})({text})" if narrow else text

    def _not(self, item: Instruction) -> str:
        value = item.args[0]
        if value.type == VectorType("bool"):
            return f"!{self.get(value)}"
        text = f"~{self.get(value)}"
        narrow = value.type.lanes == 1 and SIZE_BYTES[value.type.dtype] < 4
        return f"({self._type(value)})({text})" if narrow else text

    def _shr(self, item: Instruction) -> str:
        a, b = (self.get(v) for v in item.args)
        type = item.args[0].type
        kind = self.vector(f"uint{8 * SIZE_BYTES[type.dtype]}", type.lanes)
        return f"({self._type(item.args[0])})(({kind}){a} >> {b})"

    def _extremum(self, item: Instruction) -> str:
        a, b = (self.get(v) for v in item.args)
        exact = item.args[0].type.dtype in FLOATS and item.op in ("min", "max")
        self.use("maximum" if exact else "larger")
        names = ("minimum", "maximum") if exact else ("smaller", "larger")
        kind = self._type(item.args[0])
        return f"{names[item.op.startswith('max')]}<{kind}>({a}, {b})"

    def _fma(self, item: Instruction) -> str:
        a, b, c = (self.get(v) for v in item.args)
        if item.args[0].type.lanes > 1:
            x, y, z = item.args
            a, b = self._beside(x, y), self._beside(y, x)
            c = self.numbers.get(z, c)
        else:
            return f"__builtin_fma{SUFFIX[item.args[0].type.dtype]}({a}, {b}, {c})"
        return f"{a} * {b} + {c}"  # contracted, see the flags

    def _abs(self, item: Instruction) -> str:
        value = item.args[0]
        a, type = self.get(value), value.type
        if type.dtype not in FLOATS:
            if type.lanes == 1:
                return f"({self._type(value)})({a} < 0 ? -{a} : {a})"
            return f"{a} < 0 ? -{a} : {a}"
        if type.lanes == 1:
            return f"__builtin_fabs{SUFFIX[type.dtype]}({a})"
        size = SIZE_BYTES[type.dtype]
        integer = self.vector(f"int{8 * size}", type.lanes)
        bits = "0x7fffffff" if size == 4 else "0x7fffffffffffffffLL"
        return f"({self._type(value)})(({integer}){a} & {bits})"

    def _rounding(self, item: Instruction) -> str:
        value = item.args[0]
        element = CPP_TYPES[value.type.dtype][0]
        call = f"__builtin_{item.op}{SUFFIX[value.type.dtype]}"
        if value.type.lanes == 1:
            return f"{call}({self.get(value)})"
        each = self.use("each")
        return f"{each}({self.get(value)}, []({element} x) {{ return {call}(x); }})"

    def _libm(self, item: Instruction) -> str:
        type = item.args[0].type
        call = f"{item.attrs['function']}{SUFFIX[type.dtype]}"
        texts = [self.get(a) for a in item.args]
        if type.lanes == 1:
            return f"{call}({', '.join(texts)})"
        names = ["x", "y"][: len(texts)]
        lambda_parameters = ", ".join(f"{CPP_TYPES[type.dtype][0]} {n}" for n in names)
        each = self.use("each" if len(texts) == 1 else "each2")
        function = f"[]({lambda_parameters}) {{ return {call}({', '.join(names)}); }}"
        return f"{each}({', '.join(texts)}, {function})"

    def _cmp(self, item: Instruction) -> str:
        a, b = self._operands(item)
        type = item.args[0].type
        predicate = item.attrs["predicate"]
        if type.dtype == "bool" and type.lanes > 1:  # true is -1 here
            predicate = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}.get(predicate, predicate)
        sign = _PREDICATES[predicate]
        if type.lanes > 1 and type.lanes * SIZE_BYTES[type.dtype] > self.native_bytes:
            assert item.result is not None
            if type.dtype != "bool":
                a, b = (self.get(v) for v in item.args)
            kind = self._type(item.result)
            function = f"[](auto x, auto y) {{ return x {sign} y; }}"
            return f"{self.use('chunks') and 'chunked'}<{kind}>({a}, {b}, {function})"
        return f"{a} {sign} {b}"

    def _select(self, item: Instruction) -> str:
        condition, x, y = item.args
        type = x.type
        if condition.type.lanes == 1:
            narrow = type.lanes == 1 and type.dtype != "bool" and SIZE_BYTES[type.dtype] < 4
            text = f"{self.get(condition)} ? {self.get(x)} : {self.get(y)}"
            return f"({self._type(x)})({text})" if narrow else text
        size = SIZE_BYTES[type.dtype] if type.dtype != "bool" else self._mask_bytes(condition)
        mask = self.mask(condition, size)
        if type.dtype == "bool":
            return f"({mask} & {self.mask(x, size)}) | (~{mask} & {self.mask(y, size)})"
        if size * type.lanes > self.native_bytes:
            integer, kind = self.mask_type(size, type.lanes), self._type(x)
            a, b = self.get(x), self.get(y)
            return f"({kind})(({mask} & ({integer}){a}) | (~{mask} & ({integer}){b}))"
        return f"{mask} ? {self.get(x)} : {self.get(y)}"

    def _convert(self, item: Instruction) -> str:
        assert item.result is not None
        value, to = item.args[0], item.result.type.dtype
        source, lanes, text = value.type.dtype, value.type.lanes, self.get(value)
        if "float16" in (source, to):
            self.needs.half_lanes.add(lanes)
            return f"{'f16_to_f32' if source == 'float16' else 'f32_to_f16'}({text})"
        if lanes == 1:
            return f"({CPP_TYPES[to][0]}){text}"
        if source in FLOATS or to in FLOATS:
            return f"__builtin_convertvector({text}, {self._type(item.result)})"
        text = self.resized(
            text, SIZE_BYTES[source], SIZE_BYTES[to], lanes, unsigned=source == "uint8"
        )
        return f"({self._type(item.result)}){text}"

    def _bitcast(self, item: Instruction) -> str:
        assert item.result is not None
        value = item.args[0]
        if value.type.lanes > 1:
            return f"({self._type(item.result)}){self.get(value)}"
        return f"{self.use('bits')}<{self._type(item.result)}>({self.get(value)})"

    def _extract(self, item: Instruction) -> str:
        value = item.args[0]
        text = f"{self.get(value)}[{item.attrs['lane']}]"
        return f"{text} != 0" if value.type.dtype == "bool" else text

    def _slice(self, item: Instruction) -> str:
        assert item.result is not None
        first, value = item.attrs["offset"], self.get(item.args[0])
        lanes = ", ".join(str(first + i) for i in range(item.result.type.lanes))
        return f"__builtin_shufflevector({value}, {value}, {lanes})"

    def _shuffle(self, item: Instruction) -> str:
        a, b = (self.get(v) for v in item.args)
        return f"__builtin_shufflevector({a}, {b}, {', '.join(map(str, item.attrs['lanes']))})"

    def _reduce(self, item: Instruction) -> str:
        """Whether any lane of a mask is set: all other reductions are legalized."""
        return f"{self.use('any_lane')}({self.get(item.args[0])})"
