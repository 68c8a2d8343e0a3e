"""Info files to libraries: every stage's text, edits on the way, and what the library computes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernelwright.compiler.stages.kernel import STAGES, compile_kernel
from kernelwright.errors import ReferenceBroken, UnsupportedError, UsageError
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.frameworks.graphkernel.build import build
from kernelwright.frameworks.graphkernel.parse import parse
from kernelwright.frameworks.graphkernel.text import from_mlir, to_mlir
from kernelwright.graph.core import DTYPES
from kernelwright.runtime.library import load_host
from kernelwright.schema import Target
from kernelwright.task.compile import compile_file
from kernelwright.testing.graphkernel import Case, kernel, number, op, tensor
from kernelwright.testing.graphkernel_ops import cases
from kernelwright.verify.rule.compare import Outputs, judge_outputs

mlir = pytest.importorskip("mlir")
pytest.importorskip("llvmlite")

GRAPHKERNEL = FRAMEWORKS.get("graphkernel")
CPU = Target("cpu", "x86_64")
CASES = {case.name: case for case in cases()}
_FEW = ("InplaceAssign_fake", "InplaceAssign_read_again", "MatMul_bias", "CSRMul_column")
VECTOR_ADD = kernel("vector_add", [tensor("input0", [1024]), tensor("input1", [1024])],
                    [tensor("output0", [1024])],
                    [op("Add", [tensor("input0", [1024]), tensor("input1", [1024])],
                        [tensor("output0", [1024])])])  # fmt: skip
VECTOR_ADD_MLIR = """\
module {
  func.func @vector_add(%arg0: tensor<1024xf32>, %arg1: tensor<1024xf32>) -> tensor<1024xf32> \
attributes {
    mindspore_kernel,
    process = "cpu",
    arch = "x86_64"
  } {
    %0 = "mindspore.add"(%arg0, %arg1) : (tensor<1024xf32>, tensor<1024xf32>) -> tensor<1024xf32>
    return %0 : tensor<1024xf32>
  }
}
"""


def written(info: dict[str, Any], folder: Path) -> Path:
    path = folder / f"{info['op']}.json"
    path.write_text(json.dumps(info))
    return path


# ---- K.mlir --------------------------------------------------------------------------------------


def test_the_text_of_every_op_is_mlir_and_is_read_back() -> None:
    from mlir import ir

    with ir.Context() as context:
        context.allow_unregistered_dialects = True
        for case in CASES.values():
            text = to_mlir(parse(case.text, case.name))
            ir.Module.parse(text)
            assert to_mlir(from_mlir(text, case.name)) == text, case.name


def test_numbers_keep_every_bit() -> None:
    values = [0.1, -0.0, 1e-45, 3.4028234663852886e38, float("inf"), float("-inf"), float("nan")]
    x, y = tensor("x", (7,)), tensor("y", (7,))
    info = kernel("numbers", [x], [y], [op("Add", [x, number("c", values, shape=(7,))], [y])])
    back = from_mlir(to_mlir(parse(json.dumps(info), "numbers.json")), "numbers.mlir")
    found = np.array(back.ops[0].inputs[1][0].value, np.float32)
    assert found.tobytes() == np.array(values, np.float32).tobytes()


def test_wishes_for_the_schedule_stay() -> None:
    x, y, z = (tensor(n, (8,)) for n in "xyz")
    info = kernel("wishes", [x], [y, z], [op("Exp", [x], [y]), op("Neg", [x], [z])],
                  parallel_fusion={"fusion_type": "block_fusion", "sub_graph": [["y"], ["z"]],
                                   "core_num": [1, 1]},
                  buffer_stitch={"stitch_op": [["y"]]})  # fmt: skip
    text = to_mlir(parse(json.dumps(info), "wishes.json"))
    back = from_mlir(text, "wishes.mlir")
    assert back.parallel_fusion["sub_graph"] == [["%0"], ["%1"]]
    assert back.buffer_stitch == {"stitch_op": [["%0"]]}
    graph = build(back, [(8,)]).graph
    assert graph.hints["parallel_fusion"]["outputs"] == [[0], [1]]
    assert to_mlir(back) == text


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("mindspore.add", "mindspore.ad", r"line 7: unknown op 'mindspore.ad'"),
        ("%arg1)", "%arg2)", r"line 7: %arg2 is not defined"),
        ("-> tensor<1024xf32>\n    return", "-> tensor<1024xf33>\n    return", "no type"),
    ],
)
def test_an_edit_that_is_wrong(before: str, after: str, said: str) -> None:
    text = VECTOR_ADD_MLIR.replace(before, after, 1)
    assert text != VECTOR_ADD_MLIR
    with pytest.raises(ReferenceBroken, match=said):
        from_mlir(text, "vector_add.mlir")


# ---- the stages ----------------------------------------------------------------------------------


def test_vector_add_compiles_to_its_files(tmp_path: Path) -> None:
    files = compile_kernel(written(VECTOR_ADD, tmp_path), tmp_path / "out", CPU, threads=2)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(
        f"vector_add{s.writes}" for s in STAGES
    )
    assert files[".mlir"].read_text() == VECTOR_ADD_MLIR
    assert "func.func @vector_add_kernel(%arguments: !llvm.ptr) -> i32" in (
        files["_out.mlir"].read_text()
    )
    assert "define noundef i32 @vector_add_kernel" in files[".ll"].read_text()
    assert "vector_add_kernel:" in files[".s"].read_text()
    about = json.loads(files[".json"].read_text())
    assert about["kernelName"] == "vector_add_kernel"
    assert about["sha256"] == hashlib.sha256(files[".so"].read_bytes()).hexdigest()
    assert about["inputShapes"] == [[1024], [1024]] and about["outputTypes"] == ["float32"]
    x, y = np.random.default_rng(0).standard_normal((2, 1024), np.float32)
    out = np.empty(1024, np.float32)
    load_host(files[".so"], about["kernelName"])([x, y, out])
    np.testing.assert_array_equal(out, x + y)


def test_an_edited_stage_is_gone_on_from(tmp_path: Path) -> None:
    path, out = written(VECTOR_ADD, tmp_path), tmp_path / "out"
    first = compile_kernel(path, out, CPU, until="import")
    assert list(first) == [".mlir"]
    first[".mlir"].write_text(VECTOR_ADD_MLIR.replace("mindspore.add", "mindspore.mul"))
    files = compile_kernel(path, out, CPU, start="schedule")
    x = np.full(1024, 3, np.float32)
    result = np.empty(1024, np.float32)
    load_host(files[".so"], "vector_add_kernel")([x, x, result])
    assert (result == 9).all()


def test_stages_that_cannot_run(tmp_path: Path) -> None:
    path, out = written(VECTOR_ADD, tmp_path), tmp_path / "out"
    with pytest.raises(UsageError, match="unknown stage 'lwer'; there are import, schedule"):
        compile_kernel(path, out, CPU, until="lwer")
    with pytest.raises(UsageError, match="vector_add.mlir is not there, which stage 'import'"):
        compile_kernel(path, out, CPU, start="lower")
    with pytest.raises(UsageError, match="'import' comes before 'lower'"):
        compile_kernel(path, out, CPU, start="lower", until="import")
    with pytest.raises(UnsupportedError, match="no stages for tpu yet"):
        compile_kernel(path, out, Target("tpu", "v6"))
    assert not out.exists()


def test_a_bad_file_leaves_nothing(tmp_path: Path) -> None:
    bad = json.loads(json.dumps(VECTOR_ADD))
    bad["op_desc"][0]["name"] = "Addd"
    result = compile_file(written(bad, tmp_path), out=tmp_path / "out", backend="cpu")
    assert (result.exit_code, result.check) == (2, "info")
    assert "op_desc[0] (Addd).name: unknown op 'Addd' (did you mean" in result.reason
    assert not (tmp_path / "out").exists()


# ---- what libraries compute ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in _FEW else pytest.mark.heavy) for n in CASES]
)
def test_library(name: str, tmp_path: Path) -> None:
    case: Case = CASES[name]
    files = compile_kernel(written(case.info, tmp_path), tmp_path / "out", CPU, threads=2)
    about = json.loads(files[".json"].read_text())
    model = GRAPHKERNEL.load(case.text, f"{name}.json")
    own = model.make_inputs(3)
    inputs = own if case.inputs is None else [
        np.asarray(given).astype(like.dtype) for given, like in zip(case.inputs, own)
    ]  # fmt: skip
    given = [np.ascontiguousarray(x.copy()) for x in inputs]
    results = [_room(*each) for each in zip(about["outputShapes"], about["outputTypes"])]
    load_host(files[".so"], about["kernelName"])([*given, *results])
    reference = model.run(inputs)
    places = sorted(reference.written)
    truths = model.truth(inputs, places)
    real = [r for i, r in enumerate(results) if i not in about["fakeOutputs"]]
    expected = [*reference.outputs, *(reference.written[i] for i in places)]
    if not real:
        truths, expected = truths[-len(places) :], expected[-len(places) :]
    found = [*real, *(given[i] for i in about["writtenInputs"])]
    verdict = judge_outputs(truths, Outputs(expected, "tuple"), Outputs(found, "tuple"))
    assert verdict.passed, f"{verdict.check}: {verdict.reason}"
    for place in about["fakeOutputs"]:
        assert (results[place] == 77).all()


def _room(shape: list[int], dtype: str) -> np.ndarray:
    if dtype == "complex64":
        shape, dtype = [*shape, 2], "float32"
    return np.full(shape, 77).astype(DTYPES[dtype])
