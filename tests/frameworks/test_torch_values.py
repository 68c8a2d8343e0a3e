"""Models whose Python, or whose functions in torch, ask for the values of tensors."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from kernelwright.errors import CaptureError
from kernelwright.frameworks._torch_capture_call import numpy_calls
from kernelwright.frameworks.torch import load
from kernelwright.graph.evaluate import evaluate

X = "torch.randn(6, 9)"
SOURCE = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = {norm}

    def forward(self, {names}):
        {body}

def get_inputs():
    return [{inputs}]

def get_init_inputs():
    return []
"""


def source(body: str, inputs: str, norm: str = "None") -> str:
    names = ", ".join("abc"[: inputs.count("torch.rand")])
    body = body.replace("\n", "\n        ")
    return SOURCE.format(norm=norm, names=names, body=body, inputs=inputs)


@pytest.mark.parametrize(
    ("body", "inputs", "norm"),
    [
        ("return F.gaussian_nll_loss(a, b, c)", f"{X}, {X}, torch.rand(6, 9) + 0.1", "None"),
        ("return torch.cov(a)", X, "None"),
        ("return torch.cov(a[0], correction=0)", X, "None"),
        ("return a.cov(aweights=b)", f"{X}, torch.rand(9)", "None"),
        (
            "return torch.cov(a, fweights=b, aweights=c)",
            f"{X}, torch.randint(1, 4, (9,)), torch.rand(9)",
            "None",
        ),
        ("return torch.corrcoef(a)", X, "None"),
        ("return self.norm(a)", "torch.randn(4, 3, 5)", "nn.BatchNorm1d(3, momentum=None)"),
        ("return a / a.abs().max().item()", X, "None"),
        ("if torch.isnan(a).any():\n    raise ValueError('NaN')\nreturn a * 2", X, "None"),
        ("assert not (torch.isnan(a).any() or torch.isinf(a).any())\nreturn a * 2", X, "None"),
    ],
)
def test_agrees_with_torch(body: str, inputs: str, norm: str) -> None:
    model = load(source(body, inputs, norm), "model.py")
    values = model.make_inputs(0)
    graph = model.capture(values)
    state = {entry.name: entry.array for entry in model.state()}
    (found,) = evaluate(graph, values, state, calls=numpy_calls(graph))
    (wanted,) = model.truth(values)
    np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-5)
    assert any("taken to pass" in n for n in graph.notes) == any(
        word in body for word in ("assert", "raise", "nll")
    )


def test_a_branch_on_values_is_refused() -> None:
    model = load(source("return a * 2 if a.sum() > 0 else a", X), "model.py")
    with pytest.raises(CaptureError, match="depends on the values of tensors"):
        model.capture(model.make_inputs(0))
    import torch

    assert "__bool__" not in vars(torch.Tensor)
