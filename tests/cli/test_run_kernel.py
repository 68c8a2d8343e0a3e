"""``kernelwright run`` as a process: judged, timed, and what does not run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kernelwright.testing.graphkernel import kernel, number, op, tensor

from .conftest import Run

pytest.importorskip("mlir")
pytest.importorskip("llvmlite")


def test_a_folder_is_run_past_a_bad_file(kw: Run, tmp_path: Path) -> None:
    x, y, z = (tensor(n, (33, 40)) for n in "xyz")
    infos = tmp_path / "infos"
    infos.mkdir()
    ops = [op("Mul", [x, number("c", -2.0)], [y]), op("InplaceAssign", [x, y, y], [z])]
    good = kernel("scaled", [x], [z], ops)
    (infos / "scaled.info").write_text(json.dumps(good))
    (infos / "wrong.info").write_text(json.dumps(good).replace('"Mul"', '"Mull"'))
    ran = kw("run", infos, "--backend", "cpu", "--no-profile", "--out", "out")
    assert ran.code == 2
    assert "PASSED" in ran.out and "1 of 2 verified" in ran.out
    assert "op_desc[0] (Mull).name: unknown op 'Mull' (did you mean 'Mul'?)" in ran.out
    # what was judged is judged again as any kernel of a person's
    call = tmp_path / "out" / "scaled" / "scaled_call.py"
    again = kw("verify", infos / "scaled.info", call, "--backend", "cpu", "--json")
    assert again.code == 0 and json.loads(again.out)["status"] == "PASSED"
    # and the judge is not fooled by a kernel that computes something else
    call.write_text(
        call.read_text().replace("    results = made", "    made[0] *= 1.01\n    results = made")
    )
    assert kw("verify", infos / "scaled.info", call, "--backend", "cpu").code == 1


def test_what_compiles_for_a_gpu_is_not_said_to_have_run(kw: Run, tmp_path: Path) -> None:
    x, y = tensor("x", (64,)), tensor("y", (64,))
    path = tmp_path / "exp.json"
    path.write_text(json.dumps(kernel("exp", [x], [y], [op("Exp", [x], [y])])))
    ran = kw("run", path, "--backend", "cuda", "--arch", "sm_80", "--out", "out")
    assert ran.code == 0 and "PASSED" not in ran.out
    assert "ptxas" in ran.out and "not run: " in ran.out
    assert (tmp_path / "out" / "exp.ptx").exists()
