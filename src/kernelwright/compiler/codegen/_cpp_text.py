"""One loop IR function as a C++ function."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernelwright.compiler.codegen._cpp_prelude import CPP_TYPES, vector_name
from kernelwright.compiler.codegen._legalize import FLOATS, SIZE_BYTES, wrapped
from kernelwright.compiler.loops.ir import (
    Block,
    For,
    Function,
    If,
    Instruction,
    Memory,
    Value,
    VectorType,
)
from kernelwright.compiler.loops.streaming import streams

_WORDS = (
    "auto bool break case catch char class const continue default delete do double else enum "
    "extern false float for friend goto if inline int long namespace new operator or and xor not "
    "private public register return short signed sizeof static struct switch template this throw "
    "true try typedef typename union unsigned using virtual void volatile while load store "
    "load_first store_first gather scatter splat larger smaller maximum minimum each each2 "
    "chunked bits lanes spare stream finish_streams"
)
_RESERVED = frozenset(_WORDS.split())
_INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "rem": "%", "and": "&", "or": "|"}
_INFIX |= {"xor": "^", "shl": "<<", "sar": ">>"}
_PREDICATES = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_PURE_INTEGER = frozenset("const add sub mul div rem neg and or xor shl sar".split())  # noqa: SIM905
_WIDENED = ("float32", "float64", "int32", "int64")  # dtypes of which a number widens to a vector
_SUFFIX = {"float32": "f", "float64": ""}
STACK_SCRATCH_BYTES = 128 * 1024  # more than this is taken from the heap: threads' stacks are small


@dataclass
class Needs:
    """What the text of the functions asks of the prelude."""

    pieces: set[str] = field(default_factory=set)
    vectors: set[tuple[str, int]] = field(default_factory=set)
    half_lanes: set[int] = field(default_factory=set)


def stack_scratch(function: Function) -> bool:
    """Whether the function's scratch is small enough for a thread's stack."""
    return scratch_bytes(function) <= STACK_SCRATCH_BYTES


def scratch_bytes(function: Function) -> int:
    """Bytes of all scratch memories, each rounded up to 64."""
    return sum(_rounded_bytes(m) for m in function.scratch)


def scratch_offsets(function: Function) -> dict[str, int]:
    """Where each scratch memory starts when they lie one after the other."""
    offsets, total = {}, 0
    for memory in function.scratch:
        offsets[memory.name] = total
        total += _rounded_bytes(memory)
    return offsets


def _rounded_bytes(memory: Memory) -> int:
    return -(-memory.elements * SIZE_BYTES[memory.dtype] // 64) * 64


def identifier(name: str, taken: set[str]) -> str:
    """A C++ name like ``name`` that is in nobody's way; added to ``taken``."""
    stem = re.sub(r"\W", "_", name) or "v"
    if stem[0].isdigit() or stem in _RESERVED or stem in {n for _, n in CPP_TYPES.values()}:
        stem += "_"
    chosen, n = stem, 1
    while chosen in taken:
        n += 1
        chosen = f"{stem}_{n}"
    taken.add(chosen)
    return chosen


def cpp_function(function: Function, native_bytes: int, needs: Needs, noalias: bool = True) -> str:
    """The text of ``static void name(pointers..., [char* scratch,] int64_t core)``.

    ``function`` is legalized. Vectors wider than ``native_bytes`` are taken apart where the
    compiler would not do it well. ``noalias``: the pointers never overlap.
    """
    return _FunctionText(function, native_bytes, needs, noalias).text()


