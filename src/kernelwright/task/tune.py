"""Better settings for a design's tunables.

Several settings at a time are printed and compiled side by side, then timed one after the other in
one process, together with the best so far (a race: ``search.halving``). One that is faster must be
verified before it becomes the best. All costs are ratios to the first candidate's time, so that
they compare between races; each is in the record at once, and no setting is ever tried twice.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule.cost import Predictor, rates
from kernelwright.errors import CompileError, KernelwrightError
from kernelwright.schema import Candidate
from kernelwright.search import SEARCHERS, Point, Searcher, SearchSpace
from kernelwright.task.builds import Builds
from kernelwright.task.progress import Observer
from kernelwright.task.result import Attempt
from kernelwright.task.session import Session
from kernelwright.task.tuning_record import Tried, Tuned, TuningRecord
from kernelwright.task.tuning_space import tuning_space

BATCH = 6  # settings of one race
MIN_GAIN = 0.02  # a smaller difference in a short timing is noise
PATIENCE = 3  # races without a gain
MOST_TRIES = 512
_BEST = "best"

Judge = Callable[[Candidate], Attempt]
Setting = tuple[int, tuple[tuple[str, int], ...]]  # the design's number, and its tunables


class TuningFailed(KernelwrightError):
    """The machine's fault: what was found before it counts."""


@dataclass(frozen=True)
class _Best:
    """The fastest verified setting so far. ``ratio``: see ``Tried``."""

    attempt: Attempt
    number: int
    point: Point
    ratio: float


class Tuner:
    """``designs``: the first choice and its alternatives, all of them checked. ``judge`` verifies.
    ``patience``: races without a gain after which to stop. ``believed``: what is on record needs no
    second try."""

    def __init__(
        self,
        session: Session,
        designs: Sequence[Design],
        judge: Judge,
        record: TuningRecord,
        observer: Observer,
        *,
        patience: int = PATIENCE,
        seed: int = 0,
        believed: bool = True,
    ) -> None:
        self.session, self.designs, self.judge = session, list(designs), judge
        self.record, self.observer = record, observer
        self.patience, self.seed, self.believed = patience, seed, believed
        self.tries = 0
        self.known: dict[Setting, float] = {}
        self.seen: dict[str, float] = {}  # a candidate's hash -> its ratio
        self._best: _Best | None = None

    @property
    def best(self) -> _Best:
        assert self._best is not None
        return self._best

    @best.setter
    def best(self, best: _Best) -> None:
        self._best = best

    @property
    def best_so_far(self) -> Attempt | None:
        """What ``improve`` has come to, also while it runs and after it was stopped."""
        return None if self._best is None else self._best.attempt

    def improve(self, attempt: Attempt, *, budget_s: float, start: Point | None = None) -> Attempt:
        """The best attempt found within the budget; the given one if nothing beats it. ``start``
        is a setting to begin at. An earlier search of the same that was as patient is believed."""
        assert attempt.candidate is not None
        began = time.monotonic()
        self.best = _Best(attempt, 0, {}, 1.0)
        self.seen[attempt.candidate.hash()] = 1.0
        before = self.record.tuned() if self.believed else None
        if before is not None and (before.through or before.spent_s >= 0.8 * budget_s):
            self.take_up(attempt.impl_type, before)
            return self.best.attempt
        for tried in self.record.tried() if self.believed else ():
            self.known[_key(tried.number, tried.point)] = tried.ratio
        self.observer.start(f"tune {attempt.impl_type}")
        with Builds(self.session.spec, processes=self.session.config.threads) as builds:
            through = _Search(self, builds, attempt.impl_type, began + budget_s, start).run()
        spent_s = time.monotonic() - began
        self.confirm(attempt)
        best = self.best
        self.record.finish(Tuned(best.number, best.point, best.ratio, through, spent_s, self.tries))
        self.observer.finish(f"{self.tries} tries, {1 / best.ratio:.2f}x")
        return best.attempt

    def confirm(self, first: Attempt) -> None:
        """The best of many noisy times is too good: once more against the first, at length."""
        if self.best.attempt is first:
            return
        assert first.candidate is not None and self.best.attempt.candidate is not None
        pair = {"first": first.candidate, _BEST: self.best.attempt.candidate}
        times = self.session.rank(pair, rounds=7)
        ratio = times[_BEST] / times["first"]
        if ratio < 1 - MIN_GAIN / 2:
            self.best = replace(self.best, ratio=ratio)
        else:
            self.best = _Best(first, 0, {}, 1.0)

    def take_up(self, impl_type: str, tuned: Tuned) -> None:
        """What an earlier search ended at becomes the best, if it is still right."""
        if not tuned.point and not tuned.number:
            return
        try:
            design = self.designs[tuned.number]
            candidate = self.session.code(design, impl_type, dict(tuned.point))
        except (CompileError, IndexError):
            return
        attempt = self.judge(candidate)
        if attempt.evaluation.passed:
            self.best = _Best(attempt, tuned.number, dict(tuned.point), tuned.ratio)


