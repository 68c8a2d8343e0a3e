"""Every op family of AUL, printed to Triton, against NumPy in float64; and compiled for sm_90."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from kernelwright.aul.syntax import (
    BINARY_OPS,
    COMPARE_OPS,
    REDUCE_OPS,
    SCALAR_OPS,
    SCAN_OPS,
    UNARY_OPS,
    Copy,
    Host,
    Int,
    Kernel,
    Launch,
    Name,
    Param,
    Place,
    Program,
    Size,
    Slice,
    Statement,
    Tile,
    VectorOp,
)
from kernelwright.compiler.codegen.triton import PRINTER
from kernelwright.compiler.design import Binding, Design, OutputSpec
from kernelwright.dsl.triton.aot import compile_many
from kernelwright.errors import UnsupportedError
from kernelwright.schema import Candidate, Target
from kernelwright.testing.interpreted import Case, InterpreterError, run_interpreted

pytest.importorskip("triton")

TARGET = Target("cuda", "sm_90")
KINDS = {
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float32": np.float32,
    "float64": np.float64,
    "int8": np.int8,
    "uint8": np.uint8,
    "int32": np.int32,
    "int64": np.int64,
    "bool": np.bool_,
}
N = 70  # not a power of two


# ---- designs of one kernel that does many ops on whole rows ------------------------------------


class Builder:
    """One kernel on tiles of a whole row (or one element); row k of an output is op k's result."""

    def __init__(self) -> None:
        self.body: list[Statement] = []
        self.params: list[Param] = []
        self.outputs: list[OutputSpec] = []

    def input(self, name: str, dtype: str, *shape: int) -> str:
        dims = tuple(Name("N") if s == N else Int(s) for s in shape)
        self.params.append(Param(name, dtype, dims))
        tile = self.tile(f"{name}_tile", dtype, *shape)
        whole = tuple(Slice(Int(0), d) for d in dims)
        self.body.append(Copy(Place(tile), Place(name, whole)))
        return tile

    def tile(self, name: str, dtype: str, *shape: int) -> str:
        self.body.append(Tile(name, tuple(Name("N") if s == N else Int(s) for s in shape), dtype))
        return name

    def op(self, family: str, op: str, dst: str, *srcs: str, **attrs: Any) -> None:
        places = tuple(map(Place, srcs))
        self.body.append(VectorOp(family, op, Place(dst), places, tuple(sorted(attrs.items()))))

    def output(self, tile: str, dtype: str, *shape: int) -> None:
        name = f"{tile}_out"
        dims = tuple(Name("N") if s == N else Int(s) for s in shape)
        whole = tuple(Slice(Int(0), d) for d in dims)
        self.params.append(Param(name, dtype, dims, output=True))
        self.outputs.append(OutputSpec(name, shape, dtype))
        self.body.append(Copy(Place(name, whole), Place(tile)))

    def design(self) -> Design:
        inputs = [p for p in self.params if not p.output]
        params = (*inputs, *(p for p in self.params if p.output))
        host = Host("ops", params, (Launch("ops_kernel", Int(1), tuple(p.name for p in params)),))
        program = Program((Size("N", N),), (Kernel("ops_kernel", params, tuple(self.body)),), host)
        bindings = tuple(Binding(p.name, "input", i) for i, p in enumerate(inputs))
        return Design(program, bindings, tuple(self.outputs), "tuple", len(inputs))

    def candidate(self) -> Candidate:
        return PRINTER.print(self.design(), TARGET, "torch", {})


Expected = Callable[..., np.ndarray]
ERF = np.vectorize(math.erf, otypes=[np.float64])

