"""One loop IR function as MLIR: func, scf, arith, math, vector and memref."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np

from kernelwright.compiler.codegen._legalize import FLOATS, SIZE_BYTES, wrapped
from kernelwright.compiler.codegen._scratch import stack_scratch
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

TYPES = {
    "float16": "f16",
    "bfloat16": "bf16",
    "float32": "f32",
    "float64": "f64",
    "int8": "i8",
    "uint8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "bool": "i1",
}
_FLOAT_BINARY = {"add": "addf", "sub": "subf", "mul": "mulf", "div": "divf", "rem": "remf"}
_INTEGER_BINARY = {"add": "addi", "sub": "subi", "mul": "muli", "div": "divsi", "rem": "remsi"}
_INTEGER_BINARY |= {"and": "andi", "or": "ori", "xor": "xori"}
_INTEGER_BINARY |= {"shl": "shli", "shr": "shrui", "sar": "shrsi"}
_UNSIGNED = {"divsi": "divui", "remsi": "remui", "shrsi": "shrui"}
_MATH = {"sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "rint": "roundeven"}


def memory_type(memory: Memory) -> str:
    """The memref; a bool is one byte in memory."""
    element = "i8" if memory.dtype == "bool" else TYPES[memory.dtype]
    return f"memref<{max(memory.elements, 1)}x{element}>"


def type_text(type: VectorType) -> str:
    """``vector<16xf32>``, or ``f32`` for one lane."""
    element = TYPES[type.dtype]
    return element if type.lanes == 1 else f"vector<{type.lanes}x{element}>"


def mlir_function(function: Function, declared: set[str], noalias: bool = True) -> str:
    """``func.func private @name(memrefs..., [scratch memrefs,] core)`` of a legalized function.

    ``declared`` collects the C functions that the text calls, as declarations.
    """
    return FunctionText(function, declared, noalias).text()


def signature(function: Function) -> list[str]:
    """The types of the MLIR function's arguments."""
    heap = [] if stack_scratch(function) else function.scratch
    scalars = ["i64"] * (1 + len(function.sizes))
    return [memory_type(m) for m in (*function.memories, *heap)] + scalars


