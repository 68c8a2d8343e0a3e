"""The population chooses by what it was told, its seed and the place asked from; no more."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.search import Individual, Population, PopulationSettings


def one(name: str, cost: float, **more: object) -> Individual:
    return Individual(name, cost, **more)  # type: ignore[arg-type]


def test_a_cell_keeps_its_best() -> None:
    population = Population()
    assert population.tell(one("a", 1.0, cell=("x",)))
    assert population.tell(one("b", 0.5, cell=("x",)))
    assert not population.tell(one("c", 0.7, cell=("x",)))
    assert population.tell(one("d", 2.0, cell=("y",)))
    assert not population.tell(one("e", math.inf, cell=("z",)))
    assert not population.tell(one("a", 0.1, cell=("x",)))  # a name is told once
    assert [i.name for i in population.members(0)] == ["b", "d"]
    assert population.best is not None and population.best.name == "b"
    assert population.knows("e") and population.elites() == []


def test_parents_are_the_good_ones_and_those_seldom_tried() -> None:
    population = Population(PopulationSettings(exploration=0.5))
    population.tell(one("good", 0.5, cell=("x",)))
    population.tell(one("poor", 1.0, cell=("y",)))
    assert population.parent(1, 0) == population.told["good"]
    chosen = []
    for number in range(40):
        parent = population.parent(number, 0)
        assert parent is not None
        chosen.append(parent.name)
        population.tell(one(f"child{number}", 3.0, cell=(parent.name[0],), parents=(parent.name,)))
    assert chosen.count("good") > chosen.count("poor") > 0
    greedy = Population(PopulationSettings(exploration=0.0), population.told.values())
    assert {greedy.parent(n, 0) for n in range(5)} == {population.told["good"]}


def test_what_is_asked_for_and_not_told_counts() -> None:
    population = Population(PopulationSettings(exploration=2.0))
    for name in "abc":
        population.tell(one(name, 1.0, cell=(name,)))
    pending: dict[str, int] = {}
    chosen = []
    for slot in range(6):
        parent = population.parent(1, slot, pending=pending)
        assert parent is not None
        pending[parent.name] = pending.get(parent.name, 0) + 1
        chosen.append(parent.name)
    assert sorted(chosen) == ["a", "a", "b", "b", "c", "c"]


def test_islands_and_migration() -> None:
    population = Population(PopulationSettings(islands=2, migration_interval=2))
    population.tell(one("a", 1.0, island=0, cell=("x",)))
    population.tell(one("b", 0.5, island=1, cell=("y",)))
    assert population.parent(1, 0) == population.told["a"]
    assert population.parent(1, 1) == population.told["b"]
    assert population.migrate(0) == []
    assert {i.name for i in population.migrate(1)} == {"a", "b"}
    assert [i.name for i in population.members(0)] == ["b", "a"]
    lonely = Population(PopulationSettings(islands=3))
    assert lonely.parent(0, 1) is None
    lonely.tell(one("a", 1.0))
    assert lonely.parent(0, 1) == lonely.told["a"]  # a dead island is settled from the others
    assert lonely.parent(0, 0, among=["b"]) is None


def test_inspirations_come_from_other_cells_first() -> None:
    population = Population(PopulationSettings(elites=3))
    for name, cost, cell in (("a", 0.5, "x"), ("b", 0.6, "y"), ("c", 0.7, "x"), ("d", 0.8, "x")):
        population.tell(one(name, cost, cell=(cell,)))
    found = population.inspirations(population.told["a"], 3, 1, 0)
    assert [i.name for i in found] == ["b", "c"]


def test_lineage_and_its_picture() -> None:
    population = Population()
    population.tell(one("aa", 1.0, kind="start"))
    population.tell(one("bb", 0.5, kind="mutation", parents=("aa",)))
    population.tell(one("cc", math.inf, kind="mutation", parents=("bb", "gone")))
    assert [i.name for i in population.lineage("cc")] == ["aa", "bb", "cc"]
    text = population.mermaid()
    assert text.startswith("graph TD") and "n0 --> n1" in text and "failed" in text
    assert "style n1" in text


@pytest.mark.parametrize("wrong", [{"islands": 0}, {"elites": -1}, {"elite_prob": 2.0}])
def test_wrong_settings(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        PopulationSettings(**wrong)  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(0, 3), st.integers(1, 60))
def test_a_search_that_was_cut_off_goes_on_as_it_would_have(
    seed: int, islands: int, interval: int, cut: int
) -> None:
    """Told the same by rounds, a new population asks the same from there on."""
    asked = PopulationSettings(islands, interval, elites=2, seed=seed)

    def child(parent: Individual | None, number: int, slot: int) -> Individual:
        draw = random.Random(f"{seed}{number}{slot}")
        base = 1.0 if parent is None else parent.cost
        cost = math.inf if draw.random() < 0.2 else base * draw.uniform(0.7, 1.4)
        cell = (str(draw.randrange(3)),)
        parents = () if parent is None else (parent.name,)
        return one(f"{number}.{slot}", cost, island=slot % islands, cell=cell, parents=parents)

    def run(population: Population, rounds: range, kept: list[list[Individual]]) -> None:
        for number in rounds:
            made = [child(population.parent(number, s), number, s) for s in range(4)]
            kept.append(made)
            for individual in made:
                population.tell(individual)
            population.migrate(number)

    whole, history = Population(asked), list[list[Individual]]()
    run(whole, range(12), history)
    again, done = Population(asked), cut % 12
    for number, made in enumerate(history[:done]):
        for individual in made:
            again.tell(individual)
        again.migrate(number)
    run(again, range(done, 12), [])
    assert list(again.told.values()) == list(whole.told.values())
    assert [again.members(k) for k in range(islands)] == [whole.members(k) for k in range(islands)]
