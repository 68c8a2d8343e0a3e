"""The speed of light of a task: no kernel that does its work can take less time than this.

Bytes come from the Graph, peaks from measurement on this very device (``verify.roofline.peaks``).
Every rule here errs to the low side: a bound that is too high would refuse honest kernels.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from kernelwright.graph.core import DTYPES, Graph, Node
from kernelwright.graph.ops import op_definition

LIGHT_FRACTION = 0.77
"""A time below this fraction of the bound is impossible. A working set of 4 caches may leave a
quarter of itself in the cache, which alone explains 0.75; see docs/judge.md."""
LIGHT_CACHES = 4  # working sets of at least so many last-level caches are refused, not flagged

_TRANSCENDENTAL_FLOPS = 10
_TRANSCENDENTAL_NAMES = """
    exp exp2 expm1 log log2 log1p log10 sin cos tan asin acos atan sinh cosh tanh erf erfc
    asinh acosh atanh sigmoid softplus logsigmoid logaddexp logsumexp softmax log_softmax
    cross_entropy gelu silu mish elu selu celu tanhshrink pow atan2
"""
_TRANSCENDENTAL = frozenset(_TRANSCENDENTAL_NAMES.split())
# Framework ops that read every element of their operands to make any output.
_DENSE_NAMES = """
    mm bmm addmm baddbmm linear convolution conv1d conv2d conv3d softmax _softmax
    log_softmax _log_softmax native_layer_norm layer_norm native_group_norm group_norm
    native_batch_norm _native_batch_norm_legit_no_training batch_norm rms_norm cumsum
    cumprod sort topk scaled_dot_product_attention
    _scaled_dot_product_flash_attention_for_cpu
"""
_DENSE = frozenset(_DENSE_NAMES.split())
# Framework ops that may read no more of their first operand than they give out.
_GATHERS = frozenset(
    ("embedding", "index_select", "gather", "index", "take", "select", "take_along_dim")
)


@dataclass(frozen=True)
class Peaks:
    """Measured rates of one device.

    ``bandwidth`` lists (capacity in bytes, bytes per second) from the smallest cache to memory
    (capacity 0: no limit). ``flops`` maps a dtype to operations per second. ``derived`` names
    dtypes whose rate follows from another by a known ratio instead of a measurement.
    """

    device: str
    bandwidth: tuple[tuple[int, float], ...]
    flops: Mapping[str, float]
    last_level_bytes: int
    derived: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict; the inverse is ``from_dict``."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Peaks:
        values = dict(data)
        values["bandwidth"] = tuple((int(c), float(r)) for c, r in values["bandwidth"])
        values["derived"] = tuple(values.get("derived", ()))
        return Peaks(**values)

    def bytes_per_s(self, working_set_bytes: int) -> float:
        """Rate of the smallest level that holds the working set."""
        for capacity, rate in self.bandwidth:
            if not capacity or working_set_bytes <= capacity:
                return rate
        return self.bandwidth[-1][1]

    def flops_per_s(self, dtype: str) -> float:
        """Peak of ``dtype``; the device's best for one that was not measured."""
        return self.flops.get(dtype) or max(self.flops.values())


def bound_us(
    bytes_moved: int, flops: float, dtype: str, peaks: Peaks, working_set_bytes: int
) -> float:
    """Microseconds that no kernel can beat: the larger of moving the bytes and doing the work.

    ``dtype`` is the precision that the contract allows the work to be done in. Williams, Waterman,
    Patterson, Roofline (2009), with each level of memory its own roof.
    """
    moving_s = bytes_moved / peaks.bytes_per_s(working_set_bytes)
    working_s = flops / peaks.flops_per_s(dtype)
    return max(moving_s, working_s) * 1e6


class Light(StrEnum):
    POSSIBLE = "possible"
    FLAG = "flag"  # judge again, with poisoned memory and fresh processes
    REJECT = "reject"


def below_light(
    time_us: float, bound: float | None, working_set_bytes: int, last_level_bytes: int
) -> Light:
    """Whether ``time_us`` is faster than light: REJECT for working sets that no cache can hold,
    FLAG where a cache could explain it."""
    if bound is None or time_us >= LIGHT_FRACTION * bound:
        return Light.POSSIBLE
    large = last_level_bytes > 0 and working_set_bytes >= LIGHT_CACHES * last_level_bytes
    return Light.REJECT if large else Light.FLAG


class Traffic(NamedTuple):
    """``bytes``: inputs and parameters read once as far as needed, plus outputs written once."""

    bytes: int
    flops: float


def minimal_traffic(graph: Graph) -> Traffic:
    """The least that any kernel for ``graph`` must move and compute.

    What only a part of an operand's elements is needed for counts that part; an opaque framework op
    of unknown reading counts nothing for its operands. Convolutions count no operations (Winograd
    and FFT need fewer than the definition), nor does a product with a structured matrix such as
    diag(v) or tril(x), beyond one per output.
    """
    nodes = graph.nodes()
    needed = _needed_elements(graph, nodes)
    moved = sum(
        needed[n.id] * DTYPES[n.dtype].itemsize for n in nodes if n.op in ("input", "parameter")
    )
    outputs = {n.id: n for n in graph.outputs}
    moved += sum(n.type.nbytes for n in outputs.values() if n.op not in ("input", "parameter"))
    distinct = _distinct_elements(nodes)
    structured = _structured(nodes)
    flops = sum(_flops(n, min(needed[n.id], distinct[n.id]), structured) for n in nodes if n.inputs)
    return Traffic(int(moved), float(flops))


