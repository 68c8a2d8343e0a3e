"""Launching by one list of arguments, inputs and outputs in a row, as AKG does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernelwright.runtime.kernel import Kernel
from kernelwright.runtime.signature import empty, is_torch


def mod_launch(mod: Kernel, args: Sequence[Any], outputs: Sequence[int] = (-1,), **_: Any) -> Any:
    """Calls ``mod`` on ``args`` and gives the arguments at ``outputs``; AKG's further keywords
    (target, devices, timing) have no effect."""
    return launched(mod, args, outputs)


def launched(kernel: Kernel, arguments: Sequence[Any], wanted: Sequence[int]) -> Any:
    """``arguments``: the kernel's inputs, and then nothing or one tensor an output (that of a fake
    output is left alone). Gives those at the positions ``wanted`` after the call, in a list unless
    it is one. Raises UsageError for arguments that do not fit, IndexError for a position."""
    signature = kernel.signature
    count, total = len(signature.inputs), len(signature.inputs) + len(signature.outputs)
    inputs, rest = list(arguments[:count]), list(arguments[count:])
    if not rest and len(arguments) == count:
        device = next((str(x.device) for x in inputs if is_torch(x)), None)
        rest = [empty(*o, device) for o in signature.outputs]
    elif len(arguments) != total:
        raise IndexError(f"{signature.name} takes {total} arguments, or its {count} inputs alone")
    kernel(*inputs, out=[x for i, x in enumerate(rest) if i not in signature.fake])
    everything = [*inputs, *rest]
    results = [everything[i] for i in wanted]
    return results[0] if len(results) == 1 else results
