"""Every documented spelling reaches one tree; everything else is refused where it stands."""

from __future__ import annotations

import math

import pytest

from kernelwright.aul import check, parse, print_program
from kernelwright.aul import syntax as s
from kernelwright.errors import AULError

HEAD = """import aul as U
N = U.Size(64)
B = 8
@sub_kernel
def k(x: U.TensorPtr[U.float32, (N,)], y, out: U.OutPtr[U.float32, (N,)]):
    a = U.Tile((B,), U.float32, U.VecBuf)
    b = U.Tile((B,), U.float32, U.VecBuf)
    h = U.Tile((B,), U.float16, U.VecBuf)
    c = U.Tile((B,), U.bool, U.VecBuf)
    q = U.Tile((B,), U.int8, U.VecBuf)
    m = U.Tile((2, 4), U.float32, U.VecBuf)
    one = U.Tile((1,), U.float32, U.VecBuf)
"""
TILES = 7


def body(text: str) -> tuple[s.Statement, ...]:
    """The statements that ``text`` adds to the kernel of HEAD."""
    lines = "".join(f"    {line}\n" for line in text.splitlines())
    program = parse(HEAD + lines)
    assert parse(print_program(program)) == program
    return program.kernels[0].body[TILES:]


SAME = {
    # spelling: canonical text
    'U.vunary_op(op="log", dst=a, src=b)': 'U.vunary_op(op="ln", dst=a, src=b)',
    'U.vunary_op("exp", a, b)': 'U.vunary_op(op="exp", dst=a, src=b)',
    'U.vunary_op(op="exp", dst=a[0:B], src=b[0:8])': 'U.vunary_op(op="exp", dst=a, src=b[0:8])',
    'U.vunary_op(op="mul", dst=a, src1=b, src2=-1.0)': (
        'U.vectorscalar_op(op="muls", dst=a, src=b, factor=-1.0)'
    ),
    'U.vunary_op(op="cast_fp32_to_fp16", dst=h, src=a)': "U.vcast_op(dst=h, src=a)",
    'U.vunary_op(op="cast_f16_to_f32", dst=a, src=h)': "U.vcast_op(dst=a, src=h)",
    'U.vunary_op(op="cast_to_float16", dst=h, src=a)': "U.vcast_op(dst=h, src=a)",
    'U.vunary_op(op="round_fp32_to_int8", dst=a, src=b)': 'U.vunary_op(op="round", dst=a, src=b)',
    'U.vunary_op(op="vector_dup", dst=a, fill_shape=(B,), fill_value=0.5)': (
        "U.vfill_op(dst=a, value=0.5)"
    ),
    "U.vector_dup(a, 0.5)": "U.vfill_op(dst=a, value=0.5)",
    'U.vectorscalar_op(op="adds", dst=a, fill_value=0.0)': "U.vfill_op(dst=a, value=0.0)",
    'U.vectorscalar_op(op="mul", dst=a, src=b, scalar=2)': (
        'U.vectorscalar_op(op="muls", dst=a, src=b, factor=2)'
    ),
    'U.vectorscalar_op(op="subs", dst=a, src=b, factor=one)': (
        'U.vectorscalar_op(op="subs", dst=a, src=b, factor=one)'
    ),
    'U.vectorscalar_op(op="divs", dst=a, src=b, factor=N)': (
        'U.vectorscalar_op(op="divs", dst=a, src=b, factor=N)'
    ),
    'U.vectorscalar_op(op="muls", dst=a, src=b, factor=1 / 8)': (
        'U.vectorscalar_op(op="muls", dst=a, src=b, factor=0.125)'
    ),
    'U.vectorscalar_op(op="muls", dst=a, src=b, factor=1.0 / B)': (
        'U.vectorscalar_op(op="muls", dst=a, src=b, factor=0.125)'
    ),
    'U.vbinary_op(op="mul", dst=a, src1=b, src2=1.0)': (
        'U.vectorscalar_op(op="muls", dst=a, src=b, factor=1.0)'
    ),
    'U.vbinary_op(op="sub", dst=a, src1=1.0, src2=b)': (
        'U.vectorscalar_op(op="rsubs", dst=a, src=b, factor=1.0)'
    ),
    'U.vbinary_op(op="sum", dst=a, src1=a, src2=b)': (
        'U.vbinary_op(op="add", dst=a, src1=a, src2=b)'
    ),
    'U.vbinary_op(op="sum", dst=one, src=b, axis=0)': (
        'U.vreduce_op(op="sum", dst=one, src=b, axis=0)'
    ),
    'U.vbinary_op(op="maximum", dst=a, src1=a, src2=b)': (
        'U.vbinary_op(op="max", dst=a, src1=a, src2=b)'
    ),
    'U.vreduce_op(op="sum", dst=one, src=b, axis=-1)': (
        'U.vreduce_op(op="sum", dst=one, src=b, axis=0)'
    ),
    'U.vreduce_op(op="sum", dst=one, src=b)': 'U.vreduce_op(op="sum", dst=one, src=b, axis=0)',
    'U.vreduce_op(op="max", dst=one, src=b, axis=(0,), keepdims=True)': (
        'U.vreduce_op(op="max", dst=one, src=b, axis=0)'
    ),
    'U.vreduce_op(op="mean", dst=one, src=b, axis=0)': (
        'U.vreduce_op(op="sum", dst=one, src=b, axis=0)\n'
        'U.vectorscalar_op(op="divs", dst=one, src=one, factor=B)'
    ),
    'U.vreduce_op(op="mean", dst=one, src=b, axis=0, valid=N)': (
        'U.vreduce_op(op="sum", dst=one, src=b, axis=0, valid=N)\n'
        'U.vectorscalar_op(op="divs", dst=one, src=one, factor=N)'
    ),
    'U.vcompare_op(op="<", dst=c, src1=a, src2=b)': 'U.vcompare_op(op="lt", dst=c, src1=a, src2=b)',
    "U.vselect_op(dst=a, cond=c, src1=a, src2=b)": (
        "U.vselect_op(dst=a, condition=c, src1=a, src2=b)"
    ),
    "U.vtranspose_op(dst=m, src=m)": "U.vtranspose_op(dst=m, src=m, axes=(1, 0))",
    "U.viota_op(dst=a)": "U.viota_op(dst=a, axis=0, start=0)",
    "U.matmul_op(m, m, m, accumulate=False)": "U.matmul_op(dst=m, src1=m, src2=m)",
    "U.data_copy(a, x[0:B], U.GlobalMem, U.VecBuf)": "U.data_copy(dst=a, src=x[0:B])",
    "U.data_copy(dst=a, src=x[:8], dst_pos=U.VecBuf)": "U.data_copy(dst=a, src=x[0:8])",
    "U.data_copy(dst=a, src=x[B:])": "U.data_copy(dst=a, src=x[B:N])",
    "U.data_copy(dst=a, src=x + B * 2)": "U.data_copy(dst=a, src=x[B * 2:B * 2 + B])",
    "U.data_copy(dst=a, src=y)": "U.data_copy(dst=a, src=y[0:B])",
    "U.data_copy(dst=a, src=x)": "U.data_copy(dst=a, src=x[0:N])",
    'U.data_copy(dst=a, src=x[0:B], pad=float("-inf"))': (
        'U.data_copy(dst=a, src=x[0:B], pad=float("-inf"))'
    ),
    "i = get_core_idx()": "i = U.get_core_idx()",
    "i = min(B, N - 1)": "i = U.min(B, N - 1)",
    "i = U.max(B, N, 3)": "i = U.max(U.max(B, N), 3)",
    "i = N / B": "i = N // B",
    "i = U.ceil_div(N, B)": "i = U.cdiv(N, B)",
    "i = int(N) + x.shape[0] - m.shape[-1]": "i = N + N - 4",
    "i: int = -N": "i = 0 - N",
    "i = 1\ni += 2": "i = 1\ni = i + 2",
    "i, j = 1, N": "i = 1\nj = N",
    "for i in range(N):\n    pass": "for i in U.Pipelined(iterations=N):\n    pass",
    "for i in range(0, N):\n    pass": "for i in U.Pipelined(iterations=N):\n    pass",
    "for i in U.Pipelined(N):\n    pass": "for i in U.Pipelined(iterations=N):\n    pass",
    "if 0 <= N < B:\n    pass": "if 0 <= N and N < B:\n    pass",
    "s = 0.5\nU.vector_dup(a, -s)": "U.vfill_op(dst=a, value=-0.5)",
    "t = U.Tile(shape=(B), dtype=U.fp16, pos=U.VecBuf)": "t = U.Tile((B,), U.float16, U.VecBuf)",
    "t = U.Tile([B, 2], 'bf16')": "t = U.Tile((B, 2), U.bfloat16, U.VecBuf)",
    "t = U.FilledTile((B,), x.dtype, value=0)": (
        "t = U.FilledTile((B,), U.float32, U.VecBuf, value=0)"
    ),
    "w = B * 2\nt = U.Tile((w,), U.int8, U.VecBuf)": (
        "w = B * 2\nt = U.Tile((B * 2,), U.int8, U.VecBuf)"
    ),
}


