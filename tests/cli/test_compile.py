"""``kernelwright compile`` as a process: the table of stages, files, bad files beside good ones."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kernelwright.cli.main import app
from kernelwright.testing.graphkernel import kernel, op, tensor

from .conftest import Run

pytest.importorskip("mlir")
pytest.importorskip("llvmlite")


def test_a_folder_is_compiled_past_a_bad_file(kw: Run, tmp_path: Path) -> None:
    x, y = tensor("x", (64,)), tensor("y", (64,))
    folder = tmp_path / "infos"
    folder.mkdir()
    (folder / "good.json").write_text(json.dumps(kernel("good", [x], [y], [op("Exp", [x], [y])])))
    (folder / "bad.info").write_text(json.dumps(kernel("bad", [x], [y], [op("Expp", [x], [y])])))
    ran = kw("compile", folder, "--backend", "cpu", "--out", "out", "--print-after", "import")
    assert ran.code == 2
    assert '"mindspore.exp"(%arg0)' in ran.out
    assert "bad.info: op_desc[0] (Expp).name: unknown op 'Expp' (did you mean 'Exp'?)" in ran.out
    assert "1 of 2 compiled" in ran.out
    assert (tmp_path / "out" / "good" / "good.so").exists()
    assert not (tmp_path / "out" / "bad").exists()


def test_the_table_of_stages() -> None:
    listed = CliRunner().invoke(app, ["compile", "--stages"])
    assert listed.exit_code == 0
    assert all(name in listed.output for name in ("import", "schedule", "K_out.mlir", "K.so"))


def test_many_files_at_once_and_one_whose_compiler_dies(tmp_path: Path) -> None:
    from kernelwright.task.compile_many import WORTH, CompilePool

    x, y = tensor("x", (64,)), tensor("y", (64,))
    jobs = {}
    for number in range(WORTH):
        path = tmp_path / f"k{number}.json"
        name = "Exp" if number else "Expp"
        path.write_text(json.dumps(kernel(f"k{number}", [x], [y], [op(name, [x], [y])])))
        jobs[path] = {"out": tmp_path / "out", "backend": "cpu", "until": "import"}
    with CompilePool(jobs) as pool:
        results = {path.stem: pool.result(path) for path in jobs}
        for process in multiprocessing.active_children():
            process.kill()
        again = pool.result(path)
    assert again and not results["k0"] and "unknown op 'Expp'" in results["k0"].reason
    assert all(results[f"k{n}"] for n in range(1, WORTH))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        f"k{n}.mlir" for n in range(1, WORTH)
    ]
