"""Suites: what is found, how it is chosen, and a workload's text at each of its sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelwright.bench.suite import SIZES, find_suite, select, suite_names
from kernelwright.errors import UsageError

MODEL = "class Model:\n    def forward(self, x):\n        return x\n"
SIZED = (
    'SIZES = {\n    "cpu": (4, 5),\n    "small": (2, 3),\n}\nrows, columns = SIZES["cpu"]\n\n\n'
    + MODEL
)
FAMILIES = {
    "activations", "broadcast", "reductions", "softmax", "normalization", "scans", "pooling",
    "losses", "movement", "interpolation", "dtypes", "blocks",
}  # fmt: skip


def test_our_suites_are_large_and_cover_the_families() -> None:
    assert suite_names() == ["algebra", "memory_bound"]
    bound, algebra = find_suite("memory_bound"), find_suite("algebra")
    assert len(bound) >= 200 and len(algebra) >= 40
    assert {w.family for w in bound} == FAMILIES
    for family in FAMILIES:
        assert sum(w.family == family for w in bound) >= 8, family


@pytest.mark.parametrize("suite", suite_names())
def test_every_workload_declares_all_sizes(suite: str) -> None:
    workloads = find_suite(suite)
    assert len({w.label for w in workloads}) == len(workloads)
    for workload in workloads:
        assert tuple(workload.sizes) == SIZES, workload.path
        assert workload.text.startswith('"""'), f"{workload.path} says nothing of itself"
        counts = {len(values) for values in workload.sizes.values()}
        assert len(counts) == 1, f"{workload.path}: sizes of different lengths"
        assert (workload.degenerate is not None) == (workload.family == "degenerate")


def test_a_text_at_another_size_has_the_numbers_written_out(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SIZED)
    (workload,) = find_suite(str(tmp_path))
    assert workload.sizes == {"cpu": (4, 5), "small": (2, 3)}
    assert workload.source("small") == "rows, columns = 2, 3\n\n\n" + MODEL
    assert workload.source("cpu/2") == "rows, columns = 2, 5\n\n\n" + MODEL
    assert workload.source("small/8").startswith("rows, columns = 1, 3\n")
    for size in ("gpu", "cpu/", "cpu/0", "cpu/x"):
        with pytest.raises(UsageError, match=f"no size '{size}'.*cpu, small"):
            workload.source(size)


def test_a_single_size_is_written_out_too(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text('SIZES = {"cpu": 7, "small": 3}\nn = SIZES["cpu"]\n' + MODEL)
    (workload,) = find_suite(str(tmp_path))
    assert workload.source("small") == "n = 3\n" + MODEL


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.py").write_text(MODEL)
    (tmp_path / "b.py").write_text(MODEL)
    (tmp_path / "shared.py").write_text("FACTOR = 2\n")
    found = find_suite(str(tmp_path))
    assert [w.label for w in found] == [f"{tmp_path.name}/b", "deep/a"]
    assert found[0].source("gpu") == MODEL


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class Model(:\n", "cannot be read"),
        ('SIZES = {"cpu": size()}\nn = SIZES["cpu"]\n' + MODEL, "literal dict"),
        ('SIZES = {"cpu": 3}\n' + MODEL, "not used"),
        ("x = 1\n", "no file under .* defines Model"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.py").write_text(text)
    with pytest.raises(UsageError, match=said):
        find_suite(str(tmp_path))


def test_neither_suite_nor_folder() -> None:
    with pytest.raises(UsageError, match="algebra, memory_bound"):
        find_suite("memory_bond")


def test_shards_share_out_every_family() -> None:
    workloads = find_suite("memory_bound")
    shards = [select(workloads, shard=f"{i}/4") for i in range(1, 5)]
    assert sorted(w.label for s in shards for w in s) == sorted(w.label for w in workloads)
    for shard in shards:
        assert {w.family for w in shard} == FAMILIES


def test_families_are_mixed_so_that_an_early_end_has_seen_some_of_each() -> None:
    chosen = select(find_suite("memory_bound"))
    assert {w.family for w in chosen[:60]} == FAMILIES
    assert select(find_suite("memory_bound")) == chosen


def test_only_and_families() -> None:
    workloads = find_suite("memory_bound")
    names = [w.name for w in select(workloads, only=["softmax_rows", "scans/cum*"])]
    assert "softmax_rows" in names and "cumsum_rows" in names and "log_softmax_rows" not in names
    assert {w.family for w in select(workloads, families=["losses", "scans"])} == {
        "losses",
        "scans",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        {"shard": "3/2"},
        {"shard": "0/2"},
        {"shard": "x"},
        {"families": ["loss"]},
        {"only": ["none*"]},
    ],
)
def test_a_choice_that_is_wrong_or_empty(arguments: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        select(find_suite("algebra"), **arguments)  # type: ignore[arg-type]
