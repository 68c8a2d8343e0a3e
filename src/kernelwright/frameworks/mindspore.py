"""MindSpore references: ``class Model(nn.Cell)`` with ``construct``.

MindSpore is optional and large: this module imports it in functions only. Capture to a Graph is not
in this version, so a MindSpore reference can be verified against and measured, not designed from.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.errors import CaptureError, MissingDependencyError, ReferenceBroken
from kernelwright.frameworks._base import (
    Framework,
    LoadedModel,
    RunResult,
    StateEntry,
    StateMismatch,
    Value,
)
from kernelwright.frameworks._source import (
    DYNAMIC,
    declared_sets,
    import_candidate,
    init_inputs,
    input_set,
    inputs_function,
    load_module,
    require,
    seeded,
    user_code,
)
from kernelwright.graph.core import DTYPES, Graph

_CONSTRUCTION_SEED = 0
_TARGETS = {"cpu": "CPU", "cuda": "GPU", "ascend": "Ascend"}


class MindSporeModel:
    """A LoadedModel over an ``nn.Cell``, constructed once. MindSpore computes on one device for the
    whole process; it is set by ``native_call`` and ``to_native``, and the CPU before that."""

    def __init__(self, source: str, path: str) -> None:
        mindspore = _mindspore()
        _use("cpu")
        self.path = path
        file = self._file = load_module(source, path)
        model, self._get_inputs = require(file, "Model"), inputs_function(file)
        mindspore.set_seed(_CONSTRUCTION_SEED)
        with seeded(_CONSTRUCTION_SEED):
            self.init_inputs = init_inputs(file)
            with user_code(path, "init_raises", "Model(*get_init_inputs())"):
                self._cell = model(*copy.deepcopy(self.init_inputs))
        if not isinstance(self._cell, mindspore.nn.Cell):
            raise ReferenceBroken(
                f"Model in {path} is no mindspore.nn.Cell; derive it from nn.Cell",
                check="no_model",
            )
        self._values = {p.name: p.asnumpy().copy() for p in self._cell.get_parameters()}

    def make_inputs(self, seed: int) -> list[Value]:
        mindspore = _mindspore()
        mindspore.set_seed(seed)
        with seeded(seed), user_code(self.path, "inputs_raise", "get_inputs()"):
            values = self._get_inputs()
        return input_set(values, "get_inputs()", self.path, self._input)

    def dynamic_inputs(self, seed: int) -> list[list[Value]]:
        """See LoadedModel."""
        _mindspore().set_seed(seed)
        with seeded(seed):
            sets = declared_sets(self._file, self.path)
        return [input_set(v, DYNAMIC, self.path, self._input) for v in sets]

    def _input(self, index: int, value: Any) -> Value:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, np.ndarray):
            return value.copy()
        try:
            return to_numpy(value).copy()
        except TypeError as error:
            raise ReferenceBroken(
                f"input {index} of get_inputs() in {self.path}: {error}; "
                "return tensors, Python numbers, bools or None",
                check="inputs_not_tensors",
            ) from error

    def run(self, inputs: Sequence[Value], layout: str = "as_given") -> RunResult:
        return self._result(self._cell, [_copied(v) for v in inputs])

    def truth(self, inputs: Sequence[Value], written: Sequence[int] = ()) -> list[np.ndarray]:
        """See LoadedModel. Weights and inputs are cast to float64; a cast to a lower dtype inside
        construct is carried out as it stands there."""
        mindspore = _mindspore()
        cell = copy.deepcopy(self._cell)
        for parameter in cell.get_parameters():
            if _is_float(parameter.asnumpy().dtype):
                wide = mindspore.Tensor(parameter.asnumpy().astype(np.float64))
                parameter.set_dtype(mindspore.float64)
                parameter.set_data(wide)
        return self._result(cell, [_widened(v) for v in inputs]).outputs

    def with_state(self, state: Sequence[StateEntry]) -> LoadedModel:
        """See LoadedModel."""
        other = copy.copy(self)
        other._cell = copy.deepcopy(self._cell)
        other._values = {entry.name: entry.array.copy() for entry in state}
        _fill(other._cell, other._values)
        return other

    def state(self) -> list[StateEntry]:
        trainable = {p.name for p in self._cell.trainable_params()}
        return [
            StateEntry(name, array.copy(), "parameter" if name in trainable else "buffer")
            for name, array in self._values.items()
        ]

    def written_state(self, inputs: Sequence[Value]) -> list[str]:
        """See LoadedModel."""
        cell = copy.deepcopy(self._cell)
        with user_code(self.path, "forward_raises", "Model.construct"):
            cell(*[to_native(_copied(v), "") for v in inputs])
        after = {p.name: p.asnumpy() for p in cell.get_parameters()}
        return [n for n, a in self._values.items() if after[n].tobytes() != a.tobytes()]

    def capture(self, inputs: Sequence[Value]) -> Graph:
        raise CaptureError(
            "MindSpore capture is not in this version; write the Model in torch or NumPy, "
            "or verify a candidate of your own with 'kernelwright verify'"
        )

    def native_call(self, device: str) -> Callable[..., Any]:
        _use(device)
        return copy.deepcopy(self._cell)

    def _result(self, cell: Any, values: Sequence[Value]) -> RunResult:
        with user_code(self.path, "forward_raises", "Model.construct"):
            result = cell(*[to_native(v, "") for v in values])
        _fill(self._cell, self._values)  # a cell that updates its state starts the next call anew
        try:
            tensors, structure = flatten(result)
            return RunResult([to_numpy(t).copy() for t in tensors], structure)
        except TypeError as error:
            raise ReferenceBroken(
                f"the result of Model.construct in {self.path}: {error}; "
                "return a tensor, or a tuple or list of tensors",
                check="outputs_not_tensors",
            ) from error


def _mindspore() -> Any:
    try:
        import mindspore
    except ImportError as error:
        raise MissingDependencyError("framework 'mindspore'", "mindspore", "mindspore") from error
    return mindspore


def _use(device: str) -> None:
    kind = device.partition(":")[0]
    if kind not in _TARGETS:
        raise ValueError(f"MindSpore has no device {device!r}; it has {', '.join(_TARGETS)}")
    mindspore = _mindspore()
    mindspore.set_context(mode=mindspore.PYNATIVE_MODE)
    mindspore.set_device(_TARGETS[kind])


def _is_float(dtype: np.dtype) -> bool:
    return dtype.kind == "f" or dtype == DTYPES["bfloat16"]


def _copied(value: Value) -> Value:
    return value.copy() if isinstance(value, np.ndarray) else value


def _widened(value: Value) -> Value:
    if isinstance(value, np.ndarray) and _is_float(value.dtype):
        return value.astype(np.float64)
    return _copied(value)


def _fill(cell: Any, values: dict[str, np.ndarray]) -> None:
    for parameter in cell.get_parameters():
        parameter.set_data(to_native(values[parameter.name], ""))


def to_native(value: Value, device: str) -> Any:
    """``value`` as a tensor on the process's device (set to ``device`` when one is named)."""
    mindspore = _mindspore()
    if device:
        _use(device)
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype == DTYPES["bfloat16"]:
        return mindspore.Tensor(value.astype(np.float32), mindspore.bfloat16)
    return mindspore.Tensor(np.ascontiguousarray(value))


