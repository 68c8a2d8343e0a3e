"""One thread's loop IR function as a ``gpu.func``: gpu, scf, arith, math, vector and memref."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kernelwright.compiler.codegen._legalize import FLOATS, SIZE_BYTES
from kernelwright.compiler.codegen._mlir_text import TYPES, FunctionText, memory_type, type_text
from kernelwright.compiler.loops.ir import Function, Instruction, Memory, VectorType, instructions
from kernelwright.compiler.threads.function import ThreadFunction
from kernelwright.errors import UnsupportedError

GLOBAL_SPACE, SHARED_SPACE = 1, 3


class GpuText(FunctionText):
    """``arguments``: (name, type, written to) of every argument of the kernel; ``given``: which of
    them stands behind each of the function's memories, or the name of a table in the module.
    ``grid``: blocks, where known."""

    def __init__(
        self,
        function: ThreadFunction,
        name: str,
        arguments: Sequence[tuple[str, str, bool]],
        given: Sequence[int | str],
        grid: int | None,
    ) -> None:
        super().__init__(function, set(), True)
        self.kernel, self.name, self.arguments, self.given = function, name, arguments, given
        self.grid = grid
        self.in_space: dict[Memory, int] = {}

    def text(self) -> str:
        f = self.kernel
        parameters, names = [], []
        for name, type, written in self.arguments:
            names.append(self._name(object(), name))
            marks = "llvm.noalias" if written else "llvm.noalias, llvm.readonly"
            parameters.append(f"{names[-1]}: {type} {{{marks}}}")
        for memory, place in zip(f.memories, self.given):
            if isinstance(place, int):
                self.names[memory] = names[place]
        parameters += [f"{self._name(size, size.name)}: i64" for size in f.sizes]
        # LLVM takes it for granted that large arrays begin at 16 bytes, and says 4 unless told.
        aligned = "{llvm.align = 16 : i64}"
        shared = [f"{self._name(m, m.name)} : {self.type(m)} {aligned}" for m in f.shared]
        self._indices()
        self._tables()
        for memory in f.scratch:
            name = self._name(memory, memory.name)
            self._line(f"{name} = memref.alloca() {{alignment = 16 : i64}} : {memory_type(memory)}")
        self._block(f.body)
        groups = f"workgroup({', '.join(shared)}) " if shared else ""
        joined = ",\n        ".join(parameters)
        known = [f"known_block_size = array<i32: {f.threads}, 1, 1>"]
        if self.grid is not None:
            known.append(f"known_grid_size = array<i32: {self.grid}, 1, 1>")
        head = f"    gpu.func @{self.name}(\n        {joined}\n    ) {groups}kernel"
        head += f" attributes {{{', '.join(known)}}} {{"
        return "\n".join([head, *self.lines, "      gpu.return", "    }"])

    def _indices(self) -> None:
        self.indent = 3
        for value, what, name in (
            (self.kernel.core, "block_id", "block"),
            (self.kernel.thread, "thread_id", "thread"),
        ):
            index = self._new(f"gpu.{what} x", f"{name}_id")
            named = self._name(value, name)
            self._line(f"{named} = arith.index_cast {index} : index to i64")

    def _tables(self) -> None:
        for memory, place in zip(self.kernel.memories, self.given):
            if isinstance(place, str) and memory not in self.names:
                self.in_space[memory] = GLOBAL_SPACE
                name = self._name(memory, memory.name)
                self._line(f"{name} = memref.get_global @{place} : {self.type(memory)}")

    def type(self, memory: Memory) -> str:
        space = SHARED_SPACE if memory.kind == "shared" else self.in_space.get(memory)
        return memory_type(memory) if space is None else f"{memory_type(memory)[:-1]}, {space}>"

    # ---- operations --------------------------------------------------------------------------

    def _instruction(self, item: Instruction) -> None:
        special = _SPECIAL.get(item.op)
        if special is not None:
            special(self, item)
            return
        if item.op == "libm":
            raise UnsupportedError(
                f"{self.name}: {item.attrs['function']} has no form for a GPU without a library"
            )
        super()._instruction(item)

    def _intrinsic(self, item: Instruction) -> None:
        """Arithmetic that LLVM has itself; the math dialect would become a device library's."""
        assert item.result is not None
        kind = type_text(item.result.type)
        name = self._name(item.result, item.result.name)
        given = ", ".join(map(self.get, item.args))
        types = ", ".join([kind] * len(item.args))
        function = _INTRINSICS[item.op]
        self._line(f'{name} = llvm.call_intrinsic "llvm.{function}"({given}) : ({types}) -> {kind}')

    def _absolute(self, item: Instruction) -> None:
        assert item.result is not None
        if item.result.type.dtype in FLOATS:
            self._intrinsic(item)
            return
        kind, value = type_text(item.result.type), self.get(item.args[0])
        minus = self._new(f"arith.subi {self._zero(item.result.type)}, {value} : {kind}")
        self.names[item.result] = self._new(f"arith.maxsi {value}, {minus} : {kind}")

    def _extremum(self, item: Instruction) -> None:
        assert item.result is not None
        dtype = item.result.type.dtype
        name = self._name(item.result, item.result.name)
        if dtype in FLOATS:
            op = {"min": "minimumf", "max": "maximumf"}.get(item.op, item.op + "f")
        else:
            op = item.op[:3] + ("ui" if dtype == "uint8" else "si")
        given = ", ".join(map(self.get, item.args))
        self._line(f"{name} = arith.{op} {given} : {type_text(item.result.type)}")

    def _lanes(self, item: Instruction) -> None:
        assert item.result is not None
        values = ", ".join(map(str, item.attrs["values"]))
        name = self._name(item.result, "lanes")
        self._line(f"{name} = arith.constant dense<[{values}]> : {type_text(item.result.type)}")

    def _concat(self, item: Instruction) -> None:
        assert item.result is not None
        kind = item.result.type
        if all(a.type.lanes == 1 for a in item.args):
            parts = ", ".join(map(self.get, item.args))
            name = self._name(item.result, item.result.name)
            self._line(f"{name} = vector.from_elements {parts} : {type_text(kind)}")
            return
        made = self._new(f"ub.poison : {type_text(kind)}")
        at = 0
        for part in item.args:
            types = f"{type_text(part.type)} into {type_text(kind)}"
            if part.type.lanes == 1:
                made = self._new(f"vector.insert {self.get(part)}, {made} [{at}] : {types}")
            else:
                where = f"offsets = [{at}], strides = [1]"
                made = self._new(
                    f"vector.insert_strided_slice {self.get(part)}, {made} {{{where}}} : {types}"
                )
            at += part.type.lanes
        self.names[item.result] = made

    def _shuffle_lanes(self, item: Instruction) -> None:
        """A shuffle with one operand given twice, of any number of lanes."""
        assert item.result is not None
        a, b = item.args
        lanes = ", ".join(map(str, item.attrs["lanes"]))
        name = self._name(item.result, item.result.name)
        types = f"{type_text(a.type)}, {type_text(b.type)}"
        self._line(f"{name} = vector.shuffle {self.get(a)}, {self.get(b)} [{lanes}] : {types}")

    def _exchange(self, item: Instruction) -> None:
        """32 bits at a time."""
        assert item.result is not None
        value = item.args[0]
        kind, words = value.type, _words(value.type)
        text = self.get(value)
        own = f"vector<{kind.lanes}x{TYPES[kind.dtype]}>"
        if kind.lanes == 1 and words is None:
            self.names[item.result] = self._neighbour(text, TYPES[kind.dtype], item.attrs["mask"])
            return
        if kind.lanes == 1:
            text = self._new(f"vector.from_elements {text} : {own}")
        whole = text
        if words is not None:
            whole = self._new(f"vector.bitcast {text} : {own} to vector<{words}xi32>")
        count, element = words or kind.lanes, "i32" if words else TYPES[kind.dtype]
        type = f"vector<{count}x{element}>"
        made = []
        for lane in range(count):
            one = self._new(f"vector.extract {whole}[{lane}] : {element} from {type}")
            made.append(self._neighbour(one, element, item.attrs["mask"]))
        text = self._new(f"vector.from_elements {', '.join(made)} : {type}")
        if words is not None:
            text = self._new(f"vector.bitcast {text} : {type} to {own}")
        if kind.lanes == 1:
            text = self._new(f"vector.extract {text}[0] : {TYPES[kind.dtype]} from {own}")
        self.names[item.result] = text

    def _neighbour(self, text: str, element: str, mask: int) -> str:
        offset, width = self._word(mask), self._word(32)
        pair = self._name(object(), "from")
        self._line(f"{pair}, {pair}_held = gpu.shuffle xor {text}, {offset}, {width} : {element}")
        return pair

    def _word(self, number: int) -> str:
        return self._new(f"arith.constant {number} : i32", f"i{number}")

    def _barrier(self, item: Instruction) -> None:
        self._line("gpu.barrier")

    # ---- memory ------------------------------------------------------------------------------

    def _place(self, memory: Memory, at: str) -> str:
        return f"{self.get(memory)}[{at}]"

    def _load(self, item: Instruction) -> None:
        assert item.result is not None
        memory, count = item.attrs["memory"], item.args[1:]
        type = self._in_memory(item.result.type)
        at = self._index(item.args[0])
        if not count:
            self._loaded(item, self._whole_load(memory, at, type), type)
            return
        if type.lanes == 1:
            text = self._guarded(self.get(count[0]), 0, memory, at, type)
            self._loaded(item, text, type)
            return
        text = self._partial_load(memory, at, type, self.get(count[0]))
        self._loaded(item, text, type)

    def _whole_load(self, memory: Memory, at: str, type: VectorType) -> str:
        if type.lanes == 1:
            return self._new(f"memref.load {self._place(memory, at)} : {self.type(memory)}")
        aligned = f"{{alignment = {_bytes(type)} : i64}}"
        types = f"{self.type(memory)}, {type_text(type)}"
        return self._new(f"vector.load {self._place(memory, at)} {aligned} : {types}")

    def _partial_load(self, memory: Memory, at: str, type: VectorType, count: str) -> str:
        """All lanes at once where all count, else one by one."""
        lanes = self._new(f"arith.constant {type.lanes} : i64")
        full = self._new(f"arith.cmpi sge, {count}, {lanes} : i64")
        name = self._name(object(), "piece")
        self._line(f"{name} = scf.if {full} -> ({type_text(type)}) {{")
        self.indent += 1
        self._line(f"scf.yield {self._whole_load(memory, at, type)} : {type_text(type)}")
        self.indent -= 1
        self._line("} else {")
        self.indent += 1
        one = VectorType(type.dtype)
        parts = []
        for lane in range(type.lanes):
            parts.append(self._guarded(count, lane, memory, self._moved(at, lane), one))
        made = self._new(f"vector.from_elements {', '.join(parts)} : {type_text(type)}")
        self._line(f"scf.yield {made} : {type_text(type)}")
        self.indent -= 1
        self._line("}")
        return name

    def _guarded(self, count: str, lane: int, memory: Memory, at: str, type: VectorType) -> str:
        number = self._new(f"arith.constant {lane} : i64")
        live = self._new(f"arith.cmpi sgt, {count}, {number} : i64")
        zero = self._zero(type)
        name = self._name(object(), "one")
        self._line(f"{name} = scf.if {live} -> ({type_text(type)}) {{")
        inner = self._name(object(), "loaded")
        self._line(f"  {inner} = memref.load {self._place(memory, at)} : {self.type(memory)}")
        self._line(f"  scf.yield {inner} : {type_text(type)}")
        self._line("} else {")
        self._line(f"  scf.yield {zero} : {type_text(type)}")
        self._line("}")
        return name

    def _moved(self, at: str, lane: int) -> str:
        if lane == 0:
            return at
        step = self._new(f"arith.constant {lane} : index")
        return self._new(f"arith.addi {at}, {step} : index")

    def _store(self, item: Instruction) -> None:
        memory, value, count = item.attrs["memory"], item.args[1], item.args[2:]
        type = self._in_memory(value.type)
        text, at = self._stored(value), self._index(item.args[0])
        if not count:
            self._whole_store(memory, at, text, type)
            return
        lanes = self._new(f"arith.constant {type.lanes} : i64")
        full = self._new(f"arith.cmpi sge, {self.get(count[0])}, {lanes} : i64")
        self._line(f"scf.if {full} {{")
        self.indent += 1
        self._whole_store(memory, at, text, type)
        self.indent -= 1
        self._line("} else {")
        self.indent += 1
        for lane in range(type.lanes):
            number = self._new(f"arith.constant {lane} : i64")
            live = self._new(f"arith.cmpi sgt, {self.get(count[0])}, {number} : i64")
            one = self._lane_of(text, lane, type)
            place = self._moved(at, lane)
            self._line(f"scf.if {live} {{")
            self._line(f"  memref.store {one}, {self._place(memory, place)} : {self.type(memory)}")
            self._line("}")
        self.indent -= 1
        self._line("}")

    def _lane_of(self, text: str, lane: int, type: VectorType) -> str:
        if type.lanes == 1:
            return text
        element = TYPES[type.dtype]
        return self._new(f"vector.extract {text}[{lane}] : {element} from {type_text(type)}")

    def _whole_store(self, memory: Memory, at: str, text: str, type: VectorType) -> None:
        place = self._place(memory, at)
        if type.lanes == 1:
            self._line(f"memref.store {text}, {place} : {self.type(memory)}")
            return
        aligned = f"{{alignment = {_bytes(type)} : i64}}"
        types = f"{self.type(memory)}, {type_text(type)}"
        self._line(f"vector.store {text}, {place} {aligned} : {types}")

    def _lookup(self, item: Instruction) -> None:
        assert item.result is not None
        type, index = self._in_memory(item.result.type), item.args[0]
        memory = item.attrs["memory"]
        parts = []
        for lane in range(type.lanes):
            at = self._lane_of(self.get(index), lane, index.type)
            at = self._new(f"arith.index_cast {at} : {TYPES[index.type.dtype]} to index")
            parts.append(self._whole_load(memory, at, VectorType(type.dtype)))
        text = parts[0]
        if type.lanes > 1:
            text = self._new(f"vector.from_elements {', '.join(parts)} : {type_text(type)}")
        self._loaded(item, text, type)

    def _put(self, item: Instruction) -> None:
        memory, update = item.attrs["memory"], item.attrs["update"]
        index, value, mask = item.args
        type = self._in_memory(value.type)
        text = self._stored(value)
        for lane in range(type.lanes):
            at = self._lane_of(self.get(index), lane, index.type)
            at = self._new(f"arith.index_cast {at} : {TYPES[index.type.dtype]} to index")
            live = self._lane_of(self.get(mask), lane, mask.type)
            one = self._lane_of(text, lane, type)
            self._line(f"scf.if {live} {{")
            self.indent += 1
            if update:
                self._combine(memory, at, one, update)
            else:
                self._whole_store(memory, at, one, VectorType(type.dtype))
            self.indent -= 1
            self._line("}")

    def _combine(self, memory: Memory, at: str, one: str, update: str) -> None:
        """In one step that no other thread sees half done."""
        element, place = TYPES[memory.dtype], self._place(memory, at)
        floating = memory.dtype in FLOATS
        names = {"add": "add", "mul": "mul", "max": "maximum", "min": "minimum"}
        op = names[update] + "f" if floating else {"max": "maxs", "min": "mins"}.get(update, "")
        op = op or f"{names[update]}i"
        if (update == "add" or not floating) and update != "mul":
            types = f"({element}, {self.type(memory)}) -> {element}"
            self._new(f"memref.atomic_rmw {op} {one}, {place} : {types}")
            return
        before, after = self._name(object(), "before"), self._name(object(), "after")
        kind = {"maxs": "maxsi", "mins": "minsi"}.get(op, op)
        name = self._name(object(), "was")
        self._line(f"{name} = memref.generic_atomic_rmw {place} : {self.type(memory)} {{")
        self._line(f"^bb0({before}: {element}):")
        self._line(f"  {after} = arith.{kind} {before}, {one} : {element}")
        self._line(f"  memref.atomic_yield {after} : {element}")
        self._line("}")


