"""Which elements each core of a launch touches, as integer sets, and what follows for the order of
launches (isl by way of islpy, the extra "polyhedral").

A launch is a loop over its cores. Two loops in a row may become one, without a barrier between
them, when every element that one writes and the other touches is touched by the same core in both
(dependence distance zero), or there is none at all: the classic condition for fusing loops
(Feautrier, "Dataflow analysis of array and scalar references", 1991). The same sets say whether the
cores of one launch may run at once.

What cannot be written as an affine set (an index that is read from memory, a condition on one) is
taken to touch the whole dimension: sets may be too large, never too small.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kernelwright.aul import evaluate
from kernelwright.aul import syntax as aul
from kernelwright.errors import AULError, MissingDependencyError

OPERATIONS = 200_000  # of isl for one question; beyond it the answer is the careful one


@dataclass(frozen=True)
class Touch:
    """One transfer: core ``c`` touches element ``(a0, a1, ...)`` of a view of ``buffer`` when
    ``constraints`` hold for some values of ``variables``. ``strides`` and ``offset`` say where
    elements lie."""

    buffer: str
    writes: bool
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    variables: tuple[str, ...]
    constraints: str

    def relation(self, flat: bool) -> str:
        """isl's text of { [core] -> [element] }; elements are addresses when ``flat``."""
        index = [f"a{d}" for d in range(len(self.shape))]
        inner = [*self.variables, *(index if flat else ())]
        conditions = [self.constraints]
        if flat:
            terms = [f"{s} * {a}" for s, a in zip(self.strides, index)]
            conditions.append(" + ".join([f"e = {self.offset}", *terms]))
        exists = f"exists {', '.join(inner)} : " if inner else ""
        to = "e" if flat else ", ".join(index)
        return f"{{ [c] -> [{to}] : {exists}{' and '.join(conditions)} }}"

    @property
    def view(self) -> tuple[object, ...]:
        return self.shape, self.strides, self.offset


@dataclass
class LaunchTouches:
    """All transfers of one launch on ``cores`` cores."""

    cores: int
    touches: list[Touch] = field(default_factory=list)

    def of(self, buffer: str, writes: bool | None = None) -> list[Touch]:
        return [
            t for t in self.touches if t.buffer == buffer and (writes is None or t.writes == writes)
        ]


# ---- from AUL ------------------------------------------------------------------------------------


class _NotAffine(Exception):
    pass


def launch_touches(
    program: aul.Program, launch: aul.Launch, env: Mapping[str, int], cores: int
) -> LaunchTouches:
    """What ``launch`` touches. ``env`` gives every declared name its value."""
    kernel = program.kernel(launch.kernel)
    views = {
        p.name: _View(p, argument, env) for p, argument in zip(kernel.params, launch.args)
    }  # fmt: skip
    walk = _Walk(dict(env), views, cores)
    walk.body(kernel.body, [f"0 <= c < {cores}"], {})
    return LaunchTouches(cores, walk.found)


class _View:
    def __init__(self, param: aul.Param, buffer: str, env: Mapping[str, int]) -> None:
        self.buffer = buffer
        self.shape = tuple(int(evaluate(e, env)) for e in param.shape or ())
        if param.strides is None:
            strides, inner = [], 1
            for extent in reversed(self.shape):
                strides.append(inner)
                inner *= extent
            self.strides = tuple(reversed(strides))
        else:
            self.strides = tuple(int(evaluate(e, env)) for e in param.strides)
        self.offset = int(evaluate(param.offset, env))


