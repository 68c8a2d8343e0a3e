"""Times candidates against the reference's baselines, interleaved, in one fresh worker.

The parent draws order and inputs, counts rounds, holds the worker's clock against its own and has
outputs of *timed* calls judged like any others.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.backends import DeviceInfo
from kernelwright.config import Config
from kernelwright.devices import device_lock
from kernelwright.frameworks._base import RunResult, StateEntry, Value
from kernelwright.schema import Evaluation, Measurement, Status, TaskSpec
from kernelwright.verify.baselines import EAGER, check_baselines
from kernelwright.verify.bound import Light, Peaks, below_light, bound_us
from kernelwright.verify.environment import describe_machine
from kernelwright.verify.rotation import Rotation, inputs_of
from kernelwright.verify.statistics import Interval, median, median_interval, ratio_interval
from kernelwright.verify.timing_session import (
    Record,
    Subject,
    SubjectFailed,
    TimingPlan,
    TimingSession,
)

MIN_ROUNDS = 15
MAX_ROUNDS = 2000
TARGET_HALF_WIDTH = 0.01  # stop early once every speedup is known this well
_WARM_UP_CALLS = 3
_LATENCY_CALLS = 5
_CHECK_EVERY = 5
_OVERRUN = 4  # slow kernels may take so many budgets for MIN_ROUNDS, then _FEWEST_ROUNDS must do
_FEWEST_ROUNDS = 5
_SHORT_US = 50.0
# A candidate's requests may take so much longer by the parent's clock than the baselines' do.
_UNEXPLAINED_US, _UNEXPLAINED_SHARE = 300.0, 0.2
_TAIL_US, _TAIL_SHARE = 20.0, 0.1
# "eager" may be slower beside candidates than before they were loaded, all its samples, by so much.
_DISTURBED_US, _DISTURBED_SHARE, _CALLS_BEFORE = 50.0, 0.25, 7

Judge = Callable[[list[Value], RunResult], Evaluation]


@dataclass(frozen=True)
class Limit:
    """What the bound is computed from: least bytes and operations, the precision of the work."""

    bytes_moved: int
    flops: float
    dtype: str
    peaks: Peaks


@dataclass(frozen=True)
class ProfileResult:
    """``measurements`` of the candidates that stood; ``failures`` says why the others did not.

    ``flagged`` are candidates faster than the bound where a cache may explain it: they are to be
    judged again. ``baseline_failures`` maps a baseline to what went wrong with it.
    """

    measurements: Mapping[str, Measurement]
    failures: Mapping[str, Evaluation]
    baseline_failures: Mapping[str, str]
    flagged: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


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
    on_progress: Callable[[str], None] | None = None,
) -> ProfileResult:
    """Times ``candidates`` (name -> entry file) and ``baselines``; "eager" is always among them.

    ``input_sets``: at least one, better four input sets of one layout, made by the trusted
    reference process; ``state`` are the reference's weights. ``judge`` is asked about the inputs
    and outputs of three timed calls of each candidate. ``limit`` gives the bound. ``seed`` is drawn
    freshly when None, since a candidate must not foresee its inputs. ``env`` goes to the worker.
    ``config.timing.budget_s`` is spent on each candidate.

    Raises ReferenceBroken when the reference itself fails, UnknownNameError for a baseline,
    SandboxError and DeviceBusy when the machine cannot measure.
    """
    names = check_baselines(tuple(baselines))
    clash = sorted(set(names) & set(candidates))
    if clash:
        raise ValueError(f"candidates must not be named like baselines: {', '.join(clash)}")
    subjects = [Subject(name, baseline=name) for name in names]
    subjects += [Subject(name, entry=path) for name, path in candidates.items()]
    fresh = secrets.randbits(63) if seed is None else seed
    plan = TimingPlan.of(spec, device, config, subjects, input_sets, state, cold, fresh, env)
    with device_lock(device.backend, device.index, config.state_dir, on_wait=on_progress):
        result, suspects = _profiled(plan, judge, limit, on_progress)
        if not suspects:
            return result
        # The machine's noise, or a candidate? Each suspect once more, in a worker of its own.
        cleared = {n: m for n, m in result.measurements.items() if n not in suspects}
        flagged = tuple(n for n in result.flagged if n in cleared)
        results = [replace(result, measurements=cleared, flagged=flagged)]
        for name in suspects:
            again, still = _profiled(plan.only(name), judge, limit, on_progress)
            if name in still:
                again = replace(again, measurements={}, failures={name: still[name]})
            results.append(again)
        return _merged(results)


def _profiled(
    plan: TimingPlan,
    judge: Judge | None,
    limit: Limit | None,
    on_progress: Callable[[str], None] | None,
) -> tuple[ProfileResult, dict[str, Evaluation]]:
    """The result, and the measured candidates that seem to interfere with the measurement."""
    machine = describe_machine(plan.device, plan.config.threads)
    records = _measured(plan, on_progress)
    machine["load_average_after"] = [round(x, 2) for x in os.getloadavg()]
    if judge is not None:
        _judge_outputs(plan, records, judge)
    result = _result(plan, records, {**machine, **plan.described}, limit)
    suspects = {}
    for name in result.measurements:
        if suspicion := _suspicion(records[EAGER], records[name]):
            check, text = suspicion
            suspects[name] = Evaluation(Status.REJECTED, check, text)
    return result, suspects


def _measured(plan: TimingPlan, on_progress: Callable[[str], None] | None) -> dict[str, Record]:
    """Records of every subject that lasted; a worker that dies is replaced, without its culprit."""
    while True:
        try:
            with plan.session() as session:
                plan.described = {
                    k: v for k, v in session.described.items() if k in ("clock", "versions")
                }
                plan.described["resolution_us"] = _resolution(session)
                return _attempt(plan, session, on_progress)
        except SubjectFailed as error:
            plan.drop(error)


def _merged(results: Sequence[ProfileResult]) -> ProfileResult:
    """One result of several, over different candidates."""
    return ProfileResult(
        {name: m for r in results for name, m in r.measurements.items()},
        {name: e for r in results for name, e in r.failures.items()},
        {name: text for r in results for name, text in r.baseline_failures.items()},
        tuple(name for r in results for name in r.flagged),
        tuple(dict.fromkeys(note for r in results for note in r.notes)),
    )


def _resolution(session: TimingSession) -> float:
    return 0.5 if session.device.backend == "cuda" else 0.0


def _attempt(
    plan: TimingPlan, session: TimingSession, on_progress: Callable[[str], None] | None
) -> dict[str, Record]:
    session.give_inputs(plan.sets)
    rotation = Rotation(len(plan.sets), plan.seed)

    def each(action: Callable[[Subject], object], subjects: Sequence[Subject]) -> None:
        """Runs ``action``; a subject that fails but leaves the worker alive is struck."""
        for subject in subjects:
            if subject in plan.subjects:
                try:
                    action(subject)
                except SubjectFailed as error:
                    if not error.alive:
                        raise
                    plan.drop(error)
                    session.records.pop(subject.name, None)

    def load(subjects: Sequence[Subject]) -> None:
        each(lambda s: session.load(s, plan.state), subjects)
        for _ in range(_WARM_UP_CALLS):
            each(lambda s: session.call(s.name, rotation.draw()), subjects)

    # Baselines first, and "eager" timed alone: neither torch.compile nor this time shall suffer
    # from what a candidate does to its process.
    load([s for s in plan.subjects if s.entry is None])
    before = [session.call(EAGER, rotation.draw())[0] for _ in range(_CALLS_BEFORE)]
    session.records[EAGER].before_us.extend(before)
    load([s for s in plan.subjects if s.entry is not None])
    _rounds(plan, session, rotation, each, on_progress)
    if plan.device.backend == "cuda":
        for _ in range(_LATENCY_CALLS):
            each(lambda s: _record_latency(session, s, rotation), list(plan.subjects))
    return session.records


def _record_latency(session: TimingSession, subject: Subject, rotation: Rotation) -> None:
    us, _, _ = session.call(subject.name, rotation.draw(), latency=True)
    session.records[subject.name].latencies_us.append(us)


def _rounds(
    plan: TimingPlan,
    session: TimingSession,
    rotation: Rotation,
    each: Callable[[Callable[[Subject], object], Sequence[Subject]], None],
    on_progress: Callable[[str], None] | None,
) -> None:
    """Rounds of one call of every subject, in random order, until known well enough."""
    random = np.random.default_rng([plan.seed, 1])
    budget_s = plan.config.timing.budget_s * max(1, len(plan.candidates))
    began, done, last = time.monotonic(), 0, False
    # Early: copied by the worker at once. Later, and in the very last round: asked for afterwards.
    early, later = int(random.integers(0, _CHECK_EVERY)), int(random.integers(5, MIN_ROUNDS))
    while plan.candidates or not done:
        sampled = done in (early, later) or last

        def one(subject: Subject, sampled: bool = sampled, snapshot: bool = done == early) -> None:
            step = rotation.draw()
            wanted = sampled and subject.entry is not None
            session.record(subject.name, step, snapshot=wanted and snapshot)
            if wanted:
                session.keep_output(subject.name, step)

        order = [plan.subjects[i] for i in random.permutation(len(plan.subjects))]
        each(one, order)
        done += 1
        if last:
            return
        spent = time.monotonic() - began
        if on_progress is not None and done % _CHECK_EVERY == 0:
            on_progress(f"timing: {done} rounds in {spent:.1f} s")
        last = _enough(plan, session.records, done, spent, budget_s)


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
        _speedup(records[EAGER], records[name], 0.0, resamples=300).half_width < TARGET_HALF_WIDTH
        for name in plan.candidates
    )


def _speedup(
    baseline: Record, candidate: Record, resolution_us: float, resamples: int = 2000
) -> Interval:
    return ratio_interval(
        baseline.samples_us,
        candidate.samples_us,
        resolution=resolution_us,
        resamples=resamples,
    )


def _suspicion(eager: Record, record: Record) -> tuple[str, str] | None:
    """The check that a candidate seems to break, and why: its work is not all between the clock's
    two readings, or "eager" suffers beside it. None when all is well."""
    us = median(record.samples_us)
    hidden = _excess(record.unexplained_us, eager.unexplained_us)
    if hidden > max(_UNEXPLAINED_US, _UNEXPLAINED_SHARE * us):
        text = f"a timed call reports {us:.0f} us, but its requests take {hidden:.0f} us longer"
        return "clock", text + " than its process admits"
    tail = _excess(record.tails_us, eager.tails_us)
    if tail > max(_TAIL_US, _TAIL_SHARE * us):
        text = f"a timed call reports {us:.0f} us, and the device works on for {tail:.0f} us"
        return "clock", text + " after the clock has stopped"
    usual, least = median(eager.before_us), min(eager.samples_us)
    if least > usual * (1 + _DISTURBED_SHARE) + _DISTURBED_US:
        text = f"the reference took {usual:.0f} us before the candidate was loaded"
        return "disturbs_reference", f"{text} and never less than {least:.0f} us after"
    return None


def _excess(candidate: Sequence[float], eager: Sequence[float]) -> float:
    """By how much the candidate's calls exceed those of "eager" in the same rounds: the lower end
    of the median's interval, so that a busy machine accuses nobody."""
    return median_interval(np.subtract(candidate, eager).tolist()).low


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


