"""Integer expressions, their normal form, sizes bound from shapes, boxes of cores."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.aul import bind_sizes, evaluate, parse, resolve
from kernelwright.aul import syntax as s
from kernelwright.aul.expressions import (
    CORE,
    difference,
    evaluate_form,
    next_pow2,
    normal_form,
    substitute,
)
from kernelwright.aul.regions import meeting_cores, paint_written
from kernelwright.errors import AULError

from .programs_strategy import integers

ENV = {"M": 3, "N": 7, CORE: 5}


def value_of(expr: s.IntExpr) -> int | None:
    try:
        return int(evaluate(expr, ENV))
    except AULError:
        return None


@settings(max_examples=150, deadline=None)
@given(integers(("M", "N"), True))
def test_normal_form_keeps_the_value(expr: s.IntExpr) -> None:
    value = value_of(expr)
    if value is not None:
        assert evaluate_form(normal_form(expr), ENV) == value


@settings(max_examples=80, deadline=None)
@given(integers(("M", "N"), True), integers(("M", "N"), True))
def test_differences_cancel(a: s.IntExpr, b: s.IntExpr) -> None:
    assert difference(s.Binary("+", a, b), s.Binary("+", b, a)) == {}
    assert difference(s.Binary("-", s.Binary("+", a, b), a), b) == {}


def test_arrays_evaluate_like_numbers() -> None:
    expr = s.Call(
        "min", (s.Call("cdiv", (s.Name("M"), s.Int(4))), s.Call("next_pow2", (s.Name("M"),)))
    )
    m = np.arange(1, 40)
    got = evaluate(expr, {"M": m})
    assert got.tolist() == [min(-(-i // 4), next_pow2(i)) for i in m.tolist()]


def test_next_pow2() -> None:
    assert [next_pow2(i) for i in (-1, 0, 1, 2, 3, 4, 5, 1025)] == [1, 1, 1, 2, 4, 4, 8, 2048]


@pytest.mark.parametrize(
    ("expr", "message"),
    [
        (s.Name("Q"), "'Q' has no value"),
        (s.Binary("//", s.Int(1), s.Int(0)), "division by zero in '//'"),
        (s.Binary("%", s.Int(1), s.Int(0)), "division by zero in '%'"),
        (s.Call("cdiv", (s.Int(1), s.Int(0))), "division by zero in U.cdiv"),
        (s.CoreIdx(), "only inside a @sub_kernel"),
    ],
)
def test_evaluation_errors(expr: s.IntExpr, message: str) -> None:
    with pytest.raises(AULError, match="^line 3, column 4: ") as caught:
        located = dataclasses.replace(expr, loc=s.Location(3, 4))
        evaluate(located, {})
    assert message in caught.value.message


def test_substitute() -> None:
    expr = s.Binary("+", s.Name("a"), s.Call("min", (s.Name("a"), s.Name("b"))))
    got = substitute(expr, {"a": s.Int(2), "b": s.Name("a")})
    assert got == s.Binary("+", s.Int(2), s.Call("min", (s.Int(2), s.Name("a"))))


DECLARED = """
M = U.Size(4)
N = U.Size(6)
H = 2 * N + 1
T = U.Tunable(8, choices=(8, 16))
def h(x: U.TensorPtr[U.float32, (M, H)], y: U.TensorPtr[U.float32, (3, M - 1)], z):
    pass
"""


def test_sizes_come_from_shapes() -> None:
    program = parse(DECLARED)
    assert bind_sizes(program, [(5, 11), (3, 4)]) == {"M": 5, "N": 5}
    assert bind_sizes(program, [(5, 13)]) == {"M": 5, "N": 6}
    assert resolve(program) == {"M": 4, "N": 6, "H": 13, "T": 8}
    assert resolve(program, {"N": 1}, {"T": 16}) == {"M": 4, "N": 1, "H": 3, "T": 16}


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(5,)], "x has 2 dimensions in the design"),
        ([(5, 12)], "x has extent 12 where the design needs"),
        ([(5, 11), (3, 9)], "y has extent 9 where the design needs 4"),
        ([(5, 11), (2, 4)], "y has extent 2 where the design needs 3"),
    ],
)
def test_shapes_that_contradict(shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(AULError) as caught:
        bind_sizes(parse(DECLARED), shapes)
    assert message in caught.value.message and caught.value.line == 6


def test_overrides_must_name_something() -> None:
    with pytest.raises(AULError, match="'H' is no U.Size or U.Tunable"):
        resolve(parse(DECLARED), {"H": 3})
    with pytest.raises(AULError, match="exceeds 64 bits"):
        resolve(parse(DECLARED), {"N": 2**63 - 1})


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_meeting_cores_agrees_with_painting(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    count = data.draw(st.integers(1, 6))
    same = data.draw(st.booleans())
    extent = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    boxes = []
    for _ in range(count):
        core = data.draw(st.integers(0, 3))
        size = extent if same else data.draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
        low = [data.draw(st.integers(-2, 6)) for _ in range(2)]
        boxes.append((core, *low, low[0] + size[0], low[1] + size[1]))
    rows = np.array(boxes)
    answer = meeting_cores(rows[:, 0], rows[:, 1:3], rows[:, 3:5], shape)
    owners: dict[tuple[int, int], set[int]] = {}
    for core, a, b, c, d in boxes:
        for i in range(max(a, 0), min(c, shape[0])):
            for j in range(max(b, 0), min(d, shape[1])):
                owners.setdefault((i, j), set()).add(core)
    shared = [cores for cores in owners.values() if len(cores) > 1]
    if answer == "disjoint":
        assert not shared
    else:
        assert isinstance(answer, tuple)
        assert any(set(answer) <= cores for cores in shared)


def test_painting_a_strided_view() -> None:
    written = np.zeros(12, bool)
    assert paint_written(written, np.array([[0, 1]]), np.array([[3, 9]]), (3, 4), (1, 3), 0)
    assert written.reshape(4, 3).T.tolist() == [[False, True, True, True]] * 3
