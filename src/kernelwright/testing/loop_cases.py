"""A conformance suite for what prints loop IR for a CPU: every operation on every dtype, with
NumPy's answer beside it.

``functions()`` gives loop IR functions, each over many cases of one dtype and lane count; a printer
compiles them as it likes, runs ``core`` 0 on ``Suite.arrays()`` and hands the arrays to
``Suite.check``. Every case runs over whole vectors and a tail, so loads, stores and their
count-limited forms are covered by all.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from kernelwright.compiler.loops.ir import (
    Block,
    For,
    Function,
    If,
    Instruction,
    LoopBuilder,
    Memory,
    Value,
    VectorType,
)
from kernelwright.graph.core import DTYPES

Array = np.ndarray
FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("int8", "uint8", "int16", "int32", "int64")
WHOLE_VECTORS = 3
INT64 = VectorType("int64")


@dataclass(frozen=True)
class Case:
    """``build(b, x, y, z)`` appends to the loop body; ``expect(x, y, z)`` is NumPy's answer.

    ``ulps``: how far a float result may be from it. ``positive``: inputs are made positive.
    """

    name: str
    build: Callable[..., Value]
    expect: Callable[..., Array]
    out: str
    ulps: int = 0
    positive: bool = False
    whole: bool = False  # the result is one number a vector; tails are filled with zeros


@dataclass
class Suite:
    """One function with its inputs and expected outputs."""

    function: Function
    inputs: list[Array]
    outputs: list[Array]  # filled with a sentinel; a run must change exactly the right elements
    expected: list[Array]
    cases: list[Case]

    def arrays(self) -> list[Array]:
        """All memories' arrays in parameter order; outputs are fresh."""
        return [*self.inputs, *(o.copy() for o in self.outputs)]

    def check(self, arrays: Sequence[Array]) -> list[str]:
        """One line for each case whose output in ``arrays`` is wrong."""
        found = arrays[len(self.inputs) :]
        lines = []
        for case, got, want in zip(self.cases, found, self.expected):
            line = _difference(got, want, case.ulps)
            if line:
                lines.append(f"{self.function.name}: {case.name}: {line}")
        return lines


def _difference(got: Array, want: Array, ulps: int) -> str:
    kind = want.dtype.name
    if kind in FLOATS:
        g, w = got.astype(np.float64), want.astype(np.float64)
        info = ml_dtypes.finfo(want.dtype)
        with np.errstate(invalid="ignore", over="ignore"):
            unit = np.maximum(np.abs(w) * float(info.eps), float(info.smallest_subnormal))
            near = np.abs(g - w) <= ulps * unit
        bad = ~((g == w) | (np.isnan(g) & np.isnan(w)) | near)
    else:
        bad = got != want
    if not bad.any():
        return ""
    where = int(np.argmax(bad))
    return f"{int(bad.sum())} of {bad.size} wrong; [{where}] is {got[where]}, not {want[where]}"


def functions(lanes_of: Callable[[str], Sequence[int]]) -> list[Suite]:
    """All suites; ``lanes_of(dtype)`` says which lane counts to try."""
    suites = []
    for dtype in (*FLOATS, *INTEGERS, "bool"):
        for lanes in lanes_of(dtype):
            suites.append(_suite(dtype, lanes, cases_of(dtype, lanes)))
    return [*suites, control_suite(), strided_suite()]


# ---- cases -----------------------------------------------------------------------------------


def _op(op: str, operands: int, **attrs: object) -> Callable[..., Value]:
    def build(b: LoopBuilder, *values: Value) -> Value:
        return b.op(op, *values[:operands], **attrs)

    return build


def _cmp(predicate: str) -> Callable[..., Value]:
    def build(b: LoopBuilder, x: Value, y: Value, z: Value) -> Value:
        bools = VectorType("bool", x.type.lanes)
        return b.op("cmp", x, y, type=bools, predicate=predicate)

    return build


def _convert(to: str) -> Callable[..., Value]:
    def build(b: LoopBuilder, x: Value, y: Value, z: Value) -> Value:
        return b.op("convert", x, type=VectorType(to, x.type.lanes))

    return build


def _select(b: LoopBuilder, x: Value, y: Value, z: Value) -> Value:
    mask = b.op("cmp", x, y, type=VectorType("bool", x.type.lanes), predicate="lt")
    return _pick(b, mask, y, z)