class FunctionText:
    def __init__(self, function: Function, declared: set[str], noalias: bool) -> None:
        self.function, self.declared, self.noalias = function, declared, noalias
        self.names: dict[Any, str] = {}
        self.taken: set[str] = set()
        self.lines: list[str] = []
        self.indent = 2

    def text(self) -> str:
        f = self.function
        on_stack = stack_scratch(f)
        attribute = " {llvm.noalias}" if self.noalias else ""
        parameters = []
        for memory in f.memories:
            name = self._name(memory, memory.name)
            parameters.append(f"{name}: {memory_type(memory)}{attribute}")
        if not on_stack:
            for memory in f.scratch:
                name = self._name(memory, memory.name)
                parameters.append(f"{name}: {memory_type(memory)}{attribute}")
        parameters.append(f"{self._name(f.core, 'core')}: i64")
        parameters += [f"{self._name(size, size.name)}: i64" for size in f.sizes]
        if on_stack:
            for memory in f.scratch:
                name = self._name(memory, memory.name)
                alloca = "memref.alloca() {alignment = 64 : i64}"
                self._line(f"{name} = {alloca} : {memory_type(memory)}")
        self._block(f.body)
        if streams(f):  # other cores see what was stored around the caches after this
            self._line("llvm.fence seq_cst")
        head = f"  func.func private @{f.name}({', '.join(parameters)}) {{"
        if len(head) > 100:
            joined = ",\n      ".join(parameters)
            head = f"  func.func private @{f.name}(\n      {joined}) {{"
        return "\n".join([head, *self.lines, "    return", "  }"])

    # ---- names and lines ---------------------------------------------------------------------

    def _name(self, key: Any, wanted: str = "") -> str:
        stem = "".join(c if c.isalnum() or c in "_$" else "_" for c in wanted)
        if not stem or (stem[0] == "v" and stem[1:].isdigit()):
            stem = f"v{len(self.taken)}"
        if stem[0].isdigit():
            stem = f"_{stem}"
        chosen, n = stem, 1
        while chosen in self.taken:
            n += 1
            chosen = f"{stem}_{n}"
        self.taken.add(chosen)
        self.names[key] = f"%{chosen}"
        return self.names[key]

    def get(self, value: Any) -> str:
        return self.names[value]

    def _line(self, text: str) -> None:
        self.lines.append("  " * self.indent + text)

    def _new(self, text: str, hint: str = "") -> str:
        """A line for an unnamed intermediate value; its name."""
        name = self._name(object(), hint)
        self._line(f"{name} = {text}")
        return name

    def _index(self, value: Value) -> str:
        return self._new(f"arith.index_cast {self.get(value)} : i64 to index", "at")

    # ---- structure ---------------------------------------------------------------------------

    def _block(self, block: Block) -> None:
        for item in block.items:
            if isinstance(item, For):
                self._for(item)
            elif isinstance(item, If):
                self._if(item)
            else:
                self._instruction(item)

    def _for(self, loop: For) -> None:
        step = self._new(f"arith.constant {loop.step} : i64", f"c{loop.step}")
        lower, upper = self.get(loop.lower), self.get(loop.upper)
        firsts = [self.get(first) for _, first, _ in loop.carried]
        var = self._name(loop.var, loop.var.name if not _automatic(loop.var) else "i")
        arguments = [self._name(a, a.name) for a, _, _ in loop.carried]
        types = ", ".join(type_text(a.type) for a, _, _ in loop.carried)
        head = f"scf.for {var} = {lower} to {upper} step {step}"
        if loop.carried:
            pairs = ", ".join(f"{a} = {f}" for a, f in zip(arguments, firsts))
            head = f"{head} iter_args({pairs}) -> ({types})"
            group = self._name(object(), "carried")
            many = len(loop.carried) > 1
            for number, (_, _, result) in enumerate(loop.carried):
                self.names[result] = f"{group}#{number}" if many else group
            self._line(f"{group}{f':{len(loop.carried)}' if many else ''} = {head} : i64 {{")
        else:
            self._line(f"{head} : i64 {{")
        self.indent += 1
        self._block(loop.body)
        if loop.carried:
            self._line(f"scf.yield {', '.join(map(self.get, loop.yields))} : {types}")
        self.indent -= 1
        self._line("}")

    def _if(self, item: If) -> None:
        self._line(f"scf.if {self.get(item.condition)} {{")
        self.indent += 1
        self._block(item.then)
        self.indent -= 1
        if item.orelse.items:
            self._line("} else {")
            self.indent += 1
            self._block(item.orelse)
            self.indent -= 1
        self._line("}")

    # ---- operations --------------------------------------------------------------------------

    def _instruction(self, item: Instruction) -> None:
        if item.result is None:
            (self._store if item.op == "store" else self._scatter)(item)
            return
        if item.op in ("load", "gather", "lookup", "libm"):
            getattr(self, f"_{item.op}")(item)
            return
        if item.op == "splat" and item.result.type.lanes == 1:
            self.names[item.result] = self.get(item.args[0])
            return
        text = _TEXTS.get(item.op, FunctionText._binary)(self, item)
        hint = item.result.name
        if item.op == "const" and _automatic(item.result):
            hint = "c" if item.result.type.dtype not in FLOATS else "cst"
        name = self._name(item.result, hint)
        self._line(f"{name} = {text}")

    def _binary(self, item: Instruction) -> str:
        a, b = item.args
        if a.type.dtype in FLOATS:
            op = _FLOAT_BINARY[item.op]
        else:
            op = _INTEGER_BINARY[item.op]
            if a.type.dtype == "uint8":
                op = _UNSIGNED.get(op, op)
        return (
            f"arith.{op} {self.get(a)}, {self.get(b)}{self._contract(item)} : {type_text(a.type)}"
        )

    def _contract(self, item: Instruction) -> str:
        fusable = item.op in ("add", "sub", "mul") and item.args[0].type.dtype in FLOATS
        return " fastmath<contract>" if fusable else ""

    def _const(self, item: Instruction) -> str:
        assert item.result is not None
        type = item.result.type
        text = attribute(item.attrs["value"], type.dtype)
        if type.lanes > 1:
            return f"arith.constant dense<{text}> : {type_text(type)}"
        if type.dtype == "bool":
            return f"arith.constant {text}"
        return f"arith.constant {text} : {type_text(type)}"

    def _splat(self, item: Instruction) -> str:
        assert item.result is not None
        source = item.args[0]
        to = type_text(item.result.type)
        return f"vector.broadcast {self.get(source)} : {type_text(source.type)} to {to}"

    def _lane(self, item: Instruction) -> str:
        assert item.result is not None
        type = item.result.type
        if type.lanes == 1:
            return f"arith.constant 0 : {type_text(type)}"
        numbers = ", ".join(map(str, range(type.lanes)))
        return f"arith.constant dense<[{numbers}]> : {type_text(type)}"

    def _neg(self, item: Instruction) -> str:
        a, type = item.args[0], type_text(item.args[0].type)
        if a.type.dtype in FLOATS:
            return f"arith.negf {self.get(a)} : {type}"
        zero = self._zero(a.type)
        return f"arith.subi {zero}, {self.get(a)} : {type}"

    def _zero(self, type: VectorType) -> str:
        text = "0.0" if type.dtype in FLOATS else ("false" if type.dtype == "bool" else "0")
        if type.lanes > 1:
            return self._new(f"arith.constant dense<{text}> : {type_text(type)}", "zero")
        suffix = "" if type.dtype == "bool" else f" : {type_text(type)}"
        return self._new(f"arith.constant {text}{suffix}", "zero")

    def _not(self, item: Instruction) -> str:
        a = item.args[0]
        text = "true" if a.type.dtype == "bool" else "-1"
        dense = f"dense<{text}>" if a.type.lanes > 1 else text
        plain = a.type == VectorType("bool")
        suffix = "" if plain else f" : {type_text(a.type)}"
        ones = self._new(f"arith.constant {dense}{suffix}", "ones")
        return f"arith.xori {self.get(a)}, {ones} : {type_text(a.type)}"

    def _fma(self, item: Instruction) -> str:
        a, b, c = map(self.get, item.args)
        return f"math.fma {a}, {b}, {c} : {type_text(item.args[0].type)}"

    def _abs(self, item: Instruction) -> str:
        a = item.args[0]
        op = "absf" if a.type.dtype in FLOATS else "absi"
        return f"math.{op} {self.get(a)} : {type_text(a.type)}"

    def _rounding(self, item: Instruction) -> str:
        a = item.args[0]
        return f"math.{_MATH[item.op]} {self.get(a)} : {type_text(a.type)}"

    def _cmp(self, item: Instruction) -> str:
        a, b = item.args
        predicate = item.attrs["predicate"]
        if a.type.dtype in FLOATS:
            op = f"cmpf {'une' if predicate == 'ne' else f'o{predicate}'}"
        else:
            unsigned = a.type.dtype in ("uint8", "bool")
            equal = predicate in ("eq", "ne")
            op = f"cmpi {predicate if equal else ('u' if unsigned else 's') + predicate}"
        return f"arith.{op}, {self.get(a)}, {self.get(b)} : {type_text(a.type)}"

    def _select(self, item: Instruction) -> str:
        mask, a, b = item.args
        types = type_text(a.type)
        if mask.type.lanes > 1:
            types = f"{type_text(mask.type)}, {types}"
        return f"arith.select {self.get(mask)}, {self.get(a)}, {self.get(b)} : {types}"

    def _convert(self, item: Instruction) -> str:
        assert item.result is not None
        source, to = item.args[0].type, item.result.type
        text = self.get(item.args[0])
        if source.dtype in FLOATS and to.dtype in FLOATS:
            op = "extf" if SIZE_BYTES[to.dtype] > SIZE_BYTES[source.dtype] else "truncf"
        elif source.dtype in FLOATS:
            op = "fptosi"
        elif to.dtype in FLOATS:
            op = "sitofp"
        elif SIZE_BYTES[to.dtype] == SIZE_BYTES[source.dtype]:
            return f"arith.bitcast {text} : {type_text(source)} to {type_text(to)}"
        elif SIZE_BYTES[to.dtype] < SIZE_BYTES[source.dtype]:
            op = "trunci"
        else:
            op = "extui" if source.dtype == "uint8" else "extsi"
        return f"arith.{op} {text} : {type_text(source)} to {type_text(to)}"

    def _bitcast(self, item: Instruction) -> str:
        assert item.result is not None
        source, to = item.args[0].type, item.result.type
        return f"arith.bitcast {self.get(item.args[0])} : {type_text(source)} to {type_text(to)}"

    def _extract(self, item: Instruction) -> str:
        a, lane = item.args[0], item.attrs["lane"]
        return (
            f"vector.extract {self.get(a)}[{lane}] : {TYPES[a.type.dtype]} from {type_text(a.type)}"
        )

    def _slice(self, item: Instruction) -> str:
        assert item.result is not None
        a, to = item.args[0], item.result.type
        part = f"offsets = [{item.attrs['offset']}], sizes = [{to.lanes}], strides = [1]"
        types = f"{type_text(a.type)} to {type_text(to)}"
        return f"vector.extract_strided_slice {self.get(a)} {{{part}}} : {types}"

    def _shuffle(self, item: Instruction) -> str:
        a, b = item.args
        lanes = ", ".join(map(str, item.attrs["lanes"]))
        types = f"{type_text(a.type)}, {type_text(b.type)}"
        return f"vector.shuffle {self.get(a)}, {self.get(b)} [{lanes}] : {types}"

    def _reduce(self, item: Instruction) -> str:
        """Whether any lane of a mask is set: all other reductions are legalized."""
        mask = item.args[0]
        return f"vector.reduction <or>, {self.get(mask)} : {type_text(mask.type)} into i1"

    def _libm(self, item: Instruction) -> None:
        assert item.result is not None
        type = item.args[0].type
        element = TYPES[type.dtype]
        function = item.attrs["function"] + ("f" if type.dtype == "float32" else "")
        inputs = ", ".join([element] * len(item.args))
        self.declared.add(f"func.func private @{function}({inputs}) -> {element}")
        signature = f"({inputs}) -> {element}"
        if type.lanes == 1:
            texts = ", ".join(map(self.get, item.args))
            name = self._name(item.result, item.result.name)
            self._line(f"{name} = func.call @{function}({texts}) : {signature}")
            return
        made = self._zero(type)
        for lane in range(type.lanes):
            lanes = [
                self._new(
                    f"vector.extract {self.get(a)}[{lane}] : {element} from {type_text(type)}"
                )
                for a in item.args
            ]
            one = self._new(f"func.call @{function}({', '.join(lanes)}) : {signature}")
            made = self._new(
                f"vector.insert {one}, {made} [{lane}] : {element} into {type_text(type)}"
            )
        self.names[item.result] = made

    # ---- memory ------------------------------------------------------------------------------

    def _in_memory(self, type: VectorType) -> VectorType:
        return VectorType("int8", type.lanes) if type.dtype == "bool" else type

    def _loaded(self, item: Instruction, text: str, type: VectorType) -> None:
        """Names the result; a bool's byte is tested."""
        assert item.result is not None
        if item.result.type.dtype != "bool":
            self.names[item.result] = text
            return
        zero = self._zero(type)
        self.names[item.result] = self._new(f"arith.cmpi ne, {text}, {zero} : {type_text(type)}")

    def _mask(self, count: Value, lanes: int) -> str:
        at = self._index(count)
        return self._new(f"vector.create_mask {at} : vector<{lanes}xi1>", "mask")

    def _range_mask(self, limits: Sequence[Value], lanes: int) -> str:
        """Of a count and, perhaps, the first lane."""
        mask = self._mask(limits[0], lanes)
        if len(limits) == 1:
            return mask
        before = self._mask(limits[1], lanes)
        none = self._new(f"arith.constant dense<false> : vector<{lanes}xi1>")
        return self._new(
            f"arith.select {before}, {none}, {mask} : vector<{lanes}xi1>, vector<{lanes}xi1>"
        )

    def _load(self, item: Instruction) -> None:
        assert item.result is not None
        memory, count = item.attrs["memory"], item.args[1:]
        type = self._in_memory(item.result.type)
        place = f"{self.get(memory)}[{self._index(item.args[0])}]"
        if type.lanes == 1:
            if count:
                self._loaded(item, self._guarded_load(item, place, type), type)
                return
            text = self._new(f"memref.load {place} : {memory_type(memory)}", item.result.name)
        elif count:
            mask, zero = self._range_mask(count, type.lanes), self._zero(type)
            masks = f"vector<{type.lanes}xi1>"
            text = self._new(
                f"vector.maskedload {place}, {mask}, {zero} : {memory_type(memory)}, {masks}, "
                f"{type_text(type)} into {type_text(type)}",
                item.result.name,
            )
        else:
            types = f"{memory_type(memory)}, {type_text(type)}"
            text = self._new(f"vector.load {place} : {types}", item.result.name)
        self._loaded(item, text, type)

    def _guarded_load(self, item: Instruction, place: str, type: VectorType) -> str:
        zero_count = self._new("arith.constant 0 : i64")
        live = self._new(f"arith.cmpi sgt, {self.get(item.args[1])}, {zero_count} : i64")
        zero = self._zero(type)
        name = self._new(f"scf.if {live} -> ({type_text(type)}) {{")
        inner = self._new(f"  memref.load {place} : {memory_type(item.attrs['memory'])}")
        self._line(f"  scf.yield {inner} : {type_text(type)}")
        self._line("} else {")
        self._line(f"  scf.yield {zero} : {type_text(type)}")
        self._line("}")
        return name

    def _stored(self, value: Value) -> str:
        if value.type.dtype != "bool":
            return self.get(value)
        to = type_text(self._in_memory(value.type))
        return self._new(f"arith.extui {self.get(value)} : {type_text(value.type)} to {to}")

    def _store(self, item: Instruction) -> None:
        memory, value, count = item.attrs["memory"], item.args[1], item.args[2:]
        type = self._in_memory(value.type)
        text = self._stored(value)
        place = f"{self.get(memory)}[{self._index(item.args[0])}]"
        if type.lanes == 1:
            line = f"memref.store {text}, {place} : {memory_type(memory)}"
            if count:
                zero = self._new("arith.constant 0 : i64")
                live = self._new(f"arith.cmpi sgt, {self.get(count[0])}, {zero} : i64")
                self._line(f"scf.if {live} {{")
                self._line(f"  {line}")
                self._line("}")
            else:
                self._line(line)
        elif count:
            mask = self._mask(count[0], type.lanes)
            types = f"{memory_type(memory)}, vector<{type.lanes}xi1>, {type_text(type)}"
            self._line(f"vector.maskedstore {place}, {mask}, {text} : {types}")
        elif item.attrs.get("streaming"):
            self._stream(item, text, type)
        else:
            self._line(f"vector.store {text}, {place} : {memory_type(memory)}, {type_text(type)}")

    def _stream(self, item: Instruction, text: str, type: VectorType) -> None:
        """A store around the caches where the address is a multiple of the vector's bytes."""
        memory = item.attrs["memory"]
        element = SIZE_BYTES[type.dtype]
        whole = element * type.lanes
        base = self._new(
            f"memref.extract_aligned_pointer_as_index {self.get(memory)} : "
            f"{memory_type(memory)} -> index"
        )
        base = self._new(f"arith.index_cast {base} : index to i64")
        size = self._new(f"arith.constant {element} : i64")
        offset = self._new(f"arith.muli {self.get(item.args[0])}, {size} : i64")
        address = self._new(f"arith.addi {base}, {offset} : i64", "address")
        mask = self._new(f"arith.constant {whole - 1} : i64")
        rest = self._new(f"arith.andi {address}, {mask} : i64")
        zero = self._new("arith.constant 0 : i64")
        fits = self._new(f"arith.cmpi eq, {rest}, {zero} : i64", "aligned")
        self._line(f"scf.if {fits} {{")
        self.indent += 1
        pointer = self._new(f"llvm.inttoptr {address} : i64 to !llvm.ptr")
        self._line(
            f"llvm.store {text}, {pointer} {{alignment = {whole} : i64, nontemporal}} : "
            f"{type_text(type)}, !llvm.ptr"
        )
        self.indent -= 1
        self._line("} else {")
        place = f"{self.get(memory)}[{self._index(item.args[0])}]"
        self._line(f"  vector.store {text}, {place} : {memory_type(memory)}, {type_text(type)}")
        self._line("}")

    def _strided(self, item: Instruction, type: VectorType, count: tuple[Value, ...]) -> list[str]:
        """Operands that gather and scatter share: base index, offsets, mask."""
        stride = item.attrs["stride"]
        offsets = ", ".join(str(lane * stride) for lane in range(type.lanes))
        indices = self._new(f"arith.constant dense<[{offsets}]> : vector<{type.lanes}xi64>")
        if count:
            mask = self._mask(count[0], type.lanes)
        else:
            mask = self._new(f"arith.constant dense<true> : vector<{type.lanes}xi1>", "all")
        return [self._index(item.args[0]), indices, mask]

    def _gather(self, item: Instruction) -> None:
        assert item.result is not None
        type = self._in_memory(item.result.type)
        if type.lanes == 1:
            self._load(item)
            return
        memory = item.attrs["memory"]
        at, indices, mask = self._strided(item, type, item.args[1:])
        zero = self._zero(type)
        types = f"{memory_type(memory)}, vector<{type.lanes}xi64>, vector<{type.lanes}xi1>"
        text = self._new(
            f"vector.gather {self.get(memory)}[{at}] [{indices}], {mask}, {zero} : {types}, "
            f"{type_text(type)} into {type_text(type)}",
            item.result.name,
        )
        self._loaded(item, text, type)

    def _lookup(self, item: Instruction) -> None:
        assert item.result is not None
        type, index = self._in_memory(item.result.type), item.args[0]
        memory, lanes = item.attrs["memory"], item.result.type.lanes
        at = self._new("arith.constant 0 : index")
        mask = self._new(f"arith.constant dense<true> : vector<{lanes}xi1>", "all")
        types = f"{memory_type(memory)}, {type_text(index.type)}, vector<{lanes}xi1>"
        text = self._new(
            f"vector.gather {self.get(memory)}[{at}] [{self.get(index)}], {mask}, "
            f"{self._zero(type)} : {types}, {type_text(type)} into {type_text(type)}",
            item.result.name,
        )
        self._loaded(item, text, type)

    def _scatter(self, item: Instruction) -> None:
        memory, value = item.attrs["memory"], item.args[1]
        type = self._in_memory(value.type)
        if type.lanes == 1:
            self._store(item)
            return
        text = self._stored(value)
        at, indices, mask = self._strided(item, type, item.args[2:])
        types = f"{memory_type(memory)}, vector<{type.lanes}xi64>, vector<{type.lanes}xi1>"
        self._line(
            f"vector.scatter {self.get(memory)}[{at}] [{indices}], {mask}, {text} : {types}, "
            f"{type_text(type)}"
        )


