"""What a timing run is about and what it finds: subjects, their compilers' caches, samples."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from kernelwright.errors import KernelwrightError
from kernelwright.frameworks._base import RunResult
from kernelwright.schema import Status
from kernelwright.verify.timing.baselines import BASELINES
from kernelwright.verify.timing.rotation import Step

WITNESS = "eager alone"  # the record of "eager" in a worker without candidates


@dataclass(frozen=True)
class Subject:
    """What is timed: a candidate's entry file, or a baseline when ``entry`` is None."""

    name: str
    entry: Path | None = None
    baseline: str | None = None

    @property
    def compiles(self) -> bool:
        """Whether it is a baseline whose first call runs a compiler."""
        return self.baseline is not None and BASELINES[self.baseline].compiles


class SubjectFailed(KernelwrightError):
    """One subject could not be loaded or called. ``alive``: the worker still serves the others."""

    def __init__(self, name: str, status: Status, check: str, message: str, alive: bool) -> None:
        super().__init__(message)
        self.name, self.status, self.check, self.alive = name, status, check, alive


@dataclass(frozen=True)
class Cache:
    """Where compilers keep what a subject makes them compile: ``name`` a folder of the worker's
    own, ``seed`` what it holds at first (a folder that the worker may read; None: nothing)."""

    name: str
    seed: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "seed": None if self.seed is None else str(self.seed)}


class Sample(NamedTuple):
    """One call, in microseconds: its time and the work found after it, as the worker says;
    ``outside_us`` what the request took beyond that time by the parent's clock, ``unexplained_us``
    beyond all that the worker says it took, ``ahead_us`` what an earlier request took that laid
    inputs ready and flushed the caches (None: all was one request)."""

    us: float
    tail_us: float
    outside_us: float
    unexplained_us: float
    ahead_us: float | None


@dataclass
class Record:
    """Everything measured of one subject, in microseconds (see ``Sample``). ``fetch_us`` is how
    long fetching an output took, ``before_us`` are samples from before any candidate was loaded,
    ``replays_us`` those of CUDA graphs, ``warm_us`` and ``warm_outside_us`` a call's share of a
    volley (see ``TimingSession.volley``) or single warm calls. ``threads_left`` counts the threads
    that single calls left behind, ``idle_shares`` how busy the worker's processes stayed after a
    call (1.0: one core). ``outputs`` are those to be judged, with the call's inputs; ``fastest`` is
    the cold call whose request was the shortest by the parent's clock (``least_wall_us``)."""

    before_us: list[float] = field(default_factory=list)
    samples_us: list[float] = field(default_factory=list)
    tails_us: list[float] = field(default_factory=list)
    outside_us: list[float] = field(default_factory=list)
    unexplained_us: list[float] = field(default_factory=list)
    ahead_us: list[float] = field(default_factory=list)
    fetch_us: list[float] = field(default_factory=list)
    replays_us: list[float] = field(default_factory=list)
    warm_us: list[float] = field(default_factory=list)
    warm_outside_us: list[float] = field(default_factory=list)
    latencies_us: list[float] = field(default_factory=list)
    threads_left: list[int] = field(default_factory=list)
    idle_shares: list[float] = field(default_factory=list)
    prepare_us: float | None = None
    output_bytes: int = 0
    outputs: list[tuple[Step, RunResult]] = field(default_factory=list)
    least_wall_us: float = math.inf
    fastest: tuple[Step, RunResult] | None = None

    @property
    def quoted_us(self) -> list[float]:
        """The samples that times and speedups are made of."""
        return self.replays_us or self.samples_us

    def drop_replays(self) -> None:
        """As if there had been none."""
        self.replays_us.clear()
        del self.tails_us[len(self.samples_us) :], self.unexplained_us[len(self.samples_us) :]
