"""Whole AUL programs through the Triton printer: against AUL's interpreter, and on to sm_90."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from kernelwright.aul import evaluate, interpret, parse, resolve
from kernelwright.compiler.codegen.triton import PRINTER
from kernelwright.compiler.design import Binding, Design, OutputSpec
from kernelwright.dsl.triton import check_source, compile_many
from kernelwright.schema import Candidate, Target
from kernelwright.testing.interpreted import Case, InterpreterError, run_interpreted

PROGRAMS = Path(__file__).parents[2] / "aul" / "programs"
NAMES = sorted(p.stem for p in PROGRAMS.glob("*.aul"))
TARGET = Target("cuda", "sm_90")


def design_of(name: str) -> Design:
    program = parse((PROGRAMS / f"{name}.aul").read_text())
    values = resolve(program)
    inputs = [p for p in program.host.params if not p.output]
    outputs = tuple(
        OutputSpec(p.name, tuple(evaluate(e, values) for e in p.shape or ()), p.dtype or "float32")
        for p in program.host.params
        if p.output
    )
    bindings = tuple(Binding(p.name, "input", i) for i, p in enumerate(inputs))
    return Design(program, bindings, outputs, "tuple", len(inputs))


def candidate_of(name: str, **parameters: int) -> Candidate:
    return PRINTER.print(design_of(name), TARGET, "torch", parameters)


def inputs_of(name: str, sizes: dict[str, int], seed: int) -> list[np.ndarray]:
    program = design_of(name).program
    values, rng = resolve(program, sizes), np.random.default_rng(seed)
    kinds: dict[str, Any] = {"float32": np.float32, "bfloat16": ml_dtypes.bfloat16}
    return [
        rng.standard_normal([evaluate(e, values) for e in p.shape or ()]).astype(
            kinds[p.dtype or "float32"]
        )
        for p in program.host.params
        if not p.output
    ]


SIZES = ({}, {"M": 32, "N": 128}, {"M": 7, "N": 33}, {"M": 1, "N": 5})
CASES = {
    f"{name}-{i}": Case(candidate_of(name), inputs_of(name, sizes, i))
    for name in NAMES
    for i, sizes in enumerate(SIZES)
}
TUNED = {"softmax": {"CORES": 1}, "swish": {"BLOCK": 256}, "row_sum_column_max": {"TN": 64}}
CASES |= {
    f"{name}-tuned": Case(candidate_of(name, **tunables), inputs_of(name, {}, 9))
    for name, tunables in TUNED.items()
}


@pytest.fixture(scope="module")
def results() -> dict[str, list[np.ndarray] | InterpreterError]:
    pytest.importorskip("triton")
    return run_interpreted(CASES)


def product(arrays: list[np.ndarray], attributes: dict[str, Any]) -> list[np.ndarray]:
    return [arrays[0] @ arrays[1]]


@pytest.mark.parametrize("case", list(CASES))
def test_agrees_with_the_interpreter_of_aul(
    case: str, results: dict[str, list[np.ndarray] | InterpreterError]
) -> None:
    outputs, name = results[case], case.split("-")[0]
    assert not isinstance(outputs, InterpreterError), str(outputs)
    inputs = list(CASES[case].inputs)
    tunables = TUNED[name] if case.endswith("tuned") else {}
    wanted = interpret(
        design_of(name).program, inputs, tunables=tunables, calls={"aten.mm.default": product}
    )
    assert len(outputs) == len(wanted)
    for got, want in zip(outputs, wanted):
        assert got.dtype == want.dtype
        unit = 2.0**-8 if got.dtype == ml_dtypes.bfloat16 else 2.0**-24
        a, b = got.astype(np.float64), want.astype(np.float64)
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=4 * unit, atol=40 * unit * max(1, np.abs(b).max()))


@pytest.mark.parametrize("name", NAMES)
def test_passes_its_own_static_checks(name: str) -> None:
    source = candidate_of(name).source
    assert check_source(source) == []
    assert set(re.findall(r"^import (\w+)", source, re.M)) <= {"functools", "os", "torch", "triton"}
    assert "kernelwright" not in source


def test_every_program_compiles_for_sm_90() -> None:
    pytest.importorskip("triton")
    reports = compile_many([(candidate_of(name), None) for name in NAMES])
    for name, report in zip(NAMES, reports):
        assert len(report.kernels) == len(design_of(name).program.kernels), name
        assert all(k.stack_bytes in (None, 0) for k in report.kernels), f"{name} spills registers"


def accesses(ptx: str) -> set[str]:
    """Widths of global loads and stores: v4.b32 is 16 bytes."""
    found = re.findall(r"\b(?:ld|st)\.global\S*?\.(v\d\.b\d+|b\d+)", ptx)
    return set(found)


def test_full_tiles_use_16_byte_accesses_without_masks() -> None:
    pytest.importorskip("triton")
    shapes = [((1024, 1024),), ((1023, 1028),), ((2048, 2048),)]
    swish, odd, softmax = compile_many(
        [
            (candidate_of("swish"), shapes[0]),
            (candidate_of("swish"), shapes[1]),
            (candidate_of("softmax"), shapes[2]),
        ]
    )
    full = swish.kernels[0].asm
    assert accesses(full["ptx"]) == {"v4.b32"}
    assert not re.search(r"tt\.load %\w+, %\w+", full["ttir"]), "the mask did not fold away"
    # A tail: still 16 bytes, because 4 divides the size.
    assert accesses(odd.kernels[0].asm["ptx"]) == {"v4.b32"}
    assert accesses(softmax.kernels[0].asm["ptx"]) == {"v4.b32"}


@pytest.mark.parametrize("name", ["swish", "softmax"])
def test_source(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"{name}.triton.py.txt", candidate_of(name).source)
