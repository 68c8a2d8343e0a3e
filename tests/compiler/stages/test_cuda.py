"""Kernels for CUDA: their files, and what their LLVM IR computes with its threads on a CPU."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernelwright.compiler.stages import nvptx
from kernelwright.compiler.stages.kernel import TABLES, compile_kernel
from kernelwright.errors import UsageError
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.runtime.launches import Launches, evaluated
from kernelwright.runtime.signature import Signature
from kernelwright.schema import Target
from kernelwright.testing.graphkernel import Case, kernel, number, op, tensor
from kernelwright.testing.graphkernel_ops import cases
from kernelwright.verify.rule.compare import Outputs, judge_outputs

pytest.importorskip("mlir")
pytest.importorskip("llvmlite")
from kernelwright.testing.cuda_emulation import EmulatedKernel

GRAPHKERNEL = FRAMEWORKS.get("graphkernel")
H200 = Target("cuda", "sm_90")
CASES = {case.name: case for case in cases()}
_FEW = ("InplaceAssign_read_again", "UnsortedSegmentSum", "MatMul_bias", "ArgMax", "CumSum")


def softmax(rows: int, columns: int) -> dict[str, object]:
    x, e, y = (tensor(n, (rows, columns)) for n in "xey")
    top, below, total = tensor("m", (rows, 1)), tensor("s", (rows, columns)), tensor("t", (rows, 1))
    return kernel("softmax", [x], [y], [
        op("ReduceMax", [x], [top], axis=[1], keep_dims=True), op("Sub", [x, top], [below]),
        op("Exp", [below], [e]), op("ReduceSum", [e], [total], axis=[1], keep_dims=True),
        op("RealDiv", [e, total], [y]),
    ])  # fmt: skip


def column_sums(rows: int, columns: int) -> dict[str, object]:
    x, y = tensor("x", (rows, columns), "float16"), tensor("y", (columns,), "float16")
    return kernel("column_sums", [x], [y], [op("ReduceSum", [x], [y], axis=[0], keep_dims=False)])


def transposed(a: int, b: int, c: int) -> dict[str, object]:
    x, y = tensor("x", (a, b, c)), tensor("y", (a, c, b))
    turned, z = tensor("w", (a, c, b)), tensor("z", (a, c, b))
    ops = [op("Transpose", [x], [turned], perm=[0, 2, 1]), op("Add", [turned, y], [z])]
    return kernel("transposed", [x, y], [z], ops)


def step(rows: int, columns: int) -> dict[str, object]:
    p, g, d, n, a = (tensor(k, (rows, columns)) for k in "pgdna")
    ops = [op("Mul", [g, number("lr", 0.5)], [d]), op("Sub", [p, d], [n]),
           op("InplaceAssign", [p, n, n], [a], fake_output=True)]  # fmt: skip
    return kernel("step", [p, g], [a], ops)


SHAPED = {
    "short_rows": softmax(70, 33),
    "rows": softmax(5, 1000),
    "rows_of_several_launches": softmax(3, 40000),
    "columns": column_sums(700, 130),
    "all": column_sums(5000, 1),
    "turned": transposed(3, 70, 45),
    "in_place": step(30, 77),
}


def compiled(
    info: dict[str, object], folder: Path, target: Target = H200, **options: str
) -> dict[str, Path]:
    path = folder / f"{info['op']}.json"
    path.write_text(json.dumps(info))
    return compile_kernel(path, folder / "out", target, **options)


def judged(case: Case, folder: Path) -> None:
    """Holds the emulated kernel against the file's meaning by the strict rule."""
    text = json.dumps(case.info)
    # A CPU has no conversions of bfloat16: code for a card that has none either.
    target = Target("cuda", "sm_75") if "bfloat16" in text else H200
    run = EmulatedKernel.of(compiled(case.info, folder, target))
    model = GRAPHKERNEL.load(case.text, f"{case.name}.json")
    own = model.make_inputs(3)
    inputs = own if case.inputs is None else [
        np.asarray(given).astype(like.dtype) for given, like in zip(case.inputs, own)
    ]  # fmt: skip
    given = [np.ascontiguousarray(x.copy()) for x in inputs]
    results = run(*given)
    results = list(results if isinstance(results, tuple) else (results,))
    reference = model.run(inputs)
    places = sorted(reference.written)
    truths = model.truth(inputs, places)
    expected = [*reference.outputs, *(reference.written[i] for i in places)]
    if not run.signature.real:
        results, truths, expected = [], truths[-len(places) :], expected[-len(places) :]
    found = [*results, *(given[i] for i in run.signature.written)]
    verdict = judge_outputs(truths, Outputs(expected, "tuple"), Outputs(found, "tuple"))
    assert verdict.passed, f"{verdict.check}: {verdict.reason}"


# ---- files ---------------------------------------------------------------------------------------

ADD = kernel("vector_add", [tensor("input0", [1024]), tensor("input1", [1024])],
             [tensor("output0", [1024])],
             [op("Add", [tensor("input0", [1024]), tensor("input1", [1024])],
                 [tensor("output0", [1024])])], process="cuda")  # fmt: skip


def test_vector_add_has_the_formats_files(
    tmp_path: Path, golden: Callable[[str, str], None]
) -> None:
    path = tmp_path / "vector_add.json"
    path.write_text(json.dumps({**ADD, "process": "cuda"}))
    out = tmp_path / "out"
    files = compile_kernel(path, out, Target("cuda", "sm_70"))
    assert sorted(p.name for p in out.iterdir()) == sorted(
        f"vector_add{stage.writes}" for stage in TABLES["cuda"]
    )
    for stage in TABLES["cuda"]:
        golden(f"vector_add{stage.writes}", files[stage.writes].read_text())
    text = files[".ptx"].read_text()
    assert ".version 7.0\n.target sm_70\n.address_size 64\n" in text
    assert nvptx.entries(text) == ["vector_add_kernel"]
    about = json.loads(files[".json"].read_text())
    assert about["targetInfo"]["compute_capability"] == "sm_70"
    assert about["gridDim"] == [4, 1, 1] and about["dynamic"] is False
    assert Signature.of(about).inputs == (("float32", (1024,)), ("float32", (1024,)))


