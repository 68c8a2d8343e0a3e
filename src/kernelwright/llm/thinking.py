"""Thinking that a model prints among its answer, between markers, taken apart as it streams."""

from __future__ import annotations

from dataclasses import dataclass, field

Markers = tuple[tuple[str, str], ...]
THINK: Markers = (("<think>", "</think>"), ("<thinking>", "</thinking>"))
PANGU: Markers = (("[unused16]", "[unused17]"),)


@dataclass
class ThinkingSplitter:
    """Feed pieces; get (kind, text) pairs with kind "text" or "reasoning". Markers may be cut
    anywhere between pieces.

    An opening marker counts at the start of the answer only (code may hold "<think>" later). A
    closing one without an opening one, which happens when the prompt template already wrote that,
    is seen by ``split`` alone: a stream cannot take back what it has given.
    """

    markers: Markers
    _held: str = field(default="", init=False)
    _end: str = field(default="", init=False)  # the marker that ends the thinking we are in
    _answering: bool = field(default=False, init=False)

    def feed(self, piece: str) -> list[tuple[str, str]]:
        self._held += piece
        found: list[tuple[str, str]] = []
        while self._held and self._step(found):
            pass
        return found

    def close(self) -> list[tuple[str, str]]:
        """What was held back because it might have become a marker."""
        kind = "reasoning" if self._end else "text"
        held, self._held = self._held, ""
        return [(kind, held)] if held else []

    def _step(self, found: list[tuple[str, str]]) -> bool:
        """Takes something off what is held; False when more must arrive first."""
        if self._answering:
            found.append(("text", self._held))
            self._held = ""
            return True
        if self._end:
            return self._think(found)
        start = self._held.lstrip()
        for opening, closing in self.markers:
            if start.startswith(opening):
                self._held, self._end = start[len(opening) :], closing
                return True
        if any(opening.startswith(start) for opening, _ in self.markers):
            return False
        self._answering = True
        return True

    def _think(self, found: list[tuple[str, str]]) -> bool:
        at = self._held.find(self._end)
        if at >= 0:
            if at:
                found.append(("reasoning", self._held[:at]))
            self._held = self._held[at + len(self._end) :].lstrip("\n")
            self._end, self._answering = "", True
            return True
        keep = _overlap(self._held, self._end)
        sure = self._held[: len(self._held) - keep]
        if sure:
            found.append(("reasoning", sure))
        self._held = self._held[len(sure) :]
        return False


def split(text: str, markers: Markers) -> tuple[str, str]:
    """(answer, thinking) of a whole reply."""
    splitter = ThinkingSplitter(markers)
    parts = [*splitter.feed(text), *splitter.close()]
    answer = "".join(t for kind, t in parts if kind == "text")
    thinking = "".join(t for kind, t in parts if kind == "reasoning")
    if not thinking:
        for opening, closing in markers:
            before, found, after = answer.partition(closing)
            if found and opening not in before:
                return after.lstrip("\n"), before
    return answer, thinking


def _overlap(text: str, marker: str) -> int:
    """Length of the longest end of ``text`` that starts ``marker``."""
    longest = min(len(text), len(marker) - 1)
    return next((n for n in range(longest, 0, -1) if marker.startswith(text[-n:])), 0)
