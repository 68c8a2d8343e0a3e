"""Libraries for free sizes: one K.so, called with many."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernelwright.compiler.stages.kernel import compile_kernel
from kernelwright.errors import UsageError
from kernelwright.frameworks.graphkernel.parse import parse
from kernelwright.frameworks.graphkernel.text import from_mlir, to_mlir
from kernelwright.runtime.kernel import Kernel, load
from kernelwright.schema import Target
from kernelwright.testing.graphkernel import kernel, op, tensor

pytest.importorskip("mlir")
pytest.importorskip("llvmlite")

CPU = Target("cpu", "x86_64")
SIZES = ((1, 1), (3, 5), (96, 64), (257, 1100), (2000, 37))


def free(name: str, *symbols: str) -> dict[str, Any]:
    """A tensor whose sizes are symbols (free) or numbers."""
    shape = [int(s) if s.isdigit() else -1 for s in symbols]
    return tensor(name, shape, symbolic_shape=list(symbols))


X, Y, E, S = (free(n, "s0", "s1") for n in "xyes")
R, T = free("r", "s0", "1"), free("t", "s0", "1")
SOFTMAX = [
    op("ReduceMax", [X], [R], axis=[1], keep_dims=True), op("Sub", [X, R], [S]),
    op("Exp", [S], [E]), op("ReduceSum", [E], [T], axis=[1], keep_dims=True),
    op("RealDiv", [E, T], [Y]),
]  # fmt: skip
C, Z, A, U = free("c", "s1"), free("z", "s0*s1"), free("a", "1"), free("u", "s1", "s0")
CASES: dict[str, tuple[Any, Any, Any, Callable[..., np.ndarray]]] = {
    "sum": ([X, Y], [E], [op("Add", [X, Y], [E])], np.add),
    "softmax": ([X], [Y], SOFTMAX, lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True)),
    "columns": ([X], [C], [op("ReduceSum", [X], [C], axis=[0], keep_dims=False)],
                lambda x: x.sum(0)),
    "everything": ([X], [A], [op("Mul", [X, X], [S]), op("ReduceSum", [S], [A], axis=[])],
                   lambda x: np.sum(x * x).reshape(1)),
    "mean": ([X], [R], [op("ReduceMean", [X], [R], axis=[1], keep_dims=True)],
             lambda x: x.mean(1, keepdims=True)),
    "turned": ([X], [U], [op("Transpose", [X], [U], perm=[1, 0])], np.transpose),
    "flat": ([X], [Z], [op("Exp", [X], [E]), op("Reshape", [E], [Z], shape=[-1])],
             lambda x: np.exp(x).reshape(-1)),
}  # fmt: skip


def compiled(folder: Path, name: str, inputs: Any, outputs: Any, ops: Any) -> Kernel:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(kernel(name, inputs, outputs, ops)))
    return load(compile_kernel(path, folder / "out", CPU, threads=2)[".json"])


@pytest.mark.parametrize("name", CASES)
def test_one_library_for_all_sizes(name: str, tmp_path: Path) -> None:
    inputs, outputs, ops, meaning = CASES[name]
    made = compiled(tmp_path, name, inputs, outputs, ops)
    rng = np.random.default_rng(4)
    for sizes in SIZES:
        given = [rng.standard_normal(sizes, np.float32) for _ in inputs]
        expected = meaning(*(x.astype(np.float64) for x in given))
        found = made(*given)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_inputs_written_to_and_shapes_that_do_not_fit(tmp_path: Path) -> None:
    ops = [op("Add", [X, Y], [E]), op("Assign", [X, E], [S])]
    made = compiled(tmp_path, "step", [X, Y], [S], ops)
    x, y = np.random.default_rng(1).standard_normal((2, 5, 7), np.float32)
    before = x.copy()
    np.testing.assert_array_equal(made(x, y), before + y)
    np.testing.assert_array_equal(x, before + y)
    with pytest.raises(UsageError, match=r"input 1 has shape \[5, 6\], and \[5, 7\] goes with"):
        made(x, np.ascontiguousarray(y[:, :6]))
    with pytest.raises(UsageError, match=r"output 0 is float32\[5, 6\], not float32\[5, 7\]"):
        made(x, y, out=[np.empty((5, 6), np.float32)])
    softmax = compiled(tmp_path, "softmax", [X], [Y], SOFTMAX)
    with pytest.raises(UsageError, match="at most"):
        softmax(np.zeros((1, 1 << 20), np.float32))


def test_the_text_keeps_symbols() -> None:
    info = kernel("flat", [X], [Z], CASES["flat"][2], symbol_calc_expr={"s2": "s0*s1"})
    text = to_mlir(parse(json.dumps(info), "flat.json"))
    assert 'tensor<?xf32, {SymShapeAttr = ["s0*s1"]}>' in text
    back = from_mlir(text, "flat.mlir")
    assert back.dynamic and back.symbol_calc == {"s2": "s0*s1"}
    assert back.inputs[0].symbols == ("s0", "s1") and to_mlir(back) == text
    from mlir import ir

    with ir.Context() as context:
        context.allow_unregistered_dialects = True
        ir.Module.parse(text)