def test_pieces_are_16_bytes(tmp_path: Path) -> None:
    text = compiled(ADD, tmp_path)[".ptx"].read_text()
    assert text.count("ld.global.nc.v4.b32") == 2 and text.count("st.global.v4.b32") == 1


def test_shared_memory_begins_where_wide_accesses_may(tmp_path: Path) -> None:
    text = compiled(SHAPED["turned"], tmp_path)[".ptx"].read_text()
    assert ".shared .align 16 .b8" in text and ".shared .align 4" not in text


def test_an_edited_stage_is_gone_on_from(tmp_path: Path) -> None:
    files = compiled(ADD, tmp_path, until="schedule")
    text = files["_gpu.mlir"].read_text()
    files["_gpu.mlir"].write_text(text.replace("arith.addf", "arith.mulf"))
    files = compiled(ADD, tmp_path, start="lower") | files
    x = np.full(1024, 3, np.float32)
    np.testing.assert_array_equal(EmulatedKernel.of(files)(x, x), x * 3)


def test_what_ptxas_refuses_is_said() -> None:
    if nvptx.assembler() is None:
        pytest.skip("there is no ptxas here")
    bad = ".version 7.8\n.target sm_90\n.address_size 64\n.visible .entry k() { add.s32 %r1; }\n"
    assert "error" in str(nvptx.refused(bad, "sm_90"))
    assert nvptx.refused(bad.replace("add.s32 %r1;", "ret;"), "sm_90") is None


# ---- what kernels compute ------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHAPED)
def test_shapes(name: str, tmp_path: Path) -> None:
    judged(Case(name, SHAPED[name], lambda: None), tmp_path)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in _FEW else pytest.mark.heavy) for n in CASES]
)
def test_op(name: str, tmp_path: Path) -> None:
    judged(CASES[name], tmp_path)


def test_large_angles_and_quotients(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y, z = (tensor(n, (256,)) for n in "xyz")
    a = (np.exp(rng.uniform(-80, 80, (2, 256))) * rng.choice([-1, 1], (2, 256))).astype(np.float32)
    wave = EmulatedKernel.of(compiled(kernel("wave", [x], [y], [op("Sin", [x], [y])]), tmp_path))
    exact = np.sin(a[0].astype(np.float64))
    assert np.all(np.abs(wave(a[0]) - exact) <= 2 * np.spacing(np.abs(exact).astype(np.float32)))
    rest = kernel("rest", [x, y], [z], [op("Mod", [x, y], [z])])
    np.testing.assert_array_equal(
        EmulatedKernel.of(compiled(rest, tmp_path))(*a), np.fmod(a[0], a[1])
    )


# ---- sizes of the caller's -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rows", "columns", "turned", "in_place"])
def test_one_kernel_for_all_sizes(name: str, tmp_path: Path) -> None:
    info = SHAPED[name]
    path = tmp_path / "kernel.json"
    path.write_text(json.dumps(info))
    files = compile_kernel(path, tmp_path / "out", H200, dynamic=True)
    about = json.loads(files[".json"].read_text())
    assert about["is_dynamic"] and -1 in about["inputShapes"][0]
    own = GRAPHKERNEL.load(json.dumps(info), "kernel.json").make_inputs(0)
    sizes = sorted({n for x in own for n in x.shape})
    for static, steps in ((False, (1, 3)), (True, (40, 7))):
        run = EmulatedKernel.of(files, static)
        other = {n: steps[0] * i + steps[1] for i, n in enumerate(sizes, 1)}
        at = _resized(info, other)
        model = GRAPHKERNEL.load(json.dumps(at), "kernel.json")
        inputs = model.make_inputs(0)
        given = [np.ascontiguousarray(x.copy()) for x in inputs]
        found = run(*given)
        reference = model.run(inputs)
        places = sorted(reference.written)
        truths = [*model.truth(inputs, places)]
        if not run.signature.real:
            truths = truths[-len(places) :]
        near = 2e-3 if found.dtype == np.float16 else 1e-5
        np.testing.assert_allclose(found, truths[0], rtol=near, atol=1e-4)


def _resized(part: Any, sizes: dict[int, int]) -> Any:
    """An info file's content with other sizes."""
    if isinstance(part, list):
        return [_resized(each, sizes) for each in part]
    if not isinstance(part, dict):
        return part
    made = {key: _resized(value, sizes) for key, value in part.items()}
    if "shape" in part and "value" not in part:
        made["shape"] = [sizes.get(n, n) for n in part["shape"]]
    return made


def test_launches_follow_the_sizes() -> None:
    launches = Launches({
        "sizes": [{"name": "M", "input": 1, "axis": 0, "per": 1}],
        "launches": [{"kernelName": "k", "gridDim": ["(-(-M // 4) * min(M, 2))", 1, 1],
                      "blockDim": [64, 1, 1]}],
        "workspaces": ["M * 8"], "tile": {"steps": [1, 2, 4], "blocks": 10},
    })  # fmt: skip
    assert launches.workspaces({"M": 37}) == [296]
    (launch,) = launches.run({"M": 37})
    assert launch.grid == (10, 1, 1) and launch.scalars == (37, 20, 2)
    with pytest.raises(UsageError, match="no expression of M"):
        evaluated("M.__class__", {"M": 37})
