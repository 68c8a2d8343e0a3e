"""Every diagnostic, with its place."""

from __future__ import annotations

import pytest

from kernelwright.aul import Diagnostic, check, parse
from kernelwright.aul import syntax as s

GOOD = """import aul as U
N = U.Size(64)
B = U.Tunable(8, choices=(8, 16))
@sub_kernel
def k(x: U.TensorPtr[U.float32, (N,)], out: U.OutPtr[U.float32, (N,)]):
    p = U.get_core_idx() * B
    a = U.Tile((B,), U.float32, U.VecBuf)
    b = U.Tile((B,), U.float32, U.VecBuf)
    U.data_copy(dst=a, src=x[p:p + B], pad=0.0)
    U.vunary_op(op="exp", dst=b, src=a)
    U.data_copy(dst=out[p:p + B], src=b, clip=True)
def h(x: U.TensorPtr[U.float32, (N,)], out: U.OutPtr[U.float32, (N,)]):
    k[U.cdiv(N, B)](x, out)
"""


def found(text: str, **options: dict[str, int]) -> list[Diagnostic]:
    return check(parse(text), **options)  # type: ignore[arg-type]


def only(text: str, severity: str, message: str, **options: dict[str, int]) -> Diagnostic:
    """The one diagnostic that ``text`` must give."""
    matching = [d for d in found(text, **options) if message in d.message]
    assert matching, [str(d) for d in found(text, **options)]
    assert matching[0].severity == severity
    return matching[0]


def test_good_program_is_clean() -> None:
    assert found(GOOD) == []


def test_text_of_a_diagnostic() -> None:
    assert str(Diagnostic("error", "x", 2, 3)) == "error: line 2, column 3: x"
    assert str(Diagnostic("warning", "x")) == "warning: x"


