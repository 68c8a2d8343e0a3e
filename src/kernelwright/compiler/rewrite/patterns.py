"""Patterns as egglog queries. A match is a row of numbers: of terms and of sets of attributes."""

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
    return [_query(rule, form) for form in dict.fromkeys(_orders(rule.left))]


def _orders(pattern: Pattern | str) -> Iterator[Pattern | str]:
    if isinstance(pattern, str):
        yield pattern
        return
    definition = op_definition(pattern.op)
    for operands in itertools.product(*(list(_orders(o)) for o in pattern.operands)):
        yield Pattern(pattern.op, operands, pattern.label)
        if definition.commutative and operands[0] != operands[1]:
            yield Pattern(pattern.op, operands[::-1], pattern.label)


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
