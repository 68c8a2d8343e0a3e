"""Names in integer expressions, with the nearest known one when a name is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from kernelwright.aul.diagnostics import Findings
from kernelwright.aul.expressions import FUNCTIONS, names, uses_core
from kernelwright.aul.syntax import Binary, Call, IntExpr, Location


def nearest(name: str, known: Iterable[str]) -> str:
    """`` (did you mean 'x0'?)`` or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def check_expr(expr: IntExpr, visible: set[str], out: Findings) -> None:
    """Reports names that are not visible and calls of unknown functions."""
    for name in names(expr):
        if name.id not in visible:
            hint = nearest(name.id, visible)
            out.error(f"{name.id!r} is not defined here{hint}", name.loc)
    for call in _calls(expr):
        if FUNCTIONS.get(call.function) != len(call.args):
            out.error(
                f"U.{call.function} does not take {len(call.args)} arguments; there are "
                f"U.min(a, b), U.max(a, b), U.cdiv(a, b), U.next_pow2(a)",
                call.loc,
            )


def check_form(expr: IntExpr, declared: set[str], what: str, out: Findings, loc: Location) -> None:
    """``check_expr`` for a place where only declared names may stand."""
    if uses_core(expr):
        out.error(f"{what} cannot depend on U.get_core_idx()", loc)
    check_expr(expr, declared, out)


def _calls(expr: IntExpr) -> Iterable[Call]:
    if isinstance(expr, Call):
        yield expr
        for arg in expr.args:
            yield from _calls(arg)
    elif isinstance(expr, Binary):
        yield from _calls(expr.left)
        yield from _calls(expr.right)
