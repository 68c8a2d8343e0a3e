"""Scores of many workloads: geometric means over all of them, shares, and the cost of the producer.

A miss (no verified kernel, or none that was timed) counts as 1.0 in every mean. fast_p is the share
of all workloads whose kernel is right and more than p times as fast as the fastest baseline.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from kernelwright.bench.rows import STEADY, Row

OVERALL = "all"
FAMILY_BAR = 0.95  # no family's mean of the producer alone may lie below it
NEAR_BOUND = 100 / 1.5  # percent: within 1.5 times the bound
PRODUCER_STAGES = ("capture", "design", "code")  # as the main job's stopwatch names them


@dataclass(frozen=True)
class Score:
    """Of one group of workloads. Means are geometric, over all ``count`` workloads: ``alone`` the
    producer's kernel over the fastest baseline, ``returned`` the same with the never-slower guard,
    ``over_eager`` the producer's kernel over eager. Shares are between 0 and 1; medians and
    ``worst`` are None where nothing was timed."""

    group: str
    count: int
    correct: int
    timed: int
    alone: float
    returned: float
    over_eager: float
    fast_1: float
    fast_1_05: float
    below_1: int
    worst: float | None
    bound_percent: float | None
    within_1_5_of_bound: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def score(group: str, rows: Sequence[Row]) -> Score:
    """The Score of at least one row."""
    timed = [r for r in rows if r.timed]
    percents = [r.bound_percent for r in timed if r.bound_percent is not None]
    return Score(
        group=group,
        count=len(rows),
        correct=sum(r.correct for r in rows),
        timed=len(timed),
        alone=geometric_mean(r.alone for r in rows),
        returned=geometric_mean(r.guarded for r in rows),
        over_eager=geometric_mean(r.over_eager for r in rows),
        fast_1=sum(r.alone > 1.0 for r in timed) / len(rows),
        fast_1_05=sum(r.alone > 1.05 for r in timed) / len(rows),
        below_1=sum(r.alone < 1.0 for r in timed),
        worst=min((r.alone for r in timed), default=None),
        bound_percent=median(percents) if percents else None,
        within_1_5_of_bound=sum(p >= NEAR_BOUND for p in percents),
    )


def scores(rows: Sequence[Row]) -> list[Score]:
    """One Score a family, by name, then one of everything (group "all")."""
    groups = by_family(rows)
    return [*(score(name, group) for name, group in groups.items()), score(OVERALL, rows)]


def by_family(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows by family; the suite is named too where there are several."""
    several = len({r.suite for r in rows}) > 1
    groups: dict[str, list[Row]] = {}
    for row in rows:
        name = f"{row.suite}/{row.family}" if several else row.family
        groups.setdefault(name, []).append(row)
    return dict(sorted(groups.items()))


def geometric_mean(values: Iterable[float]) -> float:
    """Of positive numbers; 1.0 of none."""
    logs = [math.log(v) for v in values]
    return math.exp(math.fsum(logs) / len(logs)) if logs else 1.0


def producer_seconds(row: Row) -> float | None:
    """Capture, rewriting, scheduling and printing; None where the run did not get so far."""
    if not set(PRODUCER_STAGES) <= set(row.stages_s):
        return None
    return sum(row.stages_s[name] for name in PRODUCER_STAGES)


def remarks(rows: Sequence[Row], found: Sequence[Score]) -> list[str]:
    """What the table cannot say, one sentence each."""
    out = []
    low = [s for s in found[:-1] if s.alone < FAMILY_BAR]
    if low:
        named = ", ".join(f"{s.group} {s.alone:.2f}x" for s in low)
        out.append(f"families whose kernels alone are below {FAMILY_BAR}: {named}")
    overall = found[-1]
    if overall.timed:
        share = 100 * overall.below_1 / overall.count
        out.append(f"{overall.below_1} of {overall.count} workloads ({share:.1f} %) below 1.0")
    if overall.bound_percent is not None:
        out.append(
            f"{overall.within_1_5_of_bound} of {overall.timed} timed kernels within 1.5 times "
            "their bound"
        )
    costs = [s for s in map(producer_seconds, rows) if s is not None]
    if costs:
        out.append(
            f"the producer takes {median(costs):.2f} s for the median Model, "
            f"{max(costs):.1f} s for the longest"
        )
    calling = sum(bool(r.library_calls) for r in rows)
    if calling:
        out.append(f"kernels that call the framework for a part of their work: {calling}")
    unsteady = sum(r.unsteady for r in rows)
    if unsteady:
        out.append(
            f"unsteady measurements (a 95 % interval wider than {100 * STEADY:.0f} % to a side): "
            f"{unsteady} of {overall.timed}"
        )
    return out
