"""Reductions over different dimensions in one pass, as each printer writes them."""

from __future__ import annotations

import importlib.util
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernelwright.compiler.codegen import PRINTERS
from kernelwright.compiler.schedule import design
from kernelwright.graph.core import Builder, Graph, Node, TensorType
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target
from kernelwright.testing.interpreted import Case, InterpreterError, run_interpreted

HOST = Target("cpu", {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine()))
GPU = Target("cuda", "sm_90")


def over(b: Builder, op: str, x: Node, *axes: int) -> Node:
    return b.make(op, [x], axes=axes, keepdims=False)


def rows_and_columns(b: Builder, shape: tuple[int, ...]) -> tuple[Node, list[Node]]:
    x = b.input("a", 0, TensorType(shape, "float32"))
    last = len(shape) - 1
    return x, [over(b, "sum", x, last), over(b, "amax", x, 0), over(b, "mean", x, 0)]


def softmax_and_mean(b: Builder, shape: tuple[int, ...]) -> tuple[Node, list[Node]]:
    x = b.input("a", 0, TensorType(shape, "float32"))
    s = b.make("softmax", [x], axis=1)
    return x, [s, over(b, "mean", s, 0), over(b, "sum", b.square(s), 0, 1)]


CASES: dict[str, tuple[Any, tuple[int, ...]]] = {
    "rows": (rows_and_columns, (701, 129)),
    "narrow": (rows_and_columns, (9001, 9)),
    "long": (rows_and_columns, (13, 5501)),
    "rank3": (rows_and_columns, (607, 9, 13)),
    "softmax": (softmax_and_mean, (701, 129)),
}


def graph(name: str) -> Graph:
    make, shape = CASES[name]
    x, outputs = make(Builder(), shape)
    return Graph("op", [x], [], outputs, "tuple")


def numbers(name: str) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(CASES[name][1]).astype(np.float32)


def agree(name: str, outputs: list[np.ndarray]) -> None:
    truth = evaluate(graph(name), [numbers(name)], {}, float64=True)
    for found, true in zip(outputs, truth, strict=True):
        assert found.shape == true.shape
        typical = float(np.sqrt(np.mean(np.square(true))))
        np.testing.assert_allclose(found.astype("f8"), true, rtol=4e-6, atol=4e-6 * typical)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("impl_type", ["cpp", "mlir"])
def test_compiled(impl_type: str, name: str, tmp_path: Path) -> None:
    if impl_type == "mlir":
        pytest.importorskip("mlir")
    made = design(graph(name), HOST, threads=2)
    candidate = PRINTERS.get(impl_type).print(made, HOST, "numpy", {})
    for file, data in candidate.files.items():
        (tmp_path / file).write_bytes(data)
    spec = importlib.util.spec_from_file_location("dual_kernel", tmp_path / candidate.entry)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    agree(name, list(module.ModelNew()(numbers(name))))


@pytest.fixture(scope="module")
def interpreted() -> dict[str, list[np.ndarray] | InterpreterError]:
    pytest.importorskip("triton")
    cases = {}
    for name in CASES:
        made = design(graph(name), GPU)
        known = {d.name: getattr(d, "choices", ()) for d in made.program.declarations}
        chosen = {k: min(known[k]) for k in ("SPLIT",) if k in known}
        cases[name] = Case(
            PRINTERS.get("triton").print(made, GPU, "torch", chosen), [numbers(name)]
        )
    return run_interpreted(cases)


@pytest.mark.parametrize("name", CASES)
def test_triton(name: str, interpreted: dict[str, list[np.ndarray] | InterpreterError]) -> None:
    outputs = interpreted[name]
    assert not isinstance(outputs, InterpreterError), str(outputs)
    agree(name, outputs)
