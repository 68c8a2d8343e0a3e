"""Rounding to the next lower precision, which decides what a decoy of that name is."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.verify.audit.decoys import lower_precision


@settings(max_examples=200, deadline=None)
@given(st.floats(allow_nan=True, allow_infinity=True, width=64))
def test_float64_rounds_as_a_cast_to_float32_does(x: float) -> None:
    value = np.array([x])
    got = lower_precision(value)
    if np.isnan(x) or np.isinf(x) or x == 0:
        np.testing.assert_array_equal(got, value)
    elif 1e-37 < abs(x) < 1e38:
        np.testing.assert_array_equal(got, value.astype(np.float32).astype(np.float64))
    else:
        assert np.isfinite(got).all()


@pytest.mark.parametrize(
    ("dtype", "bits"), [(np.float32, 11), (np.float16, 8), (ml_dtypes.bfloat16, 4)]
)
def test_others_keep_that_many_bits(dtype: type, bits: int) -> None:
    value = np.random.default_rng(0).standard_normal(5000).astype(dtype)
    got = lower_precision(value)
    assert got.dtype == value.dtype
    significand, _ = np.frexp(got.astype(np.float64))
    assert (significand * 2**bits == np.round(significand * 2**bits)).all()
    error = np.abs(got.astype(np.float64) - value.astype(np.float64))
    assert (error <= 2.0**-bits * np.abs(value.astype(np.float64))).all()
    assert error.max() > 0


def test_what_is_no_float_array_stays() -> None:
    assert lower_precision(3) == 3 and lower_precision(None) is None
    whole = np.arange(4)
    assert lower_precision(whole) is whole
    largest = np.array([np.finfo(np.float32).max], np.float32)
    assert np.isfinite(lower_precision(largest)).all()
