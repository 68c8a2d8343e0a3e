"""Loading, running and the float64 truth of torch references; loading of candidates."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from kernelwright.errors import ReferenceBroken  # noqa: E402
from kernelwright.frameworks import FRAMEWORKS  # noqa: E402
from kernelwright.frameworks._base import LoadedModel, StateMismatch  # noqa: E402
from kernelwright.frameworks.torch import precision_policy  # noqa: E402
from kernelwright.graph.core import DTYPES  # noqa: E402

TORCH = FRAMEWORKS.get("torch")
EXAMPLES = Path(__file__).parents[2] / "examples"
HEAD = "import math\nimport torch\nfrom torch import nn\nimport torch.nn.functional as F\n"


def _file(forward: str, inputs: str = "torch.randn(3, 5)", init: str = "", tail: str = "") -> str:
    made = f"    def __init__(self):\n        super().__init__()\n        {init}\n" if init else ""
    return (
        f"{HEAD}class Model(nn.Module):\n{made}    def forward(self, x):\n        {forward}\n"
        f"def get_inputs():\n    return [{inputs}]\n{tail}"
    )


def _load(source: str) -> LoadedModel:
    return TORCH.load(source, "task.py")


def test_importing_the_plugin_loads_no_torch() -> None:
    code = (
        "import sys; from kernelwright.frameworks import FRAMEWORKS; FRAMEWORKS.get('torch'); "
        "FRAMEWORKS.get('mindspore'); print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


# ---- bad files -----------------------------------------------------------------------------------

_GOOD_INPUTS = "def get_inputs():\n    return [torch.randn(2)]\n"
BROKEN = {
    "syntax": ("class Model(\n", "syntax", "task.py:1"),
    "no_model": (f"{HEAD}{_GOOD_INPUTS}class Modell(nn.Module): pass\n", "no_model", "'Modell'"),
    "not_a_module": (f"{HEAD}class Model: pass\n{_GOOD_INPUTS}", "no_model", "nn.Module"),
    "no_get_inputs": (f"{HEAD}class Model(nn.Module): pass\n", "no_get_inputs", "get_inputs"),
    "init_raises": (_file("return x", init="self.w = 1 / 0"), "init_raises", "task.py:8"),
    "init_arguments": (
        _file("return x", tail="def get_init_inputs():\n    return [1, 2]\n"),
        "init_raises",
        "TypeError",
    ),
    "init_exits": (_file("return x", init="raise SystemExit(3)"), "init_raises", "SystemExit"),
    "inputs_raise": (
        _file("return x", "torch.ones(2) @ torch.ones(3)"),
        "inputs_raise",
        "task.py:9",
    ),
    "inputs_strings": (_file("return x", "'text'"), "inputs_not_tensors", "input 0"),
    "inputs_nested": (_file("return x", "[torch.ones(2)]"), "inputs_not_tensors", "list"),
    "inputs_sparse": (_file("return x", "torch.eye(3).to_sparse()"), "inputs_not_tensors", "dense"),
    "inputs_dict": (
        f"{HEAD}class Model(nn.Module): pass\ndef get_inputs():\n    return {{}}\n",
        "inputs_not_tensors",
        "dict",
    ),
    "forward_raises": (_file("return x @ torch.ones(4)"), "forward_raises", "task.py:7"),
    "forward_arguments": (_file("return x", "torch.ones(2), 3"), "forward_raises", "TypeError"),
    "outputs_dict": (_file("return {'y': object()}"), "outputs_not_tensors", "object"),
    "outputs_none": (_file("x + 1"), "outputs_not_tensors", "None"),
    "outputs_nested": (
        _file("return x, [x, {1}]"),
        "outputs_not_tensors",
        "element 1 of element 1",
    ),
    "outputs_number": (_file("return x.sum().item()"), "outputs_not_tensors", "float"),
}


@pytest.mark.parametrize("case", sorted(BROKEN))
def test_a_bad_file_gets_one_line_and_its_check(case: str) -> None:
    source, check, said = BROKEN[case]
    with pytest.raises(ReferenceBroken) as caught:
        model = _load(source)
        model.run(model.make_inputs(0))
    message = str(caught.value)
    assert caught.value.check == check
    assert "task.py" in message and said in message and "\n" not in message
    assert caught.value.exit_code == 2


# ---- inputs and state ----------------------------------------------------------------------------


def test_inputs_follow_the_seed_and_share_nothing_with_the_file() -> None:
    source = _file("return x", "TABLE, torch.randn(4)").replace(
        "class", "TABLE = torch.zeros(3)\nclass", 1
    )
    model = _load(source)
    first, again, other = model.make_inputs(1), model.make_inputs(1), model.make_inputs(2)
    np.testing.assert_array_equal(first[1], again[1])
    assert (first[1] != other[1]).any()
    first[0][:] = 7
    assert not model.make_inputs(1)[0].any()


def test_drawing_inputs_leaves_the_generators_as_they_were() -> None:
    model = _load(_file("return x"))
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    model.make_inputs(0)
    assert torch.equal(torch.rand(3), wanted)


def test_every_kind_of_input_arrives_as_it_is() -> None:
    inputs = "torch.ones(2).bfloat16(), 2.5, 3, True, None, torch.arange(3), torch.ones(2) > 0"
    values = _load(_file("return x", inputs)).make_inputs(0)
    assert values[0].dtype == ml_dtypes.bfloat16 and values[1:5] == [2.5, 3, True, None]
    assert [type(v) for v in values[1:5]] == [float, int, bool, type(None)]
    assert [v.dtype.name for v in values[5:]] == ["int64", "bool"]


@pytest.mark.parametrize("name", sorted(DTYPES))
def test_arrays_and_tensors_convert_bit_by_bit(name: str) -> None:
    tensor = (torch.randn(3, 4) * 20).to(getattr(torch, name)).t()
    array = TORCH.to_numpy(tensor)
    assert array.dtype.name == name and array.shape == (4, 3)
    back = TORCH.to_native(array, "cpu")
    assert back.dtype == tensor.dtype and torch.equal(back, tensor)
    assert back.data_ptr() == tensor.data_ptr()


def test_read_only_and_reversed_arrays_convert() -> None:
    array = np.arange(6.0)
    array.flags.writeable = False
    assert TORCH.to_native(array, "cpu").tolist() == list(range(6))
    assert TORCH.to_native(np.arange(3)[::-1], "cpu").tolist() == [2, 1, 0]


def test_only_plain_tensors_become_arrays() -> None:
    class Liar(torch.Tensor):
        pass

    for value in (torch.ones(2).as_subclass(Liar), [1.0], 2.0, None, np.ones(2)):
        with pytest.raises(TypeError, match="plain torch.Tensor"):
            TORCH.to_numpy(value)
    with pytest.raises(TypeError, match="dense"):
        TORCH.to_numpy(torch.ones(2, device="meta"))
    assert TORCH.to_numpy(torch.nn.Parameter(torch.ones(2))).tolist() == [1, 1]


def test_state_is_by_value_in_order_and_does_not_depend_on_the_callers_seed() -> None:
    source = _file(
        "return self.n(x)", init="self.n = nn.Sequential(nn.Linear(5, 2), nn.BatchNorm1d(2))"
    )
    torch.manual_seed(1)
    first = _load(source).state()
    torch.manual_seed(2)
    second = _load(source).state()
    assert [(e.name, e.kind) for e in first] == [
        ("n.0.weight", "parameter"),
        ("n.0.bias", "parameter"),
        ("n.1.weight", "parameter"),
        ("n.1.bias", "parameter"),
        ("n.1.running_mean", "buffer"),
        ("n.1.running_var", "buffer"),
        ("n.1.num_batches_tracked", "buffer"),
    ]
    for a, b in zip(first, second):
        np.testing.assert_array_equal(a.array, b.array)


# ---- calls leave everything as it was ------------------------------------------------------------


def test_no_call_changes_weights_buffers_attributes_or_inputs() -> None:
    source = _file(
        "x.mul_(2); self.count += 1; self.w.data.add_(1); return self.n(x) * self.count + self.w",
        init="self.n = nn.BatchNorm1d(5); self.count = 0; self.w = nn.Parameter(torch.ones(5))",
    )
    model = _load(source)
    inputs, before = model.make_inputs(0), model.state()
    kept = inputs[0].copy()
    first = model.run(inputs).outputs[0]
    truth = model.truth(inputs)[0]
    np.testing.assert_array_equal(model.run(inputs).outputs[0], first)
    np.testing.assert_array_equal(inputs[0], kept)
    np.testing.assert_allclose(truth, first, rtol=1e-4, atol=1e-4)
    for a, b in zip(before, model.state()):
        np.testing.assert_array_equal(a.array, b.array)


def test_the_mode_stays_as_the_file_leaves_it() -> None:
    dropout = "self.d = nn.Dropout(0.5)"
    kept = _load(_file("return self.d(x)", "torch.ones(400)", f"{dropout}; self.eval()"))
    assert (kept.run(kept.make_inputs(0)).outputs[0] == 1).all()
    dropped = _load(_file("return self.d(x)", "torch.ones(400)", dropout))
    inputs = dropped.make_inputs(0)
    assert (dropped.run(inputs).outputs[0] != dropped.run(inputs).outputs[0]).any()


def test_outputs_keep_their_structure() -> None:
    for text, structure in (("x", "tensor"), ("[x, x]", "list"), ("x.max(1)", "tuple")):
        model = _load(_file(f"return {text}"))
        assert model.run(model.make_inputs(0)).structure == structure


def test_native_call_is_the_model() -> None:
    model = _load(_file("return x * 2"))
    call = model.native_call("cpu")
    assert call(torch.ones(2, requires_grad=True)).tolist() == [2, 2]
    assert not call(torch.ones(2, requires_grad=True)).requires_grad


# ---- truth ---------------------------------------------------------------------------------------

# Each of these loses precision in the Model's own dtypes; ``expected`` is in float64.
LOSSY = {
    "cast_down_and_up": ("return x.half().float() * 3", lambda x: x * 3),
    "to_dtype": ("return x.to(torch.bfloat16).to(torch.float32) / 7", lambda x: x / 7),
    "type_string": ("return x.type(torch.FloatTensor) / 7", lambda x: x / 7),
    "factory": ("return x / torch.full((5,), 7.0, dtype=torch.float32)", lambda x: x / 7),
    "factory_default": ("return x * torch.ones(5) / torch.linspace(3, 3, 5)", lambda x: x / 3),
    "from_python": ("return x * torch.tensor([0.1])", lambda x: x * 0.1),
    "from_python_typed": ("return x * torch.tensor([0.1], dtype=torch.float16)", None),
    "in_place": ("y = torch.zeros(3, 5, dtype=torch.half); y += x / 3; return y", lambda x: x / 3),
    "copy_into": ("y = torch.empty(3, 5); y.copy_(x / 3); return y", lambda x: x / 3),
    "out_of_attribute": ("return x * self.c[0]", lambda x: x * np.float64(np.float32(0.1))),
    "autocast": (
        "with torch.autocast('cpu', dtype=torch.bfloat16): return x @ x.t()",
        lambda x: x @ x.T,
    ),
    "softmax_dtype": (
        "return torch.softmax(x, 1, dtype=torch.float32)",
        lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True),
    ),
    "sum_dtype": ("return x.sum(1, dtype=torch.float32)", lambda x: x.sum(1)),
    "branch_on_dtype": (
        "return x / 3 if x.dtype == torch.float32 else x * 0",
        lambda x: x / 3,
    ),
    "integer_division": (
        "return (x > 9).long() + torch.arange(5) / 7",
        lambda x: np.arange(5) / 7 + x * 0,
    ),
    "numpy_constant": (
        "import numpy as np; return x * torch.from_numpy(np.ones(5, np.float32)) / 3",
        lambda x: x / 3,
    ),
}


@pytest.mark.parametrize("case", sorted(LOSSY))
def test_truth_is_float64_whatever_the_code_asks_for(case: str) -> None:
    forward, expected = LOSSY[case]
    model = _load(_file(forward, init="self.c = [torch.tensor(0.1)]"))
    inputs = model.make_inputs(3)
    (truth,), (own,) = model.truth(inputs), model.run(inputs).outputs
    assert truth.dtype == np.float64 and own.dtype != np.float64
    if expected is None:
        return
    wanted = expected(inputs[0].astype(np.float64))
    np.testing.assert_allclose(truth, wanted, rtol=1e-14, atol=1e-15)
    assert np.abs(own.astype(np.float64) - wanted).max() > 1e-12
    assert torch.get_default_dtype() == torch.float32


def test_truth_widens_weights_and_normalises_in_float64() -> None:
    model = _load(
        _file(
            "return self.n(self.l(x))", init="self.l = nn.Linear(5, 4); self.n = nn.BatchNorm1d(4)"
        )
    )
    inputs, state = (
        model.make_inputs(0),
        {e.name: e.array.astype(np.float64) for e in model.state()},
    )
    y = inputs[0].astype(np.float64) @ state["l.weight"].T + state["l.bias"]
    wanted = (y - y.mean(0)) / np.sqrt(y.var(0) + 1e-5)
    np.testing.assert_allclose(model.truth(inputs)[0], wanted, rtol=1e-12)


def test_truth_keeps_integers_and_bits() -> None:
    # The bits of a float32, as in the fast inverse square root.
    bits = _load(
        _file("return x.view(torch.int32) >> 1, (x.view(torch.int32) >> 1).view(torch.float32)")
    )
    inputs = bits.make_inputs(0)
    truth, own = bits.truth(inputs), bits.run(inputs).outputs
    np.testing.assert_array_equal(truth[0], own[0])
    np.testing.assert_array_equal(truth[1], own[1].astype(np.float64))
    counts = _load(_file("return x.to(torch.int8), x > 0, x.argmax(1)"))
    inputs = counts.make_inputs(0)
    for found, wanted in zip(counts.truth(inputs), counts.run(inputs).outputs):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)


def test_truth_keeps_limits_and_defaults_of_the_models_own_dtype() -> None:
    forward = (
        "return torch.finfo(x.dtype).min + 0 * x, F.rms_norm(x, (5,)), torch.nan_to_num(x / 0)"
    )
    model = _load(_file(forward, "torch.randn(3, 5) * 1e-4"))
    inputs = model.make_inputs(0)
    for found, wanted in zip(model.truth(inputs), model.run(inputs).outputs):
        np.testing.assert_allclose(found, wanted.astype(np.float64), rtol=1e-6)


def test_the_policy_names_tf32() -> None:
    policy = precision_policy()
    assert policy["float32_matmul_precision"] == "highest"
    assert policy["cuda_matmul_allow_tf32"] is False


# ---- candidates ----------------------------------------------------------------------------------


def _candidate(folder: Path, text: str) -> Path:
    entry = folder / "kernel.py"
    entry.write_text(HEAD + text)
    return entry


LINEAR = _file("return self.l(x)", init="self.l = nn.Linear(5, 4)")


def test_a_candidate_gets_the_weights_by_name(tmp_path: Path) -> None:
    model = _load(LINEAR)
    entry = _candidate(
        tmp_path,
        "class ModelNew(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.l = nn.Linear(5, 4)\n"
        "    def prepare(self):\n        self.t = self.l.weight.t().contiguous()\n"
        "    def forward(self, x):\n        return x @ self.t + self.l.bias\n",
    )
    call, prepare_us = TORCH.load_candidate(entry, model.init_inputs, model.state(), "cpu")
    assert prepare_us is not None and prepare_us > 0
    inputs = model.make_inputs(0)
    found = call(*[TORCH.to_native(v, "cpu") for v in inputs])
    assert not found.requires_grad
    tensors, structure = TORCH.flatten(found)
    assert structure == "tensor"
    np.testing.assert_allclose(TORCH.to_numpy(tensors[0]), model.run(inputs).outputs[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ("self.m = nn.Linear(5, 4)", "missing l.bias, l.weight; extra m.bias, m.weight"),
        ("self.l = nn.Linear(5, 4, bias=False)", "missing l.bias"),
        ("self.l = nn.Linear(4, 5)", "'l.weight' is float32[5, 4], not float32[4, 5]"),
        ("self.l = nn.Linear(5, 4).half()", "'l.weight' is float16[4, 5], not float32[4, 5]"),
        ("self.l = nn.Linear(5, 4); self.register_buffer('b', torch.ones(1))", "extra b"),
    ],
)
def test_state_names_shapes_and_dtypes_are_strict(tmp_path: Path, layers: str, said: str) -> None:
    model = _load(LINEAR)
    entry = _candidate(
        tmp_path,
        "class ModelNew(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"        {layers}\n",
    )
    with pytest.raises(StateMismatch) as caught:
        TORCH.load_candidate(entry, model.init_inputs, model.state(), "cpu")
    assert said in str(caught.value)


def test_a_function_is_enough_without_state_only(tmp_path: Path) -> None:
    entry = _candidate(tmp_path, "def kernel(x, y):\n    return x + y\n")
    call, prepare_us = TORCH.load_candidate(entry, [], [], "cpu")
    assert prepare_us is None
    assert call(torch.ones(2), torch.ones(2)).tolist() == [2, 2]
    with pytest.raises(StateMismatch, match="ModelNew"):
        TORCH.load_candidate(entry, [], _load(LINEAR).state(), "cpu")
    with pytest.raises(AttributeError, match="neither"):
        TORCH.load_candidate(_candidate(tmp_path, "x = 1\n"), [], [], "cpu")


# ---- examples ------------------------------------------------------------------------------------

_NAMES = [
    *("relu", "swish", "diag_matmul", "softmax", "layer_norm"),
    *("bias_gelu_residual", "row_sum_column_max", "mse"),
]


@pytest.mark.parametrize("name", _NAMES)
def test_the_examples_load_and_capture_without_opaque_ops(name: str) -> None:
    path = EXAMPLES / f"{name}.py"
    model = TORCH.load(path.read_text(), str(path))
    inputs = model.make_inputs(0)
    graph = model.capture(inputs)
    assert "call" not in {n.op for n in graph.nodes()}
    assert len(graph.outputs) == (2 if name == "row_sum_column_max" else 1)
    assert {v.dtype.name for v in inputs} == {"float16" if name == "relu" else "float32"}
