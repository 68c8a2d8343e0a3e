"""Transposes behind convolutions, carried to where they are needed; sums over places and channels
in two steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernelwright.compiler.schedule import parted_sums as parted
from kernelwright.compiler.schedule.memory_order import in_memory_order, matched
from kernelwright.graph import Builder, Graph, Node, TensorType
from kernelwright.graph.core import walk
from kernelwright.graph.decompose import decompose
from kernelwright.graph.evaluate import evaluate

B = Builder()
SHAPE = (2, 6, 5, 4)


def last(x: Node) -> Node:
    """``x`` as a convolution leaves it: copied to have the channels last, and turned back."""
    made = B.make(
        "call", [B.transpose(x, axes=(0, 2, 3, 1))], target="copy", output_index=0,
        arguments={"args": [{"input": 0}], "kwargs": {}, "result": []},
        out_type=TensorType((2, 5, 4, 6), "float32"),
    )  # fmt: skip
    return B.transpose(made, axes=(0, 3, 1, 2))


def grouped(x: Node) -> Node:
    shape = (x.shape[0], 2, x.shape[1] // 2, *x.shape[2:])
    groups = B.reshape(x, shape=shape)
    axes = {"axes": (2, 3, 4), "keepdims": True}
    count = B.constant(float(np.prod(shape[2:])), "float32")
    mean = B.div(B.make("sum", [groups], **axes), count)
    apart = B.sub(groups, mean)
    spread = B.div(B.make("sum", [B.square(apart)], **axes), count)
    return B.reshape(B.mul(apart, B.rsqrt(spread)), shape=x.shape)


CASES: list[tuple[Callable[[Node, Node], Node], int]] = [
    (lambda x, y: B.relu(B.add(x, B.constant(1.0, "float32"))), 1),
    (lambda x, y: B.mul(B.add(x, y), B.sum(x, axes=(2, 3), keepdims=True)), 1),
    (lambda x, y: B.sum(x, axes=(1,), keepdims=False), 0),
    (lambda x, y: B.make("argmax", [x], axes=(2,), keepdims=False), 1),
    (lambda x, y: B.make("cumsum", [x], axis=1), 1),
    (lambda x, y: B.flip(x, axes=(1, 3)), 1),
    (lambda x, y: B.slice(x, starts=(0, 1, 0, 1), stops=(2, 6, 5, 4), steps=(1, 2, 1, 1)), 1),
    (lambda x, y: B.make("pad", [x], low=(0, 1, 0, 2), high=(0, 0, 1, 0), value=0.5), 1),
    (lambda x, y: B.concat(x, y, axis=1), 1),
    (lambda x, y: B.reshape(x, shape=(2, 6, 20)), 1),
    (lambda x, y: B.reshape(x, shape=(2, 120)), 1),
    (lambda x, y: B.reshape(B.relu(x), shape=(2, 1, 3, 2, 5, 2, 2)), 1),
    (lambda x, y: B.transpose(B.relu(x), axes=(0, 2, 3, 1)), 0),
    (lambda x, y: grouped(x), 1),
]


@pytest.mark.parametrize(("make", "transposes"), CASES)
def test_same_values_in_the_other_order(
    make: Callable[[Node, Node], Node], transposes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``transposes``: what is left of them on the way to the output."""
    monkeypatch.setattr(parted, "FEWEST", 1)
    leaves = [B.input(n, i, TensorType(SHAPE, "float32")) for i, n in enumerate("xy")]
    graph = decompose(Graph("g", leaves, [], [make(last(leaves[0]), leaves[1])]))
    turned = decompose(parted.in_two_steps(in_memory_order(graph)))
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(SHAPE).astype("float32") for _ in leaves]
    calls = {"copy": lambda given, attrs: (np.ascontiguousarray(given[0]),)}
    (wanted,), (found,) = (evaluate(g, arrays, {}, calls=calls) for g in (graph, turned))
    np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=2e-6)
    (out,) = turned.outputs
    seen = [n for n in walk([out]) if n.op == "transpose" and n.inputs[0].op != "input"]
    assert len(seen) == transposes


def test_groups_are_summed_by_places_first() -> None:
    x = B.input("x", 0, TensorType((2, 64, 32, 32), "float32"))
    made = B.sum(B.reshape(x, shape=(2, 64, 32, 4, 8)), axes=(1, 2, 4), keepdims=False)
    assert parted.parts_of(made) == ((1, 2), (4,))
    assert parted.parts_of(B.sum(x, axes=(1, 3), keepdims=False)) is None  # too few
    assert parted.parts_of(B.sum(x, axes=(2, 3), keepdims=False)) is None
    assert parted.parts_of(B.sum(x, axes=(1, 2), keepdims=False)) is None


def test_axes_are_matched_in_least_groups() -> None:
    assert matched((2, 6, 4), (2, 3, 2, 4)) == [([0], [0]), ([1], [1, 2]), ([2], [3])]
    assert matched((2, 6, 4), (12, 1, 4)) == [([0, 1], [0]), ([2], [1, 2])]
    assert matched((3, 1), (3,)) == [([0], [0]), ([1], [])]
