"""Bad input gets one clear message, the contract's exit code and no traceback; nothing is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .conftest import GOOD, Run

BROKEN = {
    "no_model": (GOOD.replace("class Model", "class Other"), "no_model", "Model"),
    "no_get_inputs": (GOOD.replace("get_inputs", "make_inputs"), "no_get_inputs", "get_inputs"),
    "syntax": (GOOD.replace("return torch.relu(", "return torch.relu(("), "syntax", ":6: "),
    "raises": (GOOD.replace("torch.relu(x + y)", "x @ y"), "forward_raises", "forward"),
    "init_raises": (
        GOOD.replace("    def forward", "    def __init__(self):\n        1 / 0\n    def forward"),
        "init_raises",
        "division by zero",
    ),
    "no_tensors": (
        GOOD.replace("[torch.randn(64, 128), torch.randn(64, 128)]", "['a', 'b']"),
        "inputs_not_tensors",
        "get_inputs",
    ),
    "endless": (GOOD.replace("return torch", "while True: pass\n        return torch"),
                "never_ends", "15 s"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_task_is_named_and_exits_2(name: str, kw: Run, tmp_path: Path) -> None:
    source, check, word = BROKEN[name]
    path = tmp_path / f"{name}.py"
    path.write_text(source)
    ran = kw(
        "optimize", path, "--backend", "cpu", "--effort", "none", "--baselines", "eager", "--json"
    )
    assert ran.code == 2, ran.err
    assert ran.json["status"] == "REFERENCE_BROKEN"
    assert ran.json["check"] == check
    assert word in ran.json["reason"]
    assert path.name in ran.json["reason"]
    assert "Traceback" not in ran.err + ran.out


WRONG_WORDS = {
    "framework": (["--framework", "torhc"], "torch"),
    "backend": (["--backend", "gpu"], "cuda"),
    "arch": (["--backend", "cpu", "--arch", "sparc"], "x86_64"),
    "impl_type": (["--backend", "cpu", "--impl-type", "tritn"], "triton"),
    "combination": (["--backend", "cpu", "--impl-type", "swft"], "mlir"),
    "effort": (["--effort", "huge"], "quick"),
    "baseline": (["--baselines", "eagr"], "eager"),
    "task_type": (["--task-type", "speed"], "precision_only"),
}


@pytest.mark.parametrize("name", WRONG_WORDS)
def test_a_wrong_word_names_the_right_ones(name: str, kw: Run, good: Path) -> None:
    arguments, word = WRONG_WORDS[name]
    ran = kw("optimize", good, *arguments, "--json")
    assert ran.code == 2
    assert word in ran.json["reason"]
    assert "Traceback" not in ran.err + ran.out


def test_a_missing_file_says_so(kw: Run) -> None:
    ran = kw("optimize", "nowhere.py")
    assert ran.code == 2
    assert "nowhere.py" in ran.out
    assert "Traceback" not in ran.err


def test_an_unwritable_out_says_so_and_keeps_what_was_there(
    kw: Run, good: Path, tmp_path: Path
) -> None:
    earlier = tmp_path / "taken"
    earlier.write_text("an earlier result")
    ran = kw(
        "optimize", good, "--backend", "cpu", "--baselines", "eager", "--out", earlier, "--json"
    )
    assert ran.code == 2
    assert "--out" in ran.json["reason"]
    assert earlier.read_text() == "an earlier result"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_out_says_so(kw: Run, good: Path, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    ran = kw(
        "optimize",
        good,
        "--backend",
        "cpu",
        "--baselines",
        "eager",
        "--out",
        folder / "x",
        "--json",
    )
    assert ran.code == 2
    assert "--out" in ran.json["reason"]


def test_an_unknown_option_is_a_usage_error(kw: Run, good: Path) -> None:
    ran = kw("optimize", good, "--fast")
    assert ran.code == 2
    assert "--fast" in ran.err


def test_one_bad_file_does_not_stop_the_others(kw: Run, good: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("def (")
    ran = kw("optimize", bad, good, "--backend", "cpu", "--task-type", "precision_only",
             "--impl-type", "cpp", "--out", tmp_path / "o")  # fmt: skip
    assert ran.code == 2
    assert "PASSED" in ran.out
    assert (tmp_path / "o" / "good" / "kernel.cpp").exists()
