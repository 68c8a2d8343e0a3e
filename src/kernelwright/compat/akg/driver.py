"""``MlirDriver``: AKG's compile-and-run object for one info file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kernelwright.compat.akg.utils import launched
from kernelwright.errors import KernelwrightError
from kernelwright.runtime.kernel import Kernel, load
from kernelwright.task.compile import compile_file

BACKENDS = {"cpu": "cpu", "gpu": "cuda", "cuda": "cuda", "ascend": "ascend", "aicore": "ascend"}


class MlirDriver:
    """``compile()`` writes the kernel's files to ``output_dir`` (akg_kernel_meta when not given);
    ``run(arguments, output_indexes)`` calls the kernel. ``kernel`` is the loaded kernel.

    The other parameters are AKG's. Folders of its tools, its printing, timing and tuning switches
    mean nothing here and are taken without effect; ``dynamic_shape`` must agree with the file.
    """

    def __init__(
        self,
        kernel_name: str = "",
        input_file: str | Path = "",
        output_dir: str | Path = "",
        akg_tools_dir: str = "",
        llvm_tools_dir: str = "",
        dynamic_shape: bool = False,
        dump_ir: bool = False,
        mlir_timing: bool = False,
        repo_path: str = "",
        profiling_trails: int = 0,
        runtime_provider: str = "MindSpore",
        enable_loop_fusion: bool = True,
        arch: str = "Ascend910B1",
        backend: str = "ascend",
    ) -> None:
        if backend not in BACKENDS:
            known = ", ".join(BACKENDS)
            raise ValueError(f"backend {backend!r} is unknown; there are {known}")
        self.input_file = Path(input_file)
        self.output_dir = Path(output_dir or "akg_kernel_meta")
        self.kernel_name = kernel_name or self.input_file.stem
        self.dynamic_shape = dynamic_shape
        self.backend = BACKENDS[backend]
        # The default names an Ascend chip whatever the backend is.
        self.arch = "auto" if self.backend == "cpu" or _mismatch(arch, self.backend) else arch
        self._kernel: Kernel | None = None
        self._described: Path | None = None

    def compile(self) -> None:
        """Raises RuntimeError with the reason when the file cannot be compiled."""
        result = compile_file(
            self.input_file, out=self.output_dir, backend=self.backend, arch=self.arch
        )
        if not result:
            raise RuntimeError(f"{self.kernel_name} was not compiled: {result.reason}")
        self._kernel, self._described = None, result.files[".json"]

    @property
    def kernel(self) -> Kernel:
        """The compiled kernel; RuntimeError before ``compile()``."""
        if self._kernel is None:
            if self._described is None:
                raise RuntimeError(f"{self.kernel_name} is not compiled yet; call compile() first")
            try:
                self._kernel = load(self._described)
            except KernelwrightError as error:
                raise RuntimeError(f"{self.kernel_name} cannot be loaded: {error}") from error
        return self._kernel

    def run(self, inputs: Sequence[Any], output_indexes: Sequence[int] = (-1,)) -> Any:
        """Calls the kernel on its arguments, the inputs and then room for the outputs (which may be
        left out), and gives those at ``output_indexes`` (also counted from the end): a list, or the
        argument itself when there is one."""
        return launched(self.kernel, inputs, output_indexes)


def _mismatch(arch: str, backend: str) -> bool:
    return arch.lower().startswith("ascend") != (backend == "ascend")
