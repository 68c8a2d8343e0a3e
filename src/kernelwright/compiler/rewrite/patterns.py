"""Patterns as egglog queries. A match is a tuple of integers: terms and attribute sets by number."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from kernelwright.graph.ops import op_definition
from kernelwright.graph.rules import Pattern, Rule


@dataclass(frozen=True)
class Query:
    """One form of a rule's left side. A row of its matches holds, for each pattern of
    ``rule.left.walk()`` in that order, the term's class and its attributes, then the class of each
    variable of ``variables``. ``operands``: for each pattern, where its operands' classes stand in
    the row. ``text`` is the query's facts with the row's names in ``row``."""

    rule: Rule
    pattern: Pattern
    variables: tuple[str, ...]
    operands: tuple[tuple[int, ...], ...]
    text: str
    row: tuple[str, ...]

    @property
    def constructors(self) -> set[tuple[str, int]]:
        """(op, number of operands) of every term in the pattern."""
        return {(q.op, len(q.operands)) for q in self.pattern.walk()}


def queries(rule: Rule) -> list[Query]:
    """``rule`` with the operands of commutative ops in every order that makes a difference."""
    forms = dict.fromkeys(_orders(rule.left))
    distinct: dict[str, Pattern] = {}
    for form in forms:
        distinct.setdefault(_shape(form), form)
    return [_query(rule, form) for form in distinct.values()]


def _orders(pattern: Pattern | str) -> Iterator[Pattern | str]:
    if isinstance(pattern, str):
        yield pattern
        return
    definition = op_definition(pattern.op)
    for operands in itertools.product(*(list(_orders(o)) for o in pattern.operands)):
        yield Pattern(pattern.op, operands, pattern.label)
        if definition.commutative and operands[0] != operands[1]:
            yield Pattern(pattern.op, operands[::-1], pattern.label)


def _shape(pattern: Pattern | str) -> str:
    """Equal for patterns that differ in nothing but which variable is which of two plain ones:
    add(x, y) and add(y, x) match the same terms, so one of them is enough for a rule that treats
    them alike. Names are kept: a rule may not."""
    if isinstance(pattern, str):
        return pattern
    inner = ", ".join(_shape(o) for o in pattern.operands)
    return f"{pattern.op}:{pattern.label}({inner})"


def _query(rule: Rule, pattern: Pattern | str) -> Query:
    assert isinstance(pattern, Pattern)
    patterns = list(pattern.walk())
    number = {id(q): i for i, q in enumerate(patterns)}
    variables = pattern.variables()
    place = {name: 2 * len(patterns) + i for i, name in enumerate(variables)}
    facts, operands = [], []
    for i, q in enumerate(patterns):
        names = " ".join(
            f"v{variables.index(o)}" if isinstance(o, str) else f"e{number[id(o)]}"
            for o in q.operands
        )
        facts.append(f"(= e{i} ({constructor(q.op, len(q.operands))} a{i} {names}))")
        operands.append(
            tuple(place[o] if isinstance(o, str) else 2 * number[id(o)] for o in q.operands)
        )
    facts += [f"(= i{i} (id_of e{i}))" for i in range(len(patterns))]
    facts += [f"(= j{i} (id_of v{i}))" for i in range(len(variables))]
    row = [name for i in range(len(patterns)) for name in (f"i{i}", f"a{i}")]
    row += [f"j{i}" for i in range(len(variables))]
    return Query(rule, pattern, variables, tuple(operands), " ".join(facts), tuple(row))


def constructor(op: str, arity: int) -> str:
    """The egglog name of an op applied to so many operands."""
    return f"op_{op}_{arity}"
