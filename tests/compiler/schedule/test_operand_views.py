"""What a matrix product reads without a copy, and what is stored for it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernelwright.aul.syntax import FrameworkCall
from kernelwright.compiler.codegen._framework_call import call_text
from kernelwright.compiler.schedule import design as schedule
from kernelwright.graph import Builder, Graph, Node, TensorType
from kernelwright.graph.operand_view import operand_view, taken
from kernelwright.schema import Target

B = Builder()
LEFT, RIGHT = (12, 20), (16, 20)


def part(x: Node, *bounds: tuple[int, int], step: int = 1) -> Node:
    starts, stops = zip(*bounds)
    return B.slice(x, starts=starts, stops=stops, steps=(1,) * (len(bounds) - 1) + (step,))


def transposed(x: Node) -> Node:
    return B.transpose(x, axes=(*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2))


CASES = [
    (lambda x, y: B.matmul(x, transposed(y)), "y.swapaxes(-2, -1)", 0),
    (lambda x, y: B.matmul(part(x, (2, 9), (4, 20)), part(transposed(y), (4, 20), (0, 5))),
     "x[2:9, 4:20], y[0:5, 4:20].swapaxes(-2, -1)", 0),
    (lambda x, y: B.matmul(B.reshape(x, shape=(15, 16)), y), "x.reshape(15, 16), y", 0),
    (lambda x, y: B.matmul(part(x, (0, 12), (0, 20), step=2), part(y, (0, 10), (0, 20))),
     "y[0:10, 0:20]", 1),
    (lambda x, y: B.matmul(x, transposed(B.exp(y))), ".swapaxes(-2, -1)", 1),
    (lambda x, y: B.matmul(B.reshape(transposed(x), shape=(15, 16)), y), ".reshape(15, 16), y)", 1),
]  # fmt: skip


@pytest.mark.parametrize(("make", "text", "kernels"), CASES)
def test_views_are_not_copied(make: Callable[[Node, Node], Node], text: str, kernels: int) -> None:
    leaves = [B.input("x", 0, TensorType(LEFT, "float32")),
              B.input("y", 1, TensorType(RIGHT, "float32"))]  # fmt: skip
    made = schedule(Graph("g", leaves, [], [make(*leaves)]), Target("cpu", "x86_64"), threads=1)
    (call,) = [s for s in made.program.host.body if isinstance(s, FrameworkCall)]
    for framework in ("torch", "numpy"):
        assert text in call_text(call, framework)
    assert len(made.program.kernels) == kernels


def test_steps_are_taken_as_the_graph_says() -> None:
    x = B.input("x", 0, TensorType((3, 4, 10), "float32"))
    node = part(transposed(B.reshape(x, shape=(3, 8, 5))), (1, 3), (0, 5), (2, 7))
    base, steps = operand_view(node, lambda n: n is x)
    array = np.arange(120.0).reshape(3, 4, 10)
    assert base is x
    wanted = array.reshape(3, 8, 5).transpose(0, 2, 1)[1:3, :, 2:7]
    np.testing.assert_array_equal(taken(array, steps), wanted)
