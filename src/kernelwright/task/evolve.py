"""``evolve_file``: the population search from a file to a verified kernel."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelwright.agents.llm_coder import LlmCoder, can_code
from kernelwright.config import Config, resolve
from kernelwright.errors import (
    CaptureError,
    DesignError,
    ReferenceBroken,
    UnsupportedError,
    UsageError,
)
from kernelwright.llm import Limits
from kernelwright.schema import Status, TaskSpec
from kernelwright.store import Store
from kernelwright.task.agent_settings import BUILTIN, AgentSettings
from kernelwright.task.agent_work import set_aside
from kernelwright.task.cast import Cast, open_cast
from kernelwright.task.evolution import Evolution, Plan
from kernelwright.task.evolution_record import EvolutionRecord, Tried
from kernelwright.task.identity import run_key
from kernelwright.task.judge import load_candidate
from kernelwright.task.making import check_all
from kernelwright.task.measurement import baseline_note, timed
from kernelwright.task.output import (
    check_writable,
    default_out,
    write_candidate,
    write_file,
    write_result,
)
from kernelwright.task.progress import Observer, Silent
from kernelwright.task.resolve import impl_types_to_try, make_spec, read_source
from kernelwright.task.result import (
    Attempt,
    OptimizeResult,
    WithResult,
    failed,
    fastest,
    what_to_return,
)
from kernelwright.task.schedule_genes import ScheduleGenes
from kernelwright.task.session import Session


@dataclass(frozen=True)
class Evolved(WithResult):
    """``result`` as of the main job (the best kernel, measured beside the start); ``search`` has
    the whole population."""

    search: Evolution | None = None

    def to_json(self) -> dict[str, Any]:
        """The main job's object, with "evolution": what was tried and how it went."""
        return {**self.result.to_json(), "evolution": summary(self.search)}


def summary(search: Evolution | None) -> dict[str, Any]:
    if search is None:
        return {}
    tried = list(search.tried.values())
    right = [t for t in tried if t.individual.right]
    best = search.best
    return {
        "rounds": len(search.rounds),
        "tried": len(tried),
        "right": len(right),
        "best": None if best is None else best.individual.name,
        "best_over_start": None if best is None else 1 / best.individual.cost,
        "kinds": _kinds(tried),
        "stopped": search.stopped,
        "used": search.budget.spent.text(search.budget.prices.currency),
    }


def _kinds(tried: list[Tried]) -> dict[str, list[int]]:
    """Kind -> [tried, right]."""
    out: dict[str, list[int]] = {}
    for one in tried:
        row = out.setdefault(one.individual.kind, [0, 0])
        row[0] += 1
        row[1] += one.individual.right
    return out


def evolve_file(
    path: str | Path,
    plan: Plan | None = None,
    *,
    settings: AgentSettings | None = None,
    out: str | Path | None = None,
    given: tuple[str | Path, ...] = (),
    framework: str = "auto",
    backend: str = "auto",
    arch: str = "auto",
    impl_type: str = "auto",
    baselines: tuple[str, ...] = ("eager",),
    fresh: bool = False,
    observer: Observer | None = None,
    config: Config | None = None,
) -> Evolved:
    """Searches for a kernel of the Model in ``path``. ``settings`` with a model for the Coder has
    it propose; ``given`` are kernel files to start from. The same call goes on where an earlier one
    was cut off. Raises UsageError."""
    source_path = Path(path)
    spec = make_spec(
        source_path.stem, read_source(source_path), path=str(source_path), framework=framework,
        backend=backend, arch=arch, impl_type=impl_type,
    )  # fmt: skip
    folder = (
        Path(out)
        if out is not None
        else default_out(spec).with_name(f"{spec.op_name}-{spec.key()[:8]}-evolved")
    )
    return evolve_spec(
        spec, plan or Plan(), folder, settings=settings or AgentSettings(), given=given,
        baselines=baselines, fresh=fresh, observer=observer or Silent(), config=config or resolve(),
    )  # fmt: skip


def evolve_spec(
    spec: TaskSpec,
    plan: Plan,
    out: Path,
    *,
    settings: AgentSettings,
    given: tuple[str | Path, ...] = (),
    baselines: tuple[str, ...] = ("eager",),
    fresh: bool = False,
    hints: str = "",
    device: int = 0,
    observer: Observer,
    config: Config,
) -> Evolved:
    """As ``evolve_file``, of a task that is settled, on the ``device`` of that index."""
    check_writable(out)
    has_model = settings.coder != BUILTIN
    candidates = tuple(load_candidate(Path(p), spec.impl_type) for p in given)
    if not has_model and not plan.builtin:
        raise UsageError("nobody is there to propose kernels: give a model, or let the builtin do")
    # What may be spent is not what is searched: with more of it the search goes on.
    unlimited = dataclasses.replace(settings, limits=Limits(), prices="")
    asked = {
        "what": "evolution",
        "plan": dataclasses.asdict(dataclasses.replace(plan, rounds=0, wall_s=None)),
        "agents": unlimited.to_dict(), "given": [c.hash() for c in candidates], "hints": hints,
        "out": str(out.resolve()),
    }  # fmt: skip
    try:
        with ExitStack() as stack:
            store = stack.enter_context(Store(config.state_dir / "runs.db"))
            cast = _cast(settings, out, config, fresh) if has_model else None
            if cast is not None:
                stack.callback(cast.close)
            session = stack.enter_context(
                Session(
                    spec, config, observer=observer, reproducers=out / "failures", device=device
                )
            )
            session.reference.describe()
            key = run_key(spec, config, asked, device)
            record = EvolutionRecord(store, key, spec.op_name, out, fresh=fresh)
            search = _search(session, plan, record, observer, cast, candidates, hints)
            search.run()
            return _finished(session, search, out, baselines, observer)
    except ReferenceBroken as broken:
        return Evolved(
            failed(spec.op_name, out, Status.REFERENCE_BROKEN, broken.check, str(broken))
        )
    except (UnsupportedError, CaptureError) as lacking:
        return Evolved(failed(spec.op_name, out, Status.USAGE_ERROR, "unsupported", str(lacking)))


