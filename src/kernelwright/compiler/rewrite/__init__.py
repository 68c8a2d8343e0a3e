"""Algebra: a Graph becomes the cheapest Graph that computes the same, by equality saturation.

terms (nodes by number) -> egraph (egglog: equality, congruence, patterns) -> saturation (rules, a
budget) -> extract (by cost) -> collapse (what a reader must know of the result)
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from kernelwright.compiler.rewrite.collapse import collapses
from kernelwright.compiler.rewrite.cost import node_cost_us, rates, total_cost_us
from kernelwright.compiler.rewrite.explain import rules_between
from kernelwright.compiler.rewrite.extract import Extracted, Price, extract
from kernelwright.compiler.rewrite.saturation import Budget, Saturation
from kernelwright.graph.core import Graph
from kernelwright.graph.decompose import decompose
from kernelwright.graph.ops import all_rules
from kernelwright.graph.rules import FINITE, REASSOCIATION, Rule
from kernelwright.schema import Target

__all__ = ["Budget", "Rewritten", "optimize"]

PREPARED_SHARE = 0.02
"""How much of its price work on parameters alone costs: it is done once, not in every call."""
_WORTH_IT = 0.98  # a Graph that takes finite inputs for granted must cost less than this share
_WORTH_US = 1.0  # a rewritten Graph must save this much, or the same share
_NO_EGGLOG = "algebra needs the package egglog: pip install 'kernelwright[algebra]'"


@dataclass(frozen=True)
class Rewritten:
    """``graph``: primitive ops. ``rules``: names of the rules that the difference rests on;
    ``licences`` what these take for granted (``rules.LICENCES``). ``collapses``: sentences on what
    the Model does not need. ``cost_us`` before and after, by the nominal cost model. ``stopped``:
    why saturation ended before everything was found; "" when it was."""

    graph: Graph
    rules: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    collapses: tuple[str, ...] = ()
    cost_us: tuple[float, float] = (0.0, 0.0)
    terms: int = 0
    rounds: int = 0
    stopped: str = ""

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict: everything but the Graph."""
        row = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        del row["graph"]
        return {k: list(v) if isinstance(v, tuple) else v for k, v in row.items()}


def optimize(
    graph: Graph,
    target: Target,
    *,
    strict_ieee: bool = False,
    budget: Budget | None = None,
    rules: Sequence[Rule] | None = None,
) -> Rewritten:
    """The cheapest equal Graph that was found within ``budget``; same inputs and parameters.

    ``strict_ieee`` leaves out rules that take anything for granted. A rule that takes finite inputs
    for granted is used only where it makes the result cheaper; the Graph then assumes
    "finite_inputs". Without egglog the Graph is decomposed and simplified, and a note says so.
    """
    plain = decompose(graph)
    if importlib.util.find_spec("egglog") is None:
        return Rewritten(dataclasses.replace(plain, notes=[*plain.notes, _NO_EGGLOG]))
    chosen = all_rules() if rules is None else rules
    always = [
        r for r in chosen if not r.assumes or (r.assumes == REASSOCIATION and not strict_ieee)
    ]
    licensed = [] if strict_ieee else [r for r in chosen if r.assumes == FINITE]
    at = rates(target)
    price = partial(node_cost_us, rates=at)
    with Saturation(graph.outputs, budget or Budget()) as work:
        work.run(always)
        best = _explained(work, price)
        if licensed:
            work.run(licensed)
            freer = _explained(work, price)
            if freer and (best is None or freer[0].cost_us < _WORTH_IT * best[0].cost_us):
                best = freer
        before = total_cost_us(plain, at, PREPARED_SHARE)
        licence = {rule.name: rule.assumes for rule in chosen}
        if best is None or best[0].cost_us > before - min(_WORTH_US, (1 - _WORTH_IT) * before):
            return _result(graph, plain, None, work, (before, before), licence)
        return _result(graph, plain, best, work, (before, best[0].cost_us), licence)


def _explained(work: Saturation, price: Price) -> tuple[Extracted, list[str]] | None:
    """The cheapest form known now, and the rules that it rests on: later ones may tell less."""
    best = extract(work.terms, work.knowledge, work.roots, price, prepared=PREPARED_SHARE)
    return None if best is None else (best, rules_between(work.terms, _differences(work, best)))


def _result(
    graph: Graph,
    plain: Graph,
    best: tuple[Extracted, list[str]] | None,
    work: Saturation,
    cost: tuple[float, float],
    licence: Mapping[str, str],
) -> Rewritten:
    names: list[str] = []
    result = plain
    if best is not None:
        extracted, names = best
        result = decompose(dataclasses.replace(plain, outputs=extracted.outputs))
    licences = tuple(dict.fromkeys(licence[n] for n in names if licence.get(n)))
    told = collapses(graph, plain, result)
    notes = [*result.notes, *(f"algebra: {sentence}" for sentence in told)]
    if names:
        granted = f"; this takes for granted: {', '.join(licences)}" if licences else ""
        notes.append(f"algebra: rewritten by {', '.join(names)}{granted}")
    if FINITE in licences and FINITE not in result.assumes:
        result = dataclasses.replace(result, assumes=[*result.assumes, FINITE])
    result = dataclasses.replace(result, notes=notes)
    return Rewritten(
        result, tuple(names), licences, tuple(told), cost, len(work.terms.nodes), work.rounds,
        work.stopped,
    )  # fmt: skip


def _differences(work: Saturation, best: Extracted) -> list[tuple[int, int]]:
    """(term as given, term chosen), for the roots and everything that the chosen terms use."""
    terms = work.terms
    pairs = [(root, best.chosen[terms.classes[root]]) for root in work.roots]
    for term in best.chosen.values():
        pairs += [(t, best.chosen[terms.classes[t]]) for t in terms.operands[term]]
    return pairs
