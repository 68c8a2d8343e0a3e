"""A GraphKernel info file as records: what MindSpore (or a person) wrote, checked for form.

The format has no published definition; this reads versions 0, 1 and 2 of it and the short form that
people write by hand (``op``, ``process``, ``input_desc``, ``output_desc``, ``op_desc`` alone).
A constant is an operand that carries ``value`` and is neither an input of the kernel nor the result
of an op.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kernelwright.graph.core import DTYPES

# A complex tensor is a real one with an axis of size 2 more: the real and the imaginary parts.
COMPLEX: Mapping[str, str] = {"complex64": "float32", "complex128": "float64"}
_ALIASES: Mapping[str, str] = {
    "int1": "bool",
    "bool_": "bool",
    "sint8": "int8",
    "float": "float32",
    "half": "float16",
    "double": "float64",
    "int": "int32",
}
# An unsigned tensor lies in memory as the signed one of the same bits, and is computed with in a
# type that holds all its values: dtype of the file -> (in memory, computed in).
UNSIGNED: Mapping[str, tuple[str, str]] = {
    "uint16": ("int16", "int32"),
    "uint32": ("int32", "int64"),
    "uint64": ("int64", "int64"),  # nothing is wider: only ops that are the same for both are taken
}


@dataclass(frozen=True)
class Tensor:
    """One mention of a tensor. ``shape``: -1 where the size is free. ``symbols``: an expression an
    axis, where the file names sizes. ``value``: of a constant, None otherwise. ``unsigned``: the
    dtype in the file where it is one of UNSIGNED; ``dtype`` is then what is computed in."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    symbols: tuple[str, ...] | None = None
    value: Any = None
    format: str = ""
    unsigned: str = ""

    @property
    def file_dtype(self) -> str:
        return self.unsigned or self.dtype

    def __str__(self) -> str:
        return f"{self.file_dtype}{list(self.shape)}"


@dataclass(frozen=True)
class Op:
    """``inputs`` has one entry a formal parameter; a parameter that takes several tensors has them
    all in its entry. ``index`` is the op's place in the file."""

    index: int
    name: str
    inputs: tuple[tuple[Tensor, ...], ...]
    outputs: tuple[Tensor, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def where(self) -> str:
        return f"op_desc[{self.index}] ({self.name})"

    @property
    def operands(self) -> tuple[Tensor, ...]:
        return tuple(tensor for group in self.inputs for tensor in group)


@dataclass(frozen=True)
class Info:
    """One fused kernel. ``ops`` stand in an order in which each one's operands are there.
    ``parallel_fusion`` and ``buffer_stitch`` are wishes for the schedule, as the file has them."""

    path: str
    name: str
    process: str
    version: int
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    ops: tuple[Op, ...]
    target: Mapping[str, Any] = field(default_factory=dict)
    parallel_fusion: Mapping[str, Any] = field(default_factory=dict)
    buffer_stitch: Mapping[str, Any] = field(default_factory=dict)
    symbol_calc: Mapping[str, str] = field(default_factory=dict)

    @property
    def dynamic(self) -> bool:
        """Whether a size of an input is free."""
        return any(-1 in tensor.shape for tensor in self.inputs)


def is_complex(dtype: str) -> bool:
    return dtype in COMPLEX


def known_dtype(name: str) -> str | None:
    """The usual name of a dtype of the format; None for one that it, or we, do not have."""
    plain = name.strip().lower()
    plain = _ALIASES.get(plain, plain)
    return plain if plain in DTYPES or plain in COMPLEX or plain in UNSIGNED else None


def computed(name: str) -> tuple[str, str]:
    """A Tensor's ``dtype`` and ``unsigned`` for a known dtype."""
    return (UNSIGNED[name][1], name) if name in UNSIGNED else (name, "")


def why_no_dtype(name: str) -> str:
    """What to say about a dtype that ``known_dtype`` refuses."""
    return f"unknown dtype {name!r}; known: {', '.join((*DTYPES, *UNSIGNED, *COMPLEX))}"
