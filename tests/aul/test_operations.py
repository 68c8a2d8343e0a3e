"""Vector operations against NumPy in float64, and against exact integers."""

from __future__ import annotations

import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.aul import interpret
from kernelwright.aul import syntax as s
from kernelwright.aul.dtypes import DTYPES, dtype_of

Array = np.ndarray


def apply(
    family: str,
    op: str,
    arrays: list[Array],
    dtype: str,
    shape: tuple[int, ...],
    accumulator: Array | None = None,
    **attrs: Any,
) -> Array:
    """``family op`` of the arrays as tiles, run as a whole program on one core."""
    given = [*arrays, *([] if accumulator is None else [accumulator])]
    names = [f"x{i}" for i in range(len(given))]
    memory = "CubeBuf" if family == "matmul_op" else "VecBuf"
    params: list[s.Param] = []
    body: list[s.Statement] = []

    def full(dims: tuple[int, ...]) -> tuple[s.Slice, ...]:
        return tuple(s.Slice(s.Int(0), s.Int(n)) for n in dims)

    for name, array in zip(names, given):
        dims = tuple(s.Int(n) for n in array.shape)
        params.append(s.Param(name, dtype_of(array), dims))
        tile = "dst" if array is accumulator else f"t_{name}"
        body.append(s.Tile(tile, dims, dtype_of(array) or "", memory))
        body.append(s.Copy(s.Place(tile), s.Place(name, full(array.shape))))
    out = tuple(s.Int(n) for n in shape)
    params.append(s.Param("out", dtype, out, output=True))
    if accumulator is None:
        body.append(s.Tile("dst", out, dtype))
    srcs = tuple(s.Place(f"t_{n}") for n in names[: len(arrays)])
    body.append(s.VectorOp(family, op, s.Place("dst"), srcs, tuple(sorted(attrs.items()))))
    body.append(s.Copy(s.Place("out", full(shape)), s.Place("dst")))
    kernel = s.Kernel("k", tuple(params), tuple(body))
    launch = s.Launch("k", s.Int(1), (*names, "out"))
    program = s.Program((), (kernel,), s.Host("h", tuple(params), (launch,)))
    return interpret(program, given)[0]


POSITIVE = ("ln", "log2", "log10", "sqrt", "rsqrt")
UNIT = ("asin", "acos", "atanh")
MEANINGS: dict[str, Any] = {
    "neg": np.negative, "abs": np.abs, "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1,
    "ln": np.log, "log2": np.log2, "log10": np.log10, "log1p": lambda x: np.log1p(np.abs(x)),
    "sqrt": np.sqrt, "rsqrt": lambda x: x**-0.5, "rec": lambda x: 1 / x, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "tanh": np.tanh, "asin": np.arcsin, "acos": np.arccos,
    "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "asinh": np.arcsinh,
    "acosh": np.arccosh, "atanh": np.arctanh, "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.where(x > 0, x, 0), "erf": np.vectorize(math.erf), "floor": np.floor,
    "ceil": np.ceil, "round": np.rint, "trunc": np.trunc, "sign": np.sign, "square": np.square,
    "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite,
}  # fmt: skip


def test_every_float_operation_has_a_meaning() -> None:
    assert set(MEANINGS) == set(s.UNARY_OPS) - {"not"}


def argument(op: str, dtype: str, seed: int) -> Array:
    x = np.random.default_rng(seed).uniform(-3, 3, 33)
    if op in POSITIVE or op == "log1p":
        x = np.abs(x) + 0.1
    if op in UNIT:
        x = x / 4
    if op == "acosh":
        x = np.abs(x) + 1.1
    return x.astype(DTYPES[dtype])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("op", MEANINGS)
def test_unary(op: str, dtype: str) -> None:
    x = argument(op, dtype, 7)
    out = "bool" if op.startswith("is") else dtype
    got = apply("vunary_op", op, [x], out, x.shape)
    wanted = MEANINGS[op](x.astype(np.float64))
    if out == "bool":
        assert np.array_equal(got, wanted)
        return
    unit = float(ml_dtypes.finfo(DTYPES[dtype]).eps) / 2
    bound = 8 * unit * np.abs(wanted) + 2e-16
    if dtype in ("float16", "bfloat16"):  # computed wider, so rounded once
        bound = 1.01 * unit * np.abs(wanted) + 1e-7
    assert np.all(np.abs(got.astype(np.float64) - wanted) <= bound)


