"""Better values for tunables: every try is coded, verified and timed before it counts."""

from __future__ import annotations

import time
from collections.abc import Callable

from kernelwright.aul.syntax import Tunable
from kernelwright.compiler.design import Design
from kernelwright.errors import CompileError, UnsupportedError
from kernelwright.schema import Candidate
from kernelwright.search.pattern import PatternSearch
from kernelwright.task.progress import Observer
from kernelwright.task.result import Attempt
from kernelwright.task.session import Session

MAX_TRIES = 24
MIN_GAIN = 0.02  # a smaller difference in a short timing is noise
PATIENCE = 6  # tries without a gain


class Tuner:
    def __init__(
        self,
        session: Session,
        design: Design,
        judge: Callable[[Candidate], Attempt],
        observer: Observer,
    ) -> None:
        self.session, self.design = session, design
        self.judge, self.observer = judge, observer

    def improve(self, attempt: Attempt, *, budget_s: float) -> Attempt:
        """The best attempt found within the budget; the given one if nothing beats it."""
        tunables = [d for d in self.design.program.declarations if isinstance(d, Tunable)]
        space = {t.name: t.choices for t in tunables if len(t.choices) > 1}
        if not space or attempt.candidate is None:
            return attempt
        start = {t.name: t.default for t in tunables if t.name in space}
        search = PatternSearch(space, start)
        deadline = time.monotonic() + budget_s
        best, useless, longest = attempt, 0, 0.0
        self.observer.start(f"tune {attempt.impl_type}", MAX_TRIES)
        for _ in range(MAX_TRIES):
            began = time.monotonic()
            if useless >= PATIENCE or began + longest > deadline:
                break
            values = search.ask()
            if values is None:
                break
            rival = self.rival(attempt.impl_type, values)
            ratio = self.ratio(best, rival)
            search.tell(values, ratio)
            if ratio < 1 - MIN_GAIN and rival is not None:
                best, useless = rival, 0
                search.best, search.best_cost = search.point(values), 1.0
            else:
                useless += 1
            longest = max(longest, time.monotonic() - began)
            self.observer.advance(" ".join(f"{n}={v}" for n, v in values.items()))
        self.observer.finish()
        return best

    def rival(self, impl_type: str, values: dict[str, int]) -> Attempt | None:
        """The verified attempt with these values, or None."""
        try:
            candidate = self.session.code(self.design, impl_type, values)
        except (CompileError, UnsupportedError):
            return None
        attempt = self.judge(candidate)
        return attempt if attempt.evaluation.passed else None

    def ratio(self, best: Attempt, rival: Attempt | None) -> float:
        """Time of the rival over that of the best, measured side by side; infinity without one."""
        if rival is None or rival.candidate is None or best.candidate is None:
            return float("inf")
        times = self.session.rank({"best": best.candidate, "rival": rival.candidate})
        return times["rival"] / times["best"]
