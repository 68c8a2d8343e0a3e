"""Scatters: what is put where indices tell, on both targets and through the loop IR."""

from __future__ import annotations

import importlib.util
import types
from pathlib import Path

import numpy as np
import pytest

from kernelwright.aul import check, interpret, parse, print_program
from kernelwright.aul import syntax as aul
from kernelwright.compiler.codegen import PRINTERS
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule import design
from kernelwright.errors import UnsupportedError
from kernelwright.graph import Builder, Graph, TensorType
from kernelwright.graph.core import DTYPES
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target
from kernelwright.testing.interpreted import Case, InterpreterError, run_interpreted

CPU, GPU = Target("cpu", "x86_64"), Target("cuda", "sm_90")
TARGETS = pytest.mark.parametrize("target", [CPU, GPU], ids=str)
UPDATES = ("", "add", "mul", "max", "min")
# shape of the tensor, of what is put, of each index, and what each axis of the tensor follows
FORMS: dict[
    str, tuple[tuple[int, ...], tuple[int, ...], list[tuple[int, ...]], tuple[int, ...]]
] = {
    "rows": ((4, 70), (40, 70), [(40, 1)], (-1, 1)),
    "along a row": ((5, 33), (4, 50), [(4, 50)], (0, -1)),
    "along a column": ((11, 37), (30, 36), [(30, 36)], (-1, 1)),
    "in the middle": ((3, 7, 20), (3, 25, 18), [(3, 25, 18)], (0, -1, 2)),
    "two indices": ((6, 8), (60,), [(60,), (60,)], (-1, -1)),
    "an outer product of indices": ((9, 8), (6, 10), [(6, 1), (1, 10)], (-1, -1)),
    "columns in front": ((4, 9, 5), (20, 4, 5), [(20, 1, 1)], (1, -1, 2)),
    "a few": ((6, 40), (5, 3), [(5, 3)], (0, -1)),
}


def scatter(form: str, update: str, dtype: str, computed: bool = False) -> Graph:
    """``computed``: what is put, where and into what takes some arithmetic."""
    shape, source, indices, follows = FORMS[form]
    b = Builder()
    x = b.input("x", 0, TensorType(shape, dtype))
    s = b.input("s", 1, TensorType(source, dtype))
    places = [b.input(f"i{k}", 2 + k, TensorType(n, "int64")) for k, n in enumerate(indices)]
    into, put, where = x, s, list(places)
    if computed:
        into, put = b.neg(x), b.mul(s, b.constant(2, dtype))
        where = [b.sub(i, b.constant(1, "int64")) for i in places]
    made = b.make("scatter", [into, put, *where], follows=follows, update=update)
    return Graph("op", [x, s, *places], [], [b.add(made, made) if computed else made])


def arrays(g: Graph) -> list[np.ndarray]:
    """Indices that meet often, some of them outside; powers of two, which no order rounds."""
    rng = np.random.default_rng(0)
    out = []
    for node in g.inputs:
        if node.attrs["name"].startswith("i"):
            out.append(rng.integers(-1, 10, node.shape))
        else:
            values = np.exp2(rng.integers(0, 3, node.shape)) * rng.choice([-1, 1], node.shape)
            out.append(values.astype(DTYPES[node.dtype]))
    return out


def calls(made: Design) -> int:
    return sum(isinstance(s, aul.FrameworkCall) for s in made.program.host.body)


def agree(g: Graph, outputs: list[np.ndarray], given: list[np.ndarray]) -> None:
    (truth,), (found,) = evaluate(g, given, {}, float64=True), outputs
    assert found.dtype == DTYPES[g.outputs[0].dtype]
    np.testing.assert_allclose(found.astype("f8"), truth.astype("f8"), rtol=1e-6)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("computed", [False, True], ids=["plain", "computed"])
def test_a_design_for_each_target(form: str, computed: bool) -> None:
    for update in UPDATES:
        for target, dtype in ((CPU, "float32"), (GPU, "float32"), (GPU, "int32")):
            g = scatter(form, update, dtype, computed)
            made = design(g, target, threads=2)
            assert [d for d in check(made.program) if d.severity == "error"] == []
            assert parse(print_program(made.program)) == made.program
            own = form in ("along a row", "along a column", "in the middle")
            whole = target is CPU or form == "a few"
            whole = whole or (update == "add" and not (own and dtype == "float32"))
            whole = whole or (update in ("max", "min") and dtype == "int32")
            assert calls(made) == (not whole)
            if whole:
                given = arrays(g)
                agree(g, interpret(made.program, given), given)


