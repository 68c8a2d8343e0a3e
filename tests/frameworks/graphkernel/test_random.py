"""Random fused kernels: read, made smaller, compiled to a library and judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kernelwright.compiler.stages.kernel import compile_kernel
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.graph.core import DTYPES
from kernelwright.runtime.library import load_host
from kernelwright.schema import Target
from kernelwright.testing.graphkernel_random import SIZES, random_kernel
from kernelwright.verify.rule.compare import Outputs, judge_outputs

GRAPHKERNEL = FRAMEWORKS.get("graphkernel")
_FEW, _MANY = 6, 2000
_HALVES = 476  # a small half tensor between kernels decides how exact a float32 number is
_SMALLER = (1, 2, 5, 9, 12)


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(s, marks=() if s < _FEW or s == _HALVES else pytest.mark.heavy)
        for s in range(_MANY)
    ],
)
def test_library(seed: int, tmp_path: Path) -> None:
    pytest.importorskip("mlir")
    pytest.importorskip("llvmlite")
    text = json.dumps(random_kernel(seed, 4 + seed % 30))
    (tmp_path / "kernel.json").write_text(text)
    files = compile_kernel(tmp_path / "kernel.json", tmp_path / "out", Target("cpu", "x86_64"),
                           threads=2)  # fmt: skip
    about = json.loads(files[".json"].read_text())
    model = GRAPHKERNEL.load(text, "kernel.json")
    inputs = model.make_inputs(seed)
    given = [x.copy() for x in inputs]
    results = [np.zeros(s, DTYPES[t]) for s, t in zip(about["outputShapes"], about["outputTypes"])]
    load_host(files[".so"], about["kernelName"])([*given, *results])
    reference, places = model.run(inputs), about["writtenInputs"]
    truths = model.truth(inputs, places)
    expected = [*reference.outputs, *(reference.written[i] for i in places)]
    real = [r for i, r in enumerate(results) if i not in about["fakeOutputs"]]
    if not real:
        truths, expected = truths[-len(places) :], expected[-len(places) :]
    assert all(np.isfinite(t).all() for t in truths if t.dtype.kind == "f")
    verdict = judge_outputs(
        truths,
        Outputs(expected, "tuple"),
        Outputs([*real, *(given[i] for i in places)], "tuple"),
    )
    assert verdict.passed, f"{verdict.check}: {verdict.reason}"


def test_other_sizes_are_those_of_the_file_written_for_them() -> None:
    """A file run on smaller inputs gives what the same file with those sizes written into it does,
    wherever its inputs tell all sizes."""
    same = 0
    for seed in range(40):
        count = 4 + seed % 24
        texts = [json.dumps(random_kernel(seed, count, sizes)) for sizes in (SIZES, _SMALLER)]
        large, small = (GRAPHKERNEL.load(text, "kernel.json") for text in texts)
        inputs = small.make_inputs(seed)
        found, expected = large.run(inputs), small.run(inputs)
        if [o.shape for o in found.outputs] != [o.shape for o in expected.outputs]:
            continue  # a size that no input has
        same += 1
        assert found.written.keys() == expected.written.keys()
        pairs = zip([*found.outputs, *found.written.values()],
                    [*expected.outputs, *expected.written.values()])  # fmt: skip
        assert all(np.array_equal(a, b) for a, b in pairs), seed
    assert same >= 25
