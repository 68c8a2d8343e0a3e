"""NumPy references: ``class Model`` with a call (or forward), ``get_inputs()``, and optionally
``get_init_inputs()``. The Model's state is every ndarray found on the instance.
"""

from __future__ import annotations

import copy
import inspect
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.errors import CaptureError, ReferenceBroken, UnsupportedError
from kernelwright.frameworks._base import (
    POISON_BLOCKS,
    POISON_BYTES,
    Framework,
    LoadedModel,
    RunResult,
    StateEntry,
    StateMismatch,
    Value,
)
from kernelwright.frameworks._numpy_state import ArrayPlace, array_places
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
from kernelwright.graph import structure
from kernelwright.graph.core import DTYPES, Graph, dtype_name, is_float
from kernelwright.graph.evaluate import evaluate

_CONSTRUCTION_SEED = 0
# How far the captured Graph may be from the Model itself, by dtype, in relative Frobenius norm:
# wide enough for another order of summation, far below what another computation would give.
_AGREEMENT = {"float16": 2e-2, "bfloat16": 1e-1, "float32": 1e-4, "float64": 1e-9}


class NumpyModel:
    """A LoadedModel. Every call works on a copy of the Model and of the inputs."""

    def __init__(self, source: str, path: str) -> None:
        self.path = path
        module = self._file = load_module(source, path)
        model = require(module, "Model")
        self._get_inputs = inputs_function(module)
        with seeded(_CONSTRUCTION_SEED):
            self.init_inputs = init_inputs(module)
            with user_code(path, "init_raises", "Model(*get_init_inputs())"):
                self._model = model(*copy.deepcopy(self.init_inputs))
        if not (callable(self._model) or callable(getattr(self._model, "forward", None))):
            raise ReferenceBroken(
                f"Model in {path} has neither __call__ nor forward; define the operator as one",
                check="no_model",
            )
        self._graphs: dict[tuple[Any, ...], Graph | CaptureError] = {}

    def make_inputs(self, seed: int) -> list[Value]:
        """See LoadedModel; arrays are copies that share no memory with the file's own."""
        with seeded(seed), user_code(self.path, "inputs_raise", "get_inputs()"):
            values = self._get_inputs()
        return input_set(values, "get_inputs()", self.path, self._input)

    def dynamic_inputs(self, seed: int) -> list[list[Value]]:
        """See LoadedModel."""
        with seeded(seed):
            sets = declared_sets(self._file, self.path)
        return [input_set(v, DYNAMIC, self.path, self._input) for v in sets]

    def _input(self, index: int, value: Any) -> Value:
        if value is None or type(value) in (bool, int, float):
            return value
        if isinstance(value, np.ndarray | np.generic):
            array = np.array(value, order="K")
            if array.dtype in DTYPES.values():
                return array
            said = f"an array of dtype {array.dtype}; use one of {', '.join(DTYPES)}"
        else:
            said = f"{type(value).__name__}; return NumPy arrays, Python numbers, bools or None"
        raise ReferenceBroken(
            f"input {index} of get_inputs() in {self.path} is {said}", check="inputs_not_tensors"
        )

    def run(self, inputs: Sequence[Value], layout: str = "as_given") -> RunResult:
        """See LoadedModel."""
        return self._call(_copied(self._model), [relayout(v, layout) for v in inputs])

    def truth(self, inputs: Sequence[Value], written: Sequence[int] = ()) -> list[np.ndarray]:
        """See LoadedModel. The captured Graph is evaluated in float64, so that an ``astype`` to a
        narrower float in the Model does not round; a Model that cannot be captured runs itself on
        float64 inputs and state."""
        if written:  # a Graph has no inputs that change
            return self._wide_run(inputs, written)
        try:
            graph = self._graph(inputs)
        except CaptureError:
            return self._wide_run(inputs)
        state = {entry.name: entry.array for entry in self.state()}
        return evaluate(graph, list(inputs), state, float64=True)

    def _wide_run(self, inputs: Sequence[Value], written: Sequence[int] = ()) -> list[np.ndarray]:
        model = _copied(self._model)
        for place in array_places(model):
            place.set(_widened(place.array))
        wide = [_widened(v) for v in inputs]
        found = self._call(model, wide)
        return [
            _widened(o) for o in (*found.outputs, *(found.written.get(i, wide[i]) for i in written))
        ]

    def with_state(self, state: Sequence[StateEntry]) -> LoadedModel:
        """See LoadedModel."""
        other = copy.copy(self)
        other._model, other._graphs = _copied(self._model), {}
        _fill(other._model, state)
        return other

    def state(self) -> list[StateEntry]:
        """See LoadedModel; every entry is a "buffer", arrays are copies. Raises ReferenceBroken for
        an array whose dtype is not supported."""
        entries = []
        for place in array_places(self._model):
            array = place.array
            if array.dtype not in DTYPES.values():
                raise ReferenceBroken(
                    f"{place.name} of the Model in {self.path} has dtype {array.dtype}; "
                    f"use one of {', '.join(DTYPES)}",
                    check="init_raises",
                )
            entries.append(StateEntry(place.name, np.array(array, order="C"), "buffer"))
        return entries

    def written_state(self, inputs: Sequence[Value]) -> list[str]:
        """See LoadedModel."""
        before, model = self.state(), _copied(self._model)
        self._call(model, inputs)
        after = {place.name: place.array for place in array_places(model)}
        kept = {n: array.tobytes() for n, array in after.items()}
        return [e.name for e in before if kept.get(e.name) != e.array.tobytes()]

    def capture(self, inputs: Sequence[Value]) -> Graph:
        """See LoadedModel. The Graph was run against the Model on these inputs' shapes; one that
        disagrees with it raises CaptureError."""
        return self._graph(inputs)

    def native_call(self, device: str) -> Callable[..., Any]:
        """See LoadedModel; a copy of the Model of its own, whose state then lives on over calls."""
        _expect_cpu(device)
        return _callable(_copied(self._model))

    def _graph(self, inputs: Sequence[Value]) -> Graph:
        key = tuple(
            (v.shape, v.dtype) if isinstance(v, np.ndarray) else (type(v), repr(v)) for v in inputs
        )
        if key not in self._graphs:
            try:
                self._graphs[key] = self._captured(inputs)
            except CaptureError as error:
                self._graphs[key] = error
        found = self._graphs[key]
        if isinstance(found, CaptureError):
            raise found
        return found

    def _captured(self, inputs: Sequence[Value]) -> Graph:
        from kernelwright.frameworks._numpy_trace.capture import capture

        expected = self.run(inputs)  # a Model that raises says so before it is captured
        names = _argument_names(_callable(self._model), len(inputs))
        graph = capture(self._model, _callable, inputs, names, Path(self.path).stem, self.path)
        state = {entry.name: entry.array for entry in self.state()}
        found = evaluate(graph, list(inputs), state)
        if graph.structure != expected.structure or len(found) != len(expected.outputs):
            raise CaptureError(f"the Graph of {self.path} has other outputs than the Model")
        for index, (a, b) in enumerate(zip(found, expected.outputs)):
            if not _agree(a, b):
                raise CaptureError(
                    f"output {index} of the captured Graph is not what the Model in {self.path} "
                    "computes; the Model may be random, or keep state between calls"
                )
        return graph

    def _call(self, model: Any, inputs: Sequence[Value]) -> RunResult:
        values = [_own_copy(v) for v in inputs]
        with user_code(self.path, "forward_raises", "the Model's call"):
            result = _callable(model)(*values)
        given = {i: v for i, v in enumerate(values) if isinstance(v, np.ndarray)}
        written = {i: v.copy() for i, v in given.items() if _changed(inputs[i], v)}
        try:
            outputs, surrounding = flatten(result)
            arrays = [_to_numpy(o) for o in outputs]
        except TypeError as error:
            raise ReferenceBroken(
                f"the result of the Model in {self.path}: {error}; "
                "return an array, or a tuple or list of arrays",
                check="outputs_not_tensors",
            ) from error
        shared = [
            i for i, a in enumerate(arrays) if any(_shares_memory(a, v) for v in given.values())
        ]
        copies = [np.array(a, order="C") for a in arrays]
        return RunResult(copies, surrounding, written, tuple(shared))


