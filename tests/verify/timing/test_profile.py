"""Real workers on tiny models: structure and honesty, never speed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kernelwright.backends import BACKENDS
from kernelwright.config import Config, resolve
from kernelwright.errors import ReferenceBroken, UnknownNameError
from kernelwright.frameworks._base import RunResult, StateEntry
from kernelwright.schema import Evaluation, Status, Target, TaskSpec
from kernelwright.verify.roofline.bound import Peaks
from kernelwright.verify.timing.profile import Limit, ProfileResult, profile
from kernelwright.verify.timing.ranking import quick_rank
from kernelwright.verify.timing.rounds import FEWEST_ROUNDS, MIN_ROUNDS
from kernelwright.verify.timing.statistics import median

pytest.importorskip("torch")

REFERENCE = """
import torch

class Model(torch.nn.Module):
    def __init__(self, features):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.ones(features))

    def forward(self, x):
        return torch.relu(x + self.bias)

def get_inputs():
    return [torch.randn(64, 256)]

def get_init_inputs():
    return [256]
"""
HEAD = """
import os, time, torch

class ModelNew(torch.nn.Module):
    def __init__(self, features):
        super().__init__()
        self.bias = torch.nn.Parameter(torch.zeros(features))
        self.cache = {}
"""
HONEST = HEAD + "    def forward(self, x): return (x + self.bias).clamp_min(0)\n"
SLOW = HEAD + "    def forward(self, x): time.sleep(0.005); return torch.relu(x + self.bias)\n"
RAISES = HEAD + "    def forward(self, x): raise ValueError('no such kernel')\n"
CRASHES = HEAD + "    def forward(self, x): os._exit(7)\n"
BIAS = np.linspace(-1, 1, 256, dtype=np.float32)
STATE = [StateEntry("bias", BIAS, "parameter")]
SPEC = TaskSpec("relu", REFERENCE, "torch", Target("cpu", "x86_64"), path="relu.py")
(DEVICE,) = BACKENDS.get("cpu").devices()
RNG = np.random.default_rng(0)
SETS = [[RNG.standard_normal((64, 256), dtype=np.float32)] for _ in range(4)]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    arguments = {"state_dir": str(tmp_path), "timing.budget_s": 0.1, "timing.threads": 1}
    return resolve(arguments, directory=tmp_path, environ={})


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., dict[str, Path]]:
    def files(**sources: str) -> dict[str, Path]:
        paths = {}
        for name, source in sources.items():
            paths[name] = tmp_path / name / "kernel.py"
            paths[name].parent.mkdir()
            paths[name].write_text(source)
        return paths

    return files


def judge(inputs: list[object], result: RunResult) -> Evaluation:
    (x,) = inputs
    assert isinstance(x, np.ndarray)
    good = result.structure == "tensor" and np.allclose(
        result.outputs[0], np.maximum(x + BIAS, 0), atol=1e-6
    )
    return Evaluation(Status.PASSED) if good else Evaluation(Status.WRONG_VALUE, "value", "off")


def run(config: Config, candidates: dict[str, Path], **options: object) -> ProfileResult:
    settings = {"state": STATE, "judge": judge, **options}
    return profile(SPEC, candidates, SETS, DEVICE, config, **settings)  # type: ignore[arg-type]


def test_two_candidates_side_by_side(config: Config, write: Callable[..., dict[str, Path]]) -> None:
    seen: list[np.ndarray] = []

    def watching(inputs: list[object], result: RunResult) -> Evaluation:
        seen.append(np.array(inputs[0]))
        return judge(inputs, result)

    found = run(config, write(honest=HONEST, slow=SLOW), judge=watching)
    assert not found.failures and not found.baseline_failures
    assert set(found.measurements) == {"honest", "slow"}
    for measured in found.measurements.values():
        samples = measured.samples_us
        assert set(samples) == {"candidate", "eager"}
        assert len(samples["candidate"]) == len(samples["eager"]) >= FEWEST_ROUNDS
        assert measured.candidate_us == median(samples["candidate"]) > 0
        assert measured.baselines_us == {"eager": median(samples["eager"])}
        assert measured.speedup_low <= measured.speedup <= measured.speedup_high
        assert measured.speedup == pytest.approx(
            measured.baselines_us["eager"] / measured.candidate_us
        )
        assert measured.environment["threads"] == 1
        assert measured.environment["versions"]["torch"]
        assert measured.bound_us is None
        assert set(measured.warm_us) == set(measured.latency_us) == {"candidate", "eager"}
        assert measured.latency_us["candidate"] == measured.candidate_us  # on a CPU
        assert measured.fastest_baseline == "eager"
        assert "load_average_after" in measured.environment
    slow = found.measurements["slow"]
    assert slow.candidate_us > 5000 and slow.speedup_high < 1
    # nine timed calls of each and of the faster alone, the fastest of each, four of warm volleys
    assert len(seen) <= 3 * (9 + 1 + 4)
    if all(len(m.samples_us["eager"]) >= MIN_ROUNDS for m in found.measurements.values()):
        assert len(seen) >= 3 * (9 + 4) - 4
    assert len({x.tobytes() for x in seen}) == len(seen)  # all inputs differ


def test_device_and_worker_are_free_afterwards(
    config: Config, write: Callable[..., dict[str, Path]]
) -> None:
    candidates = write(honest=HONEST)
    ranked = quick_rank(SPEC, candidates, SETS, DEVICE, config, state=STATE)
    assert 0 < ranked["honest"] < 1e6
    assert run(config, candidates).measurements


def test_failing_candidates_do_not_harm_the_others(
    config: Config, write: Callable[..., dict[str, Path]]
) -> None:
    nameless = HONEST.replace("self.bias", "self.offset")
    files = write(
        raises=RAISES, crashes=CRASHES, honest=HONEST, nameless=nameless, broken="def kernel(:\n"
    )
    found = run(config, files)
    assert set(found.measurements) == {"honest"}, found.failures
    status = {name: (e.status, e.check) for name, e in found.failures.items()}
    assert status == {
        "raises": (Status.RUNTIME_ERROR, "raises"),
        "crashes": (Status.RUNTIME_ERROR, "crash"),
        "nameless": (Status.WRONG_STRUCTURE, "state"),
        "broken": (Status.COMPILE_ERROR, "syntax"),
    }
    assert "no such kernel" in found.failures["raises"].reason


def test_endless_candidate_times_out(config: Config, write: Callable[..., dict[str, Path]]) -> None:
    endless = HEAD + "    def forward(self, x): time.sleep(1000)\n"
    limits = replace(config.timeouts, candidate_s=1.0, compile_s=1.0)
    found = run(replace(config, timeouts=limits), write(endless=endless))
    assert found.failures["endless"].status is Status.TIMEOUT
    assert not found.measurements


CACHES = (
    HEAD
    + """
    def forward(self, x):
        key = (x.data_ptr(), x.shape)
        if key not in self.cache:
            self.cache[key] = torch.relu(x + self.bias)
        return self.cache[key]
