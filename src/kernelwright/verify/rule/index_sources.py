"""Which outputs of a Graph are indices, and of what.

An output counts when it holds nothing but indices of argmax, argmin, max, min, argsort, sort, topk,
kthvalue or median, in any order, shape and integer dtype.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kernelwright.graph.core import DTYPES, Node, is_float, walk
from kernelwright.graph.ops import op_definition

# ATen ops that give indices: (which output, place of the argument "dim", whether the indices along
# it must all be different).
_CALLS: Mapping[str, tuple[int, int, bool]] = {
    "topk": (1, 2, True),
    "sort": (1, 1, True),
    "argsort": (0, 1, True),
    "kthvalue": (1, 2, False),
    "median": (1, 1, False),
    "nanmedian": (1, 1, False),
    "max": (1, 1, False),
    "min": (1, 1, False),
}
_MOVES = frozenset({"reshape", "transpose", "expand", "slice", "flip", "concat"})
# Ops that round nothing: their results are among their operands, or exact.
_CHOICES = frozenset({"neg", "abs", "relu", "maximum", "minimum", "amax", "amin", "where", "pad"})
_CHOICES |= {"window", "lookup", "frames"}
_COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "isnan", "isinf", "isfinite", "sign"})
_LOGIC = frozenset({"logical_and", "logical_or", "logical_xor", "logical_not", "any", "all"})
_PLACES = frozenset({"input", "parameter", "iota", "argmax", "argmin"})
_TRIANGLES = frozenset({"tril", "triu", "diag", "diagonal"})
_EXACT = _MOVES | _CHOICES | _COMPARISONS | _LOGIC | _PLACES | _TRIANGLES
_SELECTIONS = frozenset(
    {"topk", "sort", "argsort", "kthvalue", "median", "gather", "index_select", "take_along_dim"}
)


@dataclass(frozen=True)
class IndexSource:
    """A node whose values are indices along ``axis`` of its first operand. ``exact``: the operand
    holds no rounding. "Lanes" are the operand's rows along that axis."""

    node: Node
    axis: int
    distinct: bool
    exact: bool

    @property
    def operand(self) -> Node:
        return self.node.inputs[0]

    @property
    def count(self) -> int:
        return self.operand.shape[self.axis]

    def index_lanes(self, flat: np.ndarray) -> np.ndarray:
        """``flat`` (one entry an element of the node) as [lane, place along the axis]."""
        shape = list(self.operand.shape)
        same_rank = len(self.node.shape) == len(shape)
        shape[self.axis] = self.node.shape[self.axis] if same_rank else 1
        lanes = np.moveaxis(flat.reshape(shape), self.axis, -1)
        return lanes.reshape(-1, shape[self.axis])

    def operand_lanes(self, values: np.ndarray) -> np.ndarray:
        return np.moveaxis(values, self.axis, -1).reshape(-1, self.count)


def index_sources(output: Node) -> tuple[IndexSource, ...]:
    """The index nodes that ``output`` is made of; empty when anything else is in it."""
    found: dict[int, IndexSource] = {}
    smallest = np.iinfo(np.int64).max
    stack = [output]
    while stack:
        node = stack.pop()
        if is_float(node.dtype) or node.dtype == "bool":
            return ()
        smallest = min(smallest, np.iinfo(DTYPES[node.dtype]).max)
        source = _source(node)
        if source is not None:
            found[node.id] = source
        elif node.op in _MOVES or node.op == "cast":
            stack.extend(node.inputs)
        else:
            return ()
    if any(source.count - 1 > smallest for source in found.values()):
        return ()  # a cast cuts some indices off
    return tuple(found.values())


def _source(node: Node) -> IndexSource | None:
    if node.op in ("argmax", "argmin"):
        return IndexSource(node, node.attrs["axes"][0], False, holds_no_rounding(node.inputs[0]))
    if node.op != "call":
        return None
    name = node.attrs["target"].split(".")[1]
    which, position, distinct = _CALLS.get(name, (None, 0, False))
    if node.attrs["output_index"] != which or not node.inputs or not node.inputs[0].shape:
        return None
    args, kwargs = node.attrs["arguments"]["args"], node.attrs["arguments"]["kwargs"]
    dim = args[position] if len(args) > position else kwargs.get("dim", -1)
    if not isinstance(dim, int):
        return None
    exact = holds_no_rounding(node.inputs[0])
    if exact and kwargs.get("stable"):
        return None  # a stable sort says which of equal values comes first
    return IndexSource(node, dim % len(node.inputs[0].shape), distinct, exact)


def holds_no_rounding(operand: Node) -> bool:
    """Whether ``operand`` is the same number in every precision: inputs, and what is only moved,
    chosen or compared."""
    for node in walk([operand]):
        if node.op == "constant":
            exact = node.attrs.get("exact")
            if exact is not None and exact != float(node.attrs["value"]):
                return False
        elif node.op == "cast":
            if not np.can_cast(DTYPES[node.inputs[0].dtype], DTYPES[node.dtype]):
                return False
        elif node.op == "call":
            if node.attrs["target"].split(".")[1] not in _SELECTIONS:
                return False
        elif node.op not in _EXACT:
            return False
    return True


def labels_of(output: Node, sources: Sequence[IndexSource]) -> np.ndarray:
    """For each element of ``output`` the place of its value in the sources, end to end."""
    made: dict[int, np.ndarray] = {}
    start = 0
    for source in sources:
        size = source.node.type.size
        made[source.node.id] = np.arange(start, start + size).reshape(source.node.shape)
        start += size
    for node in walk([output], known=set(made)):
        operands = [made[n.id] for n in node.inputs]
        plain = node.op == "cast"
        made[node.id] = (
            operands[0] if plain else op_definition(node.op).meaning(*operands, **node.attrs)
        )
    return np.array(made[output.id], order="C")
