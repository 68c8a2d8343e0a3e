"""Loading, running and judging material of NumPy references and candidates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kernelwright.errors import ReferenceBroken, UnsupportedError
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.frameworks._base import StateEntry, StateMismatch
from kernelwright.frameworks._numpy_threads import openblas_threads

NUMPY = FRAMEWORKS.get("numpy")
EXAMPLE = Path(__file__).parents[2] / "examples" / "numpy_chain.py"

GOOD = """
import numpy as np

class Layer:
    def __init__(self, n):
        self.weight = np.full(n, 0.1, np.float32)

class Model:
    def __init__(self, n):
        self.layer = Layer(n)
        self.count = np.arange(n)

    def forward(self, x, factor):
        x *= factor
        return (x * self.layer.weight).astype(np.float32), self.count > 1

def get_inputs():
    return [np.random.rand(2, 3).astype(np.float32), 2.0]

def get_init_inputs():
    return [3]
"""


def test_inputs_repeat_by_seed() -> None:
    model = NUMPY.load(GOOD, "task.py")
    a, b, c = model.make_inputs(1), model.make_inputs(1), model.make_inputs(2)
    np.testing.assert_array_equal(a[0], b[0])
    assert not np.array_equal(a[0], c[0]) and a[1] == 2.0


def test_run_leaves_inputs_and_model_alone() -> None:
    model = NUMPY.load(GOOD, "task.py")
    inputs = model.make_inputs(0)
    before = inputs[0].copy()
    first, second = model.run(inputs), model.run(inputs)
    np.testing.assert_array_equal(inputs[0], before)
    assert first.structure == "tuple"
    assert [o.dtype for o in first.outputs] == [np.float32, np.bool_]
    np.testing.assert_array_equal(first.outputs[0], second.outputs[0])


def test_truth_ignores_narrow_casts() -> None:
    model = NUMPY.load(GOOD, "task.py")
    inputs = model.make_inputs(0)
    truth, flags = model.truth(inputs)
    expected = inputs[0].astype(float) * 2 * np.float64(np.float32(0.1))
    assert truth.dtype == np.float64 and flags.dtype == np.bool_
    np.testing.assert_allclose(truth, expected, rtol=1e-15)


def test_truth_of_what_cannot_be_captured_is_a_float64_run() -> None:
    source = GOOD.replace("x *= factor", "x = np.sort(x) * factor").replace(
        ".astype(np.float32), self", ", self"
    )
    model = NUMPY.load(source, "task.py")
    inputs = model.make_inputs(0)
    truth, _ = model.truth(inputs)
    expected = np.sort(inputs[0].astype(float)) * 2 * np.float64(np.float32(0.1))
    assert truth.dtype == np.float64
    np.testing.assert_array_equal(truth, expected)


def test_state_is_by_value_and_by_dotted_name() -> None:
    model = NUMPY.load(GOOD, "task.py")
    entries = model.state()
    assert [(e.name, e.kind) for e in entries] == [("layer.weight", "buffer"), ("count", "buffer")]
    entries[0].array[:] = 9
    assert model.state()[0].array[0] == np.float32(0.1)


def test_scalar_arguments_are_fixed_in_the_graph() -> None:
    model = NUMPY.load(GOOD, "task.py")
    x = model.make_inputs(0)[0]
    two, three = model.capture([x, 2.0]), model.capture([x, 3.0])
    assert [n.attrs["name"] for n in two.inputs] == ["x"] and two is not three
    np.testing.assert_allclose(model.truth([x, 3.0])[0], model.truth([x, 2.0])[0] * 1.5)


def test_native_call_is_the_model_on_arrays() -> None:
    model = NUMPY.load(GOOD, "task.py")
    inputs = model.make_inputs(0)
    call = model.native_call("cpu")
    result, _ = call(NUMPY.to_native(inputs[0].copy(), "cpu"), 2.0)
    np.testing.assert_array_equal(result, model.run(inputs).outputs[0])
    with pytest.raises(UnsupportedError, match="'cpu' only"):
        model.native_call("cuda:0")


def test_the_example_is_five_ops_and_captures() -> None:
    source = EXAMPLE.read_text().replace("2048, 2048", "8, 2048")
    model = NUMPY.load(source, str(EXAMPLE))
    inputs = model.make_inputs(0)
    graph = model.capture(inputs)
    ops = [n.op for n in graph.nodes() if n.op not in ("input", "parameter", "constant")]
    assert ops == ["mul", "add", "tanh", "mul", "maximum", "minimum"]
    (truth,), (own,) = model.truth(inputs), model.run(inputs).outputs
    assert np.linalg.norm(own - truth) < 1e-6 * np.linalg.norm(truth)


@pytest.mark.parametrize(
    ("old", "new", "check", "message"),
    [
        ("class Model:", "class Model(:", "syntax", "task.py:8"),
        ("class Model:", "class Network:", "no_model", "Network"),
        ("def forward", "def compute", "no_model", "__call__ nor forward"),
        ("def get_inputs", "def inputs", "no_get_inputs", "task.py has no get_inputs"),
        ("return [3]", "return 3", "init_raises", "returned a int"),
        ("return [3]", "return [3, 4]", "init_raises", "TypeError"),
        ("self.count = np.arange(n)", "self.count = 1 / 0", "init_raises", "task.py:11"),
    ],
)
def test_faults_of_the_file(old: str, new: str, check: str, message: str) -> None:
    with pytest.raises(ReferenceBroken, match=message) as caught:
        NUMPY.load(GOOD.replace(old, new), "task.py")
    assert caught.value.check == check


@pytest.mark.parametrize(
    ("new", "check", "message"),
    [
        ("return [undefined]", "inputs_raise", "NameError.*task.py:18"),
        ("return np.ones(3)", "inputs_not_tensors", "returned ndarray"),
        ("return [[1, 2]]", "inputs_not_tensors", "input 0 .* is list"),
        ("return ['a']", "inputs_not_tensors", "input 0 .* is str"),
        ("return [np.ones(3, complex)]", "inputs_not_tensors", "complex128; use one of"),
    ],
)
def test_faults_of_get_inputs(new: str, check: str, message: str) -> None:
    old = "return [np.random.rand(2, 3).astype(np.float32), 2.0]"
    model = NUMPY.load(GOOD.replace(old, new), "task.py")
    with pytest.raises(ReferenceBroken, match=message) as caught:
        model.make_inputs(0)
    assert caught.value.check == check


@pytest.mark.parametrize(
    ("new", "check", "message"),
    [
        ("raise ValueError('odd')", "forward_raises", "ValueError: odd .at task.py:14"),
        ("return None", "outputs_not_tensors", "not None without any"),
        ("return {'a': object()}", "outputs_not_tensors", "is a object, no tensor"),
        ("return 1.0", "outputs_not_tensors", "a float without any"),
        ("return ()", "outputs_not_tensors", "a tuple without any"),
        ("return x.astype(complex)", "outputs_not_tensors", "complex128"),
    ],
)
def test_faults_of_the_call(new: str, check: str, message: str) -> None:
    model = NUMPY.load(GOOD.replace("x *= factor", new), "task.py")
    inputs = model.make_inputs(0)
    for method in (model.run, model.truth, model.capture):
        with pytest.raises(ReferenceBroken, match=message) as caught:
            method(inputs)
        assert caught.value.check == check


CANDIDATE = """
import numpy as np

