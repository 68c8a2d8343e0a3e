"""Where a run's designs come from: the scheduler here, or a plan that was made elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kernelwright.compiler.design import Design
from kernelwright.errors import DesignError
from kernelwright.graph.core import Graph
from kernelwright.task.session import Session
from kernelwright.task.stopwatch import Stopwatch


@dataclass(frozen=True)
class Designs:
    """The first choice and its alternatives; ``note`` says how they were checked."""

    all: tuple[Design, ...]
    note: str = ""

    @property
    def first(self) -> Design:
        return self.all[0]


class DesignSource(Protocol):
    def designs(self, session: Session, watch: Stopwatch, *, checked: bool) -> Designs:
        """``checked``: an earlier run with the same key has checked them already. Raises
        CaptureError, UnsupportedError, DesignError or ReferenceBroken."""

    def simplified(self) -> Graph | None:
        """The computation that the bound is made of, where it is known without capturing."""


class Scheduled:
    """The builtin Designer's, each interpreted against the reference."""

    def designs(self, session: Session, watch: Stopwatch, *, checked: bool) -> Designs:
        with watch.stage("describe"):
            session.reference.describe()  # says what is wrong with the task, if anything is
        with watch.stage("capture"):
            session.graph  # noqa: B018  captured at first need
        with watch.stage("design"):
            made = session.designs()
        if checked:
            return Designs(tuple(made))
        with watch.stage("check"):
            return check_all(session, made)

    def simplified(self) -> Graph | None:
        return None


def check_all(session: Session, made: Sequence[Design]) -> Designs:
    """The first design, which must be right, and those of its alternatives that are."""
    first = session.check_design(made[0])
    if not first.passed:
        raise DesignError(f"the builtin design is wrong: {first.note}")
    others = [d for d in made[1:] if session.check_design(d).passed]
    return Designs((made[0], *others), first.note)
