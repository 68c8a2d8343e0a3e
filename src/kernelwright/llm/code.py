"""Code in a model's answer: what stands between fences."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCE = re.compile(r"^[ \t]*(?P<marks>`{3,}|~{3,})[ \t]*(?P<word>[\w+#.-]*)[^`\n]*$")


@dataclass(frozen=True)
class CodeBlock:
    """``language`` is the word after the opening fence, in lower case. ``closed``: False when the
    answer ended inside it."""

    language: str
    text: str
    closed: bool


def code_blocks(text: str) -> list[CodeBlock]:
    """The fenced blocks of ``text``, in order."""
    found: list[CodeBlock] = []
    lines: list[str] = []
    marks, language = "", ""
    for line in text.split("\n"):
        fence = _FENCE.match(line.rstrip("\r"))
        if not marks:
            if fence:
                marks, language, lines = fence["marks"], fence["word"].lower(), []
        elif fence and not fence["word"] and fence["marks"].startswith(marks):
            found.append(CodeBlock(language, _joined(lines), True))
            marks = ""
        else:
            lines.append(line)
    if marks:
        found.append(CodeBlock(language, _joined(lines), False))
    return found


def longest_code(text: str, languages: tuple[str, ...] = ()) -> str | None:
    """The longest closed block: of one of ``languages`` when there is such a block, else of any
    that names no language. None when there is none, or when the answer ends inside a block, for
    then the code that was meant is incomplete."""
    blocks = code_blocks(text)
    if blocks and not blocks[-1].closed:
        return None
    named = [b.text for b in blocks if b.language in languages or not languages]
    usable = named or [b.text for b in blocks if not b.language]
    usable = [code for code in usable if code.strip()]
    return max(usable, key=len) if usable else None


def _joined(lines: list[str]) -> str:
    return "\n".join(lines) + "\n" if lines else ""
