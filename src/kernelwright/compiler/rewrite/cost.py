"""What a node costs on a target, in microseconds: the larger part of bytes moved and operations.

Rates are nominal: they need only rank forms of one computation. An elementwise op runs inside the
kernel that reads its operands, so that it costs its operations; products and library calls read and
write memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernelwright.graph.analysis import NodeFacts
from kernelwright.graph.core import Graph, Node
from kernelwright.graph.operand_view import VIEWS
from kernelwright.graph.ops import op_definition
from kernelwright.graph.ops.call import product_operations
from kernelwright.schema import Target

_LOOKUP_WORK = 3.0  # operations an element that is read from where an index says
_NODE_US = 1e-4  # so that of two equal forms the smaller one wins


@dataclass(frozen=True)
class Rates:
    """``bytes_per_us``: memory. ``products_per_us``: operations of a matrix product.
    ``operations_per_us``: of elementwise work and reductions. ``launch_us``: one library call."""

    bytes_per_us: float
    products_per_us: float
    operations_per_us: float
    launch_us: float


# A few cores of a server; a data-centre GPU.
_RATES = {"cpu": Rates(2e4, 1.5e5, 1.2e4, 3.0), "cuda": Rates(3e6, 1e8, 2e7, 4.0)}


def rates(target: Target) -> Rates:
    """Nominal rates of a target; those of a GPU for one that is not a CPU."""
    return _RATES.get(target.backend, _RATES["cuda"])


def node_cost_us(node: Node, ready: Sequence[bool], rates: Rates) -> float:
    """Microseconds that ``node`` adds to a program that has its operands. ``ready``: which of them
    stand in memory anyway, being inputs or made once from parameters."""
    definition = op_definition(node.op)
    kind, size = definition.kind, node.type.nbytes
    if kind == "leaf":
        read = node.op in ("input", "parameter")
        return (size / rates.bytes_per_us if read else 0.0) + _NODE_US
    if kind == "view":
        return _NODE_US
    if node.op in ("pad", "window"):  # a kernel that reads it looks where it has to
        return 0.25 * node.type.size / rates.operations_per_us + _NODE_US
    if kind == "lookup":
        return node.type.size * _LOOKUP_WORK / rates.operations_per_us + _NODE_US
    if kind == "elementwise":
        return definition.work * node.type.size / rates.operations_per_us + _NODE_US
    if kind == "reduction":
        operand = node.inputs[0].type.size
        stored = 2 * size / rates.bytes_per_us
        working = definition.work * operand / rates.operations_per_us
        return working + stored + rates.launch_us / 2  # it may end a kernel
    # A library call: operands that are computed must be stored for it, and its result is read.
    waiting = [n.type.nbytes for n, is_ready in zip(node.inputs, ready) if not is_ready]
    moved = sum(n.type.nbytes for n in node.inputs) + sum(waiting) + 2 * size
    working = product_operations(node) / rates.products_per_us
    return max(moved / rates.bytes_per_us, working) + (1 + len(waiting)) * rates.launch_us


def total_cost_us(graph: Graph, rates: Rates, prepared: float) -> float:
    """The nominal cost of a decomposed Graph; work on parameters alone costs the share ``prepared``
    of its price."""
    facts, total = NodeFacts(), 0.0
    for node in graph.nodes():
        once = facts.parameter_only(node) and node.op != "parameter"
        ready = [facts.parameter_only(n) or _under_views(n).op == "input" for n in node.inputs]
        total += node_cost_us(node, ready, rates) * (prepared if once else 1.0)
    return total


def _under_views(node: Node) -> Node:
    while node.op in VIEWS:
        node = node.inputs[0]
    return node
