"""Every searcher, by its registry name: finds the optimum of small separable spaces, never repeats
itself needlessly, is deterministic by its seed, survives failures."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.search import SEARCHERS, Searcher, SearchSpace
from kernelwright.search.halving import Race

REPEATS = {"halving"}  # asks survivors again
Cost = Callable[[Mapping[str, int]], float]


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    counts = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    choices = {f"p{i}": tuple(2**k for k in range(n)) for i, n in enumerate(counts)}
    start = {name: draw(st.sampled_from(values)) for name, values in choices.items()}
    return SearchSpace(choices, start)


def bowl(optimum: Mapping[str, int]) -> Cost:
    """Separable, with one optimum of cost 1."""
    return lambda p: 1 + sum(abs(math.log2(p[n]) - math.log2(o)) for n, o in optimum.items())


def explore(search: Searcher, cost: Cost, limit: int = 2000) -> list[tuple[int, ...]]:
    asked = []
    while (point := search.ask()) is not None:
        asked.append(tuple(point.values()))
        search.tell(point, cost(point))
        assert len(asked) <= limit
    return asked


def test_the_registry_lists_them() -> None:
    assert SEARCHERS.names() == ["halving", "pattern", "random_order"]


@pytest.mark.parametrize("name", SEARCHERS.names())
@given(space=spaces(), seed=st.integers(0, 100), data=st.data())
@settings(max_examples=40, deadline=None)
def test_all_of_a_small_space_is_asked_and_the_best_is_kept(
    name: str, space: SearchSpace, seed: int, data: st.DataObject
) -> None:
    optimum = {n: data.draw(st.sampled_from(v)) for n, v in space.sorted.items()}
    search = SEARCHERS.get(name)(space, seed=seed)
    asked = explore(search, bowl(optimum))
    assert asked[0] == tuple(space.start[n] for n in space.sorted) or name in REPEATS
    assert len(set(asked)) == space.size
    if name not in REPEATS:
        assert len(asked) == space.size
    assert search.best == (optimum, 1.0)


@given(st.integers(0, 1000), st.data())
@settings(max_examples=60, deadline=None)
def test_pattern_search_needs_few_asks_on_a_bowl(seed: int, data: st.DataObject) -> None:
    choices = {n: tuple(2**k for k in range(8)) for n in "abc"}
    start = {n: data.draw(st.sampled_from(v)) for n, v in choices.items()}
    optimum = {n: data.draw(st.sampled_from(v)) for n, v in choices.items()}
    search = SEARCHERS.get("pattern")(SearchSpace(choices, start), seed=seed)
    cost, asks = bowl(optimum), 0
    while search.best is None or search.best[1] > 1:
        point = search.ask()
        assert point is not None
        search.tell(point, cost(point))
        asks += 1
    assert asks <= 60, "of 512 points"


@pytest.mark.parametrize("name", SEARCHERS.names())
def test_deterministic_by_seed_and_different_for_another(name: str) -> None:
    space = SearchSpace({"a": range(1, 9), "b": range(1, 9)}, {"a": 4, "b": 4})
    runs = [explore(SEARCHERS.get(name)(space, seed=s), lambda p: p["a"] + p["b"]) for s in (3, 3)]
    assert runs[0] == runs[1]
    other = explore(SEARCHERS.get(name)(space, seed=4), lambda p: p["a"] + p["b"])
    assert other != runs[0]


@pytest.mark.parametrize("name", SEARCHERS.names())
def test_asking_several_before_telling_repeats_none(name: str) -> None:
    space = SearchSpace({"a": range(1, 7), "b": range(1, 7)}, {"a": 1, "b": 1})
    search = SEARCHERS.get(name)(space, seed=0)
    points = [search.ask() for _ in range(8)]
    assert None not in points
    assert len({tuple(p.values()) for p in points if p}) == 8


@pytest.mark.parametrize("name", SEARCHERS.names())
def test_failures_are_never_best_and_do_not_end_the_search(name: str) -> None:
    space = SearchSpace({"a": range(1, 10)}, {"a": 5})
    search = SEARCHERS.get(name)(space, seed=0)
    explore(search, lambda p: 2.0 if p["a"] == 7 else math.inf)
    assert search.best == ({"a": 7}, 2.0)


@pytest.mark.parametrize("name", SEARCHERS.names())
def test_what_is_told_unasked_is_not_asked(name: str) -> None:
    space = SearchSpace({"a": range(1, 6)}, {"a": 3})
    search = SEARCHERS.get(name)(space, seed=0)
    for known in (1, 3):
        search.tell({"a": known}, float(known))
    asked = {p[0] for p in explore(search, lambda p: float(p["a"]))}
    assert {2, 4, 5} <= asked
    assert 3 not in asked
    assert search.best == ({"a": 1}, 1.0)


def test_a_start_outside_of_the_space_is_refused() -> None:
    with pytest.raises(ValueError, match="start 3 of a is none of"):
        SearchSpace({"a": (1, 2)}, {"a": 3})


# ---- races ---------------------------------------------------------------------------------------


@given(st.integers(1, 12), st.integers(0, 1000))
@settings(max_examples=50, deadline=None)
def test_a_race_gives_survivors_more_and_the_fastest_wins(count: int, seed: int) -> None:
    generator = random.Random(seed)
    true = {f"c{i}": 10.0 * 1.2**i for i in range(count)}
    race = Race(true, first=3)
    while (name := race.ask()) is not None:
        race.tell(name, true[name] * (1 + 0.05 * generator.random()))
    assert next(iter(race.ranking())) == "c0"
    told = [len(race.costs[n]) for n in true]
    assert min(told) >= 3
    assert told[0] == 12
    assert sum(told) <= 12 * min(count, 2) + 9 * count


def test_a_race_drops_failures_at_once_and_keeps_what_is_near() -> None:
    race = Race(["bad", "a", "b", "c", "slow"], first=2, near=0.1)
    costs = {"bad": math.inf, "a": 1.0, "b": 1.05, "c": 1.09, "slow": 5.0}
    while (name := race.ask()) is not None:
        race.tell(name, costs[name])
    assert len(race.costs["bad"]) == 1
    assert [len(race.costs[n]) for n in ("a", "b", "c")] == [8, 8, 8]
    assert len(race.costs["slow"]) == 2
    assert list(race.ranking()) == ["a", "b", "c", "slow", "bad"]


def test_a_race_of_nobody_ends() -> None:
    assert Race([]).ask() is None
