"""Elementwise ops of one tensor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import DTYPES, Builder, Node, OpDef, TensorType, is_float
from kernelwright.graph.ops._erf import erf
from kernelwright.graph.ops._rules import (
    ALL,
    BOOL,
    FLOATS,
    INTEGERS,
    NUMBERS,
    expect_count,
    expect_dtype,
    in_float32,
    same_type,
)
from kernelwright.graph.rules import FINITE, REASSOCIATION, Match, Rule, filled, p


def _sigmoid(x: np.ndarray) -> np.ndarray:
    # exp of a negative number only: no overflow on either side.
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e)).astype(x.dtype)


def _sign(x: np.ndarray) -> np.ndarray:
    # torch's rule: NaN has sign 0 (NumPy's own sign gives NaN).
    return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)


def _cast(x: np.ndarray, *, dtype: str) -> np.ndarray:
    with np.errstate(all="ignore"):
        return x.astype(DTYPES[dtype])


def _infer_cast(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    expect_count("cast", inputs, 1)
    expect_dtype("cast", attrs["dtype"], ALL)
    return TensorType(inputs[0].shape, attrs["dtype"])


def _to_bool(name: str, allowed: frozenset[str]) -> Callable[..., TensorType]:
    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(name, inputs, 1)
        expect_dtype(name, inputs[0].dtype, allowed)
        return TensorType(inputs[0].shape, "bool")

    return infer


def _define(
    name: str,
    function: Callable[..., Any],
    allowed: frozenset[str] = FLOATS,
    doc: str = "",
    work: float = 1.0,
) -> OpDef:
    meaning = in_float32(function)
    return OpDef(name, "elementwise", same_type(name, allowed), meaning, doc=doc, work=work)


_FLOAT_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "reciprocal": lambda x: 1 / x,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "erf": erf,
    "sigmoid": _sigmoid,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "trunc": np.trunc,
}

# Operations an element of what is not a series or a table.
_CHEAP = {"sqrt": 4.0, "rsqrt": 4.0, "reciprocal": 4.0, "floor": 1.0, "ceil": 1.0, "round": 1.0}

OPS = (
    *(
        _define(name, function, work=_CHEAP.get(name, 10.0))
        for name, function in _FLOAT_FUNCTIONS.items()
    ),
    _define("neg", np.negative, NUMBERS),
    _define("abs", np.abs, NUMBERS),
    _define("relu", lambda x: np.maximum(x, np.zeros((), x.dtype)), NUMBERS, "NaN stays NaN."),
    _define("sign", _sign, NUMBERS, "-1, 0 or 1; 0 for NaN, as in torch."),
    _define("square", lambda x: x * x, NUMBERS),
    _define("bitwise_not", np.invert, INTEGERS | BOOL),
    OpDef("logical_not", "elementwise", _to_bool("logical_not", BOOL), np.logical_not),
    OpDef("isnan", "elementwise", _to_bool("isnan", FLOATS), in_float32(np.isnan)),
    OpDef("isinf", "elementwise", _to_bool("isinf", FLOATS), in_float32(np.isinf)),
    OpDef("isfinite", "elementwise", _to_bool("isfinite", FLOATS), in_float32(np.isfinite)),
    OpDef("cast", "elementwise", _infer_cast, _cast, doc="attrs dtype; float to int truncates."),
)


# ---- rules ---------------------------------------------------------------------------------------

Right = Callable[[Builder, Match], "Node | None"]


def _inner(builder: Builder, m: Match) -> Node:
    return m["x"]


def _on_x(op: str) -> Right:
    return lambda builder, m: builder.make(op, [m["x"]])


def _float_on_x(op: str) -> Right:
    return lambda builder, m: builder.make(op, [m["x"]]) if is_float(m.root.dtype) else None


def _if_nonnegative(builder: Builder, m: Match) -> Node | None:
    return m["x"] if m.interval("x")[0] >= 0 else None


def _relu_of_nonpositive(builder: Builder, m: Match) -> Node | None:
    known = is_float(m.root.dtype) and m.interval("x")[1] <= 0
    return filled(builder, 0.0, m.root) if known else None


def _abs_of_nonpositive(builder: Builder, m: Match) -> Node | None:
    known = is_float(m.root.dtype) and m.interval("x")[1] <= 0
    return builder.neg(m["x"]) if known else None


def _relu_bounded(builder: Builder, m: Match) -> Node | None:
    """relu is a maximum with 0: one name for both, so that bounds meet."""
    return builder.maximum(m["x"], builder.constant(0, m.root.dtype))


def _is_never(builder: Builder, m: Match) -> Node:
    return filled(builder, m.root.op == "isfinite", m.root)


def _nonnegative_example(of: str) -> Any:
    return lambda b, leaf: b.make(of, [b.exp(leaf(3, 4))])


def _nonpositive_example(of: str) -> Any:
    return lambda b, leaf: b.make(of, [b.neg(b.exp(leaf(3, 4)))])


_SIGMOID = p.sigmoid("x")


def _if_one(make: Right) -> Right:
    """``make`` where "one" is 1 everywhere and broadcasts nothing."""

    def right(builder: Builder, m: Match) -> Node | None:
        return make(builder, m) if m.uniform("one") == 1 and m["x"].type == m.root.type else None

    return right


def _odds(builder: Builder, m: Match) -> Node | None:
    """sigmoid(log(x)) = x / (1 + x)."""
    if m.root.dtype not in ("float32", "float64"):
        return None
    one = builder.constant(1.0, m.root.dtype)
    return builder.div(m["x"], builder.add(m["x"], one))


def _one_less(b: Builder, x: Node) -> Node:
    return b.sub(b.constant(1.0, x.dtype), x)


def _logit_example(outer: bool) -> Any:
    def make(b: Builder, leaf: Any) -> Node:
        x = leaf(3, 4)
        part = b.sigmoid(x)
        logit = b.log(b.div(part, _one_less(b, part)))
        return b.sigmoid(logit) if outer else logit

    return make


RULES = (
    Rule("log_of_exp", p.log(p.exp("x")), _inner, FINITE),
    Rule("exp_of_log", p.exp(p.log("x")), _inner, FINITE),
    Rule(
        "exp_of_logs",
        p.exp(p.add(p.log("x"), p.log("y"))),
        lambda b, m: b.mul(m["x"], m["y"]),
        FINITE,
    ),
    Rule(
        "exp_of_log_difference",
        p.exp(p.sub(p.log("x"), p.log("y"))),
        lambda b, m: b.div(m["x"], m["y"]),
        FINITE,
    ),
    Rule("log1p_of_expm1", p.log1p(p.expm1("x")), _inner, FINITE),
    Rule("expm1_of_log1p", p.expm1(p.log1p("x")), _inner, FINITE),
    Rule("log2_of_exp2", p.log2(p.exp2("x")), _inner, FINITE),
    Rule("exp2_of_log2", p.exp2(p.log2("x")), _inner, FINITE),
    Rule("logit_of_sigmoid", p.log(p.div(_SIGMOID, p.sub("one", _SIGMOID))), _if_one(_inner),
         FINITE, _logit_example(False)),
    Rule("sigmoid_of_logit", p.sigmoid(p.log(p.div("x", p.sub("one", "x")))), _if_one(_inner),
         FINITE, _logit_example(True)),
    Rule("one_minus_sigmoid", p.sub("one", _SIGMOID),
         _if_one(lambda b, m: b.sigmoid(b.neg(m["x"]))), REASSOCIATION,
         lambda b, leaf: _one_less(b, b.sigmoid(leaf(3, 4)))),
    Rule("sigmoid_of_log", p.sigmoid(p.log("x")), _odds, FINITE,
         lambda b, leaf: b.sigmoid(b.log(leaf(3, 4, positive=True)))),
    Rule("square_of_sqrt", p.square(p.sqrt("x")), _inner, FINITE),
    Rule("sqrt_of_square", p.sqrt(p.square("x")), _on_x("abs"), FINITE),
    Rule("reciprocal_twice", p.reciprocal(p.reciprocal("x")), _inner, FINITE),
    Rule("reciprocal_of_sqrt", p.reciprocal(p.sqrt("x")), _on_x("rsqrt")),
    Rule("square_of_neg", p.square(p.neg("x")), _float_on_x("square")),
    Rule("square_of_abs", p.square(p.abs("x")), _float_on_x("square")),
    Rule("abs_of_neg", p.abs(p.neg("x")), _float_on_x("abs")),
    Rule("abs_twice", p.abs(p.abs("x")), _float_on_x("abs")),
    Rule("abs_without_effect", p.abs("x"), _if_nonnegative, "", _nonnegative_example("abs")),
    Rule("abs_of_nonpositive", p.abs("x"), _abs_of_nonpositive, "", _nonpositive_example("abs")),
    Rule("relu_without_effect", p.relu("x"), _if_nonnegative, "", _nonnegative_example("relu")),
    Rule("relu_of_nonpositive", p.relu("x"), _relu_of_nonpositive, FINITE,
         _nonpositive_example("relu")),
    Rule("relu_is_maximum", p.relu("x"), _relu_bounded),
    *(Rule(f"{op}_twice", getattr(p, op)(getattr(p, op)("x")), _on_x(op))
      for op in ("floor", "ceil", "round", "trunc", "sign", "relu")),
    *(Rule(f"never_{op}", getattr(p, op)("x"), _is_never, FINITE)
      for op in ("isnan", "isinf", "isfinite")),
)  # fmt: skip


# ---- intervals -----------------------------------------------------------------------------------


def _within(low: float, high: float) -> Callable[..., tuple[float, float]]:
    return lambda ranges, node: (low, high)


def _sign_kept(low: float = -math.inf) -> Callable[..., tuple[float, float]]:
    """Of an increasing function through the origin, never below ``low``."""
    return lambda r, node: (0.0 if r[0][0] >= 0 else low, 0.0 if r[0][1] <= 0 else math.inf)


INTERVALS = {
    "relu": lambda r, node: (max(0.0, r[0][0]), max(0.0, r[0][1])),
    "neg": lambda r, node: (-r[0][1], -r[0][0]),
    "abs": lambda r, node: (
        0.0 if r[0][0] <= 0 <= r[0][1] else min(abs(r[0][0]), abs(r[0][1])),
        max(abs(r[0][0]), abs(r[0][1])),
    ),
    "exp": lambda r, node: (0.0 if r[0][0] < 0 else 1.0, 1.0 if r[0][1] <= 0 else math.inf),
    "exp2": lambda r, node: (0.0 if r[0][0] < 0 else 1.0, 1.0 if r[0][1] <= 0 else math.inf),
    "expm1": _sign_kept(-1.0),
    "log1p": _sign_kept(),
    "square": _within(0.0, math.inf),
    "sqrt": _within(0.0, math.inf),
    "rsqrt": _within(0.0, math.inf),
    "sigmoid": lambda r, node: (0.5 if r[0][0] >= 0 else 0.0, 0.5 if r[0][1] <= 0 else 1.0),
    "tanh": lambda r, node: (0.0 if r[0][0] >= 0 else -1.0, 0.0 if r[0][1] <= 0 else 1.0),
    "erf": lambda r, node: (0.0 if r[0][0] >= 0 else -1.0, 0.0 if r[0][1] <= 0 else 1.0),
    "sin": _within(-1.0, 1.0),
    "cos": _within(-1.0, 1.0),
    "sign": _within(-1.0, 1.0),
}