def compute_dtype(graph: Graph) -> str:
    """The precision of the work: the widest matrix product's operands', else the outputs'."""
    products = [n.inputs[0].dtype for n in graph.nodes() if n.op in ("matmul", "linear")]
    found = products or [n.dtype for n in graph.outputs]
    return max(found, key=lambda name: DTYPES[name].itemsize, default="float32")


def _needed_elements(graph: Graph, nodes: Sequence[Node]) -> dict[int, float]:
    """Elements of each node that the outputs depend on, at least; operands last."""
    users: dict[int, list[Node]] = {n.id: [] for n in nodes}
    for node in nodes:
        for operand in {n.id: n for n in node.inputs}.values():
            users[operand.id].append(node)
    needed: dict[int, float] = {n.id: float(n.type.size) for n in graph.outputs}
    structured = _structured(nodes)
    for node in reversed(nodes):
        if node.id in needed:
            continue
        asked = [_asked_of(node, user, needed[user.id], structured) for user in users[node.id]]
        asked.append(_asked_by_slices(node, users[node.id], needed))
        needed[node.id] = min(float(node.type.size), max(asked, default=0.0))
    return needed


def _asked_of(operand: Node, user: Node, needed: float, structured: frozenset[int]) -> float:
    """Elements of ``operand`` that ``user`` reads to make ``needed`` of its own."""
    share = needed / user.type.size if user.type.size else 0.0
    if user.op == "call":
        name = str(user.attrs.get("target", "")).removeprefix("aten.").split(".")[0]
        if name in _GATHERS and operand is user.inputs[0]:
            return needed
        return operand.type.size * share if name in _DENSE or name in _GATHERS else 0.0
    if user.op in ("tril", "triu"):
        return _kept_share(user) * needed
    if user.op in ("any", "all"):  # the first hit settles them
        return 0.0
    if user.op == "nll_loss" and operand is user.inputs[0]:  # one score a target
        return min(operand.type.size, user.inputs[1].type.size) * share
    masked = any(n.id in structured for n in user.inputs) and user.op in ("where", "mul")
    if masked and operand.id not in structured:
        return 0.0
    if user.op in ("lookup", "window", "frames") and operand is user.inputs[0]:
        return min(needed, operand.type.size)
    if "kernel" in user.attrs:  # pooling: strides may leave gaps between the windows
        return min(operand.type.size * share, needed * math.prod(user.attrs["kernel"]))
    kind = op_definition(user.op).kind
    if user.op == "diag" or (kind == "view" and user.op != "expand"):
        return min(needed, operand.type.size)
    if kind == "elementwise" and operand.type.size == user.type.size:
        return needed
    return operand.type.size * share


def _kept_share(triangle: Node) -> float:
    """The share of elements on the kept side of tril's or triu's diagonal."""
    rows, columns = triangle.shape[-2:]
    diagonal = triangle.attrs.get("diagonal", 0)
    below = np.clip(np.arange(rows) + diagonal + (triangle.op == "tril"), 0, columns)
    kept = below.sum() if triangle.op == "tril" else rows * columns - below.sum()
    return float(kept / max(1, rows * columns))


def _asked_by_slices(node: Node, users: Sequence[Node], needed: Mapping[int, float]) -> float:
    """Elements that slices of ``node`` read together, when no two of them overlap; else 0."""
    slices = [u for u in users if u.op == "slice"]
    boxes = [list(zip(u.attrs["starts"], u.attrs["stops"])) for u in slices]
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            if all(a[0] < b[1] and b[0] < a[1] for a, b in zip(one, other)):
                return 0.0
    return sum(needed[u.id] for u in slices)


def _distinct_elements(nodes: Sequence[Node]) -> dict[int, int]:
    """How many different values a node can hold: repeating by ``expand`` needs no new work."""
    distinct: dict[int, int] = {}
    for node in nodes:
        kind = op_definition(node.op).kind
        sources = {n.id for n in node.inputs if distinct[n.id] > 1}
        if kind in ("view", "elementwise") and len(sources) <= 1 and node.inputs:
            most = max((distinct[i] for i in sources), default=1)
            distinct[node.id] = min(node.type.size, most)
        else:
            distinct[node.id] = node.type.size
    return distinct


def _structured(nodes: Sequence[Node]) -> frozenset[int]:
    """Nodes that positions alone make sparse or regular: made from iota or a constant array, or
    by an op such as diag or tril, and what is computed from them element by element."""
    found: set[int] = set()
    for node in nodes:
        kind = op_definition(node.op).kind
        constant = node.op == "constant" and node.type.size > 1
        shaped = any(word in node.op for word in ("diag", "tril", "triu", "eye", "one_hot"))
        target = str(node.attrs.get("target", "")) if node.op == "call" else ""
        shaped |= any(word in target for word in ("diag", "tril", "triu", "eye", "one_hot"))
        passed = kind in ("view", "elementwise") and any(n.id in found for n in node.inputs)
        if node.op == "iota" or constant or shaped or passed:
            found.add(node.id)
    return frozenset(found)


def _flops(node: Node, elements: float, structured: frozenset[int]) -> float:
    kind = op_definition(node.op).kind
    if node.op in ("matmul", "linear"):
        inner = node.inputs[0].shape[-1]
        plain = not any(n.id in structured for n in node.inputs)
        return elements * (2 * inner if plain else 1)
    if kind in ("elementwise", "composite"):
        return elements * (_TRANSCENDENTAL_FLOPS if node.op in _TRANSCENDENTAL else 1)
    if kind == "reduction":
        share = elements / node.type.size if node.type.size else 0.0
        return node.inputs[0].type.size * share
    return 0.0
