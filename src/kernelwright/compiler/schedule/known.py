"""Lookups whose indices are known when the kernel is designed.

A known index vector is often a few arithmetic progressions end to end: a mirrored or repeated
border, a rotation, every second element. Each of these is a window, which vectors load, where a
lookup goes element by element.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernelwright.graph.core import Builder, Node

MAX_RUNS = 4  # parts that a lookup is split into; each is a kernel of its own
LONG = 16  # elements of a run on average from which on it is worth a kernel


@dataclass(frozen=True)
class Run:
    """``length`` indices: start, start + step, ...; ``step`` may be 0 or negative."""

    start: int
    step: int
    length: int


def runs(index: np.ndarray, most: int = MAX_RUNS) -> list[Run] | None:
    """The arithmetic progressions that ``index``, a vector, is made of; None if more than
    ``most``. Where two meet, the longer one takes the element that both could have."""
    found: list[Run] = []
    at, size = 0, index.size
    steps = np.diff(index)
    while at < size:
        if len(found) == most:
            return None
        if at == size - 1:
            found.append(Run(int(index[at]), 1, 1))
            break
        differs = np.flatnonzero(steps[at:] != steps[at])
        length = int(differs[0]) + 1 if differs.size else size - at
        found.append(Run(int(index[at]), int(steps[at]), length))
        at += length
    for i in range(len(found) - 1):
        one, two = found[i], found[i + 1]
        last = one.start + one.step * (one.length - 1)
        if 1 < one.length < two.length and last == two.start - two.step:
            found[i] = Run(one.start, one.step if one.length > 2 else 1, one.length - 1)
            found[i + 1] = Run(last, two.step, two.length + 1)
    return found


def lines(node: Node) -> dict[int, tuple[int, np.ndarray]] | None:
    """Of a lookup whose indices are all known vectors: the indexed axis of the tensor -> (the axis
    of the output that it runs along, the indices, one for each place). None for another lookup."""
    x, *indices = node.inputs
    follows = node.attrs["follows"]
    found: dict[int, tuple[int, np.ndarray]] = {}
    taken = {to for to in follows if to >= 0}
    for axis, index in zip((a for a, to in enumerate(follows) if to < 0), indices):
        if index.op != "constant":
            return None
        along = [a for a, n in enumerate(index.shape) if n != 1]
        values = index.attrs["value"].reshape(-1).astype(np.int64)
        if len(along) != 1 or along[0] in taken:
            return None
        if values.size != node.shape[along[0]] or not values.size:
            return None
        if values.min() < 0 or values.max() >= x.shape[axis]:
            return None
        taken.add(along[0])
        found[axis] = (along[0], values)
    return found


def windows_of(builder: Builder, node: Node, split: bool) -> Node | None:
    """A lookup as windows: axes with one progression as part of a window; with ``split``, the
    innermost axis also as a concatenation. None where nothing is gained. The axes must stand in
    the output as they do in the tensor."""
    known = lines(node)
    rank = len(node.shape)
    if known is None or rank != len(node.inputs[0].shape):
        return None
    follows = node.attrs["follows"]
    if any((known[a][0] if a in known else follows[a]) != a for a in range(rank)):
        return None
    inner = max((a for a in range(rank) if node.shape[a] > 1), default=rank - 1)
    parts: dict[int, list[Run]] = {}
    for axis, (_, values) in known.items():
        most = MAX_RUNS if split and axis == inner else 1
        one = runs(values, most)
        if one is not None and (len(one) == 1 or _long(one)):
            parts[axis] = one
    if not parts:
        return None
    whole = {axis: one[0] for axis, one in parts.items() if len(one) == 1}
    if len(whole) == len(parts):
        return _part(builder, node, known, whole)
    made = [_part(builder, node, known, {**whole, inner: run}) for run in parts[inner]]
    return builder.concat(*made, axis=inner)


def _long(parts: list[Run]) -> bool:
    """Whether vectors fit into the runs."""
    return sum(r.length for r in parts) >= LONG * len(parts)


def _part(
    builder: Builder, node: Node, known: dict[int, tuple[int, np.ndarray]], chosen: dict[int, Run]
) -> Node:
    """The lookup with the axes in ``chosen`` read as one run each."""
    x = node.inputs[0]
    rank = len(x.shape)
    none = Run(0, 1, 0)
    taken = [chosen.get(a, none) for a in range(rank)]
    starts = tuple(r.start for r in taken)
    steps = tuple(r.step or 1 for r in taken)
    shape = tuple(
        x.shape[a] if a not in chosen else (chosen[a].length if chosen[a].step else 1)
        for a in range(rank)
    )
    zero = False if x.dtype == "bool" else 0
    value = builder.make("window", [x], starts=starts, steps=steps, shape=shape, value=zero)
    full = tuple(chosen[a].length if a in chosen else node.shape[a] for a in range(rank))
    left = [a for a in known if a not in chosen]
    if left:
        indices = [
            n
            for a, n in zip((a for a, to in enumerate(node.attrs["follows"]) if to < 0),
                            node.inputs[1:])
            if a in left
        ]  # fmt: skip
        rows = tuple(node.shape[a] if a in left else value.shape[a] for a in range(rank))
        follows = tuple(-1 if a in left else a for a in range(rank))
        more = {k: v for k, v in node.attrs.items() if k not in ("shape", "follows")}
        value = builder.make("lookup", [value, *indices], shape=rows, follows=follows, **more)
    return value if value.shape == full else builder.expand(value, shape=full)


def repeated_lookup(builder: Builder, node: Node) -> Node | None:
    """What is looked up and then repeated, element by element along an axis or more, as one lookup:
    ``reshape(expand(reshape(x)))`` that makes axes of ``times * n`` from axes of n. None for other
    nodes. A kernel then stores whole runs, and finds the repeated elements in the nearest cache."""
    if node.op != "reshape" or node.inputs[0].op != "expand":
        return None
    wide, narrow = node.inputs[0], node.inputs[0].inputs[0]
    if (
        narrow.op != "reshape"
        or narrow.inputs[0].op != "lookup"
        or len(narrow.shape) != len(wide.shape)
    ):
        return None
    x = narrow.inputs[0]
    if len(x.shape) != len(node.shape) or lines(x) is None:
        return None
    at, times = 0, []
    for before, after in zip(x.shape, node.shape):
        if at == len(wide.shape) or narrow.shape[at] != before or wide.shape[at] != before:
            return None
        at += 1
        times.append(after // max(1, before))
        if after != before:
            if at == len(wide.shape) or (narrow.shape[at], wide.shape[at]) != (1, times[-1]):
                return None
            at += 1
    if at != len(wide.shape):
        return None
    axes = [a for a, n in enumerate(times) if n > 1]
    indices = []
    for axis in axes:
        line = [1] * len(node.shape)
        line[axis] = node.shape[axis]
        places = np.arange(node.shape[axis]) // times[axis]
        indices.append(builder.constant(places.reshape(line), "int32"))
    follows = tuple(-1 if a in axes else a for a in range(len(node.shape)))
    return builder.make("lookup", [x, *indices], shape=node.shape, follows=follows)


# ---- lookups of lookups ------------------------------------------------------------------------


def unmoved(node: Node, operand: Node) -> bool:
    """Whether a lookup finds the same in ``operand``, a constant that broadcasts to the tensor
    which it reads: nothing of it lies along an axis that moves."""
    if operand.op != "constant":
        return False
    if operand.type.size == 1:
        return True
    rank, follows = len(node.shape), node.attrs["follows"]
    if len(operand.shape) != rank or len(follows) != rank:
        return False
    return all(
        n == 1 or (follows[a] == a and node.shape[a] == n) for a, n in enumerate(operand.shape)
    )


def composed_lookup(builder: Builder, outer: Node, inner: Node, indices: list[Node]) -> Node | None:
    """``outer``'s lookup of ``inner``, a lookup itself, as one: both with known indices, along
    axes of their own, that stand where they did. None for others."""
    rank = len(outer.shape)
    if any(n.attrs.get("fill") is not None for n in (outer, inner)):
        return None
    first = lines(inner)
    second = lines(Node("lookup", (inner, *indices), outer.attrs, outer.type))
    if first is None or second is None or set(first) & set(second):
        return None
    for node, known in ((inner, first), (outer, second)):
        places = node.attrs["follows"]
        if len(places) != rank or len(node.shape) != rank:
            return None
        if any((known[a][0] if a in known else places[a]) != a for a in range(rank)):
            return None
    both = {**first, **second}
    if any(both[a][1].size != outer.shape[a] for a in both):
        return None
    made = [
        builder.constant(both[a][1].reshape([-1 if b == a else 1 for b in range(rank)]), "int32")
        for a in sorted(both)
    ]
    follows = tuple(-1 if a in both else a for a in range(rank))
    return builder.make("lookup", [inner.inputs[0], *made], shape=outer.shape, follows=follows)
