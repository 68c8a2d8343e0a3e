"""The few largest of a row, found in the kernel that has the row."""

from __future__ import annotations

import numpy as np
import pytest

from kernelwright.aul import check, interpret
from kernelwright.aul import syntax as aul
from kernelwright.compiler.codegen import PRINTERS
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule import design
from kernelwright.graph import Builder, Graph, Node, TensorType
from kernelwright.graph.core import DTYPES
from kernelwright.schema import Target
from kernelwright.testing.interpreted import Case, InterpreterError, run_interpreted

CPU, GPU = Target("cpu", "x86_64"), Target("cuda", "sm_90")
TARGETS = pytest.mark.parametrize("target", [CPU, GPU], ids=str)


def topk(
    shape: tuple[int, ...], count: int, dtype: str = "float32", largest: bool = True, axis: int = -1
) -> Graph:
    b = Builder()
    x = b.input("x", 0, TensorType(shape, dtype))
    short = list(shape)
    short[axis] = count
    given = {"args": [{"input": 0}, count, axis, largest], "kwargs": {}}

    def output(index: int, kind: str) -> Node:
        made = TensorType(tuple(short), kind)
        return b.make("call", [x], target="aten.topk.default", output_index=index,
                      arguments=given, out_type=made)  # fmt: skip

    return Graph("op", [x], [], [output(0, dtype), output(1, "int64")], "tuple")


def numbers(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Rows of ties, of infinities, with NaN, all the same; then plain ones."""
    x = np.random.default_rng(0).standard_normal(shape) * 9
    if dtype.startswith("int"):
        return x.astype(DTYPES[dtype])
    x[0, : shape[1] // 2] = -np.inf
    x[1] = -np.inf
    x[2, 1:3] = np.nan
    x[3] = 2.0
    x[4] = np.inf
    return x.astype(DTYPES[dtype])


def right(x: np.ndarray, values: np.ndarray, indices: np.ndarray, count: int) -> None:
    """Both are the best first, and every index is one of its own."""
    order = np.argsort(-x.astype(np.float64), axis=-1, kind="stable")  # NaN last
    order = np.where(np.isnan(np.take_along_axis(x, order, -1)).any(-1, keepdims=True),
                     nan_first(x), order)  # fmt: skip
    wanted = np.take_along_axis(x, order[..., :count], -1)
    np.testing.assert_array_equal(values, wanted)
    np.testing.assert_array_equal(np.take_along_axis(x, indices, -1), wanted)
    assert all(len(set(row)) == count for row in indices.reshape(-1, count).tolist())


def nan_first(x: np.ndarray) -> np.ndarray:
    return np.argsort(np.where(np.isnan(x), -np.inf, -x.astype(np.float64)), axis=-1, kind="stable")


def calls(made: Design) -> int:
    return sum(isinstance(s, aul.FrameworkCall) for s in made.program.host.body)


@TARGETS
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32"])
@pytest.mark.parametrize(("shape", "count"), [((33, 16), 4), ((601, 65), 2), ((600, 127), 8)])
def test_one_kernel_finds_values_and_indices(
    shape: tuple[int, ...], count: int, dtype: str, target: Target
) -> None:
    made = design(topk(shape, count, dtype), target, threads=2)
    assert [d for d in check(made.program) if d.severity == "error"] == []
    assert (len(made.program.kernels), calls(made)) == (1, 0)
    x = numbers(shape, dtype)
    values, indices = interpret(made.program, [x])
    assert (values.dtype, indices.dtype) == (DTYPES[dtype], np.dtype(np.int64))
    right(x.astype(np.float64), values.astype(np.float64), indices, count)


@pytest.mark.parametrize(
    "graph",
    [
        topk((600, 127), 9),
        topk((600, 4096), 2),
        topk((100, 500), 2),
        topk((600, 40), 2, largest=False),
        topk((40, 600), 2, axis=0),
    ],
    ids=["many", "long rows", "few rows", "the smallest, with NaN", "along columns"],
)
def test_what_a_library_does_better_is_left_to_it(graph: Graph) -> None:
    assert calls(design(graph, GPU)) == 1


def test_the_smallest_integers() -> None:
    made = design(topk((40, 30), 3, "int64", largest=False), CPU, threads=2)
    assert calls(made) == 0
    x = numbers((40, 30), "int64")
    values, indices = interpret(made.program, [x])
    right(-x.astype(np.float64), -values.astype(np.float64), indices, 3)


def test_triton_agrees() -> None:
    pytest.importorskip("triton")
    x = numbers((61, 33), "float32")
    made = design(topk(x.shape, 4), GPU)
    candidate = PRINTERS.get("triton").print(made, GPU, "torch", {})
    outputs = run_interpreted({"topk": Case(candidate, [x])})["topk"]
    assert not isinstance(outputs, InterpreterError), str(outputs)
    right(x, outputs[0], outputs[1], 4)
