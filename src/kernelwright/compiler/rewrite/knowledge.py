"""What is known of every class of equal terms: the best that any of its terms tells."""

from __future__ import annotations

from kernelwright.compiler.rewrite.terms import Terms
from kernelwright.graph.analysis import EVERYTHING, Interval, interval, uniform_value
from kernelwright.graph.core import Node

FORMS = 24  # ways to compute a value that a rule is shown


class Knowledge:
    """``rules.Facts`` over classes. ``uniform_terms`` maps a class to the term that showed that its
    value is uniform, with the classes that this rested on."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.uniforms: dict[int, float] = {}
        self.shown_by: dict[int, int] = {}
        self.intervals: dict[int, Interval] = {}
        self.no_input: set[int] = set()
        self._members: dict[int, list[int]] = {}

    def update(self) -> bool:
        """Goes over all terms, operands before users; whether anything new is known."""
        terms, changed = self.terms, False
        self._members = terms.members()
        before = (self.uniforms, self.intervals, self.no_input)
        self.uniforms, self.intervals, self.no_input = self._carried(*before)
        for number, node in enumerate(terms.nodes):
            name = terms.classes[number]
            operands = [terms.classes[t] for t in terms.operands[number]]
            changed |= self._update_term(number, node, name, operands)
        return changed

    def _carried(
        self, uniforms: dict[int, float], intervals: dict[int, Interval], no_input: set[int]
    ) -> tuple[dict[int, float], dict[int, Interval], set[int]]:
        """The same knowledge under the classes' present names."""
        classes = self.terms.classes
        narrowed: dict[int, Interval] = {}
        for old, (low, high) in intervals.items():
            least, most = narrowed.get(classes[old], EVERYTHING)
            narrowed[classes[old]] = (max(low, least), min(high, most))
        self.shown_by = {classes[old]: term for old, term in self.shown_by.items()}
        return (
            {classes[old]: value for old, value in uniforms.items()},
            narrowed,
            {classes[old] for old in no_input},
        )

    def _update_term(self, number: int, node: Node, name: int, operands: list[int]) -> bool:
        changed = False
        free = node.op != "input" and all(o in self.no_input for o in operands)
        if free and name not in self.no_input:
            self.no_input.add(name)
            changed = True
        if name not in self.uniforms:
            value = uniform_value(node, [self.uniforms.get(o) for o in operands])
            if value is not None:
                self.uniforms[name], self.shown_by[name] = value, number
                changed = True
        low, high = interval(node, [self.intervals.get(o, EVERYTHING) for o in operands])
        least, most = self.intervals.get(name, EVERYTHING)
        if low > least or high < most:
            self.intervals[name] = (max(low, least), min(high, most))
            changed = True
        return changed

    def _class(self, node: Node) -> int:
        return self.terms.classes[self.terms.add(node)]

    # ---- rules.Facts -------------------------------------------------------------------------

    def uniform(self, node: Node) -> float | None:
        """See ``Facts``."""
        return self.uniforms.get(self._class(node))

    def interval(self, node: Node) -> Interval:
        """See ``Facts``."""
        return self.intervals.get(self._class(node), EVERYTHING)

    def parameter_only(self, node: Node) -> bool:
        """See ``Facts``."""
        return self._class(node) in self.no_input

    def forms(self, node: Node) -> tuple[Node, ...]:
        """See ``Facts``; the oldest ones, when there are very many."""
        found = self._members.get(self._class(node), ())
        return tuple(self.terms.nodes[t] for t in found[:FORMS]) or (node,)

    def signature(self, name: int) -> tuple[object, ...]:
        """Equal as long as nothing new is known of a class."""
        name = self.terms.classes[name]
        return (
            name,
            self.uniforms.get(name),
            self.intervals.get(name),
            name in self.no_input,
            min(FORMS, len(self._members.get(name, ()))),
        )
