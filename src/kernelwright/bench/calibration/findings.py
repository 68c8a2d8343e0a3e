"""What many samples say: margins by family, what was judged wrongly, the room of each constant."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernelwright.bench.calibration.candidates import HONEST_KIND, LOWERED_KIND, SLOPPY_KIND
from kernelwright.bench.calibration.margins import NAMES, Constants
from kernelwright.bench.calibration.trial import Sample
from kernelwright.verify.inputs.laws import OWN

# The contract: on the next lower precision of every float32 and float64 task all are refused.
REQUIRED = ("float32", "float64")
CLASSES = {"float32, float64": ("float32", "float64"), "float16, bfloat16": ("float16", "bfloat16")}


@dataclass(frozen=True)
class Extreme:
    """A margin and the sample that has it; ``value`` is NaN where there is no sample."""

    value: float
    what: str = ""


@dataclass(frozen=True)
class Row:
    """One family and dtype. ``lowered_own`` and ``lowered`` are the smallest over the lowered
    candidates of what the worst of their cases reaches: under the Model's own inputs alone, and
    under all laws."""

    family: str
    dtype: str
    honest_norm: Extreme
    honest_element: Extreme
    lowered_own: Extreme
    lowered: Extreme


@dataclass(frozen=True)
class Room:
    """Where a constant may lie, the others as they are: ``smallest`` refuses no honest candidate;
    up to ``largest`` every lowered candidate that the rule refuses now is still refused;
    ``largest_alone`` the same for this clause without help from the other one (over what it
    refuses now)."""

    constant: str
    dtypes: str
    in_force: float
    smallest: Extreme
    largest: Extreme
    largest_alone: Extreme

    @property
    def inside(self) -> bool:
        return self.smallest.value <= self.in_force <= self.largest.value


def candidate_groups(samples: Iterable[Sample], kind: str) -> dict[Any, list[Sample]]:
    """The samples of each candidate of ``kind`` for one task. Of candidates that must be refused
    only the samples that count; one that never counts is left out."""
    groups: dict[Any, list[Sample]] = defaultdict(list)
    for s in samples:
        if s.kind == kind and (kind == HONEST_KIND or s.counts):
            groups[s.group].append(s)
    return groups


def rows(samples: Sequence[Sample]) -> list[Row]:
    """One for each family and dtype, in the samples' order."""
    parts: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for s in samples:
        parts[s.family, s.dtype].append(s)
    return [_row(family, dtype, found) for (family, dtype), found in parts.items()]


def _row(family: str, dtype: str, samples: Sequence[Sample]) -> Row:
    honest = [s for s in samples if s.kind == HONEST_KIND]
    lowered = candidate_groups(samples, LOWERED_KIND)
    own = candidate_groups([s for s in samples if s.law == OWN], LOWERED_KIND)
    return Row(
        family,
        dtype,
        _largest(honest, lambda s: s.margin.norm),
        _largest(honest, lambda s: s.margin.element),
        _smallest(own),
        _smallest(lowered),
    )


def _largest(samples: Iterable[Sample], value: Callable[[Sample], float]) -> Extreme:
    best = max(samples, key=value, default=None)
    return Extreme(math.nan) if best is None else Extreme(value(best), told(best))


def _smallest(groups: Mapping[Any, Sequence[Sample]]) -> Extreme:
    worst = [_largest(found, lambda s: s.margin.worst) for found in groups.values()]
    return min(worst, key=lambda e: e.value, default=Extreme(math.nan))


def told(sample: Sample) -> str:
    size = "" if sample.size == "small" else f", {sample.size}"
    return f"{sample.family} {sample.dtype}{size}: {sample.candidate} under {sample.law}"


def refused_honest(samples: Iterable[Sample]) -> list[Sample]:
    """False alarms: the worst sample of each honest candidate that any case refuses."""
    groups = candidate_groups(samples, HONEST_KIND).values()
    worst = [max(found, key=lambda s: s.margin.worst) for found in groups]
    return [s for s in worst if s.margin.refused]


def passed(samples: Iterable[Sample], kind: str) -> list[Sample]:
    """Candidates of a ``kind`` that must be refused and no case refuses: the sample of each that
    came nearest."""
    groups = candidate_groups(samples, kind).values()
    worst = [max(found, key=lambda s: s.margin.worst) for found in groups]
    return [s for s in worst if not s.margin.refused]


def rooms(samples: Sequence[Sample]) -> list[Room]:
    """Every constant for every class of dtypes that there are samples of."""
    found = []
    for title, dtypes in CLASSES.items():
        some = [s for s in samples if s.dtype in dtypes]
        if some:
            constants = Constants.in_force(dtypes[0])
            found += [_room(name, title, getattr(constants, name), some) for name in NAMES]
    return found


def _room(name: str, title: str, in_force: float, samples: Sequence[Sample]) -> Room:
    honest = [s for s in samples if s.kind == HONEST_KIND]
    lowered = candidate_groups(samples, LOWERED_KIND).values()
    clause, other = ("norm", "element") if name.startswith("norm") else ("element", "norm")

    def needed(s: Sample) -> float:
        return s.margin.needed[name]

    def refuses(found: Sequence[Sample], which: str) -> bool:
        return any(getattr(s.margin, which) > 1 for s in found)

    mine = [_largest(found, needed) for found in lowered if refuses(found, clause)]
    only = [
        _largest(found, needed)
        for found in lowered
        if refuses(found, clause) and not refuses(found, other)
    ]
    nobody = Extreme(math.inf, "the other clause refuses all that this one does")
    return Room(
        name,
        title,
        in_force,
        _largest(honest, needed),
        min(only, key=lambda e: e.value, default=nobody),
        min(mine, key=lambda e: e.value, default=Extreme(math.nan)),
    )


def disagreements(samples: Iterable[Sample]) -> list[Sample]:
    """Where the judge's own verdict is not what its constants say."""
    return [s for s in samples if not s.agrees]


def faults(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """Everything that is not as the contract wants it, by what it is."""
    lowered = passed(samples, LOWERED_KIND)
    return {
        "honest candidates refused": refused_honest(samples),
        "lower precision not refused": [s for s in lowered if s.dtype in REQUIRED],
        "the judge's verdict differs from its constants": disagreements(samples),
    }


def remarks(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """What is worth knowing without being against the contract."""
    lowered = passed(samples, LOWERED_KIND)
    return {
        "half types: lower precision not refused": [s for s in lowered if s.dtype not in REQUIRED],
        "sloppy algorithms not refused": passed(samples, SLOPPY_KIND),
    }
