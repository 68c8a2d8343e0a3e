"""Tiles of elementwise kernels on a GPU: whole runs of memory on both sides, few idle lanes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kernelwright.aul import interpret
from kernelwright.aul import syntax as aul
from kernelwright.compiler.design import Design
from kernelwright.compiler.schedule import design
from kernelwright.compiler.schedule.tile_shapes import fitted
from kernelwright.graph import Builder, Graph, TensorType
from kernelwright.graph.evaluate import evaluate
from kernelwright.schema import Target

GPU = Target("cuda", "sm_90")


def agree(g: Graph, made: Design) -> None:
    """The interpreted design and the graph's own meaning."""
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(n.shape).astype(np.float32) for n in g.inputs]
    for t, o in zip(
        evaluate(g, inputs, {}, float64=True),
        interpret(made.program, [inputs[int(b.key)] for b in made.bindings]),
        strict=True,
    ):
        np.testing.assert_allclose(o, t, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("extent", "limit", "weight", "block"),
    [(384, 512, 16.0, 128), (56, 512, 16.0, 64), (56, 32, 1.0, 8), (3, 16, 1.0, 4), (0, 8, 1.0, 1)],
)
def test_blocks_waste_little(extent: int, limit: int, weight: float, block: int) -> None:
    assert fitted(extent, limit, weight) == block


def tiles_of(shape: tuple[int, ...], axes: tuple[int, ...]) -> dict[str, int]:
    b = Builder()
    x = b.input("x", 0, TensorType(shape, "float32"))
    made = design(Graph("op", [x], [], [b.neg(b.transpose(x, axes=axes))], "tensor"), GPU)
    return {d.name: d.default for d in made.program.declarations if isinstance(d, aul.Tunable)}


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((16, 3, 28, 16, 28, 16), (0, 2, 4, 3, 5, 1)),  # images as patches of 16 by 16
        ((64, 5, 7, 9, 11), (0, 4, 3, 2, 1)),
        ((512, 4, 4, 4, 4), (0, 2, 1, 4, 3)),
    ],
)
def test_a_tile_of_short_axes_has_enough_elements(
    shape: tuple[int, ...], axes: tuple[int, ...]
) -> None:
    area = math.prod(tiles_of(shape, axes).values())
    assert 256 <= area <= 4096


def test_short_axes_reduced_around_a_kept_one_share_a_tile() -> None:
    """Blocks of 4 by 4: what lies between the two reduced axes is read in whole lines."""
    b = Builder()
    x = b.input("x", 0, TensorType((64, 32, 4, 32, 4), "float32"))
    g = Graph("op", [x], [], [b.make("sum", [x], axes=(2, 4), keepdims=False)], "tensor")
    made = design(g, GPU)
    tiles = {d.name: d.default for d in made.program.declarations if isinstance(d, aul.Tunable)}
    assert 512 <= math.prod(tiles.values()) * 16 <= 8192 and tiles["TN"] >= 8
    agree(g, made)


def test_an_output_that_is_a_concatenation_in_another_shape_is_stored_once() -> None:
    b = Builder()
    x = b.input("x", 0, TensorType((30, 50), "float32"))
    y = b.input("y", 1, TensorType((30, 50), "float32"))
    pairs = [b.reshape(n, shape=(30, 50, 1)) for n in (b.add(x, y), b.sub(x, y))]
    g = Graph("op", [x, y], [], [b.reshape(b.concat(*pairs, axis=2), shape=(30, 100))], "tensor")
    made = design(g, GPU)
    assert len(made.program.kernels) == 1
    assert not any(isinstance(s, aul.Workspace) for s in made.program.host.body)
    agree(g, made)


def test_what_small_tensors_are_broadcast_to_has_larger_tiles() -> None:
    b = Builder()
    x = b.input("x", 0, TensorType((2048, 1), "float32"))
    y = b.input("y", 1, TensorType((1, 2048), "float32"))
    made = design(Graph("op", [x, y], [], [b.sub(x, y)], "tensor"), GPU)
    tiles = {d.name: d.default for d in made.program.declarations if isinstance(d, aul.Tunable)}
    assert math.prod(tiles.values()) == 4096


def test_a_few_elements_of_what_is_broadcast_are_folded_without_a_reduction() -> None:
    """Extents of the overlaps of pairs of boxes, in two and five dimensions."""
    for count, whole in ((2, False), (5, True)):
        b = Builder()
        x = b.input("x", 0, TensorType((300, 1, count), "float32"))
        y = b.input("y", 1, TensorType((1, 400, count), "float32"))
        low = b.make("minimum", [x, y])
        g = Graph("op", [x, y], [], [b.make("prod", [low], axes=(2,), keepdims=False)], "tensor")
        made = design(g, GPU)
        families = {
            s.family
            for k in made.program.kernels
            for s in aul.statements(k.body)
            if isinstance(s, aul.VectorOp)
        }
        assert ("vreduce_op" in families) == whole
        agree(g, made)


def test_a_large_transposition_keeps_more_in_flight() -> None:
    assert set(tiles_of((2048, 2048), (1, 0)).values()) == {32}
    assert set(tiles_of((8192, 4096), (1, 0)).values()) == {64}
