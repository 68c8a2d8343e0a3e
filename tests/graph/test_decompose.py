from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.graph import DTYPES, Builder, Graph, Node, TensorType
from kernelwright.graph.decompose import decompose
from kernelwright.graph.evaluate import evaluate
from kernelwright.graph.serial import graph_from_dict, graph_to_dict

F32 = TensorType((3, 4), "float32")


def graph_of(make: Callable[..., Any], *types: TensorType) -> Graph:
    b = Builder()
    leaves = [b.input(f"x{i}", i, t) for i, t in enumerate(types)]
    made = make(b, *leaves)
    return Graph("g", leaves, [], [made] if isinstance(made, Node) else list(made))


def ops_of(graph: Graph) -> list[str]:
    return [n.op for n in graph.nodes() if n.op not in ("input", "constant")]


def number(b: Builder, value: float, dtype: str = "float32") -> Node:
    return b.constant(value, dtype)


RULES: list[tuple[Callable[..., Any], list[str]]] = [
    (lambda b, x: b.cast(x, dtype="float32"), []),
    (lambda b, x: b.cast(b.cast(x, dtype="float64"), dtype="float32"), []),
    (lambda b, x: b.cast(b.cast(x, dtype="float64"), dtype="float16"), ["cast"]),
    (lambda b, x: b.cast(b.cast(x, dtype="float16"), dtype="float32"), ["cast", "cast"]),
    (lambda b, x: b.reshape(b.reshape(x, shape=(12,)), shape=(3, 4)), []),
    (lambda b, x: b.reshape(b.reshape(x, shape=(12,)), shape=(2, 6)), ["reshape"]),
    (lambda b, x: b.transpose(b.transpose(x, axes=(1, 0)), axes=(1, 0)), []),
    (lambda b, x: b.transpose(b.reshape(x, shape=(12, 1)), axes=(1, 0)), ["reshape"]),
    (lambda b, x: b.expand(x, shape=(1, 3, 4)), ["reshape"]),
    (lambda b, x: b.mul(x, b.expand(number(b, 2), shape=(3, 4))), ["mul"]),
    (lambda b, x: b.flip(b.flip(x, axes=(0,)), axes=(0,)), []),
    (lambda b, x: b.slice(x, starts=(0, 0), stops=(3, 4), steps=(1, 1)), []),
    (lambda b, x: b.concat(x, axis=0), []),
    (lambda b, x: b.pad(x, low=(0, 0), high=(0, 0), value=0), []),
    (lambda b, x: b.sum(x, axes=(), keepdims=False), []),
    (lambda b, x: b.mul(x, number(b, 1)), []),
    (lambda b, x: b.mul(number(b, 1), x), []),
    (lambda b, x: b.div(x, number(b, 1)), []),
    (lambda b, x: b.sub(x, number(b, 0)), []),
    (lambda b, x: b.add(x, number(b, 0)), ["add"]),  # -0.0 + 0.0 is 0.0
    (lambda b, x: b.pow(x, number(b, 2)), ["square"]),
    (lambda b, x: b.pow(x, number(b, 0.5)), ["sqrt"]),
    (lambda b, x: b.pow(x, number(b, 2.5)), ["pow"]),
    (lambda b, x: b.neg(b.neg(x)), []),
    (lambda b, x: b.where(b.gt(x, number(b, 0)), x, x), []),
    (lambda b, x: b.add(b.exp(x), b.exp(x)), ["exp", "add"]),
    (lambda b, x: b.add(x, b.mul(number(b, 2), number(b, 3))), ["add"]),
]


@pytest.mark.parametrize(("make", "left"), RULES)
def test_rule(make: Callable[..., Any], left: list[str]) -> None:
    graph = graph_of(make, F32)
    simple = decompose(graph)
    assert ops_of(simple) == left
    x = np.random.default_rng(0).gamma(2.0, size=(3, 4)).astype(np.float32)
    expected, result = evaluate(graph, [x], {})[0], evaluate(simple, [x], {})[0]
    np.testing.assert_allclose(result, expected, rtol=1e-6)
    assert simple.outputs[0].type == graph.outputs[0].type


def test_slices_compose() -> None:
    graph = graph_of(
        lambda b, x: b.slice(
            b.slice(x, starts=(1,), stops=(18,), steps=(3,)), starts=(1,), stops=(6,), steps=(2,)
        ),
        TensorType((20,), "int64"),
    )
    simple = decompose(graph)
    assert ops_of(simple) == ["slice"]
    x = np.arange(20)
    np.testing.assert_array_equal(evaluate(simple, [x], {})[0], x[1:18:3][1:6:2])


def test_folding_keeps_exact_values() -> None:
    def make(b: Builder, x: Node) -> Node:
        third = b.div(number(b, 1.0, "float16"), number(b, 3.0, "float16"))
        return b.mul(x, b.cast(third, dtype="float32"))

    simple = decompose(graph_of(make, F32))
    (constant,) = [n for n in simple.nodes() if n.op == "constant"]
    assert constant.attrs["exact"] == 1 / 3
    assert constant.attrs["value"] == np.float32(1 / 3)


def test_zero_and_minus_zero_are_not_one_constant() -> None:
    graph = graph_of(
        lambda b, x: [b.div(x, number(b, 0.0)), b.div(x, number(b, -0.0))],
        TensorType((), "float32"),
    )
    plus, minus = evaluate(decompose(graph), [np.float32(1)], {})
    assert plus == np.inf and minus == -np.inf