# old text -> new text, severity, (line, column), message
CHANGES = [
    # declarations
    ("N = U.Size(64)", "N = M + 1", "error", (2, 5), "'M' is not defined"),
    ("N = U.Size(64)", "N = 3 // 0", "error", (2, 1), "division by zero"),
    ("N = U.Size(64)", "N = U.Size(-64)", "error", (2, 1), "size N is -64"),
    ("U.Tunable(8,", "U.Tunable(9,", "error", (3, 1), "not among its choices"),
    ("choices=(8, 16)", "choices=(8, 0)", "error", (3, 1), "below 1"),
    ("B = U.Tun", "N = U.Size(3)\nB = U.Tun", "error", (3, 1), "declared twice"),
    # names
    ("get_core_idx() * B", "get_core_idx() * C", "error", (6, 28), "'C' is not defined"),
    ("src=x[p:p + B]", "src=x[pp:p + B]", "error", (9, 30), "did you mean 'p'"),
    ("src=a)", "src=aa)", "error", (10, 38), "did you mean 'a'"),
    ("src=a)", "src=x)", "error", (10, 38), "global memory"),
    ("src=a)", "src=a[0:2])", "error", (10, 38), "used whole"),
    ("dst=b, src=a", "dst=c, src=a", "error", (10, 31), "no tile is named 'c'"),
    ("    b = U.Tile", "    N = U.Tile((1,), U.int8)\n    b = U.Tile", "error", (8, 5), "a tile"),
    ("    b = U.Tile", "    a = U.Tile", "warning", (8, 5), "defined again"),
    ("    p = U.get_core_idx() * B", "    N = 3", "error", (6, 5), "already defined"),
    ("    a = U.T", "    p = p + 1\n    a = U.T", "warning", (7, 5), "assigned again"),
    # tiles
    ("b = U.Tile((B,)", "b = U.Tile((p,)", "error", (8, 5), "uses 'p'"),
    ("b = U.Tile((B,)", "b = U.Tile((B - 8,)", "error", (8, 5), "is 0"),
    ("    b = U.Tile((B,), U.float32, U.VecBuf)", "    b = U.Tile((B,), U.float32, U.GlobalMem)",
     "error", (8, 5), "VecBuf or CubeBuf"),
    ("b = U.Tile((B,), U.float32, U.VecBuf)", "b = U.Tile((B,), U.float32, U.CubeBuf)",
     "error", (10, 5), "works on VecBuf"),
    ("b = U.Tile((B,), U.float32, U.VecBuf)",
     "b = U.FilledTile((B,), U.int8, U.VecBuf, value=300)", "error", (8, 5), "outside int8"),
    # copies
    ("src=x[p:p + B], pad=0.0", "src=x[p:p + B]", None, None, None),
    ("src=x[p:p + B]", "src=x[p:p + B - 1]", "error", (9, 28), "different shapes"),
    ("src=x[p:p + B]", "src=x[p:p + 8]", "warning", (9, 28), "only at some tunables"),
    ("src=x[p:p + B]", "src=x[p:B]", "error", (9, 28), "is not constant"),
    ("src=x[p:p + B]", "src=x[p:p + B, 0:1]", "error", (9, 28), "1 dimensions, but 2 indices"),
    ("src=x[p:p + B]", "src=x[p]", "error", (9, 28), "different ranks"),
    ("x: U.TensorPtr[U.float32, (N,)], out: U.OutPtr[U.float32, (N,)]):\n    p",
     "x: U.TensorPtr[U.float16, (N,)], out: U.OutPtr[U.float32, (N,)]):\n    p",
     "error", (9, 28), "x is float16 but tile a is float32"),
    ("dst=out[p:p + B], src=b, clip=True", "dst=x[p:p + B], src=b, clip=True",
     "error", (11, 21), "declare it as U.OutPtr"),
    ("dst=out[p:p + B], src=b, clip=True", "dst=out[p:p + B], src=x[p:p + B], clip=True",
     "error", (11, 5), "not within global memory"),
    ("src=b, clip=True", "src=b, clip=True, pad=0.0", "error", (11, 5), "from global memory"),
    ("pad=0.0", "pad=0.0, clip=True", "error", (9, 5), "to global memory"),
    # reading before writing
    ('    U.vunary_op(op="exp", dst=b, src=a)', "    pass", "error", (11, 39), "before it is"),
    ('    U.vunary_op(op="exp", dst=b, src=a)',
     '    for i in U.Pipelined(iterations=2):\n        U.vunary_op(op="exp", dst=b, src=a)',
     "warning", (12, 39), "may be read before"),
    ('    U.vunary_op(op="exp", dst=b, src=a)',
     '    if p < 2:\n        U.vunary_op(op="exp", dst=b, src=a)',
     "warning", (12, 39), "may be read before"),
    ('    U.vunary_op(op="exp", dst=b, src=a)',
     '    if p < 2:\n        U.vunary_op(op="exp", dst=b, src=a)\n    else:\n'
     '        U.vunary_op(op="neg", dst=b, src=a)', None, None, None),
    # operations
    ('U.vunary_op(op="exp", dst=b, src=a)', 'U.vunary_op(op="isnan", dst=b, src=a)',
     "error", (10, 5), "isnan gives bool"),
    ('U.vunary_op(op="exp", dst=b, src=a)', 'U.vcompare_op(op="lt", dst=b, src1=a, src2=a)',
     "error", (10, 5), "a comparison gives bool"),
    ('U.vunary_op(op="exp", dst=b, src=a)', 'U.vreduce_op(op="sum", dst=b, src=a, axis=0)',
     "error", (10, 5), "different shapes"),
    ('U.vunary_op(op="exp", dst=b, src=a)', 'U.vreduce_op(op="sum", dst=b, src=a, axis=1)',
     "error", (10, 5), "axis 1 is outside"),
    ('U.vunary_op(op="exp", dst=b, src=a)', "U.vtranspose_op(dst=b, src=a, axes=(1,))",
     "error", (10, 5), "no permutation"),
    ('U.vunary_op(op="exp", dst=b, src=a)', 'U.vectorscalar_op(op="adds", dst=b, src=a, factor=a)',
     "error", (10, 55), "must hold one element"),
    ('U.vunary_op(op="exp", dst=b, src=a)', "U.matmul_op(dst=b, src1=a, src2=a)",
     "error", (10, 5), "reads CubeBuf"),
    ('U.vunary_op(op="exp", dst=b, src=a)', "U.vselect_op(dst=b, condition=a, src1=a, src2=a)",
     "error", (10, 5), "condition must be bool"),
    ("    U.vunary_op", "    c = U.Tile((2, B), U.float32)\n    U.vfill_op(dst=c, value=0)\n"
     '    U.vbinary_op(op="add", dst=b, src1=a, src2=c)\n    U.vunary_op',
     "error", (12, 5), "different ranks"),
    ("    U.vunary_op", "    c = U.Tile((B + 1,), U.float32)\n    U.vfill_op(dst=c, value=0)"
     '\n    U.vbinary_op(op="add", dst=b, src1=a, src2=c)\n    U.vunary_op',
     "error", (12, 5), "do not broadcast"),
    # host
    ("k[U.cdiv(N, B)](x, out)", "k[C](x, out)", "error", (13, 7), "'C' is not defined"),
    ("k[U.cdiv(N, B)](x, out)", "k[8](x, oute)", "error", (13, 5), "did you mean 'out'"),
    ("k[U.cdiv(N, B)](x, out)", "k[8](out, out)", "error", (13, 5), "nothing has written yet"),
    ("k[U.cdiv(N, B)](x, out)", "k[8](x, x)", "error", (13, 5), "x is an input of the host"),
    ("k[U.cdiv(N, B)](x, out)", "pass", "error", (12, 40), "never written by a launch"),
    ("k[U.cdiv(N, B)](x, out)", "pass", "warning", (5, 1), "never launched"),
    ("k[U.cdiv(N, B)](x, out)", "k[N - 65](x, out)", "error", (13, 7), "on -1 cores"),
    ("    k[", "    N = 3\n    k[", "error", (13, 5), "'N' is already defined"),
    ("    k[", "    w = U.SetGlobalTensorPtr(length=(C,), dtype=U.int8)\n    k[",
     "error", (13, 38), "'C' is not defined"),
    ("    k[", "    w = U.SetGlobalTensorPtr(length=(N,), dtype=U.int8)\n    k[1](x, w)\n    k[",
     "error", (14, 5), "as float32, but w is int8"),
    ("    k[", '    U.framework_call(op="f", dst=(x,), src=(out,), attrs="{}")\n    k[',
     "error", (13, 5), "writes x, which is an input"),
    ("    k[", '    U.framework_call(op="f", dst=(out,), src=(out,), attrs="[]")\n    k[',
     "error", (13, 5), "reads out, which nothing has written"),
    ("    k[", '    U.framework_call(op="f", dst=(out,), src=(x,), attrs="[]")\n    k[',
     "error", (13, 5), "JSON object"),
    ("def h(x: U.TensorPtr[U.float32, (N,)]", "def h(x: U.TensorPtr[U.float32, (N,), (1,), 0]",
     "error", (12, 7), "has no strides"),
    # addresses
    ("src=x[p:p + B], pad=0.0", "src=x[p + 1:p + 1 + B]", "error", (9, 28), "give pad=value"),
    ("dst=out[p:p + B], src=b, clip=True", "dst=out[p + 1:p + 1 + B], src=b",
     "error", (11, 21), "give clip=True"),
    ("dst=out[p:p + B]", "dst=out[p + 1:p + 1 + B]", "error", (12, 40), "1 of 64 elements"),
    ("dst=out[p:p + B]", "dst=out[0:B]", "error", (11, 21), "cores 0 and 1 of k write the same"),
    ("get_core_idx() * B", "get_core_idx() * (B - 1)", "error", (11, 21), "write the same element"),
    ("k[U.cdiv(N, B)]", "k[U.cdiv(N, B) - 1]", "error", (12, 40), "8 of 64 elements"),
    ("x: U.TensorPtr[U.float32, (N,)], out: U.OutPtr[U.float32, (N,)]):\n    p",
     "x: U.TensorPtr[U.float32, (N,), (2,), 0], out: U.OutPtr[U.float32, (N,)]):\n    p",
     "error", (5, 7), "reaches elements 0 to 126 of x, which has 64"),
    ("out: U.OutPtr[U.float32, (N,)]):\n    p", "out: U.OutPtr[U.float32, (N,), (0,), 0]):\n    p",
     "error", (5, 40), "stride of 0"),
    ("    U.vunary_op", "    c = U.Tile((1,), U.float32, U.VecBuf)\n"
     '    U.vreduce_op(op="sum", dst=c, src=a, axis=0, valid=p)\n    U.vunary_op',
     "error", (11, 5), "valid=16 on an axis of extent 8"),
    ("    U.vunary_op", "    for i in U.Pipelined(1 - p):\n        pass\n    U.vunary_op",
     "warning", (10, 5), "negative number of iterations"),
    ("get_core_idx() * B", "get_core_idx() * B // (N - 64)", "error", (6, 9), "division by zero"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "severity", "place", "message"), CHANGES)
