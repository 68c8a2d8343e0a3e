"""What a call returns around its tensors: one short text that can be compared, checked and printed.

"tensor", "tuple" and "list" are a bare tensor and flat sequences of tensors. Anything else is a
Python expression in which ``_`` stands for the next tensor: ``(_, {'loss': _, 'aux': [_, None]})``.
In a Graph, which has no complex dtypes, ``pair(_)`` is a complex tensor as real pairs: one more
axis of size 2.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

FLAT = ("tensor", "tuple", "list")
PAIR = "pair"
_MAX_CHARACTERS = 20_000
_MAX_DEPTH = 32
# A tensor, and the text that stands for it; None for what is no tensor.
Leaf = Callable[[Any], "tuple[Any, str] | None"]


def flatten(value: Any, leaf: Leaf) -> tuple[list[Any], str]:
    """(the tensors of ``value`` in order, its structure). Tuples (named ones too), lists, mappings
    with text or numbers as keys (in the order of the keys), None, numbers, bools and text may
    surround the tensors. Raises TypeError for anything else, and when there is no tensor."""
    tensors: list[Any] = []
    text = _text(value, leaf, tensors, "the result", 0)
    if not tensors:
        raise TypeError(f"a tensor is needed, not {_kind(value)} without any")
    return tensors, next((f for f in FLAT if rendered(f, ["_"] * len(tensors)) == text), text)


def _text(value: Any, leaf: Leaf, tensors: list[Any], where: str, depth: int) -> str:
    found = leaf(value)
    if found is not None:
        tensors.append(found[0])
        return found[1]
    if depth > _MAX_DEPTH:
        raise TypeError(f"{where} is nested more than {_MAX_DEPTH} deep")
    if value is None or type(value) in (bool, int, float, str):
        return _literal(value)
    if isinstance(value, tuple | list):
        items = [
            _text(v, leaf, tensors, f"element {i} of {where}", depth + 1)
            for i, v in enumerate(value)
        ]
        joined = ", ".join(items)
        if isinstance(value, list):
            return f"[{joined}]"
        return f"({joined}{',' if len(items) == 1 else ''})"
    if isinstance(value, Mapping) and all(type(k) in (str, int) for k in value):
        items = [
            f"{_literal(k)}: {_text(value[k], leaf, tensors, f'{where}[{k!r}]', depth + 1)}"
            for k in sorted(value, key=repr)
        ]
        return f"{{{', '.join(items)}}}"
    raise TypeError(f"{where} is {_kind(value)}, no tensor")


def _literal(value: Any) -> str:
    """repr, but for the floats that Python text has no name for."""
    if isinstance(value, float) and repr(value) in ("inf", "-inf", "nan"):
        return {"inf": "1e999", "-inf": "-1e999", "nan": "(1e999 - 1e999)"}[repr(value)]
    return repr(value)


def _kind(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def rendered(structure: str, names: Sequence[str], pair: str = "torch.view_as_complex") -> str:
    """Python text that builds the result from tensors called ``names``. ``pair`` is the function
    that makes real pairs complex."""
    joined = ", ".join(names)
    if structure == "tensor":
        return names[0]
    if structure == "list":
        return f"[{joined}]"
    if structure == "tuple":
        return f"({joined}{',' if len(names) == 1 else ''})"
    given = iter(names)
    tree = ast.parse(structure, mode="eval")
    for node in _in_order(tree.body):
        if isinstance(node, ast.Name):
            node.id = pair if node.id == PAIR else next(given)
    return ast.unparse(tree)


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes as the text has them; ``ast.walk`` goes breadth first, and a dict's fields would come
    keys first."""
    yield node
    children: Sequence[ast.AST] = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Dict):
        children = node.values
    for child in children:
        yield from _in_order(child)


def joined(structure: str, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """``arrays`` with the real pairs that ``structure`` names as the complex numbers they are."""
    found = list(arrays)
    if f"{PAIR}(" not in structure:
        return found
    place, last = 0, ""
    for node in _in_order(ast.parse(structure, mode="eval").body):
        if isinstance(node, ast.Name):
            if node.id == PAIR:
                last = PAIR
                continue
            if last == PAIR:
                wide = np.complex128 if found[place].dtype == np.float64 else np.complex64
                found[place] = np.ascontiguousarray(found[place]).view(wide)[..., 0]
            place, last = place + 1, ""
    return found


def is_structure(text: Any) -> bool:
    """Whether ``text``, which may come from anybody, is a structure."""
    if not isinstance(text, str) or len(text) > _MAX_CHARACTERS or not text.isprintable():
        return False
    if text in FLAT:
        return True
    bare = re.sub(r"'[^'\\]*'|\"[^\"\\]*\"", "0", text)  # quoted keys and text
    if not re.fullmatch(r"(?:_|pair|None|True|False|[-+0-9.e(){}\[\],: ])*", bare):
        return False
    return "_" in bare and _depth(bare) <= 2 * _MAX_DEPTH


def _depth(text: str) -> int:
    deepest = depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        deepest = max(deepest, depth)
    return deepest


def described(structure: str, count: int) -> str:
    """For messages: "one tensor", "a tuple of 2", or the structure itself."""
    if structure == "tensor":
        return "one tensor"
    return f"a {structure} of {count}" if structure in FLAT else f"{structure} of {count} tensors"
