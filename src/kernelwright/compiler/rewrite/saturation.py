"""The loop: look for patterns, build what rules say, enter it, learn, until nothing is new or the
budget is spent."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from kernelwright.compiler.rewrite.egraph import EGraph, Row
from kernelwright.compiler.rewrite.knowledge import Knowledge
from kernelwright.compiler.rewrite.patterns import Query, queries
from kernelwright.compiler.rewrite.terms import Reason, Terms
from kernelwright.graph.core import Node
from kernelwright.graph.rules import Match, Rule, filled

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Budget:
    """Where saturation stops: rounds, new terms (``terms`` and ``growth`` times the Graph's own,
    whichever is more), this thread's processor time: a busy machine does not change the result.
    What was found until then is used."""

    rounds: int = 16
    terms: int = 1500
    growth: float = 2.0
    seconds: float = 0.8


class Saturation:
    """A context manager. ``run`` may be called again with more rules."""

    def __init__(self, outputs: Sequence[Node], budget: Budget) -> None:
        self.budget = budget
        self.terms = Terms()
        self.roots = [self.terms.add(node) for node in outputs]
        self.limit = len(self.terms.nodes) + max(
            budget.terms, int(budget.growth * len(self.terms.nodes))
        )
        self.egraph = EGraph()
        self.knowledge = Knowledge(self.terms)
        self.rounds = 0
        self.stopped = ""  # why saturation ended early; "" when nothing was left to find
        self.applied: set[tuple[str, int, int]] = set()  # (rule, left term, right term)
        self._dropped: set[int] = set()
        self._refused: dict[tuple[str, Row], tuple[Query, Row, object]] = {}
        self._began = time.thread_time()
        self._enter()

    def __enter__(self) -> Saturation:
        return self

    def __exit__(self, *_: object) -> None:
        self.egraph.__exit__()

    def run(self, rules: Sequence[Rule]) -> None:
        """Applies ``rules``, with those of earlier calls, until nothing new is found."""
        for rule in rules:
            for query in queries(rule):
                self.egraph.add_query(query)
        self.stopped, grows = "", True
        while grows and not self.stopped:
            self.rounds += 1
            grows = self._round()

    def _round(self) -> bool:
        waiting = [*self.egraph.matches(), *self._reconsidered()]
        for query, row in waiting:
            if self._spent():
                break
            self._apply(query, row)
        grown = bool(self.terms.waiting or self.terms.equal)
        self._enter()
        return grown

    def _spent(self) -> bool:
        if len(self.terms.nodes) >= self.limit:
            self.stopped = f"{self.limit} terms"
        elif self.rounds > self.budget.rounds:
            self.stopped = f"{self.budget.rounds} rounds"
        elif time.thread_time() - self._began > self.budget.seconds:
            self.stopped = f"{self.budget.seconds:g} s"
        return bool(self.stopped)

    def _enter(self) -> None:
        """Tells the e-graph what is new, takes its classes, and learns until nothing is new."""
        terms = self.terms
        while terms.waiting or terms.equal:
            rows = [
                (terms.nodes[t].op, t, terms.attributes[t], terms.operands[t])
                for t in terms.waiting
            ]
            self.egraph.load(rows, terms.equal)
            terms.waiting, terms.equal = [], []
            terms.settle(self.egraph.classes(len(terms.nodes)))
            self.knowledge.update()
            self._fold()
        self._drop()

    def _drop(self) -> None:
        """Hides terms that can lead nowhere from the rules: other forms of what is a constant, and
        forms of a value that need the value itself, such as x + 0. There is no end of them."""
        terms, rows = self.terms, []
        for number, node in enumerate(terms.nodes):
            if number in self._dropped or not node.inputs:
                continue
            name = terms.classes[number]
            operands = terms.operands[number]
            circular = any(terms.classes[t] == name for t in operands)
            if circular or (name in self.knowledge.uniforms and not is_filled(node)):
                self._dropped.add(number)
                rows.append((node.op, terms.attributes[number], operands))
        self.egraph.load((), (), rows)

    def _fold(self) -> None:
        """Values known to be uniform are constants."""
        terms = self.terms
        for name, value in list(self.knowledge.uniforms.items()):
            shown = terms.nodes[self.knowledge.shown_by[name]]
            if is_filled(shown):
                continue
            constant = terms.add(filled(terms.builder, value, shown))
            pairs = tuple(
                (operand, self.knowledge.shown_by[terms.classes[operand]])
                for operand in terms.operands[self.knowledge.shown_by[name]]
                if terms.classes[operand] in self.knowledge.shown_by
            )
            terms.unite(self.knowledge.shown_by[name], constant, Reason("constant_folding", pairs))

    # ---- matches -----------------------------------------------------------------------------

    def _reconsidered(self) -> list[tuple[Query, Row]]:
        """Matches that a rule refused when less was known."""
        again = [
            (query, row)
            for query, row, known in self._refused.values()
            if self._known(query, row) != known
        ]
        for query, row in again:
            del self._refused[(query.rule.name, row)]
        return again

    def _known(self, query: Query, row: Row) -> tuple[object, ...]:
        count = len(query.operands)
        classes = [row[2 * i] for i in range(count)] + list(row[2 * count :])
        return tuple(self.knowledge.signature(c) for c in classes)

    def _apply(self, query: Query, row: Row) -> None:
        terms = self.terms
        try:
            if row[0] in self.knowledge.uniforms:  # nothing is cheaper than a constant
                return
            places = [
                terms.find(pattern.op, row[2 * i + 1], tuple(row[j] for j in query.operands[i]))
                for i, pattern in enumerate(query.pattern.walk())
            ]
        except KeyError:  # matched under names that a merge has outdated; it matches again
            return
        nodes: dict[str, Node] = {"root": terms.nodes[places[0]]}
        count = len(places)
        for i, name in enumerate(query.variables):
            nodes[name] = terms.nodes[terms.classes[row[2 * count + i]]]
        for place, pattern in zip(places, query.pattern.walk()):
            if pattern.label:
                nodes[pattern.label] = terms.nodes[place]
        try:
            made = query.rule.right(terms.builder, Match(nodes, self.knowledge))
        except ValueError as error:
            log.warning("rewrite rule %s: %s", query.rule.name, error)
            return
        if made is None:
            self._refused[(query.rule.name, row)] = (query, row, self._known(query, row))
        elif made.type != nodes["root"].type:
            log.warning("rewrite rule %s: %s is not %s", query.rule.name, made, nodes["root"])
        else:
            self._unite(query, row, places, terms.add(made))

    def _unite(self, query: Query, row: Row, places: list[int], made: int) -> None:
        """Notes which terms had to be equal for the pattern to be there: each pattern inside stands
        where its user's operand does."""
        patterns = list(query.pattern.walk())
        number = {id(q): i for i, q in enumerate(patterns)}
        pairs = tuple(
            (self.terms.operands[places[i]][j], places[number[id(inner)]])
            for i, q in enumerate(patterns)
            for j, inner in enumerate(q.operands)
            if not isinstance(inner, str)
        )
        self.terms.unite(places[0], made, Reason(query.rule.name, pairs))
        self.applied.add((query.rule.name, places[0], made))


def is_filled(node: Node) -> bool:
    """Whether ``node`` is written as one number, repeated."""
    while node.op in ("expand", "reshape"):
        node = node.inputs[0]
    return node.op == "constant" and node.type.size == 1
