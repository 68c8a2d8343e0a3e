"""Suites as plans: designed on one machine, judged and timed on another.

A plan of a suite is an ordinary plan folder (``kernelwright plan``) whose workloads are named after
the suite, the family and the file, so that a run can find them again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from kernelwright.bench.suite import Workload
from kernelwright.errors import UsageError
from kernelwright.task.plan_folder import REFERENCE, WORKLOAD, read_plan


def plan_name(workload: Workload) -> str:
    """Its folder's name within a plan."""
    return "-".join([workload.suite, *workload.family.split("/"), workload.name])


def planned_folder(plan: Path, workload: Workload, source: str) -> Path:
    """The workload's folder in a plan; raises UsageError when the plan has none, or one that was
    made of another text (another size, an older file)."""
    folder = plan / plan_name(workload)
    if not (folder / WORKLOAD).is_file():
        raise UsageError(
            f"{plan} holds no plan of {workload.label} (its planning failed, or it was not asked "
            "for); see kernelwright bench plan"
        )
    if (folder / REFERENCE).read_text(encoding="utf-8") != source:
        raise UsageError(
            f"{folder} was planned for another size or an older file of {workload.label}; plan it "
            "again, or give its --size"
        )
    return folder


def is_planned(plan: Path, workload: Workload, source: str) -> bool:
    """Whether ``planned_folder`` would find it."""
    try:
        planned_folder(plan, workload, source)
    except UsageError:
        return False
    return True


def plan_backend(plan: Path) -> str:
    """The backend that a plan was made for; raises UsageError for a folder that is no plan."""
    return read_plan(plan).target.backend


def plan_digest(plan: Path, workload: Workload) -> str:
    """Of the workload's files in a plan; "" where there are none."""
    digest = hashlib.sha256()
    folder = plan / plan_name(workload)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in files:
        if path.name != WORKLOAD:  # it says when and how long too
            digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16] if files else ""
