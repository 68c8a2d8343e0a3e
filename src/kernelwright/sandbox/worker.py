"""The loop of a job that answers requests: the other end of ``Child.request``."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kernelwright.sandbox.channel import Channel, ChannelClosed

Answer = tuple[Mapping[str, Any], Sequence[Any]]
Handler = Callable[[dict[str, Any], list[Any]], Answer]


def serve(channel: Channel, handlers: Mapping[str, Handler]) -> None:
    """Answers ``{"op": name, ...}`` with ``handlers[name](header, arrays)`` until the end.

    The answer's header gets ``"ok": True``; an exception becomes
    ``{"ok": False, "type", "message", "traceback", "check"}`` (``check`` as the exception has one).
    """
    while True:
        try:
            message = channel.receive()
        except ChannelClosed:
            return
        try:
            header, arrays = handlers[message.header["op"]](message.header, message.arrays)
            channel.send({"ok": True, **header}, arrays)
        except ChannelClosed:
            return
        except Exception as error:  # noqa: BLE001 - worker main: the parent decides what it means
            channel.send(
                {
                    "ok": False,
                    "type": type(error).__name__,
                    "message": str(error),
                    "traceback": traceback.format_exc(),
                    "check": getattr(error, "check", None),
                }
            )
