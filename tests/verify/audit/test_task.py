"""The audit: each kind of finding by a task that has it, and by a near miss that has not."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from kernelwright.errors import ReferenceBroken
from kernelwright.schema import Target, TaskSpec
from kernelwright.verify.audit.degenerate import degeneracy
from kernelwright.verify.audit.observed import Finding, Severity, settled
from kernelwright.verify.audit.task import Audit, as_finding, audit, concluded
from kernelwright.verify.reference.process import ReferenceProcess

X = "np.random.standard_normal((8, 16)).astype('f4')"
Y = "np.random.standard_normal((8, 16)).astype('f4')"


def numpy_task(
    result: str,
    inputs: Sequence[str] = (X,),
    *,
    head: str = "",
    init: str = "pass",
    before: str = "pass",
) -> str:
    """A task whose call gives ``result``, a formula in x, y, z for as many inputs."""
    names = ", ".join(["x", "y", "z"][: len(inputs)])
    return f"""import numpy as np
import os
{head}
class Model:
    def __init__(self):
        {init}
    def __call__(self, {names}):
        {before}
        return {result}

def get_inputs():
    return [{", ".join(inputs)}]
"""


def torch_task(result: str, inputs: str = "[torch.randn(8, 16)]", init: str = "pass") -> str:
    return f"""import torch
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        {init}
    def forward(self, x):
        return {result}

def get_inputs():
    return {inputs}
