"""Long rows that a team of cores shares on a GPU: one kernel that reads its operand once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernelwright.aul import check, interpret, print_program
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule import design
from kernelwright.compiler.schedule.machine import machine
from kernelwright.compiler.schedule.teams import LEAST, team_tile
from kernelwright.graph import Builder, Graph, Node, TensorType
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target

GPU = Target("cuda", "sm_90")
Body = Callable[[Builder, Node], list[Node]]


def softmax(b: Builder, x: Node) -> list[Node]:
    return [b.make("softmax", [x], axis=1)]


def layer_norm(b: Builder, x: Node) -> list[Node]:
    return [b.make("layer_norm", [x], axes=tuple(range(1, len(x.shape))))]


def over_the_largest(b: Builder, x: Node) -> list[Node]:
    top = b.make("amax", [x], axes=(1,), keepdims=True)
    return [b.div(x, top), top]


def batch_norm(b: Builder, x: Node) -> list[Node]:
    over = {"axes": (0, 2), "keepdims": True}
    mean = b.make("mean", [x], **over)
    apart = b.sub(x, mean)
    deviation = b.make("rsqrt", [b.make("mean", [b.make("square", [apart])], **over)])
    return [b.mul(apart, deviation), mean]


def twice_centred(b: Builder, x: Node) -> list[Node]:
    """Two sums that are one, by different ways."""
    mean = b.make("mean", [x], axes=(0, 2), keepdims=True)
    again = b.make(
        "reshape", [b.make("sum", [x], axes=(0, 2), keepdims=False)], shape=(1, x.shape[1], 1)
    )
    apart = b.sub(x, mean)
    spread = b.make("mean", [b.make("square", [apart])], axes=(0, 2), keepdims=True)
    return [b.sub(b.mul(apart, spread), again)]


CASES: list[tuple[Body, tuple[int, ...]]] = [
    (softmax, (43, 50257)),
    (layer_norm, (16, 3, 217, 223)),
    (over_the_largest, (4, 1048576)),
    (batch_norm, (9, 7, 36000)),
    (twice_centred, (9, 7, 36000)),
]


def made_of(body: Body, shape: tuple[int, ...]) -> tuple[Graph, Design]:
    b = Builder()
    x = b.input("x", 0, TensorType(shape, "float32"))
    g = Graph("op", [x], [], body(b, x), "tuple")
    made = design(g, GPU)
    assert [d for d in check(made.program) if d.severity == "error"] == []
    return g, made


@pytest.mark.parametrize(("body", "shape"), CASES, ids=[b.__name__ for b, _ in CASES])
def test_one_kernel_computes_what_several_passes_do(body: Body, shape: tuple[int, ...]) -> None:
    g, made = made_of(body, shape)
    assert len(made.program.kernels) == 1
    assert print_program(made.program).count("U.team_barrier(") == 1
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    for truth, found in zip(evaluate(g, [x], {}, float64=True), interpret(made.program, [x])):
        typical = float(np.sqrt(np.mean(np.square(truth))))
        np.testing.assert_allclose(found, truth, rtol=2e-5, atol=5e-6 * typical)


def test_who_shares_rows() -> None:
    gpu, cpu = machine(GPU, 1), machine(Target("cpu", "x86_64"), 2)
    assert team_tile([262144], 2048, 1, cpu) is None
    assert team_tile([262144], 2048, 1, gpu) == [8192]
    assert team_tile([65535], 8192, 1, gpu) == [4096]  # no access of a thread is wide
    assert team_tile([8, 262144], 256, 1, gpu) == [1, 32768]  # fewer cores in a team
    assert team_tile([8, 262144], 256, 2, gpu) is None  # nothing to do while weights come
    assert team_tile([64, 65536], 64, 1, gpu) is None  # one team at a time
    assert team_tile([2**24], 64, 1, gpu) is None  # more than all cores hold
    assert team_tile([65536], LEAST // 65536 - 1, 1, gpu) is None  # caches hold it