"""
)
FINGERPRINTS = (
    HEAD
    + """
    def forward(self, x):
        scale = x[0, 0].item()
        if 'unit' not in self.cache:
            self.cache['unit'] = torch.relu(x + self.bias), scale
        out, first = self.cache['unit']
        return out * (scale / first)
"""
)
LATER = (
    HEAD
    + """
    def forward(self, x):
        import threading
        out = torch.empty_like(x)
        def work():
            time.sleep(0.002)
            torch.relu(x + self.bias, out=out) if False else out.copy_(torch.relu(x + self.bias))
        threading.Thread(target=work).start()
        return out
"""
)


# It never writes its output, and hopes for the previous one in the allocator's hands.
STALE = (
    HEAD
    + """
    def forward(self, x):
        if 'calls' not in self.cache:
            self.cache['calls'] = 0
        self.cache['calls'] += 1
        if self.cache['calls'] <= 3:
            return torch.relu(x + self.bias)
        return torch.empty_like(x)
"""
)
LEAVES_THREADS = (
    HEAD
    + """
    def forward(self, x):
        import threading
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        return torch.relu(x + self.bias)
"""
)
WORKS_ON = (
    HEAD
    + """
    def forward(self, x):
        import threading
        if not self.cache:
            self.cache['thread'] = threading.Thread(target=self.spin, daemon=True)
            self.cache['thread'].start()
        return torch.relu(x + self.bias)

    def spin(self):
        big = torch.ones(1 << 22)
        while True:
            big.add_(1)
