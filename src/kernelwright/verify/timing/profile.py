"""Times candidates against the reference's baselines, interleaved, in one fresh worker.

The parent draws order and inputs, counts rounds, holds the worker's clock against its own and has
outputs of *timed* calls judged like any others. What compiles has been compiled before, elsewhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from kernelwright.backends import DeviceInfo
from kernelwright.config import Config
from kernelwright.devices import device_lock
from kernelwright.frameworks._base import RunResult, StateEntry, Value
from kernelwright.schema import Evaluation, Status, TaskSpec
from kernelwright.verify.timing.baselines import EAGER, expand
from kernelwright.verify.timing.environment import (
    Waiting,
    after,
    describe_machine,
    describe_state,
)
from kernelwright.verify.timing.plan import TimingPlan
from kernelwright.verify.timing.prepare import prepared
from kernelwright.verify.timing.records import WITNESS, Record, Subject, SubjectFailed
from kernelwright.verify.timing.replays import ReplayDied
from kernelwright.verify.timing.result import Limit, ProfileResult, merged, result_of
from kernelwright.verify.timing.rotation import inputs_of
from kernelwright.verify.timing.rounds import Attempt, Disturbed
from kernelwright.verify.timing.session import TimingSession
from kernelwright.verify.timing.suspicion import suspicion

__all__ = ["Judge", "Limit", "ProfileResult", "profile"]

# Suspicions that rest on how long something took.
_OF_DELAYS = ("clock", "hidden_work", "disturbs_reference")
Judge = Callable[[list[Value], RunResult], Evaluation]


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
    with ExitStack() as stack:
        lock = device_lock(device.backend, device.index, config.state_dir, on_wait=on_progress)
        if device.backend == "cpu":  # where compilers would disturb what another process times
            stack.enter_context(lock)
        if on_progress is not None:
            on_progress("timing: compiling")
        stack.enter_context(prepared(plan))
        if device.backend != "cpu":
            stack.enter_context(lock)
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
    except Disturbed:
        doubtful = [n for n in plan.candidates if n not in plan.failures]
        result = ProfileResult({}, plan.failures, plan.baseline_failures, (), tuple(plan.notes))
    results = [result.without(set(doubtful))]
    for name in doubtful:
        try:
            again, still = _alone(plan, name, judge, limit, on_progress)
        except Disturbed as error:
            text = f"the reference fails beside the candidate: {error}"
            failure = Evaluation(Status.REJECTED, "disturbs_reference", text)
            results.append(ProfileResult({}, {name: failure}, {}))
            continue
        if name in still:
            again = _convicted(again, name, still[name])
        elif name in again.failures and name in result.flagged:
            found = again.failures[name]
            us, bound = result.measurements[name].candidate_us, result.measurements[name].bound_us
            text = f"{us:.3g} us are below the bound of {bound:.3g} us, and when it was timed "
            text += f"again, alone: {found.status}, {found.check}: {found.reason}"
            failure = Evaluation(Status.REJECTED, "faster_than_light", text, log=found.log)
            again = replace(again, failures={name: failure})
        results.append(again)
    return _fastest_alone(plan, merged(results), set(doubtful), judge, limit, on_progress)


def _alone(
    plan: TimingPlan,
    name: str,
    judge: Judge | None,
    limit: Limit | None,
    on_progress: Callable[[str], None] | None,
) -> tuple[ProfileResult, dict[str, Evaluation]]:
    """``_profiled`` of one candidate in a worker of its own; on a busy machine, where an honest one
    may seem dishonest twice, a suspect once more."""
    found = _profiled(plan.only(name), judge, limit, on_progress)
    if name in found[1] and _was_crowded(found[0], name):
        return _profiled(plan.only(name).only(name), judge, limit, on_progress)
    return found


def _was_crowded(result: ProfileResult, name: str) -> bool:
    return bool(result.measurements[name].environment["crowded"])


def _convicted(result: ProfileResult, name: str, found: Evaluation) -> ProfileResult:
    """``result`` without the suspect's times. Where the machine delayed its calls, times may look
    so of themselves: it keeps them then, but nothing is claimed."""
    measured = result.measurements[name]
    if found.check not in _OF_DELAYS or not _was_crowded(result, name):
        return replace(result.without({name}), failures={name: found})
    note = (
        f"{name}: {found.reason}; others kept this machine's cores busy meanwhile, so that it is "
    )
    note += "held against nobody, and no gain is claimed"
    low = measured.speedup_best_low
    kept = replace(
        measured,
        speedup_low=min(measured.speedup_low, 0.0),
        speedup_best_low=None if low is None else min(low, 0.0),
    )
    return replace(
        result,
        measurements={**result.measurements, name: kept},
        notes=(*result.notes, note),
    )


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
            again = _convicted(again, name, suspects[name])
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
    waiting = Waiting.begin()
    records = _measured(plan, on_progress)
    machine.update(after(describe_state(plan.device)), crowded=waiting.crowded())
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
                return Attempt(plan, session, witness, on_progress).run()
        except ReplayDied as error:
            plan.replays = False
            plan.notes.append(str(error))
        except SubjectFailed as error:
            plan.drop(error)


def _resolution(session: TimingSession) -> float:
    return 0.5 if session.device.backend == "cuda" else 0.0


def _judge_outputs(plan: TimingPlan, records: Mapping[str, Record], judge: Judge) -> None:
    """Strikes candidates that a sample of their timed calls' outputs convicts."""
    for name in plan.candidates:
        if name in plan.failures:
            continue
        record = records[name]
        found = [*record.outputs, *([record.fastest] if record.fastest else [])]
        for step, outputs in {step: (step, outputs) for step, outputs in found}.values():
            verdict = judge(inputs_of(plan.sets, step), outputs)
            if not verdict.passed:
                text = f"in a timed call: {verdict.reason}"
                plan.failures[name] = replace(
                    verdict, check=f"timed_{verdict.check or 'output'}", reason=text
                )
                break
