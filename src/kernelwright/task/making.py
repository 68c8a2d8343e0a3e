"""Where a run's designs come from: the scheduler here, or a plan that was made elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from kernelwright.aul import print_program
from kernelwright.compiler.design import Design
from kernelwright.errors import DesignError
from kernelwright.graph.core import Graph
from kernelwright.task.identity import digest
from kernelwright.task.session import Session
from kernelwright.task.stopwatch import Stopwatch


@dataclass(frozen=True)
class Designs:
    """The first choice and its alternatives; ``note`` says how they were checked."""

    all: tuple[Design, ...]
    note: str = ""
    algebra: Mapping[str, Any] = field(default_factory=dict)  # what a plan says of its rewriting

    @property
    def first(self) -> Design:
        return self.all[0]


class DesignSource(Protocol):
    def designs(
        self, session: Session, watch: Stopwatch, *, right: Collection[str] | None
    ) -> Designs:
        """``right``: ``names`` of the designs that an earlier run with the same key has found right
        (None: there was none). Raises CaptureError, UnsupportedError, DesignError or
        ReferenceBroken."""

    def simplified(self) -> Graph | None:
        """The computation that the bound is made of, where it is known without capturing."""


@dataclass(frozen=True)
class Scheduled:
    """The builtin Designer's, each interpreted against the reference. ``alternatives``: also those
    of another structure than its first choice."""

    alternatives: bool = False

    def designs(
        self, session: Session, watch: Stopwatch, *, right: Collection[str] | None
    ) -> Designs:
        with watch.stage("describe"):
            session.reference.describe()  # says what is wrong with the task, if anything is
        with watch.stage("capture"):
            session.graph  # noqa: B018  captured at first need
        with watch.stage("rewrite"):
            session.rewritten  # noqa: B018  likewise
        with watch.stage("design"):
            first = session.design()
            others = session.alternatives(first) if self.alternatives else []
        if right is not None and name_of(first) in right:
            return Designs((first, *(d for d in others if name_of(d) in right)))
        with watch.stage("check"):
            return check_all(session, first, others)

    def simplified(self) -> Graph | None:
        return None


def name_of(design: Design) -> str:
    """A design's text as a name for the record."""
    return digest(print_program(design.program))


def check_all(session: Session, first: Design, others: Sequence[Design]) -> Designs:
    """The first design, which must be right, and those of its alternatives that are."""
    checked = session.check_design(first)
    if not checked.passed:
        raise DesignError(f"the builtin design is wrong: {checked.note}")
    kept = [design for design in others if session.check_design(design).passed]
    return Designs((first, *kept), checked.note)
