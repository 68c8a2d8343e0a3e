"""Loads that only part of a tile needs: what is on the other side of a diagonal is never read.

Where all that comes of a loaded tile is chosen by a comparison of two positions, as in a triangular
matrix or under a causal mask, the comparison is a mask of the load: half of the lines stay where
they are. A comparison of one position, or of what must be loaded first, gains nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from kernelwright.aul.syntax import Copy, Kernel, Place, Statement, VectorOp, statements

_ORDERED = frozenset({"lt", "le", "gt", "ge"})
_EACH = frozenset({"vunary_op", "vbinary_op", "vectorscalar_op", "vcast_op", "vbroadcast_op"})
_FROM_POSITIONS = frozenset({"viota_op", "vfill_op", *_EACH, "vcompare_op"})


def gates(kernel: Kernel) -> dict[str, str]:
    """For every loaded tile of which elements are needed only where a tile of bools holds: the name
    of that tile."""
    body = list(statements(kernel.body))
    if len(body) != len(kernel.body):  # in loops and branches, order is not that of the text
        return {}
    written: dict[str, list[Statement]] = defaultdict(list)
    read: dict[str, list[Statement]] = defaultdict(list)
    for s in body:
        if isinstance(s, Copy | VectorOp):
            written[s.dst.name].append(s)
            for name in _sources(s):
                read[name].append(s)
    known: set[str] = set()
    for s in body:
        positional = isinstance(s, VectorOp) and s.family in _FROM_POSITIONS
        if isinstance(s, VectorOp) and positional and all(n in known for n in _sources(s)):
            known.add(s.dst.name)
    found: dict[str, str] = {}
    for s in body:
        if isinstance(s, Copy) and s.src.index is not None and s.index is None:
            gate = _gate(s.dst.name, written, read, known)
            if gate is not None:
                found[s.dst.name] = gate
    return found


def _gate(
    name: str,
    written: dict[str, list[Statement]],
    read: dict[str, list[Statement]],
    known: set[str],
) -> str | None:
    """The condition under which an element of ``name`` is needed, if there is one."""
    while len(read[name]) == 1 and len(written[name]) == 1:
        (use,) = read[name]
        if not isinstance(use, VectorOp):
            return None
        if use.family == "vselect_op":
            condition, kept, other = (p.name for p in use.srcs)
            made = written[condition]
            if kept != name or other == name or condition not in known or len(made) != 1:
                return None
            (compare,) = made
            both = isinstance(compare, VectorOp) and compare.family == "vcompare_op"
            return condition if both and _of_two(compare, written) else None
        if use.family not in _EACH:
            return None
        name = use.dst.name
    return None


def _of_two(compare: Statement, written: dict[str, list[Statement]]) -> bool:
    """Whether a comparison orders positions along one axis by positions along another."""
    assert isinstance(compare, VectorOp)
    if compare.op not in _ORDERED:
        return False
    axes = [_axes(p.name, written) for p in compare.srcs]
    return len(axes) == 2 and all(len(a) == 1 for a in axes) and axes[0] != axes[1]


def _axes(name: str, written: dict[str, list[Statement]]) -> set[int]:
    """The tile dimensions whose positions ``name`` is made of."""
    found: set[int] = set()
    stack, seen = [name], set[str]()
    while stack:
        current = stack.pop()
        if current in seen:
            continue
        seen.add(current)
        for s in written[current]:
            if isinstance(s, VectorOp) and s.family == "viota_op":
                found.add(int(s.attr("axis")))
            stack.extend(_sources(s))
    return found


def _sources(s: Statement) -> Iterable[str]:
    """The tiles that a statement reads."""
    if isinstance(s, Copy):
        names = [s.src.name] if s.src.index is None else []
        return [*names, s.index.name] if s.index is not None else names
    if isinstance(s, VectorOp):
        factor = s.attr("factor")
        more = [factor.name] if isinstance(factor, Place) else []
        more += [s.dst.name] if s.attr("accumulate") else []
        return [*(p.name for p in s.srcs), *more]
    return []
