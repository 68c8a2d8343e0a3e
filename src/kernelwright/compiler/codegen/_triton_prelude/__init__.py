"""Device functions that a generated Triton file may need, as text; each file gets those it uses.

One text means the same in Triton's compiler and in its interpreter. Where the GPU has an
instruction that the interpreter lacks (an approximate reciprocal, a rounding), a function of one
line stands for it and has a branch for the interpreter; everything else is built on these, so what
the interpreter checks is the algorithm that the GPU runs.

The GPU's approximations (2**x, reciprocal, reciprocal root, logarithm) are good to one or two units
in the last place over their own range. The functions here reduce to that range, without branches:
a branch an element costs more than the few instructions that it saves. docs/gpu-arithmetic.md has
the instructions and the error of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from kernelwright.compiler.codegen._triton_prelude import (
    division,
    double,
    double_exponential,
    exponential,
    integers,
    inverse,
    logarithm,
    power,
    scans,
    teams,
    tiles,
)


def _by_name(texts: Iterable[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        match = re.search(r"^(?:def )?(\w+)", text.split("@triton.jit\n")[-1].strip())
        assert match is not None
        found[match.group(1)] = text.strip("\n")
    return found


_MODULES = (
    tiles,
    division,
    exponential,
    logarithm,
    power,
    inverse,
    double_exponential,
    double,
    scans,
    integers,
    teams,
)

FUNCTIONS: dict[str, str] = _by_name(text for module in _MODULES for text in module.TEXTS)


def needed(text: str) -> list[str]:
    """The functions that ``text`` uses, directly or through others, in definition order."""
    wanted = _mentioned([text])
    while True:
        more = wanted | _mentioned(FUNCTIONS[name] for name in wanted)
        if more == wanted:
            return [name for name in FUNCTIONS if name in wanted]
        wanted = more


def _mentioned(texts: Iterable[str]) -> set[str]:
    words = set(re.findall(r"\w+", "\n".join(texts)))
    return {name for name in FUNCTIONS if name in words}
