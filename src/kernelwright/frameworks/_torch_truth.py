"""The float64 truth of a Model whose code may ask for lower precision in its middle.

Casting weights and inputs is not enough: ``x.float()``, ``torch.zeros(n)``, a float32 constant of
the file, autocast. Below Python, every op that runs passes a dispatch mode which widens each float
tensor it meets and each float dtype it is asked for, so that nothing is computed below float64.
Three things are kept as they are because narrowing them is what the Model computes: integers,
float8 (quantisation), and the bits seen by ``view(dtype)``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

_WIDE = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex32: torch.complex128,
    torch.complex64: torch.complex128,
}
# Functions that build a tensor from Python or NumPy data without passing the dispatcher.
_BUILDERS = (torch.tensor, torch.as_tensor, torch.asarray, torch.from_numpy, torch.frombuffer)


def widened(tensor: torch.Tensor) -> torch.Tensor:
    """``tensor`` in float64 (complex128) when it is of a lower float (complex) dtype."""
    wide = _WIDE.get(tensor.dtype)
    return tensor if wide is None else tensor.to(wide)


def _widen(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return widened(value)
    if isinstance(value, torch.dtype):
        return _WIDE.get(value, value)
    return value


class _WideOps(TorchDispatchMode):
    """``bits`` is the 16-bit float dtype of the Model, for ``view(torch.int16)``."""

    def __init__(self, bits: torch.dtype) -> None:
        super().__init__()
        self._bits = bits

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten.view.dtype:
            return self._reinterpret(*args, **kwargs)
        if func._schema.is_mutable:
            # The written tensor must stay the caller's own; the others may be replaced.
            written = {a.name for a in func._schema.arguments if a.alias_info is not None}
            names = [a.name for a in func._schema.arguments]
            args = tuple(v if n in written else tree_map(_widen, v) for n, v in zip(names, args))
            kwargs = {k: v if k in written else tree_map(_widen, v) for k, v in kwargs.items()}
            return func(*args, **kwargs)
        args, kwargs = tree_map(_widen, (args, kwargs))
        return tree_map(_widen, func(*args, **kwargs))

    def _reinterpret(self, x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """Bits are those of the dtype that the Model saw, not of its float64 stand-in."""
        narrow = {8: torch.float64, 4: torch.float32, 2: self._bits}
        if x.dtype == torch.float64 and not dtype.is_floating_point and dtype.itemsize in narrow:
            x = x.to(narrow[dtype.itemsize])
        return widened(torch.ops.aten.view.dtype(x, dtype))


class _AsTheModelSees(TorchFunctionMode):
    """What the Model's own Python code sees: ``x.dtype`` is the dtype that it was written for, so
    that it takes the same branches and the same ``torch.finfo``; defaults that torch derives from
    the dtype stay those of that dtype; tensors built from data are widened."""

    def __init__(self, seen: torch.dtype | None) -> None:
        super().__init__()
        self._seen = seen

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _DTYPE_DEFAULTS:
            kwargs = {**kwargs, **_own_defaults(func, args, kwargs, self._seen or torch.float32)}
        result = func(*args, **kwargs)
        if func == _GET_DTYPE and result == torch.float64 and self._seen is not None:
            return self._seen
        if func in _BUILDERS and isinstance(result, torch.Tensor):
            return widened(result)
        return result


_GET_DTYPE = torch.Tensor.dtype.__get__  # type: ignore[attr-defined]
_RMS_NORMS = (torch.rms_norm, torch.nn.functional.rms_norm)
_NAN_TO_NUM = (torch.nan_to_num, torch.Tensor.nan_to_num)
_DTYPE_DEFAULTS = (*_RMS_NORMS, *_NAN_TO_NUM)


def _own_defaults(
    func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], seen: torch.dtype
) -> dict[str, Any]:
    """Missing arguments whose default depends on the dtype. rms_norm's eps is that of the dtype it
    computes in, float32 for the half types."""
    if func in _RMS_NORMS:
        eps = kwargs.get("eps", args[3] if len(args) > 3 else None)
        wide = torch.float32 if seen.itemsize < 4 else seen
        # A fourth positional argument is left alone: given as None, it cannot also be named.
        return {"eps": torch.finfo(wide).eps} if eps is None and len(args) < 4 else {}
    limits = {"posinf": torch.finfo(seen).max, "neginf": torch.finfo(seen).min}
    positions = {"posinf": 2, "neginf": 3}
    return {
        name: limit
        for name, limit in limits.items()
        if kwargs.get(name) is None and len(args) <= positions[name]
    }


@contextlib.contextmanager
def float64_everywhere(dtypes: Collection[torch.dtype]) -> Iterator[None]:
    """Inside, torch computes in float64 whatever dtype the code asks for. ``dtypes`` are those of
    the Model's inputs and state: when only one float dtype is among them, the Model's code still
    sees that one. The default dtype is put back on leaving."""
    floats = {d for d in dtypes if d.is_floating_point and d.itemsize > 1} or {torch.float32}
    seen = next(iter(floats)) if len(floats) == 1 else None
    bits = torch.bfloat16 if torch.bfloat16 in floats else torch.float16
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad(), _AsTheModelSees(seen), _WideOps(bits):
            yield
    finally:
        torch.set_default_dtype(default)


def widen_module(module: torch.nn.Module) -> torch.nn.Module:
    """``module`` itself, its parameters, buffers and plain tensor attributes in float64."""
    for child in module.modules():
        for parameter in child._parameters.values():
            if parameter is not None:
                parameter.data = widened(parameter.data)
        for name, buffer in child._buffers.items():
            if buffer is not None:
                child._buffers[name] = widened(buffer)
        for name, value in list(vars(child).items()):
            if not name.startswith("_") and isinstance(value, torch.Tensor | list | tuple | dict):
                vars(child)[name] = tree_map(
                    lambda v: widened(v) if isinstance(v, torch.Tensor) else v, value
                )
    return module
