"""What is concluded from runs, and that a run is what it says. Times themselves are for a quiet
machine, not for tests."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from kernelwright.bench import timing_honesty
from kernelwright.bench.honesty_kernels import GAIN, KERNELS, SAME
from kernelwright.bench.timing_honesty import (
    HOLDS,
    NOTHING,
    OPEN,
    REFUTED,
    Honesty,
    Run,
    Share,
    at_least,
    at_most,
    clopper_pearson,
    measure,
    table,
    to_json,
)
from kernelwright.config import resolve
from kernelwright.errors import UsageError
from kernelwright.task.resolve import make_spec
from kernelwright.task.session import Session


@pytest.mark.parametrize(
    ("count", "runs", "low", "high"),
    [  # tabulated values of the exact interval
        (0, 10, 0.0, 0.3085),
        (1, 40, 0.000633, 0.13159),
        (5, 10, 0.18709, 0.81291),
        (38, 40, 0.83080, 0.99388),
        (10, 10, 0.6915, 1.0),
    ],
)
def test_the_exact_interval(count: int, runs: int, low: float, high: float) -> None:
    found = clopper_pearson(count, runs)
    assert found == pytest.approx((low, high), abs=2e-4)


def test_the_interval_of_nothing_is_everything() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)


def test_promises_have_three_answers() -> None:
    assert at_most(Share.of(2, 40), 0.05) == HOLDS
    assert at_most(Share.of(4, 40), 0.05) == OPEN
    assert at_most(Share.of(9, 40), 0.05) == REFUTED
    assert at_least(Share.of(36, 40), 0.9) == HOLDS
    assert at_least(Share.of(33, 40), 0.9) == OPEN
    assert at_least(Share.of(20, 40), 0.9) == REFUTED
    assert at_most(Share.of(0, 0), 0.05) == at_least(Share.of(0, 0), 0.9) == NOTHING


def a_run(kind: str, low: float, high: float = 1.2, eager_us: float = 300.0) -> Run:
    name = next(k.name for k in KERNELS["cuda"] if k.kind == kind)
    return Run(name, kind, eager_us, eager_us / 1.05, 1.05, low, high, 100, 1.0, 0.1)


def some(runs: Sequence[Run], backend: str = "cpu") -> Honesty:
    return Honesty(backend, "device", 1.0, list(runs))


def test_claims_are_counted_by_kind() -> None:
    same = [a_run(SAME, 0.99)] * 38 + [a_run(SAME, 1.01)] * 2
    gain = [a_run(GAIN, 1.01)] * 37 + [a_run(GAIN, 0.99)] * 3
    result = some([*same, *gain])
    assert (result.share(SAME).count, result.share(GAIN).count) == (2, 37)
    assert list(result.verdicts().values()) == [HOLDS, HOLDS]
    assert result.exit_code == 0


def test_too_many_false_claims_are_refuted() -> None:
    result = some([a_run(SAME, 1.01)] * 10 + [a_run(SAME, 0.99)] * 30)
    assert list(result.verdicts().values()) == [REFUTED, NOTHING]
    assert result.exit_code == 1


def test_short_kernels_are_not_in_the_promise_of_a_gain() -> None:
    result = some([a_run(GAIN, 0.99, eager_us=50.0)] * 40)
    assert list(result.verdicts().values()) == [NOTHING, NOTHING]


def test_a_failed_run_is_no_claim_and_no_success() -> None:
    nan = math.nan
    failed = Run("softmax_1024x1024", SAME, nan, nan, nan, nan, nan, 0, 1.0, 0.1, "died")
    result = some([failed])
    assert result.share(SAME).runs == 0 and result.exit_code == 1
    assert to_json(result)["runs"][0]["speedup"] is None


def test_wide_intervals_on_cuda_are_refuted() -> None:
    narrow, wide = a_run(SAME, 1.04, 1.06), a_run(SAME, 1.0, 1.1)
    key = "half-width at most 2 % over 100 us"
    assert some([narrow], "cuda").verdicts()[key] == HOLDS
    assert some([narrow, wide], "cuda").verdicts()[key] == REFUTED
    assert key not in some([wide]).verdicts()


def test_an_unknown_backend_is_told() -> None:
    with pytest.raises(UsageError, match="abacus"):
        measure(backend="abacus")


@pytest.mark.parametrize("backend", KERNELS)
def test_every_kernel_is_what_it_says(backend: str) -> None:
    """Sources compile; the same kernel differs in its class's name alone, a gain in the extra
    piece as well."""
    for kernel in KERNELS[backend]:
        candidate = kernel.candidate.files["kernel.py"].decode()
        compile(kernel.source, kernel.name, "exec")
        renamed = candidate.replace("ModelNew", "Model")
        if kernel.kind == GAIN:
            assert renamed != kernel.source
            renamed = renamed.replace("range(0)", "range(1)")
        assert renamed == kernel.source


def test_a_gain_is_a_right_answer_with_less_work() -> None:
    """The candidate passes the judge, so that what is measured is a real kernel's gain."""
    kernel = next(k for k in KERNELS["cpu"] if k.kind == GAIN)
    assert (
        "range(1)" in kernel.source and "range(0)" in kernel.candidate.files["kernel.py"].decode()
    )
    spec = make_spec(kernel.name, kernel.source, framework="torch", backend="cpu")
    with Session(spec, resolve({"judge.seeds": 1, "judge.laws": False})) as session:
        assert session.verify(kernel.candidate).passed


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shared, so that the machine's peaks are measured once."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def one_small_kernel(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERNELWRIGHT_STATE_DIR", str(state))
    small = next(k for k in KERNELS["cpu"] if k.name == "add_relu_128x1024")
    monkeypatch.setitem(timing_honesty.KERNELS, "cpu", (small,))


@pytest.mark.usefixtures("one_small_kernel")
def test_runs_are_measurements() -> None:
    told: list[str] = []
    result = measure(pairs=2, budget_s=0.05, on_progress=told.append)
    assert len(result.runs) == len(told) == 2 and result.complete
    for found in result.runs:
        assert not found.failure and found.rounds >= 5
        assert 0 <= found.low <= found.speedup <= found.high
    assert table(result).row_count == 1
    json.dumps(to_json(result), allow_nan=False)


@pytest.mark.usefixtures("one_small_kernel")
def test_an_interrupted_run_keeps_what_it_has() -> None:
    def interrupt(text: str) -> None:
        raise KeyboardInterrupt

    result = measure(pairs=3, budget_s=0.05, on_progress=interrupt)
    assert len(result.runs) == 1 and not result.complete and result.exit_code == 130
