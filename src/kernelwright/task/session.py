"""Session: one reference on one target, and the things that can be done with it.

It owns the reference process. Task and ``optimize`` are both written on top of it, so there is one
way to design, code, verify and measure.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import logging
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from kernelwright.agents.coder import BuiltinCoder
from kernelwright.agents.designer import BuiltinDesigner, DesignCheck
from kernelwright.backends import BACKENDS, DeviceInfo, is_native
from kernelwright.compiler.design import Design
from kernelwright.compiler.rewrite import Rewritten
from kernelwright.config import Config
from kernelwright.dsl import DSLS
from kernelwright.errors import (
    CaptureError,
    CompileError,
    KernelwrightError,
    MissingDependencyError,
    UnsupportedError,
)
from kernelwright.frameworks._base import Value
from kernelwright.graph.core import Graph
from kernelwright.sandbox.process import kind_of
from kernelwright.schema import Candidate, Evaluation, Status, TaskSpec
from kernelwright.task.ahead import PACKAGES, PRINTERS, Ahead, in_background
from kernelwright.task.progress import Observer, Silent
from kernelwright.task.resolve import impl_types_to_try
from kernelwright.verify.candidate.process import worker_env, worker_preloads
from kernelwright.verify.measure import (
    compile_ahead,
    input_sets,
    measure_candidates,
    rank_candidates,
)
from kernelwright.verify.reference.process import ReferenceProcess
from kernelwright.verify.timing.baselines import BASELINES, expand
from kernelwright.verify.timing.profile import ProfileResult
from kernelwright.verify.timing.session import timing_preloads
from kernelwright.verify.verifier import Verifier

log = logging.getLogger(__name__)


class Session:
    """A context manager. ``simplified`` is the computation that the bound is made of, where it is
    known already. With ``baselines`` all that making and measuring against them will need is begun
    at once. Raises ReferenceBroken when the task file itself is at fault."""

    def __init__(
        self,
        spec: TaskSpec,
        config: Config,
        *,
        observer: Observer | None = None,
        reproducers: Path | None = None,
        device: int = 0,
        simplified: Graph | None = None,
        baselines: Sequence[str] | None = None,
    ) -> None:
        self.spec, self.config, self.device_index = spec, config, device
        self.observer = observer or Silent()
        self._compiling: threading.Thread | None = None
        self._simplified = simplified
        self.backend = BACKENDS.get(spec.target.backend)
        self.device = self.find_device(device)
        ahead = None if baselines is None else self._begun(baselines)
        self.reference = ReferenceProcess(
            spec,
            wall_s=config.timeouts.reference_s,
            device=self.torch_device,
            threads=config.threads,
        )
        if ahead is not None:
            ahead.wait_for_packages()
        self.verifier = Verifier(
            self.reference,
            seeds=config.judge.seeds,
            use_laws=config.judge.laws,
            wall_s=config.timeouts.candidate_s,
            threads=config.threads,
            reproducers=reproducers,
            allow_unsandboxed=config.judge.allow_unsandboxed,
            finite_inputs=config.judge.finite_inputs,
            strict_ieee=config.judge.strict_ieee,
        )

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or not issubclass(kind, KeyboardInterrupt):
            self.come_to_rest()  # the next task's times shall not suffer from this one
        self.close()

    def close(self) -> None:
        self.reference.close()

    def compile_ahead(self, baselines: Sequence[str]) -> None:
        """Compiles the baselines beside what comes next, up to the first time that is taken."""
        if self.device is None or self._compiling is not None:
            return

        def work() -> None:
            try:
                compile_ahead(
                    self.reference, baselines, config=self.config, device=self.device_index,
                    env=self.backend.child_env(self.config.threads),
                )  # fmt: skip
            except (KernelwrightError, OSError) as error:  # said when it is asked for
                log.info("the baselines are compiled later: %s", error)

        self._compiling = in_background(work)

    def come_to_rest(self) -> None:
        """Waits for what goes on in the background: nothing does while anything is timed."""
        if self._compiling is not None:
            self._compiling.join()

    def find_device(self, index: int) -> DeviceInfo | None:
        """The device to run on; None when the machine has none of this backend (a kernel can then
        only be checked in an interpreter)."""
        return next((d for d in self.backend.devices() if d.index == index), None)

    @property
    def torch_device(self) -> str:
        return "cpu" if self.device is None else self.backend.torch_device(self.device.index)

    @cached_property
    def graph(self) -> Graph:
        """The reference as a Graph, for its own inputs' shapes; raises CaptureError."""
        return self.reference.capture()

    def _begun(self, baselines: Sequence[str]) -> Ahead:
        """Starts what making, verifying and measuring will need beside the reference's process."""
        framework, backend = self.spec.framework, self.spec.target.backend
        names = impl_types_to_try(self.spec)
        compiling = any(BASELINES[b].compiles for b in expand(baselines, framework, backend))
        kinds = [
            kind_of(True, worker_env(self.child_env(n)), worker_preloads(framework, n))
            for n in names
        ]
        if any(self.native(name) for name in names):
            env = worker_env(self.backend.child_env(self.config.threads))
            kinds.append(kind_of(True, env, timing_preloads(framework, backend, compiling)))
        # Those with the fewest packages first: the others are forked from them.
        kinds.sort(key=lambda kind: len(kind.preload))
        return Ahead([*PACKAGES, *(p for n in names for p in PRINTERS.get(n, ()))], kinds)

    # ---- making ------------------------------------------------------------------------------

    @cached_property
    def designer(self) -> BuiltinDesigner:
        return BuiltinDesigner(
            self.reference,
            self.spec.target,
            self.config.threads,
            strict_ieee=self.config.judge.strict_ieee,
            own_sizes=self.device is not None,  # else kernels are checked on reduced sizes
        )

    @property
    def rewritten(self) -> Rewritten:
        """The reference after algebra, with what that rests on; raises CaptureError."""
        return self.designer.rewrite(self.graph)

    def algebra(self) -> dict[str, Any]:
        """What is on record of ``rewritten``; {} where nothing was captured."""
        return self.rewritten.to_dict() if "graph" in self.__dict__ else {}

    def design(self) -> Design:
        """The builtin Designer's AUL for the Graph."""
        return self.designer.design(self.graph)

    def alternatives(self, first: Design) -> list[Design]:
        """Designs of another structure than ``first``, not yet checked; often none."""
        return self.designer.alternatives(first, self.graph)

    def check_design(self, design: Design) -> DesignCheck:
        """Interprets the design on reduced sizes against the reference."""
        return self.designer.check(design)

    def code(
        self, design: Design, impl_type: str, parameters: Mapping[str, int] | None = None
    ) -> Candidate:
        """The builtin Coder's kernel for a design; raises CompileError or UnsupportedError,
        and MissingDependencyError where the impl_type's package is not installed."""
        if impl_type == "triton" and not installed("triton"):
            raise MissingDependencyError("impl_type triton", "triton", "triton")
        return BuiltinCoder(self.spec).code(design, impl_type, parameters or {})

    # ---- judging -----------------------------------------------------------------------------

    def native(self, impl_type: str) -> bool:
        """Whether this machine runs kernels of this impl_type themselves, not in an interpreter."""
        return self.device is not None and is_native(self.spec.target.backend, impl_type)

    def child_env(self, impl_type: str) -> dict[str, str]:
        env = self.backend.child_env(self.config.threads)
        return env if self.native(impl_type) else {**env, "TRITON_INTERPRET": "1"}

    def verify(self, candidate: Candidate, *, seed: int | None = None) -> Evaluation:
        """``verify_all`` of one candidate."""
        return self.verify_all([candidate], seed=seed)[0]

    def verify_all(
        self, candidates: Sequence[Candidate], *, seed: int | None = None
    ) -> list[Evaluation]:
        """The judge's word on the correctness of each, in order. Kernels that this machine cannot
        run themselves are checked in their interpreter, on reduced sizes."""
        out: dict[int, Evaluation] = {}
        for native in (True, False):
            some = [i for i, c in enumerate(candidates) if self.native(c.impl_type) == native]
            if not some:
                continue
            judged = self.verifier.verify_all(
                self.spec,
                [candidates[i] for i in some],
                reduced=not native,
                env=self.child_env(candidates[some[0]].impl_type),
                seed=seed,
            )
            out.update(zip(some, judged))
        return [
            self.compiled_ahead(c, out[i])
            if out[i].passed and not self.native(c.impl_type)
            else out[i]
            for i, c in enumerate(candidates)
        ]

    def compiled_ahead(self, candidate: Candidate, evaluation: Evaluation) -> Evaluation:
        """What an interpreter accepts a compiler may refuse, so a generated kernel is also compiled
        for the device that is not here. Only ours: compiling runs the file outside the sandbox."""
        compile_ahead = DSLS.get(candidate.impl_type).compile_ahead
        if compile_ahead is None or candidate.producer != "builtin":
            return evaluation
        try:
            note = compile_ahead(candidate)
        except CompileError as error:
            return dataclasses.replace(
                evaluation, status=Status.COMPILE_ERROR, check="ahead_of_time", reason=str(error)
            )
        except UnsupportedError as error:
            note = f"not compiled ahead of time: {error}"
        return dataclasses.replace(evaluation, notes=(*evaluation.notes, note))

    def measure(
        self,
        candidates: Mapping[str, Candidate],
        baselines: Sequence[str],
        *,
        budget_s: float | None = None,
    ) -> ProfileResult:
        """Times of verified candidates against the baselines, interleaved in one fresh process.
        ``budget_s`` is spent on each candidate (the configured budget when None)."""
        self.come_to_rest()
        timing = self.config.timing
        if budget_s is not None:
            timing = dataclasses.replace(timing, budget_s=budget_s)
        return measure_candidates(
            self.reference,
            candidates,
            config=dataclasses.replace(self.config, timing=timing),
            device=self.device_index,
            baselines=baselines,
            graph=self.simplified,
            env=self.backend.child_env(self.config.threads),
        )

    def rank(self, candidates: Mapping[str, Candidate], *, rounds: int = 3) -> dict[str, float]:
        """Microseconds of each, from a few interleaved calls (``rounds`` of each, more of the
        faster); for search, not for claims."""
        self.come_to_rest()
        return rank_candidates(
            self.reference,
            candidates,
            config=self.config,
            device=self.device_index,
            rounds=rounds,
            sets=self.ranking_inputs,
            env=self.backend.child_env(self.config.threads),
        )

    @cached_property
    def ranking_inputs(self) -> list[list[Value]]:
        """For all races alike: nothing is claimed from them, so they need not be secret."""
        return input_sets(self.reference, most=2)

    @cached_property
    def simplified(self) -> Graph | None:
        """The computation that the bound is made of; None when the Model cannot be captured."""
        if self._simplified is not None:
            return self._simplified
        try:
            return self.rewritten.graph
        except CaptureError:
            return None

    def environment(self) -> dict[str, Any]:
        """What else decides the outcome."""
        return {
            "target": str(self.spec.target),
            "device": self.device.name if self.device else "none",
            "threads": self.config.threads,
        }


def installed(package: str) -> bool:
    """Whether a package can be imported; it is not."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False
