"""Info files as references: sizes, inputs, effects, hints, and a kernel through the main job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernelwright.errors import ReferenceBroken
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.frameworks._reduce import reduced_inputs
from kernelwright.frameworks.graphkernel.symbols import names, solved, value
from kernelwright.graph.serial import graph_from_dict, graph_to_dict
from kernelwright.task.optimize import optimize_file
from kernelwright.task.resolve import guess_framework
from kernelwright.testing.graphkernel import kernel, number, op, tensor

GRAPHKERNEL = FRAMEWORKS.get("graphkernel")


def load(info: dict[str, Any]) -> Any:
    return GRAPHKERNEL.load(json.dumps(info), "kernel.json")


def _norm(rows: int, heads: int, width: int) -> dict[str, Any]:
    """A reshape to heads and back around a sum over the rows of each."""
    flat, split, kept = (rows, heads * width), (rows, heads, width), (rows, heads, 1)
    x, h, s = tensor("x", flat), tensor("h", split), tensor("s", kept)
    return kernel("norm", [x], [tensor("z", flat)], [
        op("Reshape", [x], [h]),
        op("ReduceSum", [h], [s], axis=[-1], keep_dims=True),
        op("Sub", [h, s], [tensor("d", split)]),
        op("Reshape", [tensor("d", split)], [tensor("z", flat)]),
    ])  # fmt: skip


# ---- sizes ---------------------------------------------------------------------------------------


def test_smaller_inputs_are_taken() -> None:
    model = load(_norm(1024, 8, 64))
    small = np.random.default_rng(0).standard_normal((6, 40)).astype(np.float32)
    h = small.reshape(6, 8, 5)
    expected = (h - h.sum(-1, keepdims=True)).reshape(6, 40)
    np.testing.assert_allclose(model.run([small]).outputs[0], expected, rtol=1e-5, atol=1e-5)
    reduced = reduced_inputs(model, model.make_inputs(0))
    assert reduced is not None and reduced[0].size <= 4096


def test_sizes_that_cannot_be() -> None:
    model = load(_norm(16, 8, 64))
    with pytest.raises(ReferenceBroken, match="of shape"):
        model.run([np.zeros((16, 8, 64), np.float32)])
    with pytest.raises(ReferenceBroken, match="cannot become"):
        model.run([np.zeros((16, 13), np.float32)])


def _dynamic() -> dict[str, Any]:
    names = ["s0", "64"]
    x = tensor("x", (-1, 64), symbolic_shape=names)
    y = tensor("y", (-1, -1), symbolic_shape=["s0", "s1"])
    s = tensor("s", (64, -1), symbolic_shape=["64", "s1"])
    z = tensor("z", (-1,), symbolic_shape=["s2"])
    return kernel("dynamic", [x, y], [z], [
        op("MatMul", [x, y], [s], transpose_a=True, transpose_b=False),
        op("Reshape", [s], [z]),
    ], symbol_calc_expr={"s2": "64*s1"})  # fmt: skip


def test_free_sizes() -> None:
    model = load(_dynamic())
    sets = model.dynamic_inputs(0)
    assert len(sets) == 3 and len({s[0].shape for s in sets}) == 3
    assert sets[0][0].shape == model.make_inputs(0)[0].shape
    for x, y in sets:
        assert x.shape[0] == y.shape[0] and x.shape[0] != y.shape[1]
        expected = (x.T @ y).reshape(-1)
        np.testing.assert_allclose(model.run([x, y]).outputs[0], expected, rtol=1e-4, atol=1e-3)


def test_free_sizes_that_contradict() -> None:
    model = load(_dynamic())
    with pytest.raises(ReferenceBroken, match="s0 is 3 and, in input 'y', 4"):
        model.run([np.zeros((3, 64), np.float32), np.zeros((4, 5), np.float32)])


def test_free_sizes_without_symbols() -> None:
    x, y, z = (tensor(n, (-1, 8)) for n in "xyz")
    model = load(kernel("free", [x, y], [z], [op("Add", [x, y], [z])]))
    assert len(model.dynamic_inputs(0)) == 3
    assert model.run([np.ones((5, 8), np.float32)] * 2).outputs[0].shape == (5, 8)


def test_symbols() -> None:
    assert names("s1*(s2 + 1)//max(s3, 4)") == {"s1", "s2", "s3"}
    assert value("(s0 + 3)//4*4", {"s0": 5}) == 8
    assert value("floor(s0/2)", {"s0": 5}) == 2
    assert value("s0 + s1", {"s0": 5}) is None
    assert solved({"a": "b + 1", "b": "2*c"}, {"c": 3}) == {"a": 7, "b": 6, "c": 3}
    for text in ("__import__('os')", "s0 s1", "s0/3", "s0.real", "2**s0**9"):
        with pytest.raises(ValueError):
            value(text, {"s0": 100, "s1": 1})


# ---- inputs --------------------------------------------------------------------------------------


def test_inputs_are_where_the_kernel_is_defined() -> None:
    """A root of an input, a quotient by a root, an arc cosine, indices, and signs elsewhere."""
    shape = (64, 32)
    v, x, a = (tensor(n, shape) for n in "vxa")
    at = tensor("i", (50,), "int32")
    t, d, c, y = (tensor(n, shape) for n in "tdcy")
    model = load(kernel("domains", [v, x, a, at], [y, tensor("g", (50, 32))], [
        op("Rsqrt", [v], [t]), op("Mul", [x, t], [d]), op("ACos", [a], [c]), op("Add", [d, c], [y]),
        op("Gather", [y, at], [tensor("g", (50, 32))], axis=0),
    ]))  # fmt: skip
    for seed in range(3):
        inputs = model.make_inputs(seed)
        assert all(np.isfinite(o).all() for o in model.run(inputs).outputs)
        assert (inputs[1] < 0).any() and (inputs[1] > 0).any()
        assert inputs[3].min() >= 0 and 30 < inputs[3].max() < 64
    assert not np.array_equal(model.make_inputs(0)[0], model.make_inputs(1)[0])
    np.testing.assert_array_equal(model.make_inputs(5)[0], model.make_inputs(5)[0])


# ---- effects and hints ---------------------------------------------------------------------------


def _momentum() -> dict[str, Any]:
    m, g, n, s, y = (tensor(k, (4, 8)) for k in "mgnsy")
    return kernel("momentum", [m, g], [s, y], [
        op("Mul", [m, number("c", 0.9)], [n]),
        op("Add", [n, g], [s]),
        op("InplaceAssign", [m, s, s], [y], fake_output=True),
    ], parallel_fusion={"fusion_type": "block_fusion", "core_num": [2], "sub_graph": [["s"]]},
        buffer_stitch={"stitch_op": [["n"]]})  # fmt: skip


def test_a_written_input() -> None:
    model = load(_momentum())
    m, g = model.make_inputs(0)
    before = m.copy()
    result = model.run([m, g])
    np.testing.assert_array_equal(m, before)
    np.testing.assert_allclose(result.written[0], before * np.float32(0.9) + g, rtol=1e-6)
    assert len(result.outputs) == 1 and result.aliased == (0,)
    returned = model.native_call("cpu")(m, g)
    np.testing.assert_array_equal(m, result.written[0])
    np.testing.assert_array_equal(returned, result.written[0])
    assert [t.dtype for t in model.truth([before, g], [0])] == [np.float64] * 2


def test_hints_stay_on_the_graph() -> None:
    model = load(_momentum())
    graph = model.capture(model.make_inputs(0))
    assert graph.hints["parallel_fusion"]["outputs"] == [[0]]
    assert graph.hints["buffer_stitch"] == {"stitch_op": [["n"]]}
    again = graph_from_dict(*graph_to_dict(graph))
    assert again.hints == graph.hints and again.writes == [0]
    x, y = tensor("x", (4, 8)), tensor("y", (8,))
    summed = op("ReduceSum", [x], [y], axis=[0], enable_atomic_add=True)
    atomic = load(kernel("atomic", [x], [y], [summed]))
    assert atomic.capture(atomic.make_inputs(0)).hints == {"atomic_add": ["y"]}


# ---- the main job --------------------------------------------------------------------------------


def test_the_framework_is_recognised() -> None:
    assert guess_framework(json.dumps(_momentum())) == "graphkernel"
    assert guess_framework("import numpy") == "numpy"


@pytest.mark.parametrize("make", [_momentum, lambda: _norm(8, 4, 16)], ids=["momentum", "norm"])
def test_a_kernel_is_made_and_verified(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "kernel.json"
    path.write_text(json.dumps(make()))
    result = optimize_file(path, backend="cpu", impl_type="cpp", effort="none",
                           task_type="precision_only", out=tmp_path / "out")  # fmt: skip
    assert result, result.to_json()
    assert (tmp_path / "out" / "kernel.py").exists()
