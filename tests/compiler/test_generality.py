"""Models as people write them, from source to verdict: captured, designed, interpreted, coded in
C++ and MLIR, and judged. A spread of the corpus runs by default, all of it with ``-m heavy``."""

from __future__ import annotations

import dataclasses
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from kernelwright.config import resolve
from kernelwright.task.resolve import make_spec
from kernelwright.task.session import Session


def _corpus() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "model_corpus", Path(__file__).with_name("model_corpus.py")
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CORPUS = _corpus()
SPREAD = (
    "scalar_argument",
    "empty_reduce",
    "long_logsumexp",
    "exclusive_cumsum",
    "conv_group_norm_chain",
)
SPREAD_NUMPY = ("np_concat", "np_scalar", "np_cumsum", "np_einsum", "np_pad_roll")


def _cases(models: dict[str, str], quick: tuple[str, ...]) -> list[object]:
    return [
        pytest.param(name, id=name, marks=() if name in quick else pytest.mark.heavy)
        for name in models
    ]


def judge(name: str, source: str, framework: str) -> None:
    config = resolve()
    config = dataclasses.replace(config, judge=dataclasses.replace(config.judge, seeds=1))
    spec = make_spec(name, source, framework=framework, backend="cpu", task_type="precision_only")
    with Session(spec, config) as session:
        design = session.design()
        checked = session.check_design(design)
        assert checked.passed, checked.note
        verdicts = session.verify_all([session.code(design, kind) for kind in ("cpp", "mlir")])
        for kind, verdict in zip(("cpp", "mlir"), verdicts):
            assert verdict.passed, f"{kind}: {verdict.check}: {verdict.reason}"


@pytest.mark.parametrize("name", _cases(CORPUS.TORCH, SPREAD))
def test_torch_model(name: str) -> None:
    pytest.importorskip("torch")
    judge(name, CORPUS.TORCH[name], "torch")


@pytest.mark.parametrize("name", _cases(CORPUS.NUMPY, SPREAD_NUMPY))
def test_numpy_model(name: str) -> None:
    judge(name, CORPUS.NUMPY[name], "numpy")


def test_names_that_python_would_mangle() -> None:
    judge("__scale", CORPUS.NUMPY["np_norm"], "numpy")
