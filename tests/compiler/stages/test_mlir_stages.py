from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from kernelwright.compiler.stages.mlir_pipeline import LOWERING, build_mlir
from kernelwright.compiler.stages.mlir_provider import CommandProvider, available, provider
from kernelwright.errors import CompileError

pytest.importorskip("mlir")
pytest.importorskip("llvmlite")

TEXT = """
module {
  func.func private @inner(%x: memref<4xf32>) -> f32 {
    %c = arith.constant 1 : index
    %v = memref.load %x[%c] : memref<4xf32>
    return %v : f32
  }
  func.func @host(%buffers: !llvm.ptr) -> i32 {
    %ok = arith.constant 0 : i32
    return %ok : i32
  }
}
"""


def test_every_stage_is_kept_under_its_name(tmp_path: Path) -> None:
    built = build_mlir(TEXT, {"host"}, folder=tmp_path)
    assert list(built.stages) == [
        "kernel.mlir",
        "kernel_lowered.mlir",
        "kernel.ll",
        "kernel_optimized.ll",
        "kernel.s",
    ]
    assert "llvm.func @inner(%arg0: !llvm.ptr)" in built.stages["kernel_lowered.mlir"]
    assert "define i32 @host(ptr" in built.stages["kernel.ll"]
    assert "host:" in built.stages["kernel.s"]
    assert "inner" not in built.stages["kernel_optimized.ll"]  # not exported, not used
    assert built.library[:4] == b"\x7fELF"


def test_a_module_that_mlir_refuses_says_why(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="undeclared SSA value"):
        build_mlir("func.func @f() -> i32 { return %nothing : i32 }", {"f"}, folder=tmp_path)


def test_the_first_provider_is_in_process() -> None:
    assert provider().name == available()[0].name == "mlir"


def test_the_command_line_is_the_same_provider(tmp_path: Path) -> None:
    """The tools of the pip package stand in for a system's mlir-opt."""
    spec = importlib.util.find_spec("mlir")
    assert spec is not None
    found = [Path(f) / "bin" / "mlir-opt" for f in spec.submodule_search_locations or ()]
    found = [path for path in found if path.exists()]
    if not found:
        pytest.skip("this MLIR package has no mlir-opt")
    tools = CommandProvider(str(found[0]), str(found[0].with_name("mlir-translate")))
    lowered = tools.run_pipeline(TEXT, LOWERING)
    assert "llvm.func @host" in lowered
    assert "define i32 @host" in tools.to_llvm_ir(lowered)
    with pytest.raises(CompileError, match="mlir-opt failed"):
        tools.run_pipeline("module {", LOWERING)
