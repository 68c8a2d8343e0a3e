"""The record survives anything: reopening, several writers, a kill in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kernelwright.errors import StoreError
from kernelwright.store import Store


def test_steps_come_back_in_order_and_find_gives_the_newest(tmp_path: Path) -> None:
    with Store(tmp_path / "a" / "runs.db") as store:
        first = store.begin("k", "relu", {"n": 1})
        store.add(first, "design", {"text": "one"})
        second = store.begin("k", "relu", {"n": 2})
        store.add(second, "design", {"text": "two"})
        assert store.find("k", "design") == {"text": "two"}
        assert store.find("k", "verify") is None
        assert store.find("other", "design") is None
        assert [s.name for s in store.steps(first)] == ["design"]
        assert [r.id for r in store.runs()] == [second, first]


def test_reopening_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with Store(path) as store:
        store.add(store.begin("k", "relu", {}), "s", {"x": 1.5})
    with Store(path) as store:
        assert store.find("k", "s") == {"x": 1.5}


def test_an_unusable_place_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="KERNELWRIGHT_STATE_DIR"):
        Store(tmp_path / "file" / "runs.db")


WRITER = """
import sys, itertools
from pathlib import Path
from kernelwright.store import Store
store = Store(Path(sys.argv[1]))
run = store.begin("k", "relu", {})
for i in itertools.count():
    store.add(run, "step", {"i": i})
    print(i, flush=True)
"""


def test_kill_9_loses_nothing_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    written = [int(child.stdout.readline()) for _ in range(20)]
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    with Store(path) as store:
        (run,) = store.runs()
        seen = [s.detail["i"] for s in store.steps(run.id)]
        assert seen[: len(written)] == written
        store.add(store.begin("k", "relu", {}), "after", {})


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    deadline = time.monotonic() + 30
    for child in children:
        assert child.stdout is not None
        for _ in range(10):
            assert child.stdout.readline()
            assert time.monotonic() < deadline
    for child in children:
        child.kill()
        child.wait()
    with Store(path) as store:
        assert len(list(store.runs())) == 2