FLOAT_UNARY: Mapping[str, Expected] = {
    "neg": np.negative,
    "abs": np.abs,
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "ln": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "rec": lambda x: 1 / x,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "tanh": np.tanh,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "erf": ERF,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "trunc": np.trunc,
    "sign": lambda x: np.where(np.isnan(x), 0, np.sign(x)),
    "square": np.square,
    "isnan": np.isnan,
    "isinf": np.isinf,
    "isfinite": np.isfinite,
}
INT_UNARY: Mapping[str, Expected] = {
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "relu": lambda x: np.maximum(x, 0),
    "square": np.square,
    "not": np.invert,
}
FLOAT_BINARY: Mapping[str, Expected] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "max": np.maximum,
    "min": np.minimum,
    "pow": np.power,
    "mod": np.remainder,
    "fmod": np.fmod,
    "floordiv": np.floor_divide,
    "atan2": np.arctan2,
    "copysign": np.copysign,
}
INT_BINARY: Mapping[str, Expected] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "mod": np.remainder,
    "fmod": np.fmod,
    "floordiv": np.floor_divide,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}
SCALARS: Mapping[str, Expected] = {
    "adds": lambda x, f: x + f,
    "subs": lambda x, f: x - f,
    "muls": lambda x, f: x * f,
    "divs": lambda x, f: x / f,
    "maxs": np.maximum,
    "mins": np.minimum,
    "rsubs": lambda x, f: f - x,
    "rdivs": lambda x, f: f / x,
    "pows": np.power,
}
COMPARES: Mapping[str, Expected] = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
REDUCES: Mapping[str, Expected] = {
    "sum": np.sum,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
    "any": np.any,
    "all": np.all,
    "argmax": np.argmax,
    "argmin": np.argmin,
}
SCANS: Mapping[str, Expected] = {
    "sum": np.cumsum,
    "prod": np.cumprod,
    "max": np.maximum.accumulate,
    "min": np.minimum.accumulate,
    "logaddexp": np.logaddexp.accumulate,
}
PREDICATES = ("isnan", "isinf", "isfinite")


def test_no_op_is_left_out() -> None:
    assert set(FLOAT_UNARY) | set(INT_UNARY) == set(UNARY_OPS)
    assert set(FLOAT_BINARY) | set(INT_BINARY) | {"shl", "shr", "logaddexp"} == set(BINARY_OPS)
    assert set(SCALARS) == set(SCALAR_OPS)
    assert set(COMPARES) == set(COMPARE_OPS)
    assert set(REDUCES) == set(REDUCE_OPS)
    assert set(SCANS) == set(SCAN_OPS)


# ---- values ------------------------------------------------------------------------------------

RNG = np.random.default_rng(5)


def float_values(dtype: str) -> np.ndarray:
    """N values: ordinary ones of several magnitudes, then the awkward ones."""
    special = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, 3.0, -2.5, 1e-4, -1e-4, 20.0, -20.0, 60.0]
    special += [-60.0, math.inf, -math.inf, math.nan, 0.999, 1.001, -0.9999, 1e-6]
    ordinary = RNG.standard_normal(N - len(special)) * 2.0 ** RNG.integers(-3, 4, N - len(special))
    return np.concatenate([ordinary, special]).astype(KINDS[dtype])


def int_values(dtype: str) -> np.ndarray:
    info = np.iinfo(KINDS[dtype])
    values = RNG.integers(max(info.min, -1000), min(info.max, 1000), N)
    values[:4] = [info.max, info.min, 0, 1]
    return values.astype(KINDS[dtype])


def pairs(dtype: str) -> tuple[np.ndarray, np.ndarray]:
    if dtype.startswith("float") or dtype == "bfloat16":
        a, b = float_values(dtype), float_values(dtype)
        return a, RNG.permutation(b)
    a, b = int_values(dtype), int_values(dtype)
    return a, np.where(b == 0, 3, b).astype(KINDS[dtype])


CASES: dict[str, Case] = {}
EXPECTED: dict[str, list[np.ndarray]] = {}


def add_case(
    name: str, builder: Builder, inputs: Sequence[np.ndarray], expected: Iterable[np.ndarray]
) -> None:
    CASES[name] = Case(builder.candidate(), inputs)
    with np.errstate(all="ignore"):
        EXPECTED[name] = list(expected)


