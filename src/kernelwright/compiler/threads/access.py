"""What a kernel's accesses to memory say about the layout: where neighbours lie, how wide to go."""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd, prod
from typing import NamedTuple

from kernelwright.compiler.codegen._legalize import SIZE_BYTES
from kernelwright.compiler.loops import affine
from kernelwright.compiler.loops.affine import Affine, Atom
from kernelwright.compiler.loops.nodes import Access

ACCESS_BYTES = 16  # the widest a thread reads or writes at once


class Seen(NamedTuple):
    """An access and the shape of its tile."""

    access: Access
    shape: tuple[int, ...]


def multiple(form: Affine | int) -> int:
    """A number that every value of ``form`` is a multiple of; 0 when it is always 0."""
    form = affine.of(form)
    return gcd(form.constant, *(c * _atom(a) for a, c in form.terms))


def _atom(atom: Atom) -> int:
    if atom.kind == "mul":
        return prod(map(multiple, atom.args))
    if atom.kind in ("min", "max", "mod"):
        return gcd(*map(multiple, atom.args))
    return 1


def contiguous(seen: Seen) -> int | None:
    """The position, from the last, along which neighbours are neighbours in memory."""
    rank = len(seen.shape)
    for d in reversed(range(rank)):
        if seen.shape[d] > 1 and seen.access.strides[d] == 1:
            return rank - 1 - d
    return None


def widest(seen: Seen, position: int) -> int:
    """Elements along ``position`` that may be read at once from every such multiple on."""
    rank, access = len(seen.shape), seen.access
    if contiguous(seen) != position:
        return 1
    most = max(1, ACCESS_BYTES // SIZE_BYTES[access.memory.dtype])
    d = rank - 1 - position
    parts = [multiple(access.base), most]
    parts += [
        multiple(stride) for i, stride in enumerate(access.strides) if i != d and seen.shape[i] > 1
    ]
    if access.inside[d].lower != affine.ZERO:
        parts.append(multiple(access.inside[d].lower))
    both = gcd(*parts)
    return both & -both


def fast_dimension(seen: Sequence[Seen]) -> tuple[int, int]:
    """(elements of a thread's piece, the position along which pieces lie), those of the most
    bytes."""
    by_position: dict[int, int] = {}
    for each in seen:
        position = contiguous(each)
        if position is not None:
            by_position[position] = by_position.get(position, 0) + _bytes(each)
    if not by_position:
        return 1, 0
    fast = min(by_position, key=lambda p: (-by_position[p], p))
    by_width: dict[int, int] = {}
    for each in seen:
        if contiguous(each) == fast:
            width = widest(each, fast)
            by_width[width] = by_width.get(width, 0) + _bytes(each)
    return min(by_width, key=lambda w: (-by_width[w], w)), fast


def _bytes(seen: Seen) -> int:
    return prod(seen.shape) * SIZE_BYTES[seen.access.memory.dtype]
