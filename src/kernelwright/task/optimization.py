"""One run of the main job: designs, kernels, verdicts, tuning, times, files, record."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kernelwright.agents.record import ActionType, Record
from kernelwright.compiler.design import Design
from kernelwright.config import Config
from kernelwright.errors import (
    CaptureError,
    CompileError,
    DesignError,
    KernelwrightError,
    MissingDependencyError,
    ReferenceBroken,
    UnsupportedError,
)
from kernelwright.sandbox.fork_server import tally
from kernelwright.schema import Candidate, Evaluation, Status, TaskSpec
from kernelwright.store import Store
from kernelwright.task.agent_work import AgentPlan, agents_attempt
from kernelwright.task.identity import run_key, tuning_key, versions
from kernelwright.task.making import Designs, DesignSource, Scheduled, name_of
from kernelwright.task.measurement import (
    baseline_note,
    not_timed_note,
    profile_detail,
    profile_of,
    timed,
)
from kernelwright.task.options import Options
from kernelwright.task.output import read_candidate, write_candidate, write_result
from kernelwright.task.progress import Observer
from kernelwright.task.resolve import impl_types_to_try
from kernelwright.task.result import (
    Attempt,
    OptimizeResult,
    failed,
    fastest,
    what_to_return,
)
from kernelwright.task.session import Session
from kernelwright.task.stopwatch import Stopwatch
from kernelwright.task.tune import Tuner
from kernelwright.task.tuning_record import TuningRecord

CLEARLY_SLOWER = 1.3  # an impl_type this much behind the fastest is not tuned by --effort quick


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after there was something to keep: ``result`` is written and is not final."""

    def __init__(self, result: OptimizeResult) -> None:
        super().__init__()
        self.result = result