def wide(array: np.ndarray) -> np.ndarray:
    """Float arrays in float64; the others as they are."""
    return array.astype(np.float64) if array.dtype.name.startswith(("float", "bfloat")) else array


def elementwise_case(
    name: str,
    dtype: str,
    ops: Mapping[str, Expected],
    family: str,
    inputs: Sequence[np.ndarray],
    result: Callable[[str], str],
) -> None:
    b = Builder()
    tiles = [b.input(f"x{i}", dtype, N) for i in range(len(inputs))]
    for op in ops:
        b.tile(f"r_{op}", result(op), N)
        b.op(family, op, f"r_{op}", *tiles)
        b.output(f"r_{op}", result(op), N)
    with np.errstate(all="ignore"):
        expected = [function(*map(wide, inputs)) for function in ops.values()]
    add_case(name, b, inputs, expected)


for DTYPE in ("float16", "bfloat16", "float32", "float64"):
    elementwise_case(
        f"unary_{DTYPE}",
        DTYPE,
        FLOAT_UNARY,
        "vunary_op",
        [float_values(DTYPE)],
        lambda op, d=DTYPE: "bool" if op in PREDICATES else d,
    )
    elementwise_case(
        f"binary_{DTYPE}", DTYPE, FLOAT_BINARY, "vbinary_op", pairs(DTYPE), lambda op, d=DTYPE: d
    )
for DTYPE in ("int8", "int32", "int64", "uint8"):
    elementwise_case(
        f"unary_{DTYPE}",
        DTYPE,
        INT_UNARY,
        "vunary_op",
        [int_values(DTYPE)],
        lambda op, d=DTYPE: d,
    )
    elementwise_case(
        f"binary_{DTYPE}", DTYPE, INT_BINARY, "vbinary_op", pairs(DTYPE), lambda op, d=DTYPE: d
    )
for DTYPE in ("float32", "bfloat16", "int32"):
    elementwise_case(
        f"compare_{DTYPE}", DTYPE, COMPARES, "vcompare_op", pairs(DTYPE), lambda op: "bool"
    )


def scalar_case(dtype: str, factor: float) -> None:
    b, x = Builder(), float_values(dtype) if dtype != "int32" else int_values(dtype) // 7
    tile = b.input("x", dtype, N)
    ops = [op for op in SCALARS if dtype != "int32" or op not in ("divs", "rdivs", "pows")]
    for op in ops:
        b.op("vectorscalar_op", op, b.tile(f"r_{op}", dtype, N), tile, factor=factor)
        b.output(f"r_{op}", dtype, N)
    with np.errstate(all="ignore"):
        exact = float(np.float32(factor)) if dtype == "float32" else factor  # pow is in float64
        expected = [SCALARS[op](wide(x), factor if op == "pows" else exact) for op in ops]
        add_case(f"scalar_{dtype}_{factor}", b, [x], expected)


for DTYPE, FACTOR in (("float32", 0.3), ("float32", 2.0), ("float64", -1.7), ("bfloat16", 3.0)):
    scalar_case(DTYPE, FACTOR)
scalar_case("int32", 5)


def integer_power_case() -> None:
    b, x = Builder(), RNG.integers(-5, 6, N).astype(np.int32)
    e = RNG.integers(0, 9, N).astype(np.int32)
    b.op(
        "vbinary_op",
        "pow",
        b.tile("r", "int32", N),
        b.input("x", "int32", N),
        b.input("e", "int32", N),
    )
    b.output("r", "int32", N)
    add_case("integer_power", b, [x, e], [x**e])


integer_power_case()


POWERS = (
    0.5,
    -1.0,
    3.0,
    4.0,
    1.0,
    2.5,
    -0.5,
    1.5,
    -2.0,
    -1.5,
    0.25,
    0.75,
    5.0,
    7.0,
    8.0,
    0.4,
    -3.3,
)


