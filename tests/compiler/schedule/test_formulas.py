"""Places of resizings and repeated borders as arithmetic on positions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernelwright.compiler.codegen.triton import PRINTER
from kernelwright.compiler.schedule import design
from kernelwright.compiler.schedule.formulas import lines_through, with_weights
from kernelwright.compiler.schedule.normalize import normalize
from kernelwright.compiler.schedule.windows import lower_windows
from kernelwright.graph import Builder, Graph, Node, TensorType
from kernelwright.graph.evaluate import evaluate
from kernelwright.graph.resize import resized
from kernelwright.schema import Target

GPU = Target("cuda", "sm_90")


def ops(graph: Graph) -> set[str]:
    return {n.op for n in graph.nodes()}


def resized_graph(
    mode: str, before: tuple[int, int], after: tuple[int, int], corners: bool
) -> Graph:
    b = Builder()
    x = b.input("x", 0, TensorType((2, *before), "float32"))
    return Graph("op", [x], [], [resized(b, x, mode, after, corners, (None, None))], "tensor")


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("after", [(36, 64), (27, 80), (51, 127), (25, 33), (19, 30)])
def test_a_resizing_reads_no_tables(mode: str, corners: bool, after: tuple[int, int]) -> None:
    if mode == "nearest" and corners:
        pytest.skip("there is no such mode")
    graph = resized_graph(mode, (18, 32), after, corners)
    small = normalize(graph, cores=False)
    tables = [n for n in small.nodes() if n.op == "constant" and n.type.size > 1]
    assert not tables
    given = [np.random.default_rng(0).standard_normal((2, 18, 32)).astype(np.float32)]
    truth = evaluate(graph, given, {}, float64=True)[0]
    found = evaluate(small, given, {}, float64=False)[0]
    np.testing.assert_allclose(found, truth, rtol=2e-6, atol=2e-6)


def test_places_that_are_no_line_stay_a_table() -> None:
    mirrored = np.array([3, 2, 1, *range(20), 18, 17, 16])
    assert next(lines_through(mirrored), None) is None
    shuffled = np.random.default_rng(0).permutation(40)
    assert next(lines_through(shuffled), None) is None


def test_a_line_is_refused_where_one_element_differs() -> None:
    table = np.arange(60) * 3 // 7
    line = next(lines_through(table))
    assert (line.a, line.c) == (3, 7)
    assert (line.values() == table).all()
    table[31] += 1
    assert all((one.values() == table).all() for one in lines_through(table))
    rest = (line.a * np.arange(60) + line.b) % line.c / line.c
    assert with_weights(line, np.arange(60) * 3 // 7, rest) is not None
    rest[40] += 0.01
    assert with_weights(line, np.arange(60) * 3 // 7, rest) is None


def text_of(make: Callable[[Builder, Node], Node]) -> str:
    b = Builder()
    x = b.input("x", 0, TensorType((4, 32, 64), "float32"))
    made = design(Graph("op", [x], [], [make(b, x)], "tensor"), GPU)
    return PRINTER.print(made, GPU, "torch", {}).files["kernel.py"].decode()


def test_what_cannot_lie_outside_is_read_without_a_test() -> None:
    text = text_of(lambda b, x: resized(b, x, "linear", (64, 128), False, (None, None)))
    loads = [line for line in text.splitlines() if "tl.load(" in line]
    # Each has a twin for sizes that this file is not for.
    assert sum("mask=" in line for line in loads) * 2 == len(loads) > 0
    assert not any(">= 0" in line for line in loads)


def test_pooling_undoes_an_upsampling() -> None:
    b = Builder()
    x = b.input("x", 0, TensorType((2, 18, 32), "float32"))
    wide = resized(b, x, "nearest", (36, 64), False, (None, None))
    taps = [
        b.make("window", [wide], starts=(0, i, j), steps=(1, 2, 2), shape=(2, 18, 32), value=0.0)
        for i in (0, 1)
        for j in (0, 1)
    ]
    out = b.add(b.add(taps[0], taps[1]), b.add(taps[2], taps[3]))
    graph = Graph("op", [x], [], [out], "tensor")
    for cores in (False, True):
        assert not ops(lower_windows(graph, cores)) & {"lookup", "window", "slice"}
