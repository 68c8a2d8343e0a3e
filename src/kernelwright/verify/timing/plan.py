"""What every attempt at a timing run needs, and what the attempts so far have found out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kernelwright.backends import DeviceInfo
from kernelwright.config import Config
from kernelwright.errors import ReferenceBroken, SandboxError
from kernelwright.frameworks._base import StateEntry, Value
from kernelwright.schema import Evaluation, Status, TaskSpec
from kernelwright.verify.timing.baselines import EAGER
from kernelwright.verify.timing.records import Cache, Subject, SubjectFailed
from kernelwright.verify.timing.rotation import same_layout
from kernelwright.verify.timing.session import TimingSession


@dataclass
class TimingPlan:
    """Outlives the workers: when a subject takes one down, it strikes the subject, and another
    worker is started for the rest."""

    spec: TaskSpec
    device: DeviceInfo
    config: Config
    subjects: list[Subject]
    sets: list[list[Value]]
    state: Sequence[StateEntry]
    cold: bool
    seed: int
    env: Mapping[str, str] | None
    failures: dict[str, Evaluation] = field(default_factory=dict)
    baseline_failures: dict[str, str] = field(default_factory=dict)
    described: dict[str, Any] = field(default_factory=dict)
    caches: dict[str, Cache] = field(default_factory=dict)  # of subjects that compile
    notes: list[str] = field(default_factory=list)
    mixed: bool = True  # see rotation.Rotation
    replays: bool = True  # short kernels are timed by CUDA graphs, unless that has failed

    @staticmethod
    def of(
        spec: TaskSpec,
        device: DeviceInfo,
        config: Config,
        subjects: list[Subject],
        input_sets: Sequence[Sequence[Value]],
        state: Sequence[StateEntry],
        cold: bool | None,
        seed: int,
        env: Mapping[str, str] | None,
    ) -> TimingPlan:
        """With the input sets that are laid out as the first one is; raises ValueError for none."""
        if not input_sets:
            raise ValueError("at least one input set is needed for timing")
        sets = [list(s) for s in input_sets if same_layout(input_sets[0], s)]
        cold = config.timing.cold if cold is None else cold
        return TimingPlan(spec, device, config, subjects, sets, state, cold, seed, env)

    def only(self, candidate: str) -> TimingPlan:
        """The same with this one candidate, other inputs, and a clean record."""
        kept = [s for s in self.subjects if s.entry is None or s.name == candidate]
        return replace(
            self,
            seed=self.seed + 1,
            subjects=kept,
            failures={},
            baseline_failures={},
            described={},
            notes=[],
        )

    def of_subjects(self, subjects: Sequence[Subject], caches: dict[str, Cache]) -> TimingPlan:
        """The same with these subjects and caches alone, to see what they compile to."""
        return replace(self, subjects=list(subjects), caches=caches, cold=False)

    def witness(self) -> TimingPlan:
        """The same with "eager" alone: for a worker in which no candidate is ever loaded."""
        kept = [s for s in self.subjects if s.baseline == EAGER]
        return replace(self, subjects=kept, caches={}, failures={}, baseline_failures={})

    def session(self) -> TimingSession:
        found = {s.entry.resolve().parent for s in self.subjects if s.entry is not None}
        caches = [self.caches[s.name] for s in self.subjects if s.name in self.caches]
        found |= {cache.seed for cache in caches if cache.seed is not None}
        return TimingSession(
            self.spec, self.device, self.config, readable=sorted(found), cold=self.cold,
            env=self.env, compiling=any(s.compiles for s in self.subjects),
        )  # fmt: skip

    def drop(self, error: SubjectFailed) -> None:
        """Strikes the subject that failed; raises ReferenceBroken when it is the reference."""
        subject = next((s for s in self.subjects if s.name == error.name), None)
        if subject is None and not error.alive and error.status is Status.RUNTIME_ERROR:
            raise SandboxError(f"the timing worker could not be set up: {error}") from error
        if subject is None or subject.baseline == EAGER:  # "reference" and "inputs" are no subjects
            raise ReferenceBroken(
                f"the reference fails in the timing worker: {error}", check="reference_timing"
            ) from error
        self.subjects.remove(subject)
        if subject.entry is None:
            self.baseline_failures[subject.name] = str(error)
        else:
            first, _, rest = str(error).partition("\n")
            self.failures[subject.name] = Evaluation(error.status, error.check, first, log=rest)

    @property
    def backend_graphs(self) -> bool:
        """Whether short calls can be timed by CUDA graphs here."""
        return self.replays and self.device.backend == "cuda" and self.spec.framework == "torch"

    @property
    def candidates(self) -> list[str]:
        return [s.name for s in self.subjects if s.entry is not None]
