"""Long reductions that need each other: one pass over memory, as two passes compute it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernelwright.aul import check, interpret
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule import design
from kernelwright.graph import Builder, Graph, Node, TensorType
from kernelwright.graph.core import DTYPES
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target

CPU, GPU = Target("cpu", "x86_64"), Target("cuda", "sm_90")
TARGETS = pytest.mark.parametrize("target", [CPU, GPU], ids=str)
Body = Callable[[Builder, Node], Node | list[Node]]
ROWS, LONG = (3, 70_001), (1, 300_007)


def graph(body: Body, shape: tuple[int, ...], dtype: str = "float32") -> Graph:
    b = Builder()
    x = b.input("x", 0, TensorType(shape, dtype))
    made = body(b, x)
    return Graph("op", [x], [], made if isinstance(made, list) else [made], "tuple")


def made_of(g: Graph, target: Target) -> Design:
    made = design(g, target, threads=2)
    assert [d for d in check(made.program) if d.severity == "error"] == []
    return made


def agree(g: Graph, made: Design, x: np.ndarray, rtol: float = 2e-6) -> None:
    truths = evaluate(g, [x], {}, float64=True)
    with np.errstate(all="ignore"):
        outputs = interpret(made.program, [x])
    for truth, found in zip(truths, outputs):
        typical = np.sqrt(np.mean(np.square(truth[np.isfinite(truth)]))) if truth.size else 0.0
        floor = 1e-30 if typical < 1e-3 else 5e-6 * typical
        np.testing.assert_allclose(found.astype(np.float64), truth, rtol=rtol, atol=floor)


def numbers(g: Graph, scale: float = 1.0, shift: float = 0.0) -> np.ndarray:
    node = g.inputs[0]
    rng = np.random.default_rng(1)
    return (rng.standard_normal(node.shape) * scale + shift).astype(DTYPES[node.dtype])


def reads(made: Design) -> int:
    """How many kernels read the input."""
    return sum(any(p.name.startswith("x") for p in k.params) for k in made.program.kernels)


def softmax(b: Builder, x: Node) -> Node:
    return b.make("softmax", [x], axis=len(x.shape) - 1)


def log_softmax(b: Builder, x: Node) -> Node:
    return b.make("log_softmax", [x], axis=len(x.shape) - 1)


def layer_norm(b: Builder, x: Node) -> Node:
    return b.make("layer_norm", [x], axes=(len(x.shape) - 1,))


@TARGETS
@pytest.mark.parametrize("shape", [ROWS, LONG], ids=["rows", "row"])
@pytest.mark.parametrize("body", [softmax, log_softmax, layer_norm])
def test_statistics_in_one_pass_and_results_in_another(
    body: Body, shape: tuple[int, ...], target: Target
) -> None:
    g = graph(body, shape)
    made = made_of(g, target)
    kept = target == CPU and shape == ROWS and body is not layer_norm  # near a core, not on it
    assert reads(made) == (1 if kept else 2)
    agree(g, made, numbers(g, 3.0, 0.5), rtol=2e-5)  # where a difference nears 0


@TARGETS
@pytest.mark.parametrize("shape", [ROWS, LONG, (40_001, 3), (3, 6000, 5)])
def test_results_that_are_statistics_need_one_pass(shape: tuple[int, ...], target: Target) -> None:
    axes = (1,) if len(shape) < 3 and shape[0] < 10 else (0,) if len(shape) < 3 else (0, 1)

    def body(b: Builder, x: Node) -> list[Node]:
        keep = {"axes": axes, "keepdims": False}
        return [b.make("logsumexp", [x], **keep), b.make("var", [x], **keep, correction=1),
                b.make("mean", [x], **keep), b.make("amax", [x], **keep)]  # fmt: skip

    g = graph(body, shape)
    made = made_of(g, target)
    assert reads(made) == 1
    agree(g, made, numbers(g, 2.0, 7.0), rtol=2e-5)


@TARGETS
def test_a_weighted_sum_is_rescaled_too(target: Target) -> None:
    def body(b: Builder, x: Node) -> Node:
        keep = {"axes": (1,), "keepdims": True}
        e = b.exp(b.sub(x, b.amax(x, **keep)))
        return b.div(b.make("sum", [b.mul(x, e)], **keep), b.make("sum", [e], **keep))

    g = graph(body, ROWS)
    made = made_of(g, target)
    assert reads(made) == 1
    agree(g, made, numbers(g, 3.0), rtol=2e-5)


@TARGETS
def test_a_mean_far_from_zero_costs_the_variance_nothing(target: Target) -> None:
    """E[x*x] - E[x]**2 would leave no digit of it."""

    def body(b: Builder, x: Node) -> Node:
        return b.make("var", [x], axes=(1,), keepdims=False, correction=0)

    for shape in (ROWS, LONG):
        g = graph(body, shape)
        x = numbers(g, 1.0, 4096.0)
        agree(g, made_of(g, target), x, rtol=1e-4)
        x[:, 0] = 1e6  # an outlier where a shift by the first element would take its mean
        agree(g, made_of(g, target), x, rtol=1e-4)


@TARGETS
@pytest.mark.parametrize("shape", [ROWS, LONG], ids=["rows", "row"])
def test_infinities_and_nan_stand_where_two_passes_put_them(
    shape: tuple[int, ...], target: Target
) -> None:
    def body(b: Builder, x: Node) -> list[Node]:
        return [softmax(b, x), b.make("logsumexp", [x], axes=(1,), keepdims=False)]

    g = graph(body, shape)
    made = made_of(g, target)
    for value in (-np.inf, np.inf, np.nan):
        for part in (slice(0, 20_000), slice(69_000, None), slice(None)):
            x = numbers(g)
            x[0, part] = value
            agree(g, made, x, rtol=2e-5)


def test_what_no_rule_joins_is_still_cut() -> None:
    """The maximum of a softmax: a third reduction over the second one's result."""

    def body(b: Builder, x: Node) -> Node:
        return b.amax(softmax(b, x), axes=(1,), keepdims=False)

    g = graph(body, ROWS)
    agree(g, made_of(g, CPU), numbers(g), rtol=2e-5)
    agree(g, made_of(g, GPU), numbers(g), rtol=2e-5)