class _Search:
    """One run of ``Tuner.improve``."""

    def __init__(
        self, tuner: Tuner, builds: Builds, impl_type: str, deadline: float, start: Point | None
    ) -> None:
        self.tuner, self.builds, self.impl_type = tuner, builds, impl_type
        self.deadline, self.start = deadline, start
        self.longest_s = 0.0  # of a race with what belongs to it
        self.models: dict[int, Predictor] = {}  # of the designs, by number

    def run(self) -> bool:
        """Whether the search came to its own end, not to the deadline."""
        alternatives = [(number, Point()) for number in range(1, len(self.tuner.designs))]
        for number, point in alternatives:
            ratio = self.tuner.known.get(_key(number, point), math.inf)
            if ratio < self.tuner.best.ratio * (1 - MIN_GAIN):
                self.take(number, point, ratio, None)
        untried = [e for e in alternatives if _key(*e) not in self.tuner.known]
        if untried and not self.race(untried):
            return False
        number = self.tuner.best.number
        space = tuning_space(self.tuner.designs[number], self.impl_type, self.start)
        if space is None:
            return True
        searcher = self.informed(space, number)
        useless = 0
        while useless < self.tuner.patience and self.tuner.tries < MOST_TRIES:
            points = self.asked(searcher, number)
            if not points:
                return True
            before = self.tuner.best.ratio
            if not self.race([(number, point) for point in points]):
                return False
            for point in points:
                searcher.tell(point, self.tuner.known[_key(number, point)])
            useless = useless + 1 if self.tuner.best.ratio >= before else 0
        return True

    def informed(self, space: SearchSpace, number: int) -> Searcher:
        """A searcher that knows the first choice's cost."""
        searcher = SEARCHERS.get("pattern")(space, seed=self.tuner.seed)
        first = tuning_space(self.tuner.designs[number], self.impl_type)
        assert first is not None
        searcher.tell(first.start, self.tuner.best.ratio)
        return searcher

    def asked(self, searcher: Searcher, number: int) -> list[Point]:
        """Settings for a race; what is on record is told at once."""
        points: list[Point] = []
        while len(points) < BATCH and (point := searcher.ask()) is not None:
            ratio = self.tuner.known.get(_key(number, point))
            if ratio is None:
                points.append(point)
                continue
            searcher.tell(point, ratio)
            if ratio < self.tuner.best.ratio * (1 - MIN_GAIN):
                self.take(number, point, ratio, None)
        return points

    def race(self, entrants: Sequence[tuple[int, Point]]) -> bool:
        """Builds, times and (if faster) verifies; the ratios are in ``Tuner.known`` afterwards.
        False when there is no time for it."""
        began = time.monotonic()
        if began + self.longest_s > self.deadline:
            return False
        tuner = self.tuner
        hopeless = [e for e in entrants if not self.worth_building(*e)]
        for number, point in hopeless:
            self.note(Tried(number, point, math.inf))
        entrants = [e for e in entrants if e not in hopeless]
        made = self.built(entrants)
        # Settings may print the same files (a tile larger than the tensor): those are timed once.
        fresh = {c.hash(): c for c in made if isinstance(c, Candidate)}
        ratios = self.timed({h: c for h, c in fresh.items() if h not in tuner.seen})
        ratios |= {h: tuner.seen[h] for h in fresh if h in tuner.seen}
        found = [
            (ratios[c.hash()] if isinstance(c, Candidate) else math.inf, number, point, c)
            for (number, point), c in zip(entrants, made)
        ]
        for ratio, number, point, candidate in sorted(found, key=lambda f: f[0]):
            if isinstance(candidate, Candidate):
                if ratio < tuner.best.ratio * (1 - MIN_GAIN):
                    ratio = self.take(number, point, ratio, candidate)
                tuner.seen[candidate.hash()] = ratio
            self.note(Tried(number, point, ratio))
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        return True

    def worth_building(self, number: int, point: Point) -> bool:
        """Not with tiles too large for any printer: compilers take minutes for them. What the first
        choice has is not too large."""
        model = self.models.get(number)
        if model is None:
            spec, threads = self.tuner.session.spec, self.tuner.session.config.threads
            machine = rates(spec.target, threads)
            model = self.models[number] = Predictor(self.tuner.designs[number].program, machine)
        known = {n: v for n, v in point.items() if n in model.tunables}
        limit = max(model.machine.most_elements, model.largest_elements(model.defaults))
        return model.largest_elements({**model.defaults, **known}) <= limit

    def built(self, entrants: Sequence[tuple[int, Point]]) -> list[Candidate | CompileError]:
        made: dict[int, Candidate | CompileError] = {}
        for number in dict.fromkeys(n for n, _ in entrants):
            places = [i for i, (n, _) in enumerate(entrants) if n == number]
            points = [entrants[i][1] for i in places]
            design = self.tuner.designs[number]
            made.update(zip(places, self.builds.code_all(design, self.impl_type, points)))
        return [made[i] for i in range(len(entrants))]

    def timed(self, candidates: Mapping[str, Candidate]) -> dict[str, float]:
        """Ratios of the candidates, from one race with the best so far."""
        if not candidates:
            return {}
        best = self.tuner.best
        assert best.attempt.candidate is not None
        times = self.tuner.session.rank({_BEST: best.attempt.candidate, **candidates})
        unit_us = times.pop(_BEST) / best.ratio
        if not math.isfinite(unit_us):
            raise TuningFailed("the best kernel so far could not be timed again")
        return {name: us / unit_us for name, us in times.items()}

    def take(self, number: int, point: Point, ratio: float, candidate: Candidate | None) -> float:
        """Makes a setting the best, once it is verified; its ratio, infinity when it is wrong."""
        tuner = self.tuner
        if candidate is None:
            try:
                candidate = tuner.session.code(tuner.designs[number], self.impl_type, point)
            except CompileError:
                return math.inf
        attempt = tuner.judge(candidate)
        if not attempt.evaluation.passed:
            return math.inf
        tuner.best = _Best(attempt, number, dict(point), ratio)
        return ratio

    def note(self, tried: Tried) -> None:
        tuner = self.tuner
        tuner.tries += 1
        tuner.known[_key(tried.number, tried.point)] = tried.ratio
        tuner.record.add(tried)
        shown = " ".join(f"{n}={v}" for n, v in tried.point.items())
        tuner.observer.advance(f"{tuner.tries}: {shown} (best {1 / tuner.best.ratio:.2f}x)")


def _key(number: int, point: Mapping[str, int]) -> Setting:
    return number, tuple(sorted(point.items()))
