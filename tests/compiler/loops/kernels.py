"""Builds one-kernel AUL programs by hand, and runs their loop IR in the interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelwright.aul import syntax as aul
from kernelwright.compiler.loops.interpret import run
from kernelwright.compiler.loops.ir import Function
from kernelwright.compiler.loops.lower import lower_kernel
from kernelwright.graph.core import DTYPES, dtype_name


def expression(value: Any) -> Any:
    return aul.Int(value) if isinstance(value, int) else value


def place(name: str, *index: Any) -> aul.Place:
    """``place("x", (r, r_end), 3)`` is x[r:r_end, 3]; no index: a tile."""
    if not index:
        return aul.Place(name)
    parts = [
        aul.Slice(expression(i[0]), expression(i[1])) if isinstance(i, tuple) else expression(i)
        for i in index
    ]
    return aul.Place(name, tuple(parts))


class KernelText:
    """Statements of a kernel over whole arrays or slices; tiles are declared on first use."""

    def __init__(self) -> None:
        self.body: list[aul.Statement] = []
        self.params: list[aul.Param] = []
        self.buffers: dict[str, str] = {}  # of parameters that have another name than theirs

    def param(self, name: str, array: np.ndarray, output: bool = False, **view: Any) -> None:
        shape = view.get("shape", array.shape)
        strides = view.get("strides")
        self.params.append(
            aul.Param(
                name,
                dtype_name(array.dtype),
                tuple(aul.Int(e) for e in shape),
                None if strides is None else tuple(aul.Int(s) for s in strides),
                aul.Int(view.get("offset", 0)),
                output,
            )
        )

    def tile(self, name: str, shape: Any, dtype: str, value: float | None = None) -> str:
        extents = tuple(aul.Int(e) for e in shape)
        self.body.append(aul.Tile(name, extents, dtype, "VecBuf", value))
        return name

    def load(self, tile: str, source: aul.Place, pad: float | None = None) -> None:
        self.body.append(aul.Copy(aul.Place(tile), source, pad))

    def store(self, target: aul.Place, tile: str, clip: bool = False) -> None:
        self.body.append(aul.Copy(target, aul.Place(tile), None, clip))

    def op(self, family: str, op: str, dst: str, *srcs: str, **attrs: Any) -> None:
        places = tuple(aul.Place(s) for s in srcs)
        listed = tuple(sorted((k, _attr(k, v)) for k, v in attrs.items()))
        self.body.append(aul.VectorOp(family, op, aul.Place(dst), places, listed))

    def program(self, cores: int = 1) -> aul.Program:
        kernel = aul.Kernel("k", tuple(self.params), tuple(self.body))
        given = tuple(self.buffers.get(p.name, p.name) for p in self.params)
        launch = aul.Launch("k", aul.Int(cores), given)
        host = aul.Host("h", tuple(p for p in self.params if p.name in given), (launch,))
        return aul.Program((), (kernel,), host)

    def lower(
        self, arrays: dict[str, np.ndarray], cores: int = 1, vector_bytes: int = 64
    ) -> Function:
        sizes = {name: array.size for name, array in arrays.items()}
        return lower_kernel(
            self.program(cores), "k", {}, vector_bytes=vector_bytes, memory_sizes=sizes
        )

    def run(
        self, arrays: dict[str, np.ndarray], cores: int = 1, vector_bytes: int = 64
    ) -> Function:
        """Runs every core; ``arrays`` (by parameter name) are written in place."""
        function = self.lower(arrays, cores, vector_bytes)
        flat = [arrays[p.name].reshape(-1) for p in self.params]
        for core in range(cores):
            run(function, flat, core)
        return function


def _attr(key: str, value: Any) -> Any:
    return aul.Int(value) if key in ("valid", "start") and isinstance(value, int) else value


def elementwise(
    op: str,
    *inputs: np.ndarray,
    result: str | None = None,
    family: str = "",
    vector_bytes: int = 64,
    **attrs: Any,
) -> np.ndarray:
    """``op`` on whole one-tile arrays of one shape (size-1 dimensions broadcast)."""
    shape = np.broadcast_shapes(*(a.shape for a in inputs))
    out = np.zeros(shape, DTYPES[result or dtype_name(inputs[0].dtype)])
    text, arrays = KernelText(), {}
    for i, array in enumerate(inputs):
        text.param(f"x{i}", array)
        arrays[f"x{i}"] = array.copy()
    text.param("out", out, output=True)
    arrays["out"] = out
    for i, array in enumerate(inputs):
        text.tile(f"t{i}", array.shape, dtype_name(array.dtype))
        text.load(f"t{i}", place(f"x{i}", *((0, e) for e in array.shape)))
    text.tile("r", shape, dtype_name(out.dtype))
    family = family or {1: "vunary_op", 2: "vbinary_op"}[len(inputs)]
    text.op(family, op, "r", *(f"t{i}" for i in range(len(inputs))), **attrs)
    text.store(place("out", *((0, e) for e in shape)), "r")
    text.run(arrays, vector_bytes=vector_bytes)
    return arrays["out"]
