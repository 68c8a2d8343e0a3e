"""From the records of a timing run to what may be said: Measurements, and times that cannot be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kernelwright.schema import Evaluation, Measurement, Status
from kernelwright.verify.roofline.bound import LIGHT_CACHES, Light, Peaks, below_light, bound_us
from kernelwright.verify.timing.baselines import EAGER
from kernelwright.verify.timing.outer_clock import confirmed_share, most_gain
from kernelwright.verify.timing.plan import TimingPlan
from kernelwright.verify.timing.records import WITNESS, Record
from kernelwright.verify.timing.statistics import Interval, median, ratio_interval

_CALL_US = 20.0  # below it the framework's own cost of a call is a large part of both sides' time


_CROWDED_SHARE = 0.95  # of a ratio's lower end: where others want the cores it is that much surer
_CONFIRMED = 0.5  # of a candidate's ratio: less, and it is said


@dataclass(frozen=True)
class Limit:
    """What the bound is computed from: least bytes and operations, the precision of the work."""

    bytes_moved: int
    flops: float
    dtype: str
    peaks: Peaks

    def us(self) -> float:
        """The bound in microseconds; the working set is what must be moved."""
        size = self.bytes_moved
        return bound_us(size, self.flops, self.dtype, self.peaks, size)


@dataclass(frozen=True)
class ProfileResult:
    """``measurements`` of the candidates that stood; ``failures`` says why the others did not.

    ``flagged`` are candidates faster than the bound where a cache may explain it; they have been
    judged again. ``baseline_failures`` maps a baseline to what went wrong with it.
    """

    measurements: Mapping[str, Measurement]
    failures: Mapping[str, Evaluation]
    baseline_failures: Mapping[str, str]
    flagged: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def without(self, names: set[str]) -> ProfileResult:
        """The same without these candidates' measurements."""
        kept = {n: m for n, m in self.measurements.items() if n not in names}
        return replace(
            self, measurements=kept, flagged=tuple(n for n in self.flagged if n not in names)
        )


def merged(results: list[ProfileResult]) -> ProfileResult:
    """One result of several, over different candidates."""
    return ProfileResult(
        {name: m for r in results for name, m in r.measurements.items()},
        {name: e for r in results for name, e in r.failures.items()},
        {name: text for r in results for name, text in r.baseline_failures.items()},
        tuple(name for r in results for name in r.flagged),
        tuple(dict.fromkeys(note for r in results for note in r.notes)),
    )


def result_of(
    plan: TimingPlan,
    records: Mapping[str, Record],
    environment: Mapping[str, Any],
    limit: Limit | None,
) -> ProfileResult:
    """Measurements of every candidate not struck yet, notes, and who is too fast to be true."""
    measurements: dict[str, Measurement] = {}
    flagged: list[str] = []
    notes = list(plan.notes)
    for name in plan.candidates:
        if name in plan.failures:
            continue
        measured = measurement_of(plan, name, records, environment, limit)
        if (share := measured.environment["confirmed_share"]) < _CONFIRMED:
            notes.append(
                f"{name}: a second clock confirms only {100 * share:.0f} % of the ratio, for the "
                "noise of this machine"
            )
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
        if limit is not None and measured.bound_us and measured.bound_percent is None:
            notes.append(_beaten_bound(name, measured, limit))
        if measured.baselines_us[EAGER] < _CALL_US and plan.device.backend == "cpu":
            notes.append(
                f"{name}: the framework needs {measured.baselines_us[EAGER]:.1f} us here, much of "
                "it for the call itself (a Model is called through its framework's module "
                "machinery), which a plain function does not pay"
            )
        measurements[name] = measured
    if environment["load_average"][0] > environment["cores"] / 2:
        notes.append(f"the machine was busy (load average {environment['load_average'][0]})")
    return ProfileResult(
        measurements, plan.failures, plan.baseline_failures, tuple(flagged), tuple(notes)
    )


