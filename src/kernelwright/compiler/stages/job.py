"""A kernel on its way through the stages of a backend, and what a stage is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from kernelwright.frameworks.graphkernel.info import Info
from kernelwright.frameworks.graphkernel.text import from_mlir
from kernelwright.schema import Target


@dataclass
class Job:
    """One kernel on its way. ``contents`` are the files so far, by suffix ("" is the info file).
    ``dynamic``: the sizes that the file states are the caller's to choose."""

    path: str
    target: Target
    threads: int
    contents: dict[str, bytes] = field(default_factory=dict)
    dynamic: bool = False

    def text(self, suffix: str) -> str:
        return self.contents[suffix].decode()

    @property
    def info(self) -> Info:
        """The kernel as K.mlir has it."""
        return from_mlir(self.text(".mlir"), f"{Path(self.path).stem}.mlir")


@dataclass(frozen=True)
class Stage:
    """``run(job)`` gives what K + ``writes`` holds, from K + ``reads`` (and K.mlir); None where a
    tool that nobody can install here is needed."""

    name: str
    reads: str
    writes: str
    what: str
    run: Callable[[Job], bytes | None]


def fakes(info: Info) -> list[bool]:
    """Which of the outputs are not there."""
    fake = {op.outputs[0].name for op in info.ops if op.attrs.get("fake_output") is True}
    return [tensor.name in fake for tensor in info.outputs]


def fake_positions(info: Info) -> list[int]:
    return [i for i, fake in enumerate(fakes(info)) if fake]
