"""Evolution: many kernels in one population, from models and from the builtin compiler alike.

Round by round each slot proposes a kernel (a mutated or crossed setting of the builtin designs, or
a model's), all are judged like any other, the right ones are timed side by side, and the population
learns what they cost. Round 0 is the start. Everything is on record when it has happened: a run
that was killed goes on where it was, and asks for nothing twice.
"""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

from kernelwright.agents.llm_coder import LlmCoder
from kernelwright.agents.llm_mutation import LlmMutator, Shown
from kernelwright.errors import (
    BudgetExhausted,
    CompileError,
    ModelError,
    ReplayMismatch,
    UnsupportedError,
)
from kernelwright.llm import Budget
from kernelwright.schema import Candidate, Evaluation, Measurement, Status
from kernelwright.search import Individual, Population, PopulationSettings
from kernelwright.task.builds import Builds
from kernelwright.task.evolution_record import EvolutionRecord, Tried
from kernelwright.task.progress import Observer
from kernelwright.task.schedule_genes import Gene, ScheduleGenes
from kernelwright.task.session import Session

log = logging.getLogger(__name__)
ANCHOR = "start"  # every race has it, so that costs compare between races
CROSSOVER = 0.25  # of proposals with two living parents
INSPIRATIONS = 2
FIXES = 1  # second chances of a model's kernel that failed


@dataclass(frozen=True)
class Plan:
    """``rounds`` of ``parallel`` proposals each, after the start. ``wall_s`` ends it earlier,
    between two rounds. ``poor``: starts from the smallest tiles, not from the builtin choice.
    ``builtin``: the compiler proposes too."""

    rounds: int = 4
    parallel: int = 4
    wall_s: float | None = None
    poor: bool = False
    builtin: bool = True
    population: PopulationSettings = PopulationSettings()


@dataclass(frozen=True)
class Proposal:
    """What a slot offers; ``candidate`` None with a ``problem`` where nothing came."""

    slot: int
    kind: str
    parents: tuple[str, ...]
    candidate: Candidate | None = None
    gene: Gene | None = None
    problem: str = ""
    order: int = 0

    def name(self, round_: int) -> str:
        if self.candidate is not None:
            return self.candidate.hash()
        return f"nothing-{round_}-{self.slot}-{self.order}"


