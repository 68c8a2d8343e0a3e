"""The array that records: it has a shape and a dtype, but no values."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from kernelwright.errors import CaptureError
from kernelwright.frameworks._numpy_trace.indexing import assign, take
from kernelwright.frameworks._numpy_trace.trace import FUNCTIONS, Trace, graph_dtype
from kernelwright.frameworks._numpy_trace.ufuncs import record_ufunc
from kernelwright.graph.core import DTYPES, Node
from kernelwright.graph.expression import Expression
from kernelwright.graph.ops import op_definition


class Memory:
    """What arrays that share elements (an array and its views) have in common. ``owner`` names an
    input or a state array."""

    def __init__(self, owner: str = "", is_state: bool = False) -> None:
        self.owner, self.is_state = owner, is_state
        self._arrays: list[weakref.ref[TracedArray]] = []

    def add(self, array: TracedArray) -> None:
        self._arrays.append(weakref.ref(array))

    def count(self) -> int:
        self._arrays = [reference for reference in self._arrays if reference() is not None]
        return len(self._arrays)


class _NotCaptured(CaptureError, AttributeError):
    """An ndarray method without a recording; an AttributeError, so that hasattr() is False."""


# Methods whose function of the same name takes the same arguments after the array.
_METHODS = frozenset(
    {
        *("sum", "prod", "mean", "var", "std", "max", "min", "any", "all", "argmax", "argmin"),
        *("ravel", "squeeze", "swapaxes", "repeat", "dot", "diagonal", "trace", "round", "copy"),
        *("clip", "ptp"),
    }
)


class TracedArray(np.lib.mixins.NDArrayOperatorsMixin):
    """Stands for an ndarray in a Model that is being captured. Its operators, NumPy's functions and
    its methods add nodes to the Graph; whatever needs a value raises CaptureError."""

    __array_priority__ = 1000.0
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, trace: Trace, expression: Expression, memory: Memory | None = None) -> None:
        self._trace, self._expression = trace, expression
        self._memory = Memory() if memory is None else memory
        self._memory.add(self)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # isinstance(x, np.ndarray) in a Model must hold
        return np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return self._expression.shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return self._expression.node.type.size

    @property
    def dtype(self) -> np.dtype:
        return DTYPES[self._expression.dtype]

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self._expression.node.type.nbytes

    @property
    def T(self) -> Any:
        return np.transpose(self)  # type: ignore[call-overload]

    @property
    def mT(self) -> Any:
        return np.swapaxes(self, -1, -2)  # type: ignore[call-overload]

    @property
    def real(self) -> Any:
        return self

    def astype(self, dtype: Any, *_: Any, **__: Any) -> Any:
        return TracedArray(self._trace, self._expression.cast(graph_dtype(dtype)))

    def reshape(self, *shape: Any, **options: Any) -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape, **options)  # type: ignore[call-overload]

    def transpose(self, *axes: Any) -> Any:
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return np.transpose(self, order or None)  # type: ignore[call-overload]

    def flatten(self, order: str = "C") -> Any:
        return np.copy(np.ravel(self, order))  # type: ignore[call-overload]

    def fill(self, value: Any) -> None:
        self[...] = value

    def item(self, *_: Any) -> NoReturn:
        raise CaptureError("item() needs a value, and a capture has none")

    tolist = item

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS:
            function = getattr(np, name)
            return lambda *args, **kwargs: function(self, *args, **kwargs)
        if not name.startswith("_") and hasattr(np.ndarray, name):
            raise _NotCaptured(f"ndarray.{name} cannot be captured")
        raise AttributeError(f"'numpy.ndarray' object has no attribute {name!r}")

    def __getitem__(self, key: Any) -> Any:
        found = take(self._trace, self._expression, key)
        return TracedArray(self._trace, found, self._memory)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._replace(assign(self._trace, self._expression, key, value))

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> NoReturn:
        raise CaptureError(
            "the truth of an array decides which way the code goes; write the choice with np.where"
        )

    def _no_value(self, *_: Any, **__: Any) -> NoReturn:
        raise CaptureError("a Python number is made from an array; keep it an array of shape ()")

    __float__ = __int__ = __index__ = __complex__ = _no_value

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise CaptureError(
            "a captured array is turned into a real one (np.array or np.asarray of it, of a list "
            "with it, or an assignment into a real array), which needs its values"
        )

    def __repr__(self) -> str:
        return f"TracedArray({self._expression.node.type})"

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        out = options.pop("out", None)
        result = record_ufunc(self._trace, ufunc, method, inputs, options)
        if out is None:
            return _wrapped(self._trace, result, inputs, copied=ufunc is np.positive)
        return _written(out[0] if isinstance(out, tuple) else out, result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        handler = FUNCTIONS.get(function)
        if handler is None:
            module = getattr(function, "__module__", "numpy") or "numpy"
            raise CaptureError(f"{module}.{function.__name__} cannot be captured")
        options = dict(kwargs)
        out = options.pop("out", None)
        try:
            result = handler(self._trace, *args, **options)
        except (ValueError, TypeError) as error:
            raise CaptureError(f"numpy.{function.__name__}: {error}") from error
        if out is not None:
            return _written(out, result)
        return _wrapped(self._trace, result, args, copied=function is np.copy)

    def _replace(self, result: Expression) -> None:
        """An in-place change: sound only while nobody else sees the same memory."""
        memory = self._memory
        if memory.is_state:
            raise CaptureError(f"the Model changes its own state {memory.owner!r} in place")
        if memory.count() > 1:
            raise CaptureError("an array that has views is changed in place; copy it first")
        if memory.owner:
            note = f"the Model changes its input {memory.owner!r} in place; the Graph does not"
            self._trace.notes.append(note)
        if not np.can_cast(DTYPES[result.dtype], self.dtype, "same_kind"):
            raise CaptureError(f"{result.dtype} is written in place into {self._expression.dtype}")
        if result.shape != self.shape:
            raise CaptureError(f"shape {result.shape} is written in place into {self.shape}")
        self._expression = result.cast(self._expression.dtype)


def _written(target: Any, result: Expression) -> Any:
    if type(target) is not TracedArray:
        raise CaptureError("out= names a real array, which a capture cannot fill")
    target._replace(result)
    return target


def _wrapped(trace: Trace, result: Any, args: Any, copied: bool) -> Any:
    """Expressions in ``result`` as arrays; one that is a view of an argument shares its memory."""
    if isinstance(result, list | tuple):
        return type(result)(_wrapped(trace, part, args, copied) for part in result)
    if not isinstance(result, Expression):
        return result
    sources = [a for a in args if type(a) is TracedArray]
    shared = None if copied else next((s for s in sources if _is_view(result.node, s)), None)
    return TracedArray(trace, result, shared._memory if shared is not None else None)


def _is_view(node: Node, source: TracedArray) -> bool:
    while node is not source._expression.node:
        if op_definition(node.op).kind != "view":
            return False
        node = node.inputs[0]
    return True
