"""Work on weights alone: done once, and again when the weights are not what they were."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kernelwright.aul import interpret
from kernelwright.aul.syntax import Launch, Tunable
from kernelwright.compiler.codegen import PRINTERS
from kernelwright.compiler.codegen._plan import cpu_plan, host_vector_bytes
from kernelwright.compiler.design import Design
from kernelwright.compiler.prepared import preparation
from kernelwright.compiler.schedule import design as schedule
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.graph.core import dtype_name
from kernelwright.schema import Target

MODEL = """
import torch


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = torch.nn.BatchNorm1d(96).eval()
        self.w = torch.nn.Parameter(torch.randn(40, 96))
        self.log_scale = torch.nn.Parameter(torch.randn(96))

    def forward(self, x):
        return self.norm(x) * torch.exp(self.log_scale) + self.w.sum(0)


def get_inputs():
    return [torch.randn(5, 96)]
"""
TARGETS = {
    "cpp": Target("cpu", "x86_64"),
    "mlir": Target("cpu", "x86_64"),
    "triton": Target("cuda", "sm_90"),
}


def made(target: Target) -> Design:
    pytest.importorskip("torch")
    model = FRAMEWORKS.get("torch").load(MODEL, "model.py")
    graph = model.capture(model.make_inputs(3))
    state = tuple((e.name, e.array.shape, dtype_name(e.array.dtype), e.kind) for e in model.state())
    return schedule(graph, target, state=state, threads=2)


def test_what_runs_once_and_what_it_leaves() -> None:
    design = made(TARGETS["cpp"])
    once = preparation(design)
    bound = {b.name: b.key for b in design.bindings}
    assert {bound[n] for n in once.state} == {"norm.running_var", "log_scale", "w"}
    assert len(once.buffers) == 3
    launches = [s for s in design.program.host.body if isinstance(s, Launch)]
    assert [s in once for s in launches] == [True, True, True, False]
    assert not {*once.state} & {*launches[-1].args}
    tunables = [d for d in design.program.declarations if isinstance(d, Tunable)]
    used = {str(c) for d in tunables for c in [len(d.choices)] if d.name.endswith("_3")}
    assert used and used != {"1"}  # what runs in every call is tuned, the rest is not
    assert all(len(d.choices) == 1 for d in tunables if not d.name.endswith("_3"))


def test_the_design_as_a_whole_is_the_model() -> None:
    """Nothing in AUL tells the steps apart: the interpreter runs them all."""
    design = made(TARGETS["cpp"])
    model = FRAMEWORKS.get("torch").load(MODEL, "model.py")
    inputs = model.make_inputs(4)
    state = {e.name: e.array for e in model.state()}
    arrays = [
        inputs[int(b.key)] if b.source == "input" else state[str(b.key)] for b in design.bindings
    ]
    (got,) = interpret(design.program, arrays)
    np.testing.assert_allclose(got, model.run(inputs).outputs[0], rtol=1e-5, atol=1e-4)


def test_a_plan_has_two_parts() -> None:
    design = made(TARGETS["cpp"])
    plan = cpu_plan(design, {}, host_vector_bytes(TARGETS["cpp"]))
    assert len(plan.prepare) == len(plan.steps) == 1
    assert set(plan.prepared) <= set(plan.shared)
    assert len({s.symbol for s in plan.segments}) == 2


# Run in a process of its own, where TRITON_INTERPRET can be set before the import.
STALE = """
import copy, os, sys
os.environ["TRITON_INTERPRET"] = "1"
import torch
sys.path[:0] = sys.argv[1:3]
import kernel, reference

ours, theirs = kernel.ModelNew(), reference.Model()
calls, plain = [0], ours.prepare
kernel.ModelNew.prepare = lambda self: (calls.__setitem__(0, calls[0] + 1), plain.__func__(self))[1]
x = torch.randn(5, 96)


@torch.no_grad()
def same(what, prepared):
    before = calls[0]
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4, msg=what)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4, msg=what)
    assert calls[0] - before == prepared, (what, calls[0] - before)


