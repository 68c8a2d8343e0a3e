"""Ops that the scheduler sees as opaque: matmul, and a framework's own op by its name.

A framework op with several outputs is one "call" node an output, which differ in output_index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.errors import CaptureError
from kernelwright.graph.core import OpDef, TensorType
from kernelwright.graph.ops._rules import (
    NUMBERS,
    broadcast_shapes,
    expect_count,
    expect_dtype,
    expect_equal_dtypes,
    in_float32,
)


def infer_matmul(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    """NumPy's rule: 1-D operands gain an axis that the result loses; leading axes broadcast."""
    expect_count("matmul", inputs, 2)
    dtype = expect_equal_dtypes("matmul", inputs)
    expect_dtype("matmul", dtype, NUMBERS)
    a, b = inputs[0].shape, inputs[1].shape
    if not a or not b:
        raise ValueError("matmul does not take a 0-d tensor; use mul")
    left = a if len(a) > 1 else (1, *a)
    right = b if len(b) > 1 else (*b, 1)
    if left[-1] != right[-2]:
        raise ValueError(f"matmul: shapes {a} and {b} do not fit: {left[-1]} is not {right[-2]}")
    batch = broadcast_shapes("matmul", [left[:-2], right[:-2]])
    rows = left[-2:-1] if len(a) > 1 else ()
    columns = right[-1:] if len(b) > 1 else ()
    return TensorType((*batch, *rows, *columns), dtype)


def _infer_call(inputs: Sequence[TensorType], attrs: Mapping[str, Any]) -> TensorType:
    result = attrs["out_type"]
    if not isinstance(result, TensorType):
        raise ValueError(f"call: out_type must be a TensorType, not {result!r}")
    for key in ("target", "output_index", "arguments"):
        if key not in attrs:
            raise ValueError(f"call: attribute {key!r} is missing")
    return result


def _call(*_: np.ndarray, target: str, **__: Any) -> np.ndarray:
    raise CaptureError(
        f"{target} has no meaning in NumPy; give evaluate(..., calls={{{target!r}: function}})"
    )


OPS = (
    OpDef("matmul", "call", infer_matmul, in_float32(np.matmul), doc="Batched, NumPy's rule."),
    OpDef(
        "call",
        "call",
        _infer_call,
        _call,
        doc="attrs target, output_index, arguments (JSON-ready; {'input': i} a tensor), out_type.",
    ),
)
