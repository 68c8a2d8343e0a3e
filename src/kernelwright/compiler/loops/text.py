"""Loop IR as text, for people and golden tests. Values are renumbered in order of appearance."""

from __future__ import annotations

from typing import Any

from kernelwright.compiler.loops.ir import Block, For, Function, Instruction, Memory, Value


def format_function(function: Function) -> str:
    """The function, one instruction a line; equal functions give equal text."""
    return _Printer().function(function)


class _Printer:
    def __init__(self) -> None:
        self.names: dict[Value, str] = {}
        self.lines: list[str] = []

    def name(self, value: Value) -> str:
        if value not in self.names:
            self.names[value] = f"%{len(self.names)}"
        return self.names[value]

    def function(self, function: Function) -> str:
        self.names[function.core] = "%core"
        memories = ", ".join(f"{m.kind} {_memory(m)}" for m in function.memories)
        self.lines.append(f"function {function.name}({memories}) {{")
        for scratch in function.scratch:
            self.lines.append(f"  scratch {_memory(scratch)}")
        self.block(function.body, 1)
        self.lines.append("}")
        return "\n".join(self.lines) + "\n"

    def block(self, block: Block, depth: int) -> None:
        pad = "  " * depth
        for item in block.items:
            if isinstance(item, Instruction):
                self.lines.append(pad + self.instruction(item))
            elif isinstance(item, For):
                self.loop(item, depth)
            else:
                self.lines.append(f"{pad}if {self.name(item.condition)} {{")
                self.block(item.then, depth + 1)
                if item.orelse.items:
                    self.lines.append(f"{pad}}} else {{")
                    self.block(item.orelse, depth + 1)
                self.lines.append(f"{pad}}}")

    def loop(self, loop: For, depth: int) -> None:
        pad = "  " * depth
        head = f"for {self.name(loop.var)} = {self.name(loop.lower)}; < {self.name(loop.upper)}"
        head += f"; += {loop.step}"
        if loop.carried:
            results = ", ".join(self.name(result) for _, _, result in loop.carried)
            inits = ", ".join(f"{self.name(a)} = {self.name(i)}" for a, i, _ in loop.carried)
            head = f"{results} = {head} carry ({inits})"
        self.lines.append(f"{pad}{head} {{")
        self.block(loop.body, depth + 1)
        if loop.carried:
            self.lines.append(f"{pad}  yield {', '.join(self.name(v) for v in loop.yields)}")
        self.lines.append(f"{pad}}}")

    def instruction(self, item: Instruction) -> str:
        attrs = " ".join(f"{k}={_attr(v)}" for k, v in sorted(item.attrs.items()))
        args = ", ".join(self.name(a) for a in item.args)
        text = " ".join(part for part in (item.op, attrs, args) if part)
        if item.result is None:
            return text
        return f"{self.name(item.result)} = {text}: {item.result.type}"


def _memory(memory: Memory) -> str:
    return f"{memory.name}: {memory.dtype}[{memory.elements}]"


def _attr(value: Any) -> str:
    return f"@{value.name}" if isinstance(value, Memory) else str(value)
