"""Models over all families: what algebra makes of them equals what they were, in float64."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernelwright.compiler.rewrite import Budget, optimize
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target

pytest.importorskip("egglog")


def _models() -> dict[str, str]:
    path = Path(__file__).parents[1] / "model_corpus.py"
    spec = importlib.util.spec_from_file_location("model_corpus", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, str] = module.TORCH
    return found


MODELS = _models()
QUICK = ("low_rank", "linear_subtract", "conv_scale_minmax", "logsumexp_all", "diagonal")


class Calls(dict[str, Any]):
    """Framework ops, run by the framework."""

    def __len__(self) -> int:
        return 1

    def __contains__(self, target: object) -> bool:
        return True

    def __getitem__(self, target: str) -> Any:
        from kernelwright.frameworks._torch_capture_call import run_call

        return lambda arrays, attrs: run_call(target, arrays, attrs["arguments"])


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.heavy) for n in MODELS]
)
def test_agrees(name: str) -> None:
    pytest.importorskip("torch")
    from kernelwright.frameworks.torch import load

    model = load(MODELS[name], f"{name}.py")
    inputs = model.make_inputs(0)
    graph = model.capture(inputs)
    state = {entry.name: entry.array for entry in model.state()}
    with np.errstate(all="ignore"):
        wanted = evaluate(graph, inputs, state, float64=True, calls=Calls())
        for backend in ("cpu", "cuda"):
            found = optimize(graph, Target(backend, "any"), budget=Budget(seconds=30.0))
            given = evaluate(found.graph, inputs, state, float64=True, calls=Calls())
            for one, other, node in zip(given, wanted, graph.outputs):
                assert one.shape == node.shape and one.dtype == other.dtype
                np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-8)
