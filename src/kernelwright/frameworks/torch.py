"""PyTorch references: ``class Model(torch.nn.Module)``, ``get_inputs()``, ``get_init_inputs()``.

Importing this module does not import torch.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kernelwright.errors import MissingDependencyError, ReferenceBroken
from kernelwright.frameworks._base import Framework, LoadedModel, RunResult, StateEntry, Value
from kernelwright.frameworks._source import (
    DYNAMIC,
    declared_sets,
    init_inputs,
    input_set,
    inputs_function,
    load_module,
    require,
    seeded,
    user_code,
)
from kernelwright.frameworks._torch_arrays import (
    clones,
    fill,
    flatten,
    poison,
    relayout,
    shares_memory,
    to_native,
    to_numpy,
)
from kernelwright.graph.core import Graph

_CONSTRUCTION_SEED = 0
_NONE: Mapping[int, np.ndarray] = {}


class TorchModel:
    """A LoadedModel. The Model is constructed once; its weights are from then on known by value.

    ``device`` is where ``run`` and ``truth`` compute ("cpu" until set). The Model keeps the mode
    (train or eval) that its file leaves it in: a constructor leaves it in train mode, in which
    batch norm uses the batch's own statistics and dropout is random. Every call works on a copy,
    so running statistics and other state stay as constructed.
    """

    def __init__(self, source: str, path: str) -> None:
        import torch

        self.path, self.device = path, "cpu"
        pin_precision({})
        self._file = load_module(source, path)
        model = require(self._file, "Model")
        self._get_inputs = inputs_function(self._file)
        with _torch_seeded(_CONSTRUCTION_SEED), torch.no_grad():
            self.init_inputs = init_inputs(self._file)
            with user_code(path, "init_raises", "Model(*get_init_inputs())"):
                self._module = model(*copy.deepcopy(self.init_inputs))
            if not isinstance(self._module, torch.nn.Module):
                raise ReferenceBroken(
                    f"Model in {path} is no torch.nn.Module; derive it from torch.nn.Module",
                    check="no_model",
                )
            self._module = self._module.to("cpu")
            self._materialise()

    def _materialise(self) -> None:
        """Lazy modules learn their shapes from a first call."""
        from torch.nn.parameter import is_lazy

        tensors = [*self._module.parameters(), *self._module.buffers()]
        if any(is_lazy(t) for t in tensors):
            self._call(self._module, [to_native(v, "cpu") for v in self.make_inputs(0)])

    def make_inputs(self, seed: int) -> list[Value]:
        """See LoadedModel; arrays are copies that share no memory with the file's own tensors."""
        import torch

        with _torch_seeded(seed), torch.no_grad():
            with user_code(self.path, "inputs_raise", "get_inputs()"):
                values = self._get_inputs()
        return input_set(values, "get_inputs()", self.path, self._input)

    def dynamic_inputs(self, seed: int) -> list[list[Value]]:
        """See LoadedModel."""
        import torch

        with _torch_seeded(seed), torch.no_grad():
            sets = declared_sets(self._file, self.path)
        return [input_set(v, DYNAMIC, self.path, self._input) for v in sets]

    def _input(self, index: int, value: Any) -> Value:
        import torch

        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, np.ndarray):
            value = torch.from_numpy(value)
        try:
            array = to_numpy(value)
        except TypeError as error:
            raise ReferenceBroken(
                f"input {index} of get_inputs() in {self.path}: {error}; "
                "return tensors, Python numbers, bools or None",
                check="inputs_not_tensors",
            ) from error
        return array.copy(order="K")

    def run(self, inputs: Sequence[Value], layout: str = "as_given") -> RunResult:
        """See LoadedModel; eager, torch's default settings unless the file changed them."""
        import torch

        module = copy.deepcopy(self._module).to(self.device)
        values = [relayout(v, layout) for v in clones(self._natives(inputs))]
        tensors = {i: v for i, v in enumerate(values) if isinstance(v, torch.Tensor)}
        before = {i: v._version for i, v in tensors.items()}
        result = self._call(module, values)
        written = {i: to_numpy(v).copy() for i, v in tensors.items() if v._version != before[i]}
        return self._result(result, tensors.values(), written)

    def truth(self, inputs: Sequence[Value], written: Sequence[int] = ()) -> list[np.ndarray]:
        """See LoadedModel. Float dtypes that forward asks for itself are widened as well; float8
        and integers are not, for rounding to them is part of what the Model computes."""
        import torch

        from kernelwright.frameworks._torch_truth import (
            float64_everywhere,
            widen_module,
            widened,
        )

        values = clones(self._natives(inputs))
        tensors = [v for v in values if isinstance(v, torch.Tensor)]
        seen = {t.dtype for t in [*tensors, *self._module.state_dict().values()] if _is_tensor(t)}
        module = widen_module(copy.deepcopy(self._module).to(self.device))
        wide = [widened(v) if isinstance(v, torch.Tensor) else v for v in values]
        with float64_everywhere(seen):
            result = self._call(module, wide)
        after = [to_numpy(wide[index]).copy() for index in written]
        return [*self._result(result).outputs, *after]

    def with_state(self, state: Sequence[StateEntry]) -> LoadedModel:
        """See LoadedModel."""
        other = copy.copy(self)
        other._module = copy.deepcopy(self._module)
        fill(other._module, state, "cpu")
        return other

    def state(self) -> list[StateEntry]:
        """See LoadedModel; arrays are copies."""
        parameters = {n for n, _ in self._module.named_parameters(remove_duplicate=False)}
        return [
            StateEntry(name, to_numpy(t).copy(), "parameter" if name in parameters else "buffer")
            for name, t in self._module.state_dict(keep_vars=True).items()
            if _is_tensor(t)
        ]

    def written_state(self, inputs: Sequence[Value]) -> list[str]:
        """See LoadedModel."""
        module = copy.deepcopy(self._module).to(self.device)
        self._call(module, clones(self._natives(inputs)))
        after = module.state_dict()
        return [
            e.name for e in self.state() if to_numpy(after[e.name]).tobytes() != e.array.tobytes()
        ]

    def capture(self, inputs: Sequence[Value]) -> Graph:
        """See LoadedModel; a framework op without an equivalent becomes a "call" node."""
        from kernelwright.frameworks._torch_capture import capture

        module = copy.deepcopy(self._module)
        values = clones([to_native(v, "cpu") for v in inputs])
        return capture(module, values, Path(self.path).stem)

    def native_call(self, device: str) -> Callable[..., Any]:
        """See LoadedModel; a copy of the Model of its own, whose state then lives on over calls."""
        from kernelwright.frameworks._torch_candidate import without_gradients

        return without_gradients(copy.deepcopy(self._module).to(device))

    def _natives(self, inputs: Sequence[Value]) -> list[Any]:
        return [to_native(v, self.device) for v in inputs]

    def _call(self, module: Any, values: Sequence[Any]) -> Any:
        import torch

        with torch.no_grad(), user_code(self.path, "forward_raises", "Model.forward"):
            result = module(*values)
            if self.device.startswith("cuda"):  # where a kernel that asserts is noticed
                torch.cuda.synchronize(self.device)
            return result

    def _result(
        self, result: Any, inputs: Iterable[Any] = (), written: Mapping[int, np.ndarray] = _NONE
    ) -> RunResult:
        try:
            tensors, structure = flatten(result)
            arrays = [to_numpy(t).copy() for t in tensors]
            given = list(inputs)
            shared = [i for i, t in enumerate(tensors) if any(shares_memory(t, v) for v in given)]
            return RunResult(arrays, structure, written, tuple(shared))
        except TypeError as error:
            raise ReferenceBroken(
                f"the result of Model.forward in {self.path}: {error}; "
                "return tensors, alone or in tuples, lists and dicts",
                check="outputs_not_tensors",
            ) from error