def test_shared_composites_are_computed_once() -> None:
    graph = graph_of(
        lambda b, x: [b.mean(x, axes=(1,), keepdims=True), b.layer_norm(x, axes=(1,))], F32
    )
    assert ops_of(decompose(graph)).count("sum") == 2  # the mean, and the sum of squares


def test_dead_nodes_go_and_unused_inputs_stay() -> None:
    b = Builder()
    x, unused = b.input("x", 0, F32), b.input("y", 1, F32)
    weight = b.parameter("w", F32)
    b.exp(x)
    simple = decompose(Graph("g", [x, unused], [weight], [b.neg(x)], "tuple", ["a note"]))
    assert ops_of(simple) == ["neg"]
    assert simple.inputs == [x, unused] and simple.parameters == [weight]
    assert simple.structure == "tuple" and simple.notes == ["a note"]


def test_a_graph_deeper_than_the_stack() -> None:
    def make(b: Builder, x: Node) -> Node:
        for _ in range(5000):
            x = b.silu(x)
        return x

    graph = graph_of(make, TensorType((2,), "float32"))
    simple = decompose(graph)
    assert len(simple.nodes()) == 1 + 2 * 5000
    assert evaluate(simple, [np.ones(2, np.float32)], {})[0].shape == (2,)
    data, arrays = graph_to_dict(simple)
    assert len(graph_from_dict(data, arrays).nodes()) == len(simple.nodes())


_UNARY = ["neg", "abs", "sin", "tanh", "silu", "gelu", "square", "softmax", "flip", "t", "half"]
_BINARY = ["add", "sub", "mul", "maximum", "lt"]


@st.composite
def random_graphs(draw: st.DrawFn) -> Graph:
    b = Builder()
    leaves = [b.input(f"x{i}", i, TensorType((4, 4), "float32")) for i in range(2)]
    pool = [*leaves, b.constant(0.3, "float32"), b.constant(1.0, "float32")]
    for _ in range(draw(st.integers(1, 12))):
        op = draw(st.sampled_from(_UNARY + _BINARY))
        x, y = draw(st.sampled_from(pool)), draw(st.sampled_from(pool))
        if op in _BINARY:
            made = b.make(op, [x, y])
            pool.append(b.cast(made, dtype="float32"))
        elif op == "half":
            pool.append(b.cast(b.cast(x, dtype="float16"), dtype="float32"))
        elif op in ("softmax", "flip", "t"):
            if not x.shape:
                continue
            attrs: dict[str, Any] = {"softmax": {"axis": 1}, "flip": {"axes": (0,)}}.get(op, {})
            pool.append(b.transpose(x, axes=(1, 0)) if op == "t" else b.make(op, [x], **attrs))
        else:
            pool.append(b.make(op, [x]))
    return Graph("random", leaves, [], [pool[-1], draw(st.sampled_from(pool))], "tuple")


@settings(max_examples=60, deadline=None)
@given(random_graphs(), st.integers(0, 2**31))
def test_decompose_keeps_the_float64_value(graph: Graph, seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrays = [rng.normal(size=(4, 4)).astype(np.float32) for _ in range(2)]
    expected = evaluate(graph, arrays, {}, float64=True)
    result = evaluate(decompose(graph), arrays, {}, float64=True)
    for a, b in zip(result, expected):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(random_graphs())
def test_serial_round_trip(graph: Graph) -> None:
    import json

    data, arrays = graph_to_dict(graph)
    again, arrays_again = graph_to_dict(graph_from_dict(json.loads(json.dumps(data)), arrays))
    assert again == data
    assert all(a.tobytes() == b.tobytes() for a, b in zip(arrays, arrays_again))
    x = [np.ones((4, 4), np.float32)] * 2
    for a, b in zip(evaluate(graph, x, {}), evaluate(graph_from_dict(data, arrays), x, {})):
        np.testing.assert_array_equal(a, b)


def test_serial_keeps_every_kind_of_attribute() -> None:
    import json

    b = Builder()
    x, w = b.input("x", 0, F32), b.parameter("layer.weight", F32)
    call = b.call(
        x,
        w,
        target="aten.op.default",
        output_index=1,
        arguments=[{"input": 0}, [1, 2], None, "same", float("inf")],
        out_type=TensorType((2,), "int64"),
    )
    low = b.clamp(x, min=float("-inf"), max=float("nan"))
    table = b.constant(np.arange(3).astype(DTYPES["bfloat16"]), "bfloat16")
    graph = Graph("g", [x], [w], [call, low, table], "list", ["note"])
    data, arrays = graph_to_dict(graph)
    back = graph_from_dict(json.loads(json.dumps(data)), arrays)
    attrs = back.outputs[0].attrs
    assert attrs == call.attrs and attrs["out_type"] == TensorType((2,), "int64")
    assert repr(back.outputs[1].attrs) == repr(low.attrs)
    assert back.outputs[2].attrs["value"].dtype == DTYPES["bfloat16"]
    assert (back.structure, back.notes, back.parameters[0].attrs) == (
        "list",
        ["note"],
        {"name": "layer.weight"},
    )
    with pytest.raises(ValueError, match="version"):
        graph_from_dict({**data, "version": 99}, arrays)