def to_numpy(tensor: Any) -> np.ndarray:
    """The elements of a plain ``mindspore.Tensor`` or ``Parameter``; TypeError for others."""
    mindspore = _mindspore()
    if type(tensor) not in (mindspore.Tensor, mindspore.Parameter):
        raise TypeError(f"a plain mindspore.Tensor is needed, not a {type(tensor).__name__}")
    if tensor.dtype == mindspore.bfloat16:
        return tensor.float().asnumpy().astype(DTYPES["bfloat16"])
    return tensor.asnumpy()


def flatten(result: Any) -> tuple[list[Any], str]:
    """(tensors in order, "tensor" | "tuple" | "list"); TypeError for anything nested."""
    mindspore = _mindspore()
    if isinstance(result, mindspore.Tensor):
        return [result], "tensor"
    if not isinstance(result, tuple | list):
        raise TypeError(f"tensors are needed, not a {type(result).__name__}")
    for index, item in enumerate(result):
        if not isinstance(item, mindspore.Tensor):
            raise TypeError(f"element {index} is a {type(item).__name__}, no tensor")
    return list(result), "list" if isinstance(result, list) else "tuple"


def load(source: str, path: str) -> LoadedModel:
    """The Model of ``source``. Raises ReferenceBroken, or MissingDependencyError without
    MindSpore."""
    _mindspore()
    return MindSporeModel(source, path)


def load_candidate(
    entry: Path, init_inputs: Sequence[Any], state: Sequence[StateEntry], device: str
) -> tuple[Callable[..., Any], float | None]:
    """See Framework. Raises StateMismatch, AttributeError, or what the candidate raises."""
    _use(device)
    module = import_candidate(entry)
    made = getattr(module, "ModelNew", None)
    if made is None:
        if state:
            raise StateMismatch("kernel() cannot hold the Model's state: use ModelNew")
        return module.kernel, None
    cell = made(*copy.deepcopy(list(init_inputs)))
    own = {p.name: p for p in cell.get_parameters()} if hasattr(cell, "get_parameters") else {}
    wanted = {e.name: e.array for e in state}
    if own.keys() != wanted.keys():
        missing, extra = sorted(wanted.keys() - own.keys()), sorted(own.keys() - wanted.keys())
        raise StateMismatch(f"state of ModelNew: missing {missing}, extra {extra}")
    for name, array in wanted.items():
        if tuple(own[name].shape) != array.shape or own[name].asnumpy().dtype != array.dtype:
            raise StateMismatch(f"state {name!r} is not {array.dtype}{list(array.shape)}")
    _fill(cell, wanted)
    prepare = getattr(cell, "prepare", None)
    if not callable(prepare):
        return cell, None
    start = time.perf_counter_ns()
    prepare()
    synchronize(device)
    return cell, (time.perf_counter_ns() - start) / 1000


def synchronize(device: str) -> None:
    """Waits until the queued work is done."""
    _mindspore().runtime.synchronize()


def set_threads(count: int) -> None:
    """Threads that MindSpore dispatches operators on, in this process."""
    _mindspore().runtime.dispatch_threads_num(count)


FRAMEWORK = Framework(
    name="mindspore",
    package="mindspore",
    extra="mindspore",
    load=load,
    load_candidate=load_candidate,
    to_native=to_native,
    to_numpy=to_numpy,
    flatten=flatten,
    relayout=lambda tensor, layout: tensor,  # a MindSpore tensor has one layout
    shares_memory=lambda output, given: output is given,
    synchronize=synchronize,
    set_threads=set_threads,
    poison=lambda device, sizes: None,  # its memory pool is out of reach
    policy=dict,
    pin=lambda policy: None,
    census=lambda call, natives, device: {},
)
