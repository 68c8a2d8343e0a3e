"""Elementwise ops of two or three tensors. Inputs have one dtype and broadcast as in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import Builder, Node, OpDef, TensorType, is_float
from kernelwright.graph.ops._rules import (
    ALL,
    BOOL,
    FLOATS,
    INTEGERS,
    NUMBERS,
    broadcast_shapes,
    expect_count,
    expect_dtype,
    expect_equal_dtypes,
    in_float32,
)
from kernelwright.graph.ops.call import leads_to_product
from kernelwright.graph.rules import FINITE, REASSOCIATION, Match, Rule, expand, filled, p


def _infer_binary(
    name: str, allowed: frozenset[str], result: str | None
) -> Callable[[Sequence[TensorType], Mapping[str, Any]], TensorType]:
    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(name, inputs, 2)
        dtype = expect_equal_dtypes(name, inputs)
        expect_dtype(name, dtype, allowed)
        shape = broadcast_shapes(name, [t.shape for t in inputs])
        return TensorType(shape, result or dtype)

    return infer


_COMMUTATIVE = frozenset(
    [
        "add",
        "mul",
        "maximum",
        "minimum",
        "eq",
        "ne",
        "logical_and",
        "logical_or",
        "logical_xor",
        "bitwise_and",
        "bitwise_or",
        "bitwise_xor",
    ]
)
_WORK = {"div": 4.0, "pow": 20.0, "atan2": 20.0, "remainder": 6.0, "fmod": 6.0, "floor_divide": 6.0}


def _define(
    name: str,
    function: Callable[..., Any],
    allowed: frozenset[str],
    result: str | None = None,
    doc: str = "",
) -> OpDef:
    infer = _infer_binary(name, allowed, result)
    swaps, work = name in _COMMUTATIVE, _WORK.get(name, 1.0)
    meaning = in_float32(function)
    return OpDef(name, "elementwise", infer, meaning, doc=doc, commutative=swaps, work=work)


def _infer_where(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("where", inputs, 3)
    if inputs[0].dtype != "bool":
        raise ValueError(f"where needs a bool condition, not {inputs[0].dtype}")
    dtype = expect_equal_dtypes("where", inputs[1:])
    return TensorType(broadcast_shapes("where", [t.shape for t in inputs]), dtype)


def _where(condition: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(condition, a, b))


_COMPARISONS: Mapping[str, Callable[..., Any]] = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}

OPS = (
    _define("add", np.add, NUMBERS),
    _define("sub", np.subtract, NUMBERS),
    _define("mul", np.multiply, NUMBERS),
    _define("div", np.divide, FLOATS, doc="True division; integers are cast first."),
    _define("pow", np.power, NUMBERS, doc="Integer exponents must not be negative."),
    _define("maximum", np.maximum, ALL, doc="NaN wins."),
    _define("minimum", np.minimum, ALL, doc="NaN wins."),
    _define("remainder", np.remainder, NUMBERS, doc="The result has the divisor's sign."),
    _define("fmod", np.fmod, NUMBERS, doc="The result has the dividend's sign."),
    _define("floor_divide", np.floor_divide, NUMBERS),
    _define("atan2", np.arctan2, FLOATS),
    _define("copysign", np.copysign, FLOATS),
    *(_define(name, function, ALL, "bool") for name, function in _COMPARISONS.items()),
    _define("logical_and", np.logical_and, BOOL),
    _define("logical_or", np.logical_or, BOOL),
    _define("logical_xor", np.logical_xor, BOOL),
    _define("bitwise_and", np.bitwise_and, INTEGERS | BOOL),
    _define("bitwise_or", np.bitwise_or, INTEGERS | BOOL),
    _define("bitwise_xor", np.bitwise_xor, INTEGERS | BOOL),
    _define("left_shift", np.left_shift, INTEGERS),
    _define("right_shift", np.right_shift, INTEGERS),
    OpDef("where", "elementwise", _infer_where, _where, doc="where(condition, a, b)."),
)


# ---- rules ---------------------------------------------------------------------------------------

Right = Callable[[Builder, Match], "Node | None"]


def _always(value: float, floats: bool = False) -> Right:
    def right(builder: Builder, m: Match) -> Node | None:
        if floats and not is_float(m.root.dtype):
            return None
        return filled(builder, value, m.root)

    return right


def _twice(builder: Builder, m: Match) -> Node | None:
    if not is_float(m.root.dtype):
        return None
    return builder.mul(m["x"], builder.constant(2.0, m.root.dtype))


def _operand(name: str) -> Right:
    """The operand alone, repeated where the other one has more elements."""

    def right(builder: Builder, m: Match) -> Node | None:
        return expand(builder, m[name], m.root.shape)

    return right


def _neutral(name: str, number: float) -> Right:
    """x, where the operand ``name`` is ``number`` everywhere."""
    other = "y" if name == "x" else "x"

    def right(builder: Builder, m: Match) -> Node | None:
        return expand(builder, m[other], m.root.shape) if m.uniform(name) == number else None

    return right


def _times_zero(builder: Builder, m: Match) -> Node | None:
    return filled(builder, 0.0, m.root) if m.uniform("y") == 0 and is_float(m.root.dtype) else None


def _numbers_meet(outer: str, inner: str) -> Right:
    """(x inner c) outer d as one op with one number; floats only, since integers wrap."""

    def right(builder: Builder, m: Match) -> Node | None:
        c, d = m.uniform("c"), m.uniform("d")
        if c is None or d is None or m.root.dtype not in ("float32", "float64"):
            return None
        op, number = _met(outer, inner, float(c), float(d))
        if not math.isfinite(number) or (number == 0 and 0 not in (c, d)):
            return None
        limit = np.finfo(m.root.dtype)
        if op == "mul" and number and not limit.tiny < abs(number) < limit.max:
            return None
        if m["x"].shape != m.root.shape:
            return None
        return builder.make(op, [m["x"], builder.constant(number, m.root.dtype)])

    return right


def _met(outer: str, inner: str, c: float, d: float) -> tuple[str, float]:
    if inner in ("add", "sub"):
        return "add", (c if inner == "add" else -c) + (d if outer == "add" else -d)
    with np.errstate(all="ignore"):
        first = c if inner == "mul" else float(np.divide(1.0, c))
        return "mul", float(first * d if outer == "mul" else np.divide(first, d))


def _bounds_meet(builder: Builder, m: Match) -> Node | None:
    """max(max(x, c), d) = max(x, max(c, d)), for numbers; likewise min."""
    c, d = m.uniform("c"), m.uniform("d")
    if c is None or d is None or m["x"].shape != m.root.shape:
        return None
    number = max(c, d) if m.root.op == "maximum" else min(c, d)
    return builder.make(m.root.op, [m["x"], builder.constant(number, m.root.dtype)])


def _without_bound(builder: Builder, m: Match) -> Node | None:
    """max(x, y) = x where no y is above any x; likewise min."""
    (low, high), (least, most) = m.interval("x"), m.interval("y")
    above = low >= most if m.root.op == "maximum" else high <= least
    clean = m.uniform("y") is not None  # y may not bring in a NaN of its own
    return m["x"] if above and clean and m["x"].shape == m.root.shape else None


def _only_bound(builder: Builder, m: Match) -> Node | None:
    """max(x, c) = c where no x is above c."""
    (low, high), c = m.interval("x"), m.uniform("y")
    if c is None or not is_float(m.root.dtype):
        return None
    beyond = high <= c if m.root.op == "maximum" else low >= c
    return filled(builder, c, m.root) if beyond else None


def _compared(builder: Builder, m: Match) -> Node | None:
    """A comparison that the operands' ranges decide."""
    (low, high), (least, most), op = m.interval("x"), m.interval("y"), m.root.op
    if not is_float(m["x"].dtype):
        return None
    below, above = high < least, low > most
    never_above, never_below = high <= least, low >= most
    known = {
        "lt": (below, never_below),
        "le": (never_above, above),
        "gt": (above, never_above),
        "ge": (never_below, below),
        "eq": (False, below or above),
        "ne": (below or above, False),
    }
    true, false = known[op]
    return filled(builder, true, m.root) if true or false else None


