"""Where equality is asked for, every order of sums gives the same bits."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.graph.core import Builder, Graph, Node, TensorType
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Status
from kernelwright.verify.rule.compare import judge_outputs
from kernelwright.verify.rule.exactness import (
    SPARE_BITS,
    Bound,
    bound_of,
    exact_outputs,
    is_multilinear,
)
from kernelwright.verify.rule.verdict import Outputs, Verdict

Make = Callable[..., Node]


def graph_of(make: Make, *types: tuple[tuple[int, ...], str]) -> Graph:
    b = Builder()
    given = [b.input(f"x{i}", i, TensorType(*kind)) for i, kind in enumerate(types)]
    return Graph("t", given, [], [make(b, *given)])


def integers(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any = np.float32) -> Any:
    return rng.integers(-3, 4, shape).astype(dtype)


def total(b: Builder, x: Node) -> Node:
    return b.sum(x, axes=(len(x.shape) - 1,), keepdims=False)


def test_bounds_of_arrays() -> None:
    assert bound_of(np.array([1.0, -3.0, 0.0])) == Bound(3.0, 0)
    assert bound_of(np.array([0.75, 8.0], np.float16)) == Bound(8.0, 2)
    assert bound_of(np.array([2**-20], ml_dtypes.bfloat16)) == Bound(2.0**-20, 20)
    assert bound_of(np.zeros(5)) == Bound(0.0, 0)
    assert bound_of(np.array([5, -7], np.int8)) == Bound(7.0, 0)
    assert bound_of(np.array([-128], np.int8)) == Bound(128.0, 0)
    assert bound_of(np.array([1.0, np.nan])) is None
    assert bound_of(np.array([np.inf])) is None
    long = np.ones(100_000, np.float32)
    long[-1] = 0.5
    assert bound_of(long) == Bound(1.0, 1)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
def test_values_are_multiples_of_their_grid(values: list[float]) -> None:
    bound = bound_of(np.array(values))
    assert bound is not None and bound.size == max(map(abs, values))
    steps = [Fraction(value) * 2**bound.grid for value in values]
    assert all(step.denominator == 1 for step in steps)
    assert bound.grid == 0 or any(step.numerator % 2 for step in steps), "a coarser grid would do"


PRECISION = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
KINDS = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": "f4", "float64": "f8"}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    dtype=st.sampled_from(sorted(KINDS)),
    length=st.integers(1, 60),
    scale=st.sampled_from([0.25, 1, 3, 1000, 2**18]),
)
def test_sums_that_are_called_exact_do_not_depend_on_their_order(
    seed: int, dtype: str, length: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    scale = min(scale, 1000) if dtype == "float16" else scale
    x = (rng.integers(-3, 4, (4, length)) * scale).astype(KINDS[dtype])
    w = rng.integers(-3, 4, (4, length)).astype(KINDS[dtype])
    graph = graph_of(lambda b, x, w: total(b, b.mul(x, w)), (x.shape, dtype), (w.shape, dtype))
    if 0 not in exact_outputs(graph, [x, w], {}):
        largest = float(np.abs(x.astype(float)).max() * np.abs(w.astype(float)).max() * length)
        grid = 2 if scale < 1 else 0
        assert np.log2(largest) + grid > PRECISION[dtype] - SPARE_BITS
        return
    truth = (x.astype(np.float64) * w.astype(np.float64)).sum(axis=1)
    for _ in range(3):
        running = np.zeros(4, x.dtype)
        for i in rng.permutation(length):
            running = (running + (x[:, i] * w[:, i]).astype(x.dtype)).astype(x.dtype)
        assert (running.astype(np.float64) == truth).all()


LINEAR: dict[str, tuple[Make, list[tuple[int, ...]]]] = {
    "matmul": (lambda b, x, w: b.matmul(x, w), [(4, 64), (64, 8)]),
    "linear": (lambda b, x, w, c: b.linear(x, w, c), [(4, 64), (8, 64), (8,)]),
    "relu of a difference": (lambda b, x, y: b.relu(b.sub(x, y)), [(4, 5), (4, 5)]),
    "mean of 16": (lambda b, x: b.mean(x, axes=(1,), keepdims=False), [(4, 16)]),
    "half of it": (lambda b, x: b.mul(x, b.constant(0.5, "float32")), [(4, 16)]),
    "scan": (lambda b, x: b.cumsum(x, axis=1), [(4, 16)]),
    "mask": (
        lambda b, x, y: b.mul(b.cast(b.gt(x, y), dtype="float32"), x),
        [(4, 16), (4, 16)],
    ),
    "clamp": (lambda b, x: b.clamp(x, min=-1.5, max=2.0), [(4, 16)]),
    "padded": (lambda b, x: b.pad(x, low=(1, 0), high=(0, 2), value=1.0), [(4, 16)]),
    "two layers": (
        lambda b, x, w: b.matmul(b.relu(b.matmul(x, w)), b.transpose(w, axes=(1, 0))),
        [(4, 32), (32, 8)],
    ),
    "sums of rows": (
        lambda b, x, s: b.scatter(
            x, s, b.constant([[0], [2], [0], [1]], "int64"), follows=(-1, 1), update="add"
        ),
        [(3, 16), (4, 16)],
    ),
    "lower triangle": (lambda b, x, y: b.matmul(b.tril(x), y), [(8, 8), (8, 8)]),
}
NOT_LINEAR: dict[str, tuple[Make, list[tuple[int, ...]]]] = {
    "mean of 15": (lambda b, x: b.mean(x, axes=(1,), keepdims=False), [(4, 15)]),
    "a tenth": (lambda b, x: b.mul(x, b.constant(0.1, "float32")), [(4, 16)]),
    "softmax": (lambda b, x: b.softmax(x, axis=1), [(4, 16)]),
    "variance of 4": (lambda b, x: b.var(x, axes=(1,), keepdims=False, correction=0.0), [(4, 4)]),
    "quotient": (lambda b, x, y: b.div(x, y), [(4, 16), (4, 16)]),
    "root": (lambda b, x: b.sqrt(b.abs(x)), [(4, 16)]),
    "gelu": (lambda b, x: b.gelu(x), [(4, 16)]),
    "products of rows": (
        lambda b, x, s: b.scatter(
            x, s, b.constant([[0], [2], [0], [1]], "int64"), follows=(-1, 1), update="mul"
        ),
        [(3, 16), (4, 16)],
    ),
    "layer norm": (lambda b, x: b.layer_norm(x, axes=(1,), eps=1e-5), [(4, 16)]),
}


@pytest.mark.parametrize("name", [*LINEAR, *NOT_LINEAR])
def test_which_computations_count(name: str) -> None:
    make, shapes = {**LINEAR, **NOT_LINEAR}[name]
    graph = graph_of(make, *((shape, "float32") for shape in shapes))
    rng = np.random.default_rng(1)
    whole = [integers(rng, shape) for shape in shapes]
    assert is_multilinear(graph) == (name in LINEAR)
    assert (exact_outputs(graph, whole, {}) == frozenset({0})) == (name in LINEAR)
    continuous = [rng.standard_normal(shape).astype(np.float32) for shape in shapes]
    if name in ("matmul", "linear", "two layers"):
        assert not exact_outputs(graph, continuous, {})
    if name in LINEAR:  # the reference is then the truth, as the clause expects
        (r,), (t,) = evaluate(graph, whole, {}), evaluate(graph, whole, {}, float64=True)
        assert (r.astype(np.float64) == t).all()


def _convolution(target: str) -> Make:
    return lambda b, x, w: b.make(
        "call",
        [x, w],
        target=target,
        output_index=0,
        arguments={"args": [{"input": 0}, {"input": 1}], "kwargs": {}},
        out_type=TensorType((1, 2, 4), "float32"),
    )


def test_calls() -> None:
    shapes = [((1, 4, 6), "float32"), ((2, 4, 3), "float32")]
    rng = np.random.default_rng(0)
    whole = [integers(rng, shape) for shape, _ in shapes]
    assert exact_outputs(graph_of(_convolution("aten.conv1d.default"), *shapes), whole, {})
    assert not exact_outputs(graph_of(_convolution("aten.fft.default"), *shapes), whole, {})
    # 12 terms of 3 * 3 in 24 - 4 bits leave a factor of 9709 on the weights
    for factor, exact in ((4096.0, True), (16384.0, False)):
        scaled = [whole[0], whole[1] * np.float32(factor) + np.float32(1)]
        graph = graph_of(_convolution("aten.conv1d.default"), *shapes)
        assert bool(exact_outputs(graph, scaled, {})) == exact


def test_bounds_follow_the_grid_and_the_number_of_terms() -> None:
    """float16 has 11 bits, of which 7 are counted on; float32 20 of 24."""
    sixteenths = np.array([-1.0, 0.0625, 0.5], np.float16)
    square = graph_of(lambda b, x: b.mul(x, x), ((3,), "float16"))
    assert exact_outputs(square, [np.array([-1.0, 0.125, 0.5], np.float16)], {})  # 6 bits
    assert not exact_outputs(square, [sixteenths], {})  # 8 bits
    for divisor, exact in ((16.0, True), (1024.0, False)):
        spread = graph_of(
            lambda b, x, d=divisor: b.add(x, b.div(x, b.constant(d, "float16"))), ((3,), "float16")
        )
        assert bool(exact_outputs(spread, [np.array([1, -2, 3], np.float16)], {})) == exact
        each = graph_of(
            lambda b, x, d=divisor: b.add(x, b.div(x, b.constant([1.0, d, 2.0], "float16"))),
            ((3,), "float16"),
        )
        assert bool(exact_outputs(each, [np.array([1, -2, 3], np.float16)], {})) == exact
    for factor, exact in ((512.0, True), (4096.0, False)):
        product = graph_of(
            lambda b, x, w: b.matmul(x, w), ((2, 64), "float32"), ((64, 2), "float32")
        )
        x = np.full((2, 64), 3.0, np.float32)
        w = np.full((64, 2), 3.0 * factor, np.float32) + np.float32(1)
        assert bool(exact_outputs(product, [x, w], {})) == exact
        sign = graph_of(
            lambda b, x, w: b.sign(b.matmul(x, w)), ((2, 64), "float32"), ((64, 2), "float32")
        )
        assert bool(exact_outputs(sign, [x, w], {})) == exact


def test_the_narrowest_dtype_on_the_way_decides() -> None:
    rng = np.random.default_rng(0)
    x = integers(rng, (4, 64))
    through = graph_of(
        lambda b, x: total(b, b.cast(b.cast(x, dtype="float16"), dtype="float32")),
        (x.shape, "float32"),
    )
    assert not exact_outputs(through, [x], {})
    assert exact_outputs(graph_of(total, (x.shape, "float32")), [x], {})
    assert exact_outputs(through, [x * 0], {})


def judge(t: np.ndarray, r: np.ndarray, c: np.ndarray, exact: Any = True) -> Verdict:
    return judge_outputs([t], Outputs([r], "tensor"), Outputs([c], "tensor"), exact=exact)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64])
def test_the_clause_asks_for_equality(dtype: Any) -> None:
    r = (np.arange(-20, 20).reshape(5, 8) * 2).astype(dtype)
    t = r.astype(np.float64)
    assert judge(t, r, r.copy()).passed
    minus = r.copy()
    minus[minus == 0] = -0.0
    assert judge(t, r, minus).passed
    c = r.copy()
    c[3, 4] = np.nextafter(r[3, 4], dtype(100)) if dtype is not ml_dtypes.bfloat16 else 16.125
    assert c[3, 4] != r[3, 4] and judge(t, r, c, exact=False).passed
    verdict = judge(t, r, c)
    assert (verdict.status, verdict.check) == (Status.WRONG_VALUE, "exact_integers")
    assert "output 0" in verdict.reason and "[3, 4]" in verdict.reason
    assert f"{c[3, 4].item()}, not 16.0; 1 of 40" in verdict.reason
    assert judge(t, r, c, exact=frozenset({1})).passed
    assert not judge(t, r, c, exact=frozenset({0})).passed


def test_the_clause_does_not_apply_where_the_reference_itself_rounds() -> None:
    t = np.arange(40.0) + 0.1
    r = t.astype(np.float32)
    r[7] = np.nextafter(r[7], np.float32(0))
    c = t.astype(np.float32)
    c[9] = np.nextafter(c[9], np.float32(0))
    assert judge(t, r, c).passed
    r[7] = t[7].astype(np.float32)
    assert not judge(t, r, c).passed
    for array in (t, r, c):
        array[3] = np.inf
    assert judge(t, r, c).passed
