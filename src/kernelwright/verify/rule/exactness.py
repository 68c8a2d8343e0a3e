"""Where every order of additions gives the same bits, so that a candidate can be asked for them.

Sums and products of numbers on a grid (multiples of 2**-g) stay on a grid; as long as no partial
result can exceed p bits of it, nothing rounds, in whatever order, split or blocking. The largest
value and the grid of each array that goes in are read from the data; bounds on everything computed
from them follow op by op:

    a + b: |a| + |b|, the finer grid      a b: |a| |b|, g_a + g_b      sum of n: n |a|, g_a

The bounds hold for every regrouping too: a sum of products is bounded by the sum of their absolute
values, and each factor that is not 0 is at least one step of its grid. ``p`` is that of the
narrowest float dtype on the way (a kernel may keep its sums in it), less SPARE_BITS for algorithms
that add before they multiply (Strassen: one bit a level; Winograd F(2, 3): four bits). Winograd
with larger tiles and FFT divide by numbers that are no powers of two: they are not exact and are
told apart from an exact reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from kernelwright.graph.core import DTYPES, Graph, Node, is_float, walk
from kernelwright.graph.decompose import decompose

SPARE_BITS = 4
# Elements looked at first: values drawn from a continuous law are off any grid at once.
_SAMPLE = 4096
# Welford's formula, the honest way to these in one pass, divides by every count up to n.
_RUNNING = frozenset({"var", "std"})


@dataclass(frozen=True)
class Bound:
    """Values are multiples of ``2**-grid``, at most ``size`` in magnitude."""

    size: float
    grid: int

    @property
    def bits(self) -> float:
        """How many bits the largest value needs, in steps of the grid."""
        return math.log2(self.size) + self.grid if self.size else 0.0

    def __mul__(self, other: Bound) -> Bound:
        return Bound(self.size * other.size, self.grid + other.grid)

    def __add__(self, other: Bound) -> Bound:
        return Bound(self.size + other.size, max(self.grid, other.grid))

    def __or__(self, other: Bound) -> Bound:
        """Of a value that is one or the other."""
        return Bound(max(self.size, other.size), max(self.grid, other.grid))

    def times(self, count: int) -> Bound:
        """Of a sum of ``count`` values."""
        return Bound(self.size * max(1, count), self.grid)


Leaves = Callable[[Node], "Bound | None"]
_UNIT = Bound(1.0, 0)


def exact_outputs(
    graph: Graph, inputs: Sequence[Any], parameters: Mapping[str, np.ndarray]
) -> frozenset[int]:
    """The float outputs of ``graph`` that hold no rounding whatever the order of sums, for these
    ``inputs`` (all arguments of the call) and ``parameters`` (by state-dict name). Empty for
    inputs off any coarse grid, such as Gaussian ones, which is found out after a few elements.

    Meant for ``judge_outputs(..., exact=...)``. Nothing raises: what cannot be bounded is left out.
    """
    leaves = _Leaves(inputs, parameters)
    found = set()
    simple = decompose(graph)
    for index, (output, primitive) in enumerate(zip(graph.outputs, simple.outputs)):
        cone = list(walk([output]))
        if not is_float(output.dtype) or any(n.op in _RUNNING for n in cone):
            continue
        floats = {n.dtype for n in cone if is_float(n.dtype)}
        room = min(ml_dtypes.finfo(DTYPES[d]).nmant + 1 for d in floats) - SPARE_BITS
        if _bound(primitive, leaves, room) is not None:
            found.add(index)
    return frozenset(found)


def is_multilinear(graph: Graph) -> bool:
    """Whether every float output consists of sums, products, choices and moves only, with no
    division but by powers of two: whether it *could* be exact for whole numbers. Whether it is
    depends on how many are summed: see ``exact_outputs``."""
    outputs = [n for n in decompose(graph).outputs if is_float(n.dtype)]
    if any(n.op in _RUNNING for n in graph.nodes()):
        return False
    return bool(outputs) and all(_bound(n, lambda _: _UNIT, math.inf) is not None for n in outputs)


@dataclass
class _Leaves:
    """Bounds of inputs and parameters, read from their values."""

    inputs: Sequence[Any]
    parameters: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        self._known: dict[int, Bound | None] = {}

    def __call__(self, node: Node) -> Bound | None:
        if node.id not in self._known:
            if node.op == "input":
                place = node.attrs["index"]
                value = self.inputs[place] if place < len(self.inputs) else None
            else:
                value = self.parameters.get(node.attrs["name"])
            self._known[node.id] = None if value is None else bound_of(np.asarray(value))
        return self._known[node.id]


def bound_of(array: np.ndarray) -> Bound | None:
    """The tightest Bound of an array's values; None when some are not finite."""
    if array.dtype.kind == "b":
        return _UNIT
    if array.dtype.kind in "iu":
        return Bound(float(np.abs(array.astype(np.float64)).max(initial=0.0)), 0)
    flat = array.reshape(-1)
    sample = _bound_of_floats(flat[:_SAMPLE])
    # More bits than float32 has will not get fewer by looking further.
    if sample is None or sample.bits > 24 or flat.size <= _SAMPLE:
        return sample
    return _bound_of_floats(flat)


