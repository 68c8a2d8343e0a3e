"""Graph nodes as numbered terms of the e-graph, and why terms are equal."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from kernelwright.graph.core import Builder, Node, walk
from kernelwright.graph.decompose import frozen
from kernelwright.graph.ops import op_definition
from kernelwright.graph.simplify import simplify

Key = tuple[str, int, tuple[int, ...]]
Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Reason:
    """Why two terms are equal: a rule by its name ("" for a definition or an identity), which
    needed the terms in ``pairs`` to be equal."""

    rule: str
    pairs: Pairs = ()


@dataclass
class Terms:
    """``nodes[t]`` is term t; ``operands[t]`` the terms that it was made with; ``classes[t]`` the
    oldest term known to be equal (brought up to date by ``settle``). Terms are only added: equal
    ones share a class. ``waiting`` and ``equal`` are what the e-graph has not been told yet."""

    builder: Builder = field(default_factory=Builder)
    nodes: list[Node] = field(default_factory=list)
    operands: list[tuple[int, ...]] = field(default_factory=list)
    attributes: list[int] = field(default_factory=list)
    classes: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    equal: list[tuple[int, int]] = field(default_factory=list)
    reasons: dict[int, list[tuple[int, Reason]]] = field(
        default_factory=lambda: defaultdict(list), repr=False
    )
    _numbers: dict[int, int] = field(default_factory=dict, repr=False)  # node id -> term
    _attribute_numbers: dict[str, int] = field(default_factory=dict, repr=False)
    _keys: dict[Key, int] = field(default_factory=dict, repr=False)

    def add(self, root: Node) -> int:
        """The term that stands for ``root``; new ones for what it needs that is not there yet. A
        composite is made equal to its decomposition, anything else is simplified first."""
        for node in list(walk([root], known=self._numbers)):
            if node.id not in self._numbers:
                self._numbers[node.id] = self._enter(node)
        return self._numbers[root.id]

    def _enter(self, node: Node) -> int:
        operands = tuple(self._numbers[n.id] for n in node.inputs)
        key = self._key(node, operands)
        if key in self._keys:
            return self._keys[key]
        definition = op_definition(node.op)
        if definition.kind not in ("leaf", "composite"):
            simpler = simplify(self.builder, node.op, node.inputs, node.attrs)
            if simpler is not None:
                self._keys[key] = self.add(simpler)
                return self._keys[key]
        number = len(self.nodes)
        self.nodes.append(node)
        self.operands.append(operands)
        self.attributes.append(key[1])
        self.classes.append(number)
        self.waiting.append(number)
        self._keys[key] = number
        if definition.decompose is not None:
            self._numbers[node.id] = number
            made = definition.decompose(self.builder, node.inputs, node.attrs)
            self.unite(number, self.add(made), Reason(""))
        return number

    def _key(self, node: Node, operands: tuple[int, ...]) -> Key:
        text = frozen(node.attrs)
        attributes = self._attribute_numbers.setdefault(text, len(self._attribute_numbers))
        return node.op, attributes, tuple(self.classes[t] for t in operands)

    def unite(self, one: int, other: int, reason: Reason) -> bool:
        """Makes two terms equal; whether they were not known to be."""
        if self.classes[one] == self.classes[other]:
            return False
        self.equal.append((one, other))
        self.reasons[one].append((other, reason))
        self.reasons[other].append((one, reason))
        return True

    def settle(self, classes: list[int]) -> None:
        """Takes the e-graph's classes. Terms of the same op, attributes and operands' classes are
        equal by congruence, which is kept as a reason."""
        self.classes = classes
        self._keys = {}
        for term, node in enumerate(self.nodes):
            operands = self.operands[term]
            key = (node.op, self.attributes[term], tuple(classes[t] for t in operands))
            first = self._keys.setdefault(key, term)
            if first != term and not any(t == first for t, _ in self.reasons[term]):
                reason = Reason("", tuple(zip(operands, self.operands[first])))
                self.reasons[term].append((first, reason))
                self.reasons[first].append((term, reason))

    def find(self, op: str, attributes: int, operands: tuple[int, ...]) -> int:
        """The oldest term of an op with attributes (by number) on operands (any of their terms).
        Raises KeyError when there is none."""
        return self._keys[(op, attributes, tuple(self.classes[t] for t in operands))]

    def members(self) -> dict[int, list[int]]:
        """Class -> its terms, oldest first."""
        found: dict[int, list[int]] = {}
        for term, name in enumerate(self.classes):
            found.setdefault(name, []).append(term)
        return found
