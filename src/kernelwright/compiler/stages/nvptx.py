"""MLIR's NVVM dialect to PTX, through llvmlite's NVPTX target; ptxas looks at it where there is
one.

No GPU, driver or toolkit is needed. The version of PTX is the oldest that the card is part of, so
that older drivers and assemblers take it.
"""

from __future__ import annotations

import functools
import importlib.util
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from kernelwright.compiler.stages import llvm
from kernelwright.compiler.stages.mlir_provider import MlirProvider
from kernelwright.errors import CompileError

TRIPLE = "nvptx64-nvidia-cuda"
# Passes on the kernels, then those that work on whole modules only.
LOWERING = ",".join(
    [
        "canonicalize",
        "cse",
        "gpu.module(convert-vector-to-scf)",
        "convert-scf-to-cf",
        "gpu.module(expand-strided-metadata,lower-affine,"
        "convert-gpu-to-nvvm{use-bare-ptr-memref-call-conv=true},convert-vector-to-llvm,"
        "convert-arith-to-llvm,convert-index-to-llvm,convert-ub-to-llvm)",
        "convert-cf-to-llvm",
        "reconcile-unrealized-casts",
        "canonicalize",
        "cse",
    ]
)
# The first version of PTX that knows a card (PTX ISA, "Release notes").
_VERSIONS = {70: 60, 72: 61, 75: 63, 80: 70, 86: 71, 87: 74, 89: 78, 90: 78, 100: 86, 103: 88,
             120: 87}  # fmt: skip
_LEAST_VERSION = 70
_REFUSED_S = 120


def features(arch: str) -> str:
    """LLVM's name for the PTX version of ``arch`` (sm_90 and the like)."""
    number = int(re.sub(r"\D", "", arch) or 0)
    known = [version for card, version in _VERSIONS.items() if card <= number]
    return f"+ptx{max([_LEAST_VERSION, *known])}"


@functools.lru_cache(maxsize=8)
def _machine(arch: str) -> Any:
    binding = llvm.llvm_binding()
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    target = binding.Target.from_triple(TRIPLE)
    return target.create_target_machine(cpu=arch, features=features(arch), opt=3)


def kernels_only(text: str) -> str:
    """The module of the gpu.module's content in a lowered K_nvvm.mlir: what runs on the device."""
    start = re.search(r"^  gpu\.module @[\w.$-]+[^\n]*\{\n", text, re.MULTILINE)
    end = text.rfind("\n  }\n}")
    if start is None or end < start.end():
        raise CompileError("there is no gpu.module in the lowered module", "gpu.module", text[:800])
    return f"module {{\n{text[start.end() : end]}\n}}\n"


def device_ir(text: str, tool: MlirProvider) -> str:
    """LLVM IR of the kernels in K_nvvm.mlir, as it leaves MLIR."""
    return tool.to_llvm_ir(kernels_only(text))


def ptx(ir_text: str, arch: str) -> str:
    """PTX for ``arch``, after LLVM's -O3. Raises CompileError with LLVM's words."""
    binding, machine = llvm.llvm_binding(), _machine(arch)
    module = llvm.parsed(ir_text)
    module.triple = TRIPLE
    module.data_layout = str(machine.target_data)
    options = binding.PipelineTuningOptions(speed_level=3)
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    try:
        return str(machine.emit_assembly(module))
    except RuntimeError as error:
        raise CompileError("LLVM could not make PTX", f"NVPTX {arch}", str(error)) from error


def finished(text: str, entries: list[str]) -> str:
    """What a loader gets: no remarks of the code generator, a line that names the entries."""
    kept = [
        line.rstrip()
        for line in text.splitlines()
        if line.strip() and not line.strip().startswith("//")
    ]
    kept = [re.sub(r"\s*// (callseq|%bb).*$", "", line) for line in kept]
    return "\n".join([f"// Kernelwright: {', '.join(entries)}", *kept, ""])


def entries(text: str) -> list[str]:
    """The kernels of a PTX text."""
    return re.findall(r"\.visible \.entry (\S+?)\(", text)


def assembler() -> str | None:
    """ptxas: on PATH, else the one that Triton's package brings."""
    found = shutil.which("ptxas")
    if found is not None:
        return found
    spec = importlib.util.find_spec("triton")
    for folder in spec.submodule_search_locations or () if spec else ():
        path = Path(folder) / "backends" / "nvidia" / "bin" / "ptxas"
        if path.exists():
            return str(path)
    return None


def refused(text: str, arch: str) -> str | None:
    """ptxas's words on PTX that it does not take; None when it does, when there is no ptxas, or
    when it does not know the card."""
    tool = assembler()
    if tool is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.ptx"
        path.write_text(text, encoding="utf-8")
        command = [tool, f"-arch={arch}", str(path), "-o", str(Path(folder) / "kernel.cubin")]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_REFUSED_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{tool} did not finish: {error}"
    said = done.stdout + done.stderr
    unknown = re.search(r"is not defined for option 'gpu-name'|Unsupported \.version", said)
    return None if done.returncode == 0 or unknown else said