_INTRINSICS = {
    "fma": "fma", "abs": "fabs", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil",
    "trunc": "trunc", "rint": "roundeven",
}  # fmt: skip
_SPECIAL: dict[str, Callable[[GpuText, Instruction], None]] = {
    "lanes": GpuText._lanes,
    "concat": GpuText._concat,
    "shuffle": GpuText._shuffle_lanes,
    "exchange": GpuText._exchange,
    "barrier": GpuText._barrier,
    "put": GpuText._put,
    "store": GpuText._store,
    **dict.fromkeys(_INTRINSICS, GpuText._intrinsic),
    "abs": GpuText._absolute,
    **dict.fromkeys(("min", "max", "minnum", "maxnum"), GpuText._extremum),
}


def _words(type: VectorType) -> int | None:
    """How many 32-bit words a vector is, when its elements are not such themselves."""
    size = SIZE_BYTES[type.dtype]
    return None if size == 4 else size * type.lanes // 4


def _bytes(type: VectorType) -> int:
    return SIZE_BYTES[type.dtype] * type.lanes


def written_memories(function: Function) -> set[str]:
    """Names of the memories that the function stores to."""
    return {
        i.attrs["memory"].name
        for i in instructions(function.body)
        if i.op in ("store", "put") and i.attrs["memory"].kind == "output"
    }