def _bound_of_floats(values: np.ndarray) -> Bound | None:
    wide = values.astype(np.float64)
    if not np.isfinite(wide).all():
        return None
    wide = np.abs(wide[wide != 0])
    if not wide.size:
        return Bound(0.0, 0)
    fraction, exponent = np.frexp(wide)
    mantissa = (fraction * 2.0**53).astype(np.int64)
    lowest = (mantissa & -mantissa).astype(np.float64)  # its last bit that is set
    steps = 53 - exponent - np.frexp(lowest)[1] + 1
    return Bound(float(wide.max()), max(0, int(steps.max())))


def _bound(output: Node, leaves: Leaves, room: float) -> Bound | None:
    """The Bound of ``output``; None when it, or a float on the way to it, may need more than
    ``room`` bits, or an op on the way may round."""
    made: dict[int, Bound] = {}
    for node in walk([output]):
        bound = _of_node(node, [made[n.id] for n in node.inputs], leaves)
        if bound is None or not math.isfinite(bound.size):
            return None
        if is_float(node.dtype) and node.op != "constant" and bound.bits > room:
            return None  # a constant fits its dtype; what is made of it is looked at
        made[node.id] = bound
    return made[output.id]


def _of_node(node: Node, given: Sequence[Bound], leaves: Leaves) -> Bound | None:
    if node.dtype == "bool":
        return _UNIT
    if node.op in ("input", "parameter"):
        return leaves(node)
    if node.op == "constant":
        value = node.attrs["value"]
        if value.ndim == 0 and float(node.attrs.get("exact", value)) != float(value):
            return None  # it was rounded to its dtype; a kernel may hold it in a wider one
        return bound_of(value)
    if node.op == "div":
        return _divided(given[0], _constant(node.inputs[1]))
    if node.op == "call":
        rule = _CALLS.get(node.attrs["target"].split(".")[1])
    else:
        rule = _RULES.get(node.op)
    return rule(node, given) if rule is not None else None


def _constant(node: Node) -> np.ndarray | None:
    while node.op in ("expand", "reshape", "cast", "transpose"):
        node = node.inputs[0]
    return node.attrs["value"] if node.op == "constant" else None


def _divided(bound: Bound, divisor: np.ndarray | None) -> Bound | None:
    """By powers of two only."""
    if divisor is None or not divisor.size:
        return None
    fraction, exponent = np.frexp(np.abs(divisor.astype(np.float64)))
    if not (fraction == 0.5).all():
        return None
    low, high = int(exponent.min()) - 1, int(exponent.max()) - 1
    return Bound(bound.size * 2.0**-low, max(0, bound.grid + high))


Rule = Callable[[Node, Sequence[Bound]], "Bound | None"]


def _same(node: Node, given: Sequence[Bound]) -> Bound:
    return given[0]


def _any(node: Node, given: Sequence[Bound]) -> Bound:
    found = given[0]
    for other in given[1:]:
        found |= other
    return found


def _rounded(node: Node, given: Sequence[Bound]) -> Bound:
    return Bound(given[0].size + 1, 0)


def _cast(node: Node, given: Sequence[Bound]) -> Bound:
    return given[0] if is_float(node.dtype) else Bound(given[0].size, 0)


def _pad(node: Node, given: Sequence[Bound]) -> Bound | None:
    if node.op == "window" and not math.isfinite(node.attrs["value"]):
        return given[0]  # pooling's -inf, which a window with an element never shows
    value = bound_of(np.asarray(node.attrs["value"], np.float64))
    return None if value is None else given[0] | value


def _terms(node: Node) -> int:
    """How many elements one element of a reduction or scan is made of."""
    shape = node.inputs[0].shape
    axes = node.attrs["axes"] if "axes" in node.attrs else (node.attrs["axis"],)
    return math.prod(shape[axis] for axis in axes)


def _sum(node: Node, given: Sequence[Bound]) -> Bound:
    return given[0].times(_terms(node))


