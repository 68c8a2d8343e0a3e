"""Evolution end to end: the builtin compiler's settings, a model's kernels, cut off and resumed."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import pytest

from kernelwright.config import resolve
from kernelwright.devices import DevicePool
from kernelwright.llm import Limits
from kernelwright.schema import Status
from kernelwright.search import PopulationSettings
from kernelwright.task.agent_settings import AgentSettings
from kernelwright.task.evolution import Plan
from kernelwright.task.evolve import Evolved, evolve_file
from kernelwright.task.evolve_coroutines import adaptive_search, evolve
from kernelwright.task.task_config import load_config
from kernelwright.task.task_pool import TaskPool
from kernelwright.testing.model_server import ModelServer, Refuse, Reply, Say

pytest.importorskip("openai")

KEY = "sk-a-key-that-nobody-may-see"
SOURCE = """import numpy as np

class Model:
    def __call__(self, x):
        return x / (1 + np.exp(-1.5 * x))

def get_inputs():
    return [np.random.standard_normal((137, 529)).astype(np.float32)]

def get_init_inputs():
    return []
"""
HEAD = "import numpy as np\n\n\ndef kernel(x):\n"
SLOW = (
    HEAD
    + "    for _ in range(6):\n        y = x / (1 + np.exp(x * np.float32(-1.5)))\n    return y\n"
)
RIGHT = HEAD + "    return x / (1 + np.exp(x * np.float32(-1.5)))\n"
WRONG = HEAD + "    return x / (1 + np.exp(x * np.float32(-1.4)))\n"


def say(text: str) -> Say:
    return Say(f"```python\n{text}```")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KERNELWRIGHT_JUDGE_LAWS", "0")
    monkeypatch.setenv("KERNELWRIGHT_JUDGE_SEEDS", "1")
    monkeypatch.setenv("KERNELWRIGHT_TIMING_BUDGET_S", "0.2")
    monkeypatch.setenv("KERNELWRIGHT_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("MY_API_KEY", KEY)
    (tmp_path / "swish.py").write_text(SOURCE)
    (tmp_path / "slow.py").write_text(SLOW)


def serve(tmp_path: Path, replies: list[Reply]) -> ModelServer:
    server = ModelServer(replies, key=KEY)
    preset = {"api_base": server.base_url, "model": "m-1", "api_key_env": "MY_API_KEY"}
    (tmp_path / "presets.yaml").write_text(json.dumps({"mine": preset}))
    return server


def by_model(tmp_path: Path, rounds: int, limits: Limits | None = None) -> Evolved:
    settings = AgentSettings(
        coder="mine", presets=str(tmp_path / "presets.yaml"), style="rewrite",
        limits=limits or Limits(),
    )  # fmt: skip
    plan = Plan(rounds, 1, builtin=False)
    return evolve_file(
        tmp_path / "swish.py", plan, settings=settings, out=tmp_path / "out",
        given=(tmp_path / "slow.py",), backend="cpu", impl_type="cpp", config=resolve(),
    )  # fmt: skip


@pytest.mark.heavy
def test_a_model_makes_a_kernel_faster_and_a_cut_off_search_goes_on(tmp_path: Path) -> None:
    with serve(tmp_path, [say(WRONG), Refuse(401, "no money")]) as server:
        first = by_model(tmp_path, 2)
        assert len(server.asked) == 2
    assert first.search is not None and "401" in first.search.stopped
    assert first.status is Status.PASSED  # the start
    prompt = str(server.asked[0].body["messages"][-1]["content"])
    assert "This kernel is right" in prompt and "faster" in prompt
    assert '"bound_us"' in prompt and '"percent_of_bound"' in prompt
    assert '"status": "WRONG_VALUE"' in str(server.asked[1].body["messages"][-1]["content"])

    # The same command again: the first answer is not asked for again, nor judged.
    with serve(tmp_path, [say(RIGHT), say(RIGHT), say(RIGHT)]) as server:
        again = by_model(tmp_path, 1)
        assert len(server.asked) == 1
    search = again.search
    assert search is not None and search.stopped == ""
    assert [(t.individual.kind, t.evaluation.passed) for t in search.tried.values()] == [
        ("given", True), ("model mutation", False), ("model fix", True),
    ]  # fmt: skip
    assert search.best is not None and search.best.candidate is not None
    assert search.best.candidate.source == RIGHT
    assert search.best.individual.cost < 0.6
    assert again.result.best.candidate is not None
    assert again.result.best.candidate.source == RIGHT
    assert "graph TD" in (tmp_path / "out" / "lineage.mmd").read_text()
    for path in (p for p in tmp_path.rglob("*") if p.is_file()):
        assert KEY.encode() not in path.read_bytes(), path


@pytest.mark.heavy
def test_builtin_settings_evolve_and_are_never_below_their_start(tmp_path: Path) -> None:
    plan = Plan(2, 3, poor=True, population=PopulationSettings(islands=2, migration_interval=1))
    options: dict[str, Any] = {
        "out": tmp_path / "out", "backend": "cpu", "impl_type": "cpp", "config": resolve(),
    }  # fmt: skip
    found = evolve_file(tmp_path / "swish.py", plan, **options)
    assert found and found.search is not None and found.search.best is not None
    assert found.search.best.individual.cost <= 1.0
    told = dict(found.search.population.told)
    again = evolve_file(tmp_path / "swish.py", plan, **options)
    assert again.search is not None and again.search.population.told == told


@pytest.mark.heavy
def test_the_coroutines_give_what_scripts_read(tmp_path: Path) -> None:
    config = {**load_config(), "evolve_dir": str(tmp_path / "store")}
    arguments: tuple[Any, ...] = ("swish", SOURCE, "cpp", "numpy", "cpu", "x86_64", config)

    async def both() -> tuple[dict[str, Any], dict[str, Any]]:
        pools = (TaskPool(2), DevicePool([0]))
        first = await evolve(*arguments, *pools, max_rounds=1, parallel_num=2)
        other = await adaptive_search(
            *arguments, max_concurrent=2, max_total_tasks=2, storage_dir=tmp_path / "adaptive"
        )
        return first, other

    found, other = asyncio.run(both())
    assert found["total_rounds"] == 2 and found["successful_tasks"] == found["total_tasks"] > 1
    assert found["best_implementations"][0]["impl_code"]
    assert found["round_results"][0]["success_rate"] == 1.0
    assert list(Path(found["storage_dir"]).glob("impl_*_*.json"))
    assert other["total_submitted"] == other["total_success"] + other["total_failed"]
    assert other["lineage_graph"].startswith("graph TD") and math.isfinite(other["elapsed_time"])
