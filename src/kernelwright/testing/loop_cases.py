"""Every loop IR operation on every dtype, as a way to build it and NumPy's answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from kernelwright.compiler.loops.ir import Instruction, LoopBuilder, Value, VectorType
from kernelwright.graph.core import DTYPES

Array = np.ndarray
FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("int8", "uint8", "int16", "int32", "int64")


@dataclass(frozen=True)
class Case:
    """``build(b, x, y, z)`` appends to the loop body; ``expect(x, y, z)`` is NumPy's answer, of
    dtype ``out``. ``ulps``: how far a float result may be from it."""

    name: str
    build: Callable[..., Value]
    expect: Callable[..., Array]
    out: str
    ulps: int = 0


def _op(op: str, operands: int, **attrs: Any) -> Callable[..., Value]:
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


def reduced(b: LoopBuilder, vector: Value, op: str) -> Value:
    scalar = Value(VectorType(vector.type.dtype))
    b.block.items.append(Instruction("reduce", (vector,), scalar, {"op": op}))
    return scalar


def _reduce(op: str) -> Callable[..., Value]:
    def build(b: LoopBuilder, x: Value, y: Value, z: Value) -> Value:
        return b.op("splat", reduced(b, x, op), type=x.type)

    return build


def _extract(b: LoopBuilder, x: Value, y: Value, z: Value) -> Value:
    scalar = b.op("extract", x, type=VectorType(x.type.dtype), lane=x.type.lanes - 1)
    return b.op("splat", scalar, type=x.type)


def _interleave(b: LoopBuilder, x: Value, y: Value, z: Value) -> Value:
    """x's first lanes and y's last ones, alternating."""
    n = x.type.lanes
    lanes = tuple(i // 2 if i % 2 == 0 else n + n // 2 + i // 2 for i in range(n))
    return b.op("shuffle", x, y, type=x.type, lanes=lanes)


def _interleaved(lanes: int) -> Callable[..., Array]:
    def expect(x: Array, y: Array, z: Array) -> Array:
        groups = -(-len(x) // lanes)
        padded = np.zeros((2, groups * lanes), x.dtype)
        padded[0, : len(x)], padded[1, : len(y)] = x, y
        a, b = padded.reshape(2, groups, lanes)
        both = np.stack([a[:, : lanes // 2], b[:, lanes // 2 :]], axis=2)
        return both.reshape(-1)[: len(x)]

    return expect


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
        Case("select", _select, lambda x, y, z: np.asarray(np.where(x < y, y, z)), dtype),
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
        Case("select", _select, lambda x, y, z: np.asarray(np.where(x < y, y, z)), dtype),
        Case("lane", _lane_sum, lambda x, y, z: x + _lanes(len(x), lanes).astype(kind), dtype),
        Case(
            "wrapped constant",
            _constants(dtype, unsigned.type(-1 % (1 << bits)).item()),
            lambda x, y, z: (x.view(unsigned) - unsigned.type(1)).view(kind),
            dtype,
        ),
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
            lambda x, y, z: np.asarray(np.where(x, y, z)),
            "bool",
        ),
    ]
    for to in (*FLOATS, *INTEGERS):
        cases.append(Case(f"to {to}", _convert(to), _as(to), to))
    for predicate in ("eq", "ne", "lt", "ge"):
        cases.append(Case(predicate, _cmp(predicate), _compare(predicate), "bool"))
    if lanes > 1:
        cases.append(Case("shuffle", _interleave, _interleaved(lanes), "bool"))
        for op, pick in (("and", np.all), ("or", np.any)):
            cases.append(Case(f"reduce {op}", _reduce(op), _by_vector(pick, lanes), "bool"))
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
            cases.append(Case(f"reduce {op}", _reduce(op), _by_vector(pick, lanes), dtype))
        if dtype in INTEGERS:
            for op, fold in (("add", np.sum), ("mul", np.prod)):
                cases.append(Case(f"reduce {op}", _reduce(op), _by_vector(fold, lanes), dtype))
        last = _by_vector(lambda v, axis: v[:, -1], lanes)
        cases.append(Case("shuffle", _interleave, _interleaved(lanes), dtype))
        cases.append(Case("extract", _extract, last, dtype))
    return cases
