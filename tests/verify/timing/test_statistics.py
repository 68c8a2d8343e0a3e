from __future__ import annotations

import numpy as np
import pytest

from kernelwright.verify.timing.statistics import claim, median, median_interval, ratio_interval


def noisy_rounds(
    rng: np.random.Generator, rounds: int, times: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Two subjects on a busy machine: shared drift, own noise, and lost scheduler slices."""
    drift = 1 + 0.05 * np.sin(np.arange(rounds) / 7 + rng.uniform(0, 6))
    own = rng.lognormal(0, 0.03, size=(2, rounds))
    spikes = np.where(rng.random((2, rounds)) < 0.05, rng.choice([4000.0, 8000.0]), 0.0)
    a, b = (time * drift * own[i] + spikes[i] for i, time in enumerate(times))
    return a, b


@pytest.mark.parametrize("rounds", [15, 40])
def test_same_kernel_against_itself_claims_seldom(rounds: int) -> None:
    rng = np.random.default_rng(1)
    trials = 300
    claims = sum(
        claim(ratio_interval(*noisy_rounds(rng, rounds, (300.0, 300.0)), resamples=500).low)
        for _ in range(trials)
    )
    assert claims <= 0.05 * trials


def test_gain_of_five_percent_is_claimed() -> None:
    rng = np.random.default_rng(2)
    trials = 100
    claims = sum(
        claim(ratio_interval(*noisy_rounds(rng, 30, (315.0, 300.0)), resamples=500).low)
        for _ in range(trials)
    )
    assert claims >= 0.9 * trials


def test_interval_covers_the_truth() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        found = ratio_interval(*noisy_rounds(rng, 30, (450.0, 300.0)), resamples=500)
        assert found.low <= found.value <= found.high
        covered += found.low <= 1.5 <= found.high
    assert covered >= 0.9 * 200


def test_spikes_do_not_move_the_estimate() -> None:
    quiet = np.full(21, 100.0)
    spiked = quiet.copy()
    spiked[::4] = 16_000.0
    found = ratio_interval(spiked, quiet)
    assert found.value == 1.0
    assert not claim(found.low)


def test_pairs_cancel_common_drift() -> None:
    drift = np.linspace(100, 200, 51)
    found = ratio_interval(drift * 1.1, drift)
    assert found.value == pytest.approx(1.1)
    assert found.half_width < 1e-9


def test_is_reproducible_and_seeded() -> None:
    rng = np.random.default_rng(4)
    a, b = noisy_rounds(rng, 20, (110.0, 100.0))
    assert ratio_interval(a, b, seed=5) == ratio_interval(a, b, seed=5)
    assert ratio_interval(a, b, seed=5) != ratio_interval(a, b, seed=6)


def test_resolution_of_the_clock_forbids_a_claim_within_one_tick() -> None:
    a, b = np.full(30, 5.5), np.full(30, 5.0)
    assert claim(ratio_interval(a, b).low)
    assert not claim(ratio_interval(a, b, resolution=0.6).low)
    assert claim(ratio_interval(a, b, resolution=0.3).low)


def test_long_runs_are_chunked_to_the_same_distribution() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(100, 5, 30_000), rng.normal(100, 5, 30_000)
    found = ratio_interval(a, b, resamples=150)
    assert found.low < 1.0 < found.high
    assert found.half_width < 0.01


@pytest.mark.parametrize(
    ("a", "b"), [([], []), ([1.0], [1.0, 2.0]), ([0.0], [1.0]), ([float("nan")], [1.0])]
)
def test_bad_samples_are_refused(a: list[float], b: list[float]) -> None:
    with pytest.raises(ValueError):
        ratio_interval(a, b)


def test_median() -> None:
    assert median([3, 1, 2]) == 2
    with pytest.raises(ValueError):
        median([])


def test_median_interval_covers_the_median_of_any_distribution() -> None:
    rng = np.random.default_rng(6)
    covered = 0
    for _ in range(400):
        found = median_interval(rng.lognormal(0, 2, 17))
        assert found.low <= found.value <= found.high
        covered += found.low <= 1.0 <= found.high
    assert covered >= 0.93 * 400
    wide, narrow = median_interval(range(5)), median_interval(range(1001))
    assert (wide.low, wide.high) == (0, 4)
    assert median_interval(range(3001)).high < 1560
    assert 460 < narrow.low < 480 and 520 < narrow.high < 540
    with pytest.raises(ValueError):
        median_interval([])