def _cast(settings: AgentSettings, out: Path, config: Config, fresh: bool) -> Cast:
    if fresh:
        set_aside(out / "llm.jsonl")
    return open_cast(settings, out, config.state_dir, resume=not fresh)


def _search(
    session: Session,
    plan: Plan,
    record: EvolutionRecord,
    observer: Observer,
    cast: Cast | None,
    given: tuple[Any, ...],
    hints: str,
) -> Evolution:
    names = [n for n in impl_types_to_try(session.spec) if session.native(n)]
    if not names:
        raise UnsupportedError(
            "this machine has no device that runs such kernels, so they cannot be compared"
        )
    genes: ScheduleGenes | None = None
    try:
        first = session.design()
        designs = check_all(session, first, session.alternatives(first))
        genes = ScheduleGenes(designs.all, names)
    except (CaptureError, UnsupportedError, DesignError) as lacking:
        if cast is None:
            raise
        observer.note(f"no builtin kernels: {lacking}")
    coder = None if cast is None else cast.agents.coder(session)
    rewrite = cast is not None and cast.settings.style == "rewrite"
    written = names[0] if rewrite else next((n for n in names if can_code(n)), names[0])
    return Evolution(
        session, plan, record, observer, genes=genes,
        coder=coder if isinstance(coder, LlmCoder) else None,
        budget=None if cast is None else cast.budget, given=given, impl_type=written, hints=hints,
    )  # fmt: skip


def _finished(
    session: Session,
    search: Evolution,
    out: Path,
    baselines: tuple[str, ...],
    observer: Observer,
) -> Evolved:
    """The best and the start, measured at length, and everything written."""
    spec = session.spec
    write_file(out / "lineage.mmd", search.population.mermaid().encode())
    best = search.best
    if best is None or best.candidate is None:
        tried = [t for t in search.tried.values() if not t.evaluation.passed]
        why = tried[-1].evaluation if tried else None
        result = failed(
            spec.op_name, out, why.status if why else Status.INFRA_ERROR,
            (why.check or "") if why else "evolution",
            f"none of {len(search.tried)} kernels is right; {search.stopped}"
            + (f"; the last: {why.reason}" if why else ""),
        )  # fmt: skip
        return Evolved(result, search)
    chosen = {"best": best}
    if (start := search.anchor) is not None and start is not best:
        chosen["start"] = start
    observer.start("measure")
    profiled = session.measure(
        {n: t.candidate for n, t in chosen.items() if t.candidate is not None}, baselines
    )
    observer.finish()
    attempts = [
        timed(Attempt(t.candidate.impl_type, t.candidate, t.evaluation), name, profiled)
        for name, t in chosen.items()
        if t.candidate is not None
    ]
    notes = [*profiled.notes, *(baseline_note(n, t) for n, t in profiled.baseline_failures.items())]
    if search.stopped:
        notes.append(search.stopped)
    fast = fastest(tuple(attempts))  # never slower than the start
    result = OptimizeResult(
        spec.op_name, out, fast, tuple(attempts), what_to_return(fast), tuple(notes),
        context={**session.environment(), "evolution": summary(search)},
    )  # fmt: skip
    write_candidate(out, fast, True)
    write_result(out, spec, result)
    return Evolved(result, search)


def implementations(search: Evolution, most: int = 5) -> list[Mapping[str, Any]]:
    """The best kernels of a search, the fastest first, with what scripts read of them."""
    right = [t for t in search.tried.values() if t.individual.right]
    ranked = sorted(right, key=lambda t: t.individual.cost)[:most]
    return [implementation(t) for t in ranked]


def implementation(tried: Tried) -> dict[str, Any]:
    candidate = tried.candidate
    return {
        "id": tried.individual.name,
        "round": tried.round,
        "island": tried.individual.island,
        "parents": list(tried.individual.parents),
        "kind": tried.individual.kind,
        "speedup_over_start": 1 / tried.individual.cost if tried.individual.cost else None,
        "impl_code": candidate.source if candidate is not None else "",
        "impl_type": candidate.impl_type if candidate is not None else "",
        "status": str(tried.evaluation.status),
    }
