"""Outputs beyond the caches: stores go around them, fresh memory comes in large pages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.compiler.codegen.test_cpp_designs import HOST, IMPL_TYPES, imported

from kernelwright.compiler.codegen import PRINTERS, _plan
from kernelwright.compiler.schedule import design
from kernelwright.graph.core import Builder, Graph, TensorType
from kernelwright.schema import Candidate

STREAMED = {"cpp": "stream(out", "mlir": "nontemporal"}


def printed(impl_type: str, rows: int, columns: int, dtype: str = "float32") -> Candidate:
    if impl_type == "mlir":
        pytest.importorskip("mlir")
    b = Builder()
    x = b.input("x", 0, TensorType((rows, columns), dtype))
    graph = Graph("scaled", [x], [], [b.mul(x, b.constant(1.5, dtype))])
    return PRINTERS.get(impl_type).print(design(graph, HOST, threads=2), HOST, "numpy", {})


def text(candidate: Candidate, impl_type: str) -> str:
    return candidate.files[f"kernel.{impl_type}"].decode()


@pytest.mark.parametrize("impl_type", IMPL_TYPES)
def test_large_outputs_are_streamed_into_large_pages(impl_type: str, tmp_path: Path) -> None:
    """Rows of 3001 floats start at every alignment, so both kinds of store run."""
    rows = _plan.last_cache_bytes() // (3001 * 8) + 100
    candidate = printed(impl_type, rows, 3001)
    source = text(candidate, impl_type)
    assert STREAMED[impl_type] in source and "huge_pages" in source
    model = imported(candidate, tmp_path).ModelNew()
    x = np.random.default_rng(0).standard_normal((rows, 3001), dtype=np.float32)
    for _ in range(2):
        np.testing.assert_array_equal(model(x), x * np.float32(1.5))


@pytest.mark.parametrize("impl_type", IMPL_TYPES)
def test_small_outputs_are_not(impl_type: str) -> None:
    source = text(printed(impl_type, 64, 3001), impl_type)
    assert STREAMED[impl_type] not in source and "huge_pages" not in source


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int32"])
@pytest.mark.parametrize("impl_type", IMPL_TYPES)
def test_every_width_of_store(
    impl_type: str, dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_plan, "last_cache_bytes", lambda: 0)
    candidate = printed(impl_type, 33, 257, dtype)
    assert STREAMED[impl_type] in text(candidate, impl_type)
    model = imported(candidate, tmp_path).ModelNew()
    x = np.arange(33 * 257).reshape(33, 257).astype(_dtype(dtype)) % _dtype(dtype).type(7)
    expected = (x.astype("f8") * 1.5).astype(x.dtype) if dtype != "int32" else x * 1
    np.testing.assert_array_equal(model(x), expected)


def _dtype(name: str) -> np.dtype:
    from kernelwright.graph.core import DTYPES

    return DTYPES[name]
