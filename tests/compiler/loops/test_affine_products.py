"""Products, quotients and remainders of integers that are known at run time only."""

from __future__ import annotations

import itertools

import pytest

from kernelwright.compiler.loops import affine
from kernelwright.compiler.loops.affine import Affine


def value(form: Affine, at: dict[Affine, int]) -> int:
    """``form`` where the variables have these values."""
    total = form.constant
    for atom, coefficient in form.terms:
        if atom.kind == "var":
            found = at[Affine(((atom, 1),))]
        else:
            args = [value(a, at) for a in atom.args]
            if atom.kind == "mul":
                found = 1
                for a in args:
                    found *= a
            else:
                found = {
                    "floordiv": lambda x, y: x // y,
                    "mod": lambda x, y: x % y,
                    "min": min,
                    "max": max,
                }[atom.kind](*args)
        total += coefficient * found
    return total


@pytest.mark.parametrize("at", list(itertools.product((1, 2, 7), (1, 3, 8), (0, 5))))
def test_they_mean_what_integers_mean(at: tuple[int, int, int]) -> None:
    m, n, core = affine.variable(1), affine.variable(1), affine.variable(0)
    names = dict(zip((m, n, core), at))
    a, b, c = at
    both = affine.multiply(m + 2, n * 3 - 1)
    assert value(both, names) == (a + 2) * (b * 3 - 1)
    assert value(affine.multiply(both, core), names) == (a + 2) * (b * 3 - 1) * c
    assert value(affine.floordiv(core + m, n), names) == (c + a) // b
    assert value(affine.mod(core + m, n), names) == (c + a) % b
    assert value(affine.multiply(0, m), names) == 0
    assert value(affine.multiply(m, 4), names) == 4 * a


def test_equal_products_are_equal() -> None:
    m, n, k = (affine.variable(1) for _ in range(3))
    left = affine.multiply(affine.multiply(m, n), k)
    assert left == affine.multiply(k, affine.multiply(n, m))
    assert affine.multiply(m + 1, n) - affine.multiply(m, n) == n
    assert affine.floordiv(m, m) == affine.of(1)


def test_ranges_of_products() -> None:
    m, n = affine.variable(1, 10), affine.variable(2, None)
    assert affine.multiply(m, n).range() == (2, None)
    assert affine.multiply(m, m).range() == (1, 100)
    assert affine.multiply(m, affine.variable(-3, 3)).range() == (None, None)
    assert affine.mod(n, m).range() == (0, 9)
    assert affine.floordiv(m, n).at_least(0)
