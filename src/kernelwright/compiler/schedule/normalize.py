"""The Graph in the form that the planner reads: primitives only, no index reductions, windows
directly on the tensors that they cut."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

from kernelwright.compiler.schedule.aligned import aligned_columns
from kernelwright.compiler.schedule.formulas import with_formulas
from kernelwright.compiler.schedule.known import repeated_lookup
from kernelwright.compiler.schedule.picked import picked_elements, sunk_lookup
from kernelwright.compiler.schedule.scattered import lowered
from kernelwright.compiler.schedule.selection import few_largest
from kernelwright.compiler.schedule.short import short_reductions
from kernelwright.compiler.schedule.tables import with_tables
from kernelwright.compiler.schedule.windows import lower_windows
from kernelwright.graph.core import DTYPES, Builder, Graph, Node, is_float
from kernelwright.graph.decompose import decompose
from kernelwright.graph.ops import op_definition

MOST_WINDOWS = 16  # of one output
Rewrite = Callable[[Builder, Node], Node | None]


def rebuild(graph: Graph, rewrite: Rewrite) -> Graph:
    """``graph`` with every node replaced by what ``rewrite`` gives; None keeps it."""
    builder = Builder()
    new: dict[int, Node] = {}
    for node in graph.nodes():
        operands = tuple(new[n.id] for n in node.inputs)
        if operands != node.inputs:
            node_now = Node(node.op, operands, node.attrs, node.type)
        else:
            node_now = node
        new[node.id] = rewrite(builder, node_now) or node_now
    outputs = [new[n.id] for n in graph.outputs]
    return dataclasses.replace(graph, outputs=outputs)


def index_reductions(builder: Builder, node: Node) -> Node | None:
    """argmax(x) = the least index where x equals its maximum, or is NaN (NaN counts as largest)."""
    if node.op not in ("argmax", "argmin"):
        return None
    (x,) = node.inputs
    axes = node.attrs["axes"]
    keep = {"axes": axes, "keepdims": True}
    best = builder.make("amax" if node.op == "argmax" else "amin", [x], **keep)
    hit = builder.eq(x, best)
    if is_float(x.dtype):
        hit = builder.logical_or(hit, builder.isnan(x))
    dtype = "int32" if x.type.size < 2**31 else "int64"
    index = builder.make("iota", [], shape=x.shape, axis=axes[0], dtype=dtype)
    none = builder.constant(math.prod(x.shape), dtype)
    where = builder.where(hit, index, none)
    least = builder.make("amin", [where], axes=axes, keepdims=node.attrs.get("keepdims", False))
    return builder.make("cast", [least], dtype="int64")


def empty_reductions(builder: Builder, node: Node) -> Node | None:
    """What a reduction of no elements gives: its identity."""
    if op_definition(node.op).kind != "reduction" or node.inputs[0].type.size:
        return None
    if node.op in ("amax", "amin"):  # only where no element is left: a value nobody sees
        if node.type.size:
            return None
        value: float = 0
    else:
        value = 1 if node.op in ("prod", "all") else 0
    return builder.make("expand", [builder.constant(value, node.dtype)], shape=node.shape)


def fold_constants(builder: Builder, node: Node) -> Node | None:
    """Views of a constant are constants; one number repeated is written, not read."""
    if op_definition(node.op).kind != "view" or node.inputs[0].op != "constant":
        return None
    if node.type.size > 1 << 20 or node.inputs[0].type.size == 1 < node.type.size:
        return None
    value = op_definition(node.op).meaning(node.inputs[0].attrs["value"], **node.attrs)
    return builder.constant(value.astype(DTYPES[node.dtype], order="C"), node.dtype)


def shared_constants() -> Rewrite:
    """Constants of the same elements as one, which a kernel then loads once."""
    first: dict[tuple[object, ...], Node] = {}

    def rewrite(builder: Builder, node: Node) -> Node | None:
        if node.op != "constant" or node.type.size < 2:
            return None
        same = (node.dtype, node.shape, node.attrs["value"].tobytes())
        return first.setdefault(same, node)

    return rewrite


def bordered_frames(graph: Graph) -> Graph:
    """Outputs that are frames (im2col) of a tensor with a border, as one window a place of the
    kernel: a window reads the border as it finds it, frames need it in memory."""
    builder = Builder()
    outputs = [_windows_of_frames(builder, n) or n for n in graph.outputs]
    return dataclasses.replace(graph, outputs=outputs)


def _windows_of_frames(builder: Builder, node: Node) -> Node | None:
    chain: list[Node] = [node]
    for op in ("reshape", "transpose", "frames", "frames", "pad"):
        if chain[-1].op != op:
            return None
        chain.append(chain[-1].inputs[0])
    _, turned, across, down, padded, x = chain
    rank = len(x.shape)
    lead = tuple(range(rank - 2))
    sizes = down.attrs["size"], across.attrs["size"]
    places = [down.attrs["axis"], across.attrs["axis"]]
    if tuple(turned.attrs["axes"]) != (*lead, rank, rank + 1, rank - 2, rank - 1):
        return None
    if places != [rank - 2, rank - 1] or math.prod(sizes) > MOST_WINDOWS:
        return None
    low, shape = padded.attrs["low"], turned.shape[-2:]
    if any(low[: rank - 2]) or padded.shape[: rank - 2] != x.shape[: rank - 2]:
        return None

    def window(i: int, j: int) -> Node:
        starts = [i * down.attrs["dilation"] - low[-2], j * across.attrs["dilation"] - low[-1]]
        made = builder.make(
            "window", [x], starts=(*(0,) * len(lead), *starts),
            steps=(*(1,) * len(lead), down.attrs["step"], across.attrs["step"]),
            shape=(*x.shape[: rank - 2], *shape), value=padded.attrs["value"],
        )  # fmt: skip
        return builder.reshape(made, shape=(*x.shape[: rank - 2], 1, 1, *shape))

    rows = [
        builder.concat(*(window(i, j) for j in range(sizes[1])), axis=rank - 1)
        for i in range(sizes[0])
    ]
    return builder.reshape(builder.concat(*rows, axis=rank - 2), shape=node.shape)


def separate_outputs(graph: Graph) -> Graph:
    """Every output a node of its own that is no leaf, so that each is stored once."""
    builder = Builder()
    seen: set[int] = set()
    outputs = []
    for node in graph.outputs:
        leaf = op_definition(node.op).kind == "leaf"
        if node.id in seen or (leaf and node.op != "iota"):
            node = builder.make("reshape", [node], shape=node.shape)
        seen.add(node.id)
        outputs.append(node)
    return dataclasses.replace(graph, outputs=outputs)


def normalize(
    graph: Graph, fixed: bool = True, cores: bool = True, own_sizes: bool = False
) -> Graph:
    """The planner's form of ``graph``; same inputs, parameters and outputs. ``fixed``: for its own
    sizes only; ``cores``: for processors, whose vectors are loaded rather than gathered.
    ``own_sizes``: no other size has to have the factors that the Graph's have."""
    graph = decompose(graph)
    graph = rebuild(graph, empty_reductions)
    if own_sizes and not cores:
        graph = aligned_columns(graph)
    graph = rebuild(graph, few_largest(cores))
    graph = rebuild(graph, index_reductions)
    graph = rebuild(graph, lowered(cores))
    graph = rebuild(graph, fold_constants)
    if fixed:
        graph = rebuild(rebuild(graph, picked_elements), sunk_lookup(cores))
        graph = with_tables(graph)
        graph = rebuild(graph, short_reductions(graph, cores))
        if not cores:
            graph = bordered_frames(rebuild(graph, repeated_lookup))
    graph = lower_windows(graph, cores)
    graph = rebuild(graph, shared_constants())
    if fixed and not cores:
        graph = with_formulas(graph)
    return separate_outputs(graph)