@torch.no_grad()
def change(what, step, prepared=1):
    step(ours), step(theirs)
    same(what, prepared)


ours.load_state_dict(theirs.state_dict())
same("the first call", 1)
same("nothing has changed", 0)
change("in place", lambda m: m.log_scale.add_(0.5))
change("copy_", lambda m: m.w.copy_(torch.arange(40.0 * 96).view(40, 96) / 1000))
change("a buffer", lambda m: m.norm.running_var.mul_(2.0))
change(".data swapped", lambda m: setattr(m.w, "data", m.w.data * 0.5))
change("swapped twice", lambda m: [setattr(m.w, "data", m.w.data.neg()) for _ in range(3)])
change("a weight that every call reads", lambda m: m.norm.bias.add_(1.0), prepared=0)
change("a new Parameter", lambda m: setattr(m, "w", torch.nn.Parameter(torch.ones(40, 96))))
if "cpu kernel" in sys.argv:
    change("a small one through .data", lambda m: m.log_scale.data.mul_(0.5))
    change("a large one through .data", lambda m: m.w.data.mul_(0.5))
theirs.load_state_dict({k: v + 1 for k, v in theirs.state_dict().items()})
ours.load_state_dict(theirs.state_dict())
same("load_state_dict", 1)
ours = copy.deepcopy(ours)
same("a copy prepares for itself", 1)
change("and follows its own weights", lambda m: m.w.zero_())
assert set(ours.state_dict()) == set(theirs.state_dict())
with torch.inference_mode():
    change("in inference mode", lambda m: m.log_scale.add_(0.25))
"""


@pytest.mark.parametrize("kind", ["cpp", "mlir", "triton"])
def test_never_stale(kind: str, tmp_path: Path) -> None:
    pytest.importorskip({"cpp": "torch", "mlir": "mlir", "triton": "triton"}[kind])
    candidate = PRINTERS.get(kind).print(made(TARGETS[kind]), TARGETS[kind], "torch", {})
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    for name, data in candidate.files.items():
        (tmp_path / "ours" / name).write_bytes(data)
    (tmp_path / "theirs" / "reference.py").write_text(MODEL)
    place = "gpu kernel" if kind == "triton" else "cpu kernel"
    arguments = [str(tmp_path / "ours"), str(tmp_path / "theirs"), place]
    done = subprocess.run(
        [sys.executable, "-c", STALE, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


NUMPY_MODEL = """
import numpy as np


class Model:
    def __init__(self):
        rng = np.random.default_rng(1)
        self.v = rng.random(96, dtype=np.float32)

    def __call__(self, x):
        return x * np.exp(self.v)


def get_inputs():
    return [np.random.default_rng(2).random((5, 96), dtype=np.float32)]
"""


def test_arrays_by_identity_and_content(tmp_path: Path) -> None:
    model = FRAMEWORKS.get("numpy").load(NUMPY_MODEL, "model.py")
    inputs = model.make_inputs(3)
    state = tuple((e.name, e.array.shape, dtype_name(e.array.dtype), e.kind) for e in model.state())
    design = schedule(model.capture(inputs), TARGETS["cpp"], state=state, threads=2)
    assert preparation(design).buffers
    for name, data in PRINTERS.get("cpp").print(design, TARGETS["cpp"], "numpy", {}).files.items():
        (tmp_path / name).write_bytes(data)
    module = FRAMEWORKS.get("numpy").load_candidate(
        tmp_path / "kernel.py", model.init_inputs, model.state(), "cpu"
    )[0]
    (x,) = inputs
    v = {e.name: e.array for e in model.state()}["v"]
    np.testing.assert_allclose(module(x), x * np.exp(v), rtol=1e-6)
    owner = getattr(module, "__self__", module)
    owner.v = v * 2
    np.testing.assert_allclose(module(x), x * np.exp(v * 2), rtol=1e-6)
    owner.v[...] = v
    np.testing.assert_allclose(module(x), x * np.exp(v), rtol=1e-6)
