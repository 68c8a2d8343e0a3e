"""How many neighbours each thread of a Triton kernel holds: what the printer tells Triton."""

from __future__ import annotations

import re

import pytest

from kernelwright.compiler.codegen.triton import PRINTER
from kernelwright.compiler.schedule import design
from kernelwright.graph import Builder, Graph, Node, TensorType
from kernelwright.schema import Target

GPU = Target("cuda", "sm_90")


def source(node: Node, *inputs: Node) -> str:
    made = design(Graph("op", list(inputs), [], [node], "tensor"), GPU)
    return PRINTER.print(made, GPU, "torch", {}).files["kernel.py"].decode()


def window(shape: tuple[int, ...], starts: tuple[int, ...], steps: tuple[int, ...]) -> str:
    """A kernel that copies a window of (64, 256) float32."""
    b = Builder()
    x = b.input("x", 0, TensorType((64, 256), "float32"))
    node = b.make("window", [x], starts=starts, steps=steps, shape=shape, value=0.0)
    return source(b.neg(node), x)


@pytest.mark.parametrize(
    ("shape", "starts", "steps"),
    [((64, 128), (0, 0), (1, 2)), ((64, 256), (0, 255), (1, -1)), ((64, 84), (0, 1), (1, 3))],
    ids=["every_other", "flipped", "every_third"],
)
def test_lanes_are_neighbours_where_no_vector_can_be_read(
    shape: tuple[int, ...], starts: tuple[int, ...], steps: tuple[int, ...]
) -> None:
    text = window(shape, starts, steps)
    accesses = re.findall(r"tl\.(?:load|store)\((.*)", text)
    assert len(accesses) == 2
    assert all("tl.multiple_of(" in a and "(4, 4)" in a for a in accesses if ", 2)" in a)
    assert all("tl.multiple_of(" in a for a in accesses)


def test_aligned_runs_are_left_to_triton() -> None:
    assert not re.search("max_contiguous|multiple_of", window((64, 128), (0, 128), (1, 1)))


def test_a_transposed_operand_keeps_its_own_lanes() -> None:
    """Flipped where it is stored, every access scalar; loaded along another axis, in vectors."""
    b = Builder()
    x = b.input("x", 0, TensorType((64, 64, 32), "float32"))
    y = b.input("y", 1, TensorType((64, 32, 64), "float32"))
    flipped = b.make("flip", [y], axes=(2,))
    text = source(b.add(b.transpose(x, axes=(0, 2, 1)), flipped), x, y)
    loads = re.findall(r"tl\.load\((.*)", text)
    hinted = {re.findall(r"\b[xy]\b", line)[0]: "multiple_of" in line for line in loads}
    assert hinted == {"x": False, "y": True}


def test_a_size_that_decides_stands_in_the_hint() -> None:
    """Rows of 113 never begin at a multiple of 4 floats; those of other sizes may."""
    b = Builder()
    x = b.input("x", 0, TensorType((64, 40, 113), "float32"))
    text = source(
        b.neg(b.make("slice", [x], starts=(0, 8, 0), stops=(64, 17, 113), steps=(1, 1, 1))), x
    )
    accesses = re.findall(r"tl\.(?:load|store)\((.*)", text)
    assert len(accesses) == 2
    assert all(re.search(r"multiple_of\(.* if \w+ % 4 != 0 else v\d", a) for a in accesses)


def test_lanes_follow_memory_where_a_tile_has_many_dimensions() -> None:
    """The operand's order differs from the result's; each is told as it is."""
    b = Builder()
    x = b.input("x", 0, TensorType((8, 6, 8, 16, 8), "float32"))
    text = source(b.neg(b.transpose(x, axes=(0, 2, 4, 3, 1))), x)
    (load,) = re.findall(r"tl\.load\((.*)", text)
    (store,) = re.findall(r"tl\.store\((.*)", text)

    def runs(line: str) -> list[int]:
        found = re.findall(r", \(([\d, ]+)\)\)", line)[-1]
        return [int(n) for n in found.split(",")]

    assert runs(store) == sorted(runs(store)) and runs(load) != sorted(runs(load))
    assert runs(load).index(max(runs(load))) != len(runs(load)) - 1


