"""The main job: a task file in, the fastest verified kernel out, never slower than before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kernelwright.config import Config, resolve
from kernelwright.errors import KernelwrightError
from kernelwright.store import Store
from kernelwright.task.agent_work import AgentPlan, check_models
from kernelwright.task.identity import versions
from kernelwright.task.optimization import Interrupted, Optimization
from kernelwright.task.options import EFFORTS, Options
from kernelwright.task.output import check_writable, default_out
from kernelwright.task.progress import Observer, Silent
from kernelwright.task.resolve import make_spec, read_source
from kernelwright.task.result import OptimizeResult

__all__ = [
    "EFFORTS",
    "Interrupted",
    "KernelwrightError",
    "Optimization",
    "Options",
    "optimize_file",
    "versions",
]


def optimize_file(
    path: str | Path,
    *,
    out: str | Path | None = None,
    observer: Observer | None = None,
    config: Config | None = None,
    agents: AgentPlan | None = None,
    **options: Any,
) -> OptimizeResult:
    """Optimises the Model in ``path``; keyword options are those of ``Options``. With ``agents``
    models make a kernel too, which is judged and measured beside the builtin ones.

    Writes the result's folder (``out``, default ``kernelwright-out/<op>-<hash>``) and returns the
    OptimizeResult, whose truth value says whether a verified candidate exists. Raises UsageError
    for wrong arguments; a broken task comes back as status REFERENCE_BROKEN.
    """
    settings = Options(**options)
    source_path = Path(path)
    source = read_source(source_path)
    spec = make_spec(
        source_path.stem,
        source,
        path=str(source_path),
        framework=settings.framework,
        backend=settings.backend,
        arch=settings.arch,
        impl_type=settings.impl_type,
        task_type=settings.task_type,
    )
    if agents is not None:
        check_models(agents)
        agents.impl_type(spec)
    folder = Path(out) if out is not None else default_out(spec)
    check_writable(folder)
    settled = config if config is not None else resolve()
    with Store(settled.state_dir / "runs.db") as store:
        job = Optimization(
            spec, folder, settings, settled, store, observer or Silent(), agents=agents
        )
        return job.run()
