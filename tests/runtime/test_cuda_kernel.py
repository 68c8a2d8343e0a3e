"""Compiled PTX on a GPU, through the driver: results, out-variants, streams, written inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kernelwright.errors import UsageError
from kernelwright.runtime.kernel import Kernel, load
from kernelwright.task.compile import compile_file
from kernelwright.testing.graphkernel import kernel, op, tensor

pytest.importorskip("mlir")
pytest.importorskip("llvmlite")

X, Y, S, Z = (tensor(n, (300, 128)) for n in ("x", "y", "s", "z"))
R = tensor("r", (300, 1))


def compiled(folder: Path, info: dict[str, Any]) -> Kernel:
    path = folder / "info.json"
    path.write_text(json.dumps(info))
    result = compile_file(path, out=folder / "out", backend="cuda", arch="sm_90")
    assert result, result.reason
    return load(folder / "out")


def test_what_a_loader_needs_is_checked_before_a_gpu_is(tmp_path: Path) -> None:
    made = compiled(tmp_path, kernel("total", [X, Y], [S], [op("Add", [X, Y], [S])]))
    assert made.signature.name == "total_kernel"
    with pytest.raises(UsageError, match="takes 2 inputs, not 1"):
        made(None)
    (tmp_path / "out" / "total.ptx").unlink()
    with pytest.raises(UsageError, match="kernelwright compile --backend cuda"):
        load(tmp_path / "out" / "total.json")


@pytest.mark.gpu
def test_on_a_gpu(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    ops = [op("Add", [X, Y], [S]), op("ReduceSum", [S], [R], axis=[1], keep_dims=True),
           op("RealDiv", [S, R], [Z])]  # fmt: skip
    made = compiled(tmp_path, kernel("shares", [X, Y], [Z, R], ops))
    x, y = torch.rand(2, 300, 128, device="cuda").unbind()
    z, r = made(x, y)
    torch.testing.assert_close(r, (x + y).sum(1, keepdim=True))
    torch.testing.assert_close(z, (x + y) / r)
    out = [torch.empty_like(z), torch.empty_like(r)]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        given = made(x, y, out=out)
    side.synchronize()
    assert given[0] is out[0]
    torch.testing.assert_close(out[0], z)
    with pytest.raises(UsageError, match="GPU's memory"):
        made(x.cpu(), y.cpu())


@pytest.mark.gpu
def test_inputs_are_written_where_they_lie(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    ops = [op("Add", [X, Y], [S]), op("Assign", [X, S], [Z], fake_output=True)]
    made = compiled(tmp_path, kernel("step", [X, Y], [Z], ops))
    x, y = torch.rand(2, 300, 128, device="cuda").unbind()
    x = x.clone()
    expected = x + y
    assert made(x, y) is x
    torch.testing.assert_close(x, expected)
