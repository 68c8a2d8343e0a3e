from __future__ import annotations

import math
from pathlib import Path

import pytest

from ai_kernel_generator.core.utils import ParsedCode
from ai_kernel_generator.core.verifier.kernel_verifier import KernelVerifier
from kernelwright.task.trace import read_results

RELU = """
import numpy as np

class Model:
    def __call__(self, x):
        return np.maximum(x, 0)

def get_inputs():
    return [np.random.standard_normal((256, 256)).astype(np.float32)]

def get_init_inputs():
    return []
"""
RIGHT = "import numpy as np\n\ndef relu_cpp_numpy(x):\n    return np.maximum(x, 0)\n"
WRONG = RIGHT.replace("0)", "1)")


@pytest.fixture(autouse=True)
def quick_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELWRIGHT_JUDGE_LAWS", "0")
    monkeypatch.setenv("KERNELWRIGHT_JUDGE_SEEDS", "1")
    monkeypatch.setenv("KERNELWRIGHT_TIMING_BUDGET_S", "0.2")


def test_the_form_of_august(tmp_path: Path) -> None:
    verifier = KernelVerifier("relu", RELU, str(tmp_path), "3", "numpy", "cpp", "cpu", "x86_64")
    assert verifier.run_profile() == 0.0
    passed, text = verifier.run(ParsedCode(cpp_code=WRONG), current_step=1)
    assert not passed
    assert text.startswith("WRONG_VALUE")
    assert verifier.run(ParsedCode(cpp_code=RIGHT), current_step=2, device_id=7) == (True, "")
    assert (tmp_path / "relu" / "I3_S02_verify" / "relu_cpp.py").exists()
    records = read_results(tmp_path / "verification_results.jsonl")
    assert [(r["step"], r["passed"], r["impl_type"]) for r in records] == [
        (1, False, "cpp"), (2, True, "cpp"),
    ]  # fmt: skip
    saved = verifier.run_profile(current_step=2)
    assert -20 < saved < 1
    assert (tmp_path / "relu" / "profiling" / "speed_up_record.txt").exists()


def test_the_later_form(tmp_path: Path) -> None:
    verifier = KernelVerifier(
        "relu", RELU, framework="numpy", dsl="cpp", backend="cpu", arch="x86_64",
        config={"log_dir": tmp_path}, impl_func_name="mine",
    )  # fmt: skip
    assert verifier.run_profile() == (math.inf, 0.0, 0.0)
    kernel = RIGHT.replace("relu_cpp_numpy", "mine")
    assert verifier.run({"coder_code": kernel}, 0, 0) == (True, "")
    assert read_results(tmp_path / "verification_results.jsonl")[0]["dsl"] == "cpp"


def test_faults_are_told_not_raised(tmp_path: Path) -> None:
    verifier = KernelVerifier(
        "relu", "import numpy\n", str(tmp_path), "0", "numpy", "cpp", "cpu", "x86_64"
    )
    passed, text = verifier.run(ParsedCode(cpp_code=RIGHT))
    assert not passed and "Model" in text
    passed, text = verifier.run(ParsedCode())
    assert not passed and "no cpp code" in text
    with pytest.raises(ValueError, match="does not support arch"):
        KernelVerifier("relu", RELU, str(tmp_path), backend="cpu", arch="a100")
