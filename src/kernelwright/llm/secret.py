"""Keys and custom headers: usable where a request is made, masked everywhere else.

A ``Secret`` prints as "***", and its value is remembered so that ``masked`` finds it in texts that
come from outside (a server may echo the key in its error message).
"""

from __future__ import annotations

import logging
import re
import threading
import traceback
from collections.abc import Mapping
from typing import Any

MASK = "***"
# Below this a value is no key (tests and local servers use "EMPTY", "x", "none"), and replacing it
# would spoil texts that merely have the same letters.
MIN_CHARS = 8
_NOT_SECRET = frozenset({"application/json", "not-needed", "no-key-needed"})
_LOGGERS = ("openai", "openai._base_client", "httpx", "httpx2", "httpcore", "httpcore2")

_known: set[str] = set()
_lock = threading.Lock()


class Secret:
    """A text that never prints. ``reveal`` is for the one place that sends it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = str(value)
        if len(self._value) >= MIN_CHARS and self._value not in _NOT_SECRET:
            with _lock:
                _known.add(self._value)

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return MASK if self._value else "''"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> Any:
        raise TypeError("a Secret cannot be pickled: it must not leave this process")


def masked(text: str) -> str:
    """``text`` with every known secret and every credential in an address replaced."""
    with _lock:
        values = sorted(_known, key=len, reverse=True)
    for value in values:
        if value in text:
            text = text.replace(value, MASK)
    return re.sub(r"://[^/\s@]+@", f"://{MASK}@", text)


def masked_tree(value: Any) -> Any:
    """``masked`` in every text of a tree of mappings and sequences; the tree becomes JSON-able."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, Mapping):
        return {masked(str(key)): masked_tree(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [masked_tree(item) for item in value]
    return repr(value) if isinstance(value, Secret) else value


def shown_url(url: str) -> str:
    """An address for people: without credentials and without its query."""
    return masked(url.split("?", 1)[0].split("#", 1)[0])


class _Masking(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if (clean := masked(text)) != text:
            record.msg, record.args = clean, ()
        if record.exc_info and record.exc_info[0] is not None:
            trace = "".join(traceback.format_exception(*record.exc_info)).rstrip()
            if (clean := masked(trace)) != trace:
                record.exc_info, record.exc_text = None, clean
        return True


_masking = _Masking()


def guard_logs() -> None:
    """Masks what the HTTP and SDK loggers write (addresses with a key in their query). Cheap; may
    be called often."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_masking)  # a filter that is there is not added again
