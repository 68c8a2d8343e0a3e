"""What is asked for: a reference operator and the machine that its kernel shall run on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """Backend and architecture. Hashable; part of every cache key."""

    backend: str  # cuda | cpu | ascend
    arch: str  # sm_90, x86_64, ascend910b4, ...

    def __str__(self) -> str:
        return f"{self.backend}:{self.arch}"


@dataclass(frozen=True)
class TaskSpec:
    """One reference operator as source text, with what its kernel must be.

    ``path`` is where the source came from (for messages only); the text alone is the identity.
    ``framework`` and ``impl_type`` are resolved names, never "auto".
    """

    op_name: str
    source: str
    framework: str  # torch | numpy | mindspore | graphkernel
    target: Target
    impl_type: str = "auto"
    task_type: str = "precision_only"  # or "profile"
    path: str = "<string>"

    @property
    def reference_name(self) -> str:
        """What a copy of the source is called in a folder of results."""
        return "reference.json" if self.framework == "graphkernel" else "reference.py"

    def key(self) -> str:
        """16 hex digits that name this task's source, framework and target."""
        text = "\0".join([self.op_name, self.source, self.framework, str(self.target)])
        return hashlib.sha256(text.encode()).hexdigest()[:16]
