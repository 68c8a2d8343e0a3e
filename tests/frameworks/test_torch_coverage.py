"""Models as public collections write them: each is captured, means in NumPy what it means in torch,
and gets a design; or is refused in one sentence. A part runs by default, all of them with
``-m heavy``, which also takes every Model all the way to a verified kernel."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from kernelwright.aul import check
from kernelwright.compiler.schedule import design
from kernelwright.config import resolve
from kernelwright.errors import CaptureError
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.frameworks._torch_capture_call import numpy_calls
from kernelwright.graph.core import Graph
from kernelwright.graph.evaluate import evaluate
from kernelwright.graph.structure import joined
from kernelwright.schema import Target
from kernelwright.task.resolve import make_spec
from kernelwright.task.session import Session

sys.path.insert(0, str(Path(__file__).parent))
from torch_models import MODELS, REFUSED

TORCH = FRAMEWORKS.get("torch")
_ROUNDOFF = {2: 2e-2, 4: 3e-4, 8: 1e-9}
EVERY = 10  # of the Models that run by default
# Taken to a verified kernel by default: what a result may look like, and what no kernel computes.
WHOLE_WAY = (
    "forms-dict_of_tuples",
    "forms-in_place_input_slice",
    "tensors-complex_among_outputs",
)


def _quick(index: int, name: str) -> bool:
    return name.startswith("forms-") or index % EVERY == 0


IN_PROCESS = [
    pytest.param(name, id=name, marks=() if _quick(index, name) else pytest.mark.heavy)
    for index, name in enumerate(MODELS)
]


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _near(found: np.ndarray, wanted: np.ndarray, tolerance: float) -> None:
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_allclose(_wide(found), _wide(wanted), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", IN_PROCESS)
def test_captured_designed_and_the_same(name: str) -> None:
    model = TORCH.load(MODELS[name], f"{name}.py")
    inputs = model.make_inputs(1)
    result, graph = model.run(inputs), model.capture(inputs)
    assert (graph.structure.count("_"), graph.writes) == (
        result.structure.count("_"),
        sorted(result.written),
    )
    assert result.structure == graph.structure or "pair(" in graph.structure
    state = {e.name: e.array for e in model.state()}
    wanted = [*result.outputs, *(result.written[i] for i in sorted(result.written))]
    found = joined(graph.structure, evaluate(graph, inputs, state, calls=numpy_calls(graph)))
    for own, theirs in zip(found, wanted, strict=True):
        _near(own, theirs, _ROUNDOFF.get(theirs.dtype.itemsize, 0.0))
    truth = model.truth(inputs, graph.writes)
    exact = not any(n.op == "call" for n in graph.nodes())
    wide = evaluate(graph, inputs, state, float64=True, calls=numpy_calls(graph))
    for own, theirs in zip(joined(graph.structure, wide), truth, strict=True):
        _near(own.astype(theirs.dtype), theirs, 1e-9 if exact else 1e-4)
    _designed(graph, model)


def _designed(graph: Graph, model: Any) -> None:
    state = tuple((e.name, e.array.shape, str(e.array.dtype), e.kind) for e in model.state())
    made = design(graph, Target("cpu", "x86_64"), state=state)
    assert not [str(d) for d in check(made.program) if d.severity == "error"]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused_in_one_sentence(name: str) -> None:
    source, said = REFUSED[name]
    model = TORCH.load(source, f"{name}.py")
    with pytest.raises(CaptureError, match=said) as caught:
        model.capture(model.make_inputs(0))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, id=name, marks=() if name in WHOLE_WAY else pytest.mark.heavy)
        for name in MODELS
    ],
)
def test_verified(name: str) -> None:
    config = resolve()
    config = dataclasses.replace(config, judge=dataclasses.replace(config.judge, seeds=1))
    source = MODELS[name]
    spec = make_spec(
        name.replace("-", "_"), source, framework="torch", backend="cpu", task_type="precision_only"
    )
    with Session(spec, config) as session:
        made = session.design()
        checked = session.check_design(made)
        assert checked.passed, checked.note
        verdict = session.verify(session.code(made, "cpp"))
        assert verdict.passed, f"{verdict.check}: {verdict.reason}"
