"""Known tables as arithmetic on positions, for processors that compute faster than they look up.

The places that a resizing or a repeated border reads are straight lines cut to whole numbers,
``clip((a * i + b) // c, low, high)``, and the weights of a linear one are what the division
leaves, ``(a * i + b) % c / c``. A kernel that computes them loads no tables, and whoever prints it
sees that no place lies outside of the tensor. Every formula is checked against all of its table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from kernelwright.graph.core import Builder, Graph, Node, is_float

SHORTEST = 8  # elements of a table that is worth a formula
DENOMINATORS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
MULTIPLES = (1, 2, 3, 4, 5, 6, 8)  # of a line's numbers, for offsets of parts of a step
CLOSE = 2e-7  # how far a weight may be from its formula
LARGEST = 2**31 - 1


@dataclass(frozen=True)
class Line:
    """``clip((a * i + b) // c, low, high)`` for i in 0..size-1; ``c`` is positive."""

    a: int
    b: int
    c: int
    low: int
    high: int
    size: int

    def scaled(self) -> np.ndarray:
        """``a * i + b``, no less than what ``low`` needs."""
        return np.maximum(self.a * np.arange(self.size) + self.b, self.low * self.c)

    def values(self) -> np.ndarray:
        return np.minimum(self.scaled() // self.c, self.high)

    def fits(self, table: np.ndarray) -> bool:
        most = abs(self.a) * self.size + abs(self.b) + self.c * (abs(self.low) + 1)
        return most < LARGEST and bool((self.values() == table).all())


def lines_through(table: np.ndarray, extent: int = 0) -> Iterator[Line]:
    """Lines that give ``table``, places of an axis of ``extent``; small numbers come first."""
    low, high, size = int(table.min()), int(table.max()), table.size
    free = np.flatnonzero((table > low) & (table < high))
    if size < SHORTEST or low < 0 or (np.diff(table) < 0).any() or free.size < 2:
        return
    first, last = int(free[0]), int(free[-1])
    at, between = np.arange(first, last + 1), table[first : last + 1]
    slope = Fraction(int(table[last] - table[first]), last - first)
    slopes = [slope.limit_denominator(n) for n in DENOMINATORS]
    seen: set[Fraction] = set()
    for known in (high + 1, max(extent, high + 1)):
        slopes += [Fraction(known, size), Fraction(known - 1, size - 1)]
    for near in slopes:
        if near in seen or near <= 0:
            continue
        seen.add(near)
        a, c = near.numerator, near.denominator
        least = int((between * c - a * at).max())
        most = int(((between + 1) * c - a * at).min()) - 1
        for b in range(least, min(most, least + 1) + 1):
            line = Line(a, b, c, low, high, size)
            if line.fits(table):
                yield line
                break


def with_weights(line: Line, table: np.ndarray, weights: np.ndarray) -> Line | None:
    """A line of ``table`` whose remainders are ``weights``."""
    middle = np.flatnonzero((table > line.low) & (table < line.high))
    if middle.size < 2:
        return None
    for times in MULTIPLES:
        a, c = line.a * times, line.c * times
        offsets = weights[middle].astype(np.float64) * c + table[middle] * c - a * middle
        b = int(np.rint(offsets[0]))
        made = dataclasses.replace(line, a=a, b=b, c=c)
        if np.abs(offsets - b).max() < 1e-3 * c and made.fits(table):
            rest = (made.scaled() - made.values() * c) / c
            if np.abs(rest - weights).max() <= CLOSE:
                return made
    return None


def with_formulas(graph: Graph) -> Graph:
    """``graph`` with the places of its lookups, and the weights that go with them, computed where
    a line gives them. Right for these sizes only."""
    nodes = graph.nodes()
    indices: dict[int, tuple[Node, int]] = {}
    for node in (n for n in nodes if n.op == "lookup"):
        axes = [a for a, to in enumerate(node.attrs["follows"]) if to < 0]
        for axis, n in zip(axes, node.inputs[1:]):
            if _is_table(n) and not is_float(n.dtype):
                indices[n.id] = n, node.inputs[0].shape[axis]
    if not indices:
        return graph
    writer = _Writer()
    weights = [n for n in nodes if _is_table(n) and n.dtype == "float32"]
    for node, extent in indices.values():
        writer.place(node, extent, [w for w in weights if w.shape == node.shape])
    if not writer.made:
        return graph
    new: dict[int, Node] = {}
    for node in nodes:
        operands = tuple(new[n.id] for n in node.inputs)
        kept = node if operands == node.inputs else Node(node.op, operands, node.attrs, node.type)
        new[node.id] = writer.made.get(node.id, kept)
    return dataclasses.replace(graph, outputs=[new[n.id] for n in graph.outputs])


def _is_table(node: Node) -> bool:
    return node.op == "constant" and sum(n != 1 for n in node.shape) == 1


class _Writer:
    """``made``: what stands for a table, by its node's id."""

    def __init__(self) -> None:
        self.builder = Builder()
        self.made: dict[int, Node] = {}
        self.known: list[tuple[tuple[int, ...], np.ndarray, Node]] = []

    def place(self, node: Node, extent: int, weights: list[Node]) -> None:
        table = node.attrs["value"].reshape(-1).astype(np.int64)
        if self.beside(node, table):
            return
        found = list(lines_through(table, extent))
        if not found:
            return
        line = found[0]
        values = [w.attrs["value"].reshape(-1) for w in weights]
        matches = (with_weights(one, table, w) for one in found for w in values)
        exact = next((one for one in matches if one is not None), line)
        if line.c & (line.c - 1):  # the same division gives both
            line = exact
        at = self.written(line, node)
        self.put(node, table, at)
        rest = (exact.scaled() - table * exact.c) / exact.c
        if weights and (rest >= 0).all() and (rest <= 1).all():
            self.weigh(rest, self.remainder(exact, node, at), weights)

    def put(self, node: Node, table: np.ndarray, at: Node) -> None:
        self.known.append((node.shape, table, at))
        self.made[node.id] = (
            at if at.dtype == node.dtype else self.builder.cast(at, dtype=node.dtype)
        )

    def beside(self, node: Node, table: np.ndarray) -> bool:
        """Whether the places are neighbours of others that are computed already."""
        high = int(table.max())
        for shape, other, at in self.known:
            if shape != node.shape:
                continue
            apart = int((table - other).max(initial=0))
            if (np.minimum(other + apart, high) == table).all():
                moved = self.builder.add(at, self.number(apart)) if apart else at
                self.put(node, table, self.builder.minimum(moved, self.number(high)))
                return True
        return False

    def positions(self, line: Line, node: Node) -> Node:
        """``a * i + b``."""
        b = self.builder
        axis = next(a for a, n in enumerate(node.shape) if n != 1)
        value = b.make("iota", [], shape=node.shape, axis=axis, dtype="int32")
        if line.a != 1:
            value = b.mul(value, self.number(line.a))
        return b.add(value, self.number(line.b)) if line.b else value

    def written(self, line: Line, node: Node) -> Node:
        """The places. Shifts come before the lower bound: so a compiler sees which neighbours
        have the same place."""
        b, at = self.builder, self.positions(line, node)
        bounded = line.b >= line.low * line.c
        if line.c & (line.c - 1) == 0:
            if line.c > 1:
                at = b.make("right_shift", [at, self.number(line.c.bit_length() - 1)])
            at = at if bounded else b.maximum(at, self.number(line.low))
        else:
            at = at if bounded else b.maximum(at, self.number(line.low * line.c))
            at = b.make("floor_divide", [at, self.number(line.c)])
        return b.minimum(at, self.number(line.high))

    def remainder(self, line: Line, node: Node, at: Node) -> Node:
        """What the division leaves, over the divisor."""
        b, scaled = self.builder, self.positions(line, node)
        if line.b < line.low * line.c:
            scaled = b.maximum(scaled, self.number(line.low * line.c))
        left = b.sub(scaled, b.mul(at, self.number(line.c)))
        return b.mul(b.cast(left, dtype="float32"), b.constant(1 / line.c, "float32"))

    def weigh(self, rest: np.ndarray, part: Node, weights: list[Node]) -> None:
        """Tables of remainders, and of what they lack to one."""
        one = self.builder.constant(1.0, "float32")
        for weight in weights:
            values = weight.attrs["value"].reshape(-1)
            if np.abs(rest - values).max() <= CLOSE:
                self.made.setdefault(weight.id, part)
            elif np.abs(1 - rest - values).max() <= CLOSE:
                self.made.setdefault(weight.id, self.builder.sub(one, part))

    def number(self, value: int) -> Node:
        return self.builder.constant(value, "int32")
