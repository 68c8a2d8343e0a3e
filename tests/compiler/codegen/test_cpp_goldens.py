"""Golden texts of both compiled printers: a change of the lowering or a printer shows as a diff."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kernelwright.aul import syntax as aul
from kernelwright.compiler.codegen._cpp_host import cpp_source
from kernelwright.compiler.codegen._host import HostPlan
from kernelwright.compiler.codegen._mlir_host import mlir_source
from kernelwright.compiler.codegen._plan import cpu_plan
from kernelwright.compiler.design import Binding, Design, OutputSpec

M, N, CORES = aul.Name("M"), aul.Name("N"), aul.Name("CORES")
ONE, ZERO = aul.Int(1), aul.Int(0)


def tile(name: str, width: aul.IntExpr, dtype: str = "float32") -> aul.Tile:
    return aul.Tile(name, (ONE, width), dtype)


def op(family: str, name: str, dst: str, *srcs: str, **attrs: object) -> aul.VectorOp:
    places = tuple(aul.Place(s) for s in srcs)
    return aul.VectorOp(family, name, aul.Place(dst), places, tuple(sorted(attrs.items())))


def row(name: str) -> aul.Place:
    r = aul.Name("row")
    return aul.Place(name, (aul.Slice(r, aul.Binary("+", r, ONE)), aul.Slice(ZERO, N)))


def softmax(dtype: str, rows: int, columns: int) -> Design:
    """Row softmax over blocks of rows; in float16 with casts on both ends. Rows have a tail."""
    shape = (M, N)
    x, out = aul.Param("x", dtype, shape), aul.Param("out", dtype, shape, output=True)
    first = aul.Binary("*", aul.CoreIdx(), aul.Name("rows"))
    left = aul.Call("min", (aul.Name("rows"), aul.Binary("-", M, aul.Name("first"))))
    steps: list[aul.Statement] = [
        aul.Assign("row", aul.Binary("+", aul.Name("first"), aul.Name("i"))),
        aul.Copy(aul.Place("x0"), row("x")),
        op("vcast_op", "cast", "x1", "x0"),
        op("vreduce_op", "max", "m0", "x1", axis=1),
        op("vbinary_op", "sub", "d0", "x1", "m0"),
        op("vunary_op", "exp", "e0", "d0"),
        op("vreduce_op", "sum", "s0", "e0", axis=1),
        op("vbinary_op", "div", "r0", "e0", "s0"),
        op("vcast_op", "cast", "r1", "r0"),
        aul.Copy(row("out"), aul.Place("r1")),
    ]
    body: list[aul.Statement] = [
        aul.Assign("rows", aul.Call("cdiv", (M, CORES))),
        aul.Assign("first", first),
        *(tile(n, N, dtype) for n in ("x0", "r1")),
        *(tile(n, N) for n in ("x1", "d0", "e0", "r0")),
        *(tile(n, ONE) for n in ("m0", "s0")),
        aul.Loop("i", aul.Call("max", (ZERO, left)), tuple(steps)),
    ]
    kernel = aul.Kernel("softmax_kernel", (x, out), tuple(body))
    host = aul.Host("softmax", (x, out), (aul.Launch("softmax_kernel", CORES, ("x", "out")),))
    sizes = (aul.Size("M", rows), aul.Size("N", columns), aul.Tunable("CORES", 4, (1, 2, 4)))
    program = aul.Program(sizes, (kernel,), host, "Row softmax.")
    outputs = (OutputSpec("out", (rows, columns), dtype),)
    return Design(program, (Binding("x", "input", 0),), outputs, "tensor", 1)


def planned(dtype: str, rows: int, columns: int, native_extrema: int) -> HostPlan:
    return cpu_plan(softmax(dtype, rows, columns), {}, 64, native_extrema)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_cpp(dtype: str, golden: Callable[[str, str], None]) -> None:
    golden(f"softmax_{dtype}.cpp", cpp_source(planned(dtype, 10, 70, 64), 64, "Row softmax."))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_mlir(dtype: str, golden: Callable[[str, str], None]) -> None:
    golden(f"softmax_{dtype}.mlir", mlir_source(planned(dtype, 10, 70, 0), "Row softmax."))


def test_memory_that_no_stack_holds_comes_from_the_pool(golden: Callable[[str, str], None]) -> None:
    golden("softmax_long_rows.cpp", cpp_source(planned("float32", 4, 100_000, 64), 64))
    golden("softmax_long_rows.mlir", mlir_source(planned("float32", 4, 100_000, 0)))
