"""What tokens cost: a table that the user keeps, because prices change.

YAML, money per million tokens, in one currency throughout::

    currency: USD
    models:
      my-model: {input: 0.27, output: 1.10, cached_input: 0.07}
      "my-*":   {input: 0.50, output: 2.00}
      local-*:  free
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from kernelwright.errors import ConfigError
from kernelwright.llm.chat import Usage


@dataclass(frozen=True)
class Price:
    """Money per million tokens. ``cached_input`` None: cached tokens cost as others."""

    input: float
    output: float
    cached_input: float | None = None

    def cost(self, usage: Usage) -> float:
        cached_price = self.input if self.cached_input is None else self.cached_input
        fresh = max(usage.input_tokens - usage.cached_tokens, 0)
        total = fresh * self.input + usage.cached_tokens * cached_price
        return (total + usage.output_tokens * self.output) / 1e6


@dataclass(frozen=True)
class PriceTable:
    """``models`` maps names or patterns to prices; an exact name wins, then the first pattern."""

    models: Mapping[str, Price] = field(default_factory=dict)
    currency: str = "USD"

    def find(self, model: str) -> Price | None:
        if model in self.models:
            return self.models[model]
        return next((p for name, p in self.models.items() if fnmatchcase(model, name)), None)


def read_prices(path: Path) -> PriceTable:
    """The table in a file. Raises ConfigError for a missing or malformed one."""
    try:
        tree: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        models = {str(name): _price(entry) for name, entry in tree["models"].items()}
        return PriceTable(models, str(tree.get("currency", "USD")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"the price table {path} cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"the price table {path} needs 'models', each with input and output (money per million "
            f"tokens) or the word free: {error!r}"
        ) from error


def _price(entry: Any) -> Price:
    if entry == "free":
        return Price(0.0, 0.0, 0.0)
    cached = entry.get("cached_input")
    price = Price(
        float(entry["input"]), float(entry["output"]), None if cached is None else float(cached)
    )
    if min(price.input, price.output, price.cached_input or 0.0) < 0:
        raise ValueError("a price below zero")
    return price
