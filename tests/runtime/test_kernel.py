"""Compiled kernels as callables: arrays and tensors, written inputs, wrong arguments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kernelwright
from kernelwright.errors import UsageError
from kernelwright.testing.graphkernel import kernel, number, op, tensor

pytest.importorskip("mlir")
pytest.importorskip("llvmlite")

A = (4, 6)


def _info() -> dict[str, Any]:
    """m = 0.5 m + g in place (a fake output), and the sum of its rows."""
    m, g, h, s, y = (tensor(n, A) for n in "mghsy")
    rows = tensor("r", (4,))
    return kernel("momentum", [m, g], [y, rows], [
        op("Mul", [m, number("c", 0.5)], [h]), op("Add", [h, g], [s]),
        op("InplaceAssign", [m, s, s], [y], fake_output=True),
        op("ReduceSum", [s], [rows], axis=[1], keep_dims=False),
    ])  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "momentum.info").write_text(json.dumps(_info()))
    result = kernelwright.compile_file(folder / "momentum.info", out=folder / "out", backend="cpu")
    assert result, result.reason
    return folder / "out"


def _arrays() -> tuple[np.ndarray, np.ndarray]:
    m, g = np.random.default_rng(0).standard_normal((2, *A), np.float32)
    return m, g


def test_numpy(made: Path) -> None:
    call = kernelwright.load(made)
    m, g = _arrays()
    expected = m * np.float32(0.5) + g
    rows = call(m, g)
    np.testing.assert_allclose(m, expected, rtol=1e-6)
    np.testing.assert_allclose(rows, expected.sum(1), rtol=1e-5)
    out, (m, g) = np.empty(4, np.float32), _arrays()
    assert call(m, g, out=[out]) is out
    np.testing.assert_array_equal(out, rows)


def test_torch(made: Path) -> None:
    torch = pytest.importorskip("torch")
    call = kernelwright.load(made / "momentum.json")
    m, g = map(torch.from_numpy, _arrays())
    expected = m * 0.5 + g
    rows = call(m, g)
    assert isinstance(rows, torch.Tensor)
    torch.testing.assert_close(m, expected)
    torch.testing.assert_close(rows, expected.sum(1))


def test_wrong_arguments(made: Path, tmp_path: Path) -> None:
    call, (m, g) = kernelwright.load(made), _arrays()
    with pytest.raises(UsageError, match="takes 2 inputs, not 1"):
        call(m)
    with pytest.raises(UsageError, match=r"input 1 is float64\[4, 6\], not float32\[4, 6\]"):
        call(m, g.astype(np.float64))
    with pytest.raises(UsageError, match="input 0 must be contiguous"):
        call(np.asfortranarray(m), g)
    with pytest.raises(UsageError, match="input 1 is a list"):
        call(m, g.tolist())
    with pytest.raises(UsageError, match="has 1 outputs, not 2"):
        call(m, g, out=[m, g])
    with pytest.raises(UsageError, match="it has none"):
        kernelwright.load(tmp_path)
    (tmp_path / "k.json").write_text("{}")
    with pytest.raises(UsageError, match="cannot be loaded"):
        kernelwright.load(tmp_path / "k.json")
