"""Models whose outputs need far less than their source says: captured, rewritten, coded and judged,
with what the report must say. A few run by default, all of them with ``-m heavy``."""

from __future__ import annotations

import dataclasses
import textwrap
from dataclasses import dataclass

import pytest

from kernelwright.config import resolve
from kernelwright.graph.analysis import NodeFacts
from kernelwright.task.resolve import make_spec
from kernelwright.task.session import Session

pytest.importorskip("egglog")


@dataclass(frozen=True)
class Collapse:
    """A Model's forward (``init``: its constructor), ops that must be gone, and words of the
    sentence that says so ("" where none is due)."""

    forward: str
    inputs: str
    gone: tuple[str, ...] = ("matmul",)
    said: str = "matrix product is not needed"
    init: str = ""


X = "torch.randn(24, 40)"
LINEAR = "self.linear = nn.Linear(40, 56)"
CONSTANT = "the output is constant"

MODELS = {
    "max_minus_its_mean": Collapse(
        "x = self.linear(x).max(dim=1, keepdim=True).values\n"
        "return F.gelu(x - x.mean(dim=1, keepdim=True))",
        X, said=CONSTANT, init=LINEAR,
    ),
    "product_divided_summed_scaled": Collapse(
        "return (x @ self.w.T / 2).sum(dim=1, keepdim=True) * 1.5",
        X, init="self.w = nn.Parameter(torch.randn(56, 40))",
    ),
    "sum_max_mean_logsumexp_twice": Collapse(
        "x = self.linear(x).sum(1, keepdim=True)\nx = x.max(1, keepdim=True)[0].mean(1, True)\n"
        "return torch.logsumexp(torch.logsumexp(x, 1, True), 1, True)",
        X, init=LINEAR,
    ),
    "shifted_mean_with_residual": Collapse(
        "y = (self.linear(x) - self.s).mean(1, keepdim=True)\n"
        "return F.gelu(torch.logsumexp(y, 1, keepdim=True)) + x",
        X, init=LINEAR + "; self.s = nn.Parameter(torch.randn(56))",
    ),
    "diagonal_product": Collapse("return torch.diag(a) @ b", "torch.randn(40), torch.randn(40, 7)"),
    "product_with_diagonal": Collapse(
        "return b @ torch.diag(a) + 1", "torch.randn(40), torch.randn(7, 40)"
    ),
    "trace_of_product": Collapse(
        "return torch.trace(a @ b)", "torch.randn(30, 40), torch.randn(40, 30)"
    ),
    "mean_of_everything": Collapse(
        "return (a @ b).mean()", "torch.randn(30, 40), torch.randn(40, 20)"
    ),
    "batched_row_sums": Collapse(
        "return torch.bmm(a, b).sum(-1)", "torch.randn(3, 30, 40), torch.randn(3, 40, 20)"
    ),
    "clamped_after_minimum": Collapse(
        "return torch.clamp(torch.min(self.linear(x), torch.tensor(0.0)), 0.0, 1.0)",
        X, said=CONSTANT, init=LINEAR,
    ),
    "softmax_of_one_column": Collapse(
        "return torch.tanh(torch.softmax(self.linear(x).mean(1, keepdim=True), 1)) * 2",
        X, said=CONSTANT, init=LINEAR,
    ),
    "mean_of_softmax": Collapse(
        "return torch.softmax(x, dim=1).mean(dim=1)", X, gone=("exp",), said=CONSTANT
    ),
    "log_of_softmax": Collapse(
        "return torch.log(torch.softmax(x, dim=1))", X, gone=("div",), said=""
    ),
    "channel_mean_of_convolution": Collapse(
        "return self.conv(x).mean(dim=1, keepdim=True)", "torch.randn(2, 3, 12, 12)", gone=(),
        said="convolution is not needed whole", init="self.conv = nn.Conv2d(3, 32, 3)",
    ),
    "folded_norm": Collapse(
        "return self.norm(self.conv(x))", "torch.randn(2, 3, 12, 12)",
        gone=("sub", "mul", "add"), said="",
        init="self.conv = nn.Conv2d(3, 8, 3); self.norm = nn.BatchNorm2d(8).eval()",
    ),
    "narrow_chain": Collapse(
        "return a @ b @ c", "torch.randn(60, 4), torch.randn(4, 60), torch.randn(60, 3)",
        gone=(), said="matrix product is not needed whole",
    ),
    "difference_of_itself": Collapse(
        "return (a @ b) - (a @ b) + c",
        "torch.randn(30, 40), torch.randn(40, 20), torch.randn(30, 20)",
    ),
    "triangles": Collapse(
        "return torch.tril(a) @ torch.tril(b)", "torch.randn(512, 512), torch.randn(512, 512)",
        gone=(), said="matrix product is not needed whole",
    ),
    "half_of_product": Collapse(
        "return torch.triu(torch.matmul(a, b))", "torch.randn(512, 64), torch.randn(64, 512)",
        gone=(), said="",
    ),
    "rows_of_table": Collapse(
        "return F.one_hot(x.argmax(1), 40).float() @ self.w", X,
        init="self.w = nn.Parameter(torch.randn(40, 33))",
    ),
    "diagonals_of_batch": Collapse(
        "return torch.einsum('bii->bi', torch.bmm(a, b))",
        "torch.randn(3, 20, 30), torch.randn(3, 30, 20)",
    ),
    "last_step": Collapse(
        "return self.linear(x)[:, -1]", "torch.randn(24, 7, 40)", gone=(), init=LINEAR,
        said="matrix product is not needed whole",
    ),
    "mean_over_places": Collapse(
        "return self.conv(x).mean(dim=(2, 3))", "torch.randn(2, 3, 40, 40)", gone=("call",),
        said="not needed whole", init="self.conv = nn.Conv2d(3, 32, 3, padding=1)",
    ),
    "mean_over_places_transposed": Collapse(
        "return self.conv(x).mean(dim=(2, 3)).logsumexp(1)", "torch.randn(2, 16, 20, 20)",
        gone=("call",), said="not needed whole",
        init="self.conv = nn.ConvTranspose2d(16, 32, 3, stride=2, padding=1)",
    ),
    "prefix_means": Collapse(
        "m = torch.tril(torch.ones(256, 256))\nreturn (m / m.sum(1, keepdim=True)) @ x",
        "torch.randn(256, 64)",
    ),
    "kronecker": Collapse(
        "return torch.kron(a, b) @ c",
        "torch.randn(12, 14), torch.randn(15, 16), torch.randn(224, 40)", gone=(),
        said="matrix product is not needed whole",
    ),
    "unused_by_cancelling": Collapse(
        "return (x + y) - y", "torch.randn(24, 40), torch.randn(24, 40)", gone=("add", "sub"),
        said="does not depend on input y",
    ),
}  # fmt: skip
QUICK = ("max_minus_its_mean", "shifted_mean_with_residual", "channel_mean_of_convolution")


