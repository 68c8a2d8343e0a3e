"""Rewrite rules as data: a pattern over ops, a function that builds the other side, and what the
rule takes for granted. Rules stand in ``RULES`` of the module of the op that they concern.

    Rule("log_of_exp", p.log(p.exp("x")), lambda b, m: m["x"], assumes=FINITE)

A string in a pattern is a variable: any value; the same name twice is the same value. The rule
holds for every operand order of commutative ops. Nothing here knows how patterns are matched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kernelwright.graph.core import Builder, Node

FINITE = "finite_inputs"
REASSOCIATION = "reassociation"
LICENCES: Mapping[str, str] = {
    FINITE: "no input, and nothing computed from it, is NaN or infinite",
    REASSOCIATION: "sums and products of floats may be regrouped, as in exact arithmetic",
}
"""What a rule may take for granted. Both are the default licence, which ``--strict-ieee`` takes
away."""


@dataclass(frozen=True)
class Pattern:
    """``op`` applied to operands, each a Pattern or the name of a variable. ``label`` names the
    matched node itself (its attributes and type) for the rule's function."""

    op: str
    operands: tuple[Pattern | str, ...]
    label: str = ""

    def walk(self) -> Iterator[Pattern]:
        """This pattern and those inside, outermost first."""
        yield self
        for operand in self.operands:
            if isinstance(operand, Pattern):
                yield from operand.walk()

    def variables(self) -> tuple[str, ...]:
        """Names in order of appearance, each once."""
        found: dict[str, None] = {}
        for operand in self.operands:
            names = (operand,) if isinstance(operand, str) else operand.variables()
            found.update(dict.fromkeys(names))
        return tuple(found)


class _Patterns:
    """``p.matmul(p.diag("v", label="d"), "b")``."""

    def __getattr__(self, op: str) -> Callable[..., Pattern]:
        if op.startswith("_"):
            raise AttributeError(op)

        def make(*operands: Pattern | str, label: str = "") -> Pattern:
            return Pattern(op.rstrip("_"), operands, label)

        return make


p = _Patterns()


class Facts(Protocol):
    """What is known of a value beside its type, whatever the inputs are."""

    def uniform(self, node: Node) -> float | None:
        """The one number that every element of ``node`` holds, if that is known."""

    def interval(self, node: Node) -> tuple[float, float]:
        """Every element of ``node`` that is not NaN lies within these."""

    def parameter_only(self, node: Node) -> bool:
        """Whether ``node`` depends on no input of the call."""

    def forms(self, node: Node) -> tuple[Node, ...]:
        """All known ways to compute ``node``, itself among them."""


@dataclass(frozen=True)
class Match:
    """What a pattern matched: variables, labels, and "root", the outermost node."""

    nodes: Mapping[str, Node]
    facts: Facts

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    @property
    def root(self) -> Node:
        return self.nodes["root"]

    def uniform(self, name: str) -> float | None:
        """See ``Facts.uniform``."""
        return self.facts.uniform(self.nodes[name])

    def interval(self, name: str) -> tuple[float, float]:
        """See ``Facts.interval``."""
        return self.facts.interval(self.nodes[name])


Right = Callable[[Builder, Match], "Node | None"]
Example = Callable[[Builder, Callable[..., Node]], Node]


@dataclass(frozen=True)
class Rule:
    """Where ``left`` matches and ``right(builder, match)`` gives a node, that node has the same
    type and value as the match's root, in float64 and within the judge's limits in every dtype.

    ``assumes`` is a licence (a key of LICENCES), or "" for a rule that always holds.
    ``example(builder, leaf)`` builds an instance of the left side for the rule's test where
    drawing attributes and shapes at random finds none; ``leaf(*shape, positive=False)`` makes an
    input.
    """

    name: str
    left: Pattern
    right: Right = field(repr=False)
    assumes: str = ""
    example: Example | None = field(default=None, repr=False)


def filled(builder: Builder, value: float, like: Node) -> Node:
    """``value`` in every element of a tensor of ``like``'s type."""
    constant = builder.constant(value, like.dtype)
    return builder.make("expand", [constant], shape=like.shape) if like.shape else constant


def cast(builder: Builder, node: Node, dtype: str) -> Node:
    return node if node.dtype == dtype else builder.make("cast", [node], dtype=dtype)


def reshape(builder: Builder, node: Node, shape: tuple[int, ...]) -> Node:
    return node if node.shape == shape else builder.make("reshape", [node], shape=shape)


def expand(builder: Builder, node: Node, shape: tuple[int, ...]) -> Node:
    return node if node.shape == shape else builder.make("expand", [node], shape=shape)
