"""Convolutions with the channels last: what becomes one, and that it computes the same."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from kernelwright.aul import interpret
from kernelwright.aul.syntax import FrameworkCall
from kernelwright.compiler.codegen._framework_call import call_text
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule import alternatives
from kernelwright.compiler.schedule import convolutions as rule
from kernelwright.compiler.schedule import design as schedule
from kernelwright.compiler.schedule.late_bias import late_biases
from kernelwright.graph import Builder, Graph, Node, TensorType
from kernelwright.graph.core import DTYPES
from kernelwright.graph.decompose import decompose
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target

torch = pytest.importorskip("torch")
CUDA, CPU = Target("cuda", "sm_90"), Target("cpu", "x86_64")
PLACES = {1: (23,), 2: (9, 11), 3: (5, 6, 7)}
KERNELS = {1: (3,), 2: (3, 2), 3: (2, 3, 1)}


def convolved(
    spatial: int, *rest: object, transposed: bool = False, bias: bool = True,
    channels: tuple[int, int] = (16, 24), groups: int = 1, dtype: str = "float32",
    kernel: tuple[int, ...] | None = None, target: str = "default",
) -> tuple[Graph, list[np.ndarray]]:  # fmt: skip
    """relu(convolution(x)) as a Graph, and arrays for its x, weight and bias. ``rest``: the op's
    arguments after the bias."""
    inward, outward = channels
    first = (inward, outward // groups) if transposed else (outward, inward // groups)
    shapes = [(2, inward, *PLACES[spatial]), (*first, *(kernel or KERNELS[spatial]))]
    shapes += [(outward,)] if bias else []
    b, rng = Builder(), np.random.default_rng(3)
    x = b.input("x", 0, TensorType(shapes[0], dtype))
    state = [b.parameter(n, TensorType(s, dtype)) for n, s in zip(("w", "bias"), shapes[1:])]
    name = f"aten.conv_transpose{spatial}d.{'default' if spatial == 1 else 'input'}"
    name = name if transposed else f"aten.conv{spatial}d.{target}"
    args = [{"input": i} if i < len(shapes) else None for i in range(3)] + list(rest)
    arrays = [rng.integers(-3, 4, s).astype("float32") for s in shapes]
    shape = called(name, args, arrays).shape
    made = b.make(
        "call", [x, *state], target=name, output_index=0,
        arguments={"args": args, "kwargs": {}}, out_type=TensorType(tuple(shape), dtype),
    )  # fmt: skip
    return Graph("net", [x], state, [b.relu(made)]), arrays


def called(name: str, args: list, arrays: list[np.ndarray]) -> np.ndarray:
    from kernelwright.frameworks._torch_capture_call import run_call

    return run_call(name, arrays, {"args": args, "kwargs": {}})[0]


def calls(made: Design) -> list[FrameworkCall]:
    return [
        s for s in made.program.host.body if isinstance(s, FrameworkCall) and "permute" not in s.op
    ]


def interpreted(made: Design, arrays: list[np.ndarray]) -> np.ndarray:
    from kernelwright.frameworks._torch_capture_call import run_call

    def call(op: str, given: list[np.ndarray], attributes: dict) -> list[np.ndarray]:
        return [run_call(op, given, attributes["arguments"])[i] for i in attributes["outputs"]]

    by_key = {"w": 1, "bias": 2}
    given = [arrays[by_key.get(str(b.key), 0)] for b in made.bindings]
    (out,) = interpret(made.program, given, calls=call)
    return out


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes that a test can afford count as large."""
    monkeypatch.setattr(rule, "LEAST_BYTES", 0)


LAST = [
    (1, (), {}),
    (1, ([2], [1], [2]), {"bias": False}),
    (1, ([2], "valid", [1]), {"target": "padding"}),
    (1, ([2], [1], [1], 1, [1]), {"transposed": True}),
    (2, ([2, 1], [1, 0], [1, 2]), {}),
    (2, ([1, 1], "same"), {"target": "padding", "kernel": (3, 3)}),
    (2, ([2],), {"kernel": (1, 1)}),
    (2, ([2, 2], [1, 1], [1, 0]), {"transposed": True, "channels": (20, 8)}),
    (3, (), {}),
    (3, ([2], [1], [1], 1, [1]), {"transposed": True}),
]


@pytest.mark.parametrize(("spatial", "rest", "options"), LAST)
def test_channels_are_last(spatial: int, rest: tuple, options: dict) -> None:
    graph, arrays = convolved(spatial, *rest, **options)
    made = schedule(graph, CUDA, threads=1)
    (call,) = calls(made)
    given = json.loads(call.attrs)["arguments"]
    assert given["args"][2] is None and given["result"]
    turned = ".swapaxes(-2, -1)" if spatial == 1 else ".permute(0, "
    assert call_text(call, "torch").count(turned) == (2 if options.get("kernel") == (1, 1) else 3)
    (node,) = graph.outputs[0].inputs
    wanted = called(str(node.attrs["target"]), node.attrs["arguments"]["args"], arrays)
    # Small whole numbers: every order of the sums gives the same.
    np.testing.assert_array_equal(interpreted(made, arrays), np.maximum(wanted, 0))


