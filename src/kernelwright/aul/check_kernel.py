"""Rules inside one kernel: names, tiles, shapes, dtypes and memory of every statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kernelwright.aul import syntax as s
from kernelwright.aul.check_names import check_expr, check_form, nearest
from kernelwright.aul.diagnostics import Findings
from kernelwright.aul.dtypes import DTYPES, itemsize
from kernelwright.aul.expressions import (
    difference,
    evaluate,
    evaluate_form,
    form_atoms,
    names,
    substitute,
    uses_core,
)
from kernelwright.aul.rules import number_problem
from kernelwright.errors import AULError

Envs = Sequence[Mapping[str, int]]  # the default values, then variations of them


@dataclass
class Scope:
    """What is visible at a statement. ``definitions`` holds integers assigned once, in terms of
    declared names, loop variables and the core index."""

    integers: set[str]
    tiles: dict[str, s.Tile] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)
    maybe: set[str] = field(default_factory=set)  # written in a loop or a branch only
    definitions: dict[str, s.IntExpr] = field(default_factory=dict)

    def copy(self) -> Scope:
        return Scope(
            set(self.integers),
            dict(self.tiles),
            set(self.written),
            set(self.maybe),
            dict(self.definitions),
        )


class KernelChecker:
    """``envs[0]`` are the values that the program is checked at; the others vary one tunable."""

    def __init__(self, kernel: s.Kernel, envs: Envs, out: Findings) -> None:
        self.kernel, self.envs, self.out = kernel, envs, out
        self.params = {p.name: p for p in kernel.params}
        self.declared = set(envs[0])
        self.sizes: dict[str, dict[str, int]] = {"VecBuf": {}, "CubeBuf": {}}
        assigned = [x.name for x in s.statements(kernel.body) if isinstance(x, s.Assign)]
        self.reassigned = {n for n in assigned if assigned.count(n) > 1}

    def run(self) -> None:
        seen: set[str] = set()
        for param in self.kernel.params:
            if param.name in seen or param.name in self.declared:
                self.out.error(f"{param.name!r} is already defined", param.loc)
            seen.add(param.name)
            check_param(param, self.declared, self.out)
        self.body(self.kernel.body, Scope(set(self.declared)))

    def limits(self, target_limits: Mapping[str, int]) -> None:
        """Compares the sum of tile bytes with each memory's size."""
        for memory, tiles in self.sizes.items():
            limit = target_limits.get(memory)
            total = sum(tiles.values())
            if limit is not None and total > limit:
                largest = max(tiles, key=lambda name: tiles[name])
                self.out.error(
                    f"the tiles of {self.kernel.name} take {total} bytes of {memory}, which has "
                    f"{limit}; the largest is {largest} with {tiles[largest]} bytes",
                    self.kernel.loc,
                )

    # ---- statements --------------------------------------------------------------------------

    def body(self, body: Sequence[s.Statement], scope: Scope) -> None:
        for statement in body:
            if isinstance(statement, s.Tile):
                self.tile(statement, scope)
            elif isinstance(statement, s.Copy):
                self.copy(statement, scope)
            elif isinstance(statement, s.VectorOp):
                self.vector(statement, scope)
            elif isinstance(statement, s.Assign):
                self.assign(statement, scope)
            elif isinstance(statement, s.Loop):
                self.loop(statement, scope)
            elif isinstance(statement, s.TeamBarrier):
                self.team_barrier(statement, scope)
            else:
                self.guard(statement, scope)

    def assign(self, x: s.Assign, scope: Scope) -> None:
        check_expr(x.value, scope.integers, self.out)
        if x.name in self.declared or x.name in self.params or x.name in scope.tiles:
            self.out.error(f"{x.name!r} is already defined and cannot be assigned", x.loc)
        elif x.name in scope.integers:
            self.out.warning(
                f"{x.name!r} is assigned again; give the new value its own name", x.loc
            )
        scope.integers.add(x.name)
        if x.name not in self.reassigned:
            scope.definitions[x.name] = substitute(x.value, scope.definitions)

    def loop(self, x: s.Loop, scope: Scope) -> None:
        check_expr(x.iterations, scope.integers, self.out)
        if x.var in self.declared or x.var in self.params or x.var in scope.tiles:
            self.out.error(f"{x.var!r} is already defined; rename the loop variable", x.loc)
        elif x.var in scope.integers:
            self.out.warning(f"the loop variable {x.var!r} hides an earlier integer", x.loc)
        inner = scope.copy()
        inner.integers.add(x.var)
        inner.definitions.pop(x.var, None)
        self.body(x.body, inner)
        scope.maybe |= (inner.written | inner.maybe) & set(scope.tiles)

    def guard(self, x: s.Guard, scope: Scope) -> None:
        for compare in x.condition:
            check_expr(compare.left, scope.integers, self.out)
            check_expr(compare.right, scope.integers, self.out)
        then, other = scope.copy(), scope.copy()
        self.body(x.body, then)
        self.body(x.orelse, other)
        scope.integers |= then.integers & other.integers
        scope.written |= then.written & other.written & set(scope.tiles)
        scope.maybe |= (then.written | other.written | then.maybe | other.maybe) & set(scope.tiles)

    def team_barrier(self, x: s.TeamBarrier, scope: Scope) -> None:
        check_expr(x.size, scope.integers, self.out)
        top = [y for y in self.kernel.body if isinstance(y, s.TeamBarrier)]
        if not any(y is x for y in top):
            self.out.error("a team's barrier stands outside of loops and branches", x.loc)
        elif x is not top[0]:
            self.out.error("a kernel has one team barrier at most", x.loc)
        elif not self.fixed(x.size):
            self.out.error(
                f"the size of {self.kernel.name}'s teams is no function of declared names", x.loc
            )

    def tile(self, x: s.Tile, scope: Scope) -> None:
        if x.name in self.declared or x.name in self.params or x.name in scope.integers:
            self.out.error(f"{x.name!r} is already defined and cannot name a tile", x.loc)
        elif x.name in scope.tiles:
            self.out.warning(f"the tile {x.name!r} is defined again; use a new name", x.loc)
        if x.dtype not in DTYPES:
            self.out.error(f"unknown dtype {x.dtype!r}{nearest(x.dtype, DTYPES)}", x.loc)
        if x.memory not in self.sizes:
            self.out.error(f"a tile lives in VecBuf or CubeBuf, not in {x.memory}", x.loc)
        if self.constant_shape(x, scope) and x.dtype in DTYPES and x.memory in self.sizes:
            count = 1
            for dim in x.shape:
                count *= evaluate(dim, self.envs[0])
            bytes_here = count * itemsize(x.dtype)
            previous = self.sizes[x.memory].get(x.name, 0)
            self.sizes[x.memory][x.name] = max(previous, bytes_here)
        if x.value is not None:
            self.number(x.value, x.dtype, x.loc)
        scope.tiles[x.name] = x
        scope.maybe.discard(x.name)
        scope.written.discard(x.name)
        if x.value is not None:
            scope.written.add(x.name)

    def number(self, value: float | int, dtype: str, loc: s.Location) -> None:
        """Reports a number that ``dtype`` does not have."""
        problem = number_problem(value, dtype)
        if problem:
            self.out.error(problem, loc)

    def constant_shape(self, x: s.Tile, scope: Scope) -> bool:
        """Whether every dimension is a positive function of declared names; reports if not."""
        for dim in x.shape:
            local = next((n for n in names(dim) if n.id not in self.declared), None)
            if uses_core(dim) or local is not None:
                what = repr(local.id) if local is not None else "U.get_core_idx()"
                self.out.error(
                    f"the shape of tile {x.name} uses {what}, which no declaration at the top of "
                    f"the program fixes; tile shapes are constants, sizes and tunables only",
                    x.loc,
                )
                return False
            for env in self.envs:
                try:
                    extent = evaluate(dim, env)
                except AULError as error:
                    self.out.error(error.message, x.loc)
                    return False
                if extent < 1:
                    self.out.error(f"a dimension of tile {x.name} is {extent}", x.loc)
                    return False
        return True

    # ---- operands ----------------------------------------------------------------------------

    def operand(self, place: s.Place, scope: Scope, read: bool) -> s.Tile | None:
        """The whole tile that ``place`` names; None (reported) when it is something else."""
        tile = scope.tiles.get(place.name)
        if tile is None:
            if place.name in self.params:
                self.out.error(
                    f"{place.name!r} is in global memory; copy it to a tile with U.data_copy first",
                    place.loc,
                )
            else:
                known = [*scope.tiles, *self.params]
                self.out.error(
                    f"no tile is named {place.name!r} here{nearest(place.name, known)}", place.loc
                )
            return None
        if place.index is not None:
            self.out.error(f"tiles are used whole; write {place.name} without an index", place.loc)
            return None
        if read and place.name not in scope.written:
            if place.name in scope.maybe:
                self.out.warning(
                    f"tile {place.name!r} may be read before it is written (it is written only "
                    f"inside a loop or a branch)",
                    place.loc,
                )
            else:
                self.out.error(f"tile {place.name!r} is read before it is written", place.loc)
        return tile

    def equal(self, a: s.IntExpr, b: s.IntExpr, scope: Scope) -> str:
        """ "yes", "no" (differs at the checked values), "not always" (differs at other ones) or
        "unknown" (depends on more than declared names)."""
        form = difference(a, b)
        if any(not self.fixed(atom) for atom in form_atoms(form)):
            form = difference(substitute(a, scope.definitions), substitute(b, scope.definitions))
        if not form:
            return "yes"
        if any(not self.fixed(atom) for atom in form_atoms(form)):
            return "unknown"
        values = [evaluate_form(form, env) for env in self.envs]
        if values[0] != 0:
            return "no"
        return "not always" if any(values) else "yes"

    def fixed(self, expr: s.IntExpr) -> bool:
        """Whether declared names alone give ``expr`` its value."""
        return not uses_core(expr) and all(n.id in self.declared for n in names(expr))

    def same_shape(
        self,
        left: Sequence[s.IntExpr],
        right: Sequence[s.IntExpr],
        scope: Scope,
        what: str,
        loc: s.Location,
    ) -> None:
        """Reports when two shapes differ; ``what`` names them: "x0 and the slice of x"."""
        shown = f"{self.show(left)} and {self.show(right)}"
        if len(left) != len(right):
            self.out.error(f"{what} have different ranks: {shown}", loc)
            return
        answers = [self.equal(a, b, scope) for a, b in zip(left, right)]
        if "no" in answers:
            self.out.error(f"{what} have different shapes: {shown}", loc)
        elif "unknown" in answers:
            self.out.error(f"{what}: the extent of dimension {answers.index('unknown')} "
                           f"is not constant: {shown}", loc)  # fmt: skip
        elif "not always" in answers:
            self.out.warning(f"{what} have equal shapes only at some tunables: {shown}", loc)

    def show(self, shape: Sequence[s.IntExpr]) -> str:
        from kernelwright.aul.printer import print_shape

        text = print_shape(shape)
        if all(self.fixed(dim) for dim in shape):
            values = tuple(evaluate(dim, self.envs[0]) for dim in shape)
            return text if text == str(values) else f"{text} = {values}"
        return text

    def broadcast(
        self, shapes: Sequence[Sequence[s.IntExpr]], scope: Scope, loc: s.Location
    ) -> list[s.IntExpr] | None:
        """The common shape, a dimension of 1 repeated; None (reported) when there is none."""
        if len({len(shape) for shape in shapes}) > 1:
            listed = ", ".join(self.show(shape) for shape in shapes)
            self.out.error(f"operands have different ranks: {listed}", loc)
            return None
        result = list(shapes[0])
        for shape in shapes[1:]:
            for axis, dim in enumerate(shape):
                if self.is_one(result[axis]):
                    result[axis] = dim
                elif not self.is_one(dim):
                    answer = self.equal(result[axis], dim, scope)
                    listed = ", ".join(self.show(x) for x in shapes)
                    if answer in ("no", "unknown"):
                        self.out.error(f"operands do not broadcast: {listed}", loc)
                        return None
                    if answer == "not always":
                        self.out.warning(f"operands fit only at some tunables: {listed}", loc)
        return result

    def is_one(self, dim: s.IntExpr) -> bool:
        return self.fixed(dim) and all(evaluate(dim, env) == 1 for env in self.envs)

    # ---- copies and vector operations --------------------------------------------------------

    def copy(self, x: s.Copy, scope: Scope) -> None:
        from kernelwright.aul.check_copy import check_copy

        check_copy(self, x, scope)

    def vector(self, x: s.VectorOp, scope: Scope) -> None:
        from kernelwright.aul.check_vector import check_vector

        check_vector(self, x, scope)


def check_param(param: s.Param, declared: set[str], out: Findings) -> None:
    """Dtype, shape and strides of a parameter: known and functions of declared names."""
    if param.dtype is not None and param.dtype not in DTYPES:
        out.error(f"unknown dtype {param.dtype!r}{nearest(param.dtype, DTYPES)}", param.loc)
    for expr in (*(param.shape or ()), *(param.strides or ()), param.offset):
        check_form(expr, declared, f"the type of {param.name}", out, param.loc)
    if param.strides is not None and len(param.strides) != len(param.shape or ()):
        out.error(f"{param.name} has {len(param.shape or ())} dimensions but "
                  f"{len(param.strides)} strides", param.loc)  # fmt: skip
