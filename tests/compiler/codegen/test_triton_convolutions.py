"""A printed module with convolutions of every kind, run by the interpreter beside the Model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kernelwright.compiler.codegen.triton import PRINTER
from kernelwright.compiler.rewrite import optimize
from kernelwright.compiler.schedule import convolutions
from kernelwright.compiler.schedule import design as schedule
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.graph.core import dtype_name
from kernelwright.schema import Target

MODEL = """
import torch
import torch.nn as nn
import torch.nn.functional as F


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(16, 16, 3, padding=1)
        self.n = nn.BatchNorm2d(16)
        self.b = nn.Conv2d(16, 32, (3, 2), padding='same')
        self.g = nn.GroupNorm(4, 32)
        self.u = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.p = nn.Conv2d(32, 16, 1)
        self.d = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.s = nn.Conv1d(16, 16, 3, dilation=2)
        self.v = nn.ConvTranspose3d(16, 16, 2, stride=2, bias=False)

    def forward(self, x):
        a = F.relu(self.n(self.a(x)))
        b = self.g(self.b(F.max_pool2d(a, 2)))
        c = F.gelu(self.p(torch.cat([a, self.u(b)], 1)) + x)
        d = torch.softmax(self.d(c), 1)
        signal = self.s(d.flatten(2))
        volume = torch.tanh(self.v(d.reshape(2, 16, 2, 3, 8)))
        return d, b.mean((2, 3)), torch.amin(signal, 1), volume, c.argmax(1)


def get_inputs():
    return [torch.rand(2, 16, 6, 8)]
"""
CHILD = """
import importlib.util, os, sys
os.environ["TRITON_INTERPRET"] = "1"
import torch
torch.set_num_threads(1)
def module(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made
task, kernel = module(sys.argv[1], "task"), module(sys.argv[2], "kernel")
torch.manual_seed(1)
model, ours, inputs = task.Model(), kernel.ModelNew(), task.get_inputs()
ours.load_state_dict(model.state_dict(), strict=False)
with torch.no_grad():
    for wanted, found in zip(model(*inputs), ours(*inputs), strict=True):
        assert found.stride() == wanted.stride(), (found.stride(), wanted.stride())
        torch.testing.assert_close(found, wanted, rtol=2e-5, atol=2e-5)
"""


@pytest.mark.heavy
def test_convolutions_beside_eager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("triton")
    monkeypatch.setattr(convolutions, "LEAST_BYTES", 0)
    target = Target("cuda", "sm_90")
    model = FRAMEWORKS.get("torch").load(MODEL, "model.py")
    graph = optimize(model.capture(model.make_inputs(3)), target).graph
    state = tuple((e.name, e.array.shape, dtype_name(e.array.dtype), e.kind) for e in model.state())
    candidate = PRINTER.print(schedule(graph, target, state=state), target, "torch", {})
    assert candidate.files["kernel.py"].count(b".squeeze(2)") == 1
    assert candidate.files["kernel.py"].count(b".permute(0, 2, 3, 1), 0)") == 4
    for name, content in {**candidate.files, "model.py": MODEL.encode()}.items():
        (tmp_path / name).write_bytes(content)
    files = [str(tmp_path / "model.py"), str(tmp_path / "kernel.py")]
    subprocess.run([sys.executable, "-c", CHILD, *files], check=True, timeout=280)
