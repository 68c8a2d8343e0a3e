"""kernel.mlir: the functions of a plan and the exported host functions that launch them.

Threads come from libgomp, called directly: ``GOMP_parallel(body, data, 0, 0)`` runs ``body`` on
every thread of the pool that the process already has (torch's or g++'s), and each takes a
contiguous share of the cores. ``data`` is an array of pointers: the buffers, the workspaces, the
scratch memory.
"""

from __future__ import annotations

from kernelwright.compiler.codegen._cpp_host import (
    heap_scratch_bytes,
    workspace_offsets,
)
from kernelwright.compiler.codegen._host import Call, HostPlan, Segment, fresh_memory
from kernelwright.compiler.codegen._mlir_text import memory_type, mlir_function, signature
from kernelwright.compiler.codegen._regions import regions
from kernelwright.compiler.codegen._scratch import scratch_offsets, stack_scratch
from kernelwright.compiler.loops.ir import Function, Memory

DESCRIPTOR = "!llvm.struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>"

_THREADS = """\
  llvm.func @GOMP_parallel(!llvm.ptr, !llvm.ptr, i32, i32)
  llvm.func @omp_get_thread_num() -> i32
  llvm.func @omp_get_num_threads() -> i32
  llvm.func @omp_get_max_threads() -> i32"""

MADV_HUGEPAGE = (
    14  # Linux, every architecture that we print for (include/uapi/asm-generic/mman-common.h)
)

_HUGE_PAGES = f"""\
  // Memory just taken from the system is mapped as it is touched: with small pages that costs more
  // than filling it does. A hint; nothing depends on it.
  llvm.func @madvise(!llvm.ptr, i64, i32) -> i32
  func.func private @huge_pages(%data: !llvm.ptr, %bytes: i64) {{
    %below = arith.constant 4095 : i64
    %mask = arith.constant -4096 : i64
    %address = llvm.ptrtoint %data : !llvm.ptr to i64
    %up = arith.addi %address, %below : i64
    %first = arith.andi %up, %mask : i64
    %end = arith.addi %address, %bytes : i64
    %rest = arith.subi %end, %first : i64
    %whole = arith.andi %rest, %mask : i64
    %start = llvm.inttoptr %first : i64 to !llvm.ptr
    %advice = arith.constant {MADV_HUGEPAGE} : i32
    %ignored = llvm.call @madvise(%start, %whole, %advice) : (!llvm.ptr, i64, i32) -> i32
    return
  }}"""

_POOL = """\
  // One block of memory stays between calls, so that its pages are touched once. A second call at
  // the same time finds none and takes its own. The first 64 bytes hold the block's size.
  llvm.func @aligned_alloc(i64, i64) -> !llvm.ptr
  llvm.func @free(!llvm.ptr)
  llvm.mlir.global internal @spare() {addr_space = 0 : i32} : i64 {
    %zero = llvm.mlir.constant(0 : i64) : i64
    llvm.return %zero : i64
  }
  func.func private @take_block(%bytes: i64) -> !llvm.ptr {
    %zero = arith.constant 0 : i64
    %header = arith.constant 64 : i64
    %spare = llvm.mlir.addressof @spare : !llvm.ptr
    %old = llvm.atomicrmw xchg %spare, %zero acq_rel : !llvm.ptr, i64
    %block = llvm.inttoptr %old : i64 to !llvm.ptr
    %some = arith.cmpi ne, %old, %zero : i64
    %fits = scf.if %some -> (i1) {
      %size = llvm.load %block : !llvm.ptr -> i64
      %enough = arith.cmpi sge, %size, %bytes : i64
      scf.yield %enough : i1
    } else {
      %no = arith.constant false
      scf.yield %no : i1
    }
    %taken = scf.if %fits -> (!llvm.ptr) {
      scf.yield %block : !llvm.ptr
    } else {
      llvm.call @free(%block) : (!llvm.ptr) -> ()
      %all = arith.addi %bytes, %header : i64
      %new = llvm.call @aligned_alloc(%header, %all) : (i64, i64) -> !llvm.ptr
      %address = llvm.ptrtoint %new : !llvm.ptr to i64
      %made = arith.cmpi ne, %address, %zero : i64
      scf.if %made {
        llvm.store %bytes, %new : i64, !llvm.ptr
      }
      scf.yield %new : !llvm.ptr
    }
    return %taken : !llvm.ptr
  }
  func.func private @give_block(%block: !llvm.ptr) {
    %spare = llvm.mlir.addressof @spare : !llvm.ptr
    %address = llvm.ptrtoint %block : !llvm.ptr to i64
    %old = llvm.atomicrmw xchg %spare, %address acq_rel : !llvm.ptr, i64
    %other = llvm.inttoptr %old : i64 to !llvm.ptr
    llvm.call @free(%other) : (!llvm.ptr) -> ()
    return
  }"""


