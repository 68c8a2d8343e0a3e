from __future__ import annotations

from pathlib import Path

import pytest

from kernelwright.config import Config, resolve
from kernelwright.errors import UsageError
from kernelwright.schema import Candidate, Status, Target, TaskSpec
from kernelwright.verify.measure import (
    device_info,
    input_sets,
    measure_candidates,
    rank_candidates,
)
from kernelwright.verify.reference.process import ReferenceProcess

pytest.importorskip("torch")

REFERENCE = """
import torch

class Model(torch.nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.randn(features))

    def forward(self, x):
        return torch.tanh(x * self.scale)

def get_inputs():
    return [torch.randn(128, 64)]

def get_init_inputs():
    return [64]
"""
CANDIDATE = """
import torch

class ModelNew(torch.nn.Module):
    def __init__(self, features):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.zeros(features))

    def forward(self, x):
        return torch.tanh(x * self.scale){}
"""
SPEC = TaskSpec("tanh", REFERENCE, "torch", Target("cpu", "x86_64"), path="tanh.py")


def candidate(text: str) -> Candidate:
    return Candidate({"kernel.py": CANDIDATE.format(text).encode()})


@pytest.fixture
def config(tmp_path: Path) -> Config:
    arguments = {"state_dir": str(tmp_path), "timing.budget_s": 0.1, "timing.threads": 1}
    return resolve(arguments, directory=tmp_path, environ={})


def test_measured_and_judged_against_a_reference(config: Config) -> None:
    with ReferenceProcess(SPEC) as reference:
        kernels = {"right": candidate(""), "wrong": candidate(" + 1e-3")}
        graph = reference.capture()
        found = measure_candidates(reference, kernels, config=config, graph=graph)
        ranked = rank_candidates(reference, kernels, config=config, rounds=2)
    assert set(found.measurements) == {"right"}
    assert found.failures["wrong"].status is Status.WRONG_VALUE
    measured = found.measurements["right"]
    assert measured.bytes_moved == 4 * (2 * 128 * 64 + 64)
    assert measured.bound_us is not None and 0 < measured.bound_us < measured.candidate_us
    assert set(ranked) == set(kernels)


TIES = """
import torch

class Model(torch.nn.Module):
    def forward(self, x):
        return torch.argmax(x, -1)

def get_inputs():
    return [torch.randint(0, 4, (64, 32)).float()]

def get_init_inputs():
    return []
"""
LAST_OF_THEM = """
import torch

class ModelNew(torch.nn.Module):
    def forward(self, x):
        return x.shape[-1] - 1 - torch.argmax(x.flip(-1), -1)
"""


def test_a_tie_in_a_timed_call_is_no_error(config: Config) -> None:
    spec = TaskSpec("argmax", TIES, "torch", Target("cpu", "x86_64"), path="argmax.py")
    last = Candidate({"kernel.py": LAST_OF_THEM.encode()})
    wrong = Candidate({"kernel.py": LAST_OF_THEM.replace("argmax", "argmin").encode()})
    with ReferenceProcess(spec) as reference:
        found = measure_candidates(reference, {"last": last, "wrong": wrong}, config=config)
    assert set(found.measurements) == {"last"}
    assert found.failures["wrong"].check == "timed_exact"


def test_input_sets_differ() -> None:
    with ReferenceProcess(SPEC) as reference:
        sets = input_sets(reference)
    assert len(sets) == 4
    assert len({s[0].tobytes() for s in sets}) == 4


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="cpu device 3"):
        device_info("cpu", 3)
