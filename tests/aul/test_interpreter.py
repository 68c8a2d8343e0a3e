"""The interpreter's rules: what it refuses, and what upstream forms mean when they run."""

from __future__ import annotations

import numpy as np
import pytest

from kernelwright.aul import interpret, parse
from kernelwright.errors import AULError

X = np.arange(64, dtype=np.float32)

GOOD = """import aul as U
N = U.Size(64)
@sub_kernel
def k(x: U.TensorPtr[U.float32, (N,)], out: U.OutPtr[U.float32, (N,)]):
    p = U.get_core_idx() * 8
    a = U.Tile((8,), U.float32, U.VecBuf)
    b = U.Tile((8,), U.float32, U.VecBuf)
    U.data_copy(dst=a, src=x[p:p + 8], pad=0.0)
    U.vectorscalar_op(op="muls", dst=b, src=a, factor=2)
    U.data_copy(dst=out[p:p + 8], src=b, clip=True)
def h(x: U.TensorPtr[U.float32, (N,)], out: U.OutPtr[U.float32, (N,)]):
    k[U.cdiv(N, 8)](x, out)
"""


def test_tails_are_padded_and_clipped() -> None:
    for size in (1, 7, 8, 9, 61):
        (out,) = interpret(parse(GOOD), [X[:size]])
        assert np.array_equal(out, 2 * X[:size])


def test_inputs_of_any_layout_stay_as_they_were() -> None:
    x = np.arange(128, dtype=np.float32)[::2]
    before = x.copy()
    (out,) = interpret(parse(GOOD), [x])
    assert np.array_equal(out, 2 * before) and np.array_equal(x, before)


def called(op: str, dst: str, src: str) -> str:
    return f'    U.framework_call(op="{op}", dst=({dst},), src=({src},))\n    k[U'


REFUSED = [
    ("src=x[p:p + 8], pad=0.0", "src=x[p + 1:p + 9]", (8, 28), "x[57:65] is outside its shape"),
    ("dst=out[p:p + 8], src=b, clip=True", "dst=out[p + 1:p + 9], src=b", (10, 21), "give clip"),
    ("dst=out[p:p + 8]", "dst=out[p + 1:p + 9]", (11, 40), "1 of 64 elements of output out"),
    ("dst=out[p:p + 8]", "dst=x[p:p + 8]", (10, 21), "x is an input and cannot be written"),
    ("src=x[p:p + 8]", "src=x[p:p + 7]", (8, 5), "shape (8,), the slice of x (7,)"),
    ("src=x[p:p + 8]", "src=x[p:p + 8, 0]", (8, 28), "1 dimensions, but 2 indices"),
    ("src=x[p:p + 8]", "src=x[q:q + 8]", (8, 30), "'q' has no value here"),
    ("src=x[p:p + 8]", "src=out[p:p + 8]", (8, 28), "out is read where nothing has been written"),
    ("src=a, factor", "src=b, factor", (9, 45), "tile 'b' is read before it is written"),
    ("src=a, factor", "src=c, factor", (9, 45), "'c' is not a tile here"),
    ("src=a, factor", "src=x, factor", (9, 45), "a tensor in global memory"),
    ("src=a, factor", "src=a[0:2], factor", (9, 45), "used whole"),
    ("factor=2", "factor=x", (9, 55), "a tensor in global memory"),
    ("factor=2", "factor=a", (9, 55), "has 8 elements"),
    ("b = U.Tile((8,), U.float32", "b = U.Tile((9,), U.float32", (9, 38), "but gets (8,)"),
    ("b = U.Tile((8,), U.float32", "b = U.Tile((8,), U.float16", (9, 5), "U.vcast_op"),
    ("b = U.Tile((8,), U.float32", "b = U.Tile((8 - N,), U.float32", (7, 5), "has shape (-56,)"),
    ("    b = U.Tile((8,), U.float32, U.VecBuf)",
     "    b = U.FilledTile((8,), U.int8, U.VecBuf, value=0.5)", (7, 5), "int8 has no 0.5"),
    ("p = U.get_core_idx() * 8", "p = 8 // (N - 64)", (5, 9), "division by zero"),
    ("(x, out)\n", "(x, w)\n", (12, 5), "'w' is no parameter or workspace"),
    ("(x, out)\n", "(out, out)\n", (8, 28), "read where nothing has been written"),
    ("x: U.TensorPtr[U.float32, (N,)], out: U.OutPtr[U.float32, (N,)]):\n    p",
     "x: U.TensorPtr[U.float32, (N,), (1,), 1], out: U.OutPtr[U.float32, (N,)]):\n    p",
     (4, 7), "reaches elements 1 to 64 of x"),
    ("x: U.TensorPtr[U.float32, (N,)], out: U.OutPtr[U.float32, (N,)]):\n    p",
     "x: U.TensorPtr[U.int32, (N,)], out: U.OutPtr[U.float32, (N,)]):\n    p",
     (4, 7), "x is float32, but x is int32"),
    ("    k[U", called("f", "out", "x"), (12, 5), "executes"),
    ("    k[U", called("f", "out", "out"), (12, 5), "not all"),
    ("    k[U", called("short", "out", "x"), (12, 5), "gives"),
    ("    k[U", called("none", "out", "x"), (12, 5), "gave 0"),
    ("    k[U", called("same", "x", "x"), (12, 5), "an input"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "place", "message"), REFUSED)
