"""What an untrusted worker says, made fit for reports: bounded, printable text, finite numbers and
nothing but arrays. A worker shares its process with the candidate, which may answer in its place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from kernelwright.graph.structure import is_structure
from kernelwright.verify.rule.compare import Outputs

REASON_CHARACTERS = 4_000
LOG_CHARACTERS = 64 << 10


def plain_text(value: object, limit: int = REASON_CHARACTERS) -> str:
    """``value`` as text of at most ``limit`` characters: the beginning and the end of a longer one.

    Control characters (escape sequences that a terminal obeys) and lone surrogates (which no file
    can hold) become U+FFFD; newlines and tabs stay.
    """
    text = value if isinstance(value, str) else str(value)
    if len(text) > limit:
        half = limit // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def plain_number(value: Any) -> float | None:
    """``value`` if it is a finite, not negative number, else None."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) and value >= 0 else None


def plain_outputs(header: Mapping[str, Any], arrays: Sequence[Any]) -> Outputs | None:
    """The outputs in an answer, None when there is anything among them that is none."""
    structure = header.get("structure")
    if not is_structure(structure) or any(not hasattr(array, "dtype") for array in arrays):
        return None
    return Outputs(list(arrays), str(structure))
