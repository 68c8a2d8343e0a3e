"""Which numbers an input may hold so that the kernel gives numbers: found by trying.

A kernel takes roots and logarithms of what some earlier kernel made sure of. So each float input is
given a range, plain normal numbers where that works. What is tried is not the kernel itself but its
Graph on a few numbers side by side, shapes left out: an elementwise op is computed, a view or a
lookup gives its operand, a sum its operand times a count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

import numpy as np

from kernelwright.graph.core import DTYPES, Graph, Node, is_float
from kernelwright.graph.decompose import decompose
from kernelwright.graph.ops import op_definition

_LANES = 64
_ROUNDS = 3

Law = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


def _positive(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.random(shape, dtype=np.float32) + np.float32(0.1)


def _below_one(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.float32(1.8) * rng.random(shape, dtype=np.float32) - np.float32(0.9)


def _above_one(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.random(shape, dtype=np.float32) + np.float32(1.1)


def _share(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.float32(0.8) * rng.random(shape, dtype=np.float32) + np.float32(0.1)


def _large(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.float32(100) * rng.random(shape, dtype=np.float32) + np.float32(20)


LAWS: Mapping[str, Law] = {
    "normal": _normal,
    "positive": _positive,
    "below one": _below_one,
    "share": _share,
    "above one": _above_one,
    "large": _large,
}


def laws(graph: Graph) -> dict[int, str]:
    """Position of a float input -> the name of its law."""
    floats = [n.attrs["index"] for n in graph.inputs if is_float(n.dtype)]
    chosen = dict.fromkeys(floats, "normal")
    if not floats:
        return chosen
    plain = decompose(graph)
    best = _faults(plain, chosen)
    for _ in range(_ROUNDS):
        before = best
        for place in floats:
            for law in LAWS:
                if best == 0:
                    return chosen
                tried = {**chosen, place: law}
                if (count := _faults(plain, tried)) < best:
                    chosen, best = tried, count
        if best == before:
            break
    return chosen


def _faults(graph: Graph, chosen: Mapping[int, str]) -> int:
    """How many numbers of all values are NaN or infinite."""
    rng = np.random.default_rng(7)
    values: dict[int, np.ndarray] = {}
    bad = 0
    with np.errstate(all="ignore"):
        for node in graph.nodes():
            value = _lanes(node, [values[n.id] for n in node.inputs], chosen, rng)
            values[node.id] = value
            if value.dtype.kind == "f":
                bad += int((~np.isfinite(value)).sum())
    return bad


def _lanes(
    node: Node, operands: list[np.ndarray], chosen: Mapping[int, str], rng: np.random.Generator
) -> np.ndarray:
    if node.op == "input":
        law = chosen.get(node.attrs["index"])
        if law is not None:
            return LAWS[law](rng, (_LANES,)).astype(np.float64)
        return rng.integers(1, 2, _LANES).astype(DTYPES[node.dtype])
    if node.op == "constant":
        return _some(np.asarray(node.attrs["value"]))
    if node.op == "iota":
        return np.ones(_LANES, DTYPES[node.dtype])
    definition = op_definition(node.op)
    if definition.kind == "elementwise":
        attrs = dict(node.attrs)
        if is_float(attrs.get("dtype", "")):
            attrs["dtype"] = "float64"
        return definition.meaning(*operands, **attrs)
    if node.op == "matmul":
        return np.asarray(operands[0] * operands[1] * node.inputs[0].shape[-1])
    if node.op == "sum":
        found = operands[0] * (prod(node.inputs[0].shape) / max(1, node.type.size))
    else:
        found = operands[0]
    if not is_float(node.dtype) and found.dtype != DTYPES[node.dtype]:
        return found.astype(DTYPES[node.dtype])
    return found


def _some(values: np.ndarray) -> np.ndarray:
    flat = values.reshape(-1)
    if flat.dtype.kind not in "biu":
        flat = flat.astype(np.float64)
    return np.resize(flat, _LANES) if flat.size else np.zeros(_LANES)