def test_special_values() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, -200.0], np.float32)
    assert np.array_equal(apply("vunary_op", "isfinite", [x], "bool", (6,)), np.isfinite(x))
    relu = apply("vunary_op", "relu", [x], "float32", (6,))
    assert np.isnan(relu[0]) and relu[1] == np.inf and relu[2] == 0
    sigmoid = apply("vunary_op", "sigmoid", [x], "float32", (6,))
    assert np.isnan(sigmoid[0]) and list(sigmoid[1:5]) == [1, 0, 0.5, 0.5] and sigmoid[5] < 1e-30
    for op, other in (("max", 3.0), ("min", 3.0)):
        got = apply("vbinary_op", op, [x, np.full(6, other, np.float32)], "float32", (6,))
        assert np.isnan(got[0]) and not np.isnan(got[1:]).any()


# op -> exact meaning on Python integers; None: undefined there
def _trunc_div(a: int, b: int) -> int | None:
    return None if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _power(a: int, b: int) -> int | None:
    if b >= 0:
        return a**b
    return {1: 1, -1: 1 if b % 2 == 0 else -1}.get(a, 0)


INTEGER_MEANINGS: dict[str, Any] = {
    "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "div": _trunc_div, "max": max, "min": min, "pow": _power,
    "mod": lambda a, b: None if b == 0 else a % b,
    "fmod": lambda a, b: None if b == 0 else a - b * (_trunc_div(a, b) or 0),
    "floordiv": lambda a, b: None if b == 0 else a // b,
    "and": lambda a, b: a & b, "or": lambda a, b: a | b, "xor": lambda a, b: a ^ b,
    "shl": lambda a, b: None if not 0 <= b < 8 else a << b,
    "shr": lambda a, b: None if not 0 <= b < 8 else a >> b,
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(INTEGER_MEANINGS)),
    st.sampled_from(["int8", "uint8", "int16", "int32", "int64"]),
    st.data(),
)
def test_integers_are_exact_and_wrap(op: str, dtype: str, data: st.DataObject) -> None:
    info = np.iinfo(DTYPES[dtype])
    values = st.one_of(st.integers(-9, 9), st.integers(int(info.min), int(info.max)))
    clamp = values.map(lambda v: min(max(v, int(info.min)), int(info.max)))
    shift = st.integers(0, 9).map(lambda v: v) if op in ("shl", "shr", "pow") else clamp
    pairs = data.draw(st.lists(st.tuples(clamp, shift), min_size=1, max_size=9))
    a, b = (np.array(column, DTYPES[dtype]) for column in zip(*pairs))
    got = apply("vbinary_op", op, [a, b], dtype, a.shape)
    for x, y, result in zip(a.tolist(), b.tolist(), got.tolist()):
        exact = INTEGER_MEANINGS[op](x, y)
        if exact is not None:
            span = 2 ** (8 * DTYPES[dtype].itemsize)
            assert (exact - result) % span == 0
            assert info.min <= result <= info.max


def test_negative_integer_powers() -> None:
    a, b = np.array([2, 1, -1, -1, 0], np.int32), np.array([-1, -5, -2, -3, -1], np.int32)
    assert apply("vbinary_op", "pow", [a, b], "int32", (5,)).tolist() == [0, 1, 1, -1, 0]


