"""Times candidates against the reference's baselines, interleaved, in one fresh worker.

The parent draws order and inputs, counts rounds, holds the worker's clock against its own and has
outputs of *timed* calls judged like any others. What compiles has been compiled before, elsewhere.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from kernelwright.backends import DeviceInfo
from kernelwright.config import Config
from kernelwright.devices import device_lock
from kernelwright.errors import KernelwrightError
from kernelwright.frameworks._base import RunResult, StateEntry, Value
from kernelwright.schema import Evaluation, Status, TaskSpec
from kernelwright.verify.timing.baselines import EAGER, expand
from kernelwright.verify.timing.environment import after, describe_machine, describe_state
from kernelwright.verify.timing.prepare import prepared
from kernelwright.verify.timing.records import WITNESS, Record, Subject, SubjectFailed
from kernelwright.verify.timing.replays import ReplayDied, replay_rounds
from kernelwright.verify.timing.result import Limit, ProfileResult, merged, result_of, speedup_of
from kernelwright.verify.timing.rotation import Rotation, inputs_of
from kernelwright.verify.timing.session import TimingPlan, TimingSession
from kernelwright.verify.timing.statistics import median
from kernelwright.verify.timing.suspicion import suspicion

__all__ = ["Judge", "Limit", "ProfileResult", "profile"]

MIN_ROUNDS = 15
MAX_ROUNDS = 2000
TARGET_HALF_WIDTH = 0.01  # stop early once every speedup is known this well
_WARM_UP_CALLS = 3
_CALLS_BEFORE = 7
_WARM_ROUNDS, _WARM_SHARE = 9, 0.25  # without flushing: at most so many, and of the budget
_LATENCY_CALLS = 9
_CHECK_EVERY = 5
_OVERRUN = 4  # slow kernels may take so many budgets for MIN_ROUNDS, then _FEWEST_ROUNDS must do
_FEWEST_ROUNDS = 5
# Outputs of so many timed calls are judged, the last among them; of large outputs fewer.
_JUDGED, _JUDGED_LARGE, _LARGE_BYTES = 9, 3, 1 << 20
# How long after the clock's stop an output may not change: half of the calls are watched for the
# first time, some of them for the second, or for twice the reference's own time if that is more.
_WATCH_US, _LONG_WATCH_US, _LONGEST_WATCH_US = 1000.0, 5000.0, 50_000.0

_WITNESS = Subject(EAGER, baseline=EAGER)  # in a worker of its own

Judge = Callable[[list[Value], RunResult], Evaluation]


class _Disturbed(KernelwrightError):
    """The reference failed in a worker that holds candidates, and had not before they came."""


def profile(
    spec: TaskSpec,
    candidates: Mapping[str, Path],
    input_sets: Sequence[Sequence[Value]],
    device: DeviceInfo,
    config: Config,
    *,
    state: Sequence[StateEntry] = (),
    baselines: Sequence[str] = (EAGER,),
    judge: Judge | None = None,
    limit: Limit | None = None,
    cold: bool | None = None,
    seed: int | None = None,
    env: Mapping[str, str] | None = None,
    mixed: bool = True,
    on_progress: Callable[[str], None] | None = None,
) -> ProfileResult:
    """Times ``candidates`` (name -> entry file) and ``baselines`` (also "auto", "all"; "eager" is
    always among them).

    ``input_sets``: at least one, better four input sets of one layout, made by the trusted
    reference process; ``state`` are the reference's weights. ``judge`` is asked about the inputs
    and outputs of some timed calls of each candidate. ``limit`` gives the bound. ``seed`` is drawn
    freshly when None, since a candidate must not foresee its inputs. ``env`` goes to the worker.
    ``mixed``: whether the Model takes inputs of which each element has been scaled for itself.
    ``config.timing.budget_s`` is spent on each candidate.

    Raises ReferenceBroken when the reference itself fails, UnknownNameError for a baseline,
    SandboxError and DeviceBusy when the machine cannot measure.
    """
    names = expand(baselines, spec.framework, device.backend)
    clash = sorted(set(names) & set(candidates))
    if clash:
        raise ValueError(f"candidates must not be named like baselines: {', '.join(clash)}")
    subjects = [Subject(name, baseline=name) for name in names]
    subjects += [Subject(name, entry=path) for name, path in candidates.items()]
    fresh = secrets.randbits(63) if seed is None else seed
    plan = TimingPlan.of(spec, device, config, subjects, input_sets, state, cold, fresh, env)
    plan.mixed = mixed
    with device_lock(device.backend, device.index, config.state_dir, on_wait=on_progress):
        if on_progress is not None:
            on_progress("timing: compiling")
        with prepared(plan):
            return _with_suspects_again(plan, judge, limit, on_progress)


def _with_suspects_again(
    plan: TimingPlan,
    judge: Judge | None,
    limit: Limit | None,
    on_progress: Callable[[str], None] | None,
) -> ProfileResult:
    """All together; then each that seems dishonest or too fast once more, in a worker of its own:
    was it the machine's noise, a neighbour, or the candidate?"""
    try:
        result, suspects = _profiled(plan, judge, limit, on_progress)
        doubtful = [n for n in result.measurements if n in suspects or n in result.flagged]
    except _Disturbed:
        doubtful = [n for n in plan.candidates if n not in plan.failures]
        result = ProfileResult({}, plan.failures, plan.baseline_failures, (), tuple(plan.notes))
    results = [result.without(set(doubtful))]
    for name in doubtful:
        try:
            again, still = _profiled(plan.only(name), judge, limit, on_progress)
        except _Disturbed as error:
            text = f"the reference fails beside the candidate: {error}"
            failure = Evaluation(Status.REJECTED, "disturbs_reference", text)
            results.append(ProfileResult({}, {name: failure}, {}))
            continue
        if name in still:
            again = replace(again.without({name}), failures={name: still[name]})
        elif name in again.failures and name in result.flagged:
            found = again.failures[name]
            us, bound = result.measurements[name].candidate_us, result.measurements[name].bound_us
            text = f"{us:.3g} us are below the bound of {bound:.3g} us, and when it was timed "
            text += f"again, alone: {found.status}, {found.check}: {found.reason}"
            failure = Evaluation(Status.REJECTED, "faster_than_light", text, log=found.log)
            again = replace(again, failures={name: failure})
        results.append(again)
    return _fastest_alone(plan, merged(results), set(doubtful), judge, limit, on_progress)


