"""Graph to running candidate, through the Designer, the lowering and both compiled printers."""

from __future__ import annotations

import importlib.util
import platform
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kernelwright.compiler.codegen import PRINTERS
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule import design
from kernelwright.errors import UnsupportedError
from kernelwright.graph.core import DTYPES, Builder, Graph, Node, TensorType
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Candidate, Target

HOST = Target("cpu", {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine()))
IMPL_TYPES = ("cpp", "mlir")


def softmax(b: Builder) -> Graph:
    x = b.input("x", 0, TensorType((10, 70), "float32"))
    return Graph("softmax", [x], [], [b.softmax(x, axis=1)])


def half_relu(b: Builder) -> Graph:
    x = b.input("x", 0, TensorType((7, 45), "float16"))
    return Graph("half_relu", [x], [], [b.maximum(x, b.constant(0.0, "float16"))])


def residual(b: Builder) -> Graph:
    """bfloat16, a parameter that broadcasts, an input that is not used."""
    x = b.input("x", 0, TensorType((13, 100), "bfloat16"))
    unused = b.input("unused", 1, TensorType((3,), "float32"))
    y = b.input("y", 2, TensorType((13, 100), "bfloat16"))
    bias = b.parameter("lin.0.bias", TensorType((100,), "bfloat16"))
    return Graph("residual", [x, unused, y], [bias], [b.add(b.exp(b.neg(b.add(x, bias))), y)])


def two_outputs(b: Builder) -> Graph:
    x = b.input("x", 0, TensorType((50, 90), "float32"))
    sums = b.sum(x, axes=(1,), keepdims=False)
    top = b.amax(x, axes=(0,), keepdims=False)
    return Graph("two_outputs", [x], [], [sums, top], structure="tuple")


def everything(b: Builder) -> Graph:
    """A full reduction to a number."""
    x = b.input("x", 0, TensorType((30, 333), "float32"))
    return Graph("everything", [x], [], [b.sum(b.mul(x, x), axes=(0, 1), keepdims=False)])


def product(b: Builder) -> Graph:
    """A matrix product left to the library, between two kernels."""
    x = b.input("x", 0, TensorType((20, 24), "float32"))
    y = b.input("y", 1, TensorType((24, 16), "float32"))
    made = b.matmul(b.exp(x), y)
    return Graph("product", [x, y], [], [b.maximum(made, b.constant(0.0, "float32"))])


GRAPHS = (softmax, half_relu, residual, two_outputs, everything, product)


def arrays_of(nodes: list[Node], seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(n.shape).astype(DTYPES[n.dtype]) for n in nodes]


def designed(graph: Graph) -> Design:
    state = [(p.attrs["name"], p.shape, p.dtype, "parameter") for p in graph.parameters]
    return design(graph, HOST, state=state, threads=2)


def imported(candidate: Candidate, folder: Path) -> types.ModuleType:
    for name, data in candidate.files.items():
        (folder / name).write_bytes(data)
    spec = importlib.util.spec_from_file_location("candidate_kernel", folder / candidate.entry)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("make", GRAPHS, ids=lambda g: g.__name__)
@pytest.mark.parametrize("impl_type", IMPL_TYPES)
def test_a_candidate_computes_its_graph(
    impl_type: str, make: Callable[[Builder], Graph], tmp_path: Path
) -> None:
    if impl_type == "mlir":
        pytest.importorskip("mlir")
    graph = make(Builder())
    candidate = PRINTERS.get(impl_type).print(designed(graph), HOST, "numpy", {})
    model = imported(candidate, tmp_path).ModelNew()
    inputs, weights = arrays_of(graph.inputs, 1), arrays_of(graph.parameters, 2)
    for node, array in zip(graph.parameters, weights):
        owner, *path, leaf = model, *node.attrs["name"].split(".")
        for part in path:
            owner = getattr(owner, part)
        getattr(owner, leaf)[...] = array
    by_name = {n.attrs["name"]: a for n, a in zip(graph.parameters, weights)}
    truth = evaluate(graph, inputs, by_name, float64=True)
    got = model(*inputs)
    outputs = list(got) if graph.structure == "tuple" else [got]
    for found, true, node in zip(outputs, truth, graph.outputs, strict=True):
        assert found.dtype == DTYPES[node.dtype] and found.shape == node.shape
        coarse = node.dtype in ("float16", "bfloat16")
        rtol = {"float16": 1e-3, "bfloat16": 1e-2}.get(node.dtype, 2e-6)
        atol = 1e-2 if coarse else 1e-5
        np.testing.assert_allclose(found.astype("f8"), true, rtol=rtol, atol=atol)
    assert candidate.impl_type == impl_type and candidate.producer == "builtin"
    assert candidate.design is not None and "sub_kernel" in candidate.design


@pytest.mark.parametrize("impl_type", IMPL_TYPES)
def test_the_same_design_prints_the_same_source(impl_type: str) -> None:
    if impl_type == "mlir":
        pytest.importorskip("mlir")
    made = [
        PRINTERS.get(impl_type).print(designed(softmax(Builder())), HOST, "torch", {})
        for _ in range(2)
    ]
    assert made[0].hash() == made[1].hash()


@pytest.mark.parametrize("impl_type", IMPL_TYPES)
def test_another_machine_is_refused(impl_type: str) -> None:
    chosen = designed(softmax(Builder()))
    for target in (Target("cuda", "sm_90"), Target("cpu", "riscv64")):
        with pytest.raises(UnsupportedError, match="this machine only"):
            PRINTERS.get(impl_type).print(chosen, target, "torch", {})
