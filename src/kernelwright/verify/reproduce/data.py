"""What a reproducer stores, as .npz files and as Python source that reads them back."""

from __future__ import annotations

import inspect
import types
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np


class Stored:
    """Arrays on their way into one .npz file, and the expressions that read them."""

    def __init__(self, file: str, arrays: dict[str, np.ndarray]) -> None:
        self.file, self.arrays, self.has_bits = file, arrays, False

    def add(self, key: str, array: np.ndarray, *, roll: bool = False) -> str:
        """The expression ``tensor(...)`` that gives ``array`` back, axes in the same order in
        memory. A dtype that NumPy has not goes in as bits, its name after a colon."""
        order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
        more = ""
        if not array.flags.c_contiguous and array.transpose(order).flags.c_contiguous:
            array = array.transpose(order)
            more = f", axes={tuple(int(i) for i in np.argsort(order))}"
        bits = bits_of(array.dtype)
        if bits is not None:
            more = f", dtype={array.dtype.name!r}{more}"
            key, array = f"{key}:{array.dtype.name}", np.ascontiguousarray(array).view(bits)
            self.has_bits = True
        self.arrays[key] = array
        return f"tensor({self.file!r}, {key!r}{more}{', roll=roll' if roll else ''})"

    def add_array(self, key: str, array: np.ndarray) -> str:
        """The expression for a NumPy array, also in a script for another framework."""
        self.arrays[key] = array
        return f"read({self.file!r}, {key!r})"

    def write(self, folder: Path) -> None:
        """As ``numpy.savez`` does, which cannot take every key, and without any pickle."""
        if not self.arrays:
            return
        with zipfile.ZipFile(folder / f"{self.file}.npz", "w") as archive:
            for key, array in self.arrays.items():
                with archive.open(f"{key}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, array, allow_pickle=False)


def bits_of(dtype: np.dtype) -> type[np.generic] | None:
    """The unsigned integer that holds the bits of a dtype of ml_dtypes; None for NumPy's own."""
    if dtype.type.__module__.split(".")[0] != ml_dtypes.__name__:
        return None
    return {1: np.uint8, 2: np.uint16}[dtype.itemsize]  # type: ignore[return-value]


def literal(data: Any, arrays: Mapping[str, np.ndarray], stored: Stored) -> str:
    """Python source for a value as ``verify.values.pack`` gave it."""
    if isinstance(data, float) and not np.isfinite(data):
        return f"float({str(data)!r})"
    if not isinstance(data, dict):
        return repr(data)
    ((kind, body),) = data.items()
    if kind in ("array", "tensor"):
        key = f"init {body}"
        add = stored.add_array if kind == "array" else stored.add
        return add(key, arrays[key])
    if kind == "dict":
        pairs = [(literal(k, arrays, stored), literal(v, arrays, stored)) for k, v in body]
        return "{" + ", ".join(f"{k}: {v}" for k, v in pairs) + "}"
    if kind == "torch":
        return f"torch.{body}"
    items = ", ".join(literal(item, arrays, stored) for item in body)
    if kind == "list":
        return f"[{items}]"
    return f"({items},)" if len(body) == 1 else f"({items})"


def source_of(function: Any) -> str:
    """The text of a function of one module and of all that it uses from that module."""
    names = vars(inspect.getmodule(function))
    wanted, texts = [function.__name__], dict[str, str]()
    while wanted:
        name = wanted.pop()
        value = names.get(name)
        if name in texts:
            continue
        if isinstance(value, types.FunctionType) and value.__module__ == function.__module__:
            texts[name] = inspect.getsource(value).rstrip()
            wanted += value.__code__.co_names
        elif isinstance(value, int | float | str | tuple | dict):
            texts[name] = f"{name} = {_constant(value)}"
    return "\n\n\n".join(reversed(texts.values())) + "\n"


def _constant(value: Any) -> str:
    packed = {"tuple": list(value)} if isinstance(value, tuple) else value
    if isinstance(value, dict):
        packed = {"dict": list(value.items())}
    return literal(packed, {}, Stored("", {}))


def checksum(array: np.ndarray) -> int:
    return zlib.crc32(array.tobytes())


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a is b or (a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
