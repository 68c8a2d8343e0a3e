from __future__ import annotations

import pytest

from kernelwright.errors import UnknownNameError, UnsupportedError
from kernelwright.verify.timing.baselines import BASELINES, check_baselines, expand


def test_what_auto_and_all_stand_for() -> None:
    assert expand(("auto",), "torch", "cpu") == ("eager", "compile")
    assert expand(("all",), "torch", "cpu") == ("eager", "compile", "max-autotune")
    assert expand(("auto",), "torch", "cuda") == ("eager", "compile", "cudagraph")
    assert set(expand(("all",), "torch", "cuda")) == set(BASELINES)
    assert expand(("all",), "numpy", "cpu") == ("eager",)
    # asked for by name: it stays, and is reported
    assert expand(("cudagraph",), "numpy", "cpu") == ("eager", "cudagraph")
    assert expand(("compile", "auto"), "torch", "cpu") == ("eager", "compile")


def test_names_are_checked() -> None:
    assert check_baselines(("auto",)) == ("eager", "auto")
    with pytest.raises(UnknownNameError, match="max-autotune"):
        check_baselines(("max-autotun",))


@pytest.mark.parametrize("name", [n for n, b in BASELINES.items() if b.frameworks])
def test_what_needs_torch_says_so(name: str) -> None:
    with pytest.raises(UnsupportedError, match="numpy"):
        BASELINES[name].make("numpy", lambda: None)