class Evolution:
    """One search. ``genes`` and ``coder``: the two sources, either may be missing. ``given``:
    kernels to start from, in place of the builtin ones."""

    def __init__(
        self,
        session: Session,
        plan: Plan,
        record: EvolutionRecord,
        observer: Observer,
        *,
        genes: ScheduleGenes | None = None,
        coder: LlmCoder | None = None,
        budget: Budget | None = None,
        given: Sequence[Candidate] = (),
        impl_type: str = "",
        hints: str = "",
    ) -> None:
        self.session, self.plan, self.record, self.observer = session, plan, record, observer
        self.genes = genes if plan.builtin else None
        self.all_genes, self.mutator = genes, None if coder is None else LlmMutator(coder)
        self.budget, self.given, self.hints = budget or Budget(), tuple(given), hints
        self.spec = replace(session.spec, impl_type=impl_type or session.spec.impl_type)
        self.population = Population(plan.population)
        self.tried: dict[str, Tried] = {}
        self.rounds: list[list[Tried]] = []
        self.stopped = ""
        self._began = time.monotonic()

    # ---- the run -----------------------------------------------------------------------------

    def run(self) -> Tried | None:
        """Until the rounds, the time, the budget or the ideas are used up; the best, or None."""
        known: dict[int, list[Tried]] = {}
        for one in self.record.tried():
            known.setdefault(one.round, []).append(one)
        done = self.record.rounds_done()
        with Builds(self.session.spec, processes=self.session.config.threads) as builds:
            for number in range(self.plan.rounds + 1):
                if number >= done and self._is_over(number):
                    break
                before = known.get(number, [])
                if number < done:
                    self._learn(before)
                else:
                    self._learn(self._round(number, before, builds))
                    if self.stopped:  # not at its end: the same command goes on here
                        break
                    self.record.end_round(number)
                self.population.migrate(number)
        return self.best

    @property
    def best(self) -> Tried | None:
        best = self.population.best
        return None if best is None else self.tried[best.name]

    def _is_over(self, number: int) -> bool:
        spent = time.monotonic() - self._began
        if self.plan.wall_s is not None and spent >= self.plan.wall_s and number > 0:
            self.stopped = f"{spent:.0f} s are used up"
        elif (limit := self.budget.exhausted()) is not None:
            self.stopped = f"the budget of {limit} is used up"
        return bool(self.stopped)

    def _learn(self, tried: Sequence[Tried]) -> None:
        self.rounds.append(list(tried))
        for one in sorted(tried, key=lambda t: (t.slot, t.order)):
            if self.population.tell(one.individual) or one.individual.name not in self.tried:
                self.tried.setdefault(one.individual.name, one)

    def _round(self, number: int, before: Sequence[Tried], builds: Builds) -> list[Tried]:
        """One round; ``before`` is what an interrupted run had of it."""
        self.observer.start(f"round {number}" if number else "start")
        known = {(t.slot, t.order) for t in before}
        out = list(before)
        for one in before:
            self.tried.setdefault(one.individual.name, one)
        try:
            proposals = self._start(builds) if number == 0 else self._proposals(number, builds)
            if not proposals and not self.stopped:
                self.stopped = "there was nothing new to propose"
            open_ = [p for p in proposals if (p.slot, p.order) not in known]
            out += self._judged(number, open_)
            if self.mutator is not None and not self.stopped:
                mended = self._mended(number, [t for t in out if t.order == 0])
                out += self._judged(number, [p for p in mended if (p.slot, p.order) not in known])
        except BudgetExhausted as error:
            self.stopped = str(error)
        alive = [t.individual.cost for t in out if t.individual.right]
        best = min([i.cost for i in self.population.told.values()] + alive, default=math.inf)
        said = f"{len(alive)} of {len(out)} right"
        self.observer.finish(said + (f", best {1 / best:.2f}x" if 0 < best < math.inf else ""))
        return out

    # ---- proposals ---------------------------------------------------------------------------

    def _start(self, builds: Builds) -> list[Proposal]:
        """The given kernels, else the builtin first choice in each impl_type, else a model's."""
        if self.given:
            return [Proposal(i, "given", (), c) for i, c in enumerate(self.given)]
        if self.all_genes is not None:
            kind = "poor start" if self.plan.poor else "builtin"
            genes = [
                self.all_genes.start(n, poor=self.plan.poor) for n in self.all_genes.impl_types
            ]
            slots = [Proposal(i, kind, (), gene=gene) for i, gene in enumerate(genes)]
            return self._coded(slots, builds)
        slots = [Proposal(i, "model", ()) for i in range(self.plan.parallel)]
        return self._answered(0, slots)

    def _proposals(self, number: int, builds: Builds) -> list[Proposal]:
        pending: Counter[str] = Counter()
        # Only what came before this round: half of it may be known from a run that was cut off.
        taken = {t.gene for t in self._before(number) if t.gene is not None}
        bred: list[Proposal] = []
        asked: list[Proposal] = []
        for slot in range(self.plan.parallel):
            by_model = self.mutator is not None and (self.genes is None or slot % 2 == 0)
            if by_model:
                parent = self.population.parent(number, slot, pending=pending)
                made = self._model_slot(number, slot, parent)
                asked.append(made)
            else:
                found = self._bred(number, slot, pending, taken)
                if found is None:
                    continue
                made = found
                bred.append(made)
                assert made.gene is not None
                taken.add(made.gene)
            pending.update(made.parents[:1])
        return [*self._coded(bred, builds), *self._answered(number, asked)]

    def _model_slot(self, number: int, slot: int, parent: Individual | None) -> Proposal:
        if parent is None:
            return Proposal(slot, "model", ())
        crosses = self.population.generator(number, slot).random() < CROSSOVER
        others = self.population.inspirations(parent, INSPIRATIONS, number, slot)
        kind = "model crossover" if crosses and others else "model mutation"
        return Proposal(slot, kind, (parent.name, *(o.name for o in others)))

    def _bred(
        self, number: int, slot: int, pending: Counter[str], taken: set[Gene]
    ) -> Proposal | None:
        """A new setting; None where none was found."""
        assert self.genes is not None
        mine = [t.individual.name for t in self._before(number) if t.gene is not None]
        parent = self.population.parent(number, slot, among=mine, pending=pending)
        draw = self.population.generator(number, slot)
        if parent is None:  # none of its own lives yet
            first = self.genes.start(draw.choice(self.genes.impl_types), poor=self.plan.poor)
            new = first if first not in taken else self.genes.mutated(first, draw, taken)
            return None if new is None else Proposal(slot, "builtin", (), gene=new)
        gene = self.tried[parent.name].gene
        assert gene is not None
        others = self.population.inspirations(parent, INSPIRATIONS, number, slot)
        theirs = [(o.name, g) for o in others if (g := self.tried[o.name].gene) is not None]
        if theirs and draw.random() < CROSSOVER:
            name, other = draw.choice(theirs)
            made = self.genes.crossed(gene, other, draw, taken)
            if made is not None:
                return Proposal(slot, "crossover", (parent.name, name), gene=made)
        made = self.genes.mutated(gene, draw, taken)
        return None if made is None else Proposal(slot, "mutation", (parent.name,), gene=made)

    def _before(self, number: int) -> list[Tried]:
        return [t for t in self.tried.values() if t.round < number]

    def _coded(self, proposals: Sequence[Proposal], builds: Builds) -> list[Proposal]:
        """Builtin kernels, compiled side by side."""
        genes = self.all_genes
        out: list[Proposal] = []
        groups: dict[tuple[int, str], list[Proposal]] = {}
        for proposal in proposals:
            assert proposal.gene is not None
            groups.setdefault((proposal.gene.design, proposal.gene.impl_type), []).append(proposal)
        for (design, impl_type), some in groups.items():
            assert genes is not None
            points = [dict(p.gene.point) for p in some if p.gene is not None]
            for proposal, made in zip(
                some, builds.code_all(genes.designs[design], impl_type, points)
            ):
                if isinstance(made, CompileError):
                    out.append(replace(proposal, problem=str(made)))
                else:
                    out.append(replace(proposal, candidate=made))
        return out

    def _answered(self, number: int, proposals: Sequence[Proposal]) -> list[Proposal]:
        """Kernels from the model, asked for side by side."""
        if not proposals:
            return []
        if number:
            self.start_measured  # noqa: B018  before threads need it
        with ThreadPoolExecutor(max_workers=len(proposals)) as pool:
            jobs = [pool.submit(self._ask, number, p) for p in proposals]
        return self._collected(jobs)

    def _collected(self, jobs: Sequence[Future[Proposal]]) -> list[Proposal]:
        """What was answered; what a model or the budget refused ends the search after this."""
        out: list[Proposal] = []
        for job in jobs:
            error = job.exception()
            if error is None:
                out.append(job.result())
            elif isinstance(error, ModelError) and not isinstance(error, ReplayMismatch):
                self.stopped = str(error)
            else:
                raise error
        return out

    def _ask(self, number: int, proposal: Proposal, failed: Tried | None = None) -> Proposal:
        assert self.mutator is not None
        shown = [self._shown(self.tried[n]) for n in proposal.parents if n in self.tried]
        parent: Shown | None = next(iter(shown), None)
        others = [s for s in shown[1:] if s is not None]
        if failed is not None:
            parent, others = self._shown(failed), []
        step = f"R{number:03d}.{proposal.slot:02d}.{proposal.order}/coder"
        made = self.mutator.propose(
            self.spec, parent, others, step, draw=number * 1000 + proposal.slot, hints=self.hints
        )
        if isinstance(made, str):
            return replace(proposal, problem=made)
        return replace(proposal, candidate=made)

    def _mended(self, number: int, tried: Sequence[Tried]) -> list[Proposal]:
        """A model's kernels that failed, asked for once more with the judge's word."""
        failed = [
            t for t in tried
            if t.individual.kind.startswith("model") and t.candidate is not None
            and not t.evaluation.passed and FIXES
        ]  # fmt: skip
        slots = [Proposal(t.slot, "model fix", (t.individual.name,), order=1) for t in failed]
        if not slots:
            return []
        with ThreadPoolExecutor(max_workers=len(slots)) as pool:
            jobs = [pool.submit(self._ask, number, p, t) for p, t in zip(slots, failed)]
        return self._collected(jobs)

    def _shown(self, tried: Tried) -> Shown | None:
        if tried.candidate is None:
            return None
        cost = tried.individual.cost
        relative = cost if math.isfinite(cost) else None
        return Shown(tried.candidate, tried.evaluation, relative, self.start_measured)

    @cached_property
    def start_measured(self) -> Measurement | None:
        """Times of the start, beside the framework and the bound, for models to go by; None where
        they cannot be had."""
        anchor = self.anchor
        known = self.record.start_measured()
        if known is not None or anchor is None or anchor.candidate is None:
            return known
        measured = self.session.measure({ANCHOR: anchor.candidate}, ("eager",))
        found = measured.measurements.get(ANCHOR)
        if found is not None:
            self.record.keep_start(found)
        return found

    # ---- judging -----------------------------------------------------------------------------

    def _judged(self, number: int, proposals: Sequence[Proposal]) -> list[Tried]:
        """Every proposal with its verdict and cost, recorded; what was tried before is left out."""
        fresh: dict[str, Proposal] = {}
        for proposal in proposals:
            name = proposal.name(number)
            if not self.population.knows(name) and name not in self.tried:
                fresh.setdefault(name, proposal)
        verdicts: dict[str, Evaluation] = {}
        todo: dict[str, Candidate] = {}
        for name, proposal in fresh.items():
            if proposal.candidate is None:
                verdicts[name] = Evaluation(Status.COMPILE_ERROR, "no_kernel", proposal.problem)
                continue
            with self.budget.evaluation():
                todo[name] = proposal.candidate
        if todo:
            verdicts.update(zip(todo, self.session.verify_all(list(todo.values()))))
        right = {n: c for n, c in todo.items() if verdicts[n].passed}
        costs = self._costs(right) if right else {}
        out: list[Tried] = []
        for name, proposal in fresh.items():
            one = Individual(
                name, costs.get(name, math.inf), self.population.island_of(proposal.slot),
                self._cell(proposal), number, proposal.parents, proposal.kind,
            )  # fmt: skip
            tried = Tried(
                number, proposal.slot, proposal.order, one, proposal.candidate, verdicts[name],
                proposal.gene,
            )  # fmt: skip
            self.record.add(tried)
            self.tried[name] = tried
            out.append(tried)
        return out

    def _costs(self, right: dict[str, Candidate]) -> dict[str, float]:
        """Times over the start's, from one race that the start takes part in."""
        anchor = self.anchor
        racing = dict(right)
        if anchor is not None and anchor.candidate is not None:
            racing = {ANCHOR: anchor.candidate, **racing}
        if any(not self.session.native(c.impl_type) for c in racing.values()):
            raise UnsupportedError(
                "this machine has no device that runs these kernels, so they cannot be compared"
            )
        times = self.session.rank(racing)
        first = times.get(ANCHOR) or times.get(next(iter(right)), math.inf)
        return {
            name: times[name] / first for name in right if name in times and 0 < first < math.inf
        }

    @property
    def anchor(self) -> Tried | None:
        """The first kernel that was right."""
        alive = (t for t in self.tried.values() if t.individual.right)
        return next(alive, None)

    def _cell(self, proposal: Proposal) -> tuple[str, ...]:
        if proposal.gene is not None:
            return proposal.gene.cell()
        if proposal.candidate is None:
            return ("nothing",)
        text = "\n".join(
            data.decode("utf-8", "replace")
            for name, data in proposal.candidate.files.items()
            if name.endswith((".py", ".cpp", ".cu"))
        )
        kernels = text.count("@triton.jit") + text.count('extern "C"')
        return (proposal.candidate.impl_type, "written", f"{kernels} kernels")
