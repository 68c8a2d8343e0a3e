"""The result's folder: reference, design, kernel, stages, evaluation and report.

The best candidate's files stand at the top, so that ``from kernel import ModelNew`` works there;
the other attempts stand under ``candidates/<name>/``. Files are written beside their target
and renamed, so a reader never sees half of one.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kernelwright.errors import UsageError
from kernelwright.report import write_report
from kernelwright.schema import Candidate, TaskSpec
from kernelwright.task.result import Attempt, OptimizeResult


def default_out(spec: TaskSpec) -> Path:
    """``kernelwright-out/<op>-<8 digits of the task's key>``."""
    return Path("kernelwright-out") / f"{spec.op_name}-{spec.key()[:8]}"


def check_writable(folder: Path) -> None:
    """Creates the folder; raises UsageError when it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(
            f"the output folder {folder} cannot be written to ({error.strerror or error}). "
            "Give another one with --out DIR."
        ) from error


def write_file(path: Path, data: bytes) -> None:
    """Atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    os.chmod(name, 0o644)
    os.replace(name, path)


def write_candidate(out: Path, attempt: Attempt, best: bool) -> dict[str, Any]:
    """Writes one attempt's files and returns its entry for the record."""
    folder = Path() if best else Path("candidates") / attempt.name
    entry: dict[str, Any] = {
        "impl_type": attempt.impl_type,
        "folder": str(folder),
        "evaluation": attempt.evaluation.to_dict(),
    }
    candidate = attempt.candidate
    if candidate is None:
        return entry
    for name, data in candidate.files.items():
        write_file(out / folder / name, data)
    for name, text in candidate.stages.items():
        write_file(out / folder / name, text.encode())
    if candidate.design is not None:
        write_file(out / folder / "design.aul", candidate.design.encode())
    entry |= {
        "files": {n: hashlib.sha256(d).hexdigest() for n, d in candidate.files.items()},
        "stages": sorted(candidate.stages),
        "entry": candidate.entry,
        "producer": candidate.producer,
        "parameters": dict(candidate.parameters),
        "hash": candidate.hash(),
    }
    return entry


def read_candidate(out: Path, entry: Mapping[str, Any]) -> Candidate | None:
    """The candidate that an entry describes; None when a file is gone or was changed."""
    if "files" not in entry:
        return None
    folder = out / entry["folder"]
    files: dict[str, bytes] = {}
    for name, digest in entry["files"].items():
        path = folder / name
        if not path.is_file():
            return None
        files[name] = path.read_bytes()
        if hashlib.sha256(files[name]).hexdigest() != digest:
            return None
    design = folder / "design.aul"
    stages = {
        n: (folder / n).read_text(encoding="utf-8")
        for n in entry.get("stages", ())
        if (folder / n).is_file()
    }
    return Candidate(
        files, entry["entry"], entry["impl_type"], entry["producer"], None, entry["parameters"],
        design.read_text(encoding="utf-8") if design.is_file() else None, stages,
    )  # fmt: skip


def write_result(out: Path, spec: TaskSpec, result: OptimizeResult) -> None:
    """The reference's source, evaluation.json and report.html."""
    write_file(out / spec.reference_name, spec.source.encode())
    record = {
        "result": result.to_json(),
        "notes": list(result.notes),
        "context": dict(result.context),
        "attempts": [
            {
                "impl_type": a.impl_type,
                "hash": a.candidate.hash() if a.candidate else None,
                "parameters": dict(a.candidate.parameters) if a.candidate else {},
                "evaluation": a.evaluation.to_dict(),
            }
            for a in result.attempts
        ],
    }
    write_file(out / "evaluation.json", json.dumps(record, indent=2).encode())
    write_report(out, record, reference=spec.source, files=report_files(result))


def report_files(result: OptimizeResult) -> dict[str, str]:
    """What the report shows as source: the design and the best candidate's texts."""
    candidate = result.best.candidate
    if candidate is None:
        return {}
    shown = {"design.aul": candidate.design} if candidate.design else {}
    for name, data in sorted(candidate.files.items()):
        if not name.endswith((".so", ".npz", ".o")):
            shown[name] = data.decode("utf-8", "replace")
    return shown | dict(candidate.stages)
