"""In the timing worker: the inputs of the next call, and samples of the outputs of the last."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kernelwright.frameworks._base import Framework
from kernelwright.verify.timing.rotation import (
    MIXED,
    Step,
    factor,
    factors,
    has_windows,
    inputs_of,
    mixable,
    scalable,
    scaled_of,
    window,
    write_window,
)

SAMPLED_ELEMENTS = 1 << 16


class Stage:
    """The inputs of the next call, as arrays turned native; for frameworks without in-place ops.

    ``windows_last``: whether ``patch`` writes the windows, so that ``refresh`` need not know them.
    """

    windows_last = False

    def __init__(self, framework: Framework, device: str, sets: Sequence[Sequence[Any]]) -> None:
        self._framework, self._device, self._sets = framework, device, sets

    def refresh(self, step: Step) -> list[Any]:
        """Native inputs of ``step``; complete only after ``patch``."""
        return [self._framework.to_native(v, self._device) for v in inputs_of(self._sets, step)]

    def patch(self, step: Step) -> None:
        """What is written after the flush, right before the call."""


class ArrayStage(Stage):
    """For NumPy: fresh arrays, completed in place."""

    windows_last = True

    def __init__(self, framework: Framework, device: str, sets: Sequence[Sequence[Any]]) -> None:
        super().__init__(framework, device, sets)
        # Found out now: looking through an input brings it into the caches.
        self._patched = [i for i, v in enumerate(sets[0]) if isinstance(v, np.ndarray)
                         and has_windows(v)]  # fmt: skip

    def refresh(self, step: Step) -> list[Any]:
        self._live = scaled_of(self._sets, step)
        return list(self._live)

    def patch(self, step: Step) -> None:
        for i in self._patched:
            write_window(self._live[i], self._sets[step.donor][i], step)


class TorchStage(Stage):
    """Inputs refreshed in place on the device, always at the same addresses.

    The windows are written *last*, in stream order, right before the clock starts: a candidate that
    works ahead on a stream of its own reads what was there before, and is wrong.
    """

    windows_last = True

    def __init__(self, framework: Framework, device: str, sets: Sequence[Sequence[Any]]) -> None:
        super().__init__(framework, device, sets)
        self._patched = [isinstance(v, np.ndarray) and has_windows(v) for v in sets[0]]
        self._scaled = [isinstance(v, np.ndarray) and scalable(v) for v in sets[0]]
        self._tables = [
            framework.to_native(factors(v.dtype), device)
            if isinstance(v, np.ndarray) and mixable(v)
            else None
            for v in sets[0]
        ]
        self._bases = [[framework.to_native(v, device) for v in values] for values in sets]
        self._live, self._flat = self._fresh()

    def _fresh(self) -> tuple[list[Any], list[Any]]:
        """Inputs at addresses of their own, and each flat in C order: itself, or a copy to go
        through where its axes lie otherwise in memory."""
        live = [
            base.clone() if isinstance(v, np.ndarray) else base
            for v, base in zip(self._sets[0], self._bases[0])
        ]
        flat = [
            x.contiguous().view(-1) if isinstance(v, np.ndarray) else x
            for v, x in zip(self._sets[0], live)
        ]
        return live, flat

    def clone(self) -> TorchStage:
        """Another stage over the same base sets, with inputs at other addresses."""
        other = object.__new__(TorchStage)
        other.__dict__.update(self.__dict__)
        other._live, other._flat = self._fresh()
        return other

    @property
    def live(self) -> list[Any]:
        """The inputs, at the addresses that they always have."""
        return list(self._live)

    def refresh(self, step: Step) -> list[Any]:
        import torch

        with torch.no_grad():
            for i, base in enumerate(self._bases[step.index]):
                if not isinstance(self._sets[0][i], np.ndarray):
                    continue
                source, flat, table = base.reshape(-1), self._flat[i], self._tables[i]
                if table is not None and step.offset >= 0:
                    _mix(source, table[step.offset :], flat)
                elif self._scaled[i]:
                    torch.mul(source, factor(step), out=flat)
                else:
                    flat.copy_(source)
                self._through(i)
        return self.live

    def patch(self, step: Step) -> None:
        import torch

        with torch.no_grad():
            for i, donor in enumerate(self._bases[step.donor]):
                if self._patched[i]:
                    flat = self._flat[i]
                    where = window(flat.numel(), flat.element_size(), step)
                    flat[where] = donor.reshape(-1)[where]
                    self._through(i)

    def _through(self, index: int) -> None:
        """From C order to where the input's axes lie otherwise."""
        live, flat = self._live[index], self._flat[index]
        if live.data_ptr() != flat.data_ptr():
            live.copy_(flat.view(live.shape))


def _mix(base: Any, table: Any, out: Any) -> None:
    """As ``rotation.inputs_of`` does, on the device."""
    import torch

    for start in range(0, base.numel(), MIXED):
        part = base[start : start + MIXED]
        torch.mul(part, table[: part.numel()], out=out[start : start + MIXED])


_STAGES: Mapping[str, type[Stage]] = {"torch": TorchStage, "numpy": ArrayStage}


def stage_type(framework: Framework) -> type[Stage]:
    """The stage for a framework; torch refreshes in place."""
    return _STAGES.get(framework.language, Stage)


class OutputSample:
    """A strided sample of every output, at most ``SAMPLED_ELEMENTS`` each, taken when the clock
    stops; ``differs`` compares it with the same elements later. The stride's start is drawn anew,
    so that there are no elements that may safely be written late."""

    def __init__(self, framework: Framework) -> None:
        self._framework = framework
        self._draw = int.from_bytes(os.urandom(4), "little")
        self._taken: list[Any] | None = None

    def take(self, result: Any) -> None:
        """Called between the clock's stop and anything that waits."""
        self._taken = self._elements(result)

    def differs(self, result: Any) -> bool:
        """Whether an element sampled by ``take`` has another bit pattern now."""
        now = self._elements(result)
        if self._taken is None or now is None:
            return False
        return any(_bits(a) != _bits(b) for a, b in zip(self._host(self._taken), self._host(now)))

    def _host(self, parts: Sequence[Any]) -> list[np.ndarray]:
        return [np.asarray(self._framework.to_numpy(part)) for part in parts]

    def _elements(self, result: Any) -> list[Any] | None:
        try:
            tensors, _ = self._framework.flatten(result)
        except TypeError:  # no output at all: said when it is asked for
            return None
        return [_strided(tensor, self._draw) for tensor in tensors]


def _strided(tensor: Any, draw: int) -> Any:
    """A copy of every n-th element in memory order."""
    flat = tensor.reshape(-1)
    step = max(1, -(-int(np.prod(tensor.shape)) // SAMPLED_ELEMENTS))
    part = flat[draw % step :: step]
    return part.clone() if hasattr(part, "clone") else np.array(part)


def _bits(array: np.ndarray) -> bytes:
    return np.ascontiguousarray(array).tobytes()
