"""The builtin compiler's kernels as honest candidates: real text, compiled, run in the sandbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from kernelwright.bench.calibration.candidates import HONEST_KIND
from kernelwright.bench.calibration.margins import Constants, margins
from kernelwright.bench.calibration.trial import Sample, all_finite
from kernelwright.config import resolve
from kernelwright.errors import (
    CaptureError,
    CompileError,
    MissingDependencyError,
    UnsupportedError,
)
from kernelwright.sandbox.process import Limits
from kernelwright.schema import Candidate
from kernelwright.task.resolve import make_spec, read_source
from kernelwright.task.session import Session
from kernelwright.verify.candidate.process import CandidateProcess
from kernelwright.verify.inputs import laws
from kernelwright.verify.rule.compare import judge_outputs
from kernelwright.verify.rule.evidence import known_answer

IMPL_TYPES = ("cpp", "mlir")
LAWS_BYTES = 64 << 20  # of inputs: larger tasks are tried under their own law and the first others
FEW_LAWS = 3


def builtin_samples(path: Path, laws_tried: Sequence[str]) -> Iterator[Sample]:
    """Samples of the cpp and mlir kernels for the Model in ``path``, on the CPU. An impl_type whose
    tools are missing is left out."""
    source = read_source(path)
    spec = make_spec(path.stem, source, path=str(path), backend="cpu")
    with Session(spec, resolve()) as session:
        session.reference.describe()
        try:
            design = session.design()
        except (CaptureError, UnsupportedError):
            return
        for impl_type in IMPL_TYPES:
            try:
                candidate = session.code(design, impl_type)
            except (CompileError, MissingDependencyError, UnsupportedError):
                continue
            yield from _judged(session, candidate, laws_tried)


def _judged(session: Session, candidate: Candidate, laws_tried: Sequence[str]) -> Iterator[Sample]:
    reference, config = session.reference, session.config
    own = reference.make_inputs(1)
    size = laws.nbytes(own)
    with CandidateProcess(
        candidate,
        reference.describe(),
        framework=session.spec.framework,
        device=reference.device,
        threads=config.threads,
        wall_s=config.timeouts.candidate_s,
        limits=Limits(),
        env=session.child_env(candidate.impl_type),
    ) as process:
        for law in laws_tried[: len(laws_tried) if size <= LAWS_BYTES else FEW_LAWS]:
            inputs = laws.apply_law(law, own, 1)
            outputs = process.run(inputs).outputs
            expected, truths = known_answer(reference.run_and_truth, inputs)
            if not all_finite([*expected.arrays, *truths]):
                continue
            # One dtype's constants for all outputs; a Model with several is judged by its first.
            dtype = expected.arrays[0].dtype.name
            found = margins(truths, expected.arrays, outputs.arrays, Constants.in_force(dtype))
            verdict = judge_outputs(truths, expected, outputs)
            yield Sample(
                f"builtin {session.spec.op_name}",
                dtype,
                "small",
                law,
                1,
                candidate.impl_type,
                HONEST_KIND,
                found,
                verdict.passed != found.refused,
                found.counts,
            )
