"""What the judge sees of a job from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kernelwright.sandbox import process as sp
from kernelwright.sandbox import usage

JOBS = Path(__file__).parent / "jobs"


@pytest.fixture(params=[False, True], ids=["plain", "isolated"])
def child(request: pytest.FixtureRequest) -> Iterator[sp.Child]:
    with sp.start(
        "sandbox_jobs:answer",
        isolated=request.param,
        readable=[JOBS],
        env={"PYTHONPATH": str(JOBS)},
        limits=sp.Limits(wall_s=60.0, cpu_s=30.0),
    ) as started:
        started.request({"op": "echo"}, timeout_s=30)
        yield started


def _eventually(what: Callable[[], bool], within_s: float = 5.0) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.01)
    return False


def test_an_idle_worker_is_one_process_with_one_thread_and_uses_nothing(child: sp.Child) -> None:
    before = child.usage()
    assert (before.threads, before.processes) == (1, 1)
    time.sleep(0.1)
    after = child.usage()
    assert after.cpu_us - before.cpu_us < usage.RESOLUTION_US


def test_work_during_a_request_is_counted(child: sp.Child) -> None:
    before = child.usage().cpu_us
    used_us = child.request({"op": "burn", "seconds": 0.15}, timeout_s=30).header["cpu_us"]
    seen_us = child.usage().cpu_us - before
    assert abs(seen_us - used_us) < usage.RESOLUTION_US, (seen_us, used_us)


def test_a_thread_that_goes_on_after_the_answer_is_seen(child: sp.Child) -> None:
    child.request({"op": "burn_in_thread", "seconds": 20.0}, timeout_s=30)
    first = child.usage()
    assert first.threads == 2
    time.sleep(0.3)
    assert child.usage().cpu_us - first.cpu_us > 2 * usage.RESOLUTION_US


def test_a_process_that_goes_on_is_seen_even_as_an_orphan_in_its_own_session(
    child: sp.Child,
) -> None:
    child.request({"op": "burn_in_orphan", "seconds": 20.0}, timeout_s=30)
    assert _eventually(lambda: child.usage().processes == 2)
    first = child.usage()
    time.sleep(0.3)
    assert child.usage().cpu_us - first.cpu_us > 2 * usage.RESOLUTION_US


def test_work_of_a_child_that_has_ended_stays_counted(child: sp.Child) -> None:
    before = child.usage().cpu_us
    child.request({"op": "burn_in_child", "seconds": 0.15}, timeout_s=30)
    assert child.usage().processes == 1
    assert child.usage().cpu_us - before > 0.14e6 - 2 * usage.RESOLUTION_US


def test_a_reading_is_cheap(child: sp.Child) -> None:
    took = []
    for _ in range(20):
        began = time.perf_counter()
        child.usage()
        took.append(time.perf_counter() - began)
    assert min(took) < 1e-3


def test_after_the_end_there_is_nothing(child: sp.Child) -> None:
    child.close()
    assert child.usage() == usage.Usage(0.0, 0, 0)


def test_kernels_that_list_no_children_are_searched(child: sp.Child) -> None:
    child.request({"op": "burn_in_orphan", "seconds": 20.0}, timeout_s=30)
    assert child._keeper is not None
    for pid in (child._keeper, *usage.descendants(child._keeper)):
        listed = [
            c for task in usage._names(f"/proc/{pid}/task") for c in usage._children(pid, task)
        ]
        assert sorted(usage._children_by_search(pid)) == sorted(listed)