def _one_choice(builder: Builder, m: Match) -> Node | None:
    chosen = m.uniform("c")
    return None if chosen is None else expand(builder, m["a" if chosen else "b"], m.root.shape)


def _parameters_meet(op: str, both: str) -> Right:
    """(x op q) op r = x op (q both r), where q and r are parameters and x is a product."""

    def right(builder: Builder, m: Match) -> Node | None:
        if not _of_parameters(m):
            return None
        return builder.make(op, [m["x"], builder.make(both, [m["q"], m["r"]])])

    return right


def _of_parameters(m: Match) -> bool:
    known = m.facts.parameter_only(m["q"]) and m.facts.parameter_only(m["r"])
    wide = m.root.dtype in ("float32", "float64")
    return known and wide and leads_to_product(m.facts, m["x"])


def _distributed(op: str) -> Right:
    """(x op q) r = x r op q r, likewise, so that r may go into the weights."""

    def right(builder: Builder, m: Match) -> Node | None:
        if not _of_parameters(m):
            return None
        return builder.make(op, [builder.mul(m["x"], m["r"]), builder.mul(m["q"], m["r"])])

    return right


def _in_both(op: str) -> Right:
    """cast(x op y) = cast(x) op cast(y) to a wider type: what is summed next is rounded later."""

    def right(builder: Builder, m: Match) -> Node | None:
        x, y, root = m["x"], m["y"], m.root
        if x.dtype not in ("float16", "bfloat16") or root.dtype != "float32":
            return None
        if not leads_to_product(m.facts, x):
            return None
        wide = [builder.cast(n, dtype=root.dtype) for n in (x, y)]
        return builder.make(op, wide)

    return right


