"""Functions of functions that have a cheaper form than one after the other.

log1p(exp(x)) is one function, softplus: by the exponential of -|x|, which is at most one, the
logarithm is a polynomial, and nothing overflows on the way. Where x itself is -|y| even the
reflection falls away. An exponential of at most zero over the sum of its row's, as in a softmax, is
a quotient of numbers at most one and some thousands: nothing in it needs scaling. What comes back
is what the two functions give, infinities too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kernelwright.aul.syntax import Copy, Guard, Kernel, Loop, Statement, Tile, VectorOp

FORMS = {
    ("softplus", "float32"): "_softplus({x})",
    ("softplus_below", "float32"): "_softplus_below({x})",
    ("exp_below", "float32"): "_exp_below({x})",
    ("softplus", "float64"): "_softplus_64({x})",
    ("softplus_below", "float64"): "_softplus_below_64({x})",
    ("exp_below", "float64"): "_exp_64({x})",
    ("share", "float32"): "_share({x}, {y})",
}


@dataclass(frozen=True)
class Composition:
    """``function`` of tile ``argument`` (and of another one): a key of FORMS, with the tiles'
    dtype."""

    function: str
    argument: str
    dtype: str

    def text(self, argument: str, other: str = "") -> str:
        return FORMS[self.function, self.dtype].format(x=argument, y=other)


@dataclass(frozen=True)
class _Write:
    """Where a tile gets its value: the statement, its place in the text, its block."""

    statement: Statement
    place: int
    block: int


def compositions(kernel: Kernel) -> Mapping[str, Composition]:
    """For each tile whose value is a known composition: that. Only tiles that are written once
    are looked at, and only chains whose links stand in one block in order, so that every link
    still holds what it was made of."""
    writes = _writes(kernel)
    dtypes = {s.name: s.dtype for s in _tiles(kernel.body)}
    found: dict[str, Composition] = {}
    for name, write in writes.items():
        op, dtype = write.statement, dtypes.get(name, "")
        if dtype not in ("float32", "float64") or not isinstance(op, VectorOp):
            continue
        if _is_share(op, write, writes, dtypes):
            found[name] = Composition("share", op.srcs[0].name, dtype)
            continue
        source = _source(op, ("log1p", "exp"), write, writes)
        if source is None or any(dtypes.get(s.name) != dtype for s in op.srcs):
            continue
        if op.op == "exp":
            if _is_below_zero(source, writes):
                found[name] = Composition("exp_below", op.srcs[0].name, dtype)
            continue
        inner = _source(source.statement, ("exp",), source, writes)
        same = source.block == write.block
        if same and inner is not None and isinstance(source.statement, VectorOp):
            argument = source.statement.srcs[0].name
            if dtypes.get(argument) == dtype:
                below = _is_below_zero(inner, writes)
                found[name] = Composition(
                    "softplus_below" if below else "softplus", argument, dtype
                )
    return found


def _source(
    op: Statement, names: Sequence[str], at: _Write, writes: Mapping[str, _Write]
) -> _Write | None:
    """Where the operand of a unary op called one of ``names`` was written, if that still holds."""
    if not isinstance(op, VectorOp) or op.family != "vunary_op" or op.op not in names:
        return None
    source = writes.get(op.srcs[0].name)
    return source if source is not None and source.place < at.place else None


def _is_below_zero(write: _Write, writes: Mapping[str, _Write]) -> bool:
    """Whether what ``write`` stores is at most zero (or NaN): -|y|, a minimum with a number, or a
    row less its maximum (padding beyond the row may be anything)."""
    op = write.statement
    if isinstance(op, VectorOp) and op.family == "vectorscalar_op" and op.op == "mins":
        factor = op.attr("factor")
        return isinstance(factor, int | float) and factor <= 0
    if isinstance(op, VectorOp) and op.family == "vbinary_op" and op.op == "sub":
        return _reduced("max", op.srcs[0].name, op.srcs[1].name, write, writes) is not None
    inner = _source(op, ("neg",), write, writes)
    return (
        inner is not None
        and inner.block == write.block
        and isinstance(inner.statement, VectorOp)
        and inner.statement.family == "vunary_op"
        and inner.statement.op == "abs"
    )


def _is_share(
    op: VectorOp, at: _Write, writes: Mapping[str, _Write], dtypes: Mapping[str, str]
) -> bool:
    """Whether ``op`` divides exp(x - max(x)) by its sum along the maximum's dimension, which is at
    least one."""
    if op.family != "vbinary_op" or op.op != "div" or dtypes.get(op.dst.name) != "float32":
        return False
    part, whole = (writes.get(s.name) for s in op.srcs)
    if part is None or whole is None or not isinstance(part.statement, VectorOp):
        return False
    exponent = _source(part.statement, ("exp",), part, writes)
    if exponent is None or exponent.block != part.block:
        return False
    less = exponent.statement
    if not isinstance(less, VectorOp) or (less.family, less.op) != ("vbinary_op", "sub"):
        return False
    chain = (*part.statement.srcs, *op.srcs, *less.srcs)
    if any(dtypes.get(s.name) != "float32" for s in chain):
        return False
    along = _reduced("max", less.srcs[0].name, less.srcs[1].name, exponent, writes)
    return along is not None and along == _reduced(
        "sum", op.srcs[0].name, op.srcs[1].name, at, writes
    )


def _reduced(
    op: str, tile: str, other: str, at: _Write, writes: Mapping[str, _Write]
) -> int | None:
    """The dimension along which ``other`` is ``tile`` reduced by ``op``; None if it is not."""
    whole, made = writes.get(tile), writes.get(other)
    if made is None or whole is None or not whole.place < made.place < at.place:
        return None
    found = made.statement
    if not isinstance(found, VectorOp) or (found.family, found.op) != ("vreduce_op", op):
        return None
    if found.srcs[0].name != tile or not whole.block == made.block == at.block:
        return None
    return int(found.attr("axis"))


def _writes(kernel: Kernel) -> dict[str, _Write]:
    """The write of every tile that is written exactly once."""
    found: dict[str, list[_Write]] = {}
    places, blocks = iter(range(1 << 30)), iter(range(1 << 30))

    def visit(body: Sequence[Statement]) -> None:
        block = next(blocks)
        for s in body:
            place = next(places)
            if isinstance(s, Copy | VectorOp):
                found.setdefault(s.dst.name, []).append(_Write(s, place, block))
            elif isinstance(s, Tile) and s.value is not None:
                found.setdefault(s.name, []).append(_Write(s, place, block))
            elif isinstance(s, Loop):
                visit(s.body)
            elif isinstance(s, Guard):
                visit(s.body)
                visit(s.orelse)

    visit(kernel.body)
    return {name: writes[0] for name, writes in found.items() if len(writes) == 1}


def _tiles(body: Sequence[Statement]) -> list[Tile]:
    found: list[Tile] = []
    for s in body:
        if isinstance(s, Tile):
            found.append(s)
        elif isinstance(s, Loop):
            found += _tiles(s.body)
        elif isinstance(s, Guard):
            found += _tiles(s.body) + _tiles(s.orelse)
    return found
