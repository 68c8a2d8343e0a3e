"""The form of a plan on disk. A plan is made on one machine and tuned on another, which needs
Python, NumPy and the kernels' own packages alone.

    plan.json            version, target, versions, the workloads in order
    NAME/workload.json   one workload; written last, so that a half-written one is none
    NAME/reference.py    the task file
    NAME/designN.aul     each design as text, for people; .json and .npz hold all of it
    NAME/simplified.*    the computation that the bound is made of
    NAME/IMPL_TYPE/      the first choice printed, where the machine that plans can
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from kernelwright.aul import print_program
from kernelwright.compiler.design import Design
from kernelwright.compiler.design_file import design_from_dict, design_to_dict
from kernelwright.errors import UsageError
from kernelwright.graph.core import Graph
from kernelwright.graph.serial import graph_from_dict, graph_to_dict
from kernelwright.schema import Candidate, Target, TaskSpec
from kernelwright.task.output import write_file

VERSION = 1
PLAN, WORKLOAD, REFERENCE, SIMPLIFIED = (
    "plan.json", "workload.json", "reference.py", "simplified",
)  # fmt: skip


@dataclass(frozen=True)
class Planned:
    """One workload of a plan. ``simplified`` is None where the Model cannot be captured."""

    spec: TaskSpec
    impl_types: tuple[str, ...]
    designs: tuple[Design, ...]
    note: str
    simplified: Graph | None
    algebra: Mapping[str, Any] = field(default_factory=dict)  # what rewriting took for granted
    digest: str = ""  # of the files that decide the outcome


def write_workload(
    folder: Path,
    planned: Planned,
    printed: Mapping[str, Candidate],
    about: Mapping[str, Any],
) -> None:
    """``about`` is for people and tools: notes, tuning spaces, seconds, versions."""
    write_file(folder / REFERENCE, planned.spec.source.encode())
    for number, design in enumerate(planned.designs):
        data, arrays = design_to_dict(design)
        write_file(folder / f"design{number}.aul", print_program(design.program).encode())
        write_file(folder / f"design{number}.json", _json(data))
        write_file(folder / f"design{number}.npz", _npz(arrays))
    if planned.simplified is not None:
        data, listed = graph_to_dict(planned.simplified)
        packed, dtypes = _bits(listed)
        write_file(folder / f"{SIMPLIFIED}.json", _json({**data, "dtypes": dtypes}))
        write_file(folder / f"{SIMPLIFIED}.npz", _npz(packed))
    for impl_type, candidate in printed.items():
        for name, content in candidate.files.items():
            write_file(folder / impl_type / name, content)
    spec = planned.spec
    record = {
        "version": VERSION,
        "op": spec.op_name,
        "framework": spec.framework,
        "target": {"backend": spec.target.backend, "arch": spec.target.arch},
        "path": spec.path,
        "impl_types": list(planned.impl_types),
        "designs": len(planned.designs),
        "simplified": planned.simplified is not None,
        "note": planned.note,
        "algebra": dict(planned.algebra),
        "about": dict(about),
    }
    write_file(folder / WORKLOAD, _json(record))


def write_plan(
    folder: Path, target: Target, names: Sequence[str], about: Mapping[str, Any]
) -> None:
    """The list of the workloads that are there; those of an earlier plan for this target stay."""
    listed = list(dict.fromkeys([*_listed_before(folder, target), *names]))
    kept = [name for name in listed if (folder / name / WORKLOAD).is_file()]
    record = {
        "version": VERSION,
        "target": {"backend": target.backend, "arch": target.arch},
        "workloads": kept,
        "about": dict(about),
    }
    write_file(folder / PLAN, _json(record))


def _listed_before(folder: Path, target: Target) -> list[str]:
    if not (folder / PLAN).is_file():
        return []
    before = read_plan(folder)
    if before.target != target:
        raise UsageError(
            f"{folder} holds a plan for {before.target}, not for {target}. Give another --out."
        )
    return [path.name for path in before.workloads]


@dataclass(frozen=True)
class Plan:
    """``workloads`` are their folders, in order."""

    folder: Path
    target: Target
    workloads: tuple[Path, ...]


def read_plan(folder: Path) -> Plan:
    """Raises UsageError for a folder that holds no plan of this version."""
    record = _read_json(
        folder, folder / PLAN, "a plan folder holds plan.json and a folder a workload"
    )
    try:
        target = Target(str(record["target"]["backend"]), str(record["target"]["arch"]))
        names = [str(name) for name in record["workloads"]]
    except (KeyError, TypeError) as error:
        raise UsageError(f"{folder / PLAN} is damaged: {error!r}. Make the plan again.") from error
    bad = [name for name in names if Path(name).name != name or name.startswith(".")]
    if bad:
        raise UsageError(f"{folder / PLAN} names {bad[0]!r}, which is no folder in it")
    return Plan(folder, target, tuple(folder / name for name in names))


def read_workload(folder: Path) -> Planned:
    """Raises UsageError when anything is missing or damaged."""
    record = _read_json(folder, folder / WORKLOAD, "the plan is incomplete")
    digest = hashlib.sha256()

    def read(name: str) -> bytes:
        data = (folder / name).read_bytes()
        digest.update(name.encode() + b"\0" + data + b"\0")
        return data

    try:
        target = Target(str(record["target"]["backend"]), str(record["target"]["arch"]))
        source = read(REFERENCE).decode()
        designs = tuple(
            design_from_dict(json.loads(read(f"design{n}.json")), _arrays(read(f"design{n}.npz")))
            for n in range(int(record["designs"]))
        )
        simplified = None
        if record["simplified"]:
            data = json.loads(read(f"{SIMPLIFIED}.json"))
            arrays = _arrays(read(f"{SIMPLIFIED}.npz"))
            simplified = graph_from_dict(data, _unbits(arrays, data["dtypes"]))
        spec = TaskSpec(
            str(record["op"]), source, str(record["framework"]), target, "auto", "profile",
            str(record["path"]),
        )  # fmt: skip
        names = tuple(str(name) for name in record["impl_types"])
        note, algebra = str(record["note"]), dict(record.get("algebra", {}))
    except (OSError, KeyError, TypeError, ValueError, IndexError, BadZipFile, EOFError) as error:
        text = error if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        raise UsageError(
            f"the plan in {folder} is damaged: {text}. Copy the whole folder, or plan again."
        ) from error
    if not designs:
        raise UsageError(f"the plan in {folder} is damaged: it holds no design. Plan again.")
    return Planned(spec, names, designs, note, simplified, algebra, digest.hexdigest()[:24])


def _read_json(folder: Path, path: Path, otherwise: str) -> dict[str, Any]:
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}. Give what kernelwright plan --out wrote.")
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"there is no {path}: {otherwise}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    if not isinstance(record, dict) or record.get("version") != VERSION:
        said = record.get("version") if isinstance(record, dict) else None
        raise UsageError(
            f"{path} is of version {said!r}; version {VERSION} is known. Plan again with the "
            "Kernelwright that is installed here."
        )
    return record


def _json(data: Any) -> bytes:
    return json.dumps(data, indent=1).encode()


def _npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def _arrays(data: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _bits(arrays: Sequence[np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Arrays in a form that .npz knows (bfloat16 goes as its bits), and their dtypes."""
    packed = {
        f"array{i}": a.view(np.uint16) if a.dtype.name == "bfloat16" else a
        for i, a in enumerate(arrays)
    }
    return packed, [a.dtype.name for a in arrays]


def _unbits(arrays: Mapping[str, np.ndarray], dtypes: Sequence[str]) -> list[np.ndarray]:
    import ml_dtypes

    found = [arrays[f"array{i}"] for i in range(len(dtypes))]
    return [
        a.view(ml_dtypes.bfloat16) if name == "bfloat16" else a for a, name in zip(found, dtypes)
    ]
