"""A Design as JSON-ready data and named arrays, and back: for plans and for build processes.

The program stands there as AUL text, so that a reader of the file reads what the printers read.
Every other field is packed by its type; a field that a later version adds needs no code here as
long as its values are made of the same types.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from kernelwright.aul import print_program
from kernelwright.aul.parser import parse
from kernelwright.aul.syntax import Program
from kernelwright.compiler import design as design_module
from kernelwright.compiler.design import Design
from kernelwright.errors import AULError, UsageError
from kernelwright.graph.core import dtype_name

VERSION = 1
Arrays = dict[str, np.ndarray]


def design_to_dict(design: Design) -> tuple[dict[str, Any], Arrays]:
    """(data, arrays): ``data`` holds JSON values alone and names the ``arrays`` it refers to."""
    arrays: Arrays = {}
    return {"version": VERSION, "design": _packed(design, arrays)}, arrays


def design_from_dict(data: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Design:
    """The Design that ``design_to_dict`` wrote. Raises UsageError for anything else."""
    if not isinstance(data, Mapping) or data.get("version") != VERSION:
        said = data.get("version") if isinstance(data, Mapping) else None
        raise UsageError(
            f"this is a design of version {said!r}; version {VERSION} is known. Plan it again with "
            "the Kernelwright that is installed here."
        )
    try:
        design = _unpacked(data["design"], arrays)
    except (KeyError, TypeError, ValueError, IndexError, AULError) as error:
        raise UsageError(f"the design cannot be read: {type(error).__name__}: {error}") from error
    if not isinstance(design, Design):
        raise UsageError("the design cannot be read: it holds something else")
    return design


def _packed(value: Any, arrays: Arrays) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Program):
        return {"aul": print_program(value)}
    if isinstance(value, np.ndarray):
        name = f"array{len(arrays)}"
        dtype = dtype_name(value.dtype)
        # .npz knows no bfloat16: its bits go as integers.
        arrays[name] = value.view(np.uint16) if dtype == "bfloat16" else value
        return {"array": name, "dtype": dtype}
    if isinstance(value, np.generic):
        return _packed(value.item(), arrays)
    if isinstance(value, tuple):
        return {"tuple": [_packed(v, arrays) for v in value]}
    if isinstance(value, list):
        return [_packed(v, arrays) for v in value]
    if isinstance(value, Mapping):
        return {"items": [[_packed(k, arrays), _packed(v, arrays)] for k, v in value.items()]}
    if dataclasses.is_dataclass(value) and type(value).__name__ in _records():
        fields = {f.name: _packed(getattr(value, f.name), arrays) for f in _fields(type(value))}
        return {"record": type(value).__name__, "fields": fields}
    raise TypeError(f"a design holds a {type(value).__name__}, which has no form in a file")


def _unpacked(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_unpacked(v, arrays) for v in value]
    if not isinstance(value, dict):
        return value
    if "aul" in value:
        return parse(value["aul"])
    if "array" in value:
        return _array(arrays[value["array"]], value["dtype"])
    if "tuple" in value:
        return tuple(_unpacked(v, arrays) for v in value["tuple"])
    if "items" in value:
        return {_unpacked(k, arrays): _unpacked(v, arrays) for k, v in value["items"]}
    fields = {name: _unpacked(v, arrays) for name, v in value["fields"].items()}
    return _records()[value["record"]](**fields)


def _array(array: np.ndarray, dtype: str) -> np.ndarray:
    if dtype != "bfloat16":
        return array
    import ml_dtypes

    return array.view(ml_dtypes.bfloat16)


def _fields(kind: type) -> tuple[dataclasses.Field[Any], ...]:
    return tuple(f for f in dataclasses.fields(kind) if f.init)


def _records() -> dict[str, type]:
    """The dataclasses that ``compiler.design`` defines."""
    return {
        name: kind
        for name, kind in vars(design_module).items()
        if isinstance(kind, type)
        and dataclasses.is_dataclass(kind)
        and kind.__module__ == design_module.__name__
    }
