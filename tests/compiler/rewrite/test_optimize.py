from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kernelwright.compiler.rewrite import Budget, optimize
from kernelwright.graph import Builder, Graph, Node, TensorType
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target

pytest.importorskip("egglog")
CPU, CUDA = Target("cpu", "x86_64"), Target("cuda", "sm_90")
PATIENT = Budget(seconds=60.0)  # counts decide, not the machine's load
MATRIX = TensorType((24, 24), "float32")


def graph_of(make: Callable[..., Any], *types: TensorType, parameters: int = 0) -> Graph:
    """The last ``parameters`` of the leaves are parameters."""
    b = Builder()
    count = len(types) - parameters
    leaves = [b.input(f"x{i}", i, t) for i, t in enumerate(types[:count])]
    weights = [b.parameter(f"w{i}", t) for i, t in enumerate(types[count:])]
    made = make(b, *leaves, *weights)
    return Graph("g", leaves, weights, [made] if isinstance(made, Node) else list(made))


def ops_of(graph: Graph) -> list[str]:
    return [n.op for n in graph.nodes() if n.op not in ("input", "parameter", "constant")]


def values(graph: Graph, source: Graph) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=n.shape).astype(n.dtype) for n in source.inputs]
    state = {n.attrs["name"]: rng.normal(size=n.shape).astype(n.dtype) for n in source.parameters}
    return tuple(evaluate(g, inputs, state, float64=True)[0] for g in (graph, source))  # type: ignore[return-value]


@pytest.mark.parametrize("target", [CPU, CUDA], ids=str)
@pytest.mark.parametrize("left", [True, False])
def test_a_product_with_a_diagonal_matrix_is_a_scaling(target: Target, left: bool) -> None:
    graph = graph_of(
        lambda b, v, m: b.matmul(b.diag(v), m) if left else b.matmul(m, b.diag(v)),
        TensorType((24,), "float32"),
        MATRIX,
    )
    found = optimize(graph, target, budget=PATIENT)
    assert "mul" in ops_of(found.graph) and "matmul" not in ops_of(found.graph)
    assert found.graph.assumes == ["finite_inputs"] == list(found.licences)
    (rule,) = found.rules  # of the composite, or of what it is made of
    assert "diagonal" in rule
    np.testing.assert_allclose(*values(found.graph, graph), rtol=1e-12)


def test_strict_ieee_takes_nothing_for_granted() -> None:
    graph = graph_of(lambda b, v, m: b.matmul(b.diag(v), m), TensorType((24,), "float32"), MATRIX)
    found = optimize(graph, CPU, strict_ieee=True, budget=PATIENT)
    assert "matmul" in ops_of(found.graph)
    assert not found.licences and not found.graph.assumes
    total = graph_of(
        lambda b, x, y: b.sum(b.matmul(x, y), axes=(1,), keepdims=False), MATRIX, MATRIX
    )
    assert "matmul" in ops_of(optimize(total, CPU, strict_ieee=True, budget=PATIENT).graph)
    assert "matmul" not in ops_of(optimize(total, CPU, budget=PATIENT).graph)


def test_a_licence_that_gains_nothing_is_not_used() -> None:
    graph = graph_of(lambda b, x: b.exp(b.mul(x, b.constant(2.0, "float32"))), MATRIX)
    found = optimize(graph, CPU, budget=PATIENT)
    assert found.rules == () and found.licences == () and not found.graph.assumes
    assert found.graph.notes == []


def test_chains_of_products_are_grouped_by_cost() -> None:
    graph = graph_of(
        lambda b, x, y, v: b.matmul(b.matmul(x, y), v),
        MATRIX,
        MATRIX,
        TensorType((24, 1), "float32"),
    )
    found = optimize(graph, CPU, budget=PATIENT)
    assert "matmul" not in ops_of(found.graph) and ops_of(found.graph).count("sum") == 2
    np.testing.assert_allclose(*values(found.graph, graph), rtol=1e-10)


