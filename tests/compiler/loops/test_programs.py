"""Every AUL program of the suite, launched core by core in loop IR, against the AUL interpreter."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernelwright.aul import evaluate, interpret, parse, resolve
from kernelwright.aul import syntax as aul
from kernelwright.compiler.loops.interpret import run
from kernelwright.compiler.loops.lower import lower_kernel
from kernelwright.graph.core import DTYPES

PROGRAMS = sorted((Path(__file__).parents[2] / "aul" / "programs").glob("*.aul"))
rng = np.random.default_rng(5)


def product(op: str, arrays: Any, attributes: Any) -> list[np.ndarray]:
    assert op == "aten.mm.default"
    return [arrays[0] @ arrays[1]]


def execute(
    program: aul.Program, inputs: list[np.ndarray], sizes: Mapping[str, int],
    tunables: Mapping[str, int], vector_bytes: int,
) -> list[np.ndarray]:  # fmt: skip
    """The host function with its kernels as loop IR; outputs in order."""
    env = resolve(program, sizes, tunables)
    kernel_env = dict(env)
    shapes: dict[str, tuple[int, ...]] = {}
    buffers: dict[str, np.ndarray] = {}
    given = iter(inputs)
    for param in program.host.params:
        shapes[param.name] = tuple(evaluate(e, env) for e in param.shape or ())
        array = next(given) if not param.output else np.zeros(shapes[param.name])
        buffers[param.name] = array.astype(DTYPES[param.dtype or "float32"]).reshape(-1)
    for statement in program.host.body:
        if isinstance(statement, aul.Workspace):
            shapes[statement.name] = tuple(evaluate(e, env) for e in statement.shape)
            buffers[statement.name] = np.zeros(
                math.prod(shapes[statement.name]), DTYPES[statement.dtype]
            )
        elif isinstance(statement, aul.CoreNum):
            env[statement.name] = evaluate(statement.value, env)
        elif isinstance(statement, aul.FrameworkCall):
            arrays = [buffers[s].reshape(shapes[s]) for s in statement.src]
            buffers[statement.dst[0]][:] = product(statement.op, arrays, {})[0].reshape(-1)
        else:
            arrays = [buffers[a] for a in statement.args]
            kernel = program.kernel(statement.kernel)
            memory = {p.name: a.size for p, a in zip(kernel.params, arrays)}
            function = lower_kernel(
                program, statement.kernel, kernel_env, vector_bytes=vector_bytes,
                memory_sizes=memory,
            )  # fmt: skip
            for core in range(evaluate(statement.cores, env)):
                run(function, arrays, core)
    return [buffers[p.name].reshape(shapes[p.name]) for p in program.host.params if p.output]


SIZES = [{}, {"M": 1, "N": 1}, {"M": 17, "N": 65}, {"M": 33, "N": 200}]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda p: p.stem)
def test_program(path: Path, sizes: dict[str, int]) -> None:
    program = parse(path.read_text())
    tunables = {d.name: d.choices[-1] for d in program.declarations if isinstance(d, aul.Tunable)}
    for chosen, vector_bytes in (({}, 64), (tunables, 32)):
        env = resolve(program, sizes, chosen)
        inputs = [
            rng.standard_normal([evaluate(e, env) for e in p.shape or ()]).astype(
                DTYPES[p.dtype or "float32"]
            )
            for p in program.host.params
            if not p.output
        ]
        expected = interpret(program, inputs, sizes=sizes, tunables=chosen, calls=product)
        got = execute(program, inputs, sizes, chosen, vector_bytes)
        for a, b in zip(got, expected):
            assert a.dtype == b.dtype and a.shape == b.shape
            tolerance = 8e-3 if a.dtype == DTYPES["bfloat16"] else 2e-5
            np.testing.assert_allclose(
                a.astype(np.float64), b.astype(np.float64), rtol=tolerance, atol=tolerance
            )