def _own_copy(value: Value) -> Value:
    """A copy with the same strides, gaps included: a Model may ask for its input's layout."""
    if not isinstance(value, np.ndarray):
        return value
    if value.base is None or value.flags.c_contiguous:
        return np.array(value, order="K")
    return relayout(np.array(value, order="C"), "non_contiguous")


def _changed(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether any bit differs."""
    return before.tobytes() != after.tobytes()


def relayout(value: Value, layout: str) -> Value:
    """See Framework; ``value`` itself for "as_given" and for no array."""
    if layout == "as_given" or not isinstance(value, np.ndarray) or not value.size:
        return value
    if layout == "misaligned":
        room = np.empty(value.nbytes + value.itemsize, np.uint8)[value.itemsize :]
        new = room.view(value.dtype).reshape(value.shape)
    elif value.ndim >= 2 and min(value.shape[-2:]) > 1:
        new = np.empty((*value.shape[:-2], *value.shape[:-3:-1]), value.dtype).swapaxes(-1, -2)
    else:
        new = np.empty((*value.shape, 2), value.dtype)[..., 0]
    new[...] = value
    return new


def _shares_memory(output: Any, given: Any) -> bool:
    return isinstance(given, np.ndarray) and np.may_share_memory(output, given)


def _poison(device: str, sizes: Sequence[int]) -> None:
    for size in {n for n in sizes if n > 0}:
        count = max(1, min(POISON_BLOCKS, POISON_BYTES // size))
        blocks = [np.full(size, 0xFF, np.uint8) for _ in range(count)]
        del blocks


def _callable(model: Any) -> Callable[..., Any]:
    return model if callable(model) else model.forward


def _copied(model: Any) -> Any:
    try:
        return copy.deepcopy(model)
    except TypeError:  # it holds something (a lock, a handle) that has no copy
        return model


def _widened(value: Any) -> Any:
    if isinstance(value, np.ndarray) and is_float(dtype_name(value.dtype)):
        return value.astype(np.float64)
    return value


def _argument_names(function: Callable[..., Any], count: int) -> list[str]:
    try:
        given = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        given = []  # type: ignore[assignment]
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in given if p.kind in kinds][:count]
    return names + [f"input{i}" for i in range(len(names), count)]


def _agree(a: np.ndarray, b: np.ndarray) -> bool:
    if (a.shape, a.dtype) != (b.shape, b.dtype):
        return False
    name = dtype_name(a.dtype)
    if not is_float(name):
        return bool(np.mean(a != b) < 1e-3) if a.size else True  # a comparison may tip over
    x, y = a.astype(np.float64), b.astype(np.float64)
    both = np.isfinite(x) & np.isfinite(y)
    if not np.array_equal(np.where(both, 0, x), np.where(both, 0, y), equal_nan=True):
        return False
    difference = np.linalg.norm((x - y)[both])
    return bool(difference <= _AGREEMENT[name] * (np.linalg.norm(y[both]) + 1e-30))


def flatten(result: Any) -> tuple[list[Any], str]:
    """(arrays, structure) of what a call returned, see ``graph.structure``; TypeError for what is
    neither an array nor surrounds arrays."""
    return structure.flatten(result, _leaf)


def _leaf(value: Any) -> tuple[Any, str] | None:
    return (value, "_") if isinstance(value, np.ndarray | np.generic) else None


def _to_numpy(value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype not in DTYPES.values():
        raise TypeError(f"dtype {array.dtype} is not supported; known: {', '.join(DTYPES)}")
    return array


def _to_native(value: Value, device: str) -> Any:
    _expect_cpu(device)
    return value


def _expect_cpu(device: str) -> None:
    if device != "cpu":
        raise UnsupportedError(f"NumPy runs on 'cpu' only, not on {device!r}")


def load(source: str, path: str) -> LoadedModel:
    """The Model of ``source``; ``path`` is its name in messages. Raises ReferenceBroken."""
    return NumpyModel(source, path)


def _load_candidate(
    entry: Path, init_inputs: Sequence[Any], state: Sequence[StateEntry], device: str
) -> tuple[Callable[..., Any], float | None]:
    _expect_cpu(device)
    module = import_candidate(entry)
    made = getattr(module, "ModelNew", None)
    if made is None:
        kernel = getattr(module, "kernel", None)
        if not callable(kernel):
            raise AttributeError(f"{entry.name} defines neither class ModelNew nor kernel()")
        if state:
            names = ", ".join(e.name for e in state)
            raise StateMismatch(f"kernel() cannot hold the Model's state ({names}): use ModelNew")
        return kernel, None
    model = made(*copy.deepcopy(list(init_inputs)))
    _fill(model, state)
    prepare = getattr(model, "prepare", None)
    if not callable(prepare):
        return _callable(model), None
    start = time.perf_counter_ns()
    prepare()
    return _callable(model), (time.perf_counter_ns() - start) / 1000


def _is_private(name: str) -> bool:
    return any(part.startswith("_") for part in name.split("."))


def _fill(model: Any, state: Sequence[StateEntry]) -> None:
    """Puts ``state`` into the model. Arrays of its own under a private name are workspaces."""
    own: dict[str, ArrayPlace] = {place.name: place for place in array_places(model)}
    wanted = {entry.name: entry for entry in state}
    missing = sorted(wanted.keys() - own.keys())
    extra = sorted(name for name in own.keys() - wanted.keys() if not _is_private(name))
    if missing or extra:
        found = (("missing", missing), ("extra", extra))
        parts = [f"{word} {', '.join(names)}" for word, names in found if names]
        raise StateMismatch(f"state of ModelNew: {'; '.join(parts)}")
    for name, entry in wanted.items():
        old = own[name].array
        if (old.shape, old.dtype) != (entry.array.shape, entry.array.dtype):
            raise StateMismatch(
                f"state {name!r} is {old.dtype}{list(old.shape)}, "
                f"not {entry.array.dtype}{list(entry.array.shape)}"
            )
        own[name].set(np.array(entry.array, order="C"))


def _set_threads(count: int) -> None:
    """Threads of the BLAS library that NumPy was built with; other NumPy code has one thread."""
    from kernelwright.frameworks._numpy_threads import set_openblas_threads

    set_openblas_threads(count)


FRAMEWORK = Framework(
    name="numpy",
    package="numpy",
    extra="",
    load=load,
    load_candidate=_load_candidate,
    to_native=_to_native,
    to_numpy=_to_numpy,
    flatten=flatten,
    relayout=relayout,
    shares_memory=_shares_memory,
    synchronize=lambda device: None,
    set_threads=_set_threads,
    poison=_poison,
    policy=lambda: {"promotion": "NumPy's own; sums pairwise in the operand's dtype"},
    pin=lambda policy: None,
    census=lambda call, natives, device: {},
)
