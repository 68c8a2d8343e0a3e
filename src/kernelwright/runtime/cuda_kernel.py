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
from kernelwright.runtime.signature import Signature, empty


class CudaKernel:
    """A Kernel of K.ptx (see ``runtime.kernel.Kernel``) on CUDA tensors of torch. The PTX is
    compiled for a device when the first tensors on it arrive."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        try:
            self.signature = Signature.of(about)
            self._ptx = path.with_suffix(".ptx").read_bytes() + b"\0"
            self._launches = [_launch(each) for each in about.get("launches") or [_only(about)]]
            self._workspaces = [int(n) for n in about.get("workspaces", ())]
            self._alignment = int(about.get("alignment", 1))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path} and the PTX beside it cannot be loaded: {error}; make both with "
                "kernelwright compile --backend cuda"
            ) from error
        if about.get("is_dynamic"):
            raise UsageError(f"{path} is for free sizes, which are not launched from here yet")
        self._functions: dict[int, list[Any]] = {}

    @property
    def name(self) -> str:
        return self.signature.name

    def __call__(self, *inputs: Any, out: Sequence[Any] | None = None) -> Any:
        import torch

        signature = self.signature
        signature.check(inputs, "cuda")
        device = inputs[0].device if inputs else torch.device("cuda", torch.cuda.current_device())
        made = [empty(*o, str(device)) for o in signature.real] if out is None else list(out)
        if out is not None:
            signature.check_out(made, "cuda")
        rest = iter(made)
        results = [
            0 if i in signature.fake else next(rest).data_ptr()
            for i in range(len(signature.outputs))
        ]
        own = [torch.empty(n, dtype=torch.uint8, device=device) for n in self._workspaces]
        addresses = [*(x.data_ptr() for x in inputs), *results, *(w.data_ptr() for w in own)]
        self._aligned(addresses)
        with torch.cuda.device(device):
            stream = torch.cuda.current_stream(device).cuda_stream
            functions = self._loaded(device.index or 0)
            for function, (_, grid, block) in zip(functions, self._launches):
                self._launch(function, grid, block, addresses, stream)
        return signature.given_back(inputs, made)

    def _aligned(self, addresses: Sequence[int]) -> None:
        """Raises UsageError for a tensor that accesses of several elements cannot begin at."""
        for index, address in enumerate(addresses):
            if address % self._alignment:
                raise UsageError(
                    f"{self.name}: argument {index} does not begin at a multiple of "
                    f"{self._alignment} bytes; give it a .clone()"
                )

    def _loaded(self, device: int) -> list[Any]:
        """The functions of the launches, on a device."""
        if device not in self._functions:
            driver = _driver()
            module = _checked(driver.cuModuleLoadData(self._ptx), f"{self.name}: its PTX")
            self._functions[device] = [
                _checked(driver.cuModuleGetFunction(module, name.encode()), f"{name}: its entry")
                for name, _, _ in self._launches
            ]
        return self._functions[device]

    def _launch(
        self,
        function: Any,
        grid: Sequence[int],
        block: Sequence[int],
        addresses: Sequence[int],
        stream: int,
    ) -> None:
        driver = _driver()
        values = [ctypes.c_void_p(a) for a in addresses]
        pointers = (ctypes.c_void_p * max(1, len(values)))(*(ctypes.addressof(v) for v in values))
        _checked(
            driver.cuLaunchKernel(
                function, *grid, *block, 0, driver.CUstream(stream),
                ctypes.addressof(pointers), 0,
            ),
            f"{self.name}: its launch",
        )  # fmt: skip


def _launch(said: Mapping[str, Any]) -> tuple[str, list[int], list[int]]:
    """(entry, grid, block) as K.json has them."""
    return said["kernelName"], list(map(int, said["gridDim"])), list(map(int, said["blockDim"]))


def _only(about: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one launch of a K.json that has the format's own keys alone."""
    return {
        "kernelName": about["kernelName"],
        "gridDim": [about[f"blockIdx.{axis}"] for axis in "xyz"],
        "blockDim": [about[f"threadIdx.{axis}"] for axis in "xyz"],
    }


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