"""
)
LAZY = (
    HEAD
    + """
class Later(torch.Tensor):
    pass

ModelNew.forward = lambda self, x: torch.relu(x + self.bias).as_subclass(Later)
"""
)


@pytest.mark.parametrize(
    ("source", "checks"),
    [
        (LATER, {"late_write", "timed_value"}),
        (LEAVES_THREADS, {"extra_thread"}),
        (WORKS_ON, {"works_on"}),
        (LAZY, {"lazy_output"}),
    ],
    ids=["later", "threads", "works_on", "lazy"],
)
def test_work_outside_the_clock(
    config: Config, write: Callable[..., dict[str, Path]], source: str, checks: set[str]
) -> None:
    found = run(config, write(cheat=source))
    assert not found.measurements
    assert found.failures["cheat"].status in (Status.REJECTED, Status.WRONG_VALUE)
    assert found.failures["cheat"].check in checks


@pytest.mark.parametrize("source", [CACHES, FINGERPRINTS, STALE], ids=["by_id", "by_hash", "stale"])
def test_outputs_of_timed_calls_are_judged(
    config: Config, write: Callable[..., dict[str, Path]], source: str
) -> None:
    found = run(config, write(cheat=source))
    assert not found.measurements
    assert found.failures["cheat"].status is Status.WRONG_VALUE
    assert found.failures["cheat"].check == "timed_value"


FAKE_CLOCK = (
    HEAD
    + """
import kernelwright.verify.timing.child.worker as worker
real = worker._now_ns
state = {'hidden': 0}
worker._now_ns = time.perf_counter_ns = time.perf_counter = lambda: real() - state['hidden']
ModelNew.forward = lambda self, x: slowly(self, x)
def slowly(self, x):
    began = real()
    while real() - began < 5_000_000:
        pass
    out = torch.relu(x + self.bias)
    state['hidden'] += real() - began - 20_000
    return out
"""
)
SLOWS_THE_REFERENCE = (
    HONEST
    + """
relu = torch.relu
def slowly(x):
    time.sleep(0.01)
    return relu(x)
