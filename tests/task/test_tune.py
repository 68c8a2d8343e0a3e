"""Tuning: what is built side by side, what is tried, kept, recorded and believed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from kernelwright.aul.syntax import Tunable
from kernelwright.compiler.design import Design
from kernelwright.config import resolve
from kernelwright.errors import CompileError
from kernelwright.schema import Candidate, Evaluation, Status
from kernelwright.store import Store
from kernelwright.task.builds import Builds
from kernelwright.task.identity import tuning_key
from kernelwright.task.progress import Silent
from kernelwright.task.resolve import make_spec
from kernelwright.task.result import Attempt
from kernelwright.task.session import Session
from kernelwright.task.tune import Tuner
from kernelwright.task.tuning_record import Tried, TuningRecord
from kernelwright.task.tuning_space import tuning_space

SOURCE = """
import torch
class Model(torch.nn.Module):
    def forward(self, x, y):
        return torch.relu(x + y).sum(0)
def get_inputs():
    return [torch.randn(500, 2048), torch.randn(500, 2048)]
"""


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    config = resolve({"timing.threads": 1})  # steady also on a busy machine
    judge = dataclasses.replace(config.judge, seeds=1, laws=False)
    spec = make_spec("wide", SOURCE, framework="torch", backend="cpu", impl_type="cpp")
    with Session(spec, dataclasses.replace(config, judge=judge)) as opened:
        yield opened


@pytest.fixture(scope="module")
def design(session: Session) -> Design:
    return session.design()


@pytest.fixture
def record(tmp_path: Path) -> Iterator[TuningRecord]:
    with Store(tmp_path / "runs.db") as store:
        yield TuningRecord(store, "key", "wide")


class Verdicts:
    """The judge, counted; ``wrong`` holds settings that it refuses whatever they compute."""

    def __init__(self, session: Session) -> None:
        self.session, self.asked = session, list[Candidate]()
        self.wrong = False

    def __call__(self, candidate: Candidate) -> Attempt:
        self.asked.append(candidate)
        if self.wrong:
            return Attempt("cpp", candidate, Evaluation(Status.WRONG_VALUE, "value", "made up"))
        return Attempt("cpp", candidate, self.session.verify(candidate))


def with_choices(design: Design, default: int, choices: tuple[int, ...]) -> Design:
    """The design with its first tunable so, and no other."""
    declarations = []
    for d in design.program.declarations:
        if isinstance(d, Tunable):
            first = not any(isinstance(x, Tunable) for x in declarations)
            d = Tunable(d.name, default if first else d.default, choices if first else (d.default,))
        declarations.append(d)
    program = dataclasses.replace(design.program, declarations=tuple(declarations))
    return dataclasses.replace(design, program=program)


def first_attempt(session: Session, design: Design) -> Attempt:
    candidate = session.code(design, "cpp")
    attempt = Attempt("cpp", candidate, session.verify(candidate))
    assert attempt.evaluation.passed, attempt.evaluation.reason
    return attempt


# ---- the space and the builds --------------------------------------------------------------------


def test_the_space_is_the_tunables_and_what_the_printer_adds(design: Design) -> None:
    space = tuning_space(design, "cpp")
    assert space is not None
    tunables = [d for d in design.program.declarations if isinstance(d, Tunable)]
    assert set(space.choices) == {t.name for t in tunables if len(t.choices) > 1}
    triton = tuning_space(design, "triton", {"num_warps": 8, "nobody": 3})
    assert triton is not None
    assert triton.start["num_warps"] == 8
    assert "num_stages" in triton.choices, "a core takes rows one after the other"
    nothing = with_choices(design, 64, (64,))
    assert tuning_space(nothing, "cpp") is None


def test_builds_are_those_of_this_process_and_refusals_come_back(
    session: Session, design: Design
) -> None:
    space = tuning_space(design, "cpp")
    assert space is not None
    points = list(space.points())[:3]
    with Builds(session.spec, processes=2) as builds:
        made = builds.code_all(design, "cpp", [*points, {"nobody": 1}])
        for point, candidate in zip(points, made):
            assert isinstance(candidate, Candidate)
            assert dict(candidate.files) == dict(session.code(design, "cpp", point).files)
        assert isinstance(made[3], CompileError)
        assert "nobody" in str(made[3])


# ---- the search ----------------------------------------------------------------------------------


def test_a_poor_first_choice_is_improved_and_each_setting_tried_once(
    session: Session, design: Design, record: TuningRecord
) -> None:
    poor = with_choices(design, 1, (1, 64, 256))
    first, verdicts = first_attempt(session, poor), Verdicts(session)
    tuner = Tuner(session, [poor], verdicts, record, Silent())
    best = tuner.improve(first, budget_s=60)
    assert best is not first
    assert best.evaluation.passed
    assert best.candidate in verdicts.asked, "nothing counts unverified"
    points = [tuple(t.point.items()) for t in record.tried()]
    assert len(points) == len(set(points)) == 2
    tuned = record.tuned()
    assert tuned is not None
    assert tuned.through
    assert tuned.ratio < 1

    second, asked = Tuner(session, [poor], verdicts, record, Silent()), len(verdicts.asked)
    again = second.improve(first, budget_s=60)
    assert second.tries == 0, "a second run tunes nothing"
    assert again.candidate is not None
    assert best.candidate is not None
    assert again.candidate.hash() == best.candidate.hash()
    assert len(verdicts.asked) == asked + 1, "but does not believe the record's verdict"


def test_what_the_judge_refuses_never_counts(
    session: Session, design: Design, record: TuningRecord
) -> None:
    poor = with_choices(design, 1, (1, 64, 256))
    first, verdicts = first_attempt(session, poor), Verdicts(session)
    verdicts.wrong = True
    best = Tuner(session, [poor], verdicts, record, Silent()).improve(first, budget_s=60)
    assert best is first
    assert verdicts.asked, "a faster one was found"
    assert any(t.ratio == float("inf") for t in record.tried())


def test_an_interrupted_search_keeps_its_best_and_continues_where_it_was(
    session: Session, design: Design, record: TuningRecord
) -> None:
    poor = with_choices(design, 1, (1, 8, 16, 32, 64, 128, 256, 512))
    first, verdicts = first_attempt(session, poor), Verdicts(session)

    class Stopping(Silent):
        def advance(self, detail: str = "") -> None:
            if len(record.tried()) == 4:
                raise KeyboardInterrupt

    tuner = Tuner(session, [poor], verdicts, record, Stopping())
    with pytest.raises(KeyboardInterrupt):
        tuner.improve(first, budget_s=60)
    assert tuner.best.attempt is not first
    assert tuner.best.attempt.evaluation.passed
    done = [tuple(t.point.items()) for t in record.tried()]
    assert len(done) == 4
    assert record.tuned() is None

    second = Tuner(session, [poor], verdicts, record, Silent(), patience=1)
    second.improve(first, budget_s=60)
    points = [tuple(t.point.items()) for t in record.tried()]
    assert points[:4] == done
    assert len(points) == len(set(points)) > 4


def test_no_time_means_no_try(session: Session, design: Design, record: TuningRecord) -> None:
    first = first_attempt(session, design)
    tuner = Tuner(session, [design], Verdicts(session), record, Silent())
    assert tuner.improve(first, budget_s=-1) is first
    assert tuner.tries == 0


# ---- the record ----------------------------------------------------------------------------------


def test_failures_come_back_as_failures(record: TuningRecord) -> None:
    record.add(Tried(1, {"a": 2}, float("inf")))
    record.add(Tried(0, {"a": 4}, 0.5))
    assert record.tried() == [Tried(1, {"a": 2}, float("inf")), Tried(0, {"a": 4}, 0.5)]


def test_the_key_covers_design_source_threads_and_printer(session: Session, design: Design) -> None:
    spec, config = session.spec, session.config
    candidate = session.code(design, "cpp")
    other = with_choices(design, 1, (1, 2))
    printed = dataclasses.replace(candidate, files={**candidate.files, "kernel.cpp": b"other"})
    timing = dataclasses.replace(config.timing, threads=7)
    keys = {
        tuning_key(spec, config, [design], candidate),
        tuning_key(spec, config, [other], candidate),
        tuning_key(spec, config, [design], printed),
        tuning_key(dataclasses.replace(spec, source=SOURCE + "#"), config, [design], candidate),
        tuning_key(spec, dataclasses.replace(config, timing=timing), [design], candidate),
    }
    assert len(keys) == 5
    assert tuning_key(spec, config, [design], candidate) in keys
