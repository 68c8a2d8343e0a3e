"""Matrix products inside a library: blocks at every edge, views, batches, half types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernelwright.compiler.stages.kernel import compile_kernel
from kernelwright.graph.core import DTYPES
from kernelwright.runtime.kernel import load
from kernelwright.schema import Target
from kernelwright.testing.graphkernel import kernel, op, tensor

pytest.importorskip("mlir")
pytest.importorskip("llvmlite")

CASES: dict[str, tuple[tuple[int, ...], tuple[int, ...], str, dict[str, Any]]] = {
    "square": ((70, 70), (70, 70), "float32", {}),
    "edges": ((197, 261), (261, 83), "float32", {}),
    "both_transposed": (
        (300, 101), (37, 300), "float32", {"transpose_a": True, "transpose_b": True},
    ),
    "half": ((40, 300), (300, 20), "float16", {}),
    "bfloat16": ((40, 33), (33, 20), "bfloat16", {"transpose_b": False}),
    "double": ((25, 40), (40, 9), "float64", {}),
    "integers": ((25, 40), (40, 9), "int32", {}),
    "shared_batch": ((2, 3, 33, 20), (1, 3, 20, 17), "float32", {}),
    "a_row": ((1, 40), (40, 30), "float32", {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_product(name: str, tmp_path: Path) -> None:
    left, right, dtype, attrs = CASES[name]
    rng = np.random.default_rng(5)
    a, b = (rng.integers(-4, 5, s).astype(DTYPES[dtype]) for s in (left, right))
    wide = [x.astype(np.float64) for x in (a, b)]
    if attrs.get("transpose_a"):
        wide[0] = wide[0].swapaxes(-1, -2)
    if attrs.get("transpose_b"):
        wide[1] = wide[1].swapaxes(-1, -2)
    expected = wide[0] @ wide[1]
    x, y, z = (tensor(n, s, dtype) for n, s in zip("xyz", (left, right, expected.shape)))
    made = op("MatMul" if len(left) == 2 else "BatchMatMul", [x, y], [z], **attrs)
    path = tmp_path / "product.json"
    path.write_text(json.dumps(kernel("product", [x, y], [z], [made])))
    files = compile_kernel(path, tmp_path / "out", Target("cpu", "x86_64"), threads=2)
    found = load(files[".json"])(a, b)
    np.testing.assert_array_equal(found, expected.astype(DTYPES[dtype]))
