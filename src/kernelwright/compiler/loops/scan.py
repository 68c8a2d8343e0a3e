"""Scans (running reductions): how one vector is scanned in registers, and what is carried on.

The running value goes from turn to turn of the loop over the scanned axis, which is visited from
its end when the scan is reversed. Along the vector's own dimension a vector of L lanes is scanned
in log2(L) steps of shifting and folding (Hillis and Steele, 1986); only one fold a vector waits for
the vector before. Along any other dimension lanes are independent: one fold a vector.
"""

from __future__ import annotations

from kernelwright.compiler.loops import mathlib, reduction
from kernelwright.compiler.loops.ir import VectorType
from kernelwright.compiler.loops.nodes import Node, compute_dtype
from kernelwright.compiler.loops.vec import Vec
from kernelwright.graph.core import is_float

_FOLD = {"sum": "add", "prod": "mul", "max": "max", "min": "min"}


def dtype(node: Node) -> str:
    """What the scan is carried in: the widest of its source's and its own dtype."""
    source, result = compute_dtype(node.inputs[0].dtype), compute_dtype(node.dtype)
    if node.op in ("max", "min"):
        return source
    return result if not is_float(result) or source == "float32" else source


def identity(node: Node) -> float | int | bool:
    """What a scan starts from."""
    kind = dtype(node)
    if node.op in ("sum", "prod"):
        number = int(node.op == "prod")
        return float(number) if is_float(kind) else number
    return reduction.extreme(kind, lowest=node.op != "min")


def fold(node: Node, a: Vec, b: Vec) -> Vec:
    """``a`` and then ``b``, elements of a scan or what was carried so far."""
    if node.op == "logaddexp":
        return mathlib.logaddexp(a, b)
    op = _FOLD[node.op]
    if a.dtype == "bool":
        op = "or" if op == "max" else "and"
    return a.apply(op, b)


def in_lanes(node: Node, value: Vec) -> tuple[Vec, Vec]:
    """(the scan of a vector's lanes, its last value as a scalar)."""
    lanes, reverse = value.lanes, bool(node.attrs["reverse"])
    if lanes == 1:
        return value, value
    neutral, step = value.const(identity(node)), 1
    while step < lanes:
        # lanes of `value`, then those of `neutral`
        if reverse:
            picked = [min(lane + step, lanes) for lane in range(lanes)]
        else:
            picked = [lane - step if lane >= step else lanes for lane in range(lanes)]
        shifted = value.b.op("shuffle", value.value, neutral.value, lanes=tuple(picked))
        value = fold(node, Vec(value.b, shifted), value)
        step *= 2
    at = 0 if reverse else lanes - 1
    last = value.b.op("extract", value.value, type=VectorType(value.dtype), lane=at)
    return value, Vec(value.b, last)