def test_refused(old: str, new: str, place: tuple[int, int], message: str) -> None:
    assert old in GOOD
    calls = {
        "short": lambda arrays, attributes: (arrays[0][1:],),
        "none": lambda arrays, attributes: (),
        "same": lambda arrays, attributes: (arrays[0],),
    }
    with pytest.raises(AULError) as caught:
        interpret(parse(GOOD.replace(old, new, 1)), [X], calls=calls)
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == place


def test_refused_arguments() -> None:
    program = parse(GOOD)
    with pytest.raises(AULError, match="takes 1 inputs, but got 2"):
        interpret(program, [X, X])
    with pytest.raises(AULError, match="x is int32, not float32"):
        interpret(program, [X.astype(np.int32)])
    with pytest.raises(AULError, match="x has 1 dimensions"):
        interpret(program, [X.reshape(8, 8)])
    with pytest.raises(AULError, match="no host function"):
        interpret(parse(GOOD.partition("def h")[0]), [X])
    with pytest.raises(AULError, match="'K' is no U.Size"):
        interpret(program, [X], sizes={"K": 3})
    with pytest.raises(AULError, match="complex64"):
        interpret(parse(GOOD.replace("def h(x: U.TensorPtr[U.float32, (N,)]", "def h(x")),
                  [X.astype(np.complex64)])  # fmt: skip


def test_without_bounds_checks_the_outside_is_poison() -> None:
    text = GOOD.replace(", pad=0.0", "").replace(", clip=True", "")
    (out,) = interpret(parse(text), [X[:9]], check_bounds=False)
    assert np.array_equal(out, 2 * X[:9])


def test_valid_outside_the_axis_is_refused() -> None:
    reduce = '    s = U.Tile((1,), U.float32)\n    U.vreduce_op(op="sum", dst=s, src=a, valid=N)\n'
    with pytest.raises(AULError, match="valid=64 on an axis of extent 8") as caught:
        interpret(parse(GOOD.replace("    U.vectorscalar", reduce + "    U.vectorscalar")), [X])
    assert caught.value.line == 10


def test_documented_form_without_shapes() -> None:
    text = """
ROWS, COLS, CORES = 8, 16, 4
@sub_kernel
def k(logits, probs):
    mine = ROWS // CORES
    raw = U.Tile((1, COLS), U.float16, U.VecBuf)
    acc = U.Tile((1, COLS), U.float32, U.VecBuf)
    stat = U.Tile((1, 1), U.float32, U.VecBuf)
    for r in U.Pipelined(iterations=mine):
        row = U.get_core_idx() * mine + r
        U.data_copy(dst=raw, src=logits[row:row + 1, 0:COLS])
        U.vunary_op(op="cast_fp16_to_fp32", dst=acc, src=raw)
        U.vreduce_op(op="max", dst=stat, src=acc, axis=-1)
        U.vectorscalar_op(op="subs", dst=acc, src=acc, factor=stat)
        U.vunary_op(op="exp", dst=acc, src=acc)
        U.vreduce_op(op="sum", dst=stat, src=acc, axis=-1)
        U.vectorscalar_op(op="divs", dst=acc, src=acc, factor=stat)
        U.vunary_op(op="cast_fp32_to_fp16", dst=raw, src=acc)
        U.data_copy(dst=probs[row:row + 1, 0:COLS], src=raw)
def h(logits, probs):
    core_num = 4
    k[core_num](logits, probs)
"""
    x = np.random.default_rng(0).standard_normal((8, 16)).astype(np.float16)
    (out,) = interpret(parse(text), [x])
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    assert out.dtype == np.float16 and out.shape == (8, 16)
    assert np.abs(out - e / e.sum(1, keepdims=True)).max() < 1e-3


