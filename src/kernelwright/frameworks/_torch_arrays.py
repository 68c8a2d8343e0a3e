"""Values across the border between NumPy arrays and torch tensors, bit by bit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np

from kernelwright.frameworks._base import (
    POISON_BLOCKS,
    POISON_BYTES,
    StateEntry,
    StateMismatch,
    Value,
)
from kernelwright.graph import structure

# NumPy (through ml_dtypes) and torch know these dtypes by the same name, but neither converts
# them to the other's: the bits pass through an integer of the same width.
_BITS: dict[str, tuple[np.dtype, type[np.generic]]] = {
    "bfloat16": (np.dtype(ml_dtypes.bfloat16), np.int16),
    "float8_e4m3fn": (np.dtype(ml_dtypes.float8_e4m3fn), np.uint8),
    "float8_e4m3fnuz": (np.dtype(ml_dtypes.float8_e4m3fnuz), np.uint8),
    "float8_e5m2": (np.dtype(ml_dtypes.float8_e5m2), np.uint8),
    "float8_e5m2fnuz": (np.dtype(ml_dtypes.float8_e5m2fnuz), np.uint8),
}


def dtype_text(dtype: Any) -> str:
    """The name after the dot: "float32" for ``torch.float32``."""
    return str(dtype).removeprefix("torch.")


def to_native(value: Value, device: str) -> Any:
    """``value`` as a tensor on ``device``; a Python number, bool or None stays what it is. On the
    CPU the tensor shares the array's memory where it can (writable, positive strides)."""
    import torch

    if value is None or isinstance(value, bool | int | float | str):
        return value
    array = np.asarray(value)
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    if array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("="))
    for name, (dtype, bits) in _BITS.items():
        if array.dtype == dtype:
            tensor = torch.from_numpy(array.view(bits)).view(getattr(torch, name))
            return tensor.to(device)
    return torch.from_numpy(array).to(device)


def to_numpy(tensor: Any) -> np.ndarray:
    """The elements of a plain tensor (``torch.Tensor`` or ``Parameter``) as an array, which may
    share the tensor's memory. Raises TypeError for anything else, subclasses too: what a subclass
    answers when asked for its elements is its own code's choice."""
    import torch

    if type(tensor) not in (torch.Tensor, torch.nn.Parameter):
        kind = f"{type(tensor).__module__}.{type(tensor).__qualname__}"
        raise TypeError(f"a plain torch.Tensor is needed, not {kind}")
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_meta:
        raise TypeError(f"a dense tensor is needed, not {tensor.layout} on {tensor.device}")
    host = tensor.detach().resolve_conj().resolve_neg().cpu()
    name = dtype_text(host.dtype)
    if name in _BITS:
        dtype, bits = _BITS[name]
        return host.view(getattr(torch, np.dtype(bits).name)).numpy().view(dtype)
    return host.numpy()


def flatten(result: Any) -> tuple[list[Any], str]:
    """A native result as (tensors in order, structure), see ``graph.structure``. Raises TypeError
    for what is neither a tensor nor surrounds tensors."""
    return structure.flatten(result, _leaf)


def _leaf(value: Any) -> tuple[Any, str] | None:
    import torch

    return (value, "_") if isinstance(value, torch.Tensor) else None


def clones(values: Sequence[Any]) -> list[Any]:
    """Copies of the tensors, so that a Model that writes to its inputs harms nobody."""
    import torch

    return [v.clone() if isinstance(v, torch.Tensor) else v for v in values]


def relayout(value: Any, layout: str) -> Any:
    """``value``'s elements in new memory: "misaligned" one element past the start of an
    allocation, "non_contiguous" with the last two axes swapped in memory where that changes
    anything, else in every second element. ``value`` itself for "as_given" and for no tensor."""
    import torch

    if layout == "as_given" or not isinstance(value, torch.Tensor) or not value.numel():
        return value
    if layout == "misaligned":
        shifted = value.new_empty(value.numel() + 1)[1:].view(value.shape)
        return shifted.copy_(value)
    if value.dim() >= 2 and min(value.shape[-2:]) > 1:
        return value.transpose(-1, -2).contiguous().transpose(-1, -2)
    return value.new_empty((*value.shape, 2))[..., 0].copy_(value)


def shares_memory(output: Any, given: Any) -> bool:
    """See Framework: by the addresses between the first and the last element."""
    import torch

    if not (isinstance(output, torch.Tensor) and isinstance(given, torch.Tensor)):
        return False
    if output.device != given.device or not output.numel() or not given.numel():
        return False
    (a, b), (c, d) = _span(output), _span(given)
    return a < d and c < b


def _span(tensor: Any) -> tuple[int, int]:
    steps = sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.stride()))
    start = tensor.data_ptr()
    return start, start + (steps + 1) * tensor.element_size()


def poison(device: str, sizes: Sequence[int]) -> None:
    """See Framework. Blocks of the same size come back from torch's allocators in the order in
    which they were freed, and one block may go to an intermediate: a few of each are filled."""
    import torch

    for size in {n for n in sizes if n > 0}:
        count = max(1, min(POISON_BLOCKS, POISON_BYTES // size))
        blocks = [torch.empty(size, dtype=torch.uint8, device=device) for _ in range(count)]
        for block in blocks:
            block.fill_(0xFF)


def fill(model: Any, state: Sequence[StateEntry], device: str) -> None:
    """Copies ``state`` into the module's parameters and buffers by name. Raises StateMismatch when
    names, shapes or dtypes differ."""
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


def _tensors(model: Any) -> dict[str, Any]:
    import torch

    if not isinstance(model, torch.nn.Module):
        return {}
    return {
        n: t for n, t in model.state_dict(keep_vars=True).items() if isinstance(t, torch.Tensor)
    }


def _shown(tensor: Any) -> str:
    return f"{dtype_text(tensor.dtype)}{list(tensor.shape)}"
