"""A torch Model as an ExportedProgram: by ``torch.export``, strictly if need be, else by a trace.

The default tracer knows Python best, the strict one some constructs (NumPy calls) that it does not.
A plain trace on tensors without data takes what is left: Python that neither can follow but that
asks for no values. It is exported in turn, so that all three give one form.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.export import ExportedProgram

from kernelwright.errors import CaptureError
from kernelwright.frameworks._torch_values import TakenForGranted, without_counting

Values = tuple[Any, ...]
VALUES = "depends on the values of tensors"


def exported(module: torch.nn.Module, values: Values) -> ExportedProgram:
    """Raises CaptureError in one sentence with the reason of each way that failed."""
    reasons: dict[str, str] = {}
    ways: tuple[tuple[str, Callable[[], ExportedProgram]], ...] = (
        ("torch.export", lambda: _export(module, values, strict=False)),
        ("its strict mode", lambda: _export(module, values, strict=True)),
        ("make_fx", lambda: _export(_replay(module, values), values, strict=False)),
    )
    for name, way in ways:
        try:
            return _tried(way)
        except CaptureError as error:
            reasons[name] = str(error)
    raise CaptureError(f"torch cannot trace the Model: {_told(reasons)}")


def granted(module: torch.nn.Module, values: Values, notes: list[str]) -> ExportedProgram:
    """As ``exported``, where Python asks for values: with what ``_torch_values`` takes for granted,
    on which ``notes`` gets sentences."""
    without_counting(module)
    mode = TakenForGranted()

    def way() -> ExportedProgram:
        with mode:
            return _export(module, values, strict=False)

    program = _tried(way)
    notes.extend(mode.notes)
    return program


def _tried(way: Callable[[], ExportedProgram]) -> ExportedProgram:
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return way()
    except Exception as error:
        raise CaptureError(reason(error)) from error


def functional(program: ExportedProgram, table: Mapping[Any, Any]) -> ExportedProgram:
    """``program`` in functional form, with only the ops of ``table`` decomposed; raises
    CaptureError."""
    try:
        return _tried(lambda: program.run_decompositions(dict(table)))
    except CaptureError as error:
        raise CaptureError(f"torch.export cannot make the Model functional: {error}") from error


_DATA_DEPENDENT = (
    "DataDependent",
    "data-dependent",
    "unbacked",
    "_local_scalar_dense",
    "DynamicOutputShape",
    "value out of a tracing tensor",
)


def reason(error: BaseException) -> str:
    """An exception in one line, in words of ours where torch's are about its own inside."""
    lines = str(error).strip().splitlines() or ["no message"]
    text = f"{type(error).__name__}: {lines[0].strip().partition('. ')[0]}"
    if any(word in text for word in _DATA_DEPENDENT):
        return f"its Python code or a shape {VALUES} ({text})"
    return text


def _told(reasons: Mapping[str, str]) -> str:
    first = next(iter(reasons.values()))
    if VALUES in first:
        return first
    return "; ".join(f"{name} says {why}" for name, why in reasons.items())


def _export(module: torch.nn.Module, values: Values, strict: bool) -> ExportedProgram:
    return torch.export.export(module, values, strict=strict)


class _Replay(torch.nn.Module):
    """The state of a Model under its own names, and the trace of a call in place of its code."""

    def __init__(self, module: torch.nn.Module, trace: Any, names: Sequence[str]) -> None:
        super().__init__()
        for holder in ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"):
            self.__dict__[holder] = module.__dict__[holder]
        self.__dict__["_trace"], self.__dict__["_names"] = trace, names

    def forward(self, *values: Any) -> Any:
        own = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        tensors = [v for v in values if isinstance(v, torch.Tensor)]
        return self._trace([own[name] for name in self._names], tensors)


def _replay(module: torch.nn.Module, values: Values) -> torch.nn.Module:
    from torch.fx.experimental.proxy_tensor import make_fx

    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    tensors = [v for v in values if isinstance(v, torch.Tensor)]

    def call(own: list[torch.Tensor], given: list[torch.Tensor]) -> Any:
        rest = iter(given)
        arguments = tuple(next(rest) if isinstance(v, torch.Tensor) else v for v in values)
        return torch.func.functional_call(module, dict(zip(state, own)), arguments)

    # Tensors without data: a call that asks for values raises instead of baking them in.
    traced = make_fx(call, tracing_mode="fake", pre_dispatch=True, _allow_non_fake_inputs=True)
    return _Replay(module, traced(list(state.values()), tensors), tuple(state))
