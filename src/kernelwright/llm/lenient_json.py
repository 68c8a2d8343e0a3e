"""JSON as language models print it: among prose, with raw line ends in texts, with commas too many,
or as a Python literal."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

MAX_CHARS = 400_000
MAX_TRIES = 200
MAX_SCANNED = 500_000  # characters in all that brackets are matched in: many may never close
_DECODER = json.JSONDecoder(strict=False)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_START = re.compile(r"\{|\[(?=\s*[\[{])")


def parse(text: str) -> Any:
    """The one JSON value that ``text`` is, perhaps in a fence or among prose: the whole text, else
    the longest value in it. Raises ValueError when there is none."""
    try:
        return _DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        pass
    found = list(values_in(text))
    if not found:
        raise ValueError("no JSON was found in the answer")
    return max(found, key=lambda item: item[1] - item[0])[2]


def values_in(text: str) -> Iterator[tuple[int, int, Any]]:
    """(start, end, value) of the objects, and lists of them, that stand in ``text``, outermost
    ones only. What is not closed is left out."""
    text = text[:MAX_CHARS]
    at, tries, left = 0, 0, MAX_SCANNED
    while tries < MAX_TRIES and left > 0 and (match := _START.search(text, at)):
        tries += 1
        at = match.start()
        read, scanned = _read_at(text, at, at + left)
        left -= scanned
        if read is None:
            at += 1
            continue
        value, end = read
        yield at, end, value
        at = end


def _read_at(text: str, start: int, limit: int) -> tuple[tuple[Any, int] | None, int]:
    """((value, end) or None, characters looked at)."""
    try:
        return _DECODER.raw_decode(text, start), 0
    except (ValueError, RecursionError):
        pass
    end, is_closed = _closing(text, start, min(limit, len(text)))
    part = text[start:end]
    if not is_closed:
        return None, len(part)
    try:
        return (_DECODER.decode(_TRAILING_COMMA.sub(r"\1", part)), end), len(part)
    except (ValueError, RecursionError):
        pass
    try:
        value = ast.literal_eval(part)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None, len(part)
    return ((value, end) if _is_json(value) else None), len(part)


def _closing(text: str, start: int, limit: int) -> tuple[int, bool]:
    """Where the bracket at ``start`` closes, texts in quotes (also triple ones) skipped; or the
    limit, and False."""
    depth, at = 0, start
    while at < limit:
        char = text[at]
        if char in "\"'":
            quote = char * 3 if text.startswith(char * 3, at) else char
            at = _after_quote(text, at + len(quote), quote)
            continue
        depth += (char in "{[") - (char in "}]")
        at += 1
        if depth == 0:
            return at, True
    return limit, False


def _after_quote(text: str, at: int, quote: str) -> int:
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text.startswith(quote, at):
            return at + len(quote)
        else:
            at += 1
    return at


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_json(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return all(_is_json(item) for item in value)
    return value is None or isinstance(value, str | bool | int | float)
