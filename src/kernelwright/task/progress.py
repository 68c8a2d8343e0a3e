"""What long work tells whoever watches. The work itself never prints."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """``start(step, total)`` before a named step, ``advance(detail)`` within it, ``finish(detail)``
    after it, ``note(text)`` for a remark that the user should see."""

    def start(self, step: str, total: int = 1) -> None: ...
    def advance(self, detail: str = "") -> None: ...
    def finish(self, detail: str = "") -> None: ...
    def note(self, text: str) -> None: ...


class Silent:
    """Watches nothing."""

    def start(self, step: str, total: int = 1) -> None:
        pass

    def advance(self, detail: str = "") -> None:
        pass

    def finish(self, detail: str = "") -> None:
        pass

    def note(self, text: str) -> None:
        pass
