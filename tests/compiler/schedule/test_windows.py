"""Pads, shifts, concatenations and pooling as native kernels: right, and fused."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernelwright.aul import check, interpret, print_program
from kernelwright.aul.syntax import FrameworkCall, Launch
from kernelwright.compiler.codegen import PRINTERS
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule import design
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.schema import Target
from kernelwright.testing.interpreted import Case, InterpreterError, run_interpreted

sys.path.insert(0, str(Path(__file__).parents[1]))
from model_corpus import torch_source

pytest.importorskip("torch")

IMAGE = "torch.randn(2, 3, 9, 11)"
LINE = "torch.randn(3, 2, 29)"
WIDE = "torch.randn(2, 3, 40, 85)"
TWO = "torch.randn(2, 3, 9, 11), torch.randn(2, 4, 9, 11)"

TABLE = "torch.randn(7, 21)"
WORDS = "torch.randn(7, 21), torch.randint(0, 7, (3, 5))"
PLACES = "torch.randint(0, 2, (3, 5)), torch.randint(0, 9, (5,))"

# name -> (arguments, last line of forward, inputs, kernels that the design may launch)
CASES: dict[str, tuple[str, str, str, int]] = {
    "pad": ("x", "F.pad(x, (1, 2, 3, 0)) + 1", IMAGE, 1),
    "pad_chain": ("x", "F.pad(torch.relu(x * 2 + 1), (2, 1), value=0.5).abs()", LINE, 1),
    "pad_sum": ("x", "F.pad(x, (1, 2)).sum(-1)", IMAGE, 1),
    "pad_outer": ("x", "F.pad(x, (0, 0, 0, 0, 1, 2))", IMAGE, 1),
    "pad_crop": ("x", "F.pad(x, (-1, 2, 3, -4))", IMAGE, 1),
    "pad_twice": ("x", "F.pad(F.pad(x, (1, 1)), (2, 2), value=3.0)", IMAGE, 1),
    "pad_reshape": ("x", "F.pad(x, (0, 1, 0, 1)).reshape(2, 3, 5, 2, 12).sum(3)", IMAGE, 2),
    "pad_bool": ("x", "F.pad(x > 0, (1, 1), value=True)", LINE, 1),
    "pad_int": ("x", "F.pad(x, (1, 0), value=7)", "torch.randint(0, 9, (4, 5))", 1),
    "pad_half": ("x", "F.pad(x, (3, 1)) * 2", "torch.randn(3, 21).half()", 1),
    "cat": ("x, y", "torch.cat([x, y * 2], 1)", TWO, 2),
    "cat_chain": ("x, y", "torch.relu(torch.cat([x, y * 2], 1)) * 3", TWO, 2),
    "cat_gate": ("x", "y = torch.cat([x, -x], -1)\ny * torch.sigmoid(y)", IMAGE, 2),
    "cat_window": ("x, y", "torch.cat([x, y], 1)[:, 2:5] * 2", TWO, 2),
    "cat_softmax": ("x, y", "torch.softmax(torch.cat([x, y], 1), 1)", TWO, 3),
    "stack_of_means": ("x", "torch.stack([x.mean(1), x.amax(1)], 1)", IMAGE, 1),
    "roll": ("x", "torch.roll(x, (2, -3), (2, 3)) + x", IMAGE, 4),
    "rotate_half": ("x", "torch.cat([-x[..., 5:10], x[..., :5]], -1) * x[..., 1:]", IMAGE, 2),
    "flip_step": ("x", "x[:, ::2, 1:8:3] * 2 + x.flip(3)[:, ::2, 1:8:3]", IMAGE, 1),
    "max_2d": ("x", "F.max_pool2d(x, 2)", IMAGE, 1),
    "max_relu_padded": ("x", "F.max_pool2d(torch.relu(x), 3, 2, 1) + 1", IMAGE, 1),
    "max_of_dear": ("x", "F.max_pool2d(F.gelu(x), 3, 1, 1)", IMAGE, 2),
    "max_dilated_ceil": ("x", "F.max_pool2d(x, 3, 2, 1, 2, ceil_mode=True)", IMAGE, 1),
    "max_indices": ("x", "F.max_pool2d(x, 3, 2, 1, return_indices=True)", IMAGE, 1),
    "max_1d": ("x", "F.max_pool1d(x, 4, 3, 2)", LINE, 1),
    "max_3d": ("x", "F.max_pool3d(x, (1, 3, 2), (1, 2, 3), (0, 1, 1))", IMAGE, 1),
    "max_long": ("x", "F.max_pool1d(x.flatten(1), 40, 3, 5)", LINE, 2),
    "avg_2d": ("x", "F.avg_pool2d(x, 3, 2, 1, ceil_mode=True)", IMAGE, 1),
    "avg_exclude": ("x", "F.avg_pool2d(x, 3, 2, 1, count_include_pad=False) * 2", IMAGE, 1),
    "avg_divisor": ("x", "F.avg_pool2d(x, (2, 3), divisor_override=5)", IMAGE, 1),
    "avg_long": ("x", "F.avg_pool1d(x.flatten(1), 37, 1, 18)", LINE, 3),
    "avg_wide": ("x", "F.avg_pool2d(x, 7, 2, 3)", IMAGE, 2),
    "short_rows": ("x", "x.reshape(2, 3, 3, 3, 4, 20)[..., :5].square().sum((3, 5))",
        "torch.randn(2, 3, 9, 80)", 1),
    "short_last": ("x", "x.reshape(-1, 5).amax(1) + x.reshape(-1, 5).exp().prod(1)", WIDE, 1),
    "short_pairs": ("x", "(x * 2).reshape(40, 6, 85)[:, 1:].reshape(40, 5, 17, 5).amin(-1)",
        WIDE, 1),
    "picked": ("x, t", "F.nll_loss(x, t, reduction='none') + F.nll_loss(x, t, ignore_index=2)",
        "torch.randn(64, 9), torch.randint(0, 9, (64,))", 3),
    "picked_image": ("x, t", "F.nll_loss(x.half(), t, reduction='none')",
        "torch.randn(2, 5, 3, 4), torch.randint(0, 5, (2, 3, 4))", 1),
    "rrelu": ("x", "F.rrelu(x)", IMAGE, 1),
    "avg_3d": ("x", "F.avg_pool3d(x, (1, 2, 2), 2)", IMAGE, 1),
    "avg_side_by_side": ("x", "F.avg_pool1d(x.flatten(2), 9, 9)", IMAGE, 1),
    "adaptive": ("x",
        "F.adaptive_avg_pool2d(x, (3, 1)), F.adaptive_max_pool1d(x[0], 11)", IMAGE, 2),
    "uneven": ("x", "F.adaptive_avg_pool2d(x, (4, 7))", IMAGE, 2),
    "uneven_max": ("x", "F.adaptive_max_pool2d(x, (5, 11)) + 1", IMAGE, 1),
    "lp": ("x", "F.lp_pool2d(x, 2, 3)", IMAGE, 1),
    "pool_of_pool": ("x", "F.avg_pool2d(F.max_pool2d(x, 3, 1, 1), 2)", IMAGE, 1),
    "pool_of_cat": ("x, y", "F.max_pool2d(torch.cat([x, y], 1), 3, 2, 1)", TWO, 3),
    "index_select": ("x, i", "x.index_select(1, i) * 2", f"{IMAGE}, torch.randint(0, 3, (5,))", 1),
    "gather": ("x, i", "x.relu().gather(1, i) + 1", f"{TABLE}, torch.randint(0, 21, (6, 5))", 1),
    "gather_outer": ("x, i", "x.gather(0, i)", f"{TABLE}, torch.randint(0, 7, (9, 20))", 1),
    "embedding": ("w, i", "F.embedding(i, w, 0) * 2", WORDS, 1),
    "embedding_mean": ("w, i", "F.embedding(i, w).mean(1)", WORDS, 1),
    "negative_index": ("x, i", "x[i] + 1", f"{TABLE}, torch.randint(-7, 7, (3, 5))", 1),
    "two_indices": ("x, i, j", "x[i, :, j]", f"{IMAGE}, {PLACES}", 1),
    "near_indices": ("x, i, j", "x[:, i, j].sum(-1)", f"{IMAGE}, {PLACES}", 1),
    "take": ("x, i", "torch.take(x.abs(), i)", f"{TABLE}, torch.randint(0, 147, (4, 3))", 1),
    "one_class": ("x, i", "x.log_softmax(1).gather(1, i)", f"{TABLE}, torch.arange(7)[:, None]", 2),
    "reflect": ("x", "F.pad(x, (1, 2, 2, 1), mode='reflect') * 2", IMAGE, 1),
    "replicate": ("x", "F.pad(x.relu(), (1, 2, 2, 1), mode='replicate')", IMAGE, 1),
    "circular": ("x", "F.pad(x, (3, 2), mode='circular')", LINE, 1),
    "reflect_parts": ("x", "F.pad(x.abs(), (1, 2, 2, 1), mode='reflect') * 2", WIDE, 3),
    "circular_parts": ("x", "F.pad(x, (3, 2, 1, 0), mode='circular')", WIDE, 3),
    "replicate_sum": ("x", "F.pad(x, (3, 2, 1, 0), mode='replicate').sum(-1)", WIDE, 2),
    "turned": ("x", "x[:, :, :, (torch.arange(85) * 3 + 7) % 85]", WIDE, 4),
    "every_second": ("x", "F.interpolate(x, scale_factor=0.5)", IMAGE, 1),
    "bilinear_wide": ("x", "F.interpolate(x.exp(), scale_factor=2, mode='bilinear')", WIDE, 3),
    "bilinear_small": ("x", "F.interpolate(x, size=(30, 120), mode='bilinear')", WIDE, 2),
    "bicubic_wide": ("x", "F.interpolate(x, size=(60, 70), mode='bicubic')", WIDE, 2),
    "bilinear_half": (
        "x", "F.interpolate(x.half(), scale_factor=2, mode='bilinear')", WIDE, 2),
    "trilinear_wide": ("x", "F.interpolate(x[:, :, None], size=(2, 55, 90), mode='trilinear')",
        WIDE, 3),
    "nearest_wide": ("x", "F.interpolate(x, size=(80, 200)) * 2", WIDE, 1),
    "nearest_odd": ("x", "F.interpolate(x, size=(63, 200)) * 2", WIDE, 2),
    "nearest": ("x", "F.interpolate(x, scale_factor=2) + 1", IMAGE, 1),
    "nearest_exact": ("x", "F.interpolate(x, size=(4, 5), mode='nearest-exact')", IMAGE, 1),
    "bilinear": ("x", "F.interpolate(x.relu(), size=(5, 13), mode='bilinear')", IMAGE, 2),
    "bilinear_corners": (
        "x", "F.interpolate(x, scale_factor=1.7, mode='bilinear', align_corners=True)", IMAGE, 1),
    "bicubic": ("x", "F.interpolate(x, scale_factor=(1.5, 0.6), mode='bicubic')", IMAGE, 1),
    "linear": ("x", "F.interpolate(x[:, 1:], scale_factor=2, mode='linear')", LINE, 1),
    "one_wide": ("x", "F.max_pool2d(F.pad(x, (1, 1)), (1, 3))", "torch.randn(1, 1, 1, 1)", 1),
    "empty_batch": ("x", "F.max_pool2d(F.pad(x, (1, 1)), 2)", "torch.randn(0, 3, 4, 5)", 1),
}  # fmt: skip
NATIVE = (
    "pad_chain",
    "cat_gate",
    "roll",
    "max_relu_padded",
    "avg_exclude",
    "max_indices",
    "avg_long",
    "gather",
    "embedding",
    "near_indices",
    "bilinear_corners",
    "reflect",
    "bilinear_small",
    "nearest_wide",
    "reflect_parts",
    "turned",
)


@cache
def loaded(name: str) -> tuple[list[np.ndarray], list[np.ndarray], Any]:
    """Inputs, torch's outputs in float64, the captured Graph."""
    arguments, body, inputs, _ = CASES[name]
    model = FRAMEWORKS.get("torch").load(torch_source(arguments, body, inputs), f"{name}.py")
    arrays = model.make_inputs(3)
    truth = [np.asarray(a) for a in model.truth(arrays)]
    return [np.asarray(a) for a in arrays], truth, model.capture(arrays)


