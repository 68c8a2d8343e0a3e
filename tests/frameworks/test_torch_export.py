"""The ways to trace a Model, one by one."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from kernelwright.errors import CaptureError
from kernelwright.frameworks._torch_export import _export, _replay, exported


class Scaled(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(5, 3)
        self.register_buffer("shift", torch.ones(3))

    def forward(self, x: torch.Tensor, factor: float) -> dict[str, torch.Tensor]:
        y = self.linear(x) * factor
        y += self.shift
        return {"y": y.relu(), "s": y.sum()}


def test_a_replayed_trace_is_the_same_model_under_the_same_names() -> None:
    model, values = Scaled(), (torch.randn(4, 5), 0.5)
    with torch.no_grad():
        program = _export(_replay(model, values), values, strict=False)
        found, wanted = program.module()(*values), model(*values)
    assert set(program.state_dict) <= set(model.state_dict())
    assert {"linear.weight", "linear.bias", "shift"} <= set(program.state_dict)
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor)


def test_a_trace_never_bakes_values_in() -> None:
    class Branch(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2 if x.sum() > 0 else x

    with pytest.raises(Exception, match="data-dependent|DataDependent|Could not guard|guard"):
        _replay(Branch(), (torch.ones(3),))
    with pytest.raises(CaptureError, match="depends on the values of tensors"):
        exported(Branch(), (torch.ones(3),))