def _pick(b: LoopBuilder, mask: Value, x: Value, y: Value) -> Value:
    return b.op("select", mask, x, y, type=x.type)


def _reduced(b: LoopBuilder, vector: Value, op: str) -> Value:
    scalar = Value(VectorType(vector.type.dtype))
    b.block.items.append(Instruction("reduce", (vector,), scalar, {"op": op}))
    return scalar


def _reduce(op: str) -> Callable[..., Value]:
    def build(b: LoopBuilder, x: Value, y: Value, z: Value) -> Value:
        return b.op("splat", _reduced(b, x, op), type=x.type)

    return build


def _extract(b: LoopBuilder, x: Value, y: Value, z: Value) -> Value:
    scalar = b.op("extract", x, type=VectorType(x.type.dtype), lane=x.type.lanes - 1)
    return b.op("splat", scalar, type=x.type)


def _bits(b: LoopBuilder, x: Value, y: Value, z: Value) -> Value:
    size = DTYPES[x.type.dtype].itemsize
    return b.op("bitcast", x, type=VectorType(f"int{8 * size}", x.type.lanes))


def _lane_sum(b: LoopBuilder, x: Value, y: Value, z: Value) -> Value:
    return b.op("add", x, b.op("lane", type=x.type))


def _constants(dtype: str, value: float) -> Callable[..., Value]:
    def build(b: LoopBuilder, x: Value, y: Value, z: Value) -> Value:
        return b.op("add", x, b.const(value, dtype, x.type.lanes))

    return build


def _float_cases(dtype: str, lanes: int) -> list[Case]:
    kind = DTYPES[dtype]
    fused = 2 if dtype == "float64" else 1

    def single(f: Callable[..., Array]) -> Callable[..., Array]:
        return lambda x, y, z: np.asarray(f(x), dtype=kind)

    def fma(x: Array, y: Array, z: Array) -> Array:
        wide = np.float64 if dtype != "float64" else np.longdouble
        return (x.astype(wide) * y.astype(wide) + z.astype(wide)).astype(kind)

    def fmod(x: Array, y: Array, z: Array) -> Array:
        return np.fmod(x.astype(np.float64), y.astype(np.float64)).astype(kind)

    def numeric(f: Callable[..., Array]) -> Callable[..., Array]:
        return lambda x, y, z: f(np.abs(x) + kind.type(1), y)

    cases = [
        Case("div", _op("div", 2), lambda x, y, z: x / y, dtype),
        Case("rem", _op("rem", 2), fmod, dtype),
        Case("fma", _op("fma", 3), fma, dtype, ulps=fused),
        Case("sqrt", _op("sqrt", 1), single(np.sqrt), dtype),
        Case("exp", _op("libm", 1, function="exp"), single(np.exp), dtype, ulps=3),
        Case("tgamma", _op("libm", 1, function="tgamma"), _gamma(kind), dtype, ulps=16),
        Case("select", _select, lambda x, y, z: np.where(x < y, y, z), dtype),
        Case("constant 0.5", _constants(dtype, 0.5), lambda x, y, z: x + kind.type(0.5), dtype),
        Case("inf", _constants(dtype, -math.inf), lambda x, y, z: x + kind.type(-np.inf), dtype),
        Case("nan", _constants(dtype, math.nan), lambda x, y, z: x + kind.type(np.nan), dtype),
    ]
    for op in ("floor", "ceil", "trunc", "rint"):
        cases.append(Case(op, _op(op, 1), single(getattr(np, op)), dtype))
    for op in ("minnum", "maxnum"):
        pick = np.minimum if op == "minnum" else np.maximum

        def best(x: Array, y: Array, z: Array, pick: Callable[..., Array] = pick) -> Array:
            limit = ml_dtypes.finfo(kind).max
            clean = [np.clip(np.where(np.isnan(v), kind.type(0), v), -limit, limit) for v in (x, y)]
            return pick(*clean)

        cases.append(Case(op, _finite(op), best, dtype))
    for to in INTEGERS:
        cases.append(Case(f"to {to}", _small(to), _as_small(to), to))
    cases.append(Case("to bool", _convert("bool"), lambda x, y, z: x != 0, "bool"))
    return cases


