from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kernelwright.backends import BACKENDS
from kernelwright.config import Config, resolve
from kernelwright.graph.core import Builder, Graph, Node, TensorType
from kernelwright.verify.roofline import peaks as peaks_module
from kernelwright.verify.roofline.bound import (
    Light,
    Peaks,
    below_light,
    bound_us,
    compute_dtype,
    minimal_traffic,
)
from kernelwright.verify.roofline.peaks import PeaksError, path_of, peaks

PEAKS = Peaks(
    device="test",
    bandwidth=((1000, 4e9), (100_000, 2e9), (0, 1e9)),
    flops={"float32": 1e9, "float16": 2e9},
    last_level_bytes=100_000,
)


def graph_of(make: Callable[..., Node], *shapes: tuple[int, ...], dtype: str = "float32") -> Graph:
    b = Builder()
    inputs = [b.input(f"x{i}", i, TensorType(s, dtype)) for i, s in enumerate(shapes)]
    return Graph("g", inputs, [], [make(b, *inputs)])


def moved(make: Callable[..., Node], *shapes: tuple[int, ...], dtype: str = "float32") -> int:
    return minimal_traffic(graph_of(make, *shapes, dtype=dtype)).bytes


def test_elementwise_reads_each_input_once() -> None:
    assert moved(lambda b, x, y: b.add(b.mul(x, y), x), (8, 4), (8, 4)) == 3 * 32 * 4
    assert moved(lambda b, x: b.add(x, x), (8, 4), dtype="float16") == 2 * 32 * 2


def test_unused_inputs_cost_nothing() -> None:
    assert moved(lambda b, x, y: b.relu(x), (10,), (1000,)) == 2 * 40


def test_parameters_count_and_constants_do_not() -> None:
    b = Builder()
    x = b.input("x", 0, TensorType((4, 8), "float32"))
    w = b.parameter("w", TensorType((4, 8), "float32"))
    out = b.add(b.mul(x, w), b.expand(b.constant(2.0, "float32"), shape=(4, 8)))
    assert minimal_traffic(Graph("g", [x], [w], [out])).bytes == 3 * 128


def test_reduction_and_two_uses() -> None:
    def make(b: Builder, x: Node) -> Node:
        return b.div(x, b.sum(x, axes=(1,), keepdims=True))

    def broadcast(b: Builder, x: Node) -> Node:
        total = b.expand(b.sum(x, axes=(1,), keepdims=True), shape=(16, 32))
        return b.div(x, total)

    del make
    assert moved(broadcast, (16, 32)) == 2 * 16 * 32 * 4


def test_slices_count_what_they_read() -> None:
    def rows(b: Builder, x: Node, start: int, stop: int) -> Node:
        return b.slice(x, starts=(start, 0), stops=(stop, 10), steps=(1, 1))

    assert moved(lambda b, x: b.relu(rows(b, x, 0, 10)), (100, 10)) == 2 * 400
    # both halves of a gated unit are needed
    assert moved(lambda b, x: b.mul(rows(b, x, 0, 50), rows(b, x, 50, 100)), (100, 10)) == 6000
    # the same half twice is read once
    assert moved(lambda b, x: b.mul(rows(b, x, 0, 50), rows(b, x, 0, 50)), (100, 10)) == 4000


def test_slice_after_the_work_asks_for_its_part_only() -> None:
    def make(b: Builder, x: Node) -> Node:
        return b.slice(b.exp(x), starts=(0,), stops=(10,), steps=(1,))

    found = minimal_traffic(graph_of(make, (1000,)))
    assert found.bytes == 80
    assert found.flops == 100


def test_expand_needs_no_new_work() -> None:
    def make(b: Builder, x: Node) -> Node:
        return b.exp(b.expand(x, shape=(1000, 8)))

    found = minimal_traffic(graph_of(make, (1, 8)))
    assert found.bytes == 8 * 4 + 8000 * 4
    assert found.flops == 80


