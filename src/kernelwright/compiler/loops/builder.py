"""Builds loop IR; places every pure instruction as far out as its operands allow.

That is loop-invariant code motion and common-subexpression elimination at construction: a pure
instruction goes to the end of the outermost open block where all its operands exist, which is just
before the loop that is being filled, and an equal one that is already there is reused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from kernelwright.compiler.loops.affine import Affine, Atom
from kernelwright.compiler.loops.ir import (
    Block,
    For,
    If,
    Instruction,
    LoopBuilder,
    Memory,
    Value,
    VectorType,
)

INDEX = VectorType("int64")
IMPURE = ("load", "gather", "lookup", "store", "scatter", "exchange")


@dataclass
class _Scope:
    block: Block
    seen: dict[Any, Value] = field(default_factory=dict)
    wall: bool = False  # nothing but constants is hoisted out of it
    solid: bool = True  # runs at least once whenever it is reached, so loads may leave it


class Builder(LoopBuilder):
    """See the module. ``op`` for instructions, ``loop``/``branch`` for structure, ``index`` to
    materialise an affine form."""

    def __init__(self, core: Value) -> None:
        super().__init__()
        self.scopes = [_Scope(self.block)]
        self.depth: dict[Value, int] = {core: 0}
        self.scratch: list[Memory] = []
        self.constants: dict[Value, float | int | bool] = {}
        self.atoms: dict[Atom, Value] = {}

    # ---- instructions ----------------------------------------------------------------------

    def op(
        self,
        op: str,
        /,
        *args: Value,
        type: VectorType | None = None,
        hoist: bool = False,
        **attrs: Any,
    ) -> Value:
        """Appends (or finds) an instruction. ``hoist`` lets a load move like a pure one."""
        result_type = type if type is not None else args[0].type
        pure = op not in IMPURE or hoist
        place = max((self.depth[a] for a in args), default=0)
        if not pure:
            place = len(self.scopes) - 1
        elif op != "const":
            for i, scope in enumerate(self.scopes):
                if scope.wall or (hoist and not scope.solid):
                    place = max(place, i)
        key = (op, args, result_type, *((k, repr(v)) for k, v in sorted(attrs.items())))
        if pure:
            for scope in self.scopes[: place + 1]:
                if key in scope.seen:
                    return scope.seen[key]
        result = Value(result_type)
        scope = self.scopes[place]
        scope.block.items.append(Instruction(op, args, result, attrs))
        self.depth[result] = place
        if op == "const":
            self.constants[result] = attrs["value"]
        if pure:
            scope.seen[key] = result
        return result

    def store(self, op: str, /, *args: Value, **attrs: Any) -> None:
        self.scopes[-1].block.items.append(Instruction(op, args, None, attrs))

    def splat(self, value: Value, lanes: int) -> Value:
        """``value`` in every lane; a vector of the right width passes through."""
        if value.type.lanes == lanes:
            return value
        if value in self.constants:
            return self.const(self.constants[value], value.type.dtype, lanes)
        return self.op("splat", value, type=VectorType(value.type.dtype, lanes))

    # ---- structure -------------------------------------------------------------------------

    @contextmanager
    def loop(
        self,
        lower: Value,
        upper: Value,
        step: int = 1,
        inits: Sequence[Value] = (),
        solid: bool = True,
    ) -> Iterator[For]:
        """A For whose body is filled inside the ``with``; set ``yields`` before leaving it.

        ``carried[i][0]`` are the values in the body, ``carried[i][2]`` those after the loop.
        """
        carried = [(Value(v.type), v, Value(v.type)) for v in inits]
        loop = For(Value(INDEX), lower, upper, step, carried, Block(), [])
        parent = self.scopes[-1]
        self.scopes.append(_Scope(loop.body, solid=solid))
        inner = len(self.scopes) - 1
        self.depth[loop.var] = inner
        for argument, _, result in carried:
            self.depth[argument] = inner
            self.depth[result] = inner - 1
        yield loop
        self.scopes.pop()
        parent.block.items.append(loop)

    @contextmanager
    def branch(self, condition: Value) -> Iterator[tuple[Block, Block]]:
        """An If; fill the two arms with ``with b.arm(block):``."""
        item = If(condition, Block(), Block())
        yield item.then, item.orelse
        self.scopes[-1].block.items.append(item)

    @contextmanager
    def arm(self, block: Block) -> Iterator[None]:
        self.scopes.append(_Scope(block, wall=True))
        yield
        self.scopes.pop()

    def new_scratch(self, name: str, dtype: str, elements: int) -> Memory:
        memory = Memory(f"{name}_{len(self.scratch)}", dtype, max(elements, 1), "scratch")
        self.scratch.append(memory)
        return memory

    def rare(self, mask: Value, common: Value, slow: Callable[[], Value]) -> Value:
        """``common``, or ``slow()`` for all lanes when any lane of ``mask`` is set.

        An If has no results, so the value goes through a few bytes of scratch.
        """
        lanes, zero = common.type.lanes, self.integer(0)
        memory = self.new_scratch("rare", common.type.dtype, lanes)
        self.store("store", zero, common, memory=memory)
        any_lane = mask
        if lanes > 1:
            any_lane = self.op("reduce", mask, type=VectorType("bool"), op="or")
        with self.branch(any_lane) as (then, _), self.arm(then):
            mixed = self.op("select", mask, slow(), common, type=common.type)
            self.store("store", zero, mixed, memory=memory)
        return self.op("load", zero, type=common.type, memory=memory)

    # ---- scalars ---------------------------------------------------------------------------

    def integer(self, value: int) -> Value:
        return self.const(value, "int64")

    def bind(self, variable: Affine, value: Value) -> None:
        """``variable`` (one made by affine.variable) is ``value`` from now on."""
        self.atoms[variable.terms[0][0]] = value

    def index(self, form: Affine) -> Value:
        """An affine form as an int64 scalar; outer terms are added first, the constant last."""
        parts = [(self.depth[v], v, c) for v, c in ((self._atom(a), c) for a, c in form.terms)]
        total: Value | None = None
        for _, value, coefficient in sorted(parts, key=lambda p: p[0]):
            if coefficient != 1:
                value = self.op("mul", value, self.integer(coefficient))
            total = value if total is None else self.op("add", total, value)
        if total is None:
            return self.integer(form.constant)
        return self.op("add", total, self.integer(form.constant)) if form.constant else total

    def _atom(self, atom: Atom) -> Value:
        if atom.kind == "var":
            return self.atoms[atom]
        if atom.kind == "mul":
            values = sorted((self.index(f) for f in atom.args), key=lambda v: self.depth[v])
            total = values[0]
            for value in values[1:]:  # outer ones first
                total = self.op("mul", total, value)
            return total
        a, b = self.index(atom.args[0]), self.index(atom.args[1])
        if atom.kind in ("min", "max"):
            return self.op(atom.kind, a, b)
        if atom.args[0].at_least(0):
            return self.op("div" if atom.kind == "floordiv" else "rem", a, b)
        rem = self.op("rem", a, b)  # C's: the sign of a
        negative = self.op("cmp", rem, self.integer(0), type=VectorType("bool"), predicate="lt")
        if atom.kind == "mod":
            return self.op("select", negative, self.op("add", rem, b), rem, type=INDEX)
        quotient = self.op("div", a, b)
        less = self.op("sub", quotient, self.integer(1))
        return self.op("select", negative, less, quotient, type=INDEX)
