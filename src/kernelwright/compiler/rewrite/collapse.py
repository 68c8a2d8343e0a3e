"""Sentences on what a Model turns out not to need, so that nobody takes it for a fast kernel."""

from __future__ import annotations

from collections.abc import Iterator

from kernelwright.graph.analysis import NodeFacts
from kernelwright.graph.core import Graph, Node
from kernelwright.graph.ops import op_definition
from kernelwright.graph.ops.call import product_operations

_FEWER = 2.0  # a product that takes so many times fewer operations is worth a sentence


def collapses(graph: Graph, plain: Graph, result: Graph) -> list[str]:
    """What holds of ``result`` and did not show in ``graph``; ``plain`` is ``graph`` decomposed."""
    return [
        *_constant_outputs(plain, result),
        *_unused_inputs(graph, result),
        *_products(plain, result),
    ]


def _constant_outputs(plain: Graph, result: Graph) -> Iterator[str]:
    """Not those that the Model itself writes as a constant."""
    facts = NodeFacts()
    for index, (given, node) in enumerate(zip(plain.outputs, result.outputs)):
        value = facts.uniform(node)
        if value is not None and node.type.size and facts.uniform(given) is None:
            name = "the output" if len(result.outputs) == 1 else f"output {index}"
            yield f"{name} is constant: {value:.6g} in every element, whatever the inputs are"


def _unused_inputs(graph: Graph, result: Graph) -> Iterator[str]:
    before = {n.id for n in graph.nodes()}
    after = {n.id for n in result.nodes()}
    for node in graph.inputs:
        if node.id in before and node.id not in after:
            yield f"the output does not depend on input {node.attrs['name']}"


def _products(plain: Graph, result: Graph) -> Iterator[str]:
    """Products that involve an input; those of parameters alone are done once. A product written as
    a sum of as many products is the same work."""
    before, after = _operations(plain), _operations(result)
    if not before:
        return
    calls = [n.op == "call" for n in _from_inputs(plain) if product_operations(n) > 0]
    what = "convolution" if all(calls) else "matrix product"
    if not after and _work(plain) >= _FEWER * _work(result):
        yield f"the {what} is not needed: {before:.3g} operations fall away"
    elif after and before >= _FEWER * after:
        yield f"the {what} is not needed whole: {after:.3g} instead of {before:.3g} operations do"


def _operations(graph: Graph) -> float:
    return sum(product_operations(n) for n in _from_inputs(graph))


def _work(graph: Graph) -> float:
    """Operations of products, elementwise ops and reductions."""
    total = _operations(graph)
    for node in _from_inputs(graph):
        kind = op_definition(node.op).kind
        if kind == "elementwise":
            total += node.type.size
        elif kind == "reduction":
            total += node.inputs[0].type.size
    return total


def _from_inputs(graph: Graph) -> list[Node]:
    facts = NodeFacts()
    return [n for n in graph.nodes() if not facts.parameter_only(n)]
