"""Integer expressions: their value, their names, and a normal form that decides equality.

``evaluate`` and ``normal_form`` are what printers and the checker share. The normal form is a
polynomial over atoms (names, ``U.get_core_idx()``, and divisions or calls taken whole), so that
``(start + BLOCK) - start`` is recognised as ``BLOCK`` whatever ``start`` is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from kernelwright.aul.syntax import Binary, Call, Compare, CoreIdx, Int, IntExpr, Name
from kernelwright.errors import AULError

CORE = "U.get_core_idx()"  # its key in an environment; no identifier can clash with it

FUNCTIONS: Mapping[str, int] = {"min": 2, "max": 2, "cdiv": 2, "next_pow2": 1}


def next_pow2(value: int) -> int:
    """The smallest power of two that is at least ``value`` and at least 1."""
    return 1 << max(0, value - 1).bit_length()


def _next_pow2_any(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return np.array([next_pow2(int(v)) for v in value.ravel()], np.int64).reshape(value.shape)
    return next_pow2(int(value))


def _smaller(a: Any, b: Any) -> Any:
    return np.minimum(a, b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else min(a, b)


def _larger(a: Any, b: Any) -> Any:
    return np.maximum(a, b) if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else max(a, b)


_APPLY: Mapping[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "min": _smaller,
    "max": _larger,
    "cdiv": lambda a, b: -(-a // b),
    "next_pow2": _next_pow2_any,
}

_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def evaluate(expr: IntExpr, env: Mapping[str, Any]) -> Any:
    """The value of ``expr``: an int, or an int64 array when ``env`` holds arrays.

    ``env`` maps names to values; ``env[CORE]`` is ``U.get_core_idx()``. Divisions floor.
    Raises AULError with the location for an unknown name and for a division by zero.
    """
    if isinstance(expr, Int):
        return expr.value
    if isinstance(expr, Name):
        if expr.id not in env:
            raise AULError(f"{expr.id!r} has no value here; assign it before this line", *expr.loc)
        return env[expr.id]
    if isinstance(expr, CoreIdx):
        if CORE not in env:
            raise AULError("U.get_core_idx() has a value only inside a @sub_kernel", *expr.loc)
        return env[CORE]
    if isinstance(expr, Binary):
        left, right = evaluate(expr.left, env), evaluate(expr.right, env)
        if expr.op in ("//", "%") and np.any(right == 0):
            raise AULError(f"division by zero in '{expr.op}'", *expr.loc)
        return _APPLY[expr.op](left, right)
    args = [evaluate(arg, env) for arg in expr.args]
    if expr.function == "cdiv" and np.any(args[1] == 0):
        raise AULError("division by zero in U.cdiv", *expr.loc)
    return _APPLY[expr.function](*args)


def holds(condition: tuple[Compare, ...], env: Mapping[str, Any]) -> Any:
    """Whether all comparisons hold: a bool, or a bool array when ``env`` holds arrays."""
    result: Any = True
    for compare in condition:
        value = _COMPARE[compare.op](evaluate(compare.left, env), evaluate(compare.right, env))
        result = np.logical_and(result, value)
    return result


def names(expr: IntExpr) -> Iterator[Name]:
    """Every Name in ``expr``, left to right."""
    if isinstance(expr, Name):
        yield expr
    elif isinstance(expr, Binary):
        yield from names(expr.left)
        yield from names(expr.right)
    elif isinstance(expr, Call):
        for arg in expr.args:
            yield from names(arg)


def uses_core(expr: IntExpr) -> bool:
    """Whether ``U.get_core_idx()`` occurs in ``expr``."""
    if isinstance(expr, Binary):
        return uses_core(expr.left) or uses_core(expr.right)
    if isinstance(expr, Call):
        return any(uses_core(arg) for arg in expr.args)
    return isinstance(expr, CoreIdx)


def substitute(expr: IntExpr, values: Mapping[str, IntExpr]) -> IntExpr:
    """``expr`` with every name that ``values`` has replaced (once, not repeatedly)."""
    if isinstance(expr, Name):
        return values.get(expr.id, expr)
    if isinstance(expr, Binary):
        left, right = substitute(expr.left, values), substitute(expr.right, values)
        return Binary(expr.op, left, right, expr.loc)
    if isinstance(expr, Call):
        return Call(expr.function, tuple(substitute(a, values) for a in expr.args), expr.loc)
    return expr


Monomial = tuple[tuple[str, IntExpr], ...]  # sorted (text, atom) pairs
Polynomial = dict[Monomial, int]


def normal_form(expr: IntExpr) -> Polynomial:
    """``expr`` as integer coefficients of products of atoms; equal forms mean equal values."""
    if isinstance(expr, Int):
        return {(): expr.value} if expr.value else {}
    if isinstance(expr, Binary) and expr.op in "+-":
        sign = 1 if expr.op == "+" else -1
        return _sum(normal_form(expr.left), normal_form(expr.right), sign)
    if isinstance(expr, Binary) and expr.op == "*":
        return _product(normal_form(expr.left), normal_form(expr.right))
    folded = _fold(expr)
    if isinstance(folded, Int):
        return normal_form(folded)
    return {((repr(folded), folded),): 1}


def difference(left: IntExpr, right: IntExpr) -> Polynomial:
    """The normal form of ``left - right``; {} when the two are always equal."""
    return _sum(normal_form(left), normal_form(right), -1)


def form_atoms(form: Polynomial) -> Iterator[IntExpr]:
    """The atoms of a normal form."""
    for monomial in form:
        for _, atom in monomial:
            yield atom


def evaluate_form(form: Polynomial, env: Mapping[str, Any]) -> Any:
    """The value of a normal form."""
    total: Any = 0
    for monomial, coefficient in form.items():
        term: Any = coefficient
        for _, atom in monomial:
            term = term * evaluate(atom, env)
        total = total + term
    return total


def _fold(expr: IntExpr) -> IntExpr:
    """Divisions and calls of literals become literals."""
    if isinstance(expr, Binary | Call):
        parts = (expr.left, expr.right) if isinstance(expr, Binary) else expr.args
        if all(isinstance(p, Int) for p in parts):
            try:
                return Int(int(evaluate(expr, {})), expr.loc)
            except AULError:  # a division by zero: reported where it is evaluated
                return expr
    return expr


def _sum(left: Polynomial, right: Polynomial, sign: int) -> Polynomial:
    result = dict(left)
    for monomial, coefficient in right.items():
        result[monomial] = result.get(monomial, 0) + sign * coefficient
    return {m: c for m, c in result.items() if c}


def _product(left: Polynomial, right: Polynomial) -> Polynomial:
    result: Polynomial = {}
    for m1, c1 in left.items():
        for m2, c2 in right.items():
            monomial = tuple(sorted(m1 + m2, key=lambda pair: pair[0]))
            result[monomial] = result.get(monomial, 0) + c1 * c2
    return {m: c for m, c in result.items() if c}
