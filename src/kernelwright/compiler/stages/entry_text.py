"""The entry of a library: ``int K_kernel(void** arguments)``, in MLIR.

``arguments`` are the kernel's inputs and then its outputs, in the file's order, one pointer each.
An input that the kernel writes to holds its new values when the call is over; an output that the
file calls fake is not touched. A kernel for free sizes takes ``const int64_t* sizes`` as well,
those that K.json names in order. 0 comes back, 1 when memory ran out, or 2 for sizes beyond
K.json's limits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernelwright.aul.syntax import Binary, Call, Int, IntExpr, Name
from kernelwright.compiler.codegen._host import Buffer, HostPlan
from kernelwright.compiler.codegen._legalize import SIZE_BYTES
from kernelwright.compiler.design import Design, returned, written
from kernelwright.errors import UnsupportedError
from kernelwright.graph.core import Graph

_OPERATIONS = {"+": "addi", "-": "subi", "*": "muli", "//": "floordivsi", "%": "remsi"}
_CALLS = {"min": "minsi", "max": "maxsi", "cdiv": "ceildivsi"}
LINE_BYTES = 64


class Entry:
    """``declared``: whether the module knows the allocator's functions already."""

    def __init__(
        self, graph: Graph, design: Design, plan: HostPlan, fake: Sequence[bool], declared: bool
    ) -> None:
        self.graph, self.design, self.plan = graph, design, plan
        self.real = [i for i, is_fake in enumerate(fake) if not is_fake]
        self.declared = declared
        self.lines: list[str] = []
        self.globals: list[str] = []
        self.count = 0
        self.sizes: dict[str, str] = {}

    def text(self) -> str:
        """The function, with the allocator and the tables that it needs."""
        self.sizes = {name: self._size(i) for i, name in enumerate(self.design.dynamic)}
        head, self.lines = self.lines, []
        status, owns = self._body()
        body, self.lines = self.lines, []
        if self.design.dynamic and self.design.limits:
            self.lines = head
            status = self._within_limits(body, status)
        else:
            self.lines = [*head, *body]
        needs = "  llvm.func @aligned_alloc(i64, i64) -> !llvm.ptr\n  llvm.func @free(!llvm.ptr)\n"
        before = needs if owns and not self.declared else ""
        given = ", %sizes: !llvm.ptr" if self.design.dynamic else ""
        name = f"{self.graph.name}_kernel"
        first = f"  func.func @{name}(%arguments: !llvm.ptr{given}) -> i32 {{"
        last = [f"    return {status} : i32", "  }", ""]
        return "\n".join([*self.globals, before + first, *self.lines, *last])

    def _body(self) -> tuple[str, bool]:
        """Arguments to buffers, the launches, and what is written copied to where it belongs: by
        way of memory of its own, since a kernel may read an input after it has written the new
        value. Gives the status, and whether there is memory of its own."""
        plan = self.plan
        one = self.new("arith.constant 1 : i64")
        slots = max(1, len(plan.shared) + len(plan.numbers))
        buffers = self.new(f"llvm.alloca {one} x !llvm.array<{slots} x ptr> : (i64) -> !llvm.ptr")
        home = {o.name: position for position, o in written(self.design)}
        copies = []
        for slot, name in enumerate(plan.shared):
            found = self._given(slot, name)
            if found is None:
                found, size = self._own(plan.buffers[name])
                copies.append((found, home.get(name), size))
            self.put(buffers, slot, found)
        for place, number in enumerate(plan.numbers, len(plan.shared)):
            value = self.number(number)
            self.put(buffers, place, self.new(f"llvm.inttoptr {value} : i64 to !llvm.ptr"))
        status = self.new("arith.constant 0 : i32")
        for segment in plan.segments:
            said = self.new(f"func.call @{segment.symbol}({buffers}) : (!llvm.ptr) -> i32")
            status = self.new(f"arith.ori {status}, {said} : i32")
        for own, to, size in copies:
            if to is not None:
                target = self.pointer("%arguments", to)
                self.lines.append(
                    f'    "llvm.intr.memcpy"({target}, {own}, {size}) '
                    "<{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()"
                )
            self.lines.append(f"    llvm.call @free({own}) : (!llvm.ptr) -> ()")
        return status, bool(copies)

    def _given(self, slot: int, name: str) -> str | None:
        """The pointer of an argument or of a table; None for memory that the entry takes."""
        bound = {b.name: b for b in self.design.bindings}
        results = {o.name: i for o, i in zip(returned(self.design), self.real)}
        if name in results:
            return self.pointer("%arguments", len(self.graph.inputs) + results[name])
        if name not in bound:
            return None
        if bound[name].source == "input":
            return self.pointer("%arguments", int(bound[name].key))
        table = f"{self.graph.name}_table{slot}"
        self.globals.append(_global(table, self.design.constants[str(bound[name].key)]))
        return self.new(f"llvm.mlir.addressof @{table} : !llvm.ptr")

    def _own(self, buffer: Buffer) -> tuple[str, str]:
        """Memory for a buffer, and its bytes."""
        if buffer.exprs is None:
            size = self.new(f"arith.constant {buffer.nbytes} : i64")
            rounded = max(LINE_BYTES, -(-buffer.nbytes // LINE_BYTES) * LINE_BYTES)
            whole = self.new(f"arith.constant {rounded} : i64")
        else:
            size = self.new(f"arith.constant {SIZE_BYTES[buffer.dtype]} : i64")
            for extent in buffer.exprs:
                size = self.new(f"arith.muli {size}, {self.number(extent)} : i64")
            line = self.new(f"arith.constant {LINE_BYTES} : i64")
            lines = self.new(f"arith.ceildivsi {size}, {line} : i64")
            whole = self.new(f"arith.muli {lines}, {line} : i64")
        line = self.new(f"arith.constant {LINE_BYTES} : i64")
        own = self.new(f"llvm.call @aligned_alloc({line}, {whole}) : (i64, i64) -> !llvm.ptr")
        return own, size

    def _within_limits(self, body: list[str], status: str) -> str:
        """``body`` for sizes that fit on chip; the status is 2 for others."""
        bad = self.new("arith.constant false")
        for expr, most in self.design.limits:
            limit = self.new(f"arith.constant {most} : i64")
            over = self.new(f"arith.cmpi sgt, {self.number(expr)}, {limit} : i64")
            bad = self.new(f"arith.ori {bad}, {over} : i1")
        self.lines += [
            f"    %status = scf.if {bad} -> (i32) {{",
            "      %two = arith.constant 2 : i32",
            "      scf.yield %two : i32",
            "    } else {",
            *(f"  {line}" for line in body),
            f"      scf.yield {status} : i32",
            "    }",
        ]
        return "%status"

    # ---- values ------------------------------------------------------------------------------

    def new(self, text: str) -> str:
        self.count += 1
        self.lines.append(f"    %e{self.count} = {text}")
        return f"%e{self.count}"

    def pointer(self, array: str, index: int) -> str:
        at = self.element(array, index, "!llvm.ptr")
        return self.new(f"llvm.load {at} : !llvm.ptr -> !llvm.ptr")

    def put(self, array: str, index: int, value: str) -> None:
        at = self.element(array, index, "!llvm.ptr")
        self.lines.append(f"    llvm.store {value}, {at} : !llvm.ptr, !llvm.ptr")

    def element(self, array: str, index: int, kind: str) -> str:
        return self.new(f"llvm.getelementptr {array}[{index}] : (!llvm.ptr) -> !llvm.ptr, {kind}")

    def _size(self, index: int) -> str:
        return self.new(f"llvm.load {self.element('%sizes', index, 'i64')} : !llvm.ptr -> i64")

    def number(self, expr: IntExpr) -> str:
        """An expression of the sizes. All sizes are positive."""
        if isinstance(expr, Name) and expr.id in self.sizes:
            return self.sizes[expr.id]
        if isinstance(expr, Int | Name):
            value = expr.value if isinstance(expr, Int) else self.plan.values[expr.id]
            return self.new(f"arith.constant {value} : i64")
        if isinstance(expr, Binary):
            left, right = self.number(expr.left), self.number(expr.right)
            return self.new(f"arith.{_OPERATIONS[expr.op]} {left}, {right} : i64")
        if isinstance(expr, Call) and expr.function in _CALLS:
            left, right = (self.number(a) for a in expr.args)
            return self.new(f"arith.{_CALLS[expr.function]} {left}, {right} : i64")
        raise UnsupportedError(f"{self.graph.name}: {expr} has no value on the host")


def _global(name: str, array: np.ndarray) -> str:
    """An array's bytes in the library itself."""
    data = np.ascontiguousarray(array).tobytes()
    text = "".join(f"\\{byte:02X}" for byte in data)
    return (
        f'  llvm.mlir.global internal constant @{name}("{text}") '
        f"{{alignment = 64 : i64, addr_space = 0 : i32}} : !llvm.array<{len(data)} x i8>"
    )