def _product(node: Node, given: Sequence[Bound]) -> Bound | None:
    count = _terms(node)
    if count * math.log2(max(2.0, given[0].size)) > 1000:
        return None
    return Bound(max(1.0, given[0].size) ** count, given[0].grid * count)


def _matmul(node: Node, given: Sequence[Bound]) -> Bound:
    return (given[0] * given[1]).times(node.inputs[0].shape[-1])


def _place(node: Node, given: Sequence[Bound]) -> Bound:
    return Bound(float(max((1, *node.shape, *(n.type.size for n in node.inputs)))), 0)


def _put(node: Node, given: Sequence[Bound]) -> Bound | None:
    """A "scatter": at most all elements of what is put meet in one, along the axes that say
    nothing about the place."""
    update, source = node.attrs["update"], node.inputs[1].shape
    if update == "mul":
        return None
    own = {to for to in node.attrs["follows"] if to >= 0}
    meeting = math.prod(n for a, n in enumerate(source) if a not in own)
    return given[0] + given[1].times(meeting) if update == "add" else given[0] | given[1]


_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("reshape", "transpose", "expand", "slice", "flip", "frames"), _same),
    **dict.fromkeys(("neg", "abs", "relu", "amax", "amin"), _same),
    **dict.fromkeys(("concat", "maximum", "minimum"), _any),
    **dict.fromkeys(("floor", "ceil", "round", "trunc"), _rounded),
    **dict.fromkeys(("iota", "argmax", "argmin"), _place),
    **dict.fromkeys(("sum", "cumsum"), _sum),
    **dict.fromkeys(("prod", "cumprod"), _product),
    **dict.fromkeys(("add", "sub"), lambda node, given: given[0] + given[1]),
    "where": lambda node, given: given[1] | given[2],
    "mul": lambda node, given: given[0] * given[1],
    "square": lambda node, given: given[0] * given[0],
    "sign": lambda node, given: _UNIT,
    "cast": _cast,
    **dict.fromkeys(("pad", "window"), _pad),
    "lookup": lambda node, given: given[0],
    "scatter": _put,
    "matmul": _matmul,
}


def _operand(node: Node, position: int) -> int | None:
    """Which of a call's tensors stands at ``position`` of its arguments."""
    args = node.attrs["arguments"]["args"]
    value = args[position] if position < len(args) else None
    return value["input"] if isinstance(value, dict) and "input" in value else None


def _convolution(node: Node, given: Sequence[Bound]) -> Bound | None:
    x, weight, bias = (_operand(node, position) for position in range(3))
    if x is None or weight is None or "bias" in node.attrs["arguments"]["kwargs"]:
        return None
    shape = node.inputs[weight].shape
    # Of the two layouts (plain, transposed) the one with more terms.
    terms = max(shape[0], shape[1]) * math.prod(shape[2:])
    found = (given[x] * given[weight]).times(terms)
    return found if bias is None else found + given[bias]


def _selection(node: Node, given: Sequence[Bound]) -> Bound | None:
    """Elements of the first argument, or their places."""
    source = _operand(node, 0)
    if source is None:
        return None
    return given[source] if is_float(node.dtype) else _place(node, given) | given[source]


def _scatter(node: Node, given: Sequence[Bound]) -> Bound | None:
    """self.scatter_add(dim, index, src) and self.index_add(dim, index, source)."""
    into, source = _operand(node, 0), _operand(node, 3)
    dim, shape = node.attrs["arguments"]["args"][1], node.inputs[source or 0].shape
    if into is None or source is None or not shape or node.attrs["arguments"]["kwargs"]:
        return None
    return given[into] + given[source].times(shape[dim])


_CONVOLUTIONS = ("conv1d", "conv2d", "conv3d", "convolution")
_TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
_CHOICES = (
    "embedding",
    "gather",
    "index",
    "index_select",
    "take",
    "take_along_dim",
    "sort",
    "topk",
)
_POOLS = tuple(
    f"{kind}max_pool{n}d{suffix}"
    for kind in ("", "adaptive_")
    for n in (1, 2, 3)
    for suffix in ("", "_with_indices")
)
_UPSAMPLES = tuple(f"upsample_nearest{n}d" for n in (1, 2, 3))
_CALLS: Mapping[str, Rule] = {
    **dict.fromkeys((*_CONVOLUTIONS, *_TRANSPOSED), _convolution),
    **dict.fromkeys((*_CHOICES, *_POOLS, *_UPSAMPLES, "kthvalue", "cummax", "cummin"), _selection),
    **dict.fromkeys(("scatter_add", "index_add"), _scatter),
}
