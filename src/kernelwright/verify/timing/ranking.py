"""Quick times of several candidates, for a search that must only know which is likely best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from kernelwright.backends import DeviceInfo
from kernelwright.config import Config
from kernelwright.devices import device_lock
from kernelwright.frameworks._base import StateEntry, Value
from kernelwright.schema import TaskSpec
from kernelwright.search.halving import Race
from kernelwright.verify.timing.plan import TimingPlan
from kernelwright.verify.timing.prepare import prepared
from kernelwright.verify.timing.records import Subject, SubjectFailed
from kernelwright.verify.timing.rotation import Rotation
from kernelwright.verify.timing.session import TimingSession

_NEAR = 0.03  # candidates this near to the fastest are told apart by more calls, never dropped


def quick_rank(
    spec: TaskSpec,
    candidates: Mapping[str, Path],
    input_sets: Sequence[Sequence[Value]],
    device: DeviceInfo,
    config: Config,
    *,
    state: Sequence[StateEntry] = (),
    rounds: int = 3,
    cold: bool | None = None,
    env: Mapping[str, str] | None = None,
) -> dict[str, float]:
    """Microseconds of each candidate from a few interleaved calls, for a search: fastest first.

    After ``rounds`` calls of each the slower half is timed no further, the others get as many
    again, and so on (``search.halving.Race``); one that cannot be loaded or called gets infinity.
    What compiles at its first call is compiled before, side by side. Nothing is judged here and
    nothing may be claimed from it: the search had the machine warm and uneven.
    """
    subjects = [Subject(name, entry=path) for name, path in candidates.items()]
    plan = TimingPlan.of(spec, device, config, subjects, input_sets, state, cold, 0, env)
    times: dict[str, float] = {}
    with device_lock(device.backend, device.index, config.state_dir):
        with prepared(plan):
            while plan.subjects:
                try:
                    with plan.session() as session:
                        times = _ranked(plan, session, rounds)
                    break
                except SubjectFailed as error:
                    plan.drop(error)
    times.update(dict.fromkeys(plan.failures, float("inf")))
    return dict(sorted(times.items(), key=lambda item: item[1]))


def _ranked(plan: TimingPlan, session: TimingSession, rounds: int) -> dict[str, float]:
    session.give_inputs(plan.sets)
    rotation = Rotation(len(plan.sets), plan.seed, mixed=False)
    for subject in list(plan.subjects):
        cache = plan.caches.get(subject.name)
        try:
            session.load(subject, plan.state, cache)
            session.call(subject.name, rotation.draw(), cache=cache)
        except SubjectFailed as error:
            if not error.alive:
                raise
            plan.drop(error)
            session.records.pop(subject.name, None)
    race = Race(session.records, first=rounds, near=_NEAR)
    while (name := race.ask()) is not None:
        session.record(name, rotation.draw())
        race.tell(name, session.records[name].samples_us[-1])
    return race.ranking()
