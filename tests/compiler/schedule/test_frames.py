"""Frames (unfold, im2col) as views of what stands in memory, and sums of what overlaps."""

from __future__ import annotations

import numpy as np
import pytest

from kernelwright.aul import check, interpret
from kernelwright.aul import syntax as aul
from kernelwright.compiler.schedule import design
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.graph import Builder, Graph, TensorType
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target

TARGETS = (Target("cpu", "x86_64"), Target("cuda", "sm_90"))


def agree(g: Graph, given: list[np.ndarray], kernels: int) -> None:
    truths = evaluate(g, given, {}, float64=True)
    for target in TARGETS:
        made = design(g, target, threads=2)
        assert [d for d in check(made.program) if d.severity == "error"] == []
        assert not any(isinstance(s, aul.FrameworkCall) for s in made.program.host.body)
        assert len(made.program.kernels) == kernels
        for truth, found in zip(truths, interpret(made.program, given), strict=True):
            np.testing.assert_allclose(found, truth, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("reduced", [False, True], ids=["taken", "summed"])
@pytest.mark.parametrize(
    ("size", "step", "dilation"), [(4, 4, 1), (5, 2, 1), (3, 1, 2), (29, 1, 1)]
)
def test_frames_of_a_computed_tensor_are_one_kernel(
    size: int, step: int, dilation: int, reduced: bool
) -> None:
    b = Builder()
    x = b.input("x", 0, TensorType((3, 29, 5), "float32"))
    y = b.neg(x) if size < 10 else x
    made = b.make("frames", [y], axis=1, size=size, step=step, dilation=dilation)
    out = b.sum(made, axes=(3,), keepdims=False) if reduced else b.abs(made)
    given = [np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)]
    agree(Graph("op", [x], [], [out]), given, 1)


MODELS = {
    "im2col": ("F.unfold(x, (3, 2), padding=(1, 0), stride=(2, 1))", (2, 3, 9, 8), 2),
    "dilated": ("F.unfold(x, 3, dilation=2)", (2, 3, 9, 8), 1),
    "patches": ("x.unfold(2, 4, 4).unfold(3, 4, 4).reshape(2, 3, -1, 16)", (2, 3, 8, 12), 1),
    "overlapping sum": ("F.fold(x, (7, 9), 3, padding=1)", (2, 18, 63), 1),
    "strided sum": ("F.fold(x, (10, 8), 4, stride=2, padding=2)", (2, 32, 30), 1),
    "uneven sum": ("F.fold(x, (11, 7), (3, 2), stride=(2, 3), padding=1)", (2, 12, 18), 2),
    "there and back": (
        "F.fold(F.unfold(x, 2, stride=2) * 2, (8, 6), 2, stride=2)",
        (2, 3, 8, 6),
        1,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    pytest.importorskip("torch")
    body, shape, kernels = MODELS[name]
    source = (
        "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n"
        "class Model(nn.Module):\n"
        f"    def forward(self, x):\n        return {body}\n"
        f"def get_inputs():\n    return [torch.randn{shape}]\n"
        "def get_init_inputs():\n    return []\n"
    )
    model = FRAMEWORKS.get("torch").load(source, "model.py")
    inputs = model.make_inputs(0)
    g = model.capture(inputs)
    agree(g, [np.asarray(a) for a in inputs], kernels)


def test_a_bordered_im2col_is_one_kernel_on_a_gpu() -> None:
    """Every place of the kernel is a window; all of them overlap, and the border is no copy."""
    b = Builder()
    x = b.input("x", 0, TensorType((2, 3, 16, 18), "float32"))
    padded = b.make("pad", [x], low=(0, 0, 1, 1), high=(0, 0, 1, 1), value=0.0)
    rows = b.make("frames", [padded], axis=2, size=3, step=1, dilation=1)
    both = b.make("frames", [rows], axis=3, size=3, step=1, dilation=1)
    out = b.reshape(b.transpose(both, axes=(0, 1, 4, 5, 2, 3)), shape=(2, 27, 288))
    g = Graph("op", [x], [], [out])
    given = [np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)]
    made = design(g, Target("cuda", "sm_90"))
    assert len(made.program.kernels) == 1
    (truth,) = evaluate(g, given, {}, float64=True)
    np.testing.assert_allclose(interpret(made.program, given)[0], truth, rtol=1e-6)
