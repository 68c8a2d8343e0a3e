"""Vectors along the runs that combs are taken from, and the shuffles that take them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kernelwright.compiler.loops.builder import Builder
from kernelwright.compiler.loops.combs import Comb
from kernelwright.compiler.loops.ir import Memory, Value, VectorType
from kernelwright.compiler.loops.nodes import Node, Reg
from kernelwright.compiler.loops.vec import Vec

if TYPE_CHECKING:
    from kernelwright.compiler.loops.body import Body


@dataclass(frozen=True)
class Piece:
    """One vector of the run of ``comb``, from its element ``start`` on. ``whole``: all its lanes
    are there; else they end where the comb's do."""

    comb: Comb
    start: int
    whole: bool

    def count(self, b: Builder, lanes: int, combed: Value | None) -> Value | None:
        """How many lanes are there, when the first ``combed`` of the comb are (None: all)."""
        if self.whole:
            return None
        rest = self.comb.last + 1 - self.comb.stride - self.start
        known = lanes if combed is None else b.constants.get(combed)
        if known is not None:
            return b.integer(min(max(int(known) * self.comb.stride + rest, 0), lanes))
        assert combed is not None
        left = Vec(b, combed) * self.comb.stride + rest
        return left.apply("max", 0).apply("min", lanes).value

    def first(self, b: Builder, lanes: int, combed: Value) -> Value:
        """The first lane that is there, when ``combed`` is the comb's first."""
        before = Vec(b, combed) * self.comb.stride + (self.comb.first - self.start)
        return before.apply("max", 0).apply("min", lanes).value


def taken_apart(body: Body, node: Node, comb: Comb) -> Reg:
    """The node's value: its run, evaluated once for all its neighbours, and its share of that."""
    if comb.key not in body.runs:
        body.runs[comb.key] = _run(body, node, comb)
    starts, vectors = body.runs[comb.key]
    lanes = body.lanes
    chosen: list[tuple[int, int]] = []  # (vector, lane) of every lane of the result
    for lane in range(lanes):
        at = comb.offset + lane * comb.stride
        vector = max((i for i, s in enumerate(starts) if s <= at), default=0)
        chosen.append((vector, min(at - starts[vector], lanes - 1)))
    total = vectors[0]
    last = len(vectors) - 1
    for i in range(1, last + 1) if last else [0]:
        picked = tuple(
            (at if i <= 1 else lane) if vector < i or not last else lanes + at
            for lane, (vector, at) in enumerate(chosen)
        )
        total = Vec(body.b, body.b.op("shuffle", total.value, vectors[i].value, lanes=picked))
    return body.register_loaded(node.dtype, total)


def _run(body: Body, node: Node, comb: Comb) -> tuple[list[int], list[Vec]]:
    """Where the vectors of the run start, and they."""
    lanes, b = body.lanes, body.b
    bounded = any(body.bounded(leaf) for leaf in _leaves(node))
    combed = lanes if body.count is None else b.constants.get(body.count)
    known = combed is not None and not bounded
    length = (int(combed or lanes) - 1) * comb.stride + comb.last + 1
    if not known:
        length = (lanes - 1) * comb.stride + comb.last + 1
    whole = known and length >= lanes
    starts = list(range(0, length, lanes))
    if whole:  # the last one ends with the comb
        starts[-1] = length - lanes
    vectors = []
    for start in starts:
        part = body.along(Piece(comb, start, whole))
        value = part.narrow(part.evaluate(node))
        vectors.append(Vec(b, b.splat(value.value, lanes)))
    return starts, vectors


def _leaves(node: Node) -> list[Node]:
    found, stack = [], [node]
    while stack:
        one = stack.pop()
        if one.kind == "load" and one.shape[-1] != 1:
            found.append(one)
        elif one.kind == "map":
            stack.extend(s for s in one.inputs if s.shape[-1] != 1)
    return found


def load_range(
    b: Builder,
    at: Value,
    type: VectorType,
    count: Value | None,
    first: Value | None,
    memory: Memory,
    hoist: bool,
) -> Vec:
    """A load of the lanes from ``first`` (None: 0) to ``count`` (None: all)."""
    args: tuple[Value, ...] = (at,) if count is None else (at, count)
    if first is not None:
        args = (at, b.integer(type.lanes) if count is None else count, first)
    return Vec(b, b.op("load", *args, type=type, memory=memory, hoist=hoist))
