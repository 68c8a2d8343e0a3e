"""Code out of a model's answer."""

from __future__ import annotations

import json

import pytest

from kernelwright.agents.answers import (
    CPP,
    PYTHON,
    AnswerProblem,
    blocks_of,
    edited,
    edits_of,
    python_of,
    text_of,
)
from kernelwright.llm.chat import ChatResult

CODE = "def kernel(x):\n    return x\n"


@pytest.mark.parametrize(
    "answer",
    [
        f"```python\n{CODE}```",
        f"Sure!\n```python\nimport numpy\n```\nthen\n```py\n{CODE}\n```\nDone.",
        f"```\n{CODE}```",
        json.dumps({"code": CODE, "description": "one copy"}),
        "```json\n" + json.dumps({"code": CODE}) + "\n```",
        json.dumps({"code": f"```python\n{CODE}```"}),
        f"```python\n{CODE}\nif __name__ == '__main__':\n    print(kernel(1))\n```",
    ],
)
def test_the_kernel_is_found(answer: str) -> None:
    assert python_of(ChatResult(answer)).strip() == CODE.strip()


@pytest.mark.parametrize(
    ("answer", "finish", "said"),
    [
        ("I cannot do that.", "stop", "no fenced ```python block"),
        (f"```python\n{CODE}", "stop", "ends within a fenced block"),
        (f"```python\n{CODE}```", "length", "cut at the limit"),
        ('{"code": ""}', "stop", "no fenced"),
    ],
)
def test_what_cannot_be_used_is_said(answer: str, finish: str, said: str) -> None:
    with pytest.raises(AnswerProblem, match=said):
        python_of(ChatResult(answer, finish=finish))  # type: ignore[arg-type]


def test_several_files() -> None:
    wanted = {"kernel.cpp": CPP, "kernel.py": PYTHON}
    answer = f"```c++\nint a;\n```\n```python\n{CODE}```"
    assert blocks_of(ChatResult(answer), wanted) == {"kernel.cpp": "int a;\n", "kernel.py": CODE}
    with pytest.raises(AnswerProblem, match="```cpp block for kernel.cpp"):
        blocks_of(ChatResult(f"```python\n{CODE}```"), wanted)


def test_any_language_that_is_named() -> None:
    assert text_of(ChatResult("```aul\nimport aul as U\n```"), ("aul", *PYTHON)).startswith(
        "import"
    )


def edit(old: str, new: str) -> str:
    return f"<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


def test_edits_change_the_file_that_has_the_lines() -> None:
    files = {"a.py": "one\n  two   \nthree\n", "b.cpp": "int x;\n"}
    text = "First\n" + edit("  two", "  2\n  2b") + "and\n```\n" + edit("int x;", "int y;") + "```"
    assert edited(files, edits_of(text)) == {
        "a.py": "one\n  2\n  2b\nthree\n",
        "b.cpp": "int y;\n",
    }
    assert edited(files, [("one\n", "")])["a.py"] == "  two   \nthree\n"


@pytest.mark.parametrize(
    ("old", "said"),
    [("four", "matches no place"), ("same", "matches 2 places"), ("\n", "searches for nothing")],
)
def test_an_edit_must_match_one_place(old: str, said: str) -> None:
    with pytest.raises(AnswerProblem, match=said):
        edited({"a.py": "same\nx\nsame\n"}, [(old, "new")])
