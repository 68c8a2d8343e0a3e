"""What the Triton printer does around the ops: sizes, masks, launches, ModelNew."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

from kernelwright.aul.syntax import (
    Assign,
    Binary,
    Call,
    Compare,
    Const,
    Copy,
    CoreIdx,
    CoreNum,
    FrameworkCall,
    Guard,
    Host,
    Int,
    IntExpr,
    Kernel,
    Launch,
    Loop,
    Name,
    Param,
    Place,
    Program,
    Size,
    Slice,
    Statement,
    Tile,
    Tunable,
    VectorOp,
    Workspace,
)
from kernelwright.compiler.codegen.triton import PRINTER
from kernelwright.compiler.design import Binding, Design, OutputSpec
from kernelwright.errors import UnsupportedError, UsageError
from kernelwright.schema import Candidate, Target
from kernelwright.testing.interpreted import Case, InterpreterError, run_interpreted

TARGET = Target("cuda", "sm_90")
M, N, BLOCK = Name("M"), Name("N"), Name("BLOCK")
MN = Binary("*", M, N)


def at(start: IntExpr, size: IntExpr) -> Slice:
    return Slice(start, Binary("+", start, size))


def cdiv(a: IntExpr, b: IntExpr) -> IntExpr:
    return Call("cdiv", (a, b))


def scale_body(total: IntExpr = MN, dtype: str = "float32") -> tuple[Statement, ...]:
    """out[start:start + BLOCK] = x[...] * 3 for this core's block."""
    return (
        Assign("start", Binary("*", CoreIdx(), BLOCK)),
        Tile("t", (BLOCK,), dtype),
        Tile("r", (BLOCK,), dtype),
        Copy(Place("t"), Place("x", (at(Name("start"), BLOCK),)), pad=0.0),
        VectorOp("vectorscalar_op", "muls", Place("r"), (Place("t"),), (("factor", 3.0),)),
        Copy(Place("out", (at(Name("start"), BLOCK),)), Place("r"), clip=True),
    )


def scale_design(m: int = 5, n: int = 60, dtype: str = "float32", block: int = 64) -> Design:
    flat = (Param("x", dtype, (MN,)), Param("out", dtype, (MN,), output=True))
    kernel = Kernel("scale_kernel", flat, scale_body(dtype=dtype))
    host = Host(
        "scale",
        (Param("x", dtype, (M, N)), Param("out", dtype, (M, N), output=True)),
        (
            CoreNum("core_num", cdiv(MN, BLOCK)),
            Launch("scale_kernel", Name("core_num"), ("x", "out")),
        ),
    )
    declarations = (Size("M", m), Size("N", n), Tunable("BLOCK", block, (64, 128)))
    program = Program(declarations, (kernel,), host, "Three times x.")
    outputs = (OutputSpec("out", (m, n), dtype),)
    return Design(program, (Binding("x", "input", 0),), outputs, "tensor", 1)


def printed(design: Design, framework: str = "torch", **parameters: int) -> Candidate:
    return PRINTER.print(design, TARGET, framework, parameters)


# ---- text --------------------------------------------------------------------------------------


def test_same_source_twice() -> None:
    assert printed(scale_design()).hash() == printed(scale_design()).hash()


def test_sizes_are_not_written_into_the_source_of_a_kernel() -> None:
    small, large = (printed(scale_design(m, n)).source for m, n in ((5, 60), (50, 6000)))
    kernels = [s[s.index("@triton.jit") : s.index("class Launch")] for s in (small, large)]
    assert kernels[0] == kernels[1]


def test_mask_folds_when_the_block_divides_the_size() -> None:
    assert "| ((M * N) % BLOCK == 0)" in printed(scale_design()).source


def test_whole_rows_need_no_bounds() -> None:
    """A slice that is the whole dimension is masked against padding only."""
    body = (
        Tile("t", (N,), "float32"),
        Copy(Place("t"), Place("x", (CoreIdx(), Slice(Int(0), N))), pad=0.0),
        Copy(Place("out", (CoreIdx(), Slice(Int(0), N))), Place("t"), clip=True),
    )
    source = printed(rows_design(body, cores=M)).source
    assert source.count("ok0 = (at0 < N) | (N == N_P2)\n") == 1
    assert "ok1" not in source


def rows_design(body: tuple[Statement, ...], cores: IntExpr, m: int = 6, n: int = 20) -> Design:
    """One kernel on x, out: f32[M, N]."""
    params = (Param("x", "float32", (M, N)), Param("out", "float32", (M, N), output=True))
    host = Host("rows", params, (Launch("rows_kernel", cores, ("x", "out")),))
    program = Program(
        (Size("M", m), Size("N", n), Tunable("C", 4, (2, 4))),
        (Kernel("rows_kernel", params, body),),
        host,
    )
    outputs = (OutputSpec("out", (m, n), "float32"),)
    return Design(program, (Binding("x", "input", 0),), outputs, "tensor", 1)


