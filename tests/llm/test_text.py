"""What models print: thinking, JSON, tool calls and code, taken out of text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelwright.llm.chat import Tool
from kernelwright.llm.code import code_blocks, longest_code, without_main
from kernelwright.llm.lenient_json import parse, values_in
from kernelwright.llm.prompt_hash import normal_text
from kernelwright.llm.salvage import salvage
from kernelwright.llm.thinking import PANGU, THINK, ThinkingSplitter, split

pytest.importorskip("jsonschema")

VERIFY = Tool(
    "verify",
    "Verifies.",
    {
        "type": "object",
        "properties": {"code": {"type": "string"}, "n": {"type": "integer"}},
        "required": ["code"],
    },
)
STOP = Tool("stop", "Stops.", {"type": "object", "properties": {}})

# ---- thinking --------------------------------------------------------------------------------

THOUGHTS = [
    ("<think>why</think>\n\nbecause", THINK, "because", "why"),
    ("  \n<think>why</think>because", THINK, "because", "why"),
    ("[unused16]why[unused17]because", PANGU, "because", "why"),
    ("plain <think>not at the start</think>", THINK, "plain <think>not at the start</think>", ""),
    ("<think>never closed", THINK, "", "never closed"),
    ("<thinkpad> is a word", THINK, "<thinkpad> is a word", ""),
    ("", THINK, "", ""),
    ("<thi", THINK, "<thi", ""),
]


@pytest.mark.parametrize(("text", "markers", "answer", "thinking"), THOUGHTS)
def test_thinking_is_split_off_however_it_is_cut(
    text: str, markers: tuple[tuple[str, str], ...], answer: str, thinking: str
) -> None:
    assert split(text, markers) == (answer, thinking)
    for size in (1, 2, 3, 7):
        splitter = ThinkingSplitter(markers)
        pieces = [text[i : i + size] for i in range(0, len(text), size)]
        parts = [part for piece in pieces for part in splitter.feed(piece)] + splitter.close()
        streamed = "".join(t for kind, t in parts if kind == "text")
        assert streamed.lstrip("\n") == answer
        assert "".join(t for kind, t in parts if kind == "reasoning") == thinking


def test_thinking_whose_opening_stands_in_the_prompt() -> None:
    assert split("let me see</think>\nanswer", THINK) == ("answer", "let me see")


# ---- JSON ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [1, 2], "b": "x\\ny"}',
        'Sure! Here it is:\n```json\n{"a": [1, 2], "b": "x\\ny"}\n```\nAnything else?',
        '{"a": [1, 2,], "b": "x\\ny",}',
        '{"a": [1, 2], "b": "x\ny"}',
        "{'a': [1, 2], 'b': 'x\\ny'}",
        '{"a": [1, 2], "b": """x\ny"""}',
        'I use {braces} and [1] here. {"a": [1, 2], "b": "x\\ny"}',
    ],
)
def test_json_is_read_however_it_is_printed(text: str) -> None:
    assert parse(text) == {"a": [1, 2], "b": "x\ny"}


@pytest.mark.parametrize("text", ["", "no json", '{"a": 1', "{a: 1}", "[" * 50_000, "{" * 50_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for start, end, value in values_in(text):
        assert 0 <= start < end <= len(text) and isinstance(value, dict | list)
    salvage(text, (VERIFY,))
    code_blocks(text)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(max_size=4), TREES, max_size=3), st.sampled_from(["", "So: ", "a.\n"])
)
def test_any_json_object_is_found_among_words(tree: dict[str, object], before: str) -> None:
    assert parse(f"{before}{json.dumps(tree)}\nDone.") == tree


# ---- tool calls ------------------------------------------------------------------------------

ARGUMENTS = {"code": "def kernel(x):\n    return x", "n": 3}
AS_JSON = json.dumps(ARGUMENTS)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"name": "verify", "arguments": {AS_JSON}}}',
        f'{{"name": "verify", "parameters": {AS_JSON}}}',
        f'{{"tool": "verify", "tool_input": {AS_JSON}}}',
        f'{{"action": "verify", "action_input": {AS_JSON}}}',
        f'{{"function": {{"name": "verify", "arguments": {json.dumps(AS_JSON)}}}}}',
        f'{{"tool_calls": [{{"type": "function", "function": {{"name": "verify", "arguments": '
        f"{AS_JSON}}}}}]}}",
        f'{{"thought": "I check.", "call": {{"name": "verify", "arguments": {AS_JSON}}}}}',
        f'{{"verify": {AS_JSON}}}',
        '{"name": "verify", "code": "def kernel(x):\\n    return x", "n": 3}',
        f'<tool_call>\n{{"name": "verify", "arguments": {AS_JSON}}}\n</tool_call>',
        f'<tool_call>{{"name": "verify", "arguments": {AS_JSON}}}',  # not closed
        f'[TOOL_CALLS][{{"name": "verify", "arguments": {AS_JSON}}}]',
        f"[TOOL_CALLS]verify[ARGS]{AS_JSON}",
        f'<|python_tag|>{{"name": "verify", "parameters": {AS_JSON}}}',
        f"<function=verify>{AS_JSON}</function>",
        "<tool_call>\n<function=verify>\n<parameter=code>\ndef kernel(x):\n    return x\n"
        "</parameter>\n<parameter=n>\n3\n</parameter>\n</function>\n</tool_call>",
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>verify\n```json\n{AS_JSON}\n```"
        "<｜tool▁call▁end｜>",
        f"Thought: I should check.\nAction: verify\nAction Input: {AS_JSON}\nObservation:",
        f'Let me check.\n```json\n{{"name": "verify", "arguments": {AS_JSON}}}\n```\n',
        '```python\nverify(code="def kernel(x):\\n    return x", n=3)\n```',
        'verify("""def kernel(x):\n    return x""", 3)',
        "{'name': 'verify', 'arguments': {'code': '''def kernel(x):\n    return x''', 'n': 3}}",
        f'[unused11][{{"name": "verify", "arguments": {AS_JSON}}}][unused12]',
    ],
)
def test_a_printed_call_is_found(text: str) -> None:
    (call,) = salvage(text, (VERIFY, STOP))
    assert (call.name, dict(call.arguments), call.problem) == ("verify", ARGUMENTS, "")


def test_a_call_is_found_behind_a_lot_of_code() -> None:
    function = "void f(int n) {\n  for (int i = 0; i < n; ++i) { x[i] = {1}; } // don't\n}\n"
    code = "```cpp\n" + function * 20 + "```\n"
    (call,) = salvage(f'{code}{{"name": "verify", "arguments": {AS_JSON}}}', (VERIFY,))
    assert dict(call.arguments) == ARGUMENTS


def test_several_calls_keep_their_order_and_none_counts_twice() -> None:
    one = '{"name": "verify", "arguments": {"code": "a"}}'
    text = f'{one}\nthen\n{{"name": "stop", "arguments": {{}}}}\nand again\n{one}'
    assert [call.name for call in salvage(text, (VERIFY, STOP))] == ["verify", "stop"]


@pytest.mark.parametrize(
    "text",
    [
        "I would call verify with the code.",
        '{"name": "delete_everything", "arguments": {}}',
        '{"name": "Ada", "age": 3}',
        "```python\ndef kernel(x):\n    return x\n```",
        '```python\nresult = verify(code="x")\nprint(result)\n```',
        "",
    ],
)
def test_what_is_no_call_stays_text(text: str) -> None:
    assert salvage(text, (VERIFY, STOP)) == ()


def test_a_printed_call_with_wrong_arguments_says_so() -> None:
    (call,) = salvage('{"name": "verify", "arguments": {"n": "many"}}', (VERIFY,))
    assert "verify" in call.problem and call.arguments == {} and "many" in call.raw


# ---- code ------------------------------------------------------------------------------------


def test_the_longest_closed_block_is_taken() -> None:
    text = (
        "```python\na = 1\n```\nand\n~~~~ py\nb = 2\n```\nc = 3\n~~~~\n```text\nout put of it\n```"
    )
    assert [b.language for b in code_blocks(text)] == ["python", "py", "text"]
    assert longest_code(text, ("python", "py")) == "b = 2\n```\nc = 3\n"
    assert longest_code("  ```python\r\n  x\r\n  ```\r\n") is not None


def test_an_answer_that_ends_in_a_block_has_no_code() -> None:
    assert longest_code("```python\nold = 1\n```\nbetter:\n```python\nnew = ") is None
    assert longest_code("no code") is None


def test_a_block_of_another_language_is_not_taken() -> None:
    assert longest_code("```json\n{}\n```", ("python",)) is None
    assert longest_code("```\nx = 1\n```\n```json\n{}\n```", ("python",)) == "x = 1\n"


def test_what_tries_the_code_is_dropped() -> None:
    source = (
        "import torch\n\nclass ModelNew:\n    pass\n\ndef test_it():\n    print(1)\n\n"
        "if __name__ == '__main__':\n    test_it()\n\ntest_it()\nmain(\n    3)\nx = 1\n"
    )
    kept = without_main(source)
    assert "class ModelNew" in kept and "x = 1" in kept and "def test_it" in kept
    assert "__name__" not in kept and "main(" not in kept and "\ntest_it()" not in kept
    assert without_main(kept) == kept
    assert without_main("x = 1; main()\n") == "x = 1; main()\n"
    assert without_main("main(); x = 1\n") == "main(); x = 1\n"
    assert without_main("not python (") == "not python ("


# ---- what a prompt is named after ------------------------------------------------------------


def test_normalising_keeps_what_matters() -> None:
    text = "took 12.5 us (1.31x, 87% of the bound), tile 128x64, 3 x 3, a % b, x = 4"
    assert normal_text(text) == (
        "took <time> (<rate>, <rate> of the bound), tile 128x64, 3 x 3, a % b, x = 4"
    )
    assert normal_text("see /tmp/pytest-1/x.py at 2026-01-02T03:04:05Z 0x7f001122aabb") == (
        "see <path> at <when> <address>"
    )
    ids = "a 123e4567-e89b-12d3-a456-426614174000, pid 77, Task_a1b2c3d4, /home/me/tmp/x 1e-3 s"
    assert normal_text(ids) == "a <id>, <pid>, <task>, <path> <time>"
    same = "v1.5x2 f32[128, 64] 0x12 x1234 s2 1.2.3 s1 abc123 s in 2026-01-02"
    assert normal_text(same) == same
