from __future__ import annotations

import pytest

from kernelwright.report import numbers
from kernelwright.report.verdict import verdict_text


def test_numbers_keep_three_digits_and_plain_ascii() -> None:
    shown = [numbers.time_text(us) for us in (0.3981, 89.66, 999.6, 2444.3, None)]
    assert shown == ["0.398", "89.7", "1,000", "2,444", "-"]
    assert numbers.speedup_text(1.174, 1.07, 1.29) == "1.17x [1.07, 1.29]"
    assert numbers.speedup_text(1.03, 0.98, 1.08) == "1.03x [0.98, 1.08], no gain claimed"
    assert numbers.speedup_text(0.5, 0.4, 0.6) == "0.50x [0.40, 0.60]"
    assert numbers.speedup_text(None, None, None) == "-"
    assert [numbers.percent_text(p) for p in (0.4, 0.0, 13.9, None)] == ["<1 %", "0 %", "14 %", "-"]
    assert [numbers.error_text(e) for e in (7.25e-8, 0.0, None)] == ["7.2e-08", "0", "-"]


RESULT = {
    "status": "PASSED", "impl_type": "mlir", "reduced": False, "speedup": 1.1, "speedup_low": 1.05,
    "speedup_high": 1.2, "bound_percent": 40.0, "returned": "candidate",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "1.10 times as fast"),
        ({"speedup_low": 0.99}, "as far as the measurement can tell"),
        ({"speedup": 0.5, "speedup_low": 0.4, "speedup_high": 0.6}, "slower than"),
        ({"speedup": None}, "not timed"),
        ({"status": "INFRA_ERROR"}, "says nothing about the kernel"),
        ({"status": "WRONG_VALUE"}, "No verified kernel"),
    ],
)
def test_the_verdict_claims_no_more_than_the_interval(changes: dict, words: str) -> None:  # type: ignore[type-arg]
    assert words in verdict_text(RESULT | changes)


def test_the_verdict_names_the_fastest_baseline() -> None:
    measured = {
        "baselines_us": {"eager": 10.0, "compile": 8.0},
        "speedup_best": 1.02,
        "speedup_best_low": 0.97,
        "speedup_best_high": 1.07,
    }
    said = verdict_text(RESULT, measured)
    assert "1.02x [0.97, 1.07], no gain claimed over the fastest baseline, compile" in said
    assert "baseline" not in verdict_text(RESULT, measured | {"baselines_us": {"eager": 10.0}})


def test_library_calls_come_with_their_share_the_dearest_first() -> None:
    calls, shares = (
        ("aten.mm", "aten.convolution", "aten.sort"),
        {"aten.mm": 0.004, "aten.convolution": 0.83},
    )
    assert numbers.library_texts(calls, shares) == [
        "aten.convolution: 83 % of the time",
        "aten.mm: <1 % of the time",
        "aten.sort",
    ]
