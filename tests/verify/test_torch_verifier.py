"""The Verifier on PyTorch tasks: parameters, half precision, lazy outputs, layouts."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from kernelwright.schema import Candidate, Status, Target, TaskSpec
from kernelwright.verify.reference.process import ReferenceProcess
from kernelwright.verify.verifier import Verifier

REFERENCE = """
import torch

class Model(torch.nn.Module):
    def __init__(self, features, dtype):
        super().__init__()
        self.linear = torch.nn.Linear(features, 48, dtype=dtype)
        self.register_buffer("mean", torch.full((48,), 0.25, dtype=dtype))

    def forward(self, x, scale):
        return torch.softmax(self.linear(x.t()) - self.mean, dim=-1) * scale

def get_inputs():
    return [torch.randn(64, 32, dtype=DTYPE), 1.5]

def get_init_inputs():
    return [64, DTYPE]
"""


def _task(dtype: str) -> TaskSpec:
    source = REFERENCE.replace("DTYPE", f"torch.{dtype}")
    return TaskSpec("task", source, "torch", Target("cpu", "x86_64"), path="task.py")


def _candidate(spec: TaskSpec, *edits: tuple[str, str]) -> Candidate:
    source = spec.source.replace("class Model(", "class ModelNew(")
    for old, new in edits:
        assert old in source
        source = source.replace(old, new)
    return Candidate({"kernel.py": source.encode()})


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64"])
def test_the_same_computation_passes_and_zeros_do_not(dtype: str) -> None:
    spec = _task(dtype)
    with ReferenceProcess(spec) as reference:
        description = reference.describe()
        assert [e.name for e in description.state] == ["mean", "linear.weight", "linear.bias"]
        assert str(description.inputs[0]) == f"{dtype}[64, 32]" and description.inputs[1] is None
        verifier = Verifier(reference, seeds=1, wall_s=60)
        found = verifier.verify(spec, _candidate(spec))
        assert found.passed, found
        assert "float32_matmul_precision" in found.policy
        wide = _candidate(
            spec,
            ("self.linear(x.t())", "(x.t().double() @ self.linear.weight.double().t() +"
             " self.linear.bias.double())"),
            ("* scale", "* scale).to(x.dtype)"),
            ("return torch", "return (torch"),
        )  # fmt: skip
        found = verifier.verify(spec, wide)
        assert found.passed, found
        zeros = verifier.verify(spec, _candidate(spec, ("* scale", "* 0")))
        assert (zeros.status, zeros.check) == (Status.WRONG_VALUE, "element_error")


def test_next_lower_precision_structure_and_lazy_tensors() -> None:
    spec = _task("float32")
    lazy = (
        "class Lazy(torch.Tensor): pass\nclass ModelNew(",
        "* scale",
        "(torch.softmax(self.linear(x.t()) - self.mean, dim=-1) * scale).as_subclass(Lazy)",
    )
    with ReferenceProcess(spec) as reference:
        verifier = Verifier(reference, seeds=1, wall_s=60)
        half = ("self.linear(x.t())", "self.linear.bfloat16()(x.t().bfloat16()).float()")
        found = verifier.verify(spec, _candidate(spec, half))
        assert found.status is Status.WRONG_VALUE, found
        found = verifier.verify(spec, _candidate(spec, ("mean", "average")))
        assert (found.status, found.check) == (Status.WRONG_STRUCTURE, "state")
        assert "average" in found.reason
        edits = (
            ("class ModelNew(", lazy[0]),
            ("torch.softmax(self.linear(x.t()) - self.mean, dim=-1) * scale", lazy[2]),
        )
        found = verifier.verify(spec, _candidate(spec, *edits))
        assert (found.status, found.check) == (Status.WRONG_STRUCTURE, "structure"), found


def test_prepare_is_called_after_the_state_is_filled() -> None:
    spec = _task("float32")
    folded = _candidate(
        spec,
        ("    def forward", "    def prepare(self):\n"
         "        self.folded = self.linear.bias - self.mean\n\n    def forward"),
        ("self.linear(x.t()) - self.mean", "x.t() @ self.linear.weight.t() + self.folded"),
    )  # fmt: skip
    with ReferenceProcess(spec) as reference:
        assert Verifier(reference, seeds=1).verify(spec, folded).passed


LIBRARY = {
    "its own code": ("return torch.from_numpy(np.maximum(x.numpy(), 0) @ w.numpy())", set()),
    "a library product": ("return torch.mm(x.relu(), w)", {"aten.relu", "aten.mm"}),
    "falls back": (
        "try:\n        raise RuntimeError\n    except RuntimeError:\n"
        "        return torch.relu(x) @ w",
        {"aten.relu", "aten.mm"},
    ),
    "a fig leaf": (
        "y = torch.from_numpy(np.maximum(x.numpy(), 0))\n    return y @ w",
        {"aten.mm"},
    ),
}


def test_library_calls_inside_a_kernel_are_named() -> None:
    source = (
        "import torch\nclass Model(torch.nn.Module):\n    def forward(self, x, w):\n"
        "        return torch.relu(x) @ w\n"
        "def get_inputs():\n    return [torch.randn(32, 48), torch.randn(48, 16)]\n"
    )
    spec = TaskSpec("task", source, "torch", Target("cpu", "x86_64"), path="task.py")
    kernels = [
        Candidate(
            {"kernel.py": f"import numpy as np, torch\ndef kernel(x, w):\n    {b}\n".encode()}
        )
        for b, _ in LIBRARY.values()
    ]
    with ReferenceProcess(spec) as reference:
        found = Verifier(reference, seeds=1, wall_s=60).verify_all(spec, kernels)
    for (name, (_, calls)), evaluation in zip(LIBRARY.items(), found):
        assert evaluation.passed, (name, evaluation)
        assert set(evaluation.library_calls) == calls, name
        shares = evaluation.library_shares
        assert shares.keys() == calls and all(0 < s <= 1 for s in shares.values()), shares
        assert sum(shares.values()) < 1.01