def test_matmul_flops() -> None:
    found = minimal_traffic(graph_of(lambda b, x, y: b.matmul(x, y), (8, 16), (16, 4)))
    assert found.flops == 2 * 8 * 16 * 4
    assert found.bytes == 4 * (8 * 16 + 16 * 4 + 8 * 4)


def test_product_with_a_diagonal_is_a_scaling() -> None:
    def composite(b: Builder, v: Node, m: Node) -> Node:
        return b.matmul(b.diag(v), m)

    def spelled_out(b: Builder, v: Node, m: Node) -> Node:
        index = {"shape": (32, 32), "dtype": "int64"}
        equal = b.eq(b.iota(axis=0, **index), b.iota(axis=1, **index))
        zero = b.expand(b.constant(0.0, "float32"), shape=(32, 32))
        return b.matmul(b.where(equal, b.expand(v, shape=(32, 32)), zero), m)

    for make in (composite, spelled_out):
        found = minimal_traffic(graph_of(make, (32,), (32, 32)))
        assert found.flops <= 3 * 32 * 32  # never 2 * 32**3
        assert found.bytes <= 4 * (32 + 2 * 32 * 32)


def test_triangles_read_their_part() -> None:
    found = moved(lambda b, x: b.tril(x, diagonal=0), (4, 4))
    assert found == 4 * 10 + 4 * 16
    assert moved(lambda b, x: b.triu(x, diagonal=1), (4, 4)) == 4 * 6 + 4 * 16


def test_framework_ops_count_only_what_is_known_to_be_read() -> None:
    def call(target: str, shape: tuple[int, ...]) -> Callable[..., Node]:
        out = TensorType(shape, "float32")
        return lambda b, *xs: b.make(
            "call", xs, target=target, output_index=0, arguments=[], out_type=out
        )

    assert moved(call("aten.embedding.default", (2, 8)), (1000, 8)) == 2 * 64
    assert moved(call("aten.convolution.default", (4,)), (100,)) == 400 + 16
    assert moved(call("aten.mystery.default", (4,)), (100,)) == 16


@pytest.mark.parametrize("op", ["softmax", "gelu", "layer_norm", "cross_entropy"])
def test_composites_and_their_decompositions_agree_on_bytes(op: str) -> None:
    b = Builder()
    x = b.input("x", 0, TensorType((16, 32), "float32"))
    y = b.input("y", 1, TensorType((16,), "int64"))
    makers: dict[str, Callable[[], Node]] = {
        "softmax": lambda: b.softmax(x, axis=1),
        "gelu": lambda: b.gelu(x),
        "layer_norm": lambda: b.layer_norm(x, axes=(1,)),
        "cross_entropy": lambda: b.cross_entropy(x, y),
    }
    node = makers[op]()
    from kernelwright.graph.ops import op_definition

    definition = op_definition(op)
    assert definition.decompose is not None
    plain = definition.decompose(b, node.inputs, node.attrs)
    graphs = [Graph("g", [x, y], [], [out]) for out in (node, plain)]
    counts = [minimal_traffic(g).bytes for g in graphs]
    assert counts[0] >= 16 * 32 * 4
    assert counts[1] <= counts[0] * 1.01


def test_compute_dtype() -> None:
    assert compute_dtype(graph_of(lambda b, x: b.relu(x), (4,), dtype="float16")) == "float16"

    def widened(b: Builder, x: Node, y: Node) -> Node:
        return b.cast(b.matmul(x, y), dtype="float32")

    assert compute_dtype(graph_of(widened, (4, 4), (4, 4), dtype="float16")) == "float16"


def test_bound_takes_the_larger_time_at_the_right_level() -> None:
    assert bound_us(1000, 0, "float32", PEAKS, 1000) == pytest.approx(0.25)
    assert bound_us(1000, 0, "float32", PEAKS, 1001) == pytest.approx(0.5)
    assert bound_us(1000, 0, "float32", PEAKS, 10**9) == pytest.approx(1.0)
    assert bound_us(1000, 10_000, "float32", PEAKS, 1000) == pytest.approx(10.0)
    assert bound_us(1000, 10_000, "float16", PEAKS, 1000) == pytest.approx(5.0)
    assert bound_us(0, 10_000, "int8", PEAKS, 0) == pytest.approx(5.0)  # the best known rate


