"""A compiled kernel (K.so or K.ptx beside its K.json) as a callable on tensors."""

from __future__ import annotations

import ctypes
import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from kernelwright.errors import UsageError
from kernelwright.runtime.free_sizes import FreeSizes
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
            self._sizes = FreeSizes.of(about)
            library = _library(path.with_suffix(".so"))
            self._function = getattr(library, self.signature.name)
        except (OSError, KeyError, TypeError, AttributeError) as error:
            raise _unusable(path, error) from error
        self._function.argtypes = [ctypes.c_void_p, *([ctypes.c_void_p] if self._sizes else [])]
        self._function.restype = ctypes.c_int
        count = len(self.signature.inputs) + len(self.signature.outputs)
        self._pack = struct.Struct(f"{max(1, count)}P").pack

    @property
    def name(self) -> str:
        return self.signature.name

    def __call__(self, *inputs: Any, out: Sequence[Any] | None = None) -> Any:
        signature = self.signature
        signature.check(inputs, "cpu")
        wanted, sizes = signature.real, []
        if self._sizes is not None:
            known = self._sizes.values(self.name, [tuple(x.shape) for x in inputs])
            sizes = list(known.values())
            real = [i for i in range(len(signature.outputs)) if i not in signature.fake]
            shapes = [self._sizes.output(i, known) for i in real]
            wanted = [(dtype, shape) for (dtype, _), shape in zip(wanted, shapes)]
        if out is None:
            device = "cpu" if any(is_torch(x) for x in inputs) else None
            made = [empty(dtype, shape, device) for dtype, shape in wanted]
        else:
            made = list(out)
            signature.check_out(made, "cpu", wanted)
        self._run([*map(address, inputs), *self._results(made)], sizes)
        return signature.given_back(inputs, made)

    def _results(self, made: Sequence[Any]) -> list[int]:
        """An address an output, 0 where it is not there."""
        fake, rest = self.signature.fake, iter(made)
        return [0 if i in fake else address(next(rest)) for i in range(len(self.signature.outputs))]

    def _run(self, addresses: list[int], sizes: list[int]) -> None:
        # ctypes passes bytes as a pointer to them
        given = [self._pack(*(addresses or [0]))]
        if sizes:
            given.append(struct.pack(f"{len(sizes)}q", *sizes))
        status = self._function(*given)
        if status != 0:
            raise MemoryError(f"{self.name}: no memory for the workspaces")


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