class _Walk:
    def __init__(self, env: dict[str, int], views: Mapping[str, _View], cores: int) -> None:
        self.env, self.views, self.cores = env, views, cores
        self.found: list[Touch] = []
        self.count = 0

    def body(
        self, body: Iterable[aul.Statement], given: Sequence[str], names: Mapping[str, str]
    ) -> None:
        """``given``: conditions on the variables so far. ``names``: texts of assigned integers."""
        known = dict(names)
        for statement in body:
            if isinstance(statement, aul.Assign):
                known[statement.name] = self._try(statement.value, known)
            elif isinstance(statement, aul.Loop):
                variable = f"i{self.count}"
                self.count += 1
                last = self._try(statement.iterations, known)
                bound = [f"0 <= {variable}"] + ([f"{variable} < {last}"] if last else [])
                self.body(statement.body, [*given, *bound], {**known, statement.var: variable})
            elif isinstance(statement, aul.Guard):
                met = [self._compare(c, known) for c in statement.condition]
                self.body(statement.body, [*given, *(m for m in met if m)], known)
                self.body(statement.orelse, given, known)
            elif isinstance(statement, aul.Copy):
                for place, writes in ((statement.dst, True), (statement.src, False)):
                    if place.name in self.views:
                        self.touch(place, writes, statement, given, known)

    def touch(
        self, place: aul.Place, writes: bool, copy: aul.Copy, given: Sequence[str],
        names: Mapping[str, str],
    ) -> None:  # fmt: skip
        view = self.views[place.name]
        conditions = list(given)
        for d, extent in enumerate(view.shape):
            conditions.append(f"0 <= a{d} < {extent}")
            free = place.index is None or (copy.index is not None and d == copy.axis)
            if not free:
                assert place.index is not None
                conditions += self._within(f"a{d}", place.index[d], names)
        if copy.update and writes:  # reads what stands there
            self.found.append(self._made(view, False, conditions))
        self.found.append(self._made(view, writes, conditions))

    def _made(self, view: _View, writes: bool, conditions: Sequence[str]) -> Touch:
        text = " and ".join(conditions)
        variables = tuple(f"i{n}" for n in range(self.count) if f"i{n} " in f"{text} ")
        return Touch(
            view.buffer, writes, view.shape, view.strides, view.offset, variables, text
        )  # fmt: skip

    def _within(
        self, name: str, entry: aul.IntExpr | aul.Slice, names: Mapping[str, str]
    ) -> list[str]:
        if not isinstance(entry, aul.Slice):
            at = self._try(entry, names)
            return [f"{name} = {at}"] if at else []
        lower, upper = self._try(entry.lower, names), self._try(entry.upper, names)
        found = [f"{lower} <= {name}"] if lower else []
        return [*found, f"{name} < {upper}"] if upper else found

    def _compare(self, given: aul.Compare, names: Mapping[str, str]) -> str:
        left, right = self._try(given.left, names), self._try(given.right, names)
        op = {"==": "="}.get(given.op, given.op)
        return f"{left} {op} {right}" if left and right else ""

    def _try(self, expression: aul.IntExpr, names: Mapping[str, str]) -> str:
        """isl's text of an integer expression; "" for one that is not affine."""
        try:
            return self._text(expression, names)
        except _NotAffine:
            return ""

    def _text(self, e: aul.IntExpr, names: Mapping[str, str]) -> str:
        if isinstance(e, aul.CoreIdx):
            return "c"
        if isinstance(e, aul.Name) and e.id in names:
            if not names[e.id]:
                raise _NotAffine
            return names[e.id]
        fixed = self._number(e)
        if fixed is not None:
            return str(fixed)
        if isinstance(e, aul.Binary):
            return self._binary(e, names)
        if isinstance(e, aul.Call) and e.function in ("min", "max"):
            parts = ", ".join(self._text(a, names) for a in e.args)
            return f"{e.function}({parts})"
        if isinstance(e, aul.Call) and e.function == "cdiv":
            by = self._number(e.args[1])
            if by and by > 0:
                return f"floor(({self._text(e.args[0], names)} + {by - 1})/{by})"
        raise _NotAffine

    def _binary(self, e: aul.Binary, names: Mapping[str, str]) -> str:
        left, right = self._text(e.left, names), self._text(e.right, names)
        if e.op in "+-":
            return f"({left} {e.op} {right})"
        numbers = [_digits(left), _digits(right)]
        if e.op == "*" and any(n is not None for n in numbers):
            return f"({left} * {right})" if numbers[0] is not None else f"({right} * {left})"
        if e.op in ("//", "%") and numbers[1] is not None and numbers[1] > 0:
            return f"floor(({left})/{right})" if e.op == "//" else f"(({left}) mod {right})"
        raise _NotAffine

    def _number(self, e: aul.IntExpr) -> int | None:
        try:
            return int(evaluate(e, self.env))
        except AULError:
            return None


def _digits(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


# ---- questions -----------------------------------------------------------------------------------


class Dependences:
    """Answers about launches. Where isl gives up, the answer is False: nothing is proved.

    Raises MissingDependencyError without islpy.
    """

    def __init__(self) -> None:
        try:
            import islpy
        except ImportError as error:
            raise MissingDependencyError("dependence analysis", "islpy", "polyhedral") from error
        self._isl: Any = islpy
        self._context = islpy.Context()

    def independent(self, first: LaunchTouches, second: LaunchTouches) -> bool:
        """No element that one writes is touched by the other."""
        return self._holds(first, second, lambda met: met.is_empty())

    def aligned(self, first: LaunchTouches, second: LaunchTouches) -> bool:
        """Only cores of the same number meet in an element: the loops may be fused."""
        return self._holds(first, second, self._only_equal)

    def parallel(self, launch: LaunchTouches) -> bool:
        """No two cores of the launch meet in an element that one of them writes."""
        return self._holds(launch, launch, self._only_equal)

    def _only_equal(self, met: Any) -> bool:
        same = self._map("{ [c] -> [c] }")
        return bool(met.is_subset(same))

    def _holds(self, first: LaunchTouches, second: LaunchTouches, question: Any) -> bool:
        self._context.set_max_operations(OPERATIONS)
        try:
            return all(question(met) for met in self._meetings(first, second))
        except self._isl.Error:
            return False
        finally:
            self._context.reset_operations()

    def _meetings(self, first: LaunchTouches, second: LaunchTouches) -> Iterator[Any]:
        """{ [core of first] -> [core of second] } for every pair of transfers with a write."""
        for a in first.touches:
            for b in second.of(a.buffer):
                if not (a.writes or b.writes):
                    continue
                flat = a.view != b.view
                left, right = (self._map(t.relation(flat)) for t in (a, b))
                yield left.apply_range(right.reverse())

    def _map(self, text: str) -> Any:
        return self._isl.Map.read_from_str(self._context, text)
