from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kernelwright.verify.timing.outer_clock import confirmed_share
from kernelwright.verify.timing.records import Record
from kernelwright.verify.timing.suspicion import leaves_threads, suspicion

RNG = np.random.default_rng(0)


def noise(middle: float, spread: float = 5.0, count: int = 25) -> list[float]:
    """Skewed as a busy machine's samples are."""
    return (middle + spread * RNG.standard_exponential(count)).tolist()


def record(**changes: object) -> Record:
    usual = Record(
        before_us=noise(100, count=7), samples_us=noise(100), tails_us=noise(2, 1),
        unexplained_us=noise(150, 50), outside_us=noise(900, 40), fetch_us=noise(200),
        warm_us=noise(90), warm_outside_us=noise(300), threads_left=[0] * 12,
        idle_shares=[0.001, 0.0],
    )  # fmt: skip
    return replace(usual, **changes)  # type: ignore[arg-type]


def test_an_honest_candidate_is_not_accused() -> None:
    for _ in range(50):
        assert suspicion(record(), record(), record()) is None


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        ("clock", {"unexplained_us": noise(5000)}),
        ("clock", {"tails_us": noise(90)}),
        ("clock", {"outside_us": noise(1600)}),
        ("clock", {"warm_outside_us": noise(700)}),
        ("clock", {"samples_us": noise(10), "warm_us": noise(90)}),
        ("hidden_work", {"fetch_us": noise(900)}),
        ("extra_thread", {"threads_left": [1, 1, 0, 1, 1, 1, 0, 1]}),
        ("works_on", {"idle_shares": [0.99]}),
        ("works_on", {"idle_shares": [0.12, 0.15]}),  # on a crowded machine
    ],
)
def test_work_outside_the_clock_is_seen(check: str, changes: dict[str, object]) -> None:
    found = suspicion(record(), record(**changes), record())
    assert found is not None and found[0] == check


def test_what_the_reference_does_too_is_no_crime() -> None:
    for changes in (
        {"unexplained_us": noise(5000)}, {"tails_us": noise(90)}, {"threads_left": [1] * 8},
        {"idle_shares": [0.9]},
    ):  # fmt: skip
        assert suspicion(*(record(**changes) for _ in range(3))) is None


def test_a_slowed_reference() -> None:
    slowed = record(before_us=noise(100, count=7), samples_us=noise(400))
    found = suspicion(slowed, record(), slowed)
    assert found is not None and found[0] == "disturbs_reference"
    # one good sample is enough to acquit: load comes and goes, a hook stays
    assert suspicion(record(samples_us=[105.0, *noise(400, count=24)]), record(), slowed) is None


def test_a_reference_slower_than_in_a_worker_without_candidates() -> None:
    for slower in (160.0, 400.0):
        slowed = record(before_us=noise(slower, count=7), samples_us=noise(slower))
        found = suspicion(slowed, record(), record())
        assert found is not None and found[0] == "disturbs_reference"


def test_what_the_parents_clock_cannot_see_is_not_claimed() -> None:
    assert confirmed_share(record(), record()) == 1.0
    noisy = record(outside_us=noise(900, 3000))
    assert confirmed_share(noisy, record()) < 0.5


def test_a_pool_grows_once() -> None:
    assert not leaves_threads([2, 1, 0, 0, 0, 0])
    assert not leaves_threads([0, -1, 0, 1])
    assert leaves_threads([1, 1, 1, 0])
    assert not leaves_threads([])


def test_one_quiet_moment_acquits() -> None:
    assert suspicion(record(), record(idle_shares=[0.5, 0.001]), record()) is None
