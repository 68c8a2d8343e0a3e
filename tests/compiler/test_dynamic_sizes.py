"""One kernel for all sizes of the kind that a task declares, in every impl_type."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from kernelwright.agents.designer import shapes_over
from kernelwright.compiler.codegen import PRINTERS
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule import design as schedule
from kernelwright.config import resolve
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.graph.core import dtype_name
from kernelwright.schema import Target
from kernelwright.task.resolve import make_spec
from kernelwright.task.session import Session
from kernelwright.testing.interpreted import Case, InterpreterError, run_interpreted

Shapes = tuple[tuple[int, ...], ...]
CPU, CUDA = Target("cpu", "x86_64"), Target("cuda", "sm_90")
ROWS: tuple[Shapes, ...] = (((16, 100),), ((7, 1000),), ((65, 33),))
PAIRS: tuple[Shapes, ...] = (((8, 20), (8, 20)), ((50, 70), (50, 70)))
# name: (forward, constructor, declared shapes, others of the same kind)
MODELS: dict[str, tuple[str, str, tuple[Shapes, ...], tuple[Shapes, ...]]] = {
    "elementwise": (
        "torch.relu(x) + y * 2",
        "",
        PAIRS,
        (((1, 1), (1, 1)), ((129, 513), (129, 513))),
    ),
    "mean": ("x.mean(-1)", "", ROWS, (((3, 1),), ((1, 2049),))),
    "column_max": ("x.amax(0)", "", ROWS, (((3, 1),), ((129, 300),))),
    "softmax": ("torch.softmax(x, -1)", "", ROWS, (((3, 1),), ((1, 40000),))),
    "unbiased_variance": ("x.var(-1)", "", ROWS, (((3, 2),), ((5, 257),))),
    "layer_norm": (
        "self.n(x)",
        "self.n = torch.nn.LayerNorm(96)",
        (((4, 9, 96),), ((2, 33, 96),), ((17, 5, 96),)),
        (((1, 1, 96),), ((3, 65, 96),)),
    ),
    "linear_gelu": (
        "torch.nn.functional.gelu(self.l(x)) * 2",
        "self.l = torch.nn.Linear(64, 48)",
        (((16, 64),), ((7, 64),)),
        (((1, 64),), ((129, 64),)),
    ),
    "concat": (
        "torch.cat([x, y * 2], 1)",
        "",
        (((8, 20), (8, 30)), ((5, 7), (5, 100))),
        (((1, 1), (1, 1)), ((64, 33), (64, 16))),
    ),
    "transpose": (
        "(x * 2).t() + y",
        "",
        (((8, 20), (20, 8)), ((50, 70), (70, 50))),
        (((33, 65), (65, 33)),),
    ),
    "total": ("(x * y).sum()", "", PAIRS, (((1, 1), (1, 1)), ((300, 511), (300, 511)))),
    "batch_norm": (
        "self.n(x)",
        "self.n = torch.nn.BatchNorm2d(8).eval()",
        (((4, 8, 9, 9),), ((2, 8, 33, 17),)),
        (((1, 8, 1, 1),), ((3, 8, 64, 65),)),
    ),
}
QUICK = ("elementwise", "mean", "softmax", "linear_gelu", "concat")


def source(name: str) -> str:
    forward, constructor, declared, _ = MODELS[name]
    arguments = ", ".join("xy"[: len(declared[0])])
    return f"""
import torch


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        {constructor or "pass"}

    def forward(self, {arguments}):
        return {forward}


def get_inputs():
    return [torch.randn(*s) for s in {declared[0]!r}]


def get_inputs_dyn_list():
    return [[torch.randn(*s) for s in shapes] for shapes in {declared!r}]