def _gamma(kind: np.dtype) -> Callable[..., Array]:
    def one(value: float) -> float:
        try:
            return math.gamma(value)
        except ValueError:
            return (
                math.inf
                if value == 0 and math.copysign(1, value) > 0
                else (-math.inf if value == 0 else math.nan)
            )
        except OverflowError:
            return math.inf

    return lambda x, y, z: np.asarray([one(float(v)) for v in x]).astype(kind)


def _finite(op: str) -> Callable[..., Value]:
    """NaN to 0 and infinities to the largest, so that the fast minimum has one right answer."""

    def clean(b: LoopBuilder, v: Value) -> Value:
        bools = VectorType("bool", v.type.lanes)
        limit = float(ml_dtypes.finfo(DTYPES[v.type.dtype]).max)
        zero, high, low = (b.const(c, v.type.dtype, v.type.lanes) for c in (0.0, limit, -limit))
        v = _pick(b, b.op("cmp", v, v, type=bools, predicate="eq"), v, zero)
        v = _pick(b, b.op("cmp", v, high, type=bools, predicate="gt"), high, v)
        return _pick(b, b.op("cmp", v, low, type=bools, predicate="lt"), low, v)

    def build(b: LoopBuilder, x: Value, y: Value, z: Value) -> Value:
        return b.op(op, clean(b, x), clean(b, y))

    return build


def _small(to: str) -> Callable[..., Value]:
    """Converts min(|x|, 100) with x's sign where the integer has one."""

    def build(b: LoopBuilder, x: Value, y: Value, z: Value) -> Value:
        bools = VectorType("bool", x.type.lanes)
        limit = b.const(100.0, x.type.dtype, x.type.lanes)
        size = b.op("abs", x)
        inside = b.op("cmp", size, limit, type=bools, predicate="lt")
        value = _pick(b, inside, size if to == "uint8" else x, limit)
        return b.op("convert", value, type=VectorType(to, x.type.lanes))

    return build


def _as_small(to: str) -> Callable[..., Array]:
    def expect(x: Array, y: Array, z: Array) -> Array:
        wide = x.astype(np.float64)
        value = np.abs(wide) if to == "uint8" else wide
        return np.where(np.abs(wide) < 100, value, 100).astype(DTYPES[to])

    return expect


