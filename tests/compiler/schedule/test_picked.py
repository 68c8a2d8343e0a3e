"""One element of every row is read alone, not as a sum over the row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernelwright.aul import check, interpret, resolve
from kernelwright.aul import evaluate as size_of
from kernelwright.aul.syntax import Copy, Workspace, statements
from kernelwright.compiler.schedule import design
from kernelwright.graph import Builder, Graph, Node, TensorType
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target

CPU, GPU = Target("cpu", "x86_64"), Target("cuda", "sm_90")
CLASSES = 301
Body = Callable[[Builder, Node, Node], Node]


def one_hot_sum(b: Builder, values: Node, labels: Node, axis: int = 1) -> Node:
    """values[label], and 0 for labels that are no class."""
    line = tuple(n if a == axis else 1 for a, n in enumerate(values.shape))
    column = tuple(1 if a == axis else n for a, n in enumerate(values.shape))
    classes = b.make("iota", [], shape=line, axis=axis, dtype=labels.dtype)
    hit = b.eq(classes, b.make("reshape", [labels], shape=column))
    chosen = b.where(hit, values, b.constant(0, values.dtype))
    return b.make("sum", [chosen], axes=(axis,), keepdims=False)


def cross_entropy(b: Builder, x: Node, labels: Node) -> Node:
    return one_hot_sum(b, b.make("log_softmax", [x], axis=1), labels)


def scaled(b: Builder, x: Node, labels: Node) -> Node:
    return one_hot_sum(b, b.mul(b.exp(x), b.constant(0.5, x.dtype)), labels)


def weighted(b: Builder, x: Node, labels: Node) -> Node:
    weights = np.linspace(0.5, 2, CLASSES).reshape(1, CLASSES, *(1 for _ in x.shape[2:]))
    return one_hot_sum(b, b.mul(x, b.constant(weights, x.dtype)), labels)


def gathered(b: Builder, x: Node, labels: Node) -> Node:
    follows = tuple(-1 if a == 1 else a - (a > 1) for a in range(len(x.shape)))
    logs = b.make("log_softmax", [x], axis=1)
    return b.make("lookup", [logs, labels], shape=labels.shape, follows=follows, fill=0)


def gathered_in_a_column(b: Builder, x: Node, labels: Node) -> Node:
    column = tuple(1 if a == 1 else n for a, n in enumerate(x.shape))
    index = b.make("reshape", [labels], shape=column)
    follows = tuple(-1 if a == 1 else a for a in range(len(x.shape)))
    logs = b.make("log_softmax", [x], axis=1)
    return b.make("lookup", [logs, index], shape=column, follows=follows)


@pytest.mark.parametrize("target", [CPU, GPU], ids=str)
@pytest.mark.parametrize("shape", [(37, CLASSES), (3, CLASSES, 5)], ids=str)
@pytest.mark.parametrize("body", [cross_entropy, scaled, weighted, gathered, gathered_in_a_column])
def test_the_chosen_element_is_looked_up(
    body: Body, shape: tuple[int, ...], target: Target
) -> None:
    b = Builder()
    x = b.input("x", 0, TensorType(shape, "float32"))
    labels = b.input("labels", 1, TensorType((shape[0], *shape[2:]), "int64"))
    g = Graph("op", [x, labels], [], [body(b, x, labels)], "single")
    made = design(g, target, threads=2)
    assert [d for d in check(made.program) if d.severity == "error"] == []
    rng = np.random.default_rng(0)
    values = [
        rng.standard_normal(shape).astype("float32"),
        rng.integers(0, CLASSES, labels.shape),
    ]
    values[1].flat[:3] = [0, CLASSES - 1, 5 if body is gathered_in_a_column else -100]
    truth = evaluate(g, values, {}, float64=True)
    found = interpret(made.program, [*values, *made.constants.values()])
    np.testing.assert_allclose(found[0], truth[0], rtol=3e-6, atol=3e-6)
    env = resolve(made.program)
    spaces = [w for w in made.program.host.body if isinstance(w, Workspace)]
    sizes = [np.prod([size_of(e, env) for e in w.shape]) for w in spaces]
    assert max(sizes, default=0) < x.type.size // 4  # nothing per class


@pytest.mark.parametrize("shape", [(37, 10), (3, 21, 5)], ids=str)
@pytest.mark.parametrize("body", [gathered, gathered_in_a_column])
def test_short_rows_that_a_gpu_reads_anyway_are_summed(body: Body, shape: tuple[int, ...]) -> None:
    b = Builder()
    x = b.input("x", 0, TensorType(shape, "float32"))
    labels = b.input("labels", 1, TensorType((shape[0], *shape[2:]), "int64"))
    g = Graph("op", [x, labels], [], [body(b, x, labels)], "single")
    made = design(g, GPU)
    copies = [s for k in made.program.kernels for s in statements(k.body) if isinstance(s, Copy)]
    assert len(made.program.kernels) == 1 and all(c.index is None for c in copies)
    rng = np.random.default_rng(0)
    values = [
        rng.standard_normal(shape).astype("float32"),
        rng.integers(0, shape[1], labels.shape),
    ]
    values[0].flat[:2] = [-np.inf, np.nan]
    if body is gathered:  # with a number for labels outside
        values[1].flat[-3:] = [-100, shape[1], 2**32 + 1]
    found = interpret(made.program, values)
    truth = evaluate(g, values, {}, float64=True)
    np.testing.assert_allclose(found[0], truth[0], rtol=3e-6, atol=3e-6)
