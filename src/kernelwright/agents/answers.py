"""Code in a model's answer: fenced blocks, the JSON object of older prompts, or edits.

Nothing here believes anything: a text that cannot be used is an ``AnswerProblem`` that says why, in
words for the model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from kernelwright.llm.chat import ChatResult
from kernelwright.llm.code import code_blocks, without_main
from kernelwright.llm.lenient_json import parse

PYTHON = ("python", "py", "python3")
CPP = ("cpp", "c++", "cxx", "c", "cc")
_EDIT = re.compile(
    r"^<{5,9} ?SEARCH[^\n]*\n(?P<old>.*?)^={5,9}[ \t]*\n(?P<new>.*?)^>{5,9} ?REPLACE[^\n]*$",
    re.MULTILINE | re.DOTALL,
)


class AnswerProblem(ValueError):
    """The answer holds nothing that can be used; the text says what is missing."""


def cut_problem(result: ChatResult) -> str:
    """ "" or that the answer was cut by a limit on its length, which makes its code incomplete."""
    if not result.truncated:
        return ""
    return "your answer was cut at the limit of its length; answer shorter, with the code alone"


def python_of(result: ChatResult) -> str:
    """The one Python file of an answer. Raises AnswerProblem."""
    return without_main(text_of(result, PYTHON))


def text_of(result: ChatResult, languages: Sequence[str]) -> str:
    """The longest closed block in one of ``languages`` (or in none), or the ``code`` of a JSON
    object. Raises AnswerProblem."""
    if problem := cut_problem(result):
        raise AnswerProblem(problem)
    blocks = code_blocks(result.text)
    if blocks and not blocks[-1].closed:
        raise AnswerProblem("your answer ends within a fenced block: the code is incomplete")
    json_blocks = [b.text for b in blocks if b.language == "json"]
    named = [b.text for b in blocks if b.language in languages]
    plain = [b.text for b in blocks if not b.language]
    for texts in (named, plain):
        if usable := [text for text in texts if text.strip()]:
            best = max(usable, key=len)
            return _code_field(best) or best
    for text in (*json_blocks, result.text):
        if code := _code_field(text):
            return code
    wanted = languages[0]
    raise AnswerProblem(f"your answer holds no fenced ```{wanted} block; give the code in one")


def blocks_of(result: ChatResult, languages: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The longest closed block for each name of ``languages``. Raises AnswerProblem when one is
    missing."""
    if problem := cut_problem(result):
        raise AnswerProblem(problem)
    blocks = [b for b in code_blocks(result.text) if b.closed and b.text.strip()]
    found: dict[str, str] = {}
    for name, words in languages.items():
        texts = [b.text for b in blocks if b.language in words]
        if not texts:
            raise AnswerProblem(f"your answer holds no closed ```{words[0]} block for {name}")
        found[name] = max(texts, key=len)
    return found


def edits_of(text: str) -> list[tuple[str, str]]:
    """(old, new) of every SEARCH/REPLACE block, in order."""
    return [(found["old"], found["new"]) for found in _EDIT.finditer(text)]


def edited(files: Mapping[str, str], edits: Sequence[tuple[str, str]]) -> dict[str, str]:
    """``files`` after all ``edits``. Each must match exactly one place of one file (spaces at the
    ends of lines do not count). Raises AnswerProblem, naming the first that does not."""
    changed = dict(files)
    for number, (old, new) in enumerate(edits, start=1):
        if not old.strip():
            raise AnswerProblem(f"edit {number} searches for nothing; quote the lines to replace")
        places = [(name, at) for name, text in changed.items() for at in _places(text, old)]
        if len(places) != 1:
            shown = old.strip("\n").split("\n")[0]
            how = "matches no place" if not places else f"matches {len(places)} places"
            raise AnswerProblem(
                f"edit {number} (its first line is {shown!r}) {how} in {', '.join(changed)}; "
                "quote the lines exactly as they stand, with enough of their neighbours"
            )
        name, (start, end) = places[0]
        lines = changed[name].split("\n")
        replacement = new.rstrip("\n").split("\n") if new.strip("\n") else []
        changed[name] = "\n".join([*lines[:start], *replacement, *lines[end:]])
    return changed


def _places(text: str, old: str) -> list[tuple[int, int]]:
    """(first line, line after the last) of each place where the lines of ``old`` stand."""
    lines = [line.rstrip() for line in text.split("\n")]
    wanted = [line.rstrip() for line in old.rstrip("\n").split("\n")]
    size = len(wanted)
    starts = range(len(lines) - size + 1)
    return [(i, i + size) for i in starts if lines[i : i + size] == wanted]


def _code_field(text: str) -> str:
    """The ``code`` of a JSON object, as older prompts ask for it; "" when it is none."""
    if '"code"' not in text and "'code'" not in text:
        return ""
    try:
        value: Any = parse(text)
    except ValueError:
        return ""
    code = value.get("code") if isinstance(value, Mapping) else None
    if not isinstance(code, str) or not code.strip():
        return ""
    blocks = [b.text for b in code_blocks(code) if b.closed]
    return max(blocks, key=len) if blocks else code