torch.relu = slowly
"""
)


def test_a_replaced_clock_is_noticed(config: Config, write: Callable[..., dict[str, Path]]) -> None:
    found = run(config, write(cheat=FAKE_CLOCK))
    claimed = found.measurements.get("cheat")
    if claimed is not None and claimed.environment["crowded"]:
        assert claimed.speedup_low <= 1.0  # a delay convicts nobody there, and gains nothing
        return
    assert found.failures["cheat"].status is Status.REJECTED
    assert found.failures["cheat"].check == "clock"


def test_a_slowed_reference_is_noticed(
    config: Config, write: Callable[..., dict[str, Path]]
) -> None:
    found = run(config, write(cheat=SLOWS_THE_REFERENCE, honest=HONEST))
    assert "honest" in found.measurements, found.failures
    claimed = found.measurements.get("cheat")
    if claimed is not None and claimed.environment["crowded"]:
        assert claimed.speedup_low <= 1.0  # a delay convicts nobody there, and gains nothing
        return
    assert found.failures["cheat"].check == "disturbs_reference", found.failures


def test_bound_and_faster_than_light(config: Config, write: Callable[..., dict[str, Path]]) -> None:
    peaks = Peaks("test", ((0, 1e9),), {"float32": 1e12}, last_level_bytes=1 << 30)
    candidates = write(honest=HONEST)
    found = run(config, candidates, limit=Limit(1000, 1000.0, "float32", peaks))
    measured = found.measurements["honest"]
    assert measured.bound_us == pytest.approx(1.0)
    assert measured.bound_percent == pytest.approx(100 / measured.candidate_us)
    assert not found.flagged
    # a bound that nothing can keep: judged again while a cache could explain it, refused beyond
    found = run(config, candidates, limit=Limit(1 << 31, 0.0, "float32", peaks))
    measured = found.measurements["honest"]
    assert found.flagged == ("honest",)
    assert measured.bound_us is not None and measured.candidate_us < measured.bound_us
    assert measured.bound_percent is None
    assert any("stays in a cache" in note for note in found.notes)
    small = replace(peaks, last_level_bytes=1 << 20)
    found = run(config, candidates, limit=Limit(1 << 31, 0.0, "float32", small))
    assert found.failures["honest"].check == "faster_than_light"
    assert not found.measurements


def test_too_fast_and_wrong_when_alone(
    config: Config, write: Callable[..., dict[str, Path]]
) -> None:
    peaks = Peaks("test", ((0, 1e9),), {"float32": 1e12}, last_level_bytes=1 << 30)
    asked: list[int] = []
    again: list[str] = []

    def progress(text: str) -> None:  # after outputs have been judged: the second run
        if asked:
            again.append(text)

    def good_at_first(inputs: list[object], result: RunResult) -> Evaluation:
        asked.append(1)
        if again:
            return Evaluation(Status.WRONG_VALUE, "element_error", "off")
        return Evaluation(Status.PASSED)

    limit = Limit(1 << 31, 0.0, "float32", peaks)
    candidates = write(cheat=HONEST)
    found = run(config, candidates, limit=limit, judge=good_at_first, on_progress=progress)
    assert not found.measurements
    assert found.failures["cheat"].check == "faster_than_light"
    assert "timed_element_error" in found.failures["cheat"].reason


def test_warm_times_alone(config: Config, write: Callable[..., dict[str, Path]]) -> None:
    measured = run(config, write(honest=HONEST), cold=False).measurements["honest"]
    assert not measured.cold
    assert measured.warm_us["candidate"] == measured.candidate_us


def test_broken_references_and_names(config: Config, write: Callable[..., dict[str, Path]]) -> None:
    candidates = write(honest=HONEST)
    for source in (
        REFERENCE.replace("return torch.relu(x + self.bias)", "raise ValueError('bad')"),
        "class Model(\n",
    ):
        with pytest.raises(ReferenceBroken):
            profile(replace(SPEC, source=source), candidates, SETS, DEVICE, config, state=STATE)
    found = run(config, candidates, baselines=("cudagraph",))  # what cannot exist is told
    assert "CUDA device" in found.baseline_failures["cudagraph"] and found.measurements
    with pytest.raises(UnknownNameError, match="compile"):
        run(config, candidates, baselines=("compiled",))
    with pytest.raises(ValueError, match="eager"):
        run(config, {"eager": candidates["honest"]})


def test_ranking(config: Config, write: Callable[..., dict[str, Path]]) -> None:
    files = write(slow=SLOW, crashes=CRASHES, honest=HONEST, raises=RAISES)
    ranked = quick_rank(SPEC, files, SETS, DEVICE, config, state=STATE, rounds=3)
    assert list(ranked)[:2] == ["honest", "slow"]
    assert ranked["slow"] > 5000
    assert ranked["raises"] == ranked["crashes"] == float("inf")


def test_prepare_is_timed_apart(config: Config, write: Callable[..., dict[str, Path]]) -> None:
    packs = HONEST + "    def prepare(self): time.sleep(0.01)\n"
    measured = run(config, write(packs=packs)).measurements["packs"]
    assert measured.prepare_us is not None and measured.prepare_us > 10_000
    assert measured.candidate_us < measured.prepare_us


@pytest.mark.heavy
def test_compiled_baselines(config: Config, write: Callable[..., dict[str, Path]]) -> None:
    found = run(config, write(honest=HONEST), baselines=("all",))
    assert not found.baseline_failures
    measured = found.measurements["honest"]
    assert set(measured.baselines_us) == {"eager", "compile", "max-autotune"}
    assert measured.speedup_best <= measured.speedup * 1.0000001