@pytest.mark.parametrize("spelling", SAME)
def test_spelling_has_one_form(spelling: str) -> None:
    assert body(spelling) == body(SAME[spelling])


def test_rounding_cast_to_another_dtype_takes_a_tile() -> None:
    tile, rounded, cast = body('U.vunary_op(op="round_fp32_to_int8", dst=q, src=a)')
    assert isinstance(tile, s.Tile) and (tile.dtype, tile.shape) == ("float32", (s.Name("B"),))
    assert isinstance(rounded, s.VectorOp) and rounded.op == "round"
    assert isinstance(cast, s.VectorOp) and cast.family == "vcast_op" and cast.dst.name == "q"


def test_reshape_is_a_copy_between_tiles() -> None:
    (copy,) = body('U.vunary_op(op="reshape", dst=m, src=a, newshape=(2, 4))')
    assert copy == s.Copy(s.Place("m"), s.Place("a"))
    (copy,) = body('U.vunary_op(op="reshape", dst=m, src=a, new_shape=(2, 4))')
    assert copy == s.Copy(s.Place("m"), s.Place("a"))


def test_nan_is_a_number() -> None:
    (fill,) = body('U.vfill_op(dst=a, value=-float("nan"))')
    assert isinstance(fill, s.VectorOp) and math.isnan(fill.attr("value"))