def _is_tensor(value: Any) -> bool:
    """A state dict may also hold extra state that is no tensor."""
    import torch

    return isinstance(value, torch.Tensor)


@contextlib.contextmanager
def _torch_seeded(seed: int) -> Iterator[None]:
    import torch

    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    with seeded(seed), torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield


# Torch's own defaults. bf16x3 and the like do not exist for the CPU.
_PRECISION_DEFAULTS: Mapping[str, Any] = {
    "default_dtype": "float32",
    "float32_matmul_precision": "highest",
    "cuda_matmul_allow_tf32": False,
    "cudnn_allow_tf32": True,
    "float16_reduced_precision_reduction": True,
    "bfloat16_reduced_precision_reduction": True,
}


def precision_policy() -> dict[str, Any]:
    """The settings that change the precision of eager results, as they are now (a task file may set
    them when it is loaded): the default dtype, whether float32 matmuls and convolutions may use
    TF32, and whether half matmuls may reduce in half; what sums are accumulated in follows."""
    import torch

    matmul = torch.backends.cuda.matmul
    return {
        "default_dtype": str(torch.get_default_dtype()).removeprefix("torch."),
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "cuda_matmul_allow_tf32": matmul.allow_tf32,
        "cudnn_allow_tf32": torch.backends.cudnn.allow_tf32,
        "float16_reduced_precision_reduction": matmul.allow_fp16_reduced_precision_reduction,
        "bfloat16_reduced_precision_reduction": matmul.allow_bf16_reduced_precision_reduction,
        "accumulate_dtype": "float32 for float16, bfloat16 and float32; float64 for float64",
    }


