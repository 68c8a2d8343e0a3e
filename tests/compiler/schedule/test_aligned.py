"""Columns of odd lengths folded in two steps on a GPU, so that rows are read in whole words."""

from __future__ import annotations

import numpy as np
import pytest

from kernelwright.aul import check, interpret, print_program
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule import design
from kernelwright.compiler.schedule.aligned import aligned_columns
from kernelwright.graph.core import DTYPES, Builder, Graph, Node, TensorType
from kernelwright.graph.decompose import decompose
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target

GPU = Target("cuda", "sm_90")
ODD = (2, 2048, 1027)


def graph(
    op: str,
    shape: tuple[int, ...],
    dtype: str = "float32",
    axes: tuple[int, ...] = (1,),
    **attrs: int,
) -> Graph:
    b = Builder()
    x = b.input("x", 0, TensorType(shape, dtype))
    node: Node = b.make(op, [x], axes=axes, keepdims=True, **attrs)
    return Graph("op", [x], [], [node], "tuple")


def made_of(g: Graph, **options: bool) -> Design:
    made = design(g, GPU, **options)
    assert [d for d in check(made.program) if d.severity == "error"] == []
    return made


@pytest.mark.parametrize(
    ("op", "dtype"),
    [("mean", "float32"), ("amax", "float32"), ("sum", "float16"), ("sum", "int32")],
)
def test_rows_of_whole_words(op: str, dtype: str) -> None:
    g = graph(op, ODD, dtype)
    made = made_of(g)
    rows = 16 // np.dtype(DTYPES[dtype]).itemsize
    assert f"(M, {ODD[1] // rows}, " in print_program(made.program)  # how the input is read
    x = (np.random.default_rng(1).standard_normal(ODD) * 3).astype(DTYPES[dtype])
    (found,) = interpret(made.program, [x])
    (true,) = evaluate(g, [x], {}, float64=True)
    assert found.shape == true.shape == (2, 1, 1027)
    if dtype == "int32":
        np.testing.assert_array_equal(found, true)
    else:
        typical = float(np.sqrt(np.mean(np.square(true))))
        close = 1e-3 if dtype == "float16" else 2e-6
        np.testing.assert_allclose(found.astype("f8"), true, rtol=close, atol=close * typical)


@pytest.mark.parametrize(
    "g",
    [
        graph("sum", (2, 2048, 1028)),  # whole words as it is
        graph("sum", (2, 2047, 1027)),  # no number of rows is
        graph("sum", ODD, axes=(2,)),
        graph("sum", (2, 64, 1027)),  # small
        graph("var", ODD, correction=1),  # reads the operand again
    ],
    ids=["even", "prime", "last", "small", "again"],
)
def test_what_stays_as_it_is(g: Graph) -> None:
    plain = decompose(g)
    assert [n.op for n in aligned_columns(plain).nodes()].count("sum") == [
        n.op for n in plain.nodes()
    ].count("sum")


def test_designs_for_other_sizes_too_do_without() -> None:
    assert len(made_of(graph("sum", ODD), own_sizes=False).program.kernels) < len(
        made_of(graph("sum", ODD)).program.kernels
    )
