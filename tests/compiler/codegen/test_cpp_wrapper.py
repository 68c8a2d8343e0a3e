"""kernel.py: run as a candidate is run, from its folder, for both compiled impl_types."""

from __future__ import annotations

import dataclasses
import importlib.util
import subprocess
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from kernelwright.aul.syntax import FrameworkCall, Host, Program
from kernelwright.compiler.codegen._cpp_host import cpp_source
from kernelwright.compiler.codegen._host import Buffer, Call, HostPlan, Segment
from kernelwright.compiler.codegen._legalize import legalize
from kernelwright.compiler.codegen._mlir_host import mlir_source
from kernelwright.compiler.codegen._wrapper import wrapper_files
from kernelwright.compiler.design import Binding, Design, OutputSpec
from kernelwright.compiler.loops.ir import (
    Function,
    Instruction,
    LoopBuilder,
    Memory,
    Value,
    VectorType,
)
from kernelwright.compiler.stages.cxx import FLAGS, compile_shared
from kernelwright.compiler.stages.mlir_pipeline import build_mlir
from kernelwright.errors import UnsupportedError

LANES, CORES = 16, 5
SHAPE = (CORES, LANES)
INT64 = VectorType("int64")


def add_kernel(dtype: str = "float32", scratch_elements: int = LANES) -> Function:
    """One row a core: o = x + w, by way of scratch memory."""
    n = LANES * CORES
    x, w = Memory("x", dtype, n, "input"), Memory("w", dtype, n, "input")
    o, s = Memory("o", dtype, n, "output"), Memory("t", dtype, scratch_elements, "scratch")
    core, b, type = Value(INT64, "core"), LoopBuilder(), VectorType(dtype, LANES)
    at, last = b.op("mul", core, b.const(LANES, "int64")), b.const(0, "int64")
    total = b.op(
        "add", b.op("load", at, type=type, memory=x), b.op("load", at, type=type, memory=w)
    )
    b.block.items.append(Instruction("store", (last, total), None, {"memory": s}))
    kept = b.op("load", last, type=type, memory=s)
    b.block.items.append(Instruction("store", (at, kept), None, {"memory": o}))
    return legalize(Function("add_rows", [x, w, o], [s], core, b.block))


def buffers(kinds: dict[str, str], dtype: str = "float32") -> dict[str, Buffer]:
    return {name: Buffer(name, dtype, SHAPE, kind) for name, kind in kinds.items()}


def two_launches(function: Function, dtype: str = "float32") -> HostPlan:
    """out = (x + w) + w, the sum in a workspace of the library's own."""
    kinds = {"x": "input", "w": "input", "out": "output", "t": "workspace"}
    calls = (Call(function, CORES, ("x", "w", "t")), Call(function, CORES, ("t", "w", "out")))
    return HostPlan("add", buffers(kinds, dtype), ("x", "w", "out"), (Segment("add", calls),))


def around_a_library_call(function: Function, call: FrameworkCall) -> HostPlan:
    """t = x + w; p = call(t); out = p + w."""
    kinds = {"x": "input", "w": "input", "out": "output", "t": "workspace", "p": "workspace"}
    first = Segment("add_0", (Call(function, CORES, ("x", "w", "t")),))
    second = Segment("add_1", (Call(function, CORES, ("p", "w", "out")),))
    return HostPlan("add", buffers(kinds), ("x", "w", "out", "t", "p"), (first, call, second))


def design(bindings: Sequence[Binding], **changes: Any) -> Design:
    program = Program((), (), Host("add", (), ()), "x + w + w")
    fields = {"outputs": (OutputSpec("out", SHAPE, "float32"),), "structure": "tensor"}
    fields |= {"input_count": 2, **changes}
    return Design(program, tuple(bindings), **fields)


TWO_INPUTS = (Binding("x", "input", 0), Binding("w", "input", 1))
Load = Callable[..., types.ModuleType]