def _fastest_alone(
    plan: TimingPlan,
    result: ProfileResult,
    alone: set[str],
    judge: Judge | None,
    limit: Limit | None,
    on_progress: Callable[[str], None] | None,
) -> ProfileResult:
    """``result`` with the times that the fastest of several candidates has in a worker of its own:
    in a shared one it may call a rival's kernel, or slow the rivals."""
    while len(result.measurements) + len(result.failures) > 1 and result.measurements:
        name = min(result.measurements, key=lambda n: result.measurements[n].candidate_us)
        if name in alone:
            break
        alone.add(name)
        again, suspects = _profiled(plan.only(name), judge, limit, on_progress)
        if name in suspects:
            again = replace(again.without({name}), failures={name: suspects[name]})
        result = merged([result.without({name}), again])
    return result


def _profiled(
    plan: TimingPlan,
    judge: Judge | None,
    limit: Limit | None,
    on_progress: Callable[[str], None] | None,
) -> tuple[ProfileResult, dict[str, Evaluation]]:
    """The result, and the measured candidates that seem to interfere with the measurement."""
    machine = describe_machine(plan.device, plan.config.threads)
    records = _measured(plan, on_progress)
    machine.update(after(describe_state(plan.device)))
    if judge is not None:
        _judge_outputs(plan, records, judge)
    result = result_of(plan, records, {**machine, **plan.described}, limit)
    suspects = {}
    for name in result.measurements:
        if found := suspicion(records[EAGER], records[name], records[WITNESS]):
            check, text = found
            suspects[name] = Evaluation(Status.REJECTED, check, text)
    return result, suspects


def _measured(plan: TimingPlan, on_progress: Callable[[str], None] | None) -> dict[str, Record]:
    """Records of every subject that lasted; a worker that dies is replaced, without its culprit."""
    while True:
        try:
            with ExitStack() as stack:
                session = stack.enter_context(plan.session())
                witness = stack.enter_context(plan.witness().session()) if plan.candidates else None
                plan.described = {
                    k: v for k, v in session.described.items() if k in ("clock", "versions")
                }
                plan.described["resolution_us"] = _resolution(session)
                return _Attempt(plan, session, witness, on_progress).run()
        except ReplayDied as error:
            plan.replays = False
            plan.notes.append(str(error))
        except SubjectFailed as error:
            plan.drop(error)


def _resolution(session: TimingSession) -> float:
    return 0.5 if session.device.backend == "cuda" else 0.0


