"""What the judge's own laws feed: values, weights, sizes."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from kernelwright.frameworks._base import StateEntry
from kernelwright.verify.inputs import laws, weights
from kernelwright.verify.inputs.sizes import border_sets

SHAPES = [(), (1,), (7,), (5, 1), (64, 33), (3, 4, 5), (0, 4), (1, 4096)]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16])
@pytest.mark.parametrize("law", laws.LAWS)
def test_a_law_fills_floats_and_leaves_the_rest(law: str, dtype: type) -> None:
    inputs = [np.full(shape, 0.5, dtype) for shape in SHAPES]
    inputs += [np.arange(5), np.ones(3, bool), 2.5, None]
    found = laws.apply_law(law, inputs, 7)
    again, other = laws.apply_law(law, inputs, 7), laws.apply_law(law, inputs, 8)
    for old, new in zip(inputs[: len(SHAPES)], found):
        assert (new.shape, new.dtype) == (old.shape, old.dtype)
    for old, new in zip(inputs[len(SHAPES) :], found[len(SHAPES) :]):
        assert new is old
    big = SHAPES.index((64, 33))
    assert found[big].tobytes() == again[big].tobytes()
    assert law == "zeros" or found[big].tobytes() != other[big].tobytes()
    finite = np.isfinite(found[big].astype(np.float64))
    assert finite.all() == (law != laws.SPECIAL)


def test_special_values_leave_plain_rows_and_columns() -> None:
    (x,) = laws.apply_law(laws.SPECIAL, [np.zeros((64, 40), np.float32)], 3)
    finite = np.isfinite(x)
    assert finite.all(axis=1).sum() >= 48 and finite.all(axis=0).sum() >= 30
    assert np.isnan(x).any() and np.isposinf(x).any() and np.isneginf(x).any()
    assert (np.signbit(x) & (x == 0)).any(), "minus zero"
    assert ((x != 0) & (np.abs(x) < np.finfo(np.float32).tiny)).any(), "a subnormal number"
    (row,) = laws.apply_law(laws.SPECIAL, [np.zeros(64, np.float32)], 3)
    assert 0 < np.isfinite(row).sum() < 64


def test_heavy_tails_are_heavy() -> None:
    (x,) = laws.apply_law("heavy_tailed", [np.zeros(100_000, np.float32)], 1)
    assert np.abs(x).max() > 50 * np.median(np.abs(x)) and np.isfinite(x).all()


def test_small_integers_are_whole_and_both_signs() -> None:
    (x,) = laws.apply_law("small_integers", [np.zeros(1000, np.float16)], 1)
    assert set(np.unique(x)) == set(range(-3, 4))


STATE = [
    StateEntry("norm.weight", np.ones(64, np.float32), "parameter"),
    StateEntry("norm.bias", np.zeros(64, np.float32), "parameter"),
    StateEntry("norm.running_mean", np.zeros(64, np.float32), "buffer"),
    StateEntry("norm.running_var", np.ones(64, np.float32), "buffer"),
    StateEntry("norm.num_batches_tracked", np.array(0), "buffer"),
    StateEntry("linear.weight", np.arange(640, dtype=np.float32).reshape(64, 10), "parameter"),
    StateEntry("tied.weight", np.arange(640, dtype=np.float32).reshape(64, 10), "parameter"),
    StateEntry("mask", np.tril(np.ones((8, 8), np.float32)), "buffer"),
]


def test_random_weights_change_what_hides_in_ones_and_zeros() -> None:
    found = weights.other_state(weights.RANDOM, STATE, 5)
    assert found is not None
    new = {entry.name: entry.array for entry in found}
    assert [(e.name, e.kind, e.array.dtype, e.array.shape) for e in found] == [
        (e.name, e.kind, e.array.dtype, e.array.shape) for e in STATE
    ]
    scale, shift = new["norm.weight"], new["norm.bias"]
    assert 0.4 < scale.min() < scale.max() < 1.6 and len(np.unique(scale)) > 32
    assert shift.min() < 0 < shift.max() and new["norm.running_var"].min() > 0.4
    assert len(np.unique(new["norm.running_mean"])) > 32
    weight = new["linear.weight"]
    assert sorted(weight.ravel()) == list(range(640)) and (weight != STATE[5].array).any()
    assert (weight == new["tied.weight"]).all(), "what is tied stays tied"
    for name in ("mask", "norm.num_batches_tracked"):
        assert (new[name] == next(e.array for e in STATE if e.name == name)).all()


def test_integer_weights_are_whole_and_never_zero() -> None:
    found = weights.other_state(weights.INTEGERS, STATE, 5)
    assert found is not None
    for entry in found:
        if entry.kind == "parameter":
            assert set(np.unique(entry.array)) <= {-3, -2, -1, 1, 2, 3}
    assert (found[3].array == 1).all(), "a variance stays positive"


def test_arrays_of_a_framework_without_parameters_are_weights_unless_they_look_like_masks() -> None:
    state = [
        StateEntry("weight", np.linspace(0, 1, 30, dtype=np.float32), "buffer"),
        StateEntry("mask", np.eye(4, dtype=np.float32), "buffer"),
        StateEntry("table", np.array([0, -np.inf], np.float32), "buffer"),
        StateEntry("index", np.arange(4), "buffer"),
    ]
    found = weights.other_state(weights.RANDOM, state, 1)
    assert found is not None
    assert (found[0].array != state[0].array).any()
    assert all(a.array is b.array for a, b in zip(found[1:], state[1:]))
    assert weights.other_state(weights.RANDOM, state[1:], 1) is None
    assert weights.other_state(weights.RANDOM, [], 1) is None


def test_border_sizes_lie_one_off_powers_of_two_within_what_is_declared() -> None:
    def made(rows: int, columns: int) -> list[object]:
        ids = np.arange(rows) % 7
        return [np.zeros((rows, columns), np.float16), ids, np.zeros(columns), 3]

    sets = [made(16, 100), made(1024, 300), made(70, 300)]
    below, above = border_sets(sets, 1)
    for found, off in ((below, -1), (above, 1)):
        x, ids, other, number = found
        rows, columns = x.shape
        assert ids.shape == (rows,) and other.shape == (columns,) and number == 3
        assert x.dtype == np.float16 and ids.dtype == np.int64 and set(ids) <= set(range(7))
        for size, most in ((rows, 1024), (columns, 300)):
            power = size - off
            assert power & (power - 1) == 0 and size <= most
    assert below[0].shape == (1023, 255) and above[0].shape == (513, 257)


def test_nothing_is_free_where_nothing_differs() -> None:
    same = [[np.zeros((4, 5))], [np.ones((4, 5))]]
    assert border_sets(same, 1) == [] and border_sets([[np.zeros(3)]], 1) == []
    ranks = [[np.zeros((4, 5))], [np.zeros(4)]]
    assert border_sets(ranks, 1) == []
