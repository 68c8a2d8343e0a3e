"""A compiled kernel (K.so beside its K.json) as a callable on NumPy arrays or torch tensors."""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from kernelwright.errors import UsageError

_COMPLEX = {"complex64": "float32", "complex128": "float64"}
_EXTRA = {"bfloat16": np.dtype(ml_dtypes.bfloat16)}


class LoadedKernel:
    """``kernel(*inputs)`` gives the outputs: one, or a tuple. Inputs are contiguous CPU tensors of
    one kind, NumPy's or torch's; outputs are of the same kind. Inputs that the kernel writes to
    (``written``) are changed where they lie. With ``out`` the results go there, one tensor an
    output that is not fake.

    A kernel whose outputs are all fake gives the inputs that it has written to.
    """

    def __init__(self, path: Path) -> None:
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            self.name: str = about["kernelName"]
            self.inputs = list(zip(about["inputTypes"], map(tuple, about["inputShapes"])))
            self.outputs = list(zip(about["outputTypes"], map(tuple, about["outputShapes"])))
            self.fake = frozenset(about.get("fakeOutputs", ()))
            self.written = tuple(about.get("writtenInputs", ()))
            self._function = getattr(ctypes.CDLL(str(path.with_suffix(".so").resolve())), self.name)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{path} and the library beside it cannot be loaded: {error}; make both with "
                "kernelwright compile"
            ) from error
        self._function.argtypes = [ctypes.c_void_p]
        self._function.restype = ctypes.c_int

    def __call__(self, *inputs: Any, out: Sequence[Any] | None = None) -> Any:
        if len(inputs) != len(self.inputs):
            raise UsageError(f"{self.name} takes {len(self.inputs)} inputs, not {len(inputs)}")
        for index, (given, wanted) in enumerate(zip(inputs, self.inputs)):
            _check(f"input {index}", given, *wanted)
        torch = any(_is_torch(x) for x in inputs)
        real = [o for i, o in enumerate(self.outputs) if i not in self.fake]
        made = [_empty(*o, torch=torch) for o in real] if out is None else list(out)
        if len(made) != len(real):
            raise UsageError(f"{self.name} has {len(real)} outputs, not {len(made)}")
        for index, (given, wanted) in enumerate(zip(made, real)):
            _check(f"output {index}", given, *wanted)
        rest = iter(made)
        results = [0 if i in self.fake else _address(next(rest)) for i in range(len(self.outputs))]
        addresses = [*map(_address, inputs), *results]
        pointers = (ctypes.c_void_p * max(1, len(addresses)))(*addresses)
        if self._function(ctypes.addressof(pointers)) != 0:
            raise MemoryError(f"{self.name}: no memory for the workspaces")
        given_back = made or [inputs[i] for i in self.written]
        return given_back[0] if len(given_back) == 1 else tuple(given_back)


def load(path: str | Path) -> LoadedKernel:
    """The kernel of ``path``: a K.json, or a folder with one. Raises UsageError that says what is
    missing."""
    found = Path(path)
    if found.is_dir():
        files = [p for p in sorted(found.glob("*.json")) if p.with_suffix(".so").exists()]
        if len(files) != 1:
            names = ", ".join(p.name for p in files) or "none"
            raise UsageError(f"{found} must hold one kernel (K.json beside K.so); it has {names}")
        found = files[0]
    return LoadedKernel(found)


def _is_torch(x: Any) -> bool:
    return type(x).__module__.split(".")[0] == "torch"


def _check(what: str, given: Any, dtype: str, shape: tuple[int, ...]) -> None:
    """Raises UsageError unless ``given`` is a contiguous CPU tensor of that kind."""
    if dtype in _COMPLEX:
        dtype, shape = _COMPLEX[dtype], (*shape, 2)
    if _is_torch(given):
        name = str(given.dtype).removeprefix("torch.")
        flat, here = given.is_contiguous(), given.device.type == "cpu"
    elif isinstance(given, np.ndarray):
        name, flat, here = given.dtype.name, given.flags.c_contiguous, True
    else:
        raise UsageError(f"{what} is a {type(given).__name__}; give a NumPy array or torch tensor")
    if (name, tuple(given.shape)) != (dtype, shape):
        raise UsageError(f"{what} is {name}{list(given.shape)}, not {dtype}{list(shape)}")
    if not (flat and here):
        raise UsageError(f"{what} must be contiguous and in the CPU's memory")


def _empty(dtype: str, shape: tuple[int, ...], torch: bool) -> Any:
    if dtype in _COMPLEX:
        dtype, shape = _COMPLEX[dtype], (*shape, 2)
    if torch:
        module: Any = sys.modules["torch"]  # whoever has a tensor has imported it
        return module.empty(shape, dtype=getattr(module, dtype))
    return np.empty(shape, _EXTRA.get(dtype) or np.dtype(dtype))


def _address(x: Any) -> int:
    return int(x.data_ptr()) if _is_torch(x) else int(x.ctypes.data)
