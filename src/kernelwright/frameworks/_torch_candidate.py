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
from kernelwright.frameworks._torch_arrays import fill


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
        fill(model, state, device)
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
