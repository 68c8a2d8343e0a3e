"""Reductions of a few neighbours: as many windows, folded pairwise.

A row of seven elements fills half a vector of a processor, and its sum goes across the lanes. Read
as seven windows of stride seven, sixteen rows are summed at once, and all windows are loaded
together. On a GPU this helps where a few elements are reduced of what small tensors are broadcast
to, such as the overlap of all pairs of boxes: what is left is elementwise, in tiles that use each
element many times.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence

from kernelwright.graph.core import Builder, Graph, Node
from kernelwright.graph.ops import op_definition

FOLDS = {"sum": "add", "prod": "mul", "amax": "maximum", "amin": "minimum"}
MOST_ELEMENTS = 64  # of one reduction: as many windows
MOST_NEIGHBOURS = 8  # of them side by side: the largest stride that is not gathered lane by lane
LEAST_RESULTS = 64  # fewer do not fill vectors
MOST_PAIRED = 4  # elements of one reduction of what is broadcast, on a GPU
BROADCAST = 64  # results for each element of the tensors that they are made of


def short_reductions(graph: Graph, cores: bool) -> Callable[[Builder, Node], Node | None]:
    """A rewrite of reductions over a short last axis, and perhaps other short ones, whose operand
    nothing else reads: where the elements are needed again, rows are better held as they are.
    ``cores``: for processors; on a GPU only of what small tensors are broadcast to."""
    users = Counter(n.id for node in graph.nodes() for n in node.inputs)
    alone = {
        node.id
        for node in graph.nodes()
        if node.op in FOLDS
        and users[node.inputs[0].id] == 1
        and _short(node)
        and (cores or _of_small_tensors(node))
    }
    waiting = [node for node in graph.nodes() if node.op in FOLDS]
    order = iter(waiting)

    def rewrite(builder: Builder, node: Node) -> Node | None:
        if node.op not in FOLDS:
            return None
        return _folded(builder, node) if next(order).id in alone else None

    return rewrite


def _short(node: Node) -> bool:
    (x,), axes = node.inputs, node.attrs["axes"]
    last = len(x.shape) - 1
    if last not in axes or not 2 <= x.shape[last] <= MOST_NEIGHBOURS:
        return False
    if x.dtype == "bool" or node.dtype != x.dtype or node.type.size < LEAST_RESULTS:
        return False
    return 0 < math.prod(x.shape[a] for a in axes) <= MOST_ELEMENTS


def _of_small_tensors(node: Node) -> bool:
    """Whether ``node`` folds at most ``MOST_PAIRED`` elements each of what elementwise ops make of
    tensors far smaller than its result."""
    (x,) = node.inputs
    if x.type.size > MOST_PAIRED * node.type.size:
        return False
    stack, seen = [x], {x.id}
    while stack:
        current = stack.pop()
        kind = op_definition(current.op).kind
        if kind == "elementwise" or current.op == "expand":
            new = [n for n in current.inputs if n.id not in seen]
            seen |= {n.id for n in new}
            stack += new
        elif current.type.size * BROADCAST > node.type.size:
            return False
    return True


def _folded(builder: Builder, node: Node) -> Node:
    (x,), pair = node.inputs, FOLDS[node.op]
    *outer, last = sorted(node.attrs["axes"])
    columns = []
    for k in range(x.shape[last]):
        rows = itertools.product(*(range(x.shape[a]) for a in outer))
        parts = [_part(builder, x, [*outer, last], [*at, k]) for at in rows]
        columns.append(_pairwise(builder, pair, parts))
    return builder.reshape(_pairwise(builder, pair, columns), shape=node.shape)


def _part(builder: Builder, x: Node, axes: Sequence[int], at: Sequence[int]) -> Node:
    """The elements at one place of the reduced axes."""
    starts, shape = [0] * len(x.shape), list(x.shape)
    for axis, k in zip(axes, at):
        starts[axis], shape[axis] = k, 1
    steps = (1,) * len(shape)
    return builder.make(
        "window", [x], starts=tuple(starts), steps=steps, shape=tuple(shape), value=0
    )  # fmt: skip


def _pairwise(builder: Builder, op: str, row: list[Node]) -> Node:
    while len(row) > 1:
        pairs = [builder.make(op, [a, b]) for a, b in zip(row[::2], row[1::2])]
        row = pairs + ([row[-1]] if len(row) % 2 else [])
    return row[0]
