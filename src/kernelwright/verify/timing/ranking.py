"""Quick times of several candidates, for a search that must only know which is likely best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kernelwright.backends import DeviceInfo
from kernelwright.config import Config
from kernelwright.devices import device_lock
from kernelwright.frameworks._base import StateEntry, Value
from kernelwright.schema import TaskSpec
from kernelwright.verify.timing.records import Subject, SubjectFailed
from kernelwright.verify.timing.rotation import Rotation
from kernelwright.verify.timing.session import TimingPlan, TimingSession
from kernelwright.verify.timing.statistics import median


def quick_rank(
    spec: TaskSpec,
    candidates: Mapping[str, Path],
    input_sets: Sequence[Sequence[Value]],
    device: DeviceInfo,
    config: Config,
    *,
    state: Sequence[StateEntry] = (),
    rounds: int = 7,
    keep: float = 1.5,
    cold: bool | None = None,
    env: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Microseconds of each candidate from a few interleaved calls, for a search: fastest first.

    A candidate slower than ``keep`` times the fastest after two rounds is timed no further; one
    that cannot be loaded or called gets infinity. Nothing is judged here and nothing may be claimed
    from it: the search had the machine warm and uneven.
    """
    subjects = [Subject(name, entry=path) for name, path in candidates.items()]
    plan = TimingPlan.of(spec, device, config, subjects, input_sets, state, cold, 0, env)
    times: dict[str, float] = {}
    with device_lock(device.backend, device.index, config.state_dir):
        while plan.subjects:
            try:
                with plan.session() as session:
                    times = _ranked(plan, session, rounds, keep)
                break
            except SubjectFailed as error:
                plan.drop(error)
    times.update(dict.fromkeys(plan.failures, float("inf")))
    return dict(sorted(times.items(), key=lambda item: item[1]))


def _ranked(plan: TimingPlan, session: TimingSession, rounds: int, keep: float) -> dict[str, float]:
    session.give_inputs(plan.sets)
    rotation = Rotation(len(plan.sets), plan.seed, mixed=False)
    for subject in list(plan.subjects):
        try:
            session.load(subject, plan.state)
            session.call(subject.name, rotation.draw())
        except SubjectFailed as error:
            if not error.alive:
                raise
            plan.drop(error)
            session.records.pop(subject.name, None)
    racing = list(session.records)
    for number in range(rounds):
        for name in racing:
            session.record(name, rotation.draw())
        # The least time is the steadiest estimate while samples are few.
        best = {name: min(session.records[name].samples_us) for name in racing}
        if number and racing:
            fastest = min(best.values())
            racing = [name for name in racing if best[name] <= keep * fastest]
    return {name: median(record.samples_us) for name, record in session.records.items()}
