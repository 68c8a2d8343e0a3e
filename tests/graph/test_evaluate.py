from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from kernelwright.errors import CaptureError
from kernelwright.graph import Builder, Graph, TensorType
from kernelwright.graph.evaluate import evaluate
from kernelwright.graph.ops import op_definition

F16 = TensorType((3,), "float16")


def test_float64_ignores_narrow_casts_and_rounded_constants() -> None:
    b = Builder()
    x, w = b.input("x", 0, F16), b.parameter("w", F16)
    y = b.cast(b.mul(b.add(x, w), b.constant(0.1, "float16")), dtype="bfloat16")
    graph = Graph("g", [x], [w], [y, b.cast(x, dtype="int32")])
    a, v = np.array([1.7, 2.3, -5.9], np.float16), np.array([0.1, 0.2, 0.3], np.float16)
    truth, index = evaluate(graph, [a], {"w": v}, float64=True)
    np.testing.assert_allclose(truth, (a.astype(float) + v.astype(float)) * 0.1, rtol=1e-15)
    assert index.dtype == np.int32 and index.tolist() == [1, 2, -5]


def test_inputs_are_found_by_their_place_in_the_call() -> None:
    b = Builder()
    second = b.input("y", 1, F16)
    graph = Graph("g", [second], [], [b.neg(second)])
    (result,) = evaluate(graph, [np.float64(3), np.ones(3, np.float16)], {})
    assert result.tolist() == [-1, -1, -1]


def test_wrong_arrays_are_refused() -> None:
    b = Builder()
    x = b.input("x", 0, F16)
    graph = Graph("g", [x], [], [b.neg(x)])
    with pytest.raises(ValueError, match=r"'x' is float16\[3\].*float16\[4\]"):
        evaluate(graph, [np.ones(4, np.float16)], {})
    with pytest.raises(ValueError, match="float32"):
        evaluate(graph, [np.ones(3, np.float32)], {})


def test_outputs_are_new_contiguous_arrays() -> None:
    b = Builder()
    x = b.input("x", 0, TensorType((2, 3), "float32"))
    graph = Graph(
        "g", [x], [], [x, b.transpose(x, axes=(1, 0)), b.sum(x, axes=(0, 1), keepdims=False)]
    )
    a = np.ones((2, 3), np.float32)
    same, turned, total = evaluate(graph, [a], {})
    assert not np.shares_memory(same, a) and not np.shares_memory(turned, a)
    assert turned.flags.c_contiguous and total.shape == ()


def test_a_call_runs_once_for_all_its_outputs() -> None:
    runs = []

    def split(arrays: Sequence[np.ndarray], attrs: Mapping[str, Any]) -> list[np.ndarray]:
        runs.append(attrs["target"])
        return [arrays[0].min(), arrays[0].max()]

    b = Builder()
    x = b.input("x", 0, F16)
    outputs = [
        b.call(
            x,
            target="aten.aminmax",
            output_index=i,
            arguments=[{"input": 0}],
            out_type=TensorType((), "float16"),
        )
        for i in range(2)
    ]
    graph = Graph("g", [x], [], outputs)
    a = np.array([3, 1, 2], np.float16)
    low, high = evaluate(graph, [a], {}, calls={"aten.aminmax": split})
    assert (low, high, runs) == (1, 3, ["aten.aminmax"])
    with pytest.raises(CaptureError, match=r"aten.aminmax.*calls="):
        evaluate(graph, [a], {})


def test_unknown_op_names_the_nearest() -> None:
    with pytest.raises(CaptureError, match="did you mean 'softmax'"):
        op_definition("sofmax")
