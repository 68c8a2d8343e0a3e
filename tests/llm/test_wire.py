"""Replies of any shape are read without an error that is not a Failure."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kernelwright.llm.chat import ChatRequest, ChatResult, Message
from kernelwright.llm.failure import Failure
from kernelwright.llm.openai_wire import Reply
from kernelwright.llm.thinking import THINK

ANY = (
    st.none()
    | st.booleans()
    | st.integers(-5, 9)
    | st.text(max_size=5)
    | st.lists(st.none(), max_size=2)
)


def shaped(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """An object with these attributes; each may be missing, and the whole may be something else."""
    known = st.fixed_dictionaries({}, optional=parts).map(lambda d: SimpleNamespace(**d))
    return st.one_of(known, known, known, ANY)


FUNCTION = shaped(name=ANY, arguments=ANY | st.just({"a": 1}) | st.just('{"a": 1}'))
CALLS = st.lists(shaped(index=ANY, id=ANY, function=FUNCTION), max_size=2) | ANY
DELTA = shaped(content=ANY, reasoning_content=ANY, reasoning=ANY, tool_calls=CALLS)
CHOICES = st.lists(
    shaped(delta=DELTA, message=DELTA, finish_reason=ANY | st.just("stop")), max_size=2
)
USAGE = shaped(
    prompt_tokens=ANY,
    completion_tokens=ANY,
    total_tokens=ANY,
    prompt_tokens_details=shaped(cached_tokens=ANY),
    completion_tokens_details=ANY,
)
CHUNK = shaped(choices=CHOICES | ANY, usage=USAGE, model=ANY)


@settings(max_examples=150, deadline=None)
@given(st.lists(CHUNK, max_size=3), st.booleans())
def test_a_reply_of_any_shape(chunks: list[Any], streamed: bool) -> None:
    request = ChatRequest((Message("user", "x" * 50),))
    told: list[Any] = []
    reply = Reply(request, "m", THINK, told.append, lambda: 0.0)
    for chunk in chunks if streamed else chunks[:1]:
        (reply.add_chunk if streamed else reply.add_whole)(chunk)
    try:
        result = reply.result()
    except Failure as failure:
        assert failure.kind == "empty" and reply.choices == 0
        return
    assert isinstance(result, ChatResult) and isinstance(result.text, str)
    usage = result.usage
    assert 0 <= usage.cached_tokens <= usage.input_tokens
    assert 0 <= usage.reasoning_tokens <= usage.output_tokens
    assert all(isinstance(call.raw, str) for call in result.tool_calls)
    assert all(isinstance(delta.text, str) for delta in told)