def power_case() -> None:
    b, x = Builder(), np.abs(float_values("float32"))
    tile, powers = b.input("x", "float32", N), POWERS
    for i, p in enumerate(powers):
        b.op("vectorscalar_op", "pows", b.tile(f"r{i}", "float32", N), tile, factor=p)
        b.output(f"r{i}", "float32", N)
    with np.errstate(all="ignore"):
        add_case("powers", b, [x], [np.power(wide(x), p) for p in powers])


power_case()


def logaddexp_case(dtype: str) -> None:
    """Positive operands: where the result passes through zero, its relative error has no bound."""
    b, (x, y) = Builder(), (np.abs(v) for v in pairs(dtype))
    tiles = [b.input("x", dtype, N), b.input("y", dtype, N)]
    b.op("vbinary_op", "logaddexp", b.tile("r", dtype, N), *tiles)
    b.output("r", dtype, N)
    with np.errstate(all="ignore"):
        add_case(f"logaddexp_{dtype}", b, [x, y], [np.logaddexp(wide(x), wide(y))])


for DTYPE in ("float16", "bfloat16", "float32", "float64"):
    logaddexp_case(DTYPE)


def composition_case(dtype: str) -> None:
    """log1p(exp(x)), of any x and of one that is at most zero: one function each."""
    b, x = Builder(), float_values(dtype)
    tile = b.input("x", dtype, N)
    b.op("vunary_op", "exp", b.tile("e", dtype, N), tile)
    b.op("vunary_op", "log1p", b.tile("soft", dtype, N), "e")
    b.op("vunary_op", "abs", b.tile("size", dtype, N), tile)
    b.op("vunary_op", "neg", b.tile("below", dtype, N), "size")
    b.op("vunary_op", "exp", b.tile("small", dtype, N), "below")
    b.op("vunary_op", "log1p", b.tile("soft_below", dtype, N), "small")
    for name in ("e", "soft", "small", "soft_below"):
        b.output(name, dtype, N)
    y = wide(x)
    with np.errstate(all="ignore"):
        small = np.exp(-np.abs(y))
        expected = [np.exp(y), np.log1p(np.exp(y)), small, np.log1p(small)]
    add_case(f"composition_{dtype}", b, [x], expected)


for DTYPE in ("float32", "float64"):
    composition_case(DTYPE)


def shift_case() -> None:
    b, x, s = Builder(), int_values("int32"), RNG.integers(0, 8, N).astype(np.int32)
    a, c = b.input("x", "int32", N), b.input("s", "int32", N)
    for op in ("shl", "shr"):
        b.op("vbinary_op", op, b.tile(f"r_{op}", "int32", N), a, c)
        b.output(f"r_{op}", "int32", N)
    add_case("shifts", b, [x, s], [x << s, x >> s])


shift_case()

ROWS = 5


def reduce_case(dtype: str, axis: int, nan: bool) -> None:
    """One two-dimensional tile, (ROWS, N): one dimension is exact but not a power of two."""
    b = Builder()
    if dtype.startswith("int"):
        x = RNG.integers(-3, 4, (ROWS, N)).astype(KINDS[dtype])
    else:
        x = (RNG.standard_normal((ROWS, N)) * 0.5 + 1).astype(KINDS[dtype])
        x[2, 5] = x[3, 17] = np.nan if nan else 0
    tile, rest = b.input("x", dtype, ROWS, N), (1, N) if axis == 0 else (ROWS, 1)
    for op in REDUCES:
        kind = {"any": "bool", "all": "bool", "argmax": "int64", "argmin": "int64"}.get(op, dtype)
        b.op("vreduce_op", op, b.tile(f"r_{op}", kind, *rest), tile, axis=axis, valid=None)
        b.output(f"r_{op}", kind, *rest)
    expected = [f(wide(x), axis=axis, keepdims=True) for f in REDUCES.values()]
    add_case(f"reduce_{dtype}_{axis}_{'nan' if nan else 'plain'}", b, [x], expected)