def designed(name: str, target: Target) -> Design:
    return design(loaded(name)[2], target, threads=2)


CPU, CUDA = Target("cpu", "x86_64"), Target("cuda", "sm_90")


def assert_near(outputs: list[np.ndarray], name: str) -> None:
    truth = loaded(name)[1]
    assert [o.shape for o in outputs] == [t.shape for t in truth]
    for output, wanted in zip(outputs, truth):
        loose = 1e-2 if output.dtype == np.float16 else 2e-5
        np.testing.assert_allclose(output.astype(wanted.dtype), wanted, rtol=loose, atol=loose)


def bound(made: Design, name: str) -> list[np.ndarray]:
    inputs = loaded(name)[0]
    return [
        inputs[int(b.key)] if b.source == "input" else np.asarray(made.constants[str(b.key)])
        for b in made.bindings
    ]


@pytest.mark.parametrize("target", (CPU, CUDA), ids=str)
@pytest.mark.parametrize("name", CASES)
def test_design(name: str, target: Target) -> None:
    made = designed(name, target)
    assert [d for d in check(made.program) if d.severity == "error"] == []
    assert_near(interpret(made.program, bound(made, name)), name)
    body = made.program.host.body
    assert not [s for s in body if isinstance(s, FrameworkCall)]
    assert sum(isinstance(s, Launch) for s in body) <= CASES[name][3]


