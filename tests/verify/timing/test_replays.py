from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kernelwright.backends import BACKENDS
from kernelwright.config import resolve
from kernelwright.schema import Target, TaskSpec
from kernelwright.verify.timing.baselines import EAGER
from kernelwright.verify.timing.plan import TimingPlan
from kernelwright.verify.timing.records import Record, Subject
from kernelwright.verify.timing.replays import calls_in_graph, replay_rounds
from kernelwright.verify.timing.rotation import Rotation

REFERENCE = """
import torch

class Model(torch.nn.Module):
    def forward(self, x):
        return torch.relu(x)

def get_inputs():
    return [torch.randn(64, 64)]

def get_init_inputs():
    return []
"""


def test_a_graph_is_long_enough_and_fits() -> None:
    assert calls_in_graph(5.0, 1000) == 50  # 250 us
    assert calls_in_graph(0.5, 1000) == 64  # no more than can be captured quickly
    assert calls_in_graph(5.0, 256 << 20) == 4  # every call has inputs of its own
    assert calls_in_graph(49.0, 8 << 30) == 2


def test_what_cannot_be_captured_leaves_events_as_the_clock(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    config = resolve({"state_dir": str(tmp_path)}, directory=tmp_path, environ={})
    spec = TaskSpec("relu", REFERENCE, "torch", Target("cpu", "x86_64"), path="relu.py")
    (device,) = BACKENDS.get("cpu").devices()
    entry = tmp_path / "kernel.py"
    entry.write_text("import torch\ndef kernel(x): return torch.relu(x)\n")
    subjects = [Subject(EAGER, baseline=EAGER), Subject("k", entry=entry)]
    sets = [[np.ones((64, 64), np.float32)] for _ in range(2)]
    plan = TimingPlan.of(spec, device, config, subjects, sets, (), None, 0, None)
    rotation, random = Rotation(2, 0), np.random.default_rng(0)
    with plan.session() as session:
        session.give_inputs(sets)
        for subject in subjects:
            session.load(subject, ())
        session.records["k"].samples_us.append(10.0)
        replay_rounds(plan, session, rotation, random)
        (note,) = plan.notes
        assert "eager cannot be timed as a CUDA graph" in note
        assert not session.records["k"].replays_us
        assert session.records["k"].quoted_us == [10.0]
        session.call("k", rotation.draw())  # the worker lives on


def test_replays_are_what_is_quoted() -> None:
    record = Record(samples_us=[9.0], replays_us=[7.0], tails_us=[1.0, 2.0], unexplained_us=[3.0])
    assert record.quoted_us == [7.0]
    record.drop_replays()
    assert (record.quoted_us, record.tails_us, record.unexplained_us) == ([9.0], [1.0], [3.0])
