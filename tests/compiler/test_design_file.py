"""A Design goes to a file and back: the same program, bindings and constants, bit by bit."""

from __future__ import annotations

import dataclasses
import json

import ml_dtypes
import numpy as np
import pytest

from kernelwright.aul import print_program
from kernelwright.compiler.codegen import PRINTERS
from kernelwright.compiler.design import Design
from kernelwright.compiler.design_file import design_from_dict, design_to_dict
from kernelwright.compiler.schedule import design as schedule
from kernelwright.errors import UsageError
from kernelwright.graph.core import Builder, Graph, TensorType
from kernelwright.schema import Target

TARGETS = (Target("cpu", "x86_64"), Target("cuda", "sm_90"))


def graph() -> Graph:
    """A softmax of rows with a constant table, a constant scalar and a parameter."""
    build = Builder()
    x = build.input("x", 0, TensorType((64, 100), "float32"))
    p = build.parameter("scale.weight", TensorType((100,), "float32"))
    table = build.constant(np.linspace(-1, 1, 100, dtype=np.float32), "float32")
    half = build.constant(np.arange(100, dtype=ml_dtypes.bfloat16), "bfloat16")
    y = build.add(build.mul(x, p), build.add(table, build.make("cast", [half], dtype="float32")))
    e = build.exp(build.sub(y, build.make("amax", [y], axes=(1,), keepdims=True)))
    out = build.div(e, build.make("sum", [e], axes=(1,), keepdims=True))
    return Graph("rows", [x], [p], [out], "tensor", notes=["a note"], fixed={1: 0.25, 2: None})


def made(target: Target) -> Design:
    state = [("scale.weight", (100,), "float32", "parameter")]
    return schedule(graph(), target, state=state, threads=2)


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_nothing_is_lost(target: Target) -> None:
    design = made(target)
    data, arrays = design_to_dict(design)
    again = design_from_dict(json.loads(json.dumps(data)), arrays)
    assert print_program(again.program) == print_program(design.program)
    for field in dataclasses.fields(Design):
        if field.name not in ("program", "constants"):
            assert getattr(again, field.name) == getattr(design, field.name), field.name
    assert list(again.constants) == list(design.constants)
    for name, array in design.constants.items():
        assert again.constants[name].dtype == array.dtype
        assert again.constants[name].tobytes() == array.tobytes()


def test_what_is_printed_from_it_is_the_same() -> None:
    design = made(TARGETS[1])
    data, arrays = design_to_dict(design)
    prints = [
        PRINTERS.get("triton").print(d, TARGETS[1], "torch", {"num_warps": 4}).files
        for d in (design, design_from_dict(data, arrays))
    ]
    assert prints[0] == prints[1]


@pytest.mark.parametrize(
    "broken",
    [
        [],
        {"version": 99},
        {"version": 1},
        {"version": 1, "design": {"aul": "def ("}},
        {"version": 1, "design": {"record": "os", "fields": {}}},
        {"version": 1, "design": {"array": "missing", "dtype": "float32"}},
        {"version": 1, "design": 7},
    ],
)
def test_anything_else_is_one_clear_error(broken: object) -> None:
    with pytest.raises(UsageError, match="design"):
        design_from_dict(broken, {})  # type: ignore[arg-type]
