"""A plan's folder: for a GPU that is not here, read back as it was written; damage is told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from kernelwright.aul import print_program
from kernelwright.errors import UsageError
from kernelwright.graph.evaluate import evaluate
from kernelwright.task.plan import plan_file
from kernelwright.task.plan_folder import read_plan, read_workload
from kernelwright.task.tune_folder import parse_shard, tune_workload, workloads

SOURCE = """
import torch
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("table", torch.linspace(0, 1, 96).bfloat16())
    def forward(self, x):
        return torch.softmax(x * self.table.float(), -1) + torch.arange(96)
def get_inputs():
    return [torch.randn(40, 96)]
"""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planned")
    (folder / "rows.py").write_text(SOURCE)
    result = plan_file(folder / "rows.py", out=folder / "plan", backend="cuda", arch="h100")
    assert result, result.reason
    assert result.target == "cuda:sm_90"
    assert result.printed == ("triton",)
    return folder / "plan"


def test_what_was_planned_is_read_back(plan: Path) -> None:
    (folder,) = workloads(plan)
    assert read_plan(plan).target.arch == "sm_90"
    planned = read_workload(folder)
    assert planned.spec.source == SOURCE
    assert planned.impl_types == ("triton",)
    assert print_program(planned.designs[0].program) == (folder / "design0.aul").read_text()
    record = json.loads((folder / "workload.json").read_text())
    assert record["about"]["spaces"]["triton"]["start"]["num_warps"] == 0
    assert "torch" in record["about"]["versions"]
    graph = planned.simplified
    assert graph is not None
    x = np.random.default_rng(0).standard_normal((40, 96)).astype(np.float32)
    table = np.linspace(0, 1, 96, dtype=np.float32).astype(ml_dtypes.bfloat16)
    (out,) = evaluate(graph, [x], {"table": table}, float64=True)
    e = np.exp(x.astype(np.float64) * table.astype(np.float64))
    assert np.allclose(out, e / e.sum(-1, keepdims=True) + np.arange(96))


def test_the_tuner_needs_no_front_end(plan: Path) -> None:
    """Reading a plan and printing each of its settings imports no torch, MLIR or e-graph."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from kernelwright.task.plan_folder import read_workload\n"
        "from kernelwright.task.tune_folder import tune_workload\n"
        "from kernelwright.task.tuning_space import tuning_space\n"
        "from kernelwright.agents.coder import BuiltinCoder\n"
        f"planned = read_workload(Path({str(plan / 'rows')!r}))\n"
        "space = tuning_space(planned.designs[0], 'triton')\n"
        "coder = BuiltinCoder(planned.spec)\n"
        "texts = {coder.code(planned.designs[0], 'triton', p).source for p in space.points()}\n"
        "assert len(texts) == space.size > 1\n"
        "heavy = {'torch', 'triton', 'egglog', 'mlir', 'llvmlite'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


Damage = Callable[[Path], object]


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (lambda f: (f / "reference.py").unlink(), "reference.py"),
        (lambda f: (f / "workload.json").write_text("[1"), "cannot be read"),
        (lambda f: (f / "workload.json").write_text('{"version": 0}'), "version"),
        (lambda f: (f / "design0.npz").write_bytes(b"PK"), "damaged"),
        (lambda f: (f / "simplified.json").write_text("{}"), "damaged"),
        (lambda f: (f / "workload.json").unlink(), "incomplete"),
    ],
)
def test_damage_is_one_clear_error(plan: Path, tmp_path: Path, damage: Damage, word: str) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    for path in (plan / "rows").iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    damage(folder)
    with pytest.raises(UsageError, match=word):
        tune_workload(folder, out=tmp_path / "out")


def test_a_folder_outside_of_the_plan_is_refused(tmp_path: Path) -> None:
    record = {"version": 1, "target": {"backend": "cpu", "arch": "x86_64"}, "workloads": ["../x"]}
    (tmp_path / "plan.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match=r"\.\./x"):
        workloads(tmp_path)


def test_one_plan_is_for_one_target(plan: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.py").write_text(SOURCE)
    with pytest.raises(UsageError, match="cuda:sm_90"):
        plan_file(tmp_path / "rows.py", out=plan, backend="cpu")


def test_an_impl_type_that_was_not_planned_is_refused(plan: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not planned for impl_type cpp"):
        tune_workload(plan / "rows", out=tmp_path / "out", impl_type="cpp")


def test_shards_divide_the_whole(tmp_path: Path) -> None:
    record = {
        "version": 1,
        "target": {"backend": "cpu", "arch": "x86_64"},
        "workloads": [f"w{i}" for i in range(7)],
    }
    (tmp_path / "plan.json").write_text(json.dumps(record))
    parts = [workloads(tmp_path, f"{i}/3") for i in (1, 2, 3)]
    assert sorted(p.name for part in parts for p in part) == [f"w{i}" for i in range(7)]
    assert workloads(tmp_path, "8/9") == []
    for bad in ("0/3", "4/3", "x", "1", "1/0", "-1/2"):
        with pytest.raises(UsageError, match="shard"):
            parse_shard(bad)