def _result(
    plan: TimingPlan,
    records: Mapping[str, Record],
    environment: dict[str, Any],
    limit: Limit | None,
) -> ProfileResult:
    measurements: dict[str, Measurement] = {}
    flagged: list[str] = []
    notes: list[str] = []
    for name in plan.candidates:
        if name in plan.failures:
            continue
        measured = _measurement(plan, name, records, environment, limit)
        light = Light.POSSIBLE
        if limit is not None:
            size, cache = limit.bytes_moved, limit.peaks.last_level_bytes
            light = below_light(measured.candidate_us, measured.bound_us, size, cache)
        if light is Light.REJECT:
            text = f"{measured.candidate_us:.1f} us, but no kernel can need less than "
            text += f"{measured.bound_us:.1f} us for {size} bytes on this device"
            plan.failures[name] = Evaluation(Status.REJECTED, "faster_than_light", text)
            continue
        if light is Light.FLAG:
            flagged.append(name)
        if measured.candidate_us < _SHORT_US and plan.device.backend == "cuda":
            notes.append(f"{name}: below {_SHORT_US:g} us the clock's step and launches show")
        measurements[name] = measured
    if environment["load_average"][0] > environment["cores"] / 2:
        notes.append(f"the machine was busy (load average {environment['load_average'][0]})")
    return ProfileResult(
        measurements, plan.failures, plan.baseline_failures, tuple(flagged), tuple(notes)
    )


