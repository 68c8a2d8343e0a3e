"""Every op of the format as a compiled kernel, by both CPU printers, judged by the error rule."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kernelwright.compiler.codegen import PRINTERS
from kernelwright.compiler.schedule import design
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.graph.decompose import decompose
from kernelwright.schema import Target
from kernelwright.testing.graphkernel_ops import cases
from kernelwright.verify.rule.compare import Outputs, judge_outputs

GRAPHKERNEL = FRAMEWORKS.get("graphkernel")
CASES = {case.name: case for case in cases()}
TARGET = Target("cpu", "x86_64")
# One a family and way of writing, in the default suite.
_FEW = ("CumSum_int32", "InplaceAssign_fake", "Mul_complex64")


@pytest.mark.parametrize("impl_type", ["mlir", "cpp"])
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in _FEW else pytest.mark.heavy) for n in CASES]
)
def test_kernel(name: str, impl_type: str, tmp_path: Path) -> None:
    if impl_type == "mlir":
        pytest.importorskip("llvmlite")
        pytest.importorskip("mlir")
    case = CASES[name]
    model = GRAPHKERNEL.load(case.text, f"{name}.json")
    own = model.make_inputs(3)
    inputs = own if case.inputs is None else [
        np.asarray(given).astype(like.dtype) for given, like in zip(case.inputs, own)
    ]  # fmt: skip
    plan = design(decompose(model.capture(inputs)), TARGET, state=(), threads=2, reduced={})
    made = PRINTERS.get(impl_type).print(plan, TARGET, "numpy", {})
    for file, data in made.files.items():
        (tmp_path / file).write_bytes(data)
    call, _ = GRAPHKERNEL.load_candidate(tmp_path / made.entry, [], [], "cpu")
    given = [x.copy() for x in inputs]
    outputs, structure = GRAPHKERNEL.flatten(call(*given))
    reference = model.run(inputs)
    written = sorted(reference.written)
    verdict = judge_outputs(
        model.truth(inputs, written),
        Outputs([*reference.outputs, *(reference.written[i] for i in written)], structure),
        Outputs([*outputs, *(given[i] for i in written)], structure),
    )
    assert verdict.passed, f"{verdict.check}: {verdict.reason}"
    assert structure == reference.structure
