"""A compiled kernel (K.so or K.ptx beside its K.json) as a callable on tensors."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from kernelwright.errors import UsageError
from kernelwright.runtime.signature import Signature, address, empty, is_torch

_BINARIES = {"cpu": ".so", "cuda": ".ptx"}


class Kernel(Protocol):
    """``kernel(*inputs)`` gives the outputs: one, or a tuple. Inputs are contiguous tensors;
    outputs are of the same kind. Inputs that the kernel writes to (``signature.written``) are
    changed where they lie. With ``out`` the results go there, one tensor an output that is not
    fake. A kernel whose outputs are all fake gives the inputs that it has written to."""

    signature: Signature

    def __call__(self, *inputs: Any, out: Sequence[Any] | None = None) -> Any: ...


class LoadedKernel:
    """A Kernel of K.so, on NumPy arrays or torch tensors in the CPU's memory, without copies."""

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        try:
            self.signature = Signature.of(about)
            library = _library(path.with_suffix(".so"))
            self._function = getattr(library, self.signature.name)
        except (OSError, KeyError, TypeError, AttributeError) as error:
            raise _unusable(path, error) from error
        self._function.argtypes = [ctypes.c_void_p]
        self._function.restype = ctypes.c_int

    @property
    def name(self) -> str:
        return self.signature.name

    def __call__(self, *inputs: Any, out: Sequence[Any] | None = None) -> Any:
        signature = self.signature
        signature.check(inputs, "cpu")
        device = "cpu" if any(is_torch(x) for x in inputs) else None
        made = [empty(*o, device) for o in signature.real] if out is None else list(out)
        if out is not None:
            signature.check_out(made, "cpu")
        rest = iter(made)
        results = [
            0 if i in signature.fake else address(next(rest)) for i in range(len(signature.outputs))
        ]
        addresses = [*map(address, inputs), *results]
        pointers = (ctypes.c_void_p * max(1, len(addresses)))(*addresses)
        if self._function(ctypes.addressof(pointers)) != 0:
            raise MemoryError(f"{self.name}: no memory for the workspaces")
        return signature.given_back(inputs, made)


def _library(path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path.resolve()))
    except OSError:
        ctypes.CDLL("libgomp.so.1", mode=ctypes.RTLD_GLOBAL)  # for a library linked without it
        return ctypes.CDLL(str(path.resolve()))


def load(path: str | Path) -> Kernel:
    """The kernel of ``path``: a K.json, or a folder with one, for the backend that it was compiled
    for. Raises UsageError that says what is missing."""
    found = Path(path)
    if found.is_dir():
        files = [p for p in sorted(found.glob("*.json")) if _binary(p) is not None]
        if len(files) != 1:
            names = ", ".join(p.name for p in files) or "none"
            raise UsageError(
                f"{found} must hold one kernel (K.json beside K.so or K.ptx); it has {names}"
            )
        found = files[0]
    try:
        about = json.loads(found.read_text(encoding="utf-8"))
        backend = about.get("targetInfo", {}).get("backend", "cpu")
    except (OSError, ValueError, AttributeError) as error:
        raise _unusable(found, error) from error
    if backend == "cuda":
        from kernelwright.runtime.cuda_kernel import CudaKernel

        return CudaKernel(found, about)
    if backend not in _BINARIES:
        raise UsageError(
            f"{found}: a kernel for {backend} cannot be loaded here; use its own tools"
        )
    return LoadedKernel(found, about)


def _binary(path: Path) -> Path | None:
    """K.so or K.ptx beside K.json."""
    beside = (path.with_suffix(suffix) for suffix in _BINARIES.values())
    return next((p for p in beside if p.exists()), None)


def _unusable(path: Path, error: Exception) -> UsageError:
    return UsageError(
        f"{path} and the library beside it cannot be loaded: {error}; make both with "
        "kernelwright compile"
    )
