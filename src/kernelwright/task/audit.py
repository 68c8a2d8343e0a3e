"""Auditing a task file: settles what the user left open, starts the reference, asks the judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kernelwright.config import Config, resolve
from kernelwright.errors import ReferenceBroken
from kernelwright.schema import Status
from kernelwright.task.progress import Observer, Silent
from kernelwright.task.resolve import make_spec, read_source
from kernelwright.task.session import Session
from kernelwright.verify.audit.observed import Severity
from kernelwright.verify.audit.task import SEEDS, Audit, as_finding, audit, concluded

EXIT_CODES = {"sound": 0, "degenerate": 1, "broken": 2}


@dataclass(frozen=True)
class AuditResult:
    """An Audit as the command line shows it; ``status`` and ``check`` are the contract's, so that
    scripts which read other commands' objects read this one too."""

    audit: Audit
    out: Path = Path()

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.audit.verdict]

    @property
    def status(self) -> Status:
        named = {"sound": Status.PASSED, "degenerate": Status.REJECTED}
        return named.get(self.audit.verdict, Status.REFERENCE_BROKEN)

    @property
    def deciding(self) -> Sequence[Any]:
        """The findings that made the verdict; none for a sound task."""
        return [f for f in self.audit.findings if f.severity is not Severity.NOTE]

    def to_json(self) -> dict[str, Any]:
        """The object that ``--json`` prints."""
        body = self.audit.to_dict()
        first = self.deciding[0] if self.deciding else None
        return {
            "op": body["op"],
            "verdict": body["verdict"],
            "status": str(self.status),
            "check": first.kind if first else None,
            "reason": first.text if first else None,
            "findings": body["findings"],
            **body["facts"],
        }


def audit_file(
    path: str | Path,
    *,
    framework: str = "auto",
    backend: str = "auto",
    arch: str = "auto",
    seeds: int = SEEDS,
    observer: Observer | None = None,
    config: Config | None = None,
) -> AuditResult:
    """The audit of one task file. Raises UsageError for arguments and SandboxError for the machine;
    a broken task is a result."""
    path, observer = Path(path), observer or Silent()
    spec = make_spec(
        path.stem, read_source(path), path=str(path), framework=framework, backend=backend,
        arch=arch,
    )  # fmt: skip
    observer.start("audit")
    try:
        with Session(spec, config or resolve(), observer=observer) as session:
            found = audit(session.reference, seeds=seeds)
    except ReferenceBroken as broken:
        found = concluded(spec.op_name, [as_finding(broken)])
    observer.finish(found.verdict)
    return AuditResult(found)