FLOAT_MEANINGS: dict[str, Any] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "max": np.maximum,
    "min": np.minimum, "mod": np.mod, "fmod": np.fmod, "floordiv": np.floor_divide,
    "atan2": np.arctan2, "copysign": np.copysign, "pow": lambda a, b: np.abs(a) ** b,
}  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(FLOAT_MEANINGS)),
    st.sampled_from(["float16", "bfloat16", "float32"]),
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from([(True, True), (True, False), (False, True), (False, False)]),
    st.integers(0, 99),
)
def test_binary_broadcasts(
    op: str, dtype: str, rows: int, columns: int, kept: tuple[bool, bool], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = (rows if kept[0] else 1, columns if kept[1] else 1)
    a = rng.uniform(0.5, 3, (rows, columns)).astype(DTYPES[dtype])
    b = rng.uniform(0.5, 3, shape).astype(DTYPES[dtype])
    got = apply("vbinary_op", op, [a, b], dtype, (rows, columns))
    # float32 operands are exact in float64, so this is the true value, rounded once
    wanted = FLOAT_MEANINGS[op](a.astype(np.float64), b.astype(np.float64))
    unit = float(ml_dtypes.finfo(DTYPES[dtype]).eps) / 2
    bound = unit * 4 * np.maximum(np.abs(wanted), 1)
    close = np.abs(got.astype(np.float64) - wanted) <= bound
    if op in ("mod", "fmod", "floordiv"):  # a quotient rounded onto an integer may jump
        assert close.mean() >= 0.5
    else:
        assert close.all()


@pytest.mark.parametrize("op", s.SCALAR_OPS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32"])
def test_scalar(op: str, dtype: str) -> None:
    x = np.array([1, 2, 3, 4, 5]).astype(DTYPES[dtype])
    meanings: dict[str, Any] = {
        "adds": x + 2.0, "subs": x - 2.0, "muls": x * 2.0, "divs": x / 2.0,
        "maxs": np.maximum(x.astype(float), 2), "mins": np.minimum(x.astype(float), 2),
        "rsubs": 2.0 - x, "rdivs": 2.0 / x, "pows": x.astype(float) ** 2,
    }  # fmt: skip
    wanted = np.asarray(meanings[op], np.float64)
    if dtype == "int32":
        wanted = np.trunc(wanted)
    got = apply("vectorscalar_op", op, [x], dtype, (5,), factor=2).astype(np.float64)
    assert np.all(np.abs(got - wanted) <= 0.01)
    if dtype != "bfloat16":
        assert np.all(np.abs(got - wanted) <= 1e-6)


@pytest.mark.parametrize("op", ["eq", "ne", "lt", "le", "gt", "ge"])
def test_compare_with_nan(op: str) -> None:
    a = np.array([1, 2, np.nan, 3], np.float16)
    b = np.array([2, 2, 1, np.nan], np.float16)
    expected = {
        "eq": [0, 1, 0, 0], "ne": [1, 0, 1, 1], "lt": [1, 0, 0, 0], "le": [1, 1, 0, 0],
        "gt": [0, 0, 0, 0], "ge": [0, 1, 0, 0],
    }[op]  # fmt: skip
    assert apply("vcompare_op", op, [a, b], "bool", (4,)).tolist() == [bool(v) for v in expected]


def test_select_and_logic() -> None:
    c = np.array([[True], [False]])
    a, b = np.array([[1, 2, 3]], np.int32), np.array([[7, 8, 9]], np.int32)
    got = apply("vselect_op", "", [c, a, b], "int32", (2, 3))
    assert got.tolist() == [[1, 2, 3], [7, 8, 9]]
    p, q = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert apply("vbinary_op", "and", [p, q], "bool", (4,)).tolist() == [True, False, False, False]
    assert apply("vbinary_op", "xor", [p, q], "bool", (4,)).tolist() == [False, True, True, False]
    assert apply("vunary_op", "not", [p], "bool", (4,)).tolist() == [False, False, True, True]
    assert apply("vunary_op", "not", [a], "int32", (1, 3)).tolist() == [[-2, -3, -4]]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["sum", "prod", "max", "min"]),
    st.sampled_from(["float16", "bfloat16", "float32", "int16"]),
    st.integers(0, 1),
    st.integers(0, 6),
    st.integers(0, 99),
)
def test_reduce_counts_only_what_is_valid(
    op: str, dtype: str, axis: int, valid: int, seed: int
) -> None:
    x = np.random.default_rng(seed).uniform(1, 3, (6, 6)).astype(DTYPES[dtype])
    shape = (1, 6) if axis == 0 else (6, 1)
    got = apply("vreduce_op", op, [x], dtype, shape, axis=axis, valid=s.Int(valid))
    part = np.take(x, range(valid), axis).astype(np.float64)
    if valid == 0 and op in ("max", "min"):
        edge = {True: np.inf, False: np.iinfo(np.int16).max}[dtype != "int16"]
        low = -np.inf if dtype != "int16" else np.iinfo(np.int16).min
        assert np.all(got == (low if op == "max" else edge))
        return
    wanted = getattr(np, op)(part, axis=axis, keepdims=True)
    unit = 0.0 if dtype == "int16" else float(ml_dtypes.finfo(DTYPES[dtype]).eps)
    assert np.all(np.abs(got.astype(np.float64) - wanted) <= unit * 2 * np.abs(wanted))


