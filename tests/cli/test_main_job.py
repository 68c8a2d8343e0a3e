"""The main job end to end, as a process: files, JSON, resume, verify, choose."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from kernelwright.store import Store

from .conftest import Run

KEYS = [
    "op", "status", "check", "reason", "impl_type", "producer", "error", "reference_error",
    "original_us", "optimized_us", "baselines_us", "speedup", "speedup_low", "speedup_high",
    "speedup_best", "bound_us", "bound_percent", "returned", "reduced", "library_calls", "stages_s",
    "out",
]  # fmt: skip


def expect_little_work(work: dict[str, dict[str, int]]) -> None:
    """What one small task costs, in counts that no busy machine changes."""
    processes, asked = work["processes"], work["reference"]
    # The framework is imported twice: where the reference runs, and once for all that is isolated;
    # without namespaces in namespaces once more for each isolated job.
    assert processes["servers"] in (2, processes["jobs"] + 1), processes
    assert processes.get("grown", 0) == 0
    # The reference, the candidate, and a timing worker with its witness, again for a suspect.
    assert processes["jobs"] in (4, 6, 8)
    timed = (processes["jobs"] - 2) // 2
    # Described, designed, then judged: three sets of its own inputs, nine laws and two layouts,
    # with one more draw where a law is doubtful; and at most twelve timed answers a worker.
    assert asked["run_and_truth"] <= 2 + 3 + 9 + 2 + 9 + 12 * timed, asked
    assert asked["load"] == asked["reduced_inputs"] == 1
    assert asked["capture"] <= 2, asked
    assert asked["make_inputs"] <= 3 + 30, asked


def test_optimize_writes_everything_and_a_second_run_takes_the_record(
    kw: Run, good: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = kw(
        "optimize",
        good,
        "--backend",
        "cpu",
        "--effort",
        "none",
        "--baselines",
        "eager",
        "--out",
        out,
        "--json",
    )
    assert ran.code == 0, ran.err
    row = ran.json
    assert list(row) == KEYS
    assert (row["op"], row["status"], row["check"]) == ("good", "PASSED", None)
    assert row["producer"] == "builtin"
    assert row["returned"] in ("candidate", "eager")
    assert row["speedup_low"] <= row["speedup"] <= row["speedup_high"]
    for name in ("reference.py", "design.aul", "kernel.py", "evaluation.json", "report.html"):
        assert (out / name).stat().st_size > 0, name
    everything = {p.name for p in out.rglob("*")}
    stages = {"kernel.mlir", "kernel_lowered.mlir", "kernel.ll", "kernel.s"}
    assert stages <= everything
    page = (out / "report.html").read_text()
    assert "<svg" in page
    assert not re.search(r"(src|href)=.https?://", page)
    hashes = candidate_hashes(out)
    assert set(hashes) == {"mlir"}, "the first choice alone"
    assert {"start", "capture", "design", "code", "verify", "measure"} <= set(row["stages_s"])
    assert all(seconds >= 0 for seconds in row["stages_s"].values())
    expect_little_work(json.loads((out / "evaluation.json").read_text())["context"]["work"])
    again = kw(
        "optimize",
        good,
        "--backend",
        "cpu",
        "--effort",
        "none",
        "--baselines",
        "eager",
        "--out",
        out,
        "--json",
    )
    assert again.code == 0
    assert again.json == row
    assert "from the record" in again.err
    fresh = kw("optimize", good, "--backend", "cpu", "--effort", "none", "--baselines", "eager",
               "--out", out, "--json", "--task-type", "precision_only", "--fresh")  # fmt: skip
    assert fresh.code == 0
    assert candidate_hashes(out) == hashes


def candidate_hashes(out: Path) -> dict[str, str]:
    """impl_type -> hash of the candidate's sources."""
    record = json.loads((out / "evaluation.json").read_text())
    return {a["impl_type"]: a["hash"] for a in record["attempts"]}


