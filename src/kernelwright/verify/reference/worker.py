"""The reference process's main: trusted code around the user's Model. Never imported by the parent
for anything but its name."""

from __future__ import annotations

from typing import Any

import numpy as np

from kernelwright.errors import UnsupportedError
from kernelwright.frameworks import FRAMEWORKS
from kernelwright.frameworks._base import LoadedModel, RunResult, StateEntry
from kernelwright.frameworks._source import user_code
from kernelwright.graph.serial import graph_to_dict
from kernelwright.sandbox.channel import Channel
from kernelwright.sandbox.worker import Answer, serve
from kernelwright.verify.reference.values import pack


class _Worker:
    """Holds one loaded Model; each method answers one kind of request."""

    def __init__(self) -> None:
        self.model: LoadedModel
        self.framework: Any
        self.others: dict[str, LoadedModel] = {}

    def load(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        self.framework = FRAMEWORKS.get(header["framework"])
        self.model = self.framework.load(header["source"], header["path"])
        if header["threads"]:
            self.framework.set_threads(header["threads"])
        if header["device"] != "cpu":
            self.model.device = header["device"]  # type: ignore[attr-defined]
        state = self.model.state()
        packed: list[np.ndarray] = [entry.array for entry in state]
        init = [pack(value, packed, self.framework.to_numpy) for value in self.model.init_inputs]
        entries = [{"name": entry.name, "kind": entry.kind} for entry in state]
        return {"state": entries, "init": init, "policy": self.framework.policy()}, packed

    def make_inputs(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        return {}, self.model.make_inputs(header["seed"])

    def dynamic_inputs(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        sets = self.model.dynamic_inputs(header["seed"])
        return {"counts": [len(s) for s in sets]}, [value for s in sets for value in s]

    def learn_state(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        state = [StateEntry(n, array, kind) for (n, kind), array in zip(header["entries"], arrays)]
        self.others[header["name"]] = self.model.with_state(state)
        return {}, []

    def run(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        result: RunResult = self.model.run(arrays)
        written = sorted(result.written)
        header = {"structure": result.structure, "written": written, "aliased": result.aliased}
        return header, [*result.outputs, *(result.written[i] for i in written)]

    def truth(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        return {}, self.model.truth(arrays)

    def run_and_truth(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        model = self.others.get(header["state"], self.model)
        written: list[int] = header["written"]
        result = model.run(arrays, header["layout"])
        outputs = [*result.outputs, *(result.written.get(i, arrays[i]) for i in written)]
        header = {"structure": result.structure, "count": len(outputs)}
        return header, [*outputs, *model.truth(arrays, written)]

    def effects(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        """What a call changes besides its outputs, and whether a Model that lives on answers the
        same inputs with the same outputs again."""
        device = header["device"]
        call = self.model.native_call(device)
        answers = []
        for _ in range(2):
            given = [v.copy() if isinstance(v, np.ndarray) else v for v in arrays]
            natives = [self.framework.to_native(v, device) for v in given]
            with user_code(header["path"], "forward_raises", "the Model's call"):
                result = call(*natives)
            tensors, _ = self.framework.flatten(result)
            answers.append([self.framework.to_numpy(t).tobytes() for t in tensors])
        return {
            "inputs": sorted(self.model.run(arrays).written),
            "state": self.model.written_state(arrays),
            "repeats": answers[0] == answers[1],
        }, []

    def run_call(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        if self.framework.language == "numpy":
            from kernelwright.frameworks import _numpy_calls

            return {}, _numpy_calls.run_call(header["target"], arrays, header["arguments"])
        if self.framework.name != "torch":
            raise UnsupportedError(f"{self.framework.name} has no calls of framework ops")
        from kernelwright.frameworks._torch_capture_call import run_call

        return {}, run_call(header["target"], arrays, header["arguments"])

    def reduced_inputs(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        from kernelwright.frameworks._reduce import reduced_inputs

        reduced = reduced_inputs(self.model, self.model.make_inputs(header["seed"]))
        return {"reduced": reduced is not None}, reduced or []

    def capture(self, header: dict[str, Any], arrays: list[Any]) -> Answer:
        data, constants = graph_to_dict(self.model.capture(arrays))
        return {"graph": data}, constants


def main(channel: Channel) -> None:
    worker = _Worker()
    names = ["load", "make_inputs", "run", "truth", "run_and_truth", "capture"]
    names += ["run_call", "reduced_inputs", "dynamic_inputs", "learn_state", "effects"]
    serve(channel, {name: getattr(worker, name) for name in names})
