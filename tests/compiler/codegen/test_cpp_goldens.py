"""The AUL corpus through both compiled printers: golden texts, results as the interpreter has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernelwright.aul import evaluate, interpret, parse, resolve
from kernelwright.compiler.codegen import PRINTERS
from kernelwright.compiler.codegen._cpp_host import cpp_source
from kernelwright.compiler.codegen._mlir_host import mlir_source
from kernelwright.compiler.codegen._plan import cpu_plan
from kernelwright.compiler.design import Binding, Design, OutputSpec
from kernelwright.graph.core import DTYPES

from .test_cpp_designs import HOST, imported

PROGRAMS = Path(__file__).parents[2] / "aul" / "programs"
NAMES = sorted(path.stem for path in PROGRAMS.glob("*.aul"))


def designed(name: str) -> Design:
    program = parse((PROGRAMS / f"{name}.aul").read_text())
    env = resolve(program)
    inputs = [p for p in program.host.params if not p.output]
    bindings = tuple(Binding(p.name, "input", i) for i, p in enumerate(inputs))
    outputs = tuple(
        OutputSpec(p.name, tuple(evaluate(e, env) for e in p.shape or ()), str(p.dtype))
        for p in program.host.params
        if p.output
    )
    structure = "tensor" if len(outputs) == 1 else "tuple"
    return Design(program, bindings, outputs, structure, len(inputs))


def inputs_of(design: Design) -> list[np.ndarray]:
    env, rng = resolve(design.program), np.random.default_rng(1)
    return [
        rng.standard_normal([evaluate(e, env) for e in p.shape or ()]).astype(DTYPES[str(p.dtype)])
        for p in design.program.host.params
        if not p.output
    ]


def matrix_product(op: str, arrays: Sequence[np.ndarray], attrs: Any) -> list[np.ndarray]:
    assert op == "aten.mm.default"
    return [arrays[0] @ arrays[1]]


@pytest.mark.parametrize("name", NAMES)
def test_texts(name: str, golden: Callable[[str, str], None]) -> None:
    design = designed(name)
    golden(f"{name}.cpp", cpp_source(cpu_plan(design, {}, 64, native_extrema=64), 64, name))
    golden(f"{name}.mlir", mlir_source(cpu_plan(design, {}, 64), name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("impl_type", ["cpp", "mlir"])
def test_results(impl_type: str, name: str, tmp_path: Path) -> None:
    if impl_type == "mlir":
        pytest.importorskip("mlir")
    design = designed(name)
    arrays = inputs_of(design)
    truth = interpret(design.program, arrays, calls=matrix_product)
    model = imported(PRINTERS.get(impl_type).print(design, HOST, "numpy", {}), tmp_path).ModelNew()
    got = model(*arrays)
    for found, true in zip([got] if design.structure == "tensor" else got, truth, strict=True):
        assert found.dtype == true.dtype and found.shape == true.shape
        rtol = 1e-2 if found.dtype.name == "bfloat16" else 2e-6
        np.testing.assert_allclose(found.astype("f8"), true.astype("f8"), rtol=rtol, atol=1e-5)


@pytest.mark.parametrize("columns", [100_000])
def test_memory_that_no_stack_holds_comes_from_the_pool(columns: int) -> None:
    """A row of softmax that is kept between its loops and does not fit a thread's stack."""
    text = (PROGRAMS / "softmax.aul").read_text().replace("U.Size(70)", f"U.Size({columns})")
    design = Design(parse(text), (Binding("x", "input", 0),), (), "tensor", 1)
    plan = cpu_plan(design, {}, 64)
    assert "take_block((size_t)threads" in cpp_source(plan, 64).replace("0 + (size_t)", "(size_t)")
    assert "func.call @take_block" in mlir_source(plan)