def run_kernel(body: str, x: np.ndarray, dtype: str, count: int) -> np.ndarray:
    """``out`` after a one-core kernel over the flat ``x``."""
    kind = str(x.dtype)
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    text = f"""
@sub_kernel
def k(x: U.TensorPtr[U.{kind}, ({x.size},)], out: U.OutPtr[U.{dtype}, ({count},)]):
{lines}
def h(x: U.TensorPtr[U.{kind}, ({x.size},)], out: U.OutPtr[U.{dtype}, ({count},)]):
    k[1](x, out)
"""
    return interpret(parse(text), [x])[0]


def test_reshape_mean_and_transpose() -> None:
    body = """a = U.Tile((6,), U.float32)
m = U.Tile((2, 3), U.float32)
t = U.Tile((3, 2), U.float32)
s = U.Tile((3, 1), U.float32)
f = U.Tile((3,), U.float32)
U.data_copy(dst=a, src=x)
U.vunary_op(op="reshape", dst=m, src=a, newshape=(2, 3))
U.vtranspose_op(dst=t, src=m)
U.vreduce_op(op="mean", dst=s, src=t, axis=-1)
U.vunary_op(op="reshape", dst=f, src=s, newshape=(3,))
U.data_copy(dst=out, src=f)"""
    out = run_kernel(body, X[:6], "float32", 3)
    assert np.array_equal(out, X[:6].reshape(2, 3).mean(0))


def test_guards_follow_the_core() -> None:
    text = GOOD.replace(
        '    U.vectorscalar_op(op="muls", dst=b, src=a, factor=2)\n',
        """    if p >= 8 and p < 24:
        U.vfill_op(dst=b, value=-1.0)
    elif p == 0:
        U.vfill_op(dst=b, value=7.0)
    else:
        U.vunary_op(op="neg", dst=b, src=a)
""",
    )
    (out,) = interpret(parse(text), [X])
    assert np.array_equal(out, np.r_[np.full(8, 7.0), np.full(16, -1.0), -X[24:]])


def test_a_workspace_of_bytes_holds_any_dtype() -> None:
    text = GOOD.replace("    k[U.cdiv(N, 8)](x, out)\n", """\
    w = U.SetGlobalTensorPtr(bufferSize=256)
    k[8](x, w)
    k[8](w, out)
""")  # fmt: skip
    (out,) = interpret(parse(text), [X])
    assert np.array_equal(out, 4 * X)
    with pytest.raises(AULError, match="reaches elements 0 to 63 of w, which has 62"):
        interpret(parse(text.replace("=256", "=251")), [X])


def test_scalars_are_tensors_without_dimensions() -> None:
    text = """
@sub_kernel
def k(x: U.TensorPtr[U.float32, (1,)], out: U.OutPtr[U.float32, (1,)]):
    a = U.Tile((1,), U.float32)
    U.data_copy(dst=a, src=x)
    U.data_copy(dst=out, src=a)
def h(x: U.TensorPtr[U.float32, ()], out: U.OutPtr[U.float32, ()]):
    k[1](x, out)
"""
    (out,) = interpret(parse(text), [np.asarray(3, np.float32)])
    assert out.shape == () and out == 3
    with pytest.raises(AULError, match="1 of 1 elements of output out"):
        interpret(parse(text.replace("k[1]", "k[0]")), [np.asarray(3, np.float32)])
