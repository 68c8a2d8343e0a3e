"""K_out.mlir: the scheduled kernel with its entry ``int K_kernel(void** arguments)``.

``arguments`` are the kernel's inputs and then its outputs, in the file's order, one pointer each.
An input that the kernel writes to holds its new values when the call is over; an output that the
file calls fake is not touched. 0 comes back, or 1 when memory ran out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from kernelwright.aul import resolve
from kernelwright.aul.syntax import FrameworkCall
from kernelwright.compiler.codegen._host import HostPlan
from kernelwright.compiler.codegen._mlir_host import mlir_source
from kernelwright.compiler.codegen._plan import cpu_plan, host_vector_bytes
from kernelwright.compiler.codegen._regions import joined
from kernelwright.compiler.design import Design, returned, written
from kernelwright.compiler.rewrite import optimize
from kernelwright.compiler.schedule import design as schedule
from kernelwright.compiler.schedule.products import native_products, pays
from kernelwright.errors import UnsupportedError
from kernelwright.graph.core import Builder, Graph, Node
from kernelwright.graph.decompose import decompose
from kernelwright.schema import Target


def scheduled(graph: Graph, fake: Sequence[bool], target: Target, threads: int) -> str:
    """The text of K_out.mlir. ``fake`` says of each output in the file whether it is not there.

    Raises UnsupportedError for what a library without Python cannot do.
    """
    design = designed(graph, fake, target, threads)
    plan = cpu_plan(design, {}, host_vector_bytes(target))
    plan = joined(plan, design, resolve(design.program))
    if any(isinstance(step, FrameworkCall) for step in plan.steps):
        raise UnsupportedError(f"{graph.name}: a library call is left, which K.so cannot make")
    text = mlir_source(plan, f"{plan.name}: int {graph.name}_kernel(void** arguments)")
    entry = _entry(graph, design, plan, fake, "@take_block" in text)
    return text.rstrip().removesuffix("}") + "\n" + entry + "}\n"


def designed(graph: Graph, fake: Sequence[bool], target: Target, threads: int) -> Design:
    """The design of K_out.mlir, with no library call that can be a kernel."""
    inner = dataclasses.replace(wanted(graph, fake), name=f"{graph.name}_loops")
    plain = without_library(decompose(inner))
    # Only the values are bound here, and none are known to be finite.
    better = optimize(plain, target, strict_ieee=True).graph
    made = schedule(without_library(better), target, threads=threads)
    return native_products(made, threads)


def wanted(graph: Graph, fake: Sequence[bool]) -> Graph:
    """``graph`` without the outputs that stand for a kernel that has none."""
    if not all(fake):
        return graph
    return dataclasses.replace(
        graph, outputs=graph.outputs[len(graph.outputs) - len(graph.writes) :], structure="tuple"
    )


# ---- products as sums ----------------------------------------------------------------------------


def without_library(graph: Graph, blocks: bool = True) -> Graph:
    """Matrix products with a short side as sums of products; with ``blocks`` the others get blocks
    of their own (``schedule.products``)."""
    made: dict[int, Node] = {}
    builder = Builder()
    for node in graph.nodes():
        operands = [made[n.id] for n in node.inputs]
        if node.op == "matmul" and not (blocks and pays(*(n.shape for n in operands))):
            made[node.id] = _product(builder, *operands)
        elif all(a is b for a, b in zip(operands, node.inputs)):
            made[node.id] = node
        else:
            made[node.id] = Node(node.op, tuple(operands), dict(node.attrs), node.type)
    outputs = [made[n.id] for n in graph.outputs]
    if all(a is b for a, b in zip(outputs, graph.outputs)):
        return graph
    return decompose(dataclasses.replace(graph, outputs=outputs))


def _product(b: Builder, x: Node, y: Node) -> Node:
    result = b.matmul(x, y)
    wide = {"float16": "float32", "bfloat16": "float32"}.get(result.dtype, result.dtype)
    x, y = (n if n.dtype == wide else b.cast(n, dtype=wide) for n in (x, y))
    x = b.reshape(x, shape=(1, *x.shape)) if len(x.shape) == 1 else x
    y = b.reshape(y, shape=(*y.shape, 1)) if len(y.shape) == 1 else y
    left = b.reshape(x, shape=(*x.shape, 1))
    right = b.reshape(y, shape=(*y.shape[:-2], 1, *y.shape[-2:]))
    terms = b.mul(left, right)
    total = b.sum(terms, axes=(len(terms.shape) - 2,), keepdims=False)
    total = b.reshape(total, shape=result.shape)
    return total if total.dtype == result.dtype else b.cast(total, dtype=result.dtype)


# ---- the entry -----------------------------------------------------------------------------------


class _Text:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0

    def new(self, text: str) -> str:
        self.count += 1
        self.lines.append(f"    %e{self.count} = {text}")
        return f"%e{self.count}"

    def pointer(self, array: str, index: int) -> str:
        at = self.new(f"llvm.getelementptr {array}[{index}] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr")
        return self.new(f"llvm.load {at} : !llvm.ptr -> !llvm.ptr")

    def put(self, array: str, index: int, value: str) -> None:
        at = self.new(f"llvm.getelementptr {array}[{index}] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr")
        self.lines.append(f"    llvm.store {value}, {at} : !llvm.ptr, !llvm.ptr")


def _entry(
    graph: Graph, design: Design, plan: HostPlan, fake: Sequence[bool], declared: bool
) -> str:
    """Arguments to buffers, the launch, and what is written copied to where it belongs: by way of
    memory of its own, since a kernel may read an input after it has written the new value.
    ``declared``: whether the module knows the allocator's functions already."""
    t = _Text()
    one = t.new("arith.constant 1 : i64")
    slots = max(1, len(plan.shared))
    buffers = t.new(f"llvm.alloca {one} x !llvm.array<{slots} x ptr> : (i64) -> !llvm.ptr")
    place = {b.name: int(b.key) for b in design.bindings if b.source == "input"}
    tables = {b.name: str(b.key) for b in design.bindings if b.source == "constant"}
    real = [i for i, is_fake in enumerate(fake) if not is_fake]
    place |= {o.name: len(graph.inputs) + i for o, i in zip(returned(design), real)}
    home = {o.name: position for position, o in written(design)}
    copies, globals_ = [], []
    for slot, name in enumerate(plan.shared):
        buffer = plan.buffers[name]
        if name in place:
            t.put(buffers, slot, t.pointer("%arguments", place[name]))
            continue
        if name in tables:
            t.put(buffers, slot, t.new(f"llvm.mlir.addressof @{_table(graph, slot)} : !llvm.ptr"))
            globals_.append(_global(_table(graph, slot), design.constants[tables[name]]))
            continue
        size = t.new(f"arith.constant {max(64, -(-buffer.nbytes // 64) * 64)} : i64")
        line = t.new("arith.constant 64 : i64")
        own = t.new(f"llvm.call @aligned_alloc({line}, {size}) : (i64, i64) -> !llvm.ptr")
        t.put(buffers, slot, own)
        copies.append((own, home.get(name), buffer.nbytes))
    status = t.new("arith.constant 0 : i32")
    for segment in plan.segments:
        said = t.new(f"func.call @{segment.symbol}({buffers}) : (!llvm.ptr) -> i32")
        status = t.new(f"arith.ori {status}, {said} : i32")
    for own, to, nbytes in copies:
        if to is not None:
            target, size = t.pointer("%arguments", to), t.new(f"arith.constant {nbytes} : i64")
            t.lines.append(
                f'    "llvm.intr.memcpy"({target}, {own}, {size}) '
                "<{isVolatile = false}> : (!llvm.ptr, !llvm.ptr, i64) -> ()"
            )
        t.lines.append(f"    llvm.call @free({own}) : (!llvm.ptr) -> ()")
    needs = "  llvm.func @aligned_alloc(i64, i64) -> !llvm.ptr\n  llvm.func @free(!llvm.ptr)\n"
    before = needs if copies and not declared else ""
    head = f"  func.func @{entry_name(graph.name)}(%arguments: !llvm.ptr) -> i32 {{"
    return "\n".join([*globals_, before + head, *t.lines, f"    return {status} : i32", "  }", ""])


def _table(graph: Graph, slot: int) -> str:
    return f"{graph.name}_table{slot}"


def _global(name: str, array: np.ndarray) -> str:
    """An array's bytes in the library itself."""
    data = np.ascontiguousarray(array).tobytes()
    text = "".join(f"\\{byte:02X}" for byte in data)
    return (
        f'  llvm.mlir.global internal constant @{name}("{text}") '
        f"{{alignment = 64 : i64, addr_space = 0 : i32}} : !llvm.array<{len(data)} x i8>"
    )


def entry_name(kernel: str) -> str:
    """The symbol of K.so."""
    return f"{kernel}_kernel"
