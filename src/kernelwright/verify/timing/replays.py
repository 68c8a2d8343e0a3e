"""Short CUDA kernels: rounds of graph replays beside the rounds of single calls.

Events step by half a microsecond and show some of what stands between two launches, which is much
of a kernel below ``SHORT_US``. There every subject is timed again as a CUDA graph of many calls
(``verify.timing.child.replay``), interleaved as before. Where one subject cannot be captured,
events stay the clock of all, since a ratio of two clocks says nothing.
"""

from __future__ import annotations

import math
import time

import numpy as np

from kernelwright.errors import KernelwrightError
from kernelwright.verify.timing.baselines import EAGER
from kernelwright.verify.timing.plan import TimingPlan
from kernelwright.verify.timing.records import SubjectFailed
from kernelwright.verify.timing.rotation import Rotation
from kernelwright.verify.timing.session import TimingSession
from kernelwright.verify.timing.statistics import median, ratio_interval

SHORT_US = 50.0
_REPLAY_US = 250.0  # a replay shall last so long at least
_FEWEST_CALLS, _MOST_CALLS, _INPUT_BYTES = 2, 64, 1 << 30
_ROUNDS, _MOST_ROUNDS, _SHARE = 15, 200, 0.5  # rounds, and their share of the budget
_HALF_WIDTH = 0.01
_JUDGED = 4


class ReplayDied(KernelwrightError):
    """The worker died over a CUDA graph; it is to be started again and to do without."""


def replay_rounds(
    plan: TimingPlan, session: TimingSession, rotation: Rotation, random: np.random.Generator
) -> None:
    """Fills ``replays_us`` of every subject, or of none, with a note that says why. Raises
    ReplayDied, and SubjectFailed for a candidate that fails in a replay."""
    short = min(median(session.records[name].samples_us) for name in plan.candidates)
    if short >= SHORT_US:
        return
    calls = calls_in_graph(short, sum(getattr(v, "nbytes", 0) for v in plan.sets[0]))
    name = EAGER
    try:
        kept = {}
        for subject in plan.subjects:
            name = subject.name
            kept[name] = session.capture(name, calls)
        _rounds(plan, session, rotation, random, calls, kept)
    except SubjectFailed as error:
        text = f"{name} cannot be timed as a CUDA graph, so events are the clock below "
        text += f"{SHORT_US:g} us, where their step and launches show: {_first(error)}"
        if not error.alive:
            raise ReplayDied(text) from error
        plan.notes.append(text)
        for record in session.records.values():
            record.drop_replays()
        return
    plan.described["clock"] = f"cuda events around graphs of {calls} calls"
    plan.described["resolution_us"] = 2 * 0.5 / calls  # of a difference of two readings


def calls_in_graph(call_us: float, input_bytes: int) -> int:
    """How many calls one graph holds, each with inputs of its own."""
    wanted = math.ceil(_REPLAY_US / max(call_us, 0.1))
    room = _INPUT_BYTES // max(1, input_bytes)
    return max(_FEWEST_CALLS, min(wanted, room, _MOST_CALLS))


def _first(error: SubjectFailed) -> str:
    return str(error).partition("\n")[0]


def _rounds(
    plan: TimingPlan,
    session: TimingSession,
    rotation: Rotation,
    random: np.random.Generator,
    calls: int,
    kept: dict[str, list[int]],
) -> None:
    budget_s = _SHARE * plan.config.timing.budget_s * len(plan.candidates)
    judged = set(random.permutation(_ROUNDS)[:_JUDGED].tolist())
    began = time.monotonic()
    for done in range(_MOST_ROUNDS):
        for number in random.permutation(len(plan.subjects)):
            subject = plan.subjects[number]
            steps = [rotation.draw() for _ in range(calls)]
            wanted = int(random.choice(kept[subject.name]))
            session.replay(subject.name, steps, wanted)
            if done in judged and subject.entry is not None:
                session.keep_output(subject.name, steps[wanted], copied=True)
        if done + 1 >= _ROUNDS and (time.monotonic() - began > budget_s or _known(plan, session)):
            return


def _known(plan: TimingPlan, session: TimingSession) -> bool:
    records = session.records
    eager = records[EAGER].replays_us
    return all(
        ratio_interval(eager, records[name].replays_us, resamples=200).half_width < _HALF_WIDTH
        for name in plan.candidates
    )
