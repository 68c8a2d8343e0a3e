"""Ask/tell searchers, one module each, listed by ``SEARCHERS``. They know no kernel, no device and
no language model: points are integers by name, costs are numbers."""

from __future__ import annotations

from kernelwright.registry import Registry
from kernelwright.search._base import Factory, Point, Searcher, SearchSpace

SEARCHERS: Registry[Factory] = Registry("searcher", "kernelwright.search", "SEARCHER")

__all__ = ["SEARCHERS", "Factory", "Point", "SearchSpace", "Searcher"]
