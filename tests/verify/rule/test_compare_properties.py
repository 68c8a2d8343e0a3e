"""The error rule as laws over dtypes, shapes and errors: what always passes, what never does, and
under which changes of the arrays a verdict must stay what it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kernelwright.schema import Status
from kernelwright.verify.audit.decoys import lower_precision
from kernelwright.verify.rule.compare import (
    ELEMENT_FACTOR,
    ELEMENT_QUANTILE,
    ELEMENT_ROUNDING,
    ELEMENT_ROUNDING_DEFAULT,
    judge_outputs,
    unit_roundoff,
)
from kernelwright.verify.rule.verdict import Outputs, Verdict

REALS = [np.dtype(d) for d in (np.float16, ml_dtypes.bfloat16, np.float32, np.float64)]
COMPLEX = [np.dtype(np.complex64), np.dtype(np.complex128)]
TINY_FLOATS = [np.dtype(ml_dtypes.float8_e4m3fn), np.dtype(ml_dtypes.float8_e5m2)]
EXACT = [np.dtype(d) for d in ("i1", "i2", "i4", "i8", "u1", "?")]
SHAPES = [(), (1,), (7,), (0,), (0, 3), (3, 0, 2), (40, 50), (3, 1, 4), (2, 3, 4, 5), (1001,)]
FILLED = [shape for shape in SHAPES if 0 not in shape]
SETTINGS = settings(max_examples=80, deadline=None)

seeds = st.integers(0, 2**32)
shapes = st.sampled_from(SHAPES)
filled = st.sampled_from(FILLED)


def judge(t: np.ndarray, r: np.ndarray, c: np.ndarray) -> Verdict:
    return judge_outputs([t], Outputs([r], "tensor"), Outputs([c], "tensor"))


def rounded(t: np.ndarray, dtype: np.dtype) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.asarray(t.astype(dtype))


def wide(a: np.ndarray) -> np.ndarray:
    return a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)


def normal(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> Any:
    """Standard normal values, as an array also when 0-d; complex for a complex dtype."""
    x = np.asarray(rng.standard_normal(shape))
    return x + 1j * np.asarray(rng.standard_normal(shape)) if dtype.kind == "c" else x


@dataclass(frozen=True)
class Sound:
    """A truth and a reference that errs by some roundings, no element of either near zero."""

    t: np.ndarray
    r: np.ndarray
    rng: np.random.Generator

    def limits(self) -> np.ndarray:
        """The rule's limit for each element, written down a second time."""
        t, own = np.abs(self.t), np.sort(np.abs(wide(self.r) - self.t).reshape(-1))
        q = own[min(own.size - 1, int(np.ceil(ELEMENT_QUANTILE * own.size)) - 1)]
        floor = ELEMENT_ROUNDING.get(self.r.dtype.name, ELEMENT_ROUNDING_DEFAULT)
        floor = floor * unit_roundoff(self.r.dtype) * np.maximum(t, np.sqrt(np.mean(t * t)))
        return np.maximum(np.maximum(ELEMENT_FACTOR * q, floor), np.abs(wide(self.r) - self.t))


@st.composite
def sound(draw: Any, dtypes: list[np.dtype], shape: Any = filled) -> Sound:
    dtype, size, seed = draw(st.sampled_from(dtypes)), draw(shape), draw(seeds)
    roundings = draw(st.sampled_from([0.0, 1.0, 6.0]))
    rng = np.random.default_rng(seed)
    sign = np.where(rng.random(size) < 0.5, -1.0, 1.0)
    t = np.asarray(sign * (0.25 + np.abs(normal(rng, size, dtype))))
    noise = normal(rng, size, dtype) * roundings * unit_roundoff(dtype)
    return Sound(t, rounded(t * (1 + noise), dtype), rng)


@st.composite
def broken(draw: Any, dtypes: list[np.dtype]) -> tuple[np.ndarray, np.ndarray]:
    """Any truth and any reference: far apart, NaN and infinities anywhere, over- and underflow."""
    dtype, size = draw(st.sampled_from(dtypes)), draw(shapes)
    rng = np.random.default_rng(draw(seeds))
    scale = draw(st.sampled_from([1e-300, 1e-42, 1e-6, 1.0, 1e5, 1e200]))
    t = np.asarray(normal(rng, size, dtype) * scale)
    r = rounded(
        t * (1 + draw(st.sampled_from([0.0, 1e-3, 10.0])) * normal(rng, size, dtype)), dtype
    )
    if draw(st.booleans()):
        for array in (t, r):
            for value in (np.nan, np.inf, -np.inf, 0.0):
                with np.errstate(all="ignore"):
                    array[rng.random(size) < 0.1] = value
    return t, r


