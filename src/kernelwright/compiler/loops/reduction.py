"""Reductions: identity, combining two partial results, and folding lanes.

A partial result is a tuple of values: (accumulator,) or, for argmax and argmin, (best, its index).
The first index wins a tie and NaN wins over every number, as in torch.
"""

from __future__ import annotations

from collections.abc import Sequence

from kernelwright.compiler.loops.ir import VectorType
from kernelwright.compiler.loops.nodes import Node, compute_dtype
from kernelwright.compiler.loops.vec import Vec
from kernelwright.graph.core import is_float

Partial = tuple[Vec, ...]

_FOLD = {"sum": "add", "prod": "mul", "max": "max", "min": "min", "any": "or", "all": "and"}
_RANGES = {"int8": 7, "int16": 15, "int32": 31, "int64": 63}
_WIDTH = {"float32": 4, "float64": 8}


def dtypes(node: Node) -> tuple[str, ...]:
    """dtype of each part of a partial result."""
    source, result = compute_dtype(node.inputs[0].dtype), compute_dtype(node.dtype)
    if node.op in ("any", "all"):
        return ("bool",)
    if node.op in ("argmax", "argmin"):
        small = node.inputs[0].shape[node.attrs["axis"]] < 2**31
        return ("int32" if source == "bool" else source, "int32" if small else "int64")
    if node.op in ("sum", "prod"):
        if is_float(source) and is_float(result):
            return (max(source, result, key=lambda d: _WIDTH[d]),)
        return (result if result != "bool" else "int32",)
    return (source,)


def identity(node: Node) -> tuple[float | int | bool, ...]:
    """What a reduction of nothing gives; argmax starts at index 0."""
    if node.op in ("any", "all"):
        return (node.op == "all",)
    kind = dtypes(node)[0]
    if node.op in ("sum", "prod"):
        number = int(node.op == "prod")
        return (float(number) if is_float(kind) else number,)
    start = extreme(kind, lowest=node.op in ("max", "argmax"))
    return (start, 0) if node.op.startswith("arg") else (start,)


def extreme(kind: str, *, lowest: bool) -> float | int | bool:
    """The lowest or highest value of a compute dtype."""
    if kind == "bool":
        return not lowest
    if is_float(kind):
        return float("-inf") if lowest else float("inf")
    bits = _RANGES[kind]
    return -(2**bits) if lowest else 2**bits - 1


def combine(node: Node, a: Partial, b: Partial) -> Partial:
    """Both partial results together. For argmax, ``a``'s elements come before ``b``'s in its lane
    or have indices that decide the tie."""
    if not node.op.startswith("arg"):
        op = _FOLD[node.op]
        if a[0].dtype == "bool":
            op = {"max": "or", "min": "and"}.get(op, op)
        return (a[0].apply(op, b[0]),)
    (best, at), (value, index) = a, b
    better = value > best if node.op == "argmax" else value < best
    same = value.equals(best)
    if is_float(value.dtype):
        better = better | (value.isnan() & ~best.isnan())
        same = same | (value.isnan() & best.isnan())
    take = better | (same & (index < at))
    return (take.select(value, best), take.select(index, at))


def fold(node: Node, partial: Partial) -> Partial:
    """All lanes into a scalar."""
    first = partial[0]
    if first.lanes == 1:
        return partial
    if not node.op.startswith("arg"):
        op = _FOLD[node.op]
        if first.dtype == "bool":
            op = {"max": "or", "min": "and"}.get(op, op)
        return (reduce_lanes(first, op),)
    best = reduce_lanes(first, "max" if node.op == "argmax" else "min")
    spread = Vec(best.b, best.b.splat(best.value, first.lanes))
    holds = first.equals(spread)
    if is_float(first.dtype):
        holds = holds | (first.isnan() & spread.isnan())
    bits = _RANGES[partial[1].dtype]
    candidates = holds.select(partial[1], 2**bits - 1)
    return (best, reduce_lanes(candidates, "min"))


def reduce_lanes(value: Vec, op: str) -> Vec:

    return Vec(value.b, value.b.op("reduce", value.value, type=VectorType(value.dtype), op=op))


def fold_all(node: Node, partials: Sequence[Partial]) -> Partial:
    """Several accumulators, pairwise, then their lanes."""
    rest = list(partials)
    while len(rest) > 1:
        pairs = [combine(node, a, b) for a, b in zip(rest[::2], rest[1::2])]
        rest = pairs + ([rest[-1]] if len(rest) % 2 else [])
    return fold(node, rest[0])
