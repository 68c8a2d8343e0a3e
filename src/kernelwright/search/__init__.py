"""Ask/tell searchers, one module each, listed by ``SEARCHERS``. They know no kernel, no device and
no language model: points are integers by name, costs are numbers."""

from __future__ import annotations

from kernelwright.registry import Registry
from kernelwright.search._base import Factory, Point, Searcher, SearchSpace
from kernelwright.search._population import Individual, Population
from kernelwright.search._population import Settings as PopulationSettings

SEARCHERS: Registry[Factory] = Registry("searcher", "kernelwright.search", "SEARCHER")

__all__ = [
    "SEARCHERS",
    "Factory",
    "Individual",
    "Point",
    "Population",
    "PopulationSettings",
    "SearchSpace",
    "Searcher",
]
