"""The Graph in the form that the planner reads: primitives only, no index reductions, windows
(slices, flips) directly on the tensors that they cut."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from kernelwright.graph.core import DTYPES, Builder, Graph, Node, is_float
from kernelwright.graph.decompose import decompose
from kernelwright.graph.ops import op_definition

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
    index = builder.make("iota", [], shape=x.shape, axis=axes[0], dtype="int64")
    none = builder.constant(math.prod(x.shape), "int64")
    where = builder.where(hit, index, none)
    return builder.make("amin", [where], axes=axes, keepdims=node.attrs.get("keepdims", False))


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


def sink_window(builder: Builder, node: Node) -> Node | None:
    """slice(f(a, b)) = f(slice(a), slice(b)); likewise through transpose, iota and scans."""
    if node.op not in ("slice", "flip"):
        return None
    (x,) = node.inputs
    if x.op == "transpose":
        axes = x.attrs["axes"]
        inner = apply_window(builder, node, x.inputs[0], tuple(np.argsort(axes)))
        return builder.make("transpose", [inner], axes=axes)
    if op_definition(x.op).kind == "scan":
        return window_of_scan(builder, node, x)
    if x.op == "iota":
        return window_of_iota(builder, node, x)
    if op_definition(x.op).kind == "elementwise":
        operands = [apply_window(builder, node, n, None) for n in x.inputs]
        return builder.make(x.op, operands, **x.attrs)
    return None


def window_of_scan(builder: Builder, window: Node, scan: Node) -> Node | None:
    """A flip of a scan is the scan from the other end; the elements that a scan visits first are a
    scan of as many."""
    axis, attrs = scan.attrs["axis"], dict(scan.attrs)
    reverse = bool(attrs.pop("reverse", False))
    if window.op == "flip":
        reverse ^= axis in window.attrs["axes"]
    else:
        first, last, step = (window.attrs[k][axis] for k in ("starts", "stops", "steps"))
        if step != 1 or (last != scan.shape[axis] if reverse else first != 0):
            return None
    inner = apply_window(builder, window, scan.inputs[0], None)
    return builder.make(scan.op, [inner], **attrs, **({"reverse": True} if reverse else {}))


def window_of_iota(builder: Builder, window: Node, iota: Node) -> Node:
    """Indices from another start and with another step."""
    axis, extent = iota.attrs["axis"], iota.shape[iota.attrs["axis"]]
    if window.op == "flip":
        first, step = (extent - 1, -1) if axis in window.attrs["axes"] else (0, 1)
    else:
        first, step = window.attrs["starts"][axis], window.attrs["steps"][axis]
    out = builder.make("iota", [], **{**iota.attrs, "shape": window.shape})
    if step != 1:
        out = builder.mul(out, builder.constant(step, iota.dtype))
    return builder.add(out, builder.constant(first, iota.dtype)) if first else out


def apply_window(builder: Builder, window: Node, x: Node, order: tuple[int, ...] | None) -> Node:
    """``window`` on an operand that may have fewer axes or axes of size 1 (which are kept)."""
    rank = len(window.inputs[0].shape)
    picked = order if order is not None else tuple(range(rank - len(x.shape), rank))
    if window.op == "flip":
        axes = tuple(
            i for i, a in enumerate(picked) if a in window.attrs["axes"] and x.shape[i] > 1
        )
        out = builder.make("flip", [x], axes=axes) if axes else x
    else:
        attrs = {
            name: tuple(
                window.attrs[name][a] if x.shape[i] > 1 else default(x.shape[i])
                for i, a in enumerate(picked)
            )
            for name, default in (
                ("starts", lambda e: 0),
                ("stops", lambda e: e),
                ("steps", lambda e: 1),
            )
        }
        whole = all(
            s == 0 and e == n and t == 1
            for s, e, t, n in zip(attrs["starts"], attrs["stops"], attrs["steps"], x.shape)
        )
        out = x if whole else builder.make("slice", [x], **attrs)
    return sink_window(builder, out) or out


def fold_constants(builder: Builder, node: Node) -> Node | None:
    """Views of a constant are constants."""
    if op_definition(node.op).kind != "view" or node.inputs[0].op != "constant":
        return None
    if node.type.size > 1 << 20:
        return None
    value = op_definition(node.op).meaning(node.inputs[0].attrs["value"], **node.attrs)
    return builder.constant(value.astype(DTYPES[node.dtype], order="C"), node.dtype)


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


def normalize(graph: Graph) -> Graph:
    """The planner's form of ``graph``; same inputs, parameters and outputs."""
    graph = decompose(graph)
    graph = rebuild(graph, empty_reductions)
    graph = rebuild(graph, index_reductions)
    graph = rebuild(graph, sink_window)
    graph = rebuild(graph, fold_constants)
    return separate_outputs(graph)