for DTYPE in ("float32", "float64", "float16", "bfloat16", "int32"):
    for AXIS in (0, 1):
        reduce_case(DTYPE, AXIS, nan=False)
reduce_case("float32", 1, nan=True)
reduce_case("float32", 0, nan=True)


def scan_case(dtype: str, axis: int, reverse: bool, valid: int | None) -> None:
    b = Builder()
    if dtype.startswith("int"):
        x = RNG.integers(-3, 4, (ROWS, N)).astype(KINDS[dtype])
    else:
        x = (RNG.standard_normal((ROWS, N)) * 0.2 + 1).astype(KINDS[dtype])
        x[2, 5] = np.nan
    tile = b.input("x", dtype, ROWS, N)
    ops = [op for op in SCANS if not (dtype.startswith("int") and op == "logaddexp")]
    attrs: dict[str, Any] = {"axis": axis, "valid": None if valid is None else Int(valid)}
    if reverse:
        attrs["reverse"] = True
    turn = slice(None, None, -1 if reverse else 1)
    at = (turn, slice(None)) if axis == 0 else (slice(None), turn)
    expected = []
    for op in ops:
        b.op("vscan_op", op, b.tile(f"r_{op}", dtype, ROWS, N), tile, **attrs)
        b.output(f"r_{op}", dtype, ROWS, N)
        y = wide(x).copy()
        if valid is not None:
            neutral = {"sum": 0, "prod": 1}.get(op, np.inf if op == "min" else -np.inf)
            if dtype.startswith("int") and not np.isfinite(neutral):
                neutral = np.iinfo(KINDS[dtype]).min if op == "max" else np.iinfo(KINDS[dtype]).max
            y[(slice(valid, None),) if axis == 0 else (slice(None), slice(valid, None))] = neutral
        with np.errstate(invalid="ignore"):
            expected.append(SCANS[op](y[at], axis=axis)[at])
    name = f"scan_{dtype}_{axis}_{'back' if reverse else 'on'}_{valid}"
    add_case(name, b, [x], expected)


for DTYPE in ("float32", "float64", "bfloat16", "int32", "int64"):
    for AXIS, REVERSE in ((1, False), (1, True), (0, True), (0, False)):
        scan_case(DTYPE, AXIS, REVERSE, None)
scan_case("float32", 1, True, 13)
scan_case("float16", 0, True, 3)
scan_case("int32", 1, False, 64)


def valid_case() -> None:
    b, x = Builder(), -1 - np.abs(RNG.standard_normal(N)).astype(np.float32)
    tile = b.input("x", "float32", N)
    for op in ("sum", "max", "argmin", "all"):
        kind = {"all": "bool", "argmin": "int64"}.get(op, "float32")
        b.op("vreduce_op", op, b.tile(f"r_{op}", kind, 1), tile, axis=0, valid=Int(13))
        b.output(f"r_{op}", kind, 1)
    y = wide(x)[:13]
    add_case("valid", b, [x], [np.array([f(y)]) for f in (np.sum, np.max, np.argmin, np.all)])


valid_case()


def cast_cases() -> None:
    kinds = ("float16", "bfloat16", "float32", "float64", "int32", "int64", "uint8", "bool")
    for source in kinds:
        b = Builder()
        if source in ("int32", "int64"):
            x = RNG.integers(-100, 100, N).astype(KINDS[source])
        elif source == "bool":
            x = RNG.integers(0, 2, N).astype(np.bool_)
        else:
            x = (RNG.random(N) * 100 * (1 if source == "uint8" else 1.3)).astype(KINDS[source])
        x[0] = 0
        tile = b.input("x", source, N)
        for to in kinds:
            b.op("vcast_op", "", b.tile(f"r_{to}", to, N), tile)
            b.output(f"r_{to}", to, N)
        add_case(f"cast_{source}", b, [x], [x.astype(KINDS[to]) for to in kinds])


