"""On a GPU: clocks, graph replays, and work that hides from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kernelwright.backends import BACKENDS
from kernelwright.config import Config, resolve
from kernelwright.frameworks._base import RunResult
from kernelwright.schema import Evaluation, Status, Target, TaskSpec
from kernelwright.verify.timing.profile import ProfileResult, profile

pytestmark = pytest.mark.gpu

REFERENCE = """
import torch

class Model(torch.nn.Module):
    def forward(self, x):
        return torch.relu(x) * 2

def get_inputs():
    return [torch.randn({rows}, 1024)]

def get_init_inputs():
    return []
"""
HONEST = "import torch\ndef kernel(x): return torch.relu(x) * 2\n"
TRITON = """
import torch, triton, triton.language as tl

@triton.jit
def body(x, out, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + at, mask=at < n)
    tl.store(out + at, tl.maximum(value, 0.0) * 2, mask=at < n)

def kernel(x):
    out = torch.empty_like(x)
    body[(triton.cdiv(x.numel(), 1024),)](x, out, x.numel(), BLOCK=1024)
    return out
"""
# Starts at once on a stream of its own and is not waited for.
SIDE_STREAM = """
import torch
side = torch.cuda.Stream()
def kernel(x):
    with torch.cuda.stream(side):
        out = torch.relu(x) * 2
        for _ in range(20):
            out = torch.relu(x) * 2
    return out
"""
# Waits on the host until the inputs seem complete, and works while the device is held.
AHEAD = """
import time, torch
side = torch.cuda.Stream()
def kernel(x):
    end = time.perf_counter() + 3e-4
    while time.perf_counter() < end:
        pass
    with torch.cuda.stream(side):
        out = torch.relu(x) * 2
    side.synchronize()
    return out
"""
# Never launched: hopes for what the allocator hands out.
NEVER_LAUNCHED = """
import torch
calls = []
def kernel(x):
    calls.append(1)
    return torch.relu(x) * 2 if len(calls) < 4 else torch.empty_like(x)
"""
# Honest in single calls, and does nothing for most calls of a graph.
CHEATS_IN_GRAPHS = """
import torch
known = {}
def kernel(x):
    if torch.cuda.is_current_stream_capturing() and known:
        return known['out']
    out = torch.relu(x) * 2
    if torch.cuda.is_current_stream_capturing():
        known['out'] = out
    return out
"""
SYNCHRONIZES = "import torch\ndef kernel(x):\n    x.sum().item()\n    return torch.relu(x) * 2\n"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    arguments = {"state_dir": str(tmp_path / "s"), "cache_dir": str(tmp_path / "c")}
    return resolve({**arguments, "timing.budget_s": 1.0}, directory=tmp_path, environ={})


def judge(inputs: list[object], result: RunResult) -> Evaluation:
    (x,) = inputs
    assert isinstance(x, np.ndarray)
    good = np.array_equal(result.outputs[0], np.maximum(x, 0) * 2)
    return Evaluation(Status.PASSED) if good else Evaluation(Status.WRONG_VALUE, "value", "off")


@pytest.fixture
def timed(config: Config, tmp_path: Path) -> Callable[..., ProfileResult]:
    devices = BACKENDS.get("cuda").devices()
    if not devices:
        pytest.skip("no CUDA device")

    def run(rows: int = 256, baselines: tuple[str, ...] = ("eager",), **sources: str):  # type: ignore[no-untyped-def]
        paths = {}
        for name, source in sources.items():
            paths[name] = tmp_path / name / "kernel.py"
            paths[name].parent.mkdir()
            paths[name].write_text(source)
        rng = np.random.default_rng(0)
        sets = [[rng.standard_normal((rows, 1024), dtype=np.float32)] for _ in range(4)]
        text = REFERENCE.replace("{rows}", str(rows))
        spec = TaskSpec("relu2", text, "torch", Target("cuda", devices[0].arch), path="relu2.py")
        return profile(
            spec, paths, sets, devices[0], config, baselines=baselines, judge=judge,
            env=BACKENDS.get("cuda").child_env(config.threads),
        )  # fmt: skip

    return run


def test_short_kernels_are_timed_as_graphs(timed: Callable[..., ProfileResult]) -> None:
    found = timed(honest=HONEST)
    assert not found.failures, found.failures
    measured = found.measurements["honest"]
    assert "graphs of" in measured.environment["clock"], found.notes
    assert 0.5 < measured.candidate_us < 50
    assert 0.8 < measured.speedup < 1.25  # the same kernels
    assert measured.latency_us["candidate"] > measured.candidate_us  # launches included
    assert measured.warm_us["candidate"] > 0
    assert {"temperature_c", "temperature_c_after", "power_w_after"} <= set(measured.environment)


def test_long_kernels_are_timed_by_events(timed: Callable[..., ProfileResult]) -> None:
    measured = timed(rows=1 << 17, honest=HONEST).measurements["honest"]
    assert measured.environment["clock"] == "cuda events"
    assert measured.candidate_us > 100
    assert 0.9 < measured.speedup < 1.1


def test_a_fused_triton_kernel_wins(timed: Callable[..., ProfileResult]) -> None:
    pytest.importorskip("triton")
    found = timed(rows=1 << 16, fused=TRITON)
    assert not found.failures, found.failures
    assert found.measurements["fused"].speedup_low > 1.2  # one pass instead of two


def test_all_baselines(timed: Callable[..., ProfileResult]) -> None:
    found = timed(baselines=("auto",), honest=HONEST)
    assert not found.baseline_failures
    assert set(found.measurements["honest"].baselines_us) == {"eager", "compile", "cudagraph"}
    assert found.measurements["honest"].speedup_best <= found.measurements["honest"].speedup * 1.01


def test_what_cannot_be_captured_is_timed_by_events(timed: Callable[..., ProfileResult]) -> None:
    short = "import torch\ndef kernel(x):\n    return torch.relu(x) * 2\n"
    found = timed(synchronizes=SYNCHRONIZES, short=short)
    assert not found.failures, found.failures
    assert found.measurements["synchronizes"].environment["clock"] == "cuda events"
    assert any("cannot be timed as a CUDA graph" in note for note in found.notes)


@pytest.mark.parametrize(
    "source",
    [SIDE_STREAM, AHEAD, NEVER_LAUNCHED, CHEATS_IN_GRAPHS],
    ids=["side_stream", "ahead", "never_launched", "in_graphs"],
)
@pytest.mark.parametrize("rows", [256, 1 << 15])
def test_work_outside_the_clock(
    timed: Callable[..., ProfileResult], source: str, rows: int
) -> None:
    if source is CHEATS_IN_GRAPHS and rows > 256:
        pytest.skip("long kernels are not timed in graphs")
    found = timed(rows=rows, cheat=source)
    assert not found.measurements, found.measurements["cheat"].candidate_us
    assert found.failures["cheat"].check in ("timed_value", "late_write", "clock")
