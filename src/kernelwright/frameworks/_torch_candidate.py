"""Loading a candidate (``class ModelNew`` or ``def kernel``) as a callable on torch tensors."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from kernelwright.frameworks._base import StateEntry, StateMismatch
from kernelwright.frameworks._source import import_candidate
from kernelwright.frameworks._torch_arrays import dtype_text, to_native


def load_candidate(
    entry: Path, init_inputs: Sequence[Any], state: Sequence[StateEntry], device: str
) -> tuple[Callable[..., Any], float | None]:
    """The candidate of file ``entry`` on ``device``, its state filled by name, and the time that
    its ``prepare()`` took in microseconds (None without one).

    Raises StateMismatch when names, shapes or dtypes of the state differ, AttributeError when the
    file has neither ModelNew nor kernel, and whatever the candidate's own code raises.
    """
    module = import_candidate(entry)
    made = getattr(module, "ModelNew", None)
    if made is None:
        kernel = getattr(module, "kernel", None)
        if not callable(kernel):
            raise AttributeError(f"{entry.name} defines neither class ModelNew nor kernel()")
        if state:
            names = ", ".join(e.name for e in state)
            raise StateMismatch(f"kernel() cannot hold the Model's state ({names}): use ModelNew")
        return without_gradients(kernel), None
    with torch.no_grad():
        model = made(*copy.deepcopy(list(init_inputs)))
        if isinstance(model, torch.nn.Module):
            model = model.to(device)
        _fill(model, state, device)
        prepare = getattr(model, "prepare", None)
        prepare_us = _timed_us(prepare, device) if callable(prepare) else None
    return without_gradients(model), prepare_us


def without_gradients(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` under ``torch.no_grad()``; the same wrapper for references and candidates, so
    that its cost is on both sides of a comparison."""

    def call(*values: Any) -> Any:
        with torch.no_grad():
            return function(*values)

    return call


def synchronize(device: str) -> None:
    """Waits until the work queued on ``device`` is done."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def _timed_us(prepare: Callable[[], Any], device: str) -> float:
    synchronize(device)
    start = time.perf_counter_ns()
    prepare()
    synchronize(device)
    return (time.perf_counter_ns() - start) / 1000


def _fill(model: Any, state: Sequence[StateEntry], device: str) -> None:
    own = _tensors(model)
    wanted = {e.name: e for e in state}
    missing, extra = sorted(wanted.keys() - own.keys()), sorted(own.keys() - wanted.keys())
    if missing or extra:
        parts = [
            f"{word} {', '.join(n)}" for word, n in (("missing", missing), ("extra", extra)) if n
        ]
        raise StateMismatch(f"state of ModelNew: {'; '.join(parts)}")
    for name, entry in wanted.items():
        value, target = to_native(entry.array, device), own[name]
        if target.shape != value.shape or target.dtype != value.dtype:
            raise StateMismatch(f"state {name!r} is {_shown(target)}, not {_shown(value)}")
        target.detach().copy_(value)


def _tensors(model: Any) -> dict[str, torch.Tensor]:
    if not isinstance(model, torch.nn.Module):
        return {}
    return {
        n: t for n, t in model.state_dict(keep_vars=True).items() if isinstance(t, torch.Tensor)
    }


def _shown(tensor: torch.Tensor) -> str:
    return f"{dtype_text(tensor.dtype)}{list(tensor.shape)}"