@pytest.mark.parametrize("name", ("bilinear_small", "nearest_odd"))
def test_one_kernel_where_gathers_are_cheap(name: str) -> None:
    body = designed(name, CUDA).program.host.body
    assert sum(isinstance(s, Launch) for s in body) == 1


@pytest.mark.parametrize("name", ("max_relu_padded", "near_indices"))
def test_text(name: str, golden: Callable[[str, str], None]) -> None:
    """All but the choices of the tuning parameters."""
    lines = print_program(designed(name, CPU).program).splitlines(keepends=True)
    golden(f"{name}.aul", "".join(x for x in lines if "U.Tunable(" not in x))


def test_index_outside() -> None:
    """It reads nothing: the output shows NaN there."""
    made = designed("embedding", CPU)
    table, index = loaded("embedding")[0]
    index = index.copy()
    index[1, 2], index[2, 0] = 7, -1
    (output,) = interpret(made.program, [table, index])
    assert np.isnan(output[1, 2]).all() and np.isnan(output[2, 0]).all()
    np.testing.assert_allclose(output[0], table[index[0]] * 2)


@pytest.mark.parametrize("impl_type", ("cpp", "mlir"))
@pytest.mark.parametrize("name", NATIVE)
def test_native(name: str, impl_type: str, tmp_path: Path) -> None:
    if impl_type == "mlir":
        pytest.importorskip("mlir")
    made = designed(name, CPU)
    candidate = PRINTERS.get(impl_type).print(made, CPU, "numpy", {})
    for file, data in candidate.files.items():
        (tmp_path / file).write_bytes(data)
    spec = importlib.util.spec_from_file_location("candidate_kernel", tmp_path / candidate.entry)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    outputs = module.ModelNew()(*loaded(name)[0])
    assert_near(list(outputs) if isinstance(outputs, tuple | list) else [outputs], name)


TRITON = (
    "pad_chain",
    "pad_bool",
    "cat_gate",
    "max_relu_padded",
    "avg_exclude",
    "max_indices",
    "gather",
    "gather_outer",
    "embedding_mean",
    "two_indices",
    "reflect",
    "turned",
    "bilinear",
    "bilinear_small",
)


@pytest.fixture(scope="module")
def triton_results() -> dict[str, list[np.ndarray] | InterpreterError]:
    pytest.importorskip("triton")
    cases = {
        name: Case(PRINTERS.get("triton").print(designed(name, CUDA), CUDA, "torch", {}),
                   loaded(name)[0])
        for name in TRITON
    }  # fmt: skip
    return run_interpreted(cases)


@pytest.mark.parametrize("name", TRITON)
def test_triton(name: str, triton_results: dict[str, Any]) -> None:
    outputs = triton_results[name]
    assert not isinstance(outputs, InterpreterError), outputs
    assert_near(outputs, name)