@pytest.fixture(params=["cpp", "mlir"])
def load(request: pytest.FixtureRequest, tmp_path: Path) -> Load:
    """``load(design, plan, framework)``: builds, writes the folder, imports its kernel.py."""
    if request.param == "mlir":
        pytest.importorskip("mlir")

    def made(design: Design, plan: HostPlan, framework: str) -> types.ModuleType:
        if request.param == "cpp":
            library = compile_shared(cpp_source(plan, 64))
        else:
            library = build_mlir(mlir_source(plan), {s.symbol for s in plan.segments}).library
        (tmp_path / "libkernel.so").write_bytes(library)
        for name, data in wrapper_files(design, plan, framework).items():
            (tmp_path / name).write_bytes(data)
        return import_file(tmp_path / "kernel.py")

    return made


def import_file(path: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("candidate_kernel", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def data(seed: int, dtype: Any = np.float32) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(dtype)


def test_state_by_its_own_names(load: Load) -> None:
    torch = pytest.importorskip("torch")
    state = (
        ("layers.0.weight", SHAPE, "float32", "parameter"),
        ("unused", (3,), "int64", "buffer"),
    )
    bindings = (Binding("x", "input", 0), Binding("w", "parameter", "layers.0.weight"))
    plan = two_launches(add_kernel())
    module = load(design(bindings, state=state, input_count=1), plan, "torch")
    model = module.ModelNew("any", init="arguments")
    assert set(model.state_dict()) == {"layers.0.weight", "unused"}
    assert model.unused.dtype == torch.int64
    x, w = torch.from_numpy(data(1)), torch.from_numpy(data(2))
    model.load_state_dict({"layers.0.weight": w, "unused": torch.zeros(3, dtype=torch.int64)})
    first, second = model(x), model(x * 2)
    assert torch.equal(first, x + w + w)  # not overwritten by the second call
    assert torch.equal(second, x * 2 + w + w)


def test_scratch_that_a_stack_cannot_hold(load: Load) -> None:
    plan = two_launches(add_kernel(scratch_elements=100_000))
    model = load(design(TWO_INPUTS), plan, "numpy").ModelNew()
    x, w = data(1), data(2)
    for _ in range(3):
        assert np.array_equal(model(x, w), x + w + w)


def test_what_does_not_fit_is_refused(load: Load) -> None:
    torch = pytest.importorskip("torch")
    model = load(design(TWO_INPUTS), two_launches(add_kernel()), "torch").ModelNew()
    x = torch.from_numpy(data(1))
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        model(x)
    with pytest.raises(ValueError, match=r"input 1: this kernel is for shape \(5, 16\)"):
        model(x, x[:4])
    with pytest.raises(TypeError, match="input 0: this kernel is for torch.float32"):
        model(x.double(), x)
    with pytest.raises(TypeError, match="input 1: expected a tensor, got float"):
        model(x, 1.0)
    with pytest.raises(ValueError, match="runs on the CPU"):
        model(x.to("meta"), x)


def test_strided_inputs_and_inputs_that_are_no_tensors(load: Load) -> None:
    bindings = (Binding("x", "input", 0), Binding("w", "input", 2))
    plan = two_launches(add_kernel())
    model = load(design(bindings, input_count=3), plan, "numpy").ModelNew()
    x, w = data(1), np.asfortranarray(data(2))
    assert np.array_equal(model(x, "a scalar argument", w), x + w + w)


@pytest.mark.parametrize("framework", ["torch", "numpy"])
def test_library_calls_between_segments(load: Load, framework: str) -> None:
    torch = pytest.importorskip("torch")
    attrs = '{"arguments": {"args": [{"input": 0}, -0.5, {"float": "inf"}], "kwargs": {}}}'
    plan = around_a_library_call(
        add_kernel(), FrameworkCall("aten.clamp.default", ("p",), ("t",), attrs)
    )
    model = load(design(TWO_INPUTS), plan, framework).ModelNew()
    x, w = data(1), data(2)
    if framework == "torch":
        got = model(torch.from_numpy(x), torch.from_numpy(w)).numpy()
    else:
        got = model(x, w)
    assert np.array_equal(got, np.maximum(x + w, np.float32(-0.5)) + w)


def test_one_of_several_results_of_a_library_call(load: Load) -> None:
    torch = pytest.importorskip("torch")
    attrs = '{"arguments": {"args": [{"input": 0}, 1], "kwargs": {}}, "outputs": [0]}'
    plan = around_a_library_call(
        add_kernel(), FrameworkCall("aten.sort.default", ("p",), ("t",), attrs)
    )
    model = load(design(TWO_INPUTS), plan, "torch").ModelNew()
    x, w = torch.from_numpy(data(1)), torch.from_numpy(data(2))
    assert torch.equal(model(x, w), (x + w).sort(1).values + w)


@pytest.mark.parametrize("framework", ["torch", "numpy"])
@pytest.mark.parametrize("size", ["embedded", "in a file"])
def test_constants(load: Load, framework: str, size: str) -> None:
    torch = pytest.importorskip("torch")
    w = np.full(SHAPE, 0.25, np.float32) if size == "in a file" else None
    n = 1 if w is None else CORES * LANES
    array = np.float32(np.arange(n).reshape(SHAPE if n > 1 else (1,)) + 0.5)
    kinds = {"x": "input", "out": "output"}
    shapes = {**buffers(kinds), "w": Buffer("w", "float32", array.shape, "input")}
    function = constant_kernel(n)
    segment = Segment("add", (Call(function, CORES, ("x", "w", "out")),))
    plan = HostPlan("add", shapes, ("x", "w", "out"), (segment,))
    bindings = (Binding("x", "input", 0), Binding("w", "constant", "k"))
    module = load(design(bindings, constants={"k": array}, input_count=1), plan, framework)
    assert (Path(module.__file__ or "").parent / "constants.npz").exists() == (size == "in a file")
    x = data(1)
    got = module.ModelNew()(torch.from_numpy(x) if framework == "torch" else x)
    assert np.array_equal(np.asarray(got), x + array)


def constant_kernel(n: int) -> Function:
    """o = x + w; w has one element or as many as x."""
    total = LANES * CORES
    x, w = Memory("x", "float32", total, "input"), Memory("w", "float32", n, "input")
    o, core, b = Memory("o", "float32", total, "output"), Value(INT64, "core"), LoopBuilder()
    type = VectorType("float32", LANES)
    at = b.op("mul", core, b.const(LANES, "int64"))
    if n == 1:
        one = b.op("load", b.const(0, "int64"), type=VectorType("float32"), memory=w)
        second = b.op("splat", one, type=type)
    else:
        second = b.op("load", at, type=type, memory=w)
    value = b.op("add", b.op("load", at, type=type, memory=x), second)
    b.block.items.append(Instruction("store", (at, value), None, {"memory": o}))
    return legalize(Function("add_constant", [x, w, o], [], core, b.block))


@pytest.mark.parametrize("kind", [tuple, list])
def test_structures_names_and_a_returned_input(load: Load, kind: type) -> None:
    """Several outputs, one of them an input; inputs named like things that kernel.py uses."""
    kinds = {"self": "input", "np": "input", "return": "output"}
    segment = Segment("add", (Call(add_kernel(), CORES, ("self", "np", "return")),))
    plan = HostPlan("add", buffers(kinds), tuple(kinds), (segment,))
    outputs = tuple(OutputSpec(n, SHAPE, "float32") for n in ("return", "np", "return"))
    bindings = (Binding("self", "input", 0), Binding("np", "input", 1))
    made = design(bindings, outputs=outputs, structure=kind.__name__)
    x, w = data(1), data(2)
    got = load(made, plan, "numpy").ModelNew()(x, w)
    assert type(got) is kind and len(got) == 3
    assert np.array_equal(got[0], x + w) and np.array_equal(got[1], w) and got[2] is got[0]


def test_bfloat16_arrays_of_numpy(load: Load) -> None:
    plan = two_launches(add_kernel("bfloat16"), "bfloat16")
    outputs = (OutputSpec("out", SHAPE, "bfloat16"),)
    model = load(design(TWO_INPUTS, outputs=outputs), plan, "numpy").ModelNew()
    x, w = data(1, ml_dtypes.bfloat16), data(2, ml_dtypes.bfloat16)
    got = model(x, w)
    assert got.dtype == ml_dtypes.bfloat16
    assert np.array_equal(got.astype("f4"), (x + w + w).astype("f4"))


def test_an_absent_library_is_built_from_the_source(tmp_path: Path) -> None:
    plan = two_launches(add_kernel())
    (tmp_path / "kernel.cpp").write_text(cpp_source(plan, 64))
    files = wrapper_files(design(TWO_INPUTS), plan, "numpy", FLAGS)
    (tmp_path / "kernel.py").write_bytes(files["kernel.py"])
    model = import_file(tmp_path / "kernel.py").ModelNew()
    x, w = data(1), data(2)
    assert np.array_equal(model(x, w), x + w + w)
    assert (tmp_path / "libkernel.so").exists()


def test_the_folder_runs_without_kernelwright_on_one_openmp(load: Load, tmp_path: Path) -> None:
    """In a process of its own that knows only torch: one libgomp, torch's."""
    pytest.importorskip("torch")
    load(design(TWO_INPUTS), two_launches(add_kernel()), "torch")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import torch, kernel\n"
        "x = torch.randn(5, 16); assert torch.equal(kernel.ModelNew()(x, x), x + x + x)\n"
        "assert not any(m.split('.')[0] == 'kernelwright' for m in sys.modules)\n"
        "maps = {line.split()[-1] for line in open('/proc/self/maps')}\n"
        "print(sum('omp' in path.rsplit('/', 1)[-1] for path in maps))"
    )
    command = [sys.executable, "-I", "-c", script, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "1", done.stderr


def test_other_frameworks_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="mindspore"):
        wrapper_files(design(TWO_INPUTS), two_launches(add_kernel()), "mindspore")


def test_hooks_are_called(load: Load) -> None:
    """ModelNew takes a shorter way than torch.nn.Module's own call, unless somebody listens."""
    torch = pytest.importorskip("torch")
    model = load(design(TWO_INPUTS), two_launches(add_kernel()), "torch").ModelNew()
    x, w = torch.from_numpy(data(1)), torch.from_numpy(data(2))
    seen = []
    handle = model.register_forward_hook(lambda *call: seen.append(call[2].sum()))
    expected = model(x, w)
    handle.remove()
    assert torch.equal(model(x, w=w), expected)
    assert seen == [expected.sum()]


def test_a_result_like_a_strided_input_is_contiguous(load: Load) -> None:
    torch = pytest.importorskip("torch")
    model = load(design(TWO_INPUTS), two_launches(add_kernel()), "torch").ModelNew()
    x, w = torch.from_numpy(data(1)).t().contiguous().t(), torch.from_numpy(data(2))
    assert not x.is_contiguous()
    got = model(x, w)
    assert got.is_contiguous() and torch.equal(got, x + w + w)


def test_threads_are_woken_for_much_work_only() -> None:
    """A little work is done on the caller's thread: waking others takes longer."""
    function = add_kernel()
    for threaded in (True, False):
        plan = two_launches(function)
        calls = tuple(dataclasses.replace(c, threaded=threaded) for c in plan.segments[0].calls)
        plan = dataclasses.replace(plan, steps=(Segment("add", calls),))
        assert ("omp parallel" in cpp_source(plan, 64)) == threaded
        assert ("GOMP_parallel" in mlir_source(plan)) == threaded


def test_work_on_one_thread_is_right(load: Load) -> None:
    plan = two_launches(add_kernel())
    calls = tuple(dataclasses.replace(c, threaded=False) for c in plan.segments[0].calls)
    plan = dataclasses.replace(plan, steps=(Segment("add", calls),))
    model = load(design(TWO_INPUTS), plan, "numpy").ModelNew()
    x, w = data(1), data(2)
    assert np.array_equal(model(x, w), x + w + w)
