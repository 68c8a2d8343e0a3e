"""Plan here: capture, rewrite, schedule and print for a machine that need not be there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernelwright.config import Config, resolve
from kernelwright.errors import (
    CaptureError,
    CompileError,
    DesignError,
    MissingDependencyError,
    ReferenceBroken,
    UnsupportedError,
)
from kernelwright.schema import EXIT_CODES, Candidate, Status, Target, TaskSpec
from kernelwright.task.identity import versions
from kernelwright.task.making import Designs, Scheduled
from kernelwright.task.output import check_writable
from kernelwright.task.plan_folder import Planned, write_plan, write_workload
from kernelwright.task.progress import Observer, Silent
from kernelwright.task.resolve import impl_types_to_try, make_spec, read_source
from kernelwright.task.session import Session
from kernelwright.task.stopwatch import Stopwatch
from kernelwright.task.tuning_space import tuning_space


@dataclass(frozen=True)
class PlanResult:
    """What planning one workload came to. ``status`` is PASSED when its folder ``out`` is complete:
    the design was checked; no kernel has been judged yet."""

    op: str
    out: Path
    status: Status
    check: str | None = None
    reason: str = ""
    target: str = ""
    impl_types: tuple[str, ...] = ()
    printed: tuple[str, ...] = ()
    designs: int = 0
    settings: Mapping[str, int] = field(default_factory=dict)  # impl_type -> size of its space
    notes: tuple[str, ...] = ()
    stages_s: Mapping[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.status is Status.PASSED

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.status]

    def to_json(self) -> dict[str, Any]:
        return {
            "op": self.op,
            "status": "PLANNED" if self else str(self.status),
            "check": self.check,
            "reason": self.reason or None,
            "target": self.target,
            "impl_types": list(self.impl_types),
            "printed": list(self.printed),
            "designs": self.designs,
            "settings": dict(self.settings),
            "notes": list(self.notes),
            "stages_s": dict(self.stages_s),
            "out": str(self.out) if self else None,
        }


def plan_file(
    path: str | Path,
    *,
    out: str | Path,
    name: str | None = None,
    framework: str = "auto",
    backend: str = "auto",
    arch: str = "auto",
    impl_type: str = "auto",
    observer: Observer | None = None,
    config: Config | None = None,
) -> PlanResult:
    """Adds the Model in ``path`` to the plan in folder ``out``, as workload ``name`` (the file's
    stem when None).

    Raises UsageError for wrong arguments and for a folder that holds a plan for another target; a
    broken task comes back as status REFERENCE_BROKEN.
    """
    source_path, folder = Path(path), Path(out)
    spec = make_spec(
        source_path.stem, read_source(source_path), path=source_path.name, framework=framework,
        backend=backend, arch=arch, impl_type=impl_type,
    )  # fmt: skip
    check_writable(folder)
    label = name or spec.op_name
    # Said before any work when the folder holds a plan for another target.
    write_plan(folder, spec.target, [], {"versions": versions()})
    result = _planned(spec, folder / label, observer or Silent(), config or resolve())
    write_plan(folder, spec.target, [label] if result else [], {"versions": versions()})
    return result


def _planned(spec: TaskSpec, out: Path, observer: Observer, config: Config) -> PlanResult:
    watch = Stopwatch()
    try:
        observer.start("load, capture and design")
        with watch.stage("start"):
            session = Session(spec, config, observer=observer)
        with session:
            designs = Scheduled(alternatives=True).designs(session, watch, right=None)
            observer.finish()
            return _written(session, designs, out, watch, observer)
    except ReferenceBroken as broken:
        status, check, text = Status.REFERENCE_BROKEN, broken.check, str(broken)
    except DesignError as ours:
        status, check, text = Status.INFRA_ERROR, "design", str(ours)
    except (UnsupportedError, CaptureError) as lacking:
        status, check, text = Status.USAGE_ERROR, "unsupported", str(lacking)
    observer.finish(str(status))
    return PlanResult(spec.op_name, out, status, check, text, target=str(spec.target))


def _written(
    session: Session, designs: Designs, out: Path, watch: Stopwatch, observer: Observer
) -> PlanResult:
    spec, notes = session.spec, [*designs.first.notes, designs.note]
    names = impl_types_to_try(spec)
    observer.start("print " + ", ".join(names))
    printed: dict[str, Candidate] = {}
    with watch.stage("print"):
        for name in names:
            try:
                printed[name] = session.code(designs.first, name)
            except (UnsupportedError, MissingDependencyError, CompileError) as error:
                notes.append(f"{name} was not printed here: {str(error).splitlines()[0]}")
    spaces = {name: tuning_space(designs.first, name) for name in names}
    about = {
        "notes": notes,
        "spaces": {n: {"start": s.start, "choices": s.sorted} for n, s in spaces.items() if s},
        "stages_s": watch.rounded(),
        "versions": versions(),
    }
    planned = Planned(
        spec, tuple(names), designs.all, designs.note, session.simplified, session.algebra()
    )
    write_workload(out, planned, printed, about)
    observer.finish()
    return PlanResult(
        spec.op_name, out, Status.PASSED, None, "", str(spec.target), tuple(names),
        tuple(printed), len(designs.all), {n: s.size if s else 1 for n, s in spaces.items()},
        tuple(n for n in notes if n), watch.rounded(),
    )  # fmt: skip


__all__ = ["PlanResult", "Target", "plan_file"]
