"""Integer expressions of AUL for the Triton printer: their text, and bounds on their values.

Bounds decide whether a mask is needed. An expression is put into the form of a polynomial over
atoms (names, and subexpressions that are not sums or products). Its largest value is found by
putting in the largest value of each atom that is not fixed at compile time: the core index, loop
variables, and ``core // k``, ``core % k`` of them. What remains is a polynomial over compile-time
names, which is either known to be in bounds, or printed as a compile-time condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kernelwright.aul import evaluate
from kernelwright.aul.expressions import normal_form
from kernelwright.aul.syntax import Binary, Call, CoreIdx, Int, IntExpr, Name
from kernelwright.errors import UnsupportedError

Atom = tuple[str, IntExpr]  # a name or a subexpression, with its text to compare and sort by
Poly = Mapping[tuple[Atom, ...], int]  # monomial (sorted atoms) -> coefficient

ONE: Poly = {(): 1}
PRECEDENCE = {"+": 1, "-": 1, "*": 2, "//": 2, "%": 2}


def names_in(expr: IntExpr) -> set[str]:
    """Every name in ``expr``; the core index counts as the name "<core>"."""
    if isinstance(expr, Name):
        return {expr.id}
    if isinstance(expr, CoreIdx):
        return {"<core>"}
    if isinstance(expr, Binary):
        return names_in(expr.left) | names_in(expr.right)
    if isinstance(expr, Call):
        return set().union(*(names_in(a) for a in expr.args))
    return set()


def row_major(shape: Sequence[IntExpr]) -> tuple[IntExpr, ...]:
    """Strides of a tensor without gaps."""
    strides: list[IntExpr] = []
    step: IntExpr = Int(1)
    for size in reversed(shape):
        strides.append(step)
        step = size if step == Int(1) else Binary("*", size, step)
    return tuple(reversed(strides))


def host_text(expr: IntExpr) -> str:
    """``expr`` as Python for the wrapper, where every name is a Python int."""
    if isinstance(expr, Int):
        return str(expr.value)
    if isinstance(expr, Name):
        return expr.id
    if isinstance(expr, Binary):
        return _binary(expr, host_text)
    if isinstance(expr, Call):
        args = ", ".join(host_text(a) for a in expr.args)
        function = {"cdiv": "triton.cdiv", "next_pow2": "triton.next_power_of_2"}
        return f"{function.get(expr.function, expr.function)}({args})"
    raise UnsupportedError("the core index has no value outside a kernel")


def _binary(expr: Binary, show: Callable[[IntExpr], str]) -> str:
    def side(operand: IntExpr, right: bool) -> str:
        text = show(operand)
        if isinstance(operand, Binary):
            mine, other = PRECEDENCE[expr.op], PRECEDENCE[operand.op]
            return f"({text})" if other < mine or (right and other == mine) else text
        return f"({text})" if isinstance(operand, Int) and operand.value < 0 else text

    return f"{side(expr.left, False)} {expr.op} {side(expr.right, True)}"


@dataclass(frozen=True)
class Scope:
    """What the names of one kernel mean. ``static``: the file's compile-time names, with values
    for the sizes that the design was made for. ``locals``: assigned integers. ``loops``: loop
    variables and their numbers of iterations. ``cores``: the grid size, over static names.
    """

    static: Mapping[str, int]
    cores: IntExpr | None = None
    locals: Mapping[str, IntExpr] = field(default_factory=dict)
    loops: Mapping[str, IntExpr] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)

    def assign(self, name: str, value: IntExpr) -> Scope:
        return replace(self, locals={**self.locals, name: self.expand(value)})

    def loop(self, var: str, iterations: IntExpr) -> Scope:
        return replace(self, loops={**self.loops, var: self.expand(iterations)})

    def forget(self, names: set[str]) -> Scope:
        """After a join of paths on which ``names`` may differ, they stand for themselves."""
        opaque = {n: Name(f"<{n}>") for n in names if n in self.locals}
        return replace(self, locals={**self.locals, **opaque})

    # ---- shape of expressions

    def expand(self, expr: IntExpr) -> IntExpr:
        """``expr`` with every local replaced by what it was assigned."""
        if isinstance(expr, Name):
            return self.locals.get(expr.id, expr)
        if isinstance(expr, Binary):
            return replace(expr, left=self.expand(expr.left), right=self.expand(expr.right))
        if isinstance(expr, Call):
            return replace(expr, args=tuple(self.expand(a) for a in expr.args))
        return expr

    def is_static(self, expr: IntExpr) -> bool:
        """Whether ``expr`` is known when the kernel is compiled."""
        return names_in(self.expand(expr)) <= set(self.static)

    def value(self, expr: IntExpr) -> int:
        """A static expression's value for the sizes that the design was made for."""
        return evaluate(self.expand(expr), self.static)

    # ---- text inside a kernel

    def text(self, expr: IntExpr) -> str:
        """``expr`` in a kernel. // and % of what may be negative go through a device function."""
        if isinstance(expr, Int):
            return str(expr.value)
        if isinstance(expr, Name):
            return self.rename.get(expr.id, expr.id)
        if isinstance(expr, CoreIdx):
            return "core"
        if isinstance(expr, Binary):
            exact = self.is_static(expr) or self.is_natural(expr.left)
            if expr.op in ("//", "%") and not exact:
                function = "_floor_divide" if expr.op == "//" else "_modulo"
                return f"{function}({self.text(expr.left)}, {self.text(expr.right)})"
            return _binary(expr, self.text)
        return self._call(expr)

    def _call(self, expr: Call) -> str:
        args = [self.text(a) for a in expr.args]
        if expr.function == "cdiv":
            a, b = expr.args
            up = Binary("//", Binary("-", Binary("+", a, b), Int(1)), b)
            return f"({self.text(up)})"
        if expr.function == "next_pow2":
            raise UnsupportedError(
                "U.next_pow2 of a value that is not known at compile time cannot be printed in "
                "Triton; make it a constant at the top of the program"
            )
        result = args[0]
        for arg in args[1:]:
            if self.is_static(expr):
                sign = "<" if expr.function == "min" else ">"
                result = f"({result} if {result} {sign} {arg} else {arg})"
            else:
                result = f"tl.{expr.function}imum({result}, {arg})"
        return result

    # ---- bounds

    def poly(self, expr: IntExpr) -> Poly:
        return normal_form(self.expand(expr))

    def is_natural(self, expr: IntExpr) -> bool:
        """Whether ``expr`` is provably never negative."""
        expr = self.expand(expr)
        if isinstance(expr, Call):
            natural = [self.is_natural(a) for a in expr.args]
            return any(natural) if expr.function == "max" else all(natural)
        if isinstance(expr, Binary) and expr.op in ("//", "%"):
            return self.is_natural(expr.left) and self.is_natural(expr.right)
        return all(
            c >= 0 and all(self._natural_atom(a[1]) for a in monomial)
            for monomial, c in normal_form(expr).items()
        )

    def _natural_atom(self, atom: IntExpr) -> bool:
        if isinstance(atom, Name):
            return atom.id in self.loops or self.static.get(atom.id, -1) >= 0
        return isinstance(atom, CoreIdx) or self.is_natural(atom)

    def maxima(self, expr: IntExpr) -> list[Poly]:
        """Polynomials over static names, each of them at least as large as ``expr`` ever is."""
        found: list[Poly] = []
        for p in self._maxima(self.poly(expr), 8):
            if p not in found:
                found.append(p)
        return found[:8]

    def _maxima(self, p: Poly, depth: int) -> Iterator[Poly]:
        moving = sorted(
            {a for m in p for a in m if not names_in(a[1]) <= set(self.static)},
            key=self._order,
        )
        if not moving:
            yield p
            return
        if depth == 0:
            return
        atom = moving[0]
        highest = list(self._atom_maxima(atom, depth))
        for bound in highest:
            replaced = self._substitute(p, atom, bound)
            if replaced is not None:
                yield from self._maxima(replaced, depth - 1)

    def _order(self, atom: Atom) -> tuple[int, str]:
        """Loop variables first, innermost first: their bounds mention the core index."""
        expr = atom[1]
        if isinstance(expr, Name) and expr.id in self.loops:
            return -list(self.loops).index(expr.id) - 1, atom[0]
        return (1 if isinstance(expr, CoreIdx) else 0), atom[0]

    def _substitute(self, p: Poly, atom: Atom, bound: Poly) -> Poly | None:
        total: Poly = {}
        for monomial, c in p.items():
            if atom not in monomial:
                total = _add(total, {monomial: c})
                continue
            rest = list(monomial)
            rest.remove(atom)
            if atom in rest or not all(self._natural_atom(a[1]) for a in rest):
                return None
            if c > 0:
                total = _add(total, _multiply({tuple(rest): c}, bound))
            elif not self._natural_atom(atom[1]):
                return None  # its least value, 0, is what a negative coefficient needs
        return total

    def _atom_maxima(self, atom: Atom, depth: int) -> Iterator[Poly]:
        expr = atom[1]
        if isinstance(expr, CoreIdx) and self.cores is not None:
            yield _add(normal_form(self.cores), {(): -1})
        elif isinstance(expr, Name) and expr.id in self.loops:
            for bound in self._count_maxima(self.loops[expr.id]):
                yield _add(bound, {(): -1})
        elif isinstance(expr, Call) and expr.function == "min":
            for arg in expr.args:
                yield normal_form(arg)
        elif isinstance(expr, Binary) and expr.op == "%" and self.is_natural(expr.left):
            yield _add(normal_form(expr.right), {(): -1})
        elif isinstance(expr, Binary) and expr.op == "//" and self.is_static(expr.right):
            for bound in self._maxima(normal_form(expr.left), depth - 1):
                quotient = _quotient(_add(bound, {(): 1}), normal_form(expr.right))
                if quotient is not None:
                    yield _add(quotient, {(): -1})

    def _count_maxima(self, iterations: IntExpr) -> Iterator[Poly]:
        """Bounds on a number of iterations that hold whenever there is at least one."""
        if isinstance(iterations, Call) and iterations.function == "min":
            for arg in iterations.args:
                yield from self._count_maxima(arg)
        elif isinstance(iterations, Call) and iterations.function == "max":
            positive = [a for a in iterations.args if not (isinstance(a, Int) and a.value <= 0)]
            if len(positive) == 1:
                yield from self._count_maxima(positive[0])
        else:
            yield normal_form(iterations)

    def always_within(self, top: IntExpr, limit: IntExpr) -> str | None:
        """When ``top <= limit`` holds: "True" if always, a compile-time condition as text if it
        depends on the sizes, None if nothing is known. ``top`` is an exclusive upper end."""
        conditions: list[str] = []
        for bound in self.maxima(top):
            excess = _add(bound, _multiply(normal_form(self.expand(limit)), {(): -1}))
            if all(c <= 0 and all(map(self._natural_key, m)) for m, c in excess.items()):
                return "True"
            conditions.append(self._condition(excess))
        return min(conditions, key=len, default=None)

    def _natural_key(self, atom: Atom) -> bool:
        return self._natural_atom(atom[1])

    def _condition(self, excess: Poly) -> str:
        """``excess <= 0`` as text; cdiv(D, s) * s <= D in the plain words D % s == 0."""
        if sorted(excess.values()) == [-1, 1]:
            high, low = sorted(excess, key=lambda m: -excess[m])
            for atom in high:
                expr = atom[1]
                rest = list(high)
                rest.remove(atom)
                if isinstance(expr, Call) and expr.function == "cdiv":
                    over, step = expr.args
                    if normal_form(over) == {low: 1} and normal_form(step) == {tuple(rest): 1}:
                        return f"{self._factor(over)} % {self._factor(step)} == 0"
        left = [(m, c) for m, c in excess.items() if c > 0]
        right = [(m, -c) for m, c in excess.items() if c < 0]
        return f"{self._sum(left)} <= {self._sum(right)}"

    def _factor(self, expr: IntExpr) -> str:
        text = self.text(expr)
        return f"({text})" if isinstance(expr, Binary) else text

    def _sum(self, terms: list[tuple[tuple[Atom, ...], int]]) -> str:
        shown = []
        for monomial, c in terms:
            factors = [self._factor(a[1]) for a in monomial]
            shown.append(" * ".join(([str(c)] if c != 1 or not factors else []) + factors))
        return " + ".join(shown) or "0"


def _add(a: Poly, b: Poly) -> Poly:
    total = dict(a)
    for monomial, c in b.items():
        total[monomial] = total.get(monomial, 0) + c
    return {m: c for m, c in total.items() if c}


def _multiply(a: Poly, b: Poly) -> Poly:
    total: dict[tuple[Atom, ...], int] = {}
    for m, c in a.items():
        for n, d in b.items():
            key = tuple(sorted(m + n, key=lambda atom: atom[0]))
            total[key] = total.get(key, 0) + c * d
    return {m: c for m, c in total.items() if c}


def _quotient(p: Poly, divisor: Poly) -> Poly | None:
    """``p / divisor`` when the divisor is one monomial that divides every term."""
    if len(divisor) != 1:
        return None
    ((factor, d),) = divisor.items()
    result: dict[tuple[Atom, ...], int] = {}
    for monomial, c in p.items():
        rest = list(monomial)
        for atom in factor:
            if atom not in rest:
                return None
            rest.remove(atom)
        if c % d:
            return None
        result[tuple(rest)] = c // d
    return result
