"""The parent's clock: what it cannot be told, on quiet and on busy machines."""

from __future__ import annotations

import numpy as np
import pytest

from kernelwright.verify.timing.outer_clock import (
    confirmed_share,
    hidden_us,
    is_fine,
    least_cold,
    least_warm,
    most_gain,
)
from kernelwright.verify.timing.records import Record
from kernelwright.verify.timing.suspicion import suspicion

SLICE_US = 3000.0  # what a scheduler may take away at once


def run(
    rng: np.random.Generator, us: float, *, hidden: float = 0.0, busy: float = 0.0, rounds: int = 20
) -> Record:
    """Calls of ``us``, of which ``hidden`` are not reported; each request is delayed by slices with
    the chance ``busy``."""

    def delay(count: int) -> np.ndarray:
        late = rng.random(count) < busy
        return np.where(late, SLICE_US * (1 + 3 * rng.random(count)), 0.0)

    cold = us * (1 + 0.02 * rng.standard_exponential(rounds))
    warm = 0.9 * us * (1 + 0.02 * rng.standard_exponential(9))
    return Record(
        before_us=(us * (1 + 0.02 * rng.standard_exponential(7))).tolist(),
        samples_us=(cold - hidden).tolist(),
        outside_us=(250 + 20 * rng.standard_exponential(rounds) + hidden + delay(rounds)).tolist(),
        unexplained_us=(150 + 20 * rng.standard_exponential(rounds) + delay(rounds)).tolist(),
        ahead_us=(2500 + 100 * rng.standard_exponential(rounds) + delay(rounds)).tolist(),
        warm_us=(warm - hidden).tolist(),
        warm_outside_us=(500 + 30 * rng.standard_exponential(9) + hidden + delay(9)).tolist(),
        tails_us=[0.0] * rounds,
    )


@pytest.mark.parametrize("us", [20.0, 200.0, 1500.0, 10_000.0])
@pytest.mark.parametrize("busy", [0.0, 0.5, 0.9])
def test_the_reference_beside_itself_is_never_accused(us: float, busy: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        records = [run(rng, us, busy=busy) for _ in range(3)]
        assert suspicion(*records) is None


def test_on_a_quiet_machine_honest_gains_are_confirmed() -> None:
    rng = np.random.default_rng(1)
    shares = [
        confirmed_share(run(rng, us), run(rng, 2 * us)) for us in (200.0, 1500.0) for _ in range(30)
    ]
    assert np.quantile(shares, 0.1) > 0.9 and np.median(shares) > 0.97


@pytest.mark.parametrize("hidden", [150.0, 250.0, 600.0])
def test_hidden_time_is_refused_on_a_quiet_machine(hidden: float) -> None:
    rng = np.random.default_rng(2)
    for _ in range(20):
        eager, witness = run(rng, 1000.0), run(rng, 1000.0)
        cheat = run(rng, 1000.0, hidden=hidden)
        found = suspicion(eager, cheat, witness)
        assert found is not None and found[0] == "clock"
        assert hidden_us(cheat, witness) == pytest.approx(hidden, abs=60)


@pytest.mark.parametrize("busy", [0.3, 0.6, 0.9])
def test_hidden_time_gains_nothing_on_a_busy_machine(busy: float) -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        witness, cheat = run(rng, 1000.0, busy=busy), run(rng, 1000.0, hidden=250.0, busy=busy)
        seeming = np.median(witness.samples_us) / np.median(cheat.samples_us)
        claimed = min(seeming * confirmed_share(cheat, witness), most_gain(cheat, witness))
        assert seeming > 1.2 and claimed < 1.06


def test_half_of_the_samples_cannot_speak_for_the_others() -> None:
    rng = np.random.default_rng(4)
    witness, cheat = run(rng, 1000.0), run(rng, 1000.0, hidden=250.0)
    for i in range(0, len(cheat.samples_us), 3):  # honest now and then
        cheat.samples_us[i] += 250.0
        cheat.outside_us[i] -= 250.0
    least = least_cold(cheat, witness)
    assert least is not None and least.us == pytest.approx(1000, abs=60)
    assert hidden_us(cheat, witness) > 150


def test_a_cold_call_cannot_be_much_faster_than_a_warm_one() -> None:
    rng = np.random.default_rng(5)
    witness, cheat = run(rng, 400.0), run(rng, 400.0)
    cheat.samples_us = [us - 300 for us in cheat.samples_us]  # and the request that much shorter
    least = least_warm(cheat, witness)
    assert least is not None and least.us == pytest.approx(360, abs=40)
    assert confirmed_share(cheat, witness) < 0.5
    assert suspicion(witness, cheat, witness) is not None


def test_without_requests_of_their_own_some_hundred_microseconds_are_left() -> None:
    rng = np.random.default_rng(6)
    witness, cheat = run(rng, 1000.0), run(rng, 1000.0, hidden=200.0)
    witness.ahead_us, cheat.ahead_us = [], []
    assert least_cold(cheat, witness) is None and least_warm(cheat, witness) is None
    assert hidden_us(cheat, witness) == 0.0
    worse = run(rng, 1000.0, hidden=900.0)
    worse.ahead_us = []
    assert hidden_us(worse, witness) > 400


def test_fine_is_what_a_quiet_machine_is() -> None:
    rng = np.random.default_rng(7)
    assert is_fine(run(rng, 300.0), run(rng, 300.0))
    assert not is_fine(run(rng, 300.0, busy=0.5), run(rng, 300.0, busy=0.5))