_LINEAR_PAIRS = (("mul", "mul"), ("mul", "div"), ("div", "mul"), ("div", "div"))
_SHIFT_PAIRS = (("add", "add"), ("add", "sub"), ("sub", "add"), ("sub", "sub"))

RULES = (
    Rule("x_minus_x", p.sub("x", "x"), _always(0.0, floats=True), FINITE),
    Rule("x_over_x", p.div("x", "x"), _always(1.0, floats=True), FINITE),
    Rule("times_zero", p.mul("x", "y"), _times_zero, FINITE),
    Rule("zero_over_x", p.div("y", "x"), _times_zero, FINITE),
    Rule("x_plus_x", p.add("x", "x"), _twice),
    Rule("plus_zero", p.add("x", "y"), _neutral("y", 0), REASSOCIATION),
    Rule("minus_zero", p.sub("x", "y"), _neutral("y", 0)),
    Rule("times_one", p.mul("x", "y"), _neutral("y", 1)),
    Rule("over_one", p.div("x", "y"), _neutral("y", 1)),
    Rule("plus_minus", p.sub(p.add("x", "y"), "y"), _operand("x"), FINITE),
    Rule("minus_plus", p.add(p.sub("x", "y"), "y"), _operand("x"), FINITE),
    Rule("minus_minus", p.sub("x", p.sub("x", "y")), _operand("y"), FINITE),
    Rule("over_times", p.mul(p.div("x", "y"), "y"), _operand("x"), FINITE),
    Rule("times_over", p.div(p.mul("x", "y"), "y"), _operand("x"), FINITE),
    *(
        Rule(
            f"numbers_{inner}_{outer}",
            getattr(p, outer)(getattr(p, inner)("x", "c"), "d"),
            _numbers_meet(outer, inner),
            REASSOCIATION,
        )
        for outer, inner in (*_LINEAR_PAIRS, *_SHIFT_PAIRS)
    ),
    *(
        Rule(f"{op}_of_{op}", getattr(p, op)(getattr(p, op)("x", "c"), "d"), _bounds_meet)
        for op in ("maximum", "minimum")
    ),
    *(Rule(f"{op}_of_equals", getattr(p, op)("x", "x"), _operand("x"))
      for op in ("maximum", "minimum", "logical_and", "logical_or")),
    *(Rule(f"{op}_without_effect", getattr(p, op)("x", "y"), _without_bound)
      for op in ("maximum", "minimum")),
    *(Rule(f"{op}_is_the_bound", getattr(p, op)("x", "y"), _only_bound, FINITE)
      for op in ("maximum", "minimum")),
    Rule("maximum_of_minimum", p.maximum(p.minimum("x", "y"), "y"), _operand("y"), FINITE),
    Rule("minimum_of_maximum", p.minimum(p.maximum("x", "y"), "y"), _operand("y"), FINITE),
    *(Rule(f"decided_{op}", getattr(p, op)("x", "y"), _compared, FINITE) for op in _COMPARISONS),
    *(Rule(f"{op}_of_equals", getattr(p, op)("x", "x"), _always(value), FINITE)
      for op, value in (("eq", True), ("le", True), ("ge", True),
                        ("ne", False), ("lt", False), ("gt", False))),
    Rule("one_choice", p.where("c", "a", "b"), _one_choice),
    Rule("choice_of_equals", p.where("c", "a", "a"), _operand("a")),
    Rule(
        "chosen_twice", p.where("c", p.where("c", "a", "b"), "d"),
        lambda b, m: expand(b, b.where(m["c"], m["a"], m["d"]), m.root.shape),
    ),
    Rule(
        "refused_twice", p.where("c", "a", p.where("c", "b", "d")),
        lambda b, m: expand(b, b.where(m["c"], m["a"], m["d"]), m.root.shape),
    ),
    Rule(
        "plus_negated", p.add("x", p.neg("y")), lambda b, m: b.sub(m["x"], m["y"]),
    ),
    Rule(
        "minus_negated", p.sub("x", p.neg("y")), lambda b, m: b.add(m["x"], m["y"]),
    ),
    Rule("shifts_meet", p.add(p.add("x", "q"), "r"), _parameters_meet("add", "add"), REASSOCIATION),
    Rule("scales_meet", p.mul(p.mul("x", "q"), "r"), _parameters_meet("mul", "mul"), REASSOCIATION),
    Rule("shift_back", p.add(p.sub("x", "q"), "r"),
         lambda b, m: b.add(m["x"], b.sub(m["r"], m["q"])) if _of_parameters(m) else None,
         REASSOCIATION),
    Rule("shift_forth", p.sub(p.add("x", "q"), "r"),
         lambda b, m: b.add(m["x"], b.sub(m["q"], m["r"])) if _of_parameters(m) else None,
         REASSOCIATION),
    Rule("scaled_shift", p.mul(p.add("x", "q"), "r"), _distributed("add"), REASSOCIATION),
    Rule("scaled_shift_back", p.mul(p.sub("x", "q"), "r"), _distributed("sub"), REASSOCIATION),
    *(Rule(f"widened_{op}", p.cast(getattr(p, op)("x", "y")), _in_both(op), REASSOCIATION)
      for op in ("add", "sub", "mul", "div")),
)  # fmt: skip


