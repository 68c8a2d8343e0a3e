"""``evolve`` and ``adaptive_search``: the reference system's coroutines, on the population search.

Arguments and keys of the results are theirs; both pools may stand in either order. What is found is
verified and measured like everything else; without a model in ``config`` the builtin compiler
proposes.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernelwright.agents.conversation import hints_text
from kernelwright.config import resolve
from kernelwright.devices import DevicePool
from kernelwright.errors import UsageError
from kernelwright.schema import TaskSpec
from kernelwright.search import PopulationSettings
from kernelwright.task.agent_settings import settings_of
from kernelwright.task.combination import check_task_config, normal_name
from kernelwright.task.evolution import Plan
from kernelwright.task.evolution_record import Tried
from kernelwright.task.evolve import Evolved, evolve_spec, implementation, implementations
from kernelwright.task.identity import digest
from kernelwright.task.output import write_file
from kernelwright.task.progress import Silent
from kernelwright.task.resolve import make_spec
from kernelwright.task.steps import device_index
from kernelwright.task.task_pool import TaskPool
from kernelwright.task.trace import file_name

log = logging.getLogger(__name__)
STORAGE = "~/aikg_evolve"
BEST = 5  # implementations that a result lists


async def evolve(
    op_name: str,
    task_desc: str,
    dsl: str,
    framework: str,
    backend: str,
    arch: str,
    config: Mapping[str, Any],
    *pools: DevicePool | TaskPool | None,
    task_pool: TaskPool | None = None,
    device_pool: DevicePool | None = None,
    max_rounds: int = 1,
    parallel_num: int = 1,
    num_islands: int = 1,
    migration_interval: int = 0,
    elite_size: int = 0,
    parent_selection_prob: float = 0.5,
    handwrite_decay_rate: float = 2.0,
) -> dict[str, Any]:
    """``max_rounds`` rounds of ``parallel_num`` kernels. The dict has op_name, total_rounds,
    total_tasks, successful_tasks, rates, best_implementations (the five fastest), round_results and
    folders. Raises ValueError for a combination that does not exist."""
    found = _device_pool(pools, task_pool, device_pool)
    plan = Plan(
        rounds=max(max_rounds, 0),
        parallel=max(parallel_num, 1),
        population=PopulationSettings(
            num_islands, migration_interval, elite_size, 1 - parent_selection_prob
        ),
    )
    spec = _spec(op_name, task_desc, dsl, framework, backend, arch)
    out = _storage(spec, dsl, config, None)
    evolved = await _run(spec, plan, config, out, found)
    return {**_head(spec, dsl), **_rounds(evolved), **_folders(out, config)}


async def adaptive_search(
    op_name: str,
    task_desc: str,
    dsl: str,
    framework: str,
    backend: str,
    arch: str,
    config: Mapping[str, Any],
    max_concurrent: int | None = None,
    initial_task_count: int | None = None,
    tasks_per_parent: int | None = None,
    max_total_tasks: int | None = None,
    exploration_coef: float | None = None,
    random_factor: float | None = None,
    use_softmax: bool | None = None,
    softmax_temperature: float | None = None,
    inspiration_sample_num: int | None = None,
    use_tiered_sampling: bool | None = None,
    handwrite_sample_num: int | None = None,
    handwrite_decay_rate: float | None = None,
    use_evolution_controller: bool | None = None,
    storage_dir: str | Path | None = None,
    search_config_path: str | Path | None = None,
    *,
    device_pool: DevicePool | None = None,
) -> dict[str, Any]:
    """At most ``max_total_tasks`` kernels (100 when None), ``max_concurrent`` at a time (8).

    Parents are chosen by upper confidence bounds with ``exploration_coef``; the other sampling
    settings are accepted and have no effect. The dict has the counts, stop_reason,
    best_implementations, folders and lineage_graph (Mermaid).
    """
    began = time.monotonic()
    parallel, total = max(max_concurrent or 8, 1), max(max_total_tasks or 100, 1)
    plan = Plan(
        rounds=math.ceil(total / parallel),
        parallel=parallel,
        population=PopulationSettings(
            exploration=1.414 if exploration_coef is None else exploration_coef
        ),
    )
    spec = _spec(op_name, task_desc, dsl, framework, backend, arch)
    out = _storage(spec, dsl, config, storage_dir)
    evolved = await _run(spec, plan, config, out, device_pool)
    search = evolved.search
    tried = [] if search is None else list(search.tried.values())
    right = [t for t in tried if t.individual.right]
    stopped = evolved.result.best.evaluation.reason if search is None else search.stopped
    return {
        **_head(spec, dsl),
        "total_submitted": len(tried),
        "total_success": len(right),
        "total_failed": len(tried) - len(right),
        "success_rate": len(right) / len(tried) if tried else 0.0,
        "elapsed_time": time.monotonic() - began,
        "stop_reason": stopped or "the rounds are over",
        "best_implementations": _best(evolved),
        "lineage_graph": "" if search is None else search.population.mermaid(),
        **_folders(out, config),
    }


def _device_pool(pools: tuple[Any, ...], task_pool: Any, device_pool: Any) -> DevicePool | None:
    """Two pools in whichever order (it has changed once), by position or name."""
    given = [p for p in (*pools, task_pool, device_pool) if p is not None]
    strange = [p for p in given if not isinstance(p, DevicePool | TaskPool)]
    if strange:
        raise UsageError(f"evolve takes a DevicePool and a TaskPool, not {strange[0]!r}")
    return next((p for p in given if isinstance(p, DevicePool)), None)


def _spec(
    op_name: str, task_desc: str, dsl: str, framework: str, backend: str, arch: str
) -> TaskSpec:
    names = [normal_name(name) for name in (framework, backend)]
    impl_type = normal_name(dsl or "auto")
    check_task_config(names[0], names[1], arch, impl_type, option="dsl")
    return make_spec(
        op_name, task_desc, framework=names[0], backend=names[1], arch=arch, impl_type=impl_type
    )


def _storage(spec: TaskSpec, dsl: str, config: Mapping[str, Any], given: str | Path | None) -> Path:
    """A folder for each load_config(), as its log_dir is."""
    if given is not None:
        return Path(given).expanduser()
    target = spec.target
    name = f"{spec.op_name}_{dsl}_{spec.framework}_{target.backend}_{target.arch}"
    parent = Path(str(config.get("evolve_dir") or STORAGE)).expanduser()
    return parent / file_name(name) / digest(str(config.get("log_dir", "")))[:8]


async def _run(
    spec: TaskSpec,
    plan: Plan,
    config: Mapping[str, Any],
    out: Path,
    pool: DevicePool | None,
) -> Evolved:
    """The search in a thread, on a device of the pool."""
    settings = settings_of(config, spec.impl_type)
    hints = hints_text(config.get("meta_prompts"))
    ours = resolve()

    def work(device: int) -> Evolved:
        return evolve_spec(
            spec, plan, out, settings=settings, device=device_index(spec, device), hints=hints,
            observer=Silent(), config=ours,
        )  # fmt: skip

    async with (pool or DevicePool([0])).lease() as device:
        evolved = await asyncio.to_thread(work, device)
    for tried in [] if evolved.search is None else evolved.search.tried.values():
        path = out / f"impl_{tried.round}_{tried.slot}.json"
        write_file(path, json.dumps(implementation(tried), indent=1).encode())
    return evolved


def _head(spec: TaskSpec, dsl: str) -> dict[str, Any]:
    return {
        "op_name": spec.op_name,
        "implementation_type": dsl,
        "framework": spec.framework,
        "backend": spec.target.backend,
        "architecture": spec.target.arch,
    }


def _rounds(evolved: Evolved) -> dict[str, Any]:
    rounds = [] if evolved.search is None else [_round(i, r) for i, r in _numbered(evolved)]
    total = sum(r["total_tasks"] for r in rounds)
    right = sum(r["successful_tasks"] for r in rounds)
    islands = {} if evolved.search is None else _islands(evolved)
    return {
        "total_rounds": len(rounds),
        "total_tasks": total,
        "successful_tasks": right,
        "final_success_rate": right / total if total else 0.0,
        "best_success_rate": max((r["success_rate"] for r in rounds), default=0.0),
        "best_implementations": _best(evolved),
        "round_results": rounds,
        "island_info": islands,
        "error": "" if evolved else evolved.result.best.evaluation.reason,
    }


def _numbered(evolved: Evolved) -> list[tuple[int, list[Tried]]]:
    assert evolved.search is not None
    return list(enumerate(evolved.search.rounds))


def _round(number: int, tried: list[Tried]) -> dict[str, Any]:
    right = [t for t in tried if t.individual.right]
    return {
        "round": number,
        "total_tasks": len(tried),
        "successful_tasks": len(right),
        "success_rate": len(right) / len(tried) if tried else 0.0,
        "implementations": [implementation(t) for t in right],
    }


def _islands(evolved: Evolved) -> dict[str, Any]:
    assert evolved.search is not None
    population = evolved.search.population
    count = population.settings.islands
    return {
        "num_islands": count,
        "members": {k: [i.name for i in population.members(k)] for k in range(count)},
    }


def _best(evolved: Evolved) -> list[dict[str, Any]]:
    """The fastest, the best of them with its measurement."""
    if evolved.search is None:
        return []
    found = [dict(one) for one in implementations(evolved.search, BEST)]
    attempts = {a.candidate.hash(): a for a in evolved.result.attempts if a.candidate is not None}
    for one in found:
        attempt = attempts.get(str(one["id"]))
        if attempt is not None and attempt.measurement is not None:
            one["profile"] = dataclasses.asdict(
                dataclasses.replace(attempt.measurement, samples_us={})
            )
    return found


def _folders(out: Path, config: Mapping[str, Any]) -> dict[str, str]:
    return {
        "storage_dir": str(out),
        "task_folder": str(out),
        "log_dir": str(config.get("log_dir", out)),
    }
