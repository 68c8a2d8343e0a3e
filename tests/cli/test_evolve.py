"""``kernelwright evolve`` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Run


@pytest.mark.heavy
def test_evolve_ends_with_a_table_and_says_what_was_tried(kw: Run, good: Path) -> None:
    ran = kw("evolve", good, "--rounds", 1, "--parallel", 1, "--wall", 30, timeout=300)
    assert ran.code == 0, ran.err
    assert "Traceback" not in ran.err
    assert "kernels tried in" in ran.out and "report: " in ran.out