def test_tunables_and_launch_options_come_from_parameters() -> None:
    candidate = printed(scale_design(), BLOCK=128, num_warps=2, num_stages=3)
    assert candidate.parameters == {"BLOCK": 128, "num_warps": 2, "num_stages": 3}
    assert "\nBLOCK = 128\n" in candidate.source
    assert "num_warps=2, num_stages=3" in candidate.source


def test_unknown_parameter_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="BLOK.*BLOCK, num_warps"):
        printed(scale_design(), BLOK=128)


def test_unknown_framework() -> None:
    with pytest.raises(UnsupportedError, match="mindspore"):
        printed(scale_design(), framework="mindspore")


def test_indices_are_64_bit_where_needed() -> None:
    wide = printed(scale_design(m=2**16, n=2**16)).source
    assert "tl.program_id(0).to(tl.int64)" in wide
    assert "2**31" not in wide
    narrow = printed(scale_design()).source
    assert "int64" not in narrow
    assert "if M * N >= 2**31:" in narrow


def test_tile_of_unknown_size_is_unsupported() -> None:
    body = (Tile("t", (CoreIdx(),), "float32"),)
    with pytest.raises(UnsupportedError, match="tile 't' is not known at compile time"):
        printed(rows_design(body, cores=M))


def test_slice_that_is_not_its_tile_is_unsupported() -> None:
    body = (
        Tile("t", (Int(8),), "float32"),
        Copy(Place("t"), Place("x", (CoreIdx(), at(Int(0), Int(9))))),
    )
    with pytest.raises(UnsupportedError, match="as long as its tile"):
        printed(rows_design(body, cores=M))


