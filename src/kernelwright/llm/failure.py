"""How asking a model can fail, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable

from kernelwright.errors import ModelError
from kernelwright.llm.chat import Usage

# Asking again may help.
TRANSIENT = frozenset(
    {
        "rate_limit",  # 429
        "server",  # 5xx, 408, 409, 425
        "connection",  # refused, reset, name not found
        "timeout",  # nothing came for too long
        "broken_stream",  # the answer stopped in its middle
        "empty",  # an answer without text and without a call
        "malformed",  # an answer that breaks the asked form
    }
)
# Asking again is of no use, unless something is changed.
LASTING = frozenset(
    {
        "auth",  # 401, 403
        "quota",  # the account has nothing left
        "not_found",  # 404: a wrong address or model name
        "bad_request",  # other 4xx
        "context_length",  # the conversation is too long for the model
        "filtered",  # the provider withholds the answer
        "certificate",  # TLS
        "not_a_model",  # what answers speaks another language
        "truncated",  # cut by the token limit where a whole answer is needed
        "agent",  # a coding agent did not start or broke the protocol
        "script",  # a scripted model has no reply left
        "closed",
    }
)


class Failure(ModelError):
    """One try failed. Providers raise it; ``Client`` decides what follows.

    ``retry_after_s``: what the server asked to wait. ``named``: features of the request that the
    message names. ``partial``, ``usage``: what had arrived.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        named: Iterable[str] = (),
        partial: str = "",
        usage: Usage | None = None,
    ) -> None:
        assert kind in TRANSIENT or kind in LASTING, kind
        super().__init__(message, kind, status)
        self.retry_after_s = retry_after_s
        self.named = frozenset(named)
        self.partial, self.usage = partial, usage or Usage()

    @property
    def transient(self) -> bool:
        return self.kind in TRANSIENT
