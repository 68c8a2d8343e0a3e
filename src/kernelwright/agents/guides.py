"""What an author is given beside the task: the guide of what is written, and fitting examples.

Both are files: ``dsl/<impl_type>/guide.md`` and ``dsl/<impl_type>/examples/*.md``; AUL's stand in
``agents/examples``. An example's first line is ``tags: softmax, reduction``, words that are looked
for in the reference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kernelwright.dsl import DSLS

MAX_EXAMPLES = 2
_AUL = Path(__file__).with_name("examples")


@dataclass(frozen=True)
class Example:
    """``text``: a reference and an answer, as Markdown."""

    name: str
    tags: tuple[str, ...]
    text: str


def guide(impl_type: str) -> str:
    """The guide for authors of ``impl_type``; raises UnknownNameError for one that has none."""
    return DSLS.get(impl_type).guide.read_text(encoding="utf-8")


def advice(impl_type: str) -> str:
    """The part of the guide that says what matters; all of it where no part is called so."""
    text = guide(impl_type)
    _, mark, rest = text.partition("What matters:\n")
    return f"# What matters\n{rest}" if mark else text


def aul_guide() -> str:
    """AUL on one page, for a model."""
    return Path(__file__).with_name("aul_guide.md").read_text(encoding="utf-8")


def examples(impl_type: str) -> list[Example]:
    """Every example of an impl_type, or of "aul", by name."""
    folder = _AUL if impl_type == "aul" else DSLS.get(impl_type).guide.parent / "examples"
    return [read_example(path) for path in sorted(folder.glob("*.md"))]


def read_example(path: Path) -> Example:
    head, _, text = path.read_text(encoding="utf-8").partition("\n")
    tags = tuple(t.strip() for t in head.removeprefix("tags:").split(","))
    return Example(path.stem, tags, text.strip() + "\n")


def chosen(impl_type: str, reference: str, most: int = MAX_EXAMPLES) -> list[Example]:
    """The examples whose tags stand most often in ``reference``; the first ones by name where none
    does, so that a model always sees the form of an answer."""
    words = set(re.findall(r"[a-z]+", reference.lower()))
    ranked = sorted(examples(impl_type), key=lambda e: (-len(words.intersection(e.tags)), e.name))
    fitting = [e for e in ranked if words.intersection(e.tags)]
    return (fitting or ranked[:1])[:most]
