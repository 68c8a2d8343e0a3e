"""Indices that tie are as good as the reference's; no others are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.graph.core import DTYPES, Builder, Graph, Node, TensorType
from kernelwright.graph.evaluate import Calls, evaluate
from kernelwright.schema import Status, Target, TaskSpec
from kernelwright.verify.reference.process import ReferenceProcess
from kernelwright.verify.rule.compare import judge_outputs, unit_roundoff
from kernelwright.verify.rule.index_sources import holds_no_rounding
from kernelwright.verify.rule.ties import IndexOutputs
from kernelwright.verify.rule.verdict import Outputs, Verdict

Make = Callable[[Builder, Node], Node]


def graph_of(make: Make, shape: tuple[int, ...], dtype: str = "float32") -> Graph:
    b = Builder()
    x = b.input("x", 0, TensorType(shape, dtype))
    return Graph("t", [x], [], [make(b, x)])


def call(b: Builder, x: Node, target: str, which: int, out: TensorType, *args: Any) -> Node:
    return b.make(
        "call",
        [x],
        target=target,
        output_index=which,
        arguments={"args": [{"input": 0}, *args], "kwargs": {}},
        out_type=out,
    )


def _topk(arrays: Sequence[np.ndarray], attrs: Mapping[str, Any]) -> list[np.ndarray]:
    """What aten.topk gives along the last axis, the first of equal values first."""
    k = attrs["arguments"]["args"][1]
    order = np.argsort(-arrays[0], axis=-1, kind="stable")[..., :k]
    return [np.take_along_axis(arrays[0], order, -1), order.astype(np.int64)]


def _sort(arrays: Sequence[np.ndarray], attrs: Mapping[str, Any]) -> list[np.ndarray]:
    order = np.argsort(arrays[0], axis=-1, kind="stable")
    return [np.take_along_axis(arrays[0], order, -1), order.astype(np.int64)]


CALLS = {"aten.topk.default": _topk, "aten.sort.stable": _sort}


def judge(graph: Graph, x: np.ndarray, c: np.ndarray, calls: Calls = CALLS) -> Verdict:
    """The verdict on indices ``c`` for input ``x``, the Graph being reference and truth."""
    r = evaluate(graph, [x], {}, calls=calls)
    t = evaluate(graph, [x], {}, float64=True, calls=calls)
    reference = Outputs(r, "tensor")
    ties = IndexOutputs.of(graph).ties([x], {}, calls, t, reference)
    return judge_outputs(t, reference, Outputs([c], "tensor"), ties=ties)


def argmax(axis: int, keepdims: bool = False) -> Make:
    return lambda b, x: b.argmax(x, axes=(axis,), keepdims=keepdims)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("keepdims", [False, True])
def test_another_index_of_an_exact_tie_passes_and_any_other_does_not(
    axis: int, keepdims: bool
) -> None:
    x = np.zeros((3, 5), np.float32)
    x[1, 1] = x[2, 1] = x[1, 4] = 2.0
    graph = graph_of(argmax(axis, keepdims), x.shape)
    best = x.max(axis=axis, keepdims=True)
    for index in range(-2, x.shape[axis] + 2):
        # in the row or column with two maxima the other one is as good
        lane = (1, slice(None)) if axis == 1 else (slice(None), 1)
        c = x.argmax(axis=axis, keepdims=keepdims)
        at = (1, 0) if axis == 1 else (0, 1)
        c[at if keepdims else 1] = index
        allowed = 0 <= index < x.shape[axis] and x[lane][index] == best[at]
        verdict = judge(graph, x, c)
        assert verdict.passed == allowed, index
        assert allowed or verdict.check == "exact"
        if not 0 <= index < x.shape[axis]:
            assert f"outside 0..{x.shape[axis] - 1}" in verdict.reason


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    shape=st.sampled_from([(6,), (3, 5), (2, 3, 4), (1, 1), (7, 2)]),
    op=st.sampled_from(["argmax", "argmin"]),
    dtype=st.sampled_from(["float16", "bfloat16", "float32", "float64", "int32"]),
)
def test_of_an_input_exactly_the_indices_of_equal_values_pass(
    seed: int, shape: tuple[int, ...], op: str, dtype: str
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, shape).astype(DTYPES[dtype])
    axis = int(rng.integers(len(shape)))
    graph = graph_of(lambda b, x: b.make(op, [x], axes=(axis,), keepdims=True), shape, dtype)
    c = rng.integers(0, shape[axis], [1 if i == axis else n for i, n in enumerate(shape)])
    wide = x.astype(np.float64)
    best = wide.max(axis, keepdims=True) if op == "argmax" else wide.min(axis, keepdims=True)
    good = np.take_along_axis(wide, c, axis) == best
    verdict = judge(graph, x, c)
    assert verdict.passed == good.all()
    assert verdict.passed or f"{(~good).sum()} of {c.size} elements differ" in verdict.reason


def test_an_input_has_no_slack() -> None:
    x = np.array([[1.0, np.nextafter(np.float32(1), np.float32(0)), 0.0]], np.float32)
    graph = graph_of(argmax(1), x.shape)
    assert judge(graph, x, np.array([0])).passed
    verdict = judge(graph, x, np.array([1]))
    assert verdict.status is Status.WRONG_VALUE
    assert "output 0 (int64, indices)" in verdict.reason
    assert "element [0] is 1, not 0; 1 of 1" in verdict.reason
    assert "0.99999994 and 1," in verdict.reason


def _products(b: Builder, x: Node) -> Node:
    return b.argmax(b.matmul(x, b.transpose(x, axes=(1, 0))), axes=(1,), keepdims=False)


def test_rounding_of_what_was_searched_ties_and_a_real_difference_does_not() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 300)).astype(np.float32)
    x[1] = x[0]  # equal products, in another order perhaps unequal by a rounding
    x[2] = x[0]
    x[2, 0] *= np.float32(1 + 1e-7)
    graph = graph_of(_products, x.shape)
    t = evaluate(graph, [x], {}, float64=True)[0]
    for other in (0, 1, 2):
        assert judge(graph, x, np.where(np.arange(40) == 0, other, t)).passed
    product = x.astype(np.float64) @ x.T.astype(np.float64)
    second = np.argsort(product, axis=1)[:, -2]
    for row in range(3, 40):
        assert not judge(graph, x, np.where(np.arange(40) == row, second, t)).passed


def test_slack_is_that_of_the_dtype() -> None:
    """Values one bfloat16 step apart tie after a bfloat16 computation, not after a float32 one."""
    values = np.array([1.0, 1.0 + 2**-8], np.float32)
    for dtype, kind, tied in (("bfloat16", ml_dtypes.bfloat16, True), ("float32", "f4", False)):
        graph = graph_of(
            lambda b, x: b.argmax(
                b.exp(b.mul(x, b.constant(1.0, x.dtype))), axes=(0,), keepdims=False
            ),
            (2,),
            dtype,
        )
        x = np.log(values).astype(kind)
        c = np.array(1 - int(evaluate(graph, [x], {}, float64=True)[0]))
        assert judge(graph, x, c).passed == tied


def test_float64_values_have_a_slack_too() -> None:
    x = np.random.default_rng(3).standard_normal((6, 200))
    x[1] = x[0][::-1].copy()
    graph = graph_of(
        lambda b, x: b.argmax(b.sum(x, axes=(1,), keepdims=False), axes=(0,), keepdims=False),
        x.shape,
        "float64",
    )
    x[:2] += 10
    for index in (0, 1):
        assert judge(graph, x, np.array(index)).passed
    for index in (2, 3, 4, 5):
        assert not judge(graph, x, np.array(index)).passed


def test_views_casts_and_pieces_are_seen_through() -> None:
    def make(b: Builder, x: Node) -> Node:
        high = b.argmax(x, axes=(1,), keepdims=True)
        low = b.argmin(x, axes=(1,), keepdims=True)
        both = b.cast(b.concat(high, low, axis=1), dtype="int32")
        return b.flip(b.transpose(b.reshape(both, shape=(2, 2, 2)), axes=(2, 0, 1)), axes=(1,))

    x = np.array([[1, 1, 0], [2, 3, 3], [0, 0, 5], [7, 8, 9]], np.float32)
    graph = graph_of(make, x.shape)
    (r,) = evaluate(graph, [x], {})

    def shown(high: list[int], low: list[int]) -> np.ndarray:
        both = np.array([high, low], np.int32).T.reshape(2, 2, 2)
        return np.ascontiguousarray(np.flip(both.transpose(2, 0, 1), 1))

    assert (r == shown([0, 1, 2, 2], [2, 0, 0, 0])).all()
    assert judge(graph, x, shown([1, 2, 2, 2], [2, 0, 1, 0])).passed
    for high, low in (([2, 1, 2, 2], [2, 0, 0, 0]), ([0, 1, 2, 2], [2, 0, 0, 1])):
        verdict = judge(graph, x, shown(high, low))
        assert verdict.check == "exact" and "1 of 8" in verdict.reason


def test_copies_of_one_index_must_agree() -> None:
    x = np.array([[1, 1, 0]], np.float32)
    graph = graph_of(lambda b, x: b.expand(argmax(1, True)(b, x), shape=(1, 2)), (1, 3))
    assert judge(graph, x, np.array([[1, 1]])).passed
    assert "twice, differently" in judge(graph, x, np.array([[0, 1]])).reason


def test_a_sort_holds_each_index_once_and_in_order() -> None:
    x = np.array([[3, 1, 3, 2, 3], [5, 4, 3, 2, 1]], np.float32)
    out = TensorType((2, 3), "int64")
    graph = graph_of(lambda b, x: call(b, x, "aten.topk.default", 1, out, 3), x.shape)
    for row in ([0, 2, 4], [4, 2, 0], [2, 0, 4]):
        assert judge(graph, x, np.array([row, [0, 1, 2]])).passed
    refused = {
        (0, 0, 4): "stands there twice",
        (0, 2, 3): "apart by more",
        (0, 2, 9): "outside 0..4",
        (3, 2, 4): "apart by more",
    }
    for wrong, why in refused.items():
        verdict = judge(graph, x, np.array([wrong, [0, 1, 2]]))
        assert not verdict.passed and why in verdict.reason
    assert not judge(graph, x, np.array([[0, 2, 4], [1, 0, 2]])).passed


def test_a_slice_of_a_sort_still_holds_each_index_once() -> None:
    x = np.array([[3, 1, 3, 2, 3]], np.float32)
    out = TensorType((1, 4), "int64")

    def make(b: Builder, x: Node) -> Node:
        order = call(b, x, "aten.topk.default", 1, out, 4)
        return b.slice(order, starts=(0, 1), stops=(1, 4), steps=(1, 1))

    graph = graph_of(make, x.shape)
    assert judge(graph, x, np.array([[0, 4, 3]])).passed
    assert not judge(graph, x, np.array([[4, 4, 3]])).passed


def test_nan_and_infinities_tie_with_themselves_only() -> None:
    x = np.array([[np.inf, 1, np.inf], [np.nan, 1, np.nan], [1, np.nan, np.inf]], np.float32)
    graph = graph_of(argmax(1), x.shape)
    assert judge(graph, x, np.array([2, 2, 1])).passed
    assert not judge(graph, x, np.array([1, 2, 1])).passed
    assert not judge(graph, x, np.array([2, 1, 1])).passed
    assert not judge(graph, x, np.array([2, 2, 2])).passed


def test_what_is_no_index_output() -> None:
    shape = (3, 4)
    plain: list[Make] = [
        lambda b, x: b.cast(x, dtype="int64"),
        lambda b, x: b.add(
            b.argmax(x, axes=(1,), keepdims=False), b.argmin(x, axes=(1,), keepdims=False)
        ),
        lambda b, x: b.cast(b.argmax(x, axes=(1,), keepdims=False), dtype="float32"),
        lambda b, x: b.cast(b.argmax(x, axes=(1,), keepdims=False), dtype="bool"),
        lambda b, x: b.pad(b.argmax(x, axes=(1,), keepdims=False), low=(1,), high=(0,), value=0),
        lambda b, x: b.gt(x, b.constant(0, "float32")),
        lambda b, x: x,
        lambda b, x: call(b, x, "aten.topk.default", 0, TensorType((3, 2), "float32"), 2),
        lambda b, x: call(b, x, "aten.nonzero.default", 0, TensorType((3, 2), "int64")),
    ]
    for make in plain:
        assert not IndexOutputs.of(graph_of(make, shape))
    wide = graph_of(lambda b, x: b.cast(argmax(1)(b, x), dtype="int8"), (1, 300))
    assert not IndexOutputs.of(wide)


def test_nothing_is_computed_when_the_indices_are_equal_and_equality_stays_without_a_meaning() -> (
    None
):
    x = np.zeros((2, 4), np.float32)
    out = TensorType((2, 4), "float32")
    graph = graph_of(
        lambda b, x: b.argmax(call(b, x, "aten.op.default", 0, out), axes=(1,), keepdims=False),
        x.shape,
    )
    zero = np.zeros(2, np.int64)
    reference = Outputs([zero], "tensor")
    ties = IndexOutputs.of(graph).ties([x], {}, None, [zero], reference)
    assert judge_outputs([zero], reference, reference, ties=ties).passed
    other = Outputs([zero + 1], "tensor")
    verdict = judge_outputs([zero], reference, other, ties=ties)
    assert verdict.check == "exact" and "could not be computed" in verdict.reason


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_honest_candidates_pass_over_many_rounded_products(dtype: str) -> None:
    """Sums of another order, and ones kept wide, against a reference of each dtype: rounding makes
    ties all the time in the half types, and none may be refused."""
    rng = np.random.default_rng(5)
    kind = {"float16": np.float16, "bfloat16": ml_dtypes.bfloat16, "float32": np.float32}[dtype]
    x = rng.standard_normal((400, 64)).astype(kind)
    graph = graph_of(_off_diagonal, x.shape, dtype)
    wide = x.astype(np.float32)
    parts = [wide[:, i::4] @ wide[:, i::4].T for i in range(4)]
    reordered = ((parts[3] + parts[1]) + (parts[0] + parts[2])).astype(kind)
    np.fill_diagonal(reordered, 0)
    for values in (reordered, np.where(np.eye(400, dtype=bool), 0, wide @ wide.T)):
        assert judge(graph, x, values.astype(np.float32).argmax(axis=1)).passed
        last = 399 - values.astype(np.float32)[:, ::-1].argmax(axis=1)
        assert judge(graph, x, last).passed


def _off_diagonal(b: Builder, x: Node) -> Node:
    product = b.matmul(x, b.transpose(x, axes=(1, 0)))
    n = x.shape[0]
    rows = b.iota(shape=(n, n), axis=0, dtype="int64")
    columns = b.iota(shape=(n, n), axis=1, dtype="int64")
    kept = b.where(b.eq(rows, columns), b.constant(0, x.dtype), product)
    return b.argmax(kept, axes=(1,), keepdims=False)


def searched(dtype: str, size: int) -> Graph:
    """argmax of what a framework's op "noisy" gives."""
    out = TensorType((1, size), dtype)
    return graph_of(
        lambda b, x: b.argmax(call(b, x, "aten.noisy.default", 0, out), axes=(1,), keepdims=False),
        (1, size),
        dtype,
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("rounding", ["everywhere", "none", "of the two"])
def test_the_slack_is_the_documented_one(dtype: str, rounding: str) -> None:
    """An op whose error in its own dtype is given: values apart by a little less than the formula
    tie, by a little more do not."""
    size, error = 2000, 0.0625
    kind = np.dtype(np.float32) if dtype == "float32" else np.dtype(ml_dtypes.bfloat16)
    errors = np.zeros((1, size))
    errors[0, : {"everywhere": size, "none": 0, "of the two": 2}[rounding]] = error
    floor = 2 * {"float32": 32, "bfloat16": 1.5}[dtype] * unit_roundoff(kind)
    slack = max({"everywhere": 4 * error, "none": 0.0, "of the two": 2 * error}[rounding], floor)
    for share, tied in ((0.9, True), (1.1, False)):
        values = np.full((1, size), -7.0)
        values[0, :2] = 1.0 - share * slack, 1.0

        def noisy(arrays: Any, attrs: Any) -> list[np.ndarray]:
            wide = arrays[0].dtype == np.float64
            return [values if wide else (values + errors).astype(kind)]  # noqa: B023

        graph, x = searched(dtype, size), np.zeros((1, size), kind)
        calls = {"aten.noisy.default": noisy}
        if rounding == "none":  # what is rounded to bfloat16 is no error of this op
            calls["aten.noisy.default"] = lambda arrays, attrs: [values.copy()]  # noqa: B023
        verdict = judge(graph, x, np.array([0]), calls)
        assert verdict.passed == tied
        if not tied:
            said = re.search(r"explains \((.+)\)", verdict.reason)
            assert said and float(said[1]) == pytest.approx(slack, rel=0.02)


def test_float64_values_tie_as_far_as_one_rounding_of_the_inputs_moves_them() -> None:
    def amplified(arrays: Any, attrs: Any) -> list[np.ndarray]:
        return [1e6 * (arrays[0] - 1)]

    # One rounding of 1 moves a value by 2.2e-10; 4 of them and 4 times that are 3.6e-9.
    for gap, tied in ((2e-15, True), (2e-14, False)):
        x = np.array([[1.0, 1.0 + gap]])
        calls = {"aten.noisy.default": amplified}
        assert judge(searched("float64", 2), x, np.array([0]), calls).passed == tied


def test_a_stable_sort_of_an_input_has_no_ties() -> None:
    out = TensorType((1, 4), "int64")
    x = np.array([[2, 1, 2, 1]], np.float32)

    def make(b: Builder, x: Node) -> Node:
        return b.make(
            "call",
            [x],
            target="aten.sort.stable",
            output_index=1,
            arguments={"args": [{"input": 0}], "kwargs": {"stable": True}},
            out_type=out,
        )

    assert judge(graph_of(make, x.shape), x, np.array([[1, 3, 0, 2]])).passed
    assert not judge(graph_of(make, x.shape), x, np.array([[3, 1, 0, 2]])).passed
    scaled = graph_of(lambda b, x: make(b, b.mul(x, b.constant(3.0, "float32"))), x.shape)
    assert judge(scaled, x, np.array([[3, 1, 0, 2]])).passed


def test_what_holds_no_rounding() -> None:
    def operand(make: Make, dtype: str = "float32") -> Node:
        return graph_of(make, (4,), dtype).outputs[0]

    exact = [
        operand(lambda b, x: x),
        operand(lambda b, x: b.abs(b.flip(x, axes=(0,)))),
        operand(lambda b, x: b.maximum(x, b.constant(0.5, "float32"))),
        operand(lambda b, x: b.cast(x, dtype="float32"), "bfloat16"),
    ]
    inexact = [
        operand(lambda b, x: b.maximum(x, b.constant(0.1, "float32"))),
        operand(lambda b, x: b.cast(x, dtype="bfloat16")),
        operand(lambda b, x: b.add(x, x)),
        operand(lambda b, x: call(b, x, "aten.noisy.default", 0, TensorType((4,), "float32"))),
    ]
    assert all(map(holds_no_rounding, exact)) and not any(map(holds_no_rounding, inexact))


ROUTER = """
import torch

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = torch.nn.Linear(16, 8, bias=False, dtype=torch.bfloat16)

    def forward(self, x):
        scores = torch.softmax(self.gate(x), dim=-1)
        values, experts = torch.topk(scores, 2, dim=-1)
        return values, experts.to(torch.int32), torch.argsort(x, dim=0)

def get_inputs():
    return [torch.randn(200, 16, dtype=torch.bfloat16)]
"""


def test_a_torch_router_in_bfloat16() -> None:
    """Through the reference process: scores tie by rounding, inputs tie exactly."""
    pytest.importorskip("torch")
    spec = TaskSpec("router", ROUTER, "torch", Target("cpu", "x86_64"), path="router.py")
    with ReferenceProcess(spec) as process:
        state = {entry.name: entry.array for entry in process.describe().state}
        inputs = process.make_inputs(1)
        graph = process.capture(inputs)
        found = IndexOutputs.of(graph)
        assert sorted(found.sources) == [1, 2]
        reference, truths = process.run_and_truth(inputs)
        ties = found.ties(inputs, state, process.calls(graph), truths, reference)

        def verdict(values: np.ndarray, *indices: np.ndarray) -> Verdict:
            given = Outputs([values, *indices], reference.structure)
            return judge_outputs(truths, reference, given, ties=ties)

        values, experts, order = reference.arrays
        # All in float32, the last of equal ones first: indices differ, values hardly.
        x = inputs[0].astype(np.float32)
        scores = x @ state["gate.weight"].astype(np.float32).T
        scores = np.exp(scores - scores.max(1, keepdims=True))
        scores /= scores.sum(1, keepdims=True)
        own = np.argsort(-scores[:, ::-1], axis=1, kind="stable")[:, :2].astype(np.int32)
        own = 7 - own
        best = np.take_along_axis(scores, own, 1).astype(values.dtype)
        flipped = len(x) - 1 - np.argsort(-x[::-1], axis=0, kind="stable")[::-1]
        backwards = len(x) - 1 - np.argsort(x[::-1], axis=0, kind="stable")
        assert (own != experts).any() and (backwards != order).any()
        assert verdict(best, own, backwards).passed
        assert verdict(best, own, flipped).passed
        worst = np.argsort(scores, axis=1)[:, :2].astype(np.int32)
        assert verdict(best, worst, order).check == "exact"
        assert verdict(best, own, np.roll(order, 1, axis=0)).check == "exact"
        assert verdict(best, own[:, ::-1].copy(), order).check == "exact"
