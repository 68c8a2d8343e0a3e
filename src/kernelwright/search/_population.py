"""A population of tried things: islands, cells, and who is a parent next.

It knows nothing of what is tried. Each *individual* has a name, a cost (lower is better, infinity
for a failure), the island that it was made on and the cell that it falls into (what kind of thing
it is). An island keeps the best of each cell, after J.-B. Mouret and J. Clune, "Illuminating
search spaces by mapping elites" (2015). Parents are chosen among these by upper confidence bounds,
after P. Auer et al., "Finite-time analysis of the multiarmed bandit problem" (2002): a good one
often, one that was seldom tried sometimes.

Every choice is a function of the seed, the round, the slot and what was told, so that a search that
was cut off and told the same again goes on as it would have.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Individual:
    """``parents``: the names of what it was made from, the first one mainly. ``kind``: how."""

    name: str
    cost: float
    island: int = 0
    cell: tuple[str, ...] = ()
    round: int = 0
    parents: tuple[str, ...] = ()
    kind: str = ""

    @property
    def right(self) -> bool:
        """Whether it was judged right, and so has a cost."""
        return math.isfinite(self.cost)


@dataclass(frozen=True)
class Settings:
    """``islands`` that exchange their best every ``migration_interval`` rounds (0: never);
    ``elites`` of the whole population are parents too, with probability ``elite_prob``.
    ``exploration`` weighs what was seldom tried. Raises ValueError."""

    islands: int = 1
    migration_interval: int = 0
    elites: int = 0
    elite_prob: float = 0.5
    exploration: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.islands < 1 or self.migration_interval < 0 or self.elites < 0:
            raise ValueError("islands must be at least 1, migration_interval and elites at least 0")
        if not 0 <= self.elite_prob <= 1 or self.exploration < 0:
            raise ValueError("elite_prob must be within 0 and 1, exploration at least 0")


class Population:
    """``told`` holds every individual in order, each name once."""

    def __init__(self, settings: Settings | None = None, told: Iterable[Individual] = ()) -> None:
        self.settings = settings or Settings()
        self.told: dict[str, Individual] = {}
        self._children: dict[str, int] = {}
        self._cells: dict[tuple[int, tuple[str, ...]], Individual] = {}
        for individual in told:
            self.tell(individual)

    def tell(self, individual: Individual) -> bool:
        """Adds one that is not known yet; whether it is the best of its cell on its island now."""
        if individual.name in self.told:
            return False
        self.told[individual.name] = individual
        for parent in individual.parents:
            self._children[parent] = self._children.get(parent, 0) + 1
        return self._settle(individual, individual.island)

    def _settle(self, individual: Individual, island: int) -> bool:
        if math.isinf(individual.cost):
            return False
        place = (island, individual.cell)
        holder = self._cells.get(place)
        if holder is not None and holder.cost <= individual.cost:
            return False
        self._cells[place] = individual
        return True

    def knows(self, name: str) -> bool:
        return name in self.told

    @property
    def best(self) -> Individual | None:
        """The cheapest; the first told of equals. None while all failed."""
        alive = [i for i in self.told.values() if i.right]
        return min(alive, key=lambda i: i.cost, default=None)

    def island_of(self, slot: int) -> int:
        return slot % self.settings.islands

    def members(self, island: int) -> list[Individual]:
        """The best of each cell of an island, the cheapest first."""
        found = {i.name: i for (place, _), i in self._cells.items() if place == island}
        return sorted(found.values(), key=lambda i: (i.cost, i.name))

    def elites(self) -> list[Individual]:
        alive = [i for i in self.told.values() if i.right]
        return sorted(alive, key=lambda i: (i.cost, i.name))[: self.settings.elites]

    # ---- asking ------------------------------------------------------------------------------

    def generator(self, round_: int, slot: int) -> random.Random:
        """The source of chance of one slot of one round."""
        return random.Random(f"{self.settings.seed}/{round_}/{slot}")

    def parent(
        self,
        round_: int,
        slot: int,
        *,
        among: Iterable[str] | None = None,
        pending: Mapping[str, int] | None = None,
    ) -> Individual | None:
        """Who is mutated in a slot; of ``among`` only, where given. ``pending``: children that are
        asked for and not told yet, by parent. None while nobody lives."""
        draw = self.generator(round_, slot)
        pool = self.members(self.island_of(slot))
        if (elites := self.elites()) and draw.random() < self.settings.elite_prob:
            pool = elites
        allowed = None if among is None else set(among)
        pool = [i for i in pool if allowed is None or i.name in allowed]
        if not pool:  # an island without life is settled from the others
            alive = [i for i in self.told.values() if i.right]
            pool = [i for i in alive if allowed is None or i.name in allowed]
        if not pool:
            return None
        best = min(i.cost for i in pool)
        tries = {i.name: self._tries(i.name) + (pending or {}).get(i.name, 0) for i in pool}
        total = math.log(1 + sum(tries.values()))

        def bound(one: Individual) -> float:
            reward = best / one.cost if one.cost > 0 else 1.0
            return reward + self.settings.exploration * math.sqrt(total / (1 + tries[one.name]))

        return max(pool, key=lambda i: (bound(i), i.name))

    def _tries(self, name: str) -> int:
        return self._children.get(name, 0)

    def inspirations(
        self, parent: Individual, count: int, round_: int, slot: int
    ) -> list[Individual]:
        """Others to learn from: the cheapest of other cells first, then any, never the parent."""
        others = [i for i in self.members(self.island_of(slot)) if i.name != parent.name]
        others += [i for i in self.elites() if i.name != parent.name and i not in others]
        apart = [i for i in others if i.cell != parent.cell]
        near = [i for i in others if i.cell == parent.cell]
        self.generator(round_, slot).shuffle(near)
        return [*apart, *near][:count]

    def migrate(self, round_: int) -> list[Individual]:
        """After a round: each island's best goes to the next island, where its cell is free or
        worse. Gives those that moved."""
        interval, count = self.settings.migration_interval, self.settings.islands
        if not interval or count < 2 or (round_ + 1) % interval:
            return []
        leaving = [(k, self.members(k)[0]) for k in range(count) if self.members(k)]
        return [i for k, i in leaving if self._settle(i, (k + 1) % count)]

    # ---- for people --------------------------------------------------------------------------

    def lineage(self, name: str) -> list[Individual]:
        """From the first ancestor to ``name``, by main parents."""
        line: list[Individual] = []
        while name in self.told and all(i.name != name for i in line):
            line.append(self.told[name])
            name = line[-1].parents[0] if line[-1].parents else ""
        return line[::-1]

    def mermaid(self) -> str:
        """Everybody and their parents as a Mermaid graph."""
        lines = ["graph TD"]
        names = {name: f"n{i}" for i, name in enumerate(self.told)}
        best = self.best
        for name, one in self.told.items():
            cost = "failed" if math.isinf(one.cost) else f"{one.cost:.3g}"
            lines.append(f'  {names[name]}["{name[:8]} {one.kind}<br/>{cost}"]')
            lines += [f"  {names[p]} --> {names[name]}" for p in one.parents if p in names]
        if best is not None:
            lines.append(f"  style {names[best.name]} stroke-width:4px")
        return "\n".join(lines) + "\n"
