"""The cost model ranks settings by what it says it does, and costs little itself."""

from __future__ import annotations

import math
import time

import pytest

from kernelwright.aul.syntax import Program, Tunable
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule import alternatives
from kernelwright.compiler.schedule import design as schedule
from kernelwright.compiler.schedule.cost import Predictor, Rates, rates, started
from kernelwright.graph.core import Builder, Graph, Node, TensorType
from kernelwright.schema import Target

CPU, GPU = Target("cpu", "x86_64"), Target("cuda", "sm_90")
TARGETS = pytest.mark.parametrize("target", [CPU, GPU], ids=str)


def softmax(build: Builder, x: Node) -> Node:
    e = build.exp(build.sub(x, build.make("amax", [x], axes=(1,), keepdims=True)))
    return build.div(e, build.make("sum", [e], axes=(1,), keepdims=True))


def rows(*shape: int) -> Graph:
    build = Builder()
    x = build.input("x", 0, TensorType(shape, "float32"))
    return Graph("rows", [x], [], [softmax(build, x)])


def total(*shape: int) -> Graph:
    build = Builder()
    x = build.input("x", 0, TensorType(shape, "float32"))
    axes = tuple(range(len(shape)))
    return Graph(
        "total", [x], [], [build.make("sum", [build.mul(x, x)], axes=axes, keepdims=False)]
    )


def chain(length: int) -> Graph:
    """A chain of rows: elementwise ops and reductions, several kernels' worth."""
    build = Builder()
    x = y = build.input("x", 0, TensorType((256, 300), "float32"))
    for step in range(length // 6):
        y = build.add(build.tanh(y), x)
        y = build.mul(y, build.sigmoid(y))
        mean = build.make("sum", [y], axes=(step % 2,), keepdims=True)
        y = build.sub(y, build.mul(mean, build.constant(0.01, "float32")))
    return Graph("chain", [x], [], [y])


def defaults(program: Program) -> dict[str, int]:
    return {d.name: d.default for d in program.declarations if isinstance(d, Tunable)}


def model(design: Design, target: Target = GPU) -> Predictor:
    return Predictor(design.program, rates(target, 2))


def test_few_rows_are_spread_over_the_machine() -> None:
    """Tiles of 32 rows would leave most processors idle."""
    few, many = (schedule(rows(n, 64), GPU) for n in (1024, 65536))
    (work,) = model(few).works(model(few).defaults)
    assert work.cores >= 128
    (work,) = model(many).works(model(many).defaults)
    assert work.largest_elements > 64, "with rows enough a core takes several"


def test_what_one_core_moves_is_counted() -> None:
    design = schedule(rows(4096, 1000), GPU)
    predictor = model(design)
    for value in (1, 4):
        (work,) = predictor.works({**predictor.defaults, "TM": value})
        assert work.cores == math.ceil(4096 / value)
        assert work.core_bytes == pytest.approx(2 * 4 * 1000 * value, rel=0.05)


def test_a_tensor_that_every_core_reads_comes_from_memory_once() -> None:
    build = Builder()
    x = build.input("x", 0, TensorType((4096, 512), "float32"))
    table = build.input("t", 1, TensorType((512,), "float32"))
    graph = Graph("scaled", [x, table], [], [build.mul(softmax(build, x), table)])
    predictor = model(schedule(graph, GPU))
    (work,) = predictor.works({**predictor.defaults, "TM": 1})
    assert 2 * 4 * 512 < work.core_bytes < 2.5 * 4 * 512


def test_parts_of_cache_lines_cost_whole_ones() -> None:
    build = Builder()
    x = build.input("x", 0, TensorType((1024, 2048), "float32"))
    out = build.exp(build.make("transpose", [x], axes=(1, 0)))
    predictor = model(schedule(Graph("turned", [x], [], [out]), GPU))
    square = predictor.cost_us({"TM": 32, "TN": 32})
    assert predictor.cost_us({"TM": 8, "TN": 128}) > 1.2 * square
    assert predictor.cost_us({"TM": 128, "TN": 8}) > 1.2 * square


def test_tiles_too_large_to_compile_cost_infinity() -> None:
    predictor = model(schedule(rows(4096, 8192), GPU))
    assert math.isfinite(predictor.cost_us({"TM": 1}))
    assert math.isinf(predictor.cost_us({"TM": 32}))


@TARGETS
@pytest.mark.parametrize(
    "graph", [rows(5, 7), rows(64, 64), rows(8192, 33), total(1 << 22), total(3), total(0, 4)]
)
def test_the_start_is_never_predicted_slower_and_stays_among_the_choices(
    graph: Graph, target: Target
) -> None:
    machine = rates(target, 2)
    program = schedule(graph, target, threads=2).program
    again = started(program, machine)
    cost = Predictor(program, machine)
    assert cost.cost_us(defaults(again)) <= cost.cost_us(defaults(program))
    for declaration in again.declarations:
        if isinstance(declaration, Tunable):
            assert declaration.default in declaration.choices


def test_launches_looked_up_are_those_computed() -> None:
    """The memory of a program of several kernels gives what a fresh look gives."""
    program = schedule(chain(24), GPU).program
    machine = rates(GPU, 1)
    predictor = Predictor(program, machine)
    names = list(predictor.defaults)
    assert len(names) > 2
    for name in names:
        for value in predictor.tunables[name].choices:
            values = {**predictor.defaults, name: value}
            assert predictor.works(values) == Predictor(program, machine).works(values)


def test_more_units_never_cost_more() -> None:
    program = schedule(rows(4096, 512), GPU).program
    costs = [
        Predictor(program, Rates(units, 4, 1e4 * units, 0.3, 1 << 16, 1 << 16)).cost_us({})
        for units in (1, 8, 64, 512)
    ]
    assert costs == sorted(costs, reverse=True)


# ---- alternatives, and what designing costs ------------------------------------------------------


@TARGETS
def test_alternatives_differ_in_structure_from_all_others(target: Target) -> None:
    graph = rows(300, 40_000)
    first = schedule(graph, target, threads=2)
    others = alternatives(first, graph, target, threads=2)
    texts = [(d.program.kernels, d.program.host) for d in (first, *others)]
    assert len(texts) > 1, "rows of this length may be held or streamed"
    assert all(a != b for i, a in enumerate(texts) for b in texts[:i])
    small = rows(300, 64)
    assert alternatives(schedule(small, target), small, target) == []


@TARGETS
def test_a_hundred_ops_are_designed_in_seconds(target: Target) -> None:
    graph = chain(120)
    began = time.process_time()
    design = schedule(graph, target, threads=2)
    assert time.process_time() - began < 3
    assert len(design.program.kernels) > 10
