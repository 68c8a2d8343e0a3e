"""The cheapest Graph among all that the e-graph holds.

Greedy over the DAG: each class takes the term whose whole cone, every class in it counted once, is
cheapest; repeated until nothing changes. Cones are sets of classes, held as bits of an int.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kernelwright.compiler.rewrite.knowledge import Knowledge
from kernelwright.compiler.rewrite.terms import Terms
from kernelwright.graph.core import Node
from kernelwright.graph.operand_view import VIEWS
from kernelwright.graph.ops import op_definition

PASSES = 12
Price = Callable[[Node, Sequence[bool]], float]
"""Of a node, given which of its operands stand in memory anyway."""


@dataclass(frozen=True)
class Extracted:
    """``outputs``: new nodes on the old leaves. ``chosen`` maps a class to its term. ``cost_us``
    counts shared work once."""

    outputs: list[Node]
    chosen: dict[int, int]
    cost_us: float


def extract(
    terms: Terms,
    knowledge: Knowledge,
    roots: Sequence[int],
    price: Price,
    *,
    prepared: float = 1.0,
) -> Extracted | None:
    """The cheapest forms of ``roots`` (terms). What depends on no input costs the share
    ``prepared`` of its price. None when the choices run in a circle (never seen, but not
    excluded)."""
    search = _Search(terms, knowledge, price, prepared)
    search.run()
    return search.build(roots)


class _Search:
    def __init__(self, terms: Terms, knowledge: Knowledge, price: Price, prepared: float) -> None:
        self.terms = terms
        names = sorted(set(terms.classes))
        self.bit = {name: i for i, name in enumerate(names)}
        self.own = np.zeros(len(names))  # by bit: the price of the term that the class has chosen
        self.cones: dict[int, int] = {}
        self.costs: dict[int, float] = {}
        self.chosen: dict[int, int] = {}
        self.candidates: list[tuple[int, int, tuple[int, ...], float]] = []
        inputs = {terms.classes[t] for t, n in enumerate(terms.nodes) if n.op == "input"}
        ready = _with_views(terms, inputs | knowledge.no_input)
        for term, node in enumerate(terms.nodes):
            if op_definition(node.op).kind == "composite":
                continue
            name = terms.classes[term]
            operands = tuple(dict.fromkeys(terms.classes[t] for t in terms.operands[term]))
            share = prepared if name in knowledge.no_input else 1.0
            if node.op in ("input", "parameter"):
                share = 1.0
            cost = share * price(node, [terms.classes[t] in ready for t in terms.operands[term]])
            self.candidates.append((term, name, operands, cost))

    def run(self) -> None:
        for _ in range(PASSES):
            changes = sum(self._consider(*candidate) for candidate in self.candidates)
            if not changes:
                return

    def _consider(self, term: int, name: int, operands: tuple[int, ...], price: float) -> bool:
        """Takes the term for its class where that is cheaper; whether anything changed."""
        cone = 0
        for operand in operands:
            if operand not in self.cones:
                return False
            cone |= self.cones[operand]
        bit = 1 << self.bit[name]
        if cone & bit:
            return False
        cost = self._cost(operands, cone) + price
        mine = self.chosen.get(name) == term
        if not mine and cost >= self.costs.get(name, np.inf) * (1 - 1e-9):
            return False
        changed = not mine or self.cones[name] != cone | bit or self.costs[name] != cost
        self.chosen[name], self.costs[name], self.cones[name] = term, cost, cone | bit
        self.own[self.bit[name]] = price
        return changed

    def _cost(self, operands: tuple[int, ...], cone: int) -> float:
        if not operands:
            return 0.0
        if len(operands) == 1:
            return self.costs[operands[0]]
        return self._sum(cone)

    def _sum(self, cone: int) -> float:
        data = np.frombuffer(cone.to_bytes((len(self.own) + 7) // 8, "little"), np.uint8)
        bits = np.unpackbits(data, bitorder="little", count=len(self.own))
        return float(self.own @ bits)

    # ---- the Graph ---------------------------------------------------------------------------

    def build(self, roots: Sequence[int]) -> Extracted | None:
        made: dict[int, Node] = {}
        open_: set[int] = set()
        waiting = [self.terms.classes[root] for root in reversed(roots)]
        while waiting:
            name = waiting[-1]
            term = self.chosen[name]
            needed = [self.terms.classes[t] for t in self.terms.operands[term]]
            missing = [n for n in needed if n not in made]
            if name in made or not missing:
                waiting.pop()
                open_.discard(name)
                if name not in made:
                    made[name] = rebuilt(self.terms.nodes[term], [made[n] for n in needed])
            elif name in open_:
                return None
            else:
                open_.add(name)
                waiting.extend(missing)
        cone = 0
        for name in made:
            cone |= 1 << self.bit[name]
        chosen = {name: self.chosen[name] for name in made}
        outputs = [made[self.terms.classes[root]] for root in roots]
        return Extracted(outputs, chosen, self._sum(cone))


def _with_views(terms: Terms, ready: set[int]) -> set[int]:
    """``ready`` classes, and those of views of them that a product takes as they stand."""
    found = set(ready)
    for term, node in enumerate(terms.nodes):  # operands before users
        if node.op in VIEWS and terms.classes[terms.operands[term][0]] in found:
            found.add(terms.classes[term])
    return found


def rebuilt(node: Node, operands: Sequence[Node]) -> Node:
    """``node`` on other operands; the same object where they are its own."""
    if all(a is b for a, b in zip(operands, node.inputs)):
        return node
    return Node(node.op, tuple(operands), node.attrs, node.type)