"""


@cache
def loaded(name: str) -> Any:
    pytest.importorskip("torch")
    return FRAMEWORKS.get("torch").load(source(name), f"{name}.py")


def made(name: str, target: Target) -> Design:
    model = loaded(name)
    graph = model.capture(model.make_inputs(3))
    state = tuple((e.name, e.array.shape, dtype_name(e.array.dtype), e.kind) for e in model.state())
    shapes = shapes_over([model.make_inputs(3), *model.dynamic_inputs(3)], graph)
    return schedule(graph, target, state=state, threads=2, reduced=shapes)


def inputs_of(shapes: Shapes) -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    return [rng.standard_normal(s, dtype=np.float32) for s in shapes]


def import_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("candidate_kernel", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["cpp", "mlir"])
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.heavy) for n in MODELS]
)
def test_compiled_once_for_all_sizes(name: str, kind: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    if kind == "mlir":
        pytest.importorskip("mlir")
    design = made(name, CPU)
    assert design.dynamic
    for file, data in PRINTERS.get(kind).print(design, CPU, "torch", {}).files.items():
        (tmp_path / file).write_bytes(data)
    model = import_file(tmp_path / "kernel.py").ModelNew()
    reference = loaded(name)
    model.load_state_dict({e.name: torch.from_numpy(e.array) for e in reference.state()})
    for shapes in (*MODELS[name][2], *MODELS[name][3]):
        inputs = inputs_of(shapes)
        with torch.no_grad():
            got = model(*map(torch.from_numpy, inputs)).numpy()
        (truth,) = reference.truth(inputs)
        np.testing.assert_allclose(got, truth, rtol=2e-5, atol=2e-5, err_msg=str(shapes))


def test_triton_for_all_sizes() -> None:
    pytest.importorskip("triton")
    cases, wanted = {}, {}
    for name in QUICK:
        reference = loaded(name)
        candidate = PRINTERS.get("triton").print(made(name, CUDA), CUDA, "torch", {})
        state = {e.name: e.array for e in reference.state()}
        for index, shapes in enumerate((*MODELS[name][2], *MODELS[name][3])):
            if np.prod(shapes[0]) > 8192:
                continue  # the interpreter is slow
            inputs = inputs_of(shapes)
            cases[f"{name}_{index}"] = Case(candidate, inputs, state)
            wanted[f"{name}_{index}"] = reference.truth(inputs)[0]
    for key, outputs in run_interpreted(cases).items():
        assert not isinstance(outputs, InterpreterError), f"{key}: {outputs}"
        np.testing.assert_allclose(outputs[0], wanted[key], rtol=2e-5, atol=2e-5, err_msg=key)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    design = made("softmax", CPU)
    for file, data in PRINTERS.get("cpp").print(design, CPU, "torch", {}).files.items():
        (tmp_path / file).write_bytes(data)
    model = import_file(tmp_path / "kernel.py").ModelNew()
    with pytest.raises(ValueError, match="do not have the ranks 2"):
        model(torch.ones(4))
    with pytest.raises(ValueError, match="rows of up to 65536 elements"):
        model(torch.ones(1, 70000))
    with pytest.raises(ValueError, match="without elements"):
        model(torch.ones(0, 5))
    with pytest.raises(TypeError, match="input 0: this kernel is for torch.float32"):
        model(torch.ones(4, 5).double())


def judged(name: str) -> tuple[Session, Design]:
    pytest.importorskip("torch")
    config = resolve()
    config = replace(config, judge=replace(config.judge, seeds=1))
    spec = make_spec(
        name, SOURCES[name], framework="torch", backend="cpu", task_type="precision_only"
    )
    session = Session(spec, config)
    return session, session.design()


SOURCES = {
    "softmax": source("softmax"),
    # Sizes that the Model's own code builds in: no text of the builtin designer holds for others.
    "counted": source("softmax").replace(
        "torch.softmax(x, -1)", "x * float(x.shape[1] ** 2 + x.shape[0])"
    ),
}


def test_the_judge_tries_the_declared_sizes() -> None:
    session, design = judged("softmax")
    with session:
        candidate = session.code(design, "cpp")
        assert design.dynamic and "static_shapes" not in candidate.source
        verdict = session.verify(candidate)
        assert verdict.passed, verdict.reason


def test_a_model_that_counts_its_sizes_keeps_its_own() -> None:
    """The interpreter finds out that the design holds for no other sizes."""
    session, design = judged("counted")
    with session:
        candidate = session.code(design, "cpp")
        assert not design.dynamic and '"static_shapes"' in candidate.source
        assert session.verify(candidate).passed
