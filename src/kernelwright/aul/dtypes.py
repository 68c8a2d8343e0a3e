"""Element types of AUL: canonical names, accepted spellings, NumPy types."""

from __future__ import annotations

from collections.abc import Mapping

import ml_dtypes
import numpy as np

DTYPES: Mapping[str, np.dtype] = {
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
    "int8": np.dtype(np.int8),
    "uint8": np.dtype(np.uint8),
    "int16": np.dtype(np.int16),
    "int32": np.dtype(np.int32),
    "int64": np.dtype(np.int64),
    "bool": np.dtype(np.bool_),
}

_ALIASES: Mapping[str, str] = {
    "fp16": "float16",
    "f16": "float16",
    "half": "float16",
    "bf16": "bfloat16",
    "fp32": "float32",
    "f32": "float32",
    "float": "float32",
    "fp64": "float64",
    "f64": "float64",
    "double": "float64",
    "i8": "int8",
    "s8": "int8",
    "u8": "uint8",
    "i16": "int16",
    "i32": "int32",
    "s32": "int32",
    "int": "int32",
    "i64": "int64",
    "s64": "int64",
    "bool_": "bool",
}

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("int8", "uint8", "int16", "int32", "int64")


def canonical_dtype(spelling: str) -> str | None:
    """The canonical name ("float16" for "fp16"), or None for a spelling that AUL does not know."""
    if spelling in DTYPES:
        return spelling
    return _ALIASES.get(spelling)


def is_float(dtype: str) -> bool:
    return dtype in FLOATS


def is_integer(dtype: str) -> bool:
    return dtype in INTEGERS


def itemsize(dtype: str) -> int:
    """Bytes of one element."""
    return DTYPES[dtype].itemsize


def dtype_of(array: np.ndarray) -> str | None:
    """AUL's name of an array's dtype, or None when AUL has none for it."""
    return next((name for name, kind in DTYPES.items() if kind == array.dtype), None)


def poison(dtype: str) -> float | int | bool:
    """The value that unwritten global memory holds: NaN, the lowest integer, or True."""
    if is_float(dtype):
        return float("nan")
    if dtype == "bool":
        return True
    return int(np.iinfo(DTYPES[dtype]).min) if dtype != "uint8" else 255
