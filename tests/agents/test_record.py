from __future__ import annotations

import pytest

from kernelwright.agents.record import ActionType, ParsedCode
from kernelwright.backends import IMPL_TYPES


def test_action_names_are_those_of_the_reference_system() -> None:
    assert [a.value for a in ActionType] == [
        "DoDesigner", "FixDesigner", "DoCoder", "FixCoder", "DoCoderDirect", "Verify", "Exit",
    ]  # fmt: skip


def test_truth_and_attributes() -> None:
    assert not ParsedCode()
    assert ParsedCode(aul_code="x")
    assert ParsedCode(triton_code="k").kernel("triton") == "k"
    assert ParsedCode().kernel("triton") == ""


@pytest.mark.parametrize("impl_type", IMPL_TYPES)
def test_every_impl_type_has_its_place(impl_type: str) -> None:
    codes = ParsedCode().with_kernel(impl_type, "text")
    assert codes.kernel(impl_type) == "text"
    assert codes.impl_types() == [impl_type]


def test_no_place_for_others() -> None:
    with pytest.raises(ValueError, match="fortran"):
        ParsedCode().with_kernel("fortran", "text")
