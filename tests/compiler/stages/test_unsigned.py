"""uint16 and uint32 over their whole range: arithmetic wraps, order and conversion are unsigned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kernelwright.compiler.stages.kernel import compile_kernel
from kernelwright.errors import ReferenceBroken
from kernelwright.runtime.kernel import load
from kernelwright.schema import Target
from kernelwright.testing.graphkernel import kernel, op, tensor

pytest.importorskip("mlir")
pytest.importorskip("llvmlite")

SHAPE = (20, 7)


def sums(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, ...]:
    total = a * b + a - b
    return total, a < b, np.maximum(a, b), a.astype(np.float64), total.sum(0, dtype=a.dtype)


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_whole_range(dtype: str, tmp_path: Path) -> None:
    x, y, p, q, t, m = (tensor(n, SHAPE, dtype) for n in "xypqtm")
    less, wide = tensor("less", SHAPE, "bool"), tensor("wide", SHAPE, "float64")
    column = tensor("column", SHAPE[1:], dtype)
    ops = [
        op("Mul", [x, y], [p]), op("Add", [p, x], [q]), op("Sub", [q, y], [t]),
        op("Less", [x, y], [less]), op("Maximum", [x, y], [m]),
        op("Cast", [x], [wide], dst_type="float64"),
        op("ReduceSum", [t], [column], axis=[0], keep_dims=False),
    ]  # fmt: skip
    path = tmp_path / "k.json"
    path.write_text(json.dumps(kernel("k", [x, y], [t, less, m, wide, column], ops)))
    files = compile_kernel(path, tmp_path / "out", Target("cpu", "x86_64"))
    assert f"tensor<20x7xui{dtype[4:]}>" in files[".mlir"].read_text()
    assert json.loads(files[".json"].read_text())["inputTypes"] == [dtype, dtype]
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, np.iinfo(dtype).max, (2, *SHAPE), dtype, endpoint=True)
    for found, expected in zip(load(files[".json"])(a, b), sums(a, b), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_uint64_where_its_sign_bit_does_not_matter(tmp_path: Path) -> None:
    x, y, p, t = (tensor(n, SHAPE, "uint64") for n in "xypt")
    same = tensor("same", SHAPE, "bool")
    ops = [op("Mul", [x, y], [p]), op("Sub", [p, y], [t]), op("Equal", [x, t], [same])]
    info = kernel("k", [x, y], [t, same], ops)
    path = tmp_path / "k.json"
    path.write_text(json.dumps(info))
    files = compile_kernel(path, tmp_path / "out", Target("cpu", "x86_64"))
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 2**64, (2, *SHAPE), np.uint64)
    found = load(files[".json"])(a, b)
    np.testing.assert_array_equal(found[0], a * b - b)
    np.testing.assert_array_equal(found[1], a == a * b - b)
    path.write_text(json.dumps(info).replace('"Mul"', '"Maximum"'))
    with pytest.raises(ReferenceBroken, match="'x' is uint64, which Maximum is not computed for"):
        compile_kernel(path, tmp_path / "out", Target("cpu", "x86_64"))
