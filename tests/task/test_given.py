from __future__ import annotations

import pytest

from kernelwright.agents.record import ParsedCode
from kernelwright.schema import Target, TaskSpec
from kernelwright.task.given import candidate_from, with_entry

SPEC = TaskSpec("relu", "", "torch", Target("cpu", "x86_64"), "triton")


def test_functions_in_the_reference_systems_spelling_become_kernels() -> None:
    code = "def relu_triton_torch(x):\n    return x + 1\n"
    candidate = candidate_from(ParsedCode(triton_code=code), SPEC)
    names: dict[str, object] = {}
    exec(candidate.source, names)
    assert names["kernel"](1) == 2  # type: ignore[operator]
    assert candidate.impl_type == "triton"


def test_other_names_can_be_given() -> None:
    candidate = candidate_from(ParsedCode(triton_code="def mine(x): return x"), SPEC, "mine")
    assert candidate.source.endswith("kernel = mine\n")


@pytest.mark.parametrize(
    "source",
    [
        "class ModelNew: pass\ndef relu_triton_torch(x): pass",
        "def kernel(x): return x",
        "def other(x): return x",
        "def broken(",
    ],
)
def test_all_else_is_left_to_the_judge(source: str) -> None:
    assert with_entry(source, "relu_triton_torch") == source


def test_nothing_to_verify() -> None:
    with pytest.raises(ValueError, match="no triton code"):
        candidate_from(ParsedCode(cpp_code="x"), SPEC)