def test_finding(
    old: str,
    new: str,
    severity: str | None,
    place: tuple[int, int] | None,
    message: str | None,
) -> None:
    assert old in GOOD
    if severity is None or message is None:
        assert found(GOOD.replace(old, new, 1)) == []
        return
    diagnostic = only(GOOD.replace(old, new, 1), severity, message)
    assert (diagnostic.line, diagnostic.column) == place


def test_names_that_only_a_tree_can_hold() -> None:
    tile = s.Tile("t", (s.Int(1),), "float33")
    op = s.VectorOp("vunary_op", "expp", s.Place("t"), (s.Place("t"),))
    body = (tile, op, s.VectorOp("vmagic_op", "", s.Place("t"), ()))
    calls = s.Assign("n", s.Call("cdiv", (s.Int(1),)))
    kernel = s.Kernel("k", (s.Param("x"), s.Param("x")), (*body, calls))
    host = s.Host("h", (), (s.Launch("kk", s.Int(1), ()), s.Launch("k", s.Int(1), ("x",))))
    messages = " ".join(d.message for d in check(s.Program((), (kernel,), host)))
    for part in ("'float33' (did you mean 'float32'?)", "no op 'expp' (did you mean 'exp'?)",
                 "no vector operation U.vmagic_op", "U.cdiv does not take 1", "named 'kk'",
                 "k takes 2 arguments, but 1", "'x' is already defined"):  # fmt: skip
        assert part in messages


