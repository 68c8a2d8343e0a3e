"""K.json: what a loader has to know of a compiled kernel.

Every backend writes the same keys, so that a loader can read any of them without asking first:
those that people read (``blockDim``, ``gridDim``, ``inputShapes`` ...), those under which the
format's own loaders look for the launch (``blockIdx.x``, ``threadIdx.x``, ``is_dynamic``), and ours
(``fakeOutputs``, ``writtenInputs``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernelwright.frameworks.graphkernel.info import Info
from kernelwright.schema import Target

AXES = "xyz"


@dataclass(frozen=True)
class LaunchShape:
    """``grid`` blocks of ``block`` threads; on a CPU a block is a thread."""

    grid: Sequence[int] = (1, 1, 1)
    block: Sequence[int] = (1, 1, 1)

    @property
    def threads(self) -> int:
        total = 1
        for extent in (*self.grid, *self.block):
            total *= extent
        return total


@dataclass(frozen=True)
class Effects:
    """``fake``: outputs that are not there, by position. ``written``: inputs that a call changes,
    by position."""

    fake: Sequence[int] = ()
    written: Sequence[int] = ()


def metadata(
    info: Info,
    kernel: str,
    target: Target,
    binary: bytes,
    launch: LaunchShape,
    effects: Effects,
    more: Mapping[str, Any] | None = None,
) -> bytes:
    """The text of K.json for symbol ``kernel`` of the file whose content is ``binary``; ``more`` is
    what one backend adds. A dynamic kernel's launch is that of the sizes it was made with."""
    said: dict[str, Any] = {
        "kernelName": kernel,
        "blockDim": list(launch.block),
        "gridDim": list(launch.grid),
        "threadNumber": launch.threads,
        "dynamic": info.dynamic,
        "is_dynamic": info.dynamic,
        "sha256": hashlib.sha256(binary).hexdigest(),
        "process": info.process,
        "targetInfo": {
            "backend": target.backend,
            "compute_capability": _capability(info, target),
            "arch": target.arch,
        },
        "inputShapes": [list(t.shape) for t in info.inputs],
        "outputShapes": [list(t.shape) for t in info.outputs],
        "inputTypes": [t.file_dtype for t in info.inputs],
        "outputTypes": [t.file_dtype for t in info.outputs],
        **{f"blockIdx.{a}": n for a, n in zip(AXES, launch.grid)},
        **{f"threadIdx.{a}": n for a, n in zip(AXES, launch.block)},
        "fakeOutputs": list(effects.fake),
        "writtenInputs": list(effects.written),
        **(more or {}),
    }
    return (json.dumps(said, indent=4) + "\n").encode()


def _capability(info: Info, target: Target) -> str:
    """A GPU's name; elsewhere what the file asks for, if it does."""
    if target.backend == "cuda":
        return target.arch
    return str(info.target.get("compute_capability", ""))