"""


def audited(source: str, **options: float) -> Audit:
    framework = "torch" if source.startswith("import torch") else "numpy"
    if framework == "torch":
        pytest.importorskip("torch")
    spec = TaskSpec("task", source, framework, Target("cpu", "x86_64"), path="task.py")
    try:
        with ReferenceProcess(spec, **options) as reference:  # type: ignore[arg-type]
            return audit(reference)
    except ReferenceBroken as broken:
        return concluded("task", [as_finding(broken)])


def kinds(found: Audit) -> set[str]:
    return {finding.kind for finding in found.findings}


def the(found: Audit, kind: str) -> Finding:
    """The first finding of that kind."""
    return next(f for f in found.findings if f.kind == kind)


SUM = "x.sum(axis=1, keepdims=True)"
ONE = "np.ones(16, np.float32)"
# kind -> (its severity, a task that has it, a near miss)
CASES = {
    "not_finite": (
        "broken",
        numpy_task("np.where(x > 1, np.float32(np.nan), x)"),
        numpy_task("np.where(x > 1, np.float32(3e38), x)"),
    ),
    "not_finite, an overflow": (
        "broken",
        numpy_task("np.exp(x * np.float32(60))"),
        numpy_task("np.exp(x * np.float32(6))"),
    ),
    "infinite_mask": (
        "note",
        numpy_task(
            "np.where(self.mask, x, np.float32(-np.inf))",
            init="self.mask = np.tril(np.ones((8, 16), bool))",
        ),
        numpy_task("np.where(x > 0, x, np.float32(-np.inf))"),
    ),
    "non_deterministic": (
        "broken",
        numpy_task("x + np.float32(np.random.rand() * 1e-2)"),
        numpy_task("x + np.float32(np.random.default_rng(1).random())"),
    ),
    "order_of_additions": (
        "note",
        numpy_task("x.sum(axis=1) * np.float32(1 + 2.0**-22 * N[0])", head="N = [0]",
                   before="N[0] += 1"),
        numpy_task("x.sum(axis=1)"),
    ),
    "unrepeatable_inputs": (
        "broken",
        numpy_task("x * x", ["RNG.standard_normal((8, 16)).astype('f4')"],
                   head="RNG = np.random.Generator(np.random.PCG64(3))"),
        numpy_task("x * x", ["np.random.default_rng().standard_normal((8, 16)).astype('f4')"]),
    ),
    "unrepeatable_weights": (
        "note",
        numpy_task("x * self.w", init="self.w = np.float32(1) + W",
                   head="W = np.frombuffer(os.urandom(16), 'u1').astype('f4')"),
        numpy_task("x * self.w", init="self.w = np.random.rand(16).astype('f4')"),
    ),
    "changing_output_shapes": (
        "broken",
        numpy_task("x[x > 0]"),
        numpy_task("np.where(x > 0, x, np.float32(0))"),
    ),
    "changing_input_shapes": (
        "broken",
        numpy_task("np.tanh(x)", ["np.random.rand(np.random.randint(2, 99), 4).astype('f4')"]),
        numpy_task("np.tanh(x)", ["np.random.rand(9, 4).astype('f4')"]),
    ),
    "promoted_dtype": (
        "broken",
        numpy_task("x * np.float64(0.5)"),
        numpy_task("x * 0.5"),
    ),
    "promoted_dtype, wide inputs": (
        "broken",
        numpy_task("x + y", [X, "np.random.rand(8, 16).astype('f2')"],
                   before="y = y * np.ones(16)"),
        numpy_task("x * np.float64(0.5)", ["np.random.standard_normal((8, 16))"]),
    ),
    "promoted_inside": (
        "note",
        numpy_task("np.tanh(x * np.float64(0.5)).astype(np.float32)"),
        numpy_task("np.tanh(x * np.float32(0.5)).astype(np.float32)"),
    ),
    "writes_inputs": (
        "note",
        numpy_task("x * y", [X, Y], before="y += 1"),
        numpy_task("x * y", [X, Y], before="y = y + 1"),
    ),
    "writes_state": (
        "note",
        numpy_task("x * self.w", init="self.w = np.ones(16, np.float32)", before="self.w[0] += 1"),
        numpy_task("x * (self.w + 1)", init="self.w = np.ones(16, np.float32)"),
    ),
    "no_truth": (
        "broken",
        torch_task("(x + 1).numpy() if False else torch.from_numpy(x.numpy().astype('f4', "
                   "casting='no')) * 2"),
        torch_task("x * 2"),
    ),
    "empty_output": (
        "degenerate",
        numpy_task("x[:0] + 1"),
        numpy_task("x[:1] + 1"),
    ),
    "constant_output": (
        "degenerate",
        numpy_task("np.exp(x - x) * np.float32(2)"),
        numpy_task("np.exp(x - x + x * np.float32(1e-3)) * np.float32(2)"),
    ),
    "constant_output, softmax of one element": (
        "degenerate",
        torch_task("torch.softmax(x.sum(1, keepdim=True), dim=1)"),
        torch_task("torch.softmax(x, dim=1)"),
    ),
    "constant_output, a scalar": (
        "degenerate",
        numpy_task("np.float32(3) + 0 * x.sum()"),
        numpy_task("np.float32(3) + x.sum()"),
    ),
    "constant_output, integers": (
        "degenerate",
        numpy_task("x > 100"),
        numpy_task("x > 1"),
    ),
    "independent_output": (
        "degenerate",
        numpy_task("self.w * 2 + 0 * x", init="self.w = np.random.rand(16).astype('f4')"),
        numpy_task("self.w * 2 + x * np.float32(1e-3)",
                   init="self.w = np.random.rand(16).astype('f4')"),
    ),
    "fixed_inputs, no tensor": (
        "degenerate",
        numpy_task("self.w * x", ["3"], init="self.w = np.random.rand(16).astype('f4')"),
        numpy_task("x * y", ["3", X]),
    ),
    "fixed_inputs, integers": (
        "degenerate",
        numpy_task("x * 2 + np.arange(16)", ["np.arange(8 * 16).reshape(8, 16)"]),
        numpy_task("x * 2 + np.arange(16)", ["np.random.randint(0, 9, (8, 16))"]),
    ),
    "fixed_inputs": (
        "note",
        numpy_task("np.tanh(x)", ["np.linspace(-1, 1, 128, dtype='f4').reshape(8, 16)"]),
        numpy_task("np.tanh(x)"),
    ),
    "uniform_axis": (
        "degenerate",
        numpy_task(f"x * np.float32(0) + np.tanh({SUM})"),
        numpy_task(f"x * np.float32(1e-3) + np.tanh({SUM})"),
    ),
    "uniform_axis, integers": (
        "degenerate",
        numpy_task(f"np.floor({SUM}).astype('i8') + np.zeros(16, 'i8')"),
        numpy_task("(x.sum() > 0) & np.ones(2, bool)"),
    ),
    "uniform_axis, in its inputs": (
        "degenerate",
        numpy_task("np.tanh(x)", ["np.random.rand(8, 1).astype('f4') + np.zeros((8, 4), 'f4')"]),
        numpy_task("np.tanh(x)", ["np.random.rand(8, 1).astype('f4')"]),
    ),
    "uniform_axis, broadcast": (
        "note",
        torch_task("x.tanh()[:, None].expand(8, 4, 16)"),
        torch_task("x.tanh()[:, None].repeat(1, 4, 1) * torch.arange(1, 5)[None, :, None]"),
    ),
    "rounding_noise": (
        "degenerate",
        numpy_task("(e / e.sum(axis=1, keepdims=True)).sum(axis=1) - 1", before="e = np.exp(x)"),
        numpy_task("x * np.float32(1e-9)"),
    ),
    "decoy": (
        "degenerate",
        numpy_task("x * np.float32(1e-6) + np.float32(1)"),
        numpy_task("x * np.float32(1e-2) + np.float32(1)"),
    ),
    "unused_input": (
        "note",
        numpy_task("np.tanh(x) + y", [X, Y, X]),
        numpy_task("np.tanh(x) + y + z * np.float32(1e-3)", [X, Y, X]),
    ),
    "unused_input, read for nothing": (
        "note",
        torch_task("x[0] + 0 * x[1]", "[torch.randn(2, 8)]").replace(
            "forward(self, x)", "forward(self, x, y)").replace(
            "x[1]", "y[1]").replace("torch.randn(2, 8)", "torch.randn(2, 8), torch.randn(2, 8)"),
        torch_task("x[0] + x[1]", "[torch.randn(2, 8)]"),
    ),
    "small_outputs": (
        "note",
        numpy_task("np.tanh(x) * np.float32(1e-3)"),
        numpy_task("np.tanh(x) * np.float32(2e-2)"),
    ),
    "identity": (
        "note",
        numpy_task("x * np.float32(1)"),
        numpy_task("x * np.float32(1.001)"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_every_kind_is_found_and_its_near_miss_is_not(name: str) -> None:
    kind = name.partition(",")[0]
    severity, source, near_miss = CASES[name]
    found = audited(source)
    assert str(the(found, kind).severity) == severity, found
    assert found.verdict == {"note": "sound"}.get(severity, severity), found
    json.dumps(found.to_dict(), allow_nan=False)
    missed = audited(near_miss)
    assert kind not in kinds(missed), missed
    if kind != "infinite_mask":  # data-dependent infinities are an overflow, and broken
        assert missed.verdict == "sound", missed


RAISING = {
    "syntax": "import numpy as np\nclass Model(:\n",
    "module_raises": "import numpy as np\n1 / 0\n",
    "no_model": "import numpy as np\ndef get_inputs():\n    return []\n",
    "no_get_inputs": numpy_task("x").replace("get_inputs", "make_inputs"),
    "init_raises": numpy_task("x", init="1 / 0"),
    "inputs_raise": numpy_task("x", ["1 / 0"]),
    "inputs_not_tensors": numpy_task("x", ["'text'"]),
    "forward_raises": numpy_task("x @ x"),
    "outputs_not_tensors": numpy_task("{'a': object()}"),
}


@pytest.mark.parametrize("check", RAISING)
def test_what_raises_is_broken_at_its_line(check: str) -> None:
    found = audited(RAISING[check])
    assert found.verdict == "broken"
    text = the(found, check).text
    assert "task.py" in text and "Traceback" not in text
    if check in ("syntax", "module_raises"):
        assert "task.py:2" in text
    elif check == "forward_raises":
        assert "task.py:9" in text


def test_it_may_raise_for_one_seed_only() -> None:
    never = audited(numpy_task("x", before="assert np.isfinite(x).all()"))
    assert never.verdict == "sound"
    found = audited(numpy_task("x * 2", before="assert x[0, 0] > 0, 'negative'"))
    assert found.verdict == "broken" and kinds(found) == {"forward_raises"}


def test_endless_and_dying_tasks_are_broken() -> None:
    endless = numpy_task("x", before="while True: pass")
    assert kinds(audited(endless, wall_s=1.5)) == {"never_ends"}
    dying = numpy_task("x", before="os._exit(3)")
    assert kinds(audited(dying)) == {"dies"}


def test_a_task_that_dies_late_keeps_what_was_found() -> None:
    """It answers its own inputs and dies of the judge's zeros."""
    found = audited(numpy_task("np.tanh(x) * y", [X, Y], before="x.any() or os._exit(3)"))
    assert found.verdict == "broken" and "dies" in kinds(found)
    assert found.facts["outputs"][0]["dtype"] == "float32"


