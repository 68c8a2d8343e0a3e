"""Which part of a Graph depends on no input of the call: work on weights, which need not be done
again in every call.

``parameter_only`` finds it; ``prepared`` chooses what of it is worth storing. The choice is by
cost: a reduction, a product, a library call or a transcendental function of weights costs more than
reading its result; an addition on a vector that is read anyway does not.
"""

from __future__ import annotations

from collections.abc import Iterable

from kernelwright.graph.core import Graph, Node, walk
from kernelwright.graph.operand_view import operand_view
from kernelwright.graph.ops import op_definition
from kernelwright.graph.ops.window import inside

CHEAP = frozenset(
    ("add", "sub", "mul", "neg", "abs", "maximum", "minimum", "cast", "where", "relu", "square")
    + ("eq", "ne", "lt", "le", "gt", "ge", "logical_not", "logical_and", "logical_or")
)
MAX_PREPARED_BYTES = 256 << 20
_ENLARGED = 4  # a stored result may be this many times as large as what it is made from
_DRAWS = (
    "rand",
    "normal",
    "bernoulli",
    "multinomial",
    "dropout",
    "poisson",
    "exponential",
    "rrelu",
)


def parameter_only(graph: Graph) -> set[int]:
    """Ids of the nodes, leaves included, that depend on parameters, buffers or constants and on no
    input. Draws of random numbers and what follows from them are not among them."""
    found: set[int] = set()
    for node in graph.nodes():
        fixed = bool(node.inputs) and all(n.id in found for n in node.inputs)
        if node.op in ("parameter", "constant", "iota") or (fixed and not is_random(node)):
            found.add(node.id)
    return found


def is_random(node: Node) -> bool:
    """Whether the node draws random numbers."""
    return node.op == "call" and draws(node.attrs["target"])


def draws(target: str) -> bool:
    """Whether a framework's op of this name ("aten.rand_like.default") draws random numbers."""
    parts = target.split(".")
    name = parts[1] if parts[0] == "aten" and len(parts) > 1 else parts[0]
    return any(word in name for word in _DRAWS)


def prepared(graph: Graph) -> list[Node]:
    """The nodes that are worth computing once for all calls, in the Graph's order.

    ``graph`` is in primitive ops. Outputs are never among them: a result is new in every call.
    """
    inside = parameter_only(graph) - {n.id for n in graph.outputs}
    users: dict[int, list[Node]] = {}
    for node in graph.nodes():
        for operand in node.inputs:
            users.setdefault(operand.id, []).append(node)
    chosen: dict[int, Node] = {}
    for node in graph.nodes():
        outside = [u for u in users.get(node.id, []) if u.id not in inside]
        if node.id not in inside or _is_leaf(node) or not outside:
            continue
        if all(u.op == "matmul" for u in outside):
            picked = operand_view(node, _is_leaf)[0]
        elif any(_reads_memory(u) for u in outside):
            picked = node
        else:
            picked = _without_views(node)
        if not _is_leaf(picked) and _worth_storing(picked, any(map(_reads_memory, outside))):
            chosen[picked.id] = picked
    return list(chosen.values())


def _is_leaf(node: Node) -> bool:
    return op_definition(node.op).kind == "leaf"


def _reads_memory(node: Node) -> bool:
    """Whether the op takes its operands from memory, so that they are stored in any case."""
    return op_definition(node.op).kind in ("call", "movement")


def _without_views(node: Node) -> Node:
    """What reshapes, transposes, parts and broadcasts of it show: these cost a kernel nothing."""
    while op_definition(node.op).kind == "view" or _is_part(node):
        node = node.inputs[0]
    return node


def _is_part(node: Node) -> bool:
    """Whether the node is a window that lies within its operand."""
    if node.op != "window":
        return False
    ends = zip(node.attrs["starts"], node.attrs["steps"], node.shape, node.inputs[0].shape)
    return all(inside(start, step, n, size) == (0, n) for start, step, n, size in ends)


def _worth_storing(node: Node, stored_anyway: bool) -> bool:
    if node.type.nbytes > MAX_PREPARED_BYTES:
        return False
    below = list(walk([node]))
    leaves = [n for n in below if n.op == "parameter" or (n.op == "constant" and n.type.size > 1)]
    if not leaves:
        return False
    if stored_anyway:
        return True
    dear_kinds = ("call", "movement", "reduction")
    if any(op_definition(n.op).kind in dear_kinds and not _is_part(n) for n in below):
        return True
    work = _elementwise(below)
    dear = any(n.op not in CHEAP for n in work)
    if node.type.size == 1:
        return len(work) > 4
    if not dear and node.type.nbytes > _ENLARGED * sum(n.type.nbytes for n in leaves):
        return False  # an outer sum, say: to read the table takes longer than to add
    return dear or len(work) > 1


def _elementwise(nodes: Iterable[Node]) -> list[Node]:
    return [n for n in nodes if op_definition(n.op).kind == "elementwise"]
