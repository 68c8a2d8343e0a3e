"""A GraphKernel info file compiled, run and judged: what ``kernelwright run`` does.

The judge makes the data (seeded, of both signs), holds the results against the file's meaning in
float64 by the rule that every kernel is held to, and times the kernel beside that meaning op by op.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kernelwright.backends import BACKENDS
from kernelwright.compiler.stages import nvptx
from kernelwright.config import Config, resolve
from kernelwright.runtime.free_sizes import FreeSizes
from kernelwright.runtime.kernel_file import kernel_file
from kernelwright.runtime.signature import Signature
from kernelwright.task.compile import CompileResult, compile_file
from kernelwright.task.judge import verify_files
from kernelwright.task.output import default_out
from kernelwright.task.progress import Observer
from kernelwright.task.resolve import make_spec, read_source
from kernelwright.task.result import OptimizeResult


def run_file(
    path: str | Path,
    *,
    out: str | Path | None = None,
    backend: str = "auto",
    arch: str = "auto",
    profile: bool = True,
    baselines: Sequence[str] = ("eager",),
    observer: Observer | None = None,
    config: Config | None = None,
) -> OptimizeResult | CompileResult:
    """The judge's word on the kernel that ``compile_file`` makes of the info file at ``path``, and
    its time with ``profile``. ``out`` keeps the kernel's files and K_call.py, which calls it.

    A CompileResult comes back where nothing ran: a bad file, a tool that refused, or a machine
    without a device of that backend (then it says so, and is true when the files are good).
    Raises UsageError for wrong arguments.
    """
    path = Path(path)
    settled = config or resolve()
    folder = Path(out) if out is not None else _default_out(path, backend, arch)
    compiled = compile_file(
        path, out=folder, backend=backend, arch=arch, observer=observer, config=settled
    )
    if not compiled:
        return compiled
    target = compiled.target.partition(":")[0]
    if target != "cpu":
        return replace(compiled, reason=_not_run(target))
    entry = _call_file(compiled)
    judged = verify_files(
        path, entry, profile=profile, framework="graphkernel", backend=backend, arch=arch,
        impl_type="mlir", baselines=baselines, observer=observer, config=settled,
    )  # fmt: skip
    return replace(judged, out=folder)


def _default_out(path: Path, backend: str, arch: str) -> Path:
    spec = make_spec(
        path.stem, read_source(path), path=str(path), framework="graphkernel", backend=backend,
        arch=arch,
    )  # fmt: skip
    return default_out(spec)


def _call_file(compiled: CompileResult) -> Path:
    """Writes K_call.py beside K.so."""
    described = compiled.files[".json"]
    about = json.loads(described.read_text(encoding="utf-8"))
    library = compiled.files[".so"]
    entry = described.with_name(f"{described.stem}_call.py")
    entry.write_text(
        kernel_file(Signature.of(about), FreeSizes.of(about), library.name), encoding="utf-8"
    )
    return entry


def _not_run(backend: str) -> str:
    """Why a kernel that compiled did not run, and what was checked without running it."""
    seen = ""
    if backend == "cuda":
        found = nvptx.assembler()
        seen = " (ptxas took its PTX)" if found else " (its PTX is unchecked: there is no ptxas)"
    devices = BACKENDS.get(backend).devices()
    if not devices:
        return f"compiled{seen}, not run: this machine has no device for {backend}"
    how = f"load it with kernelwright.load and call it on {backend} tensors"
    return f"compiled{seen}, not run: {how}"