def mlir_source(plan: HostPlan, doc: str = "") -> str:
    """The whole of kernel.mlir: one module."""
    declared: set[str] = set()
    functions = []
    for f in plan.functions:
        calls = [c for s in plan.segments for c in s.calls if c.function is f]
        noalias = all(len(set(c.args)) == len(c.args) for c in calls)
        functions.append(mlir_function(f, declared, noalias))
    hosts = [_Segment(plan, s).text() for s in plan.segments]
    parts = [*functions, *hosts]
    if any("@huge_pages" in h for h in hosts):
        parts.insert(0, _HUGE_PAGES)
    if any("@take_block" in h for h in hosts):
        parts.insert(0, _POOL)
    if any("@GOMP_parallel" in h or "@omp_get" in h for h in hosts):
        parts.insert(0, _THREADS)
    if declared:
        parts.insert(0, "\n".join(f"  {d}" for d in sorted(declared)))
    comment = "\n".join(f"// {line}".rstrip() for line in doc.strip().splitlines())
    body = "\n\n".join(parts)
    return f"{comment}\nmodule {{\n{body}\n}}\n".lstrip("\n")


class _Segment:
    def __init__(self, plan: HostPlan, segment: Segment) -> None:
        self.plan, self.segment = plan, segment
        used = {a for c in segment.calls for a in c.args}
        self.offsets, self.fixed = workspace_offsets(plan, segment)
        self.scratch = heap_scratch_bytes(segment)
        self.large = {b.name: b for b in fresh_memory(plan, segment)}
        # positions in ``data``
        self.slots = [n for n in plan.shared if n in used] + list(self.offsets)
        self.numbers = [f"number {i}" for i in range(len(plan.numbers))]
        self.slots += self.numbers
        self.lines: list[str] = []
        self.count = 0

    def new(self, text: str, hint: str = "t") -> str:
        self.count += 1
        name = f"%{hint}{self.count}"
        self.lines.append(f"    {name} = {text}")
        return name

    def text(self) -> str:
        bodies = []
        needs_block = bool(self.fixed or self.scratch)
        slots = len(self.slots) + (1 if self.scratch else 0)
        one = self.new("arith.constant 1 : i64", "c")
        data = self.new(
            f"llvm.alloca {one} x !llvm.array<{max(slots, 1)} x ptr> : (i64) -> !llvm.ptr", "data"
        )
        block = self._block() if needs_block else ""
        before, self.lines = self.lines, []
        self._fill(data, block)
        number = 0
        for group in regions(self.segment.calls):
            if not group[0].parallel:
                self._launch(group[0], data)
            else:
                name = f"{self.segment.symbol}_body{number}"
                bodies.append(self._body(group, name))
                self._parallel(name, data)
            number += len(group)
        if needs_block:
            self.lines.append(f"    func.call @give_block({block}) : (!llvm.ptr) -> ()")
        head = f"  func.func @{self.segment.symbol}(%buffers: !llvm.ptr) -> i32 {{"
        if needs_block:
            work = [f"  {line}" for line in self.lines]
            lines = [*before, *self._checked(block, work)]
        else:
            lines = [
                *before,
                *self.lines,
                "    %ok = arith.constant 0 : i32",
                "    return %ok : i32",
            ]
        return "\n\n".join([*bodies, "\n".join([head, *lines, "  }"])])

    def _checked(self, block: str, work: list[str]) -> list[str]:
        """``work`` when there is memory; the status is 1 when there is none."""
        address, zero, live = "%block_address", "%nowhere", "%allocated"
        return [
            f"    {address} = llvm.ptrtoint {block} : !llvm.ptr to i64",
            f"    {zero} = arith.constant 0 : i64",
            f"    {live} = arith.cmpi ne, {address}, {zero} : i64",
            f"    %status = scf.if {live} -> (i32) {{",
            *work,
            "      %ok = arith.constant 0 : i32",
            "      scf.yield %ok : i32",
            "    } else {",
            "      %bad = arith.constant 1 : i32",
            "      scf.yield %bad : i32",
            "    }",
            "    return %status : i32",
        ]

    def _block(self) -> str:
        size = self.new(f"arith.constant {self.fixed} : i64", "fixed")
        if self.scratch:
            threads = self.new("llvm.call @omp_get_max_threads() : () -> i32", "threads")
            wide = self.new(f"arith.extsi {threads} : i32 to i64")
            each = self.new(f"arith.constant {self.scratch} : i64", "each")
            all_scratch = self.new(f"arith.muli {wide}, {each} : i64")
            size = self.new(f"arith.addi {size}, {all_scratch} : i64", "bytes")
        return self.new(f"func.call @take_block({size}) : (i64) -> !llvm.ptr", "block")

    def _fill(self, data: str, block: str) -> None:
        for slot, name in enumerate(self.slots):
            if name in self.offsets:
                pointer = self._offset(block, 64 + self.offsets[name])
            else:
                after = len(self.plan.shared)
                position = (
                    after + self.numbers.index(name)
                    if name in self.numbers
                    else self.plan.shared.index(name)
                )
                place = self._element("%buffers", position)
                pointer = self.new(f"llvm.load {place} : !llvm.ptr -> !llvm.ptr", "p")
            self.lines.append(
                f"    llvm.store {pointer}, {self._element(data, slot)} : !llvm.ptr, !llvm.ptr"
            )
            large = self.large.get(name)
            if large:
                size = self.new(f"arith.constant {large.nbytes} : i64", "bytes")
                self.lines.append(
                    f"    func.call @huge_pages({pointer}, {size}) : (!llvm.ptr, i64) -> ()"
                )
        if self.scratch:
            pointer = self._offset(block, 64 + self.fixed)
            place = self._element(data, len(self.slots))
            self.lines.append(f"    llvm.store {pointer}, {place} : !llvm.ptr, !llvm.ptr")

    def _offset(self, pointer: str, offset: int) -> str:
        return self.new(
            f"llvm.getelementptr {pointer}[{offset}] : (!llvm.ptr) -> !llvm.ptr, i8", "p"
        )

    def _element(self, array: str, position: int) -> str:
        kind = "(!llvm.ptr) -> !llvm.ptr, !llvm.ptr"
        return self.new(f"llvm.getelementptr {array}[{position}] : {kind}", "at")

    def _parallel(self, name: str, data: str) -> None:
        function = self.new(f"func.constant @{name} : (!llvm.ptr) -> ()", "body")
        pointer = self.new(
            f"builtin.unrealized_conversion_cast {function} : (!llvm.ptr) -> () to !llvm.ptr"
        )
        zero = self.new("arith.constant 0 : i32")
        self.lines.append(
            f"    llvm.call @GOMP_parallel({pointer}, {data}, {zero}, {zero}) : "
            "(!llvm.ptr, !llvm.ptr, i32, i32) -> ()"
        )

    def _body(self, calls: list[Call], name: str) -> str:
        """One thread's share of each call in turn."""
        outer, self.lines = self.lines, []
        thread = self._wide("omp_get_thread_num", "thread")
        threads = self._wide("omp_get_num_threads", "threads")
        for call in calls:
            self._part(call, thread, threads)
        made, self.lines = self.lines, outer
        head = f"  func.func private @{name}(%data: !llvm.ptr) {{"
        return "\n".join([head, *made, "    return", "  }"])

    def _part(self, call: Call, thread: str, threads: str) -> None:
        """Cores n * thread / threads up to n * (thread + 1) / threads."""
        cores = self._cores(call, "%data")
        one = self.new("arith.constant 1 : i64", "one")
        first = self._share(cores, thread, threads)
        last = self._share(cores, self.new(f"arith.addi {thread}, {one} : i64"), threads)
        arguments = self._arguments(call, "%data", thread)
        sizes = self._sizes(call, "%data")
        self.lines.append(f"    scf.for %core = {first} to {last} step {one} : i64 {{")
        self.lines.append(f"      {self._call(call, arguments, '%core', sizes)}")
        self.lines.append("    }")

    def _wide(self, function: str, hint: str) -> str:
        narrow = self.new(f"llvm.call @{function}() : () -> i32", f"{hint}_i32_")
        return self.new(f"arith.extsi {narrow} : i32 to i64", hint)

    def _share(self, cores: str, part: str, parts: str) -> str:
        product = self.new(f"arith.muli {cores}, {part} : i64")
        return self.new(f"arith.divsi {product}, {parts} : i64", "bound")

    def _launch(self, call: Call, data: str) -> None:
        """All cores, one after the other, on this thread."""
        zero = self.new("arith.constant 0 : i64", "thread")
        arguments = self._arguments(call, data, zero)
        sizes = self._sizes(call, data)
        if call.cores == 1 and call.count is None:
            self.lines.append(f"    {self._call(call, arguments, zero, sizes)}")
            return
        one, last = self.new("arith.constant 1 : i64", "c"), self._cores(call, data)
        core = f"%core{self.count}"
        self.lines += [
            f"    scf.for {core} = {zero} to {last} step {one} : i64 {{",
            f"      {self._call(call, arguments, core, sizes)}",
            "    }",
        ]

    def _number(self, position: int, data: str) -> str:
        """One of the plan's numbers, from where its slot holds it."""
        place = self._element(data, self.slots.index(self.numbers[position]))
        pointer = self.new(f"llvm.load {place} : !llvm.ptr -> !llvm.ptr", "p")
        return self.new(f"llvm.ptrtoint {pointer} : !llvm.ptr to i64", "number")

    def _cores(self, call: Call, data: str) -> str:
        if call.count is not None:
            return self._number(call.count, data)
        return self.new(f"arith.constant {call.cores} : i64", "cores")

    def _sizes(self, call: Call, data: str) -> list[str]:
        return [self._number(i, data) for i in range(len(call.function.sizes))]

    def _call(self, call: Call, arguments: list[str], core: str, sizes: list[str]) -> str:
        types = ", ".join(signature(call.function))
        given = ", ".join([*arguments, core, *sizes])
        return f"func.call @{call.function.name}({given}) : ({types}) -> ()"

    def _arguments(self, call: Call, data: str, thread: str) -> list[str]:
        arguments = []
        for memory, name in zip(call.function.memories, call.args):
            place = self._element(data, self.slots.index(name))
            pointer = self.new(f"llvm.load {place} : !llvm.ptr -> !llvm.ptr", "p")
            arguments.append(self._memref(pointer, memory))
        if not stack_scratch(call.function):
            arguments += self._scratch(call.function, data, thread)
        return arguments

    def _scratch(self, function: Function, data: str, thread: str) -> list[str]:
        place = self._element(data, len(self.slots))
        base = self.new(f"llvm.load {place} : !llvm.ptr -> !llvm.ptr", "p")
        each = self.new(f"arith.constant {self.scratch} : i64", "each")
        offset = self.new(f"arith.muli {thread}, {each} : i64")
        kind = "(!llvm.ptr, i64) -> !llvm.ptr, i8"
        own = self.new(f"llvm.getelementptr {base}[{offset}] : {kind}", "p")
        offsets = scratch_offsets(function)
        return [self._memref(self._offset(own, offsets[m.name]), m) for m in function.scratch]

    def _memref(self, pointer: str, memory: Memory) -> str:
        """A memref of known size is its pointer under the bare-pointer convention."""
        value = self.new(f"llvm.mlir.poison : {DESCRIPTOR}", "d")
        for field in (0, 1):
            value = self.new(f"llvm.insertvalue {pointer}, {value}[{field}] : {DESCRIPTOR}", "d")
        return self.new(
            f"builtin.unrealized_conversion_cast {value} : {DESCRIPTOR} to {memory_type(memory)}",
            "m",
        )
