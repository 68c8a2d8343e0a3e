"""Every loop IR operation, printed as MLIR, built and run against NumPy."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelwright.compiler.codegen._mlir_host import mlir_source
from kernelwright.compiler.stages.mlir_pipeline import build_mlir
from kernelwright.graph.core import DTYPES
from kernelwright.runtime.library import load_host
from kernelwright.testing.loop_suites import plan_of, run_all, suites

pytest.importorskip("mlir")
pytest.importorskip("llvmlite")


@pytest.mark.parametrize("bytes_", [4, 64])
def test_every_operation_agrees_with_numpy(bytes_: int, tmp_path: Path) -> None:
    made = suites(lambda dtype: (max(bytes_ // max(DTYPES[dtype].itemsize, 4), 1),))
    plan = plan_of(made)
    built = build_mlir(mlir_source(plan), {plan.name}, folder=tmp_path / "cache")
    library = tmp_path / "libkernel.so"
    library.write_bytes(built.library)
    assert run_all(load_host(library, plan.name), made) == []
