"""Long reductions that need another one's result, in the same pass over memory.

Bytes moved: the operand once for both, where two passes read it twice. Three such pairs are known:

- a sum of ``exp(x - max(x))``, perhaps times something: the running sum is scaled by
  ``exp(old max - new max)`` before a block is added (Milakov and Gimelshein, "Online normalizer
  calculation for softmax", 2018);
- a sum of ``(x - mean(x))**2``: each block about its own mean, joined by the squared difference of
  the means (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
  sample variances", 1979). No square of a mean is ever subtracted;
- the least index at which x equals its maximum or minimum (or is NaN, which counts as both): a
  block's own, unless an earlier block's value was as good.

``link`` finds a pair among a region's reductions; ``Online`` writes it, for ``StreamEmitter``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from kernelwright.aul import syntax as aul
from kernelwright.compiler.schedule.tiles import (
    TileRef,
    TileWriter,
    compute_dtype,
    constant_number,
    identity,
)
from kernelwright.graph.core import is_float

if TYPE_CHECKING:
    from kernelwright.compiler.schedule.region import Value

INF = float("inf")


@dataclass(frozen=True)
class Link:
    """``base`` is the maximum or the sum that the dependent reduction uses as ``inner``: the
    maximum itself (or 0 where it is infinite: ``guarded``), or the mean. ``locates``: the dependent
    is where the extremum stands."""

    base: Value
    inner: Value
    guarded: bool = False
    locates: bool = False

    @property
    def rescales(self) -> bool:
        return self.base.op == "amax" and not self.locates

    @property
    def counts(self) -> bool:
        """Whether it takes the number of elements so far."""
        return self.base.op == "sum"


def peel(value: Value) -> Value:
    """``value`` without views around it."""
    while value.kind == "map" and value.op == "alias":
        value = value.args[0]
    return value


def link(base: Value, dependent: Value) -> Link | None:
    """How ``dependent`` can be folded in the pass that finds ``base``, if it can."""
    if dependent.op == "amin" and base.op in ("amax", "amin") and not _reduces(base.args[0]):
        return _located(base, peel(dependent.args[0]))
    if dependent.op != "sum" or not is_float(dependent.dtype) or base.kind != "reduce":
        return None
    if _reduces(base.args[0]):
        return None
    body = peel(dependent.args[0])
    if base.op == "amax":
        return _rescaled(base, body)
    return _recentred(base, body) if base.op == "sum" else None


def _rescaled(base: Value, body: Value) -> Link | None:
    factors = [peel(a) for a in body.args] if body.op == "mul" else [body]
    for factor, *others in (factors, factors[::-1]):
        if factor.op != "exp" or any(_uses(other, base) for other in others):
            continue
        shifted = peel(factor.args[0])
        if shifted.op != "sub" or peel(shifted.args[0]) is not peel(base.args[0]):
            continue
        inner = peel(shifted.args[1])
        if inner is base:
            return Link(base, base)
        if inner.op == "where" and _is_guard(base, [peel(a) for a in inner.args]):
            return Link(base, inner, guarded=True)
    return None


def exponential(pair: Link, dependent: Value) -> Value | None:
    """The ``exp(x - max(x))`` of a rescaled sum whose maximum is used as it is."""
    body = peel(dependent.args[0])
    factors = [peel(a) for a in body.args] if body.op == "mul" else [body]
    found = [f for f in factors if f.op == "exp" and _uses(f, pair.base)]
    return found[0] if pair.rescales and not pair.guarded and found else None


def _located(base: Value, body: Value) -> Link | None:
    """where(x == extremum or isnan(x), an index, a number)"""
    if body.op != "where":
        return None
    test, index, none = (peel(a) for a in body.args)
    tests = [peel(a) for a in test.args] if test.op == "logical_or" else [test]
    x = peel(base.args[0])
    for one in tests:
        operands = [peel(a) for a in one.args]
        same = one.op == "eq" and operands in ([x, base], [base, x])
        if not same and not (one.op == "isnan" and operands == [x]):
            return None
    if all(one.op != "eq" for one in tests) or none.kind != "const" or _uses(index, base):
        return None
    return Link(base, base, locates=True)


def _is_guard(base: Value, args: Sequence[Value]) -> bool:
    """where(isinf(base), 0, base)"""
    test, zero, other = args
    tested = test.op == "isinf" and peel(test.args[0]) is base
    return tested and other is base and zero.kind == "const" and constant_number(zero.node) == 0


def _recentred(base: Value, body: Value) -> Link | None:
    if body.op == "square" or (body.op == "mul" and peel(body.args[0]) is peel(body.args[1])):
        difference = peel(body.args[0])
    elif body.op == "pow" and body.args[1].kind == "const":
        if constant_number(body.args[1].node) != 2:
            return None
        difference = peel(body.args[0])
    else:
        return None
    if difference.op != "sub":
        return None
    for x, mean in (difference.args, difference.args[::-1]):
        if peel(x) is peel(base.args[0]) and _is_mean(base, peel(mean)):
            return Link(base, peel(mean))
    return None


def _is_mean(base: Value, value: Value) -> bool:
    if value.op not in ("div", "mul") or value.args[1].kind != "const":
        return False
    operand = base.node.inputs[0]
    count = prod(operand.shape[a] for a in base.node.attrs["axes"])
    number = constant_number(value.args[1].node)
    wanted = count if value.op == "div" else 1 / count
    return peel(value.args[0]) is base and number == wanted


def _uses(value: Value, base: Value) -> bool:
    return any(v is base for v in _within(value))


def _reduces(value: Value) -> bool:
    return any(v.kind == "reduce" for v in _within(value))


def _within(value: Value) -> list[Value]:
    found: dict[int, Value] = {}
    stack = [value]
    while stack:
        current = stack.pop()
        if id(current) not in found:
            found[id(current)] = current
            stack.extend(current.args)
    return list(found.values())


def links(reductions: Sequence[Value]) -> dict[int, Link]:
    """The dependent reductions, by id, with what they depend on."""
    found: dict[int, Link] = {}
    for one in reductions:
        for two in reductions:
            pair = link(one, two) if one is not two and _uses(two, one) else None
            if pair is not None:
                found[id(two)] = pair
    scaled = {id(pair.base) for pair in found.values() if pair.rescales}
    return {i: p for i, p in found.items() if not (p.locates and id(p.base) in scaled)}


class Online:
    """Writes linked reductions of one region. ``counts``: some need the number of elements so
    far, which is then one more accumulator behind the others."""

    def __init__(self, reductions: Sequence[Value]) -> None:
        self.links = links(reductions)
        self.bases = {id(k.base): k for k in self.links.values()}
        self.counts = any(k.counts for k in self.links.values())
        self.scale: dict[int, TileRef] = {}  # of a base: what its dependents' sums are scaled by
        self.joint: dict[int, TileRef] = {}  # of a base: what joining its blocks' squares adds
        self.moved: dict[int, TileRef] = {}  # of a base: whether a block's extremum replaces it

    # ---- block by block ----------------------------------------------------------------------

    def base(self, writer: TileWriter, base: Value, acc: TileRef, block: TileRef,
             count: TileRef | None, here: TileRef | None) -> None:  # fmt: skip
        """Joins a block's own result ``block`` to the accumulator of a base; leaves what its
        dependents need. ``count``: elements so far; ``here``: in this block."""
        pair = self.bases[id(base)]
        if pair.locates:
            op = "max" if base.op == "amax" else "min"
            top = writer.binary(op, acc, block, acc.dtype)
            self.moved[id(base)] = self.differs(writer, top, acc)
            writer.tiles[id(base)] = top
            writer.emit("vbroadcast_op", "", acc, top)
            return
        if pair.rescales:
            top = writer.binary("max", acc, block, acc.dtype)
            safe = self.finite(writer, top)
            self.scale[id(base)] = self.exp(writer, writer.binary("sub", acc, safe, acc.dtype))
            writer.tiles[id(pair.inner)] = writer.tiles[id(base)] = safe
            writer.emit("vbroadcast_op", "", acc, top)
            return
        assert count is not None and here is not None
        # Numbers of elements are the same for all results: divisions of them cost next to nothing.
        own = writer.binary("mul", block, self.inverse(writer, here), "float64")
        inverse = self.inverse(writer, self.at_least_one(writer, count))
        before = writer.binary("mul", acc, inverse, "float64")
        delta = writer.binary("sub", own, before, "float64")
        both = writer.binary("add", count, here, "float64")
        weight = writer.binary("mul", count, here, "float64")
        weight = writer.binary("mul", weight, self.inverse(writer, both), "float64")
        square = writer.binary("mul", delta, delta, "float64")
        self.joint[id(base)] = writer.binary("mul", square, weight, "float64")
        writer.tiles[id(pair.inner)] = writer.convert(own, compute_dtype(base.dtype))
        writer.emit("vbinary_op", "add", acc, acc, block)

    def dependent(self, writer: TileWriter, value: Value, acc: TileRef, block: TileRef) -> None:
        """Joins a block's result, which was taken about the base's result so far."""
        pair = self.links[id(value)]
        if pair.locates:
            kept = self.unless(writer, self.moved[id(pair.base)], acc)
            writer.emit("vbinary_op", "min", acc, kept, block)
            return
        if pair.rescales:
            scale = writer.convert(self.scale[id(pair.base)], acc.dtype)
            writer.emit("vbinary_op", "mul", acc, acc, scale)
        else:
            writer.emit("vbinary_op", "add", acc, acc, self.joint[id(pair.base)])
        writer.emit("vbinary_op", "add", acc, acc, block)

    def alone(self, writer: TileWriter, base: Value, block: TileRef, here: TileRef | None) -> None:
        """Leaves what a base's dependents need in the one block that a core has."""
        pair = self.bases[id(base)]
        if pair.locates:
            writer.tiles[id(base)] = block
        elif pair.rescales:
            writer.tiles[id(pair.inner)] = writer.tiles[id(base)] = self.finite(writer, block)
        else:
            assert here is not None
            total = writer.convert(block, "float64")
            mean = writer.binary("mul", total, self.inverse(writer, here), "float64")
            writer.tiles[id(pair.inner)] = writer.convert(mean, compute_dtype(base.dtype))

    def here(self, writer: TileWriter) -> TileRef:
        """The number of elements of this block that a result folds, as float64."""
        count: aul.IntExpr = aul.Int(1)
        for axis, tile in enumerate(writer.tiled):
            if tile.dim.reduced:
                valid = writer.valid(axis) if tile.blocked else tile.extent.expr
                count = valid if count == aul.Int(1) else aul.Binary("*", count, valid)
        none = (False,) * len(writer.tiled)
        number = writer.emit("viota_op", "", writer.new_tile("n", none, "int64"), axis=0,
                             start=count)  # fmt: skip
        return writer.convert(number, "float64")

    # ---- partial results of cores -----------------------------------------------------------

    def folded(
        self, writer: TileWriter, value: Value, loaded: TileRef, count: TileRef | None,
        tops: dict[int, tuple[TileRef, TileRef]],
    ) -> TileRef:  # fmt: skip
        """A dependent's partial sums, one a core along the first axis, joined. ``tops``: of every
        base its partial results and their fold."""
        pair = self.links[id(value)]
        parts, whole = tops[id(pair.base)]
        if pair.locates:
            worse = self.differs(writer, parts, whole)
            return writer.reduce_axis(self.unless(writer, worse, loaded), "min", 0)
        if pair.rescales:
            away = writer.binary("sub", parts, self.finite(writer, whole), parts.dtype)
            scale = writer.convert(self.exp(writer, away), loaded.dtype)
            loaded = writer.binary("mul", loaded, scale, loaded.dtype)
            return writer.reduce_axis(loaded, "sum", 0)
        assert count is not None
        total = writer.reduce_axis(count, "sum", 0)
        own = writer.binary("div", parts, self.at_least_one(writer, count), "float64")
        mean = writer.binary("div", whole, total, "float64")
        delta = writer.binary("sub", own, mean, "float64")
        square = writer.binary("mul", delta, delta, "float64")
        joint = writer.binary("mul", square, count, "float64")
        return writer.reduce_axis(writer.binary("add", loaded, joint, "float64"), "sum", 0)

    def finished(self, writer: TileWriter, value: Value, total: TileRef, top: TileRef) -> TileRef:
        """A rescaled sum whose maximum is infinite is NaN, as it is in two passes."""
        pair = self.links[id(value)]
        if not pair.rescales or pair.guarded:
            return total
        nothing = writer.convert(writer.binary("sub", top, top, top.dtype), total.dtype)
        return writer.binary("add", total, nothing, total.dtype)

    # ---- pieces ------------------------------------------------------------------------------

    def differs(self, writer: TileWriter, one: TileRef, two: TileRef) -> TileRef:
        """Where two tiles differ; NaN is equal to NaN."""
        present = tuple(a or b for a, b in zip(one.present, two.present))
        test = writer.new_tile("t", present, "bool")
        writer.emit("vcompare_op", "ne", test, one, two)
        if not is_float(one.dtype):
            return test
        first, second = (
            writer.emit("vunary_op", "isnan", writer.new_tile("t", r.present, "bool"), r)
            for r in (one, two)
        )
        both = writer.binary("and", first, second, "bool")
        neither = writer.emit("vunary_op", "not", writer.new_tile("t", both.present, "bool"), both)
        return writer.binary("and", test, neither, "bool")

    def unless(self, writer: TileWriter, test: TileRef, index: TileRef) -> TileRef:
        """``index``, where ``test`` holds the greatest number of its dtype: no index at all."""
        none = writer.new_tile("k", (False,) * len(index.present), index.dtype)
        writer.emit("vfill_op", "", none, value=identity("min", index.dtype))
        present = tuple(a or b for a, b in zip(test.present, index.present))
        out = writer.new_tile("t", present, index.dtype)
        return writer.emit("vselect_op", "", out, test, none, index)

    def inverse(self, writer: TileWriter, ref: TileRef) -> TileRef:
        """1 / ``ref``, a number of elements, to 1e-13: float32's, with one of Newton's steps. A
        GPU's division in float64 costs as much as all else that a block's numbers need."""
        rough = writer.emit(
            "vunary_op", "rec", writer.new_tile("t", ref.present, "float32"),
            writer.convert(ref, "float32"),
        )  # fmt: skip
        rough = writer.convert(rough, "float64")
        error = writer.binary("mul", ref, rough, "float64")
        left = writer.new_tile("t", ref.present, "float64")
        writer.emit("vectorscalar_op", "rsubs", left, error, factor=2.0)
        return writer.binary("mul", rough, left, "float64")

    def finite(self, writer: TileWriter, ref: TileRef) -> TileRef:
        """0 where ``ref`` is infinite, so that the difference to it is no NaN."""
        test = writer.emit("vunary_op", "isinf", writer.new_tile("t", ref.present, "bool"), ref)
        none = (False,) * len(ref.present)
        zero = writer.emit("vfill_op", "", writer.new_tile("k", none, ref.dtype), value=0.0)
        out = writer.new_tile("t", ref.present, ref.dtype)
        return writer.emit("vselect_op", "", out, test, zero, ref)

    def exp(self, writer: TileWriter, ref: TileRef) -> TileRef:
        out = writer.new_tile("t", ref.present, ref.dtype)
        return writer.emit("vunary_op", "exp", out, ref)

    def at_least_one(self, writer: TileWriter, ref: TileRef) -> TileRef:
        out = writer.new_tile("t", ref.present, ref.dtype)
        return writer.emit("vectorscalar_op", "maxs", out, ref, factor=1.0)
