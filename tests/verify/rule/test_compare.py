"""The error rule as properties: what it must refuse, and what it must never refuse."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.schema import Status
from kernelwright.verify.audit.decoys import lower_precision
from kernelwright.verify.rule.compare import (
    BLOCK,
    NORM_FACTOR,
    Outputs,
    Verdict,
    judge_outputs,
    unit_roundoff,
)

FLOATS = [np.dtype(d) for d in (np.float16, ml_dtypes.bfloat16, np.float32, np.float64)]


def judge(t: np.ndarray, r: np.ndarray, c: np.ndarray) -> Verdict:
    return judge_outputs([t], Outputs([r], "tensor"), Outputs([c], "tensor"))


def truth_and_rounded(seed: int, shape: tuple[int, ...], dtype: np.dtype) -> tuple:
    t = np.random.default_rng(seed).standard_normal(shape)
    return t, t.astype(dtype)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    dtype=st.sampled_from(FLOATS),
    shape=st.sampled_from([(), (1,), (7,), (0, 3), (40, 50), (3, 1, 4)]),
    scale=st.sampled_from([1e-300, 1e-30, 1e-3, 1.0, 1e4]),
    worse=st.floats(0, 1),
)
def test_nearer_than_the_reference_in_every_element_always_passes(
    seed: int, dtype: np.dtype, shape: tuple[int, ...], scale: float, worse: float
) -> None:
    rng = np.random.default_rng(seed)
    t = rng.standard_normal(shape) * scale
    with np.errstate(all="ignore"):
        r = (t * (1 + 0.1 * rng.standard_normal(shape))).astype(dtype)
        c = (t + worse * (r.astype(np.float64) - t)).astype(dtype)
        nearer = np.abs(c.astype(np.float64) - t) <= np.abs(r.astype(np.float64) - t)
    c = np.where(nearer, c, r).reshape(shape)
    assert judge(t, r, c).passed


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_the_reference_itself_and_the_rounded_truth_pass(dtype: np.dtype) -> None:
    t, rounded = truth_and_rounded(0, (300, 40), dtype)
    noisy = (t * (1 + 3 * unit_roundoff(dtype))).astype(dtype)
    assert judge(t, noisy, noisy).passed
    assert judge(t, noisy, rounded).passed


@pytest.mark.parametrize("dtype", FLOATS[2:], ids=str)
def test_next_lower_precision_is_refused(dtype: np.dtype) -> None:
    for shape in [(5,), (100, 100)]:
        t, r = truth_and_rounded(1, shape, dtype)
        verdict = judge(t, r, lower_precision(r))
        assert verdict.status is Status.WRONG_VALUE


def _garbage(r: np.ndarray, share: float) -> np.ndarray:
    c = r.copy()
    count = max(1, round(share * c.size))
    where = np.random.default_rng(5).choice(c.size, count, replace=False)
    c.reshape(-1)[where] = np.random.default_rng(6).standard_normal(count).astype(c.dtype)
    return c


WRONG = {
    "all NaN": (lambda r: np.full_like(r, np.nan), Status.WRONG_VALUE, "not_finite"),
    "one NaN": (lambda r: _with(r, (3, 4), np.nan), Status.WRONG_VALUE, "not_finite"),
    "one infinity": (lambda r: _with(r, (3, 4), np.inf), Status.WRONG_VALUE, "not_finite"),
    "0.3 % garbage": (lambda r: _garbage(r, 0.003), Status.WRONG_VALUE, "element_error"),
    "one bad element": (lambda r: _garbage(r, 0), Status.WRONG_VALUE, "element_error"),
    "zeros": (np.zeros_like, Status.WRONG_VALUE, "element_error"),
    "half missing": (
        lambda r: np.where(np.arange(len(r))[:, None] < len(r) // 2, r, 0).astype(r.dtype),
        Status.WRONG_VALUE,
        "element_error",
    ),
    "shifted row": (lambda r: np.roll(r, 1, axis=0), Status.WRONG_VALUE, "element_error"),
    "extra axis": (lambda r: r[..., None], Status.WRONG_SHAPE, "shape"),
    "flat": (lambda r: r.reshape(-1), Status.WRONG_SHAPE, "shape"),
    "float64": (lambda r: r.astype(np.complex128), Status.WRONG_DTYPE, "dtype"),
}


def _with(r: np.ndarray, where: tuple[int, ...], value: float) -> np.ndarray:
    c = r.copy()
    c[where] = value
    return c


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("name", WRONG)
def test_wrong_outputs_are_refused_by_name(name: str, dtype: np.dtype) -> None:
    change, status, check = WRONG[name]
    t, r = truth_and_rounded(2, (64, 64), dtype)
    verdict = judge(t, r, change(r))
    assert (verdict.status, verdict.check) == (status, check)
    assert "output 0" in verdict.reason


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_off_by_a_third_of_a_percent(dtype: type) -> None:
    t, r = truth_and_rounded(3, (64, 64), np.dtype(dtype))
    verdict = judge(t, r, (t * 1.0035).astype(dtype))
    assert verdict.status is Status.WRONG_VALUE
    assert verdict.check in ("norm_error", "element_error")


def test_the_worst_element_is_named_with_its_values() -> None:
    t, r = truth_and_rounded(4, (10, 20), np.dtype(np.float32))
    verdict = judge(t, r, _with(r, (7, 13), 5.0))
    assert verdict.statistics is not None
    assert verdict.statistics.worst_index == (7, 13)
    assert verdict.statistics.worst_value == 5.0
    assert verdict.statistics.worst_truth == t[7, 13]
    assert "[7, 13] is 5" in verdict.reason and "1 of 200" in verdict.reason


def test_outputs_of_many_blocks_are_judged_in_every_block() -> None:
    t, r = truth_and_rounded(8, (3 * BLOCK + 17,), np.dtype(np.float32))
    assert judge(t, r, t.astype(np.float32)).passed
    for where in (0, BLOCK - 1, BLOCK, 3 * BLOCK + 16):
        for value, check in ((9.0, "element_error"), (np.nan, "not_finite")):
            verdict = judge(t, r, _with(r, (where,), value))
            assert verdict.check == check and verdict.statistics is not None
            assert verdict.statistics.worst_index == (where,)
    off = judge(t, r, (t * (1 + 1e-4)).astype(np.float32)).statistics
    assert off is not None and abs(off.candidate - 1e-4) < 1e-6


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.bool_, np.uint8])
def test_integers_and_booleans_are_exact(dtype: type) -> None:
    r = np.random.default_rng(0).integers(0, 2, (30, 3)).astype(dtype)
    assert judge(r, r, r.copy()).passed
    c = r.copy()
    c[2, 1] = not c[2, 1] if dtype is np.bool_ else c[2, 1] + 1
    verdict = judge(r, r, c)
    assert (verdict.status, verdict.check) == (Status.WRONG_VALUE, "exact")
    assert verdict.statistics is not None and verdict.statistics.worst_index == (2, 1)


def test_structure() -> None:
    a = np.zeros(3, np.float32)
    wide = a.astype(np.float64)
    one, two = Outputs([a], "tensor"), Outputs([a, a], "tuple")
    assert judge_outputs([wide], one, Outputs([a], "tuple")).check == "structure"
    assert judge_outputs([wide, wide], two, one).status is Status.WRONG_STRUCTURE
    assert judge_outputs([wide, wide], two, Outputs([a, a], "list")).check == "structure"
    assert judge_outputs([wide, wide], two, two).passed
    second = judge_outputs([wide, wide], two, Outputs([a, a + 1], "tuple"))
    assert second.statistics is not None and second.statistics.worst_output == 1


def test_not_finite_where_the_reference_or_the_rounded_truth_is() -> None:
    f16 = np.float16
    t = np.array([1.0, 1e6, np.nan, -np.inf, 2.0])
    with np.errstate(over="ignore"):
        r = t.astype(f16)
    assert np.isinf(r[1])
    assert judge(t, r, r.copy()).passed
    # the reference overflowed on the way although the truth is finite: both answers are right
    t = np.array([1.0, 30000.0])
    r = np.array([1.0, np.inf], f16)
    assert judge(t, r, r.copy()).passed
    assert judge(t, r, t.astype(f16)).passed
    assert not judge(t, r, np.array([1.0, 20000.0], f16)).passed
    assert judge(t, r, np.array([1.0, -np.inf], f16)).check == "not_finite"
    assert judge(t, r, np.array([np.nan, 3e4], f16)).check == "not_finite"


def test_one_bad_element_of_the_reference_does_not_widen_the_others() -> None:
    t, r = truth_and_rounded(5, (100, 100), np.dtype(np.float32))
    r[0, 0] += 1
    c = t.astype(np.float32)
    c[50, 50] += 1e-4
    assert judge(t, r, c).check == "element_error"


def test_a_candidate_may_err_twice_as_much_in_the_norm_and_no_more() -> None:
    rng = np.random.default_rng(6)
    t = rng.standard_normal((200, 200))
    noise = 1e-3 * rng.standard_normal(t.shape)
    r = (t + noise).astype(np.float32)
    assert judge(t, r, (t - 0.99 * NORM_FACTOR * noise).astype(np.float32)).passed
    assert judge(t, r, (t - 1.01 * NORM_FACTOR * noise).astype(np.float32)).check == "norm_error"


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_complex_errors_are_those_of_both_parts(dtype: type) -> None:
    """The squares of complex numbers cancel; the norm is over their magnitudes."""
    rng = np.random.default_rng(8)
    t, noise = (rng.standard_normal((50, 60)) + 1j * rng.standard_normal((50, 60)) for _ in "tn")
    r = (t + 1e-3 * noise).astype(dtype)
    assert judge(t, r, (t + 0.99e-3 * NORM_FACTOR * noise).astype(dtype)).passed
    verdict = judge(t, r, (t - 1.01e-3 * NORM_FACTOR * noise).astype(dtype))
    assert verdict.check == "norm_error" and verdict.statistics is not None
    assert verdict.statistics.reference == pytest.approx(
        1e-3 * np.linalg.norm(noise) / np.linalg.norm(t), rel=1e-3
    )
    for bad in (complex(1, np.nan), complex(np.inf, 1), complex(0, -np.inf)):
        c = r.copy()
        c[4, 5] = bad
        assert judge(t, r, c).check == "not_finite"


def test_one_element_may_be_as_wrong_as_the_references() -> None:
    t, r = truth_and_rounded(9, (100, 100), np.dtype(np.float32))
    r[0, 0] += 1
    assert judge(t, r, r.copy()).passed
    c = r.copy()
    c[0, 0] += 0.1
    assert judge(t, r, c).check == "element_error"


def test_honest_sums_pass_in_any_order() -> None:
    """Pairwise, reversed, blocked, float64-accumulated and lane-wise float32 sums of rows."""
    x = np.random.default_rng(7).standard_normal((64, 4096)).astype(np.float32)
    for array in (x, np.abs(x), x + 10):
        t = array.astype(np.float64).sum(axis=1)
        r = array.sum(axis=1)
        lanes = array.reshape(64, 256, 16)
        running = np.zeros((64, 16), np.float32)
        for block in range(256):
            running += lanes[:, block]
        for honest in (
            array.astype(np.float64).sum(axis=1).astype(np.float32),
            array[:, ::-1].sum(axis=1),
            running.sum(axis=1, dtype=np.float32),
            array.reshape(64, 64, 64).sum(axis=1).sum(axis=1),
        ):
            assert judge(t, r, honest).passed
        halves = array.astype(ml_dtypes.bfloat16).astype(np.float32).sum(axis=1)
        assert not judge(t, r, halves).passed


def test_subnormal_and_zero_truths() -> None:
    t = np.array([0.0, 1e-42, 3e-40])
    r = t.astype(np.float32)
    assert judge(t, r, r.copy()).passed
    assert judge(np.zeros(4), np.zeros(4, np.float32), np.zeros(4, np.float32)).passed
    assert not judge(np.zeros(4), np.zeros(4, np.float32), np.full(4, 1e-20, np.float32)).passed
