"""Printing: the inverse of parsing, a fixed point, lines within the limit."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from kernelwright.aul import parse, print_program
from kernelwright.aul import syntax as s
from kernelwright.aul.syntax import Program

from .programs_strategy import programs

EMPTY = s.Host("host", (), ())


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_parse_inverts_print(program: Program) -> None:
    text = print_program(program)
    again = parse(text)
    assert again == program
    assert print_program(again) == text


def test_long_lines_wrap() -> None:
    names = [f"quite_a_long_tensor_name_{i}" for i in range(6)]
    params = tuple(s.Param(n, "float32", (s.Int(128), s.Int(256))) for n in names)
    total: s.IntExpr = s.Name("A")
    for i in range(20):
        total = s.Binary("+", total, s.Binary("*", s.Name("A"), s.Int(1000 + i)))
    kernel = s.Kernel("k", params, (s.Assign("total", total),))
    host = s.Host("h", params, (s.Launch("k", s.Int(2), tuple(names)),))
    program = Program((s.Size("A", 3), s.Const("B", total)), (kernel,), host)
    text = print_program(program)
    assert max(map(len, text.splitlines())) <= 100
    assert parse(text) == program


def test_elif_prints_flat() -> None:
    test = (s.Compare("<", s.Name("A"), s.Int(2)),)
    inner = s.Guard(test, (s.Assign("a", s.Int(1)),), (s.Assign("a", s.Int(2)),))
    outer = s.Guard(test, (s.Assign("a", s.Int(0)),), (inner,))
    program = Program((s.Size("A", 3),), (s.Kernel("k", (), (outer,)),), EMPTY)
    text = print_program(program)
    assert "    elif A < 2:\n        a = 1\n    else:\n        a = 2\n" in text
    assert parse(text) == program


def test_minimal_parentheses() -> None:
    a, b, c = (s.Name(n) for n in "ABC")
    cases = {
        "A - (B - C)": s.Binary("-", a, s.Binary("-", b, c)),
        "A - B - C": s.Binary("-", s.Binary("-", a, b), c),
        "(A + B) * C": s.Binary("*", s.Binary("+", a, b), c),
        "A // (B * C)": s.Binary("//", a, s.Binary("*", b, c)),
        "A + B % C": s.Binary("+", a, s.Binary("%", b, c)),
    }
    sizes = tuple(s.Size(n, 1) for n in "ABC")
    for text, expr in cases.items():
        program = Program((*sizes, s.Const("D", expr)), (), EMPTY)
        assert f"D = {text}\n" in print_program(program)
        assert parse(print_program(program)) == program