def test_a_product_with_a_vector_is_no_collapse() -> None:
    """It is written as a sum of products, which is the same work."""
    graph = graph_of(lambda b, x, v: b.matmul(x, v), MATRIX, TensorType((24,), "float32"))
    found = optimize(graph, CPU, budget=PATIENT)
    assert found.rules == ("thin_product",) and found.collapses == ()


def test_weights_take_up_what_follows_the_product() -> None:
    def make(b: Builder, x: Node, w: Node, bias: Node, *norm: Node) -> Node:
        return b.batch_norm(b.linear(x, w, bias), *norm, eps=1e-5)

    vector = TensorType((24,), "float32")
    types = (MATRIX, TensorType((24, 24), "float32"), *[vector] * 5)
    graph = graph_of(make, *types, parameters=6)
    found = optimize(graph, CPU, budget=PATIENT)
    (product,) = [n for n in found.graph.nodes() if n.op == "matmul"]
    users = [n for n in found.graph.nodes() if product in n.inputs]
    assert [n.op for n in users] == ["add"] and users == found.graph.outputs
    rng = np.random.default_rng(0)
    x = rng.normal(size=(24, 24)).astype(np.float32)
    state = {n.attrs["name"]: np.abs(rng.normal(size=n.shape)).astype(np.float32)
             for n in graph.parameters}  # fmt: skip
    one, other = (evaluate(g, [x], state, float64=True)[0] for g in (found.graph, graph))
    np.testing.assert_allclose(one, other, rtol=1e-10)


def test_what_it_says() -> None:
    def make(b: Builder, x: Node, y: Node) -> list[Node]:
        return [b.sub(b.matmul(x, y), b.matmul(x, y)), b.relu(x)]

    found = optimize(graph_of(make, MATRIX, MATRIX), CPU, budget=PATIENT)
    said = " | ".join(found.collapses)
    assert "output 0 is constant: 0 in every element" in said
    assert "does not depend on input x1" in said and "matrix product is not needed" in said
    assert [n for n in found.graph.notes if n.startswith("algebra: ")]
    assert found.to_dict()["collapses"] == list(found.collapses)


def layers(count: int) -> Graph:
    def make(b: Builder, x: Node, *weights: Node) -> Node:
        for w in weights:
            y = b.layer_norm(b.linear(x, w), axes=(1,))
            x = b.add(x, b.mul(b.gelu(y), b.softmax(y, axis=1)))
        return x

    return graph_of(make, MATRIX, *[MATRIX] * count, parameters=count)


def test_the_budget_is_kept_on_a_large_model() -> None:
    graph = layers(34)
    assert 200 <= len(graph.nodes()) - 35 <= 250
    whole = optimize(graph, CPU, budget=Budget(rounds=1, terms=400, growth=0.0, seconds=60.0))
    assert whole.rounds <= 4  # one round a licence, and the one that finds the budget spent
    tight = Budget(terms=10, growth=0.0, seconds=60.0)
    small = optimize(graph, CPU, budget=tight)
    assert small.stopped.endswith("terms")
    assert small.terms <= plain_terms(graph) + 10 + 200  # the last match may make several
    np.testing.assert_allclose(*values(small.graph, graph), rtol=1e-9)


def plain_terms(graph: Graph) -> int:
    return optimize(graph, CPU, rules=[], budget=PATIENT).terms


def test_a_graph_deeper_than_the_stack() -> None:
    def make(b: Builder, x: Node) -> Node:
        for _ in range(1500):
            x = b.silu(x)
        return x

    found = optimize(graph_of(make, TensorType((2,), "float32")), CPU, budget=Budget(rounds=1))
    assert len(ops_of(found.graph)) == 3000


def test_without_egglog_the_graph_is_decomposed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "egglog", None)
    graph = graph_of(lambda b, x: b.softmax(x, axis=1), MATRIX)
    found = optimize(graph, CPU)
    assert "exp" in ops_of(found.graph) and "softmax" not in ops_of(found.graph)
    assert any("kernelwright[algebra]" in note for note in found.graph.notes)
