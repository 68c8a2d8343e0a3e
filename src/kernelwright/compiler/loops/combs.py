"""Loads that take every second, third... element: runs of memory, taken apart in registers.

What a window of stride s reads along the vector is every s-th element of a run of memory; its
neighbours, the other taps of a pooling, read those between. So the run is loaded once, vector by
vector, and each of them is picked out by shuffles. Arithmetic that all of them share (a square, the
sum of the rows of a window) is done on the run, before it is taken apart.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from kernelwright.compiler.loops import semantics
from kernelwright.compiler.loops.nodes import Access, Node

MOST_STRIDE = 8  # with a larger one, shuffles cost more than a gather lane by lane


@dataclass(frozen=True)
class Comb:
    """The lanes of a node: every ``stride``-th element of a run, from ``offset`` on. Nodes of the
    same ``key`` share the run; ``first`` and ``last`` are the least and greatest offsets of all."""

    key: Hashable
    stride: int
    offset: int
    first: int
    last: int


@dataclass(frozen=True)
class _Form:
    """A tree of loads with one stride: ``shape`` is equal for trees that differ in the constants
    of their addresses only, ``places``. ``loads`` are the loads, each with its place."""

    stride: int
    shape: Hashable
    places: tuple[int, ...]
    cost: int
    loads: frozenset[tuple[Hashable, int]]

    @property
    def offset(self) -> int:
        return self.places[0] % self.stride

    @property
    def key(self) -> Hashable:
        return (self.stride, self.shape, tuple(p - self.offset for p in self.places))

    @property
    def shares(self) -> bool:
        """Whether some of the loads come from one run: taken apart before, that is read once."""
        runs = {(shape, place // self.stride) for shape, place in self.loads}
        return len(runs) < len(self.loads)


def reads_comb(node: Node) -> bool:
    """Whether a load takes every second, third... element along the vector dimension."""
    access = node.access
    if node.kind != "load" or access is None or node.shape[-1] == 1:
        return False
    if "bool" in (node.dtype, access.memory.dtype):
        return False
    stride = access.strides[-1]
    return isinstance(stride, int) and 2 <= stride <= MOST_STRIDE


def find_combs(nodes: Sequence[Node]) -> dict[Node, Comb]:
    """The combs among ``nodes``, which come in order and are anchored. A tree of operations is one
    where taking its result apart is cheaper than taking every load apart."""
    forms: dict[Node, _Form] = {}
    for node in nodes:
        if node.need and not node.anchored:
            form = _of_load(node) if reads_comb(node) else _of_map(node, forms)
            if form is not None:
                forms[node] = form
    offsets: dict[Hashable, set[int]] = {}
    for form in forms.values():
        offsets.setdefault(form.key, set()).add(form.offset)
    found = {}
    for node, form in forms.items():
        together = offsets[form.key]
        saved = (len(form.places) - 1) * (form.stride - 1) * len(together)
        if form.cost * (form.stride - len(together)) <= saved:
            found[node] = Comb(
                form.key, form.stride, form.offset, min(together), max(together)
            )  # fmt: skip
    return found


def _of_load(node: Node) -> _Form:
    access = node.access
    assert isinstance(access, Access)
    stride = access.strides[-1]
    assert isinstance(stride, int)
    shape = (
        access.memory, access.base.terms, tuple(access.strides), tuple(access.inside),
        tuple(access.fixed), tuple(node.shape), node.dtype, repr(node.attrs["pad"]),
    )  # fmt: skip
    place = access.base.constant
    return _Form(stride, shape, (place,), 0, frozenset([(shape, place)]))


def _of_map(node: Node, forms: dict[Node, _Form]) -> _Form | None:
    if node.kind != "map" or node.dtype == "bool" or node.shape[-1] == 1:
        return None
    stride, cost = 0, semantics.cost(node.op)
    shapes: list[Hashable] = [node.op, node.dtype, tuple(node.shape)]
    places: tuple[int, ...] = ()
    loads: frozenset[tuple[Hashable, int]] = frozenset()
    for source in node.inputs:
        if source.shape[-1] == 1:
            shapes.append(source)
            continue
        form = forms.get(source)
        if form is None or stride not in (0, form.stride):
            return None
        stride, cost, places = form.stride, cost + form.cost, places + form.places
        shapes.append(form.shape)
        loads |= form.loads
    found = _Form(stride, tuple(shapes), places, cost, loads) if places else None
    return None if found is None or found.shares else found
