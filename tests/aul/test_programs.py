"""The sample programs: parse, check clean, print back, and compute the right values."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from kernelwright.aul import check, interpret, parse, print_program
from kernelwright.aul.syntax import Program, Tunable

FOLDER = Path(__file__).parent / "programs"
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.aul"))
Arrays = list[np.ndarray]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def load(name: str) -> tuple[str, Program]:
    text = (FOLDER / f"{name}.aul").read_text()
    return text, parse(text)


def f64(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64)


def gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + _erf(x / math.sqrt(2)))


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


# name -> (shapes of the inputs from the sizes, dtype, float64 meaning)
CASES: dict[
    str, tuple[Callable[[int, int], list[tuple[int, ...]]], np.dtype, Callable[..., Arrays]]
] = {
    "bias_gelu_residual": (
        lambda m, n: [(m, n), (n,), (m, n)],
        np.dtype(ml_dtypes.bfloat16),
        lambda x, b, y: [gelu(x + b) + y],
    ),
    "mse": (
        lambda m, n: [(m, n), (m, n)],
        np.dtype(np.float32),
        lambda x, y: [np.mean((x - y) ** 2)],
    ),
    "row_sum_column_max": (
        lambda m, n: [(m, n)],
        np.dtype(np.float32),
        lambda x: [x.sum(1), x.max(0)],
    ),
    "softmax": (lambda m, n: [(m, n)], np.dtype(np.float32), lambda x: [softmax(x)]),
    "swish": (
        lambda m, n: [(m, n)],
        np.dtype(np.float32),
        lambda x: [x / (1 + np.exp(-1.5 * x))],
    ),
    "transpose_add": (
        lambda m, n: [(m, m), (m, n), (n, m)],
        np.dtype(np.float32),
        lambda a, b, y: [(a @ b).T + y],
    ),
}

SIZES = [None, (1, 1), (3, 64), (17, 5), (64, 33)]


def test_every_sample_has_a_case() -> None:
    assert sorted(CASES) == PROGRAMS


@pytest.mark.parametrize("name", PROGRAMS)
def test_text_is_canonical(name: str) -> None:
    text, program = load(name)
    assert print_program(program) == text
    assert parse(print_program(program)) == program


@pytest.mark.parametrize("name", PROGRAMS)
def test_check_is_clean(name: str) -> None:
    _, program = load(name)
    assert check(program) == []
    for m, n in SIZES[1:]:
        assert check(program, sizes={"M": m, "N": n}) == []


def evaluate_case(name: str, program: Program, size: tuple[int, int], **tunables: int) -> None:
    shapes, dtype, meaning = CASES[name]
    rng = np.random.default_rng(hash(size) % 2**32)
    inputs = [rng.standard_normal(shape).astype(dtype) for shape in shapes(*size)]
    got = interpret(
        program,
        inputs,
        tunables=tunables,
        calls={"aten.mm.default": lambda arrays, attributes: (arrays[0] @ arrays[1],)},
    )
    wanted = meaning(*map(f64, inputs))
    unit = 2.0**-8 if dtype.itemsize == 2 else 2.0**-22
    for a, b in zip(got, wanted, strict=True):
        assert a.shape == np.shape(b)
        partial = math.sqrt(sum(size))  # a sum of normals passes through values of this size
        scale = np.maximum(np.abs(b), partial if a.dtype.itemsize == 4 else 0.5)
        assert np.all(np.abs(f64(a) - b) <= 2 * unit * scale)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_values_at_many_sizes(name: str, size: tuple[int, int] | None) -> None:
    _, program = load(name)
    defaults = {d.name: d.default for d in program.declarations if not hasattr(d, "value")}
    evaluate_case(name, program, size or (defaults["M"], defaults["N"]))


@pytest.mark.parametrize("name", PROGRAMS)
def test_values_at_every_tunable(name: str) -> None:
    _, program = load(name)
    for declaration in program.declarations:
        if isinstance(declaration, Tunable):
            for choice in declaration.choices:
                evaluate_case(name, program, (9, 70), **{declaration.name: choice})