@pytest.mark.parametrize(
    ("time", "working_set", "expected"),
    [
        (77.0, 10**6, Light.POSSIBLE),
        (76.9, 400_000, Light.REJECT),
        (76.9, 399_999, Light.FLAG),
        (1.0, 10, Light.FLAG),
        (200.0, 10**9, Light.POSSIBLE),
    ],
)
def test_below_light(time: float, working_set: int, expected: Light) -> None:
    assert below_light(time, 100.0, working_set, 100_000) is expected


def test_without_a_bound_or_a_cache_size_nothing_is_rejected() -> None:
    assert below_light(1.0, None, 10**9, 100_000) is Light.POSSIBLE
    assert below_light(1.0, 100.0, 10**9, 0) is Light.FLAG


def test_peaks_survive_json() -> None:
    assert Peaks.from_dict(json.loads(json.dumps(PEAKS.to_dict()))) == PEAKS


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Peaks, Config]:
    config = resolve({"state_dir": str(tmp_path_factory.mktemp("state"))}, environ={})
    (device,) = BACKENDS.get("cpu").devices()
    return peaks(device, config), config


def test_measured_peaks_are_plausible_and_kept(measured: tuple[Peaks, Config]) -> None:
    found, config = measured
    (device,) = BACKENDS.get("cpu").devices()
    rates = [rate for _, rate in found.bandwidth]
    assert rates == sorted(rates, reverse=True)
    assert 1e8 < rates[-1] < 1e14
    assert found.bandwidth[-1][0] == 0
    assert 1e8 < found.flops["float64"] <= found.flops["float32"] * 1.1 < 1e16
    assert found.flops["bfloat16"] >= found.flops["float32"]
    assert peaks(device, config) == found  # read back, not measured again


def test_damaged_file_is_measured_again(
    measured: tuple[Peaks, Config], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = resolve({"state_dir": str(tmp_path)}, environ={})
    (device,) = BACKENDS.get("cpu").devices()
    path = path_of(device, config)
    path.parent.mkdir(parents=True)
    path.write_text('{"version": 1, "pea')
    monkeypatch.setattr(peaks_module, "_measure", lambda *_: PEAKS)
    assert peaks(device, config) == PEAKS
    assert json.loads(path.read_text())["version"] == peaks_module.VERSION


def test_without_a_compiler_numpy_measures() -> None:
    config = resolve({"cxx": "no-such-compiler", "timing.threads": 1}, environ={})
    sizes = [1 << 16, 1 << 22]
    with pytest.raises(OSError):
        peaks_module._stream(sizes, config)
    found = peaks_module._numpy_stream(sizes, 1)
    assert set(found["bandwidth"]) == {str(s) for s in sizes}
    assert found["bandwidth"][str(1 << 16)]["assumed"] > found["bandwidth"][str(1 << 22)]["copy"]
    assert np.isfinite(found["flops"]["float32"])


def test_ascend_cannot_be_measured(tmp_path: Path) -> None:
    from kernelwright.backends import DeviceInfo

    config = resolve({"state_dir": str(tmp_path)}, environ={})
    with pytest.raises(PeaksError, match="ascend"):
        peaks(DeviceInfo("ascend", 0, "npu", "ascend910b4", 0), config)


def test_measuring_again_never_lowers_a_rate() -> None:
    from kernelwright.verify.roofline.peaks import _higher

    one = Peaks("d", ((8, 10.0), (0, 5.0)), {"float32": 3.0}, 8)
    two = Peaks("d", ((8, 9.0), (0, 6.0)), {"float32": 4.0, "float64": 1.0}, 8)
    both = _higher(one, two)
    assert both.bandwidth == ((8, 10.0), (0, 6.0))
    assert both.flops == {"float32": 4.0, "float64": 1.0}