def test_evidence_has_the_numbers() -> None:
    nan = the(audited(CASES["not_finite"][1]), "not_finite")
    assert 0.02 < nan.evidence["nan_share"] < 0.6 and nan.evidence["output"] == 0
    decoys = [f for f in audited(CASES["decoy"][1]).findings if f.kind == "decoy"]
    (decoy,) = [f for f in decoys if f.evidence["decoy"] == "constant mean"]
    assert 0 < decoy.evidence["error"] <= decoy.evidence["limit"]
    uniform = the(audited(CASES["uniform_axis, in its inputs"][1]), "uniform_axis")
    assert uniform.evidence["axes"] == [1] and uniform.evidence["under_gaussian"] is False
    unused = the(audited(CASES["unused_input"][1]), "unused_input")
    assert unused.evidence == {"input": 2, "read": False}


def test_one_weak_output_of_two_is_a_note() -> None:
    found = audited(numpy_task("(np.tanh(x), np.float32(2) + 0 * y)", [X, Y]))
    assert found.verdict == "sound"
    assert the(found, "constant_output").evidence["output"] == 1
    both = audited(numpy_task("(np.tanh(x) * 0, np.zeros((8, 16), 'f4') + x.sum())"))
    assert both.verdict == "degenerate" and {"constant_output", "uniform_axis"} <= kinds(both)


