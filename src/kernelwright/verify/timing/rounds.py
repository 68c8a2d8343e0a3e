"""One timing worker's life: every subject called once a round, in random order, until it is known
well enough; then volleys of warm calls, and a look at the worker at rest.

The parent draws order and inputs, and which outputs are judged, so that no call can know.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kernelwright.errors import KernelwrightError
from kernelwright.verify.timing.baselines import EAGER
from kernelwright.verify.timing.plan import TimingPlan
from kernelwright.verify.timing.records import WITNESS, Record, Subject, SubjectFailed
from kernelwright.verify.timing.replays import replay_rounds
from kernelwright.verify.timing.result import speedup_of
from kernelwright.verify.timing.rotation import Rotation
from kernelwright.verify.timing.session import TimingSession
from kernelwright.verify.timing.statistics import median

MIN_ROUNDS = 15
MAX_ROUNDS = 2000
TARGET_HALF_WIDTH = 0.01  # stop early once every speedup is known this well
_WARM_UP_CALLS = 3
_CALLS_BEFORE = 7
_WARM_ROUNDS, _WARM_SHARE = 9, 0.25  # without flushing: at most so many, and of the budget
_LATENCY_CALLS = 9
_VOLLEYS, _FEWEST_VOLLEYS = 15, 7
_VOLLEY_US, _VOLLEY_BYTES = 1500.0, 32 << 20  # of a volley, of outputs that are kept
_BETWEEN_US, _MOST_CALLS = 150.0, 16  # from one call to the next, for new inputs
_CHECK_EVERY = 5
_OVERRUN = 4  # slow kernels may take so many budgets for MIN_ROUNDS, then FEWEST_ROUNDS must do
FEWEST_ROUNDS = 5
# Outputs of so many timed calls are judged, the last among them; of large outputs fewer.
_JUDGED, _JUDGED_LARGE, _LARGE_BYTES = 9, 3, 1 << 20
# How long after the clock's stop an output may not change: half of the calls are watched for the
# first time, some of them for the second, or for twice the reference's own time if that is more.
_WATCH_US, _LONG_WATCH_US, _LONGEST_WATCH_US = 1000.0, 5000.0, 50_000.0

_WITNESS = Subject(EAGER, baseline=EAGER)  # in a worker of its own


class Disturbed(KernelwrightError):
    """The reference failed in a worker that holds candidates, and had not before they came."""


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
class Attempt:
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
        if session.described.get("ahead"):
            self.volleys()
        elif plan.cold:
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
                        raise Disturbed(str(error)) from error
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
                least = there.record(name, step, snapshot=snapshot, watch_us=watch_us)
                usual = sampled or not large
                if subject is _WITNESS and usual:
                    there.keep_output(name, step, copied=snapshot, judged=False)
                if subject.entry is not None and (usual or least):
                    copied = snapshot or not usual
                    there.keep_output(name, step, copied=copied, judged=sampled, fastest=least)

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

    def volleys(self) -> None:
        """Rounds of one volley of every subject: their warm times, and what a call's share is of
        the parent's clock."""
        plan, records = self.plan, self.session.records
        budget_s = _WARM_SHARE * plan.config.timing.budget_s * max(1, len(plan.candidates))
        calls = calls_in_volley(median(records[EAGER].before_us), records[EAGER].output_bytes)

        large = records[EAGER].output_bytes > _LARGE_BYTES
        checked = self.random.permutation(_FEWEST_VOLLEYS)[: 2 if large else 4].tolist()

        def one(subject: Subject, sampled: bool = False) -> None:
            steps = [self.rotation.draw() for _ in range(calls)]
            wanted, judged = int(self.random.integers(calls)), subject.entry is not None and sampled
            self.where(subject).volley(subject.name, steps, wanted, judged=judged)

        self.each(one, self.shuffled() if plan.candidates else [])
        for name in records:  # the first ones paid for the memory that keeps the outputs
            self.forget_warm(records[name])
        if self.witness is not None:
            self.forget_warm(self.witness.records[EAGER])
        began = time.monotonic()
        for done in range(_VOLLEYS if plan.candidates else 0):
            self.each(functools.partial(one, sampled=done in checked), self.shuffled())
            if time.monotonic() - began > budget_s and done + 1 >= _FEWEST_VOLLEYS:
                return

    @staticmethod
    def forget_warm(record: Record) -> None:
        record.warm_us.clear()
        record.warm_outside_us.clear()

    def record_latency(self, subject: Subject) -> None:
        sample = self.session.call(subject.name, self.rotation.draw(), latency=True)
        self.session.records[subject.name].latencies_us.append(sample.us)

    def rest_after_call(self, subject: Subject) -> None:
        """A last call, unlike the others for nobody, and then a look from outside at the worker."""
        self.session.call(subject.name, self.rotation.draw())
        self.session.watch_idle(subject.name)


def calls_in_volley(call_us: float, output_bytes: int) -> int:
    """How many calls one volley holds: enough for the parent's clock, whose reading is some tens of
    microseconds off, few enough that a request fits between two of the scheduler's decisions, and
    that a copy of each output can be kept."""
    room = _VOLLEY_BYTES // max(1, output_bytes)
    return max(1, min(math.ceil(_VOLLEY_US / (call_us + _BETWEEN_US)), room, _MOST_CALLS))


def _enough(
    plan: TimingPlan, records: Mapping[str, Record], done: int, spent_s: float, budget_s: float
) -> bool:
    if done >= MAX_ROUNDS or (done >= FEWEST_ROUNDS and spent_s > _OVERRUN * budget_s):
        return True
    if done < MIN_ROUNDS:
        return False
    if spent_s > budget_s:
        return True
    return done % _CHECK_EVERY == 0 and all(
        speedup_of(records[EAGER], records[name], 0.0, resamples=300).half_width < TARGET_HALF_WIDTH
        for name in plan.candidates
    )
