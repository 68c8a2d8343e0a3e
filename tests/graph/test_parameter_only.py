"""What of a Graph depends on weights alone, and what of that is worth keeping."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kernelwright.graph.core import Builder, Graph, Node, TensorType
from kernelwright.graph.parameter_only import draws, parameter_only, prepared

B = Builder()


def graph(make: Callable[[Node, Node, Node], Node], size: int = 64) -> Graph:
    """``make(x, w, v)``: x [128, size] is an input, w [size, size] and v [size] are parameters."""
    x = B.input("x", 0, TensorType((128, size), "float32"))
    w = B.parameter("w", TensorType((size, size), "float32"))
    v = B.parameter("v", TensorType((size,), "float32"))
    return Graph("g", [x], [w, v], [make(x, w, v)])


def ops(g: Graph) -> list[str]:
    return [n.op for n in prepared(g)]


def test_inputs_and_what_follows_from_them_are_outside() -> None:
    g = graph(lambda x, w, v: B.mul(B.exp(x), B.exp(v)))
    inside = parameter_only(g)
    assert {n.op for n in g.nodes() if n.id in inside} == {"parameter", "exp"}
    assert {n.op for n in g.nodes() if n.id not in inside} == {"input", "exp", "mul"}


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda x, w, v: B.mul(x, B.exp(v)), ["exp"]),
        (lambda x, w, v: B.mul(x, B.sum(w, axes=(0,), keepdims=False)), ["sum"]),
        # a product takes a transposed matrix as it stands
        (lambda x, w, v: B.matmul(x, B.transpose(w, axes=(1, 0))), []),
        (lambda x, w, v: B.matmul(x, B.mul(w, v)), ["mul"]),
        (lambda x, w, v: B.add(x, B.matmul(w, v)), ["matmul"]),
        # one addition on a vector that is read anyway, and a transpose that a kernel reads through
        (lambda x, w, v: B.mul(x, B.add(v, v)), []),
        (lambda x, w, v: B.matmul(x, w), []),
        (lambda x, w, v: B.add(B.matmul(x, w), v), []),
        # two operations
        (lambda x, w, v: B.add(x, B.add(B.mul(v, v), v)), ["add"]),
    ],
)
def test_the_choice_is_by_cost(make: Callable[..., Node], expected: list[str]) -> None:
    assert ops(graph(make)) == expected


def test_a_broadcast_is_stored_before_it_grows() -> None:
    g = graph(lambda x, w, v: B.add(x, B.expand(B.exp(v), shape=(128, 64))))
    assert [(n.op, n.shape) for n in prepared(g)] == [("exp", (64,))]


def test_an_outer_sum_is_computed_where_it_is_used() -> None:
    """Reading the table would take longer than adding."""
    g = graph(
        lambda x, w, v: B.add(
            B.reshape(x, shape=(2, 64, 64)),
            B.sub(B.add(B.reshape(v, shape=(64, 1)), v), B.reshape(v, shape=(1, 64))),
        )
    )
    assert prepared(g) == []


def test_a_scalar_stays_where_it_is_used() -> None:
    x = B.input("x", 0, TensorType((8, 8), "float32"))
    s = B.parameter("s", TensorType((), "float32"))
    assert prepared(Graph("g", [x], [s], [B.mul(x, B.exp(s))])) == []


def test_an_output_is_new_in_every_call() -> None:
    x = B.input("x", 0, TensorType((8,), "float32"))
    v = B.parameter("v", TensorType((64,), "float32"))
    out = B.exp(v)
    assert prepared(Graph("g", [x], [v], [B.mul(out, out), out])) == []


def test_random_numbers_are_drawn_in_every_call() -> None:
    assert draws("aten.rand_like.default") and draws("aten.bernoulli.p")
    assert draws("aten.native_dropout.default") and not draws("aten.mm.default")
    x = B.input("x", 0, TensorType((64,), "float32"))
    v = B.parameter("v", TensorType((64,), "float32"))
    noise = B.call(
        v,
        target="aten.rand_like.default",
        output_index=0,
        arguments={"args": [{"input": 0}], "kwargs": {}},
        out_type=TensorType((64,), "float32"),
    )
    g = Graph("g", [x], [v], [B.add(x, B.exp(noise))])
    assert prepared(g) == []
    assert noise.id not in parameter_only(g)
