"""Workspaces of half types: kept wide where kernels only convert them."""

from __future__ import annotations

import dataclasses

from kernelwright.aul import check, parse
from kernelwright.aul import syntax as aul
from kernelwright.compiler.design import Binding, Design, OutputSpec
from kernelwright.compiler.schedule.wide_stores import MOST_ELEMENTS, with_wide_stores

PROGRAM = """
import aul as U
N = U.Size(64)

@sub_kernel
def first(x: U.TensorPtr[U.float16, (N,)], a: U.OutPtr[U.float16, (N,)], b: U.OutPtr[U.float16, (N,)], c: U.OutPtr[U.float16, (N,)]):
    t = U.Tile((N,), U.float16, U.VecBuf)
    U.data_copy(dst=t, src=x[0:N])
    w = U.Tile((N,), U.float32, U.VecBuf)
    U.vcast_op(dst=w, src=t)
    n = U.Tile((N,), U.float16, U.VecBuf)
    U.vcast_op(dst=n, src=w)
    U.data_copy(dst=a[0:N], src=n)
    U.data_copy(dst=b[0:N], src=t)
    m = U.Tile((N,), U.float16, U.VecBuf)
    U.vcast_op(dst=m, src=w)
    U.data_copy(dst=c[0:N], src=m)

@sub_kernel
def second(a: U.TensorPtr[U.float16, (N,)], b: U.TensorPtr[U.float16, (N,)], c: U.TensorPtr[U.float16, (N,)], y: U.OutPtr[U.float16, (N,)]):
    t = U.Tile((N,), U.float16, U.VecBuf)
    U.data_copy(dst=t, src=a[0:N])
    w = U.Tile((N,), U.float32, U.VecBuf)
    U.vcast_op(dst=w, src=t)
    r = U.Tile((N,), U.float16, U.VecBuf)
    U.vcast_op(dst=r, src=w)
    u = U.Tile((N,), U.float16, U.VecBuf)
    U.data_copy(dst=u, src=c[0:N])
    U.data_copy(dst=y[0:N], src=u)

def f(x: U.TensorPtr[U.float16, (N,)], y: U.OutPtr[U.float16, (N,)]):
    a = U.SetGlobalTensorPtr(length=(N,), dtype=U.float16)
    b = U.SetGlobalTensorPtr(length=(N,), dtype=U.float16)
    c = U.SetGlobalTensorPtr(length=(N,), dtype=U.float16)
    first[1](x, a, b, c)
    second[1](a, b, c, y)
"""  # noqa: E501


def kinds(design: Design) -> dict[str, str]:
    body = design.program.host.body
    return {s.name: s.dtype for s in body if isinstance(s, aul.Workspace)}


def test_only_what_is_converted_on_both_sides() -> None:
    program = parse(PROGRAM)
    design = Design(program, (Binding("x", "input", 0),), (OutputSpec("y", (64,), "float16"),),
                    "tensor", 1)  # fmt: skip
    made = with_wide_stores(design)
    # b is what an input is, and c goes on to an output as it is
    assert kinds(made) == {"a": "float32", "b": "float16", "c": "float16"}
    assert [d for d in check(made.program) if d.severity == "error"] == []
    size = aul.Size("N", MOST_ELEMENTS + 1)
    large = dataclasses.replace(program, declarations=(size,))
    assert with_wide_stores(dataclasses.replace(design, program=large)).program == large
