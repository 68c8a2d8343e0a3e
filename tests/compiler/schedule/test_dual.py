"""Reductions over different dimensions of the same data, in one pass over memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernelwright.aul import check, interpret
from kernelwright.aul import syntax as aul
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule import alternatives, design
from kernelwright.graph import Builder, Graph, Node, TensorType
from kernelwright.graph.core import DTYPES
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target

CPU, GPU = Target("cpu", "x86_64"), Target("cuda", "sm_90")
TARGETS = pytest.mark.parametrize("target", [CPU, GPU], ids=str)
Body = Callable[..., list[Node]]


def graph(body: Body, *shapes: tuple[int, ...], dtype: str = "float32") -> Graph:
    b = Builder()
    inputs = [b.input(f"a{i}", i, TensorType(shape, dtype)) for i, shape in enumerate(shapes)]
    return Graph("op", inputs, [], body(b, *inputs), "tuple")


def made_of(g: Graph, target: Target) -> Design:
    made = design(g, target, threads=2)
    assert [d for d in check(made.program) if d.severity == "error"] == []
    return made


def numbers(g: Graph, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [(rng.standard_normal(n.shape) * 4).astype(DTYPES[n.dtype]) for n in g.inputs]


def agree(g: Graph, made: Design, **tunables: int) -> None:
    inputs = numbers(g)
    truth = evaluate(g, inputs, {}, float64=True)
    outputs = interpret(
        made.program, [inputs[int(b.key)] for b in made.bindings], tunables=tunables
    )
    unit = 2e-2 if g.inputs[0].dtype == "bfloat16" else 4e-6
    for t, o in zip(truth, outputs, strict=True):
        assert o.shape == t.shape
        typical = float(np.sqrt(np.mean(np.square(t.astype(np.float64)))))
        np.testing.assert_allclose(o.astype(np.float64), t, rtol=unit, atol=unit * typical)


def reads(made: Design) -> int:
    """How many kernels read the first input."""
    return sum(any(p.name == "a0" for p in k.params) for k in made.program.kernels)


def over(b: Builder, op: str, x: Node, *axes: int) -> Node:
    return b.make(op, [x], axes=axes, keepdims=False)


def sums_and_maxima(b: Builder, x: Node) -> list[Node]:
    return [over(b, "sum", x, 1), over(b, "amax", x, 0)]


def softmax_and_use(b: Builder, x: Node) -> list[Node]:
    s = b.make("softmax", [x], axis=1)
    return [s, over(b, "mean", s, 0)]


def use_alone(b: Builder, x: Node) -> list[Node]:
    return [over(b, "mean", b.make("softmax", [x], axis=1), 0)]


def each_axis(b: Builder, x: Node) -> list[Node]:
    return [over(b, "sum", b.square(x), 0), over(b, "sum", x, 1), over(b, "amin", x, 2)]


def nested(b: Builder, x: Node) -> list[Node]:
    return [over(b, "sum", x, 2), over(b, "amax", x, 1, 2), over(b, "mean", x, 0, 1, 2)]


def inside_kept(b: Builder, x: Node) -> list[Node]:
    return [over(b, "sum", x, 0), over(b, "amax", x, 1)]


def outside_kept(b: Builder, x: Node) -> list[Node]:
    return [over(b, "mean", x, 1), b.relu(over(b, "sum", x, 2))]


def three_folds(b: Builder, x: Node) -> list[Node]:
    return [over(b, "amax", x, 1), over(b, "sum", x, 0), over(b, "sum", b.exp(x), 0, 1), b.neg(x)]


def turned(b: Builder, x: Node) -> list[Node]:
    t = b.make("transpose", [b.tanh(x)], axes=(1, 0))
    return [over(b, "sum", t, 1), over(b, "sum", x, 1)]


def backward(b: Builder, x: Node, dy: Node) -> list[Node]:
    """The gradients of a layer norm: of its input a row, of weight and bias a column."""
    n = b.constant(x.shape[1], "float32")
    mean = b.make("mean", [x], axes=(1,), keepdims=True)
    away = b.sub(x, mean)
    var = b.make("mean", [b.square(away)], axes=(1,), keepdims=True)
    rstd = b.make("rsqrt", [b.add(var, b.constant(1e-5, "float32"))])
    hat = b.mul(away, rstd)
    one = b.div(b.make("sum", [dy], axes=(1,), keepdims=True), n)
    two = b.div(b.make("sum", [b.mul(dy, hat)], axes=(1,), keepdims=True), n)
    dx = b.mul(b.sub(b.sub(dy, one), b.mul(hat, two)), rstd)
    return [dx, over(b, "sum", b.mul(dy, hat), 0), over(b, "sum", dy, 0)]


CASES: dict[str, tuple[Body, tuple[tuple[int, ...], ...]]] = {
    "sums and maxima": (sums_and_maxima, ((701, 257),)),
    "few long columns": (sums_and_maxima, ((13, 40_003),)),
    "narrow": (sums_and_maxima, ((30_011, 5),)),
    "softmax and its mean": (softmax_and_use, ((777, 130),)),
    "the mean of a softmax": (use_alone, ((777, 130),)),
    "each axis": (each_axis, ((611, 9, 17),)),
    "nested": (nested, ((601, 9, 17),)),
    "kept inside": (inside_kept, ((37, 41, 67),)),
    "kept outside": (outside_kept, ((7, 131, 129),)),
    "many kept outside": (outside_kept, ((601, 13, 19),)),
    "three folds": (three_folds, ((701, 131),)),
    "transposed": (turned, ((701, 131),)),
    "layer norm backward": (backward, ((701, 131), (701, 131))),
}


@TARGETS
@pytest.mark.parametrize("name", CASES)
def test_one_pass_reads_the_data_once(name: str, target: Target) -> None:
    body, shapes = CASES[name]
    g = graph(body, *shapes)
    made = made_of(g, target)
    assert reads(made) == 1
    agree(g, made)


@pytest.mark.parametrize("dtype", ["bfloat16", "int32", "float64"])
@TARGETS
def test_dtypes(dtype: str, target: Target) -> None:
    g = graph(sums_and_maxima, (701, 129), dtype=dtype)
    made = made_of(g, target)
    assert reads(made) == 1
    agree(g, made)


@TARGETS
@pytest.mark.parametrize("name", ["sums and maxima", "kept inside", "few long columns"])
def test_every_tunable(name: str, target: Target) -> None:
    body, shapes = CASES[name]
    g = graph(body, *shapes)
    made = made_of(g, target)
    for d in made.program.declarations:
        if isinstance(d, aul.Tunable):
            for choice in {d.choices[0], d.choices[-1]}:
                agree(g, made, **{d.name: choice})


def test_long_column_sums_are_carried_in_float64() -> None:
    made = made_of(
        graph(lambda b, x: [over(b, "amax", x, 1), over(b, "sum", x, 0)], (701, 257)), CPU
    )
    first = made.program.kernels[0]
    filled = [s for s in aul.statements(first.body) if isinstance(s, aul.Tile) and s.value == 0]
    assert [s.dtype for s in filled] == ["float64"]


@TARGETS
def test_rows_may_need_columns(target: Target) -> None:
    """A core then holds whole columns."""

    def centred(b: Builder, x: Node) -> list[Node]:
        columns = b.make("mean", [x], axes=(0,), keepdims=True)
        return [over(b, "sum", b.square(b.sub(x, columns)), 1), over(b, "amax", x, 0)]

    g = graph(centred, (131, 701))
    made = made_of(g, target)
    assert reads(made) == 1
    agree(g, made)


@TARGETS
def test_rows_too_long_to_hold_are_read_twice(target: Target) -> None:
    assert reads(design(graph(sums_and_maxima, (1100, 1030)), target, threads=2)) == 1
    both_long = graph(sums_and_maxima, (66_000, 70_001))
    assert reads(design(both_long, target, threads=2)) == 2


def test_a_tuner_may_compare_a_pass_for_each() -> None:
    g = graph(sums_and_maxima, (701, 257))
    others = alternatives(made_of(g, CPU), g, CPU, threads=2)
    apart = [made for made in others if reads(made) == 2]
    assert apart
    agree(g, apart[0])


def test_small_data_are_not_worth_it() -> None:
    g = graph(sums_and_maxima, (40, 50))
    made = made_of(g, CPU)
    assert reads(made) == 2
    agree(g, made)
