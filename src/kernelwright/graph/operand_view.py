"""Operands of a matrix product that need no memory of their own: the library takes a transposed
matrix, a block of one, or a tensor under another shape as it stands.

An operand is written as ``{"view": [i, steps]}``, where i is a tensor of the call and each step is
["permute", axes] (the last two axes change places), ["slice", [[start, stop], ...]] or
["reshape", shape], in the order in which they are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kernelwright.graph.core import Node

Steps = list[list[Any]]
VIEWS = frozenset(("transpose", "slice", "window", "reshape"))


def operand_view(node: Node, stored: Callable[[Node], bool]) -> tuple[Node, Steps]:
    """(tensor in memory, steps from it to ``node``). ``stored`` tells what stands in memory anyway;
    the tensor is the nearest such one, or the first that is no view that a product takes."""
    steps: Steps = []
    while not stored(node):
        if node.op == "transpose" and _swaps_matrices(node):
            steps.append(["permute", list(node.attrs["axes"])])
        elif node.op in ("slice", "window") and _is_block(node):
            ends = [[start, start + n] for start, n in zip(node.attrs["starts"], node.shape)]
            steps.append(["slice", ends])
        elif node.op == "reshape":  # of memory, so that what it is made from has to be there
            steps.append(["reshape", list(node.shape)])
            node = node.inputs[0]
            break
        else:
            break
        node = node.inputs[0]
    return node, steps[::-1]


def taken(tensor: Any, steps: Sequence[Sequence[Any]]) -> Any:
    """An array of NumPy or torch through ``steps``."""
    for kind, payload in steps:
        if kind == "permute":
            tensor = tensor.swapaxes(-2, -1)
        elif kind == "slice":
            tensor = tensor[tuple(slice(*ends) for ends in payload)]
        else:
            tensor = tensor.reshape(payload)
    return tensor


def holds_sizes(steps: Sequence[Sequence[Any]]) -> bool:
    """Whether the steps are for one size of the tensor only."""
    return any(kind != "permute" for kind, _ in steps)


def _swaps_matrices(node: Node) -> bool:
    """Whether the batch axes stay where they are: the library copies what it cannot merge."""
    axes = node.attrs["axes"]
    return len(axes) >= 2 and tuple(axes[:-2]) == tuple(range(len(axes) - 2))


def _is_block(node: Node) -> bool:
    """Whole matrices or parts of them, of one batch axis at most; elements side by side stay so."""
    if len(node.shape) > 3 or node.type.size == 0:
        return False
    sizes = node.inputs[0].shape
    return all(
        step == 1 and start >= 0 and start + n <= size
        for start, step, n, size in zip(
            node.attrs["starts"], node.attrs["steps"], node.shape, sizes
        )
    )