def _measurement(
    plan: TimingPlan,
    name: str,
    records: Mapping[str, Record],
    environment: Mapping[str, Any],
    limit: Limit | None,
) -> Measurement:
    record = records[name]
    baselines = [s.name for s in plan.subjects if s.entry is None]
    times = {b: median(records[b].samples_us) for b in baselines}
    candidate_us = median(record.samples_us)
    speedup = _speedup(records[EAGER], record, float(environment["resolution_us"]))
    bound = None
    if limit is not None:
        size = limit.bytes_moved
        bound = bound_us(size, limit.flops, limit.dtype, limit.peaks, size)
    latencies = {
        n: median(records[n].latencies_us) for n in (*baselines, name) if records[n].latencies_us
    }
    extra = {"host_latency_us": latencies} if latencies else {}
    return Measurement(
        candidate_us=candidate_us,
        baselines_us=times,
        speedup=speedup.value,
        speedup_low=speedup.low,
        speedup_high=speedup.high,
        speedup_best=min(times.values()) / candidate_us,
        bound_us=bound,
        bound_percent=100 * bound / candidate_us if bound is not None else None,
        bytes_moved=limit.bytes_moved if limit is not None else None,
        prepare_us=record.prepare_us,
        cold=plan.cold,
        device=plan.device.name,
        environment={**environment, **extra, "rounds": len(record.samples_us)},
        samples_us={
            "candidate": tuple(record.samples_us),
            **{b: tuple(records[b].samples_us) for b in baselines},
        },
    )
