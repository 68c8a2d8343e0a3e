"""Kernels for Ascend: their text, and bishengir-compile's word where it is installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kernelwright.compiler.stages.ascend import DEVICE_COMPILER, card, compiler
from kernelwright.compiler.stages.kernel import compile_kernel
from kernelwright.errors import CompileError, MissingDependencyError, UnsupportedError
from kernelwright.schema import Target
from kernelwright.testing.graphkernel import kernel, op, tensor

CARD = Target("ascend", "ascend910b2")


def softmax(rows: int, columns: int) -> dict[str, object]:
    x, e, y = (tensor(n, (rows, columns), "float16") for n in "xey")
    top, below = tensor("m", (rows, 1), "float16"), tensor("s", (rows, columns), "float16")
    total = tensor("t", (rows, 1), "float16")
    return kernel("softmax", [x], [y], [
        op("ReduceMax", [x], [top], axis=[1], keep_dims=True), op("Sub", [x, top], [below]),
        op("Exp", [below], [e]), op("ReduceSum", [e], [total], axis=[1], keep_dims=True),
        op("RealDiv", [e, total], [y]),
    ])  # fmt: skip


def written(info: dict[str, object], folder: Path) -> Path:
    path = folder / f"{info['op']}.json"
    path.write_text(json.dumps(info))
    return path


def available() -> bool:
    try:
        return bool(compiler())
    except MissingDependencyError:
        return False


def test_softmax_is_named_ops(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    path = written(softmax(8, 96), tmp_path)
    files = compile_kernel(path, tmp_path / "out", CARD, until="schedule")
    text = files["_out.mlir"].read_text()
    golden("softmax_ascend_out.mlir", text)
    assert "round_mode" in text, "a sum of halves is one of floats"


def test_what_has_no_form_is_named(tmp_path: Path) -> None:
    x, y = tensor("x", (4, 8)), tensor("y", (4, 8))
    path = written(kernel("running", [x], [y], [op("CumSum", [x], [y], axis=1)]), tmp_path)
    with pytest.raises(UnsupportedError, match="cumsum has no form for Ascend yet"):
        compile_kernel(path, tmp_path / "out", CARD)
    assert not (tmp_path / "out").exists()


def test_names_of_cards() -> None:
    assert card("ascend910b2") == "Ascend910B2" and card("ascend910_9382") == "Ascend910_9382"


@pytest.mark.skipif(not available(), reason="bishengir-compile is not installed")
def test_bishengir_plans_it(tmp_path: Path) -> None:
    files = compile_kernel(written(softmax(64, 1024), tmp_path), tmp_path / "out", CARD)
    assert "hivm.hir" in files["_hivm.mlir"].read_text()
    about = json.loads(files[".json"].read_text())
    assert about["kernelName"] == "softmax_kernel"
    assert (".so" in files) != (DEVICE_COMPILER in about.get("missing", ""))
    x, y = tensor("x", (4, 8), "float64"), tensor("y", (4, 8), "float64")
    wide = kernel("wide", [x], [y], [op("Exp", [x], [y])])
    with pytest.raises(CompileError, match="bishengir-compile refused wide"):
        compile_kernel(written(wide, tmp_path), tmp_path / "out", CARD)
