"""Any server that speaks OpenAI's chat completions, through the ``openai`` package (2 or 3)."""

from __future__ import annotations

import dataclasses
import importlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kernelwright.errors import MissingDependencyError, UsageError
from kernelwright.llm import features
from kernelwright.llm.chat import ChatRequest, ChatResult, OnDelta
from kernelwright.llm.failure import Failure
from kernelwright.llm.openai_wire import Reply, body
from kernelwright.llm.provider import Sending
from kernelwright.llm.retry import retry_after_s
from kernelwright.llm.secret import guard_logs, masked
from kernelwright.llm.settings import ModelSettings
from kernelwright.llm.thinking import THINK, Markers

# Local servers want some key; the SDK refuses an empty one.
_NO_KEY = "no-key-needed"
_TRANSIENT = (408, 409, 425)
_TOO_LONG = (
    "context length",
    "context_length",
    "maximum context",
    "context size",
    "too many tokens",
)
_QUOTA = ("insufficient_quota", "insufficient balance", "exceeded your current quota")


class OpenAICompatible:
    """One model at one address. Thread-safe; the connection pool is kept until ``close``."""

    features = frozenset(features.ALL)
    markers: Markers = THINK

    def __init__(self, settings: ModelSettings) -> None:
        if not settings.model:
            raise UsageError("a model name is needed (model=...)")
        self.settings, self.name = settings, settings.model
        self.endpoint, self.account = settings.endpoint, settings.account
        self._sdk = _load_sdk()
        self._http_error = _http_error(self._sdk)
        guard_logs()
        self._client = self._open()

    def close(self) -> None:
        self._client.close()

    def send(self, request: ChatRequest, how: Sending, on_delta: OnDelta) -> ChatResult:
        request = self.prepared(request)
        arguments = body(request, how, self.name)
        reply = Reply(request, self.name, self.markers, on_delta, time.monotonic)
        deadline = time.monotonic() + how.timeout_s
        with self._failures(reply):
            # A reply in one piece is silent until it is complete.
            silence = self.settings.idle_s if arguments.get("stream") else how.timeout_s
            answer = self._client.chat.completions.create(
                **arguments, timeout=min(silence, how.timeout_s)
            )
            if arguments.get("stream"):
                self._read_stream(answer, reply, deadline)
            elif isinstance(answer, str) or not hasattr(answer, "choices"):
                raise _not_a_model(self.endpoint)
            else:
                reply.add_whole(answer)
        return reply.result()

    def prepared(self, request: ChatRequest) -> ChatRequest:
        """The request with what this kind of model wants said in its own way."""
        if self.settings.enable_think is None:
            return request
        # The switch that the templates of most open models know; others ignore it.
        wanted = {"chat_template_kwargs": {"enable_thinking": self.settings.enable_think}}
        sampling = dataclasses.replace(request.sampling, extra={**wanted, **request.sampling.extra})
        return dataclasses.replace(request, sampling=sampling)

    def _read_stream(self, stream: Any, reply: Reply, deadline: float) -> None:
        kind = stream.response.headers.get("content-type", "")
        if "text/event-stream" not in kind and "text/html" in kind:
            stream.close()
            raise _not_a_model(self.endpoint)
        try:
            for chunk in stream:
                reply.add_chunk(chunk)
                if time.monotonic() > deadline:
                    raise Failure("timeout", "the answer took too long", partial=reply.partial)
        finally:
            stream.close()
        if reply.finish is None:
            usage = reply.result().usage if reply.choices else None
            raise Failure(
                "broken_stream" if reply.choices else "empty",
                "the stream ended before the answer was complete"
                if reply.choices
                else "the stream held no answer",
                partial=reply.partial,
                named={features.STREAM},
                usage=usage,
            )

    def _open(self) -> Any:
        settings, sdk = self.settings, self._sdk
        options = dict(settings.client_options)
        options.pop("max_retries", None)  # ours are counted and recorded
        if not settings.verify and "http_client" not in options:
            options["http_client"] = sdk.DefaultHttpxClient(verify=False)
        if settings.query:
            options["default_query"] = {k: v.reveal() for k, v in settings.query.items()}
        try:
            return sdk.OpenAI(
                api_key=settings.api_key.reveal() or _NO_KEY,
                base_url=settings.base_url or None,
                default_headers={k: v.reveal() for k, v in settings.headers.items()},
                max_retries=0,
                **options,
            )
        except (TypeError, sdk.OpenAIError) as error:
            raise UsageError(
                f"the openai package refuses its options: {masked(str(error))}"
            ) from None

    @contextmanager
    def _failures(self, reply: Reply) -> Iterator[None]:
        """Everything that the SDK, its HTTP client and a broken reply raise, as Failure."""
        sdk = self._sdk
        try:
            yield
        except Failure:
            raise
        except sdk.APITimeoutError as error:
            said = f"{self.endpoint} was silent for too long"
            raise Failure("timeout", said, partial=reply.partial) from _cause(error)
        except sdk.APIStatusError as error:
            raise self._refused(error) from _cause(error)
        except sdk.APIConnectionError as error:
            raise self._unreached(error, reply) from _cause(error)
        except sdk.APIError as error:  # an error event within a stream
            failure = Failure(
                "server", f"{self.endpoint}: {masked(error.message)}", partial=reply.partial
            )
            raise failure from _cause(error)
        except self._http_error as error:
            raise self._unreached(error, reply) from _cause(error)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            failure = Failure(
                "broken_stream", "the reply is not readable JSON", partial=reply.partial
            )
            raise failure from _cause(error)
        except (TypeError, AttributeError, sdk.OpenAIError) as error:
            said = f"{self.endpoint}: the request or reply cannot be read: {masked(str(error))}"
            raise Failure("bad_request", said, partial=reply.partial) from _cause(error)

    def _unreached(self, error: Exception, reply: Reply) -> Failure:
        deepest = _deepest(error)
        said = masked(str(deepest) or type(deepest).__name__)
        if "CERTIFICATE_VERIFY_FAILED" in said or "certificate verify failed" in said:
            return Failure(
                "certificate",
                f"{self.endpoint}: its TLS certificate is not trusted ({said}). "
                "verify=False turns the check off.",
            )
        if reply.choices:
            said = f"{self.endpoint}: the connection broke within the answer ({said})"
            return Failure("broken_stream", said, partial=reply.partial)
        return Failure("connection", f"{self.endpoint} cannot be reached: {said}")

    def _refused(self, error: Any) -> Failure:
        status, text = int(error.status_code), masked(str(error.message))[:1000]
        lower = text.lower()
        said = f"{self.endpoint} answered {status}: {text}"
        named = features.named_in(text)
        wait = retry_after_s(error.response.headers)
        if any(word in lower for word in _TOO_LONG):
            return Failure("context_length", said, status=status)
        if any(word in lower for word in _QUOTA) or status == 402:
            return Failure("quota", said, status=status)
        if status == 429:
            return Failure("rate_limit", said, status=status, retry_after_s=wait)
        if status in (401, 403):
            return Failure("auth", f"{said}. Check the key.", status=status)
        if status == 404 and not named:
            hint = f"Check base_url and the model name {self.name!r}."
            return Failure("not_found", f"{said}. {hint}", status=status)
        if status in _TRANSIENT or status >= 500:
            kind = "bad_request" if status == 501 else "server"
            return Failure(kind, said, status=status, retry_after_s=wait, named=named)
        return Failure("bad_request", said, status=status, named=named)


def _load_sdk() -> Any:
    try:
        return importlib.import_module("openai")
    except ImportError as error:
        raise MissingDependencyError("talking to a model", "openai", "llm") from error


def _http_error(sdk: Any) -> type[Exception]:
    """What the SDK's HTTP client raises: the package differs between its versions, and what it
    raises while a stream is read is not always translated."""
    client = next(c for c in sdk.DefaultHttpxClient.__mro__ if c.__module__.startswith("httpx"))
    package = importlib.import_module(client.__module__.split(".")[0])
    found: type[Exception] = package.HTTPError
    return found


def _not_a_model(endpoint: str) -> Failure:
    return Failure(
        "not_a_model",
        f"{endpoint} answers, but not as a model does. The address usually ends in /v1.",
    )


def _deepest(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _cause(error: Exception) -> BaseException | None:
    """The error as a cause, unless it or one below it would print a secret in a traceback."""
    below: BaseException | None = error
    while below is not None:
        if masked(str(below)) != str(below):
            return None
        below = below.__cause__ or below.__context__
    return error


PROVIDER = OpenAICompatible
