"""Session: one reference on one target, and the things that can be done with it.

It owns the reference process. Task and ``optimize`` are both written on top of it, so there is one
way to design, code, verify and measure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from kernelwright.agents.coder import BuiltinCoder
from kernelwright.agents.designer import BuiltinDesigner, DesignCheck
from kernelwright.backends import BACKENDS
from kernelwright.backends._matrix import is_native
from kernelwright.compiler.design import Design
from kernelwright.config import Config
from kernelwright.graph.core import Graph
from kernelwright.schema import Candidate, Evaluation, Measurement, TaskSpec
from kernelwright.task.progress import Observer, Silent
from kernelwright.verify.reference import ReferenceProcess
from kernelwright.verify.verifier import Verifier


class Session:
    """A context manager. Raises ReferenceBroken when the task file itself is at fault."""

    def __init__(
        self,
        spec: TaskSpec,
        config: Config,
        *,
        observer: Observer | None = None,
        reproducers: Path | None = None,
        device: int = 0,
    ) -> None:
        self.spec, self.config, self.device = spec, config, device
        self.observer = observer or Silent()
        self.reproducers = reproducers
        self.reference = ReferenceProcess(spec, config=config)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.reference.close()

    # ---- what is asked for -------------------------------------------------------------------

    @cached_property
    def graph(self) -> Graph:
        """The reference as a Graph, for its own inputs' shapes; raises CaptureError."""
        return self.reference.capture()

    # ---- making ------------------------------------------------------------------------------

    @cached_property
    def designer(self) -> BuiltinDesigner:
        return BuiltinDesigner(self.reference, self.spec.target, self.config.threads)

    def design(self) -> Design:
        """The builtin Designer's AUL for the Graph."""
        return self.designer.design(self.graph)

    def check_design(self, design: Design) -> DesignCheck:
        """Interprets the design on reduced sizes against the reference."""
        return self.designer.check(design)

    def code(
        self, design: Design, impl_type: str, parameters: Mapping[str, int] | None = None
    ) -> Candidate:
        """The builtin Coder's kernel for a design; raises CompileError or UnsupportedError."""
        return BuiltinCoder(self.spec).code(design, impl_type, parameters or {})

    # ---- judging -----------------------------------------------------------------------------

    def verify(self, candidate: Candidate) -> Evaluation:
        """The judge's word on correctness. A kernel that has no device of its own here is checked
        in its interpreter, on reduced sizes."""
        native = is_native(self.spec.target.backend, candidate.impl_type)
        env = {} if native else {"TRITON_INTERPRET": "1"}
        verifier = Verifier(
            self.reference, config=self.config, reproducers=self.reproducers, device=self.device
        )
        return verifier.verify(self.spec, candidate, reduced=not native, env=env)

    def measure(
        self, candidates: Mapping[str, Candidate], baselines: Sequence[str]
    ) -> dict[str, Measurement]:
        """Times of verified candidates against the baselines, interleaved in one fresh process."""
        from kernelwright.verify.timing import profile

        return profile(
            self.reference, candidates, baselines, config=self.config, device=self.device,
            graph=self.graph_or_none(),
        )  # fmt: skip

    def graph_or_none(self) -> Graph | None:
        from kernelwright.errors import CaptureError

        try:
            return self.graph
        except CaptureError:
            return None

    def environment(self) -> dict[str, Any]:
        """What else decides the outcome: the target's device and the children's variables."""
        backend = BACKENDS.get(self.spec.target.backend)
        devices = backend.devices()
        return {
            "target": str(self.spec.target),
            "device": devices[self.device].name if devices else "none",
            "threads": self.config.threads,
        }
