"""Which parts of global memory a kernel touches: its integer part, run without its data.

Addresses in AUL never depend on data, so all cores and loop turns can be evaluated at once, as
arrays with one element a *point* (a core in a certain turn of every loop around the statement).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kernelwright.aul.expressions import CORE, evaluate, holds
from kernelwright.aul.syntax import (
    Assign,
    Copy,
    Guard,
    Kernel,
    Loop,
    Place,
    Slice,
    Statement,
    VectorOp,
    statements,
)

LIMIT = 200_000  # points of one statement; beyond it only the first and last turns are looked at

EVERYWHERE = 1 << 40  # beyond the end of every dimension


@dataclass(frozen=True)
class Access:
    """One copy's side in global memory at every point: ``lower[d] <= index < upper[d]``. An
    indirect store may write all of the dimension that its index tile runs along."""

    copy: Copy
    place: Place
    store: bool
    core: np.ndarray  # int64[points]
    lower: np.ndarray  # int64[points, dimensions]
    upper: np.ndarray


@dataclass(frozen=True)
class Reduction:
    """The values of ``valid`` of one vreduce_op or vscan_op at every point."""

    op: VectorOp
    valid: np.ndarray


@dataclass
class Walk:
    """``sampled``: too many points; only corner ones are present."""

    accesses: list[Access] = field(default_factory=list)
    reductions: list[Reduction] = field(default_factory=list)
    sampled: bool = False
    negative_loops: list[Loop] = field(default_factory=list)


Env = dict[str, np.ndarray]


def walk(kernel: Kernel, env: Mapping[str, int], cores: int, limit: int = LIMIT) -> Walk:
    """Runs the kernel's integer part on ``cores`` cores with the declared names' values.

    Raises AULError for an undefined name or a division by zero.
    """
    result = Walk()
    if cores > limit:
        result.sampled = True
        core = np.r_[0:3, cores - 3 : cores].astype(np.int64)
    else:
        core = np.arange(cores, dtype=np.int64)
    params = {p.name for p in kernel.params}
    points = len(core)
    start: Env = {name: np.full(points, value, np.int64) for name, value in env.items()}
    start[CORE] = core
    _Walker(result, params, limit).body(kernel.body, start)
    return result


@dataclass
class _Walker:
    result: Walk
    params: set[str]
    limit: int

    def body(self, body: tuple[Statement, ...], env: Env) -> None:
        """Runs ``body``; assignments change ``env``."""
        for statement in body:
            if isinstance(statement, Assign):
                env[statement.name] = _spread(evaluate(statement.value, env), env)
            elif isinstance(statement, Copy):
                self.copy(statement, env)
            elif isinstance(statement, VectorOp):
                valid = statement.attr("valid")
                if valid is not None:
                    values = _spread(evaluate(valid, env), env)
                    self.result.reductions.append(Reduction(statement, values))
            elif isinstance(statement, Loop):
                self.loop(statement, env)
            elif isinstance(statement, Guard):
                self.guard(statement, env)

    def copy(self, copy: Copy, env: Env) -> None:
        for place, store in ((copy.src, False), (copy.dst, True)):
            if place.name not in self.params or place.index is None:
                continue
            lower, upper = [], []
            anywhere = copy.axis if store and copy.index is not None else None
            for number, index in enumerate(place.index):
                if number == anywhere:
                    lower.append(_spread(0, env))
                    upper.append(_spread(EVERYWHERE, env))
                elif isinstance(index, Slice):
                    lower.append(_spread(evaluate(index.lower, env), env))
                    upper.append(_spread(evaluate(index.upper, env), env))
                else:
                    lower.append(_spread(evaluate(index, env), env))
                    upper.append(lower[-1] + 1)
            points = len(env[CORE])
            shape = (points, len(lower))
            low = np.stack(lower, 1) if lower else np.zeros(shape, np.int64)
            high = np.stack(upper, 1) if upper else np.zeros(shape, np.int64)
            self.result.accesses.append(Access(copy, place, store, env[CORE], low, high))

    def loop(self, loop: Loop, env: Env) -> None:
        turns = _spread(evaluate(loop.iterations, env), env)
        if (turns < 0).any():
            self.result.negative_loops.append(loop)
        turns = np.maximum(turns, 0)
        carried = {s.name for s in statements(loop.body) if isinstance(s, Assign)} & set(env)
        if carried:
            self.in_order(loop, turns, env)
            return
        offsets = np.cumsum(turns) - turns
        if turns.sum() <= self.limit:
            points = np.repeat(np.arange(len(turns)), turns)
            turn = np.arange(len(points)) - offsets[points]
        else:
            self.result.sampled = True
            pairs = {
                (p, t)
                for p in range(len(turns)) if turns[p]
                for t in (0, min(1, turns[p] - 1), turns[p] - 1)
            }  # fmt: skip
            chosen = np.array(sorted(pairs), np.int64).reshape(-1, 2)
            points, turn = chosen[:, 0], chosen[:, 1]
        inner = {name: value[points] for name, value in env.items()}
        inner[loop.var] = turn.astype(np.int64)
        self.body(loop.body, inner)

    def in_order(self, loop: Loop, turns: np.ndarray, env: Env) -> None:
        """A loop whose body changes names from before it: turn after turn, all cores at once."""
        count = int(turns.max(initial=0))
        if count * len(turns) > self.limit:
            self.result.sampled = True
            count = min(count, 64)
        before = set(env)
        for turn in range(count):
            active = np.flatnonzero(turns > turn)
            inner = {name: value[active] for name, value in env.items()}
            inner[loop.var] = np.full(len(active), turn, np.int64)
            self.body(loop.body, inner)
            for name in before:
                env[name] = env[name].copy()
                env[name][active] = inner[name]

    def guard(self, guard: Guard, env: Env) -> None:
        condition = _spread(holds(guard.condition, env), env).astype(bool)
        outcomes: list[tuple[np.ndarray, Env]] = []
        for body, chosen in ((guard.body, condition), (guard.orelse, ~condition)):
            points = np.flatnonzero(chosen)
            inner = {name: value[points] for name, value in env.items()}
            if len(points):
                self.body(body, inner)
            outcomes.append((points, inner))
        assigned = {n for points, inner in outcomes if len(points) for n in inner}
        for name in assigned:
            if all(name in inner or not len(points) for points, inner in outcomes):
                merged = np.zeros(len(condition), np.int64)
                for points, inner in outcomes:
                    if len(points):
                        merged[points] = inner[name]
                env[name] = merged


def _spread(value: Any, env: Env) -> np.ndarray:
    return np.broadcast_to(np.asarray(value), env[CORE].shape)


def stored(walk: Walk) -> Iterator[Access]:
    """The accesses that write."""
    return (access for access in walk.accesses if access.store)
