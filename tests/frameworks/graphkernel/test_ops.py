"""Every op of the format, as a file, against what it means in NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from kernelwright.frameworks import FRAMEWORKS
from kernelwright.frameworks.graphkernel.table import ALL_OPS, REFUSED
from kernelwright.graph.core import DTYPES
from kernelwright.testing.graphkernel import Case
from kernelwright.testing.graphkernel_ops import cases

GRAPHKERNEL = FRAMEWORKS.get("graphkernel")
CASES = {case.name: case for case in cases()}
# How far a result in its own dtype may be from exact arithmetic, relative to the largest number:
# a few roundings of each op.
_OWN = {"float16": 4e-3, "bfloat16": 3e-2, "float32": 2e-6, "float64": 1e-14}


def _inputs(case: Case, model) -> list[np.ndarray]:
    own = model.make_inputs(3)
    if case.inputs is None:
        return own
    return [np.asarray(given).astype(like.dtype) for given, like in zip(case.inputs, own)]


def _wide(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float64) if x.dtype.kind == "f" or x.dtype == DTYPES["bfloat16"] else x


@pytest.mark.parametrize("name", CASES)
def test_op(name: str) -> None:
    case = CASES[name]
    model = GRAPHKERNEL.load(case.text, f"{name}.json")
    inputs = _inputs(case, model)
    found = case.expected(*(_wide(x) for x in inputs))
    expected = list(found) if isinstance(found, tuple | list) else [found]
    result = model.run(inputs)
    written = sorted(result.written)
    outputs = [*result.outputs, *(result.written[i] for i in written)]
    truths = model.truth(inputs, written)
    assert len(outputs) == len(truths) == len(expected)
    for output, truth, exact in zip(outputs, truths, map(np.asarray, expected)):
        assert output.shape == truth.shape == exact.shape
        if not np.issubdtype(truth.dtype, np.floating):
            np.testing.assert_array_equal(output, exact.astype(output.dtype))
            np.testing.assert_array_equal(truth, exact.astype(truth.dtype))
            continue
        scale = max(np.abs(_wide(x)).max(initial=1e-30) for x in (exact, *inputs))
        kind = next(n for n, k in DTYPES.items() if k == output.dtype)
        np.testing.assert_allclose(truth, exact, rtol=0, atol=1e-12 * scale)
        np.testing.assert_allclose(_wide(output), exact, rtol=0, atol=_OWN[kind] * scale)


def test_every_op_has_a_case() -> None:
    """Spellings and extras that share a handler with a tested op aside."""
    tested = {entry["name"] for case in CASES.values() for entry in case.info["op_desc"]}
    handlers = {id(ALL_OPS[name]) for name in tested}
    aside = {"Exp2", "Log1p", "Log2", "Inv", "Acos", "ATan", "Tan", "Sinh", "Cosh", "Atanh", "Erfc",
             "Ceil", "Trunc", "Rint", "ReLU", "Relu", "Sigmoid", "BitwiseNot", "BitwiseAnd",
             "BitwiseOr", "BitwiseXor", "LogicalXor", "OnesLike", "GeLU", "Gelu", "SiLU",
             "ReduceMean", "ArgMin"}  # fmt: skip
    missing = [n for n in ALL_OPS if n not in tested | aside and id(ALL_OPS[n]) not in handlers]
    assert missing == []
    assert not set(REFUSED) & set(ALL_OPS)
