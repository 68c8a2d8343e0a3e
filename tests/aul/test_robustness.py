"""Broken programs end in AULError or diagnostics, never in another exception; the page is true."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernelwright.aul import check, evaluate, interpret, parse, print_program, resolve
from kernelwright.aul.dtypes import DTYPES
from kernelwright.aul.rules import OPS_OF_FAMILY, SIGNATURES
from kernelwright.aul.syntax import Program
from kernelwright.errors import AULError

from .programs_strategy import programs

TEXTS = [path.read_text() for path in sorted((Path(__file__).parent / "programs").glob("*.aul"))]
TOKEN = re.compile(r"\w+|[^\w\s]|\n")
PAGE = Path(__file__).parents[2] / "docs" / "aul.md"


def kind(token: str) -> str:
    return "name" if token.isidentifier() else "number" if token.isdigit() else token


def body_of(text: str) -> int:
    """Where the first kernel's statements start: the prose before them needs no damage."""
    return text.index("\n    ", text.index("):\n")) if "):\n" in text else 0


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A sample program with a few tokens replaced, mostly by others of their kind, or dropped."""
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 2))):
        tokens = [m for m in TOKEN.finditer(text, body_of(text)) if not m.group().isspace()]
        old = draw(st.sampled_from(tokens))
        alike = sorted({m.group() for m in tokens if kind(m.group()) == kind(old.group())})
        if old.group() in "+-*%<":
            alike = ["+", "-", "*", "//", "%"]
        others = ["", "0", "-1", "x"] if draw(st.integers(0, 5)) == 0 else alike
        text = text[: old.start()] + draw(st.sampled_from(others)) + text[old.end() :]
    return text


# the contents of workspaces, and the results of library calls
LEFT_TO_THE_RUN = (
    "nothing has been written",
    "is not all written",
    " gave 0 results",
    " gives float",
)


def library(op: str, arrays: list[np.ndarray], attributes: object) -> tuple[np.ndarray, ...]:
    """A matrix product where the operands allow one, whatever the op's name has become."""
    a, b = arrays[0], arrays[-1]
    return (a @ b,) if a.ndim == b.ndim == 2 and a.shape[1] == b.shape[0] else ()


def small_inputs(program: Program) -> list[np.ndarray] | None:
    """Arrays for the host's inputs at the default sizes; None when they are not declared."""
    env = resolve(program)
    inputs = [p for p in program.host.params if not p.output]
    if any(p.shape is None or p.dtype is None for p in inputs):
        return None
    shapes = [tuple(evaluate(e, env) for e in p.shape or ()) for p in inputs]
    if any(min(shape, default=1) < 0 or np.prod(shape) > 10_000 for shape in shapes):
        return None
    return [np.ones(s, DTYPES[p.dtype or ""]) for s, p in zip(shapes, inputs)]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_damaged_text(text: str) -> None:
    try:
        program = parse(text)
    except AULError as error:
        assert error.line >= 1 and error.column >= 1
        return
    assert parse(print_program(program)) == program
    problems = check(program)
    if any(d.severity == "error" for d in problems):
        return  # it may ask for any amount of memory
    inputs = small_inputs(program)
    if inputs is None:
        return
    try:
        interpret(program, inputs, calls=library)
    except AULError as error:  # what the checker leaves to the run, or has warned of
        left = any(word in error.message for word in LEFT_TO_THE_RUN)
        assert left or problems, error


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_check_never_raises(program: Program) -> None:
    for diagnostic in check(program):
        assert diagnostic.severity in ("error", "warning") and diagnostic.message


def test_the_example_of_the_page() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    (example,) = [block for block in blocks if "@sub_kernel" in block]
    assert print_program(parse(example)) == example
    assert check(parse(example)) == []


def test_the_page_names_every_operation() -> None:

    words = set(re.findall(r"\w+", PAGE.read_text()))
    for family, ops in OPS_OF_FAMILY.items():
        assert family in words and set(ops) <= words
    assert set(SIGNATURES) <= words
