"""Transposed reads: blocks in registers, at every tail, dtype and rank."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.aul import syntax as aul
from kernelwright.compiler.loops.ir import instructions
from kernelwright.graph.core import DTYPES

from .kernels import KernelText, place


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(4, 40),
    columns=st.integers(4, 40),
    tile=st.sampled_from([(4, 4), (16, 16), (8, 40), (17, 33), (32, 5)]),
    dtype=st.sampled_from(["float32", "bfloat16", "int8", "float64", "bool"]),
    vector_bytes=st.sampled_from([16, 32, 64]),
)
def test_transposed_tiles_with_tails(
    rows: int, columns: int, tile: tuple[int, int], dtype: str, vector_bytes: int
) -> None:
    """out (columns, rows) = x.T for x (rows, columns), tile by tile, padded and clipped."""
    x = (np.arange(rows * columns) % 120).reshape(rows, columns).astype(DTYPES[dtype])
    out = np.zeros((columns, rows), x.dtype)
    across = -(-rows // tile[1])
    core = aul.CoreIdx()
    r = aul.Binary("*", aul.Binary("//", core, aul.Int(across)), aul.Int(tile[0]))
    c = aul.Binary("*", aul.Binary("%", core, aul.Int(across)), aul.Int(tile[1]))
    window = [(s, aul.Binary("+", s, aul.Int(e))) for s, e in zip((r, c), tile)]
    text = KernelText()
    text.param("x", x, shape=(columns, rows), strides=(1, columns))
    text.param("out", out, output=True)
    text.tile("t", tile, dtype)
    text.load("t", place("x", *window), 0.0)
    text.store(place("out", *window), "t", clip=True)
    cores = across * -(-columns // tile[0])
    function = text.run({"x": x, "out": out}, cores=cores, vector_bytes=vector_bytes)
    np.testing.assert_array_equal(out, x.T)
    ops = {item.op for item in instructions(function.body)}
    assert dtype == "bool" or "gather" not in ops


def test_the_contiguous_dimension_may_be_the_outermost() -> None:
    x = np.arange(3 * 20 * 17, dtype=np.float32).reshape(3, 20, 17)
    out = np.zeros((17, 3, 20), np.float32)
    text = KernelText()
    text.param("x", x, shape=(17, 3, 20), strides=(1, 340, 17))
    text.param("out", out, output=True)
    text.tile("t", out.shape, "float32")
    text.load("t", place("x", *((0, e) for e in out.shape)))
    text.tile("u", out.shape, "float32")
    text.op("vectorscalar_op", "adds", "u", "t", factor=1.0)
    text.store(place("out", *((0, e) for e in out.shape)), "u")
    function = text.run({"x": x, "out": out})
    np.testing.assert_array_equal(out, x.transpose(2, 0, 1) + 1)
    ops = {item.op for item in instructions(function.body)}
    assert "gather" not in ops and "scatter" not in ops and "shuffle" in ops


def test_rows_that_would_share_cache_lines_get_a_gap() -> None:
    x = np.zeros((1024, 16), np.float32)
    out = np.zeros((16, 1024), np.float32)
    text = KernelText()
    text.param("x", x, shape=(16, 1024), strides=(1, 16))
    text.param("out", out, output=True)
    text.tile("t", out.shape, "float32")
    text.load("t", place("x", (0, 16), (0, 1024)))
    text.store(place("out", (0, 16), (0, 1024)), "t")
    (scratch,) = text.lower({"x": x, "out": out}).scratch
    assert scratch.elements > 16 * 1024


def test_sums_of_short_rows_go_across_them() -> None:
    """Rows of ten: sixteen of them a vector, so that nothing is added across lanes."""
    x = np.arange(100 * 10, dtype=np.float32).reshape(100, 10)
    out = np.zeros((100, 10), np.float32)
    text = KernelText()
    text.param("x", x)
    text.param("out", out, output=True)
    text.tile("t", x.shape, "float32")
    text.load("t", place("x", (0, 100), (0, 10)))
    text.tile("s", (100, 1), "float32")
    text.op("vreduce_op", "sum", "s", "t", axis=1)
    text.tile("m", (100, 1), "float32")
    text.op("vreduce_op", "max", "m", "t", axis=1)
    text.tile("r", (100, 1), "float32")
    text.op("vbinary_op", "sub", "r", "s", "m")
    text.tile("u", x.shape, "float32")
    text.op("vbinary_op", "sub", "u", "t", "r")
    text.store(place("out", (0, 100), (0, 10)), "u")
    function = text.run({"x": x, "out": out})
    np.testing.assert_array_equal(out, x - (x.sum(1) - x.max(1))[:, None])
    assert all(item.op != "reduce" for item in instructions(function.body))
