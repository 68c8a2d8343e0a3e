"""Symbolic int64 scalars in a normal form, with ranges: what addresses and bounds are made of.

An ``Affine`` is ``sum(coefficient * atom) + constant``. Atoms are variables (the core index, loop
counters) and the non-linear operations on affine forms (floor division, remainder, min, max). Equal
forms compare equal, so that "the store's limit is the reduction's ``valid``" is a plain ``==``;
ranges prove that a tile lies inside its tensor.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

Range = tuple[int | None, int | None]  # inclusive; None is unbounded

_uids = itertools.count()


@dataclass(frozen=True)
class Atom:
    """``kind`` is "var", "mul", "floordiv", "mod", "min" or "max"; ``uid`` tells variables apart.
    The ``args`` of a "mul" are its factors, two or more, none of them a sum or a product."""

    kind: str
    args: tuple[Affine, ...] = ()
    uid: int = -1
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True)
class Affine:
    """``terms`` is sorted, holds no zero coefficient; so equality is equality of normal forms."""

    terms: tuple[tuple[Atom, int], ...] = ()
    constant: int = 0

    def __add__(self, other: Affine | int) -> Affine:
        other = of(other)
        terms = dict(self.terms)
        for atom, coefficient in other.terms:
            terms[atom] = terms.get(atom, 0) + coefficient
        return _make(terms, self.constant + other.constant)

    def __sub__(self, other: Affine | int) -> Affine:
        return self + of(other) * -1

    def __mul__(self, factor: int) -> Affine:
        return _make({a: c * factor for a, c in self.terms}, self.constant * factor)

    @property
    def is_constant(self) -> bool:
        return not self.terms

    def range(self) -> Range:
        low: int | None = self.constant
        high: int | None = self.constant
        for atom, coefficient in self.terms:
            ends = (atom.low, atom.high) if coefficient > 0 else (atom.high, atom.low)
            low = None if low is None or ends[0] is None else low + coefficient * ends[0]
            high = None if high is None or ends[1] is None else high + coefficient * ends[1]
        return low, high

    def at_least(self, bound: int) -> bool:
        """True when it is proven."""
        low = self.range()[0]
        return low is not None and low >= bound

    def at_most(self, bound: int) -> bool:
        """True when it is proven."""
        high = self.range()[1]
        return high is not None and high <= bound


ZERO = Affine()


def of(value: Affine | int) -> Affine:
    return value if isinstance(value, Affine) else Affine((), value)


def _atom_order(atom: Atom) -> tuple[Any, ...]:
    """Total order that depends on the order of creation only, never on the uids' digits."""
    return atom.uid, atom.kind, tuple(_form_order(a) for a in atom.args)


def _form_order(form: Affine) -> tuple[Any, ...]:
    return tuple((_atom_order(a), c) for a, c in form.terms), form.constant


def _order(item: tuple[Atom, int]) -> tuple[Any, ...]:
    return _atom_order(item[0])


def _make(terms: dict[Atom, int], constant: int) -> Affine:
    kept = [(a, c) for a, c in terms.items() if c]
    return Affine(tuple(sorted(kept, key=_order) if len(kept) > 1 else kept), constant)


def variable(low: int | None = 0, high: int | None = None) -> Affine:
    """A new variable with an inclusive range."""
    return Affine(((Atom("var", uid=next(_uids), low=low, high=high), 1),))


def multiply(a: Affine | int, b: Affine | int) -> Affine:
    """The product, multiplied out."""
    a, b = of(a), of(b)
    if b.is_constant:
        return a * b.constant
    if a.is_constant:
        return b * a.constant
    total = b * a.constant
    for x, c in a.terms:
        total = total + Affine(((x, c * b.constant),) if b.constant else ())
        for y, d in b.terms:
            total = total + Affine(((_product(x, y), c * d),))
    return total


def _product(x: Atom, y: Atom) -> Atom:
    factors = [f for atom in (x, y) for f in (atom.args if atom.kind == "mul" else (atom,))]
    forms = [f if isinstance(f, Affine) else Affine(((f, 1),)) for f in factors]
    forms.sort(key=_form_order)
    low: int | None = 1
    high: int | None = 1
    for form in forms:
        least, most = form.range()
        if least is None or least < 0:
            return Atom("mul", tuple(forms))
        low = None if low is None else low * least
        high = None if high is None or most is None else high * most
    return Atom("mul", tuple(forms), low=low, high=high)


def floordiv(a: Affine, b: Affine | int) -> Affine:
    """``a // b`` with Python's rounding; ``b`` > 0."""
    if isinstance(b, Affine):
        return _quotient(a, b) if not b.is_constant else floordiv(a, b.constant)
    if all(c % b == 0 for _, c in a.terms):
        return Affine(tuple((t, c // b) for t, c in a.terms), a.constant // b)
    low, high = (None if end is None else end // b for end in a.range())
    if low is not None and low == high:
        return of(low)
    return Affine(((Atom("floordiv", (a, of(b)), low=low, high=high), 1),))


def _quotient(a: Affine, b: Affine) -> Affine:
    if a == b:
        return of(1)
    low, high = a.range()
    if low is None or low < 0:
        low, high = None, None
    return Affine(((Atom("floordiv", (a, b), low=None if low is None else 0, high=high), 1),))


def mod(a: Affine, b: Affine | int) -> Affine:
    """``a % b`` with Python's sign; ``b`` > 0."""
    if isinstance(b, Affine):
        if b.is_constant:
            return mod(a, b.constant)
        most = b.range()[1]
        high = None if most is None else most - 1
        return Affine(((Atom("mod", (a, b), low=0, high=high), 1),))
    rest = _make({t: c for t, c in a.terms if c % b}, a.constant % b)
    low, high = rest.range()
    if low is not None and high is not None and low >= 0 and high < b:
        return rest
    return Affine(((Atom("mod", (rest, of(b)), low=0, high=b - 1), 1),))


def minimum(a: Affine, b: Affine) -> Affine:
    difference = a - b
    if difference.at_most(0):
        return a
    if difference.at_least(0):
        return b
    (la, ha), (lb, hb) = a.range(), b.range()
    low = None if la is None or lb is None else min(la, lb)
    highs = [h for h in (ha, hb) if h is not None]
    pair = (a, b) if _form_order(a) <= _form_order(b) else (b, a)
    return Affine(((Atom("min", pair, low=low, high=min(highs) if highs else None), 1),))


def maximum(a: Affine, b: Affine) -> Affine:
    difference = a - b
    if difference.at_least(0):
        return a
    if difference.at_most(0):
        return b
    (la, ha), (lb, hb) = a.range(), b.range()
    high = None if ha is None or hb is None else max(ha, hb)
    lows = [x for x in (la, lb) if x is not None]
    pair = (a, b) if _form_order(a) <= _form_order(b) else (b, a)
    return Affine(((Atom("max", pair, low=max(lows) if lows else None, high=high), 1),))


def clamp(a: Affine, extent: int) -> Affine:
    """``min(max(a, 0), extent)``; inner clamps to the same ends are dropped."""
    if len(a.terms) == 1 and a.constant == 0 and a.terms[0][1] == 1:
        atom = a.terms[0][0]
        if atom.kind == "min" and of(extent) in atom.args:
            a = next((x for x in atom.args if x != of(extent)), of(extent))
        elif atom.kind == "max" and ZERO in atom.args:
            a = next((x for x in atom.args if x != ZERO), ZERO)
    return minimum(maximum(a, ZERO), of(extent))
