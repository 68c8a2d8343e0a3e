"""Tune there: judges and tunes what a plan holds, with no capture and no scheduler."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelwright.backends import BACKENDS, check_combination
from kernelwright.config import Config, resolve
from kernelwright.errors import UsageError
from kernelwright.graph.core import Graph
from kernelwright.store import Store
from kernelwright.task.making import Designs
from kernelwright.task.optimization import Optimization
from kernelwright.task.options import Options
from kernelwright.task.output import check_writable
from kernelwright.task.plan_folder import Planned, read_plan, read_workload
from kernelwright.task.progress import Observer, Silent
from kernelwright.task.result import OptimizeResult
from kernelwright.task.session import Session
from kernelwright.task.stopwatch import Stopwatch

OUT = "tuned"  # in the plan's folder


@dataclass(frozen=True)
class FromPlan:
    """The designs of a plan; they were checked where they were made."""

    planned: Planned

    def designs(
        self, session: Session, watch: Stopwatch, *, right: Collection[str] | None
    ) -> Designs:
        with watch.stage("describe"):
            session.reference.describe()  # says what is wrong with the task, if anything is
        return Designs(self.planned.designs, self.planned.note, self.planned.algebra)

    def simplified(self) -> Graph | None:
        return self.planned.simplified


def workloads(folder: str | Path, shard: str = "1/1") -> list[Path]:
    """The workload folders of the plan in ``folder`` that belong to ``shard`` ("2/4": every fourth
    from the second). Raises UsageError for a bad folder or shard."""
    index, count = parse_shard(shard)
    plan = read_plan(Path(folder))
    if not plan.workloads:
        raise UsageError(f"the plan in {folder} holds no workloads: none could be planned")
    return list(plan.workloads[index - 1 :: count])


def parse_shard(text: str) -> tuple[int, int]:
    """(i, n) of "i/n", 1 <= i <= n; raises UsageError."""
    match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
    index, count = (int(g) for g in match.groups()) if match else (0, 0)
    if not 1 <= index <= count:
        raise UsageError(f"--shard must be i/n with i from 1 to n, such as 2/4, not {text!r}")
    return index, count


def tune_workload(
    folder: str | Path,
    *,
    out: str | Path,
    impl_type: str = "auto",
    effort: str = "quick",
    baselines: Sequence[str] = ("eager",),
    budget_s: float | None = None,
    timing_s: float | None = None,
    fresh: bool = False,
    keep_tuning: bool = False,
    task_type: str = "profile",
    observer: Observer | None = None,
    config: Config | None = None,
) -> OptimizeResult:
    """Judges, tunes and measures one workload folder of a plan; as ``optimize_file`` from there on.

    Raises UsageError for a damaged folder, wrong arguments, and an impl_type that was not planned.
    """
    planned = read_workload(Path(folder))
    target = planned.spec.target
    options: dict[str, Any] = {
        "framework": planned.spec.framework, "backend": target.backend, "arch": target.arch,
        "impl_type": impl_type, "effort": effort, "baselines": tuple(baselines),
        "budget_s": budget_s, "timing_s": timing_s, "fresh": fresh, "keep_tuning": keep_tuning,
        "task_type": task_type,
    }  # fmt: skip
    settings = Options(**options)
    if impl_type != "auto" and impl_type not in planned.impl_types:
        raise UsageError(
            f"{folder} was not planned for impl_type {impl_type}; it has: "
            + ", ".join(planned.impl_types)
        )
    check_combination(planned.spec.framework, target.backend, target.arch, impl_type)
    if impl_type == "auto" and len(planned.impl_types) == 1:
        impl_type = planned.impl_types[0]
    spec = dataclasses.replace(planned.spec, impl_type=impl_type, task_type=task_type)
    check_writable(Path(out))
    settled = config if config is not None else resolve()
    with Store(settled.state_dir / "runs.db") as store:
        job = Optimization(
            spec, Path(out), settings, settled, store, observer or Silent(),
            source=FromPlan(planned), asked={"plan": planned.digest},
        )  # fmt: skip
        job.notes.extend(_foreign(planned))
        return job.run()


def _foreign(planned: Planned) -> list[str]:
    """Whether this machine is another than the one that the plan was made for."""
    target = planned.spec.target
    here = BACKENDS.get(target.backend)
    if not here.devices() or here.default_arch() == target.arch:
        return []
    return [f"planned for {target}, tuned on {target.backend}:{here.default_arch()}"]
