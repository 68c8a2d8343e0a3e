"""The precision worker's main: an isolated process with the candidate and no reference.

It answers with outputs; whether they are right is decided elsewhere. What it says about mutated
inputs serves honest authors: a candidate could silence it, and gains nothing by that, since the
judge keeps its own copy of the inputs.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.errors import KernelwrightError
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.frameworks._base import StateEntry
from kernelwright.sandbox.channel import DTYPES, Channel
from kernelwright.sandbox.worker import Answer, serve
from kernelwright.verify.reference.values import unpack


class _Fault(KernelwrightError):
    """A named fault of the candidate, carried to the parent by its ``check``."""

    def __init__(self, message: str, check: str) -> None:
        super().__init__(message)
        self.check = check


class _Worker:
    def __init__(self) -> None:
        self.calls: dict[str, Callable[..., Any]] = {}
        self.framework: Any
        self.device = "cpu"
        self.output_bytes: list[int] = []
        self.kept: list[Any] = []

    def load(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """Constructs the candidate with the state that is given and keeps it under its ``name``."""
        self.framework = FRAMEWORKS.get(header["framework"])
        self.device, self.output_bytes = header["device"], header["output_bytes"]
        self.framework.pin(header["policy"])
        if header["threads"]:
            self.framework.set_threads(header["threads"])
        state = [
            StateEntry(entry["name"], array, entry["kind"])
            for entry, array in zip(header["state"], arrays)
        ]

        def native(array: np.ndarray) -> Any:
            return self.framework.to_native(array, self.device)

        init = [unpack(data, arrays, native) for data in header["init"]]
        self.calls[header["name"]], prepare_us = self.framework.load_candidate(
            Path(header["entry"]), init, state, self.device
        )
        return {"prepare_us": prepare_us}, []

    def run(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """One call. After the outputs follow the ``written`` inputs as the call left them, and with
        ``previous`` the outputs of the call before as they are now."""
        before = [_fingerprint(value) for value in arrays]
        framework = self.framework
        natives = [
            framework.relayout(framework.to_native(value, self.device), header["layout"])
            for value in arrays
        ]
        # Memory that nobody writes to must not hold an earlier, right answer.
        framework.poison(self.device, self.output_bytes)
        result = self.calls[header["name"]](*natives)
        framework.synchronize(self.device)
        outputs, structure = self._outputs(result)
        written = [framework.to_numpy(natives[index]) for index in header["written"]]
        mutated = [
            index
            for index, (native, mark) in enumerate(zip(natives, before))
            if mark is not None and _fingerprint(framework.to_numpy(native)) != mark
        ]
        results = framework.flatten(result)[0]
        aliased = [
            index
            for index, output in enumerate(results)
            if any(framework.shares_memory(output, given) for given in natives)
        ]
        previous = (
            [framework.to_numpy(native) for native in self.kept] if header["previous"] else []
        )
        self.kept = results
        found = {"structure": structure, "mutated": mutated, "aliased": aliased}
        return {**found, "previous": len(previous)}, [*outputs, *written, *previous]

    def census(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """The framework's ops in a few more calls, with their shares of the time."""
        natives = [self.framework.to_native(value, self.device) for value in arrays]
        return {"calls": self.framework.census(self.calls["own"], natives, self.device)}, []

    def _outputs(self, result: Any) -> tuple[list[np.ndarray], str]:
        try:
            natives, structure = self.framework.flatten(result)
            outputs: Sequence[np.ndarray] = [self.framework.to_numpy(n) for n in natives]
        except TypeError as error:
            raise _Fault(f"the call returned something else: {error}", "structure") from error
        for index, output in enumerate(outputs):
            if output.dtype.name not in DTYPES:
                raise _Fault(f"output {index} has dtype {output.dtype}", "dtype")
        return list(outputs), structure


def _fingerprint(value: Any) -> int | None:
    if not isinstance(value, np.ndarray):
        return None
    flat: Any = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
    return zlib.crc32(flat)


def main(channel: Channel) -> None:
    worker = _Worker()
    serve(channel, {"load": worker.load, "run": worker.run, "census": worker.census})
