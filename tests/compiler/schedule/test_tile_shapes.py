"""Tiles of elementwise kernels on a GPU: whole runs of memory on both sides, few idle lanes."""

from __future__ import annotations

import math

import pytest

from kernelwright.aul import syntax as aul
from kernelwright.compiler.schedule import design
from kernelwright.compiler.schedule.tile_shapes import fitted
from kernelwright.graph import Builder, Graph, TensorType
from kernelwright.schema import Target

GPU = Target("cuda", "sm_90")


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