REFERENCE = '''ROWS, COLS, CORES = 320, 1024, 40
SCALE = 0.125

@sub_kernel
def soft_kernel(logits, probs):
    """Rows of one core."""
    rows_here = ROWS // CORES
    first = U.get_core_idx() * rows_here
    for r in U.Pipelined(iterations=rows_here):
        raw = U.Tile((1, COLS), U.float16, U.VecBuf)      # 2 KB
        acc = U.Tile((1, COLS), U.float32, U.VecBuf)
        U.data_copy(dst=raw, src=logits[first + r:first + r + 1, 0:COLS])
        U.vunary_op(op="cast_fp16_to_fp32", dst=acc, src=raw)
        U.vectorscalar_op(op="muls", dst=acc, src=acc, factor=SCALE)
        U.vunary_op(op="cast_fp32_to_fp16", dst=raw, src=acc)
        U.data_copy(dst=probs[first + r:first + r + 1, 0:COLS], src=raw)

def soft(logits: U.BufferPtr, probs):
    core_num = 40
    soft_kernel[core_num](logits, probs)
    return probs
'''


def test_program_without_annotations() -> None:
    program = parse(REFERENCE)
    assert [d.name for d in program.declarations] == ["ROWS", "COLS", "CORES"]
    assert [p.output for p in program.kernels[0].params] == [False, True]
    assert [p.output for p in program.host.params] == [False, True]
    assert parse(print_program(program)) == program
    assert check(program) == []


def test_kernels_alone() -> None:
    program = parse(REFERENCE.partition("\ndef soft(")[0])
    assert program.host.name == "" and len(program.kernels) == 1
    assert parse(print_program(program)) == program
    assert [d.severity for d in check(program)] == ["warning"]


def test_old_tiling_function() -> None:
    kernel = REFERENCE.partition("\ndef soft(")[0].replace(
        "logits, probs)", "logits, probs, tiling)"
    )
    text = kernel + "def soft_tiling(logits, probs, tiling):\n    tiling.BLOCK_DIM = 40\n"
    program = parse(text + "    WORKSPACE_SIZE = 0\n")
    assert program.host.name == "soft"
    assert program.host.body == (
        s.CoreNum("core_num", s.Int(40)),
        s.Launch("soft_kernel", s.Name("core_num"), ("logits", "probs")),
    )


def test_integer_parameters_become_what_the_launch_passes() -> None:
    text = """
L = U.Size(64)
@sub_kernel
def k(x: U.TensorPtr[U.float32, (L,)], n: int, out):
    t = U.Tile((n // 8,), U.float32, U.VecBuf)
    U.data_copy(dst=t, src=x[0:n // 8])
    U.data_copy(dst=out[0:n // 8], src=t)
def h(x: U.TensorPtr[U.float32, (L,)], out, L: int):
    k[1](x, L, out)
"""
    program = parse(text)
    tile = program.kernels[0].body[0]
    assert isinstance(tile, s.Tile) and tile.shape == (s.Binary("//", s.Name("L"), s.Int(8)),)
    assert program.host.body == (s.Launch("k", s.Int(1), ("x", "out")),)


