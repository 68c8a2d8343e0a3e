"""How a composite is defined: a formula on arrays (its meaning) and one on expressions (its
decomposition), both in the compute dtype: float32 for half types, rounded once at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.graph.core import Builder, Decompose, Node, OpDef, TensorType
from kernelwright.graph.expression import Expression
from kernelwright.graph.ops._rules import (
    FLOATS,
    broadcast_shapes,
    compute_dtype,
    expect_count,
    expect_dtype,
    in_float32,
)

Formula = Callable[..., Expression]
InferType = Callable[[Sequence[TensorType], Mapping[str, Any]], TensorType]


def in_compute_dtype(formula: Formula) -> Decompose:
    """``formula(*expressions, **attrs)`` as a decomposition: float inputs cast to the compute dtype
    of the first input, other inputs as they are, the result cast back."""

    def decompose(builder: Builder, inputs: Sequence[Node], attrs: Mapping[str, Any]) -> Node:
        dtype = inputs[0].dtype
        wide = compute_dtype(dtype)
        expressions = [Expression(builder, node) for node in inputs]
        operands = [e.cast(wide) if e.dtype in FLOATS else e for e in expressions]
        result = formula(*operands, **attrs)
        return (result.cast(dtype) if result.dtype == wide else result).node

    return decompose


def composite(
    name: str, infer: InferType, meaning: Callable[..., Any], formula: Formula, doc: str = ""
) -> OpDef:
    return OpDef(
        name,
        "composite",
        infer,
        in_float32(meaning),
        in_compute_dtype(formula),
        doc or _first(meaning),
    )


def _first(function: Callable[..., Any]) -> str:
    return (function.__doc__ or "").strip().partition("\n")[0]


def broadcast_floats(name: str, count: int) -> InferType:
    """Inference of an elementwise composite of ``count`` float tensors: the first one's dtype."""

    def infer(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
        expect_count(name, inputs, count)
        for t in inputs:
            expect_dtype(name, t.dtype, FLOATS)
        return TensorType(broadcast_shapes(name, [t.shape for t in inputs]), inputs[0].dtype)

    return infer


def elementwise_composite(
    name: str, meaning: Callable[..., Any], formula: Formula, inputs: int = 1, doc: str = ""
) -> OpDef:
    return composite(name, broadcast_floats(name, inputs), meaning, formula, doc)


def scalar(x: np.ndarray, value: float) -> np.ndarray:
    """``value`` as a 0-d array of x's dtype: never widens the result."""
    return np.asarray(value, x.dtype)