# ---- where an extremum stands ---------------------------------------------------------------


def places(op: str, axis: int) -> Body:
    def body(b: Builder, x: Node) -> list[Node]:
        value = "amax" if op == "argmax" else "amin"
        keep = {"axes": (axis,), "keepdims": False}
        return [b.make(op, [x], **keep), b.make(value, [x], **keep)]

    return body


def kinds_of_rows(dtype: str) -> np.ndarray:
    """Ties over blocks, only infinities, NaN early and late, a new best in the last element."""
    rng = np.random.default_rng(5)
    x = rng.integers(-9, 9, (7, 40_001)).astype(DTYPES[dtype])
    if dtype == "float32":
        x[1] = -np.inf
        x[2] = np.inf
        x[3, [123, 30_000]] = np.nan
        x[4, [39_999, 40_000]] = np.nan
        x[5] = 0.0
    x[6, -1] = 99
    x[6, 5_000] = -99
    return x


@TARGETS
@pytest.mark.parametrize("dtype", ["float32", "int32"])
@pytest.mark.parametrize("axis", [1, 0])
@pytest.mark.parametrize("op", ["argmax", "argmin"])
def test_the_place_of_an_extremum_is_found_in_the_same_pass(
    op: str, axis: int, dtype: str, target: Target
) -> None:
    x = kinds_of_rows(dtype)
    x = np.ascontiguousarray(x.T) if axis == 0 else x
    g = graph(places(op, axis), x.shape, dtype)
    made = made_of(g, target)
    assert reads(made) == 1
    found = interpret(made.program, [x])
    np.testing.assert_array_equal(found[0], getattr(np, op)(x, axis))
    np.testing.assert_array_equal(found[1], x.max(axis) if op == "argmax" else x.min(axis))


# ---- rows that are read twice by one core -----------------------------------------------------


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        (softmax, (530, 16_500)),
        pytest.param(log_softmax, (530, 20_001), marks=pytest.mark.heavy),
        pytest.param(layer_norm, (265, 2, 4, 5_000), marks=pytest.mark.heavy),
    ],
)
def test_long_rows_are_read_again_by_the_core_that_reduced_them(
    body: Body, shape: tuple[int, ...]
) -> None:
    def flat(b: Builder, x: Node) -> Node:
        return body(b, b.make("reshape", [x], shape=(530, x.type.size // 530)))

    g = graph(flat, shape)
    made = made_of(g, GPU)
    assert len(made.program.kernels) == 1
    agree(g, made, numbers(g, 3.0, 0.5), rtol=2e-5)


def test_statistics_beside_what_they_are_for() -> None:
    """Roots without the reduced dimension are stored between the two passes."""

    def body(b: Builder, x: Node) -> list[Node]:
        keep = {"axes": (1,), "keepdims": True}
        mean = b.make("mean", [x], **keep)
        spread = b.make("var", [x], **keep, correction=0)
        return [b.sub(x, mean), spread, b.div(x, b.sqrt(spread))]

    g = graph(body, (530, 16_500))
    made = made_of(g, GPU)
    assert len(made.program.kernels) == 1
    agree(g, made, numbers(g, 3.0, 0.5), rtol=2e-5)


@TARGETS
def test_equal_variances_are_folded_once(target: Target) -> None:
    def twice(b: Builder, x: Node) -> list[Node]:
        apart = b.sub(x, b.make("mean", [x], axes=(1,), keepdims=True))
        square = b.make("square", [apart])
        one = b.make("sum", [square], axes=(1,), keepdims=False)
        return [one, b.make("mean", [square], axes=(1,), keepdims=True)]

    g = graph(twice, ROWS)
    agree(g, made_of(g, target), numbers(g, 3.0, 0.5), rtol=2e-5)
