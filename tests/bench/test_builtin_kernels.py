"""The builtin compiler's kernels go through the calibration like any honest candidate."""

from __future__ import annotations

from pathlib import Path

from kernelwright.bench.calibration import findings
from kernelwright.bench.judge_calibration import calibrate
from kernelwright.verify.inputs import laws

TASK = """
import torch

class Model(torch.nn.Module):
    def forward(self, x, y):
        return torch.softmax(x * y, dim=-1)

def get_inputs():
    return [torch.randn(16, 64), torch.randn(16, 64)]

def get_init_inputs():
    return []
"""


def test_samples_of_a_compiled_kernel(tmp_path: Path) -> None:
    path = tmp_path / "scaled_softmax.py"
    path.write_text(TASK)
    result = calibrate(only=("builtin",), builtin=[path])
    assert "cpp" in {s.candidate for s in result.samples}
    assert {s.family for s in result.samples} == {"builtin scaled_softmax"}
    assert {laws.OWN, "offset", "zeros"} <= {s.law for s in result.samples}
    assert all(s.margin.worst > 0 for s in result.samples if s.law == laws.OWN)
    assert result.exit_code == 0, findings.faults(result.samples)