def test_narrow_types_take_as_many_elements_as_the_wide_ones_beside_them() -> None:
    b = Builder()
    x = b.input("x", 0, TensorType((64, 4096), "float32"))
    text = source(b.cast(b.neg(x), dtype="int8"), x)
    (load,) = re.findall(r"tl\.load\((.*)", text)
    (store,) = re.findall(r"tl\.store\((.*)", text)
    assert "multiple_of" not in load and re.search(r"multiple_of\(.*, \(4,\)\)", store)


def test_scans_keep_neighbours_in_a_thread() -> None:
    """Shifted by one, so that no vector can be read: lanes four elements apart all the same."""
    b = Builder()
    x = b.input("x", 0, TensorType((64, 1024), "float32"))
    moved = b.make("window", [x], starts=(0, -1), steps=(1, 1), shape=(64, 1024), value=0.0)
    text = source(b.make("cumsum", [moved], axis=1), x)
    assert "tl.cumsum" in text and "multiple_of" not in text


def test_one_index_a_row_does_not_count_for_the_warps() -> None:
    """Rows of a table normalised: as many warps as for rows that are read one after the other."""
    b = Builder()
    table = b.input("table", 0, TensorType((500, 768), "float32"))
    index = b.input("index", 1, TensorType((4096, 1), "int64"))
    rows = b.make("lookup", [table, index], shape=(4096, 768), follows=(-1, 1))
    text = source(b.make("softmax", [rows], axis=1), table, index)
    assert re.search(r"\bTM = 1\b", text) and "num_warps(16, " in text


def test_threads_hold_what_the_widest_large_tensor_takes() -> None:
    """Halves normalised with a float32 number a channel: eight at once."""
    b = Builder()
    x = b.input("x", 0, TensorType((64, 128, 1024), "float16"))
    scale = b.input("scale", 1, TensorType((128, 1), "float32"))
    text = source(b.cast(b.mul(b.cast(x, dtype="float32"), scale), dtype="float16"), x, scale)
    assert "num_warps(8, " in text


def test_lookups_far_from_each_other_are_one_a_thread() -> None:
    b = Builder()
    for classes, each in ((64, 1), (8, 8)):
        x = b.input("x", 0, TensorType((1 << 16, classes), "float32"))
        labels = b.input("labels", 1, TensorType((1 << 16,), "int64"))
        node = b.make("lookup", [x, labels], shape=(1 << 16,), follows=(0, -1), fill=0)
        text = source(b.neg(node), x, labels)
        assert f"num_warps({each}, BLOCK)" in text


def masked_loads(condition: str, first: int, second: int) -> list[str]:
    """The masks of the loads of ``where(i < j, x * 2, 0)``, i and j indices along two axes."""
    b = Builder()
    x = b.input("x", 0, TensorType((2, 256, 256), "float32"))
    i, j = (b.make("iota", [], shape=x.shape, axis=a, dtype="int64") for a in (first, second))
    zero = b.constant(0.0, "float32")
    chosen = b.where(b.make(condition, [i, j]), b.mul(x, b.constant(2.0, "float32")), zero)
    return re.findall(r"tl\.load\(.*mask=(.*), other", source(chosen, x))


def test_what_lies_beyond_a_diagonal_is_not_read() -> None:
    (mask,) = masked_loads("le", 2, 1)
    assert re.search(r"& t\d+$", mask)
    (mask,) = masked_loads("eq", 2, 1)
    assert not re.search(r"& t\d+$", mask)
    (mask,) = masked_loads("lt", 2, 2)
    assert not re.search(r"& t\d+$", mask)


@pytest.mark.parametrize(
    ("op", "each"), [("neg", 4), ("tanh", 4), ("erf", 8), ("sin", 16)], ids=str
)
def test_threads_hold_more_where_more_is_computed(op: str, each: int) -> None:
    b = Builder()
    x = b.input("x", 0, TensorType((1 << 20,), "float32"))
    assert f"num_warps({each}, BLOCK)" in source(b.make(op, [x]), x)


def test_scans_of_whole_rows_go_far_within_a_thread() -> None:
    b = Builder()
    x = b.input("x", 0, TensorType((4096, 8192), "float32"))
    assert "num_warps(64, " in source(b.make("cumsum", [x], axis=1), x)