@dataclass
class _Checks:
    """Which rounds' outputs are judged, drawn so that no call can know: ``early`` rounds copy the
    output at once, in ``later`` ones and in the last it is asked for afterwards. Beyond the first
    MIN_ROUNDS each round is judged with the chance ``often``, ``most`` of them."""

    early: frozenset[int]
    later: frozenset[int]
    often: float
    most: int

    @staticmethod
    def drawn(random: np.random.Generator, count: int) -> _Checks:
        rounds = random.permutation(MIN_ROUNDS)[: max(2, count - 1)].tolist()
        half = (len(rounds) + 1) // 2
        often = 2 * count / 100  # a run of 100 rounds is judged twice as often as its beginning
        return _Checks(frozenset(rounds[:half]), frozenset(rounds[half:]), often, 3 * count)

    def wants(self, done: int, random: np.random.Generator) -> bool:
        """Whether the outputs of round ``done`` are judged."""
        if done < MIN_ROUNDS:
            return done in self.early or done in self.later
        if self.most <= 0 or random.random() >= self.often:
            return False
        self.most -= 1
        return True


@dataclass
class _Attempt:
    """One worker's life, from its inputs to its records. Raises SubjectFailed when it dies.

    ``witness`` is a second worker that never sees a candidate. It times "eager" in every round, as
    ``session`` does, so that what a candidate does to its own process shows from outside."""

    plan: TimingPlan
    session: TimingSession
    witness: TimingSession | None
    on_progress: Callable[[str], None] | None
    random: np.random.Generator = field(init=False)
    rotation: Rotation = field(init=False)
    beside: bool = False  # whether candidates have been loaded

    def __post_init__(self) -> None:
        self.random = np.random.default_rng([self.plan.seed, 1])
        self.rotation = Rotation(len(self.plan.sets), self.plan.seed, mixed=self.plan.mixed)

    def run(self) -> dict[str, Record]:
        plan, session = self.plan, self.session
        session.give_inputs(plan.sets)
        if self.witness is not None:
            self.witness.give_inputs(plan.sets)
            self.witness.load(_WITNESS, plan.state)
            for _ in range(_WARM_UP_CALLS):
                self.witness.call(EAGER, self.rotation.draw())
        # Baselines first, and "eager" timed alone: neither torch.compile nor this time shall suffer
        # from what a candidate does to its process.
        self.load([s for s in plan.subjects if s.entry is None])
        before = [session.call(EAGER, self.rotation.draw())[0] for _ in range(_CALLS_BEFORE)]
        session.records[EAGER].before_us.extend(before)
        if plan.candidates:
            session.watch_idle(EAGER)
            self.beside = True
            self.load([s for s in plan.subjects if s.entry is not None])
        self.rounds()
        if plan.cold:
            self.warm_rounds()
        if plan.device.backend == "cuda":
            for _ in range(_LATENCY_CALLS):
                self.each(self.record_latency, list(plan.subjects))
        # Late: a capture that fails may leave the process's allocator in an odd state.
        if plan.backend_graphs and plan.candidates:
            replay_rounds(plan, session, self.rotation, self.random)
        self.each(self.rest_after_call, [s for s in plan.subjects if s.entry is not None])
        if self.witness is None:
            return session.records
        return {**session.records, WITNESS: self.witness.records[EAGER]}

    def each(self, action: Callable[[Subject], object], subjects: Sequence[Subject]) -> None:
        """Runs ``action``; a subject that fails but leaves the worker alive is struck."""
        for subject in subjects:
            if subject is _WITNESS or subject in self.plan.subjects:
                try:
                    action(subject)
                except SubjectFailed as error:
                    if self.beside and subject.name == EAGER and subject is not _WITNESS:
                        raise _Disturbed(str(error)) from error
                    if not error.alive:
                        raise
                    self.plan.drop(error)
                    self.session.records.pop(subject.name, None)

    def load(self, subjects: Sequence[Subject]) -> None:
        caches, session = self.plan.caches, self.session
        self.each(lambda s: session.load(s, self.plan.state, caches.get(s.name)), subjects)
        for _ in range(_WARM_UP_CALLS):
            self.each(
                lambda s: session.call(s.name, self.rotation.draw(), cache=caches.get(s.name)),
                subjects,
            )

    def rounds(self) -> None:
        """Rounds of one call of every subject, in random order, until known well enough."""
        plan, session = self.plan, self.session
        large = session.records[EAGER].output_bytes > _LARGE_BYTES
        checks = _Checks.drawn(self.random, _JUDGED_LARGE if large else _JUDGED)
        budget_s = plan.config.timing.budget_s * max(1, len(plan.candidates))
        began, done, last = time.monotonic(), 0, False
        while plan.candidates or not done:
            sampled = last or checks.wants(done, self.random)
            watch_us = self.watch_us()

            def one(
                subject: Subject,
                sampled: bool = sampled,
                snapshot: bool = done in checks.early,
                watch_us: float = watch_us,
            ) -> None:
                step, name = self.rotation.draw(), subject.name
                there = self.where(subject)
                there.record(name, step, snapshot=snapshot, watch_us=watch_us)
                if (sampled or not large) and (subject.entry is not None or subject is _WITNESS):
                    judged = sampled and subject is not _WITNESS
                    there.keep_output(name, step, copied=snapshot, judged=judged)

            self.each(one, self.shuffled())
            done += 1
            if last:
                return
            spent = time.monotonic() - began
            if self.on_progress is not None and done % _CHECK_EVERY == 0:
                self.on_progress(f"timing: {done} rounds in {spent:.1f} s")
            last = _enough(plan, session.records, done, spent, budget_s)

    def where(self, subject: Subject) -> TimingSession:
        """The worker that ``subject`` is called in."""
        if subject is _WITNESS and self.witness is not None:
            return self.witness
        return self.session

    def shuffled(self) -> list[Subject]:
        """Who is called in one round, the witness among them, in random order."""
        subjects = [*self.plan.subjects, *([_WITNESS] if self.witness else [])]
        return [subjects[i] for i in self.random.permutation(len(subjects))]

    def watch_us(self) -> float:
        """How long the outputs of this round's calls are watched; 0 in half of the rounds."""
        draw = self.random.random()
        if draw >= 0.5:
            return 0.0
        if draw >= 0.1:
            return _WATCH_US
        eager_us = median(self.session.records[EAGER].before_us)
        return min(_LONGEST_WATCH_US, max(_LONG_WATCH_US, 2 * eager_us))

    def warm_rounds(self) -> None:
        """Without flushing: an untimed call on other inputs, then the one that counts."""
        plan = self.plan
        budget_s = _WARM_SHARE * plan.config.timing.budget_s * max(1, len(plan.candidates))

        def one(subject: Subject) -> None:
            there = self.where(subject)
            there.call(subject.name, self.rotation.draw(), cold=False)
            sample = there.call(subject.name, self.rotation.draw(), cold=False)
            there.records[subject.name].warm_us.append(sample.us)
            there.records[subject.name].warm_outside_us.append(sample.outside_us)

        began = time.monotonic()
        for _ in range(_WARM_ROUNDS if plan.candidates else 0):
            self.each(one, self.shuffled())
            if time.monotonic() - began > budget_s:
                return

    def record_latency(self, subject: Subject) -> None:
        sample = self.session.call(subject.name, self.rotation.draw(), latency=True)
        self.session.records[subject.name].latencies_us.append(sample.us)

    def rest_after_call(self, subject: Subject) -> None:
        """A last call, unlike the others for nobody, and then a look from outside at the worker."""
        self.session.call(subject.name, self.rotation.draw())
        self.session.watch_idle(subject.name)


def _enough(
    plan: TimingPlan, records: Mapping[str, Record], done: int, spent_s: float, budget_s: float
) -> bool:
    if done >= MAX_ROUNDS or (done >= _FEWEST_ROUNDS and spent_s > _OVERRUN * budget_s):
        return True
    if done < MIN_ROUNDS:
        return False
    if spent_s > budget_s:
        return True
    return done % _CHECK_EVERY == 0 and all(
        speedup_of(records[EAGER], records[name], 0.0, resamples=300).half_width < TARGET_HALF_WIDTH
        for name in plan.candidates
    )


def _judge_outputs(plan: TimingPlan, records: Mapping[str, Record], judge: Judge) -> None:
    """Strikes candidates that a sample of their timed calls' outputs convicts."""
    for name in plan.candidates:
        if name in plan.failures:
            continue
        for step, outputs in records[name].outputs:
            verdict = judge(inputs_of(plan.sets, step), outputs)
            if not verdict.passed:
                text = f"in a timed call: {verdict.reason}"
                plan.failures[name] = replace(
                    verdict, check=f"timed_{verdict.check or 'output'}", reason=text
                )
                break
