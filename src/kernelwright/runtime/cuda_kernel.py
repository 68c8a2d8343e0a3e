"""K.ptx beside its K.json as a callable on torch tensors, through the driver's API.

Launches go to torch's current stream, and the workspaces between them come from torch's allocator,
which knows that stream; nothing is synchronised. The driver is reached by way of
``cuda.bindings`` (package cuda-bindings, which torch's CUDA wheels bring along).
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kernelwright.errors import KernelwrightError, MissingDependencyError, UsageError
from kernelwright.runtime.free_sizes import FreeSizes
from kernelwright.runtime.launches import Launch, Launches
from kernelwright.runtime.signature import Signature, empty


class CudaKernel:
    """A Kernel of K.ptx (see ``runtime.kernel.Kernel``) on CUDA tensors of torch. The PTX is
    compiled for a device when the first tensors on it arrive. Tensors must start where K.json's
    ``alignment`` asks for: those that torch makes do, a part of one may not (UsageError)."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        try:
            self.signature = Signature.of(about)
            self._ptx = path.with_suffix(".ptx").read_bytes() + b"\0"
            self._launches, self._sizes = Launches(about), FreeSizes.of(about)
            self._alignment = int(about.get("alignment", 1))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path} and the PTX beside it cannot be loaded: {error}; make both with "
                "kernelwright compile --backend cuda"
            ) from error
        self._modules: dict[int, Any] = {}
        self._functions: dict[tuple[int, str], Any] = {}

    @property
    def name(self) -> str:
        return self.signature.name

    def __call__(self, *inputs: Any, out: Sequence[Any] | None = None) -> Any:
        import torch

        signature = self.signature
        signature.check(inputs, "cuda")
        device = inputs[0].device if inputs else torch.device("cuda", torch.cuda.current_device())
        sizes, room = self._room([tuple(x.shape) for x in inputs])
        made = [empty(*o, str(device)) for o in room] if out is None else list(out)
        if out is not None:
            signature.check_out(made, "cuda")
        rest = iter(made)
        results = [
            0 if i in signature.fake else next(rest).data_ptr()
            for i in range(len(signature.outputs))
        ]
        addresses = [*(x.data_ptr() for x in inputs), *results]
        if any(address % self._alignment for address in addresses):
            raise UsageError(
                f"{self.name}: tensors must start at {self._alignment} bytes' multiples"
            )
        with torch.cuda.device(device):
            # Workspaces go back to torch's allocator at once: it gives them to later work on this
            # stream only.
            own = [torch.empty(max(1, n), dtype=torch.uint8, device=device)
                   for n in self._launches.workspaces(sizes)]  # fmt: skip
            stream = torch.cuda.current_stream(device).cuda_stream
            addresses += [w.data_ptr() for w in own]
            for launch in self._launches.run(sizes):
                function = self._function(device.index or 0, launch.entry)
                self._launch(function, launch, addresses, stream)
        return signature.given_back(inputs, made)

    def _room(
        self, shapes: Sequence[tuple[int, ...]]
    ) -> tuple[dict[str, int], list[tuple[str, tuple[int, ...]]]]:
        """The sizes of a call, and the outputs that are there."""
        signature = self.signature
        if self._sizes is None:
            return {}, signature.real
        sizes = self._sizes.values(self.name, shapes)
        real = [i for i in range(len(signature.outputs)) if i not in signature.fake]
        return sizes, [(signature.outputs[i][0], self._sizes.output(i, sizes)) for i in real]

    def _function(self, device: int, entry: str) -> Any:
        """A kernel on a device."""
        if (device, entry) not in self._functions:
            driver = _driver()
            if device not in self._modules:
                loaded = driver.cuModuleLoadData(self._ptx)
                self._modules[device] = _checked(loaded, f"{self.name}: its PTX")
            found = driver.cuModuleGetFunction(self._modules[device], entry.encode())
            self._functions[device, entry] = _checked(found, entry)
        return self._functions[device, entry]

    def _launch(self, function: Any, launch: Launch, addresses: Sequence[int], stream: int) -> None:
        driver = _driver()
        values: list[Any] = [ctypes.c_void_p(a) for a in addresses]
        values += [ctypes.c_int64(n) for n in launch.scalars]
        pointers = (ctypes.c_void_p * max(1, len(values)))(*(ctypes.addressof(v) for v in values))
        _checked(
            driver.cuLaunchKernel(
                function, *launch.grid, *launch.block, 0, driver.CUstream(stream),
                ctypes.addressof(pointers), 0,
            ),
            f"{launch.entry}: its launch",
        )  # fmt: skip


def _driver() -> Any:
    try:
        from cuda.bindings import driver
    except ImportError as error:
        raise MissingDependencyError("loading kernels for CUDA", "cuda-bindings", "cuda") from error
    return driver


def _checked(answer: Any, what: str) -> Any:
    """The result of a driver's call: raises KernelwrightError with the driver's name for what went
    wrong."""
    status, *results = answer
    if int(status) != 0:
        raise KernelwrightError(f"{what} was refused by the CUDA driver: {status.name}")
    return results[0] if results else None
