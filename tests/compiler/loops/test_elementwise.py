"""Every elementwise operation against NumPy, at sizes around the vector length, and accuracy."""

from __future__ import annotations

import math
from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.aul import syntax as aul
from kernelwright.compiler.loops import semantics

from .kernels import elementwise

SPECIAL = [0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, -1.0, 0.5, 1e-45, -1e-45, 1e-38, 3e38,
           88.7, -87.5, -100.0, -103.9, 89.0, 127.99, 128.0, -149.0, -150.0, -88.0]  # fmt: skip


def sigmoid(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, np.ones_like(x)) / (1 + e)


EXACT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "ln": np.log, "log2": np.log2,
    "log10": np.log10, "log1p": np.log1p, "sqrt": np.sqrt, "rsqrt": lambda x: 1 / np.sqrt(x),
    "rec": lambda x: 1 / x, "sin": np.sin, "cos": np.cos, "tan": np.tan, "tanh": np.tanh,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "sigmoid": sigmoid,
    "erf": lambda x: np.vectorize(math.erf)(x.astype(np.float64)),
}  # fmt: skip

# the others: 2
ULP = {"erf": 3.1, "tan": 3.5, "tanh": 2.5, "cos": 2.2, "sigmoid": 2.1, "rsqrt": 1.5}

rng = np.random.default_rng(0)


def arguments(dtype: str) -> np.ndarray:
    wide = 700.0 if dtype == "float64" else 100.0
    parts = [
        SPECIAL, rng.standard_normal(2000) * 3, rng.uniform(-wide, wide, 2000),
        rng.uniform(-1, 1, 2000), np.exp(rng.uniform(-80, 80, 1500)), rng.uniform(0.5, 2, 2000),
        -np.exp(rng.uniform(-90, 3, 1000)), rng.uniform(-1e5, 1e5, 1000),
    ]  # fmt: skip
    return np.concatenate(parts).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", EXACT)
def test_accuracy_in_ulp(op: str, dtype: str) -> None:
    x = arguments(dtype)
    with np.errstate(all="ignore"):
        truth = EXACT[op](x.astype(np.longdouble))
        got = elementwise(op, x)
        rounded = truth.astype(dtype)
        error = np.abs(got.astype(np.longdouble) - truth) / np.spacing(np.abs(rounded))
    assert (np.isnan(rounded) == np.isnan(got)).all()
    infinite = np.isinf(rounded) | np.isinf(got)
    np.testing.assert_array_equal(got[infinite], rounded[infinite])
    finite = np.isfinite(rounded)
    worst = int(np.argmax(np.where(finite, error, 0)))
    assert error[worst] <= ULP.get(op, 2.0), (x[worst], got[worst], truth[worst])


def test_small_results_are_not_flushed_to_zero() -> None:
    x = np.array([-100.0, -103.5, -88.0], np.float32)
    assert (elementwise("exp", x) == np.exp(x.astype(np.float64)).astype(np.float32)).all()
    assert (elementwise("exp", x) > 0).all()
    assert (elementwise("sigmoid", x) > 0).all()


def test_sin_far_away_uses_the_library() -> None:
    x = np.array([1e6, -3e10, 1e30, 2.0, math.inf], np.float32)
    np.testing.assert_allclose(elementwise("sin", x), np.sin(x.astype(np.float64)), rtol=1e-6)


SIMPLE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "neg": np.negative, "abs": np.abs, "floor": np.floor, "ceil": np.ceil, "round": np.rint,
    "trunc": np.trunc, "square": np.square, "relu": lambda x: np.maximum(x, 0),
    "sign": lambda x: np.nan_to_num(np.sign(x)),
}  # fmt: skip


@pytest.mark.parametrize("op", SIMPLE)
def test_simple_unary(op: str) -> None:
    x = np.concatenate([SPECIAL, [2.5, -2.5, 3.5, 1e10]]).astype(np.float32)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(elementwise(op, x), SIMPLE[op](x))


@pytest.mark.parametrize("op", ["isnan", "isinf", "isfinite"])
def test_float_predicates(op: str) -> None:
    x = np.array(SPECIAL, np.float32)
    np.testing.assert_array_equal(elementwise(op, x, result="bool"), getattr(np, op)(x))


BINARY: dict[str, Callable[..., np.ndarray]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "max": np.maximum,
    "min": np.minimum, "pow": np.power, "mod": np.mod, "fmod": np.fmod,
    "floordiv": np.floor_divide, "atan2": np.arctan2, "copysign": np.copysign,
}  # fmt: skip


@pytest.mark.parametrize("op", BINARY)
def test_binary_float(op: str) -> None:
    corner = np.array([0, -0.0, 1, -1, 2, -2, 3, 0.5, math.inf, -math.inf, math.nan, 1e30, -1e30])
    a, b = (v.reshape(-1).astype(np.float32) for v in np.meshgrid(corner, corner))
    a = np.concatenate([a, rng.uniform(0.1, 10, 500).astype(np.float32)])
    b = np.concatenate([b, rng.uniform(-20, 20, 500).astype(np.float32)])
    with np.errstate(all="ignore"):
        truth = BINARY[op](a, b)
    np.testing.assert_allclose(elementwise(op, a, b), truth, rtol=3e-7, atol=0)