def source(model: Collapse) -> str:
    names = {1: "x", 2: "a, b", 3: "a, b, c"}[model.inputs.count("randn")]
    names = "x, y" if model.forward == "return (x + y) - y" else names
    init = textwrap.indent("\n".join(p.strip() for p in model.init.split(";")), " " * 8)
    return (
        "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n\n\n"
        f"class Model(nn.Module):\n    def __init__(self):\n        super().__init__()\n{init}\n\n"
        f"    def forward(self, {names}):\n{textwrap.indent(model.forward, ' ' * 8)}\n\n\n"
        f"def get_inputs():\n    return [{model.inputs}]\n\n\n"
        "def get_init_inputs():\n    return []\n"
    )


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in QUICK else pytest.mark.heavy) for n in MODELS],
)
def test_collapses_and_is_judged_right(name: str) -> None:
    pytest.importorskip("torch")
    model, config = MODELS[name], resolve()
    config = dataclasses.replace(config, judge=dataclasses.replace(config.judge, seeds=1))
    spec = make_spec(
        name, source(model), framework="torch", backend="cpu", task_type="precision_only"
    )
    with Session(spec, config) as session:
        rewritten = session.rewritten
        facts = NodeFacts()
        nodes = [n for n in rewritten.graph.nodes() if not facts.parameter_only(n)]
        left = {node.op for node in nodes}
        assert not left & set(model.gone), str(rewritten.graph)
        assert any(model.said in s for s in rewritten.collapses) == bool(model.said)
        design = session.design()
        assert all(f"algebra: {s}" in design.notes for s in rewritten.collapses)
        checked = session.check_design(design)
        assert checked.passed, checked.note
        verdict = session.verify(session.code(design, "cpp"))
        assert verdict.passed, f"{verdict.check}: {verdict.reason}"
