"""Calls that the host leaves to the framework's library, as lines of kernel.py."""

from __future__ import annotations

import json
import math
from typing import Any

from kernelwright.aul.syntax import FrameworkCall
from kernelwright.errors import UnsupportedError
from kernelwright.graph.operand_view import swaps_matrices

# What NumPy calls them; the positional arguments are the same.
_NUMPY_NAMES = {
    **dict.fromkeys(("aten.mm.default", "aten.matmul.default", "aten.bmm.default"), "matmul"),
    "matmul": "matmul",
    "aten.cat.default": "concatenate",
    "aten.cumsum.default": "cumsum",
    "aten.cumprod.default": "cumprod",
}
_PAD = "aten.constant_pad_nd.default"
PROGRAM = "torch.program"  # several ops in a row


def call_text(call: FrameworkCall, framework: str, device: str = '"cpu"') -> str:
    """One expression whose value is the call's result (a tensor, or a tuple for several).

    ``call.attrs`` is JSON with "arguments": {"args": [...], "kwargs": {...}} as the capture writes
    them, or a plain list of positional ones; without it the arguments are ``call.src`` in order.
    ``device`` is the expression that stands where the capture saw a device.
    """
    given = json.loads(call.attrs or "{}").get("arguments")
    if call.op == PROGRAM:
        return _program_text(given, call.src, framework, device)
    if given is None:
        given = [{"input": i} for i in range(len(call.src))]
    args, kwargs = (given, {}) if isinstance(given, list) else (given["args"], given["kwargs"])
    texts = [_argument(a, call.src, device) for a in args]
    texts += [f"{name}={_argument(a, call.src, device)}" for name, a in kwargs.items()]
    joined = ", ".join(texts)
    if framework == "torch":
        seen = [] if isinstance(given, list) else given.get("result", [])
        return _view(f"{_torch_target(call.op)}({joined})", seen)
    if call.op in _NUMPY_NAMES:
        return f"np.{_NUMPY_NAMES[call.op]}({joined})"
    if call.op == _PAD:
        return f"np.pad({texts[0]}, {_pad_widths(args[1])}, constant_values={texts[2]})"
    if call.op.startswith("aten."):
        return f"_through_torch({', '.join(filter(None, [_torch_target(call.op), joined]))})"
    raise UnsupportedError(
        f"the library call {call.op!r} has no {framework} form; "
        "use framework torch, or an op of aten"
    )


def _program_text(
    program: dict[str, Any], names: tuple[str, ...], framework: str, device: str
) -> str:
    """Each step gets a name as it runs; the results stand last in the tuple."""
    if framework != "torch":
        raise UnsupportedError(f"a program of torch's ops has no {framework} form")
    lines = []
    for number, step in enumerate(program["steps"]):
        texts = [_argument(a, names, device) for a in step["args"]]
        texts += [f"{k}={_argument(a, names, device)}" for k, a in step["kwargs"].items()]
        lines.append(f"_step{number} := {_torch_target(step['target'])}({', '.join(texts)})")
    results = ", ".join(_step(place) for place in program["results"])
    return f"({', '.join([*lines, f'({results},)'])})[-1]"


def _step(place: list[int | None]) -> str:
    number, position = place
    return f"_step{number}" if position is None else f"_step{number}[{position}]"


def fixed_argument(name: str, position: int, value: Any) -> list[str]:
    """Statements that refuse another value than the one that the kernel was made for."""
    if isinstance(value, float) and not math.isfinite(value):
        return []
    message = f"input {position}: this kernel is for the value {value!r}"
    return [f"if {name} != {value!r}:", f"    raise ValueError({message!r})"]


def wanted_outputs(call: FrameworkCall) -> list[int]:
    """Which of the op's results ``call.dst`` receive, by position."""
    wanted = json.loads(call.attrs or "{}").get("outputs")
    return list(wanted) if wanted else list(range(len(call.dst)))


def needs_torch(call: FrameworkCall) -> bool:
    """Whether the NumPy form of this call goes through torch."""
    return call.op.startswith("aten.") and call.op not in (*_NUMPY_NAMES, _PAD)


def _pad_widths(flat: list[int]) -> tuple[tuple[int, int], ...]:
    """torch lists low, high of the last axis first; NumPy pairs them, first axis first."""
    return tuple(reversed(list(zip(flat[::2], flat[1::2]))))


def _torch_target(op: str) -> str:
    return "torch.matmul" if op == "matmul" else f"torch.ops.{op}"


def _argument(value: Any, names: tuple[str, ...], device: str) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_argument(v, names, device) for v in value)}]"
    if not isinstance(value, dict):
        return repr(value)
    ((kind, payload),) = value.items()
    if kind == "input":
        return names[payload]
    if kind == "view":
        return _view(names[payload[0]], payload[1])
    if kind == "float":  # one that JSON lacks
        return f'float("{payload}")'
    if kind == "complex":
        return f'complex(float("{payload[0]}"), float("{payload[1]}"))'
    if kind == "device":
        return device
    if kind == "step":
        return _step(payload)
    if kind in ("dtype", "memory_format", "layout"):
        return f"torch.{payload}"
    raise UnsupportedError(f"a library call's argument {value!r} is not understood")


def _view(name: str, steps: list[Any]) -> str:
    """A tensor seen through ``graph.operand_view``'s steps, in words that torch and NumPy share
    where both can make the call."""
    for kind, payload in steps:
        if kind == "permute" and swaps_matrices(payload):
            name = f"{name}.swapaxes(-2, -1)"
        elif kind == "permute":
            name = f"{name}.permute({', '.join(map(str, payload))})"
        elif kind in ("unsqueeze", "squeeze"):
            name = f"{name}.{kind}({payload})"
        elif kind == "slice":
            name = f"{name}[{', '.join(f'{a}:{b}' for a, b in payload)}]"
        elif kind == "reshape":
            name = f"{name}.reshape({', '.join(map(str, payload))})"
        else:
            raise UnsupportedError(f"a library call's view {kind!r} is not understood")
    return name
