"""Tables of candidates for one reference each, judged together: a reference process a table."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from kernelwright.schema import Candidate, Evaluation, Target, TaskSpec
from kernelwright.verify.reference.process import ReferenceProcess
from kernelwright.verify.verifier import Verifier


@dataclass(frozen=True)
class Table:
    """``reference`` and the kernels to be judged against it, by name."""

    reference: str
    kernels: Mapping[str, str] = field(hash=False)
    framework: str = "numpy"
    seeds: int = 1

    @property
    def spec(self) -> TaskSpec:
        target = Target("cpu", "x86_64")
        return TaskSpec("task", self.reference, self.framework, target, path="task.py")


@functools.cache
def judged(table: Table, seed: int | None = None, strict: bool = False) -> dict[str, Evaluation]:
    """The judge's word on every kernel, computed once a table."""
    with ReferenceProcess(table.spec) as reference:
        verifier = Verifier(
            reference, seeds=table.seeds, wall_s=60.0, threads=1, strict_ieee=strict
        )
        candidates = [Candidate({"kernel.py": k.encode()}) for k in table.kernels.values()]
        found = verifier.verify_all(table.spec, candidates, seed=seed)
    return dict(zip(table.kernels, found))
