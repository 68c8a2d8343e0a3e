"""Names and numbers in C++."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from kernelwright.compiler.codegen._cpp_prelude import CPP_TYPES
from kernelwright.compiler.codegen._legalize import wrapped
from kernelwright.compiler.loops.ir import Value

_WORDS = (
    "auto bool break case catch char class const continue default delete do double else enum "
    "extern false float for friend goto if inline int long namespace new operator or and xor not "
    "private public register return short signed sizeof static struct switch template this throw "
    "true try typedef typename union unsigned using virtual void volatile while load store "
    "load_first store_first gather lookup scatter splat larger smaller maximum minimum each each2 "
    "chunked bits lanes spare stream finish_streams"
)
_RESERVED = frozenset(_WORDS.split())
SUFFIX = {"float32": "f", "float64": ""}


def identifier(name: str, taken: set[str]) -> str:
    """A C++ name like ``name`` that is in nobody's way; added to ``taken``."""
    stem = re.sub(r"\W", "_", name) or "v"
    if stem[0].isdigit() or stem in _RESERVED or stem in {n for _, n in CPP_TYPES.values()}:
        stem += "_"
    chosen, n = stem, 1
    while chosen in taken:
        n += 1
        chosen = f"{stem}_{n}"
    taken.add(chosen)
    return chosen


def automatic(value: Value) -> bool:
    return re.fullmatch(r"v\d+", value.name) is not None


def literal(value: Any, dtype: str) -> str:
    """A number as a C++ constant of that dtype; shortest text that reads back the same."""
    if dtype in ("float16", "bfloat16"):
        import ml_dtypes

        kind = np.float16 if dtype == "float16" else ml_dtypes.bfloat16
        return hex(int(np.asarray(value, dtype=kind).view(np.uint16)))
    if dtype not in ("float32", "float64"):
        number = wrapped(value, dtype)
        if dtype == "int64" and number == -(2**63):
            return "INT64_MIN"
        if dtype == "int32" and number == -(2**31):
            return "INT32_MIN"
        wide = dtype == "int64" and abs(number) >= 2**31
        text = f"{number}LL" if wide else str(number)
        return f"({text})" if number < 0 else text
    suffix = SUFFIX[dtype]
    with np.errstate(over="ignore"):
        rounded = np.float32(value) if dtype == "float32" else np.float64(value)
    if math.isnan(rounded):
        return f'__builtin_nan{suffix}("")'
    if math.isinf(rounded):
        return f"{'-' if rounded < 0 else ''}__builtin_inf{suffix}()"
    text = str(rounded)
    if "." not in text and "e" not in text:
        text += ".0"
    text += suffix
    return f"({text})" if text.startswith("-") else text
