"""torch's dtypes: every unary, binary and reducing op on every dtype that torch takes it for gives
torch's dtype and values; and torch's promotion of tensors, 0-d tensors and numbers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from kernelwright.aul import interpret
from kernelwright.compiler.schedule import design
from kernelwright.frameworks._torch_arrays import to_native, to_numpy
from kernelwright.frameworks._torch_aten_context import words
from kernelwright.frameworks._torch_capture import capture
from kernelwright.frameworks._torch_capture_call import numpy_calls
from kernelwright.graph.core import Graph
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target

DTYPES = ("float32", "float16", "bfloat16", "float64", "int32", "int64", "bool")
UNARY = words(
    "abs neg sign square relu sqrt exp log log1p expm1 sin cos tanh sigmoid erf floor ceil round "
    "trunc reciprocal rsqrt isnan isfinite logical_not bitwise_not exp2 atan positive"
)
BINARY = words(
    "add sub mul div maximum minimum pow remainder fmod floor_divide eq ne lt le gt ge logical_and "
    "logical_or logical_xor bitwise_and bitwise_or bitwise_xor atan2 true_divide"
)
REDUCTIONS = words("sum mean prod amax amin argmax argmin any all var std logsumexp count_nonzero")
_ROUNDOFF = {"float16": 4e-3, "bfloat16": 4e-2, "float32": 2e-5, "float64": 1e-11}
SHAPE = (4, 7)


class _Call(torch.nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *values: Any) -> Any:
        return self.function(*values)


def _values(dtype: str, seed: int) -> np.ndarray:
    """Small positive numbers: every op is defined on them, and half types hold sums of them."""
    rng = np.random.default_rng(seed)
    kind = getattr(torch, dtype)
    numbers = rng.integers(1, 4, SHAPE) if "float" not in dtype else rng.random(SHAPE) * 2 + 0.25
    if dtype == "bool":
        numbers = rng.random(SHAPE) > 0.5
    return to_numpy(torch.tensor(numbers).to(kind))


def _graph(function: Callable[..., Any], inputs: Sequence[Any]) -> tuple[Graph, Any]:
    """The Graph and torch's own result; skips what torch itself does not take."""
    natives = [to_native(v, "cpu") for v in inputs]
    try:
        with torch.no_grad():
            wanted = function(*natives)
    except (RuntimeError, NotImplementedError, TypeError) as error:
        pytest.skip(f"torch: {str(error).splitlines()[0][:80]}")
    return capture(_Call(function), natives, "case"), wanted


def _same(found: np.ndarray, wanted: Any, dtype: str) -> None:
    array = to_numpy(wanted)
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    tolerance = _ROUNDOFF.get(dtype, 0.0) or _ROUNDOFF.get(str(wanted.dtype)[6:], 0.0)
    np.testing.assert_allclose(
        found.astype(np.float64), array.astype(np.float64), rtol=tolerance, atol=tolerance
    )


def _check(function: Callable[..., Any], inputs: Sequence[Any], dtype: str) -> None:
    graph, wanted = _graph(function, inputs)
    assert not [n for n in graph.nodes() if n.op == "call"], graph
    (found,) = evaluate(graph, inputs, {}, calls=numpy_calls(graph))
    _same(found, wanted, dtype)
    made = design(graph, Target("cpu", "x86_64"))
    arrays = [np.asarray(inputs[int(b.key)]) for b in made.bindings if b.source == "input"]
    if len(arrays) == len(made.bindings):
        _same(np.asarray(interpret(made.program, arrays)[0]), wanted, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str, dtype: str) -> None:
    _check(getattr(torch, name), [_values(dtype, 1)], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_binary(name: str, dtype: str) -> None:
    _check(getattr(torch, name), [_values(dtype, 1), _values(dtype, 2)], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction(name: str, dtype: str) -> None:
    function = getattr(torch, name)
    _check(lambda x: function(x, dim=1), [_values(dtype, 3)], dtype)


@pytest.mark.parametrize(("one", "two"), itertools.combinations(DTYPES, 2))
def test_promotion_of_tensors(one: str, two: str) -> None:
    coarser = max(one, two, key=lambda d: _ROUNDOFF.get(d, 0.0))
    _check(lambda x, y: x + y, [_values(one, 1), _values(two, 2)], coarser)


@pytest.mark.parametrize(("one", "two"), itertools.permutations(DTYPES, 2))
def test_promotion_of_a_zero_dimensional_tensor(one: str, two: str) -> None:
    zero = np.asarray(_values(two, 2).reshape(-1)[0])
    coarser = max(one, two, key=lambda d: _ROUNDOFF.get(d, 0.0))
    _check(lambda x, y: x * y, [_values(one, 1), zero], coarser)


@pytest.mark.parametrize("number", [2, 0.5, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["mul", "add", "div", "pow", "rsub", "gt", "floor_divide"])
def test_promotion_of_a_number(name: str, dtype: str, number: Any) -> None:
    if (name, dtype, number) == ("pow", "bool", True):
        pytest.skip("torch itself: bool when run, int64 when exported")
    function = getattr(torch, name)
    _check(lambda x: function(x, number), [_values(dtype, 1)], dtype)