cast_cases()


def movement_case() -> None:
    """select, iota, fill, broadcast, transpose, and broadcasting of operands."""
    b = Builder()
    x = RNG.standard_normal((8, N)).astype(np.float32)
    row, column = x[0:1] * 2, x[:, 0:1] + 1
    tile, r, c = (
        b.input("x", "float32", 8, N),
        b.input("row", "float32", 1, N),
        b.input("column", "float32", 8, 1),
    )
    b.op("vbinary_op", "add", b.tile("outer", "float32", 8, N), r, c)
    b.op("vbinary_op", "mul", b.tile("scaled", "float32", 8, N), tile, c)
    b.op("vcompare_op", "lt", b.tile("mask", "bool", 8, N), tile, r)
    b.op("vselect_op", "", b.tile("chosen", "float32", 8, N), "mask", tile, c)
    b.op("viota_op", "", b.tile("i0", "int64", 8, N), axis=0, start=Int(3))
    b.op("viota_op", "", b.tile("i1", "float32", 8, N), axis=1, start=Int(0))
    b.op("vfill_op", "", b.tile("filled", "float32", 8, N), value=2.5)
    b.op("vbroadcast_op", "", b.tile("wide", "float32", 8, N), r)
    b.op("vtranspose_op", "", b.tile("turned", "float32", N, 8), tile, axes=(1, 0))
    for name, dtype in (("outer", "float32"), ("scaled", "float32"), ("chosen", "float32")):
        b.output(name, dtype, 8, N)
    for name, dtype in (("i0", "int64"), ("i1", "float32"), ("filled", "float32")):
        b.output(name, dtype, 8, N)
    b.output("wide", "float32", 8, N)
    b.output("turned", "float32", N, 8)
    y = wide(x)
    i, j = np.indices(x.shape)
    add_case(
        "movement",
        b,
        [x, row, column],
        [
            wide(row) + wide(column),
            y * wide(column),
            np.where(x < row, x, column),
            i + 3,
            j,
            np.full(x.shape, 2.5),
            np.broadcast_to(row, x.shape),
            x.T,
        ],
    )


movement_case()


def product_case(dtype: str) -> None:
    b = Builder()
    a = RNG.standard_normal((24, N)).astype(KINDS[dtype])
    c = RNG.standard_normal((N, 8)).astype(KINDS[dtype])
    left, right = b.input("a", dtype, 24, N), b.input("c", dtype, N, 8)
    b.op("matmul_op", "", b.tile("p", "float32", 24, 8), left, right, accumulate=False)
    b.op("matmul_op", "", "p", left, right, accumulate=True)
    b.output("p", "float32", 24, 8)
    add_case(f"product_{dtype}", b, [a, c], [2 * (wide(a) @ wide(c))])


for DTYPE in ("float32", "float16", "bfloat16"):
    product_case(DTYPE)


# ---- the tests ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results() -> dict[str, list[np.ndarray] | InterpreterError]:
    return run_interpreted(CASES)


UNIT = {"float16": 2.0**-11, "bfloat16": 2.0**-8, "float32": 2.0**-24, "float64": 2.0**-53}
TOLERANCE_UNITS = {"float16": 1.01, "bfloat16": 1.01, "float32": 5.0, "float64": 8.0}


