"""Tile operations of one straight-line run, as a DAG of nodes that all have the same rank.

A node stands for one version of a whole tile. Dimensions are aligned by position (shorter tiles get
leading ones), so a dimension of size 1 broadcasts and fusion is a question of equal extents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kernelwright.compiler.loops import affine
from kernelwright.compiler.loops.affine import Affine
from kernelwright.compiler.loops.ir import Memory, Value

COMPUTE = {"float16": "float32", "bfloat16": "float32", "uint8": "int32"}


def compute_dtype(dtype: str) -> str:
    """The dtype that arithmetic on tiles of ``dtype`` is done in, rounding after each operation."""
    return COMPUTE.get(dtype, dtype)


@dataclass(frozen=True)
class Interval:
    """lower <= index < upper, both affine in scalars known outside of the tile's own loops."""

    lower: Affine
    upper: Affine

    @staticmethod
    def full(extent: int) -> Interval:
        return Interval(affine.ZERO, affine.of(extent))

    def is_full(self, extent: int) -> bool:
        return self == Interval.full(extent)


@dataclass
class Access:
    """Where a load reads or a store writes: element ``base + sum(index[d] * strides[d])``.

    ``inside[d]`` is the part of dimension d that lies within the tensor; ``fixed`` holds (index,
    bound) of dropped dimensions that may lie outside. ``starts`` (one a tensor dimension) is for
    telling accesses apart.
    """

    memory: Memory
    base: Affine
    strides: Sequence[int | Affine]
    inside: list[Interval]
    fixed: list[tuple[Affine, int | Affine]] = field(default_factory=list)
    starts: list[tuple[Affine, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Reg:
    """A value in flight: ``wide`` has the compute dtype and is already rounded to ``dtype``;
    ``narrow``, when known, is the same in the storage dtype. At least one is set."""

    dtype: str
    wide: Value | None
    narrow: Value | None = None


@dataclass(eq=False)
class Node:
    """kind            inputs  meaning
    load              0       access; attrs: pad (float or None)
    lookup            1       access; input: the index along one more dimension, of ``stride`` and
                              ``extent``, counted from ``start``; attrs: pad
    fill              0       attrs: value
    iota              0       attrs: axis, start (Affine)
    scalar            0       attrs: reg, a Reg from outside of the run
    map               1..3    attrs: function (key of semantics), factor; elementwise with broadcast
    reduce            1       op; attrs: axis, valid (Affine or None)
    scan              1       op; attrs: axis, valid (Affine or None), reverse, and against: the
                              loop over the axis would run the other way for its neighbours
    store             1       access
    put               2       access; op (how it combines; "": not at all); inputs: values, and the
                              index along one more dimension, as in a lookup
    scalar_out        1       attrs: tile; a one-element tile that later runs read
    """

    kind: str
    op: str
    shape: list[int]
    dtype: str
    inputs: list[Node] = field(default_factory=list)
    access: Access | None = None
    attrs: dict[str, Any] = field(default_factory=dict)
    # what must be done before: (node, may it share the loops)
    after: list[tuple[Node, bool]] = field(default_factory=list)
    # filled by the planner
    need: list[Interval] = field(default_factory=list)
    anchored: str = ""  # "" computed where it is used | "soft" | "hard"
    escape: int | None = None  # outermost loop level where a user stands in another loop

    @property
    def is_sink(self) -> bool:
        return self.kind in ("store", "put", "scalar_out")

    def iteration(self, d: int) -> int:
        """Extent of dimension ``d`` of the loops that compute this node."""
        return self.inputs[0].shape[d] if self.kind == "reduce" else self.shape[d]

    def interval(self, d: int) -> Interval:
        """The part of dimension ``d`` that those loops must visit."""
        if self.kind not in ("reduce", "scan") or d != self.attrs["axis"]:
            return self.need[d]
        bound = self.bound()
        if self.kind == "reduce":
            return Interval(affine.ZERO, bound)
        # A scan visits what comes before the elements that are needed, too.
        upper = self.need[d].upper
        if self.attrs["reverse"] and upper != bound:
            upper = affine.of(self.shape[d])
        return Interval(affine.ZERO, upper)

    def bound(self) -> Affine:
        """Where the elements of a reduction or scan end that count."""
        extent = self.iteration(self.attrs["axis"])
        valid = self.attrs["valid"]
        return affine.of(extent) if valid is None else affine.clamp(valid, extent)

    def passes_bound(self) -> bool:
        """Whether a scan's loop visits elements that do not count."""
        upper, bound = self.interval(self.attrs["axis"]).upper, self.bound()
        return upper != bound and bound != affine.of(self.iteration(self.attrs["axis"]))

    def key(self, d: int) -> tuple[Any, ...]:
        """Nodes with equal keys can share a loop over dimension ``d``."""
        if self.attrs.get("against") and d == self.attrs["axis"]:
            return (self.iteration(d), self.interval(d), "against")
        if self.attrs.get("padded_row") and d == len(self.shape) - 1:
            return ("padded", id(self))
        if self.attrs.get("staged") and d == len(self.shape) - 2:
            return ("staged", id(self))
        return (self.iteration(d), self.interval(d))

    def one_by_one(self, d: int) -> bool:
        """Whether neighbours along ``d`` are put at places that say nothing about each other, and
        may be one."""
        if self.kind != "put" or self.shape[d] == 1:
            return False
        assert self.access is not None
        return self.inputs[1].shape[d] != 1 or self.access.strides[d] == 0

    def loops_at(self, d: int) -> bool:
        """Whether dimension ``d`` needs a loop at all."""
        extent = self.iteration(d)
        return extent != 1 or not self.interval(d).is_full(extent)
