"""Windows with strides: read as runs and taken apart, at every border, tail, dtype and width."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.aul import syntax as aul
from kernelwright.compiler.loops.ir import Function, instructions
from kernelwright.graph.core import DTYPES

from .kernels import KernelText, place


def pooled(
    x: np.ndarray, kernel: int, stride: int, padding: int, tile: int, lanes_bytes: int
) -> tuple[Function, np.ndarray, np.ndarray]:
    """The largest square of every window of rows, by a kernel of ``tile`` outputs a core; with the
    right answer. Two rows of ``x`` make one of the output."""
    rows, width = x.shape[0] // 2, x.shape[1]
    count = (width + 2 * padding - kernel) // stride + 1
    out = np.zeros((rows, count), x.dtype)
    text, dtype, total = KernelText(), str(x.dtype), ""
    arrays = {"out": out}
    start = aul.Binary("*", aul.CoreIdx(), aul.Int(tile))
    for row in range(2):
        for k in range(kernel):
            inside = [i for i in range(count) if 0 <= i * stride + k - padding < width]
            if not inside:
                continue
            low, name, number = inside[0], f"x{row}{k}", f"{row}{k}"
            at = row * width + low * stride + k - padding
            text.param(
                name, x, shape=(rows, len(inside)), strides=(2 * width, stride), offset=at
            )  # fmt: skip
            arrays[name] = x
            if len(text.params) > 1:
                text.buffers[name] = text.params[0].name
            begin = aul.Binary("-", start, aul.Int(low))
            columns = (begin, aul.Binary("+", begin, aul.Int(tile)))
            text.tile(f"t{number}", (rows, tile), dtype)
            text.load(f"t{number}", place(name, (0, rows), columns), 0.0)
            text.tile(f"s{number}", (rows, tile), dtype)
            text.op("vunary_op", "square", f"s{number}", f"t{number}")
            if total:
                text.tile(f"m{number}", (rows, tile), dtype)
                text.op("vbinary_op", "max", f"m{number}", total, f"s{number}")
            total = f"{'m' if total else 's'}{number}"
    text.param("out", out, output=True)
    text.store(place("out", (0, rows), (start, aul.Binary("+", start, aul.Int(tile)))), total, True)
    function = text.run(arrays, cores=-(-count // tile), vector_bytes=lanes_bytes)
    padded = np.zeros((2 * rows, width + 2 * padding), x.dtype)
    padded[:, padding : padding + width] = x * x
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=1)[:, ::stride]
    both = windows.max(-1).reshape(rows, 2, count)
    return function, out, both.max(1)


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(9, 90),
    kernel=st.integers(1, 7),
    stride=st.integers(1, 8),
    padding=st.integers(0, 3),
    tile=st.sampled_from([4, 7, 16, 33, 64, 100]),
    dtype=st.sampled_from(["float32", "int16", "float64"]),
    vector_bytes=st.sampled_from([16, 32, 64]),
)
def test_windows(
    width: int, kernel: int, stride: int, padding: int, tile: int, dtype: str, vector_bytes: int
) -> None:
    rng = np.random.default_rng(width * 8 + kernel)
    x = rng.integers(-9, 9, (4, width)).astype(DTYPES[dtype])
    function, out, want = pooled(x, kernel, stride, min(padding, kernel // 2), tile, vector_bytes)
    np.testing.assert_array_equal(out, want)
    assert all(item.op != "gather" for item in instructions(function.body))


def test_neighbours_share_what_they_load() -> None:
    """Windows of 2 by 2 side by side: every vector of the input is loaded once."""
    x = np.arange(2 * 64, dtype=np.float32).reshape(2, 64)
    function, out, want = pooled(x, 2, 2, 0, 32, 64)
    np.testing.assert_array_equal(out, want)
    ops = [item.op for item in instructions(function.body)]
    assert ops.count("load") == 8
    assert ops.count("shuffle") == 8  # after the squares; before the maxima of both rows