def test_weak_outputs_decide_together() -> None:
    one, two = (Finding("k", Severity.DEGENERATE, "", outputs=(i,)) for i in range(2))
    assert {f.severity for f in settled([one], 2)} == {Severity.NOTE}
    assert {f.severity for f in settled([one, two], 2)} == {Severity.DEGENERATE}
    whole = Finding("k", Severity.DEGENERATE, "")
    assert settled([whole, one], 2)[0].severity is Severity.DEGENERATE


def test_the_facts_of_a_sound_task() -> None:
    found = audited(
        torch_task("torch.log_softmax(self.f(x), 1)", init="self.f = torch.nn.Linear(16, 4)")
    )
    assert found.verdict == "sound" and not found.findings, found
    facts = found.facts
    assert facts["inputs"][0]["shape"] == [8, 16] and facts["outputs"][0]["bytes"] == 8 * 4 * 4
    assert 0 < facts["outputs"][0]["reference_error"] < 1e-6
    assert facts["state"] == {
        "parameters": 2, "buffers": 0, "dtypes": ["float32"], "bytes": 4 * (16 * 4 + 4)
    }  # fmt: skip
    assert facts["work"]["captured"] and facts["work"]["flops"] >= 2 * 8 * 16 * 4
    assert facts["policy"]["cuda_matmul_allow_tf32"] is False
    laws = facts["laws"]
    assert {"gaussian", "special", "random_weights", "misaligned"} <= set(laws["defined"])
    assert not laws["undefined"] and not laws["notes"]
    assert facts["sensitivity"]["outputs_change"] and facts["sensitivity"]["relative_change"] > 0.1
    refused = {d["decoy"] for d in facts["decoys"] if d["counts"] and not d["passes"]}
    assert {"zeros", "constant mean", "the previous output", "lower precision"} <= refused


def test_laws_under_which_the_reference_is_undefined_are_named() -> None:
    positive = "(np.random.rand(8, 16) + 1).astype('f4')"
    laws = audited(numpy_task("np.log(x)", [positive])).facts["laws"]
    assert "not finite" in laws["undefined"]["gaussian"] and "uniform" in laws["defined"]
    assert "not finite" in laws["undefined"]["zeros"]
    raising = numpy_task("np.tanh(x)", [positive], before="assert (x > 0).all(), 'negative'")
    why = audited(raising).facts["laws"]["undefined"]["gaussian"]
    assert "negative" in why and "raises" in why


def test_zeros_that_are_the_answer_are_no_rounding() -> None:
    found = audited(numpy_task("np.zeros((), np.float32)", ["np.zeros((0, 3), 'f4')"]))
    assert kinds(found) == {"fixed_inputs", "unused_input"}


def test_half_and_complex_tasks_are_judged_in_their_own_precision() -> None:
    half = "[torch.randn(8, 64, dtype=torch.bfloat16)]"
    assert audited(torch_task("torch.softmax(x, 1)", half)).verdict == "sound"
    found = audited(torch_task("x * 1e-4 + 1", half))
    assert found.verdict == "degenerate" and "constant_output" in kinds(found)
    waves = audited(torch_task("torch.fft.fft(x)"))
    assert waves.verdict == "sound" and waves.facts["outputs"][0]["dtype"] == "complex64"
    assert "constant_output" in kinds(audited(torch_task("torch.complex(x * 0, x * 0 + 2)")))


def test_the_same_audit_says_the_same_again() -> None:
    one, two = (audited(CASES["rounding_noise"][1]).to_dict() for _ in range(2))
    assert one == two


def test_the_judge_says_the_same_of_a_degenerate_task() -> None:
    spec = TaskSpec("t", CASES["uniform_axis"][1], "numpy", Target("cpu", "x86_64"), path="t.py")
    with ReferenceProcess(spec) as reference:
        (reason,) = degeneracy(reference)
        assert "uniform along axis 1" in reason
        assert [f.kind for f in audit(reference).findings] == ["uniform_axis"]
