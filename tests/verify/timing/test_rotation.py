from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from kernelwright.frameworks import FRAMEWORKS
from kernelwright.verify.timing.child.stage import TorchStage as _TorchStage
from kernelwright.verify.timing.rotation import Rotation, Step, inputs_of, same_layout

torch = pytest.importorskip("torch")

DTYPES = [np.float16, np.float32, np.float64, ml_dtypes.bfloat16, np.int32, np.uint8, np.bool_]


def sets_of(dtype: type, count: int = 4) -> list[list[object]]:
    rng = np.random.default_rng(0)
    return [
        [
            (rng.standard_normal((33, 70)) * 50).astype(dtype),
            np.sort(rng.integers(0, 2, 300)).astype(dtype),
            3,
            None,
            np.array(2.5).astype(dtype),
        ]
        for _ in range(count)
    ]


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: np.dtype(d).name)
def test_worker_and_parent_make_the_same_bits(dtype: type) -> None:
    sets = sets_of(dtype)
    stage = _TorchStage(FRAMEWORKS.get("torch"), "cpu", sets)
    rotation = Rotation(len(sets), seed=1)
    for _ in range(20):
        step = rotation.draw()
        native = stage.refresh(step)
        stage.patch(step)
        for mine, theirs in zip(inputs_of(sets, step), native):
            if isinstance(mine, np.ndarray):
                theirs = FRAMEWORKS.get("torch").to_numpy(theirs)
                assert mine.dtype == theirs.dtype
                assert mine.tobytes() == np.ascontiguousarray(theirs).tobytes()
            else:
                assert mine is theirs


def test_a_candidate_that_writes_to_its_inputs_spoils_nothing() -> None:
    for dtype in (np.float32, np.int32):
        sets = sets_of(dtype)
        stage = _TorchStage(FRAMEWORKS.get("torch"), "cpu", sets)
        step = Step(1, 200, 2, 17)
        for value in stage.refresh(step):
            if isinstance(value, torch.Tensor):
                value.zero_()
        native = stage.refresh(step)
        stage.patch(step)
        assert np.array_equal(native[0].numpy(), inputs_of(sets, step)[0])


def test_contents_never_repeat_and_base_sets_stay() -> None:
    sets = sets_of(np.float32, 2)
    copies = [np.array(s[0]) for s in sets]
    rotation, seen = Rotation(2, seed=3), set()
    for _ in range(100):
        seen.add(inputs_of(sets, rotation.draw())[0].tobytes())
    assert len(seen) == 100
    assert all(np.array_equal(a, s[0]) for a, s in zip(copies, sets))


def test_ranges_signs_order_and_zeros_are_kept() -> None:
    rng = np.random.default_rng(4)
    sets = [
        [
            rng.random(1000, dtype=np.float32),
            np.tril(rng.standard_normal((50, 50))),
            np.sort(rng.standard_normal(500)),
            rng.integers(0, 10, 1000),
            np.cumsum(rng.integers(0, 5, 1000)),
        ]
        for _ in range(3)
    ]
    rotation = Rotation(3, seed=5)
    for _ in range(50):
        uniform, triangle, ordered, index, offsets = inputs_of(sets, rotation.draw())
        assert uniform.min() >= 0 and uniform.max() < 1
        assert not np.triu(triangle, 1).any()
        assert (np.diff(ordered) >= 0).all()
        assert index.min() >= 0 and index.max() < 10
        assert (np.diff(offsets) >= 0).all()


def test_no_two_calls_differ_by_a_factor() -> None:
    """Otherwise an answer could be made of an earlier one: relu(k x) is k relu(x)."""
    sets = sets_of(np.float32, 1)
    one, other = (inputs_of(sets, Step(0, 200, 0, 0, offset))[0] for offset in (5, 6))
    ratios = one[sets[0][0] != 0] / other[sets[0][0] != 0]
    assert len(np.unique(ratios.round(3))) > 100
    uniform = inputs_of(sets, Rotation(1, 1, mixed=False).draw())[0]
    assert len(np.unique((uniform / sets[0][0]).round(3))) == 2  # the factor, and the window's


def test_large_tensors_begin_the_table_of_factors_again() -> None:
    big = np.random.default_rng(0).standard_normal((1 << 20) + 777, dtype=np.float32)
    stage = _TorchStage(FRAMEWORKS.get("torch"), "cpu", [[big]])
    step = Rotation(1, seed=2).draw()
    (native,) = stage.refresh(step)
    stage.patch(step)
    assert inputs_of([[big]], step)[0].tobytes() == native.numpy().tobytes()


def test_one_set_is_enough() -> None:
    sets = sets_of(np.float32, 1)
    rotation = Rotation(1, seed=6)
    assert len({inputs_of(sets, rotation.draw())[0].tobytes() for _ in range(20)}) > 10


def test_order_is_unpredictable_without_the_seed() -> None:
    one, other, same = Rotation(4, 1), Rotation(4, 2), Rotation(4, 1)
    steps = [one.draw() for _ in range(10)]
    assert steps == [same.draw() for _ in range(10)]
    assert steps != [other.draw() for _ in range(10)]


def test_same_layout() -> None:
    a = [np.zeros(3, np.float32), 1, None]
    assert same_layout(a, [np.ones(3, np.float32), 2, None])
    assert not same_layout(a, [np.ones(4, np.float32), 2, None])
    assert not same_layout(a, [np.ones(3, np.float64), 2, None])
    assert not same_layout(a, [np.ones(3, np.float32), 2.0, None])
    assert not same_layout(a, a[:2])


def test_other_orders_of_axes_get_the_same_values() -> None:
    rng = np.random.default_rng(1)
    sets = [[rng.standard_normal((6, 50, 40)).transpose(2, 0, 1)] for _ in range(3)]
    stage, rotation = _TorchStage(FRAMEWORKS.get("torch"), "cpu", sets), Rotation(3, seed=2)
    for _ in range(5):
        step = rotation.draw()
        (native,) = stage.refresh(step)
        stage.patch(step)
        assert np.array_equal(native.numpy(), inputs_of(sets, step)[0])
        assert native.stride() == (1, 2000, 40)  # the kernel sees them as the Model does