class _FunctionText:
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
        self._count(function.body)

    def _count(self, block: Block) -> None:
        for item in block.items:
            if isinstance(item, Instruction):
                self.uses.update(item.args)
            elif isinstance(item, For):
                self.uses.update([item.lower, item.upper, *(first for _, first, _ in item.carried)])
                self.uses.update(item.yields)
                self.kept.update(item.yields)
                self.kept.update((item.lower, item.upper))
                self._count(item.body)
            else:
                self.uses[item.condition] += 1
                self._count(item.then)
                self._count(item.orelse)

    # ---- structure ---------------------------------------------------------------------------

    def text(self) -> str:
        f = self.function
        name = identifier(f.name, self.taken)
        parameters = []
        restrict = "__restrict " if self.noalias else ""
        for memory in f.memories:
            const = "const " if memory.kind == "input" else ""
            element = CPP_TYPES[memory.dtype][0]
            self.names[memory] = identifier(memory.name, self.taken)
            parameters.append(f"{const}{element}* {restrict}{self.names[memory]}")
        self.names[f.core] = identifier("core", self.taken)
        self._scratch(parameters)
        parameters.append(f"int64_t {self.names[f.core]}")
        self._block(f.body)
        if streams(f):
            self._line("finish_streams();")
        head = f"static void {name}({', '.join(parameters)}) {{"
        if len(head) > 100:
            head = f"static void {name}(\n    " + ",\n    ".join(parameters) + ") {"
        return "\n".join([head, *self.lines, "}"])

    def _scratch(self, parameters: list[str]) -> None:
        offset, on_stack = 0, stack_scratch(self.function)
        if self.function.scratch and not on_stack:
            parameters.append(f"char* {identifier('scratch', self.taken)}")
        for memory in self.function.scratch:
            element = CPP_TYPES[memory.dtype][0]
            name = self.names[memory] = identifier(memory.name, self.taken)
            if on_stack:
                self._line(f"alignas(64) {element} {name}[{max(memory.elements, 1)}];")
            else:
                self._line(f"{element}* const {name} = ({element}*)(scratch + {offset});")
            offset += _rounded_bytes(memory)

    def _line(self, text: str) -> None:
        self.lines.append("  " * self.indent + text)

    def _block(self, block: Block) -> None:
        for item in block.items:
            if isinstance(item, For):
                self._for(item)
            elif isinstance(item, If):
                self._if(item)
            else:
                self._instruction(item)

    def _for(self, loop: For) -> None:
        for argument, first, result in loop.carried:
            telling = next((v for v in (argument, result) if not _automatic(v)), None)
            name = identifier(telling.name if telling else "carried", self.taken)
            if argument.type.dtype == "bool":
                self.mask_bytes[argument] = self.mask_bytes[result] = self._mask_bytes(first)
            self._line(f"{self._type(argument)} {name} = {self.get(first)};")
            self.names[argument] = self.names[result] = name
        var = identifier("i" if _automatic(loop.var) else loop.var.name, self.taken)
        self.names[loop.var] = var
        step = f"++{var}" if loop.step == 1 else f"{var} += {loop.step}"
        lower, upper = self.get(loop.lower), self.get(loop.upper)
        self._line(f"for (int64_t {var} = {lower}; {var} < {upper}; {step}) {{")
        self.indent += 1
        self._block(loop.body)
        self._yield(loop)
        self.indent -= 1
        self._line("}")

    def _yield(self, loop: For) -> None:
        arguments = {argument for argument, _, _ in loop.carried}
        pairs = [(a, n) for (a, _, _), n in zip(loop.carried, loop.yields) if a is not n]
        crossed = any(n in arguments for _, n in pairs)
        texts = []
        for argument, following in pairs:
            text = self.get(following)
            if argument.type.dtype == "bool" and argument.type.lanes > 1:
                text = self.mask(following, self.mask_bytes[argument])
            if crossed:
                held = identifier(f"next_{self.names[argument]}", self.taken)
                self._line(f"const {self._type(argument)} {held} = {text};")
                text = held
            texts.append((self.names[argument], text))
        for name, text in texts:
            self._line(f"{name} = {text};")

    def _if(self, item: If) -> None:
        self._line(f"if ({self.get(item.condition)}) {{")
        self.indent += 1
        self._block(item.then)
        self.indent -= 1
        if item.orelse.items:
            self._line("} else {")
            self.indent += 1
            self._block(item.orelse)
            self.indent -= 1
        self._line("}")

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

    def _instruction(self, item: Instruction) -> None:
        if item.result is None:
            self._line(getattr(self, f"_{item.op}")(item) + ";")
            return
        result = item.result
        if result.type.dtype == "bool":
            self.mask_bytes[result] = self._result_mask_bytes(item)
        text = _EXPRESSIONS.get(item.op, _FunctionText._infix)(self, item)
        if not self.uses[result]:
            return
        if item.op == "const" and len(text) < 40:
            self.names[result] = text
            if result.type.lanes > 1 and result.type.dtype in _WIDENED:
                self.numbers[result] = literal(item.attrs["value"], result.type.dtype)
        elif self._in_place(item, text):
            self.names[result] = f"({text})"
        else:
            name = result.name if not _automatic(result) else "v"
            if name == "v":
                name = f"v{len(self.names)}"
            self.names[result] = identifier(name, self.taken)
            self._line(f"const {self._type(result)} {self.names[result]} = {text};")

    def _in_place(self, item: Instruction, text: str) -> bool:
        result = item.result
        assert result is not None
        return (
            result.type == VectorType("int64")
            and item.op in _PURE_INTEGER
            and _automatic(result)
            and self.uses[result] == 1
            and result not in self.kept
            and len(text) < 50
        )

    def _result_mask_bytes(self, item: Instruction) -> int:
        for a in item.args:
            if a.type.lanes == 1 and item.op not in ("extract",):
                continue
            if a.type.dtype == "bool":
                return self._mask_bytes(a)
            if item.op == "cmp":
                return SIZE_BYTES[a.type.dtype]
        return 1 if item.op in ("load", "gather") else 4

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
            suffix = _SUFFIX[dtype]
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
            return f"__builtin_fma{_SUFFIX[item.args[0].type.dtype]}({a}, {b}, {c})"
        return f"{a} * {b} + {c}"  # contracted, see the flags

    def _abs(self, item: Instruction) -> str:
        value = item.args[0]
        a, type = self.get(value), value.type
        if type.dtype not in FLOATS:
            if type.lanes == 1:
                return f"({self._type(value)})({a} < 0 ? -{a} : {a})"
            return f"{a} < 0 ? -{a} : {a}"
        if type.lanes == 1:
            return f"__builtin_fabs{_SUFFIX[type.dtype]}({a})"
        size = SIZE_BYTES[type.dtype]
        integer = self.vector(f"int{8 * size}", type.lanes)
        bits = "0x7fffffff" if size == 4 else "0x7fffffffffffffffLL"
        return f"({self._type(value)})(({integer}){a} & {bits})"

    def _rounding(self, item: Instruction) -> str:
        value = item.args[0]
        element = CPP_TYPES[value.type.dtype][0]
        call = f"__builtin_{item.op}{_SUFFIX[value.type.dtype]}"
        if value.type.lanes == 1:
            return f"{call}({self.get(value)})"
        each = self.use("each")
        return f"{each}({self.get(value)}, []({element} x) {{ return {call}(x); }})"

    def _libm(self, item: Instruction) -> str:
        type = item.args[0].type
        call = f"{item.attrs['function']}{_SUFFIX[type.dtype]}"
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

    # ---- memory ------------------------------------------------------------------------------

    def _address(self, item: Instruction) -> str:
        index = self.get(item.args[0])
        memory = self.names[item.attrs["memory"]]
        return memory if index == "0" else f"{memory} + {index}"

    def _load(self, item: Instruction) -> str:
        assert item.result is not None
        type, count = item.result.type, item.args[1:]
        if type.lanes == 1:
            element = f"{self.names[item.attrs['memory']]}[{self.get(item.args[0])}]"
            text = f"{element} != 0" if type.dtype == "bool" else element
            if count:
                zero = "false" if type.dtype == "bool" else "0"
                return f"{self.get(count[0])} > 0 ? {text} : {zero}"
            return text
        kind = self.vector("int8" if type.dtype == "bool" else type.dtype, type.lanes)
        extra = f", {self.get(count[0])}" if count else ""
        piece = self.use("load_first" if count else "load")
        text = f"{piece}<{kind}>({self._address(item)}{extra})"
        return f"{text} != 0" if type.dtype == "bool" else text

    def _gather(self, item: Instruction) -> str:
        assert item.result is not None
        type, count = item.result.type, item.args[1:]
        if type.lanes == 1:
            return self._load(item)
        kind = self.vector("int8" if type.dtype == "bool" else type.dtype, type.lanes)
        extra = f", {self.get(count[0])}" if count else ""
        stride = item.attrs["stride"]
        text = f"{self.use('gather')}<{kind}>({self._address(item)}, {stride}{extra})"
        return f"{text} != 0" if type.dtype == "bool" else text

    def _stored(self, value: Value) -> str:
        if value.type.dtype != "bool" or value.type.lanes == 1:
            return self.get(value)
        return f"({self.mask(value, 1)} & 1)"

    def _store(self, item: Instruction) -> str:
        value, count = item.args[1], item.args[2:]
        if value.type.lanes == 1:
            index = self.get(item.args[0])
            text = f"{self.names[item.attrs['memory']]}[{index}] = {self.get(value)}"
            return f"if ({self.get(count[0])} > 0) {text}" if count else text
        extra = f", {self.get(count[0])}" if count else ""
        whole = "stream" if item.attrs.get("streaming") else "store"
        piece = self.use("store_first" if count else whole)
        return f"{piece}({self._address(item)}, {self._stored(value)}{extra})"

    def _scatter(self, item: Instruction) -> str:
        value, count = item.args[1], item.args[2:]
        if value.type.lanes == 1:
            return self._store(item)
        extra = f", {self.get(count[0])}" if count else ""
        stride = item.attrs["stride"]
        piece = self.use("scatter")
        return f"{piece}({self._address(item)}, {stride}, {self._stored(value)}{extra})"


