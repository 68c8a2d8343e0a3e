"""Loop IR: what one AUL kernel does on one CPU core, as structured loops over vector SSA values.

It stands between AUL (whole tiles) and C++ or MLIR (text): ``lower`` makes it, the ``cpp`` and
``mlir`` printers print it one instruction at a time, so both see the same loops, the same vector
arithmetic and the same polynomials. Every value is assigned once. Integers used for addressing are
``int64`` scalars. Memory is flat: a pointer (or scratch buffer) and an element index.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class VectorType:
    """``lanes`` copies of a scalar dtype (the Graph's dtype names); lanes == 1 is a scalar.

    "bool" vectors are masks (i1 in MLIR). In memory a bool is one byte, 0 or 1.
    """

    dtype: str
    lanes: int = 1

    def __str__(self) -> str:
        return self.dtype if self.lanes == 1 else f"{self.dtype}x{self.lanes}"


_ids = itertools.count()


@dataclass(eq=False)
class Value:
    type: VectorType
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            self.name = f"v{next(_ids)}"


@dataclass(eq=False)
class Memory:
    """A flat array. Kind "input" (read only), "output" (read and write), "scratch" (private to the
    core, allocated on entry, 64-byte aligned). ``elements`` is its size."""

    name: str
    dtype: str
    elements: int
    kind: str


@dataclass(eq=False)
class Instruction:
    """``result = op(args)``; see OPS for the meaning. ``result`` is None for "store"."""

    op: str
    args: tuple[Value, ...]
    result: Value | None
    attrs: dict[str, Any] = field(default_factory=dict)


# op -> meaning. All operands and the result have the same lanes unless said otherwise.
OPS = {
    "const": "attrs: value (int, float, bool; inf and nan allowed), splat to all lanes",
    "splat": "a scalar to all lanes",
    "lane": "0, 1, 2, ... of the result's integer dtype",
    "add sub mul div neg": "float or integer (wrapping; integer div truncates toward zero)",
    "rem": "C remainder, float (fmod) or integer",
    "fma": "a * b + c, one rounding where the machine can",
    "min max": "float: an operand that is NaN makes NaN (torch's rule); integer: signed",
    "minnum maxnum": "float, NaN unspecified: the fastest the machine has",
    "abs sqrt floor ceil trunc rint": "float; rint is half to even; abs also integer",
    "and or xor not": "integer bits or masks",
    "shl shr sar": "integer shifts: left, logical right, arithmetic right",
    "cmp": "attrs: predicate lt le gt ge eq ne (ordered, ne is unordered-or); result: bool lanes",
    "select": "mask, a, b",
    "convert": "to the result's dtype: float to float rounds to nearest even; float to int"
    " truncates (saturating is not required); int to float rounds; bool to number is 0 or 1; number"
    " to bool is != 0; integers sign-extend (uint8 zero-extends) or wrap",
    "bitcast": "same number of bits",
    "reduce": "attrs: op add mul min max and or; a vector to a scalar, any order, min/max as above",
    "extract": "attrs: lane; a vector to a scalar",
    "shuffle": "attrs: lanes; args: a, b: lane i is lane lanes[i] of a's lanes followed by b's",
    "libm": "attrs: function (C name without suffix: exp, sin, tgamma ...); lane by lane, slow",
    "load": "attrs: memory; args: index[, count[, first]]; ``lanes`` elements from index on; with"
    " count and first (int64 scalars, 0 to lanes) only the lanes from first to count are read, the"
    " others are zero",
    "gather": "attrs: memory, stride (int); args: index[, count]; lane l reads index + l * stride",
    "lookup": "attrs: memory; args: index, a vector of int32 or int64; lane l reads"
    " memory[index[l]], every one inside of the memory",
    "store": "attrs: memory; args: index, value[, count]",
    "scatter": "attrs: memory, stride; args: index, value[, count]",
}


@dataclass(eq=False)
class Block:
    items: list[Instruction | For | If] = field(default_factory=list)


@dataclass(eq=False)
class For:
    """``for var = lower; var < upper; var += step``, with values carried from turn to turn.

    ``carried[i]`` is (argument seen in the body, initial value, result after the loop);
    ``yields[i]`` is its next value, defined in the body or outside.
    """

    var: Value
    lower: Value
    upper: Value
    step: int
    carried: list[tuple[Value, Value, Value]]
    body: Block
    yields: list[Value]


@dataclass(eq=False)
class If:
    condition: Value  # bool scalar
    then: Block
    orelse: Block


@dataclass(eq=False)
class Function:
    """The work of one core: ``name(pointers..., core, sizes...)``; ``core`` and ``sizes`` (those
    that are known at run time only) are int64 scalars."""

    name: str
    memories: list[Memory]  # "input" and "output" ones, in parameter order
    scratch: list[Memory]
    core: Value
    body: Block
    sizes: list[Value] = field(default_factory=list)


def instructions(block: Block) -> Iterator[Instruction]:
    """Every instruction, in order, nested ones included."""
    for item in block.items:
        if isinstance(item, Instruction):
            yield item
        elif isinstance(item, For):
            yield from instructions(item.body)
        else:
            yield from instructions(item.then)
            yield from instructions(item.orelse)


class LoopBuilder:
    """Appends to a block: ``b.op("add", x, y)``. ``builder.Builder`` adds loops and hoisting."""

    def __init__(self) -> None:
        self.block = Block()

    def op(self, op: str, /, *args: Value, type: VectorType | None = None, **attrs: Any) -> Value:
        """Appends an instruction; the result's type defaults to the first operand's."""
        result = Value(type if type is not None else args[0].type)
        self.block.items.append(Instruction(op, args, result, attrs))
        return result

    def const(self, value: float | int | bool, dtype: str, lanes: int = 1) -> Value:
        return self.op("const", type=VectorType(dtype, lanes), value=value)
