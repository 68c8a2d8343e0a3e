"""What a compiled kernel takes and gives, as its K.json says, and tensors held against that."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from kernelwright.errors import UsageError

_COMPLEX = {"complex64": "float32", "complex128": "float64"}
_EXTRA = {"bfloat16": np.dtype(ml_dtypes.bfloat16)}
FREE = -1  # an extent that the caller chooses

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Signature:
    """``inputs``, ``outputs``: (dtype, shape), complex tensors as pairs of floats. ``fake``:
    outputs that are not there. ``written``: inputs that the kernel changes."""

    name: str
    inputs: tuple[tuple[str, Shape], ...]
    outputs: tuple[tuple[str, Shape], ...]
    fake: frozenset[int] = frozenset()
    written: tuple[int, ...] = ()

    @staticmethod
    def of(about: Mapping[str, Any]) -> Signature:
        """Of a K.json's content; raises KeyError, TypeError for another file's."""
        return Signature(
            about["kernelName"],
            tuple(map(_pairs, about["inputTypes"], map(tuple, about["inputShapes"]))),
            tuple(map(_pairs, about["outputTypes"], map(tuple, about["outputShapes"]))),
            frozenset(about.get("fakeOutputs", ())),
            tuple(about.get("writtenInputs", ())),
        )

    @property
    def real(self) -> list[tuple[str, Shape]]:
        """The outputs that are there."""
        return [o for i, o in enumerate(self.outputs) if i not in self.fake]

    def check(self, inputs: Sequence[Any], device: str) -> None:
        """Raises UsageError unless ``inputs`` are what the kernel takes, in ``device``'s memory."""
        if len(inputs) != len(self.inputs):
            raise UsageError(f"{self.name} takes {len(self.inputs)} inputs, not {len(inputs)}")
        for index, (given, wanted) in enumerate(zip(inputs, self.inputs)):
            check(f"input {index}", given, *wanted, device)

    def check_out(
        self, out: Sequence[Any], device: str, wanted: Sequence[tuple[str, Shape]] | None = None
    ) -> None:
        """The same of the tensors that results go to; ``wanted`` where sizes are free."""
        real = self.real if wanted is None else wanted
        if len(out) != len(real):
            raise UsageError(f"{self.name} has {len(real)} outputs, not {len(out)}")
        for index, (given, expected) in enumerate(zip(out, real)):
            check(f"output {index}", given, *expected, device)

    def given_back(self, inputs: Sequence[Any], made: Sequence[Any]) -> Any:
        """What a call returns: the outputs, or the inputs written to where all outputs are fake."""
        results = list(made) or [inputs[i] for i in self.written]
        return results[0] if len(results) == 1 else tuple(results)


def _pairs(dtype: str, shape: Shape) -> tuple[str, Shape]:
    return (_COMPLEX[dtype], (*shape, 2)) if dtype in _COMPLEX else (dtype, shape)


def is_torch(x: Any) -> bool:
    return type(x).__module__.split(".")[0] == "torch"


def check(what: str, given: Any, dtype: str, shape: Shape, device: str) -> None:
    """Raises UsageError unless ``given`` is a contiguous tensor of that kind on ``device``."""
    if type(given) is np.ndarray:
        kind, flat, where = _is(given.dtype, dtype), given.flags.c_contiguous, "cpu"
    elif is_torch(given):
        name = str(given.dtype).removeprefix("torch.")
        kind = name == dtype or name == dtype.removeprefix("u") and name.startswith("int")
        flat, where = given.is_contiguous(), given.device.type
    else:
        raise UsageError(f"{what} is a {type(given).__name__}; give a NumPy array or torch tensor")
    found = tuple(given.shape)
    if not kind or (found != shape and not _fits(found, shape)):
        name = str(given.dtype).removeprefix("torch.")
        raise UsageError(f"{what} is {name}{list(found)}, not {dtype}{list(shape)}")
    if not flat or where != device:
        raise UsageError(f"{what} must be contiguous and in the {_memory(device)} memory")


def _is(found: np.dtype, dtype: str) -> bool:
    """Whether an array is of a dtype, or of the signed one with an unsigned one's bits."""
    return found == numpy_dtype(dtype) or (
        found.kind == "i" and dtype.startswith("uint") and found.name == dtype[1:]
    )


def _fits(found: Shape, shape: Shape) -> bool:
    return len(found) == len(shape) and all(n in (FREE, m) for n, m in zip(shape, found))


def _memory(device: str) -> str:
    return "CPU's" if device == "cpu" else "GPU's"


def empty(dtype: str, shape: Shape, torch_device: str | None) -> Any:
    """Room for a result: a torch tensor on that device, or a NumPy array (None)."""
    if torch_device is not None:
        module: Any = sys.modules["torch"]  # whoever has a tensor has imported it
        return module.empty(shape, dtype=getattr(module, dtype), device=torch_device)
    return np.empty(shape, numpy_dtype(dtype))


@functools.cache
def numpy_dtype(name: str) -> np.dtype:
    return _EXTRA.get(name) or np.dtype(name)


def address(x: Any) -> int:
    """Where a tensor's memory starts."""
    if type(x) is np.ndarray:
        return int(x.__array_interface__["data"][0])  # x.ctypes makes objects that take a collector
    return int(x.data_ptr()) if is_torch(x) else int(x.ctypes.data)
