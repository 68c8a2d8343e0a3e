"""Judging kernels that somebody else made: one against the reference, or several side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelwright.config import Config, resolve
from kernelwright.errors import ReferenceBroken, UsageError
from kernelwright.schema import Candidate, Status
from kernelwright.task.measurement import baseline_note, not_timed_note, timed
from kernelwright.task.output import default_out
from kernelwright.task.progress import Observer, Silent
from kernelwright.task.resolve import make_spec, read_source
from kernelwright.task.result import (
    Attempt,
    OptimizeResult,
    WithResult,
    failed,
    fastest,
    what_to_return,
)
from kernelwright.task.session import Session
from kernelwright.verify.timing.baselines import check_baselines

BINARY_SIBLINGS = (".so", ".cpp", ".c", ".cu", ".npz", ".ptx", ".mlir", ".h")


def load_candidate(path: Path, impl_type: str = "auto") -> Candidate:
    """A person's kernel: the file itself, and those beside it that have its stem or that its text
    names ("libkernel.so").

    Raises UsageError when it cannot be read. A file that is no valid Python is still a candidate:
    the judge says what is wrong with it.
    """
    text = read_source(path)
    files = {path.name: text.encode()}
    for sibling in sorted(path.parent.iterdir()):
        meant = sibling.stem == path.stem or sibling.name in text
        if meant and sibling.suffix in BINARY_SIBLINGS and sibling.is_file():
            files[sibling.name] = sibling.read_bytes()
    return Candidate(files, path.name, settle_impl_type(impl_type, text, files))


def settle_impl_type(impl_type: str, text: str, files: Any) -> str:
    """What a person's file is written in, unless told: by its imports and its siblings."""
    if impl_type != "auto":
        return impl_type
    if "import triton" in text:
        return "triton"
    return "mlir" if any(name.endswith(".mlir") for name in files) else "cpp"


def verify_files(
    reference: str | Path,
    candidate: str | Path,
    *,
    profile: bool = False,
    framework: str = "auto",
    backend: str = "auto",
    arch: str = "auto",
    impl_type: str = "auto",
    baselines: Sequence[str] = ("eager",),
    observer: Observer | None = None,
    config: Config | None = None,
) -> OptimizeResult:
    """The judge's word on one candidate file; with ``profile`` also times. Raises UsageError."""
    return judge_all(
        Path(reference), [Path(candidate)], profile, framework, backend, arch, impl_type,
        tuple(baselines), observer or Silent(), config,
    )  # fmt: skip


@dataclass(frozen=True)
class Choice(WithResult):
    """Several candidates judged side by side. ``names`` are their files, in the attempts' order."""

    names: tuple[str, ...]

    @property
    def winner(self) -> str | None:
        """The file of the fastest verified candidate; None when none is verified."""
        if not self.result:
            return None
        return self.names[self.result.attempts.index(self.result.best)]

    def to_json(self) -> dict[str, Any]:
        """The contract's object for the winner, with every candidate's own under "candidates"."""
        each = []
        for name, attempt in zip(self.names, self.result.attempts):
            if attempt.candidate is None:  # the reference is at fault: none was judged
                continue
            own = dataclasses.replace(self.result, best=attempt)
            each.append({"file": name, **own.to_json()})
        return {**self.result.to_json(), "winner": self.winner, "candidates": each}


def choose_files(
    reference: str | Path,
    candidates: Sequence[str | Path],
    *,
    framework: str = "auto",
    backend: str = "auto",
    arch: str = "auto",
    impl_type: str = "auto",
    baselines: Sequence[str] = ("eager",),
    observer: Observer | None = None,
    config: Config | None = None,
) -> Choice:
    """Judges all candidates, times the verified ones in one process, and names the fastest."""
    paths = [Path(c) for c in candidates]
    result = judge_all(
        Path(reference), paths, True, framework, backend, arch, impl_type, tuple(baselines),
        observer or Silent(), config,
    )  # fmt: skip
    return Choice(result, tuple(str(p) for p in paths))


def judge_all(
    reference: Path,
    paths: Sequence[Path],
    profile: bool,
    framework: str,
    backend: str,
    arch: str,
    impl_type: str,
    baselines: tuple[str, ...],
    observer: Observer,
    config: Config | None,
) -> OptimizeResult:
    if not paths:
        raise UsageError("give at least one candidate file")
    source = read_source(reference)
    spec = make_spec(
        reference.stem, source, path=str(reference), framework=framework, backend=backend,
        arch=arch, impl_type=impl_type,
    )  # fmt: skip
    loaded = [load_candidate(p, impl_type) for p in paths]
    check_baselines(baselines)
    failures = default_out(spec) / "failures"
    notes: tuple[str, ...] = ()
    try:
        with Session(spec, config or resolve(), observer=observer, reproducers=failures) as session:
            observer.start("verify " + ", ".join(p.name for p in paths))
            judged = session.verify_all(loaded)
            observer.finish(", ".join(str(e.status) for e in judged))
            attempts = [Attempt(c.impl_type, c, e) for c, e in zip(loaded, judged)]
            if profile:
                attempts, notes = with_times(session, attempts, baselines, observer)
    except ReferenceBroken as broken:
        return failed(spec.op_name, Path(), Status.REFERENCE_BROKEN, broken.check, str(broken))
    best = fastest(tuple(attempts))
    return OptimizeResult(spec.op_name, Path(), best, tuple(attempts), what_to_return(best), notes)


def with_times(
    session: Session, attempts: Sequence[Attempt], baselines: tuple[str, ...], observer: Observer
) -> tuple[list[Attempt], tuple[str, ...]]:
    """The attempts, with measurements where one was verified natively, and the timing's notes."""
    chosen = {
        str(i): a.candidate
        for i, a in enumerate(attempts)
        if a.candidate is not None and a.evaluation.passed and session.native(a.impl_type)
    }
    others = {
        a.impl_type for i, a in enumerate(attempts) if a.evaluation.passed and str(i) not in chosen
    }
    untimed = tuple(not_timed_note(name) for name in sorted(others))
    if not chosen:
        return list(attempts), untimed
    observer.start("measure")
    times = session.measure(chosen, baselines)
    observer.finish()
    lost = [baseline_note(n, text) for n, text in times.baseline_failures.items()]
    return [timed(a, str(i), times) for i, a in enumerate(attempts)], (
        *untimed,
        *times.notes,
        *lost,
    )
