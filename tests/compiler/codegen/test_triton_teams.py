"""Programs that wait for their team, as the Triton printer writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kernelwright.aul import parse
from kernelwright.compiler.codegen.cpp import PRINTER as CPP
from kernelwright.compiler.codegen.triton import PRINTER
from kernelwright.compiler.design import Binding, Design, OutputSpec
from kernelwright.dsl.triton import check_source, compile_many
from kernelwright.errors import UnsupportedError
from kernelwright.schema import Target
from kernelwright.testing.interpreted import Case, run_interpreted

GPU = Target("cuda", "sm_90")
CENTRED = (Path(__file__).parents[2] / "aul" / "teams" / "centred.aul").read_text()
DESIGN = Design(
    parse(CENTRED), (Binding("x", "input", 0),), (OutputSpec("out", (3, 100), "float32"),),
    "tuple", 1,
)  # fmt: skip


def test_interpreted_programs_are_launched_twice() -> None:
    cases = {}
    for rows, columns in ((3, 100), (1, 64), (2, 7)):
        x = np.random.default_rng(0).standard_normal((rows, columns)).astype(np.float32)
        cases[f"{rows}x{columns}"] = Case(PRINTER.print(DESIGN, GPU, "torch", {}), [x])
    for name, found in run_interpreted(cases).items():
        assert isinstance(found, list), found
        x = cases[name].inputs[0]
        np.testing.assert_allclose(found[0], x - x.mean(1, keepdims=True), atol=1e-6)


def test_compiled_programs_draw_numbers_and_wait() -> None:
    text = PRINTER.print(DESIGN, GPU, "torch", {}).files["kernel.py"].decode()
    assert check_source(text) == []
    assert "core = _ticket(arrivals, TOGETHER)" in text
    assert "_team_barrier(arrivals, core // TEAM, TEAM, TOGETHER)" in text
    (report,) = compile_many([(PRINTER.print(DESIGN, GPU, "torch", {}), None)])
    (kernel,) = report.kernels
    ptx = kernel.asm["ptx"]
    before, _, after = ptx.partition(".release.")
    assert "atom.global.gpu.relaxed.add" in before  # the program's number
    assert ".acquire." in after and "ld.global.cg" in after  # what others have stored


def test_on_a_cpu_cores_do_not_wait() -> None:
    with pytest.raises(UnsupportedError, match="team_barrier"):
        CPP.print(DESIGN, Target("cpu", "x86_64"), "torch", {})
