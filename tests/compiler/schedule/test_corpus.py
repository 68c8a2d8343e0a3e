"""Every Model of the corpus, designed for CPU and GPU, agrees with the Model when interpreted."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernelwright.aul import check, interpret, print_program
from kernelwright.aul.parser import parse
from kernelwright.compiler.schedule import design
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.graph.core import DTYPES, Graph
from kernelwright.schema import Target
from kernelwright.verify.rule.compare import Outputs, judge_outputs

sys.path.insert(0, str(Path(__file__).parents[2] / "frameworks"))
from torch_corpus import CORPUS

TARGETS = (Target("cpu", "x86_64"), Target("cuda", "sm_90"))
SOURCES = dict(CORPUS)


@cache
def loaded(name: str) -> tuple[Any, list[Any], Graph]:
    model = FRAMEWORKS.get("torch").load(SOURCES[name], f"{name}.py")
    inputs = model.make_inputs(3)
    return model, inputs, model.capture(inputs)


def call(op: str, arrays: list[np.ndarray], attributes: dict[str, Any]) -> list[np.ndarray]:
    from kernelwright.frameworks._torch_capture_call import run_call

    outputs = run_call(op, arrays, attributes["arguments"])
    return [outputs[i] for i in attributes["outputs"]]


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("name", SOURCES)
def test_design_agrees_with_the_model(name: str, target: Target) -> None:
    model, inputs, graph = loaded(name)
    made = design(graph, target, threads=2)
    assert [d for d in check(made.program) if d.severity == "error"] == []
    text = print_program(made.program)  # compared as text: a NaN in it differs from itself
    assert print_program(parse(text)) == text
    state = {e.name: e.array for e in model.state()}
    arrays = []
    for binding in made.bindings:
        if binding.source == "input":
            arrays.append(np.asarray(inputs[int(binding.key)]))
        else:
            source = state if binding.source == "parameter" else made.constants
            arrays.append(source[str(binding.key)])
    outputs = interpret(made.program, arrays, calls=call)
    assert [(o.shape, o.dtype) for o in outputs] == [
        (spec.shape, DTYPES[spec.dtype]) for spec in made.outputs
    ]
    reference = model.run(inputs)
    verdict = judge_outputs(
        model.truth(inputs),
        Outputs(reference.outputs, reference.structure),
        Outputs(outputs, made.structure),
    )
    assert verdict.passed, verdict.reason
