"""What is wrong with an info file, in one message: the file, the op, the field, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from kernelwright.errors import ReferenceBroken

CHECK = "info"


def fault(path: str, where: str, said: str, fix: str = "") -> ReferenceBroken:
    """The exception for a file that cannot be used. ``where`` names the op and the field."""
    text = f"{path}: {where}: {said}" if where else f"{path}: {said}"
    return ReferenceBroken(f"{text}; {fix}" if fix else text, check=CHECK)


def nearest(name: str, known: Iterable[str]) -> str:
    """ " (did you mean 'Add'?)" for a name that resembles a known one, else nothing."""
    folded = {k.lower(): k for k in sorted(known)}
    near = difflib.get_close_matches(name.lower(), folded, n=1)
    return f" (did you mean {folded[near[0]]!r}?)" if near else ""