class ModelNew:
    def __init__(self, n):
        self.scale = np.zeros(n, np.float32)
        self._workspace = np.zeros(7)

    def prepare(self):
        self.doubled = self.scale * 2

    def __call__(self, x):
        return x * self.doubled
"""
STATE = [StateEntry("scale", np.arange(3, dtype=np.float32), "buffer")]


def write(folder: Path, text: str) -> Path:
    (folder / "kernel.py").write_text(text)
    return folder / "kernel.py"


def test_candidate_gets_its_state_before_prepare(tmp_path: Path) -> None:
    call, prepare_us = NUMPY.load_candidate(write(tmp_path, CANDIDATE), [3], STATE, "cpu")
    assert prepare_us is not None and prepare_us > 0
    assert call(np.ones(3, np.float32)).tolist() == [0, 2, 4]
    assert STATE[0].array.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("self.scale = ", "self.factor = ", "missing scale; extra factor"),
        ("np.zeros(n, np.float32)", "np.zeros(n)", r"'scale' is float64\[3\], not float32\[3\]"),
        ("np.zeros(n, np.float32)", "np.zeros(n + 1, np.float32)", r"float32\[4\]"),
        ("self._workspace", "self.workspace", "extra workspace"),
        ("class ModelNew", "kernel = lambda x: x\nclass Other", r"kernel\(\) cannot hold"),
    ],
)
def test_state_is_filled_strictly(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(StateMismatch, match=message):
        NUMPY.load_candidate(write(tmp_path, CANDIDATE.replace(old, new)), [3], STATE, "cpu")


def test_kernel_function_is_a_candidate(tmp_path: Path) -> None:
    entry = write(tmp_path, "def kernel(x, y):\n    return x + y\n")
    call, prepare_us = NUMPY.load_candidate(entry, [], [], "cpu")
    assert call(1, 2) == 3 and prepare_us is None
    with pytest.raises(AttributeError, match="neither class ModelNew nor kernel"):
        NUMPY.load_candidate(write(tmp_path, "x = 1\n"), [], [], "cpu")


def test_flatten_keeps_the_structure() -> None:
    x = np.ones(2)
    assert NUMPY.flatten(x)[1] == "tensor"
    assert NUMPY.flatten((x, x))[1] == "tuple"
    assert NUMPY.flatten([x])[1] == "list"
    assert NUMPY.flatten((x, {"b": [x, None], "a": 2})) == ([x, x], "(_, {'a': 2, 'b': [_, None]})")
    with pytest.raises(TypeError):
        NUMPY.flatten((x, object()))


def test_threads_of_blas() -> None:
    before = openblas_threads()
    if before is None:
        pytest.skip("NumPy uses another BLAS")
    try:
        NUMPY.set_threads(1)
        assert openblas_threads() == 1
    finally:
        NUMPY.set_threads(before)


def test_arrays_shared_and_in_tuples_are_set_everywhere() -> None:
    source = """
import numpy as np

class Model:
    def __init__(self):
        self.a = np.ones(2, np.float32)
        self.alias = self.a
        self.pair = (np.zeros(2, np.float32), np.full(2, 3.0, np.float32))

    def __call__(self, x):
        return x * self.alias + self.pair[0] * self.pair[1]

def get_inputs():
    return [np.ones(2, np.float32)]
"""
    model = NUMPY.load(source, "task.py")
    assert [e.name for e in model.state()] == ["a", "pair.0", "pair.1"]
    graph = model.capture(model.make_inputs(0))
    used = {n.attrs["name"] for n in graph.nodes() if n.op == "parameter"}
    assert used == {"a", "pair.0", "pair.1"}