def assert_close(got: np.ndarray, want: np.ndarray, label: str, units: float = 0.0) -> None:
    """Within a few units in the last place of the truth, element by element."""
    dtype = got.dtype.name
    assert got.shape == want.shape, label
    if dtype not in UNIT:
        np.testing.assert_array_equal(got, want.astype(got.dtype), err_msg=label)
        return
    value, truth = got.astype(np.float64), want.astype(np.float64)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rounded = truth.astype(got.dtype).astype(np.float64)  # overflow to inf as the dtype does
    assert (np.isnan(value) == np.isnan(rounded)).all(), label
    whole = np.isfinite(rounded)
    np.testing.assert_array_equal(value[~whole], rounded[~whole], err_msg=label)
    allowed = (units or TOLERANCE_UNITS[dtype]) * UNIT[dtype] * np.abs(truth) + 1e-37
    if dtype == "float16":
        allowed = allowed + 2.0**-25
    with np.errstate(invalid="ignore"):
        error = np.abs(value - truth)
    worst = np.argmax(np.where(whole, error - allowed, -np.inf))
    bad = (error > allowed) & whole
    assert not bad.any(), f"{label}: {value.flat[worst]} is not {truth.flat[worst]}"


@pytest.mark.parametrize("name", list(CASES))
def test_interpreted(name: str, results: dict[str, list[np.ndarray] | InterpreterError]) -> None:
    assert_right(name, results[name])


@pytest.mark.gpu
@pytest.mark.skipif(not Path("/dev/nvidiactl").exists(), reason="needs a CUDA device")
def test_on_the_gpu() -> None:
    results = run_interpreted(CASES, device="cuda")
    faults = []
    for name in CASES:
        try:
            assert_right(name, results[name])
        except AssertionError as fault:
            faults.append(f"{name}: {fault}")
    assert not faults, "\n".join(faults)


def assert_right(name: str, outputs: list[np.ndarray] | InterpreterError) -> None:
    assert not isinstance(outputs, InterpreterError), str(outputs)
    assert len(outputs) == len(EXPECTED[name])
    for k, (got, want) in enumerate(zip(outputs, EXPECTED[name])):
        if name.startswith(("reduce_", "scan_", "product_")) and got.dtype.name in UNIT:
            inside = UNIT["float64" if got.dtype == np.float64 else "float32"]
            scale = UNIT[got.dtype.name] + N * inside  # one rounding a step
            size = np.abs(want).astype(np.float64) + (8 if name.startswith("product") else 0)
            value, tiny = got.astype(np.float64), 1e-7 if got.dtype == np.float16 else 1e-30
            assert (np.isnan(value) == np.isnan(want)).all()
            with np.errstate(invalid="ignore"):
                error, allowed = np.abs(value - want), 4 * scale * size + tiny
            same = np.isnan(want) | (value == want) | (np.isfinite(want) & (error <= allowed))
            assert same.all(), f"{name}, output {k}"
        else:
            # A power in float64 loses as many bits as its result's exponent has.
            power = name == "binary_float64" and list(FLOAT_BINARY)[k] == "pow"
            power = power or ("scalar_float64" in name and list(SCALARS)[k] == "pows")
            assert_close(got, np.asarray(want), f"{name}, output {k}", 200.0 if power else 0.0)


def test_unsupported_op_says_what_to_do() -> None:
    b = Builder()
    tile = b.input("x", "int32", N)
    b.op("vunary_op", "exp", b.tile("r", "int32", N), tile)
    with pytest.raises(UnsupportedError, match="cast to float32"):
        b.candidate()


COMPILED = (
    "unary_float32",
    "unary_float64",
    "unary_bfloat16",
    "binary_float32",
    "binary_int32",
    "scalar_bfloat16_3.0",
    "reduce_float32_1_plain",
    "reduce_int32_0_plain",
    "scan_float32_1_on_None",
    "scan_float64_0_back_None",
    "scan_int32_1_back_None",
    "valid",
    "cast_float32",
    "movement",
    "product_bfloat16",
)


def test_compiles_for_the_gpu() -> None:
    reports = compile_many([(CASES[name].candidate, None) for name in COMPILED], "sm_90")
    for name, report in zip(COMPILED, reports):
        assert [k.kernel for k in report.kernels] == ["ops_kernel"], name
        assert report.ptx_bytes > 0, name
