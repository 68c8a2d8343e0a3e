"""Between which numbers the integers of a tile lie, where its operations say so: what is looked up
at such places needs no test, and what is never negative divides as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernelwright.aul.syntax import Binary, Call, Int, IntExpr, Name, VectorOp
from kernelwright.compiler.codegen._triton_index import Scope


@dataclass(frozen=True)
class Span:
    """``natural``: no element is negative. ``top``: the largest that one may be, over the file's
    compile-time names; None: not known."""

    natural: bool
    top: IntExpr | None = None


def span_after(op: VectorOp, sources: Sequence[Span | None], scope: Scope) -> Span | None:
    """What is known of an operation's result, whatever a tile's padding holds. Of operations that
    it does not know: None."""
    if op.family == "viota_op":
        return Span(scope.is_natural(op.attr("start", Int(0))))
    if op.family == "vfill_op":
        value = op.attr("value")
        return Span(value >= 0, Int(value)) if isinstance(value, int) else None
    if any(s is None for s in sources):
        return None
    known = [s for s in sources if s is not None]
    if op.family in ("vcast_op", "vbroadcast_op"):
        return known[0]
    if op.family == "vectorscalar_op":
        return _scalar(op.op, known[0], op.attr("factor"), scope)
    if op.family == "vbinary_op" and len(known) == 2:
        return _binary(op.op, *known)
    return None


def _scalar(op: str, x: Span, factor: object, scope: Scope) -> Span | None:
    if isinstance(factor, bool) or not isinstance(factor, int | Name | Binary | Call):
        return None
    number = Int(factor) if isinstance(factor, int) else factor
    natural = scope.is_static(number) and scope.is_natural(number)
    if op == "muls" and natural:
        return Span(x.natural, _joined("*", x.top, number) if x.natural else None)
    if op == "adds":
        return Span(x.natural and natural, _joined("+", x.top, number))
    if op == "maxs" and natural:
        return Span(True, None if x.top is None else Call("max", (x.top, number)))
    if op == "mins" and natural:
        return Span(x.natural, number)
    return None


def _binary(op: str, a: Span, b: Span) -> Span | None:
    both = a.natural and b.natural
    if op == "add":
        return Span(both, _joined("+", a.top, b.top))
    if op == "max":
        return Span(a.natural or b.natural)
    if op == "min":
        return Span(both, a.top if a.top is not None else b.top)
    if op == "shr" and b.natural:
        return Span(a.natural, a.top)
    if op in ("floordiv", "mod") and both:
        return Span(True, b.top if op == "mod" else a.top)
    return None


def _joined(op: str, left: IntExpr | None, right: IntExpr | None) -> IntExpr | None:
    return None if left is None or right is None else Binary(op, left, right)
