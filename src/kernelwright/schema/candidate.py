"""A proposed kernel, whoever made it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """A folder's worth of files with one entry file.

    ``files`` maps a plain file name to its bytes. ``entry`` names the Python file among them that
    defines ``class ModelNew`` or ``def kernel(*inputs)``; it finds its siblings through
    ``__file__``. The folder runs without Kernelwright: it needs Python, NumPy and its framework.
    ``design`` is the AUL text it was printed from, if any. ``stages`` are intermediate texts for
    people (file name -> text); they are written beside the kernel but are not part of the identity.
    """

    files: Mapping[str, bytes]
    entry: str = "kernel.py"
    impl_type: str = "auto"
    producer: str = "person"  # builtin | llm:<model> | evolution | person
    parent: str | None = None  # hash of the candidate it was made from
    parameters: Mapping[str, Any] = field(default_factory=dict)  # tuning parameters
    design: str | None = None
    stages: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.entry not in self.files:
            raise ValueError(f"entry {self.entry!r} is not among the files {sorted(self.files)}")

    @property
    def source(self) -> str:
        """The entry file as text."""
        return self.files[self.entry].decode("utf-8")

    def hash(self) -> str:
        """16 hex digits over every source file's name and bytes (build products excluded)."""
        digest = hashlib.sha256()
        for name in sorted(self.files):
            if not name.endswith((".so", ".o", ".ptx", ".cubin")):
                digest.update(name.encode() + b"\0" + self.files[name] + b"\0")
        return digest.hexdigest()[:16]
