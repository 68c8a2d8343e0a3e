"""Runs loop IR in NumPy: the executable meaning of every instruction.

It is strict where a machine would be silent: an index outside a memory, a write to an input, an
integer division by zero and a value used before its definition are errors. Slow; for tests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kernelwright.compiler.loops.ir import Block, For, Function, Instruction, Memory, Value
from kernelwright.graph.core import DTYPES

Array = np.ndarray


class LoopIRError(AssertionError):
    """The program did what no correct program does."""


def run(function: Function, arrays: Sequence[Array], core: int) -> None:
    """Runs one core's work. ``arrays`` are flat, one a parameter, of the declared dtype and size;
    outputs are written in place. Raises LoopIRError on a forbidden access."""
    if len(arrays) != len(function.memories):
        raise LoopIRError(f"{function.name} takes {len(function.memories)} arrays")
    machine = _Machine()
    for memory, array in zip(function.memories, arrays, strict=True):
        if array.shape != (memory.elements,) or array.dtype != DTYPES[memory.dtype]:
            raise LoopIRError(
                f"{memory.name} is {memory.dtype}[{memory.elements}], "
                f"got {array.dtype}{array.shape}"
            )
        machine.memories[memory] = array
    for memory in function.scratch:  # filled with rubbish: reading it before writing shows
        rubbish = np.full(memory.elements * DTYPES[memory.dtype].itemsize, 0x7F, np.uint8)
        machine.memories[memory] = rubbish.view(DTYPES[memory.dtype])
        if memory.dtype == "bool":
            machine.memories[memory] = np.ones(memory.elements, np.bool_)
    machine.values[function.core] = np.asarray([core], np.int64)
    with np.errstate(all="ignore"):
        machine.block(function.body)


class _Machine:
    def __init__(self) -> None:
        self.values: dict[Value, Array] = {}
        self.memories: dict[Memory, Array] = {}

    def scalar(self, value: Value) -> int:
        return int(self.values[value][0])

    def block(self, block: Block) -> None:
        for item in block.items:
            if isinstance(item, Instruction):
                self.instruction(item)
            elif isinstance(item, For):
                self.loop(item)
            else:
                self.block(item.then if self.values[item.condition][0] else item.orelse)

    def loop(self, loop: For) -> None:
        state = [self.values[init] for _, init, _ in loop.carried]
        for i in range(self.scalar(loop.lower), self.scalar(loop.upper), loop.step):
            self.values[loop.var] = np.asarray([i], np.int64)
            for (argument, _, _), value in zip(loop.carried, state, strict=True):
                self.values[argument] = value
            self.block(loop.body)
            state = [self.values[v] for v in loop.yields]
        for (_, _, result), value in zip(loop.carried, state, strict=True):
            self.values[result] = value

    def instruction(self, item: Instruction) -> None:
        if item.op in ("load", "gather"):
            assert item.result is not None
            self.values[item.result] = self.load(item)
        elif item.op == "lookup":
            assert item.result is not None
            self.values[item.result] = self.lookup(item)
        elif item.op in ("store", "scatter"):
            self.store(item)
        else:
            assert item.result is not None
            if item.op not in _MEANING:
                raise LoopIRError(f"unknown instruction {item.op}")
            args = [self.values[a] for a in item.args]
            result = _MEANING[item.op](item, args)
            expected = item.result.type
            result = np.broadcast_to(result, (expected.lanes,))
            if result.dtype != DTYPES[expected.dtype]:
                raise LoopIRError(f"{item.op} gives {result.dtype}, not {expected}")
            self.values[item.result] = result

    def addresses(
        self, item: Instruction, lanes: int, count: Value | None, first: int = 0
    ) -> Array:
        memory = item.attrs["memory"]
        stride = item.attrs.get("stride", 1)
        wanted = lanes if count is None else self.scalar(count)
        if wanted < 0 or wanted > lanes:
            raise LoopIRError(f"{item.op} {memory.name}: count {wanted} of {lanes} lanes")
        if first < 0 or first > lanes:
            raise LoopIRError(f"{item.op} {memory.name}: first {first} of {lanes} lanes")
        at = self.scalar(item.args[0]) + stride * np.arange(first, wanted)
        if len(at) and (at.min() < 0 or at.max() >= memory.elements):
            raise LoopIRError(
                f"{item.op} {memory.name}[{at.min()}..{at.max()}] outside {memory.elements}"
            )
        return at

    def load(self, item: Instruction) -> Array:
        assert item.result is not None
        memory, kind = item.attrs["memory"], item.result.type
        if kind.dtype != memory.dtype:
            raise LoopIRError(f"load of {kind} from {memory.dtype} memory {memory.name}")
        count = item.args[1] if len(item.args) > 1 else None
        first = self.scalar(item.args[2]) if len(item.args) > 2 else 0
        at = self.addresses(item, kind.lanes, count, first)
        result = np.zeros(kind.lanes, DTYPES[kind.dtype])
        result[first : first + len(at)] = self.memories[memory][at]
        return result

    def lookup(self, item: Instruction) -> Array:
        memory, at = item.attrs["memory"], self.values[item.args[0]]
        if at.min() < 0 or at.max() >= memory.elements:
            raise LoopIRError(
                f"lookup {memory.name}[{at.min()}..{at.max()}] outside {memory.elements}"
            )
        return np.asarray(self.memories[memory][at])

    def store(self, item: Instruction) -> None:
        memory, value = item.attrs["memory"], self.values[item.args[1]]
        if memory.kind == "input":
            raise LoopIRError(f"store to the input {memory.name}")
        if item.args[1].type.dtype != memory.dtype:
            raise LoopIRError(f"store of {item.args[1].type} to {memory.dtype} {memory.name}")
        count = item.args[2] if len(item.args) > 2 else None
        at = self.addresses(item, len(value), count)
        self.memories[memory][at] = value[: len(at)]


Meaning = Callable[[Instruction, list[Array]], Array]


def _const(item: Instruction, _: list[Array]) -> Array:
    assert item.result is not None
    kind = item.result.type
    return np.full(kind.lanes, item.attrs["value"]).astype(DTYPES[kind.dtype])


def _is_float(a: Array) -> bool:
    return a.dtype.kind not in "iub"


def _div(_: Instruction, args: list[Array]) -> Array:
    a, b = args
    if _is_float(a):
        return a / b
    if (b == 0).any():
        raise LoopIRError("integer division by zero")
    if a.dtype.kind == "i" and ((b == -1) & (a == np.iinfo(a.dtype).min)).any():
        raise LoopIRError("integer division overflows")
    quotient = a // b
    return quotient + ((quotient < 0) & (quotient * b != a)).astype(a.dtype)


def _rem(item: Instruction, args: list[Array]) -> Array:
    a, b = args
    return np.fmod(a, b) if _is_float(a) else (a - _div(item, args) * b).astype(a.dtype)


def _fma(_: Instruction, args: list[Array]) -> Array:
    a, b, c = args
    wide = np.longdouble if a.dtype == np.float64 else np.float64
    if not _is_float(a):
        return a * b + c
    return (a.astype(wide) * b.astype(wide) + c.astype(wide)).astype(a.dtype)


_PREDICATES = {
    "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
    "eq": np.equal, "ne": np.not_equal,
}  # fmt: skip

_REDUCERS: dict[str, Callable[..., Any]] = {
    "add": np.sum, "mul": np.prod, "min": np.min, "max": np.max,
    "and": np.bitwise_and.reduce, "or": np.bitwise_or.reduce,
}  # fmt: skip


def _reduce(item: Instruction, args: list[Array]) -> Array:
    a = args[0]
    if item.attrs["op"] in ("add", "mul"):
        return np.asarray([_REDUCERS[item.attrs["op"]](a, dtype=a.dtype)])
    return np.asarray([_REDUCERS[item.attrs["op"]](a)], a.dtype)


def _convert(item: Instruction, args: list[Array]) -> Array:
    assert item.result is not None
    target = DTYPES[item.result.type.dtype]
    if target == np.bool_:
        return args[0] != 0
    return args[0].astype(target)


def _logical_right(_: Instruction, args: list[Array]) -> Array:
    a, b = args
    unsigned = np.dtype(f"u{a.dtype.itemsize}")
    return (a.view(unsigned) >> b.astype(unsigned)).view(a.dtype)


def _libm(item: Instruction, args: list[Array]) -> Array:
    function = item.attrs["function"]
    wide = [a.astype(np.float64) for a in args]
    numpy_name = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2",
                  "asinh": "arcsinh", "acosh": "arccosh", "atanh": "arctanh",
                  "pow": "power"}.get(function, function)  # fmt: skip
    call = getattr(np, numpy_name, None)
    if call is None:
        call = np.frompyfunc(_safe(getattr(math, function)), len(args), 1)
    return np.asarray(call(*wide)).astype(args[0].dtype)


def _safe(function: Callable[..., float]) -> Callable[..., float]:
    def call(*args: float) -> float:
        try:
            return function(*args)
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan

    return call


def _binary(function: Callable[..., Array]) -> Meaning:
    return lambda _, args: function(args[0], args[1])


def _unary(function: Callable[..., Array]) -> Meaning:
    return lambda _, args: function(args[0])


def _lane(item: Instruction, _: list[Array]) -> Array:
    assert item.result is not None
    return np.arange(item.result.type.lanes).astype(DTYPES[item.result.type.dtype])


def _bitcast(item: Instruction, args: list[Array]) -> Array:
    assert item.result is not None
    return np.ascontiguousarray(args[0]).view(DTYPES[item.result.type.dtype])


_MEANING: dict[str, Meaning] = {
    "const": _const,
    "splat": _unary(lambda a: a),
    "lane": _lane,
    "add": _binary(np.add),
    "sub": _binary(np.subtract),
    "mul": _binary(np.multiply),
    "div": _div,
    "neg": _unary(np.negative),
    "rem": _rem,
    "fma": _fma,
    "min": _binary(np.minimum),
    "max": _binary(np.maximum),
    "minnum": _binary(np.fmin),
    "maxnum": _binary(np.fmax),
    "abs": _unary(np.abs),
    "sqrt": _unary(np.sqrt),
    "floor": _unary(np.floor),
    "ceil": _unary(np.ceil),
    "trunc": _unary(np.trunc),
    "rint": _unary(np.rint),
    "and": _binary(np.bitwise_and),
    "or": _binary(np.bitwise_or),
    "xor": _binary(np.bitwise_xor),
    "not": _unary(np.invert),
    "shl": _binary(np.left_shift),
    "shr": _logical_right,
    "sar": _binary(np.right_shift),
    "cmp": lambda item, args: _PREDICATES[item.attrs["predicate"]](*args),
    "select": lambda _, args: np.where(args[0], args[1], args[2]),
    "convert": _convert,
    "bitcast": _bitcast,
    "reduce": _reduce,
    "extract": lambda item, args: args[0][item.attrs["lane"]][None],
    "shuffle": lambda item, args: np.concatenate(args)[list(item.attrs["lanes"])],
    "libm": _libm,
}