def _beaten_bound(name: str, measured: Measurement, limit: Limit) -> str:
    small = limit.bytes_moved < LIGHT_CACHES * limit.peaks.last_level_bytes
    why = "the working set stays in a cache" if small else "the peaks measured here are too low"
    return (
        f"{name}: {measured.candidate_us:.3g} us is below the bound of {measured.bound_us:.3g} us, "
        f"so no share of it is given: {why}"
    )


def speedup_of(
    baseline: Record, candidate: Record, resolution_us: float, resamples: int = 2000
) -> Interval:
    """Baseline over candidate, with its 95 % interval over the rounds."""
    return ratio_interval(
        baseline.quoted_us,
        candidate.quoted_us,
        resolution=resolution_us,
        resamples=resamples,
    )


def measurement_of(
    plan: TimingPlan,
    name: str,
    records: Mapping[str, Record],
    environment: Mapping[str, Any],
    limit: Limit | None,
) -> Measurement:
    """One candidate's record beside those of the baselines that lasted."""
    record = records[name]
    sides = {s.name: records[s.name] for s in plan.subjects if s.entry is None}
    times = {b: median(found.quoted_us) for b, found in sides.items()}
    fastest = min(times, key=lambda b: times[b])
    candidate_us = median(record.quoted_us)
    resolution_us = float(environment["resolution_us"])
    share = confirmed_share(record, records[WITNESS])
    speedup = speedup_of(records[EAGER], record, resolution_us)
    best = speedup_of(records[fastest], record, resolution_us)
    # No claim beyond what the least times allow; what is no gain anyway stays as it is.
    most = max(1.0, most_gain(record, records[WITNESS]))
    elsewhere = min(_low_elsewhere(records, record), most)
    certain = share * (_CROWDED_SHARE if environment["crowded"] else 1.0)
    bound = limit.us() if limit is not None else None
    percent = 100 * bound / candidate_us if bound is not None else None
    all_sides = {"candidate": record, **sides}
    warm = {n: r.warm_us if plan.cold else r.quoted_us for n, r in all_sides.items()}
    late = {n: r.latencies_us or (r.quoted_us if _on_host(plan) else []) for n, r in
            all_sides.items()}  # fmt: skip
    return Measurement(
        candidate_us=candidate_us,
        baselines_us=times,
        speedup=speedup.value,
        speedup_low=_confirmed_low(min(speedup.low, elsewhere), certain),
        speedup_high=speedup.high,
        speedup_best=best.value,
        speedup_best_low=_confirmed_low(
            min(best.low, elsewhere) if fastest == EAGER else best.low, certain
        ),
        speedup_best_high=best.high,
        bound_us=bound,
        bound_percent=percent if percent is not None and percent <= 100.0 else None,
        bytes_moved=limit.bytes_moved if limit is not None else None,
        prepare_us=record.prepare_us,
        cold=plan.cold,
        device=plan.device.name,
        warm_us={n: median(samples) for n, samples in warm.items() if samples},
        latency_us={n: median(samples) for n, samples in late.items() if samples},
        environment={**environment, "rounds": len(record.quoted_us), "confirmed_share": share},
        samples_us={n: tuple(r.quoted_us) for n, r in all_sides.items()},
    )


def _low_elsewhere(records: Mapping[str, Record], record: Record) -> float:
    """The ratio's lower end against "eager" in the worker without candidates, where none of them
    can slow it; no limit where it was not timed alike."""
    witness, own = records[WITNESS].quoted_us, record.quoted_us
    count = min(len(witness), len(own))
    if not count or len(witness) < len(own) // 2:
        return math.inf
    return ratio_interval(witness[:count], own[:count]).low


def _confirmed_low(low: float, share: float) -> float:
    """The lower end that may be claimed: of what is above 1, as much as the parent's clock
    confirms. What is no gain by the samples alone stays as it is."""
    return low if low <= 1.0 else max(1.0, low * share)


def _on_host(plan: TimingPlan) -> bool:
    """Whether the sample's clock is the host's own."""
    return plan.device.backend == "cpu"