def test_the_written_kernel_runs_without_kernelwright(kw: Run, good: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran = kw("optimize", good, "--backend", "cpu", "--task-type", "precision_only", "--out", out)
    assert ran.code == 0, ran.out + ran.err
    script = (
        "import sys, torch; sys.path.insert(0, '.'); from kernel import ModelNew\n"
        "x, y = torch.randn(64, 128), torch.randn(64, 128)\n"
        "torch.testing.assert_close(ModelNew()(x, y), torch.relu(x + y) * 0.5)\n"
        "assert not any(m.startswith('kernelwright') for m in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-P", "-c", script], cwd=out, check=True)
    judged = kw("verify", good, out / "kernel.py", "--backend", "cpu", "--json")
    assert (judged.code, judged.json["status"]) == (0, "PASSED"), "with the library that it names"


def test_kill_9_leaves_a_record_that_the_same_command_continues(
    kw: Run, good: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = [
        "optimize",
        str(good),
        "--backend",
        "cpu",
        "--effort",
        "none",
        "--baselines",
        "eager",
        "--out",
        str(out),
    ]
    env = {**os.environ, "KERNELWRIGHT_STATE_DIR": str(tmp_path / "state")}
    child = subprocess.Popen(
        [sys.executable, "-m", "kernelwright", *arguments],
        cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stderr is not None
    deadline = time.monotonic() + 150
    for line in child.stderr:
        assert time.monotonic() < deadline
        if "verify" in line:
            break
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    with Store(tmp_path / "state" / "runs.db") as store:
        (run,) = store.runs()
        names = [s.name for s in store.steps(run.id)]
    assert "design" in names
    assert sum(n.startswith("verify:") for n in names) == 1
    assert "result" not in names
    ran = kw(*arguments, "--json")
    assert ran.code == 0, ran.err
    with Store(tmp_path / "state" / "runs.db") as store:
        later = [s.name for s in store.steps(next(store.runs()).id)]
    assert not any(n.startswith("verify:") or n == "design" for n in later)
    assert "result" in later


RIGHT = "import torch\ndef kernel(x, y):\n    return (x + y).clamp(min=0) * 0.5\n"
WRONG = "import torch\ndef kernel(x, y):\n    return (x + y) * 0.5\n"


def test_verify_passes_the_right_and_names_what_is_wrong(
    kw: Run, good: Path, tmp_path: Path
) -> None:
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(WRONG)
    ran = kw("verify", good, "right.py", "--backend", "cpu", "--json")
    assert (ran.code, ran.json["status"]) == (0, "PASSED")
    ran = kw("verify", good, "wrong.py", "--backend", "cpu", "--json")
    assert (ran.code, ran.json["status"]) == (1, "WRONG_VALUE")
    assert "seed" in ran.json["reason"]


def test_choose_names_a_verified_one(kw: Run, good: Path, tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(RIGHT)
    (tmp_path / "wrong.py").write_text(WRONG)
    ran = kw(
        "choose", good, "wrong.py", "right.py", "--backend", "cpu", "--baselines", "eager", "--json"
    )
    assert ran.code == 0, ran.err
    assert ran.json["winner"] == "right.py"
    assert [c["status"] for c in ran.json["candidates"]] == ["WRONG_VALUE", "PASSED"]


def test_triton_on_a_cpu_is_checked_on_reduced_sizes_and_says_so(kw: Run, tmp_path: Path) -> None:
    path = tmp_path / "wide.py"
    path.write_text(
        "import torch\nclass Model(torch.nn.Module):\n    def forward(self, x):\n"
        "        return torch.softmax(x, -1)\n"
        "def get_inputs():\n    return [torch.randn(600, 512)]\n"
    )
    ran = kw(
        "optimize",
        path,
        "--backend",
        "cpu",
        "--impl-type",
        "triton",
        "--baselines",
        "eager",
        "--json",
    )
    assert ran.code == 0, ran.err
    row = ran.json
    assert row["reduced"] is True
    assert row["speedup"] is None
    notes = json.loads(
        (Path(row["out"]) if Path(row["out"]).is_absolute() else tmp_path / row["out"])
        .joinpath("evaluation.json")
        .read_text()
    )
    assert "compiled ahead of time for sm_90" in json.dumps(notes)


def test_doctor_and_its_matrix(kw: Run) -> None:
    assert "torch" in kw("doctor").out
    table = kw("doctor", "--matrix").out
    assert "triton" in table
    assert "ascend" in table


def test_help_has_examples(kw: Run) -> None:
    for command in ("optimize", "verify", "choose"):
        assert "kernelwright " + command in kw(command, "--help").out
