"""A conformance suite for what prints loop IR for a CPU.

``suites()`` gives loop IR functions, each over the cases of one dtype and lane count; a printer
compiles them as it likes, runs ``core`` 0 on ``Suite.arrays()`` and hands the arrays to
``Suite.check``. Every case runs over whole vectors and a tail, so loads, stores and their
count-limited forms are covered by all.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ml_dtypes
import numpy as np

from kernelwright.compiler.codegen._host import Buffer, Call, HostPlan, Segment
from kernelwright.compiler.codegen._legalize import legalize
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
from kernelwright.testing.loop_cases import FLOATS, INTEGERS, Array, Case, cases_of, reduced

WHOLE_VECTORS = 3
INT64 = VectorType("int64")


@dataclass(frozen=True)
class Label:
    name: str
    ulps: int = 0


@dataclass
class Suite:
    """One function with its inputs and expected outputs."""

    function: Function
    inputs: list[Array]
    outputs: list[Array]  # filled with a sentinel; a run must change exactly the right elements
    expected: list[Array]
    labels: list[Label]

    def arrays(self) -> list[Array]:
        """All memories' arrays in parameter order; outputs are fresh."""
        return [*self.inputs, *(o.copy() for o in self.outputs)]

    def check(self, arrays: Sequence[Array]) -> list[str]:
        """One line for each case whose output in ``arrays`` is wrong."""
        found = arrays[len(self.inputs) :]
        lines = []
        for label, got, want in zip(self.labels, found, self.expected):
            line = _difference(got, want, label.ulps)
            if line:
                lines.append(f"{self.function.name}: {label.name}: {line}")
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


def suites(lanes_of: Callable[[str], Sequence[int]]) -> list[Suite]:
    """All suites; ``lanes_of(dtype)`` says which lane counts to try."""
    made = []
    for dtype in (*FLOATS, *INTEGERS, "bool"):
        for lanes in lanes_of(dtype):
            made.append(_suite(dtype, lanes, cases_of(dtype, lanes)))
    return [*made, control_suite(), strided_suite()]


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
    limits = ml_dtypes.finfo(kind)
    odd: list[float] = [
        np.nan,
        np.inf,
        -np.inf,
        0.0,
        -0.0,
        float(limits.smallest_subnormal) * 3,
        float(limits.max),
        2.5,
        -3.5,
        float(limits.tiny),
        65519.0,
        1e-30,
    ]
    with np.errstate(over="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = np.asarray(odd).astype(kind)
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
    labels = [Label(c.name, c.ulps) for c in cases]
    return Suite(function, inputs, blank, expected, labels)


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
    s = reduced(b, total_after, "add")
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
    label = Label("control")
    return Suite(function, [data], [np.zeros(n, np.float32)], [want], [label])


def strided_suite() -> Suite:
    """gather and scatter, whole and counted, on some dtypes; loads that begin before memory."""
    lanes, stride, n = 8, 3, 8 * 3
    b = LoopBuilder()
    zero, count = b.const(0, "int64"), b.const(5, "int64")
    memories: list[Memory] = []
    inputs: list[Array] = []
    outputs: list[Array] = []
    expected: list[Array] = []
    labels: list[Label] = []
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
            labels.append(Label(f"gather, scatter {dtype} {live}"))
        out = Memory(f"range_{dtype}", dtype, lanes, "output")
        before, first = b.const(-2, "int64"), b.const(2, "int64")
        v = b.op("load", before, count, first, type=type, memory=source)
        b.block.items.append(Instruction("store", (zero, v), None, {"memory": out}))
        made.append(out)
        outputs.append(np.zeros(lanes, DTYPES[dtype]))
        expected.append(np.concatenate([np.zeros(2), data[:3], np.zeros(3)]).astype(data.dtype))
        labels.append(Label(f"load of a range {dtype}"))
    function = Function("strided", [*memories, *made], [], Value(INT64, "core"), b.block)
    return Suite(function, inputs, outputs, expected, labels)


def plan_of(made: Sequence[Suite], native_extrema: int = 0) -> HostPlan:
    """A host plan that runs core 0 of every suite's function, each on its own buffers."""
    buffers: dict[str, Buffer] = {}
    calls = []
    for suite in made:
        names = []
        for memory in suite.function.memories:
            names.append(f"{suite.function.name}_{memory.name}")
            buffers[names[-1]] = Buffer(names[-1], memory.dtype, (memory.elements,), memory.kind)
        calls.append(Call(legalize(suite.function, native_extrema), 1, tuple(names)))
    return HostPlan("suite", buffers, tuple(buffers), (Segment("suite", tuple(calls)),))


def run_all(host: Callable[[Sequence[Array]], None], made: Sequence[Suite]) -> list[str]:
    """Calls the host of ``plan_of(made)`` once; one line for each case that is wrong."""
    arrays = [suite.arrays() for suite in made]
    host([a for group in arrays for a in group])
    return [line for suite, group in zip(made, arrays) for line in suite.check(group)]