def test_reduce_accumulates_wide() -> None:
    x = np.full(4096, 1.0, np.float16)
    assert apply("vreduce_op", "sum", [x], "float16", (1,), axis=0)[0] == 4096
    tiny = np.full(100_001, 1.0 + 2.0**-20, np.float32)
    got = apply("vreduce_op", "sum", [tiny], "float64", (1,), axis=0)[0]
    assert got == pytest.approx(100_001 * (1.0 + 2.0**-20), rel=1e-15)
    small = np.full(300, 100, np.int8)
    assert apply("vreduce_op", "sum", [small], "int32", (1,), axis=0)[0] == 30_000
    assert (
        apply("vreduce_op", "sum", [small], "int8", (1,), axis=0)[0] == (30_000 + 128) % 256 - 128
    )


def test_arg_and_logic_reductions() -> None:
    x = np.array([[1, 5, 5], [np.nan, 2, 9]], np.float32)
    assert apply("vreduce_op", "argmax", [x], "int64", (2, 1), axis=1).tolist() == [[1], [0]]
    assert apply("vreduce_op", "argmin", [x[:1]], "int32", (1, 1), axis=1).tolist() == [[0]]
    p = np.array([[True, False], [True, True]])
    assert apply("vreduce_op", "all", [p], "bool", (2, 1), axis=1).tolist() == [[False], [True]]
    assert apply("vreduce_op", "any", [p], "bool", (1, 2), axis=0).tolist() == [[True, True]]
    assert np.isnan(apply("vreduce_op", "max", [x], "float32", (1, 3), axis=0)[0, 0])


@pytest.mark.parametrize("source", sorted(DTYPES))
@pytest.mark.parametrize("target", sorted(DTYPES))
def test_cast(source: str, target: str) -> None:
    values = np.array([0, 1, 2, 3.7, 100.4])
    x = values.astype(DTYPES[source])
    got = apply("vcast_op", "", [x], target, (5,)).astype(np.float64)
    exact = x.astype(np.float64)
    if target == "bool":
        wanted = (exact != 0).astype(np.float64)
    elif target.startswith(("int", "uint")):
        wanted = np.trunc(exact)
    else:
        wanted = exact.astype(DTYPES[target]).astype(np.float64)
    assert np.array_equal(got, wanted)


def test_shapes_and_iota() -> None:
    x = np.arange(6, dtype=np.int32).reshape(2, 3)
    assert np.array_equal(apply("vtranspose_op", "", [x], "int32", (3, 2), axes=(1, 0)), x.T)
    row = x[:1]
    got = apply("vbroadcast_op", "", [row], "int32", (4, 3))
    assert np.array_equal(got, np.repeat(row, 4, 0))
    iota = apply("viota_op", "", [], "int16", (2, 3), axis=1, start=s.Int(5))
    assert iota.tolist() == [[5, 6, 7], [5, 6, 7]]
    assert apply("vfill_op", "", [], "float16", (2,), value=-65504.0).tolist() == [-65504, -65504]


@pytest.mark.parametrize(
    ("source", "target"),
    [("float16", "float32"), ("float16", "float16"), ("bfloat16", "float32"), ("int8", "int32"),
     ("float64", "float64"), ("int64", "int64")],
)  # fmt: skip
def test_matmul(source: str, target: str) -> None:
    rng = np.random.default_rng(3)
    a = rng.integers(-9, 9, (4, 30)).astype(DTYPES[source])
    b = rng.integers(-9, 9, (30, 5)).astype(DTYPES[source])
    exact = a.astype(np.int64) @ b.astype(np.int64)
    got = apply("matmul_op", "", [a, b], target, (4, 5))
    assert np.array_equal(got.astype(np.int64), exact.astype(DTYPES[target]).astype(np.int64))
    start = rng.integers(-9, 9, (4, 5)).astype(DTYPES[target])
    got = apply("matmul_op", "", [a, b], target, (4, 5), start, accumulate=True)
    total = (start.astype(np.int64) + exact).astype(DTYPES[target])
    assert np.array_equal(got.astype(np.int64), total.astype(np.int64))


def test_int64_products_beyond_double_are_exact() -> None:
    a = np.array([[2**40 + 1]], np.int64)
    b = np.array([[2**20 + 1]], np.int64)
    assert apply("matmul_op", "", [a, b], "int64", (1, 1))[0, 0] == (2**40 + 1) * (2**20 + 1)
    big = np.array([2**62 + 1], np.int64)
    assert apply("vbinary_op", "div", [big, np.array([1])], "int64", (1,))[0] == 2**62 + 1