def _integer_cases(dtype: str, lanes: int) -> list[Case]:
    kind = DTYPES[dtype]
    bits = kind.itemsize * 8
    unsigned = np.dtype(f"uint{bits}")
    nonzero = lambda y: np.where(y == 0, kind.type(3), y)  # noqa: E731

    def safe(op: str) -> Callable[..., Value]:
        def build(b: LoopBuilder, x: Value, y: Value, z: Value) -> Value:
            bools = VectorType("bool", x.type.lanes)
            zero, three = b.const(0, dtype, lanes), b.const(3, dtype, lanes)
            empty = b.op("cmp", y, zero, type=bools, predicate="eq")
            return b.op(op, x, _pick(b, empty, three, y))

        return build

    def shift(op: str) -> Callable[..., Value]:
        return lambda b, x, y, z: b.op(op, x, b.const(3, dtype, lanes))

    def truncated(x: Array, y: Array, z: Array) -> Array:
        a, d = x.astype(object), nonzero(y).astype(object)
        return np.asarray(
            [
                _wrap(int(abs(p) // abs(q)) * (1 if (p < 0) == (q < 0) else -1), kind)
                for p, q in zip(a, d)
            ],
            dtype=kind,
        )

    def remainder(x: Array, y: Array, z: Array) -> Array:
        a, d = x.astype(object), nonzero(y).astype(object)
        return np.asarray(
            [_wrap((abs(p) % abs(q)) * (-1 if p < 0 else 1), kind) for p, q in zip(a, d)],
            dtype=kind,
        )

    cases = [
        Case("div", safe("div"), truncated, dtype),
        Case("rem", safe("rem"), remainder, dtype),
        Case("and", _op("and", 2), lambda x, y, z: x & y, dtype),
        Case("or", _op("or", 2), lambda x, y, z: x | y, dtype),
        Case("xor", _op("xor", 2), lambda x, y, z: x ^ y, dtype),
        Case("not", _op("not", 1), lambda x, y, z: ~x, dtype),
        Case("shl", shift("shl"), lambda x, y, z: x << kind.type(3), dtype),
        Case("sar", shift("sar"), lambda x, y, z: x >> kind.type(3), dtype),
        Case(
            "shr",
            shift("shr"),
            lambda x, y, z: (x.view(unsigned) >> unsigned.type(3)).view(kind),
            dtype,
        ),
        Case("fma", _op("fma", 3), lambda x, y, z: x * y + z, dtype),
        Case("select", _select, lambda x, y, z: np.where(x < y, y, z), dtype),
        Case("lane", _lane_sum, lambda x, y, z: x + _lanes(len(x), lanes).astype(kind), dtype),
        Case("constant", _constants(dtype, 7), lambda x, y, z: x + kind.type(7), dtype),
    ]
    for to in (*INTEGERS, *FLOATS):
        if to != dtype:
            cases.append(Case(f"to {to}", _convert(to), _as(to), to))
    cases.append(Case("to bool", _convert("bool"), lambda x, y, z: x != 0, "bool"))
    return cases


def _wrap(value: int, kind: np.dtype) -> int:
    bits = kind.itemsize * 8
    value %= 1 << bits
    return value - (1 << bits) if kind.kind == "i" and value >> (bits - 1) else value


def _as(to: str) -> Callable[..., Array]:
    def expect(x: Array, y: Array, z: Array) -> Array:
        if to in ("float16", "bfloat16") and x.dtype.kind in "iu":
            return x.astype(np.float32).astype(DTYPES[to])
        return x.astype(DTYPES[to])

    return expect


def _lanes(n: int, lanes: int) -> Array:
    return np.arange(n) % lanes


def _bool_cases(lanes: int) -> list[Case]:
    cases = [
        Case("and", _op("and", 2), lambda x, y, z: x & y, "bool"),
        Case("or", _op("or", 2), lambda x, y, z: x | y, "bool"),
        Case("xor", _op("xor", 2), lambda x, y, z: x ^ y, "bool"),
        Case("not", _op("not", 1), lambda x, y, z: ~x, "bool"),
        Case(
            "select",
            lambda b, x, y, z: _pick(b, x, y, z),
            lambda x, y, z: np.where(x, y, z),
            "bool",
        ),
    ]
    for to in (*FLOATS, *INTEGERS):
        cases.append(Case(f"to {to}", _convert(to), _as(to), to))
    for predicate in ("eq", "ne", "lt", "ge"):
        cases.append(Case(predicate, _cmp(predicate), _compare(predicate), "bool"))
    if lanes > 1:
        for op, pick in (("and", np.all), ("or", np.any)):
            cases.append(
                Case(f"reduce {op}", _reduce(op), _by_vector(pick, lanes), "bool", whole=True)
            )
    return cases


_COMPARES = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}


def _compare(predicate: str) -> Callable[..., Array]:
    return lambda x, y, z: _COMPARES[predicate](x, y)


def _by_vector(pick: Callable[..., Array], lanes: int) -> Callable[..., Array]:
    """``pick`` over each vector, in every lane; the tail's missing lanes are zero."""

    def expect(x: Array, y: Array, z: Array) -> Array:
        padded = np.zeros(-(-len(x) // lanes) * lanes, x.dtype)
        padded[: len(x)] = x
        return np.repeat(pick(padded.reshape(-1, lanes), axis=1), lanes)[: len(x)].astype(x.dtype)

    return expect


def cases_of(dtype: str, lanes: int) -> list[Case]:
    """The cases for one dtype; those that need several lanes only when there are."""
    if dtype == "bool":
        return _bool_cases(lanes)
    cases = [
        Case("add", _op("add", 2), lambda x, y, z: x + y, dtype),
        Case("sub", _op("sub", 2), lambda x, y, z: x - y, dtype),
        Case("mul", _op("mul", 2), lambda x, y, z: x * y, dtype),
        Case("neg", _op("neg", 1), lambda x, y, z: -x, dtype),
        Case("min", _op("min", 2), lambda x, y, z: np.minimum(x, y), dtype),
        Case("max", _op("max", 2), lambda x, y, z: np.maximum(x, y), dtype),
    ]
    if dtype != "uint8":
        cases.append(Case("abs", _op("abs", 1), lambda x, y, z: np.abs(x), dtype))
        size = DTYPES[dtype].itemsize
        integer = f"int{8 * size}"
        cases.append(Case("bitcast", _bits, lambda x, y, z: x.view(np.dtype(integer)), integer))
    for predicate in _COMPARES:
        cases.append(Case(predicate, _cmp(predicate), _compare(predicate), "bool"))
    cases += _float_cases(dtype, lanes) if dtype in FLOATS else _integer_cases(dtype, lanes)
    if dtype in FLOATS:
        for to in FLOATS:
            if to != dtype:
                cases.append(Case(f"to {to}", _convert(to), _as(to), to))
    if lanes > 1:
        for op, pick in (("min", np.min), ("max", np.max)):
            cases.append(
                Case(f"reduce {op}", _reduce(op), _by_vector(pick, lanes), dtype, whole=True)
            )
        if dtype in INTEGERS:
            for op, pick in (("add", np.sum), ("mul", np.prod)):
                cases.append(
                    Case(f"reduce {op}", _reduce(op), _by_vector(pick, lanes), dtype, whole=True)
                )
        last = _by_vector(lambda v, axis: v[:, -1], lanes)
        cases.append(Case("extract", _extract, last, dtype, whole=True))
    return cases


# ---- functions -------------------------------------------------------------------------------


def _samples(dtype: str, n: int, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    kind = DTYPES[dtype]
    if dtype == "bool":
        return rng.integers(0, 2, n).astype(bool)
    if dtype in INTEGERS:
        info = np.iinfo(kind)
        x = rng.integers(info.min, info.max, n, dtype=kind, endpoint=True)
        special = [info.min, info.max, 0, 1, 5, info.max // 2]
        x[rng.permutation(n)[: min(6, n)]] = np.asarray(special, kind)[: min(6, n)]
        return x
    x = (rng.standard_normal(n) * np.exp2(rng.integers(-8, 8, n))).astype(kind)
    info = ml_dtypes.finfo(kind)
    special = [
        np.nan,
        np.inf,
        -np.inf,
        0.0,
        -0.0,
        float(info.smallest_subnormal) * 3,
        float(info.max),
        2.5,
        -3.5,
        float(info.tiny),
        65519.0,
        1e-30,
    ]
    with np.errstate(over="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = np.asarray(special).astype(kind)
    where = rng.permutation(n)[: len(values)]
    x[where] = values[: len(where)]
    return x


def _suite(dtype: str, lanes: int, cases: list[Case]) -> Suite:
    tail = lanes // 2 + 1 if lanes > 2 else lanes - 1
    n = max(WHOLE_VECTORS * lanes + tail, 40 if lanes == 1 else 0)
    inputs = [_samples(dtype, n, seed) for seed in (1, 2, 3)]
    memories = [Memory(name, dtype, n, "input") for name in "xyz"]
    outputs = [Memory(f"out{k}", c.out, n, "output") for k, c in enumerate(cases)]
    b = LoopBuilder()
    start, whole = b.const(0, "int64"), b.const(n - n % lanes, "int64")
    count = b.const(n % lanes, "int64")
    for case, out in zip(cases, outputs):
        index, body = Value(INT64), Block()
        b.block.items.append(For(index, start, whole, lanes, [], body, []))
        inner = LoopBuilder()
        inner.block = body
        _one(inner, case, memories, out, index, lanes, ())
        if n % lanes:
            _one(b, case, memories, out, whole, lanes, (count,))
    function = Function(
        f"{dtype}_{lanes}", [*memories, *outputs], [], Value(INT64, "core"), b.block
    )
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = [np.asarray(c.expect(*inputs), dtype=DTYPES[c.out]) for c in cases]
    blank = [np.zeros(n, dtype=DTYPES[c.out]) for c in cases]
    return Suite(function, inputs, blank, expected, cases)


def _one(
    b: LoopBuilder,
    case: Case,
    memories: list[Memory],
    out: Memory,
    index: Value,
    lanes: int,
    count: tuple[Value, ...],
) -> None:
    type = VectorType(memories[0].dtype, lanes)
    x, y, z = (b.op("load", index, *count, type=type, memory=m) for m in memories)
    value = case.build(b, x, y, z)
    b.block.items.append(Instruction("store", (index, value, *count), None, {"memory": out}))


def control_suite() -> Suite:
    """Carried values (a swap among them), nested loops, If, scratch, the core number."""
    n, lanes = 64, 8
    x, out = Memory("x", "float32", n, "input"), Memory("out", "float32", n, "output")
    scratch = Memory("kept", "float32", n, "scratch")
    type = VectorType("float32", lanes)
    b = LoopBuilder()
    core = Value(INT64, "core")
    zero, end = b.const(0, "int64"), b.const(n, "int64")
    first, second = b.const(1.0, "float32", lanes), b.const(2.0, "float32", lanes)
    p, q, total = Value(type), Value(type), Value(type, "total")
    p_after, q_after, total_after = Value(type), Value(type), Value(type)
    i, body = Value(INT64), LoopBuilder()
    v = body.op("load", i, type=type, memory=x)
    body.block.items.append(
        Instruction("store", (i, body.op("add", v, p)), None, {"memory": scratch})
    )
    following = body.op("add", total, v)
    carried = [(p, first, p_after), (q, second, q_after)]
    carried.append((total, b.const(0.0, "float32", lanes), total_after))
    b.block.items.append(For(i, zero, end, lanes, carried, body.block, [q, p, following]))
    s = _reduced(b, total_after, "add")
    positive = b.op("cmp", s, b.const(0.0, "float32"), type=VectorType("bool"), predicate="gt")
    arms = []
    for sign in (1.0, -1.0):
        arm, j = LoopBuilder(), Value(INT64)
        inner = LoopBuilder()
        kept = inner.op("load", j, type=type, memory=scratch)
        scaled = inner.op("mul", kept, inner.const(sign, "float32", lanes))
        mixed = inner.op("add", scaled, inner.op("mul", p_after, q_after))
        inner.block.items.append(Instruction("store", (j, mixed), None, {"memory": out}))
        arm.block.items.append(For(j, core, end, lanes, [], inner.block, []))
        arms.append(arm.block)
    b.block.items.append(If(positive, arms[0], arms[1]))
    function = Function("control", [x, out], [scratch], core, b.block)
    data = np.random.default_rng(5).standard_normal(n).astype(np.float32)
    turns = np.resize(np.asarray([1.0, 2.0], np.float32), n // lanes)[:, None]
    added = data.reshape(-1, lanes) + turns
    want = (added * np.float32(1.0 if data.sum() > 0 else -1.0) + np.float32(2.0)).ravel()
    case = Case("control", _op("add", 2), lambda *_: want, "float32")
    return Suite(function, [data], [np.zeros(n, np.float32)], [want], [case])


def strided_suite() -> Suite:
    """gather and scatter, whole and counted, on two dtypes; a bool loaded with a stride."""
    lanes, stride, n = 8, 3, 8 * 3
    b = LoopBuilder()
    zero, count = b.const(0, "int64"), b.const(5, "int64")
    memories, inputs, outputs, expected, cases = [], [], [], [], []
    made: list[Memory] = []
    for number, dtype in enumerate(("float32", "int8", "float16", "bool")):
        data = _samples(dtype, n, 10 + number)
        source = Memory(f"in_{dtype}", dtype, n, "input")
        memories.append(source)
        inputs.append(data)
        type = VectorType(dtype, lanes)
        for counts, live in (((), lanes), ((count,), 5)):
            out = Memory(f"out_{dtype}_{live}", dtype, n, "output")
            v = b.op("gather", zero, *counts, type=type, memory=source, stride=stride)
            attrs = {"memory": out, "stride": stride}
            b.block.items.append(Instruction("scatter", (zero, v, *counts), None, attrs))
            want = np.zeros(n, DTYPES[dtype])
            want[: live * stride : stride] = data[: live * stride : stride]
            made.append(out)
            outputs.append(np.zeros(n, DTYPES[dtype]))
            expected.append(want)
            cases.append(
                Case(f"gather, scatter {dtype} {live}", _op("add", 2), lambda *_: want, dtype)
            )
    function = Function("strided", [*memories, *made], [], Value(INT64, "core"), b.block)
    return Suite(function, inputs, outputs, expected, cases)