def test_half_sums_are_made_in_float32_where_cores_meet() -> None:
    g = scatter("rows", "add", "bfloat16")
    made = design(g, GPU)
    stores = [s for k in made.program.kernels for s in aul.statements(k.body)]
    meeting = [s for s in stores if isinstance(s, aul.Copy) and s.atomic]
    assert len(meeting) == 1 and calls(made) == 0
    given = arrays(g)
    (found,) = interpret(made.program, given)
    (truth,) = evaluate(g, given, {}, float64=True)
    np.testing.assert_allclose(found.astype("f8"), truth, rtol=2**-8)


def imported(folder: Path) -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("scatter_kernel", folder / "kernel.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("rows", "into", "width", "called"),
    [(400, 100, 64, True), (4000, 100, 64, False), (400, 100, 8, False)],
    ids=["few meet", "many meet", "short"],
)
def test_rows_with_one_index_each_are_added_whole(
    rows: int, into: int, width: int, called: bool
) -> None:
    """The index repeated along the row, as scatter_add wants it: never stored like that. Where few
    rows meet the library's op adds them, always in the same order."""
    b = Builder()
    x = b.input("x", 0, TensorType((into, width), "float32"))
    s = b.input("s", 1, TensorType((rows, width), "float32"))
    index = b.input("i", 2, TensorType((rows,), "int64"))
    column = b.make("expand", [b.reshape(index, shape=(rows, 1))], shape=(rows, width))
    node = b.make("scatter", [x, s, column], follows=(-1, 1), update="add")
    made = design(Graph("op", [x, s, index], [], [node]), GPU)
    calls = [c for c in made.program.host.body if isinstance(c, aul.FrameworkCall)]
    assert [c.op for c in calls] == ["aten.index_put.default"] * called
    copies = [
        c for k in made.program.kernels for c in aul.statements(k.body) if isinstance(c, aul.Copy)
    ]
    assert any(c.atomic for c in copies) != called
    assert not [w for w in made.program.host.body if isinstance(w, aul.Workspace)]


@pytest.mark.parametrize("impl_type", ["cpp", "mlir"])
@pytest.mark.parametrize("update", ["", "add"])
def test_compiled(impl_type: str, update: str, tmp_path: Path) -> None:
    """All forms as outputs of one program."""
    if impl_type == "mlir":
        pytest.importorskip("mlir")
    graphs = [scatter(form, update, "float32", True) for form in FORMS]
    given = [a for g in graphs for a in arrays(g)]
    joined = together(graphs)
    truths = evaluate(joined, given, {}, float64=True)
    made = design(joined, CPU, threads=2)
    candidate = PRINTERS.get(impl_type).print(made, CPU, "numpy", {})
    for name, data in candidate.files.items():
        (tmp_path / name).write_bytes(data)
    found = imported(tmp_path).ModelNew()(*given)
    for truth, result in zip(truths, found, strict=True):
        np.testing.assert_allclose(result, truth, rtol=1e-6)


def together(graphs: list[Graph]) -> Graph:
    """One Graph with all their inputs and outputs."""
    inputs = [n for g in graphs for n in g.inputs]
    for index, node in enumerate(inputs):
        node.attrs.update(index=index, name=f"t{index}")
    return Graph("all", inputs, [], [n for g in graphs for n in g.outputs], "tuple")


def test_triton_agrees() -> None:
    pytest.importorskip("triton")
    cases, graphs = {}, {}
    for form in FORMS:
        g = scatter(form, "add", "float32", computed=form in ("rows", "two indices"))
        made = design(g, GPU)
        if calls(made):  # torch refuses indices outside
            continue
        candidate = PRINTERS.get("triton").print(made, GPU, "torch", {})
        cases[form], graphs[form] = Case(candidate, arrays(g)), g
    assert len(cases) >= 5
    for form, outputs in run_interpreted(cases).items():
        assert not isinstance(outputs, InterpreterError), f"{form}: {outputs}"
        agree(graphs[form], outputs, arrays(graphs[form]))


def test_stores_in_no_order_are_not_printed_for_a_gpu() -> None:
    """The printer refuses what only one core after the other does right."""
    made = design(scatter("rows", "", "float32"), CPU, threads=2)
    with pytest.raises(UnsupportedError, match="atomic"):
        PRINTERS.get("triton").print(made, GPU, "torch", {})
