"""Scans as kernels: whole rows, blocks with a carry, rows split over cores; on both targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kernelwright.aul import check, interpret
from kernelwright.aul import syntax as aul
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule import design
from kernelwright.graph import Builder, Graph, Node, TensorType
from kernelwright.graph.core import DTYPES
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target

CPU, GPU = Target("cpu", "x86_64"), Target("cuda", "sm_90")
TARGETS = pytest.mark.parametrize("target", [CPU, GPU], ids=str)
OPS = ("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp")


def made_of(g: Graph, target: Target) -> Design:
    made = design(g, target, threads=2)
    assert [d for d in check(made.program) if d.severity == "error"] == []
    return made


def scan(op: str, shape: tuple[int, ...], axis: int, reverse: bool, dtype: str) -> Graph:
    """The scan between elementwise work; products stay near 1."""
    b = Builder()
    x = b.input("x", 0, TensorType(shape, dtype))
    y = x
    if op == "cumprod":
        y = b.add(b.mul(x, b.constant(0.01, dtype)), b.constant(1, dtype))
    y = b.make(op, [y], axis=axis, **({"reverse": True} if reverse else {}))
    return Graph("op", [x], [], [b.mul(y, b.constant(2, dtype))])


def agree(g: Graph, made: Design, **tunables: int) -> None:
    rng = np.random.default_rng(0)
    inputs = []
    for node in g.inputs:
        values = rng.standard_normal(node.shape) * (1 if node.dtype.startswith("float") else 9)
        inputs.append(values.astype(DTYPES[node.dtype]))
    truths = evaluate(g, inputs, {}, float64=True)
    outputs = interpret(made.program, inputs, tunables=tunables)
    for truth, found in zip(truths, outputs):
        scale = float(np.sqrt(np.mean(np.square(truth.astype(np.float64)))))
        unit = 3e-3 if found.dtype == np.float16 else 5e-6
        if {n.op for n in g.nodes()} & {"cumprod", "logcumsumexp"}:  # every factor, step rounds
            unit *= 25
        np.testing.assert_allclose(found.astype(np.float64), truth, rtol=unit, atol=unit * scale)


def kernels(made: Design) -> int:
    return len(made.program.kernels)


@TARGETS
@pytest.mark.parametrize("op", ["cumsum", "cumprod"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "behind"])
def test_a_scan_beside_what_changes_nothing_is_one_kernel(
    op: str, before: bool, target: Target
) -> None:
    """An exclusive scan, written with a concatenation in front of the scan or behind it."""
    b = Builder()
    x = b.input("x", 0, TensorType((7, 300), "float32"))
    one = b.constant(float(op == "cumprod"), "float32")
    edge = b.expand(one, shape=(7, 1))
    values = b.add(b.mul(x, b.constant(0.01, "float32")), one) if op == "cumprod" else x
    short = {"starts": (0, 0), "stops": (7, 299), "steps": (1, 1)}
    if before:
        made = b.make(op, [b.concat(edge, values, axis=1)], axis=1)
    else:
        made = b.concat(edge, b.slice(b.make(op, [values], axis=1), **short), axis=1)
    g = Graph("op", [x], [], [made])
    found = made_of(g, target)
    assert kernels(found) == 1
    agree(g, found)


@TARGETS
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("reverse", [False, True], ids=["on", "back"])
@pytest.mark.parametrize(("shape", "axis"), [((5, 67), 1), ((5, 67), 0), ((3, 7, 33), 1)])
def test_rows_on_chip(
    op: str, shape: tuple[int, ...], axis: int, reverse: bool, target: Target
) -> None:
    g = scan(op, shape, axis, reverse, "float32")
    made = made_of(g, target)
    assert kernels(made) == 1
    agree(g, made)


@TARGETS
@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("reverse", [False, True], ids=["on", "back"])
@pytest.mark.parametrize(("shape", "axis"), [((1, 300_007), 1), ((9001, 37), 0), ((2, 70_001), 1)])
def test_long_rows(
    op: str, shape: tuple[int, ...], axis: int, reverse: bool, target: Target
) -> None:
    """Few rows are shared by cores in two launches; each piece of memory is read once in each."""
    g = scan(op, shape, axis, reverse, "float32")
    made = made_of(g, target)
    assert kernels(made) == (2 if any(t.name == "SPLIT" for t in made.program.declarations) else 1)
    agree(g, made)


@pytest.mark.parametrize("reverse", [False, True], ids=["on", "back"])
def test_one_row_is_split_over_cores(reverse: bool) -> None:
    g = scan("cumsum", (300_007,), 0, reverse, "float32")
    for target in (CPU, GPU):
        made = made_of(g, target)
        (split,) = [d for d in made.program.declarations if isinstance(d, aul.Tunable)
                    and d.name == "SPLIT"]  # fmt: skip
        assert split.default > 1
        for count in split.choices:
            agree(g, made, SPLIT=count)


@TARGETS
@pytest.mark.parametrize("dtype", ["float16", "float64", "int64"])
@pytest.mark.parametrize("op", ["cumsum", "cummax", "cummin"])
def test_dtypes(op: str, dtype: str, target: Target) -> None:
    for shape, axis in (((4, 129), 1), ((40_009, 3), 0)):
        g = scan(op, shape, axis, False, dtype)
        agree(g, made_of(g, target))


@TARGETS
@pytest.mark.parametrize("shape", [(3, 1), (1, 1), (0, 4), (4, 0), (2, 2)])
def test_tiny(shape: tuple[int, ...], target: Target) -> None:
    for op in OPS:
        for axis in (0, 1):
            g = scan(op, shape, axis, False, "float32")
            agree(g, made_of(g, target))


@TARGETS
def test_a_flip_on_both_sides_is_a_scan_from_the_end(target: Target) -> None:
    b = Builder()
    x = b.input("x", 0, TensorType((6, 50), "float32"))
    back = b.make("flip", [b.cumsum(b.make("flip", [x], axes=(1,)), axis=1)], axes=(1,))
    g = Graph("op", [x], [], [b.mul(back, x)])
    made = made_of(g, target)
    assert kernels(made) == 1
    ops = [s for s in aul.statements(made.program.kernels[0].body) if isinstance(s, aul.VectorOp)]
    assert [s.attr("reverse") for s in ops if s.family == "vscan_op"] == [True]
    agree(g, made)


def indexed(shape: tuple[int, ...], **attrs: Any) -> Graph:
    b = Builder()
    x = b.input("x", 0, TensorType(shape, "int64"))
    outputs: list[Node] = [b.make(op, [x], **attrs) for op in ("cummax", "cummax_index")]
    return Graph("op", [x], [], outputs, "tuple")


@TARGETS
@pytest.mark.parametrize("shape", [(5, 77), (2, 70_001), (300_007,)])
def test_values_and_indices_come_from_one_pass(shape: tuple[int, ...], target: Target) -> None:
    for reverse in ({}, {"reverse": True}):
        g = indexed(shape, axis=len(shape) - 1, **reverse)
        made = made_of(g, target)
        assert kernels(made) == 1
        agree(g, made)


@TARGETS
def test_a_scan_and_sums_of_it(target: Target) -> None:
    b = Builder()
    x = b.input("x", 0, TensorType((4, 90), "float32"))
    c = b.cumsum(b.make("softmax", [x], axis=1), axis=1)
    rest = b.make("sum", [c], axes=(1,), keepdims=True)
    g = Graph("op", [x], [], [b.div(c, rest)])
    made = made_of(g, target)
    assert kernels(made) == 1
    agree(g, made)


@TARGETS
def test_a_scan_along_a_flattened_view(target: Target) -> None:
    b = Builder()
    x = b.input("x", 0, TensorType((6, 50), "float32"))
    flat = b.cumsum(b.make("reshape", [x], shape=(300,)), axis=0)
    turned = b.make("reshape", [b.make("transpose", [x], axes=(1, 0))], shape=(300,))
    g = Graph("op", [x], [], [b.make("reshape", [flat], shape=(6, 50)), b.cumsum(turned, axis=0)],
              "tuple")  # fmt: skip
    agree(g, made_of(g, target))
