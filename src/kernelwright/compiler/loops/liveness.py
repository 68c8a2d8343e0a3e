"""Which tiles are read later: what a straight-line run has to leave in memory or registers."""

from __future__ import annotations

from collections.abc import Sequence

from kernelwright.aul.syntax import Copy, Guard, Loop, Place, Statement, Tile, VectorOp, statements


def reads(statement: Statement) -> set[str]:
    """Names that a Copy or VectorOp reads (tensors may be among them)."""
    if isinstance(statement, Copy):
        index = statement.index
        return {statement.src.name} | ({index.name} if index is not None else set())
    if not isinstance(statement, VectorOp):
        return set()
    found = {place.name for place in statement.srcs}
    factor = statement.attr("factor")
    if isinstance(factor, Place):
        found.add(factor.name)
    if statement.attr("accumulate"):
        found.add(statement.dst.name)
    return found


def writes(statement: Statement) -> set[str]:
    """Names that are given a new value; a declaration without a value makes it undefined."""
    if isinstance(statement, (Copy, VectorOp)):
        return {statement.dst.name}
    return {statement.name} if isinstance(statement, Tile) else set()


def live_in(body: Sequence[Statement], live_out: set[str]) -> set[str]:
    """Tiles whose value before ``body`` may be read, given those read after it."""
    live = set(live_out)
    for statement in reversed(body):
        if isinstance(statement, Loop):
            live = loop_live(statement, live)
        elif isinstance(statement, Guard):
            live = live_in(statement.body, live) | live_in(statement.orelse, live)
        else:
            live = (live - writes(statement)) | reads(statement)
    return live


def loop_live(loop: Loop, live_after: set[str]) -> set[str]:
    """Live before each turn and after the last: the loop may end before any turn."""
    return set(live_after) | live_in(loop.body, live_after)


def written(body: Sequence[Statement]) -> set[str]:
    """Every tile or tensor written somewhere in ``body``."""
    found: set[str] = set()
    for statement in statements(tuple(body)):
        found |= writes(statement)
    return found


def written_in_guards(body: Sequence[Statement]) -> set[str]:
    found: set[str] = set()
    for statement in statements(tuple(body)):
        if isinstance(statement, Guard):
            found |= written(statement.body) | written(statement.orelse)
    return found
