"""Constructor arguments of a Model as JSON data and arrays, so that a candidate in another process
can be constructed with the same ones, without any code of the reference."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kernelwright.errors import UnsupportedError


def pack(value: Any, arrays: list[np.ndarray], to_numpy: Callable[[Any], np.ndarray]) -> Any:
    """JSON data that ``unpack`` turns back into ``value``; arrays and tensors go to ``arrays``.

    Raises UnsupportedError for a value that is no number, text, array, tensor, dtype or container.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return pack(value.item(), arrays, to_numpy)
    if isinstance(value, list | tuple):
        container = "list" if isinstance(value, list) else "tuple"
        return {container: [pack(item, arrays, to_numpy) for item in value]}
    if isinstance(value, dict):
        pairs = [[pack(part, arrays, to_numpy) for part in item] for item in value.items()]
        return {"dict": pairs}
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    kind = type(value)
    if f"{kind.__module__}.{kind.__qualname__}" == "torch.dtype":
        return {"torch": str(value).removeprefix("torch.")}
    try:
        arrays.append(to_numpy(value))
    except TypeError as error:
        raise UnsupportedError(
            f"get_init_inputs() holds a {kind.__module__}.{kind.__qualname__}, which cannot be "
            "passed to a candidate; use numbers, text, tensors, dtypes, lists, tuples or dicts"
        ) from error
    return {"tensor": len(arrays) - 1}


def unpack(data: Any, arrays: Sequence[np.ndarray], to_native: Callable[[Any], Any]) -> Any:
    """The value that ``pack`` was given; tensors become native through ``to_native(array)``."""
    if not isinstance(data, dict):
        return data
    ((kind, body),) = data.items()
    if kind == "list":
        return [unpack(item, arrays, to_native) for item in body]
    if kind == "tuple":
        return tuple(unpack(item, arrays, to_native) for item in body)
    if kind == "dict":
        return {
            unpack(key, arrays, to_native): unpack(item, arrays, to_native) for key, item in body
        }
    if kind == "array":
        return arrays[body].copy()
    if kind == "tensor":
        return to_native(arrays[body].copy())
    return getattr(importlib.import_module("torch"), body)