IN_FRONT = [
    (2, (), {"channels": (3, 16)}, True),
    (2, ([1], [0], [1], 4), {"groups": 4}, True),
    (2, ([1], [0], [1], 16), {"groups": 16, "channels": (16, 32)}, False),
    (2, ([1], "same", [1], 16), {"groups": 16, "channels": (16, 16), "target": "padding"}, False),
    (2, (), {"kernel": (1, 1)}, True),
    (3, (), {"channels": (18, 24)}, True),
    (2, (), {"dtype": "float64"}, False),
]


@pytest.mark.parametrize(("spatial", "rest", "options", "apart"), IN_FRONT)
def test_channels_stay(spatial: int, rest: tuple, options: dict, apart: bool) -> None:
    """``apart``: the bias is added by the kernel that follows all the same."""
    made = schedule(convolved(spatial, *rest, **options)[0], CUDA, threads=1)
    (call,) = calls(made)
    assert "permute" not in call_text(call, "torch")
    assert len(call.src) == (2 if apart else 3)


OWN: list[tuple[int, tuple, dict]] = [
    (1, ([2], [1], [2]), {}),
    (2, ([2, 1], [1, 0], [1, 2]), {"bias": False}),
    (2, ([1], [1]), {"dtype": "bfloat16"}),
    (3, ([1], [1, 0, 1], [1]), {}),
]


@pytest.mark.parametrize(("spatial", "rest", "options"), OWN)
def test_single_channels_are_sums_of_windows(spatial: int, rest: tuple, options: dict) -> None:
    rest = (*rest, *([[1]] if len(rest) == 2 else []), 6)
    graph, arrays = convolved(spatial, *rest, groups=6, channels=(6, 6), **options)
    made = schedule(graph, CUDA, threads=1)
    assert not calls(made) and len(made.program.kernels) == 1
    (node,) = graph.outputs[0].inputs
    wanted = called(str(node.attrs["target"]), node.attrs["arguments"]["args"], arrays)
    arrays = [a.astype(DTYPES[node.dtype]) for a in arrays]
    np.testing.assert_array_equal(interpreted(made, arrays).astype(float), np.maximum(wanted, 0))


def test_the_librarys_layout_is_the_first_alternative() -> None:
    graph = convolved(2)[0]
    first = schedule(graph, CUDA, threads=1)
    other = alternatives(first, graph, CUDA, threads=1)[0]
    assert "permute" in calls(first)[0].attrs and "permute" not in calls(other)[0].attrs


def test_processors_keep_the_librarys_call() -> None:
    (call,) = calls(schedule(convolved(2)[0], CPU, threads=1))
    assert len(call.src) == 3 and "result" not in call.attrs


def chain() -> Graph:
    """Three convolutions with activations between, the second one pointwise."""
    b = Builder()
    x = b.input("x", 0, TensorType((2, 16, 8, 8), "float32"))
    state: list[Node] = []

    def layer(value: Node, number: int, taps: int) -> Node:
        weight = b.parameter(f"w{number}", TensorType((16, 16, taps, taps), "float32"))
        state.append(weight)
        size = value.shape[2] - taps + 1
        args = [{"input": 0}, {"input": 1}, None]
        made = b.make(
            "call", [value, weight], target="aten.conv2d.default", output_index=0,
            arguments={"args": args, "kwargs": {}},
            out_type=TensorType((2, 16, size, size), "float32"),
        )  # fmt: skip
        return b.relu(made)

    out = layer(layer(layer(x, 0, 3), 1, 1), 2, 3)
    return Graph("chain", [x], state, [out])


def test_a_chain_is_transposed_at_its_ends() -> None:
    made = schedule(chain(), CUDA, threads=1)
    turned = [k for k in made.program.kernels if any(p.strides for p in k.params)]
    assert len(calls(made)) == 3 and len(made.program.kernels) == 4
    assert all("result" in c.attrs for c in calls(made))
    assert len(turned) == 2  # the input, and what follows the last convolution


def pooled(kind: str, kernel: int, padding: int) -> tuple[Graph, Graph]:
    """max_pool or avg_pool of a convolution, as it is and with the bias added afterwards."""
    graph = convolved(2)[0]
    (relu,) = graph.outputs
    b, (x,) = Builder(), relu.inputs
    sizes = [(n + 2 * padding - kernel) // 2 + 1 for n in x.shape[2:]]
    attrs = {"kernel": (kernel,) * 2, "stride": (2, 2), "padding": (padding,) * 2}
    more = {"dilation": (1, 1)} if kind == "max_pool" else {"include_pad": True, "divisor": None}
    made = b.make(kind, [x], **attrs, **more, out=tuple(sizes))
    plain = rule.channels_last(decompose(dataclasses.replace(graph, outputs=[made])))
    return plain, late_biases(plain)


@pytest.mark.parametrize(
    ("kind", "kernel", "padding", "late"),
    [("max_pool", 3, 1, True), ("avg_pool", 2, 0, True), ("avg_pool", 3, 1, False)],
)
def test_biases_are_added_after_pools(kind: str, kernel: int, padding: int, late: bool) -> None:
    """Not where a window reaches outside and reads zeros, to which no bias is added."""
    from kernelwright.frameworks._torch_capture_call import numpy_calls

    plain, after = pooled(kind, kernel, padding)
    arrays = convolved(2)[1]
    state = dict(zip(("w", "bias"), arrays[1:]))
    (wanted,), (found,) = (
        evaluate(g, arrays[:1], state, calls=numpy_calls(g)) for g in (plain, after)
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    windows = [n for n in after.nodes() if n.op == "window"]
    assert windows and any(n.inputs[0].op == "add" for n in windows) != late
