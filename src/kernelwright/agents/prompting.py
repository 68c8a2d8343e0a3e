"""Prompts are text files (``prompts/*.txt``, Jinja templates); this fills them in."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined


@functools.cache
def _environment() -> Environment:
    folder = files("kernelwright.agents") / "prompts"
    texts = {item.name: item.read_text("utf-8") for item in folder.iterdir()}
    return Environment(
        loader=DictLoader(texts), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=False, autoescape=False,
    )  # fmt: skip


def prompt(name: str, **values: Any) -> str:
    """The template ``name`` with ``values``; raises jinja2.UndefinedError for one that is missing.
    Values are put in as they are: nothing in them is taken for a template."""
    return _environment().get_template(f"{name}.txt").render(**values).strip() + "\n"