@pytest.mark.parametrize(
    "launch", ["k[1](x, out)", "k(x, out)", "k(x, out, core_num=1)", "k[1](x=x, out=out)"]
)
def test_launch_spellings(launch: str) -> None:
    program = parse(f"@sub_kernel\ndef k(x, out):\n    pass\ndef h(x, out):\n    {launch}\n")
    assert program.host.body == (s.Launch("k", s.Int(1), ("x", "out")),)


def test_workspace_spellings() -> None:
    text = "def h(x):\n    w = U.SetGlobalTensorPtr({})\n"
    cases = {
        "length=(4, N), dtype=U.float32": s.Workspace("w", (s.Int(4), s.Name("N")), "float32"),
        "(4), U.int32": s.Workspace("w", (s.Int(4),), "int32"),
        "bufferSize=4096": s.Workspace("w", (s.Int(4096),), "uint8"),
        "bufferSize=4096, dtype=U.float32": s.Workspace("w", (s.Int(1024),), "float32"),
    }
    for arguments, wanted in cases.items():
        program = parse("N = U.Size(3)\n" + text.format(arguments))
        assert program.host.body == (wanted,)


@pytest.mark.parametrize(
    ("statement", "column", "message"),
    [
        ('U.vunary_op(op="expp", dst=a, src=b)', 20, "did you mean 'exp'"),
        ('U.vbinary_op(op="exp", dst=a, src1=a, src2=b)', 21, "vbinary_op has no op 'exp'"),
        ("U.vunnary_op(dst=a)", 5, "did you mean 'vunary_op'"),
        ("torch.exp(a)", 5, "torch.exp is no statement of AUL"),
        ('U.vunary_op(op="exp", dst=a, source=b)', 34, "did you mean 'src'"),
        ('U.vunary_op(op="exp", src=b)', 5, "needs dst="),
        ('U.vunary_op(op="exp", dst=a, src=U.exp(b))', 38, "give it a line of its own"),
        ("U.vunary_op(op=exp, dst=a, src=b)", 20, "op must be a string"),
        ('U.vunary_op(op="cast_fp16_to_fp32", dst=a, src=b)', 20, "tile b is float32"),
        ('U.vunary_op(op="cast_fp99_to_fp32", dst=a, src=b)', 20, "unknown dtype 'fp99'"),
        ('U.vreduce_op(op="sum", dst=one, src=m, axis=(0, 1))', 49, "one axis at a time"),
        ('U.vreduce_op(op="sum", dst=one, src=m, axis=N)', 49, "integer literal"),
        ('U.vreduce_op(op="sum", dst=one, src=m)', 5, "needs axis="),
        ('U.vreduce_op(op="sum", dst=one, src=m, axis=0, keepdims=False)', 61, "keeps"),
        ("U.vfill_op(dst=a, value=N)", 29, "no number known from the text"),
        ('U.vbinary_op(op="fmod", dst=a, src1=1.0, src2=b)', 5, "U.vfill_op"),
        ("U.data_copy(dst=a, src=x[0:8:2])", 30, "slices have no step"),
        ("U.data_copy(dst=a, src=x[0:B], src_pos=U.VecBuf)", 44, "x is in GlobalMem"),
        ("U.data_copy(dst=a, src=x[0:B], dst_pos=U.CubeBuf)", 44, "a is in VecBuf"),
        ("U.data_copy(dst=m, src=x + 3)", 28, "tiles of one dimension"),
        ("U.data_copy(dst=a, src=y[2:])", 30, "write the slice's end"),
        ("t = U.Tile((B,), U.float33, U.VecBuf)", 22, "did you mean 'float32'"),
        ("t = U.Tile((B,), y.dtype, U.VecBuf)", 22, "dtype of y is not declared"),
        ("t = U.Tile((B,), U.float32, U.VecBuff)", 33, "did you mean 'VecBuf'"),
        ("t = U.Tile((1.5,), U.float32, U.VecBuf)", 17, "an integer is needed"),
        ("t = U.FilledTile((B,), U.float32, U.VecBuf)", 9, "needs value="),
        ("t = U.SetGlobalTensorPtr(length=3, dtype=U.int8)", 9, "host function"),
        ('t = U.vunary_op(op="exp", dst=a, src=b)', 9, "gives no value"),
        ("i = N ** 2", 9, "+ - * // % only"),
        ("i = a + 1", 9, "a is a tile"),
        ("i = x + 1", 9, "x is a tensor"),
        ("i = y.shape[0]", 9, "no run-time shapes"),
        ("i = 1 if N else 2", 9, "'if' statement"),
        ("i = len(N)", 9, "len gives no integer"),
        ("i = U.cdiv(N)", 9, "takes 2 arguments"),
        ("i = 99999999999999999999", 9, "64 bits"),
        ("i = j = 3", 5, "one name at a time"),
        ("i, j = 1, 2, 3", 12, "as many values as names"),
        ("i, j = 1, i", 15, "assigned in this same line"),
        ("a[0] = 3", 5, "written with U.data_copy"),
        ("f = 0.5\n    f = f + 1.0", 5, "one-element tile"),
        ("while N > 1:\n        pass", 5, "'while' is no statement"),
        ("with U.VecBuf:\n        pass", 5, "'with' is no statement"),
        ("return a", 5, "returns nothing"),
        ("for i in a:\n        pass", 14, "U.Pipelined"),
        ("for i, j in U.Pipelined(3):\n        pass", 9, "one variable"),
        ("if N:\n        pass", 8, "compares integers"),
        ("if N < 1 or N > 3:\n        pass", 8, "joined by 'and'"),
    ],
)
def test_refused_statement(statement: str, column: int, message: str) -> None:
    with pytest.raises(AULError) as caught:
        parse(HEAD + "    " + statement + "\n")
    lines = HEAD.count("\n") + 1
    assert message in caught.value.message
    assert caught.value.column == column
    assert caught.value.line in (lines, lines + 1)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("x = (", 1, 5, "never closed"),
        ("import numpy\n", 1, 1, "imports aul only"),
        ("", 1, 1, "no @sub_kernel"),
        ("N = U.Size(M)\n", 1, 12, "integer literal"),
        ("N = U.Size(8)\nprint(N)\n", 2, 1, "cannot stand at the top"),
        ("@kernel\ndef k(x):\n    pass\n", 1, 2, "@sub_kernel"),
        ("def a(x):\n    pass\ndef b(x):\n    pass\n", 3, 1, "one host function"),
        ("@sub_kernel\ndef k(*x):\n    pass\n", 2, 1, "plain parameters"),
        ("@sub_kernel\ndef k(x, x):\n    pass\n", 2, 10, "two parameters named 'x'"),
        ("@sub_kernel\ndef k(x: Tensor):\n    pass\n", 2, 10, "U.TensorPtr"),
        ("@sub_kernel\ndef k(x: U.TensorPtr[U.f3, (1,)]):\n    pass\n", 2, 22, "unknown dtype"),
        ("@sub_kernel\ndef k(n: int):\n    pass\n", 2, 7, "n = U.Size(1024)"),
        ("def h(n: int):\n    pass\n", 1, 7, "n = U.Size(1024)"),
        ("def h(x):\n    k[1](x)\n", 2, 5, "no kernel of this program"),
        ("@sub_kernel\ndef k(x):\n    pass\ndef h(x):\n    k[1](x, x)\n", 5, 5, "takes 1"),
        ("@sub_kernel\ndef k(x, y):\n    pass\ndef h(x):\n    k[1](x)\n", 5, 5, "lacks y"),
        ("@sub_kernel\ndef k(x):\n    pass\ndef h(x):\n    k[1](3)\n", 5, 10, "not '3'"),
        ("def h(x):\n    t = U.Tile((1,), U.int8)\n", 2, 9, "belong to kernels"),
        ("def h(x):\n    t = U.SetGlobalTensorPtr(length=3)\n", 2, 9, "needs dtype="),
        ("def h(x):\n    core = 0.5\n", 2, 5, "move it to the top"),
        ("def h(x):\n    for i in x:\n        pass\n", 2, 5, "no statement of a host"),
        ("def h(x):\n    U.framework_call(op='a', dst=x, src=x, attrs='{')\n", 2, 50, "JSON"),
        ('"é"; y = 1.0; N = y + "é"\n', 1, 23, "no number known"),
        ("N = 1" + "+ 1" * 20000 + "\n", 1, 1, "nested too deeply"),
    ],
)  # fmt: skip
def test_refused_program(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(AULError) as caught:
        parse(text)
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == (line, column)