@SETTINGS
@given(broken(REALS + COMPLEX + TINY_FLOATS))
def test_the_reference_itself_always_passes(arrays: tuple[np.ndarray, np.ndarray]) -> None:
    t, r = arrays
    assert judge(t, r, r.copy()).passed


@SETTINGS
@given(broken(REALS + COMPLEX + TINY_FLOATS))
def test_the_rounded_truth_always_passes(arrays: tuple[np.ndarray, np.ndarray]) -> None:
    t, r = arrays
    assert judge(t, r, rounded(t, r.dtype)).passed


@SETTINGS
@given(broken(REALS + COMPLEX), st.floats(0, 1))
def test_nearer_to_the_truth_everywhere_always_passes(
    arrays: tuple[np.ndarray, np.ndarray], share: float
) -> None:
    t, r = arrays
    with np.errstate(all="ignore"):
        c = rounded(t + share * (wide(r) - t), r.dtype)
        nearer = (np.abs(wide(c) - t) <= np.abs(wide(r) - t)) & np.isfinite(wide(c))
    c = np.where(nearer, c, r).astype(r.dtype).reshape(r.shape)
    assert judge(t, r, c).passed


@SETTINGS
@given(seeds, st.sampled_from(EXACT), shapes)
def test_integers_pass_when_equal_and_are_refused_when_one_is_off(
    seed: int, dtype: np.dtype, shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(seed)
    low, high = (0, 2) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    r = np.asarray(rng.integers(low, high, shape, endpoint=dtype.kind != "b").astype(dtype))
    assert judge(r, r, r.copy()).passed
    if not r.size:
        return
    where = int(rng.integers(r.size))
    c = r.copy()
    flat = c.reshape(-1)
    flat[where] = ~flat[where] if dtype.kind == "b" else flat[where] ^ dtype.type(1)  # off by one
    verdict = judge(r, r, c)
    assert (verdict.status, verdict.check) == (Status.WRONG_VALUE, "exact")
    assert verdict.statistics is not None
    assert verdict.statistics.worst_index == (np.unravel_index(where, shape) if shape else ())
    assert f"1 of {r.size}" in verdict.reason
    assert f"is {flat[where].item()}, not {r.reshape(-1)[where].item()}" in verdict.reason


@SETTINGS
@given(seeds, st.sampled_from(EXACT), filled)
def test_integers_may_be_those_of_the_truth(
    seed: int, dtype: np.dtype, shape: tuple[int, ...]
) -> None:
    """A reference that rounds on the way to an integer may be off; the truth is never refused."""
    rng = np.random.default_rng(seed)
    t = np.asarray(rng.integers(0, 2, shape).astype(dtype))
    r = np.asarray(rng.integers(0, 2, shape).astype(dtype))
    assert judge(t, r, t.copy()).passed
    assert judge(t, r, np.where(rng.random(shape) < 0.5, t, r)).passed
    if dtype.kind != "b":
        c = r.copy()
        c.reshape(-1)[rng.integers(r.size)] = 2
        assert not judge(t, r, c).passed


@SETTINGS
@given(sound(REALS + COMPLEX), st.integers(-9, 9), st.sampled_from([0.1, 0.6, 1.2, 3.0, 50.0]))
def test_scaling_by_a_power_of_two_changes_nothing(
    case: Sound, power: int, strength: float
) -> None:
    t, r = case.t, case.r
    c = rounded(t + strength * case.limits() * normal(case.rng, t.shape, r.dtype), r.dtype)
    scale = 2.0**power
    scaled = [np.asarray(a * np.asarray(scale, a.real.dtype)).astype(a.dtype) for a in (t, r, c)]
    # float16 has no room below 2^-14: elements that lose bits are no scaled ones
    assume(all((wide(s) == wide(a) * scale).all() for a, s in zip((t, r, c), scaled)))
    assume(np.abs(wide(c)).min() * scale > float(ml_dtypes.finfo(r.real.dtype).smallest_normal))
    one, other = judge(t, r, c), judge(*scaled)
    assert (one.status, one.check) == (other.status, other.check)
    assert one.statistics is not None and other.statistics is not None
    assert one.statistics.worst_index == other.statistics.worst_index


@SETTINGS
@given(sound(REALS + COMPLEX), st.sampled_from([0.1, 0.6, 1.2, 3.0, 50.0]))
def test_the_order_and_the_shape_of_elements_change_nothing(case: Sound, strength: float) -> None:
    t, r = case.t, case.r
    c = rounded(t + strength * case.limits() * normal(case.rng, t.shape, r.dtype), r.dtype)
    order = case.rng.permutation(t.size)
    mixed = judge(*(a.reshape(-1)[order] for a in (t, r, c)))
    strided = judge(t, r, np.repeat(c[..., None], 2, axis=-1)[..., 0])
    one = judge(t, r, c)
    assert (one.status, one.check) == (mixed.status, mixed.check)
    assert (one.status, one.check, one.reason) == (strided.status, strided.check, strided.reason)


@SETTINGS
@given(sound(REALS + COMPLEX), st.sampled_from(["nan", "inf", "-inf", "over", "under", "far"]))
def test_one_bad_element_is_refused_and_named(case: Sound, kind: str) -> None:
    t, r = case.t, case.r
    where = int(case.rng.integers(t.size))
    limit = case.limits().reshape(-1)[where]
    assume(limit < 0.05 * np.abs(t).min())
    truth = t.reshape(-1)[where]
    step = {"over": 1.5 * limit, "under": -1.5 * limit, "far": 1e3 * np.abs(t).max()}
    value = truth + step[kind] if kind in step else truth.dtype.type(float(kind))
    c = rounded(t, r.dtype)
    c.reshape(-1)[where] = rounded(np.asarray(value), r.dtype)
    got = wide(c).reshape(-1)[where]
    assume(not np.abs(got - truth) <= limit)
    verdict = judge(t, r, c)
    finite = bool(np.isfinite(got))
    assert verdict.status is Status.WRONG_VALUE
    assert verdict.check == ("element_error" if finite else "not_finite")
    assert verdict.statistics is not None
    index = tuple(int(i) for i in np.unravel_index(where, t.shape)) if t.shape else ()
    assert verdict.statistics.worst_index == index
    assert f"output 0 at [{', '.join(map(str, index))}] is " in verdict.reason


@SETTINGS
@given(sound(REALS + COMPLEX), st.floats(-3, 8), st.floats(0, 20))
def test_a_larger_error_is_never_better(case: Sound, power: float, more: float) -> None:
    t, r = case.t, case.r
    where = int(case.rng.integers(t.size))
    step = 2.0**power * case.limits().reshape(-1)[where]
    verdicts = []
    for factor in (1.0, 1.0 + more):
        c = rounded(t, r.dtype)
        value = np.asarray(t.reshape(-1)[where] + step * factor)
        c.reshape(-1)[where] = rounded(value, r.dtype)
        verdicts.append(judge(t, r, c))
    assert verdicts[0].passed or not verdicts[1].passed
    assert not (verdicts[0].passed and power > 1)


@SETTINGS
@given(
    sound(REALS[2:], st.sampled_from([(20,), (8, 8), (1001,), (2, 3, 4, 5), (100, 90)])),
)
def test_the_next_lower_precision_is_refused(case: Sound) -> None:
    t, r = case.t, case.r
    for c in (lower_precision(r), lower_precision(rounded(t, r.dtype))):
        verdict = judge(t, r, c)
        assert verdict.status is Status.WRONG_VALUE
        assert verdict.check in ("element_error", "norm_error")


@SETTINGS
@given(seeds, st.sampled_from(REALS + COMPLEX + EXACT), shapes)
def test_another_shape_dtype_or_container_is_refused(
    seed: int, dtype: np.dtype, shape: tuple[int, ...]
) -> None:
    r = rounded(np.asarray(np.random.default_rng(seed).integers(0, 2, shape)), dtype)
    t = r if dtype in EXACT else wide(r)
    for other in (r[None], r[..., None], np.stack([r, r])):
        verdict = judge(t, r, other)
        assert (verdict.status, verdict.check) == (Status.WRONG_SHAPE, "shape")
        assert str(list(other.shape)) in verdict.reason and str(list(r.shape)) in verdict.reason
    for kind in REALS + COMPLEX + EXACT:
        if kind != dtype:
            verdict = judge(t, r, np.zeros(shape, kind))
            assert (verdict.status, verdict.check) == (Status.WRONG_DTYPE, "dtype")
            assert kind.name in verdict.reason and dtype.name in verdict.reason
    for arrays, structure in (([r], "tuple"), ([r], "list"), ([], "tuple"), ([r, r], "tuple")):
        verdict = judge_outputs([t], Outputs([r], "tensor"), Outputs(arrays, structure))
        assert (verdict.status, verdict.check) == (Status.WRONG_STRUCTURE, "structure")


@SETTINGS
@given(sound(REALS), sound(REALS), st.integers(0, 1))
def test_every_output_is_judged_and_named(first: Sound, second: Sound, which: int) -> None:
    truths = [first.t, second.t]
    reference = Outputs([first.r, second.r], "tuple")
    arrays = [rounded(case.t, case.r.dtype) for case in (first, second)]
    assert judge_outputs(truths, reference, Outputs(arrays, "tuple")).passed
    arrays[which] = np.asarray(-arrays[which]).astype(arrays[which].dtype)
    verdict = judge_outputs(truths, reference, Outputs(arrays, "tuple"))
    assert verdict.status is Status.WRONG_VALUE and f"output {which}" in verdict.reason
    assert verdict.statistics is not None and verdict.statistics.worst_output == which
