"""How a region becomes loops: fusion, cuts, streams, and sizes that may change."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from kernelwright.aul import interpret
from kernelwright.aul import syntax as aul
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule import design
from kernelwright.graph import Builder, Graph, Node, TensorType
from kernelwright.graph.core import DTYPES
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target

CPU, GPU = Target("cpu", "x86_64"), Target("cuda", "sm_90")


def graph(
    body: Callable[..., Node | list[Node]], *shapes: tuple[int, ...], dtype: str = "float32"
) -> Graph:
    builder = Builder()
    inputs = [builder.input(f"x{i}", i, TensorType(shape, dtype)) for i, shape in enumerate(shapes)]
    made = body(builder, *inputs)
    outputs = made if isinstance(made, list) else [made]
    return Graph("op", inputs, [], outputs, "tuple" if isinstance(made, list) else "tensor")


def agree(g: Graph, made: Design) -> None:
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(n.shape).astype(DTYPES[n.dtype]) for n in g.inputs]
    truth = evaluate(g, inputs, {}, float64=True)
    outputs = interpret(made.program, [inputs[int(b.key)] for b in made.bindings])
    for t, o in zip(truth, outputs):
        np.testing.assert_allclose(o.astype(np.float64), t, rtol=3e-6, atol=3e-6)


def kernels(made: Design) -> int:
    return len(made.program.kernels)


def softmax(b: Builder, x: Node) -> Node:
    return b.make("softmax", [x], axis=1)


@pytest.mark.parametrize("target", [CPU, GPU], ids=str)
def test_softmax_is_one_kernel(target: Target) -> None:
    g = graph(softmax, (37, 70))
    made = design(g, target, threads=2)
    assert kernels(made) == 1
    agree(g, made)


@pytest.mark.parametrize("target", [CPU, GPU], ids=str)
def test_a_row_too_long_for_a_core_is_streamed(target: Target) -> None:
    g = graph(softmax, (2, 600_001))
    made = design(g, target, threads=2)
    assert kernels(made) > 1
    agree(g, made)


def test_a_softmax_keeps_long_rows_on_a_cpu() -> None:
    """One exponential an element: the row waits in a cache for its sum. A norm reads its row again
    instead, with sums that carry more digits."""
    g = graph(softmax, (2, 70_001))
    made = design(g, CPU, threads=2)
    assert kernels(made) == 1
    agree(g, made)
    norm = graph(lambda b, x: b.sub(x, b.mean(x, axes=(1,), keepdims=True)), (2, 70_001))
    assert kernels(design(norm, CPU, threads=2)) > 1


@pytest.mark.parametrize("target", [CPU, GPU], ids=str)
def test_transposed_use_of_a_shared_value_is_computed_again(target: Target) -> None:
    def body(b: Builder, x: Node) -> Node:
        e = b.exp(x)
        return b.add(e, b.make("transpose", [e], axes=(1, 0)))

    g = graph(body, (40, 40))
    made = design(g, target, threads=2)
    assert kernels(made) == 1
    agree(g, made)


def test_sums_over_different_axes_of_one_small_value() -> None:
    def body(b: Builder, x: Node) -> list[Node]:
        s = b.make("softmax", [x], axis=1)
        return [b.make("sum", [s], axes=(0,), keepdims=False), s]

    g = graph(body, (40, 50))
    agree(g, design(g, CPU, threads=2))


def test_long_float_sums_are_carried_in_float64() -> None:
    g = graph(lambda b, x: b.make("sum", [x], axes=(0, 1), keepdims=False), (512, 513))
    made = design(g, CPU, threads=2)
    carried = [
        s
        for k in made.program.kernels
        for s in aul.statements(k.body)
        if isinstance(s, aul.Tile) and s.value is not None
    ]
    assert [s.dtype for s in carried] == ["float64"]
    agree(g, made)


def test_group_norm_needs_no_view_in_memory() -> None:
    g = graph(lambda b, x: b.make("group_norm", [x], groups=4, eps=1e-5), (2, 8, 6, 7))
    made = design(g, CPU, threads=2)
    assert kernels(made) == 1
    assert not any(isinstance(s, aul.Workspace) for s in made.program.host.body)
    agree(g, made)


def test_a_reshape_across_axes_reads_the_stored_tensor() -> None:
    def body(b: Builder, x: Node) -> Node:
        turned = b.make("transpose", [b.exp(x)], axes=(1, 0))
        return b.neg(b.make("reshape", [turned], shape=(5, 12)))

    g = graph(body, (6, 10))
    agree(g, design(g, CPU, threads=2))


@pytest.mark.parametrize(
    "body",
    [
        lambda b, x: b.make("mean", [b.square(x)], axes=(0, 1), keepdims=False),
        softmax,
        lambda b, x: b.make("var", [x], axes=(1,), correction=1, keepdims=True),
        lambda b, x: b.mul(x, b.sigmoid(x)),
    ],
    ids=["mean", "softmax", "var", "swish"],
)
def test_the_same_text_serves_other_sizes(body: Callable[..., Node]) -> None:
    made = design(graph(body, (300, 200)), CPU, threads=2)
    smaller = graph(body, (13, 29))
    resized = dataclasses.replace(
        made,
        outputs=tuple(
            dataclasses.replace(s, shape=n.shape) for s, n in zip(made.outputs, smaller.outputs)
        ),
    )
    agree(smaller, resized)


def test_tunables_do_not_change_results() -> None:
    g = graph(lambda b, x: b.make("softmax", [x], axis=0), (64, 200))
    made = design(g, CPU, threads=2)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((64, 200)).astype(np.float32)
    first = interpret(made.program, [x])[0]
    for d in made.program.declarations:
        if isinstance(d, aul.Tunable):
            for choice in d.choices:
                again = interpret(made.program, [x], tunables={d.name: choice})[0]
                np.testing.assert_array_equal(again, first)


def test_the_design_is_the_same_every_time() -> None:
    one, two = (design(graph(softmax, (37, 70)), CPU, threads=2) for _ in range(2))
    assert one.program == two.program


def test_equal_extents_that_may_differ_have_names_of_their_own() -> None:
    def body(b: Builder, x: Node, w: Node) -> Node:
        return b.mul(b.exp(x), w)

    made = design(graph(body, (64, 64), (64,)), CPU, threads=2, reduced={0: (5, 64), 1: (64,)})
    names = [d.name for d in made.program.declarations if isinstance(d, aul.Size)]
    assert len(names) == 2
    resized = dataclasses.replace(
        made, outputs=(dataclasses.replace(made.outputs[0], shape=(5, 64)),)
    )
    agree(graph(body, (5, 64), (64,)), resized)


@pytest.mark.parametrize("axes", [(1, 0, 2), (0, 2, 1), (2, 1, 0)], ids=str)
@pytest.mark.parametrize("target", [CPU, GPU], ids=str)
def test_a_transposed_operand_is_tiled_along_both_of_its_sides(
    target: Target, axes: tuple[int, ...]
) -> None:
    def body(b: Builder, x: Node, y: Node) -> Node:
        return b.add(b.transpose(x, axes=axes), y)

    shape = (40, 50, 70)
    g = graph(body, shape, tuple(shape[a] for a in axes))
    made = design(g, target, threads=2)
    agree(g, made)
    tiles = {d.name: d.default for d in made.program.declarations if isinstance(d, aul.Tunable)}
    if axes[-1] != 2:  # the operand's last axis is elsewhere: whole cache lines of it in a tile
        assert min(tiles["TM"], tiles["TN"]) >= 16


@pytest.mark.parametrize("target", [CPU, GPU], ids=str)
def test_one_index_along_two_axes(target: Target) -> None:
    """An index that stands for rows and, reshaped, for columns counts along each of them."""

    def body(b: Builder, x: Node) -> Node:
        index = b.make("iota", [], shape=(9,), axis=0, dtype="int64")
        same = b.make("eq", [index, b.reshape(index, shape=(9, 1))])
        row = b.reshape(x, shape=(2, 1, 9))
        return b.where(b.reshape(same, shape=(1, 9, 9)), row, b.constant(0.0, "float32"))

    g = graph(body, (2, 9))
    made = design(g, target, threads=2)
    assert kernels(made) == 1
    agree(g, made)