class Optimization:
    """One run. Every finished step is in the store; a run with the same key continues there.

    ``source`` gives the designs; ``asked`` is what else decides the outcome, for the key.
    ``agents`` make a kernel beside the builtin ones.
    """

    def __init__(
        self,
        spec: TaskSpec,
        out: Path,
        options: Options,
        config: Config,
        store: Store,
        observer: Observer,
        *,
        source: DesignSource | None = None,
        asked: Mapping[str, Any] | None = None,
        agents: AgentPlan | None = None,
    ) -> None:
        self.spec, self.out, self.options, self.config = spec, out, options, config
        self.store, self.observer = store, observer
        self.source = source or Scheduled(alternatives=options.tunes)
        apart = ("fresh", "keep_tuning")
        settled = {k: v for k, v in dataclasses.asdict(options).items() if k not in apart}
        self.agents = agents
        more = {**(asked or {}), **(agents.asked() if agents is not None else {})}
        self.key = run_key(spec, config, {**settled, **more})
        self.run_id = 0
        self.watch = Stopwatch()
        self.jobs_before = tally["jobs"]
        self.notes: list[str] = []
        self.attempts: list[Attempt] = []  # what is verified so far, for an interrupted run
        self.untuned: list[Attempt] = []  # what tuning replaced
        self.surroundings: dict[str, Any] = {}

    def run(self) -> OptimizeResult:
        """Writes the result's folder. Raises Interrupted at Ctrl-C once a kernel is verified."""
        finished = self.finished()
        if finished is not None:
            self.observer.note(f"{self.spec.op_name}: nothing has changed, taken from the record")
            return finished
        asked = {"spec": dataclasses.asdict(self.spec), "out": str(self.out)}
        self.run_id = self.store.begin(self.key, self.spec.op_name, asked)
        try:
            result = self.judged_result()
        except KeyboardInterrupt:
            if not any(a.evaluation.passed for a in self.attempts):
                raise
            self.notes.append("interrupted: the best so far; the same command continues")
            result = self.result(self.attempts)
            self.write(result, final=False)
            raise Interrupted(result) from None
        self.write(result)
        return result

    def judged_result(self) -> OptimizeResult:
        op, out = self.spec.op_name, self.out
        try:
            with self.watch.stage("start"):
                session = Session(
                    self.spec,
                    self.config,
                    observer=self.observer,
                    reproducers=self.out,
                    simplified=self.source.simplified(),
                    baselines=self.options.baselines,
                )
            with session:
                self.surroundings = self.context(session)
                with self.watch.stage("describe"):
                    session.reference.describe()  # says what is wrong with the task, if anything
                if self.spec.task_type == "profile":
                    session.compile_ahead(self.options.baselines)
                return self.work(session)
        except ReferenceBroken as broken:
            return failed(op, out, Status.REFERENCE_BROKEN, broken.check, str(broken))
        except DesignError as ours:
            return failed(op, out, Status.INFRA_ERROR, "design", str(ours))
        except (UnsupportedError, CaptureError) as lacking:
            return failed(op, out, Status.USAGE_ERROR, "unsupported", str(lacking))

    # ---- steps -------------------------------------------------------------------------------

    def work(self, session: Session) -> OptimizeResult:
        design = self.built(session)
        if self.agents is not None:
            self.ask_agents(session, self.agents)
        if self.spec.task_type == "profile":
            self.attempts = self.measured(session, self.attempts)
            if not any(a.evaluation.passed for a in self.attempts) and self.untuned:
                # Right, and refused only for how it behaved in the timing worker.
                self.notes.append(
                    "the tuned kernels were refused when timed; the first choice is kept"
                )
                self.attempts = [*self.measured(session, self.untuned), *self.attempts]
        self.surroundings["work"] = self.work_done(session)
        return self.result(self.attempts, design)

    def built(self, session: Session) -> Design | None:
        """The builtin kernels, verified and tuned, as ``attempts``; the design that they came from.
        Where agents are there too, what the builtin way cannot do is only said."""
        try:
            designs = self.designs(session)
            names = impl_types_to_try(self.spec)
            if self.options.effort == "none":
                self.attempts = self.first_choice(session, designs.first, names)
            else:
                self.attempts = self.tried(session, designs.first, names)
                designs = self.second_choice(session, designs, names)
        except (CaptureError, UnsupportedError, DesignError) as lacking:
            if self.agents is None:
                raise
            self.observer.finish("not here")
            self.notes.append(f"no builtin kernel: {lacking}")
            return None
        if self.options.tunes:
            self.tune(session, designs)
        return designs.first

    def ask_agents(self, session: Session, plan: AgentPlan) -> None:
        """Adds the agents' attempt. Raises UnsupportedError when there is no other and they cannot
        do it either."""

        def told(action: ActionType, record: Record | None) -> None:
            if record is None:
                self.observer.start(action.value)
            else:
                lines = (record.result if record.ok else record.error_log).strip().splitlines()
                shown = "ok" if record.ok and record.evaluation is None else "".join(lines[:1])
                self.observer.finish(shown)

        with self.watch.stage("agents"):
            attempt, remarks = agents_attempt(
                session, plan, self.config, self.out,
                fresh=self.options.fresh, told=told, note=self.observer.note,
            )  # fmt: skip
        self.notes += remarks
        if attempt is not None:
            self.attempts = [*self.attempts, attempt]
        elif not self.attempts:
            raise UnsupportedError("; ".join(self.notes))

    def work_done(self, session: Session) -> dict[str, dict[str, int]]:
        """What the run has asked of others: requests to the reference by what they are for, and
        the jobs started; servers are those of this process so far (see ``fork_server.tally``)."""
        jobs = {"jobs": tally["jobs"] - self.jobs_before}
        return {"reference": dict(session.reference.asked), "processes": {**tally, **jobs}}

    def result(self, attempts: Sequence[Attempt], design: Design | None = None) -> OptimizeResult:
        best = fastest(tuple(attempts))
        notes = [*(design.notes if design else ()), *self.notes]
        return OptimizeResult(
            self.spec.op_name, self.out, best, tuple(attempts), what_to_return(best),
            tuple(dict.fromkeys(note for note in notes if note)), context=self.surroundings,
            stages_s=self.watch.rounded(),
        )  # fmt: skip

    def designs(self, session: Session) -> Designs:
        self.observer.start("load, capture and design")
        before = self.found("design")
        right = None if before is None else before.get("designs", ())
        designs = self.source.designs(session, self.watch, right=right)
        self.surroundings["algebra"] = session.algebra() or dict(designs.algebra)
        if before is None:
            graph = session.simplified
            names = [name_of(design) for design in designs.all]
            detail = {"note": designs.note, "designs": names, "graph": str(graph)[:20000]}
            self.store.add(self.run_id, "design", detail)
        self.notes.append(str((self.found("design") or {}).get("note", "")))
        self.observer.finish()
        return designs

    def second_choice(self, session: Session, designs: Designs, names: Sequence[str]) -> Designs:
        """Tries the first alternative where every kernel of the first design was refused; the
        designs without one that has led to nothing."""
        if len(designs.all) < 2 or any(a.evaluation.passed for a in self.attempts):
            return designs
        others = self.tried(session, designs.all[1], names)
        if not any(a.evaluation.passed for a in others):
            return designs
        self.notes.append("the first design's kernels were refused; these are another one's")
        self.attempts = [*others, *self.attempts]
        return dataclasses.replace(designs, all=designs.all[1:])

    def first_choice(self, session: Session, design: Design, names: Sequence[str]) -> list[Attempt]:
        """The first impl_type whose kernel is right, with those that failed before it."""
        out: list[Attempt] = []
        for position, name in enumerate(names):
            try:
                attempts = self.tried(session, design, [name])
            except MissingDependencyError:
                if position == len(names) - 1 and not out:
                    raise
                continue
            out = [*attempts, *out]
            if attempts[0].evaluation.passed:
                break
        return out

    def tried(self, session: Session, design: Design, names: Sequence[str]) -> list[Attempt]:
        """Codes every impl_type and verifies what was coded, side by side on the same inputs."""
        with self.watch.stage("code"):
            coded = self.all_coded(session, design, names)
        candidates = [c for c in coded if isinstance(c, Candidate)]
        with self.watch.stage("verify"):
            self.observer.start("verify " + ", ".join(c.impl_type for c in candidates))
            open_ = [c for c in candidates if self.known_verdict(c) is None]
            fresh = dict(zip((c.hash() for c in open_), session.verify_all(open_)))
            judged = [self.verified(c, fresh.get(c.hash())) for c in candidates]
            self.observer.finish(", ".join(str(a.evaluation.status) for a in judged))
        return judged + [a for a in coded if isinstance(a, Attempt)]

    def all_coded(
        self, session: Session, design: Design, names: Sequence[str]
    ) -> list[Candidate | Attempt]:
        """Of several impl_types, those whose packages are missing are left out, and it is said;
        raises MissingDependencyError when none is left."""
        coded: list[Candidate | Attempt] = []
        missing: list[MissingDependencyError] = []
        for name in names:
            try:
                coded.append(self.coded(session, design, name))
            except MissingDependencyError as error:
                self.observer.finish("left out")
                missing.append(error)
        self.notes += [f"left out: {error}" for error in missing]
        if not coded:
            raise missing[0]
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

    # ---- tuning ------------------------------------------------------------------------------

    def tune(self, session: Session, designs: Designs) -> None:
        """Better settings for the verified attempts, the fastest one first; ``attempts`` holds the
        best so far at any moment. A fault of the machine ends tuning and is said."""
        with self.watch.stage("tune"):
            try:
                order = self.worth_tuning(session)
                end_s = self.options.tuning_ends_s(len(order))
                for position, place in enumerate(order):
                    share_s = (end_s - self.watch.elapsed_s) / (len(order) - position)
                    if share_s > 0:
                        self.tune_one(session, designs, place, share_s)
            except ReferenceBroken:
                raise
            except KernelwrightError as error:
                self.observer.finish("stopped")
                self.notes.append(f"tuning stopped: {error}")

    def worth_tuning(self, session: Session) -> list[int]:
        """Places in ``attempts``, the fastest first."""
        places = {
            str(i): a.candidate
            for i, a in enumerate(self.attempts)
            if a.candidate is not None and a.evaluation.passed and session.native(a.impl_type)
        }
        if len(places) < 2:
            return [int(name) for name in places]
        times = session.rank(places)
        limit_us = min(times.values()) * CLEARLY_SLOWER
        kept = [n for n in times if self.options.effort == "full" or times[n] <= limit_us]
        return [int(name) for name in kept]

    def tune_one(self, session: Session, designs: Designs, place: int, budget_s: float) -> None:
        attempt = self.attempts[place]
        assert attempt.candidate is not None
        key = tuning_key(self.spec, self.config, designs.all, attempt.candidate)
        record = TuningRecord(self.store, key, self.spec.op_name)
        tuner = Tuner(
            session, designs.all, partial(self.judged, session), record, self.observer,
            believed=self.options.keep_tuning or not self.options.fresh,
        )  # fmt: skip
        try:
            tuner.improve(attempt, budget_s=budget_s, start=self.best_setting())
        finally:
            self.attempts[place] = tuner.best_so_far or attempt
            if self.attempts[place] is not attempt:
                self.untuned.append(attempt)

    def best_setting(self) -> dict[str, int] | None:
        """Where a search for another impl_type has ended, if there was one."""
        settings = [a.candidate.parameters for a in self.attempts if a.candidate]
        return next((dict(s) for s in settings if s), None)

    def judged(self, session: Session, candidate: Candidate) -> Attempt:
        """One candidate of the tuner, verified unless that is on record."""
        fresh = None if self.known_verdict(candidate) else session.verify(candidate)
        return self.verified(candidate, fresh)

    # ---- times -------------------------------------------------------------------------------

    def measured(self, session: Session, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Times every natively verified attempt and the baselines side by side in one process."""
        chosen = {
            a.name: a.candidate
            for a in attempts
            if a.candidate is not None and a.evaluation.passed and session.native(a.impl_type)
        }
        for attempt in attempts:
            if attempt.evaluation.passed and attempt.name not in chosen:
                self.notes.append(not_timed_note(attempt.impl_type))
        if not chosen:
            return list(attempts)
        step = "profile:" + ",".join(f"{n}={c.hash()}" for n, c in sorted(chosen.items()))
        known = self.found(step)
        self.observer.start("measure")
        with self.watch.stage("baselines"):
            session.come_to_rest()
        with self.watch.stage("measure"):
            if known is None:
                profiled = session.measure(
                    chosen, self.options.baselines, budget_s=self.options.measuring_s
                )
                self.store.add(self.run_id, step, profile_detail(profiled))
            else:
                profiled = profile_of(known)
        self.observer.finish()
        self.notes.extend(profiled.notes)
        for name, text in profiled.baseline_failures.items():
            self.notes.append(baseline_note(name, text))
        return [timed(a, a.name, profiled) for a in attempts]

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
            tuple(detail["notes"]), True, detail["context"], detail.get("stages_s", {}),
        )  # fmt: skip

    def write(self, result: OptimizeResult, *, final: bool = True) -> None:
        """Files first, then the record that says that they are complete."""
        self.observer.start("write")
        entries = [write_candidate(self.out, a, a is result.best) for a in result.attempts]
        write_result(self.out, self.spec, result)
        if result and final:
            detail = {
                "out": str(self.out.resolve()),
                "attempts": entries,
                "returned": result.returned,
                "notes": list(result.notes),
                "context": dict(result.context),
                "stages_s": dict(result.stages_s),
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
