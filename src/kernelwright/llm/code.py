"""Code in a model's answer: what stands between fences."""

from __future__ import annotations

import ast
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


def without_main(source: str) -> str:
    """Python source less what models add to try their code: ``if __name__ == "__main__"``, and
    calls of ``main`` or of a ``test...`` function, at the top level and on lines of their own. What
    is no Python comes back as it is."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return source
    lines = source.split("\n")
    starts = [node.lineno for node in tree.body]
    for node in reversed(tree.body):
        assert node.end_lineno is not None
        own = sum(node.lineno <= start <= node.end_lineno for start in starts) == 1
        if _is_trial(node) and own and node.col_offset == 0:
            del lines[node.lineno - 1 : node.end_lineno]
    return "\n".join(lines).rstrip("\n") + "\n"


def _is_trial(node: ast.stmt) -> bool:
    if isinstance(node, ast.If):
        names = {n.id for n in ast.walk(node.test) if isinstance(n, ast.Name)}
        return "__name__" in names and not node.orelse
    call = node.value if isinstance(node, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
        return False
    return call.func.id == "main" or call.func.id.startswith("test")


def _joined(lines: list[str]) -> str:
    return "\n".join(lines) + "\n" if lines else ""
