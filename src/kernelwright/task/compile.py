"""An info file to loadable files, as a job with a result: what ``kernelwright compile`` runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kernelwright.backends import BACKENDS
from kernelwright.config import Config, resolve
from kernelwright.errors import CompileError, ReferenceBroken
from kernelwright.schema import EXIT_CODES, Status, Target
from kernelwright.task.progress import Observer, Silent
from kernelwright.task.resolve import guess_backend


@dataclass(frozen=True)
class CompileResult:
    """What compiling one file came to. ``files``: suffix -> path of what was written."""

    op: str
    out: Path
    status: Status
    check: str | None = None
    reason: str = ""
    target: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)
    seconds: float = 0.0

    def __bool__(self) -> bool:
        return self.status is Status.PASSED

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.status]

    def to_json(self) -> dict[str, Any]:
        return {
            "op": self.op,
            "status": "COMPILED" if self else str(self.status),
            "check": self.check,
            "reason": self.reason or None,
            "target": self.target,
            "files": [str(path) for path in self.files.values()],
            "seconds": round(self.seconds, 3),
            "out": str(self.out) if self else None,
        }


def compile_file(
    path: str | Path,
    *,
    out: str | Path = "kernelwright-out",
    backend: str = "auto",
    arch: str = "auto",
    start: str = "",
    until: str = "",
    dynamic: bool = False,
    observer: Observer | None = None,
    config: Config | None = None,
) -> CompileResult:
    """Compiles the GraphKernel info file at ``path`` into folder ``out``; see
    ``compiler.stages.kernel`` for the stages and files, and for ``dynamic``.

    Raises UsageError for wrong arguments; a file that cannot be used comes back as status
    REFERENCE_BROKEN, one that a tool refuses as COMPILE_ERROR, and neither leaves files behind.
    """
    from kernelwright.compiler.stages.ascend import NO_DEVICE_CODE
    from kernelwright.compiler.stages.kernel import compile_kernel

    chosen = guess_backend() if backend == "auto" else backend
    plugin = BACKENDS.get(chosen)
    target = Target(
        chosen, plugin.default_arch() if arch == "auto" else plugin.normalize_arch(arch)
    )
    watch, op = observer or Silent(), Path(path).stem
    watch.start(f"compile for {target}")
    begun = time.perf_counter()
    files: Mapping[str, Path] = {}
    status, check, reason = Status.PASSED, None, ""
    try:
        files = compile_kernel(
            Path(path), Path(out), target, start=start, until=until,
            threads=(config or resolve()).threads, dynamic=dynamic,
        )  # fmt: skip
    except ReferenceBroken as broken:
        status, check, reason = Status.REFERENCE_BROKEN, broken.check, str(broken)
    except CompileError as refused:
        status, check, reason = Status.COMPILE_ERROR, "compile", str(refused)
    if ".json" in files and chosen == "ascend" and ".so" not in files:
        reason = NO_DEVICE_CODE
    watch.finish(str(status))
    return CompileResult(
        op, Path(out), status, check, reason, str(target), files, time.perf_counter() - begun
    )
