"""What a candidate is measured against: the reference as its framework runs it.

A baseline is a function of the framework's name and the reference as a callable; it gives a
callable. It runs in the timing worker and may raise: a baseline that fails is reported, not fatal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kernelwright.errors import UnknownNameError, UnsupportedError

Baseline = Callable[[str, Callable[..., Any]], Callable[..., Any]]


def _eager(framework: str, call: Callable[..., Any]) -> Callable[..., Any]:
    return call


def _compiled(mode: str | None) -> Baseline:
    def make(framework: str, call: Callable[..., Any]) -> Callable[..., Any]:
        if framework != "torch":
            raise UnsupportedError(f"torch.compile does not exist for framework {framework!r}")
        import torch

        compiled: Callable[..., Any] = torch.compile(call, mode=mode)
        return compiled

    return make


EAGER = "eager"
BASELINES: Mapping[str, Baseline] = {
    EAGER: _eager,
    "compile": _compiled(None),
    # Without CUDA graphs: these hand out the same output buffer on every call.
    "max-autotune": _compiled("max-autotune-no-cudagraphs"),
}


def check_baselines(names: tuple[str, ...]) -> tuple[str, ...]:
    """``names`` without repetition, "eager" first; raises UnknownNameError."""
    for name in names:
        if name not in BASELINES:
            raise UnknownNameError("baseline", name, BASELINES)
    return tuple(dict.fromkeys((EAGER, *names)))
