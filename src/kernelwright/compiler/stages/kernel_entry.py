"""K_out.mlir: the scheduled kernel with its entry (``entry_text``)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from kernelwright.aul import resolve
from kernelwright.aul.syntax import FrameworkCall
from kernelwright.compiler.codegen._mlir_host import mlir_source
from kernelwright.compiler.codegen._plan import cpu_plan, host_vector_bytes
from kernelwright.compiler.codegen._regions import joined
from kernelwright.compiler.design import Design
from kernelwright.compiler.rewrite import optimize
from kernelwright.compiler.schedule import design as schedule
from kernelwright.compiler.schedule.products import native_products, pays
from kernelwright.compiler.schedule.wide_stores import with_wide_stores
from kernelwright.compiler.stages.entry_text import Entry
from kernelwright.compiler.stages.free_sizes import check_sizes, sizes_line
from kernelwright.errors import UnsupportedError
from kernelwright.frameworks.graphkernel.build import build
from kernelwright.frameworks.graphkernel.free_sizes import Shapes, varying
from kernelwright.frameworks.graphkernel.info import Info
from kernelwright.graph.core import Builder, Graph, Node
from kernelwright.graph.decompose import decompose
from kernelwright.schema import Target


def scheduled(
    info: Info, sets: Sequence[Shapes], fake: Sequence[bool], target: Target, threads: int
) -> str:
    """The text of K_out.mlir, for the sizes of ``sets`` (more than one where sizes are free).
    ``fake`` says of each output in the file whether it is not there.

    Raises UnsupportedError for what a library without Python cannot do.
    """
    graph = build(info, sets[0]).graph
    reduced = varying(sets) if info.dynamic else None
    design = designed(graph, fake, target, threads, reduced)
    if info.dynamic:
        check_sizes(info, sets, design, fake)
    plan = cpu_plan(design, {}, host_vector_bytes(target))
    plan = joined(plan, design, resolve(design.program))
    if any(isinstance(step, FrameworkCall) for step in plan.steps):
        raise UnsupportedError(f"{graph.name}: a library call is left, which K.so cannot make")
    given = "void** arguments, const int64_t* sizes" if info.dynamic else "void** arguments"
    title = f"{plan.name}: int {graph.name}_kernel({given})"
    text = mlir_source(plan, title)
    sizes = sizes_line(design, plan, len(info.inputs), fake) + "\n" if info.dynamic else ""
    entry = Entry(graph, design, plan, fake, "@take_block" in text).text()
    return sizes + text.rstrip().removesuffix("}") + "\n" + entry + "}\n"


def designed(
    graph: Graph,
    fake: Sequence[bool],
    target: Target,
    threads: int,
    reduced: Mapping[int, Sequence[int | tuple[int, ...]]] | None = None,
) -> Design:
    """The design of K_out.mlir, with no library call that can be a kernel. ``reduced``: see
    ``schedule.design``."""
    blocks = reduced is None
    inner = dataclasses.replace(wanted(graph, fake), name=f"{graph.name}_loops")
    plain = without_library(decompose(inner), blocks=blocks)
    # Only the values are bound here, and none are known to be finite.
    better = optimize(plain, target, strict_ieee=True).graph
    better = without_library(better, blocks=blocks)
    made = with_wide_stores(schedule(better, target, threads=threads, reduced=reduced))
    return native_products(made, threads) if blocks else made


def wanted(graph: Graph, fake: Sequence[bool]) -> Graph:
    """``graph`` without the outputs that stand for a kernel that has none."""
    if not all(fake):
        return graph
    return dataclasses.replace(
        graph, outputs=graph.outputs[len(graph.outputs) - len(graph.writes) :], structure="tuple"
    )


# ---- products as sums ----------------------------------------------------------------------------


def without_library(graph: Graph, *, blocks: bool = True) -> Graph:
    """Matrix products with a short side as sums of products; the others get blocks of their own
    (``schedule.products``) where there are ``blocks``."""
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


def entry_name(kernel: str) -> str:
    """The symbol of K.so."""
    return f"{kernel}_kernel"
