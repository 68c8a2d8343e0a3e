"""On a machine whose cores others want, a strange time convicts nobody and gains nothing."""

from __future__ import annotations

import time

import pytest

from kernelwright.schema import Evaluation, Measurement, Status
from kernelwright.verify.timing import environment
from kernelwright.verify.timing.environment import Waiting
from kernelwright.verify.timing.profile import _convicted
from kernelwright.verify.timing.result import ProfileResult


def result(crowded: bool) -> ProfileResult:
    measured = Measurement(
        100.0, {"eager": 300.0}, 3.0, 2.8, 3.1, 3.0,
        environment={"crowded": crowded}, speedup_best_low=2.8,
    )  # fmt: skip
    return ProfileResult({"k": measured}, {}, {})


@pytest.mark.parametrize("check", ["clock", "hidden_work", "disturbs_reference"])
def test_delays_on_a_crowded_machine_convict_nobody_and_gain_nothing(check: str) -> None:
    suspect = Evaluation(Status.REJECTED, check, "a timed call reports 1 us, but takes 2 us")
    crowded = _convicted(result(True), "k", suspect)
    assert not crowded.failures and "no gain is claimed" in crowded.notes[0]
    kept = crowded.measurements["k"]
    assert kept.speedup_low <= 1.0 and kept.speedup_best_low is not None
    assert kept.speedup_best_low <= 1.0 and kept.candidate_us == 100.0
    quiet = _convicted(result(False), "k", suspect)
    assert quiet.failures == {"k": suspect} and not quiet.measurements


@pytest.mark.parametrize("check", ["extra_thread", "works_on"])
def test_what_no_delay_explains_is_refused_anywhere(check: str) -> None:
    suspect = Evaluation(Status.REJECTED, check, "the process still works after its calls")
    assert _convicted(result(True), "k", suspect).failures == {"k": suspect}


def test_waiting_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    for share, crowded in ((0.05, False), (0.5, True)):
        monkeypatch.setattr(environment, "_stalled_us", lambda s=share: 7e6 + 10e6 * s)
        assert Waiting(7e6, now - 10.0).crowded() is crowded


def test_without_pressure_information_the_load_average_stands_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "_stalled_us", lambda: None)
    for load, crowded in ((0.0, False), (1000.0, True)):
        monkeypatch.setattr("os.getloadavg", lambda v=load: (v, v, v))
        assert Waiting.begin().crowded() is crowded
