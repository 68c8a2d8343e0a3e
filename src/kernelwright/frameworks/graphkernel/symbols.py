"""Sizes by name: the expressions of ``symbolic_shape`` and ``symbol_calc_expr``."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

_BINARY: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "floor": math.floor,
    "ceiling": math.ceil,
    "ceil": math.ceil,
    "max": max,
    "min": min,
    "mod": operator.mod,
    "abs": abs,
}
_MAX_EXPONENT = 16


def names(text: str) -> set[str]:
    """The symbols in an expression. Raises ValueError when it is none."""
    tree = _parsed(text)
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in called}


def value(text: str, known: Mapping[str, int]) -> int | None:
    """The size that an expression stands for; None when it needs a symbol that is not ``known``.

    Raises ValueError for text that is no expression, or has a value that is no size.
    """
    if not names(text) <= known.keys():
        return None
    try:
        found = _value(_parsed(text), known)
    except ArithmeticError as error:
        raise ValueError(f"{text!r} has no value: {error}") from error
    if found != int(found) or found < 0:
        raise ValueError(f"{text!r} is {found:g}, which is no size")
    return int(found)


def solved(symbols: Mapping[str, str], known: Mapping[str, int]) -> dict[str, int]:
    """``known`` with every symbol of ``symbols`` (name -> expression) that follows from it."""
    found = dict(known)
    for _ in symbols:
        for name, text in symbols.items():
            if name not in found and (size := value(text, found)) is not None:
                found[name] = size
    return found


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text.strip().replace("^", "**"), mode="eval").body
    except (SyntaxError, ValueError):
        raise ValueError(f"{text!r} is no expression of sizes") from None


def _value(node: ast.expr, known: Mapping[str, int]) -> float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value  # type: ignore[return-value]
    if isinstance(node, ast.Name):
        return known[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, known)
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = _value(node.left, known), _value(node.right, known)
        if isinstance(node.op, ast.Pow) and abs(right) > _MAX_EXPONENT:
            raise ValueError(f"an exponent of {right:g} is no part of a size")
        return _BINARY[type(node.op)](left, right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        function = _FUNCTIONS.get(node.func.id.lower())
        if function is not None and node.args and not node.keywords:
            return function(*(_value(a, known) for a in node.args))
    raise ValueError(f"{ast.unparse(node)!r} is not understood in an expression of sizes")
