"""Small torch Models, family by family, the way public collections write them.

``MODELS`` maps a name to a task file's text: every one of them must be captured. ``REFUSED`` maps a
name to (text, words of the one sentence that says why it cannot be).
"""

from __future__ import annotations

import importlib
import pkgutil


def _gathered() -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    models: dict[str, str] = {}
    refused: dict[str, tuple[str, str]] = {}
    for info in pkgutil.iter_modules(__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{__name__}.{info.name}")
        for name, text in getattr(module, "MODELS", {}).items():
            models[f"{info.name}-{name}"] = text
        refused.update(getattr(module, "REFUSED", {}))
    return models, refused


MODELS, REFUSED = _gathered()
