"""Decides how the nodes of one run become loops.

1. ``align``: one rank for all nodes, dimensions permuted so that the vector dimension is last.
2. ``need``: which part of every dimension anybody can observe, from the stores (clipped), the
   reductions (``valid``) backwards. Loops run over that part only, so padding costs nothing where
   it cannot be seen.
3. ``anchor``: which nodes get a place of their own in the loops ("hard": effects and reductions;
   "soft": dear or shared values); all others are computed again wherever they are used.
4. ``partition``: the anchored nodes of one loop level into consecutive loops; and how far out a
   value's users are from it (``escape``), which is where its memory has to be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from kernelwright.compiler.loops import affine, semantics
from kernelwright.compiler.loops.combs import MOST_STRIDE, reads_comb
from kernelwright.compiler.loops.nodes import Interval, Node
from kernelwright.compiler.loops.staging import can_stage

SHARED_BUDGET = 6  # instructions that may be repeated in several loops instead of keeping a value
SCAN_COST = 12.0  # instructions to scan the lanes of one vector
ACROSS_COST = 8.0  # instructions to reduce the lanes of one vector
LOOKUP_COST = 8
BROADCAST_BUDGET = 4  # the same for a row that is used by every turn of an outer loop


def align(nodes: list[Node], lanes: int) -> int:
    """Gives every node the same rank and puts the vector dimension last; returns the rank."""
    rank = max(len(n.shape) for n in nodes)
    for node in nodes:
        missing = rank - len(node.shape)
        if missing:
            node.shape = [1] * missing + node.shape
            if "axis" in node.attrs:
                node.attrs["axis"] += missing
            if node.access is not None:
                node.access.strides = [*([0] * missing), *node.access.strides]
                node.access.inside = [Interval.full(1)] * missing + node.access.inside
    vector = min(range(rank - 1, -1, -1), key=lambda d: _vector_cost(nodes, d, lanes))
    if vector != rank - 1:
        order = [d for d in range(rank) if d != vector] + [vector]
        for node in nodes:
            _permute(node, order)
    _bring_contiguous_next(nodes, rank)
    return rank


def _bring_contiguous_next(nodes: list[Node], rank: int) -> None:
    """Where a load is contiguous along an outer dimension, that one becomes the next-to-last, so
    that blocks can be transposed. Not with reductions: their loops stay as they were written."""
    if any(node.kind in ("reduce", "scan", "put") for node in nodes):
        return
    for node in nodes:
        if node.kind == "load" and node.access is not None:
            strides = node.access.strides
            if node.shape[-1] > 1 and strides[-1] not in (0, 1) and 1 in strides:
                near = strides.index(1)
                order = [d for d in range(rank - 1) if d != near] + [near, rank - 1]
                for other in nodes:
                    _permute(other, order)
                return


def _permute(node: Node, order: list[int]) -> None:
    node.shape = [node.shape[d] for d in order]
    if "axis" in node.attrs:
        node.attrs["axis"] = order.index(node.attrs["axis"])
    if node.access is not None:
        node.access.strides = [node.access.strides[d] for d in order]
        node.access.inside = [node.access.inside[d] for d in order]


def _vector_cost(nodes: list[Node], d: int, lanes: int) -> float:
    """Instructions, roughly, when dimension ``d`` is the vector's: short extents waste lanes,
    strided accesses go lane by lane."""
    total = 0.0
    for node in nodes:
        elements = 1
        for k in range(len(node.shape)):
            elements *= node.iteration(k)
        extent = node.iteration(d)
        full = -(-extent // lanes) * lanes  # lanes that are paid for
        vectors = elements / extent * full / lanes
        each = 1.0
        if node.access is not None and extent > 1 and node.access.strides[d] != 1:
            each = 1.0 if node.access.strides[d] == 0 else float(lanes)
            if node.kind == "load" and 1 in node.access.strides:
                each = 4.0  # transposed in registers
            step = node.access.strides[d]
            if node.kind == "load" and isinstance(step, int) and 2 <= step <= MOST_STRIDE:
                each = min(each, float(step))  # a comb
        if node.kind == "reduce" and node.attrs["axis"] == d:
            total += elements / extent * ACROSS_COST
        if node.kind == "scan":
            each = SCAN_COST if node.attrs["axis"] == d else 2.0
        if node.kind == "lookup" and extent > 1 and node.inputs[0].shape[d] > 1:
            each = float(lanes)
        if node.one_by_one(d):
            later = any(node.one_by_one(k) for k in range(d + 1, len(node.shape)))
            each = math.inf if later else float(lanes)  # of equal places the last one stays
        total += vectors * each
    return total


# ---- need ----------------------------------------------------------------------------------


def compute_needs(nodes: list[Node]) -> None:
    """Fills ``need`` of every node; nodes that nobody needs keep it empty."""
    for node in reversed(nodes):
        if node.is_sink:
            extents = [Interval.full(e) for e in node.shape]
            node.need = extents if node.access is None else list(node.access.inside)
        if not node.need:
            continue
        for source in node.inputs:
            wanted = [_source_need(node, source, d) for d in range(len(node.shape))]
            if source.need:
                pairs = zip(source.need, wanted, source.shape)
                source.need = [_union(a, b, extent) for a, b, extent in pairs]
            else:
                source.need = wanted


def _source_need(node: Node, source: Node, d: int) -> Interval:
    if source.shape[d] == 1 and node.iteration(d) != 1:
        return Interval.full(1)
    return node.interval(d)


def _union(a: Interval, b: Interval, extent: int) -> Interval:
    return a if a == b else Interval.full(extent)


def downward(nodes: list[Node]) -> set[int]:
    """Dimensions whose loops run from the end: those that only reversed scans go along. Where
    scans of both directions meet, the reversed ones are marked as going ``against`` the others."""
    scans = [n for n in nodes if n.kind == "scan" and n.need]
    ahead = {n.attrs["axis"] for n in scans if not n.attrs["reverse"]}
    for node in scans:
        node.attrs["against"] = node.attrs["reverse"] and node.attrs["axis"] in ahead
    return {n.attrs["axis"] for n in scans} - ahead


# ---- anchoring -----------------------------------------------------------------------------


def anchor(nodes: list[Node]) -> list[Node]:
    """Marks the nodes that get their own place; returns these in order. Expects ``need``."""
    live = [n for n in nodes if n.need]
    users: dict[Node, list[Node]] = {n: [] for n in live}
    for node in live:
        for source in node.inputs:
            users[source].append(node)
    again: dict[Node, int] = {}  # instructions to compute a node where it is used
    for node in live:
        if node.is_sink or node.kind in ("reduce", "scan"):
            node.anchored = "hard"
        elif node.kind == "load" and starts_outside(node) and _gathered(node):
            node.anchored, node.attrs["padded_row"] = "hard", True
        elif can_stage(node) and not reads_comb(node):
            node.anchored, node.attrs["staged"] = "hard", True
        own = semantics.cost(node.op) if node.kind == "map" else int(node.kind == "load")
        own = LOOKUP_COST if node.kind == "lookup" else own
        again[node] = own + sum(0 if s.anchored else again[s] for s in node.inputs)
        if (
            node.kind in ("map", "load", "lookup")
            and not node.anchored
            and _worth_keeping(node, users[node], again[node])
        ):
            node.anchored = "soft"
    return [n for n in live if n.anchored]


def starts_outside(node: Node) -> bool:
    """Whether a vector load may begin before its tensor does (and not only end behind it)."""
    assert node.access is not None
    inside, d = node.access.inside[-1], len(node.shape) - 1
    outside = inside.lower != affine.ZERO and inside.lower != node.need[d].lower
    return outside and node.shape[d] > 1


def _gathered(node: Node) -> bool:
    """Whether a load goes lane by lane."""
    assert node.access is not None
    return node.access.strides[-1] != 1 and not reads_comb(node)


def _worth_keeping(node: Node, users: list[Node], cost: int) -> bool:
    if len(set(users)) > 1 and cost > SHARED_BUDGET:
        return True
    last = len(node.shape) - 1
    for user in users:
        wider = [d for d in range(last + 1) if node.shape[d] == 1 and user.iteration(d) != 1]
        if last in wider:
            return True  # one scalar for a whole row
        if wider and cost > BROADCAST_BUDGET:
            return True
    return node.kind == "map" and all(e == 1 for e in node.shape)


# ---- partition -----------------------------------------------------------------------------


@dataclass
class Group:
    """Consecutive work under one loop over dimension ``d`` (or none, when ``loop`` is False)."""

    key: tuple[Any, ...]
    nodes: list[Node]
    loop: bool


class Edges:
    """Which anchored node needs which, computed-again nodes between them skipped."""

    def __init__(self, anchored: list[Node]) -> None:
        self.before: dict[Node, list[tuple[Node, bool]]] = {}
        for node in anchored:
            found: dict[Node, bool] = {}
            stack = list(node.inputs)
            visited: set[Node] = set()
            while stack:
                source = stack.pop()
                if source in visited:
                    continue
                visited.add(source)
                if source.anchored:
                    found[source] = True
                else:
                    stack.extend(source.inputs)
            pairs = list(found.items())
            pairs += [(n, same) for n, same in node.after if n.anchored and n.need]
            self.before[node] = pairs

    def may_share(self, first: Node, second: Node, same: bool, d: int) -> bool:
        if not same or (first.kind == "reduce" and first.attrs["axis"] == d):
            return False
        return first.key(d) == second.key(d)


def partition(nodes: list[Node], edges: Edges, d: int) -> list[Group]:
    """Groups in execution order. Hard nodes as early as possible, soft ones as late as their users
    allow. Marks values whose users are in another group: their memory starts at level ``d``."""
    members = set(nodes)
    groups: list[Group] = []
    at: dict[Node, int] = {}
    for node in nodes:
        first = 0
        for source, same in edges.before[node]:
            if source in members:
                first = max(first, at[source] + (not edges.may_share(source, node, same, d)))
        key = node.key(d)
        place = next((i for i in range(first, len(groups)) if groups[i].key == key), len(groups))
        if place == len(groups):
            groups.append(Group(key, [], node.loops_at(d)))
        at[node] = place
    _sink_soft(nodes, edges, d, groups, at)
    for node in nodes:
        groups[at[node]].nodes.append(node)
        for source, _ in edges.before[node]:
            if source in members and at[source] != at[node] and source.escape is None:
                source.escape = d
    return [g for g in groups if g.nodes]


def _sink_soft(
    nodes: list[Node], edges: Edges, d: int, groups: list[Group], at: dict[Node, int]
) -> None:
    members = set(nodes)
    last: dict[Node, int] = {}  # the latest group that a node may move to
    for node in reversed(nodes):
        if node.anchored == "soft" and node in last:
            key = node.key(d)
            choices = [i for i in range(at[node], last[node] + 1) if groups[i].key == key]
            at[node] = choices[-1]
        for source, same in edges.before[node]:
            if source in members:
                limit = at[node] - (not edges.may_share(source, node, same, d))
                last[source] = min(last.get(source, limit), limit)
