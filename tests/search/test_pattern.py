"""The searcher asks each point once and ends at the best of a small space."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kernelwright.search.pattern import PatternSearch

SPACE = {"a": (1, 2, 4, 8), "b": (16, 32, 64)}


@given(st.integers(0, 1000))
def test_it_finds_the_best_of_a_bowl_and_never_repeats(seed: int) -> None:
    def cost(values: dict[str, int]) -> float:
        return abs(values["a"] - 8) + abs(values["b"] - 16)

    start = {"a": 1, "b": 64}
    search = PatternSearch(SPACE, start, seed=seed)
    search.tell(start, cost(start))
    seen = [tuple(start.values())]
    while (values := search.ask()) is not None:
        seen.append(tuple(values.values()))
        search.tell(values, cost(values))
    assert len(seen) == len(set(seen))
    assert search.values(search.best) == {"a": 8, "b": 16}


def test_neighbours_of_the_best_point_come_first() -> None:
    search = PatternSearch(SPACE, {"a": 2, "b": 32})
    search.tell({"a": 2, "b": 32}, 1.0)
    first = search.ask()
    assert first is not None
    moved = [n for n in SPACE if first[n] != {"a": 2, "b": 32}[n]]
    assert len(moved) == 1


def test_failures_are_never_best() -> None:
    search = PatternSearch(SPACE, {"a": 1, "b": 16})
    search.tell({"a": 1, "b": 16}, 5.0)
    search.tell({"a": 2, "b": 16}, float("inf"))
    assert search.values(search.best) == {"a": 1, "b": 16}