# ---- intervals -----------------------------------------------------------------------------------

_Range = tuple[float, float]


def _products(a: _Range, b: _Range) -> _Range:
    """Signs only: products round."""
    nonnegative = (a[0] >= 0 and b[0] >= 0) or (a[1] <= 0 and b[1] <= 0)
    nonpositive = (a[0] >= 0 and b[1] <= 0) or (a[1] <= 0 and b[0] >= 0)
    return (0.0 if nonnegative else -math.inf, 0.0 if nonpositive else math.inf)


def _quotients(a: _Range, b: _Range) -> _Range:
    """Of zero nothing is known but by the sign of the other operand: 1 / -0 is -inf."""
    return _products(a, b) if b[0] > 0 or b[1] < 0 else (-math.inf, math.inf)


def _sums(a: _Range, b: _Range) -> _Range:
    nonnegative, nonpositive = a[0] >= 0 and b[0] >= 0, a[1] <= 0 and b[1] <= 0
    return (
        max(a[0], b[0]) if nonnegative else -math.inf,
        min(a[1], b[1]) if nonpositive else math.inf,
    )


INTERVALS = {
    "maximum": lambda r, node: (max(r[0][0], r[1][0]), max(r[0][1], r[1][1])),
    "minimum": lambda r, node: (min(r[0][0], r[1][0]), min(r[0][1], r[1][1])),
    "where": lambda r, node: (min(r[1][0], r[2][0]), max(r[1][1], r[2][1])),
    "add": lambda r, node: _sums(r[0], r[1]),
    "sub": lambda r, node: _sums(r[0], (-r[1][1], -r[1][0])),
    "mul": lambda r, node: _products(r[0], r[1]),
    "div": lambda r, node: _quotients(r[0], r[1]),
}
