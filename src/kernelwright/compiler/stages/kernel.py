"""An info file to a loadable kernel: a table of stages, each from text to text, every text kept.

``TABLES`` names those of every backend in order, with the file that each reads and writes (K stands
for the kernel); ``STAGES`` are the CPU's. A stage that was edited by hand can be gone on from:
``compile_kernel(..., start="lower")`` reads what the stage before it had written.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from kernelwright.compiler.stages import llvm
from kernelwright.compiler.stages.ascend import ASCEND_STAGES
from kernelwright.compiler.stages.cuda import CUDA_STAGES
from kernelwright.compiler.stages.cxx import link_shared
from kernelwright.compiler.stages.free_sizes import said_sizes
from kernelwright.compiler.stages.job import Job, Stage, fake_positions, fakes
from kernelwright.compiler.stages.kernel_entry import entry_name, scheduled
from kernelwright.compiler.stages.metadata import Effects, LaunchShape, metadata
from kernelwright.compiler.stages.mlir_pipeline import LOWERING
from kernelwright.compiler.stages.mlir_provider import provider
from kernelwright.errors import UnsupportedError, UsageError
from kernelwright.frameworks.graphkernel.build import build
from kernelwright.frameworks.graphkernel.free import freed
from kernelwright.frameworks.graphkernel.free_sizes import shape_sets
from kernelwright.frameworks.graphkernel.parse import identifier, parse
from kernelwright.frameworks.graphkernel.text import to_mlir
from kernelwright.schema import Target


def _import(job: Job) -> bytes:
    info = parse(job.text(""), job.path)
    info = freed(info) if job.dynamic else info
    named = "compute_capability" if job.target.backend == "cuda" else "arch"
    text = to_mlir(info, {named: job.target.arch})
    shape_sets(info)  # what is wrong is said of the file, not of K.mlir
    return text.encode()


def _schedule(job: Job) -> bytes:
    info = job.info
    return scheduled(info, shape_sets(info), fakes(info), job.target, job.threads).encode()


def _lower(job: Job) -> bytes:
    return provider().run_pipeline(job.text("_out.mlir"), LOWERING).encode()


def _translate(job: Job) -> bytes:
    module = llvm.optimized(
        provider().to_llvm_ir(job.text("_lowered.mlir")), {entry_name(job.info.name)}
    )
    return str(module).encode()


def _assemble(job: Job) -> bytes:
    return llvm.assembly(llvm.parsed(job.text(".ll"))).encode()


def _link(job: Job) -> bytes:
    return link_shared([job.contents[".s"]], suffix=".s")


def _describe(job: Job) -> bytes:
    info = job.info
    writes = build(info, shape_sets(info)[0]).graph.writes
    return metadata(
        info, entry_name(info.name), job.target, job.contents[".so"],
        LaunchShape(grid=(job.threads, 1, 1)), Effects(fake_positions(info), writes),
        said_sizes(job.text("_out.mlir")),
    )  # fmt: skip


_IMPORT = Stage("import", "", ".mlir", "tensors, one mindspore op each", _import)
STAGES = (
    _IMPORT,
    Stage("schedule", ".mlir", "_out.mlir", "loops on vectors, threads, the entry", _schedule),
    Stage("lower", "_out.mlir", "_lowered.mlir", "MLIR's LLVM dialect", _lower),
    Stage("translate", "_lowered.mlir", ".ll", "LLVM IR after -O3", _translate),
    Stage("assemble", ".ll", ".s", "assembly of this machine", _assemble),
    Stage("link", ".s", ".so", "a shared library", _link),
    Stage("describe", ".so", ".json", "what a loader has to know", _describe),
)

TABLES: dict[str, tuple[Stage, ...]] = {
    "cpu": STAGES,
    "cuda": (_IMPORT, *CUDA_STAGES),
    "ascend": (_IMPORT, *ASCEND_STAGES),
}


def stages_of(backend: str) -> tuple[Stage, ...]:
    """The stages of a backend, in order; raises UnsupportedError where it has none."""
    if backend not in TABLES:
        known = " or ".join(f"--backend {name}" for name in TABLES)
        raise UnsupportedError(f"there are no stages for {backend} yet; use {known}")
    return TABLES[backend]


def stage(name: str, backend: str = "cpu") -> Stage:
    """The stage called ``name``; raises UsageError that lists them."""
    stages = stages_of(backend)
    found = next((s for s in stages if s.name == name), None)
    if found is None:
        raise UsageError(f"unknown stage {name!r}; there are {', '.join(s.name for s in stages)}")
    return found


def compile_kernel(
    path: Path,
    out: Path,
    target: Target,
    *,
    start: str = "",
    until: str = "",
    threads: int = 1,
    dynamic: bool = False,
) -> dict[str, Path]:
    """Runs the stages and writes their files to ``out``; suffix -> path of each that was written.

    ``start``: the first stage, whose input stands in ``out`` already. ``until``: the last one.
    ``dynamic``: for all sizes, not for those that the file states.
    Nothing is written when a stage fails. Raises ReferenceBroken for a bad file, UnsupportedError
    for a target without stages, CompileError with a tool's words.
    """
    stages = stages_of(target.backend)
    first = stages.index(stage(start, target.backend)) if start else 0
    last = stages.index(stage(until, target.backend)) if until else len(stages) - 1
    if last < first:
        raise UsageError(f"stage {until!r} comes before {start!r}")
    job = Job(str(path), target, threads, dynamic=dynamic)
    text = _read(path)
    name = identifier(parse(text, str(path)).name)
    job.contents[""] = text.encode()
    for earlier in stages[:first]:
        job.contents[earlier.writes] = _earlier(out / f"{name}{earlier.writes}", earlier)
    made: dict[str, bytes] = {}
    for each in stages[first : last + 1]:
        data = each.run(job)
        if data is not None:
            made[each.writes] = job.contents[each.writes] = data
    return _written(out, name, made)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def _earlier(path: Path, stage: Stage) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise UsageError(
            f"{path} is not there, which stage {stage.name!r} writes; run without --from first"
        ) from None


def _written(out: Path, name: str, made: Mapping[str, bytes]) -> dict[str, Path]:
    """All files or none: written beside their place, then renamed."""
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=out))
    try:
        for suffix, data in made.items():
            (folder / f"{name}{suffix}").write_bytes(data)
        for suffix in made:
            (folder / f"{name}{suffix}").replace(out / f"{name}{suffix}")
    except OSError as error:
        raise UsageError(f"{out} cannot be written to: {error}; give another --out") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {suffix: out / f"{name}{suffix}" for suffix in made}
