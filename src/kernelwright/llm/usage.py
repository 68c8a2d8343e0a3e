"""Token counts as servers report them: missing, partial, of the wrong type, or impossible."""

from __future__ import annotations

from typing import Any

from kernelwright.llm.budget import prompt_tokens, tokens_of
from kernelwright.llm.chat import ChatRequest, Usage


def read_usage(raw: Any, request: ChatRequest, answer_chars: int) -> Usage:
    """Usage from a reply's ``usage`` (an object or mapping, or None). What cannot be believed is
    guessed from the lengths of prompt and answer, and marked so."""
    given, answered = _count(raw, "prompt_tokens"), _count(raw, "completion_tokens")
    total = _count(raw, "total_tokens")
    if given is None and total is not None and answered is not None and total >= answered:
        given = total - answered
    if answered is None and total is not None and given is not None and total >= given:
        answered = total - given
    # Counts of zero for texts that are there come from servers that do not count.
    missing = given is None or (given == 0 and prompt_tokens(request) > 8)
    unanswered = answered is None or (answered == 0 and answer_chars > 0)
    given = prompt_tokens(request) if given is None or missing else given
    answered = tokens_of(answer_chars) if answered is None or unanswered else answered
    cached = _count(_part(raw, "prompt_tokens_details"), "cached_tokens") or 0
    thinking = _count(_part(raw, "completion_tokens_details"), "reasoning_tokens") or 0
    return Usage(
        given, answered, min(thinking, answered), min(cached, given), bool(missing or unanswered)
    )


def _part(raw: Any, name: str) -> Any:
    return raw.get(name) if isinstance(raw, dict) else getattr(raw, name, None)


def _count(raw: Any, name: str) -> int | None:
    value = _part(raw, name)
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**10
    return value if is_count else None
