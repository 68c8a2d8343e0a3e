"""Dependences between the cores of launches: small programs by hand, and every launch designed for
the cases of the info format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kernelwright.aul import evaluate, parse, resolve
from kernelwright.aul import syntax as aul
from kernelwright.compiler.schedule.dependence import Dependences, LaunchTouches, launch_touches
from kernelwright.compiler.stages import kernel_entry
from kernelwright.compiler.stages.kernel import compile_kernel
from kernelwright.frameworks.graphkernel.build import build
from kernelwright.frameworks.graphkernel.parse import parse as parse_info
from kernelwright.runtime.kernel import load
from kernelwright.schema import Target
from kernelwright.testing.graphkernel import kernel, op, tensor
from kernelwright.testing.graphkernel_ops import cases
from kernelwright.testing.graphkernel_random import random_kernel

pytest.importorskip("islpy")

CPU = Target("cpu", "x86_64")
PROGRAM = """
import aul as U
N = U.Size(64)

@sub_kernel
def own(x: U.TensorPtr[U.float32, (N,)], y: U.OutPtr[U.float32, (N,)]):
    s = U.get_core_idx() * 8
    t = U.Tile((8,), U.float32, U.VecBuf)
    U.data_copy(dst=t, src=x[s:s + 8])
    U.data_copy(dst=y[s:s + 8], src=t)

@sub_kernel
def shifted(x: U.TensorPtr[U.float32, (N,)], y: U.OutPtr[U.float32, (N,)]):
    s = U.get_core_idx() * 8
    t = U.Tile((8,), U.float32, U.VecBuf)
    U.data_copy(dst=t, src=x[s + 1:s + 9], pad=0.0)
    U.data_copy(dst=y[s:s + 8], src=t)

@sub_kernel
def overlapping(x: U.TensorPtr[U.float32, (N,)], y: U.OutPtr[U.float32, (N,)]):
    s = U.get_core_idx() * 8
    t = U.Tile((9,), U.float32, U.VecBuf)
    U.data_copy(dst=t, src=x[s:s + 9], pad=0.0)
    U.data_copy(dst=y[s:s + 9], src=t, clip=True)

@sub_kernel
def halves(x: U.TensorPtr[U.float32, (N,)], y: U.OutPtr[U.float32, (2, 32)]):
    c = U.get_core_idx()
    t = U.Tile((8,), U.float32, U.VecBuf)
    for i in U.Pipelined(iterations=U.min(4, 8 - c)):
        U.data_copy(dst=t, src=x[i * 8:i * 8 + 8])
        U.data_copy(dst=y[1, i * 8:i * 8 + 8], src=t)

def f(x: U.TensorPtr[U.float32, (N,)], y: U.OutPtr[U.float32, (N,)], z: U.OutPtr[U.float32, (N,)]):
    own[8](x, y)
    own[8](y, z)
    shifted[8](y, z)
    overlapping[8](x, z)
    halves[1](x, y)
    own[4](x, y)
"""


@pytest.fixture(scope="module")
def judge() -> Dependences:
    return Dependences()


def launches(program: aul.Program) -> Iterator[tuple[aul.Launch, LaunchTouches]]:
    env = resolve(program)
    values = dict(env)
    for statement in program.host.body:
        if isinstance(statement, aul.CoreNum):
            values[statement.name] = evaluate(statement.value, values)
        if isinstance(statement, aul.Launch):
            cores = int(evaluate(statement.cores, values))
            yield statement, launch_touches(program, statement, env, cores)


def test_by_hand(judge: Dependences) -> None:
    first, second, shifted, overlapping, upper, lower = (t for _, t in launches(parse(PROGRAM)))
    assert judge.parallel(first) and judge.parallel(shifted)
    assert not judge.parallel(overlapping)  # element 8 is written by cores 0 and 1
    assert judge.aligned(first, second) and not judge.independent(first, second)
    assert not judge.aligned(first, shifted)  # core 0 reads what core 1 wrote
    assert judge.independent(upper, lower)  # elements 32 to 63 of y, and 0 to 31
    assert not judge.independent(upper, first)


TEXTS = [c.text for c in cases()][::4] + [json.dumps(random_kernel(s, 9)) for s in range(9)]


def test_every_launch_is_proved_and_the_cautious_answer_is_never_wrong(judge: Dependences) -> None:
    proved = pairs = 0
    for text in TEXTS:
        info = parse_info(text, "case.json")
        graph = build(info, [t.shape for t in info.inputs]).graph
        design = kernel_entry.designed(graph, [False] * len(info.outputs), CPU, 2)
        found = [t for _, t in launches(design.program)]
        for touched in found:
            assert judge.parallel(touched), text
            proved += touched.cores > 1
        for a, b in zip(found, found[1:]):
            written = [{t.buffer for t in x.touches if t.writes} for x in (a, b)]
            touched_by = [{t.buffer for t in x.touches} for x in (a, b)]
            if not (written[0] & touched_by[1] or written[1] & touched_by[0]):
                assert judge.independent(a, b), text
                pairs += 1
    assert proved > 20 and pairs > 3


def test_parts_of_one_tensor_share_a_parallel_region(tmp_path: Path) -> None:
    pytest.importorskip("mlir")
    pytest.importorskip("llvmlite")
    x, y, e = (tensor(n, (300, 256)) for n in "xye")
    z = tensor("z", (600, 256))
    info = kernel("joined", [x, y], [z], [op("Exp", [x], [e]), op("Concat", [[e, y]], [z], axis=0)])
    path = tmp_path / "joined.json"
    path.write_text(json.dumps(info))
    files = compile_kernel(path, tmp_path / "out", CPU, threads=2)
    text = files["_out.mlir"].read_text()
    assert text.count("llvm.call @GOMP_parallel") == 1
    a, b = np.random.default_rng(3).standard_normal((2, 300, 256), np.float32)
    found = load(files[".json"])(a, b)
    np.testing.assert_allclose(found, np.concatenate([np.exp(a), b]), rtol=1e-6)
