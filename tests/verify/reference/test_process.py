"""The reference process: what it gives, and each way for a task to be broken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kernelwright.errors import KernelwrightError, ReferenceBroken
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target, TaskSpec
from kernelwright.verify.reference.process import ReferenceProcess

HEAD = "import numpy as np\nimport time\n"
INPUTS = "\ndef get_inputs():\n    return [np.random.rand(4, 8).astype('f4'), 3]\n"
MODEL = "class Model:\n    def __call__(self, x, n):\n        return np.exp(x) + n\n"


def _spec(source: str) -> TaskSpec:
    return TaskSpec("task", source, "numpy", Target("cpu", "x86_64"), path="task.py")


def test_everything_it_gives() -> None:
    with ReferenceProcess(_spec(HEAD + MODEL + INPUTS)) as reference:
        description = reference.describe()
        assert [str(t) for t in description.inputs] == ["float32[4, 8]", "None"]
        assert [str(t) for t in description.outputs] == ["float32[4, 8]"]
        assert (description.state, description.structure) == ([], "tensor")
        one, again, other = (reference.make_inputs(s) for s in (1, 1, 2))
        assert (one[0] == again[0]).all() and (one[0] != other[0]).any() and one[1] == 3
        result = reference.run(one)
        assert result.outputs[0].dtype == np.float32
        truth = reference.truth(one)[0]
        np.testing.assert_allclose(truth, np.exp(one[0].astype("f8")) + 3, rtol=1e-15)
        graph = reference.capture(one)
        (value,) = evaluate(graph, one, {})
        np.testing.assert_allclose(value, result.outputs[0], rtol=1e-6)


BROKEN = {
    "syntax": "class Model(:\n",
    "no_model": INPUTS,
    "no_get_inputs": MODEL,
    "init_raises": "class Model:\n    def __init__(self): raise ValueError('x')\n" + INPUTS,
    "inputs_raise": MODEL + "\ndef get_inputs():\n    return 1 / 0\n",
    "inputs_not_tensors": MODEL + "\ndef get_inputs():\n    return ['a', {}]\n",
    "forward_raises": MODEL.replace("np.exp(x)", "x.no_such()") + INPUTS,
    "outputs_not_tensors": MODEL.replace("np.exp(x) + n", "{'a': 'no array'}") + INPUTS,
    "never_ends": MODEL.replace("np.exp(x)", "time.sleep(60)") + INPUTS,
    "not_finite": MODEL.replace("np.exp(x)", "x * np.float32(np.nan)") + INPUTS,
    "non_deterministic": MODEL.replace("+ n", "+ np.float32(np.random.rand())") + INPUTS,
    "dies": MODEL.replace("np.exp(x)", "__import__('os')._exit(3)") + INPUTS,
}


@pytest.mark.parametrize("check", BROKEN)
def test_broken_tasks_are_named(check: str) -> None:
    with pytest.raises(ReferenceBroken, match="task.py") as caught:
        with ReferenceProcess(_spec(HEAD + BROKEN[check]), wall_s=3.0) as reference:
            reference.describe()
    assert caught.value.check == check
    assert "Traceback" not in str(caught.value)


def test_a_fault_of_ours_keeps_its_kind() -> None:
    with ReferenceProcess(_spec(HEAD + MODEL + INPUTS)) as reference:
        with pytest.raises(KernelwrightError, match="numpy has no form of the library call"):
            reference.run_call("aten.add", [], {})


def test_framework_calls_run_in_the_reference_process() -> None:
    pytest.importorskip("torch")
    source = (
        "import torch\nclass Model(torch.nn.Module):\n"
        "    def forward(self, x):\n        return torch.topk(x, 3).values * 2\n"
        "def get_inputs():\n    return [torch.randn(5, 9)]\n"
    )
    spec = TaskSpec("topk", source, "torch", Target("cpu", "x86_64"), path="topk.py")
    with ReferenceProcess(spec) as reference:
        inputs = reference.make_inputs(0)
        graph = reference.capture(inputs)
        (value,) = evaluate(graph, inputs, {}, calls=reference.calls(graph))
        np.testing.assert_array_equal(value, reference.run(inputs).outputs[0])


LOSES_ITS_DEVICE = """
import torch
import torch.nn as nn

lost = False

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        global lost  # as after a kernel that asserts: nothing works any more
        lost = lost or bool((x > 1).any())
        if lost:
            raise RuntimeError("CUDA error: device-side assert triggered")
        return x * self.weight

def get_inputs():
    return [torch.rand(2, 3)]
"""


def test_a_process_that_lost_its_device_is_replaced() -> None:
    inside, outside = np.full((2, 3), 0.5, np.float32), np.full((2, 3), 2.0, np.float32)
    spec = replace(_spec(LOSES_ITS_DEVICE), framework="torch")
    with ReferenceProcess(spec) as reference:
        doubled = [replace(e, array=e.array * 2) for e in reference.state()]
        reference.learn_state("doubled", doubled)
        with pytest.raises(ReferenceBroken) as raised:
            reference.run_and_truth([outside])
        assert raised.value.check == "forward_raises"
        found, truths = reference.run_and_truth([inside], state="doubled")
        assert (found.arrays[0] == 1.0).all() and (truths[0] == 1.0).all()
