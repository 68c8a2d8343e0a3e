"""Operands of a matrix product that need no memory of their own: the library takes a transposed
matrix, a block of one, or a tensor under another shape as it stands.

An operand is written as ``{"view": [i, steps]}``, where i is a tensor of the call and each step is
["permute", axes], ["slice", [[start, stop], ...]], ["reshape", shape], ["unsqueeze", axis] or
["squeeze", axis], in the order in which they are taken. A product's own permutations exchange the
last two axes; those of convolutions with the channels last (``schedule.convolutions``) are others.
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
        if node.op == "transpose" and swaps_matrices(node.attrs["axes"]):
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
        if kind == "permute" and swaps_matrices(payload):
            tensor = tensor.swapaxes(-2, -1)
        elif kind == "permute":
            turn = tensor.permute if hasattr(tensor, "permute") else tensor.transpose
            tensor = turn(tuple(payload))
        elif kind == "unsqueeze":
            tensor = tensor[(slice(None),) * payload + (None,)]
        elif kind == "squeeze":
            tensor = tensor.squeeze(payload)
        elif kind == "slice":
            tensor = tensor[tuple(slice(*ends) for ends in payload)]
        else:
            tensor = tensor.reshape(payload)
    return tensor


def holds_sizes(steps: Sequence[Sequence[Any]]) -> bool:
    """Whether the steps are for one size of the tensor only."""
    return any(kind in ("slice", "reshape") for kind, _ in steps)


def swaps_matrices(axes: Sequence[int]) -> bool:
    """Whether only the last two axes change places: the library copies batch axes that it cannot
    merge."""
    rank = len(axes)
    return rank >= 2 and tuple(axes) == (*range(rank - 2), rank - 1, rank - 2)


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