def pin_precision(policy: Mapping[str, Any]) -> None:
    """Sets what ``precision_policy`` describes; torch's own defaults where ``policy`` is silent, so
    that neither the environment nor who ran before decides."""
    import torch

    wanted = {**_PRECISION_DEFAULTS, **policy}
    torch.set_default_dtype(getattr(torch, wanted["default_dtype"]))
    torch.set_float32_matmul_precision(wanted["float32_matmul_precision"])
    matmul = torch.backends.cuda.matmul
    matmul.allow_tf32 = wanted["cuda_matmul_allow_tf32"]
    torch.backends.cudnn.allow_tf32 = wanted["cudnn_allow_tf32"]
    reduced = "reduced_precision_reduction"
    matmul.allow_fp16_reduced_precision_reduction = wanted[f"float16_{reduced}"]
    matmul.allow_bf16_reduced_precision_reduction = wanted[f"bfloat16_{reduced}"]


def load(source: str, path: str) -> LoadedModel:
    """The Model of ``source``; ``path`` is its name in messages. Raises ReferenceBroken, or
    MissingDependencyError without torch."""
    _need_torch()
    return TorchModel(source, path)


def _load_candidate(
    entry: Path, init_inputs: Sequence[Any], state: Sequence[StateEntry], device: str
) -> tuple[Callable[..., Any], float | None]:
    _need_torch()
    from kernelwright.frameworks._torch_candidate import load_candidate

    return load_candidate(entry, init_inputs, state, device)


def _census(call: Callable[..., Any], natives: Sequence[Any], device: str) -> dict[str, float]:
    from kernelwright.frameworks._torch_census import census

    return census(call, natives, device)


def _synchronize(device: str) -> None:
    from kernelwright.frameworks._torch_candidate import synchronize

    synchronize(device)


def _set_threads(count: int) -> None:
    import torch

    torch.set_num_threads(count)


def _need_torch() -> None:
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("framework 'torch'", "torch", "torch") from error


FRAMEWORK = Framework(
    name="torch",
    package="torch",
    extra="torch",
    load=load,
    load_candidate=_load_candidate,
    to_native=to_native,
    to_numpy=to_numpy,
    flatten=flatten,
    relayout=relayout,
    shares_memory=shares_memory,
    synchronize=_synchronize,
    set_threads=_set_threads,
    poison=poison,
    policy=precision_policy,
    pin=pin_precision,
    census=_census,
)