INTEGER: dict[str, Callable[..., np.ndarray]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "max": np.maximum, "min": np.minimum,
    "mod": np.mod, "fmod": np.fmod, "floordiv": np.floor_divide, "and": np.bitwise_and,
    "or": np.bitwise_or, "xor": np.bitwise_xor,
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "int64"])
@pytest.mark.parametrize("op", [*INTEGER, "shl", "shr", "pow"])
def test_binary_integer(op: str, dtype: str) -> None:
    info = np.iinfo(dtype)
    edge = np.array([info.min, info.max, 0, 1, 2, 3, 7, 100, info.max - 1], dtype)
    if info.min < 0:
        edge = np.concatenate([edge, np.array([-1, -2, -100], dtype)])
    a, b = (v.reshape(-1) for v in np.meshgrid(edge, edge))
    if op in ("shl", "shr"):
        b = np.abs(b % 8).astype(dtype)
    if op == "pow":
        b = np.abs(b % 9).astype(dtype)
    meaning = {**INTEGER, "shl": np.left_shift, "shr": np.right_shift, "pow": np.power}[op]
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(elementwise(op, a, b), meaning(a, b))


@pytest.mark.parametrize("op", ["lt", "le", "gt", "ge", "eq", "ne"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "uint8", "int64", "bool"])
def test_compare(op: str, dtype: str) -> None:
    corner = np.array([0, 1, 2, 3, 255 if dtype == "uint8" else 5])
    if dtype in ("float32", "bfloat16"):
        corner = np.array([0.0, -0.0, 1.0, math.nan, math.inf, -math.inf])
    kind = np.dtype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    a, b = (v.reshape(-1).astype(kind) for v in np.meshgrid(corner, corner))
    names = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
             "eq": "equal", "ne": "not_equal"}  # fmt: skip
    got = elementwise(op, a, b, result="bool", family="vcompare_op")
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(got, getattr(np, names[op])(a, b))


@pytest.mark.parametrize(
    "source, target",
    [("float32", "int32"), ("float32", "int8"), ("float32", "uint8"), ("float32", "bool"),
     ("int32", "float32"), ("int64", "int8"), ("bool", "float32"), ("uint8", "int32"),
     ("float64", "float16"), ("float32", "bfloat16"), ("int32", "bool"), ("float16", "bfloat16"),
     ("uint8", "float32"), ("bool", "int64"), ("int16", "float64")],
)  # fmt: skip
def test_cast(source: str, target: str) -> None:
    kinds = {"bfloat16": np.dtype(ml_dtypes.bfloat16)}
    values = np.array([0, 1, 2.5, 7, 100, 120.75, 3, 1, 0, 5, 6, 7, 8, 9, 10, 11, 12, 3.1415927])
    x = values.astype(kinds.get(source, source))
    got = elementwise("cast", x, result=target, family="vcast_op")
    np.testing.assert_array_equal(got, x.astype(kinds.get(target, target)))


def test_narrow_integers_wrap_when_cast_from_float() -> None:
    x = np.array([300.0, -3.7, -300.0, 127.9], np.float32)
    got = elementwise("cast", x, result="int8", family="vcast_op")
    np.testing.assert_array_equal(got, np.array([44, -3, -44, 127], np.int8))


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_rounds_after_every_operation(dtype: type) -> None:
    a = rng.standard_normal(300).astype(dtype)
    b = rng.standard_normal(300).astype(dtype)
    expected = (a.astype(np.float32) * b.astype(np.float32)).astype(dtype)
    np.testing.assert_array_equal(elementwise("mul", a, b), expected)
    expected = np.exp(a.astype(np.float64)).astype(dtype)
    np.testing.assert_array_equal(elementwise("exp", a), expected)


@pytest.mark.parametrize(
    "op, meaning",
    [("adds", lambda x: x + 3), ("subs", lambda x: x - 3), ("muls", lambda x: x * 3),
     ("divs", lambda x: x / 3), ("maxs", lambda x: np.maximum(x, 3)),
     ("mins", lambda x: np.minimum(x, 3)), ("rsubs", lambda x: 3 - x),
     ("rdivs", lambda x: 3 / x), ("pows", lambda x: x * x * x)],
)  # fmt: skip
def test_scalar_forms(op: str, meaning: Callable[[np.ndarray], np.ndarray]) -> None:
    x = np.linspace(-8, 9, 77, dtype=np.float32)
    got = elementwise(op, x, family="vectorscalar_op", factor=3)
    np.testing.assert_array_equal(got, meaning(x).astype(np.float32))


def test_select_broadcasts() -> None:
    condition = (np.arange(21).reshape(3, 7) % 3) == 0
    a = rng.standard_normal((1, 7)).astype(np.float32)
    b = rng.standard_normal((3, 1)).astype(np.float32)
    got = elementwise("select", condition, a, b, result="float32", family="vselect_op")
    np.testing.assert_array_equal(got, np.where(condition, a, b))


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 5),
    columns=st.integers(1, 150),
    vector_bytes=st.sampled_from([16, 32, 64]),
    left=st.sampled_from(["full", "row", "column", "one"]),
    dtype=st.sampled_from(["float32", "int8", "float64", "bool"]),
)
def test_any_shape_and_broadcast(
    rows: int, columns: int, vector_bytes: int, left: str, dtype: str
) -> None:
    shape = {"full": (rows, columns), "row": (1, columns), "column": (rows, 1), "one": (1, 1)}[left]
    a = (np.arange(np.prod(shape)).reshape(shape) % 5).astype(dtype)
    b = (np.arange(rows * columns).reshape(rows, columns) % 7).astype(dtype)
    got = elementwise("max", a, b, vector_bytes=vector_bytes)
    np.testing.assert_array_equal(got, np.maximum(a, b))


def test_every_operation_of_the_language_has_a_meaning() -> None:
    named = {*aul.UNARY_OPS, *aul.BINARY_OPS, *aul.COMPARE_OPS}
    assert named <= set(semantics.OPERATIONS)
    assert set(aul.SCALAR_OPS) == set(semantics.SCALAR_FORMS)
