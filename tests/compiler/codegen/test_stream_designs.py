"""Long reductions on a GPU: what is designed, interpreted as AUL and as printed Triton."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernelwright.aul import check, interpret, print_program
from kernelwright.aul.syntax import Tunable
from kernelwright.compiler.codegen import PRINTERS
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule import design
from kernelwright.graph.core import DTYPES, Builder, Graph, Node, TensorType
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target
from kernelwright.testing.interpreted import Case, InterpreterError, run_interpreted

GPU = Target("cuda", "sm_90")
Body = Callable[[Builder, list[Node]], list[Node]]


def neighbours(b: Builder, xs: list[Node]) -> list[Node]:
    """Differences of rows: no stride joins the two dimensions that are folded."""
    (x,) = xs
    a, m, k = x.shape
    one, two = (
        b.make("slice", [x], starts=(0, f, 0), stops=(a, f + m - 1, k), steps=(1, 1, 1))
        for f in (1, 0)
    )
    return [b.make("sum", [b.abs(b.sub(one, two))], axes=(0, 1, 2), keepdims=False)]


def hinge(b: Builder, xs: list[Node]) -> list[Node]:
    x, y = xs
    wide = b.make("expand", [b.make("reshape", [y], shape=(1, *y.shape))], shape=x.shape)
    margin = b.sub(b.constant(1.0, x.dtype), b.mul(x, wide))
    return [
        b.make("mean", [b.maximum(margin, b.constant(0.0, x.dtype))], axes=(0, 1), keepdims=False)
    ]


def counted(b: Builder, xs: list[Node]) -> list[Node]:
    keep = {"axes": (0, 1), "keepdims": False}
    (x,) = xs
    return [b.make("sum", [x], **keep), b.make("amax", [x], **keep), b.make("amin", [x], **keep)]


def column_statistics(b: Builder, xs: list[Node]) -> list[Node]:
    keep = {"axes": (0,), "keepdims": False}
    (x,) = xs
    return [b.make("var", [x], **keep, correction=1), b.make("argmax", [x], **keep)]


def statistics(b: Builder, xs: list[Node]) -> list[Node]:
    """Of rows; the mean is asked for twice, once alone and once by the variance."""
    (x,) = xs
    keep = {"axes": (0, 2) if len(x.shape) == 3 else (1,), "keepdims": False}
    return [b.make("mean", [x], **keep), b.make("var", [x], **keep, correction=1),
            b.make("amax", [x], **keep)]  # fmt: skip


CASES: dict[str, tuple[Body, tuple[tuple[int, ...], ...], str]] = {
    "neighbours": (neighbours, ((3, 31, 301),), "float32"),
    "hinge": (hinge, ((13, 9001), (9001,)), "float32"),
    "hinge whole": (hinge, ((8, 8192), (8192,)), "float32"),
    "hinge double": (hinge, ((7, 8193), (8193,)), "float64"),
    "integers": (counted, ((5, 8195),), "int32"),
    "halves": (counted, ((5, 8195),), "float16"),
    "rows": (statistics, ((3, 20_001),), "float32"),
    "images": (statistics, ((3, 2, 8_192),), "float32"),
    "rows double": (statistics, ((2, 20_001),), "float64"),
    "rows half": (statistics, ((2, 20_001),), "float16"),
    "columns": (column_statistics, ((9001, 7),), "float32"),
}


def graph(name: str) -> Graph:
    body, shapes, dtype = CASES[name]
    b = Builder()
    xs = [b.input(f"x{i}", i, TensorType(s, dtype)) for i, s in enumerate(shapes)]
    return Graph("op", xs, [], body(b, xs), "tuple")


def numbers(name: str) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    _, shapes, dtype = CASES[name]
    return [(rng.standard_normal(s) * 3).astype(DTYPES[dtype]) for s in shapes]


def agree(name: str, outputs: list[np.ndarray]) -> None:
    g, xs = graph(name), numbers(name)
    exact = CASES[name][2] == "int32"
    for found, true in zip(outputs, evaluate(g, xs, {}, float64=True), strict=True):
        assert found.shape == true.shape
        if exact or found.dtype.kind in "iu":
            np.testing.assert_array_equal(found, true)
        else:
            close = 2e-3 if found.dtype.itemsize == 2 else 4e-6
            np.testing.assert_allclose(found.astype("f8"), true, rtol=close)


def made_of(name: str) -> Design:
    made = design(graph(name), GPU)
    assert [d for d in check(made.program) if d.severity == "error"] == []
    return made


def defaults(made: Design) -> dict[str, int]:
    return {d.name: d.default for d in made.program.declarations if isinstance(d, Tunable)}


@pytest.mark.parametrize("name", CASES)
def test_interpreted(name: str) -> None:
    made = made_of(name)
    agree(name, interpret(made.program, numbers(name)))


@pytest.fixture(scope="module")
def printed() -> dict[str, list[np.ndarray] | InterpreterError]:
    pytest.importorskip("triton")
    cases = {}
    for name in CASES:
        made = made_of(name)
        fewer = {"SPLIT": 3} if "SPLIT" in defaults(made) else {}
        candidate = PRINTERS.get("triton").print(made, GPU, "torch", fewer)
        cases[name] = Case(candidate, numbers(name))
    return run_interpreted(cases)


@pytest.mark.parametrize("name", CASES)
def test_triton(name: str, printed: dict[str, list[np.ndarray] | InterpreterError]) -> None:
    outputs = printed[name]
    assert not isinstance(outputs, InterpreterError), str(outputs)
    agree(name, outputs)


def test_few_outer_steps_do_not_leave_cores_idle() -> None:
    """Three images, and steps enough inside of each: all steps are shared as one."""
    assert defaults(made_of("neighbours"))["SPLIT"] > 3


def test_an_operand_that_rows_share_is_read_once_for_several() -> None:
    assert defaults(made_of("hinge"))["TM"] > 1


def test_elements_are_tested_only_where_a_size_leaves_a_tail() -> None:
    made = made_of("hinge whole")
    text = PRINTERS.get("triton").print(made, GPU, "torch", {}).files["kernel.py"].decode()
    partial = text[text.index("_partial(") : text.index("_finish(")]
    assert "% TK != 0 else" in partial


def spread(x: np.ndarray) -> np.ndarray:
    b = Builder()
    node = b.input("x", 0, TensorType(x.shape, str(x.dtype)))
    made = design(Graph("op", [node], [], statistics(b, [node]), "tuple"), GPU)
    assert 'U.vunary_op(op="isfinite"' in print_program(made.program)  # the shift's
    with np.errstate(all="ignore"):
        return interpret(made.program, [x])[1]


def test_equal_numbers_have_no_variance() -> None:
    x = np.repeat(np.array([[0.1], [-4097.3], [1e-30], [3e30]], np.float32), 20_001, axis=1)
    np.testing.assert_array_equal(spread(x), 0.0)


def test_the_shift_may_be_anything_that_the_first_block_holds() -> None:
    x = np.random.default_rng(2).standard_normal((5, 60_001)).astype(np.float32) + 3000
    x[1, 7] = 1e7
    x[2, :4096] = -1e5
    x[3, 0] = np.inf
    x[4, 50_000] = np.nan
    with np.errstate(all="ignore"):
        truth = x.astype("f8").var(axis=1, ddof=1)
    np.testing.assert_allclose(spread(x), truth, rtol=3e-5)
