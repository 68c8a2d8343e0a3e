"""One loop IR function as a C++ function."""

from __future__ import annotations

from collections.abc import Callable

from kernelwright.compiler.codegen._cpp_memory import Accesses
from kernelwright.compiler.codegen._cpp_names import automatic, identifier, literal
from kernelwright.compiler.codegen._cpp_operations import Needs
from kernelwright.compiler.codegen._cpp_prelude import CPP_TYPES
from kernelwright.compiler.codegen._legalize import SIZE_BYTES
from kernelwright.compiler.codegen._scratch import rounded_bytes, stack_scratch
from kernelwright.compiler.loops.ir import Block, For, Function, If, Instruction, VectorType
from kernelwright.compiler.loops.streaming import streams

_PURE_INTEGER = frozenset("const add sub mul div rem neg and or xor shl sar".split())  # noqa: SIM905
_WIDENED = ("float32", "float64", "int32", "int64")  # dtypes of which a number widens to a vector


def cpp_function(function: Function, native_bytes: int, needs: Needs, noalias: bool = True) -> str:
    """The text of ``static void name(pointers..., [char* scratch,] int64_t core)``.

    ``function`` is legalized. Vectors wider than ``native_bytes`` are taken apart where the
    compiler would not do it well. ``noalias``: the pointers never overlap.
    """
    return _FunctionText(function, native_bytes, needs, noalias).text()


class _FunctionText(Accesses):
    def __init__(self, function: Function, native_bytes: int, needs: Needs, noalias: bool) -> None:
        super().__init__(function, native_bytes, needs, noalias)
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
        for size in f.sizes:
            self.names[size] = identifier(size.name, self.taken)
            parameters.append(f"int64_t {self.names[size]}")
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
            offset += rounded_bytes(memory)

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
            telling = next((v for v in (argument, result) if not automatic(v)), None)
            name = identifier(telling.name if telling else "carried", self.taken)
            if argument.type.dtype == "bool":
                self.mask_bytes[argument] = self.mask_bytes[result] = self._mask_bytes(first)
            self._line(f"{self._type(argument)} {name} = {self.get(first)};")
            self.names[argument] = self.names[result] = name
        var = identifier("i" if automatic(loop.var) else loop.var.name, self.taken)
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
            name = result.name if not automatic(result) else "v"
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
            and automatic(result)
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
        return 1 if item.op in ("load", "gather", "lookup") else 4


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
            "reduce",
            "load",
            "gather",
            "lookup",
        ]
    },
    **dict.fromkeys(("min", "max", "minnum", "maxnum"), _FunctionText._extremum),
    **dict.fromkeys(("sqrt", "floor", "ceil", "trunc", "rint"), _FunctionText._rounding),
}
