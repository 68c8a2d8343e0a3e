"""Calls that can be given up: a thread that waits for a silent server cannot be woken, but its
caller need not wait with it."""

from __future__ import annotations

import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress

from kernelwright.llm.chat import ChatRequest, ChatResult, Delta, OnDelta
from kernelwright.llm.failure import Failure
from kernelwright.llm.provider import Provider, Sending


class Calls:
    """The calls of one Client. After ``close`` every one, under way or new, raises
    Failure("closed")."""

    def __init__(self) -> None:
        self._closed = threading.Event()
        self._open: set[Future[ChatResult]] = set()
        self._lock = threading.Lock()

    def check(self) -> None:
        if self._closed.is_set():
            raise _closed()

    def sleep(self, seconds: float) -> None:
        """Sleeps, but not beyond ``close``."""
        self._closed.wait(seconds)
        self.check()

    def run(
        self, provider: Provider, request: ChatRequest, how: Sending, on_delta: OnDelta | None
    ) -> ChatResult:
        """``provider.send`` in a thread of its own."""
        future: Future[ChatResult] = Future()

        def hear(delta: Delta) -> None:
            if on_delta is not None and not future.done():
                on_delta(delta)

        def work() -> None:
            try:
                result = provider.send(request, how, hear)
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                with suppress(InvalidStateError):
                    future.set_exception(error)
            else:
                with suppress(InvalidStateError):
                    future.set_result(result)

        with self._lock:
            self.check()
            self._open.add(future)
        threading.Thread(target=work, name="kernelwright-llm", daemon=True).start()
        try:
            return future.result()
        finally:
            with self._lock:
                self._open.discard(future)

    def close(self) -> None:
        with self._lock:
            self._closed.set()
            for future in self._open:
                with suppress(InvalidStateError):
                    future.set_exception(_closed())


def _closed() -> Failure:
    return Failure("closed", "the model was closed")
