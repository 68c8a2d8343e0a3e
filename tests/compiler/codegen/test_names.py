"""A task may be called like anything: a C function, a Python module, a word of AUL or of C++."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.compiler.codegen.test_cpp_designs import HOST, IMPL_TYPES, imported

from kernelwright.aul import check
from kernelwright.compiler.codegen import PRINTERS
from kernelwright.compiler.schedule import design
from kernelwright.graph.core import Builder, Graph, TensorType
from kernelwright.schema import Target

NAMES = ("exp", "erf", "main", "malloc", "int", "torch", "numpy", "triton", "tl", "U", "M", "out",
         "x", "kernel", "ModelNew", "Model", "core", "2d-conv", "class", "buffers")  # fmt: skip


def named(name: str) -> Graph:
    b = Builder()
    x = b.input("x", 0, TensorType((5, 37), "float32"))
    return Graph(name, [x], [], [b.exp(b.sum(x, axes=(1,), keepdims=False))])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("impl_type", IMPL_TYPES)
def test_any_name_on_a_cpu(impl_type: str, name: str, tmp_path: Path) -> None:
    if impl_type == "mlir":
        pytest.importorskip("mlir")
    candidate = PRINTERS.get(impl_type).print(design(named(name), HOST), HOST, "numpy", {})
    x = np.linspace(-1, 1, 5 * 37, dtype=np.float32).reshape(5, 37)
    got = imported(candidate, tmp_path).ModelNew()(x)
    np.testing.assert_allclose(got, np.exp(x.sum(1)), rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_in_triton(name: str) -> None:
    target = Target("cuda", "sm_90")
    made = design(named(name), target)
    assert [d for d in check(made.program) if d.severity == "error"] == []
    source = PRINTERS.get("triton").print(made, target, "torch", {}).source
    kernel = made.program.kernels[0].name
    assert source.count(f"def {kernel}(") == 1
    assert f"\ndef {made.program.host.name}(" not in source or made.program.host.name not in (
        "torch", "triton", "tl", "ModelNew",
    )  # fmt: skip
    compile(source, "kernel.py", "exec")