def test_printing_loads_neither_torch_nor_triton() -> None:
    code = (
        "import sys, kernelwright.compiler.codegen.triton, kernelwright.dsl.triton.aot\n"
        "assert not {'torch', 'triton', 'mlir'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- under the interpreter ---------------------------------------------------------------------

RNG = np.random.default_rng(3)
CASES: dict[str, Case] = {}
WANT: dict[str, list[np.ndarray]] = {}


def add(name: str, candidate: Candidate, inputs: list[np.ndarray], *want: np.ndarray) -> None:
    CASES[name], WANT[name] = Case(candidate, inputs), list(want)


def values(*shape: int) -> np.ndarray:
    return RNG.integers(-8, 9, shape).astype(np.float32)


for SHAPE in ((5, 60), (1, 1), (64, 8), (33, 3)):
    X = values(*SHAPE)
    add(f"scale_{SHAPE[0]}_{SHAPE[1]}", printed(scale_design()), [X], X * 3)
X = values(5, 60)
add("numpy", printed(scale_design(), "numpy"), [X], X * 3)
add("block_not_a_power_of_two", printed(scale_design(), BLOCK=96), [X], X * 3)
H = X.astype(ml_dtypes.bfloat16)
add("numpy_bfloat16", printed(scale_design(dtype="bfloat16"), "numpy"), [H], X * 3)
add("wide", printed(replace(scale_design(m=2**16, n=2**16))), [X], X * 3)
REFUSED = {
    "refused_rank": "tensors of shapes ((5,),) do not have 2 dimensions",
    "refused_dtype": "these kernels take x of (torch.float32,), not (torch.float64,)",
    "refused_value": "input 1: this kernel is for the value 3",
}
add("refused_rank", printed(scale_design()), [values(5)])
add("refused_dtype", printed(scale_design()), [X.astype(np.float64)])
FIXED = printed(replace(scale_design(), input_count=2, fixed={1: 3}))
add("fixed_value", FIXED, [X, np.array(3)], X * 3)
add("refused_value", FIXED, [X, np.array(4)])


def case_guard_and_loop() -> None:
    """Rows below C are doubled, the others copied; a tile first written inside the guard."""
    row = Slice(Name("row"), Binary("+", Name("row"), Int(1)))
    columns = Slice(Int(0), N)
    step = (
        Assign("row", Binary("+", Binary("*", CoreIdx(), Name("C")), Name("i"))),
        Copy(Place("t"), Place("x", (row, columns))),
        Guard(
            (Compare("<", Name("row"), Name("C")), Compare(">=", Name("row"), Int(1))),
            (VectorOp("vbinary_op", "add", Place("r"), (Place("t"), Place("t"))),),
            (Copy(Place("r"), Place("t")),),
        ),
        Copy(Place("out", (row, columns)), Place("r")),
    )
    count = Call(
        "max", (Int(0), Call("min", (Name("C"), Binary("-", M, Binary("*", CoreIdx(), Name("C"))))))
    )
    body = (
        Tile("t", (Int(1), N), "float32"),
        Tile("r", (Int(1), N), "float32"),
        Loop("i", count, step),
    )
    x = values(6, 20)
    want = np.where((np.arange(6)[:, None] < 4) & (np.arange(6)[:, None] >= 1), 2 * x, x)
    add("guard_and_loop", printed(rows_design(body, cdiv(M, Name("C")))), [x], want)
    add(
        "pipelined_loop",
        printed(rows_design(body, cdiv(M, Name("C"))), num_stages=2, C=2),
        [x],
        np.where((np.arange(6)[:, None] < 2) & (np.arange(6)[:, None] >= 1), 2 * x, x),
    )


def case_negative_start() -> None:
    """out[r] = x[r - 1], zero above the first row: a slice that starts before the tensor."""
    above = Slice(Binary("-", CoreIdx(), Int(1)), CoreIdx())
    body = (
        Tile("t", (Int(1), N), "float32"),
        Copy(Place("t"), Place("x", (above, Slice(Int(0), N))), pad=0.0),
        Copy(Place("out", (at(CoreIdx(), Int(1)), Slice(Int(0), N))), Place("t")),
    )
    x = values(6, 20)
    add("negative_start", printed(rows_design(body, M)), [x], np.vstack([x[:1] * 0, x[:-1]]))


def case_clipped_rows() -> None:
    """More cores than rows: whole rows outside the tensor are neither read nor written."""
    body = (
        Tile("t", (Int(1), N), "float32"),
        Copy(Place("t"), Place("x", (at(CoreIdx(), Int(1)), Slice(Int(0), N))), pad=0.0),
        Copy(Place("out", (at(CoreIdx(), Int(1)), Slice(Int(0), N))), Place("t"), clip=True),
    )
    x = values(6, 20)
    add("clipped_rows", printed(rows_design(body, Int(9))), [x], x)


def case_state_constants_and_calls() -> None:
    """(x @ w) + c, with w a parameter of a submodule and c a constant; two outputs in a list."""
    product = (Param("p", "float32", (MN,)), Param("c", "float32", (MN,)))
    out = Param("out", "float32", (MN,), output=True)
    body = (
        Assign("start", Binary("*", CoreIdx(), BLOCK)),
        Tile("a", (BLOCK,), "float32"),
        Tile("b", (BLOCK,), "float32"),
        Tile("r", (BLOCK,), "float32"),
        Copy(Place("a"), Place("p", (at(Name("start"), BLOCK),)), pad=0.0),
        Copy(Place("b"), Place("c", (at(Name("start"), BLOCK),)), pad=0.0),
        VectorOp("vbinary_op", "add", Place("r"), (Place("a"), Place("b"))),
        Copy(Place("out", (at(Name("start"), BLOCK),)), Place("r"), clip=True),
    )
    shape = (M, N)
    host = Host(
        "affine",
        (
            Param("x", "float32", (M, M)),
            Param("w", "float32", shape),
            Param("c", "float32", shape),
            Param("out", "float32", shape, output=True),
            Param("top", "float32", shape, output=True),
        ),
        (
            Workspace("p", shape, "float32"),
            FrameworkCall("aten.mm.default", ("p",), ("x", "w")),
            FrameworkCall(
                "aten.clamp.default",
                ("top",),
                ("p",),
                '{"arguments": {"args": [{"input": 0}, 0.0], "kwargs": {"max": 5.0}}}',
            ),
            Launch("add_kernel", cdiv(MN, BLOCK), ("p", "c", "out")),
        ),
    )
    program = Program(
        (
            Size("M", 4),
            Size("N", 7),
            Const("HALF", Binary("//", M, Int(2))),
            Tunable("BLOCK", 16, (16,)),
        ),
        (Kernel("add_kernel", (*product, out), body),),
        host,
    )
    x, w, c = values(4, 4), values(4, 7), values(4, 7)
    bindings = (
        Binding("x", "input", 1),
        Binding("w", "parameter", "inner.0.weight"),
        Binding("c", "constant", "offset"),
    )
    outputs = (OutputSpec("out", (4, 7), "float32"), OutputSpec("top", (4, 7), "float32"))
    state = (
        ("inner.0.weight", (4, 7), "float32", "parameter"),
        ("steps", (), "int64", "buffer"),
    )
    design = Design(program, bindings, outputs, "list", 2, state, {"offset": c})
    candidate = printed(design)
    CASES["state"] = Case(candidate, [values(2), x], {"inner.0.weight": w, "steps": np.array(3)})
    WANT["state"] = [x @ w + c, np.clip(x @ w, 0, 5)]


case_guard_and_loop()
case_negative_start()
case_clipped_rows()
case_state_constants_and_calls()


@pytest.fixture(scope="module")
def results() -> dict[str, list[np.ndarray] | InterpreterError]:
    pytest.importorskip("triton")
    return run_interpreted(CASES)


@pytest.mark.parametrize("name", [n for n in CASES if n not in REFUSED])
def test_interpreted(name: str, results: dict[str, list[np.ndarray] | InterpreterError]) -> None:
    outputs = results[name]
    assert not isinstance(outputs, InterpreterError), str(outputs)
    assert len(outputs) == len(WANT[name])
    for got, want in zip(outputs, WANT[name]):
        assert got.shape == want.shape
        np.testing.assert_array_equal(got.astype(np.float32), want)


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused(
    name: str, results: dict[str, list[np.ndarray] | InterpreterError]
) -> None:
    error = results[name]
    assert isinstance(error, InterpreterError)
    assert REFUSED[name] in str(error)
