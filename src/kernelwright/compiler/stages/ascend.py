"""The stages of a kernel for Ascend: K.mlir to K_out.mlir, K_hivm.mlir, K.so, K.json.

bishengir-compile (package ascendnpu-ir, extra [ascend], or PATH) schedules K_out.mlir, plans the
cores' memory and refuses what does not fit. The last step, device code, is ``hivmc`` of CANN,
Huawei's toolkit: without it there is no K.so, and everything before it stands.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from kernelwright.compiler.codegen._ascend_text import ascend_source
from kernelwright.compiler.stages.job import Job, Stage, fake_positions, fakes
from kernelwright.compiler.stages.kernel_entry import entry_name, wanted
from kernelwright.compiler.stages.metadata import Effects, LaunchShape, metadata
from kernelwright.errors import CompileError, MissingDependencyError, UnsupportedError
from kernelwright.frameworks.graphkernel.build import build
from kernelwright.graph.decompose import decompose

BLOCKS = 20  # cores of the smallest card that is named; bishengir splits the work among them
DEVICE_COMPILER = "hivmc"
NO_DEVICE_CODE = "no K.so: hivmc, which makes device code of K_hivm.mlir, is part of Huawei's CANN"
_TIMEOUT_S = 300


def compiler() -> str:
    """bishengir-compile; raises MissingDependencyError."""
    found = shutil.which("bishengir-compile")
    if found is not None:
        return found
    spec = importlib.util.find_spec("ascendnpuir")
    for folder in spec.submodule_search_locations or () if spec else ():
        path = Path(folder) / "bin" / "bishengir-compile"
        if path.exists():
            return str(path)
    raise MissingDependencyError("compiling for Ascend", "ascendnpu-ir", "ascend")


def card(arch: str) -> str:
    """bishengir's name of an arch: "ascend910b2" -> "Ascend910B2"."""
    return "Ascend" + arch.removeprefix("ascend").upper()


def _schedule(job: Job) -> bytes:
    info = job.info
    if info.dynamic:
        raise UnsupportedError(f"{info.path}: free sizes are not compiled for Ascend")
    graph = build(info, [t.shape for t in info.inputs]).graph
    marks = ["mindspore_kernel", f'process = "{info.process}"', f'arch = "{job.target.arch}"']
    plain = decompose(wanted(graph, fakes(info)))
    return ascend_source(plain, entry_name(info.name), marks).encode()


def _plan(job: Job) -> bytes:
    """HIVM: loops over the cores' blocks, addresses in their memory, what waits for what."""
    with tempfile.TemporaryDirectory() as folder:
        planned = _run(job, Path(folder)) / "module.hivm.opt.mlir"
        return planned.read_bytes()


def _link(job: Job) -> bytes | None:
    if shutil.which(DEVICE_COMPILER) is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        made = _run(job, Path(folder)) / "kernel.so"
        if not made.exists():
            raise CompileError(f"{DEVICE_COMPILER} made no device code", job.target.arch)
        return made.read_bytes()


def _run(job: Job, folder: Path) -> Path:
    """Runs bishengir-compile on K_out.mlir in ``folder``; raises CompileError with its words unless
    it gets as far as the device compiler."""
    source = folder / "kernel.mlir"
    source.write_bytes(job.contents["_out.mlir"])
    command = [
        compiler(), str(source), f"--target={card(job.target.arch)}",
        "--enable-hfusion-compile=true", "--enable-hivm-compile=true", f"--block-dim={BLOCKS}",
        f"--save-temps={folder}", "-o", str(folder / "kernel.so"),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CompileError(f"bishengir-compile did not finish: {error}", command[0]) from error
    if not (folder / "module.hivm.opt.mlir").exists():
        said = re.findall(r"error: .*", done.stdout + done.stderr)
        text = "\n".join(line for line in said if DEVICE_COMPILER not in line)
        raise CompileError(
            f"bishengir-compile refused {job.info.name}", " ".join(command),
            text or (done.stdout + done.stderr)[-2000:],
        )  # fmt: skip
    return folder


def _describe(job: Job) -> bytes:
    info = job.info
    device = job.contents.get(".so")
    writes = build(info, [t.shape for t in info.inputs]).graph.writes
    more: dict[str, object] = {"coreType": "AiCore", "binFileName": info.name,
                               "binFileSuffix": ".so"}  # fmt: skip
    if device is None:
        more["missing"] = NO_DEVICE_CODE
    return metadata(
        info, entry_name(info.name), job.target, device or job.contents["_hivm.mlir"],
        LaunchShape(grid=(BLOCKS, 1, 1)), Effects(fake_positions(info), writes), more,
    )  # fmt: skip


ASCEND_STAGES = (
    Stage("schedule", ".mlir", "_out.mlir", "linalg and hfusion on tensors", _schedule),
    Stage("plan", "_out.mlir", "_hivm.mlir", "bishengir's HIVM: cores, memory, order", _plan),
    Stage("link", "_hivm.mlir", ".so", "device code, where hivmc is there", _link),
    Stage("describe", "_hivm.mlir", ".json", "what a loader has to know", _describe),
)
