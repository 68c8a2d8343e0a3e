"""Smaller inputs that Models still accept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from kernelwright.errors import ReferenceBroken
from kernelwright.frameworks._base import RunResult, StateEntry, Value
from kernelwright.frameworks._reduce import reduced_inputs


@dataclass
class ArrayModel:
    """A LoadedModel around a NumPy function; ``calls`` counts the trial runs."""

    function: Any
    weights: list[np.ndarray] = field(default_factory=list)
    init_inputs: list[Any] = field(default_factory=list)
    calls: int = 0

    def run(self, inputs: Sequence[Value]) -> RunResult:
        self.calls += 1
        try:
            return RunResult([np.asarray(self.function(*inputs))], "tensor")
        except (ValueError, IndexError) as error:
            raise ReferenceBroken(str(error), "forward_raises") from error

    def state(self) -> list[StateEntry]:
        return [StateEntry(f"w{i}", w, "parameter") for i, w in enumerate(self.weights)]


def _ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def _shapes(values: Sequence[Value] | None) -> list[tuple[int, ...]]:
    assert values is not None
    return [v.shape for v in values if isinstance(v, np.ndarray)]


def test_small_inputs_need_no_reduction() -> None:
    model = ArrayModel(np.sum)
    assert reduced_inputs(model, [_ones(8, 16), 2]) is None
    assert reduced_inputs(model, [2.5]) is None
    assert model.calls == 0


def test_equal_sizes_shrink_alike_and_to_odd_ones() -> None:
    model = ArrayModel(lambda a, b, c: a @ b + c)
    inputs = [_ones(512, 1000), _ones(1000, 700), _ones(512, 700)]
    a, b, c = _shapes(reduced_inputs(model, inputs))
    assert a[1] == b[0] and c == (a[0], b[1])
    assert len({*a, *b}) == 3 and all(n % 2 for n in (*a, *b))
    assert max(np.prod(s) for s in (a, b, c)) <= 4096


def test_values_are_slices_of_the_given_ones() -> None:
    x = np.arange(256 * 512, dtype=np.float32).reshape(256, 512)
    (found,) = reduced_inputs(ArrayModel(np.sum), [x]) or []
    np.testing.assert_array_equal(found, x[: found.shape[0], : found.shape[1]])
    assert not np.shares_memory(found, x)


def test_a_dimension_that_weights_have_stays() -> None:
    weight = _ones(100, 60)
    model = ArrayModel(lambda x: x @ weight, [weight])
    ((rows, columns),) = _shapes(reduced_inputs(model, [_ones(4096, 100)]))
    assert columns == 100 and rows < 100


def test_small_dimensions_stay_and_multiples_stay_multiples() -> None:
    model = ArrayModel(lambda x, y: x.reshape(2, -1, 3) * y)
    x, y = _shapes(reduced_inputs(model, [_ones(20480, 3), _ones(10240, 3)]))
    assert x[0] == 2 * y[0] and x[1] == y[1] == 3


def test_a_model_that_splits_an_axis_gets_a_round_size() -> None:
    model = ArrayModel(lambda x: x.reshape(-1, 16).sum(1))
    ((size,),) = _shapes(reduced_inputs(model, [_ones(1 << 20)]))
    assert size % 16 == 0 and size < 1 << 20


def test_only_the_leading_dimension_when_the_same_size_is_fixed_elsewhere() -> None:
    table = _ones(1024)
    model = ArrayModel(lambda x: x + table)  # hidden in the Model: not in its state
    ((rows, columns),) = _shapes(reduced_inputs(model, [_ones(1024, 1024)]))
    assert columns == 1024 and rows < 32


def test_indices_into_a_reduced_dimension_are_refused() -> None:
    indices = np.array([[0], [900], [3]] * 3)
    model = ArrayModel(lambda x, i: np.take(x, i, axis=0, mode="clip"))
    x, i = _shapes(reduced_inputs(model, [_ones(1000, 50), indices]))
    assert x[0] == 1000 and x[1] < 50 and i[1] == 1


def test_integer_data_is_no_index() -> None:
    data = np.full((300, 300), 250)
    assert reduced_inputs(ArrayModel(np.sum), [data]) is None
    assert reduced_inputs(ArrayModel(np.sum), [data + 1000]) is not None


def test_none_when_nothing_smaller_is_accepted() -> None:
    def strict(x: np.ndarray) -> np.ndarray:
        return x.reshape(300, 300)

    model = ArrayModel(strict)
    assert reduced_inputs(model, [_ones(300, 300)]) is None
    assert 0 < model.calls < 12


@pytest.mark.parametrize(
    "shape", [(1 << 16,), (300, 400), (16, 16384), (32, 48, 64), (16, 64, 32, 32)]
)
def test_tails_are_exercised_in_every_rank(shape: tuple[int, ...]) -> None:
    (found,) = _shapes(reduced_inputs(ArrayModel(np.sum), [_ones(*shape)]))
    assert np.prod(found) <= 4096
    assert all(m <= n for m, n in zip(found, shape)) and found != shape
    assert found[-1] % 2 == 1 or found[-1] % 4 != 0