_EXPRESSIONS: dict[str, Callable[[_FunctionText, Instruction], str]] = {
    **{
        name: getattr(_FunctionText, f"_{name}")
        for name in [
            "const",
            "splat",
            "lane",
            "neg",
            "not",
            "shr",
            "fma",
            "abs",
            "libm",
            "cmp",
            "select",
            "convert",
            "bitcast",
            "extract",
            "slice",
            "shuffle",
            "load",
            "gather",
        ]
    },
    **dict.fromkeys(("min", "max", "minnum", "maxnum"), _FunctionText._extremum),
    **dict.fromkeys(("sqrt", "floor", "ceil", "trunc", "rint"), _FunctionText._rounding),
}


def _automatic(value: Value) -> bool:
    return re.fullmatch(r"v\d+", value.name) is not None


def literal(value: Any, dtype: str) -> str:
    """A number as a C++ constant of that dtype; shortest text that reads back the same."""
    if dtype in ("float16", "bfloat16"):
        import ml_dtypes

        kind = np.float16 if dtype == "float16" else ml_dtypes.bfloat16
        return hex(int(np.asarray(value, dtype=kind).view(np.uint16)))
    if dtype not in ("float32", "float64"):
        number = wrapped(value, dtype)
        if dtype == "int64" and number == -(2**63):
            return "INT64_MIN"
        if dtype == "int32" and number == -(2**31):
            return "INT32_MIN"
        wide = dtype == "int64" and abs(number) >= 2**31
        text = f"{number}LL" if wide else str(number)
        return f"({text})" if number < 0 else text
    suffix = _SUFFIX[dtype]
    with np.errstate(over="ignore"):
        rounded = np.float32(value) if dtype == "float32" else np.float64(value)
    if math.isnan(rounded):
        return f'__builtin_nan{suffix}("")'
    if math.isinf(rounded):
        return f"{'-' if rounded < 0 else ''}__builtin_inf{suffix}()"
    text = str(rounded)
    if "." not in text and "e" not in text:
        text += ".0"
    text += suffix
    return f"({text})" if text.startswith("-") else text
