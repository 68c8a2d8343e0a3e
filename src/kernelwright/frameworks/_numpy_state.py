"""The state of a NumPy Model: the arrays found on the instance, by dotted names.

``self.weight`` is "weight", ``self.layers[0].bias`` is "layers.0.bias", ``self.table["a"]`` is
"table.a". Objects, lists, tuples and dicts are entered; an array met twice has its first name.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ArrayPlace:
    """``array`` as it was found. ``set`` puts another one in its place, and in the places of its
    aliases."""

    name: str
    array: Any
    setters: list[Callable[[Any], None]]

    def set(self, value: Any) -> None:
        for setter in self.setters:
            setter(value)


def array_places(model: Any, kind: type = np.ndarray) -> list[ArrayPlace]:
    """Every place of an array of exactly or derived type ``kind``, in the order of assignment."""
    places: dict[int, ArrayPlace] = {}
    for name, value, setter in _walk(model, "", set()):
        if not issubclass(type(value), kind):
            continue
        if id(value) in places:
            places[id(value)].setters.append(setter)
        else:
            places[id(value)] = ArrayPlace(name, value, [setter])
    return list(places.values())


_Found = tuple[str, Any, Callable[[Any], None]]


def _walk(owner: Any, prefix: str, seen: set[int]) -> Iterator[_Found]:
    """(name, value, setter) of everything reachable from ``owner``, containers entered once."""
    if id(owner) in seen:
        return
    seen.add(id(owner))
    for key, value, setter in _entries(owner):
        name = f"{prefix}{key}"
        yield name, value, setter
        if _is_container(value):
            yield from _walk(value, f"{name}.", seen)
        if isinstance(value, tuple):
            yield from _walk_tuple(value, f"{name}.", setter, seen)


def _walk_tuple(
    value: tuple[Any, ...], prefix: str, setter: Callable[[Any], None], seen: set[int]
) -> Iterator[_Found]:
    """A tuple cannot be changed: setting an entry puts a new tuple in its place."""
    current = list(value)

    def replace(index: int, new: Any) -> None:
        current[index] = new
        setter(tuple(current))

    for i, entry in enumerate(value):
        yield f"{prefix}{i}", entry, functools.partial(replace, i)
        if _is_container(entry):
            yield from _walk(entry, f"{prefix}{i}.", seen)


def _is_container(value: Any) -> bool:
    if isinstance(value, list | dict):
        return True
    # Objects of the task file's own classes, not modules, functions, classes or NumPy's.
    module = getattr(type(value), "__module__", "")
    own = module.startswith("kernelwright_") or module == "__main__"
    return own and hasattr(value, "__dict__")


def _entries(owner: Any) -> Iterator[_Found]:
    if isinstance(owner, list):
        for i, entry in enumerate(owner):
            yield str(i), entry, functools.partial(owner.__setitem__, i)
    elif isinstance(owner, dict):
        for key, entry in list(owner.items()):
            yield str(key), entry, functools.partial(owner.__setitem__, key)
    else:
        for key, entry in list(getattr(owner, "__dict__", {}).items()):
            yield key, entry, functools.partial(setattr, owner, key)
