"""Every Model of the corpus: its Graph, run in NumPy, gives what the Model gives."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

pytest.importorskip("torch")

from kernelwright.aul.syntax import FrameworkCall
from kernelwright.compiler.codegen._framework_call import call_text
from kernelwright.errors import CaptureError
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.frameworks._torch_capture_call import numpy_calls
from kernelwright.graph.core import Graph
from kernelwright.graph.evaluate import evaluate

_spec = importlib.util.spec_from_file_location(
    "torch_corpus", Path(__file__).with_name("torch_corpus.py")
)
assert _spec is not None and _spec.loader is not None
corpus = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(corpus)

TORCH = FRAMEWORKS.get("torch")
_ROUNDOFF = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-5, "float64": 1e-12}


def _close(found: np.ndarray, wanted: np.ndarray, tolerance: float) -> None:
    assert found.shape == wanted.shape
    if wanted.dtype.kind in "biu":
        np.testing.assert_array_equal(found, wanted)
        return
    np.testing.assert_allclose(
        found.astype(np.float64), wanted.astype(np.float64), rtol=tolerance, atol=tolerance
    )


def _called(graph: Graph) -> tuple[str, ...]:
    names = {n.attrs["target"].split(".")[1] for n in graph.nodes() if n.op == "call"}
    return tuple(sorted(names))


@pytest.mark.parametrize(("name", "source"), corpus.CORPUS, ids=[n for n, _ in corpus.CORPUS])
def test_the_graph_computes_what_the_model_computes(name: str, source: str) -> None:
    model = TORCH.load(source, f"{name}.py")
    inputs = model.make_inputs(1)
    graph = model.capture(inputs)
    assert _called(graph) == corpus.CALLS.get(name, ())
    assert not [note for note in graph.notes if "kept as a call" in note]
    result, truth = model.run(inputs), model.truth(inputs)
    assert graph.structure == result.structure
    assert [n.type.shape for n in graph.outputs] == [a.shape for a in result.outputs]
    state = {e.name: e.array for e in model.state()}
    own = evaluate(graph, inputs, state, calls=numpy_calls(graph))
    for found, wanted, node in zip(own, result.outputs, graph.outputs):
        assert found.dtype == wanted.dtype
        _close(found, wanted, _ROUNDOFF.get(node.dtype, 0))
    wide = evaluate(graph, inputs, state, float64=True, calls=numpy_calls(graph))
    for found, wanted in zip(wide, truth):
        _close(found, wanted, 1e-12)


def _capture(source: str) -> Graph:
    model = TORCH.load(source, "case.py")
    return model.capture(model.make_inputs(0))


def _ops(graph: Graph) -> list[str]:
    leaves = ("input", "parameter", "constant")
    return [n.op for n in graph.nodes() if n.op not in leaves]


@pytest.mark.parametrize(
    ("name", "ops"),
    [
        ("layer_norm", ["layer_norm", "layer_norm", "add"]),
        ("diag_matmul", ["diag", "matmul", "add"]),
        ("softmax", ["softmax", "log_softmax", "logsumexp", "logsumexp"]),
        ("mlp", ["linear", "gelu", "linear"]),
        ("batch_norm_eval", ["batch_norm"]),
        ("F_silu(x)", ["silu"]),
        ("dropout_eval", ["add"]),
    ],
)
def test_high_level_ops_stay_whole(name: str, ops: list[str]) -> None:
    assert _ops(_capture(dict(corpus.CORPUS)[name])) == ops


def test_parameters_are_all_of_the_state_in_its_order() -> None:
    source = dict(corpus.CORPUS)["batch_norm_train"]
    graph = _capture(source)
    state = TORCH.load(source, "case.py").state()
    assert [n.attrs["name"] for n in graph.parameters] == [e.name for e in state]
    assert any("n.running_mean" in note for note in graph.notes)


def test_unused_inputs_and_numbers_keep_their_places() -> None:
    graph = _capture(corpus.source("a, k, b", "b * k", "torch.ones(2), 3, torch.ones(2)"))
    assert [(n.attrs["name"], n.attrs["index"]) for n in graph.inputs] == [("a", 0), ("b", 2)]
    assert graph.notes == ["input 1 is fixed to 3"]


@pytest.mark.parametrize(
    ("arguments", "body", "init", "said"),
    [
        ("x", "x + torch.rand(3, 5)", "", "non-deterministic"),
        ("x", "self.d(x)", "self.d = nn.Dropout(0.5)", "eval mode"),
        ("x", "x if x.sum() > 0 else -x", "", "values of tensors"),
        ("x", "x, object()", "", "object"),
        ("x", "x[x > 0]", "", "depends on"),
    ],
)
def test_what_cannot_be_captured_says_why(arguments: str, body: str, init: str, said: str) -> None:
    with pytest.raises(CaptureError, match=said) as caught:
        _capture(corpus.source(arguments, body, corpus.X, init))
    assert "\n" not in str(caught.value)


def test_a_dead_random_op_does_no_harm() -> None:
    graph = _capture(corpus.source("x", "noise = torch.rand(3)\nx + 1", corpus.X))
    assert _ops(graph) == ["add"]


@pytest.mark.parametrize("name", sorted(corpus.CALLS))
def test_the_printed_call_computes_the_same(name: str) -> None:
    import torch

    model = TORCH.load(dict(corpus.CORPUS)[name], "case.py")
    inputs = model.make_inputs(2)
    calls = [n for n in model.capture(inputs).nodes() if n.op == "call"]
    for node in calls:
        rng = np.random.default_rng(0)
        arrays = [
            rng.integers(0, 2, i.shape).astype(i.dtype)
            if "int" in i.dtype
            else rng.random(i.shape).astype(i.dtype)
            for i in node.inputs
        ]
        target, arguments = node.attrs["target"], node.attrs["arguments"]
        names = tuple(f"t{i}" for i in range(len(arrays)))
        scope = {"torch": torch, **{n: torch.from_numpy(a) for n, a in zip(names, arrays)}}
        call = FrameworkCall(target, ("made",), names, json.dumps({"arguments": arguments}))
        printed = eval(call_text(call, "torch"), scope)
        outputs = [printed] if isinstance(printed, torch.Tensor) else list(printed)
        wanted = numpy_calls(model.capture(inputs))[target](arrays, node.attrs)
        assert len(outputs) == len(wanted)
        for found, array in zip(outputs, wanted):
            np.testing.assert_array_equal(found.numpy(), array)


def test_a_scalar_that_half_cannot_hold_is_not_rounded() -> None:
    source = corpus.source("x", "x * 0.1", "torch.linspace(-60, 60, 4001).half()")
    model = TORCH.load(source, "case.py")
    inputs = model.make_inputs(0)
    (found,) = evaluate(model.capture(inputs), inputs, {})
    np.testing.assert_array_equal(found, model.run(inputs).outputs[0])
    assert (inputs[0] * np.float16(0.1) != found).any()


def test_bfloat16_arrays_are_ml_dtypes() -> None:
    model = TORCH.load(dict(corpus.CORPUS)["bfloat16_chain"], "case.py")
    inputs = model.make_inputs(0)
    assert inputs[0].dtype == ml_dtypes.bfloat16
    assert model.run(inputs).outputs[0].dtype == ml_dtypes.bfloat16
