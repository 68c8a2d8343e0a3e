"""Info files made by us: one an op and form of the format, with what the op means in NumPy.

The meanings are written apart from the Graph's: they are what tests hold it against. ``case.info``
is the file's content, ``case.expected(*inputs)`` the outputs (and then what written inputs hold).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

Meaning = Callable[..., Any]
KINDS = {"bfloat16": np.dtype(ml_dtypes.bfloat16)}


@dataclass(frozen=True)
class Case:
    """``info``: the JSON's content. ``expected(*inputs)``: an array or several, in float64 where
    they are floats. ``inputs``: arrays to use in place of the model's own."""

    name: str
    info: dict[str, Any]
    expected: Meaning
    inputs: tuple[Any, ...] | None = None

    @property
    def text(self) -> str:
        return json.dumps(self.info, indent=1)


def tensor(name: str, shape: Sequence[int], dtype: str = "float32", **more: Any) -> dict[str, Any]:
    """One mention of a tensor."""
    return {"tensor_name": name, "shape": list(shape), "data_type": dtype, **more}


def number(name: str, value: Any, dtype: str = "float32", shape: Sequence[int] = (1,)) -> Any:
    """A constant."""
    return tensor(name, shape, dtype, value=value)


def op(name: str, inputs: Sequence[Any], outputs: Sequence[Any], **attrs: Any) -> dict[str, Any]:
    """One op. An entry of ``inputs`` is a tensor, or a list for a parameter that takes several."""
    listed = [{"name": k, "data_type": _kind(v), "value": v} for k, v in attrs.items()]
    return {
        "name": name,
        "input_desc": [i if isinstance(i, list) else [i] for i in inputs],
        "output_desc": list(outputs),
        "attr": listed or None,
    }


def _kind(value: Any) -> str:
    kinds = {bool: "bool", int: "int", float: "float", str: "str"}
    return kinds.get(type(value), "listInt")


def kernel(
    name: str, inputs: Sequence[Any], outputs: Sequence[Any], ops: Sequence[Any], **more: Any
) -> dict[str, Any]:
    """A whole file in the short form, with ``more`` fields."""
    return {
        "op": name,
        "process": "cpu",
        "input_desc": [[t] for t in inputs] or None,
        "output_desc": list(outputs),
        "op_desc": list(ops),
        **more,
    }


def single(
    name: str, meaning: Meaning, inputs: Sequence[Any], outputs: Sequence[Any], *,
    label: str = "", constants: Sequence[Any] = (), group: bool = False,
    given: Sequence[Any] | None = None, **attrs: Any,
) -> Case:  # fmt: skip
    """A file of one op. ``constants`` follow its inputs; ``group``: all in one parameter."""
    operands = [*inputs, *constants]
    made = op(name, [operands] if group else operands, outputs, **attrs)
    label = label or name
    return Case(label, kernel(label, inputs, outputs, [made]), meaning,
                None if given is None else tuple(given))  # fmt: skip