def test_limits_of_the_target() -> None:
    assert found(GOOD, target_limits={"VecBuf": 64}) == []
    diagnostic = only(GOOD, "error", "take 64 bytes of VecBuf", target_limits={"VecBuf": 63})
    assert (diagnostic.line, diagnostic.column) == (5, 1)


def test_other_sizes_and_tunables() -> None:
    text = GOOD.replace(", pad=0.0", "").replace(", clip=True", "")
    assert found(text) == []
    assert found(text, tunables={"B": 16}) == []
    assert any("outside its shape" in d.message for d in found(text, sizes={"N": 60}))


def test_many_cores_are_decided_at_corners() -> None:
    text = GOOD.replace("U.Size(64)", "U.Size(16000000)")
    assert [d.severity for d in found(text)] == ["warning"]
    assert any(
        "outside its shape" in d.message for d in found(text.replace(", clip=True", ""), sizes={
            "N": 15_999_999
        })
    )  # fmt: skip


ROWS = """
M = U.Size(10)
C = U.Tunable(4, choices=(4,))
@sub_kernel
def k(out: U.OutPtr[U.float32, (M, 3)]):
    rows = U.cdiv(M, C)
    first = U.get_core_idx() * rows
    z = U.FilledTile((1, 3), U.float32, U.VecBuf, value=0.0)
    for i in U.Pipelined(iterations=U.max(0, U.min(rows, M - first))):
        row = first + i
        U.data_copy(dst=out[row:row + 1, 0:3], src=z)
def h(out: U.OutPtr[U.float32, (M, 3)]):
    k[C](out)
"""


def test_rows_of_cores_with_a_tail() -> None:
    assert found(ROWS) == []
    late = ROWS.replace("U.get_core_idx() * rows", "U.get_core_idx() * (rows - 1)")
    only(late, "error", "write the same element")
    only(ROWS.replace("U.min(rows, M - first)", "rows"), "error", "outside its shape")


def test_grid_of_tiles() -> None:
    text = """
M = U.Size(20)
T = U.Tunable(8, choices=(4, 8))
@sub_kernel
def k(out: U.OutPtr[U.float32, (M, M)]):
    n = U.cdiv(M, T)
    r = U.get_core_idx() // n * T
    c = U.get_core_idx() % n * T
    z = U.FilledTile((T, T), U.float32, U.VecBuf, value=0.0)
    U.data_copy(dst=out[r:r + T, c:c + T], src=z, clip=True)
def h(out: U.OutPtr[U.float32, (M, M)]):
    core_num = U.cdiv(M, T) * U.cdiv(M, T)
    k[core_num](out)
"""
    assert found(text) == []
    wrong = text.replace("U.get_core_idx() % n", "U.get_core_idx() % (n - 1)")
    only(wrong, "error", "write the same element")


def test_values_carried_from_turn_to_turn() -> None:
    text = ROWS.replace("    z =", "    row = first\n    z =").replace(
        "        row = first + i\n", ""
    )
    carried = text.replace("src=z)", "src=z)\n        row = row + 1")
    assert [d.severity for d in found(carried)] == ["warning"]  # assigned again, nothing worse
    only(carried.replace("row + 1\n", "row + 2\n", 1), "error", "outside its shape")


def test_two_kernels_through_a_workspace_in_either_order() -> None:
    text = GOOD.replace("    k[U.cdiv(N, B)](x, out)\n", """\
    w = U.SetGlobalTensorPtr(length=(N,), dtype=U.float32)
    k[8](x, w)
    k[8](w, out)
""")  # fmt: skip
    assert found(text) == []
    swapped = text.replace("k[8](x, w)", "k[8](w, out)")
    assert only(swapped, "error", "reads w, which nothing has written").line == 14


def test_reading_and_writing_one_buffer_in_a_launch() -> None:
    text = GOOD.replace("    k[U.cdiv(N, B)](x, out)\n", "    k[8](x, out)\n    k[8](out, out)\n")
    assert only(text, "warning", "reads and writes out").line == 14
