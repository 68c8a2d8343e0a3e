"""Every loop IR operation, printed as C++, compiled and run against NumPy."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kernelwright.compiler.codegen._cpp_host import cpp_source
from kernelwright.compiler.codegen._host import HostPlan
from kernelwright.compiler.stages.cxx import FLAGS, compile_shared, find_cxx
from kernelwright.graph.core import DTYPES
from kernelwright.runtime.library import load_host
from kernelwright.testing.loop_suites import Suite, plan_of, run_all, suites


@pytest.fixture(scope="module")
def checked() -> tuple[HostPlan, list[Suite]]:
    made = suites(lambda dtype: (1, 64 // max(DTYPES[dtype].itemsize, 4)))
    return plan_of(made, native_extrema=64), made


def test_every_operation_agrees_with_numpy(
    checked: tuple[HostPlan, list[Suite]], tmp_path: Path
) -> None:
    plan, made = checked
    library = tmp_path / "libkernel.so"
    library.write_bytes(compile_shared(cpp_source(plan, 64)))
    assert run_all(load_host(library, plan.name), made) == []


def test_wide_vectors_and_no_vector_unit(tmp_path: Path) -> None:
    """Vectors of several registers, and the text for a machine without F16C, AVX2, AVX-512."""
    wide = {"float64": 16, "float32": 16, "float16": 32, "int64": 16, "bool": 16}
    made = suites(lambda dtype: (wide[dtype],) if dtype in wide else ())
    plan = plan_of(made)
    source, library = tmp_path / "kernel.cpp", tmp_path / "libkernel.so"
    source.write_text(cpp_source(plan, 16))
    flags = [f for f in FLAGS if f not in ("-O3", "-march=native")] + ["-O1", "-U__FLT16_MAX__"]
    subprocess.run([find_cxx(), *flags, str(source), "-o", str(library)], check=True)
    lines = run_all(load_host(library, plan.name), made)
    assert [line for line in lines if ": fma:" not in line] == []  # no fused instruction there