_TEXTS: dict[str, Callable[[FunctionText, Instruction], str]] = {
    **{
        name: getattr(FunctionText, f"_{name}")
        for name in (
            *("const", "splat", "lane", "neg", "not", "fma", "abs", "cmp", "select"),
            *("convert", "bitcast", "extract", "slice", "shuffle", "reduce"),
        )
    },
    **dict.fromkeys(_MATH, FunctionText._rounding),
}


def _automatic(value: Value) -> bool:
    return value.name[:1] == "v" and value.name[1:].isdigit()


def attribute(value: Any, dtype: str) -> str:
    """A number as an MLIR attribute; what decimal text cannot say exactly is given by its bits."""
    if dtype == "bool":
        return "true" if value else "false"
    if dtype not in FLOATS:
        return str(wrapped(value, dtype))
    kinds = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32}
    with np.errstate(over="ignore"):
        number = np.asarray(value).astype(kinds.get(dtype, np.float64))
    as_float = float(number)
    if dtype in ("float16", "bfloat16") or not math.isfinite(as_float):
        bits = number.view(f"uint{8 * number.itemsize}")
        return f"0x{int(bits):0{2 * number.itemsize}X}"
    text = str(number) if dtype == "float32" else repr(as_float)
    if "e" in text:
        mantissa, exponent = text.split("e")
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent}"
    return text if "." in text else text + ".0"
