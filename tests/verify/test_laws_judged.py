"""Candidates that only one law, or one rule beside the values, finds out; through the Verifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from kernelwright.schema import Candidate, Evaluation, Status, Target, TaskSpec
from kernelwright.verify.reference.process import ReferenceProcess
from kernelwright.verify.verifier import Verifier

pytest.importorskip("torch")

NORM = """
import torch

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = torch.nn.LayerNorm(48)
        self.linear = torch.nn.Linear(48, 16)

    def forward(self, x):
        return self.linear(torch.relu(self.norm(x)))

def get_inputs():
    return [torch.randn(40, 48)]
"""

IN_PLACE = """
import torch

class Model(torch.nn.Module):
    def forward(self, x, y):
        x.mul_(2).add_(y)
        return x.sum(dim=1), x

def get_inputs():
    return [torch.randn(16, 48), torch.randn(16, 48)]
"""

DYNAMIC = """
import torch

class Model(torch.nn.Module):
    def forward(self, x):
        return torch.softmax(x, dim=-1)

def get_inputs():
    return [torch.randn(32, 64)]

def get_inputs_dyn_list():
    return [[torch.randn(8, 16)], [torch.randn(32, 64)], [torch.randn(100, 200)]]
"""


def task(source: str) -> TaskSpec:
    return TaskSpec("task", source, "torch", Target("cpu", "x86_64"), path="task.py")


def edited(source: str, old: str = "", new: str = "", tail: str = "") -> Candidate:
    assert old in source
    text = source.replace(old, new) if old else source
    return Candidate({"kernel.py": (text.replace("Model(", "ModelNew(") + tail).encode()})


def judged(source: str, candidates: Mapping[str, Candidate]) -> dict[str, Evaluation]:
    spec = task(source)
    with ReferenceProcess(spec) as reference:
        found = Verifier(reference, wall_s=60).verify_all(spec, list(candidates.values()))
    return dict(zip(candidates, found))


@pytest.fixture(scope="module")
def norm() -> Iterator[dict[str, Evaluation]]:
    plain = "torch.nn.functional.layer_norm(x, (48,))"
    yield judged(
        NORM,
        {
            "the same": edited(NORM),
            "no affine terms": edited(NORM, "self.norm(x)", plain),
            "weights by value": edited(
                NORM,
                "        return self.linear(",
                "        if not hasattr(torch, 'kept'):\n"
                "            torch.kept = self.linear.weight.clone()\n"
                "        self.linear.weight.copy_(torch.kept)\n"
                "        return self.linear(",
            ),
            "bias left out": edited(
                NORM, "self.linear(torch", "torch.nn.functional.linear(weight=self.linear.weight, "
                "bias=self.linear.bias.abs() * self.linear.bias.sign(), input=torch"
            ),
            "all of one NaN": edited(
                NORM, "return self.linear(", "return (x.sum() * 0).nan_to_num(1) * 0 + self.linear("
            ),
            "NaN spreads": edited(NORM, "return self.linear(", "return x.sum() * 0 + self.linear("),
            "NaN to zero": edited(
                NORM, "torch.relu(self.norm(x))", "torch.nan_to_num(torch.relu(self.norm(x)))"
            ),
            "NaN spreads, and says so": edited(
                NORM,
                "return self.linear(",
                "return x.sum() * 0 + self.linear(",
                'ASSUMES = ("finite_inputs",)\n',
            ),
            "assumes what nobody knows": edited(NORM, tail='ASSUMES = ("good_luck",)\n'),
            "view only": edited(NORM, "self.norm(x)", "self.norm(x.view(-1).view(40, 48))"),
        },
    )  # fmt: skip


def test_honest_variants_pass_under_every_law(norm: dict[str, Evaluation]) -> None:
    for name in ("the same", "bias left out", "all of one NaN", "NaN to zero", "NaN spreads"):
        found = norm[name]
        assert found.passed, found
        assert found.error is not None and "random_weights" in found.error.laws
    assert norm["the same"].policy["default_dtype"] == "float32"
    assert "accumulate_dtype" in norm["the same"].policy


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("no affine terms", "random_weights"),
        ("weights by value", "random_weights"),
    ],
)
def test_only_one_law_finds_it(norm: dict[str, Evaluation], name: str, law: str) -> None:
    found = norm[name]
    assert found.status is Status.WRONG_VALUE, found
    assert f"(law {law}, seed " in found.reason


def test_a_number_where_the_reference_has_nan_is_refused_without_products() -> None:
    source = NORM.replace("self.linear(torch.relu(self.norm(x)))", "torch.relu(self.norm(x))")
    kernel = "torch.relu(self.norm(x))"
    found = judged(
        source,
        {
            "the same": edited(source),
            "NaN to zero": edited(source, kernel, f"torch.nan_to_num({kernel})"),
            "NaN spreads": edited(source, kernel, f"x.sum() * 0 + {kernel}"),
        },
    )
    assert found["the same"].passed and not found["the same"].notes
    assert found["NaN spreads"].passed and "--strict-ieee" in str(found["NaN spreads"].notes)
    silent = found["NaN to zero"]
    assert (silent.status, silent.check) == (Status.WRONG_VALUE, "not_finite"), silent
    assert "(law special, seed " in silent.reason and "finite_inputs" in silent.reason


def test_other_nan_than_the_reference_s_are_told_and_refused_when_strict(
    norm: dict[str, Evaluation],
) -> None:
    notes = {name: any("--strict-ieee" in n for n in found.notes) for name, found in norm.items()}
    assert notes["NaN to zero"] and notes["NaN spreads"]
    assert not notes["the same"] and not notes["all of one NaN"]
    spec = task(NORM)
    kernel = edited(NORM, "torch.relu(self.norm(x))", "torch.nan_to_num(torch.relu(self.norm(x)))")
    with ReferenceProcess(spec) as reference:
        verifier = Verifier(reference, wall_s=60, strict_ieee=True)
        found = verifier.verify(spec, kernel)
    assert (found.status, found.check) == (Status.WRONG_VALUE, "not_finite"), found


def test_a_call_that_fails_on_another_layout_is_its_fault(norm: dict[str, Evaluation]) -> None:
    found = norm["view only"]
    assert (found.status, found.check) == (Status.RUNTIME_ERROR, "call_raised"), found
    assert "law non_contiguous" in found.reason


def test_what_a_kernel_assumes_is_left_out_and_said(norm: dict[str, Evaluation]) -> None:
    found = norm["NaN spreads, and says so"]
    assert found.passed, found
    assert "the kernel assumes finite inputs: not checked under special" in found.notes
    unknown = norm["assumes what nobody knows"]
    assert (unknown.status, unknown.check) == (Status.WRONG_STRUCTURE, "assumes")


def test_a_reference_that_does_not_take_a_layout_drops_the_law() -> None:
    source = NORM.replace("self.norm(x)", "self.norm(x.view(-1).view(40, 48))")
    found = judged(source, {"raises too": edited(source), "does not": edited(NORM)})
    for each in found.values():
        assert each.passed, each
        assert any(note.startswith("law non_contiguous dropped") for note in each.notes)


def test_a_candidate_that_dies_where_the_reference_raises_is_started_again() -> None:
    source = NORM.replace("self.norm(x)", "self.norm(x.view(-1).view(40, 48))")
    dies = edited(
        NORM,
        "        return self",
        "        import os\n        x.is_contiguous() or os._exit(3)\n        return self",
    )
    found = judged(source, {"dies": dies})["dies"]
    assert found.passed, found


def test_inputs_that_the_reference_writes_to_are_outputs() -> None:
    found = judged(
        IN_PLACE,
        {
            "the same": edited(IN_PLACE),
            "in other steps": edited(IN_PLACE, "x.mul_(2).add_(y)", "x.copy_(x + x + y)"),
            "not in place": edited(IN_PLACE, "x.mul_(2).add_(y)", "x = x * 2 + y"),
            "wrong in place": edited(IN_PLACE, ", x\n", ", x.clone() + x.mul_(0)\n"),
            "writes to the other too": edited(
                IN_PLACE, "x.mul_(2).add_(y)", "x.mul_(2).add_(y); y.zero_()"
            ),
        },
    )
    assert found["the same"].passed, found["the same"]
    assert found["in other steps"].passed, found["in other steps"]
    for name in ("not in place", "wrong in place"):
        assert found[name].status is Status.WRONG_VALUE, found[name]
        assert "input 0 after the call" in found[name].reason
    assert found["writes to the other too"].check == "input_mutated"


def test_outputs_that_are_an_input_or_one_buffer_for_all_calls() -> None:
    source = NORM.replace("self.linear(torch.relu(self.norm(x)))", "x * 1")
    kept = edited(
        source,
        "        return x * 1",
        "        self.out = x * 1 if not hasattr(self, 'out') else self.out.copy_(x)\n"
        "        return self.out",
    )
    found = judged(
        source, {"x": edited(source, "x * 1", "x"), "half": edited(source, "x * 1", "x[:]"),
                 "one buffer": kept, "fresh": edited(source, "x * 1", "x.clone()")},
    )  # fmt: skip
    assert found["fresh"].passed, found["fresh"]
    assert found["x"].check == found["half"].check == "output_aliases_input"
    assert found["one buffer"].check == "output_reused", found["one buffer"]
    assert all(f.status is Status.REJECTED for n, f in found.items() if n != "fresh")


def test_a_view_is_right_where_the_reference_gives_one() -> None:
    source = NORM.replace("self.linear(torch.relu(self.norm(x)))", "x.transpose(0, 1)")
    found = judged(source, {"the same": edited(source)})["the same"]
    assert found.passed, found


def test_declared_sizes_and_sizes_off_a_border_are_tried() -> None:
    fixed = "        assert x.shape == (32, 64)\n        return torch.softmax"
    tail = (
        "        n = x.shape[-1] // 8 * 8\n"
        "        e = torch.exp(x - x.amax(-1, keepdim=True))\n"
        "        return e / (e[:, :n].sum(-1, keepdim=True))"
    )
    kernel = "        return torch.softmax(x, dim=-1)"
    found = judged(
        DYNAMIC,
        {
            "any size": edited(DYNAMIC),
            "one size": edited(DYNAMIC, "        return torch.softmax", fixed),
            "one size, and says so": edited(
                DYNAMIC, "        return torch.softmax", fixed, 'ASSUMES = ("static_shapes",)\n'
            ),
            "whole vectors only": edited(DYNAMIC, kernel, tail),
        },
    )
    passed = found["any size"]
    assert passed.passed, passed
    assert passed.error is not None
    assert {"dynamic_sizes", "border_sizes"} <= set(passed.error.laws)
    assert found["one size"].check == "call_raised" and "dynamic_sizes" in found["one size"].reason
    said = found["one size, and says so"]
    assert said.passed and any("static shapes" in note for note in said.notes), said
    wrong = found["whole vectors only"]
    assert wrong.status is Status.WRONG_VALUE and "border_sizes" in wrong.reason, wrong


def test_linear_kernels_are_checked_bit_for_bit() -> None:
    source = NORM.replace("torch.relu(self.norm(x))", "x")
    nearly = "self.linear(x) * (1 + 2.0**-23)"
    found = judged(
        source,
        {
            "transposed": edited(
                source, "self.linear(x)", "(self.linear.weight @ x.t()).t() + self.linear.bias"
            ),
            "a rounding off": edited(source, "self.linear(x)", nearly),
        },
    )
    assert found["transposed"].passed, found["transposed"]
    assert found["a rounding off"].check == "exact_integers", found["a rounding off"]


def test_indices_may_differ_where_values_tie() -> None:
    source = NORM.replace("self.linear(torch.relu(self.norm(x)))", "torch.argmax(x, dim=1)")
    last = "47 - torch.argmax(x.flip(1), dim=1)"
    found = judged(
        source,
        {
            "the last of equals": edited(source, "torch.argmax(x, dim=1)", last),
            "the second": edited(
                source, "torch.argmax(x, dim=1)", "x.topk(2, dim=1).indices[:, 1]"
            ),
        },
    )
    assert found["the last of equals"].passed, found["the last of equals"]
    assert found["the second"].status is Status.WRONG_VALUE


SATURATED = NORM.replace("self.linear(torch.relu(self.norm(x)))", "self.norm(torch.tanh(x))")


def test_an_error_like_the_reference_s_own_is_not_refused_for_its_luck() -> None:
    """Under "offset" tanh is 1 but for a few roundings, which the norm then divides by."""
    half = "torch.tanh(x * 0.5)"
    other = f"self.norm(2 * {half} / (1 + {half} * {half}))"
    lower = "self.norm(torch.tanh(x.bfloat16()).float())"
    found = judged(
        SATURATED,
        {
            "by half the angle": edited(SATURATED, "self.norm(torch.tanh(x))", other),
            "lower precision": edited(SATURATED, "self.norm(torch.tanh(x))", lower),
        },
    )
    assert found["lower precision"].status is Status.WRONG_VALUE
    assert found["by half the angle"].passed, found["by half the angle"]
